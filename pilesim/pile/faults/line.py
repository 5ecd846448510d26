"""Faults of line and frames: does not come back, forgets on the way, speaks malformed, does not answer.

Owns how a firmware spoils its end of the conversation. Must not know any layout: a frame is bytes here.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import structs

from pilesim.faulty import NoParameters
from pilesim.pile.faults.fault import Fault
from pilesim.quantities import Duration
from pilesim.units import MINUTE, format_duration
from pilesim.wire.frame import Frame
from pilesim.wire.messages import AuthoriseReply, Bill, Message, StartReply, StopReason, StopReply

_REPLIES = (AuthoriseReply, StartReply, StopReply)
_GUNS_OFF = 50
"""Beyond the guns of any pile, and within what two decimal digits hold."""
_NO_CODE = 0xFF
_REPLY_NAMES = tuple(kind.name for kind in _REPLIES)


class NeverRedials(Fault[NoParameters]):
    name = "never-redials"
    title = "After a lost line the pile does not dial again."
    catches = ("link.reconnects",)
    case = "zpd-1"

    def redial_after_ns(self, usual_ns: int) -> int | None:
        self.happened("the line is lost for good")
        return None


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kept: Duration = Duration(2 * MINUTE)
    """How long a connection lasts."""


class DropsTheLine(Fault[Kept]):
    name = "drops-the-line"
    title = "The pile hangs up again and again, and dials anew."
    catches = ("link.stable",)
    case = "zpd-1"
    parameters = Kept

    def hangs_up_after_ns(self) -> int | None:
        self.happened(f"a connection is kept for {format_duration(self.params.kept)}")
        return int(self.params.kept)


class LosesOrderOnFlap(Fault[NoParameters]):
    name = "loses-order-on-flap"
    title = "Losing the line ends the authorised order and the charge."
    catches = ("link.flap-keeps-order",)
    case = "szds-33, zpd-1"

    def keeps_order_without_line(self, order: str) -> bool:
        self.happened(f"order {order!r} ends with the line")
        return False


class WrongSequence(Fault[NoParameters]):
    name = "wrong-sequence"
    title = "Replies carry the sequence number after their request's."
    catches = ("frame.echo",)

    def answered_frame(self, frame: Frame) -> Frame:
        self.happened(f"the reply to sequence {frame.sequence} carries another")
        frame = self.inner.answered_frame(frame)
        return msgspec.structs.replace(frame, sequence=frame.sequence % 0xFFFF + 1)


class EveryNth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    every: Annotated[int, msgspec.Meta(ge=1)] = 4
    """Each how-many-th frame it befalls."""


class WrongLength(Fault[EveryNth]):
    name = "wrong-length"
    title = "Now and then a frame lacks a byte of its body."
    catches = ("frame.valid",)
    parameters = EveryNth

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._sent = 0

    def outgoing_bytes(self, message: Message, data: bytes) -> bytes:
        data = self.inner.outgoing_bytes(message, data)
        self._sent += 1
        if self._sent % self.params.every:
            return data
        self.happened(f"frame {self._sent}, {message.name}, lacks a byte")
        return data[:-3] + data[-2:]


class WrongGun(Fault[NoParameters]):
    name = "wrong-gun"
    title = "Replies to commands name a gun that the pile does not have."
    catches = ("frame.valid", "frame.echo")

    def outgoing(self, message: Message) -> Message:
        message = self.inner.outgoing(message)
        if not isinstance(message, _REPLIES):
            return message
        wrong = structs.replace(message, gun=message.gun + _GUNS_OFF)
        self.happened(f"{message.name} of gun {message.gun} names gun {wrong.gun}")
        return wrong


class WrongEnum(Fault[NoParameters]):
    name = "wrong-enum"
    title = "Bills carry a stop reason that no list has."
    # As a SHOULD, told once: a later version may list the value.
    catches = ("frame.valid",)

    def outgoing(self, message: Message) -> Message:
        message = self.inner.outgoing(message)
        if isinstance(message, Bill) and message.stop_reason is not None:
            self.happened(f"the bill of order {message.order!r} carries an unlisted stop reason")
            return structs.replace(message, stop_reason=StopReason.UNKNOWN, stop_code=_NO_CODE)
        return message


class Which(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    message: str = AuthoriseReply.name
    """The reply that is not sent."""

    def __post_init__(self) -> None:
        if self.message not in _REPLY_NAMES:
            raise ValueError(f"expected a reply of the pile, one of {', '.join(_REPLY_NAMES)}; found {self.message!r}")


class NoReply(Fault[Which]):
    name = "no-reply"
    title = "A command is carried out and not answered."
    catches = ("auth.answered", "start.answered", "stop.answered")
    parameters = Which

    def answers(self, reply: Message) -> bool:
        if reply.name != self.params.message:
            return self.inner.answers(reply)
        self.happened(f"gun {reply.gun}: {reply.name} is not sent")
        return False


class ChokesOnGarbage(Fault[NoParameters]):
    name = "chokes-on-garbage"
    title = "After bytes that are no frame the pile hears nothing more on this connection."
    catches = ("frame.survives-garbage",)

    def hears_on_after_garbage(self) -> bool:
        self.happened("the pile is deaf")
        return False


GROUP: tuple[type[Fault[Any]], ...] = (
    NeverRedials,
    DropsTheLine,
    LosesOrderOnFlap,
    WrongSequence,
    WrongLength,
    WrongGun,
    WrongEnum,
    NoReply,
    ChokesOnGarbage,
)
