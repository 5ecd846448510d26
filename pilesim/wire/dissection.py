"""A protocol's tables as plain data, from which a dissector in another language does what the interpreted ones do.

Owns what of a field such a dissector has to know: how much of a body it takes, and how its text comes about. Must not
know that language, but for the few texts that a protocol brings in it (`codec.Own`). A field whose text is a function
of Python's alone is shown as its bytes, and is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

from pilesim.errors import UsageError
from pilesim.wire import cp56
from pilesim.wire.codec import Codec, OnWire, bcd_form, goes_backwards, is_high_first, on_wire, tail_left
from pilesim.wire.fields import Field, Layout, record_of
from pilesim.wire.framing import Outline
from pilesim.wire.protocol import Protocol, Trust
from pilesim.wire.shown import ByHalfHour, Decimals, Digits, Escaped, Flags, Hex, Listed, Own
from pilesim.wire.tabled import Entry, TabledProtocol

Data = Mapping[str, Any]
"""Texts, numbers, truths, and lists and mappings of them; keys of a mapping are texts, or numbers."""

NOT_LISTED = "not listed"
_BYTE = 256


@dataclass(frozen=True, slots=True)
class Dissection:
    """All that a dissector of one protocol knows.

    `messages` by number: `title`, `slug`, `layout`, `shapes` (the others that a body may have by its size), `swapped`
    (the layout with its numbers the other way round) and `unseen`. `fields`: each name that a filter may have, with its
    title and the kind of its value (`number`, `code`, `text`).
    """

    name: str
    slug: str
    title: str
    outline: Outline
    start: int
    number_at: int
    plain_at: int | None
    header: Sequence[Data]
    trailer: Sequence[Data]
    messages: Mapping[int, Data]
    fields: Mapping[str, Data]
    left_out: tuple[str, ...]
    """Fields that are shown as bytes only, by their names in a filter."""


def slug_of(name: str) -> str:
    """A name as a filter may have it."""
    return re.sub(r"[^a-z0-9]+", "_", name.partition("?")[0].lower()).strip("_")


def dissection(protocol: Protocol, slug: str = "") -> Dissection:
    """The tables of `protocol`, whose filters begin with `slug`; UsageError where only its code knows its frames."""
    outline = protocol.envelope.outline if isinstance(protocol, TabledProtocol) else None
    if not isinstance(protocol, TabledProtocol) or outline is None:
        raise UsageError(f"expected a protocol made of tables, found {protocol.name}, which only its code knows")
    made = _Maker(slug or slug_of(protocol.name))
    envelope = protocol.envelope
    header = made.layout(envelope.header, made.slug)
    trailer = made.layout(envelope.trailer, made.slug)
    messages = {number: made.message(entry) for number, entry in protocol.entries.items()}
    number_at = envelope.header.offset_of(protocol.number_field)
    assert number_at is not None, "a header has its number"
    return Dissection(
        name=protocol.name,
        slug=made.slug,
        title=protocol.title,
        outline=outline,
        start=envelope.start[0],
        number_at=number_at,
        plain_at=envelope.header.offset_of(outline.plain),
        header=header["fields"],
        trailer=trailer["fields"],
        messages=messages,
        fields=made.fields,
        left_out=tuple(dict.fromkeys(made.left_out)),
    )


class _Maker:
    def __init__(self, slug: str) -> None:
        self.slug = slug
        self.fields: dict[str, dict[str, Any]] = {}
        self.left_out: list[str] = []

    def message(self, entry: Entry) -> Data:
        slug = f"{self.slug}.{slug_of(entry.row.name)}"
        return {
            "title": entry.title,
            "slug": slug,
            "unseen": entry.unseen,
            "layout": self.layout(entry.layout, slug),
            "shapes": [
                {"layout": self.layout(shape.layout, slug), "believed": shape.believed} for shape in entry.shapes
            ],
            "swapped": self.layout(entry.swapped, slug) if entry.swapped else None,
        }

    def layout(self, layout: Layout, slug: str) -> dict[str, Any]:
        return {"fields": [self.field(field, slug) for field in layout.fields]}

    def field(self, field: Field, slug: str) -> Data:
        filtered = f"{slug}.{slug_of(field.shown)}"
        shown = self._shown(field, filtered)
        kind = {"decimals": "number", "byte": "code"}.get(shown["kind"], "text")
        known = self.fields.setdefault(filtered, {"title": field.shown, "value": kind})
        if known["value"] != kind:
            # One name, and another kind of value in another edition of the message.
            known["value"] = "text"
        return {
            "name": field.shown,
            "filter": filtered,
            "key": field.name,
            "unit": field.unit,
            "provisional": field.trust is Trust.PROVISIONAL,
            "sensible": self._limits(field.codec),
            **_extent(field.codec),
            "shown": shown,
        }

    def _shown(self, field: Field, where: str) -> dict[str, Any]:
        codec = field.codec
        size = None if codec.each else codec.subcon.sizeof()
        plain = isinstance(codec.show, Decimals) and field.codes is None
        if size == 1 and not plain and not isinstance(codec.show, Hex | Digits | Escaped):
            return _of_byte(field)
        shown = _look(codec)
        if shown is None:
            self.left_out.append(where)
            shown = {"kind": "hex", "none": ""}
        if field.codes is not None:
            shown = {**shown, "labels": dict(field.codes.labels)}
            if shown["kind"] == "decimals":
                # With its name a number is a text.
                shown["kind"] = "named"
        return shown

    def _limits(self, codec: Codec) -> list[int] | None:
        """The lowest and the highest number on the wire that a sound sender means."""
        if codec.most is None:
            return None
        most, size = codec.most, codec.subcon.sizeof()
        high_first = is_high_first(codec.subcon)
        nothing = codec.subcon.build(0)

        def fits(wire: int) -> bool:
            raw = wire.to_bytes(size, "big")
            return bool(abs(codec.subcon.parse(raw if high_first else raw[::-1])) <= most)

        inside = int.from_bytes(nothing if high_first else nothing[::-1])
        return [_last(fits, inside, 0), _last(fits, inside, 256**size - 1)]


def _last(fits: Callable[[int], bool], inside: int, outside: int) -> int:
    """The number farthest from `inside` towards `outside` that fits."""
    if fits(outside):
        return outside
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if fits(middle):
            inside = middle
        else:
            outside = middle
    return inside


def _extent(codec: Codec) -> Data:
    """How much of a body a field takes: `size`; or `each` so many times as the field `counter` says, or as there is
    room for; or all but a `tail`."""
    tail = tail_left(codec.subcon)
    if tail is not None:
        return {"tail": tail}
    if record_of(codec) is not None:
        return {"each": codec.each}
    if codec.each:
        return {"each": codec.each, "counter": codec.counter}
    return {"size": codec.subcon.sizeof()}


_RESTS = ("%d not listed", "0x%02X not listed", "%d", "0x%02X")
"""What most numbers of a byte show, as C's printf has it."""


