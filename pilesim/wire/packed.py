"""A Struct as one `struct.Struct`, derived from its Construct definition; of no fixed size, as one for each size.

Owns the derivation, kind of construct by kind; what it has no rule for is not derived, and stays with Construct. Must
not know any layout. The Construct definition is the only source: an adapter's own `_decode` and `_encode` are called,
so that nothing is written twice, or, of an adapter that is `InSource`, the expressions that it gives beside them; and
the interpreted Struct is the oracle of the tests.

One field may hold as many items as there is room for: the fields about it are of fixed size, so the size of all tells
how many there are, and the count that another field says is held against that. Such bytes are read whole only.

Packing checks less than Construct does: bytes that are too long are cut, and too short ones filled. So what is written
is held against its field's `fits` in the same step, and where a value is not sure to fit nothing is written.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from construct import Adapter, Array, Bytes, BytesInteger, Construct, FormatField, Struct

if TYPE_CHECKING:
    # construct's classes take type arguments in its stubs only.
    AnyAdapter = Adapter[Any, Any, Any, Any]
    AnyConstruct = Construct[Any, Any]
else:
    AnyAdapter = Adapter
    AnyConstruct = Construct

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
_MOST = 255
"""As many items a count of one byte tells."""
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


class Remainder(AnyConstruct):
    """A construct that takes bytes as they are, as many as the fields after it leave."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One field as `struct` has it: a format of one item, and what is between the item and the value, in order.

    Of a field that holds as many as there is room for, `each` is the size of one, and the item the bytes of all.
    """

    format: str
    decode: tuple[Step, ...] = ()
    encode: tuple[Step, ...] = ()
    names: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    each: int = 0


class Packed:
    """The fields of a layout; `read` and `write` are what Construct's `parse` and `build` are.

    All are made as source text, as Construct's own compiler does it, and each when it is first asked for. `counters`
    are the fields that say how many another one holds.
    """

    def __init__(
        self,
        items: Sequence[tuple[str, _Item]],
        fits: Mapping[str, Fits] = SURE,
        counters: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.names = tuple(name for name, _ in items)
        self._items = tuple(item for _, item in items)
        self._fits = fits
        self.counts = {
            index: self.names.index(counters[name]) for index, name in enumerate(self.names) if name in counters
        }
        """The numbers of such fields, each with that of the field that it counts."""
        self.varying = next((index for index, item in enumerate(self._items) if item.each), None)
        """The number of the field that has no fixed size, if one has none."""
        self.form = self._form(0)
        """Of the least size; of the size, where that is fixed."""
        self._forms: dict[int, struct.Struct] = {self.form.size: self.form}

    def _form(self, varying_size: int) -> struct.Struct:
        return struct.Struct(_LOW_FIRST + "".join(f"{varying_size}s" if i.each else i.format for i in self._items))

    def form_of(self, size: int) -> struct.Struct | None:
        """The form of so many bytes; None where there is none."""
        known = self._forms.get(size)
        if known is None and self.varying is not None:
            count, over = divmod(size - self.form.size, self.each)
            if 0 <= count <= _MOST and not over:
                known = self._forms[size] = self._form(size - self.form.size)
        return known

    @property
    def each(self) -> int:
        """The size of one of what the varying field holds."""
        return self._items[self.varying].each if self.varying is not None else 0

    @cached_property
    def read(self) -> Callable[[bytes], dict[str, Any]]:
        """The values at the front of bytes that are long enough; of a layout of fixed size."""
        assert self.varying is None, "how much lies at the front is not known then"
        scope: Scope = {"unpack": self.form.unpack_from}
        pairs = ", ".join(f"{name!r}: {self.decoded(i, f'item{i}', scope)}" for i, name in enumerate(self.names))
        return made("read", "data", [f"{self._targets()} = unpack(data)", f"return {{{pairs}}}"], scope)

    @cached_property
    def items(self) -> Callable[[bytes], tuple[Any, ...]]:
        """As `read`, the values alone."""
        assert self.varying is None, "as above"
        scope: Scope = {"unpack": self.form.unpack_from}
        values = ", ".join(self.decoded(i, f"item{i}", scope) for i in range(len(self.names)))
        return made("items", "data", [f"{self._targets()} = unpack(data)", f"return {values},"], scope)

    @cached_property
    def write(self) -> Callable[[Mapping[str, Any]], bytes | None]:
        """The bytes of values; None where one is not sure to fit its field, KeyError where one is missing."""
        scope: Scope = {}
        given = [f"item{i} = values[{name!r}]" for i, name in enumerate(self.names) if i not in self.counts]
        return made("write", "values", [*given, *self._packing(scope)], scope)

    @cached_property
    def pack(self) -> Callable[..., bytes | None]:
        """The bytes of values that are given in the order of their fields; None where one is not sure to fit.

        What counts another is given too, and not relied on.
        """
        scope: Scope = {}
        return made("pack_all", self._targets(), self._packing(scope), scope)

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

    def _packing(self, scope: Scope) -> list[str]:
        indices = range(len(self.names))
        told = (i for i in indices if i not in self.counts)
        sure = " and ".join(filter(None, (self.fitting(i, f"item{i}", scope) for i in told)))
        counted = (f"item{i} = len(item{of})" for i, of in self.counts.items())
        lines = [f"if not ({sure or True}):", "    return None", *counted]
        encoded = [self.encoded(i, f"item{i}", scope) for i in indices]
        if self.varying is not None:
            # Its size is asked for beside it.
            lines.append(f"item{self.varying} = {encoded[self.varying]}")
            encoded[self.varying] = f"item{self.varying}"
        return [*lines, f"return {self.packing(encoded, scope)}"]

    def packing(self, items: Sequence[str], scope: Scope) -> str:
        """The bytes of `items`, which are expressions, as another; that of a varying field is asked for twice."""
        given = ", ".join(items)
        if self.varying is None:
            scope["pack"] = self.form.pack
            return f"pack({given})"
        scope["form_of"] = self.form_of
        return f"form_of({self.form.size} + len({items[self.varying]})).pack({given})"

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


def packed(
    fields: Sequence[tuple[str, Any]],
    fits: Mapping[str, Fits] = SURE,
    counters: Mapping[str, str] = MappingProxyType({}),
) -> Packed | None:
    """What is derived from the constructs of `fields`, by name and in order; None where one of them cannot be.

    `fits` tell, by name, whether a value fits its field; where there is none it always does. `counters` are the names
    of fields that say how many another one has.
    """
    items = [(name, _item(subcon.subcon if name in counters else subcon)) for name, subcon in fields]
    known = [(name, item) for name, item in items if item is not None]
    if not known or len(known) < len(items) or sum(item.each > 0 for _, item in known) > 1:
        return None
    return Packed(known, fits, counters)


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
        case Array():
            return _run(_item(subcon.subcon))
        case Remainder():
            return _Item("", each=1)
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
    if item is None or item.each:
        return None
    names = [str(index) for index in range(count)]
    run = Packed([(name, item) for name in names])

    def decode(raw: bytes) -> list[Any]:
        return list(run.items(raw))

    def encode(values: Sequence[Any]) -> bytes | None:
        return run.pack(*values)

    size = count * struct.calcsize(_LOW_FIRST + item.format)
    return _Item(f"{size}s", ((decode, ""),), ((encode, ""),))


def _run(item: _Item | None) -> _Item | None:
    """As many of `item` as there is room for."""
    if item is None or item.each:
        return None
    one = Packed([("one", item)])
    scope: Scope = {"each": one.form.iter_unpack, "pack": one.form.pack}
    value, back = one.decoded(0, "item", scope), one.encoded(0, "item", scope)
    decode = made("decode", "raw", [f"return [{value} for item, in each(raw)]"], scope)
    encode = made("encode", "values", [f"return b''.join([pack({back}) for item in values])"], scope)
    return _Item("", ((decode, ""),), ((encode, ""),), each=one.form.size)


def _record(fields: Sequence[Any]) -> _Item | None:
    """Fields within one, by their names."""
    run = packed([(field.name, field.subcon) for field in fields])
    if run is None or run.varying is not None:
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
    return replace(item, decode=(*item.decode, decode), encode=(encode, *item.encode), names=names)
