"""What frames that are understood have told, found again: the numbers of piles, orders and accounts.

Owns how such a number may be written. Must not know any layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pilesim.wire.guess.columns import Columns
from pilesim.wire.guess.guess import Found, Kind, Told, first_and_last


def known_texts(columns: Columns, told: Told) -> Iterator[Found]:
    """The numbers that were told, in a form in which they are known."""
    known = (
        (Kind.ORDER, "order", told.orders),
        (Kind.PILE, "pile", told.piles),
        (Kind.ACCOUNT, "account", told.accounts),
    )
    for kind, name, texts in known:
        for form, written in (("ascii", _as_ascii), ("bcd", _as_bcd)):
            needles = {needle: text for text in texts if (needle := written(text))}
            for offset, size, hits in _places(columns, needles):
                begin = offset
                # Zeros of the same form on the left pad it.
                zero = 0x30 if form == "ascii" else -1
                while columns.free(begin - 1) and all(value[0] in (zero, 0) for value in columns.values(begin - 1)):
                    if columns.zero(begin - 1):
                        break
                    begin -= 1
                whole = size + offset - begin
                model = told.order_fields.get(whole, "") if kind is Kind.ORDER else ""
                yield Found(
                    begin,
                    whole,
                    kind,
                    first_and_last(hits),
                    f"the {kind} that other frames tell, as {'ASCII' if form == 'ascii' else 'BCD'}",
                    8.0 * size,
                    {"name": name, "like": model} if model else {"name": name, "type": form, "size": whole},
                )


def _as_ascii(text: str) -> bytes:
    return text.encode("ascii", "ignore")


def _as_bcd(text: str) -> bytes:
    digits = text if len(text) % 2 == 0 else f"0{text}"
    return bytes.fromhex(digits) if digits.isascii() and digits.isdecimal() else b""


def _places(columns: Columns, needles: Mapping[bytes, str]) -> Iterator[tuple[int, int, list[str]]]:
    """Where every body holds one of `needles`, or none at all: zeros."""
    for size in sorted({len(needle) for needle in needles}, reverse=True):
        for offset in columns.starts(size):
            values = columns.values(offset, size)
            hits = [needles[value] for value in values if value in needles]
            if hits and all(value in needles or not value.strip(b"0\0") for value in values):
                yield offset, size, hits
