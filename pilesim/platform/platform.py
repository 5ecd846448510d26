"""The reference platform: one connection's frames in, replies and commands out, no I/O.

Owns the connections: which pile is at the other end, what is sent to it and when. What is decided lies in
`behaviour`, what an order has come to in `orders`, what it costs in `ledger`. Must not know the pile or the rules.

It never repeats a command by itself. A start that is asked for before its authorisation is answered waits for the
answer, since a pile may only be started on an order that it has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pilesim.contract.contract import Contract, Refusal
from pilesim.errors import EncodingError, RigError
from pilesim.faulty import FaultChoice, Mishap
from pilesim.platform.behaviour import Behaviour
from pilesim.platform.faults import with_faults
from pilesim.platform.ledger import Ledger
from pilesim.platform.orders import Order, OrderBook
from pilesim.platform.settings import Settings, check_tariff
from pilesim.units import FEN_MFEN
from pilesim.wire.actions import Action, Send
from pilesim.wire.frame import Direction, End, Frame, Garbage
from pilesim.wire.messages import (
    AccountAsk,
    AccountTell,
    Alive,
    AliveReply,
    Authorise,
    AuthoriseReply,
    BalanceTell,
    Bill,
    BillReply,
    CardAsk,
    CardReply,
    Ended,
    GunReport,
    GunReportReply,
    Hello,
    HelloReply,
    LockAsk,
    LockTell,
    Login,
    Message,
    Reserve,
    ReserveReply,
    Stamp,
    Start,
    StartAsk,
    StartReply,
    Stop,
    StopAsk,
    StopReason,
    StopReply,
    Tariff,
    TariffAsk,
    TariffTell,
    TimeAsk,
    TimeTell,
)
from pilesim.wire.protocol import GAP_NS, Protocol
from pilesim.wire.protocol import Session as WireSession

# Why a request is refused, by EV-Link's lists of 0x0F, 0x08 and 0x26.
WRONG_PASSWORD, NO_SUCH_USER, REFUSED_OTHER = 1, 2, 5
RESERVE_NO_BALANCE, RESERVE_IN_USE, RESERVE_NO_SUCH_USER = 1, 2, 4
LOCK_CHARGING, LOCK_NO_ORDER = 2, 3

SILENT_BEATS = 3
"""A pile that has missed this many heartbeats is off-line, whatever its connection looks like."""


def account_of(order: str, digits: int) -> str:
    """A made-up account of `digits` digits for an order that was given none: the end of its number."""
    return order[-digits:].rjust(digits, "0")


class Platform:
    """What all connections share: orders, ledger, decisions. UsageError where the tariff does not fit the protocol."""

    def __init__(
        self,
        *,
        protocol: Protocol,
        contract: Contract,
        world_start_ns: int,
        settings: Settings | None = None,
        seed: int = 0,
        faults: Sequence[FaultChoice] = (),
    ) -> None:
        self.protocol = protocol
        self.contract = contract
        self.world_start_ns = world_start_ns
        self.settings = settings or Settings()
        check_tariff(self.settings.tariff, protocol, "the platform's tariff")
        self.book = OrderBook()
        self.ledger = Ledger(self.book, self.settings, world_start_ns, protocol.normal_account)
        self.dead = False
        """Garbage has killed it: only a fault does that."""
        self._mishaps: list[Mishap] = []
        self.behaviour = with_faults(Behaviour(self.settings, contract), faults, seed, self._mishaps)
        self._sessions: dict[str, PlatformSession] = {}
        self._serial = 0

    @property
    def mishaps(self) -> tuple[Mishap, ...]:
        """Each time a fault took effect."""
        return tuple(self._mishaps)

    def session(self, pile: str = "") -> PlatformSession:
        """The platform's end of a new connection; its pile is known by its frames, or beforehand by `pile`."""
        return PlatformSession(self, pile)

    def order(self, pile: str, number: str) -> Order | None:
        """What has become of an order, by the number that a person gives."""
        return self.book.find(pile, self.protocol.normal_order(number))

    def new_order(self, pile: str, gun: int, now_ns: int) -> str:
        self._serial += 1
        number = self.protocol.new_order(pile, gun, self.world_start_ns + now_ns, self._serial)
        return self.protocol.normal_order(number)

    def take_over(self, pile: str, session: PlatformSession) -> None:
        """A pile was heard on this connection: commands to it go there from now on."""
        self._sessions[pile] = session

    def is_at(self, pile: str, session: PlatformSession) -> bool:
        return self._sessions.get(pile) is session


