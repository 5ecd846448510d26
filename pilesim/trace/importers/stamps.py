"""The times of a log's lines: whatever form they have, to nanoseconds since 1970.

Owns the forms, and how a year, a day or a zone that a line does not tell is made up from its neighbours. Must not know
what the lines hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from functools import cache, lru_cache

import msgspec

from pilesim.units import DAY, HOUR, MINUTE, MS, S, epoch_ns, format_duration

COARSE_NS = 10 * MS
"""Times that are cut to less are as good as exact."""
BOOT_NS = 30 * S
"""So soon after its start firmware writes something."""
FELL_BACK_NS = 10 * S
"""A time since a start that falls back by more, to just after one, counts from another start."""
RARE = 20
"""One time in so many may be cut more than the others."""
MANY = 20
"""So many times do not all end in zeros by chance."""
LOOKED_AT = 120
"""So many characters of a line: a time stands near its beginning."""


OF_MINUTE = -1
"""In place of how many decimals: a time that tells no seconds."""


class Tells(StrEnum):
    """How much of a time a line tells."""

    INSTANT = "instant"
    """A moment by itself: an epoch, or a date with its zone."""
    DATE = "date"
    DAY = "day"
    """Month and day, and no year."""
    TIME = "time"
    """The time of day only."""
    SINCE = "since"
    """What has passed since the tool, or the pile, began."""

    __hash__ = str.__hash__
    """As of `End`."""


class Day(msgspec.Struct, frozen=True, gc=False):
    """A date as a line tells it; 0 is what it does not tell."""

    year: int = 0
    month: int = 0
    day: int = 0
    swapped: bool = False
    """Day and month stood in an order that has to be guessed at."""
    day_first: bool = False
    """How it was guessed."""


NO_DAY = Day()


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A time as a line tells it. `ns`: since 1970 UTC (INSTANT), midnight (DATE, DAY, TIME), or the tool's start."""

    tells: Tells
    ns: int
    digits: int
    """Decimals of the second; `OF_MINUTE` where there are no seconds."""
    day: Day = NO_DAY


PARTINGS = frozenset(" \t])}|>;")
"""No time goes on with one of these, but for a zone after a space, which is none where bytes follow."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = (
    r"(?P<h>[01]?\d|2[0-3])(?::|时|点)(?P<mi>[0-5]\d)"
    r"(?:(?::|分)(?P<s>[0-5]\d|60)秒?(?:[.,](?P<f>\d{1,9})|:(?P<c>\d{3}|\d{6})(?![0-9A-Fa-f]))?"
    # Without a date, two numbers and a colon are any two numbers.
    r"|(?(date)(?![0-9:])分?|(?!)))"
    # Bytes that are parted by colons look like a time, but go on.
    r"(?!:?[0-9A-Fa-f]{2}(?::|$|\s*$))"
)
_DATED = re.compile(
    r"(?:(?<![0-9A-Za-z])"
    r"(?P<date>(?P<y>(?:19|20)\d{2})[-/.年](?P<mo>\d{1,2})[-/.月](?P<d>\d{1,2})日?"
    r"|(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<y2>(?:19|20)\d{2})"
    r"|(?P<mo2>\d{1,2})[-/月](?P<d2>\d{1,2})日?"
    rf"|(?P<name>{'|'.join(_MONTHS)})[a-z]*\.?\s+(?P<d3>\d{{1,2}})(?:,?\s+(?P<y3>(?:19|20)\d{{2}}))?)"
    r"(?:[T,_\s-]\s*|(?=[上下]午))|(?<![0-9A-Za-z:]))(?:(?P<noon>[上下])午\s*)?"
    + _CLOCK
    + r"(?:\s?(?P<m>[AP])\.?M\b\.?)?(?P<z>\s?Z(?![A-Za-z])|[+-]\d{2}:?\d{2}(?![0-9]))?",
    re.IGNORECASE,
)
_COMPACT = re.compile(
    r"(?<![0-9A-Za-z])(?P<y>(?:19|20)\d{2})(?P<mo>0\d|1[0-2])(?P<d>[0-3]\d)[ T_-]?"
    r"(?P<h>[01]\d|2[0-3])(?P<mi>[0-5]\d)(?P<s>[0-5]\d)(?:[.,](?P<f>\d{1,9}))?(?![0-9A-Fa-f])"
)
_EPOCH = re.compile(
    r"^[\s\[(]*(?P<whole>1\d{9})(?:(?P<f>\d{3}|\d{6}|\d{9})|[.,](?P<p>\d{1,9}))?(?![0-9A-Fa-f])(?=[\s\]),;:|]|$)"
)
_SINCE = re.compile(r"^[\s\[(]*\+?(?P<whole>\d{1,9})\.(?P<f>\d{3,9})\s*(?:s(?:ec)?)?(?=[\s\]),;:|]|$)")
_NUMBERED = re.compile(r"^\s*\d{1,9}[\t ]+(?P<whole>\d{1,6})\.(?P<f>\d{3,9})(?=[\s,;])")
"""A line's own number comes first in the logs of port monitors."""


