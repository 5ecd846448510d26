"""CP56Time2a, the seven-byte time of IEC 60870-5-4, as charging protocols use it.

Owns the bytes of a time and how one is shown. Must not know any message. Local time (UTC+8), to the millisecond:
milliseconds of the minute u16 LE, minute, hour, day (weekday in bits 5 to 7), month, year - 2000. Other bits than
the value's are ignored when read and zero when built. All seven zero is "no time"; any other impossible date is
kept as its bytes, and never raises.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from construct import Bytes

from pilesim.units import LOCAL, MS, epoch_ns, format_local, local_datetime
from pilesim.wire.codec import Amiss, Codec
from pilesim.wire.frame import ProblemKind
from pilesim.wire.messages import NO_TIME, Stamp
from pilesim.wire.packed import InSource

SIZE = 7
NO_TIME_SHOWN = "no time (a lenient calendar shows 1999-11-30 00:00:00)"

_FIRST_YEAR = 2000
_LAST_YEAR = 2127
_FIRST_NS = epoch_ns(datetime(_FIRST_YEAR, 1, 1, tzinfo=LOCAL))
_BEYOND_NS = epoch_ns(datetime(_LAST_YEAR + 1, 1, 1, tzinfo=LOCAL))


@lru_cache(maxsize=4096)
def read_time(raw: bytes) -> Stamp:
    """The time in seven bytes."""
    if not any(raw):
        return NO_TIME
    second, millisecond = divmod(int.from_bytes(raw[:2], "little"), 1000)
    minute, hour, day, month, year = raw[2] & 0x3F, raw[3] & 0x1F, raw[4] & 0x1F, raw[5] & 0x0F, raw[6] & 0x7F
    try:
        when = datetime(_FIRST_YEAR + year, month, day, hour, minute, second, millisecond * 1000, LOCAL)
    except ValueError:
        return Stamp(None, raw)
    return Stamp(epoch_ns(when))


def write_time(stamp: Stamp) -> bytes:
    """The seven bytes of a time, cut to the millisecond. The caller has seen to it that it fits (`time`)."""
    if stamp.epoch_ns is None:
        return stamp.bad or bytes(SIZE)
    when = local_datetime(stamp.epoch_ns - stamp.epoch_ns % MS)
    milliseconds = when.second * 1000 + when.microsecond // 1000
    rest = (when.minute, when.hour, when.day, when.month, when.year - _FIRST_YEAR)
    return milliseconds.to_bytes(2, "little") + bytes(rest)


def show_time(stamp: Stamp) -> str:
    """A time for a person."""
    if stamp.is_none:
        return NO_TIME_SHOWN
    return f"bad time {stamp.bad.hex(' ')}" if stamp.epoch_ns is None else format_local(stamp.epoch_ns)


_EXPECTED = f"expected a time of the years {_FIRST_YEAR} to {_LAST_YEAR}"


def _misfit(value: object) -> str:
    if not isinstance(value, Stamp):
        return f"{_EXPECTED}, found {value!r}"
    if value.epoch_ns is None:
        return "" if len(value.bad) in (0, SIZE) else f"expected {SIZE} bytes of a bad time, found {len(value.bad)}"
    if _FIRST_NS <= value.epoch_ns < _BEYOND_NS:
        return ""
    try:
        return f"{_EXPECTED}, found {local_datetime(value.epoch_ns).year}"
    except OverflowError:
        return f"{_EXPECTED}, found {value.epoch_ns} ns since 1970"


def _amiss(value: Stamp) -> Amiss | None:
    return (ProblemKind.TIME, f"expected a date, found {show_time(value)}") if value.bad else None


class _Time(InSource):
    decoding = "read_time(value)"
    encoding = "write_time(value)"
    names = MappingProxyType({"read_time": read_time, "write_time": write_time})

    def _decode(self, obj: bytes, context: Any, path: str) -> Stamp:
        return read_time(obj)

    def _encode(self, obj: Stamp, context: Any, path: str) -> bytes:
        return write_time(obj)


def show(value: Stamp, raw: bytes) -> str:
    """As `show_time`, of a field."""
    return show_time(value)


TIME = Codec(_Time(Bytes(SIZE)), show, _misfit, _amiss, sound="not value.bad")
"""A field that is a time; its value is a `Stamp`."""
