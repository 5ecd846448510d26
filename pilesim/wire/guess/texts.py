"""Runs of bytes that look like text, or like digits in ASCII or two a byte.

Owns how unlikely such runs are in noise. Must not know any layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log2

from pilesim.units import numbered
from pilesim.wire.guess.columns import Columns
from pilesim.wire.guess.guess import Found, Kind, Told, first_and_last

_TEXT = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._:/ ")
_DIGIT = frozenset(b"0123456789")
_LEAST_TEXT = 4
_LONG_DIGITS = 16
"""So many digits are an order's, or an account's."""
_TEXT_BITS = 8 - log2(len(_TEXT))
_DIGIT_BITS = 8 - log2(len(_DIGIT))
_BCD_BITS = 8 - log2(100)
_LEAST_BCD = 4


def texts(columns: Columns, told: Told) -> Iterator[Found]:
    """Text, and digits in ASCII."""

    def holds(offset: int) -> bool:
        values = {value[0] for value in columns.values(offset)}
        return values <= _TEXT | {0} and bool(values - {0})

    for offset, size in columns.runs(holds):
        raw = columns.values(offset, size)
        digits = all(byte in _DIGIT or byte == 0 for value in raw for byte in value)
        each = _DIGIT_BITS if digits else _TEXT_BITS
        bits = each * sum(len({value[at] for value in raw} - {0}) for at in range(size)) - columns.search_bits
        if size < _LEAST_TEXT:
            continue
        reading = first_and_last([value.rstrip(b"\0").decode("ascii").lstrip() for value in raw])
        dated = digits and size >= _LONG_DIGITS
        kind = Kind.ORDER if dated else Kind.DIGITS if digits else Kind.TEXT
        reason = f"{numbered(size, 'digit[|s]')} of ASCII, as many as an order has" if dated else f"{size} of ASCII"
        name = "order" if dated else "digits" if digits else "text"
        yield Found(offset, size, kind, reading, reason, bits, {"name": name, "type": "ascii", "size": size})


def long_digits(columns: Columns, told: Told) -> Iterator[Found]:
    """Before numbers, since an order may end in one; fewer digits may be numbers that happen to be such."""
    return (found for found in digits(columns, told) if 2 * found.size >= _LONG_DIGITS)


def digits(columns: Columns, told: Told) -> Iterator[Found]:
    """Decimal digits, two a byte."""
    for begin, length in columns.runs(columns.decimal):
        offset, size = begin, length
        # Zeros at both ends may be anything.
        while size and columns.zero(offset):
            offset, size = offset + 1, size - 1
        while size and columns.zero(offset + size - 1):
            size -= 1
        raw = columns.values(offset, size)
        bits = _BCD_BITS * sum(len({value[at] for value in raw} - {0}) for at in range(size)) - columns.search_bits
        if size < _LEAST_BCD:
            continue
        order = _LONG_DIGITS <= 2 * size <= 2 * _LONG_DIGITS
        several = ", perhaps of several numbers" if size > _LONG_DIGITS else ""
        reason = f"{2 * size} decimal digits, two a byte{', as many as an order has' if order else several}"
        spec = {"name": "order" if order else "digits", "type": "bcd", "size": size}
        reading = first_and_last([value.hex() for value in raw])
        yield Found(offset, size, Kind.ORDER if order else Kind.DIGITS, reading, reason, bits, spec)
