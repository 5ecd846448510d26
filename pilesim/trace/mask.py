"""Numbers of a recording replaced by others, so that it can be sent on: orders, accounts, cards, VINs, piles.

Owns which fields are masked, and how. Must not know any protocol's layout. The same number has the same mask wherever
it stands, of the same length and kind of digits, so that frames keep their size and their verdict; the mask is drawn by
a keyed hash (HMAC-SHA256), and who lacks the key cannot turn it back. What no field explains (garbage, messages without
a layout) has the numbers masked that are known from elsewhere, whole or cut off, and its other long runs of digits. A
recording is read twice, since a step may name an order before any frame does; what is kept of it is its numbers.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from msgspec.structs import replace

from pilesim.errors import UsageError
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, Impaired, LineDown, LineUp, Mention, Note, Stimulus
from pilesim.units import numbered
from pilesim.wire.fields import Layout
from pilesim.wire.frame import Direction, End, FieldView, Frame, Garbage
from pilesim.wire.protocol import GAP_NS, Framer, protocol_named
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


HELD_EVENTS = 1024
"""So many events are held at most until bytes are known to be a frame or none."""
FRAMES_KEPT = 4096
"""Frames whose masks are remembered: of a recording at both ends each comes twice."""


class Masked:
    """A recording with its numbers masked. What it has to say of that is complete once its events have been taken."""

    def __init__(self, header: Header, events: Iterable[AnyEvent], key: bytes) -> None:
        """`events` are read for their numbers. The same `key` gives the same masks. UsageError where the checksums of
        the protocol cannot be made right again."""
        protocol = protocol_named(header.protocol)
        if not isinstance(protocol, TabledProtocol) or protocol.envelope.outline is None:
            raise UsageError(
                f"--mask: expected a protocol made of tables, found {protocol.name}, which only its code knows"
            )
        self._masks = _Masks(key)
        self._masker = _Masker(protocol, self._masks)
        self._masks.field(header.pile, Kind.PILE)
        for _ in self._masker.masked(events):
            pass
        self._masks.settle()
        self.header = replace(
            header,
            pile=self._masks.field(header.pile, Kind.PILE),
            source=self._masks.loose(header.source),
            target=self._masks.text(header.target),
        )

    def events(self, events: Iterable[AnyEvent]) -> Iterator[AnyEvent]:
        """`events`, masked: those that were read for their numbers, and whatever comes after them."""
        self._masker = _Masker(self._masker.protocol, self._masks)
        return self._masker.masked(events)

    def text(self, text: str) -> str:
        """What is said of the recording, with its numbers masked."""
        return self._masks.text(text)

    def name(self, path: str) -> str:
        """A file's name and those of its folders, in which a number may stand that is nowhere in the file."""
        return self._masks.loose(path)

    def sentences(self) -> Iterator[str]:
        """What was masked, and what nobody can say of."""
        yield f"masked: {numbered(len(self._masks.known), 'number[|s]')} of orders, accounts, cards and piles"
        if self._masker.unread:
            unread = numbered(self._masker.unread, "byte[|s] [is|are] no frame")
            yield f"{unread}: masked there is what is known from frames, and what is long"
        if self._masker.encrypted:
            yield numbered(self._masker.encrypted, "frame[|s] [is|are] encrypted, and stay[s|] as [it is|they are]")


def masked_words(text: str, key: bytes) -> str:
    """What is said of a file of which nothing is known, such as its name: each long run of digits is masked, as it is
    wherever the same number is known."""
    return _Masks(key).loose(text)


class _Masks:
    """The numbers that are known, and the mask of each, without the zeros that pad them."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.known: dict[str, str] = {}
        self._given: set[str] = set()
        self.piles: list[str] = []
        self._gathered: dict[str, Kind] | None = {}
        """What was found, as long as more of it is looked for: an order may have a pile's number in it."""
        self._pattern: re.Pattern[str] | None = None

    def field(self, text: str, kind: Kind) -> str:
        """The mask of what a field holds."""
        core = text.lstrip("0")
        if not any(char.isalnum() for char in core) or set(core) <= {"F"}:
            return text
        if self._gathered is not None:
            self._gathered.setdefault(core, kind)
            return text
        if core not in self.known:
            self._give(core, kind)
        return text[: len(text) - len(core)] + self.known[core]

    @property
    def gathering(self) -> bool:
        return self._gathered is not None

    def settle(self) -> None:
        """All has been looked at: each number that was found gets its mask, those of piles first."""
        gathered, self._gathered = self._gathered or {}, None
        for core, kind in sorted(gathered.items(), key=lambda found: found[1] is not Kind.PILE):
            self._give(core, kind)

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
    """One direction at one end: its framer, and the masked bytes of what it has given out."""

    def __init__(self, framer: Framer) -> None:
        self.framer = framer
        self.done = bytearray()
        self.last_ns = 0


