"""Values as texts for a person.

Owns the ways of showing one. Must not know where in a frame it lies. A `show` of a codec that is one of these can be
said in another language too: `wire.dissection` reads what it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pilesim.wire.codec import Codec


@dataclass(frozen=True, slots=True)
class Decimals:
    """A number as so many of our units make one, with its decimals; `none` of ours shows as no value."""

    per_unit: int
    places: int
    none: int | None = None

    def __call__(self, value: int, raw: bytes) -> str:
        return "none" if value == self.none else with_decimals(value, self.per_unit, self.places)


@dataclass(frozen=True, slots=True)
class Hex:
    """Bytes in hex, parted by spaces; no bytes as `none`."""

    none: str = ""

    def __call__(self, value: Any, raw: bytes) -> str:
        return raw.hex(" ") or self.none


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits of the bytes; those of the value where it stands alone, in a record."""

    def __call__(self, value: str, raw: bytes) -> str:
        return raw.hex().upper() or value


@dataclass(frozen=True, slots=True)
class Escaped:
    """A text with its control characters seen; `padding` too, where it is all of the bytes that is shown."""

    padding: bool = False

    def __call__(self, value: str, raw: bytes) -> str:
        return escaped(raw.decode("latin-1") if self.padding else value)


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of a number (or of bytes, the lowest first) in words, `bits` each."""

    names: Sequence[str]
    words: Callable[[Sequence[str], int], str]
    bits: int

    def __call__(self, value: int | bytes, raw: bytes) -> str:
        return self.words(self.names, value if isinstance(value, int) else int.from_bytes(value, "little"))


@dataclass(frozen=True, slots=True)
class Listed:
    """The values of a series, one after the other."""

    item: Codec

    def __call__(self, value: Sequence[Any], raw: bytes) -> str:
        return ", ".join(self.item.show(one, b"") for one in value) or "none"


@dataclass(frozen=True, slots=True)
class ByHalfHour:
    """The values of a series by half-hour of the day, told where they change."""

    item: Codec

    def __call__(self, value: Sequence[Any], raw: bytes) -> str:
        changes = (i for i, one in enumerate(value) if i == 0 or one != value[i - 1])
        return ", ".join(f"{i // 2:02d}:{i % 2 * 30:02d} {self.item.show(value[i], b'')}" for i in changes)


@dataclass(frozen=True, slots=True)
class Own:
    """A text of a protocol's own. `lua` says the same: the body of a function of `wire`, the number on the wire, and
    `bytes`, a table of them, that returns the text; `fixed(n, places)` puts a decimal point into a number.
    """

    text: Callable[[Any, bytes], str]
    lua: str

    def __call__(self, value: Any, raw: bytes) -> str:
        return self.text(value, raw)


def with_decimals(value: int, per_unit: int, places: int) -> str:
    """A number as so many of our units make one, with so many decimals."""
    return f"{Decimal(value) / per_unit:.{places}f}"


def single_bits(names: Sequence[str], value: int) -> str:
    """The names of the bits that are set."""
    told = [
        names[bit] if bit < len(names) else f"bit {bit + 1}" for bit in range(value.bit_length()) if value >> bit & 1
    ]
    return ", ".join(told) or "none"


def escaped(text: str) -> str:
    """Text with its control characters, and all beyond ASCII, as backslash escapes."""
    return text.encode("unicode_escape").decode("ascii")
