"""Guesses at bodies that no layout fits: which bytes look like times, orders, counters, energy or money, text, padding.

Owns what a column of bytes looks like over several bodies of one message, and how sure that is. Must not know any one
protocol, nor sockets or clocks: each body comes with the instant at which its frame passed, where that is known.

Each guess is weighed by how unlikely it is in noise: bits of evidence, less those that looking in so many places costs.
What is told from a frame that is understood (a pile number, an order) is found again first; then times, text and
digits, numbers that rise, and what never changes. A byte is claimed once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import pairwise
from math import lgamma, log, log2
from typing import Any, Literal

from pilesim.units import DAY, HOUR, LOCAL, MINUTE, S, epoch_ns, format_local, local_datetime
from pilesim.wire.cp56 import SIZE as CP56_SIZE
from pilesim.wire.cp56 import read_time
from pilesim.wire.frame import Direction, Frame, ProblemKind
from pilesim.wire.messages import Opaque
from pilesim.wire.overlay import read_bcd_time
from pilesim.wire.protocol import Protocol


class Kind(StrEnum):
    """What a run of bytes looks like."""

    PILE = "pile number"
    ORDER = "order"
    ACCOUNT = "account"
    TIME = "time"
    TEXT = "text"
    DIGITS = "digits"
    COUNTER = "counter"
    ELAPSED = "elapsed time"
    AMOUNT = "energy or money"
    RISING = "rising number"
    CONSTANT = "constant"
    PADDING = "padding"


class Sure(StrEnum):
    """How sure a guess is."""

    SURE = "sure"
    LIKELY = "likely"
    POSSIBLE = "possible"


_ENOUGH = ((24.0, Sure.SURE), (13.0, Sure.LIKELY), (7.0, Sure.POSSIBLE))
"""Bits of evidence, those of the search taken off, for each."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What `size` bytes from `offset` of the body look like. `spec` is the field as an overlay writes it."""

    offset: int
    size: int
    kind: Kind
    reading: str
    """What it reads as, in the first and the last body where they differ."""
    reason: str
    sure: Sure
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One body, and what its frame tells beside it. Bodies of one lane follow each other: those of one gun."""

    body: bytes
    epoch_ns: int | None = None
    lane: tuple[str | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Told:
    """Texts of digits that frames which are understood tell, by what they are."""

    piles: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    order_fields: Mapping[int, str] = field(default_factory=dict)
    """Size of an order's field in messages that are understood, to its name for an overlay: `bill.order`."""


@dataclass(frozen=True, slots=True)
class Guessed:
    """The bodies of one message that do not fit, of one size, and what they look like."""

    number: int
    direction: Direction
    name: str
    """What the protocol calls the message; "" where it has none."""
    why: str
    """Why the bodies do not fit."""
    size: int
    bodies: int
    begin: int
    """From here on no field of the protocol explains the body."""
    last: str
    """The last field before that; "" where there is none."""
    guesses: tuple[Guess, ...]


# ----------------------------------------------------------------------------------------------------------- frames


def guess_frames(protocol: Protocol, frames: Iterable[tuple[Frame, int | None]]) -> list[Guessed]:
    """What the bodies that do not fit look like, by message and size; each frame with its time, ns since 1970."""
    unfit: dict[tuple[int, Direction, int], list[tuple[Frame, int | None]]] = defaultdict(list)
    texts: dict[str, dict[str, None]] = {"order": {}, "account": {}, "pile": {}}
    order_fields: dict[int, str] = {}
    for frame, at_ns in frames:
        if not frame.sound or frame.encrypted:
            continue
        if frame.pile:
            texts["pile"][frame.pile] = None
        if _fits(protocol, frame):
            message = protocol.decode(frame).message
            for what in ("order", "account"):
                said = getattr(message, what, None)
                if isinstance(said, str) and len(said) >= _LEAST_DIGITS:
                    texts[what][said] = None
                    row = protocol.row(frame.number, frame.direction)
                    for view in protocol.dissect(frame) if what == "order" and row is not None else ():
                        if view.name == "order":
                            order_fields.setdefault(len(view.raw), f"{row.name}.order" if row else "")
        else:
            unfit[frame.number, frame.direction, len(frame.body)].append((frame, at_ns))
    told = Told(tuple(texts["pile"]), tuple(texts["order"]), tuple(texts["account"]), order_fields)
    return [_guessed(protocol, group, told) for group in sorted(unfit.values(), key=lambda group: -len(group))]