def _of_byte(field: Field) -> dict[str, Any]:
    """What each of its values shows: that of `texts`, all others `rest` with the number in it."""
    found = []
    for wire in range(_BYTE):
        raw = bytes([wire])
        value = field.codec.subcon.parse(raw)
        text = field.codec.show(value, raw)
        found.append(text if field.codes is None else f"{text} {field.codes.labels.get(value, NOT_LISTED)}")
    rest = max(_RESTS, key=lambda form: sum(form % wire == text for wire, text in enumerate(found)))
    texts = {wire: text for wire, text in enumerate(found) if text != rest % wire}
    return {"kind": "byte", "texts": texts, "rest": rest}


def _look(codec: Codec) -> dict[str, Any] | None:
    """How the text of a field comes about; None where only Python knows."""
    number = on_wire(codec.subcon)
    match codec.show:
        case Decimals(per_unit, places, none) if number is not None:
            return {"kind": "decimals", **_number(number), "per_unit": per_unit, "places": places, "none": none}
        case Hex(none):
            return {"kind": "hex", "none": none}
        case Digits():
            strip, none_if_zero = bcd_form(codec.subcon)
            return {"kind": "digits", "strip": strip, "none": none_if_zero}
        case Escaped(padding):
            return {"kind": "text", "padding": padding, "backwards": goes_backwards(codec.subcon)}
        case Flags() as flags:
            return _flags(flags, codec.subcon.sizeof())
        case Listed(item) | ByHalfHour(item):
            shown = _item(item)
            kind = "listed" if isinstance(codec.show, Listed) else "by_half_hour"
            return shown and {"kind": kind, "item": shown, "item_size": item.subcon.sizeof()}
        case Own(lua=lua):
            return {"kind": "own", "lua": lua, "high_first": is_high_first(codec.subcon)}
        case cp56.show:
            return {"kind": "time"}
    record = record_of(codec)
    return None if record is None else _rows(record)


def _item(codec: Codec) -> dict[str, Any] | None:
    if codec.subcon.sizeof() == 1 and not isinstance(codec.show, Decimals):
        return _of_byte(Field("item", codec))
    return _look(codec)


def _rows(record: Layout) -> dict[str, Any] | None:
    fields = []
    for field in record.fields:
        size = field.codec.subcon.sizeof()
        coded = size == 1 and field.codes is not None
        shown = _of_byte(field) if coded else _item(field.codec)
        if shown is None or (field.codes is not None and not coded):
            return None
        fields.append({"name": field.name, "unit": field.unit, "size": size, "shown": shown})
    return {"kind": "rows", "fields": fields, "each": record.least}


def _number(number: OnWire) -> Data:
    """Ours is `(wire * times - minus) / divisor`, rounded half up: whole numbers all three."""
    divisor = lcm(number.per_wire.denominator, number.minus.denominator)
    return {
        "size": number.size,
        "signed": number.signed,
        "high_first": number.high_first,
        "times": int(number.per_wire * divisor),
        "minus": int(number.minus * Fraction(divisor)),
        "divisor": divisor,
    }


def _flags(flags: Flags, size: int) -> dict[str, Any]:
    """The words of each flag for each of its values: those of several stand one after the other."""
    told = {
        at: {said: flags.words(flags.names, said << flags.bits * at) for said in range(1, 1 << flags.bits)}
        for at in range(8 * size // flags.bits)
    }
    return {"kind": "flags", "bits": flags.bits, "words": told, "nothing": flags.words(flags.names, 0)}
