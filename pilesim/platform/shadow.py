"""The platform's books kept by somebody who only looks on: orders and ledger from what passed on the line.

Owns how a command that some platform sent becomes a fact of an order here. What the pile says is taken as the
reference platform takes it, and so is what is odd about a bill. Nothing is ever sent. Must not know recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from pilesim.contract.contract import Contract
from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.platform.ledger import Row
from pilesim.platform.orders import Order
from pilesim.platform.platform import Platform
from pilesim.platform.session import SILENT_BEATS, PlatformSession
from pilesim.platform.settings import Settings
from pilesim.wire.frame import Frame
from pilesim.wire.messages import (
    Authorise,
    CardReply,
    GunReport,
    GunState,
    Login,
    Message,
    Start,
    Stop,
    Tariff,
)
from pilesim.wire.protocol import Protocol


def silence_ns(contract: Contract) -> int:
    """A pile, or a gun, of which nothing was heard for longer is off the line."""
    return SILENT_BEATS * (contract.alive_ns or contract.beat_idle_ns)


class Shadow(PlatformSession):
    """One pile's orders and bills, as its platform must have seen them. Times are ns since `world_start_ns`."""

    def __init__(self, pile: str, *, protocol: Protocol, contract: Contract, world_start_ns: int) -> None:
        self._whole = Platform(
            protocol=protocol,
            contract=contract,
            world_start_ns=world_start_ns,
            settings=Settings(stops_at_balance=False),
        )
        super().__init__(self._whole, pile)
        self._reported: set[int] = set()
        """Guns that have reported since the beginning, or since the last gap."""
        self._sent: dict[type[Message], Callable[[int, Any], None]] = {
            Authorise: self._authorised,
            CardReply: self._card_answered,
            Start: self._started,
            Stop: self._stopped,
        }
        self.adopted: set[str] = set()
        """Orders that were under way when they were first seen."""

    def rows(self) -> tuple[Row, ...]:
        return self._whole.ledger.rows()

    def order_of(self, number: str) -> Order | None:
        """What has become of an order, by the number that its row has."""
        return self._book.find(self.pile, number)

    def gap(self) -> None:
        """Nothing is known of a while: what comes next may be the middle of anything."""
        self._reported.clear()

    def heard(self, now_ns: int, message: Message, *, adopting: bool = False) -> None:
        """The pile said this. An order that a report shows charging and that nobody was seen to authorise is taken
        up when its gun had not reported before, or with `adopting`."""
        self._come_to(now_ns)
        self._heard_ns = now_ns
        if isinstance(message, GunReport):
            self._adopt(now_ns, message, adopting or message.gun not in self._reported)
            self._reported.add(message.gun)
        self._answers.take(now_ns, message)

    def told(self, now_ns: int, message: Message) -> None:
        """The platform sent this."""
        self._come_to(now_ns)
        handler = self._sent.get(type(message))
        if handler is not None:
            handler(now_ns, message)

    def send(self, now_ns: int, message: Message) -> bool:
        """Nothing is sent: who looks on has nobody to send to."""
        return False

    def _handle(self, now_ns: int, message: Message, frame: Frame) -> None:
        self.heard(now_ns, message)

    def _adopt(self, now_ns: int, report: GunReport, adopting: bool) -> None:
        unknown = report.order and self._book.find(self.pile, report.order) is None
        if adopting and unknown and report.order and report.state is GunState.CHARGING:
            self.adopted.add(report.order)
            self._put_order(now_ns, report.gun, report.order, "", answered=True)

    def _authorised(self, now_ns: int, message: Authorise) -> None:
        if message.accepted:
            self._put_order(
                now_ns,
                message.gun,
                message.order,
                message.account,
                login=message.login,
                balance_mfen=message.balance_mfen,
                tariff=message.tariff,
            )

    def _card_answered(self, now_ns: int, message: CardReply) -> None:
        if message.accepted:
            self._put_order(
                now_ns,
                message.gun,
                message.order,
                message.account,
                login=Login.CARD,
                balance_mfen=message.balance_mfen,
                answered=True,
            )

    def _put_order(
        self,
        now_ns: int,
        gun: int,
        number: str,
        account: str,
        *,
        login: Login = Login.QR,
        balance_mfen: int = 0,
        tariff: Tariff = DEFAULT_TARIFF,
        answered: bool = False,
    ) -> None:
        """A new order; one that is known, or has no number, is none."""
        if not number or self._book.find(self.pile, number) is not None:
            return
        self._ledger.set_balance(account, balance_mfen)
        self._book.add(
            Order(
                pile=self.pile,
                gun=gun,
                number=number,
                account=account,
                login=login,
                balance_mfen=balance_mfen,
                tariff=tariff,
                firmware=self._peer.firmware,
                authorised_ns=now_ns,
                answered_ns=now_ns if answered else None,
            )
        )

    def _started(self, now_ns: int, message: Start) -> None:
        if message.order:
            self._put_order(
                now_ns,
                message.gun,
                message.order,
                message.account or "",
                login=message.login,
                balance_mfen=message.balance_mfen or 0,
                answered=True,
            )
        order = self._meant(message.gun, message.account, message.order)
        if order is not None:
            self._book.put(replace(order, held_start_ns=None, start_ns=now_ns))

    def _stopped(self, now_ns: int, message: Stop) -> None:
        order = self._book.running(self.pile, message.gun)
        if order is None or message.account not in (None, order.account):
            order = self._meant(message.gun, message.account, None)
        if order is not None and message.accepted:
            self._book.put(replace(order, held_start_ns=None, stop_ns=now_ns))

    def _meant(self, gun: int, account: str | None, number: str | None) -> Order | None:
        """The order that a command names, else the gun's latest (of `account`)."""
        if number:
            return self._book.find(self.pile, number)
        return self._book.last(self.pile, gun, lambda order: account in (None, order.account))
