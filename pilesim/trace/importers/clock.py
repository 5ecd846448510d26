"""The times of a log's pieces, in an order in which they never go back.

Owns what a log does not tell of its times, and lines that stand out of their order. Must not know how a line was read,
nor what the pieces become.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import chain, pairwise
from operator import itemgetter

from pilesim.trace.importers.imported import Ledger, LineOrder, Wishes
from pilesim.trace.importers.pieces import Piece
from pilesim.trace.importers.sample import Sampled
from pilesim.trace.importers.source import Source
from pilesim.trace.importers.stamps import Calendar, Tells, day_comes_first, resolution_ns, resolution_words
from pilesim.units import HOUR, MINUTE, MS, S, local_datetime

SAMPLE_PIECES = 20_000
"""So many of the first pieces are looked at before anything is given out."""
TURNED_PIECES = 2_000_000
"""The longest log that is turned round because it begins with the newest line."""
LATE_PIECES = 1_000
LATE_NS = 10 * S
"""A line that stands so many lines and so much time after its place is put there; later, the clock was set back."""
STEP_NS = 1 * MS
"""Between one line and the next where the log has no times."""


Timed = tuple[int, Piece]
"""A piece after its time, in ns since 1970, as its events will have it."""
_epoch_ns = itemgetter(0)


class Clock:
    """Every piece's time, in an order in which times never go back."""

    def __init__(self, source: Source, sample: list[Piece], told: Sampled, wishes: Wishes, ledger: Ledger) -> None:
        self._ledger = ledger
        self._day_first: bool | None = None
        self._anchored = False
        """The platform has told when the start was that times count from."""
        self._wishes = wishes
        self.zone_open = False
        """The platform tells another hour than the log, whose zone nobody told."""
        moments = [piece.moment for piece in sample if piece.moment is not None]
        self.timeless = not moments
        kinds = Counter(moment.tells for moment in moments)
        day = self._day(sample, told, kinds)
        begins_ns = _at_midnight(day, wishes)
        if kinds[Tells.SINCE]:
            begins_ns = self._beginning(sample, told, begins_ns)
        self._start_ns = self._timeless_start(told, begins_ns) if self.timeless else begins_ns
        self._day_of_log = day
        self.resolution_ns = resolution_ns(moments)
        """What the times are cut to; 0 where that is too little to matter."""
        ledger.clock = self._worth(kinds, max((moment.digits for moment in moments), default=0))
        if kinds and not kinds[Tells.INSTANT] and not self.timeless:
            if not kinds[Tells.SINCE]:
                ledger.remark(f"times are those of UTC{_zone_text(wishes)} (--tz)")
            self._compare(sample, told)
        if any(moment.day.swapped for moment in moments):
            self._day_first = day_first_in(source, ledger)

    def _worth(self, kinds: Counter[Tells], digits: int) -> str:
        if self.timeless:
            return "no times: lines follow one another by 1 ms, so that no time may be believed"
        parts = [resolution_words(self.resolution_ns, digits)]
        if len(kinds) > 1:
            parts.append("in more than one form: perhaps of more than one clock")
        if kinds[Tells.SINCE]:
            parts.append("since an unknown start" + ("" if self._anchored else ": the hour is made up"))
        return ", ".join(parts)

    def _day(self, sample: list[Piece], told: Sampled, kinds: Counter[Tells]) -> date:
        """The day on which the log begins, or at least its year, as far as lines do not tell it."""
        wishes, ledger = self._wishes, self._ledger
        needs_year = bool(kinds[Tells.DAY])
        needs_day = bool(kinds[Tells.TIME] or kinds[Tells.SINCE]) or self.timeless
        for moment in (piece.moment for piece in sample):
            if moment is not None and moment.tells is Tells.DATE:
                # A later line that tells less goes by the ones before it.
                return date(moment.day.year, moment.day.month, moment.day.day)
        if wishes.day is not None:
            return wishes.day
        first_told = local_datetime(told.told[0][1]).date() if told.told else None
        fallback = wishes.written or date(2020, 1, 1)
        written = "the day on which the file was written" if wishes.written else "for want of anything better"
        if needs_year:
            if wishes.year is not None:
                return date(wishes.year, 1, 1)
            if years := told.years():
                year = years.most_common(1)[0][0]
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

    def _beginning(self, sample: list[Piece], told: Sampled, default_ns: int) -> int:
        """When second 0 was, by the first time that the platform told."""
        for index, platform_ns in told.told:
            moment = sample[index].moment
            if moment is not None and moment.tells is Tells.SINCE:
                self._anchored = True
                self._ledger.remark("the start is put where the platform's first time is right")
                return platform_ns - moment.ns
        return default_ns

    @staticmethod
    def _timeless_start(told: Sampled, default_ns: int) -> int:
        return told.told[0][1] - told.told[0][0] * STEP_NS if told.told else default_ns

    def _compare(self, sample: list[Piece], told: Sampled) -> None:
        """A zone that is wrong shows where the platform tells the time."""
        calendar = self._calendar()
        for index, platform_ns in told.told[:1]:
            moment = sample[index].moment
            if moment is None or moment.tells is Tells.SINCE:
                return
            off_ns = platform_ns - calendar.epoch_ns(moment)
            hours = round(off_ns / HOUR)
            if hours and abs(hours) <= 14 and abs(off_ns - hours * HOUR) < MINUTE:
                self.zone_open = not self._wishes.zone_told
                self._ledger.remark(
                    f"the platform tells a time that is {abs(hours)} h {'later' if hours > 0 else 'earlier'} than the "
                    "log's: perhaps the log's zone is another (--tz)"
                )

    def timed(self, pieces: Iterator[Piece]) -> Iterator[Timed]:
        """The pieces with their times, none before the last."""
        if self.timeless:
            return ((self._start_ns + index * STEP_NS, piece) for index, piece in enumerate(pieces))
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
        return self._sorted(self._dated(calendar, chain(held, pieces)))

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

    def _dated(self, calendar: Calendar, pieces: Iterable[Piece]) -> Iterator[Timed]:
        epoch_ns = calendar.epoch_ns
        last_ns: int | None = None
        early: list[Piece] = []
        """Lines before the first that has a time: they have that one's."""
        begun = 0
        for piece in pieces:
            moment = piece.moment
            if moment is not None:
                last_ns = epoch_ns(moment)
                if calendar.begun_anew > begun:
                    begun = calendar.begun_anew
                    self._ledger.count(
                        "{n} time[|s] what times count from was another start, first at line {line}: how long passed "
                        "between the two is not known",
                        piece.line,
                    )
                if early:
                    yield from ((last_ns, older) for older in early)
                    early = []
            elif last_ns is None:
                early.append(piece)
                continue
            else:
                self._ledger.count(
                    "{n} line[|s] without a time [has|have] that of the line before, first line {line}", piece.line
                )
            yield last_ns, piece

    def _sorted(self, timed: Iterator[Timed]) -> Iterator[Timed]:
        """Lines that are a little late, where they belong; lines of one instant stay as they are."""
        held: deque[Timed] = deque()
        latest_ns = given_ns = 0
        behind = False
        """The line before was too old for its place: until the log has caught up its lines stay as they stand."""
        for item in timed:
            when_ns = item[0]
            if when_ns >= latest_ns:
                latest_ns = when_ns
                behind = False
                held.append(item)
            else:
                behind = behind or latest_ns - when_ns > LATE_NS
                self._late(item, held, latest_ns, given_ns, behind)
            over_ns = latest_ns - LATE_NS
            while (first := held[0])[0] < over_ns or len(held) > LATE_PIECES:
                given_ns = first[0]
                yield held.popleft()
        yield from held

    def _late(self, item: Timed, held: deque[Timed], latest_ns: int, given_ns: int, behind: bool) -> None:
        """A line that is older than the latest, to where it belongs among those that are not given out yet."""
        when_ns, piece = item
        if behind:
            self._ledger.count(
                "{n} line[|s] [is|are] older than one before, which was more than 10 s ahead, as when the clock was "
                "set back, first line {line}: [it has|they have] that one's time",
                piece.line,
            )
            held.append((latest_ns, piece))
        elif when_ns < given_ns:
            insort(held, self._moved(piece, given_ns), key=_epoch_ns)
        else:
            self._ledger.count(
                "{n} line[|s] stood after later ones, line {line} first: put in order (--lines file)", piece.line
            )
            insort(held, item, key=_epoch_ns)

    def _never_back(self, timed: Iterator[Timed]) -> Iterator[Timed]:
        latest_ns: int | None = None
        for item in timed:
            when_ns, piece = item
            if latest_ns is not None and when_ns < latest_ns:
                yield self._moved(piece, latest_ns)
            else:
                latest_ns = when_ns
                yield item

    def _moved(self, piece: Piece, latest_ns: int) -> Timed:
        """A line whose own time has been given out already: it has that of the last."""
        self._ledger.count(
            "{n} line[|s] [has|have] the time of the line before, which was later, first line {line}", piece.line
        )
        return latest_ns, piece


def day_first_in(source: Source, ledger: Ledger) -> bool | None:
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
