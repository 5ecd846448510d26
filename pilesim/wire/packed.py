"""A Struct of fixed size as one `struct.Struct`, derived from its Construct definition.

Owns the derivation, kind of construct by kind; what it has no rule for is not derived, and stays with Construct. Must
not know any layout. The Construct definition is the only source: an adapter's own `_decode` and `_encode` are called,
so that nothing is written twice, and the interpreted Struct is the oracle of the tests.

Packing checks less than Construct does: bytes that are too long are cut, and too short ones filled. So what is written
is held against its field's `fits` in the same step, and where a value is not sure to fit nothing is written.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from construct import Adapter, Array, Bytes, BytesInteger, FormatField

Step = tuple[Callable[..., Any], str]
"""A function on the way between an item and its value, and what it takes after that, as source text."""
VALUE = "value"
"""What an expression about a field's value calls it."""
Fits = str | Callable[[Any], str]
"""An expression in `VALUE` that holds only where that fits its field; or what says why it does not, or ""."""
SURE: Mapping[str, Fits] = MappingProxyType({})
_LOW_FIRST = "<"
_NO_CONTEXT = ", None, ''"
"""What an adapter gets in place of a context and a path: ours look at nothing but the value."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One field as `struct` has it: a format of one item, and what is between the item and the value, in order."""

    format: str
    decode: tuple[Step, ...] = ()
    encode: tuple[Step, ...] = ()


class Packed:
    """The fields of a layout of fixed size; `read` and `write` are what Construct's `parse` and `build` are.

    Both are made as source text, as Construct's own compiler does it: one expression, with a call for each adapter.
    """

    def __init__(self, items: Sequence[tuple[str, _Item]], fits: Mapping[str, Fits] = SURE) -> None:
        form = struct.Struct(_LOW_FIRST + "".join(item.format for _, item in items))
        scope: dict[str, Any] = {"unpack": form.unpack_from, "pack": form.pack}
        decoded = [_calls(f"item{i}", item.decode, f"decode{i}_", scope) for i, (_, item) in enumerate(items)]
        encoded = [_calls(f"item{i}", item.encode, f"encode{i}_", scope) for i, (_, item) in enumerate(items)]
        given = "".join(f"    item{i} = values[{name!r}]\n" for i, (name, _) in enumerate(items))
        sure = " and ".join(_fitting(fits[name], i, scope) for i, (name, _) in enumerate(items) if name in fits)
        taken = "".join(f"item{i}, " for i in range(len(items)))
        pairs = ", ".join(f"{name!r}: {value}" for (name, _), value in zip(items, decoded, strict=True))
        source = (
            f"def read(data):\n    {taken}= unpack(data)\n    return {{{pairs}}}\n"
            f"def write(values):\n{given}    return pack({', '.join(encoded)}) if {sure or True} else None\n"
        )
        exec(source, scope)
        self.read: Callable[[bytes], dict[str, Any]] = scope["read"]
        """The values at the front of bytes that are long enough."""
        self.write: Callable[[Mapping[str, Any]], bytes | None] = scope["write"]
        """The bytes of values; None where one is not sure to fit its field, KeyError where one is missing."""


def packed(fields: Sequence[tuple[str, Any]], fits: Mapping[str, Fits] = SURE) -> Packed | None:
    """What is derived from the constructs of `fields`, by name and in order; None where one of them cannot be.

    `fits` tell, by name, whether a value fits its field; where there is none it always does.
    """
    items = [(name, _item(subcon)) for name, subcon in fields]
    known = [(name, item) for name, item in items if item is not None]
    return Packed(known, fits) if known and len(known) == len(items) else None


def _fitting(fits: Fits, index: int, scope: dict[str, Any]) -> str:
    """Whether item number `index` fits, as an expression."""
    if isinstance(fits, str):
        return fits.replace(VALUE, f"item{index}")
    scope[f"misfit{index}"] = fits
    return f"not misfit{index}(item{index})"


def _calls(value: str, steps: Sequence[Step], prefix: str, scope: dict[str, Any]) -> str:
    """`value` taken through `steps`, as an expression; the functions are put into `scope`."""
    for index, (function, further) in enumerate(steps):
        scope[f"{prefix}{index}"] = function
        value = f"{prefix}{index}({value}{further})"
    return value


def _item(subcon: Any) -> _Item | None:
    match subcon:
        case FormatField():
            return _number(subcon.fmtstr)
        case Bytes() if isinstance(subcon.length, int):
            return _Item(f"{subcon.length}s")
        case BytesInteger() if isinstance(subcon.length, int):
            return _long_number(subcon.length, "little" if subcon.swapped else "big", signed=bool(subcon.signed))
        case Array() if isinstance(subcon.count, int):
            return _array(subcon.count, _item(subcon.subcon))
        case Adapter():
            return _adapted(subcon, _item(subcon.subcon))
        case _:
            return None


def _number(fmtstr: str) -> _Item:
    order, kind = fmtstr[0], fmtstr[1:]
    size = struct.calcsize(fmtstr)
    if order == _LOW_FIRST or size == 1:
        return _Item(kind)
    one = struct.Struct(fmtstr)
    return _Item(f"{size}s", ((lambda raw: one.unpack(raw)[0], ""),), ((one.pack, ""),))


def _long_number(size: int, order: Literal["little", "big"], *, signed: bool) -> _Item:
    further = f", {order!r}, signed={signed}"
    return _Item(f"{size}s", ((int.from_bytes, further),), ((int.to_bytes, f", {size}{further}"),))


def _array(count: int, item: _Item | None) -> _Item | None:
    """As many of `item`, which are one run of bytes to the whole."""
    if item is None:
        return None
    names = [str(index) for index in range(count)]
    run = Packed([(name, item) for name in names])

    def decode(raw: bytes) -> list[Any]:
        return list(run.read(raw).values())

    def encode(values: Sequence[Any]) -> bytes | None:
        return run.write(dict(zip(names, values, strict=True)))

    size = count * struct.calcsize(_LOW_FIRST + item.format)
    return _Item(f"{size}s", ((decode, ""),), ((encode, ""),))


def _adapted(adapter: Any, item: _Item | None) -> _Item | None:
    if item is None:
        return None
    return _Item(
        item.format, (*item.decode, (adapter._decode, _NO_CONTEXT)), ((adapter._encode, _NO_CONTEXT), *item.encode)
    )
