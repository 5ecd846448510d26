"""Two logs of one pile, one from each end of its line, as one recording at both ends.

Owns whose clock is ahead of whose, told by the frames that both logs have, and the putting together. Must not know how
a log is read, nor what a frame means, but for whether it is of one day alone. A frame arrives after it was sent: each
one that both logs have bounds the offset of their clocks from one side, and as long as one offset explains all of them
it is taken to be one. Works on streams: of either log a bounded sample of frames is kept, the same ones of both, chosen
by what they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path

import msgspec

from pilesim.errors import FileError, UsageError
from pilesim.trace.events import (
    AnyEvent,
    Chunk,
    Finish,
    Gap,
    Header,
    LineDown,
    LineUp,
    Mention,
    Missing,
    Stimulus,
    Vantage,
)
from pilesim.trace.importers.holes import Hole, Silences, hole_at, holes
from pilesim.trace.importers.imported import Ledger, Opened, SeveralPilesError, Wishes, vantage_of
from pilesim.trace.importers.source import Told, written_on
from pilesim.units import (
    HOUR,
    MS,
    S,
    agreeing,
    format_duration,
    format_local,
    local_datetime,
    numbered,
    parse_world_start_ns,
)
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import Message, Stamp
from pilesim.wire.protocol import Framer, Protocol, protocol_named

FRAMES_SAMPLED = 1 << 15
"""So many frames of either log are compared, spread over all of it."""
SHARED_PERCENT = 25
"""Of the time that both cover most frames are in both; a few are the same on any day."""
ALIKE_KEPT = 16
"""Frames of one content; where either log has more, they tell nothing."""
SURE_NS = 500 * MS
"""Two clocks that may be equal are, where no more than so much is left open."""
SLACK_NS = 20 * MS
"""A program may write down what it sends so much after it was sent."""
DOUBTS = 3
"""So many frames one after the other that no single offset explains: a clock was set. Fewer were mistaken."""
APART_NS = 26 * HOUR
"""Two clocks of one time may differ by a zone of each; beyond that by anything, where what both have is of one day."""
EDGE_NS = 2 * S
"""So much before and after the time that both logs cover is kept too, and looked at around a hole of one."""
HOLE_EDGE_NS = 5 * S
"""What was sent in a hole of the other log may be in it so long after."""
SENT_KEPT = 4096
"""Pieces under way at a time that are remembered."""
LOOKED_AHEAD = 4096
"""Events of the one log that are held to find what the other has earlier."""
OFFSETS_SHOWN = 3
HOLES_SHOWN = 3

Opening = Callable[[Path, Wishes, Told | None], Opened]


@dataclass(frozen=True, slots=True)
class _Log:
    """One of the two."""

    path: Path
    wishes: Wishes
    told: Told | None
    opened: Opened
    """It gives its events once; then it is opened again."""
    end: End = End.PILE
    """Where it was made, once that is known."""

    @property
    def start_ns(self) -> int:
        return parse_world_start_ns(self.opened.header.start)

    @property
    def told_end(self) -> End | None:
        """The end at which it was made, as far as it tells. UsageError where it was made at both."""
        vantage = vantage_of(self.opened.header)
        if vantage is Vantage.BOTH:
            raise UsageError(f"{self.path}: expected a log from one end, found a recording at both: it needs no other")
        return End(vantage.value) if vantage in (Vantage.PILE, Vantage.PLATFORM) else None

    @property
    def near(self) -> End:
        """The end by which its events go."""
        return self.opened.header.ends[0]

    def again(self, opening: Opening) -> _Log:
        """From its beginning; what it speaks is known by now."""
        wishes = self.wishes if self.opened.own else replace(self.wishes, protocol=self.opened.header.protocol)
        return replace(self, opened=opening(self.path, wishes, self.told))

    def placed(self, end: End, opening: Opening) -> _Log:
        """The same as made at `end`."""
        if self.told_end is end:
            return replace(self, end=end)
        return replace(self, end=end, wishes=replace(self.wishes, vantage=Vantage(end.value))).again(opening)

    def error(self, problem: str) -> FileError:
        return FileError(str(self.path), None, problem)


@dataclass(frozen=True, slots=True)
class _Both:
    """A frame that both logs have, and when (epoch ns, each by its own clock)."""

    direction: Direction
    pile_ns: int
    platform_ns: int

    @property
    def ahead_ns(self) -> int:
        return self.platform_ns - self.pile_ns


class _Prints:
    """A sample of a log's frames, by what they are: of two logs the same ones."""

    def __init__(self) -> None:
        self.first_ns = -1
        self.last_ns = -1
        self.silences = Silences()
        self._times: dict[tuple[Direction, int], list[int]] = {}
        self._mask = 0

    @property
    def span(self) -> str:
        if self.first_ns < 0:
            return "nothing"
        return f"{format_local(self.first_ns)} to {format_local(self.last_ns)}"

    def covers(self, t_ns: int) -> None:
        """Something passed there, or became of the line."""
        self.first_ns = t_ns if self.first_ns < 0 else self.first_ns
        self.last_ns = t_ns
        self.silences.heard(t_ns)

    def take(self, frame: Frame, t_ns: int) -> None:
        """A frame that passed there."""
        mark = _mark(frame)
        if mark & self._mask:
            return
        times = self._times.setdefault((frame.direction, mark), [])
        if len(times) <= ALIKE_KEPT:
            times.append(t_ns)
        while len(self._times) > FRAMES_SAMPLED:
            self._mask = 2 * self._mask + 1
            self._times = {key: times for key, times in self._times.items() if not key[1] & self._mask}

    def times(self) -> Iterator[int]:
        """Of all frames of the sample."""
        return chain.from_iterable(self._times.values())

    def shared(self, other: _Prints, way: Direction) -> Iterator[tuple[int, int]]:
        """When each frame that went this way was seen, here and there; of several alike the first is the first."""
        for key, times in self._times.items():
            theirs = other._times.get(key, ())
            if key[0] is way and len(times) == len(theirs) <= ALIKE_KEPT:
                yield from zip(times, theirs, strict=True)

    def both(self, other: _Prints) -> set[int]:
        """What both have, of either way."""
        return {mark for _, mark in self._times.keys() & other._times.keys()}

    def lacks(self, other: _Prints, way: Direction) -> Iterator[int]:
        """When the other saw frames that went this way, of which there is none here."""
        mask = self._mask | other._mask
        for key, times in other._times.items():
            if key[0] is way and not key[1] & mask and key not in self._times:
                yield from times


