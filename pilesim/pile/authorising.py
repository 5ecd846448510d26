"""How an order comes to a gun: by a scan, which the platform tells, or by a card, of which it is asked.

Owns the question that a card asks. Must not know what a held order comes to.
"""

from __future__ import annotations

from pilesim.pile.ask import Ask
from pilesim.pile.order import GunOrder
from pilesim.pile.starts import Starts
from pilesim.pile.store import Authorisation
from pilesim.pile.works import Works
from pilesim.units import S
from pilesim.wire.frame import Frame
from pilesim.wire.messages import Authorise, AuthoriseReply, CardAsk, CardReply, Login

CARD_ASK_NS = 10 * S
"""How long a card waits for the platform's word."""


class Authorising:
    """The scans and cards of one gun."""

    def __init__(self, gun: int, works: Works, order: GunOrder, starts: Starts) -> None:
        self._gun = gun
        self._works = works
        self._order = order
        self._starts = starts
        self._ask = Ask(works.timeline, CARD_ASK_NS)

    def ask(self, account: str) -> None:
        """A card that may start a charge is held to the reader. Off-line that is dead."""
        uplink = self._works.uplink
        if uplink.up:
            self._ask.begin(account)
            uplink.send(CardAsk(gun=self._gun, login=Login.CARD, account=account))

    def authorise(self, message: Authorise, request: Frame, connection: int) -> None:
        """The scan, or the answer to a card."""
        by_card = self._ask.account == message.account
        if by_card:
            self._ask.end()
        else:
            reply = AuthoriseReply(
                gun=self._gun, login=message.login, account=message.account, credential=message.credential
            )
            self._works.uplink.reply(reply, request, connection)
        if message.accepted:
            self._order.scanned(
                Authorisation(
                    order=message.order,
                    account=message.account,
                    login=message.login,
                    credential=message.credential,
                    balance_mfen=message.balance_mfen,
                    tariff=message.tariff,
                    since_ns=self._works.now_ns,
                )
            )
            held = self._order.held
            if by_card and held is not None and not self._order.busy:
                self._starts.by_card(held)

    def answered(self, message: CardReply) -> None:
        """The platform's word on a card, where it is no authorisation."""
        account, tariff = self._ask.account, self._works.store.tariff
        self._ask.end()
        if account is None or not message.accepted or tariff is None or self._order.busy:
            return
        self._starts.by_card(
            Authorisation(
                order=message.order,
                account=account,
                login=Login.CARD,
                credential="",
                balance_mfen=message.balance_mfen,
                tariff=tariff,
                since_ns=self._works.now_ns,
            )
        )

    def ask_no_longer(self) -> None:
        """Nobody is left to hear an answer."""
        self._ask.end()