_UPTIME = re.compile(
    # RT-Thread's `[1234] D/UART`, ESP-IDF's `I (1234) uart:`: milliseconds.
    r"^\s*(?:\[\s*(?P<ms>\d{1,10})\](?=\s+[AEWIDV]/)|[EWIDV] \((?P<ms2>\d{1,10})\)(?=\s+[\w.-]+:)"
    # Zephyr's `[00:00:01.234,567] <inf>`, whose hours go on, and whose colon tells no time of day.
    r"|\[(?P<h>\d{2,6}):(?P<mi>[0-5]\d):(?P<s>[0-5]\d)\.(?P<f>\d{3}),(?P<us>\d{3})\](?=\s+<))"
)
"""What firmware writes: how long ago it was started."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which times are written; `read` gives None for what only looks like one."""

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], Moment | None]


def form_at(text: str, begin: int) -> Form | None:
    """The form of the time that begins there; None where it hangs on what stands before it."""
    for form in _FORMS:
        match = form.pattern.match(text, begin)
        if match is not None and form.read(match) is not None:
            return form
    return None


@cache
def _past_ns(parting: str, ending: str) -> dict[str, int]:
    """What is past since the hour, by minutes and seconds as they are written with those signs between and after."""
    return {f"{mi:02}{parting}{s:02}{ending}": mi * MINUTE + s * S for mi in range(60) for s in range(60)}


class Hour:
    """The times of one hour, as a log writes them in one place of its lines, by which most are read without a pattern.

    A time is read by it only where its line is the same as one that was read before up to its minutes, seconds and
    decimals. Where one of `PARTINGS` follows, the pattern would find the same: whoever asks sees to that.
    """

    def __init__(self, match: re.Match[str], moment: Moment) -> None:
        """As `of` says, which sees that they fit."""
        text, begin = match.string, match.start("mi")
        self.end = match.end()
        """Where it ends."""
        sign = text[match.end("s") : self.end][:1]
        self._lead, self._to_lead = text[:begin], slice(begin)
        self._clock = slice(begin, match.end("s") + len(sign))
        """Where its minutes and seconds stand, and the sign after them."""
        self._past_ns = _past_ns(text[begin + 2], sign)
        self._decimals = slice(self._clock.stop, self.end)
        self._has_decimals = bool(sign)
        self._moment = moment
        self._decimal_ns = 10 ** (9 - moment.digits)
        self._hour_ns = moment.ns - self._past_ns[text[self._clock]] - _fraction_ns(text[self._decimals])

    @staticmethod
    def of(match: re.Match[str], moment: Moment) -> Hour | None:
        """The hour of a time that was read; None where it is not of that kind."""
        if "mi" not in match.re.groupindex or match["s"] in (None, "60") or moment.tells is Tells.INSTANT:
            return None
        after = match.end("s")
        decimals = [match.span(name) for name in ("f", "c") if match.re.groupindex.get(name) and match[name]]
        ends = decimals == [(after + 1, match.end())] if decimals else match.end() == after
        return Hour(match, moment) if ends and match.start("s") == match.end("mi") + 1 else None

    def read(self, text: str) -> Moment | None:
        """The time of a line; None where it is not of this hour, or written otherwise."""
        if text[self._to_lead] != self._lead:
            return None
        past_ns = self._past_ns.get(text[self._clock])
        if past_ns is None:
            return None
        ns = self._hour_ns + past_ns
        if self._has_decimals:
            decimals = text[self._decimals]
            if not (decimals.isdecimal() and decimals.isascii()):
                return None
            ns += int(decimals) * self._decimal_ns
        told = self._moment
        return Moment(told.tells, ns, told.digits, told.day)


def find_moment(text: str) -> tuple[Moment, int, int] | None:
    """The time in `text` and where it stands, [begin, end); None where there is none near the beginning."""
    head = text[:LOOKED_AT]
    for form in _FORMS:
        match = form.pattern.search(head)
        if match is not None:
            moment = form.read(match)
            if moment is not None:
                return moment, match.start(), match.end()
    return None


