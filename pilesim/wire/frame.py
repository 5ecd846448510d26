"""What the framer yields: frames and garbage, with whatever is wrong about them as data.

Owns the neutral shapes between bytes and messages; must not know sockets, clocks or any one protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from pilesim.wire.messages import Message


class End(StrEnum):
    """One end of the line."""

    PILE = "pile"
    PLATFORM = "platform"

    __hash__ = str.__hash__
    """A member is its text; Enum's own hash is many times slower, and every frame is looked up by this one."""

    @property
    def other(self) -> End:
        return _OTHER[self]

    @property
    def sends(self) -> Direction:
        """The direction in which this end sends."""
        return _SENDS[self]


class Direction(StrEnum):
    """Absolute: up is from the pile to the platform."""

    UP = "up"
    DOWN = "down"

    __hash__ = str.__hash__
    """As of `End`."""

    @property
    def sender(self) -> End:
        return _SENDER[self]

    @property
    def receiver(self) -> End:
        return _OTHER[_SENDER[self]]


# Python 3.11 finds a member of an enumeration by a call: what every frame asks for is looked up once.
UP: Final = Direction.UP
DOWN: Final = Direction.DOWN
_SENDER = {UP: End.PILE, DOWN: End.PLATFORM}
_SENDS = {end: way for way, end in _SENDER.items()}
_OTHER = {End.PILE: End.PLATFORM, End.PLATFORM: End.PILE}


class ProblemKind(StrEnum):
    """What can be wrong with a frame that was found."""

    CHECKSUM = "checksum"
    BYTE_ORDER = "byte-order"
    """Bytes of a number, or of the checksum, the other way round than the protocol has them."""
    SHORT = "short"
    """The body is shorter than its layout."""
    LONG = "long"
    """The body is longer than its layout: a later version's, perhaps."""
    TAIL_ABSENT = "tail-absent"
    """The body ends where an earlier version of the layout does."""
    VERSION = "version"
    PILE = "pile"
    """The pile number is not one."""
    GUN = "gun"
    RANGE = "range"
    """A field is outside its range."""
    ENUM = "enum"
    """A value that the protocol does not list."""
    TIME = "time"
    """An impossible date."""
    UNKNOWN = "unknown"
    """A message number that the protocol does not list."""
    DIRECTION = "direction"
    """A message that only the other end sends."""
    ENCRYPTED = "encrypted"
    PEER = "peer"
    """What peers are known to send with another meaning than the protocol gives it."""


class Problem(msgspec.Struct, frozen=True, gc=False):
    """One thing wrong: `text` says where, what was expected and what was found. `field` may be ""."""

    kind: ProblemKind
    text: str
    field: str = ""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame as the envelope tells it, in any protocol.

    `sequence` is the sender's own number, `answers` the other side's number that it carries (0 or None where
    it answers nothing or the protocol has none). Where frames carry one number only, a reply's is that of its
    request, and stands in both. `problems` are those of the envelope only.
    """

    raw: bytes
    direction: Direction
    number: int
    """The message number: EV-Link's command, YKC's type."""
    body: bytes
    pile: str | None
    """None where the frame carries none, or not one."""
    gun: int | None
    """None where the frame carries none: it is about the whole pile, or tells its order only."""
    sequence: int
    answers: int | None
    problems: tuple[Problem, ...] = ()

    def __hash__(self) -> int:
        # Everything else follows from them, and bytes remember their own.
        return hash(self.raw)

    @property
    def sound(self) -> bool:
        """The checksum is right: the body may be believed."""
        return not self.problems or all(p.kind is not ProblemKind.CHECKSUM for p in self.problems)

    @property
    def encrypted(self) -> bool:
        """The body is not plain: it is kept, and never guessed at."""
        return bool(self.problems) and any(p.kind is ProblemKind.ENCRYPTED for p in self.problems)


class Garbage(msgspec.Struct, frozen=True, gc=False):
    """Bytes between frames. `reason` says what was expected and found where a frame had seemed to start."""

    raw: bytes
    reason: str


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """A frame and what it means. `message` is None where its bytes cannot be believed or do not fit.

    `problems` are those of the envelope and of the body.
    """

    frame: Frame
    title: str
    """The message's number and names for a person: `0x14 start 启动充电`."""
    message: Message | None
    problems: tuple[Problem, ...]
    untold: frozenset[str] = frozenset()
    """Fields of the message that it would carry and that a log does not tell: None in it, or as they usually are."""


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field of a frame for people to look at: where it lies, its bytes, its value and unit."""

    name: str
    offset: int
    """From the first byte of the frame."""
    raw: bytes
    value: str
    unit: str = ""
    provisional: bool = False
    note: str = ""
    parts: tuple[FieldView, ...] = ()
    """The fields of its records, where it is made of some."""
