"""The order of a gun until current flows: authorised, then being started, then handed to the charge or failed.

Owns what the gun holds and the start under way. Must not know by what command, card or cable a start comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pilesim.pile.bms import Bms
from pilesim.pile.charging import Charging
from pilesim.pile.meter import Meter
from pilesim.pile.occupancy import Occupancy
from pilesim.pile.start_up import start_up
from pilesim.pile.store import Authorisation, GunStore, Record
from pilesim.pile.surroundings import Surroundings
from pilesim.pile.timeline import Activity
from pilesim.pile.works import Works
from pilesim.wire.messages import BmsWord, Ended, EndReason, GunFault, Login, Mischance, StopCause, StopReason


class GunOrder:
    """One order at most. `changed` is told when a start has changed what is to be seen of the gun."""

    def __init__(
        self,
        gun: int,
        works: Works,
        kept: GunStore,
        meter: Meter,
        around: Surroundings,
        occupancy: Occupancy,
        charging: Charging,
        bms: Bms,
        *,
        changed: Callable[[], None],
    ) -> None:
        self._gun = gun
        self._works = works
        self._behaviour = works.behaviour
        self._kept = kept
        self._meter = meter
        self._around = around
        self._occupancy = occupancy
        self._charging = charging
        self._bms = bms
        self._changed = changed
        self._life: Activity | None = None
        self._starting: Activity | None = None

    # --- what it is

    @property
    def held(self) -> Authorisation | None:
        """The order that nobody has started, or that is being started."""
        return self._kept.authorisation

    @property
    def starting(self) -> bool:
        return self._starting is not None

    @property
    def busy(self) -> bool:
        """A start is under way, or a charge."""
        return self.starting or self._charging.charge is not None

    @property
    def seems_to_charge(self) -> bool:
        """The gun says that it charges: it does, or it shows a start as that."""
        if self._charging.charge is not None:
            return True
        held = self.held
        return self.starting and held is not None and self._behaviour.shows_charging_in_start(held)

    @property
    def own(self) -> Authorisation | None:
        """The order that runs, else the one that is held."""
        charge = self._charging.charge
        return charge.authorisation if charge is not None else self.held

    # --- until it is started

    def power_on(self) -> None:
        """A start that was under way has failed; an order that nobody started is held on."""
        held = self.held
        if held is not None and held.starting and held.order in self._works.store.orders:
            # The power went between two writes: what became of it is in the store, and it is not held any more.
            self._kept.authorisation = None
        elif held is not None and held.starting:
            self.fail(held, Mischance.POWER_LOST)
        elif held is not None:
            self._live(held)

    def power_off(self) -> None:
        """What was under way is gone; what is held is in the store."""
        self._outlive()
        self._halt()

    def scanned(self, new: Authorisation) -> None:
        """An order was authorised for this gun. One that has been charged or billed cannot be held again."""
        if new.order in self._works.store.spent:
            return
        charge = self._charging.charge
        if charge is not None:
            charge.authorisation = self._behaviour.scanned_in_charge(charge.authorisation, new)
        elif not self.starting:
            record, before = self._kept.record, self.held
            if record is not None:
                self._kept.record = self._behaviour.record_after_scan(record, new)
            held = self._behaviour.scanned(before, new)
            if held is not before:
                self._kept.authorisation = held
                self._live(held)

    def tapped(self) -> None:
        """The screen was tapped, in and out of the page with the code."""
        held = self.held
        if held is not None and not held.starting:
            self._kept.authorisation = self._behaviour.tapped(held)

    def set_balance(self, balance_mfen: int) -> None:
        """The order may cost another sum from now on."""
        charge, own = self._charging.charge, self.own
        if own is None:
            return
        own = replace(own, balance_mfen=balance_mfen)
        if charge is None:
            self._kept.authorisation = own
        else:
            charge.authorisation = own
            self._charging.flow_anew()

    def _live(self, held: Authorisation) -> None:
        """Hold an order for as long as it lives."""
        self._outlive()
        life_ns = self._behaviour.authorisation_life_ns(self._works.contract.authorisation_life_ns)
        if life_ns is not None:
            self._life = self._works.timeline.start(self._expire(max(0, held.since_ns + life_ns - self._works.now_ns)))

    def _outlive(self) -> None:
        if self._life is not None:
            self._life.call_off()
            self._life = None

    def _expire(self, wait_ns: int) -> Iterator[int]:
        yield wait_ns
        held = self.held
        if held is not None:
            self._kept.authorisation = None
            self.tell_ended(held.login, held.account, EndReason.TIMED_OUT)
            self._ended_without_charge(held)

    # --- its start

    def begin(self, order: Authorisation) -> None:
        """Start `order`, whether it was held or not."""
        self._outlive()
        order = replace(order, starting=True)
        self._kept.authorisation = order
        self._starting = self._works.timeline.start(self._start(order))
        self._changed()

    def _start(self, order: Authorisation) -> Iterator[int]:
        cause = yield from start_up(self._gun, order.order, self._around.car, self._works, self._bms)
        if isinstance(cause, BmsWord):
            self._bms.unheard(order.order, cause)
        elif isinstance(cause, GunFault):
            self._around.of_car = cause
            self._changed()
        if cause is not None:
            self.fail(order, cause)
            return
        # Its balance may have been told anew meanwhile.
        held = self.held
        self._starting = None
        # The record is in the store before the order leaves it: between the two writes the power may go.
        self._charging.begin(held if held is not None and held.order == order.order else order)
        self._kept.authorisation = None

    def begin_again(self, running: Authorisation) -> None:
        """The running charge ends, and another begins at once on its order: what only a faulty firmware does."""
        self._charging.end(StopReason.UNEXPECTED)
        self._occupancy.end()
        self._kept.authorisation = None
        self._charging.begin(running)

    def abort(self, cause: StopCause) -> None:
        """The start under way, if any, fails."""
        held = self.held
        if self.starting and held is not None:
            self.fail(held, cause)

    # --- its end without a charge

    def fail(self, order: Authorisation, cause: StopCause | None = None) -> None:
        """The order ends without a charge: a start that cannot be, or a user who goes away."""
        self._bill_begun(order, StopReason.START_FAILED, cause)
        self.forget()
        if self._behaviour.tells_failed_start(order):
            self.tell_ended(order.login, order.account, EndReason.BY_PILE_OR_USER)
        self._ended_without_charge(order)
        self._occupancy.bill_failed_start_early(self._nothing_charged(order, self._works.now_ns, StopReason.FAULT))

    def withdraw(self, order: Authorisation) -> None:
        """The platform takes back an order that does not charge."""
        self._bill_begun(order, StopReason.PLATFORM)
        self.forget()
        self._ended_without_charge(order)

    def forget(self) -> None:
        """Nothing is held and nothing is being started any more, and nobody is told."""
        self._outlive()
        self._halt()
        self._kept.authorisation = None

    def _halt(self) -> None:
        if self._starting is not None:
            self._starting.call_off()
            self._starting = None

    def tell_ended(self, login: Login, account: str, reason: EndReason) -> None:
        """Tell the platform that an account's order has come to nothing."""
        if self._works.uplink.carries(Ended):
            self._works.uplink.tell(Ended(gun=self._gun, login=login, account=account, reason=reason))

    def _ended_without_charge(self, order: Authorisation) -> None:
        late = self._behaviour.order_without_charge(self._gun, order, self._kept.record is not None)
        if late is not None:
            self._works.bills.close_without_charge(late)

    def _bill_begun(self, order: Authorisation, reason: StopReason, cause: StopCause | None = None) -> None:
        """Bill a start that was begun and came to nothing, where such a one has a bill.

        The bill is in the store before the order leaves it: between the two writes the power may go.
        """
        told = self._works.contract.bill_of_failed_start and self._behaviour.tells_failed_start(order)
        if order.starting and told:
            self._works.store.spend(order.order)
            self._works.bills.close(self._nothing_charged(order, order.since_ns, reason, cause))

    def _nothing_charged(
        self, order: Authorisation, start_ns: int, reason: StopReason, cause: StopCause | None = None
    ) -> Record:
        arrive_ns = self._kept.arrive_ns
        return Record(
            gun=self._gun,
            authorisation=replace(order, starting=False),
            arrive_ns=order.since_ns if arrive_ns is None else arrive_ns,
            start_ns=start_ns,
            end_ns=self._works.now_ns,
            reason=reason,
            cause=cause,
            meter_start_cwns=self._meter.reading_cwns,
        )
