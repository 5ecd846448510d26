"""Pieces of a log to events: which protocol they speak, which way they went, when, and of which pile they are.

Owns what all logs of lines have to find out by looking at their first frames. Must not know how a line was read. Works
on a stream: a first part of it, of bounded size, is looked at before anything is given out.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import chain, pairwise

from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineDown, LineUp, Missing, Vantage
from pilesim.trace.importers.imported import Ledger, LineOrder, Opened, SeveralPilesError, Wishes
from pilesim.trace.importers.pieces import Mark, Piece
from pilesim.trace.importers.source import Source
from pilesim.trace.importers.stamps import Calendar, Tells, day_comes_first
from pilesim.units import HOUR, MINUTE, MS, S, local_datetime
from pilesim.wire.describe import tell_protocol
from pilesim.wire.frame import Direction, End, Frame, Garbage
from pilesim.wire.messages import Hello, Message, Stamp, TimeTell
from pilesim.wire.protocol import GAP_NS, Framer, Protocol, protocol_named, protocols

SAMPLE_PIECES = 20_000
SAMPLE_BYTES = 4 * 1024 * 1024
TOLD_BYTES = 16 * 1024
"""As much is enough to tell the protocol by."""
TURNED_PIECES = 2_000_000
"""The longest log that is turned round because it begins with the newest line."""
LATE_PIECES = 1_000
LATE_NS = 10 * S
"""A line that stands so many lines and so much time after its place is put there; later, the clock was set back."""
SILENCE_NS = 1 * S
"""A hello after so much silence begins a connection; piles with several guns say several at once."""
HELD_EVENTS = 256
STEP_NS = 1 * MS
"""Between one line and the next where the log has no times."""
SEVERAL_PERCENT = 5
"""A pile number that stands in so many of the frames is another pile; in fewer it is a wrong number."""
AGREE_PERCENT = 80
"""A mark means a direction when so many of its frames do."""


@dataclass(frozen=True, slots=True)
class _Timed:
    """A piece with its time, as its events will have it."""

    epoch_ns: int
    piece: Piece


@dataclass(frozen=True, slots=True)
class _Sampled:
    """What the first frames tell."""

    protocol: Protocol
    ways: dict[Mark, Counter[Direction]]
    piles: Counter[str]
    told: tuple[tuple[int, int], ...]
    """Times that the platform told: index of the piece in the sample, and ns since 1970."""
    dated: Counter[int]
    """Years that the frames name."""


def assembled(
    source: Source,
    form: str,
    pieces: Iterator[Piece],
    wishes: Wishes,
    ledger: Ledger,
    serial: bool,
    there: int | None = None,
) -> Opened:
    """The recording that `pieces` are; of a log that grows `there` says how many there are by now.

    FileError where they hold no frame, or several piles and none was chosen.
    """
    sample = _first(pieces, SAMPLE_PIECES if there is None else max(1, there))
    if not sample:
        raise source.error(None, "expected a log with bytes, found none")
    told = _sampled(source, sample, wishes, ledger)
    pile, selecting = _pile(source, told, wishes, ledger)
    directions = _directions(told, wishes, ledger)
    vantage = _vantage(told, wishes, ledger, directions)
    clocked = _Clock(source, sample, told, wishes, ledger)
    timed = clocked.timed(chain(sample, pieces))
    first = next(timed)
    start_ns = first.epoch_ns // S * S
    missing = _missing(sample, told, directions, clocked)
    ledger.missing.update(dict.fromkeys(missing))
    near = End(vantage.value) if vantage in (Vantage.PILE, Vantage.PLATFORM) else End.PLATFORM
    header = Header(
        start=_start_text(start_ns),
        protocol=told.protocol.name,
        dialect=told.protocol.overlay,
        pile=pile,
        guns=0,
        ends=(near,),
        vantage=vantage,
        source=source.name,
        missing=missing,
        stimuli=False,
        connectionless=serial,
    )
    framed = selecting or None in directions.values()
    maker = (
        _Framed(told.protocol, near, directions, pile if selecting else "", ledger)
        if framed
        else _Plain(near, directions)
    )
    links = _Links(near, pile if selecting else "", ledger)
    events = _Connections(told.protocol, near, ledger).between(_events(chain([first], timed), start_ns, maker, links))
    return Opened(form, header, events, ledger)


def _start_text(epoch_ns: int) -> str:
    return local_datetime(epoch_ns).isoformat()


def _first(pieces: Iterator[Piece], most: int) -> list[Piece]:
    """The sample, which is taken off `pieces`."""
    sample: list[Piece] = []
    size = 0
    for piece in pieces:
        sample.append(piece)
        size += len(piece.data)
        if len(sample) >= most or size >= SAMPLE_BYTES:
            break
    return sample


# What the frames tell -----------------------------------------------------------------------------------------


def likely_protocol(source: Source, streams: Iterable[bytes], wishes: Wishes, ledger: Ledger) -> Protocol:
    """The protocol that was wished for, else the one that explains most frames; FileError where none has any."""
    if wishes.protocol:
        return protocol_named(wishes.protocol)
    data = b"".join(stream[:TOLD_BYTES] for stream in streams)
    told = tell_protocol(list(protocols().values()), data, None)
    if not told.equals:
        known = ", ".join(protocols())
        raise source.error(None, f"expected frames of a protocol ({known}), found none in {len(data)} bytes")
    if len(told.equals) > 1:
        ledger.remark(f"{' and '.join(told.equals)} explain the frames equally well: read as {told.protocol.name}")
    else:
        ledger.remark(f"protocol {told.protocol.name}, told by its frames")
    return told.protocol


def natural(protocol: Protocol, frame: Frame) -> Direction | None:
    """The direction in which a message of this number goes; None where both or none do."""
    ways = [way for way in Direction if protocol.row(frame.number, way)]
    return ways[0] if len(ways) == 1 else None


def _sampled(source: Source, sample: list[Piece], wishes: Wishes, ledger: Ledger) -> _Sampled:
    streams: dict[Mark, list[tuple[int, bytes]]] = {}
    for index, piece in enumerate(sample):
        if piece.linked is not None:
            continue
        streams.setdefault(piece.mark, []).append((index, piece.data))
    joined = [_up_to(TOLD_BYTES, (data for _, data in parts)) for parts in streams.values()]
    protocol = likely_protocol(source, joined, wishes, ledger)
    ways: dict[Mark, Counter[Direction]] = {}
    piles: Counter[str] = Counter()
    told: list[tuple[int, int]] = []
    dated: Counter[int] = Counter()
    for mark, parts in streams.items():
        ways[mark] = Counter()
        framer = protocol.framer(Direction.UP)
        for index, data in parts:
            for frame in framer.feed(data, 0):
                if not isinstance(frame, Frame) or not frame.sound:
                    continue
                way = natural(protocol, frame)
                if way is None:
                    continue
                ways[mark][way] += 1
                if frame.pile:
                    piles[frame.pile] += 1
                # The framer reads it as going up, so one that goes down is read anew.
                for again in protocol.framer(way).feed(frame.raw, 0):
                    message = protocol.decode(again).message if isinstance(again, Frame) else None
                    if message is not None:
                        _note_times(message, index, told, dated)
    return _Sampled(protocol, ways, piles, tuple(sorted(told)), dated)


def _up_to(size: int, parts: Iterable[bytes]) -> bytes:
    joined = bytearray()
    for part in parts:
        joined += part
        if len(joined) >= size:
            break
    return bytes(joined)


def _note_times(message: Message, index: int, told: list[tuple[int, int]], dated: Counter[int]) -> None:
    if isinstance(message, TimeTell) and message.platform_time.epoch_ns is not None:
        told.append((index, message.platform_time.epoch_ns))
    for name in getattr(message, "__slots__", ()):
        value = getattr(message, name, None)
        if isinstance(value, Stamp) and value.epoch_ns is not None:
            dated[local_datetime(value.epoch_ns).year] += 1


def _pile(source: Source, told: _Sampled, wishes: Wishes, ledger: Ledger) -> tuple[str, bool]:
    """The pile number, and whether frames of others have to be left out."""
    frames = sum(told.piles.values())
    several = [pile for pile, n in told.piles.most_common() if n > 1 and n * 100 >= frames * SEVERAL_PERCENT]
    if wishes.pile:
        pile = told.protocol.pile_number(wishes.pile)
        return pile, any(other != pile for other in several)
    if len(several) > 1:
        listed = ", ".join(f"{pile} ({told.piles[pile]} frames)" for pile in several)
        problem = f"expected the log of one pile, found {listed}: choose one with --pile"
        raise SeveralPilesError(str(source.path), problem, tuple(several))
    pile = told.piles.most_common(1)[0][0] if told.piles else ""
    if pile:
        ledger.remark(f"pile {pile}, told by its frames")
    return pile, False


# Directions ---------------------------------------------------------------------------------------------------


def _directions(told: _Sampled, wishes: Wishes, ledger: Ledger) -> dict[Mark, Direction | None]:
    """Which way each mark means; None: both, so that each frame goes its own way."""
    found: dict[Mark, Direction | None] = {}
    sent = _sends(wishes.vantage)
    for mark, ways in told.ways.items():
        said = mark.direction
        if said is None and mark.sent is not None and sent is not None:
            said = sent if mark.sent else sent.sender.other.sends
        found[mark] = said if said is not None else _majority(ways)
        contrary = sum(ways.values()) - ways[said] if said is not None else 0
        if said is not None and contrary * 2 > sum(ways.values()):
            ledger.remark(
                f"{contrary} of {sum(ways.values())} frames marked {mark.text!r} are messages that go the other way; "
                f"the mark is believed: if the log was made at the other end, say so with --vantage"
            )
    _by_opposites(found)
    for mark, way in found.items():
        if mark.text and way is not None and mark.direction is None:
            by = "by the vantage" if mark.sent is not None and sent is not None else "told by its frames"
            ledger.remark(f"{mark.text!r} is {way}, {by}")
    if None in found.values():
        words = ", ".join(repr(mark.text) for mark, way in found.items() if way is None and mark.text)
        ledger.remark(
            f"{f'{words} marks no direction' if words else 'no line marks a direction'}: "
            "each frame goes the way its message goes"
        )
    return found


def _majority(ways: Counter[Direction]) -> Direction | None:
    if not ways:
        return None
    way, n = ways.most_common(1)[0]
    return way if n * 100 >= sum(ways.values()) * AGREE_PERCENT else None


def _by_opposites(found: dict[Mark, Direction | None]) -> None:
    """A mark with no frame to tell by means the contrary of the other one, where there are two."""
    for mark, way in found.items():
        if way is None and mark.text:
            same = {w for other, w in found.items() if w and mark.sent is not None and other.sent is mark.sent}
            against = {
                w.sender.other.sends
                for other, w in found.items()
                if w and mark.sent is not None and other.sent is (not mark.sent)
            }
            means = same | against
            if len(means) == 1:
                found[mark] = means.pop()


def _sends(vantage: Vantage | None) -> Direction | None:
    """The way of what was sent where the log was made."""
    if vantage in (Vantage.PILE, Vantage.PLATFORM):
        return End(vantage.value).sends
    return None


def _vantage(told: _Sampled, wishes: Wishes, ledger: Ledger, directions: dict[Mark, Direction | None]) -> Vantage:
    """Where the log was made: he who sends what goes up is the pile."""
    if wishes.vantage is not None:
        return wishes.vantage
    ends = {
        way.sender if mark.sent else way.receiver
        for mark, way in directions.items()
        if way is not None and mark.sent is not None and told.ways[mark]
    }
    if len(ends) == 1:
        end = ends.pop()
        ledger.remark(f"recorded at the {end}: what is marked as sent there is what the {end} sends")
        return Vantage(end.value)
    ledger.remark("nothing tells at which end it was recorded (--vantage would): neither end is taken at its word")
    return Vantage.UNKNOWN


def _missing(
    sample: list[Piece], told: _Sampled, directions: dict[Mark, Direction | None], clocked: _Clock
) -> tuple[Missing, ...]:
    there: set[Direction] = set()
    for mark, ways in told.ways.items():
        way = directions[mark]
        if way is not None:
            there.add(way)
        else:
            there.update(ways)
    missing = [Missing.ACTS]
    told_links = {piece.linked for piece in sample if piece.linked is not None}
    if told_links != {True, False}:
        # Such lines of the one kind only do not show when the other happened.
        missing.append(Missing.CONNECTIONS)
    if clocked.timeless:
        missing.append(Missing.TIMES)
    if Direction.UP not in there:
        missing.append(Missing.UP)
    if Direction.DOWN not in there:
        missing.append(Missing.DOWN)
    return tuple(missing)


# Times --------------------------------------------------------------------------------------------------------


class _Clock:
    """Every piece's time, in an order in which times never go back."""

    def __init__(self, source: Source, sample: list[Piece], told: _Sampled, wishes: Wishes, ledger: Ledger) -> None:
        self._ledger = ledger
        self._day_first: bool | None = None
        self._wishes = wishes
        moments = [piece.moment for piece in sample if piece.moment is not None]
        self.timeless = not moments
        kinds = Counter(moment.tells for moment in moments)
        day = self._day(sample, told, kinds)
        begins_ns = _at_midnight(day, wishes)
        if kinds[Tells.SINCE]:
            begins_ns = self._beginning(sample, told, begins_ns)
        self._start_ns = self._timeless_start(told, begins_ns) if self.timeless else begins_ns
        self._day_of_log = day
        ledger.clock = self._worth(kinds, max((moment.digits for moment in moments), default=0))
        if kinds and not kinds[Tells.INSTANT] and not self.timeless:
            if not kinds[Tells.SINCE]:
                ledger.remark(f"times are those of UTC{_zone_text(wishes)} (--tz)")
            self._compare(sample, told)
        if any(moment.swapped for moment in moments):
            self._day_first = _day_first(source, ledger)

    def _worth(self, kinds: Counter[Tells], digits: int) -> str:
        if self.timeless:
            return "no times: lines follow one another by 1 ms, so that no time may be believed"
        unit = "s" if not digits else f"{10 ** (3 - digits) if digits < 3 else 1} {'ms' if digits <= 3 else 'us'}"
        unit = {0: "the second", 3: "the millisecond", 6: "the microsecond"}.get(
            digits, f"{digits} decimals of the second"
        )
        parts = [f"to {unit}"]
        if len(kinds) > 1:
            parts.append("in more than one form: perhaps of more than one clock")
        if kinds[Tells.SINCE]:
            parts.append("since the tool began: the hour is made up")
        return ", ".join(parts)

    def _day(self, sample: list[Piece], told: _Sampled, kinds: Counter[Tells]) -> date:
        """The day on which the log begins, or at least its year, as far as lines do not tell it."""
        wishes, ledger = self._wishes, self._ledger
        needs_year = bool(kinds[Tells.DAY])
        needs_day = bool(kinds[Tells.TIME] or kinds[Tells.SINCE]) or self.timeless
        for moment in (piece.moment for piece in sample):
            if moment is not None and moment.tells is Tells.DATE:
                # A later line that tells less goes by the ones before it.
                return date(moment.year, moment.month, moment.day)
        if wishes.day is not None:
            return wishes.day
        first_told = local_datetime(told.told[0][1]).date() if told.told else None
        fallback = wishes.written or date(2020, 1, 1)
        written = "the day on which the file was written" if wishes.written else "for want of anything better"
        if needs_year:
            if wishes.year is not None:
                return date(wishes.year, 1, 1)
            if told.dated:
                year = told.dated.most_common(1)[0][0]
                ledger.remark(f"the year is {year}, as the frames name it (--year)")
                return date(year, 1, 1)
            ledger.remark(f"the year is {fallback.year}: {written} (--year)")
            return date(fallback.year, 1, 1)
        if needs_day:
            if first_told is not None:
                ledger.remark(f"the day is {first_told}, as the platform told it (--day)")
                return first_told
            if wishes.year is not None:
                fallback = date(wishes.year, 1, 1)
                written = "the first of the year that was given"
            ledger.remark(f"the day is {fallback}: {written} (--day)")
        return fallback

    def _beginning(self, sample: list[Piece], told: _Sampled, default_ns: int) -> int:
        """When second 0 was, by the first time that the platform told."""
        for index, platform_ns in told.told:
            moment = sample[index].moment
            if moment is not None and moment.tells is Tells.SINCE:
                self._ledger.remark("the clock begins so that the platform's first time is right")
                return platform_ns - moment.ns
        return default_ns

    @staticmethod
    def _timeless_start(told: _Sampled, default_ns: int) -> int:
        return told.told[0][1] - told.told[0][0] * STEP_NS if told.told else default_ns

    def _compare(self, sample: list[Piece], told: _Sampled) -> None:
        """A zone that is wrong shows where the platform tells the time."""
        calendar = self._calendar()
        for index, platform_ns in told.told[:1]:
            moment = sample[index].moment
            if moment is None or moment.tells is Tells.SINCE:
                return
            off_ns = platform_ns - calendar.epoch_ns(moment)
            hours = round(off_ns / HOUR)
            if hours and abs(hours) <= 14 and abs(off_ns - hours * HOUR) < MINUTE:
                self._ledger.remark(
                    f"the platform tells a time that is {abs(hours)} h {'later' if hours > 0 else 'earlier'} than the "
                    "log's: perhaps the log's zone is another (--tz)"
                )

    def timed(self, pieces: Iterator[Piece]) -> Iterator[_Timed]:
        """The pieces with their times, none before the last."""
        if self.timeless:
            return (_Timed(self._start_ns + index * STEP_NS, piece) for index, piece in enumerate(pieces))
        calendar = self._calendar()
        if self._wishes.order is LineOrder.FILE:
            return self._never_back(self._dated(calendar, pieces))
        held = []
        for piece in pieces:
            held.append(piece)
            if len(held) >= SAMPLE_PIECES:
                break
        if _descends(held, self._calendar()):
            return self._never_back(self._dated(calendar, self._turned(held, pieces)))
        return self._never_back(self._sorted(self._dated(calendar, chain(held, pieces))))

    def _calendar(self) -> Calendar:
        return Calendar(self._day_of_log, self._wishes.zone, self._start_ns, self._day_first)

    def _turned(self, held: list[Piece], pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            held.append(piece)
            if len(held) > TURNED_PIECES:
                self._ledger.remark(
                    f"the log begins with its newest line, and has more than {TURNED_PIECES}, too many to turn round"
                )
                return chain(held, pieces)
        self._ledger.remark("the log begins with its newest line: it is read from its end (--lines file)")
        return _backwards(held)

    def _dated(self, calendar: Calendar, pieces: Iterable[Piece]) -> Iterator[_Timed]:
        last_ns: int | None = None
        early: list[Piece] = []
        """Lines before the first that has a time: they have that one's."""
        for piece in pieces:
            if piece.moment is not None:
                last_ns = calendar.epoch_ns(piece.moment)
                for older in early:
                    yield _Timed(last_ns, older)
                early = []
            elif last_ns is None:
                early.append(piece)
                continue
            else:
                self._ledger.count(
                    "{n} lines without a time have that of the line before them, first line {line}", piece.line
                )
            yield _Timed(last_ns, piece)

    def _sorted(self, timed: Iterator[_Timed]) -> Iterator[_Timed]:
        """Lines that are a little late, where they belong; lines of one instant stay as they are."""
        heap: list[tuple[int, int, _Timed]] = []
        latest_ns = 0
        for serial, given in enumerate(timed):
            item = given
            when_ns = item.epoch_ns
            if when_ns < latest_ns:
                if latest_ns - when_ns > LATE_NS:
                    self._ledger.count(
                        "the clock went back {n} times by more than 10 s, first at line {line}: it is held",
                        item.piece.line,
                    )
                    when_ns = latest_ns
                    item = replace(item, epoch_ns=latest_ns)
                else:
                    self._ledger.count(
                        "{n} lines stood after later ones, first line {line}: put in order (--lines file)",
                        item.piece.line,
                    )
            latest_ns = max(latest_ns, when_ns)
            heapq.heappush(heap, (when_ns, serial, item))
            while heap and (len(heap) > LATE_PIECES or heap[0][0] < latest_ns - LATE_NS):
                yield heapq.heappop(heap)[2]
        while heap:
            yield heapq.heappop(heap)[2]

    def _never_back(self, timed: Iterator[_Timed]) -> Iterator[_Timed]:
        latest_ns: int | None = None
        for given in timed:
            item = given
            if latest_ns is not None and item.epoch_ns < latest_ns:
                self._ledger.count(
                    "{n} lines have the time of the line before them, which was later, first line {line}",
                    item.piece.line,
                )
                item = replace(item, epoch_ns=latest_ns)
            latest_ns = item.epoch_ns
            yield item


def _day_first(source: Source, ledger: Ledger) -> bool | None:
    """Which comes first in dates such as 3/4/2020, by all of the log; None where it leaves that open."""
    with source.open() as stream:
        first = day_comes_first(line for _, line, _ in stream.lines())
    if first is None:
        ledger.remark("dates such as 3/4/2020 are read with the month first, 3.4.2020 with the day first")
    else:
        ledger.remark(f"dates such as 3/4/2020 have the {'day' if first else 'month'} first, as other lines show")
    return first


def _at_midnight(day: date, wishes: Wishes) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=wishes.zone).astimezone(UTC).timestamp()) * S


