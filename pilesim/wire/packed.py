"""A Struct of fixed size as one `struct.Struct`, derived from its Construct definition.

Owns the derivation, kind of construct by kind; what it has no rule for is not derived, and stays with Construct. Must
not know any layout. The Construct definition is the only source: an adapter's own `_decode` and `_encode` are called,
so that nothing is written twice, or, of an adapter that is `InSource`, the expressions that it gives beside them; and
the interpreted Struct is the oracle of the tests.

Packing checks less than Construct does: bytes that are too long are cut, and too short ones filled. So what is written
is held against its field's `fits` in the same step, and where a value is not sure to fit nothing is written.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from construct import Adapter, Array, Bytes, BytesInteger, FormatField, Struct

if TYPE_CHECKING:
    # construct's classes take type arguments in its stubs only.
    AnyAdapter = Adapter[Any, Any, Any, Any]
else:
    AnyAdapter = Adapter

Step = str | tuple[Callable[..., Any], str]
"""What is done on the way between an item and its value: an expression in `VALUE`; or a function, and what it takes
after that, as source text."""
VALUE = "value"
"""What an expression about a field's value calls it."""
Fits = str | Callable[[Any], str]
"""An expression in `VALUE` that holds only where that fits its field; or what says why it does not, or ""."""
Scope = dict[str, Any]
"""The names that source text uses."""
SURE: Mapping[str, Fits] = MappingProxyType({})
_LOW_FIRST = "<"
_NO_CONTEXT = ", None, ''"
"""What an adapter gets in place of a context and a path: ours look at nothing but the value."""
_THE_VALUE = re.compile(rf"\b{VALUE}\b")


