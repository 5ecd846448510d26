"""Quantities as files and command lines write them, for every schema: `46s`, `50.00`, `0.05`.

Each is an int in the unit of `pilesim.units`; `quantity` is the `dec_hook` that makes them.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from pilesim.units import parse_duration_ns, parse_kwh_dwh, parse_world_start_ns, parse_yuan_mfen


class Duration(int):
    """ns, written `5m41.6s`."""


class Yuan(int):
    """1e-5 yuan, written `50.00`."""


class Kwh(int):
    """0.1 Wh, written `12.34`."""


class WorldTime(int):
    """Epoch ns, written `2020-03-03T12:36:40+08:00`."""


class TimeOfDay(int):
    """Minutes since midnight, written `18:30`; `24:00` is the day's end."""

    def __repr__(self) -> str:
        return f"{self // 60:02}:{self % 60:02}"


class Fraction(float):
    """From 0 to 1, written `0.11`."""


class Word(str):
    """A label or a number that may be written without quotes, such as an order's."""

    __slots__ = ()


_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]|24(?=:00)):([0-5]\d)")
_EXPECTED: dict[type, str] = {
    Yuan: "an amount in yuan such as 50.00",
    Kwh: "an energy in kWh such as 12.34",
    WorldTime: "a time with its offset such as 2020-03-03T12:36:40+08:00",
    TimeOfDay: "a time of day from 00:00 to 24:00 such as 18:30",
    Fraction: "a fraction from 0 to 1 such as 0.11",
    Word: "a word or a number",
}


def quantity(kind: type, value: Any) -> Any:
    """`value`, a scalar of a file, as `kind`; ValueError says what was expected and what was found."""
    plain_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if kind is Duration:
        if not isinstance(value, str):
            raise ValueError(f"expected a duration with its unit such as 90s or 5m41.6s, found {value}")
        return Duration(parse_duration_ns(value))
    if kind is Yuan and plain_number:
        return Yuan(parse_yuan_mfen(str(value)))
    if kind is Kwh and plain_number:
        return Kwh(parse_kwh_dwh(str(value)))
    if kind is WorldTime and isinstance(value, str):
        return WorldTime(parse_world_start_ns(value))
    if kind is TimeOfDay and isinstance(value, str) and (clock := _TIME_OF_DAY.fullmatch(value)):
        return TimeOfDay(int(clock[1]) * 60 + int(clock[2]))
    if kind is Fraction and plain_number and 0 <= value <= 1:
        return Fraction(value)
    if kind is Word and (isinstance(value, str) or (plain_number and value >= 0)):
        return Word(value)
    raise ValueError(f"expected {_EXPECTED[kind]}, found {value!r}")