def _zone_text(wishes: Wishes) -> str:
    text = datetime(2020, 1, 1, tzinfo=wishes.zone).strftime("%z")
    return f"{text[:3]}:{text[3:5]}"


def _descends(pieces: list[Piece], calendar: Calendar) -> bool:
    """Whether nearly every line is older than the one before it."""
    times = [calendar.epoch_ns(piece.moment) for piece in pieces if piece.moment is not None]
    steps = [later - earlier for earlier, later in pairwise(times)]
    back, on = sum(step < 0 for step in steps), sum(step > 0 for step in steps)
    return back > 1 and back > 9 * on


def _backwards(pieces: list[Piece]) -> Iterator[Piece]:
    """The lines from the last to the first; bytes that several lines share stay in their order."""
    at = len(pieces)
    while at:
        begin = at - 1
        while begin and (
            pieces[begin].moment is pieces[begin - 1].moment or pieces[begin].line == pieces[begin - 1].line
        ):
            begin -= 1
        yield from pieces[begin:at]
        at = begin


# Events -------------------------------------------------------------------------------------------------------


class _Plain:
    """Each piece is a chunk, by its mark."""

    def __init__(self, near: End, directions: dict[Mark, Direction | None]) -> None:
        self._near = near
        self._directions = directions

    def take(self, t_ns: int, piece: Piece) -> list[AnyEvent]:
        way = self._directions.get(piece.mark)
        if way is None:
            way = self._unseen(piece.mark)
        return [Chunk(t_ns=t_ns, end=self._near, direction=way, data=piece.data, line=piece.line)]

    def _unseen(self, mark: Mark) -> Direction:
        """A mark that comes first after the sample: as its word says, or as others of its kind."""
        likely = [way for other, way in self._directions.items() if way is not None and other.sent is mark.sent]
        way = mark.direction or (likely[0] if likely else Direction.UP)
        self._directions[mark] = way
        return way

    def finish(self, t_ns: int) -> list[AnyEvent]:
        return []


