"""Faults of states and times: what the pile says of its guns, and what it takes for the time.

Owns how a firmware misreports. Must not know what the gun really does.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import structs

from pilesim.faulty import NoParameters
from pilesim.pile.faults.fault import Fault
from pilesim.quantities import Duration
from pilesim.units import HOUR, MINUTE, format_duration
from pilesim.wire.messages import GunFault, GunReport, GunState, Stamp


class IdleWhileCabled(Fault[NoParameters]):
    name = "idle-while-cabled"
    title = "After a charge the gun reports idle with the cable in."
    catches = ("beat.occupied-while-cabled",)
    case = "szds-32.9"

    def report(self, report: GunReport) -> GunReport | None:
        if report.state.occupied:
            self.happened(f"gun {report.gun}: order {report.order!r}: idle is reported for {report.state}")
            report = structs.replace(report, state=GunState.IDLE)
        return self.inner.report(report)


class BlipAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    beat: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Which heartbeat of a charge, from 1."""


class FaultBlip(Fault[BlipAt]):
    name = "fault-blip"
    title = "In mid-charge one heartbeat says fault."
    catches = ("beat.legal-path",)
    parameters = BlipAt
    told: ClassVar[tuple[GunState, GunFault]] = (GunState.FAULT, GunFault.OTHER)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._beats: dict[int, int] = {}

    def report(self, report: GunReport) -> GunReport | None:
        if report.state is not GunState.CHARGING:
            self._beats.pop(report.gun, None)
        elif not report.change:
            beat = self._beats[report.gun] = self._beats.get(report.gun, 0) + 1
            if beat == self.params.beat:
                state, fault = self.told
                self.happened(f"gun {report.gun}: order {report.order!r}: one heartbeat says {state}")
                report = structs.replace(report, state=state, fault=fault)
        return self.inner.report(report)


class IdleBlip(FaultBlip):
    name = "idle-blip"
    title = "In mid-charge one heartbeat says idle."

    told = GunState.IDLE, GunFault.NONE


class BeatsStopWhileCharging(Fault[NoParameters]):
    name = "beats-stop-while-charging"
    title = "While a gun charges its heartbeats stop, but for the first."
    catches = ("beat.period", "beat.charging")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._told: set[int] = set()

    def report(self, report: GunReport) -> GunReport | None:
        if report.state is not GunState.CHARGING:
            self._told.discard(report.gun)
        elif not report.change:
            if report.gun in self._told:
                self.happened(f"gun {report.gun}: order {report.order!r}: no further heartbeat")
                return None
            self._told.add(report.gun)
        return self.inner.report(report)


class AliveSeldom(Fault[NoParameters]):
    name = "alive-seldom"
    title = "A gun says that it is there only every other time."
    catches = ("beat.alive",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._said: dict[int, bool] = {}

    def says_alive(self, gun: int) -> bool:
        said = self._said[gun] = not self._said.get(gun, False)
        if not said:
            self.happened("an alive is left out")
        return said and self.inner.says_alive(gun)


class AliveInTurn(Fault[NoParameters]):
    """One gun each time, the next one the next time: the SDK that many piles are built on does so."""

    name = "alive-in-turn"
    title = "The guns say in turn that they are there, one each time."
    catches = ("beat.alive",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._asked: dict[int, int] = {}

    def says_alive(self, gun: int) -> bool:
        self._asked[gun] = self._asked.get(gun, 0) + 1
        if self._asked[gun] % len(self._asked) != gun % len(self._asked):
            self.happened("one gun says it for another")
            return False
        return self.inner.says_alive(gun)


class SeenAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lag: Duration = Duration(2 * MINUTE)
    """From the unplug until the contact tells of it."""


class UnplugSeenLate(Fault[SeenAfter]):
    """The contact sticks: there is no current, but the cable counts as in, and the occupancy runs on (zpd-4)."""

    name = "unplug-seen-late"
    title = "An unplug is seen late."
    catches = ("beat.shows-unplug", "bill.plug-times", "occupied.parking")
    case = "zpd-4"
    parameters = SeenAfter

    def unplug_seen_after_ns(self, gun: int) -> int:
        self.happened(f"gun {gun}: an unplug is seen {format_duration(self.params.lag)} late")
        return self.params.lag


class ClockNeverSet(Fault[NoParameters]):
    name = "clock-never-set"
    title = "The clock is not set, whatever the platform tells: every time is empty (1999)."
    catches = ("clock.synced", "bill.times", "beat.start-time")
    case = "szds-16"

    def clock_ahead_ns(self, ahead_ns: int | None) -> int | None:
        self.happened("the clock is not set at power-up")
        return None

    def takes_time(self) -> bool:
        self.happened("the platform's time is not taken")
        return False


class Drift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    per_day: Duration = Duration(10 * MINUTE)
    """How much it gains in a day."""


class ClockDrifts(Fault[Drift]):
    name = "clock-drifts"
    title = "The clock gains minutes a day."
    # Where nothing but a bill tells the pile's time, the bill shows it.
    catches = ("clock.synced", "bill.duration")
    parameters = Drift

    def clock_drift_ns_per_day(self) -> int:
        self.happened(f"the clock gains {format_duration(self.params.per_day)} a day")
        return self.inner.clock_drift_ns_per_day() + self.params.per_day


class Old(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: Duration = Duration(HOUR)
    """How old the start time is."""


class OldStartTime(Fault[Old]):
    name = "old-start-time"
    title = "Charging heartbeats carry a start time from before the charge."
    catches = ("beat.order",)
    case = "szds-16b"
    parameters = Old

    def report(self, report: GunReport) -> GunReport | None:
        start = report.start
        if report.state is GunState.CHARGING and start is not None and start.epoch_ns is not None:
            old = format_duration(self.params.by)
            self.happened(f"gun {report.gun}: order {report.order!r}: the start is told {old} too early")
            report = structs.replace(report, start=Stamp(start.epoch_ns - self.params.by))
        return self.inner.report(report)


class FaultNotTold(Fault[NoParameters]):
    name = "fault-not-told"
    title = "A gun with a fault reports itself without one."
    catches = ("fault.told", "start.failure-told")
    case = "szds-32.8"

    def report(self, report: GunReport) -> GunReport | None:
        if report.fault not in (None, GunFault.NONE):
            self.happened(f"gun {report.gun}: fault {report.fault} is not told")
            state = GunState.OCCUPIED_NOT_FULL if report.cable and report.order else GunState.IDLE
            report = structs.replace(report, state=state, fault=GunFault.NONE)
        return self.inner.report(report)


GROUP: tuple[type[Fault[Any]], ...] = (
    IdleWhileCabled,
    FaultBlip,
    IdleBlip,
    BeatsStopWhileCharging,
    AliveSeldom,
    AliveInTurn,
    UnplugSeenLate,
    ClockNeverSet,
    ClockDrifts,
    OldStartTime,
    FaultNotTold,
)