@dataclass(slots=True)
class Offset:
    """How far the platform's clock is ahead of the pile's, from one time of the pile's on: between `least` and `most`.

    One of them is None where frames of one direction alone tell.
    """

    since_ns: int
    least_ns: int | None = None
    most_ns: int | None = None
    frames: int = 0

    @property
    def likely_ns(self) -> int:
        least, most = self.least_ns, self.most_ns
        if least is None or most is None:
            return most if least is None and most is not None else least or 0
        return 0 if least <= 0 <= most and most - least < SURE_NS else (least + most) // 2

    @property
    def within_ns(self) -> int:
        """How far it may be from the likely one. By frames of one direction alone that is not known: the fastest of
        them needed no time then, and what each of the others needed more is sure."""
        if self.least_ns is None or self.most_ns is None:
            return 0
        ns = self.likely_ns
        return max(self.most_ns - ns, ns - self.least_ns)

    @property
    def words(self) -> str:
        """`3.214 s behind, to within 0.020 s`: of the pile's clock."""
        ns = self.likely_ns
        ahead = f"{format_duration(abs(ns) // MS * MS)} {'behind' if ns > 0 else 'ahead'}" if abs(ns) >= MS else "equal"
        if self.least_ns is None or self.most_ns is None:
            return f"{ahead}, by frames of one direction alone: what they need on the line is not known"
        return f"{ahead}, to within {format_duration(-(-self.within_ns // MS) * MS)}"

    def agrees(self, both: _Both, pile_coarse_ns: int, platform_coarse_ns: int) -> bool:
        """Whether this offset explains the frame as well; then it is narrowed down by it."""
        least, most = self.least_ns, self.most_ns
        # A time that is cut off tells that it was so much later at most.
        if both.direction is Direction.UP:
            bound = both.ahead_ns + platform_coarse_ns + SLACK_NS
            most = bound if most is None else min(most, bound)
        else:
            bound = both.ahead_ns - pile_coarse_ns - SLACK_NS
            least = bound if least is None else max(least, bound)
        if least is not None and most is not None and least > most:
            return False
        self.least_ns, self.most_ns = least, most
        self.frames += 1
        return True


