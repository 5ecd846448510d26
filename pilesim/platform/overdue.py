"""When something is to be done about an order of which nothing is heard, and what.

Owns these deadlines. Must not know how a pile is told, nor what an own bill comes to.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from pilesim.platform.office import Office
from pilesim.platform.orders import Order
from pilesim.platform.peer import Peer
from pilesim.wire.messages import Authorise


class Overdue:
    """The deadlines of one pile's orders. `stop` sends an order's stop; `online`: whether the pile is heard."""

    def __init__(
        self,
        office: Office,
        peer: Peer,
        *,
        stop: Callable[[int, Order], None],
        online: Callable[[int], bool],
    ) -> None:
        self._office = office
        self._peer = peer
        self._book = office.book
        self._stop = stop
        self._online = online
        self._basis = -1
        self._next_ns: int | None = None

    def next_ns(self) -> int | None:
        """The earliest deadline. Asked at every instant, so it is worked out only when something has changed."""
        # Neither ever counts down, so the sum of both tells whether one has changed.
        basis = self._book.changes + self._office.changes
        if basis != self._basis:
            self._basis = basis
            due = (self._due_ns(order) for order in self._open())
            self._next_ns = min((due_ns for due_ns in due if due_ns is not None), default=None)
        return self._next_ns

    def wake(self, now_ns: int) -> None:
        """Do what is due by `now_ns`."""
        next_ns = self.next_ns()
        if next_ns is None or next_ns > now_ns:
            return
        for order in self._open():
            due_ns = self._due_ns(order)
            if due_ns is not None and due_ns <= now_ns:
                self._do(now_ns, order)

    def _open(self) -> tuple[Order, ...]:
        if self._office.dead or not self._peer.in_charge:
            return ()
        return self._book.open(self._peer.pile)

    def _due_ns(self, order: Order) -> int | None:
        if order.seen is None:
            # Off-line nothing can be cancelled: it is done when the pile is heard again.
            if order.kept_ns is not None or not self._peer.identified:
                return None
            return self._office.behaviour.cancel_at_ns(order)
        heard = self._book.heard(self._peer.pile, order.gun)
        assert heard is not None
        since_ns = heard.ns if order.seen.left_ns is None else order.seen.left_ns
        return since_ns + self._office.settings.wait_for_bill_ns(self._office.contract)

    def _do(self, now_ns: int, order: Order) -> None:
        if order.seen is not None:
            self._office.ledger.make_own_bill(order, offline=not self._online(now_ns))
            self._book.put(replace(order, own_bill_ns=now_ns))
        elif not self._office.behaviour.cancels(now_ns, order):
            self._book.put(replace(order, kept_ns=now_ns))
        elif order.start_ns is None and not self._office.protocol.carries(Authorise):
            # The pile has never heard of it: it is over by being crossed out here.
            self._book.put(replace(order, held_start_ns=None, stop_ns=now_ns))
        else:
            self._stop(now_ns, order)