class _Framed:
    """Each frame is a chunk: by its own direction where its mark tells none, and only if it is of the pile chosen."""

    def __init__(
        self, protocol: Protocol, near: End, directions: dict[Mark, Direction | None], pile: str, ledger: Ledger
    ) -> None:
        self._protocol = protocol
        self._near = near
        self._directions = directions
        self._pile = pile
        self._ledger = ledger
        self._lanes: dict[Mark, tuple[Framer, list[tuple[int, int]]]] = {}
        self._last_ns: dict[Mark, int] = {}

    def take(self, t_ns: int, piece: Piece) -> list[AnyEvent]:
        mark = piece.mark
        events: list[AnyEvent] = []
        if mark not in self._lanes:
            self._lanes[mark] = (self._protocol.framer(self._directions.get(mark) or Direction.UP), [])
        framer, lines = self._lanes[mark]
        if t_ns - self._last_ns.get(mark, t_ns) > GAP_NS:
            events += self._given(self._last_ns[mark], mark, framer.gap(), lines, now_ns=t_ns)
        self._last_ns[mark] = t_ns
        lines.append((len(piece.data), piece.line))
        events += self._given(t_ns, mark, framer.feed(piece.data, t_ns), lines, now_ns=t_ns)
        return events

    def finish(self, t_ns: int) -> list[AnyEvent]:
        return [
            event
            for mark, (framer, lines) in self._lanes.items()
            for event in self._given(t_ns, mark, framer.gap(), lines, now_ns=t_ns)
        ]

    def _given(
        self, t_ns: int, mark: Mark, items: list[Frame | Garbage], lines: list[tuple[int, int]], now_ns: int
    ) -> list[AnyEvent]:
        events: list[AnyEvent] = []
        for item in items:
            line = _taken(lines, len(item.raw))
            way = self._directions.get(mark)
            if isinstance(item, Garbage):
                if way is None or self._pile:
                    self._ledger.left(line, item.raw.hex(" "), f"bytes that are no frame: {item.reason}")
                    continue
            else:
                if self._pile and item.pile is not None and item.pile != self._pile:
                    self._ledger.count("{n} frames of other piles are left out, first line {line}", line)
                    continue
                way = way or natural(self._protocol, item)
                if way is None:
                    self._ledger.left(
                        line, item.raw.hex(" "), f"message 0x{item.number:02X}, whose direction is not known"
                    )
                    continue
            assert way is not None, "garbage without a direction was left out"
            events.append(Chunk(t_ns=now_ns, end=self._near, direction=way, data=item.raw, line=line))
        return events


