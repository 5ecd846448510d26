"""What a pile says to the platform, and what it is answered.

Owns the answer to each message, and what it makes of an order. Must not know when an answer leaves, nor bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from pilesim.contract.contract import Refusal
from pilesim.platform.office import Office
from pilesim.platform.orders import Order, authorisation
from pilesim.platform.peer import Peer
from pilesim.units import FEN_MFEN
from pilesim.wire.messages import (
    AccountAsk,
    AccountTell,
    Alive,
    AliveReply,
    Authorise,
    AuthoriseReply,
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
    Message,
    Reserve,
    ReserveReply,
    Stamp,
    StartAsk,
    StartReply,
    Stop,
    StopAsk,
    StopReason,
    StopReply,
    TariffAsk,
    TariffTell,
    TimeAsk,
    TimeTell,
)

# Why a request is refused, by EV-Link's lists of 0x0F, 0x08 and 0x26.
WRONG_PASSWORD, NO_SUCH_USER, REFUSED_OTHER = 1, 2, 5
RESERVE_NO_BALANCE, RESERVE_IN_USE, RESERVE_NO_SUCH_USER = 1, 2, 4
LOCK_CHARGING, LOCK_NO_ORDER = 2, 3


class Answers:
    """The answers to one pile. `start` and `stop` send an order's command at an instant."""

    def __init__(
        self,
        office: Office,
        peer: Peer,
        *,
        start: Callable[[int, Order], None],
        stop: Callable[[int, Order], None],
    ) -> None:
        self._office = office
        self._peer = peer
        self._book = office.book
        self._ledger = office.ledger
        self._protocol = office.protocol
        self._settings = office.settings
        self._behaviour = office.behaviour
        self._start = start
        self._stop = stop
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

    def take(self, now_ns: int, message: Message) -> Message | None:
        """What the pile has said at `now_ns`; returns what it is answered, if anything."""
        handler = self._handlers.get(type(message))
        return None if handler is None else handler(now_ns, message)

    def _hello(self, now_ns: int, hello: Hello) -> HelloReply:
        self._peer.firmware = hello.firmware.strip()
        return HelloReply(gun=hello.gun)

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
        is_ns = self._office.world_start_ns + now_ns + self._settings.reply_delay_ns
        told_ns = self._behaviour.told_epoch_ns(now_ns, is_ns)
        return TimeTell(gun=ask.gun, platform_time=Stamp(told_ns), pile_time=ask.pile_time)

    def _gun_report(self, now_ns: int, report: GunReport) -> GunReportReply:
        order = self._book.report(self._peer.pile, now_ns, self._office.world_start_ns + now_ns, report)
        used_up = order is not None and order.stop_ns is None and self._used_up(order)
        if order is not None and used_up and self._behaviour.stops_at_balance(now_ns, order):
            self._stop(now_ns, order)
        return GunReportReply(gun=report.gun, change=report.change)

    def _used_up(self, order: Order) -> bool:
        """The charge has cost what the order had, or what its account has left since other bills came (szds-33)."""
        account_mfen = self._ledger.balance_mfen(order.account)
        left_mfen = order.balance_mfen if account_mfen is None else min(order.balance_mfen, account_mfen)
        return order.seen is not None and order.seen.amount_mfen >= left_mfen

    def _bill(self, now_ns: int, bill: Bill) -> BillReply:
        self._ledger.take_bill(now_ns, self._peer.pile, bill)
        order = self._book.find(self._peer.pile, bill.order)
        if order is not None and order.billed_ns is None:
            failed = bill.stop_reason is StopReason.START_FAILED
            self._book.put(replace(order, billed_ns=now_ns, ended_ns=now_ns if failed else order.ended_ns))
        acknowledged = self._behaviour.acknowledged_order(now_ns, bill)
        return BillReply(gun=bill.gun, order=acknowledged)

    def _stop_ask(self, now_ns: int, ask: StopAsk) -> Stop:
        order = self._book.running(self._peer.pile, ask.gun)
        accepted = order is not None and order.account == ask.account and not order.over
        if order is not None and accepted:
            self._book.put(replace(order, held_start_ns=None, stop_ns=now_ns))
        return Stop(gun=ask.gun, login=ask.login, account=ask.account, accepted=accepted)

    def _card_ask(self, now_ns: int, ask: CardAsk) -> Authorise | CardReply:
        refusal = self._card_refusal(ask)
        number = "" if refusal else self._office.new_order(self._peer.pile, ask.gun, now_ns)
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
        return authorisation(made, credential=ask.credential, refusal=refusal)

    def _card_refusal(self, ask: CardAsk) -> int:
        card = next(
            (card for card in self._settings.cards if self._protocol.normal_account(card.account) == ask.account), None
        )
        if card is None:
            return NO_SUCH_USER
        if card.credential not in ("", ask.credential):
            return WRONG_PASSWORD
        return 0 if (self._ledger.balance_mfen(ask.account) or 0) >= FEN_MFEN else REFUSED_OTHER

    def _start_ask(self, now_ns: int, ask: StartAsk) -> None:
        """A user starts at the pile; that is told, not asked."""
        order = self._book.find(self._peer.pile, ask.order)
        if order is None:
            self._book.add(replace(self._asked_order(now_ns, ask, ask.order), start_ns=now_ns))
        else:
            self._book.put(replace(order, held_start_ns=None, start_ns=now_ns))

    def _asked_order(self, now_ns: int, ask: CardAsk | StartAsk, number: str) -> Order:
        """An order that the pile asked for."""
        return self._office.make_order(
            now_ns,
            pile=self._peer.pile,
            firmware=self._peer.firmware,
            gun=ask.gun,
            number=number,
            account=ask.account,
            login=ask.login,
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
        running = self._book.running(self._peer.pile, ask.gun)
        refusals = (
            (balance_mfen is None, RESERVE_NO_SUCH_USER),
            (balance_mfen is not None and balance_mfen < FEN_MFEN, RESERVE_NO_BALANCE),
            (running is not None and running.open, RESERVE_IN_USE),
        )
        refusal = next((number for holds, number in refusals if holds), 0)
        return ReserveReply(
            gun=ask.gun,
            accepted=not refusal,
            order="" if refusal else self._office.new_order(self._peer.pile, ask.gun, now_ns),
            minutes=ask.minutes,
            start=ask.start,
            refusal=refusal,
        )

    def _lock_ask(self, now_ns: int, ask: LockAsk) -> LockTell:
        order = self._book.find(self._peer.pile, ask.order)
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

    # ------------------------------------------------------------------------------- what it says to a command

    def _authorise_reply(self, now_ns: int, reply: AuthoriseReply) -> None:
        order = self._book.last(
            self._peer.pile, reply.gun, lambda order: order.account == reply.account and order.answered_ns is None
        )
        if order is None:
            return
        order = replace(order, answered_ns=now_ns)
        self._book.put(order)
        held_ns = order.held_start_ns
        if held_ns is not None and now_ns - held_ns <= self._settings.start_hold_ns:
            self._start(now_ns, order)

    def _start_reply(self, now_ns: int, reply: StartReply) -> None:
        order = self._book.last(
            self._peer.pile, reply.gun, lambda order: _answers(reply, order) and order.start_ns is not None
        )
        if order is None:
            return
        contract = self._office.contract
        # A start that was refused for want of a cable may yet begin, and be answered once more.
        wants_cable = contract.plug_wait_ns and reply.reason == contract.start_refusals.get(Refusal.NO_CABLE)
        refused = reply.accepted is False and not wants_cable
        ended_ns = now_ns if refused and order.seen is None else order.ended_ns
        self._book.put(replace(order, start_answered_ns=now_ns, ended_ns=ended_ns))

    def _stop_reply(self, now_ns: int, reply: StopReply) -> None:
        order = self._book.last(
            self._peer.pile, reply.gun, lambda order: _answers(reply, order) and order.stop_ns is not None
        )
        if order is not None:
            self._book.put(replace(order, stop_answered_ns=now_ns))

    def _ended(self, now_ns: int, ended: Ended) -> None:
        """The pile is done with an order that did not charge; one that did is ended by its bill."""
        order = self._book.last(
            self._peer.pile,
            ended.gun,
            lambda order: order.account == ended.account and order.seen is None and order.open,
        )
        if order is not None:
            self._book.put(replace(order, held_start_ns=None, ended_ns=now_ns))


def _answers(reply: StartReply | StopReply, order: Order) -> bool:
    """Whether a reply may be about the order: it names the order, or the account, or nothing."""
    if isinstance(reply, StartReply) and reply.order is not None:
        return reply.order == order.number
    return reply.account in (None, order.account)
