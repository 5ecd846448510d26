"""Numbers of a recording replaced by others, so that it can be sent on: orders, accounts, cards, VINs, piles.

Owns which fields are masked, and how. Must not know any protocol's layout. The same number has the same mask wherever
it stands, of the same length and kind of digits, so that frames keep their size and their verdict; the mask is drawn by
a keyed hash (HMAC-SHA256), and who lacks the key cannot turn it back. What no field explains (garbage, messages without
a layout) has the numbers masked that are known from elsewhere, whole or cut off, and its other long runs of digits.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from msgspec.structs import replace

from pilesim.errors import UsageError
from pilesim.trace.events import AnyEvent, Chunk, Finish, Impaired, LineDown, LineUp, Mention, Note, Stimulus, Trace
from pilesim.wire.frame import Direction, End, FieldView, Frame, Garbage
from pilesim.wire.protocol import Framer, Protocol, protocol_named
from pilesim.wire.tabled import TabledProtocol


class Kind(Enum):
    """What a number is of."""

    PILE = auto()
    ORDER = auto()
    ACCOUNT = auto()


MASKED: Mapping[str, Kind] = {
    "pile": Kind.PILE,
    "order": Kind.ORDER,
    **dict.fromkeys(("account", "card", "logic_card", "physical_card", "vin", "sim", "password"), Kind.ACCOUNT),
    **dict.fromkeys(("user", "meter_number"), Kind.ACCOUNT),
}
"""The fields that are masked, by the names that people see. The password is one of a charge, or its hash."""

_LONG = 6
"""Fewer digits are found in a text only where they stand alone: so few are many a number."""
_SHORT = 2
_DRAWN = 4
"""So many digits at least of an order are drawn anew, or all of them."""
_TIME = re.compile(
    r"(?:20)?\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d[0-5]\d",
)
"""A date with its time of day, as many orders have it."""
_RUN = re.compile(rf"\d{{{_LONG},}}")


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked recording. `numbers`: so many different ones have a mask; `unread`: bytes that no frame explains;
    `encrypted`: frames whose bodies cannot be read, and stay as they are."""

    trace: Trace
    numbers: int
    unread: int
    encrypted: int


def masked(trace: Trace, key: bytes) -> Masked:
    """`trace` with its numbers masked; the same `key` gives the same masks. UsageError where the checksums of its
    protocol cannot be made right again."""
    protocol = protocol_named(trace.header.protocol)
    if not isinstance(protocol, TabledProtocol) or protocol.envelope.outline is None:
        raise UsageError(
            f"--mask: expected a protocol made of tables, found {protocol.name}, which only its code knows"
        )
    return _Masker(trace, protocol, _Masks(key)).masked()


class _Masks:
    """The numbers that are known, and the mask of each, without the zeros that pad them."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.known: dict[str, str] = {}
        self._given: set[str] = set()
        self.piles: list[str] = []
        self._pattern: re.Pattern[str] | None = None

    def field(self, text: str, kind: Kind) -> str:
        """The mask of what a field holds."""
        core = text.lstrip("0")
        if not any(char.isalnum() for char in core) or set(core) <= {"F"}:
            return text
        if core not in self.known:
            self._give(core, kind)
        return text[: len(text) - len(core)] + self.known[core]

    def _give(self, core: str, kind: Kind) -> None:
        keep = self._kept(core) if kind is Kind.ORDER else {}
        for attempt in range(1000):
            drawn = self._drawn(core, keep, attempt)
            if drawn not in self._given and drawn != core:
                break
        self.known[core] = drawn
        self._given.add(drawn)
        self._pattern = None
        if kind is Kind.PILE and core not in self.piles:
            self.piles.append(core)

    def _kept(self, order: str) -> dict[int, str]:
        """The characters of an order that are not drawn, by their places: its pile's mask, and its time."""
        keep: dict[int, str] = {}
        begin = 0
        for pile in self.piles:
            at = order.find(pile)
            if at >= 0:
                keep |= {at + i: char for i, char in enumerate(self.known[pile])}
                begin = at + len(pile)
                break
        times = list(_TIME.finditer(order, begin))
        if times:
            match = times[0]
            keep |= {match.start() + i: char for i, char in enumerate(match[0])}
        return keep if len(order) - len(keep) >= _DRAWN else {}

    def _drawn(self, core: str, keep: Mapping[int, str], attempt: int) -> str:
        seed = hmac.digest(self._key, f"{attempt} {core}".encode(), "sha256")
        made = []
        for at, char in enumerate(core):
            if at % len(seed) == 0 and at:
                seed = hmac.digest(self._key, seed, "sha256")
            made.append(keep.get(at) or _like(char, seed[at % len(seed)], first=at == 0))
        return "".join(made)

    def text(self, text: str) -> str:
        """A text with the numbers that are known masked."""
        if not self.known:
            return text
        if self._pattern is None:
            words = sorted(self.known, key=len, reverse=True)
            # A digit or two are no number that anybody would know again.
            parts = [_found(word) for word in words if len(word) > _SHORT]
            self._pattern = re.compile("|".join(parts) or "(?!)")
        return self._pattern.sub(self._replaced, text)

    def _replaced(self, match: re.Match[str]) -> str:
        core = match[0].lstrip("0")
        return match[0][: -len(core)] + self.known[core]

    def loose(self, text: str) -> str:
        """A text of which nothing is known: what is left of a number at its ends, and any run of digits, goes too."""
        done = self.text(text)
        return _RUN.sub(lambda run: run[0] if run[0] not in text else self._drawn(run[0], {}, 0), done)