def resolution_ns(moments: Iterable[Moment]) -> int:
    """What the times of a log are cut to; 0 where that is too little to matter.

    It goes by the coarsest that is written more than now and then, and fractions that are always zero are none.
    """
    told = list(moments)
    cut = Counter(moment.digits for moment in told)
    often = [digits for digits, n in cut.items() if n * RARE > len(told)]
    if not often:
        return 0
    coarsest = min(often)
    ns = {OF_MINUTE: MINUTE, 0: S}.get(coarsest, _fraction_ns("1".zfill(coarsest)))
    if len(told) >= MANY:
        ns = next((unit for unit in (MINUTE, S) if unit > ns and all(moment.ns % unit == 0 for moment in told)), ns)
    return ns if ns >= COARSE_NS else 0


def resolution_words(ns: int, digits: int) -> str:
    """What times are worth: to the second, and what follows from that where it is coarse."""
    if ns >= COARSE_NS:
        unit = {MINUTE: "the minute", S: "the second"}.get(ns, format_duration(ns))
        return f"to {unit}: whatever has a deadline is given so much more"
    exact = {3: "the millisecond", 6: "the microsecond"}
    return f"to {exact.get(digits, f'{digits} decimals of the second')}"


def _dated(match: re.Match[str]) -> Moment | None:
    digits = match["f"] or match["c"] or ""
    cut = len(digits) if match["s"] else OF_MINUTE
    ns = _of_day_ns(match, digits) + _from_noon_ns(match)
    swapped = day_first = False
    if match["y"]:
        year, month, day = int(match["y"]), int(match["mo"]), int(match["d"])
    elif match["y2"]:
        first, second, year = int(match["a"]), int(match["b"]), int(match["y2"])
        # A dot is written between day, month and year; a slash mostly between month, day and year.
        day_first = first > 12 or (second <= 12 and match["sep"] == ".")
        swapped = first <= 12 and second <= 12
        month, day = (second, first) if day_first else (first, second)
    elif match["mo2"]:
        year, month, day = 0, int(match["mo2"]), int(match["d2"])
    elif match["name"]:
        year, month, day = int(match["y3"] or 0), _MONTHS.index(match["name"].lower()) + 1, int(match["d3"])
    else:
        return Moment(Tells.TIME, ns, cut)
    if not _is_date(year or 2000, month, day):
        return None
    if year and match["z"]:
        return Moment(Tells.INSTANT, _midnight_ns(year, month, day, _zone(match["z"])) + ns, cut)
    return Moment(Tells.DATE if year else Tells.DAY, ns, cut, Day(year, month, day, swapped, day_first))


_EITHER = re.compile(rb"(?<![0-9A-Za-z])(\d{1,2})([-/.])(\d{1,2})\2(?:19|20)\d{2}(?![0-9])")


def day_comes_first(lines: Iterable[bytes]) -> bool | None:
    """Whether the day stands before the month, by the first line that leaves no doubt; None where every one does."""
    for line in lines:
        match = _EITHER.search(line[:LOOKED_AT])
        if match is not None and (int(match[1]) > 12) is not (int(match[3]) > 12):
            return int(match[1]) > 12
    return None


def _compact(match: re.Match[str]) -> Moment | None:
    digits = match["f"] or ""
    year, month, day = int(match["y"]), int(match["mo"]), int(match["d"])
    if not _is_date(year, month, day):
        return None
    return Moment(Tells.DATE, _of_day_ns(match, digits), len(digits), Day(year, month, day))


def _epoch(match: re.Match[str]) -> Moment:
    digits = match["f"] or match["p"] or ""
    return Moment(Tells.INSTANT, int(match["whole"]) * S + _fraction_ns(digits), len(digits))


def _since(match: re.Match[str]) -> Moment:
    return Moment(Tells.SINCE, int(match["whole"]) * S + _fraction_ns(match["f"]), len(match["f"]))


def _uptime(match: re.Match[str]) -> Moment:
    ms = match["ms"] or match["ms2"]
    if ms:
        return Moment(Tells.SINCE, int(ms) * MS, 3)
    return Moment(Tells.SINCE, _of_day_ns(match, match["f"] + match["us"]), 6)


_FORMS = (
    Form(_UPTIME, _uptime),
    Form(_EPOCH, _epoch),
    Form(_COMPACT, _compact),
    Form(_DATED, _dated),
    Form(_SINCE, _since),
    Form(_NUMBERED, _since),
)


