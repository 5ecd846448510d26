"""The opening of two logs: which was made at which end, whether they are of one time, and what is said of them.

Must not know how a log is read, nor what a frame means, but for whether it is of one day alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
    Vantage,
)
from pilesim.trace.importers.imported import Ledger, Opened, SeveralPilesError, Wishes, vantage_of
from pilesim.trace.importers.joined.holes import Hole, holes
from pilesim.trace.importers.joined.offsets import SLACK_NS, Both, PileClock, offsets_of
from pilesim.trace.importers.joined.prints import Prints, mark_of
from pilesim.trace.importers.joined.together import EDGE_NS, InOrder, together
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

SHARED_PERCENT = 25
"""Of the time that both cover most frames are in both; a few are the same on any day."""
APART_NS = 26 * HOUR
"""Two clocks of one time may differ by a zone of each; beyond that by anything, where what both have is of one day."""
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
    clock = PileClock(offsets_of(shared, *coarse))
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
        in_order = InOrder(streams, SLACK_NS + sum(coarse), found)
        yield from together(iter(in_order), begins_ns, ends_ns, start_ns)

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


def _look(log: _Log) -> Prints:
    """Read it once for its frames."""
    seen = Prints()
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


def _shared(mine: Prints, theirs: Prints) -> Iterator[Both]:
    for way in Direction:
        for pile_ns, platform_ns in mine.shared(theirs, way):
            yield Both(way, pile_ns, platform_ns)


def _worth(pile: _Log, platform: _Log, clock: PileClock, shared: int) -> str:
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


def _plausible(pile: _Log, platform: _Log, clock: PileClock, mine: Prints, theirs: Prints, opening: Opening) -> None:
    """FileError where the logs are days apart, and what both have is what a pile may say on any day."""
    apart_ns = min((offset.likely_ns for offset in clock.offsets), key=abs)
    if abs(apart_ns) <= APART_NS:
        return
    protocol, shared = protocol_named(platform.opened.header.protocol), mine.both(theirs)
    for frame, t_ns in _frames(platform.again(opening), lambda _: None):
        if mark_of(frame) in shared and _is_of_its_day(protocol.decode(frame).message, t_ns):
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
