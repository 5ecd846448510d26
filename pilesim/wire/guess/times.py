"""Runs of bytes that look like times: dates in three forms, and seconds since 1970.

Owns how unlikely it is that noise is a date. Must not know any layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import log2
from typing import Any

from pilesim.units import DAY, HOUR, LOCAL, MINUTE, S, epoch_ns, format_local, local_datetime, numbered
from pilesim.wire.cp56 import SIZE as CP56_SIZE
from pilesim.wire.cp56 import read_time
from pilesim.wire.guess.columns import ORDERS, Columns
from pilesim.wire.guess.guess import Found, Kind, Told, first_and_last
from pilesim.wire.overlay import read_bcd_time

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


def times(columns: Columns, told: Told) -> Iterator[Found]:
    """Dates, and seconds since 1970."""
    candidates: list[tuple[Found, list[int]]] = []
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


def _time(columns: Columns, form: _TimeForm, offset: int) -> tuple[Found, list[int]] | None:
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
    told = [f"{form.said}, {numbered(len(instants), 'date[|s]')}"]
    if close:
        told.append(f"within {_span(max(close))} of their frames")
    if empty:
        told.append(f"no time in {numbered(empty, 'bod[y|ies]')}")
    reading = first_and_last([format_local(when) for when in instants])
    spec = {"name": "time", **form.spec}
    return Found(offset, form.size, Kind.TIME, reading, ", ".join(told), bits, spec), list(instants)


def _unix_times(columns: Columns) -> Iterator[Found]:
    """Seconds since 1970, which only the frame's own time can tell from any number."""
    for order, suffix in ORDERS:
        for offset in columns.starts(4):
            instants: set[int] = set()
            for sample in columns.different:
                value = int.from_bytes(sample.body[offset : offset + 4], order)
                if sample.epoch_ns is None or abs(value * S - sample.epoch_ns) > _NEAR_NS:
                    break
                instants.add(value)
            else:
                bits = _UNIX_BITS * min(len(instants), _MOST_TIMES) - columns.search_bits - 1
                reading = first_and_last([format_local(value * S) for value in sorted(instants)])
                reason = f"seconds since 1970, within {_span(_NEAR_NS)} of their frames"
                spec = {"name": "time", "type": f"u32{suffix}", "unit": "s"}
                yield Found(offset, 4, Kind.TIME, reading, reason, bits, spec)


def _span(ns: int) -> str:
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (S, "second")):
        if ns >= unit:
            return numbered(-(-ns // unit), f"{name}[|s]")
    return "a second"