def _fits(protocol: Protocol, frame: Frame) -> bool:
    """Whether the layout of `frame` explains all of its body."""
    decoded = protocol.decode(frame)
    if {problem.kind for problem in decoded.problems} & {ProblemKind.UNKNOWN, ProblemKind.SHORT, ProblemKind.LONG}:
        return False
    # What has a meaning has a layout; to look at every field takes far longer.
    return not isinstance(decoded.message, Opaque) or not any(
        view.note == "no layout" for view in protocol.dissect(frame)
    )


def _guessed(protocol: Protocol, group: Sequence[tuple[Frame, int | None]], told: Told) -> Guessed:
    frame = group[0][0]
    views = protocol.dissect(frame)
    rest = next((view for view in views if view.note == "outside the layout"), None)
    begin = len(frame.body) - len(rest.raw) if rest is not None else 0
    known = [v.name for v in views if rest is not None and rest.offset - begin <= v.offset < rest.offset]
    samples = [Sample(each.body, at_ns, (each.pile, each.gun)) for each, at_ns in group]
    row = protocol.row(frame.number, frame.direction)
    wrong = [p.text for p in protocol.decode(frame).problems]
    kinds = (ProblemKind.UNKNOWN, ProblemKind.SHORT, ProblemKind.LONG)
    why = [p.text for p in protocol.decode(frame).problems if p.kind in kinds] or wrong or ["kept as bytes: no layout"]
    return Guessed(
        number=frame.number,
        direction=frame.direction,
        name=row.name if row else "",
        why=why[0],
        size=len(frame.body),
        bodies=len(group),
        begin=begin,
        last=known[-1] if known else "",
        guesses=guess_fields(samples, told, begin),
    )


# ----------------------------------------------------------------------------------------------------------- bodies

_LEAST_DIGITS = 6
"""Shorter texts of digits stand anywhere."""


def guess_fields(samples: Sequence[Sample], told: Told, begin: int = 0) -> tuple[Guess, ...]:
    """What the bytes from `begin` on look like, in their order; bodies are all of one size, in the order of time."""
    if not samples or len(samples[0].body) <= begin:
        return ()
    columns = _Columns(samples, begin)
    finders: tuple[Callable[[_Columns, Told], Iterable[_Found]], ...] = (
        _known_texts,
        _times,
        _texts,
        _long_digits,
        _numbers,
        _digits,
        _unchanging,
    )
    claimed: list[_Found] = []
    taken: set[int] = set()
    for find in finders:
        # The best of each kind first, so that of two readings that overlap the stronger stays.
        for found in sorted(find(columns.without(taken), told), key=lambda found: (-found.rank, found.offset)):
            places = set(range(found.offset, found.offset + found.size))
            if found.sure is not None and not places & taken:
                claimed.append(found)
                taken |= places
    return tuple(found.guess() for found in sorted(claimed, key=lambda found: found.offset))


@dataclass(frozen=True, slots=True)
class _Found:
    """A guess that is still weighed: `bits` of evidence, those of the search taken off."""

    offset: int
    size: int
    kind: Kind
    reading: str
    reason: str
    bits: float
    spec: Mapping[str, Any]
    preference: float = 0.0
    """Of readings that overlap and are as likely the one with more is taken."""

    @property
    def rank(self) -> float:
        return self.bits + self.preference

    @property
    def sure(self) -> Sure | None:
        return next((sure for bits, sure in _ENOUGH if self.bits >= bits), None)

    def guess(self) -> Guess:
        assert self.sure is not None
        return Guess(self.offset, self.size, self.kind, self.reading, self.reason, self.sure, self.spec)


