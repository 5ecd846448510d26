"""Fields and layouts: one table of rows builds, parses, checks and explains a run of bytes, in any protocol.

Owns the row (`Field`) and what is made of a table of rows (`Layout`), records in a field included. Must not know any
one protocol's messages. How the bytes of one field are read lies in `codec`, the numbers of enumerations in `codes`.

What is read never raises: a body too short reads as None, all else that is wrong is a Problem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from typing import Any

import msgspec
from construct import Bytes, ConstructError, GreedyRange, Rebuild, StreamError, Struct

from pilesim.errors import EncodingError
from pilesim.wire.codec import AnyAdapter, AnyConstruct, Codec, leaves_tail
from pilesim.wire.codes import Codes
from pilesim.wire.frame import FieldView, Problem, ProblemKind
from pilesim.wire.packed import Fits, Packed, packed
from pilesim.wire.protocol import Trust


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a layout.

    `blank` is what is built where a message says nothing; None: the message must say it. `since` is the version
    of the protocol that brought the field.
    """

    name: str
    codec: Codec
    unit: str = ""
    codes: Codes | None = None
    blank: Any = None
    note: str = ""
    trust: Trust = Trust.PUBLISHED
    since: str = ""
    called: str = ""
    """What people see in place of `name`, by which the meaning of the field goes."""

    @property
    def shown(self) -> str:
        return self.called or self.name


Values = Mapping[str, Any]
"""Values by field name, as construct gives and takes them."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a layout found: the values, and how many bytes they took."""

    values: Values
    size: int


