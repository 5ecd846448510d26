"""What every protocol is to the rest: a framer, a decoder, a session that builds, a catalogue.

Owns the interface and the registry of protocols by name; must not know any layout, socket or clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

from pilesim.errors import UsageError
from pilesim.wire.frame import Decoded, Direction, End, FieldView, Frame, Garbage
from pilesim.wire.messages import Message

GAP_NS = 500_000_000
"""After this much silence a frame that is not whole will never be."""

FRAMES_REMEMBERED = 16_384
"""So many of a recording's latest frames are looked through for one that passed the other end; and what so many mean is
remembered where the judge reads a scenario's frames again when that is over."""
FRAMES_AT_HAND = 256
"""What so many of the latest bytes mean is remembered, since both ends, the player and the recorder read them one after
the other; more would only crowd out what is near the processor."""

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

    def at_once(self, data: bytes, now_ns: int) -> Frame | None:
        """The frame that all of `data` is, where nothing is held and nothing is wrong; None leaves it to `feed`."""
        return None

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
    pile_digits: int
    """As many decimal digits make a pile number."""
    account_digits: int
    """As many digits an account has at most."""
    firmware_length: int
    """As many characters of the firmware's version a Hello has room for."""
    options: Mapping[str, str]
    """What a name may choose among the protocol's ways, all of them, as they are chosen."""
    overlay: str = ""
    """The text of the overlay that made it of another protocol, so that a recording can keep it; "" for any other."""
    origin: str = ""
    """The name of that other protocol."""

    @abstractmethod
    def framer(self, direction: Direction) -> Framer:
        """A framer for the bytes that go in `direction`."""

    def __init__(self) -> None:
        self.options = {}
        self._carried: dict[type[Message], bool] = {}
        self.decode = self.interpret
        """As `interpret`, remembered."""
        Protocol.remember(self, FRAMES_AT_HAND)

    def remember(self, frames: int) -> None:
        """From now on it remembers what so many frames mean, which it does not reckon out again."""
        self.decode = lru_cache(frames)(self.interpret)

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

    def normal_account(self, account: str) -> str:
        """An account as messages carry it."""
        return account

    def carries(self, kind: type[Message]) -> bool:
        """Whether any of its messages means `kind`."""
        if kind not in self._carried:
            self._carried[kind] = any(row.means is kind for row in self.catalogue)
        return self._carried[kind]

    def tells(self, kind: type[Message], attribute: str) -> bool:
        """Whether a message that means `kind` has a field of its own for `attribute`."""
        return self.carries(kind)

    def pile_number(self, text: str) -> str:
        """`text`, which is a pile number of this protocol; UsageError where it is none."""
        if len(text) == self.pile_digits and text.isascii() and text.isdecimal():
            return text
        raise UsageError(f"expected a pile number of {self.pile_digits} digits, found {text!r}")

    def chosen(self, options: Mapping[str, str]) -> Protocol:
        """This protocol with `options` chosen by name; UsageError where it has no such option or choice."""
        if not options:
            return self
        raise UsageError(f"expected no options after {self.name}, found {', '.join(options)}")

    @property
    def tolerant(self) -> Protocol:
        """The same protocol, taking whatever way of its options a peer uses: for bytes of which nothing is known."""
        return self

    def row(self, number: int, direction: Direction) -> Row | None:
        for row in self.catalogue:
            if row.number == number and row.direction is direction:
                return row
        return None


def protocol_named(name: str) -> Protocol:
    """The protocol called `name`, with its options as in a URL: `NAME?option=choice&option=choice`.

    It is one of pilesim's, one of another package's (`wire.offered`), or a dialect: the file of its overlay, or the
    name of one that was read before. UsageError lists what is known.
    """
    return with_options(_called(name.partition("?")[0]), name)


def with_options(spoken: Protocol, name: str) -> Protocol:
    """`spoken` with the options of `name`; UsageError where they are none of its own."""
    _, _, query = name.partition("?")
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        option, equals, choice = part.partition("=")
        if not equals or option in options:
            raise UsageError(f"{name}: expected options as NAME?option=choice&option=choice, each once; found {part!r}")
        options[option] = choice
    return spoken.chosen(options)


def _called(name: str) -> Protocol:
    known = own_protocols()
    if name in known:
        return known[name]
    from pilesim.wire import dialects, offered  # noqa: PLC0415 (they read protocols, and most runs need neither)

    if dialects.is_file(name):
        return dialects.read(name)
    found = dialects.remembered(name) or offered.protocol(name)
    if found is None:
        raise UsageError(
            f"expected a protocol, one of {', '.join(protocols())}, or a dialect's file (.yaml); found {name!r}"
        )
    return found


def protocols() -> dict[str, Protocol]:
    """Every protocol by name: pilesim's own, the default first, then those of other packages."""
    from pilesim.wire import offered  # noqa: PLC0415 (as above)

    return own_protocols() | offered.protocols()


@cache
def own_protocols() -> dict[str, Protocol]:
    """Those that travel with pilesim, the default first."""
    from pilesim.wire.evlink.protocol import EVLINK_PROTOCOLS  # noqa: PLC0415 (a protocol imports this module)
    from pilesim.wire.ykc.protocol import YKC_PROTOCOLS  # noqa: PLC0415 (as above)

    every = (*EVLINK_PROTOCOLS, *YKC_PROTOCOLS)
    return {p.name: p for p in sorted(every, key=lambda p: p.name != DEFAULT_PROTOCOL)}