def _taken(lines: list[tuple[int, int]], size: int) -> int:
    """The line of the first of the next `size` bytes, which are then done with."""
    first = lines[0][1] if lines else 0
    while size and lines:
        has, line = lines[0]
        if has > size:
            lines[0] = (has - size, line)
            break
        size -= has
        del lines[0]
    return first


class _Connections:
    """A log of bytes tells no connections, but the pile does: it says hello when it has come back.

    Where a hello comes after a silence, and after other messages, the line was lost after what came last before it.
    """

    def __init__(self, protocol: Protocol, near: End, ledger: Ledger) -> None:
        self._protocol = protocol
        self._framer = protocol.framer(Direction.UP)
        self._near = near
        self._ledger = ledger
        self._spoken = False
        """Since the last hello something else has been sent."""
        self._silent = True
        self._up_ns: int | None = None
        self._up: bool | None = None
        """Whether the line is up, as the log tells it."""

    def between(self, events: Iterator[AnyEvent]) -> Iterator[AnyEvent]:
        """The events, with the connections among them."""
        last_ns = 0
        begins = False
        held: list[AnyEvent] = []
        """From a frame that is not whole on: what begins with it is only known at its end."""
        for event in events:
            if isinstance(event, LineUp | LineDown):
                yield from held
                held = []
                if self._up is not isinstance(event, LineUp):
                    self._told(event)
                    yield event
                    last_ns = event.t_ns
                continue
            if self._up is False and isinstance(event, Chunk):
                # What the log has after the end of a connection is of another that it does not tell of.
                self._up = True
                yield LineUp(t_ns=event.t_ns, end=self._near)
            if isinstance(event, Chunk) and event.direction is Direction.UP and self._is_hello(event):
                begins = True
                self._ledger.count(
                    "{n} times the pile says hello after a silence: the line was lost before it, first line {line}",
                    event.line,
                )
            held.append(event)
            if self._framer.pending and len(held) < HELD_EVENTS and not isinstance(event, Finish):
                continue
            if begins:
                yield LineDown(t_ns=last_ns, end=self._near)
                yield LineUp(t_ns=held[0].t_ns, end=self._near)
                begins = False
            last_ns = event.t_ns
            yield from held
            held = []

    def _told(self, event: LineUp | LineDown) -> None:
        """The log itself tells of the connection: the next hello begins none."""
        self._up = isinstance(event, LineUp)
        self._spoken = False
        self._framer = self._protocol.framer(Direction.UP)

    def _is_hello(self, chunk: Chunk) -> bool:
        """Whether a new connection begins with the frame that this chunk makes whole."""
        if not self._framer.pending:
            self._silent = self._up_ns is None or chunk.t_ns - self._up_ns >= SILENCE_NS
        self._up_ns = chunk.t_ns
        found = [item for item in self._framer.feed(chunk.data, chunk.t_ns) if isinstance(item, Frame)]
        hellos = [isinstance(self._protocol.decode(frame).message, Hello) for frame in found]
        begins = self._silent and self._spoken and bool(hellos) and hellos[0]
        self._spoken = (self._spoken and not begins) or not all(hellos)
        return begins


class _Links:
    """Lines that tell of the connection; of a log with several piles only those that name the one chosen."""

    def __init__(self, near: End, pile: str, ledger: Ledger) -> None:
        self._near = near
        self._pile = pile
        self._ledger = ledger

    def take(self, t_ns: int, piece: Piece) -> list[AnyEvent]:
        if self._pile and self._pile not in piece.text:
            self._ledger.left(piece.line, piece.text, "a connection that may be another pile's")
            return []
        if piece.linked:
            self._ledger.count("{n} lines tell that the connection has come, first line {line}", piece.line)
            return [LineUp(t_ns=t_ns, end=self._near)]
        self._ledger.count("{n} lines tell that the connection has gone, first line {line}", piece.line)
        return [LineDown(t_ns=t_ns, end=self._near)]


def _events(timed: Iterator[_Timed], start_ns: int, maker: _Plain | _Framed, links: _Links) -> Iterator[AnyEvent]:
    t_ns = 0
    for item in timed:
        t_ns = item.epoch_ns - start_ns
        yield from (maker if item.piece.linked is None else links).take(t_ns, item.piece)
    yield from maker.finish(t_ns)
    yield Finish(t_ns=t_ns)
