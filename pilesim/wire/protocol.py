"""What every protocol is to the rest: a framer, a decoder, a session that builds, a catalogue.

Owns the interface and the registry of protocols by name; must not know any layout, socket or clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from pilesim.errors import UsageError
from pilesim.wire.frame import Decoded, Direction, End, FieldView, Frame, Garbage
from pilesim.wire.messages import Message

GAP_NS = 500_000_000
"""After this much silence a frame that is not whole will never be."""

FRAMES_REMEMBERED = 16_384
"""Both ends, the player and, when a scenario is over, the judge see the same frame: so many are kept, 1 KB each."""

DEFAULT_PROTOCOL = "lhc"


class Trust(StrEnum):
    """Where a layout comes from."""

    PUBLISHED = "published"
    INFERRED = "inferred"
    PROVISIONAL = "provisional"


@dataclass(frozen=True, slots=True)
class Row:
    """One message in a protocol's catalogue, as `pilesim messages` lists it."""

    number: int
    direction: Direction
    name: str
    chinese: str
    means: type[Message] | None
    """The message by meaning, or None where it is kept as bytes."""
    reply: int | None = None
    since: str = ""
    trust: Trust = Trust.PUBLISHED
    size: str = ""
    """Body size in bytes as a text: `11`, `78 + 2N`."""


class Framer(ABC):
    """Stream to frames and garbage, for one direction of one connection. Any chunking gives the same."""

    @abstractmethod
    def feed(self, data: bytes, now_ns: int) -> list[Frame | Garbage]:
        """Take bytes that arrived at `now_ns`; after `GAP_NS` of silence the rest of the old ones is over."""

    @abstractmethod
    def gap(self) -> list[Frame | Garbage]:
        """The line has been silent for `GAP_NS` or is down: give out what cannot become a frame."""

    @property
    @abstractmethod
    def pending(self) -> bytes:
        """Bytes held because they may yet become a frame; bounded by the longest frame."""


class Session(ABC):
    """One side of one connection, building frames with its sequence numbers."""

    @abstractmethod
    def build(self, message: Message, answering: Frame | None = None) -> bytes:
        """The frame of `message`; `answering` is the request it replies to.

        Raises EncodingError where the protocol has no such message or a value does not fit its field.
        """

    @abstractmethod
    def reset(self) -> None:
        """A new connection: numbers begin again where the protocol says so."""


class Protocol(ABC):
    """One protocol, one version."""

    name: str
    title: str
    provisional: str
    """What of it is not published, in a sentence; empty where all is."""
    catalogue: tuple[Row, ...]

    @abstractmethod
    def framer(self, direction: Direction) -> Framer:
        """A framer for the bytes that go in `direction`."""

    def __init__(self) -> None:
        self.decode = lru_cache(FRAMES_REMEMBERED)(self.interpret)
        """As `interpret`, remembered."""

    @abstractmethod
    def interpret(self, frame: Frame) -> Decoded:
        """What a frame means, with all that is wrong about it. Never raises."""

    @abstractmethod
    def dissect(self, frame: Frame) -> Sequence[FieldView]:
        """Every field of a frame, envelope and body, in order, for people. Never raises."""

    @abstractmethod
    def session(self, side: End, pile: str) -> Session:
        """A builder for one side of a connection of the pile with number `pile`."""

    @abstractmethod
    def new_order(self, pile: str, gun: int, epoch_ns: int, serial: int) -> str:
        """A fresh order number as this protocol writes them, from place, time and a serial number."""

    @abstractmethod
    def normal_order(self, order: str) -> str:
        """An order number as messages carry it: a person's text, padding removed."""

    def row(self, number: int, direction: Direction) -> Row | None:
        for row in self.catalogue:
            if row.number == number and row.direction is direction:
                return row
        return None


def protocol_named(name: str) -> Protocol:
    """The protocol called `name`; UsageError lists the known ones."""
    known = protocols()
    if name not in known:
        raise UsageError(f"expected a protocol, one of {', '.join(known)}; found {name!r}")
    return known[name]


def protocols() -> dict[str, Protocol]:
    """Every protocol by name, the default first."""
    from pilesim.wire.evlink.protocol import EVLINK_PROTOCOLS  # noqa: PLC0415 (a protocol imports this module)

    return {p.name: p for p in sorted(EVLINK_PROTOCOLS, key=lambda p: p.name != DEFAULT_PROTOCOL)}
