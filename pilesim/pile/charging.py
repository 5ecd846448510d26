"""The charge at a gun: current begins, flows, and ends at the battery, at the balance, or when it is told to.

Owns the one Charge that may be under way, and its record in the store while it is. Must not know how an order came
to be charged, nor what follows its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pilesim.pile.charge import Charge
from pilesim.pile.meter import Meter
from pilesim.pile.store import Authorisation, GunStore, Record
from pilesim.pile.surroundings import Surroundings
from pilesim.pile.timeline import Activity
from pilesim.pile.works import Works
from pilesim.units import S
from pilesim.wire.messages import StopCause, StopReason

PROGRESS_NS = 15 * S
"""How often a running charge is written to the store: what a power loss can cost at most."""


class Charging:
    """`begun` and `over` are told in the same instant; `over` with the record that is left."""

    def __init__(
        self,
        gun: int,
        works: Works,
        kept: GunStore,
        meter: Meter,
        around: Surroundings,
        *,
        begun: Callable[[Charge], None],
        over: Callable[[Record], None],
    ) -> None:
        self._gun = gun
        self._works = works
        self._kept = kept
        self._meter = meter
        self._around = around
        self._begun = begun
        self._over = over
        self._current: Activity | None = None
        self.charge: Charge | None = None
        """What charges now; None: nothing does."""

    def begin(self, order: Authorisation) -> None:
        """Let current flow into the car that is there."""
        car, arrive_ns = self._around.car, self._kept.arrive_ns
        assert car is not None
        assert arrive_ns is not None
        self.charge = Charge(
            gun=self._gun,
            authorisation=replace(order, starting=False),
            arrive_ns=arrive_ns,
            start_ns=self._works.now_ns,
            car=car,
            meter=self._meter,
            clock=self._works.clock,
            rated_w=self._works.rated_w,
        )
        self.flow_anew()
        self._works.store.spend(order.order)
        self._save(self.charge)
        self._begun(self.charge)

    def advance(self) -> None:
        """Count what has flowed up to now."""
        if self.charge is not None:
            self.charge.advance(self._works.now_ns)

    def record(self) -> Record | None:
        """The record of what charges, counted up to now; else what the store has of the last charge."""
        if self.charge is not None:
            self._save(self.charge)
        return self._kept.record

    def limit_power(self) -> None:
        """The gun may give another power from now on."""
        self.advance()
        if self.charge is not None:
            self.charge.limit(self._works.rated_w)
            self.flow_anew()

    def flow_anew(self) -> None:
        """What it waits for next may have come nearer, or gone farther."""
        if self._current is not None:
            self._current.call_off()
        if self.charge is not None:
            self._current = self._works.timeline.start(self._flow(self.charge))

    def _flow(self, charge: Charge) -> Iterator[int]:
        """Wake where the current, the price or the balance changes, and often enough to store how far it got."""
        while True:
            self._save(charge)
            if charge.full:
                self.end(StopReason.FULL)
                return
            if charge.balance_used and self._works.behaviour.stops_at_balance(charge.authorisation):
                self.end(StopReason.BALANCE)
                return
            yield min(PROGRESS_NS, charge.until_change_ns())

    def _save(self, charge: Charge) -> None:
        """Write down how far it has got."""
        charge.advance(self._works.now_ns)
        self._kept.record = charge.record(self._works.now_ns, None)

    def end(self, reason: StopReason, cause: StopCause | None = None) -> None:
        """End the charge, where there is one."""
        charge = self.charge
        if charge is None:
            return
        charge.advance(self._works.now_ns)
        record = charge.record(self._works.now_ns, reason, cause)
        self._kept.record = record
        self.power_off()
        self._over(record)

    def power_off(self) -> None:
        """No current flows any more."""
        self.charge = None
        if self._current is not None:
            self._current.call_off()
            self._current = None