@dataclass(frozen=True, slots=True)
class _Reply:
    """What is to be sent, when, and the request that it answers."""

    due_ns: int
    message: Message
    request: Frame


class PlatformSession:
    """The platform's end of one connection at a time; `pilesim.rig.core.Core` in structure.

    Commands are sent in the instant they are given. With the line down they go nowhere, as they would on a
    real platform; an order authorised then is `unreachable`.
    """

    def __init__(self, platform: Platform, pile: str = "") -> None:
        self._platform = platform
        self._book = platform.book
        self._ledger = platform.ledger
        self._protocol = platform.protocol
        self._settings = platform.settings
        self._framer = platform.protocol.framer(Direction.UP)
        self._pile = ""
        self._wire: WireSession | None = None
        self._now_ns = 0
        self._is_up = False
        self._identified = False
        """A frame on this connection has told the pile."""
        self._confirmed = False
        """A second one has told the same."""
        self._heard_ns = 0
        self._firmware = ""
        self._replies: deque[_Reply] = deque()
        self._tell_time_ns: int | None = None
        """When the pile is next told the time unasked."""
        self._due_basis: tuple[object, ...] = ()
        self._due_ns: int | None = None
        self._actions: list[Action] = []
        self._handlers: dict[type[Message], Callable[[int, Any], Message | None]] = {
            Hello: self._hello,
            Alive: self._alive,
            TariffAsk: self._tariff_ask,
            TimeAsk: self._time_ask,
            GunReport: self._gun_report,
            Bill: self._bill,
            StopAsk: self._stop_ask,
            CardAsk: self._card_ask,
            StartAsk: self._start_ask,
            AccountAsk: self._account_ask,
            Reserve: self._reserve,
            LockAsk: self._lock_ask,
            AuthoriseReply: self._authorise_reply,
            StartReply: self._start_reply,
            StopReply: self._stop_reply,
            Ended: self._ended,
        }
        if pile:
            self._know(pile)

    @property
    def pile(self) -> str:
        """Number of the pile at the other end; "" until it is known."""
        return self._pile

    # -------------------------------------------------------------------------------------------- as a core

    def line_up(self, now_ns: int) -> None:
        self._come_to(now_ns)
        self._new_connection()
        self._is_up = True
        self._heard_ns = now_ns
        if self._wire is not None:
            self._wire.reset()

    def line_down(self, now_ns: int) -> None:
        self._come_to(now_ns)
        self._new_connection()
        self._is_up = False

    def receive(self, data: bytes, now_ns: int) -> None:
        self._come_to(now_ns)
        if self._is_up:
            self._heard_ns = now_ns
            self._take(self._framer.feed(data, now_ns), now_ns)

    def advance(self, to_ns: int) -> None:
        while (due_ns := self.next_wakeup_ns()) is not None and due_ns <= to_ns:
            self._now_ns = due_ns
            self._wake(due_ns)
        self._now_ns = max(self._now_ns, to_ns)

    def _come_to(self, now_ns: int) -> None:
        """Something happens at `now_ns`: the timers of that very instant come after it."""
        self.advance(now_ns - 1)
        self._now_ns = max(self._now_ns, now_ns)

    def next_wakeup_ns(self) -> int | None:
        due_ns = [self._replies[0].due_ns] if self._replies else []
        if self._tell_time_ns is not None:
            due_ns.append(self._tell_time_ns)
        if self._framer.pending:
            due_ns.append(self._heard_ns + GAP_NS)
        orders_due_ns = self._orders_due_ns()
        if orders_due_ns is not None:
            due_ns.append(orders_due_ns)
        # What fell due while it could not be done is done now, not then.
        return max(self._now_ns, min(due_ns)) if due_ns else None

    def take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _new_connection(self) -> None:
        self._framer = self._protocol.framer(Direction.UP)
        self._replies.clear()
        self._tell_time_ns = None
        self._identified = False
        self._confirmed = False

    def _wake(self, now_ns: int) -> None:
        while self._replies and self._replies[0].due_ns <= now_ns:
            reply = self._replies.popleft()
            self._reply(reply)
        if self._tell_time_ns is not None and self._tell_time_ns <= now_ns:
            self._tell_time(now_ns)
        if self._framer.pending and self._heard_ns + GAP_NS <= now_ns:
            self._take(self._framer.gap(), now_ns)
        for order in self._open_orders():
            due_ns = self._order_due_ns(order)
            if due_ns is not None and due_ns <= now_ns:
                self._order_due(now_ns, order)

    # ------------------------------------------------------------------------------------------- the pile

    def _know(self, pile: str) -> None:
        self._pile = pile
        self._wire = self._protocol.session(End.PLATFORM, pile)
        self._firmware = ""
        self._platform.take_over(pile, self)

    def _is_from(self, pile: str) -> bool:
        """Whether `pile` is who is at the other end: whom the first frame names, once a second one agrees.

        A number that one frame alone has named may be the line's doing; the next frame then says who it is.
        """
        if self._identified and pile == self._pile:
            self._confirmed = True
        elif not self._confirmed:
            self._identified = True
            if pile != self._pile:
                self._know(pile)
            self._platform.take_over(pile, self)
        return pile == self._pile

    def _online(self, now_ns: int) -> bool:
        contract = self._platform.contract
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
            if self._is_from(item.pile):
                self._handle(now_ns, decoded.message, item)

    def _bad(self, now_ns: int, bad: str) -> None:
        """Bytes that are no message have no effect, unless a fault has it otherwise."""
        if not self._platform.behaviour.survives(now_ns, bad):
            self._platform.dead = True

    def _handle(self, now_ns: int, message: Message, frame: Frame) -> None:
        handler = self._handlers.get(type(message))
        if handler is None or self._platform.dead:
            return
        send_ns = now_ns + self._settings.reply_delay_ns
        reply = handler(now_ns, message)
        behaviour = self._platform.behaviour
        if reply is not None and behaviour.answers(now_ns, message):
            self._replies.append(_Reply(send_ns, behaviour.echoed(now_ns, reply), frame))

    # --------------------------------------------------------------------------------------------- sending

    def send(self, now_ns: int, message: Message) -> bool:
        """Send any message as a command; whether the line was there to take it.

        RigError when no pile has been heard yet, EncodingError when the protocol cannot carry it.
        """
        self._come_to(now_ns)
        if self._wire is None:
            raise RigError("expected a pile at the other end of the line, none has been heard yet")
        if not self._is_up or self._platform.dead:
            return False
        self._actions.append(Send(self._wire.build(message)))
        return True

    def _reply(self, reply: _Reply) -> None:
        """Send a reply. One that would have to carry what its request may not carry is not sent."""
        if self._wire is None or self._platform.dead:
            return
        try:
            data = self._wire.build(reply.message, reply.request)
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
        if self._book.find(self._pile, number) is not None:
            raise ValueError(f"expected a new order, found {number}, which this pile has had")
        account = self._account(account or account_of(number, self._protocol.account_digits))
        if balance_mfen is None:
            balance_mfen = max(0, self._ledger.balance_mfen(account) or 0)
        made = Order(
            pile=self._pile,
            gun=gun,
            number=number,
            account=account,
            login=login,
            balance_mfen=balance_mfen,
            tariff=tariff or self._settings.tariff,
            firmware=self._firmware,
            authorised_ns=now_ns,
        )
        self._ledger.set_balance(account, balance_mfen)
        if not self._protocol.carries(Authorise):
            self._book.add(replace(made, answered_ns=now_ns))
            return
        reached = self.send(now_ns, _authorisation(made))
        self._book.add(replace(made, reached=reached))
        if reached and self._platform.behaviour.starts_at_once(now_ns, made):
            self._send_start(now_ns, made)

    def start(self, now_ns: int, gun: int, account: str | None = None) -> None:
        """Start the gun's latest order (of `account`); an account without an order on this gun is started as it is.

        Where the start itself carries the order, an account without one that is open gets a new one.

        ValueError when there is neither an order nor an account.
        """
        self._come_to(now_ns)
        account = account and self._account(account)
        order = self._book.last(self._pile, gun, lambda order: account in (None, order.account))
        if order is None:
            if account is None:
                raise ValueError(f"expected an account to start, since gun {gun} has had no order")
            if self._protocol.carries(Authorise):
                self.send(now_ns, Start(gun=gun, account=account))
            else:
                self._send_start(now_ns, self._fresh_order(now_ns, gun, account, Login.QR))
        elif not order.open and not self._protocol.carries(Authorise):
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
        order = self._book.running(self._pile, gun)
        if order is None or account not in (None, order.account):
            order = self._book.last(self._pile, gun, lambda order: order.account == account)
        if order is not None:
            self._send_stop(now_ns, order, accepted)
        elif account is not None:
            self.send(now_ns, Stop(gun=gun, account=account, accepted=accepted))
        else:
            raise ValueError(f"expected an account to stop, since gun {gun} has had no order")

    def set_balance(self, now_ns: int, gun: int, balance_mfen: int) -> None:
        """Let the order that is under way on the gun cost so much from now on, and tell the pile where that can be.

        ValueError when none is under way.
        """
        self._come_to(now_ns)
        order = self._book.running(self._pile, gun)
        if order is None or not order.open:
            raise ValueError(f"expected an order under way on gun {gun}, found none")
        self._ledger.set_balance(order.account, balance_mfen)
        self._book.put(replace(order, balance_mfen=balance_mfen))
        if self._protocol.carries(BalanceTell):
            # The pile knows a card by what its reader read; of another user it knows no such thing.
            account = order.account if order.login is Login.CARD else ""
            self.send(now_ns, BalanceTell(gun=gun, account=account, balance_mfen=balance_mfen))

    def order(self, gun: int) -> Order | None:
        """What charges on the gun, else its latest order."""
        return self._book.running(self._pile, gun)

    def _fresh_order(self, now_ns: int, gun: int, account: str, login: Login) -> Order:
        """A new order for `account`, in the book."""
        number = self._platform.new_order(self._pile, gun, now_ns)
        order = self._made(now_ns, gun, number, account, login)
        self._book.add(order)
        return order

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

    # ---------------------------------------------------------------------------------------------- timers

    def _open_orders(self) -> tuple[Order, ...]:
        if self._platform.dead or not self._platform.is_at(self._pile, self):
            return ()
        return self._book.open(self._pile)

    def _orders_due_ns(self) -> int | None:
        """The earliest of them. Asked at every instant, so it is worked out only when something has changed."""
        basis = (self._book.changes, self._identified, self._platform.dead, self._platform.is_at(self._pile, self))
        if basis != self._due_basis:
            self._due_basis = basis
            due = (self._order_due_ns(order) for order in self._open_orders())
            self._due_ns = min((due_ns for due_ns in due if due_ns is not None), default=None)
        return self._due_ns

    def _order_due_ns(self, order: Order) -> int | None:
        """When something is to be done about an order that nothing is heard of."""
        if order.seen is None:
            # Off-line nothing can be cancelled: it is done when the pile is heard again.
            if order.kept_ns is not None or not self._identified:
                return None
            return self._platform.behaviour.cancel_at_ns(order)
        heard = self._book.heard(self._pile, order.gun)
        assert heard is not None
        since_ns = heard.ns if order.seen.left_ns is None else order.seen.left_ns
        return since_ns + self._settings.wait_for_bill_ns(self._platform.contract)

    def _order_due(self, now_ns: int, order: Order) -> None:
        if order.seen is not None:
            self._ledger.make_own_bill(order, offline=not self._online(now_ns))
            self._book.put(replace(order, own_bill_ns=now_ns))
        elif not self._platform.behaviour.cancels(now_ns, order):
            self._book.put(replace(order, kept_ns=now_ns))
        elif order.start_ns is None and not self._protocol.carries(Authorise):
            # The pile has never heard of it: it is over by being crossed out here.
            self._book.put(replace(order, held_start_ns=None, stop_ns=now_ns))
        else:
            self._send_stop(now_ns, order)

    # ------------------------------------------------------------- what the pile says, and what is answered

    def _hello(self, now_ns: int, hello: Hello) -> HelloReply:
        self._firmware = hello.firmware.strip()
        if self._platform.contract.time_tell_ns is not None:
            # It follows the answer, which lets the pile in.
            self._tell_time_ns = now_ns + 2 * self._settings.reply_delay_ns
        return HelloReply(gun=hello.gun)

    def _tell_time(self, now_ns: int) -> None:
        every_ns = self._platform.contract.time_tell_ns
        self._tell_time_ns = None if every_ns is None else now_ns + every_ns
        told_ns = self._platform.behaviour.told_epoch_ns(now_ns, self._platform.world_start_ns + now_ns)
        self.send(now_ns, TimeTell(platform_time=Stamp(told_ns)))

    def _alive(self, now_ns: int, alive: Alive) -> AliveReply:
        return AliveReply(gun=alive.gun)

    def _tariff_ask(self, now_ns: int, ask: TariffAsk) -> TariffTell:
        """Whether the pile's tariff is the one in force, or that itself."""
        model = self._settings.tariff_model
        if ask.model is not None:
            return TariffTell(model=model, same=ask.model == model)
        return TariffTell(model=model, tariff=self._settings.tariff)

    def _time_ask(self, now_ns: int, ask: TimeAsk) -> TimeTell:
        # The time is that of the sending, not of the asking.
        is_ns = self._platform.world_start_ns + now_ns + self._settings.reply_delay_ns
        told_ns = self._platform.behaviour.told_epoch_ns(now_ns, is_ns)
        return TimeTell(gun=ask.gun, platform_time=Stamp(told_ns), pile_time=ask.pile_time)

    def _gun_report(self, now_ns: int, report: GunReport) -> GunReportReply:
        order = self._book.report(self._pile, now_ns, self._platform.world_start_ns + now_ns, report)
        used_up = order is not None and order.stop_ns is None and self._used_up(order)
        if order is not None and used_up and self._platform.behaviour.stops_at_balance(now_ns, order):
            self._send_stop(now_ns, order)
        return GunReportReply(gun=report.gun, change=report.change)

    def _used_up(self, order: Order) -> bool:
        """The charge has cost what the order had, or what its account has left since other bills came (szds-33)."""
        account_mfen = self._ledger.balance_mfen(order.account)
        left_mfen = order.balance_mfen if account_mfen is None else min(order.balance_mfen, account_mfen)
        return order.seen is not None and order.seen.amount_mfen >= left_mfen

    def _bill(self, now_ns: int, bill: Bill) -> BillReply:
        self._ledger.take_bill(now_ns, self._pile, bill)
        order = self._book.find(self._pile, bill.order)
        if order is not None and order.billed_ns is None:
            failed = bill.stop_reason is StopReason.START_FAILED
            self._book.put(replace(order, billed_ns=now_ns, ended_ns=now_ns if failed else order.ended_ns))
        acknowledged = self._platform.behaviour.acknowledged_order(now_ns, bill)
        return BillReply(gun=bill.gun, order=acknowledged)

    def _stop_ask(self, now_ns: int, ask: StopAsk) -> Stop:
        order = self._book.running(self._pile, ask.gun)
        accepted = order is not None and order.account == ask.account and not order.over
        if order is not None and accepted:
            self._book.put(replace(order, held_start_ns=None, stop_ns=now_ns))
        return Stop(gun=ask.gun, login=ask.login, account=ask.account, accepted=accepted)

    def _card_ask(self, now_ns: int, ask: CardAsk) -> Authorise | CardReply:
        refusal = self._card_refusal(ask)
        number = "" if refusal else self._platform.new_order(self._pile, ask.gun, now_ns)
        made = self._asked_order(now_ns, ask, number)
        if not refusal:
            self._book.add(made)
        if self._protocol.carries(CardReply):
            return CardReply(
                gun=ask.gun,
                account=made.account,
                order=made.number,
                balance_mfen=made.balance_mfen,
                accepted=not refusal,
                refusal=refusal,
            )
        return replace(_authorisation(made), credential=ask.credential, accepted=not refusal, refusal=refusal)

    def _card_refusal(self, ask: CardAsk) -> int:
        card = next((card for card in self._settings.cards if self._account(card.account) == ask.account), None)
        if card is None:
            return NO_SUCH_USER
        if card.credential not in ("", ask.credential):
            return WRONG_PASSWORD
        return 0 if (self._ledger.balance_mfen(ask.account) or 0) >= FEN_MFEN else REFUSED_OTHER

    def _start_ask(self, now_ns: int, ask: StartAsk) -> None:
        """A user starts at the pile; that is told, not asked."""
        order = self._book.find(self._pile, ask.order)
        if order is None:
            self._book.add(replace(self._asked_order(now_ns, ask, ask.order), start_ns=now_ns))
        else:
            self._book.put(replace(order, held_start_ns=None, start_ns=now_ns))

    def _asked_order(self, now_ns: int, ask: CardAsk | StartAsk, number: str) -> Order:
        """An order that the pile asked for."""
        return self._made(now_ns, ask.gun, number, ask.account, ask.login)

    def _made(self, now_ns: int, gun: int, number: str, account: str, login: Login) -> Order:
        """An order with what the account has, of which the pile has no answer to give."""
        return Order(
            pile=self._pile,
            gun=gun,
            number=number,
            account=account,
            login=login,
            balance_mfen=max(0, self._ledger.balance_mfen(account) or 0),
            tariff=self._settings.tariff,
            firmware=self._firmware,
            authorised_ns=now_ns,
            answered_ns=now_ns,
        )

    def _account_ask(self, now_ns: int, ask: AccountAsk) -> AccountTell:
        balance_mfen = self._ledger.balance_mfen(ask.account)
        return AccountTell(
            gun=ask.gun,
            login=ask.login,
            account=ask.account,
            known=balance_mfen is not None,
            balance_mfen=max(0, balance_mfen or 0),
        )

    def _reserve(self, now_ns: int, ask: Reserve) -> ReserveReply:
        balance_mfen = self._ledger.balance_mfen(ask.account)
        running = self._book.running(self._pile, ask.gun)
        refusals = (
            (balance_mfen is None, RESERVE_NO_SUCH_USER),
            (balance_mfen is not None and balance_mfen < FEN_MFEN, RESERVE_NO_BALANCE),
            (running is not None and running.open, RESERVE_IN_USE),
        )
        refusal = next((number for holds, number in refusals if holds), 0)
        return ReserveReply(
            gun=ask.gun,
            accepted=not refusal,
            order="" if refusal else self._platform.new_order(self._pile, ask.gun, now_ns),
            minutes=ask.minutes,
            start=ask.start,
            refusal=refusal,
        )

    def _lock_ask(self, now_ns: int, ask: LockAsk) -> LockTell:
        order = self._book.find(self._pile, ask.order)
        refusals = (
            (order is None or order.account != ask.account, LOCK_NO_ORDER),
            (order is not None and order.charging and not ask.lower, LOCK_CHARGING),
        )
        refusal = next((number for holds, number in refusals if holds), 0)
        return LockTell(
            gun=ask.gun,
            login=ask.login,
            account=ask.account,
            order=ask.order,
            lower=ask.lower,
            accepted=not refusal,
            refusal=refusal,
        )

    def _authorise_reply(self, now_ns: int, reply: AuthoriseReply) -> None:
        order = self._book.last(
            self._pile, reply.gun, lambda order: order.account == reply.account and order.answered_ns is None
        )
        if order is None:
            return
        order = replace(order, answered_ns=now_ns)
        self._book.put(order)
        held_ns = order.held_start_ns
        if held_ns is not None and now_ns - held_ns <= self._settings.start_hold_ns:
            self._send_start(now_ns, order)

    def _start_reply(self, now_ns: int, reply: StartReply) -> None:
        order = self._book.last(
            self._pile, reply.gun, lambda order: _answers(reply, order) and order.start_ns is not None
        )
        if order is None:
            return
        contract = self._platform.contract
        # A start that was refused for want of a cable may yet begin, and be answered once more.
        wants_cable = contract.plug_wait_ns and reply.reason == contract.start_refusals.get(Refusal.NO_CABLE)
        refused = reply.accepted is False and not wants_cable
        ended_ns = now_ns if refused and order.seen is None else order.ended_ns
        self._book.put(replace(order, start_answered_ns=now_ns, ended_ns=ended_ns))

    def _stop_reply(self, now_ns: int, reply: StopReply) -> None:
        order = self._book.last(
            self._pile, reply.gun, lambda order: _answers(reply, order) and order.stop_ns is not None
        )
        if order is not None:
            self._book.put(replace(order, stop_answered_ns=now_ns))

    def _ended(self, now_ns: int, ended: Ended) -> None:
        """The pile is done with an order that did not charge; one that did is ended by its bill."""
        order = self._book.last(
            self._pile, ended.gun, lambda order: order.account == ended.account and order.seen is None and order.open
        )
        if order is not None:
            self._book.put(replace(order, held_start_ns=None, ended_ns=now_ns))


def _answers(reply: StartReply | StopReply, order: Order) -> bool:
    """Whether a reply may be about the order: it names the order, or the account, or nothing."""
    if isinstance(reply, StartReply) and reply.order is not None:
        return reply.order == order.number
    return reply.account in (None, order.account)


def _authorisation(order: Order) -> Authorise:
    return Authorise(
        gun=order.gun,
        login=order.login,
        account=order.account,
        order=order.number,
        balance_mfen=order.balance_mfen,
        tariff=order.tariff,
    )
