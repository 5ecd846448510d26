"""The reference platform's end of a connection: frames in, replies and commands out, no I/O.

Owns the connection: what is sent on it and when. Who is there lies in `peer`, what a message is answered in
`answers`, when an order has been silent for too long in `overdue`. Must not know the pile's inside or the rules.

It never repeats a command by itself. A start that is asked for before its authorisation is answered waits for the
answer, since a pile may only be started on an order that it has.
"""

from __future__ import annotations

from collections import deque

import msgspec
from msgspec.structs import replace

from pilesim.errors import EncodingError, RigError
from pilesim.platform.answers import Answers
from pilesim.platform.office import Office
from pilesim.platform.orders import Order, authorisation
from pilesim.platform.overdue import Overdue
from pilesim.platform.peer import Peer
from pilesim.wire.actions import Action, Send
from pilesim.wire.frame import Direction, Frame, Garbage
from pilesim.wire.messages import (
    Authorise,
    BalanceTell,
    Hello,
    Login,
    Message,
    Stamp,
    Start,
    Stop,
    Tariff,
    TimeTell,
)
from pilesim.wire.protocol import GAP_NS

SILENT_BEATS = 3
"""A pile that has missed this many heartbeats is off-line, whatever its connection looks like."""


def account_of(order: str, digits: int) -> str:
    """A made-up account of `digits` digits for an order that was given none: the end of its number."""
    return order[-digits:].rjust(digits, "0")


class _Reply(msgspec.Struct, frozen=True, gc=False):
    """What is to be sent, when, and the request that it answers."""

    due_ns: int
    message: Message
    request: Frame