def _found(core: str) -> str:
    """The pattern of a number in a text: wherever it stands, a short one only by itself, with zeros before it."""
    word = re.escape(core)
    return word if len(core) >= _LONG else rf"(?<![0-9A-Za-z])0*{word}(?![0-9A-Za-z])"


def _like(char: str, drawn: int, first: bool) -> str:
    """Another character of the same kind; the first digit is no zero, which would be padding."""
    if char.isascii() and char.isdigit():
        return str(1 + drawn % 9) if first else str(drawn % 10)
    if char.isascii() and char.isalpha():
        # No I, O or Q, which a VIN has not, and hexadecimal digits stay some.
        letters = "ABCDEF" if char.upper() in "ABCDEF" else "GHJKLMNPRSTUVWXYZ"
        letter = letters[drawn % len(letters)]
        return letter if char.isupper() else letter.lower()
    return char


class _Lane:
    """One direction at one end: what passed there, in its parts."""

    def __init__(self, framer: Framer) -> None:
        self.framer = framer
        self.parts: list[Frame | Garbage] = []


class _Masker:
    def __init__(self, trace: Trace, protocol: TabledProtocol, masks: _Masks) -> None:
        self._trace = trace
        self._protocol: Protocol = protocol
        self._envelope = protocol.envelope
        self._masks = masks
        self._unread = 0
        self._encrypted = 0

    def masked(self) -> Masked:
        lanes = self._lanes()
        header = self._trace.header
        frames = [part for lane in lanes.values() for part in lane.parts if isinstance(part, Frame)]
        # Piles first: an order may have its pile's number in it.
        for pile in dict.fromkeys([header.pile, *(frame.pile for frame in frames if frame.pile)]):
            self._masks.field(pile, Kind.PILE)
        fielded = {frame.raw: self._fields(frame) for frame in frames}
        for event in self._trace.events:
            if isinstance(event, Mention):
                self._masks.field(event.order or "", Kind.ORDER)
                self._masks.field(event.account or "", Kind.ACCOUNT)
        streams = {
            key: b"".join(
                self._sealed(fielded[part.raw], part.raw) if isinstance(part, Frame) else self._garbage(part.raw)
                for part in lane.parts
            )
            for key, lane in lanes.items()
        }
        at = dict.fromkeys(streams, 0)

        def taken(chunk: Chunk) -> bytes:
            key = (chunk.end, chunk.direction)
            at[key] += len(chunk.data)
            return streams[key][at[key] - len(chunk.data) : at[key]]

        events = tuple(self._event(event, taken) for event in self._trace.events)
        told = replace(
            header,
            pile=self._masks.field(header.pile, Kind.PILE),
            source=self._masks.text(header.source),
            target=self._masks.text(header.target),
        )
        return Masked(Trace(told, events), len(self._masks.known), self._unread, self._encrypted)

    def _lanes(self) -> dict[tuple[End, Direction], _Lane]:
        """What passed, cut into frames and what is none, as the decoder cuts it."""
        lanes: dict[tuple[End, Direction], _Lane] = {}
        for event in self._trace.events:
            match event:
                case Chunk():
                    key = (event.end, event.direction)
                    if key not in lanes:
                        lanes[key] = _Lane(self._protocol.framer(event.direction))
                    lanes[key].parts += lanes[key].framer.feed(event.data, event.t_ns)
                case LineUp() | LineDown():
                    for (end, _), lane in lanes.items():
                        if end is event.end:
                            lane.parts += lane.framer.gap()
        for lane in lanes.values():
            lane.parts += lane.framer.gap()
        return lanes

    def _fields(self, frame: Frame) -> bytes:
        """The frame with its fields masked, before its checksum is made anew."""
        self._encrypted += frame.encrypted
        raw = bytearray(frame.raw)
        for view in _flat(self._protocol.dissect(frame)):
            kind = MASKED.get(view.name)
            if kind is not None:
                raw[view.offset : view.offset + len(view.raw)] = self._field(view, kind)
        return bytes(raw)

    def _field(self, view: FieldView, kind: Kind) -> bytes:
        digits = view.raw.hex().upper()
        if view.value == digits:
            return bytes.fromhex(self._masks.field(digits, kind))
        text = view.raw.rstrip(b"\0").decode("latin-1")
        backwards = view.value == text[::-1] != text
        done = self._masks.field(text[::-1] if backwards else text, kind)
        return (done[::-1] if backwards else done).encode("latin-1").ljust(len(view.raw), b"\0")

    def _sealed(self, raw: bytes, was: bytes) -> bytes:
        """The frame with what no field explains masked too, and its checksum as right or wrong as it was."""
        done = bytearray(raw)
        frame = self._frame_of(was)
        for view in self._protocol.dissect(frame) if frame is not None and not frame.encrypted else ():
            if view.name in ("data", "rest"):
                done[view.offset : view.offset + len(view.raw)] = self._loose(view.raw)
        sealed = self._envelope.resealed(bytes(done), was)
        return bytes(done) if sealed is None else sealed

    def _frame_of(self, raw: bytes) -> Frame | None:
        found = self._envelope.examine(raw, Direction.UP)
        return found if isinstance(found, Frame) else None

    def _garbage(self, raw: bytes) -> bytes:
        self._unread += len(raw)
        return self._loose(raw)

    def _loose(self, raw: bytes) -> bytes:
        """Bytes of which nothing is known: numbers in them as text, and as two digits a byte."""
        text = self._masks.loose(raw.decode("latin-1")).encode("latin-1")
        return bytes.fromhex(self._masks.text(text.hex().upper()))

    def _event(self, event: AnyEvent, taken: Callable[[Chunk], bytes]) -> AnyEvent:
        match event:
            case Chunk():
                return replace(event, data=taken(event))
            case Mention():
                order = event.order and self._masks.field(event.order, Kind.ORDER)
                account = event.account and self._masks.field(event.account, Kind.ACCOUNT)
                return replace(event, order=order, account=account, text=self._masks.text(event.text))
            case Note():
                return replace(event, text=self._masks.text(event.text))
            case Stimulus():
                return replace(event, detail=self._said(event.detail))
            case Impaired():
                frame = self._frame_of(event.data) if event.data else None
                data = self._sealed(self._fields(frame), event.data) if frame else self._loose(event.data)
                return replace(event, impairment=self._masks.text(event.impairment), data=data)
            case LineUp():
                # Where it dialled from tells as much as its number.
                return replace(event, peer="")
            case LineDown() | Finish():
                return replace(event, reason=self._masks.text(event.reason))
            case _:
                return event

    def _said(self, value: Any) -> Any:
        """What stands in a stimulus."""
        match value:
            case str():
                return self._masks.text(value)
            case dict():
                return {
                    name: self._masks.field(each, MASKED[name])
                    if name in MASKED and isinstance(each, str)
                    else self._said(each)
                    for name, each in value.items()
                }
            case list():
                return [self._said(each) for each in value]
            case _:
                return value


def _flat(views: Sequence[FieldView]) -> Iterator[FieldView]:
    """Each field, and those of its records."""
    for view in views:
        yield view
        yield from _flat(view.parts)