class _Columns:
    """The bodies, column by column; those that are taken are looked at no more."""

    def __init__(self, samples: Sequence[Sample], begin: int, taken: frozenset[int] = frozenset()) -> None:
        self.samples = samples
        self.begin = begin
        self.size = len(samples[0].body)
        self.taken = taken
        # The same body sent again tells nothing anew.
        seen: dict[tuple[object, bytes], Sample] = {}
        for sample in samples:
            seen.setdefault((sample.lane, sample.body), sample)
        self.different = list(seen.values())
        self.lanes: dict[object, list[Sample]] = defaultdict(list)
        for sample in self.different:
            self.lanes[sample.lane].append(sample)
        self.search_bits = log2(max(2, self.size - begin))

    def without(self, taken: set[int]) -> _Columns:
        return _Columns(self.samples, self.begin, frozenset(taken))

    def free(self, offset: int, size: int = 1) -> bool:
        """Whether these bytes lie in the body and nobody has claimed them."""
        inside = self.begin <= offset and offset + size <= self.size
        return inside and self.taken.isdisjoint(range(offset, offset + size))

    def starts(self, size: int) -> Iterator[int]:
        return (offset for offset in range(self.begin, self.size - size + 1) if self.free(offset, size))

    def values(self, offset: int, size: int = 1) -> list[bytes]:
        """The bytes of each different body."""
        return [sample.body[offset : offset + size] for sample in self.different]

    def constant(self, offset: int) -> bool:
        return len({sample.body[offset] for sample in self.samples}) == 1

    def only(self, byte: int, offset: int) -> bool:
        return all(sample.body[offset] == byte for sample in self.samples)

    def decimal(self, offset: int) -> bool:
        """Whether it holds two decimal digits in every body."""
        return all(sample.body[offset : offset + 1].hex().isdecimal() for sample in self.samples)

    def zero(self, offset: int) -> bool:
        return self.only(0, offset)

    def runs(self, holds: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
        """The longest runs of free columns that `holds`, as offset and size."""
        begin: int | None = None
        for offset in range(self.begin, self.size + 1):
            inside = offset < self.size and self.free(offset) and holds(offset)
            if inside and begin is None:
                begin = offset
            elif not inside and begin is not None:
                yield begin, offset - begin
                begin = None


def _first_and_last(shown: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(text for text in shown if text))
    return distinct[0] if len(distinct) == 1 else f"{distinct[0]} ... {distinct[-1]}" if distinct else ""


# What frames that are understood have told.


def _known_texts(columns: _Columns, told: Told) -> Iterator[_Found]:
    kinds = ((Kind.ORDER, told.orders), (Kind.PILE, told.piles), (Kind.ACCOUNT, told.accounts))
    for kind, texts in kinds:
        for form, written in (("ascii", _as_ascii), ("bcd", _as_bcd)):
            needles = {needle: text for text in texts if (needle := written(text))}
            for offset, size, hits in _places(columns, needles):
                begin = offset
                # Zeros of the same form on the left pad it.
                zero = 0x30 if form == "ascii" else -1
                while columns.free(begin - 1) and all(value[0] in (zero, 0) for value in columns.values(begin - 1)):
                    if columns.zero(begin - 1):
                        break
                    begin -= 1
                whole = size + offset - begin
                name = {Kind.PILE: "pile", Kind.ORDER: "order", Kind.ACCOUNT: "account"}[kind]
                model = told.order_fields.get(whole, "") if kind is Kind.ORDER else ""
                yield _Found(
                    begin,
                    whole,
                    kind,
                    _first_and_last(hits),
                    f"the {kind} that other frames tell, as {'ASCII' if form == 'ascii' else 'BCD'}",
                    8.0 * size,
                    {"name": name, "like": model} if model else {"name": name, "type": form, "size": whole},
                )


def _as_ascii(text: str) -> bytes:
    return text.encode("ascii", "ignore")


def _as_bcd(text: str) -> bytes:
    digits = text if len(text) % 2 == 0 else f"0{text}"
    return bytes.fromhex(digits) if digits.isascii() and digits.isdecimal() else b""


def _places(columns: _Columns, needles: Mapping[bytes, str]) -> Iterator[tuple[int, int, list[str]]]:
    """Where every body holds one of `needles`, or none at all: zeros."""
    for size in sorted({len(needle) for needle in needles}, reverse=True):
        for offset in columns.starts(size):
            values = columns.values(offset, size)
            hits = [needles[value] for value in values if value in needles]
            if hits and all(value in needles or not value.strip(b"0\0") for value in values):
                yield offset, size, hits


# Times.

_FIRST_NS = epoch_ns(datetime(2015, 1, 1, tzinfo=LOCAL))
_LAST_NS = epoch_ns(datetime(2040, 1, 1, tzinfo=LOCAL))
_NEAR_NS = 2 * DAY
_FAR_NS = 400 * DAY


def _close_bits(away_ns: int) -> float:
    """What it tells that a date of those years lies no further from a time that is known; a minute is close enough."""
    return log2((_LAST_NS - _FIRST_NS) / (2 * max(away_ns, MINUTE)))


@dataclass(frozen=True, slots=True)
class _TimeForm:
    """One way to write a time.

    `bits`: how unlikely it is that noise reads as a time of those years; for decimal digits, that other digits do,
    since bodies are full of digits that are no dates.
    """

    size: int
    read: Callable[[bytes], int | None]
    """ns since 1970; None where it is no time."""
    bits: float
    said: str
    spec: Mapping[str, Any]


def _cp56(raw: bytes) -> int | None:
    minute, hour, day, month = raw[2], raw[3], raw[4], raw[5]
    when = read_time(raw).epoch_ns
    # Senders leave the spare bits zero; a weekday is none, or the date's.
    if when is None or minute > 59 or hour > 23 or month > 12:
        return None
    if not _FIRST_NS <= when < _LAST_NS:
        return None
    return when if day >> 5 in (0, local_datetime(when).isoweekday()) else None


def _bcd_time(raw: bytes) -> int | None:
    when = read_bcd_time(raw).epoch_ns
    return when if when is not None and _FIRST_NS <= when < _LAST_NS else None


_TIME_FORMS = (
    _TimeForm(CP56_SIZE, _cp56, 15.2, "CP56Time2a", {"type": "time"}),
    _TimeForm(7, _bcd_time, 16.9, "decimal digits yyyymmddHHMMSS", {"type": "bcd-time", "size": 7}),
    _TimeForm(6, _bcd_time, 10.3, "decimal digits yymmddHHMMSS", {"type": "bcd-time", "size": 6}),
)
_UNIX_BITS = 32 - log2(2 * _NEAR_NS / S)
_AMONG_DIGITS_BITS = 10.0
"""A date inside a longer run of decimal digits is a piece of a number, as likely as not."""
_MOST_TIMES = 4
"""More times than this prove no more."""


def _times(columns: _Columns, told: Told) -> Iterator[_Found]:
    candidates: list[tuple[_Found, list[int]]] = []
    digits = {at: size for begin, size in columns.runs(columns.decimal) for at in range(begin, begin + size)}
    for form in _TIME_FORMS:
        for offset in columns.starts(form.size):
            dated = _time(columns, form, offset)
            if dated is None:
                continue
            found, instants = dated
            among = min(digits.get(at, 0) for at in range(offset, offset + form.size)) >= form.size + 2
            candidates.append((replace(found, bits=found.bits - _AMONG_DIGITS_BITS * among), instants))
    for found, instants in candidates:
        # A date beside which another of the same body lies is no accident.
        others = [i for other, i in candidates if other.offset + other.size <= found.offset]
        others += [i for other, i in candidates if found.offset + found.size <= other.offset]
        near = any(abs(a - b) <= _NEAR_NS for other in others for a in instants[:1] for b in other)
        known = all(sample.epoch_ns is not None for sample in columns.different)
        yield replace(found, bits=found.bits + _close_bits(_NEAR_NS)) if near and not known else found
    yield from _unix_times(columns)


def _time(columns: _Columns, form: _TimeForm, offset: int) -> tuple[_Found, list[int]] | None:
    instants: dict[int, int | None] = {}
    empty = 0
    for sample in columns.different:
        raw = sample.body[offset : offset + form.size]
        when = form.read(raw)
        if when is None:
            if any(raw):
                return None
            empty += 1
            continue
        away = None if sample.epoch_ns is None else abs(when - sample.epoch_ns)
        if away is not None and away > _FAR_NS:
            return None
        instants.setdefault(when, away)
    if not instants:
        return None
    close = sorted(away for away in instants.values() if away is not None and away <= _NEAR_NS)
    bits = form.bits * min(len(instants), _MOST_TIMES) + sum(map(_close_bits, close[:_MOST_TIMES]))
    bits -= columns.search_bits + 1
    told = [f"{form.said}, {_count(len(instants), 'date')}"]
    if close:
        told.append(f"within {_span(max(close))} of their frames")
    if empty:
        told.append(f"no time in {_count(empty, 'body', 'bodies')}")
    reading = _first_and_last([format_local(when) for when in instants])
    spec = {"name": "time", **form.spec}
    return _Found(offset, form.size, Kind.TIME, reading, ", ".join(told), bits, spec), list(instants)


def _unix_times(columns: _Columns) -> Iterator[_Found]:
    """Seconds since 1970, which only the frame's own time can tell from any number."""
    for order, suffix in _ORDERS:
        for offset in columns.starts(4):
            instants: set[int] = set()
            for sample in columns.different:
                value = int.from_bytes(sample.body[offset : offset + 4], order)
                if sample.epoch_ns is None or abs(value * S - sample.epoch_ns) > _NEAR_NS:
                    break
                instants.add(value)
            else:
                bits = _UNIX_BITS * min(len(instants), _MOST_TIMES) - columns.search_bits - 1
                reading = _first_and_last([format_local(value * S) for value in sorted(instants)])
                reason = f"seconds since 1970, within {_span(_NEAR_NS)} of their frames"
                spec = {"name": "time", "type": f"u32{suffix}", "unit": "s"}
                yield _Found(offset, 4, Kind.TIME, reading, reason, bits, spec)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _span(ns: int) -> str:
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (S, "second")):
        if ns >= unit:
            return _count(-(-ns // unit), name)
    return "a second"


# Text and digits.

_TEXT = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._:/ ")
_DIGIT = frozenset(b"0123456789")
_LEAST_TEXT = 4
_LONG_DIGITS = 16
"""So many digits are an order's, or an account's."""
_TEXT_BITS = 8 - log2(len(_TEXT))
_DIGIT_BITS = 8 - log2(len(_DIGIT))
_BCD_BITS = 8 - log2(100)
_LEAST_BCD = 4


def _texts(columns: _Columns, told: Told) -> Iterator[_Found]:
    def holds(offset: int) -> bool:
        values = {value[0] for value in columns.values(offset)}
        return values <= _TEXT | {0} and bool(values - {0})

    for offset, size in columns.runs(holds):
        raw = columns.values(offset, size)
        digits = all(byte in _DIGIT or byte == 0 for value in raw for byte in value)
        each = _DIGIT_BITS if digits else _TEXT_BITS
        bits = each * sum(len({value[at] for value in raw} - {0}) for at in range(size)) - columns.search_bits
        if size < _LEAST_TEXT:
            continue
        reading = _first_and_last([value.rstrip(b"\0").decode("ascii").lstrip() for value in raw])
        dated = digits and size >= _LONG_DIGITS
        kind = Kind.ORDER if dated else Kind.DIGITS if digits else Kind.TEXT
        reason = f"{_count(size, 'digit')} of ASCII, as many as an order has" if dated else f"{size} of ASCII"
        name = "order" if dated else "digits" if digits else "text"
        yield _Found(offset, size, kind, reading, reason, bits, {"name": name, "type": "ascii", "size": size})


def _long_digits(columns: _Columns, told: Told) -> Iterator[_Found]:
    """Before numbers, since an order may end in one; fewer digits may be numbers that happen to be such."""
    return (found for found in _digits(columns, told) if 2 * found.size >= _LONG_DIGITS)


def _digits(columns: _Columns, told: Told) -> Iterator[_Found]:
    for begin, length in columns.runs(columns.decimal):
        offset, size = begin, length
        # Zeros at both ends may be anything.
        while size and columns.zero(offset):
            offset, size = offset + 1, size - 1
        while size and columns.zero(offset + size - 1):
            size -= 1
        raw = columns.values(offset, size)
        bits = _BCD_BITS * sum(len({value[at] for value in raw} - {0}) for at in range(size)) - columns.search_bits
        if size < _LEAST_BCD:
            continue
        order = _LONG_DIGITS <= 2 * size <= 2 * _LONG_DIGITS
        several = ", perhaps of several numbers" if size > _LONG_DIGITS else ""
        reason = f"{2 * size} decimal digits, two a byte{', as many as an order has' if order else several}"
        spec = {"name": "order" if order else "digits", "type": "bcd", "size": size}
        reading = _first_and_last([value.hex() for value in raw])
        yield _Found(offset, size, Kind.ORDER if order else Kind.DIGITS, reading, reason, bits, spec)


# Numbers.

_Order = Literal["little", "big"]
_ORDERS: tuple[tuple[_Order, str], ...] = (("little", ""), ("big", "be"))
_NUMBER_SIZES = (4, 2, 1)
_LEAST_STEPS = 2
_LEAST_VALUES = 4
_LONG = 4
_EVEN = 50
"""Steps differ by more than so much where a byte of noise is in them."""
_LEAST_ELAPSED = 3
_ELAPSED_BITS = 100.0
"""What rises just as time does is nothing else."""
_LEAP = 20
"""A step so many times the middle one is no flow."""
_ZEROS_BITS = 8.0
"""What it tells that a high byte is zero throughout."""


def _numbers(columns: _Columns, told: Told) -> Iterator[_Found]:
    for size in _NUMBER_SIZES:
        for order, suffix in _ORDERS if size > 1 else _ORDERS[:1]:
            for offset in columns.starts(size):
                found = _number(columns, offset, size, order, suffix)
                if found is not None:
                    yield found


def _number(columns: _Columns, offset: int, size: int, order: _Order, suffix: str) -> _Found | None:
    """The number there, if it counts or rises. Its lowest byte changes, so that it is not seen a byte too early."""
    lowest, highest = (offset, offset + size - 1) if order == "little" else (offset + size - 1, offset)
    if columns.constant(lowest):
        return None
    step = 1 if order == "little" else -1
    above = list(range(lowest + step, highest + step, step))
    places = slice(offset, offset + size)
    # Before an order began a number may be nothing. In all other bodies a byte beside the lowest, or above one that is
    # zero, is zero too, or it changes: else it is another field's. The highest of four changes hardly ever.
    running = [sample.body for sample in columns.different if any(sample.body[places])]
    still = {at for at in (lowest, *above) if len({body[at] for body in running}) == 1}
    zeros = sum(columns.zero(at) for at in above)
    if lowest in still:
        return None
    for below, at in pairwise((lowest, *above)):
        if at in still and running[0][at] and (below == lowest or columns.zero(below)):
            return None
    if size >= _LONG and len({body[highest] for body in running}) > _LEAST_STEPS:
        return None
    if order == "big" and zeros == len(above):
        # Nothing but zeros above tells nothing of which byte is the high one.
        return None
    series = [[(int.from_bytes(s.body[places], order), s.epoch_ns) for s in lane] for lane in columns.lanes.values()]
    type_name = f"u{8 * size}{suffix}"
    values = [value for lane in series for value, _ in lane]
    reading = _first_and_last([str(value) for value in (min(values), max(values))])
    steps = [(b - a) % 256**size for lane in series for (a, _), (b, _) in pairwise(lane)]
    spec = {"type": type_name}
    # Of two that are equally good the one that rises more evenly, then the wider one, then the one low byte first.
    preference = 2.0 * _evenly(steps) + 0.01 * size + (0.001 if order == "little" else 0)
    so_far = f"; {_count(zeros, 'high byte')} zero so far" if zeros else ""
    if len(steps) >= _LEAST_STEPS and all(one == 1 for one in steps):
        bits = 8.0 * len(steps) - columns.search_bits
        reason = f"rises by one from frame to frame, {_count(len(steps), 'time')}{so_far}"
        return _Found(offset, size, Kind.COUNTER, reading, reason, bits, {"name": "counter", **spec}, preference)
    if not all(_rises(lane) for lane in series):
        return None
    distinct = max(len({value for value, _ in lane}) for lane in series)
    if distinct < _LEAST_VALUES:
        return None
    chance = sum(lgamma(len({value for value, _ in lane}) + 1) / log(2) for lane in series)
    bits = chance + (_ZEROS_BITS if zeros else 0) - columns.search_bits
    elapsed = _elapsed(series)
    if elapsed:
        unit, reason = elapsed
        spec = {"name": "elapsed", **spec, "unit": unit}
        preference += _ELAPSED_BITS
        return _Found(offset, size, Kind.ELAPSED, reading, f"{reason}{so_far}", bits + 8, spec, preference)
    reason = f"never falls, {_count(distinct, 'value')}"
    if size == 1 or not all(_flows(lane) for lane in series):
        return _Found(offset, size, Kind.RISING, reading, reason + so_far, bits, {"name": "rising", **spec}, preference)
    begins = " from 0, as of one order" if min(values) == 0 else f" from {min(values)}, as a meter's"
    reason += f"{begins}{so_far}{_power(series)}"
    spec = {"name": "amount", **spec, **_scale(series)}
    return _Found(offset, size, Kind.AMOUNT, reading, reason, bits, spec, preference)


def _evenly(steps: Sequence[int]) -> bool:
    """Whether the steps are much alike, as those of which the lowest byte is another field's are not."""
    middle = sorted(steps)[len(steps) // 2] if steps else 0
    away = sorted(abs(step - middle) for step in steps)
    return bool(away) and away[len(away) // 2] <= _EVEN


def _rises(lane: Sequence[tuple[int, int | None]]) -> bool:
    """It never falls, but to nothing when another order begins."""
    falls = [b for (a, _), (b, _) in pairwise(lane) if b < a]
    return all(b == 0 for b in falls) and 4 * len(falls) <= len(lane)


def _flows(lane: Sequence[tuple[int, int | None]]) -> bool:
    """It rises step by step; a level, such as a voltage, leaps from nothing to what it is."""
    steps = sorted(b - a for (a, _), (b, _) in pairwise(lane) if b > a)
    return not steps or steps[-1] <= _LEAP * steps[len(steps) // 2]


def _elapsed(series: Sequence[Sequence[tuple[int, int | None]]]) -> tuple[str, str] | None:
    """The unit of time in which the number rises as the world's does, and the reason."""
    changes = [
        [(value, at_ns) for (before, _), (value, at_ns) in pairwise(lane) if value > before and at_ns is not None]
        for lane in series
    ]
    total = sum(lane[-1][0] - lane[0][0] for lane in changes if lane)
    for unit, ns in (("s", S), ("min", MINUTE)):
        together = all(
            abs((value - lane[0][0]) * ns - (at_ns - lane[0][1])) <= ns + ns // 2 + S
            for lane in changes
            for value, at_ns in lane
        )
        if together and total >= _LEAST_ELAPSED:
            return unit, f"rises as time does, by {total} {unit}"
    return None


_KILOWATTS = (20.0, 200.0)
"""What piles charge with; a decade, so that one scale fits."""
_PLACES = 5


def _rate_an_hour(series: Sequence[Sequence[tuple[int, int | None]]]) -> float | None:
    """How much the number rises in an hour, while it does."""
    pairs = [
        (b - a, until - since)
        for lane in series
        for (a, since), (b, until) in pairwise(lane)
        if since is not None and until is not None and b > a
    ]
    span = sum(span for _, span in pairs)
    return sum(rise for rise, _ in pairs) * HOUR / span if span else None


def _scale(series: Sequence[Sequence[tuple[int, int | None]]]) -> dict[str, Any]:
    """The scale at which a rising number is an energy, where the frames' times tell it."""
    rate = _rate_an_hour(series)
    if not rate:
        return {}
    low, high = _KILOWATTS
    for places in range(_PLACES):
        if low <= rate / 10**places < high:
            return {"scale": f"{10**-places:.{places}f}"} if places else {"scale": "1"}
    return {}


def _power(series: Sequence[Sequence[tuple[int, int | None]]]) -> str:
    rate, scale = _rate_an_hour(series), _scale(series).get("scale")
    if not rate or scale is None:
        return ""
    return f"; one for {scale} kWh would be {rate * float(scale):.0f} kW, for {scale} yuan as many yuan an hour"


# What never changes.

_LEAST_PADDING = 4
_LEAST_BODIES = 3


def _unchanging(columns: _Columns, told: Told) -> Iterator[_Found]:
    bodies = len(columns.samples)
    for filler, said in ((0x00, "zero"), (0xFF, "0xFF"), (0x20, "blank")):
        for offset, size in columns.runs(partial(columns.only, filler)):
            if size >= _LEAST_PADDING or bodies >= _LEAST_BODIES:
                bits = 8.0 * size * bodies - columns.search_bits
                reason = f"{said} in {_count(bodies, 'body', 'bodies')}"
                spec = {"name": "reserved", "type": "bytes", "size": size}
                yield _Found(offset, size, Kind.PADDING, f"{filler:02x}", reason, bits, spec)
    if bodies < _LEAST_BODIES:
        return
    for offset, size in columns.runs(columns.constant):
        raw = columns.samples[0].body[offset : offset + size]
        if raw.strip(b"\0\xff\x20"):
            bits = 8.0 * size * (bodies - 1) - columns.search_bits - 1
            reason = f"the same in {_count(bodies, 'body', 'bodies')}"
            spec = {"name": "constant", "type": "bytes", "size": size}
            yield _Found(offset, size, Kind.CONSTANT, raw.hex(" "), reason, bits, spec)


# -------------------------------------------------------------------------------------------------------- the overlay


def proposal(base: str, guessed: Sequence[Guessed]) -> str:
    """An overlay that says what was guessed, to be corrected by whoever knows better; one size a message."""
    lines = [f"protocol: {base}", "name: guessed", "messages:"]
    done: set[tuple[int, Direction]] = set()
    for one in guessed:
        if (one.number, one.direction) in done or not one.guesses or (one.name and not one.begin):
            continue
        done.add((one.number, one.direction))
        if one.name:
            lines += [f"  {one.name}:", "    add:"]
        else:
            lines += [f"  0x{one.number:02X}:", f"    direction: {one.direction}", "    fields:"]
        lines += [f"      - {{{_flow(spec)}}}" for spec in _specs(one)]
    return "\n".join(lines) + "\n" if done else ""


def _specs(one: Guessed) -> Iterator[dict[str, Any]]:
    """A field for each guess, and bytes for what lies between; names are each other's apart by their offset."""
    at = one.begin
    names: set[str] = set()
    for guess in (*one.guesses, None):
        until = one.size if guess is None else guess.offset
        if until > at:
            yield {"name": f"unknown_{at}", "type": "bytes", "size": until - at}
        if guess is None:
            return
        name = guess.spec["name"]
        plain = name in ("order", "pile", "account") and name not in names
        names.add(name)
        note = f"{guess.sure}: {guess.kind}"
        yield {**guess.spec, "name": name if plain else f"{name}_{guess.offset}", "note": note, "trust": "inferred"}
        at = guess.offset + guess.size


def _flow(spec: Mapping[str, Any]) -> str:
    """A field as YAML in one line."""
    return ", ".join(f'{key}: "{value}"' if key == "note" else f"{key}: {value}" for key, value in spec.items())
