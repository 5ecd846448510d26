"""Units and their text forms; knows nothing of piles or platforms.

Time is integer nanoseconds. Energy is integer tenths of a watt-hour, `_dwh`. Money is integer 1e-5 yuan,
`_mfen`: a thousandth of a fen (0.01 yuan), fine enough for every protocol. Prices are mfen per kWh, or mfen
per minute. Times of day are local, UTC+8, as everything in the field is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

US = 1_000
MS = 1_000 * US
S = 1_000 * MS
MINUTE = 60 * S
HOUR = 60 * MINUTE
DAY = 24 * HOUR

KWH_DWH = 10_000
"""Tenths of a watt-hour in a kWh."""
YUAN_MFEN = 100_000
FEN_MFEN = 1_000

LONGEST_NS = 36_500 * DAY
"""No duration is longer: times beyond it have no date."""

YEARS = range(1970, 2201)
"""In which the world begins: from there the longest duration still leads to a date."""

LOCAL = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = _EPOCH.astimezone(LOCAL)

_DURATION_NS = {"ms": MS, "s": S, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION_CHARACTERS = 40
"""More of them no person writes, and to search a long row of digits for its unit takes the square of its length."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration_ns(text: str) -> int:
    """Nanoseconds of a text such as `5m41.6s`, `90s`, `1h`, `250ms`; ValueError says what was expected."""
    total, at = 0, 0
    for match in _DURATION.finditer(text[: _DURATION_CHARACTERS + 1]):
        if match.start() != at:
            break
        total += int(Decimal(match[1]) * _DURATION_NS[match[2]])
        at = match.end()
    if at != len(text) or not text:
        raise ValueError(f"expected a duration such as 5m41.6s (units d h m s ms), found {text!r}")
    if total > LONGEST_NS:
        raise ValueError(f"expected a duration of at most {LONGEST_NS // DAY} days, found {text!r}")
    return total


_HANGS_ON_COUNT = re.compile(r"\[([^|\]]*)\|([^|\]]*)\]")


def agreeing(count: int, text: str) -> str:
    """`text` for so many: of each `[one|many]` in it, as in `line[|s] tell[s|]`, what the count wants."""
    return _HANGS_ON_COUNT.sub(lambda forms: forms[1 if count == 1 else 2], text)


def numbered(count: int, words: str) -> str:
    """The count and `words`, which are as `agreeing` has them: `1 line`, `2 lines`."""
    return f"{count} {agreeing(count, words)}"


def format_duration(ns: int) -> str:
    """The shortest exact text to the millisecond: `5m41.6s`, `250ms`, `0s`."""
    if ns < 0:
        return "-" + format_duration(-ns)
    if 0 < ns < S:
        return f"{_plain(Decimal(ns) / MS, 3)}ms"
    minutes, rest = divmod(ns, MINUTE)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{n}{u}" for n, u in ((days, "d"), (hours, "h"), (minutes, "m")) if n]
    if rest or not parts:
        parts.append(f"{_plain(Decimal(rest) / S, 3)}s")
    return "".join(parts)


def _plain(value: Decimal, places: int) -> str:
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_yuan_mfen(text: str) -> int:
    """1e-5 yuan of a decimal text such as `50.00`; ValueError says what was expected."""
    return _scaled(text, YUAN_MFEN, "an amount in yuan such as 50.00")


def parse_kwh_dwh(text: str) -> int:
    """Tenths of a Wh of a decimal text in kWh such as `12.34`; ValueError says what was expected."""
    return _scaled(text, KWH_DWH, "an energy in kWh such as 12.34")


def _scaled(text: str, scale: int, expected: str) -> int:
    try:
        value = Decimal(text) * scale
    except InvalidOperation:
        raise ValueError(f"expected {expected}, found {text!r}") from None
    if not value.is_finite() or value != int(value):
        raise ValueError(f"expected {expected}, found {text!r}")
    return int(value)


def format_yuan(mfen: int) -> str:
    """`5.24 yuan`; more than two decimals only where they are not zero."""
    return f"{_decimals(mfen, YUAN_MFEN, 5)} yuan"


def format_kwh(dwh: int) -> str:
    """`12.34 kWh`; more than two decimals only where they are not zero."""
    return f"{_decimals(dwh, KWH_DWH, 4)} kWh"


def _decimals(value: int, scale: int, places: int) -> str:
    text = f"{Decimal(value) / scale:.{places}f}"
    while text.endswith("0") and len(text.rpartition(".")[2]) > 2:
        text = text[:-1]
    return text


def local_datetime(epoch_ns: int) -> datetime:
    """The local (UTC+8) date and time of `epoch_ns`, cut to microseconds."""
    return _LOCAL_EPOCH + timedelta(microseconds=epoch_ns // US)


def epoch_ns(when: datetime) -> int:
    """Nanoseconds since 1970 UTC of an aware datetime, exactly."""
    since = when - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * US


def parse_world_start_ns(text: str) -> int:
    """Epoch ns of an ISO 8601 time with an offset (`2020-03-03T12:36:40+08:00`), in `YEARS`; ValueError otherwise."""
    expected = "a time with its offset such as 2020-03-03T12:36:40+08:00"
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"expected {expected}, found {text!r}") from None
    if when.tzinfo is None:
        raise ValueError(f"expected {expected}, found {text!r} without an offset")
    if when.year not in YEARS:
        raise ValueError(f"expected a time in the years {YEARS[0]} to {YEARS[-1]}, found {text!r}")
    return epoch_ns(when)


def format_local(ns: int) -> str:
    """`2020-03-03 12:36:46.014`, local (UTC+8), to the millisecond."""
    return local_datetime(ns).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def format_since_start(t_ns: int) -> str:
    """`t=+12.304s`: a world time since the start of its scenario."""
    return f"t={'+' if t_ns >= 0 else '-'}{abs(t_ns) // MS / 1000:.3f}s"


def minute_of_day(ns: int) -> int:
    """Local minute of the day, 0 to 1439, of an epoch time."""
    return ((ns + 8 * HOUR) % DAY) // MINUTE


def half_hour_of_day(ns: int) -> int:
    """Local half-hour of the day, 0 to 47, of an epoch time."""
    return minute_of_day(ns) // 30


def round_half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` (both >= 0) rounded half up, in integers."""
    return (2 * numerator + denominator) // (2 * denominator)
