"""Kinds of field: how the bytes of one become a value and a text, and the reverse, in any protocol.

Owns what a kind is (`Codec`) and the kinds that more than one protocol may have; a protocol adds its own. Must not
know which fields lie beside one.

Values are in the units of `pilesim.units`: energies 0.1 Wh, money 1e-5 yuan, times `Stamp`. Numbers on the wire
are little-endian unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any

from construct import (
    Adapter,
    Array,
    Bytes,
    BytesInteger,
    Construct,
    FormatField,
    Int8ul,
    Int16ub,
    Int16ul,
    Int32ub,
    Int32ul,
    Rebuild,
    SizeofError,
    StreamError,
)

from pilesim.units import round_half_up
from pilesim.wire.frame import ProblemKind
from pilesim.wire.packed import InSource, Remainder, said
from pilesim.wire.shown import Decimals, Digits, Escaped, Flags, Hex, Listed, escaped, with_decimals

if TYPE_CHECKING:
    # construct's classes take type arguments in its stubs only.
    AnyAdapter = Adapter[Any, Any, Any, Any]
    AnyConstruct = Construct[Any, Any]
else:
    AnyAdapter = Adapter
    AnyConstruct = Construct

Amiss = tuple[ProblemKind, str]
"""What is wrong with a value that was read: its kind, and `expected ..., found ...`."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One kind of field: its bytes, its value, its text.

    `show(value, raw)` is the value for a person. `misfit(value)` says why a value cannot be built (`expected ...,
    found ...`), or "". `amiss(value)` says what is wrong with a value that was read, or None. `each` is the size
    of one item where their number varies, and the field's own size is then not fixed; the field called `counter`
    says how many there are.
    """

    subcon: AnyConstruct
    show: Callable[[Any, bytes], str]
    misfit: Callable[[Any], str]
    amiss: Callable[[Any], Amiss | None] | None = None
    each: int = 0
    counter: str = ""
    swapped: AnyConstruct | None = None
    """The same number with its bytes the other way round."""
    most: int | None = None
    """More than this no sound sender means: it tells which way round the bytes are."""
    per_unit: int = 0
    """So many of our units make one of the unit that is shown; 0: it is no plain number."""
    fits: str = ""
    """An expression in `value` that holds only where that fits, and costs less than `misfit`; "" where none does."""
    sound: str = ""
    """The same of `amiss`: it holds only where that has nothing to tell."""
    step: Fraction = Fraction(0)
    """What one on the wire is in the unit that is shown."""


class _Scaled(InSource):
    """A number whose unit on the wire is `scale` of ours; building rounds half up."""

    def __init__(self, subcon: AnyConstruct, scale: int) -> None:
        super().__init__(subcon)
        self._scale = scale
        self.decoding = f"value * {scale}"
        self.encoding = f"(2 * value + {scale}) // {2 * scale}"

    def _decode(self, obj: int, context: Any, path: str) -> int:
        return obj * self._scale

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return round_half_up(obj, self._scale)


class _Linear(AnyAdapter):
    """A number of which one on the wire is `per_wire` of ours, less `minus` of ours."""

    def __init__(self, subcon: AnyConstruct, per_wire: Fraction, minus: Fraction) -> None:
        super().__init__(subcon)
        self._per_wire = per_wire
        self._minus = minus

    def _decode(self, obj: int, context: Any, path: str) -> int:
        return _rounded(obj * self._per_wire - self._minus)

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return _rounded((obj + self._minus) / self._per_wire)


class _Tuple(InSource):
    """An array as a tuple."""

    decoding = "tuple(value)"
    encoding = "value"

    def _decode(self, obj: Sequence[Any], context: Any, path: str) -> tuple[Any, ...]:
        return tuple(obj)

    def _encode(self, obj: Sequence[Any], context: Any, path: str) -> list[Any]:
        return list(obj)


class _Text(InSource):
    """Text padded with NUL on the right. Bytes beyond ASCII pass as the characters of their numbers."""

    def __init__(self, size: int, step: int) -> None:
        super().__init__(Bytes(size))
        self._size = size
        self._step = step
        turned = "" if step == 1 else f"[::{step}]"
        self.decoding = f"value.rstrip(b'\\0').decode('latin-1'){turned}"
        self.encoding = f"value{turned}.encode('latin-1')"

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        return obj.rstrip(b"\0").decode("latin-1")[:: self._step]

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        return obj[:: self._step].encode("latin-1").ljust(self._size, b"\0")


class _Bcd(InSource):
    """Digits, two a byte in natural order, and padded with zeros on the left."""

    def __init__(self, size: int, strip: bool, none: bool) -> None:
        super().__init__(Bytes(size))
        self._size = size
        self._strip = strip
        self._none = none
        if strip:
            self.decoding = "value.hex().upper().lstrip('0')"
            self.encoding = f"bytes.fromhex(value.lstrip('0').zfill({2 * size}))"
        else:
            self.decoding = "value.hex().upper() if any(value) else ''" if none else "value.hex().upper()"
            self.encoding = f"bytes.fromhex(value.zfill({2 * size}))"

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        digits = obj.hex().upper()
        if self._strip:
            return digits.lstrip("0")
        return "" if self._none and not any(obj) else digits

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        digits = obj.lstrip("0") if self._strip else obj
        return bytes.fromhex(digits.zfill(2 * self._size))


class _Offset(InSource):
    """A number on the wire that is `offset` more than ours."""

    def __init__(self, subcon: AnyConstruct, offset: int) -> None:
        super().__init__(subcon)
        self._offset = offset
        self.decoding = f"value - {offset}"
        self.encoding = f"value + {offset}"

    def _decode(self, obj: int, context: Any, path: str) -> int:
        return obj - self._offset

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return obj + self._offset


class _AllBut(Remainder):
    """All the bytes up to the last `tail` ones."""

    def __init__(self, tail: int) -> None:
        super().__init__()
        self._tail = tail

    def _parse(self, stream: IO[bytes], context: Any, path: str) -> bytes:
        rest = stream.read()
        if len(rest) < self._tail:
            raise StreamError(f"expected {self._tail} bytes, found {len(rest)}", path=path)
        stream.seek(-self._tail, 1)
        return rest[: len(rest) - self._tail]

    def _build(self, obj: bytes, stream: IO[bytes], context: Any, path: str) -> int:
        return stream.write(obj)

    def _sizeof(self, context: Any, path: str) -> int:
        raise SizeofError("as many as there are", path=path)


_UNSIGNED: Mapping[int, AnyConstruct] = {
    1: Int8ul,
    2: Int16ul,
    3: BytesInteger(3, swapped=True),
    4: Int32ul,
    5: BytesInteger(5, swapped=True),
}
_HIGH_FIRST: Mapping[int, AnyConstruct] = {
    1: Int8ul,
    2: Int16ub,
    3: BytesInteger(3),
    4: Int32ub,
    5: BytesInteger(5),
}


@dataclass(frozen=True, slots=True)
class OnWire:
    """How a number lies on the wire, `size` bytes of it, and what it means: ours is `wire * per_wire - minus`, rounded
    half up."""

    size: int
    signed: bool
    high_first: bool
    per_wire: Fraction = Fraction(1)
    minus: Fraction = Fraction(0)


def on_wire(subcon: AnyConstruct) -> OnWire | None:
    """How the number of a kind of field lies there; None where it is no plain number."""
    match subcon:
        case FormatField():
            return OnWire(subcon.sizeof(), False, subcon.fmtstr[0] == ">" and subcon.sizeof() > 1)
        case BytesInteger():
            return OnWire(subcon.sizeof(), bool(subcon.signed), not subcon.swapped)
        case Rebuild():
            return on_wire(subcon.subcon)
        case _Scaled():
            return _meaning(subcon, Fraction(subcon._scale), Fraction(0))
        case _Linear():
            return _meaning(subcon, subcon._per_wire, subcon._minus)
        case _Offset():
            return _meaning(subcon, Fraction(1), Fraction(subcon._offset))
        case _:
            return None


def _meaning(adapter: AnyAdapter, per_wire: Fraction, minus: Fraction) -> OnWire | None:
    below = on_wire(adapter.subcon)
    return None if below is None else replace(below, per_wire=per_wire, minus=minus)


def is_high_first(subcon: AnyConstruct) -> bool:
    """Whether the number at the bottom of a kind of field lies there with its high byte first."""
    while isinstance(subcon, Adapter | Rebuild):
        subcon = subcon.subcon
    number = on_wire(subcon)
    return number is not None and number.high_first


def tail_left(subcon: AnyConstruct) -> int | None:
    """Of a field that takes all but the last bytes, how many it leaves; None of any other."""
    return subcon._tail if isinstance(subcon, _AllBut) else None


def bcd_form(subcon: AnyConstruct) -> tuple[bool, bool]:
    """Of digits: whether zeros on the left go, and whether zeros alone are no value."""
    return (subcon._strip, subcon._none) if isinstance(subcon, _Bcd) else (False, False)


def goes_backwards(subcon: AnyConstruct) -> bool:
    """Of a text, whether its last character comes first."""
    return isinstance(subcon, _Text) and subcon._step < 0


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def number(size: int, *, scale: int = 1, places: int = 0, most: int | None = None) -> Codec:
    """An unsigned number of `size` bytes; `scale` of our units make one on the wire, shown with `places` decimals.

    More than `most` (in our units) no sound sender means.
    """
    per_unit = scale * 10**places
    highest = 256**size - 1

    def misfit(value: object) -> str:
        if isinstance(value, int) and _is_number(value) and value >= 0 and round_half_up(value, scale) <= highest:
            return ""
        found = f"{Decimal(value) / per_unit:f}" if isinstance(value, int) else repr(value)
        return f"expected 0 to {with_decimals(highest * scale, per_unit, places)}, found {found}"

    low_first, high_first = (
        subcons[size] if scale == 1 else _Scaled(subcons[size], scale) for subcons in (_UNSIGNED, _HIGH_FIRST)
    )
    return Codec(
        low_first,
        Decimals(per_unit, places),
        misfit,
        swapped=high_first,
        most=most,
        per_unit=per_unit,
        step=Fraction(scale, per_unit),
        fits=f"type(value) is int and 0 <= value <= {highest * scale}",
    )


def measured(
    size: int,
    step: Fraction,
    per_unit: int,
    *,
    signed: bool = False,
    high_first: bool = False,
    minus: Fraction | int = 0,
) -> Codec:
    """A number of `size` bytes, one of which on the wire is `step` of the unit that is shown, less `minus` of it.

    `per_unit` of our units make one that is shown; what is finer than ours is rounded half up.
    """
    per_wire, less = step * per_unit, minus * per_unit
    places = max(_places(step), _places(Fraction(minus)))
    lowest, highest = (-(256**size) // 2, 256**size // 2 - 1) if signed else (0, 256**size - 1)

    def shown(wire: int) -> str:
        exact = wire * step - minus
        return f"{Decimal(exact.numerator) / exact.denominator:.{places}f}"

    def misfit(value: object) -> str:
        if isinstance(value, int) and _is_number(value) and lowest <= _rounded((value + less) / per_wire) <= highest:
            return ""
        return f"expected {shown(lowest)} to {shown(highest)}, found {value!r}"

    low, high = (
        _Linear(BytesInteger(size, signed=signed, swapped=swapped), per_wire, Fraction(less))
        for swapped in (True, False)
    )
    first, second = (high, low) if high_first else (low, high)
    return Codec(first, Decimals(per_unit, places), misfit, swapped=second, per_unit=per_unit, step=step)


def _places(value: Fraction) -> int:
    """As many decimals as show `value` whole, at most 6."""
    return next((places for places in range(6) if (value * 10**places).denominator == 1), 6)


def _rounded(value: Fraction) -> int:
    return round_half_up(value.numerator, value.denominator)


def shifted(offset: int, shown_none: bool = False) -> Codec:
    """One byte, `offset` more on the wire than it means. With `shown_none` a byte of zero shows as no value."""

    def misfit(value: object) -> str:
        if isinstance(value, int) and _is_number(value) and 0 <= value + offset <= 255:
            return ""
        return f"expected {-offset} to {255 - offset}, found {value!r}"

    return Codec(
        _Offset(Int8ul, offset),
        Decimals(1, 0, -offset if shown_none else None),
        misfit,
        fits=f"type(value) is int and {-offset} <= value <= {255 - offset}",
    )


def ranged(codec: Codec, low: int, high: int) -> Codec:
    """`codec`, of which a value read outside `low` to `high` is told."""

    def amiss(value: int) -> Amiss | None:
        return None if low <= value <= high else (ProblemKind.RANGE, f"expected {low} to {high}, found {value}")

    return replace(codec, amiss=amiss, sound=f"{low} <= value <= {high}")


_DIGITS = frozenset("0123456789ABCDEF")


def bcd(size: int, *, strip: bool = False, none: bool = False, least: int = 0, decimal: bool = True) -> Codec:
    """Digits, two a byte: all of them; with `strip`, without the zeros on the left; with `none`, zeros alone are "".

    `least` digits must be given to be built. What is no decimal digit reads as its hexadecimal one, and is told
    where only `decimal` ones are sent.
    """

    def misfit(value: object) -> str:
        if isinstance(value, str) and _DIGITS.issuperset(value):
            digits = value.lstrip("0") if strip else value
            if least <= len(digits) <= 2 * size:
                return ""
        count = f"{least}" if least == 2 * size else f"at most {2 * size}"
        return f"expected {count} digits, found {value!r}"

    def amiss(value: str) -> Amiss | None:
        if value.isdecimal() or not value:
            return None
        return ProblemKind.RANGE, f"expected decimal digits, found {value}"

    return Codec(
        _Bcd(size, strip, none),
        Digits(),
        misfit,
        amiss if decimal else None,
        fits=f"type(value) is str and {least} <= len(value) <= {2 * size} and value.isascii() and value.isdecimal()"
        if not (strip and least)
        else "",
        sound="value.isdecimal() or not value",
    )


def flags(size: int, names: Sequence[str], words: Callable[[Sequence[str], int], str], bits: int = 2) -> Codec:
    """Flags of `bits` bits that have names, lowest first, in a number of `size` bytes; `words` tells those set."""
    return replace(number(size), show=Flags(names, words, bits))


def series(item: Codec, count: str | int, show: Callable[[Any, bytes], str] | None = None) -> Codec:
    """Values of `item`: as many as `count`, or as the field named `count` says, which `count_of` builds."""

    def misfit(value: object) -> str:
        if not isinstance(value, Sequence):
            return f"expected a series, found {value!r}"
        wanted = len(value) == count if isinstance(count, int) else len(value) <= 255
        if not wanted:
            return f"expected {count if isinstance(count, int) else 'at most 255'} values, found {len(value)}"
        for index, one in enumerate(value):
            reason = item.misfit(one)
            if reason:
                return f"value {index + 1}: {reason}"
        return ""

    length: Any = count if isinstance(count, int) else lambda context: context[count]
    each = 0 if isinstance(count, int) else item.subcon.sizeof()
    counter = "" if isinstance(count, int) else count
    many = f"len(value) == {count}" if isinstance(count, int) else "len(value) <= 255"
    fits = f"type(value) is tuple and {many} and all([{said(item.fits, 'one')} for one in value])"
    return Codec(
        _Tuple(Array(length, item.subcon)),
        show or Listed(item),
        misfit,
        each=each,
        counter=counter,
        fits=fits if item.fits else "",
    )


def count_of(name: str) -> Codec:
    """One byte: how many values or bytes the field called `name` has."""
    return Codec(Rebuild(Int8ul, lambda context: len(context[name])), Decimals(1, 0), lambda value: "")


ASCII = "value.isascii()"
"""Where this holds `not_ascii` has nothing to tell."""


def not_ascii(value: str) -> Amiss | None:
    """Whether a text holds characters that no sender of ASCII sends."""
    if value.isascii():
        return None
    return ProblemKind.RANGE, f'expected ASCII, found "{escaped(value)}"'


def text_misfit(value: object, size: int) -> str:
    """Why `value` is no text of at most `size` bytes, or ""."""
    latin = isinstance(value, str) and (value.isascii() or all(ord(character) < 256 for character in value))
    if isinstance(value, str) and latin and len(value) <= size:
        return ""
    return f"expected at most {size} ASCII characters, found {value!r}"


def text_fits(size: int) -> str:
    """The expression that holds only of a text of at most `size` bytes."""
    return f"type(value) is str and len(value) <= {size} and value.isascii()"


def text(size: int, *, backwards: bool = False) -> Codec:
    """ASCII of at most `size` bytes, padded with NUL on the right; only NUL is stripped.

    `backwards`: its last character comes first.
    """
    return Codec(
        _Text(size, -1 if backwards else 1),
        Escaped(),
        lambda value: text_misfit(value, size),
        not_ascii,
        fits=text_fits(size),
        sound=ASCII,
    )


def blob(size: int) -> Codec:
    """Bytes, shown in hex."""

    def misfit(value: object) -> str:
        if isinstance(value, bytes) and len(value) == size:
            return ""
        return f"expected {size} bytes, found {value!r}"

    return Codec(
        Bytes(size),
        Hex(),
        misfit,
        fits=f"type(value) is bytes and len(value) == {size}",
    )


def all_but(tail: int, counter: str) -> Codec:
    """The bytes that are left when the last `tail` ones of the body are kept for the fields that follow.

    The field called `counter` should say how many, and is not relied on.
    """

    def misfit(value: object) -> str:
        if isinstance(value, bytes) and len(value) <= 255:
            return ""
        return f"expected at most 255 bytes, found {value!r}"

    fits = "type(value) is bytes and len(value) <= 255"
    return Codec(_AllBut(tail), Hex("none"), misfit, each=1, counter=counter, fits=fits)


def before_tail(codec: Codec, tail: int) -> Codec:
    """`codec`, which keeps the last `tail` bytes of the body for the fields that follow, if it is one of those."""
    return replace(codec, subcon=_AllBut(tail)) if isinstance(codec.subcon, _AllBut) else codec


def leaves_tail(codec: Codec) -> bool:
    """Whether it takes all that is left but for the last bytes."""
    return isinstance(codec.subcon, _AllBut)