class InSource(AnyAdapter):
    """An adapter that says in source, too, what it does: calls cost more than what most of them do.

    `decoding` and `encoding` are expressions in `VALUE` and `names`, "" where there is none. What is encoded has been
    held against `fits`; bytes that are too short for the item are filled with NUL.
    """

    decoding: str = ""
    encoding: str = ""
    names: Mapping[str, Callable[..., Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Item:
    """One field as `struct` has it: a format of one item, and what is between the item and the value, in order."""

    format: str
    decode: tuple[Step, ...] = ()
    encode: tuple[Step, ...] = ()
    names: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


class Packed:
    """The fields of a layout of fixed size; `read` and `write` are what Construct's `parse` and `build` are.

    All are made as source text, as Construct's own compiler does it, and each when it is first asked for.
    """

    def __init__(self, items: Sequence[tuple[str, _Item]], fits: Mapping[str, Fits] = SURE) -> None:
        self.names = tuple(name for name, _ in items)
        self._items = tuple(item for _, item in items)
        self._fits = fits
        self.form = struct.Struct(_LOW_FIRST + "".join(item.format for item in self._items))

    @cached_property
    def read(self) -> Callable[[bytes], dict[str, Any]]:
        """The values at the front of bytes that are long enough."""
        scope: Scope = {"unpack": self.form.unpack_from}
        pairs = ", ".join(f"{name!r}: {self.decoded(i, f'item{i}', scope)}" for i, name in enumerate(self.names))
        return made("read", "data", [f"{self._targets()} = unpack(data)", f"return {{{pairs}}}"], scope)

    @cached_property
    def items(self) -> Callable[[bytes], tuple[Any, ...]]:
        """As `read`, the values alone."""
        scope: Scope = {"unpack": self.form.unpack_from}
        values = ", ".join(self.decoded(i, f"item{i}", scope) for i in range(len(self.names)))
        return made("items", "data", [f"{self._targets()} = unpack(data)", f"return {values},"], scope)

    @cached_property
    def write(self) -> Callable[[Mapping[str, Any]], bytes | None]:
        """The bytes of values; None where one is not sure to fit its field, KeyError where one is missing."""
        scope: Scope = {}
        given = [f"item{i} = values[{name!r}]" for i, name in enumerate(self.names)]
        return made("write", "values", [*given, self._packing(scope)], scope)

    @cached_property
    def pack(self) -> Callable[..., bytes | None]:
        """The bytes of values that are given in the order of their fields; None where one is not sure to fit."""
        scope: Scope = {}
        return made("pack_all", self._targets(), [self._packing(scope)], scope)

    def decoded(self, index: int, item: str, scope: Scope) -> str:
        """The value of field number `index` as an expression, its item being called `item`; names go into `scope`."""
        return self._through(self._items[index].decode, index, item, f"decode{index}_", scope)

    def encoded(self, index: int, value: str, scope: Scope) -> str:
        """The item of field number `index` as an expression; the reverse."""
        return self._through(self._items[index].encode, index, value, f"encode{index}_", scope)

    def item(self, index: int, value: Any) -> Any:
        """The item of field number `index` for a value that fits."""
        scope: Scope = {}
        return made("item", VALUE, [f"return {self.encoded(index, VALUE, scope)}"], scope)(value)

    def fitting(self, index: int, value: str, scope: Scope) -> str:
        """Whether `value` is sure to fit field number `index`, as an expression; "" where all do."""
        fits = self._fits.get(self.names[index], "")
        if isinstance(fits, str):
            return said(fits, value)
        scope[f"misfit{index}"] = fits
        return f"not misfit{index}({value})"

    def _targets(self) -> str:
        return "".join(f"item{i}, " for i in range(len(self.names)))

    def _packing(self, scope: Scope) -> str:
        scope["pack"] = self.form.pack
        indices = range(len(self.names))
        sure = " and ".join(filter(None, (self.fitting(i, f"item{i}", scope) for i in indices)))
        encoded = ", ".join(self.encoded(i, f"item{i}", scope) for i in indices)
        return f"return pack({encoded}) if {sure or True} else None"

    def _through(self, steps: Sequence[Step], index: int, value: str, prefix: str, scope: Scope) -> str:
        """`value` taken through `steps`, as an expression."""
        scope.update(self._items[index].names)
        for number, step in enumerate(steps):
            if isinstance(step, str):
                value = f"({said(step, value)})"
            else:
                scope[f"{prefix}{number}"], further = step
                value = f"{prefix}{number}({value}{further})"
        return value


def made(name: str, takes: str, lines: Sequence[str], scope: Scope) -> Callable[..., Any]:
    """The function of `lines`, which may use the names of `scope`."""
    exec(f"def {name}({takes}):\n" + "".join(f"    {line}\n" for line in lines), scope)
    function: Callable[..., Any] = scope[name]
    return function


def said(expression: str, value: str) -> str:
    """`expression`, in `VALUE`, of what is called `value`."""
    return _THE_VALUE.sub(lambda found: value, expression)


def packed(fields: Sequence[tuple[str, Any]], fits: Mapping[str, Fits] = SURE) -> Packed | None:
    """What is derived from the constructs of `fields`, by name and in order; None where one of them cannot be.

    `fits` tell, by name, whether a value fits its field; where there is none it always does.
    """
    items = [(name, _item(subcon)) for name, subcon in fields]
    known = [(name, item) for name, item in items if item is not None]
    return Packed(known, fits) if known and len(known) == len(items) else None


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
        case Struct():
            return _record(subcon.subcons)
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
        return list(run.items(raw))

    def encode(values: Sequence[Any]) -> bytes | None:
        return run.pack(*values)

    size = count * struct.calcsize(_LOW_FIRST + item.format)
    return _Item(f"{size}s", ((decode, ""),), ((encode, ""),))


def _record(fields: Sequence[Any]) -> _Item | None:
    """Fields within one, by their names."""
    run = packed([(field.name, field.subcon) for field in fields])
    if run is None:
        return None
    return _Item(f"{run.form.size}s", ((run.read, ""),), ((run.write, ""),))


def _adapted(adapter: Any, item: _Item | None) -> _Item | None:
    if item is None:
        return None
    decode: Step = (adapter._decode, _NO_CONTEXT)
    encode: Step = (adapter._encode, _NO_CONTEXT)
    names = item.names
    if isinstance(adapter, InSource):
        decode, encode, names = adapter.decoding or decode, adapter.encoding or encode, {**names, **adapter.names}
    return _Item(item.format, (*item.decode, decode), (encode, *item.encode), names)