def offsets_of(shared: list[_Both], pile_coarse_ns: int, platform_coarse_ns: int) -> list[Offset]:
    """The offsets of the two clocks, by the frames that both logs have, in the order of the pile's times: more than one
    where a clock was set, or drifts."""
    found = [Offset(shared[0].pile_ns)]
    at = doubts = doubted = begun = 0
    while at < len(shared):
        both = shared[at]
        if found[-1].agrees(both, pile_coarse_ns, platform_coarse_ns):
            if doubts and both.direction is shared[doubted].direction:
                doubts = 0
        else:
            if not doubts:
                doubted = at
            doubts += 1
            if doubts >= DOUBTS:
                at = begun = _first_by_another(shared, begun, doubted, found[-1].likely_ns)
                doubts = 0
                # A clock that is set ahead leaves out the time in between, in which nothing is.
                found.append(Offset((shared[at - 1].pile_ns + shared[at].pile_ns) // 2 + 1))
                continue
        at += 1
    return found


def _first_by_another(shared: list[_Both], begun: int, doubted: int, offset_ns: int) -> int:
    """The first frame after `begun` that goes by the offset that `doubted` shows: those of the other direction do not
    contradict `offset_ns`, but look as if they had been under way for long.
    """
    at = doubted
    while at > begun + 1:
        ahead_ns = shared[at - 1].ahead_ns
        if abs(ahead_ns - offset_ns) <= abs(ahead_ns - shared[doubted].ahead_ns):
            break
        at -= 1
    return at


def open_joined(path: Path, wishes: Wishes, opening: Opening, told: Told | None = None) -> Opened:
    """The logs at `path` and `wishes.other` as one recording at both ends, by the platform's clock.

    Errors as of `opening`; UsageError where it cannot be told which was made at which end, FileError where they are of
    two piles, or share no frame.
    """
    assert wishes.other is not None, "there are two logs to join"
    pile, platform = _at_ends(path, wishes.other, replace(wishes, other=None), opening, told)
    mine, theirs = _look(pile), _look(platform)
    coarse = (pile.opened.header.resolution_ns, platform.opened.header.resolution_ns)
    shared = sorted(_shared(mine, theirs), key=lambda both: (both.pile_ns, both.platform_ns))
    if not shared:
        raise FileError(
            str(path),
            None,
            "expected two logs of one time, with the bytes of their frames; found no frame that is in "
            f"{pile.path.name} ({mine.span}) and in {platform.path.name} ({theirs.span})",
        )
    clock = _PileClock(offsets_of(shared, *coarse))
    _plausible(pile, platform, clock, mine, theirs, opening)
    ledger = Ledger(parts=((pile.path.name, pile.opened.ledger), (platform.path.name, platform.opened.ledger)))
    ledger.clock = _worth(pile, platform, clock, len(shared))
    begins_ns = max(clock.platform_ns(mine.first_ns), theirs.first_ns) - EDGE_NS
    ends_ns = min(clock.platform_ns(mine.last_ns), theirs.last_ns) + EDGE_NS
    there = min(
        sum(begins_ns <= clock.platform_ns(t_ns) <= ends_ns for t_ns in mine.times()),
        sum(begins_ns <= t_ns <= ends_ns for t_ns in theirs.times()),
    )
    if len(shared) * 100 < there * SHARED_PERCENT:
        raise FileError(
            str(path),
            None,
            f"expected two logs of one time; found {len(shared)} of {there} frames in {pile.path.name} "
            f"({mine.span}) and in {platform.path.name} ({theirs.span}), which would be so of any two logs of a pile",
        )
    for log, first_ns, last_ns in (
        (pile, clock.platform_ns(mine.first_ns), clock.platform_ns(mine.last_ns)),
        (platform, theirs.first_ns, theirs.last_ns),
    ):
        _tell_cut(log, first_ns, last_ns, begins_ns, ends_ns, ledger)
    begins_ns = max(begins_ns, min(clock.platform_ns(mine.first_ns), theirs.first_ns))
    start_ns = begins_ns // S * S
    apart_ns = max(offset.within_ns for offset in clock.offsets)
    spare_ns = apart_ns + max(coarse)
    silent = [(clock.platform_ns(since), clock.platform_ns(until)) for since, until in mine.silences]
    found = {
        End.PILE: holes(silent, mine.lacks(theirs, Direction.UP), spare_ns),
        End.PLATFORM: holes(theirs.silences, map(clock.platform_ns, theirs.lacks(mine, Direction.DOWN)), spare_ns),
    }
    for log, other in ((pile, platform), (platform, pile)):
        _tell_holes(log, other, found[log.end], ledger)
    acts = pile if pile.opened.own and (pile.opened.header.stimuli or not platform.opened.own) else platform

    def moved() -> Iterator[AnyEvent]:
        logs = [log.again(opening) for log in (pile, platform)]
        streams = {
            log.end: _moved(log, clock.platform_ns if log.end is End.PILE else None, with_acts=log.path == acts.path)
            for log in logs
        }
        in_order = _InOrder(streams, SLACK_NS + sum(coarse), found)
        yield from _together(iter(in_order), begins_ns, ends_ns, start_ns)

    header = _header(pile, platform, acts.opened.header, start_ns, apart_ns)
    gaps = [Gap(end, hole.since_ns - start_ns, hole.until_ns - start_ns) for end in End for hole in found[end]]
    header = msgspec.structs.replace(header, gaps=tuple(gaps))
    return Opened(
        f"{pile.opened.form} and {platform.opened.form}",
        header,
        moved(),
        ledger,
        files={log.end: str(log.path) for log in (pile, platform)},
    )


# Which is which ---------------------------------------------------------------------------------------------------


def _at_ends(path: Path, other: Path, wishes: Wishes, opening: Opening, told: Told | None) -> tuple[_Log, _Log]:
    """The pile's log and the platform's. What `wishes` says of the vantage is of the first."""
    if path == other:
        raise UsageError(f"{other}: expected another log than the first, found the same")
    parts = (_part(told, 0), _part(told, _size(path) // 2))
    theirs = replace(wishes, vantage=None, written=wishes.written and written_on(other, wishes.zone))
    try:
        first = _Log(path, wishes, parts[0], opening(path, wishes, parts[0]))
    except SeveralPilesError:
        # The other one may tell which of them is meant.
        pile = opening(other, theirs, None).header.pile
        if not pile:
            raise
        wishes = replace(wishes, pile=pile)
        first = _Log(path, wishes, parts[0], opening(path, wishes, parts[0]))
    header = first.opened.header
    if not first.opened.own or not wishes.protocol:
        theirs = replace(theirs, protocol=wishes.protocol or header.protocol, pile=wishes.pile or header.pile)
    second = _Log(other, theirs, parts[1], opening(other, theirs, parts[1]))
    logs = _placed(first, second, opening)
    for log in logs:
        found = log.opened.header
        if found.protocol != header.protocol:
            raise log.error(f"expected a log of {header.protocol}, as {first.path.name} is; found {found.protocol}")
        if found.pile and header.pile and found.pile != header.pile:
            raise log.error(f"expected a log of pile {header.pile}, as {first.path.name} is; found {found.pile}")
        if Missing.FRAMES in found.missing or Missing.TIMES in found.missing:
            lacks = next(lack for lack in (Missing.FRAMES, Missing.TIMES) if lack in found.missing)
            raise log.error(f"expected a log that can be put beside another, found one that does not hold {lacks}")
    return logs


def _placed(first: _Log, second: _Log, opening: Opening) -> tuple[_Log, _Log]:
    """The two by the ends at which they were made; where one of them does not tell, it was made at the other."""
    ends = [log.told_end for log in (first, second)]
    if ends[0] is None and ends[1] is None:
        raise UsageError(
            f"{first.path.name} and {second.path.name}: expected a log from each end, and neither tells at which it "
            "was made: --vantage says it of the first"
        )
    if ends[0] is ends[1]:
        raise UsageError(
            f"{first.path.name} and {second.path.name}: expected a log from each end, found two from the {ends[0]}; "
            "--vantage says where the first was made"
        )
    known = ends[0] or (ends[1].other if ends[1] is not None else End.PILE)
    logs = {end: log.placed(end, opening) for log, end in ((first, known), (second, known.other))}
    return logs[End.PILE], logs[End.PLATFORM]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _part(told: Told | None, base: int) -> Told | None:
    """Of two logs, each read twice: what is told of one of them, in bytes of both."""
    return None if told is None else lambda size: told(base + size // 2)


# What both have ---------------------------------------------------------------------------------------------------


def _look(log: _Log) -> _Prints:
    """Read it once for its frames."""
    seen = _Prints()
    for frame, t_ns in _frames(log, seen.covers):
        seen.take(frame, t_ns)
    return seen


def _frames(log: _Log, covers: Callable[[int], None]) -> Iterator[tuple[Frame, int]]:
    """The sound frames of a log, each with when it was there (epoch ns); `covers` is told when anything was."""
    protocol: Protocol = protocol_named(log.opened.header.protocol)
    framers: dict[Direction, Framer] = {}
    for event in log.opened.events:
        t_ns = log.start_ns + event.t_ns
        covers(t_ns)
        if isinstance(event, Chunk) and event.end is log.near:
            framer = framers.get(event.direction)
            if framer is None:
                framer = framers[event.direction] = protocol.framer(event.direction)
            for item in framer.feed(event.data, event.t_ns):
                if isinstance(item, Frame) and item.sound:
                    yield item, t_ns
        elif isinstance(event, LineUp | LineDown):
            framers.clear()


def _mark(frame: Frame) -> int:
    """What tells a frame from others."""
    return int.from_bytes(blake2b(frame.raw, digest_size=8).digest())


def _shared(mine: _Prints, theirs: _Prints) -> Iterator[_Both]:
    for way in Direction:
        for pile_ns, platform_ns in mine.shared(theirs, way):
            yield _Both(way, pile_ns, platform_ns)


class _PileClock:
    """The pile's times, by the platform's clock."""

    def __init__(self, offsets: list[Offset]) -> None:
        self.offsets = offsets
        self._since = [offset.since_ns for offset in offsets]

    def platform_ns(self, pile_ns: int) -> int:
        at = max(0, bisect_right(self._since, pile_ns) - 1)
        return pile_ns + self.offsets[at].likely_ns


def _worth(pile: _Log, platform: _Log, clock: _PileClock, shared: int) -> str:
    """`pile.log to the millisecond, platform.log to the second; the pile's clock is 3.2 s behind ...`."""
    offsets = clock.offsets
    each = ", ".join(f"{log.path.name} {log.opened.ledger.clock}" for log in (pile, platform))
    by = agreeing(shared, f"told by {shared} frame[|s] that both have")
    if len(offsets) == 1:
        return f"{each}; the pile's clock was {offsets[0].words} ({by}); times are the platform's"
    shown = [f"{offset.words} from {format_local(offset.since_ns)} on" for offset in offsets[:OFFSETS_SHOWN]]
    if len(offsets) > OFFSETS_SHOWN:
        shown.append(f"and {len(offsets) - OFFSETS_SHOWN} more")
    return f"{each}; the pile's clock was {'; '.join(shown)} ({by}); times are the platform's"


def _plausible(pile: _Log, platform: _Log, clock: _PileClock, mine: _Prints, theirs: _Prints, opening: Opening) -> None:
    """FileError where the logs are days apart, and what both have is what a pile may say on any day."""
    apart_ns = min((offset.likely_ns for offset in clock.offsets), key=abs)
    if abs(apart_ns) <= APART_NS:
        return
    protocol, shared = protocol_named(platform.opened.header.protocol), mine.both(theirs)
    for frame, t_ns in _frames(platform.again(opening), lambda _: None):
        if _mark(frame) in shared and _is_of_its_day(protocol.decode(frame).message, t_ns):
            return
    raise platform.error(
        f"expected two logs of one time; found what {platform.path.name} has from {format_local(theirs.first_ns)} on "
        f"in {pile.path.name} from {format_local(mine.first_ns)} on, {format_duration(abs(apart_ns) // S * S)} apart, "
        "and no order and no time in it: a pile says the same on other days; --year, --day and --tz say when a log "
        "was made"
    )


def _is_of_its_day(message: Message | None, t_ns: int) -> bool:
    """Whether it is not said on other days too: it tells an order, or about the time at which it passed."""
    if message is None:
        return False
    order = getattr(message, "order", None)
    told = [getattr(message, name) for name in message.__struct_fields__]
    stamps = [one.epoch_ns for one in told if isinstance(one, Stamp) and one.epoch_ns is not None]
    return bool(order and order.strip("0")) or any(abs(epoch_ns - t_ns) <= APART_NS for epoch_ns in stamps)


def _tell_cut(log: _Log, first_ns: int, last_ns: int, begins_ns: int, ends_ns: int, ledger: Ledger) -> None:
    """What of a log the other does not cover."""
    before_ns, after_ns = begins_ns - first_ns, last_ns - ends_ns
    parts = [
        *([f"the first {format_duration(before_ns // S * S)}"] if before_ns >= S else []),
        *([f"the last {format_duration(after_ns // S * S)}"] if after_ns >= S else []),
    ]
    if parts:
        ledger.remark(f"{' and '.join(parts)} of {log.path.name} are left out: the other log does not cover them")


def _tell_holes(log: _Log, other: _Log, found: list[Hole], ledger: Ledger) -> None:
    """Where a log has nothing though its end was there."""
    for hole in found[:HOLES_SHOWN]:
        lasted = format_duration((hole.until_ns - hole.since_ns) // MS * MS)
        ledger.remark(
            f"{log.path.name} has a gap of {lasted} from {format_local(hole.since_ns)} on: {other.path.name} has "
            f"{numbered(hole.frames, 'frame[|s]')} of the {log.end} of then; what it has is of both ends, and no loss"
        )
    if len(found) > HOLES_SHOWN:
        ledger.remark(f"{log.path.name} has more such gaps: {len(found) - HOLES_SHOWN}")


# One of two -------------------------------------------------------------------------------------------------------


def _header(pile: _Log, platform: _Log, acts: Header, start_ns: int, apart_ns: int) -> Header:
    mine, theirs = pile.opened.header, platform.opened.header
    missing = {one: None for header in (mine, theirs) for one in header.missing}
    if acts.stimuli:
        missing.pop(Missing.ACTS, None)
    return msgspec.structs.replace(
        acts,
        start=local_datetime(start_ns).isoformat(),
        pile=mine.pile or theirs.pile,
        guns=max(mine.guns, theirs.guns),
        ends=(End.PILE, End.PLATFORM),
        vantage=None,
        source=f"{pile.path.name} and {platform.path.name}",
        missing=tuple(missing),
        resolution_ns=max(mine.resolution_ns, theirs.resolution_ns),
        apart_ns=apart_ns,
        connectionless=mine.connectionless or theirs.connectionless,
        wire_ns_per_byte={
            end: header.wire_ns_per_byte[end]
            for end, header in ((End.PILE, mine), (End.PLATFORM, theirs))
            if end in header.wire_ns_per_byte
        },
        timers=theirs.timers,
    )


def _moved(log: _Log, clock: Callable[[int], int] | None, *, with_acts: bool) -> Iterator[tuple[int, AnyEvent]]:
    """What one log has of its end, by the platform's clock (epoch ns), never back; `with_acts` what has no end too."""
    latest_ns = 0
    for event in log.opened.events:
        own_ns = log.start_ns + event.t_ns
        latest_ns = max(latest_ns, own_ns if clock is None else clock(own_ns))
        if isinstance(event, Chunk | LineUp | LineDown | Mention):
            if event.end is log.near:
                yield latest_ns, event if log.near is log.end else msgspec.structs.replace(event, end=log.end)
        elif with_acts or isinstance(event, Finish):
            yield latest_ns, event


def _together(
    streams: Iterator[tuple[int, AnyEvent]], begins_ns: int, ends_ns: int, start_ns: int
) -> Iterator[AnyEvent]:
    """The events of the time that both logs cover; it is over where both were, or where the one that broke off did."""
    finished = 0
    latest_ns = begins_ns
    for when_ns, event in streams:
        if isinstance(event, Finish):
            finished += 1
        elif when_ns > ends_ns:
            finished = len(End)
            break
        elif when_ns >= begins_ns:
            latest_ns = max(latest_ns, when_ns)
            shift: dict[str, int] = {"t_ns": latest_ns - start_ns}
            if isinstance(event, Stimulus):
                shift["began_ns"] = max(0, latest_ns - start_ns - (event.t_ns - event.began_ns))
            yield msgspec.structs.replace(event, **shift)
    if finished == len(End):
        yield Finish(t_ns=latest_ns - start_ns)


class _InOrder:
    """Two streams by their times, but for bytes that one log has a little earlier than the other has them sent.

    Clocks that are read to the second, or a program that writes down late what it sends, make that look so. Where one
    log has a hole, what the other has is of both ends.
    """

    def __init__(
        self, streams: dict[End, Iterator[tuple[int, AnyEvent]]], spare_ns: int, found: dict[End, list[Hole]]
    ) -> None:
        self._streams = streams
        self._spare_ns = spare_ns
        # What was under way when it began or ended is in one of the logs alone too.
        self._holes = {
            end: [Hole(one.since_ns - EDGE_NS, one.until_ns + EDGE_NS, one.frames) for one in found[end]] for end in End
        }
        self._heads: dict[End, deque[tuple[int, AnyEvent]]] = {end: deque() for end in End}
        """Of each what has been read and not given yet."""
        self._sent: OrderedDict[tuple[Direction, bytes], int] = OrderedDict()
        """What has been sent and not seen to arrive, and how often."""

    def __iter__(self) -> Iterator[tuple[int, AnyEvent]]:
        while True:
            heads = {end: self._heads[end][0] for end in End if self._has(end)}
            if not heads:
                return
            end = min(heads, key=lambda one: (heads[one][0], _arrives(heads[one][1], one)))
            when_ns, event = heads[end]
            if isinstance(event, Chunk) and event.direction.receiver is end and not self._was_sent(event):
                for _ in range(self._until(event, end.other, when_ns + self._spare_ns)):
                    yield self._given(end.other)
            yield from self._filled(end)

    def _has(self, end: End) -> bool:
        if not self._heads[end]:
            self._heads[end].extend(islice(self._streams[end], 1))
        return bool(self._heads[end])

    def _given(self, end: End) -> tuple[int, AnyEvent]:
        when_ns, event = self._heads[end].popleft()
        if isinstance(event, Chunk):
            key = (event.direction, event.data)
            if event.direction.sender is end:
                self._sent[key] = self._sent.get(key, 0) + 1
                self._sent.move_to_end(key)
                if len(self._sent) > SENT_KEPT:
                    self._sent.popitem(last=False)
            elif self._sent.get(key, 0) > 1:
                self._sent[key] -= 1
            else:
                self._sent.pop(key, None)
        return when_ns, event

    def _was_sent(self, chunk: Chunk) -> bool:
        return (chunk.direction, chunk.data) in self._sent

    def _filled(self, end: End) -> Iterator[tuple[int, AnyEvent]]:
        """The next event of `end`, and where the other log has a hole the same at the other end."""
        when_ns, event = self._heads[end][0]
        hole = hole_at(self._holes[end.other], when_ns)
        if hole is None or not isinstance(event, Chunk | LineUp | LineDown):
            yield self._given(end)
            return
        if not isinstance(event, Chunk):
            yield self._given(end)
            yield when_ns, msgspec.structs.replace(event, end=end.other)
            return
        # It stands in no line of the log with the hole.
        same = msgspec.structs.replace(event, end=end.other, line=0)
        if event.direction.receiver is end:
            # It may have been sent before the hole.
            if not self._was_sent(event):
                yield when_ns, same
            yield self._given(end)
        else:
            # It may arrive after the hole.
            arrives = self._until(event, end.other, hole.until_ns + HOLE_EDGE_NS)
            yield self._given(end)
            if not arrives:
                yield when_ns, same

    def _until(self, chunk: Chunk, end: End, until_ns: int) -> int:
        """How many events of `end` there are up to these bytes, with them; 0 where it does not have them by then."""
        heads = self._heads[end]
        at = 0
        while at < len(heads) or len(heads) < LOOKED_AHEAD:
            if at == len(heads):
                heads.extend(islice(self._streams[end], 1))
                if at == len(heads):
                    return 0
            at_ns, event = heads[at]
            if at_ns > until_ns:
                return 0
            at += 1
            if isinstance(event, Chunk) and (event.direction, event.data) == (chunk.direction, chunk.data):
                return at
        return 0


def _arrives(event: AnyEvent, end: End) -> bool:
    """At one instant what is sent goes before what arrives."""
    return isinstance(event, Chunk) and event.direction.receiver is end
