"""What starts a charge: the platform's command, a card, or the cable that a refused start waits for.

Owns whether a start may be, by all that stands against it, and what is answered. Must not know how a start is
carried out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pilesim.contract.contract import Refusal
from pilesim.pile.charging import Charging
from pilesim.pile.occupancy import Occupancy
from pilesim.pile.order import GunOrder
from pilesim.pile.store import Authorisation
from pilesim.pile.surroundings import Surroundings
from pilesim.pile.timeline import Activity
from pilesim.pile.works import Works
from pilesim.wire.frame import Frame
from pilesim.wire.messages import EndReason, GunFault, Start, StartAsk, StartReply


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A start that was refused for want of a cable, and begins once one is plugged in."""

    order: Authorisation
    message: Start
    request: Frame
    connection: int
    patience: Activity


class Starts:
    """The starts of one gun."""

    def __init__(
        self,
        gun: int,
        works: Works,
        around: Surroundings,
        occupancy: Occupancy,
        charging: Charging,
        order: GunOrder,
    ) -> None:
        self._gun = gun
        self._works = works
        self._behaviour = works.behaviour
        self._around = around
        self._occupancy = occupancy
        self._charging = charging
        self._order = order
        self._waiting: _Waiting | None = None

    def command(self, message: Start, request: Frame, connection: int) -> Iterator[int]:
        """The start command, as steps: bills that wait leave before it is answered."""
        bills = self._works.bills
        if self._behaviour.start_waits_for_bills(self._gun, bills.waiting):
            yield from bills.let_all_leave()
        own = self._own_order(message)
        if own is not None:
            self._answer(message, request, connection, None)
            if self._charging.charge is not None and self._around.car is not None and self._behaviour.begins_again(own):
                self._order.begin_again(own)
            return
        self.wait_no_longer()
        order = self._behaviour.authorisation_for(self._order_meant(message), message, self._works.now_ns)
        refusal = self._refusal(order)
        if order is not None and self._charging.charge is None and bills.has_room:
            # The next order's start ends the occupancy, whatever becomes of that start.
            self._occupancy.end()
        self._answer(message, request, connection, refusal)
        if order is None:
            self._order.tell_ended(message.login, message.account or "", EndReason.BY_PILE_OR_USER)
        elif refusal is Refusal.NO_CABLE and self._works.contract.plug_wait_ns:
            patience = self._works.timeline.start(self._wait_for_cable())
            self._waiting = _Waiting(order, message, request, connection, patience)
        elif refusal is Refusal.TAKEN and message.order is not None:
            # The order that it brought is refused; the one that charges, or is being started, goes on.
            return
        elif refusal is not None:
            self._order.fail(order)
        else:
            self._order.begin(order)

    def _answer(self, message: Start, request: Frame, connection: int, refusal: Refusal | None) -> None:
        reply = StartReply(
            gun=self._gun,
            login=message.login,
            account=message.account,
            credential=message.credential,
            order=message.order,
            accepted=refusal is None,
            reason=0 if refusal is None else self._works.contract.start_refusals.get(refusal, 0),
        )
        self._works.uplink.reply(reply, request, connection)

    def _own_order(self, message: Start) -> Authorisation | None:
        """The order that runs or is being started, when the start is for its account again."""
        own = self._order.own if self._order.busy else None
        if own is None or message.order not in (None, own.order):
            return None
        return own if message.account in (None, own.account) else None

    def _order_meant(self, message: Start) -> Authorisation | None:
        """What a start may be for: the order that it brings itself, else the one that was authorised before."""
        store = self._works.store
        tariff = store.tariff
        if message.order is not None and message.order in store.spent:
            # The line has brought it twice, or late: an order is charged and billed once.
            return None
        if message.order is None or message.balance_mfen is None or tariff is None:
            return self._order.held
        return Authorisation(
            order=message.order,
            account=message.account or "",
            login=message.login,
            credential=message.credential,
            balance_mfen=message.balance_mfen,
            tariff=tariff,
            since_ns=self._works.now_ns,
        )

    def _refusal(self, order: Authorisation | None) -> Refusal | None:
        """Why a start of `order` cannot be; None: it can."""
        around = self._around
        obstacles = (
            (order is None, Refusal.NO_ORDER),
            (self._order.busy, Refusal.TAKEN),
            (not around.cable, Refusal.NO_CABLE),
            (order is not None and order.balance_mfen <= 0, Refusal.NO_BALANCE),
            (around.fault is not GunFault.NONE, Refusal.FAULT),
            (around.out_of_service, Refusal.OUT_OF_SERVICE),
            (not self._works.bills.has_room, Refusal.NO_ROOM),
        )
        return self._behaviour.refuses_start(order, tuple(why for stands, why in obstacles if stands))

    def by_card(self, order: Authorisation) -> None:
        """The platform lets a card's order charge: it starts here, and the platform is told."""
        if self._refusal(order) is not None:
            self._order.fail(order)
            return
        # Told first: it is this start that ends the occupancy, and its bill leaves because of it.
        uplink = self._works.uplink
        if uplink.carries(StartAsk):
            uplink.send(StartAsk(gun=self._gun, login=order.login, account=order.account, order=order.order))
        self._occupancy.end()
        self._order.begin(order)

    # --- a start that waits for a cable

    @property
    def waits(self) -> bool:
        """A start waits for a cable."""
        return self._waiting is not None

    def cable_in(self) -> None:
        """The cable is in for which a start waited: it is answered a second time, and begins."""
        waiting = self._waiting
        self.wait_no_longer()
        if waiting is None or self._refusal(waiting.order) is not None:
            return
        message = waiting.message
        reply = StartReply(gun=self._gun, account=message.account, order=message.order, accepted=True)
        self._works.uplink.reply(reply, waiting.request, waiting.connection)
        self._order.begin(waiting.order)

    def _wait_for_cable(self) -> Iterator[int]:
        yield self._works.contract.plug_wait_ns
        self._waiting = None

    def wait_no_longer(self) -> None:
        if self._waiting is not None:
            self._waiting.patience.call_off()
            self._waiting = None
