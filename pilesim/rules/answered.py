"""Answers in time: auth.answered, start.answered, stop.answered, and the platform's replies.

Owns what a request is owed. Must not know what the answers mean for an order.
"""

from __future__ import annotations

from typing import ClassVar

from pilesim.rules.rule import PERHAPS_CUT, Duty, Rule, RuleRow, Scene, Waits, perhaps_cut
from pilesim.trace.decoder import Seen
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
    GunReport,
    GunReportReply,
    Hello,
    HelloReply,
    LockAsk,
    LockTell,
    Message,
    Reserve,
    ReserveReply,
    Start,
    StartReply,
    Stop,
    StopAsk,
    StopReply,
    TariffAsk,
    TariffTell,
    TimeAsk,
    TimeTell,
)


class Answered(Rule):
    """Each request of some kinds, sent unasked, gets its reply."""

    requests: ClassVar[tuple[type[Message], ...]]

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._hears = row.judges.other.sends
        self._waiting: dict[int, Duty] = {}
        self._asked = frozenset(self.requests) & self.contract.replies.keys()
        self._replies: dict[int, str] = {}
        """By the request's number: what is expected, in words."""

    def on_seen(self, seen: Seen, message: Message) -> None:
        at = self.facts.at
        if at.request is not None:
            duty = self._waiting.pop(at.request.seen.index, None)
            if duty is not None:
                self.met(duty, seen.t_ns)
        if type(message) in self._asked and seen.direction is self._hears and not at.asked:
            if seen.altered:
                self.open("suspended: the line altered the request")
                return
            if self._waiting:
                self._waiting = {index: duty for index, duty in self._waiting.items() if not duty.closed}
            self._waiting[seen.index] = self.expect(
                self._reply_to(seen),
                since_ns=seen.t_ns,
                waits=Waits.REPLY,
                asked=seen,
                gun=message.gun,
                order=at.order,
                missed=self._silent,
            )

    def _silent(self, duty: Duty, now_ns: int) -> None:
        """No answer came. Where nobody was heard for longer than a pile is silent, the line may have been down."""
        silent_ns = min(duties.silent_ns(now_ns) for duties in self.scene.duties.values())
        asked = duty.asked.decoded.message if duty.asked is not None else None
        if not self.facts.cuts_known and isinstance(asked, Hello) and Hello in self.facts.pairs.answered:
            self.open(f"{PERHAPS_CUT}, and each hello is of one of its own")
        elif not self.facts.cuts_known and silent_ns > self.scene.limit("beat.period").value:
            self.open(perhaps_cut(silent_ns))
        else:
            self._missed(duty, now_ns)

    def _reply_to(self, seen: Seen) -> str:
        """The reply's number and names, and the request's, as the catalogue gives them."""
        frame = seen.decoded.frame
        if frame.number not in self._replies:
            asked = self.scene.protocol.row(frame.number, frame.direction)
            number = asked.reply if asked is not None else None
            row = self.scene.protocol.row(number, self.row.judges.sends) if number is not None else None
            reply = f"0x{row.number:02X} {row.name} {row.chinese}" if row is not None else "the reply"
            self._replies[frame.number] = f"{reply} to {seen.decoded.title}"
        return self._replies[frame.number]


class AuthAnswered(Answered):
    """A scan is answered."""

    wants = (Authorise, AuthoriseReply)
    requests = (Authorise,)


class StartAnswered(Answered):
    """A start is answered; bills that leave before the answer stop the clock."""

    wants = (Start, StartReply, Bill)
    requests = (Start,)

    def on_seen(self, seen: Seen, message: Message) -> None:
        if not isinstance(message, Bill):
            super().on_seen(seen, message)
            return
        more = self.contract.bill_next_ns if self.facts.unsent_due() else 0
        for duty in self._waiting.values():
            if not duty.closed:
                self.duties.restart(duty, seen.t_ns, self.limit_ns + more)


class StopAnswered(Answered):
    """A remote stop is answered, whether the gun charges or not."""

    wants = (Stop, StopReply, StopAsk)
    requests = (Stop,)


class PlatformReplies(Answered):
    """The platform answers what a pile asks."""

    requests = (Hello, Alive, TimeAsk, TariffAsk, GunReport, Reserve, StopAsk, CardAsk, AccountAsk, LockAsk)
    wants = (
        *requests,
        *(HelloReply, AliveReply, TimeTell, TariffTell, GunReportReply, ReserveReply, Stop, Authorise, CardReply),
        *(AccountTell, LockTell),
    )


class BillAcked(Answered):
    """Each bill is acknowledged with its own order."""

    wants = (Bill, BillReply)
    requests = (Bill,)

    def on_seen(self, seen: Seen, message: Message) -> None:
        request = self.facts.at.request
        if isinstance(message, BillReply) and request is not None and not seen.altered:
            asked = request.message
            if isinstance(asked, Bill) and asked.order != message.order:
                duty = self._waiting.pop(request.seen.index, None)
                self.drop(duty)
                self.failed(
                    f"the order of the bill, {asked.order or 'none'}",
                    f"order {message.order or 'none'}",
                    seen=seen,
                    gun=message.gun,
                    number=asked.order,
                )
                return
        super().on_seen(seen, message)
