"""Files to the frames of each pile: which logs there are, which pile each is of, and one stream of all that it has.

Owns the merging of logs that overlap or follow one another. Must not know orders. A log is read as a stream, once
where a pile has no other; else once before that to learn how far it goes, for it may overlap with the others.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pilesim.errors import FileError
from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import AnyEvent, Chunk, Header, LineDown, LineUp, Missing, Vantage
from pilesim.trace.importers.imported import Ledger, Opened, SeveralPilesError, Wishes, vantage_of
from pilesim.trace.importers.load import open_log
from pilesim.units import MINUTE, S, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.protocol import protocol_named

SAME_NS = MINUTE
"""The clocks of two logs may be so far apart for the same frame in both to be known as one."""
CLOCK_NS = S
"""Clocks further apart than this are worth a remark."""

_PREFERRED = (
    frozenset({Vantage.PLATFORM, Vantage.BOTH}),
    frozenset({Vantage.BETWEEN, Vantage.UNKNOWN}),
    frozenset({Vantage.PILE}),
)
"""The ledger is the platform's: what was recorded there goes before what was seen elsewhere at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One log, or one pile's part of it."""

    path: Path
    called: Path
    """As it is told: masked where its numbers are."""
    wishes: Wishes
    """With the pile that is meant, where it has several."""
    pile: str
    form: str
    header: Header
    vantage: Vantage
    start_ns: int
    """Epoch ns, of its first event; `end_ns` of its last."""
    end_ns: int = 0
    """This and what follows is known once it has been read through."""
    missing: tuple[Missing, ...] = ()
    unread_count: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """The lower goes before the higher."""
        return next(rank for rank, vantages in enumerate(_PREFERRED) if self.vantage in vantages)

    @property
    def world_ns(self) -> int:
        """From when on its events count, epoch ns."""
        return parse_world_start_ns(self.header.start)

    def read(self, ledger: Ledger, last_ns: int) -> Log:
        """With what its reading has shown, whose last event was at `last_ns` of its own time."""
        return replace(
            self,
            end_ns=self.world_ns + last_ns,
            missing=ledger.all_missing(),
            unread_count=ledger.all_unread(),
            remarks=ledger.sentences(),
        )


@dataclass(frozen=True, slots=True)
class Passed:
    """What one log shows at one time (epoch ns): a frame, or the line that came up (True) or went down."""

    t_ns: int
    what: Seen | bool


def survey(path: Path, wishes: Wishes) -> list[Log]:
    """The logs in a file, one for each pile, read no further than to know whose they are. FileError, or another
    PilesimError, where it is none."""
    try:
        return [_surveyed(path, wishes)]
    except SeveralPilesError as several:
        return [_surveyed(path, replace(wishes, pile=pile)) for pile in several.piles]


def read_through(log: Log) -> Log:
    """`log` with how far it goes. A PilesimError where it breaks off in a way that cannot be read."""
    opened, last_ns = open_log(log.path, log.wishes), 0
    for event in opened.events:
        last_ns = event.t_ns
    return log.read(opened.ledger, last_ns)


def _surveyed(path: Path, wishes: Wishes) -> Log:
    opened = open_log(path, wishes)
    header = opened.header
    pile, first_ns = header.pile, None
    decoder = None if pile else Decoder(protocol_named(header.protocol))
    for event in opened.events:
        first_ns = event.t_ns if first_ns is None else first_ns
        if decoder is not None:
            pile = next((found for item in decoder.feed(event) if (found := _pile_in(item))), "")
        if pile:
            break
    if not pile and Missing.FRAMES in header.missing:
        # Lines in words need not name their pile; each such log is of one that nobody else's log is taken to be of.
        pile = f"? ({path.name})"
    if not pile:
        raise FileError(str(path), None, "expected a log that tells its pile, found no frame with a pile number")
    return Log(
        path=path,
        called=Path(opened.called),
        wishes=wishes,
        pile=pile,
        form=opened.form,
        header=header,
        vantage=vantage_of(header),
        start_ns=parse_world_start_ns(header.start) + (first_ns or 0),
    )


def _pile_in(item: object) -> str:
    return (item.decoded.frame.pile or "") if isinstance(item, Seen) and item.decoded.message is not None else ""


class Merged:
    """All logs of one pile as one stream. `remarks` and `used` (by file) are complete when it has all been taken."""

    def __init__(self, logs: Sequence[Log], protocol: str) -> None:
        """`protocol` is the one by which all of them are read; of several each has been read through."""
        self._logs = sorted(logs, key=lambda log: (log.start_ns, str(log.path)))
        self._protocol = protocol
        self._better = [
            [other for other in self._logs if other.rank < log.rank and _meet(log, other)] for log in self._logs
        ]
        self._beside = [[other for other in self._logs if other is not log and _meet(log, other)] for log in self._logs]
        self._recent: dict[object, deque[tuple[int, set[int]]]] = {}
        self._swept_ns = 0
        self._twice = [0] * len(self._logs)
        self._apart_ns = 0
        self._passed_over = [0] * len(self._logs)
        self.remarks: list[str] = []
        self.used: dict[int, str] = {}

    @property
    def logs(self) -> list[Log]:
        """In the order in which they begin."""
        return self._logs

    def __iter__(self) -> Iterator[Passed]:
        streams = (self._told(number, log) for number, log in enumerate(self._logs))
        for number, passed in heapq.merge(*streams, key=lambda one: one[1].t_ns):
            if self._is_better_known(number, passed.t_ns):
                self._passed_over[number] += 1
            elif self._is_new(number, passed):
                yield passed
        self._sum_up()

    def gaps_ns(self, longest_ns: int) -> list[tuple[int, int]]:
        """The times that no log covers, between the first and the last, of more than `longest_ns`."""
        gaps: list[tuple[int, int]] = []
        until_ns = self._logs[0].end_ns
        for log in self._logs[1:]:
            if log.start_ns - until_ns > longest_ns:
                gaps.append((until_ns, log.start_ns))
            until_ns = max(until_ns, log.end_ns)
        return gaps

    def _told(self, number: int, log: Log) -> Iterator[tuple[int, Passed]]:
        """One log's frames as they passed at its end of the line, the platform's where it has both."""
        # By whichever protocol all of them are read; one alone by what it was surveyed with.
        as_is = log.form == "capture" or len(self._logs) == 1
        opened: Opened = open_log(log.path, log.wishes if as_is else replace(log.wishes, protocol=self._protocol))
        header = opened.header
        near = End.PLATFORM if End.PLATFORM in header.ends else End.PILE
        world_ns, last_ns = parse_world_start_ns(header.start), 0
        decoder = Decoder(protocol_named(header.protocol))
        for event in opened.events:
            last_ns = event.t_ns
            if isinstance(event, Chunk) and event.end is not near:
                continue
            for item in decoder.feed(event):
                if isinstance(item, Seen) and item.decoded.frame.pile in (None, log.pile):
                    yield number, Passed(world_ns + max(item.t_ns, 0), item)
            turn = _turn(event, near)
            if turn is not None:
                yield number, Passed(world_ns + event.t_ns, turn)
        if len(self._logs) == 1:
            self._logs = [log.read(opened.ledger, last_ns)]

    def _is_better_known(self, number: int, t_ns: int) -> bool:
        """Whether a log of a better place covers this time."""
        return any(log.start_ns <= t_ns <= log.end_ns for log in self._better[number])

    def _is_new(self, number: int, passed: Passed) -> bool:
        """Whether no other log has shown this already; what one log shows twice happened twice."""
        what = passed.what
        if not self._overlaps(number, passed.t_ns) or (isinstance(what, Seen) and not what.decoded.frame.raw):
            return True
        self._sweep(passed.t_ns)
        key: object = (what.direction, what.decoded.frame.raw) if isinstance(what, Seen) else what
        seen = self._recent.setdefault(key, deque())
        for at_ns, by in seen:
            if number not in by:
                by.add(number)
                self._twice[number] += 1
                self._apart_ns = max(self._apart_ns, passed.t_ns - at_ns)
                return False
        seen.append((passed.t_ns, {number}))
        return True

    def _overlaps(self, number: int, t_ns: int) -> bool:
        return any(log.start_ns - SAME_NS <= t_ns <= log.end_ns + SAME_NS for log in self._beside[number])

    def _sweep(self, now_ns: int) -> None:
        """Forget what is too old to come again."""
        if now_ns - self._swept_ns < SAME_NS:
            return
        self._swept_ns = now_ns
        for key in list(self._recent):
            seen = self._recent[key]
            while seen and seen[0][0] < now_ns - SAME_NS:
                seen.popleft()
            if not seen:
                del self._recent[key]

    def _sum_up(self) -> None:
        for number, log in enumerate(self._logs):
            parts = []
            if self._passed_over[number]:
                parts.append(
                    f"{self._passed_over[number]} of its frames left out: a log from the platform's end is there"
                    if any(other.rank == 0 for other in self._logs)
                    else f"{self._passed_over[number]} of its frames left out: a log from nearer the platform is there"
                )
            if self._twice[number]:
                parts.append(f"{self._twice[number]} of its frames are in another log too, and count once")
            if parts:
                self.used[number] = "; ".join(parts)
            for other, before in enumerate(self._logs[:number]):
                if self._passed_over[number] or self._passed_over[other] or self._twice[number]:
                    continue
                if log.rank == before.rank and log.start_ns < before.end_ns:
                    names = f"{log.called.name} and {self._logs[other].called.name}"
                    self.remarks.append(f"{names} overlap and share no frame: taken together")
        if self._apart_ns > CLOCK_NS:
            self.remarks.append(f"the clocks of its logs are up to {self._apart_ns / S:.1f} s apart")


def _meet(one: Log, other: Log) -> bool:
    """Whether two logs may show the same instant."""
    return one.start_ns - SAME_NS <= other.end_ns and other.start_ns - SAME_NS <= one.end_ns


def _turn(event: AnyEvent, near: End) -> bool | None:
    """Whether the line came up or went down; None for all else, and for the end of a recording."""
    if isinstance(event, LineUp) and event.end is near:
        return True
    if isinstance(event, LineDown) and event.end is near and event.by != "end":
        return False
    return None


def is_up(seen: Seen) -> bool:
    """Whether the pile sent it."""
    return seen.direction is Direction.UP
