"""What stops a charge, or an order before it: the platform's command, and the user at the pile.

Owns the question that a stop at the pile asks of the platform. Must not know what a stop does to the charge.
"""

from __future__ import annotations

from pilesim.pile.ask import Ask
from pilesim.pile.charging import Charging
from pilesim.pile.order import GunOrder
from pilesim.pile.starts import Starts
from pilesim.pile.works import Works
from pilesim.units import S
from pilesim.wire.frame import Frame
from pilesim.wire.messages import Stop, StopAsk, StopReason, StopReply

STOP_ASK_NS = 5 * S
"""How long a stop at the pile waits for the platform's word."""


class Stops:
    """The stops of one gun."""

    def __init__(self, gun: int, works: Works, charging: Charging, order: GunOrder, starts: Starts) -> None:
        self._gun = gun
        self._works = works
        self._charging = charging
        self._order = order
        self._starts = starts
        self._ask = Ask(works.timeline, STOP_ASK_NS)

    def button(self) -> None:
        """The user ends at the pile what is under way: with the platform's word, or without it where none comes."""
        uplink, charge, held = self._works.uplink, self._charging.charge, self._order.held
        if charge is None:
            if held is not None:
                self._order.fail(held)
        elif not uplink.up or not uplink.carries(StopAsk):
            self._at_pile()
        elif self._ask.account is None:
            running = charge.authorisation
            self._ask.begin(running.account, self._at_pile)
            uplink.send(
                StopAsk(gun=self._gun, login=running.login, account=running.account, credential=running.credential)
            )

    def _at_pile(self) -> None:
        self._charging.end(StopReason.AT_PILE)

    def command(self, message: Stop, request: Frame, connection: int) -> None:
        """The remote stop, or the answer to a stop asked for at the pile."""
        own = self._order.own
        asked = self._ask.account is not None and message.account in (None, self._ask.account)
        if not asked:
            idle = own is None and not self._starts.waits
            reply = StopReply(
                gun=self._gun,
                login=message.login,
                account=message.account,
                accepted=not idle,
                reason=self._works.contract.nothing_to_stop if idle else 0,
            )
            self._works.uplink.reply(reply, request, connection)
        self._starts.wait_no_longer()
        if own is None or message.account not in (None, own.account):
            return
        if asked:
            self._ask.end()
        if not message.accepted:
            return
        if self._charging.charge is None:
            if not own.starting or self._works.behaviour.obeys_stop(own):
                self._order.withdraw(own)
        elif self._works.behaviour.obeys_stop(own):
            self._charging.end(StopReason.AT_PILE if asked else StopReason.PLATFORM)

    def ask_no_longer(self) -> None:
        """The charge is over, however: its user waits for nothing."""
        self._ask.end()