def _of_day_ns(match: re.Match[str], digits: str) -> int:
    return int(match["h"]) * HOUR + int(match["mi"]) * MINUTE + int(match["s"] or 0) * S + _fraction_ns(digits)


def _from_noon_ns(match: re.Match[str]) -> int:
    """What a time of half a day lacks to one of the whole day; its 12 is the half's beginning."""
    half, hour = match["m"] or match["noon"], int(match["h"])
    if not half or hour > 12:
        return 0
    return ((12 if half in "Pp下" else 0) - (12 if hour == 12 else 0)) * HOUR


def _fraction_ns(digits: str) -> int:
    return int(digits.ljust(9, "0")) if digits else 0


def _zone(text: str) -> timezone:
    text = text.strip()
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=min(hours, 23), minutes=min(minutes, 59)))


@lru_cache(1024)
def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


@lru_cache(1024)
def _midnight_ns(year: int, month: int, day: int, zone: timezone) -> int:
    return epoch_ns(datetime(year, month, day, tzinfo=zone))


class Calendar:
    """Moments, in the order of the lines, to ns since 1970.

    What a line does not tell comes from `day`, the day on which the log begins, and from the lines before it: a time of
    day that falls back by more than half a day is the next day's, a month that falls back by more than half a year the
    next year's; the other way round, a line that was late.
    """

    def __init__(self, day: date, zone: timezone, begins_ns: int, day_first: bool | None = None) -> None:
        """`begins_ns`: the instant of second 0 of times that count from a tool's start. `day_first`: how dates such
        as 3/4/2020 are to be read, None: as each was guessed.
        """
        self._day_first = day_first
        self._zone = zone
        self._begins_ns = begins_ns
        self.begun_anew = 0
        """How often times that count from a start fell back to another one."""
        self._year = day.year
        self._midnight_ns = _midnight_ns(day.year, day.month, day.day, zone)
        self._last_ns: int | None = None
        self._told, self._told_ns = NO_DAY, 0
        """The date that was told last, which many lines share, and its midnight."""
        self._way: dict[Tells, Callable[[Moment], int]] = {
            Tells.INSTANT: self._of_instant,
            Tells.DATE: self._of_date,
            Tells.DAY: self._of_day,
            Tells.TIME: self._of_time,
            Tells.SINCE: self._since,
        }

    def epoch_ns(self, moment: Moment) -> int:
        """When it was."""
        ns = self._last_ns = self._way[moment.tells](moment)
        return ns

    def _of_instant(self, moment: Moment) -> int:
        return moment.ns

    def _since(self, moment: Moment) -> int:
        fell_ns = 0 if self._last_ns is None else self._last_ns - self._begins_ns - moment.ns
        if fell_ns > FELL_BACK_NS and moment.ns < BOOT_NS:
            # Nobody knows how long it was off: it goes on where it had stopped.
            self.begun_anew += 1
            self._begins_ns += fell_ns
        return self._begins_ns + moment.ns

    def _of_date(self, moment: Moment) -> int:
        told = moment.day
        if told is not self._told:
            month, day = told.month, told.day
            if told.swapped and self._day_first is not None and self._day_first is not told.day_first:
                month, day = day, month
            self._told, self._told_ns = told, _midnight_ns(told.year, month, day, self._zone)
        return self._told_ns + moment.ns

    def _of_day(self, moment: Moment) -> int:
        # The 29th of February tells of a leap year by itself.
        month, day = moment.day.month, moment.day.day
        years = [year for year in range(self._year - 1, self._year + 2) if _is_date(year, month, day)]
        if not years:
            years = [year for year in range(self._year - 4, self._year + 5) if _is_date(year, month, day)]
        told = [_midnight_ns(year, month, day, self._zone) + moment.ns for year in years]
        if self._last_ns is None:
            own = [ns for ns, year in zip(told, years, strict=True) if year == self._year]
            return own[0] if own else told[-1]
        last_ns = self._last_ns
        best = min(told, key=lambda ns: abs(ns - last_ns))
        self._year = years[told.index(best)]
        return best

    def _of_time(self, moment: Moment) -> int:
        ns = self._midnight_ns + moment.ns
        if self._last_ns is not None:
            if ns < self._last_ns - DAY // 2:
                self._midnight_ns += DAY
            elif ns > self._last_ns + DAY // 2:
                self._midnight_ns -= DAY
        return self._midnight_ns + moment.ns