class _Masker:
    """One reading of a recording."""

    def __init__(self, protocol: TabledProtocol, masks: _Masks) -> None:
        self.protocol = protocol
        self._envelope = protocol.envelope
        self._masks = masks
        self._lanes: dict[tuple[End, Direction], _Lane] = {}
        self._sealed_frames: OrderedDict[bytes, bytes] = OrderedDict()
        self._places: dict[tuple[Layout, int], tuple[tuple[int, int], ...]] = {}
        """Where something is masked in a frame: it goes by the layout, if that is of a fixed size, and the length."""
        self._made: OrderedDict[tuple[object, ...], tuple[bytes, ...]] = OrderedDict()
        """What was made of what stood at those places."""
        self.unread = 0
        self.encrypted = 0

    def masked(self, events: Iterable[AnyEvent]) -> Iterator[AnyEvent]:
        """The events, each as soon as it is known whether its bytes are a frame."""
        held: deque[AnyEvent] = deque()
        for event in events:
            self._take(event)
            held.append(event)
            if len(held) > HELD_EVENTS:
                self._over(list(self._lanes.values()))
            while held and self._is_done(held[0]):
                yield self._event(held.popleft())
        self._over(list(self._lanes.values()))
        while held:
            yield self._event(held.popleft())

    def _take(self, event: AnyEvent) -> None:
        """Cut what passed into frames and what is none, as the decoder does."""
        if isinstance(event, LineUp | LineDown):
            self._over([lane for (end, _), lane in self._lanes.items() if end is event.end])
        self._over(
            [lane for lane in self._lanes.values() if lane.framer.pending and lane.last_ns + GAP_NS < event.t_ns]
        )
        if isinstance(event, Chunk):
            lane = self._lanes.setdefault((event.end, event.direction), _Lane(self.protocol.framer(event.direction)))
            lane.last_ns = event.t_ns
            self._parts(lane, lane.framer.feed(event.data, event.t_ns))
        elif isinstance(event, Mention):
            self._masks.field(event.order or "", Kind.ORDER)
            self._masks.field(event.account or "", Kind.ACCOUNT)

    def _over(self, lanes: list[_Lane]) -> None:
        for lane in lanes:
            self._parts(lane, lane.framer.gap())

    def _parts(self, lane: _Lane, parts: Iterable[Frame | Garbage]) -> None:
        for part in parts:
            lane.done += self._frame(part) if isinstance(part, Frame) else self._garbage(part.raw)

    def _is_done(self, event: AnyEvent) -> bool:
        if not isinstance(event, Chunk):
            return True
        return len(self._lanes[event.end, event.direction].done) >= len(event.data)

    def _taken(self, chunk: Chunk) -> bytes:
        done = self._lanes[chunk.end, chunk.direction].done
        data = bytes(done[: len(chunk.data)])
        del done[: len(chunk.data)]
        return data

    def _frame(self, frame: Frame) -> bytes:
        self.encrypted += frame.encrypted
        if frame.pile:
            self._masks.field(frame.pile, Kind.PILE)
        sealed = self._sealed_frames.get(frame.raw)
        if sealed is None:
            sealed = self._sealed_frames[frame.raw] = self._sealed(frame)
            if len(self._sealed_frames) > FRAMES_KEPT:
                self._sealed_frames.popitem(last=False)
        return sealed

    def _sealed(self, frame: Frame) -> bytes:
        """The frame with its fields, and what no field explains, masked, and its checksum as right or wrong as it was.

        As long as numbers are looked for there is nothing to make of them. Most frames of a recording say other things
        of the same numbers: where those stand as they did before, they are replaced as they were.
        """
        was = frame.raw
        layout = self.protocol.explaining(frame, was[self._envelope.header.least : self._data_end(was)])
        alike = None if layout is None or layout.counted else (layout, len(was))
        places = self._places.get(alike) if alike is not None else None
        standing = None if places is None else (alike, *[was[begin:end] for begin, end in places])
        made = self._made.get(standing) if standing is not None else None
        if made is None or places is None:
            fresh = self._replaced(frame)
            places, made = tuple((at, at + len(old)) for at, old, _ in fresh), tuple(new for _, _, new in fresh)
            if alike is not None:
                self._places[alike] = places
                self._made[(alike, *[old for _, old, _ in fresh])] = made
                if len(self._made) > FRAMES_KEPT:
                    self._made.popitem(last=False)
        if self._masks.gathering:
            return was
        done = bytearray(was)
        for (begin, end), new in zip(places, made, strict=True):
            done[begin:end] = new
        sealed = self._envelope.resealed(bytes(done), was)
        return bytes(done) if sealed is None else sealed

    def _data_end(self, raw: bytes) -> int:
        return max(self._envelope.header.least, len(raw) - self._envelope.trailer.least)

    def _replaced(self, frame: Frame) -> list[tuple[int, bytes, bytes]]:
        """Where something is masked in the frame, what stands there, and what is to."""
        views = self.protocol.dissect(frame)
        found = [
            (view.offset, view.raw, self._field(view, MASKED[view.name]))
            for view in _flat(views)
            if view.name in MASKED
        ]
        loose = () if frame.encrypted or self._masks.gathering else views
        found += [(view.offset, view.raw, self._loose(view.raw)) for view in loose if view.name in ("data", "rest")]
        return found

    def _field(self, view: FieldView, kind: Kind) -> bytes:
        digits = view.raw.hex().upper()
        if view.value == digits:
            return bytes.fromhex(self._masks.field(digits, kind))
        text = view.raw.rstrip(b"\0").decode("latin-1")
        backwards = view.value == text[::-1] != text
        done = self._masks.field(text[::-1] if backwards else text, kind)
        return (done[::-1] if backwards else done).encode("latin-1").ljust(len(view.raw), b"\0")

    def _frame_of(self, raw: bytes) -> Frame | None:
        found = self._envelope.examine(raw, Direction.UP)
        return found if isinstance(found, Frame) else None

    def _garbage(self, raw: bytes) -> bytes:
        self.unread += len(raw)
        return self._loose(raw)

    def _loose(self, raw: bytes) -> bytes:
        """Bytes of which nothing is known: numbers in them as text, and as two digits a byte."""
        text = self._masks.loose(raw.decode("latin-1")).encode("latin-1")
        return bytes.fromhex(self._masks.text(text.hex().upper()))

    def _event(self, event: AnyEvent) -> AnyEvent:
        match event:
            case Chunk():
                return replace(event, data=self._taken(event))
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
                data = self._sealed(frame) if frame else self._loose(event.data)
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