class Layout:
    """What a table of fields makes of a run of bytes, and the reverse."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)
        self.by_name: Mapping[str, Field] = {field.name: field for field in self.fields}
        counted = [field.codec.each for field in self.fields if field.codec.each]
        self.least = sum(f.codec.subcon.sizeof() for f in self.fields if not f.codec.each)
        """Bytes that the layout takes at least; all that it takes unless `counted`."""
        self.counted = bool(counted)
        self.size_text = " + ".join([str(self.least), *("N" if each == 1 else f"{each}N" for each in counted)])
        self._checked = tuple(f for f in self.fields if f.codes or f.codec.amiss or f.codec.counter)

    @cached_property
    def _struct(self) -> AnyConstruct:
        """The definition as Construct has it, for what cannot be derived."""
        return Struct(*(field.name / field.codec.subcon for field in self.fields))

    @cached_property
    def packed(self) -> Packed | None:
        """The Struct derived to one `struct.Struct`, blind to an end that comes too soon: that is checked beforehand.

        None where a field is of a kind that is not derived, or several are of no fixed size.
        """
        fits: dict[str, Fits] = {field.name: field.codec.fits or field.codec.misfit for field in self.fields}
        counters = {field.codec.counter: field.name for field in self.fields if field.codec.counter}
        if not all(isinstance(self.by_name[name].codec.subcon, Rebuild) for name in counters):
            return None
        return packed([(field.name, field.codec.subcon) for field in self.fields], fits, counters)

    def read(self, data: bytes) -> Reading | None:
        """The values at the front of `data`; None where it is too short."""
        if len(data) < self.least:
            return None
        if self.packed and not self.counted:
            return Reading(self.packed.read(data), self.least)
        stream = BytesIO(data)
        try:
            values = self._struct.parse_stream(stream)
        except StreamError:
            return None
        return Reading(values, stream.tell())

    @cached_property
    def items(self) -> Callable[[bytes], tuple[Any, ...]]:
        """The values at the front of bytes that are long enough, in the order of the fields; of a packed layout."""
        assert self.packed is not None, "asked of headers, which are numbers, texts and bytes"
        return self.packed.items

    def pack(self, number: int, *items: Any) -> bytes:
        """As `write`, of values in the order of the fields, for message `number`; of a packed layout."""
        assert self.packed is not None, "as above"
        data = self.packed.pack(*items)
        return data if data is not None else self.write(f"0x{number:02X}", dict(zip(self.by_name, items, strict=True)))

    def problems(self, values: Values) -> list[Problem]:
        """What is wrong with values that were read, field by field."""
        found: list[Problem] = []
        for field in self._checked:
            value = values[field.name]
            if field.codes and value not in field.codes.labels:
                text = f"{field.shown}: expected one of {field.codes.numbers()}; found {value}"
                found.append(Problem(ProblemKind.ENUM, text, field.shown))
            amiss = field.codec.amiss(value) if field.codec.amiss else None
            if amiss:
                found.append(Problem(amiss[0], f"{field.shown}: {amiss[1]}", field.shown))
            counter = field.codec.counter
            if counter and len(value) != values[counter]:
                text = f"{counter}: expected {len(value)}, as many as {field.name} there are; found {values[counter]}"
                found.append(Problem(ProblemKind.RANGE, text, counter))
        return found

    def excess(self, values: Values) -> str:
        """The first value that no sound sender means, as a text; "" where all are sensible."""
        for field in self.fields:
            most = field.codec.most
            if most is not None and abs(values[field.name]) > most:
                return f"{field.name} {field.codec.show(values[field.name], b'')} {field.unit}".rstrip()
        return ""

    def swapped(self) -> Layout:
        """The same fields with the bytes of their numbers the other way round."""
        return Layout(
            [replace(f, codec=replace(f.codec, subcon=f.codec.swapped or f.codec.subcon)) for f in self.fields]
        )

    def offset_of(self, name: str) -> int | None:
        """Where the field called `name` begins; None where there is none, or fields of no fixed size precede it."""
        offset = 0
        for field in self.fields:
            if field.name == name:
                return offset
            if field.codec.each:
                return None
            offset += field.codec.subcon.sizeof()
        return None

    def write(self, name: str, values: Values) -> bytes:
        """The bytes of `values`; EncodingError names `name`, the field, what fits and what was given."""
        data = self.packed.write(values) if self.packed else None
        if data is not None:
            return data
        for field in self.fields:
            if field.name in values:
                misfit = field.codec.misfit(values[field.name])
                if misfit:
                    raise EncodingError(f"{name}: {field.shown}: {misfit}")
        return self._struct.build(dict(values))

    def views(self, data: bytes, offset: int) -> tuple[list[FieldView], int]:
        """The fields of `data`, which lies at `offset` of its frame, as far as they go; and the bytes they took."""
        stream = BytesIO(data)
        views: list[FieldView] = []
        seen: dict[str, Any] = {}
        for field in self.fields:
            begin = stream.tell()
            try:
                value = field.codec.subcon.parse_stream(stream, **seen)
            except ConstructError:
                return views, begin
            raw = data[begin : stream.tell()]
            seen[field.name] = value
            shown = _labelled(field, value, raw)
            views.append(
                FieldView(
                    name=field.shown,
                    offset=offset + begin,
                    raw=raw,
                    value=shown,
                    unit="" if shown == "none" else field.unit,
                    provisional=field.trust is Trust.PROVISIONAL,
                    note="; ".join(part for part in (_TRUST_NOTE[field.trust], field.note) if part),
                    parts=_parts(field, raw, offset + begin),
                )
            )
        return views, stream.tell()


def rest_view(raw: bytes, begin: int, offset: int = 0) -> list[FieldView]:
    """What no layout explains, from `begin` on; `offset` is where `raw` lies in its frame."""
    rest = raw[begin:]
    return [FieldView("rest", offset + begin, rest, rest.hex(" "), note="outside the layout")] if rest else []


def _parts(field: Field, raw: bytes, offset: int) -> tuple[FieldView, ...]:
    """The fields of the records in `raw`, one record after the other."""
    record = record_of(field.codec)
    if record is None:
        return ()
    begins = range(0, len(raw), record.least)
    return tuple(view for at in begins for view in record.views(raw[at : at + record.least], offset + at)[0])


_TRUST_NOTE = {Trust.PUBLISHED: "", Trust.INFERRED: "inferred", Trust.PROVISIONAL: "provisional"}


def _labelled(field: Field, value: Any, raw: bytes) -> str:
    shown = field.codec.show(value, raw)
    if field.codes is None:
        return shown
    return f"{shown} {field.codes.labels.get(value, 'not listed')}"


class _Rows(AnyAdapter):
    """Bytes as many times a layout as they hold."""

    def __init__(self, layout: Layout, subcon: AnyConstruct) -> None:
        super().__init__(subcon)
        self._layout = layout

    def _decode(self, obj: Sequence[bytes], context: Any, path: str) -> tuple[Values, ...]:
        readings = (self._layout.read(item) for item in obj)
        return tuple({k: v for k, v in r.values.items() if k in self._layout.by_name} for r in readings if r)

    def _encode(self, obj: Sequence[Values], context: Any, path: str) -> list[bytes]:
        return [self._layout.write("row", row) for row in obj]


def rows(fields: Sequence[Field], counter: str = "") -> Codec:
    """Records of `fields`, as many as the body holds; the field called `counter` should say how many."""
    layout = Layout(fields)

    def show(value: Sequence[Values], raw: bytes) -> str:
        told = [
            ", ".join(f"{f.name} {_labelled(f, row[f.name], b'')} {f.unit}".rstrip() for f in layout.fields)
            for row in value
        ]
        return "; ".join(told) or "none"

    def misfit(value: object) -> str:
        if not isinstance(value, Sequence) or len(value) > 255:
            return f"expected at most 255 records, found {value!r}"
        for index, row in enumerate(value):
            for field in layout.fields:
                reason = field.codec.misfit(row[field.name])
                if reason:
                    return f"record {index + 1}: {field.name}: {reason}"
        return ""

    return Codec(_Rows(layout, GreedyRange(Bytes(layout.least))), show, misfit, each=layout.least, counter=counter)


def record_of(codec: Codec) -> Layout | None:
    """The layout of one record of a field that holds as many as there are; None of any other field."""
    return codec.subcon._layout if isinstance(codec.subcon, _Rows) else None


def takes_all(codec: Codec, varying: bool) -> bool:
    """Whether nothing can follow: it takes all that is left, or all but a tail, and that is of `varying` size."""
    return isinstance(codec.subcon, _Rows) or (varying and leaves_tail(codec))