class PlatformSession:
    """The platform's end of one connection at a time; `pilesim.rig.core.Core` in structure.

    Commands are sent in the instant they are given. With the line down they go nowhere, as they would on a
    real platform; an order authorised then is `unreachable`.
    """

    def __init__(self, office: Office, pile: str = "") -> None:
        self._office = office
        self._book = office.book
        self._ledger = office.ledger
        self._protocol = office.protocol
        self._settings = office.settings
        self._framer = office.protocol.framer(Direction.UP)
        self._peer = Peer(office, self, pile)
        self._answers = Answers(office, self._peer, start=self._send_start, stop=self._send_stop)
        self._overdue = Overdue(office, self._peer, stop=self._send_stop, online=self._online)
        self._now_ns = 0
        self._is_up = False
        self._heard_ns = 0
        self._gap_ns: int | None = None
        """When a frame that has begun can become none any more."""
        self._replies: deque[_Reply] = deque()
        self._tell_time_ns: int | None = None
        """When the pile is next told the time unasked."""
        self._actions: list[Action] = []
        self._changes = 0
        """Counts what has changed of the last three times; with the book's and the office's, what it waits for."""
        self._basis = -1
        self._soonest_ns: int | None = None

    @property
    def pile(self) -> str:
        """Number of the pile at the other end; "" until it is known."""
        return self._peer.pile

    # -------------------------------------------------------------------------------------------- as a core

    def line_up(self, now_ns: int) -> None:
        self._come_to(now_ns)
        self._new_connection()
        self._is_up = True
        self._heard_ns = now_ns
        if self._peer.wire is not None:
            self._peer.wire.reset()

    def line_down(self, now_ns: int) -> None:
        self._come_to(now_ns)
        self._new_connection()
        self._is_up = False

    def receive(self, data: bytes, now_ns: int) -> None:
        self._come_to(now_ns)
        if self._is_up:
            self._heard_ns = now_ns
            self._take(self._framer.feed(data, now_ns), now_ns)
            if self._framer.pending or self._gap_ns is not None:
                self._gap_ns = now_ns + GAP_NS if self._framer.pending else None
                self._changes += 1

    def advance(self, to_ns: int) -> None:
        while (due_ns := self.next_wakeup_ns()) is not None and due_ns <= to_ns:
            self._now_ns = due_ns
            self._wake(due_ns)
            self._changes += 1
        self._now_ns = max(self._now_ns, to_ns)

    def _come_to(self, now_ns: int) -> None:
        """Something happens at `now_ns`: the timers of that very instant come after it."""
        if now_ns > self._now_ns:
            self.advance(now_ns - 1)
            self._now_ns = now_ns

    def next_wakeup_ns(self) -> int | None:
        # Asked several times at every instant, and worked out only when something has changed: no count goes down.
        basis = self._book.changes + self._office.changes + self._changes
        if basis != self._basis:
            self._basis = basis
            self._soonest_ns = self._soonest()
        soonest_ns = self._soonest_ns
        # What fell due while it could not be done is done now, not then.
        return self._now_ns if soonest_ns is not None and soonest_ns < self._now_ns else soonest_ns

    def _soonest(self) -> int | None:
        soonest_ns = self._overdue.next_ns()
        if self._replies:
            due_ns = self._replies[0].due_ns
            if soonest_ns is None or due_ns < soonest_ns:
                soonest_ns = due_ns
        for due in (self._tell_time_ns, self._gap_ns):
            if due is not None and (soonest_ns is None or due < soonest_ns):
                soonest_ns = due
        return soonest_ns

    def take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _new_connection(self) -> None:
        self._framer = self._protocol.framer(Direction.UP)
        self._gap_ns = None
        self._replies.clear()
        self._tell_time_ns = None
        self._changes += 1
        self._peer.forget_connection()

    def _wake(self, now_ns: int) -> None:
        while self._replies and self._replies[0].due_ns <= now_ns:
            reply = self._replies.popleft()
            self._reply(reply)
        if self._tell_time_ns is not None and self._tell_time_ns <= now_ns:
            self._tell_time(now_ns)
        if self._gap_ns is not None and self._gap_ns <= now_ns:
            self._gap_ns = None
            self._take(self._framer.gap(), now_ns)
        self._overdue.wake(now_ns)

    def _tell_time(self, now_ns: int) -> None:
        every_ns = self._office.contract.time_tell_ns
        self._tell_time_ns = None if every_ns is None else now_ns + every_ns
        told_ns = self._office.behaviour.told_epoch_ns(now_ns, self._office.world_start_ns + now_ns)
        self.send(now_ns, TimeTell(platform_time=Stamp(told_ns)))

    # ------------------------------------------------------------------------------------------- what is heard

    def _online(self, now_ns: int) -> bool:
        contract = self._office.contract
        return self._is_up and now_ns - self._heard_ns <= SILENT_BEATS * (contract.alive_ns or contract.beat_idle_ns)

    def _take(self, found: list[Frame | Garbage], now_ns: int) -> None:
        for item in found:
            if isinstance(item, Garbage):
                self._bad(now_ns, item.reason)
                continue
            decoded = self._protocol.decode(item)
            if decoded.message is None or not item.pile:
                self._bad(now_ns, "; ".join(p.text for p in decoded.problems))
                continue
            if self._peer.is_from(item.pile):
                self._handle(now_ns, decoded.message, item)

    def _bad(self, now_ns: int, bad: str) -> None:
        """Bytes that are no message have no effect, unless a fault has it otherwise."""
        if not self._office.behaviour.survives(now_ns, bad):
            self._office.die()

    def _handle(self, now_ns: int, message: Message, frame: Frame) -> None:
        if self._office.dead:
            return
        reply = self._answers.take(now_ns, message)
        delay_ns = self._settings.reply_delay_ns
        if isinstance(message, Hello) and self._office.contract.time_tell_ns is not None:
            # It follows the answer, which lets the pile in.
            self._tell_time_ns = now_ns + 2 * delay_ns
            self._changes += 1
        behaviour = self._office.behaviour
        if reply is not None and behaviour.answers(now_ns, message):
            self._replies.append(_Reply(now_ns + delay_ns, behaviour.echoed(now_ns, reply), frame))
            self._changes += 1

    # --------------------------------------------------------------------------------------------- sending

    def send(self, now_ns: int, message: Message) -> bool:
        """Send any message as a command; whether the line was there to take it.

        RigError when no pile has been heard yet, EncodingError when the protocol cannot carry it.
        """
        self._come_to(now_ns)
        if self._peer.wire is None:
            raise RigError("expected a pile at the other end of the line, none has been heard yet")
        if not self._is_up or self._office.dead:
            return False
        self._actions.append(Send(self._peer.wire.build(message)))
        return True

    def _reply(self, reply: _Reply) -> None:
        """Send a reply. One that would have to carry what its request may not carry is not sent."""
        if self._peer.wire is None or self._office.dead:
            return
        try:
            data = self._peer.wire.build(reply.message, reply.request)
        except EncodingError:
            return
        self._actions.append(Send(data))

    # -------------------------------------------------------------------------------------------- commands

    def authorise(
        self,
        now_ns: int,
        gun: int,
        order: str,
        balance_mfen: int | None = None,
        account: str | None = None,
        *,
        tariff: Tariff | None = None,
        login: Login = Login.QR,
    ) -> None:
        """Send an order to a gun, as a scan does. A balance given becomes the account's; None takes the account's.

        Where the start itself carries the order, nothing is sent before that: the order is kept here for it.

        ValueError when the pile has had this order number.
        """
        self._come_to(now_ns)
        number = self._protocol.normal_order(order)
        if self.has_had(number):
            raise ValueError(f"expected a new order, found {number}, which this pile has had")
        account = self._account(account or account_of(number, self._protocol.account_digits))
        made = self._made(now_ns, gun, number, account, login)
        if balance_mfen is not None:
            made = replace(made, balance_mfen=balance_mfen)
        if tariff is not None:
            made = replace(made, tariff=tariff)
        paid_in = made.balance_mfen != self._ledger.balance_mfen(account)
        self._ledger.set_balance(account, made.balance_mfen)
        if not self._protocol.carries(Authorise):
            if paid_in:
                self._tell_balance(now_ns, account, made.balance_mfen)
            self._book.add(made)
            return
        made = replace(made, answered_ns=None)
        reached = self.send(now_ns, authorisation(made))
        self._book.add(replace(made, reached=reached))
        if reached and self._office.behaviour.starts_at_once(now_ns, made):
            self._send_start(now_ns, made)

    def start(self, now_ns: int, gun: int, account: str | None = None) -> None:
        """Start the gun's latest order (of `account`); an account without an order on this gun is started as it is.

        Without an account an order that waits for its start comes before one that had it. Where the start itself
        carries the order, an account without one that may still be started gets a new one.

        ValueError when there is neither an order nor an account.
        """
        self._come_to(now_ns)
        account = account and self._account(account)
        order = self._book.last(self.pile, gun, lambda order: account in (None, order.account))
        if account is None:
            waiting = self._book.last(self.pile, gun, lambda order: order.open and order.start_ns is None)
            order = waiting or order
        if order is None:
            if account is None:
                raise ValueError(f"expected an account to start, since gun {gun} has had no order")
            if self._protocol.carries(Authorise):
                self.send(now_ns, Start(gun=gun, account=account))
            else:
                self._send_start(now_ns, self._fresh_order(now_ns, gun, account, Login.QR))
        elif order.spent and not self._protocol.carries(Authorise):
            self._send_start(now_ns, self._fresh_order(now_ns, gun, order.account, order.login))
        elif order.answered_ns is not None:
            self._send_start(now_ns, order)
        elif order.open:
            self._book.put(replace(order, held_start_ns=now_ns))

    def stop(self, now_ns: int, gun: int, account: str | None = None, accepted: bool = True) -> None:
        """Stop what charges on the gun, else its latest order (of `account`); the remote stop.

        ValueError when there is neither an order nor an account.
        """
        self._come_to(now_ns)
        account = account and self._account(account)
        order = self._book.running(self.pile, gun)
        if order is None or account not in (None, order.account):
            order = self._book.last(self.pile, gun, lambda order: order.account == account)
        if order is not None:
            self._send_stop(now_ns, order, accepted)
        elif account is not None:
            self.send(now_ns, Stop(gun=gun, account=account, accepted=accepted))
        else:
            raise ValueError(f"expected an account to stop, since gun {gun} has had no order")

    def has_had(self, order: str) -> bool:
        """Whether this pile has had an order of that number, given or made here."""
        return self._book.find(self.pile, self._protocol.normal_order(order)) is not None

    def set_balance(self, now_ns: int, gun: int, balance_mfen: int) -> None:
        """Let whoever charges on the gun, or did so last, have so much from now on, and tell the pile if that can be.

        A pile that has ended the charge early is told nothing. ValueError where nobody has had an order there.
        """
        self._come_to(now_ns)
        order = self._book.running(self.pile, gun)
        if order is None:
            raise ValueError(f"expected somebody who pays, since gun {gun} has had no order")
        self._ledger.set_balance(order.account, balance_mfen)
        self._tell_balance(now_ns, order.account, balance_mfen)

    def _tell_balance(self, now_ns: int, account: str, balance_mfen: int) -> None:
        """An account has another balance: so much its charges may cost from now on, and the pile is told of each.

        What its bills take from it is not told: that the balance is used up is then seen, and the charge stopped,
        here (szds-33).
        """
        for order in self._book.open(self.pile):
            if order.account != account or order.spent:
                continue
            self._book.put(replace(order, balance_mfen=balance_mfen))
            begun = order.start_ns is not None or order.seen is not None
            if begun and self._protocol.carries(BalanceTell):
                # The pile knows a card by what its reader read; of another user it knows no such thing.
                card = account if order.login is Login.CARD else ""
                self.send(now_ns, BalanceTell(gun=order.gun, account=card, balance_mfen=balance_mfen))

    def order(self, gun: int) -> Order | None:
        """What charges on the gun, else its latest order."""
        return self._book.running(self.pile, gun)

    def _fresh_order(self, now_ns: int, gun: int, account: str, login: Login) -> Order:
        """A new order for `account`, in the book; one that waits there, and of which no pile knows, goes on waiting."""
        number = self._office.new_order(self.pile, gun, now_ns)
        order = self._made(now_ns, gun, number, account, login)
        self._book.add(order, replaces=False)
        return order

    def _made(self, now_ns: int, gun: int, number: str, account: str, login: Login) -> Order:
        return self._office.make_order(
            now_ns,
            pile=self.pile,
            firmware=self._peer.firmware,
            gun=gun,
            number=number,
            account=account,
            login=login,
        )

    def _account(self, account: str) -> str:
        return self._protocol.normal_account(account)

    def _send_start(self, now_ns: int, order: Order) -> None:
        message = Start(
            gun=order.gun,
            login=order.login,
            account=order.account,
            order=order.number,
            balance_mfen=order.balance_mfen,
        )
        if self.send(now_ns, message):
            self._book.put(replace(order, held_start_ns=None, start_ns=now_ns))

    def _send_stop(self, now_ns: int, order: Order, accepted: bool = True) -> None:
        stop = Stop(gun=order.gun, login=order.login, account=order.account, accepted=accepted)
        if self.send(now_ns, stop) and accepted:
            self._book.put(replace(order, held_start_ns=None, stop_ns=now_ns))
