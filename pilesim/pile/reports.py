"""What a gun tells of itself, and when: in its beat, on a change, when it is asked.

Owns the heartbeat and what was shown last. Must not know what brings a change about, nor change anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from pilesim.pile import battery
from pilesim.pile.car import CWNS_PER_DWH
from pilesim.pile.charge import amount_of
from pilesim.pile.charging import Charging
from pilesim.pile.meter import Meter
from pilesim.pile.surroundings import Surroundings
from pilesim.pile.timeline import Activity
from pilesim.pile.works import Works
from pilesim.units import MINUTE, MS
from pilesim.wire.frame import Frame
from pilesim.wire.messages import NO_TIME, Alive, GunFault, GunReport, GunState, Parking

_STAGGER_NS = 400 * MS
"""Between the first heartbeats of neighbouring guns, so that they do not all speak at once."""


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """What is to be seen of a gun: a change of it is told at once."""

    state: GunState
    cable: bool
    fault: GunFault
    parking: Parking


class Reports:
    """The reports of one gun; `state` is asked what it is doing."""

    def __init__(
        self,
        gun: int,
        works: Works,
        meter: Meter,
        around: Surroundings,
        charging: Charging,
        *,
        state: Callable[[], GunState],
    ) -> None:
        self._gun = gun
        self._works = works
        self._meter = meter
        self._around = around
        self._charging = charging
        self._state = state
        self._beats: Activity | None = None
        self._shown = self._seen

    @property
    def _seen(self) -> _Seen:
        around = self._around
        return _Seen(self._state(), around.cable, around.fault, around.parking)

    def power_on(self) -> None:
        """What is to be seen now is no change."""
        self._shown = self._seen

    def line_up(self) -> None:
        self._beat_from(_STAGGER_NS * (self._gun - 1))

    def line_down(self) -> None:
        if self._beats is not None:
            self._beats.call_off()

    def say_alive(self) -> None:
        """Say that the gun is there, where that is not its report."""
        if self._works.behaviour.says_alive(self._gun):
            self._works.uplink.send(Alive(gun=self._gun, faulty=self._around.fault is not GunFault.NONE))

    def report(self, *, change: bool = False, answering: Frame | None = None) -> None:
        """Report now: that something has changed, or how it is; `answering` a question of the platform."""
        told = self._written(change=change)
        if told is not None:
            self._works.uplink.send(told, answering)

    def show(self) -> None:
        """Tell at once when what is to be seen of the gun has changed."""
        seen = self._seen
        if seen == self._shown:
            return
        self._shown = seen
        contract, uplink = self._works.contract, self._works.uplink
        if uplink.up:
            self.report()
            if contract.changes_apart:
                self.report(change=True)
            self._beat_from(self._beat_period_ns)
        elif contract.keeps_reports:
            told = self._written(change=False)
            if told is not None:
                uplink.tell(told)

    def _beat_from(self, wait_ns: int) -> None:
        self.line_down()
        self._beats = self._works.timeline.start(self._beat(wait_ns))

    def _beat(self, wait_ns: int) -> Iterator[int]:
        yield wait_ns
        while True:
            self.report()
            yield self._beat_period_ns

    @property
    def _beat_period_ns(self) -> int:
        contract = self._works.contract
        return contract.beat_charging_ns if self._charging.charge is not None else contract.beat_idle_ns

    def _written(self, *, change: bool) -> GunReport | None:
        """What the firmware says of the gun; None: nothing."""
        record, charge = self._charging.record(), self._charging.charge
        clock, now_ns = self._works.clock, self._works.now_ns
        amount_mfen = 0
        if charge is not None:
            amount_mfen = charge.amount_mfen
        elif record is not None:
            amount_mfen = amount_of(record, clock)
        around = self._around
        report = GunReport(
            gun=self._gun,
            change=change,
            state=self._state(),
            cable=around.cable,
            fault=around.fault,
            parking=around.parking,
            meter_dwh=self._meter.reading_dwh,
            order=record.authorisation.order if record else "",
            start=clock.stamp(record.start_ns) if record else NO_TIME,
            energy_dwh=record.energy_cwns // CWNS_PER_DWH if record else 0,
            amount_mfen=amount_mfen,
            volts_dv=charge.draw.volts_dv if charge else 0,
            amps_da=charge.draw.amps_da if charge else 0,
            soc_percent=charge.soc_percent if charge else None,
            time=clock.stamp(now_ns),
            cable_c=battery.CABLE_C if charge else None,
            battery_c=battery.HOTTEST_C if charge else None,
            charged_minutes=(now_ns - charge.start_ns) // MINUTE if charge else None,
            remaining_minutes=charge.left_minutes if charge else None,
        )
        return self._works.behaviour.report(report)
