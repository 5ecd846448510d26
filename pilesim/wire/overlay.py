"""What the YAML overlay of a dialect may say: its form, and the types of field that it may name.

Owns the file's keys and how its text is read, and what each type of field is. Must not know any protocol, nor what an
overlay makes of one (`wire.dialect`). FileError names the line of what does not fit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import msgspec
from construct import Bytes

from pilesim import strictyaml
from pilesim.quantities import Duration, quantity
from pilesim.strictyaml import Document
from pilesim.units import LOCAL, epoch_ns, format_local, local_datetime
from pilesim.wire.codec import Amiss, AnyAdapter, Codec, all_but, bcd, blob, text
from pilesim.wire.cp56 import NO_TIME_SHOWN, TIME
from pilesim.wire.frame import Direction, ProblemKind
from pilesim.wire.messages import NO_TIME, Stamp
from pilesim.wire.protocol import Trust
from pilesim.wire.shown import Own

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_EDITION_DIGITS = 8
NEXT = "\n---\n"
"""Between an overlay and the one that lies on it."""
_WITH_CENTURY = 7
"""Bytes of a time in decimal digits whose year has four."""

# ------------------------------------------------------------------------------------------------ the overlay's form


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a number of an enumeration is called, and which of the known meanings it has."""

    name: str
    means: str | bool | None = None


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a field; what is not said stays as it is."""

    type: str = ""
    size: int | None = None
    scale: Any = None
    minus: Any = None
    unit: str | None = None
    values: dict[str, Any] = {}
    """Number to its name, or to a `Value`."""
    called: str = ""
    note: str | None = None
    trust: Trust | None = None


class Added(Change, frozen=True, kw_only=True):
    """A field that the base lacks: after which field, or at which offset of the body, else at the end."""

    name: str
    after: str = ""
    at: int | None = None
    like: str = ""
    """A field of the base in its place: `bill.order`."""
    means: str = ""
    """The attribute of the message that it tells, where its name does not say so."""


class Revised(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a message: of a known one, or of a new one (number, direction, fields)."""

    number: int | str | None = None
    """A new one's, or another than a known one has in the base."""
    direction: Direction | None = None
    called: str = ""
    chinese: str = ""
    answers: str | int | None = None
    """The request that it is the answer to."""
    remove: tuple[str, ...] = ()
    change: dict[str, Any] = {}
    """Field to a `Change`."""
    add: tuple[Added, ...] = ()
    fields: tuple[Added, ...] = ()


class Overlay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's keys."""

    protocol: str
    """The base, with its options."""
    name: str
    title: str = ""
    provisional: str | None = None
    """What of the dialect is not known for sure, in a sentence; None: as of the base."""
    messages: dict[str, Any] = {}
    """By name or number, each a `Revised`; they are converted one by one, so that a mistake is told by its own line."""
    deadlines: dict[str, Any] = {}
    """By rule id: the contract reads them."""
    periods: dict[str, Duration] = {}


def layers(overlay: str) -> tuple[str, str]:
    """The text of an overlay, apart from that of what it lies on: "" where that is no dialect."""
    below, _, top = overlay.rpartition(NEXT)
    return below, top


def read_overlay(overlay: str, file: str) -> tuple[Document, Overlay]:
    """The topmost overlay in a text; FileError names the line, what was expected and what was found."""
    document = strictyaml.read(layers(overlay)[1], file)
    said = strictyaml.convert(document, (), document.data, Overlay, quantity)
    if not _NAME.fullmatch(said.name):
        raise document.error(
            ("name",), f"expected a name of small letters, digits, dots and hyphens, found {said.name!r}"
        )
    return document, said


def edition(overlay: str, name: str) -> str:
    """The name of the dialect, with what tells this edition of its overlay from every other."""
    return f"{name}~{hashlib.sha256(overlay.encode()).hexdigest()[:_EDITION_DIGITS]}"


# ---------------------------------------------------------------------------------------------------- kinds of field


class _BcdTime(AnyAdapter):
    """A local time as decimal digits: year (two digits or four), month, day, hour, minute, second."""

    def __init__(self, size: int) -> None:
        super().__init__(Bytes(size))
        self._size = size

    def _decode(self, obj: bytes, context: Any, path: str) -> Stamp:
        return read_bcd_time(obj)

    def _encode(self, obj: Stamp, context: Any, path: str) -> bytes:
        if obj.epoch_ns is None:
            return obj.bad or bytes(self._size)
        return bytes.fromhex(f"{local_datetime(obj.epoch_ns):%Y%m%d%H%M%S}"[-2 * self._size :])


def read_bcd_time(raw: bytes) -> Stamp:
    """The time in six bytes of digits, or in seven with the century; all zero is no time, other misfits are kept."""
    if not any(raw):
        return NO_TIME
    century = "20" if len(raw) < _WITH_CENTURY else ""
    try:
        return Stamp(epoch_ns(datetime.strptime(century + raw.hex(), "%Y%m%d%H%M%S").replace(tzinfo=LOCAL)))
    except ValueError:
        return Stamp(None, raw)


def _bcd_time(size: int) -> Codec:
    def show(value: Stamp, raw: bytes) -> str:
        if value.is_none:
            return NO_TIME_SHOWN
        return f"bad time {value.bad.hex(' ')}" if value.epoch_ns is None else format_local(value.epoch_ns)

    def misfit(value: object) -> str:
        if isinstance(value, Stamp) and len(value.bad) in (0, size):
            return ""
        return f"expected a time, found {value!r}"

    def amiss(value: Stamp) -> Amiss | None:
        return (ProblemKind.TIME, f"expected a date, found {show(value, b'')}") if value.bad else None

    return Codec(_BcdTime(size), Own(show, _BCD_TIME_LUA), misfit, amiss)


_BCD_TIME_LUA = """
local digits, first = {}, #bytes - 6
for i = 1, #bytes do
  local high, low = math.floor(bytes[i] / 16), bytes[i] % 16
  digits[i] = (high < 10 and low < 10) and 10 * high + low or 99
end
local year = 100 * (first == 1 and digits[1] or 20) + digits[first + 1]
return moment(bytes, year, table.unpack(digits, first + 2))
"""
"""As the text of such a time."""


@dataclass(frozen=True, slots=True)
class Number:
    size: int
    signed: bool = False
    high_first: bool = False


NUMBERS: Mapping[str, Number] = {
    **{f"u{8 * size}": Number(size) for size in (1, 2, 3, 4, 5)},
    **{f"i{8 * size}": Number(size, signed=True) for size in (1, 2, 4)},
    **{f"u{8 * size}be": Number(size, high_first=True) for size in (2, 3, 4, 5)},
}
"""Low byte first, but for those that say otherwise."""


@dataclass(frozen=True, slots=True)
class Sized:
    """A kind of field that is no number. `sizes` is what its size may be; one alone need not be said."""

    sizes: Sequence[int]
    codec: Any
    gives: type
    blank: Any


SIZED: Mapping[str, Sized] = {
    "time": Sized((7,), lambda size: TIME, Stamp, lambda size: NO_TIME),
    "bcd-time": Sized((6, 7), _bcd_time, Stamp, lambda size: NO_TIME),
    "ascii": Sized(range(1, 256), text, str, lambda size: ""),
    "bcd": Sized(range(1, 33), lambda size: bcd(size, decimal=False), str, lambda size: "0" * 2 * size),
    "bytes": Sized(range(1, 1025), blob, bytes, bytes),
    "rest": Sized((0,), lambda size: all_but(0, ""), bytes, lambda size: b""),
}
TYPES = (*NUMBERS, *SIZED)

TOLD_IN: Mapping[str, tuple[str, int]] = {
    "dwh": ("kWh", 10_000),
    "mfen": ("yuan", 100_000),
    "dv": ("V", 10),
    "cv": ("V", 100),
    "da": ("A", 10),
    "ca": ("A", 100),
    "cah": ("Ah", 100),
    "minutes": ("min", 1),
    "percent": ("%", 1),
    "cpercent": ("%", 100),
    "c": ("°C", 1),
}
"""The end of an attribute's name: the unit it is told in, and how many of ours make one."""
LARGER: Mapping[str, tuple[str, Fraction]] = {
    "Wh": ("kWh", Fraction(1, 1000)),
    "fen": ("yuan", Fraction(1, 100)),
    "mV": ("V", Fraction(1, 1000)),
    "mA": ("A", Fraction(1, 1000)),
    "s": ("min", Fraction(1, 60)),
    "h": ("min", Fraction(60)),
}
"""Units beside those: what one of them is in one of those."""
