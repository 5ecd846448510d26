"""A dialect: a known protocol with its tables revised by a YAML overlay, and no code.

Owns what an overlay, of which `wire.overlay` has the form, makes of the base's entries. Must not know any one protocol,
where the file lies, or what the other parts of it (deadlines, periods) mean: they are the contract's. Layouts stay the
only source of decoder, builder and views, so that a dialect is whatever its base is. FileError names the line of what
does not fit.

A field's meaning goes by its name: one that is added under the name of one that is removed takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from pilesim import strictyaml
from pilesim.errors import UsageError
from pilesim.names import perhaps
from pilesim.quantities import quantity
from pilesim.strictyaml import Document, Path
from pilesim.wire.codec import Codec, before_tail, blob, measured
from pilesim.wire.codes import Codes, Names
from pilesim.wire.fields import Field, Layout, Values, takes_all
from pilesim.wire.frame import ProblemKind
from pilesim.wire.meaning import Meaning
from pilesim.wire.messages import Message
from pilesim.wire.overlay import (
    LARGER,
    NEXT,
    NUMBERS,
    SIZED,
    TOLD_IN,
    TYPES,
    Added,
    Change,
    Number,
    Overlay,
    Revised,
    Value,
    edition,
    layers,
    read_overlay,
)
from pilesim.wire.protocol import Protocol, Row, Trust
from pilesim.wire.tabled import Entry, Revision, Shape, TabledProtocol

T = TypeVar("T")

_FIELD = re.compile(r"[a-z][a-z0-9_]*")


class _Reviser:
    """One overlay on one set of entries."""

    def __init__(
        self,
        document: Document,
        said: Overlay,
        base: TabledProtocol,
        entries: Mapping[int, Entry] | None = None,
    ) -> None:
        self._document = document
        self._said = said
        self._base = base
        self._known = base.entries if entries is None else entries
        self._numbers = {entry.row.name: number for number, entry in self._known.items()}

    def entries(self) -> dict[int, Entry]:
        sayings = {name: self._as(("messages", name), data, Revised) for name, data in self._said.messages.items()}
        moved = self._moved(sayings)
        revised = {number: entry for number, entry in self._known.items() if number not in moved}
        placed = {entry.row.name: number for number, entry in revised.items()}
        for name, said in sayings.items():
            path: Path = ("messages", name)
            known = self._in_base(name)
            if known is None:
                number, entry = self._new(path, name, said, revised)
            else:
                number, entry = moved.get(known, known), self._revised(path, self._known[known], said)
                if known in moved:
                    self._free(path, number, revised)
                    entry = replace(entry, row=replace(entry.row, number=number))
            revised[number] = entry
            placed |= {name: number, entry.row.name: number}
        for number, entry in revised.items():
            if entry.row.reply in moved:
                revised[number] = replace(entry, row=replace(entry.row, reply=moved[entry.row.reply]))
        for name, said in sayings.items():
            if said.answers is not None:
                self._answers(("messages", name, "answers"), placed[name], said.answers, revised, placed)
        return revised

    def _in_base(self, name: str) -> int | None:
        """The number in the base of a message that is called so, or by that number."""
        number = self._numbers.get(name, _numbered(name))
        return number if number in self._known else None

    def _moved(self, sayings: Mapping[str, Revised]) -> dict[int, int]:
        """Number in the base to the number here, of those that have another."""
        moved: dict[int, int] = {}
        for name, said in sayings.items():
            known = self._in_base(name)
            if known is not None and said.number is not None:
                number = self._said_number(("messages", name), said)
                if number != known:
                    moved[known] = number
        return moved

    def _said_number(self, path: Path, said: Revised) -> int:
        number = _numbered(str(said.number))
        if number is None:
            raise self._wrong((*path, "number"), "expected a number from 0 to 255 such as 0x60", said.number)
        return number

    def _free(self, path: Path, number: int, revised: Mapping[int, Entry]) -> None:
        if number in revised:
            taken = revised[number].row.name
            raise self._document.error((*path, "number"), f"expected a number that is free, found that of {taken}")

    def _answers(
        self, path: Path, number: int, request: str | int, revised: dict[int, Entry], placed: Mapping[str, int]
    ) -> None:
        asked = placed.get(str(request), _numbered(str(request)))
        if asked is None or asked not in revised:
            known = ", ".join(placed)
            raise self._wrong(path, f"expected a message, one of {known}", request, placed)
        entry = revised[asked]
        if entry.row.direction is revised[number].row.direction:
            raise self._document.error(path, f"expected a message that goes the other way, found {request!r}")
        revised[asked] = replace(entry, row=replace(entry.row, reply=number))

    def _as(self, path: Path, data: Any, kind: type[T]) -> T:
        return strictyaml.convert(self._document, path, data if data is not None else {}, kind, quantity)

    def _wrong(self, path: Path, expected: str, found: object, known: Iterable[str] = ()) -> Exception:
        return self._document.error(path, f"{expected}; found {found!r}{perhaps(str(found), known)}")

    # A message.

    def _new(self, path: Path, name: str, said: Revised, revised: Mapping[int, Entry]) -> tuple[int, Entry]:
        number = _numbered(name) if said.number is None else self._said_number(path, said)
        if number is None:
            known = ", ".join(self._numbers)
            expected = f"expected a message of {self._base.name}, one of {known}, or a new one with its number"
            raise self._wrong(path, expected, name, self._numbers)
        self._free(path, number, revised)
        if said.direction is None:
            raise self._document.error(path, "expected a direction, up or down, of a new message; found none")
        for key, given in (("remove", said.remove), ("change", said.change), ("add", said.add)):
            if given:
                raise self._document.error((*path, key), "expected `fields` of a new message, found `" + key + "`")
        fields: list[Field] = []
        for index, added in enumerate(said.fields):
            self._place((*path, "fields", index), fields, added, self._added((*path, "fields", index), added, None))
        layout = self._layout((*path, "fields"), fields)
        row = Row(
            number=number,
            direction=said.direction,
            name=said.called or (f"0x{number:02X}" if _numbered(name) is not None else name),
            chinese=said.chinese,
            means=None,
            since=next(iter(self._known.values())).row.since,
            trust=_least_trusted(fields),
            size=layout.size_text if fields else "",
        )
        # Without fields it is kept as bytes: no layout is held against it.
        return number, Entry(row, layout, None, unseen=not fields)

    def _revised(self, path: Path, entry: Entry, said: Revised) -> Entry:
        row = entry.row
        for key, given in (("direction", said.direction), ("fields", said.fields)):
            if given:
                text = f"expected a new message's name, since only a new one has `{key}`; found {row.name!r}"
                raise self._document.error((*path, key), text)
        fields = list(entry.layout.fields)
        for index, name in enumerate(said.remove):
            # What the same message gets anew under the same name is told by that.
            anew = any(added.name == name for added in said.add)
            self._remove((*path, "remove", index), fields, name, None if anew else entry)
        for name, data in said.change.items():
            change = self._as((*path, "change", name), data, Change)
            at = self._at((*path, "change", name), fields, name)
            fields[at] = self._changed((*path, "change", name), fields[at], change, entry.meaning)
        meaning = entry.meaning
        for index, added in enumerate(said.add):
            where: Path = (*path, "add", index)
            if added.means:
                meaning = self._told_by(where, meaning, added, fields)
            self._place(where, fields, added, self._added(where, added, meaning))
        row = replace(row, name=said.called or row.name, chinese=said.chinese or row.chinese)
        if not (said.remove or said.change or said.add):
            return replace(entry, row=row)
        layout = self._layout(path, fields)
        row = replace(row, size=layout.size_text, trust=_least_trusted(fields))
        return Entry(
            row,
            layout,
            meaning,
            _shapes(entry, layout, self._base.name),
            layout.swapped() if entry.swapped else None,
        )

    def _layout(self, path: Path, fields: Sequence[Field]) -> Layout:
        names: dict[str, Field] = {}
        for field in fields:
            for name in {field.name, field.shown}:
                if name in names:
                    raise self._document.error(path, f"expected each field's name once, found {name!r} again")
                names[name] = field
        after = [sum(f.codec.subcon.sizeof() for f in fields[i + 1 :] if not f.codec.each) for i in range(len(fields))]
        for at, field in enumerate(fields[:-1]):
            if takes_all(field.codec, any(other.codec.each for other in fields[at + 1 :])):
                text = f"expected {field.name}, which takes all that is left, as the last field"
                raise self._document.error(path, text)
        return Layout([replace(f, codec=before_tail(f.codec, tail)) for f, tail in zip(fields, after, strict=True)])

    # Its fields.

    def _at(self, path: Path, fields: Sequence[Field], name: str) -> int:
        names = [field.name for field in fields]
        if name in names:
            return names.index(name)
        raise self._wrong(path, f"expected a field, one of {', '.join(names) or 'none'}", name, names)

    def _remove(self, path: Path, fields: list[Field], name: str, entry: Entry | None) -> None:
        """Take the field called `name` away; `entry` is what must do without it."""
        at = self._at(path, fields, name)
        counted = next((field.name for field in fields if field.codec.counter == name), "")
        if counted:
            text = f"expected a field that can be done without, found {name!r}, which counts {counted}"
            raise self._document.error(path, text)
        needed = _needs(entry.meaning, entry.layout, name) if entry is not None and entry.meaning is not None else ""
        if needed and entry is not None and entry.meaning is not None:
            text = f"expected a field that a {entry.meaning.kind.name} can do without, found {name!r}, {needed}"
            raise self._document.error(path, text)
        del fields[at]

    def _place(self, path: Path, fields: list[Field], added: Added, field: Field) -> None:
        if added.after and added.at is not None:
            raise self._document.error(path, "expected `after` or `at`, found both")
        if added.after:
            fields.insert(self._at((*path, "after"), fields, added.after) + 1, field)
            return
        if added.at is None:
            fields.append(field)
            return
        offset = 0
        for index, other in enumerate([*fields, None]):
            if offset == added.at:
                fields.insert(index, field)
                return
            if other is None or other.codec.each:
                break
            size = other.codec.subcon.sizeof()
            if offset < added.at < offset + size:
                text = f"expected an offset at which a field begins, found {added.at}, which lies inside {other.name}"
                raise self._document.error((*path, "at"), f"{text} ({offset} to {offset + size - 1})")
            offset += size
        raise self._document.error(
            (*path, "at"), f"expected an offset of 0 to {offset}, found {added.at}: name what lies between as bytes"
        )

    def _told_by(self, path: Path, meaning: Meaning | None, added: Added, fields: Sequence[Field]) -> Meaning:
        """`meaning` with the attribute that `added` tells."""
        where: Path = (*path, "means")
        if meaning is None:
            raise self._document.error(where, "expected nothing of a message that is kept as bytes, found `means`")
        known = _attributes(meaning.kind)
        if added.means not in known:
            raise self._wrong(where, f"expected one of {', '.join(known)}", added.means, known)
        teller = meaning.pairs.get(added.means, "")
        if any(field.name == teller for field in fields):
            text = f"expected an attribute that no field tells, found {added.means!r}, which {teller} tells"
            raise self._document.error(where, text)
        return replace(meaning, pairs={**meaning.pairs, added.means: added.name})

    def _added(self, path: Path, added: Added, meaning: Meaning | None) -> Field:
        if not _FIELD.fullmatch(added.name):
            expected = "expected a name of small letters, digits and underscores"
            raise self._wrong((*path, "name"), expected, added.name)
        if added.like:
            model = self._like((*path, "like"), added.like)
            return self._changed(path, replace(model, name=added.name), added, meaning)
        if not added.type:
            raise self._document.error(path, f"expected a type, one of {', '.join(TYPES)}, or `like`; found neither")
        return self._changed(path, Field(added.name, blob(1)), added, meaning)

    def _like(self, path: Path, model: str) -> Field:
        message, _, name = model.rpartition(".")
        known = self._known.get(self._numbers.get(message, -1))
        if known is None:
            every = [f"{each}.{name}" for each in self._numbers]
            raise self._wrong(path, "expected a message of the base and its field, such as bill.order", model, every)
        return known.layout.fields[self._at(path, known.layout.fields, name)]

    def _changed(self, path: Path, field: Field, said: Change, meaning: Meaning | None) -> Field:
        attribute = _attribute_of(meaning, field.name)
        codec, blank = field.codec, field.blank
        unit = field.unit if said.unit is None else said.unit
        gives: type | None = None
        if said.type in SIZED:
            codec, blank, gives = self._sized(path, said)
        elif said.type and said.type not in NUMBERS:
            raise self._wrong((*path, "type"), f"expected one of {', '.join(TYPES)}", said.type, TYPES)
        elif said.type or said.scale is not None or said.minus is not None or said.unit is not None:
            codec, gives = self._number(path, field, said, unit, attribute), int
            blank = 0 if blank is None or said.type else blank
        codes = self._codes(path, field.codes, said, meaning, attribute)
        if codes is not field.codes:
            blank = None if blank == 0 and codes is not None and 0 not in codes.labels else blank
        if meaning is not None and attribute and gives is not None and codes is None:
            self._fits(path, meaning.kind, attribute, gives, said.type)
        return replace(
            field,
            codec=codec,
            unit=unit,
            codes=codes,
            blank=blank,
            called=said.called or field.called,
            note=field.note if said.note is None else said.note,
            trust=field.trust if said.trust is None else said.trust,
        )

    def _sized(self, path: Path, said: Change) -> tuple[Codec, Any, type]:
        kind = SIZED[said.type]
        for key in ("scale", "minus"):
            if getattr(said, key) is not None:
                raise self._document.error((*path, key), f"expected none, since {said.type} is no number")
        if said.size is None and len(kind.sizes) > 1:
            raise self._document.error(path, f"expected the size of {said.type} in bytes, found none")
        size = kind.sizes[0] if said.size is None else said.size
        if size not in kind.sizes:
            expected = f"expected a size of {kind.sizes[0]} to {kind.sizes[-1]} bytes of {said.type}"
            raise self._document.error((*path, "size"), f"{expected}, found {size}")
        return kind.codec(size), kind.blank(size), kind.gives

    def _number(self, path: Path, field: Field, said: Change, unit: str, attribute: str) -> Codec:
        old = field.codec
        if said.type:
            kind = NUMBERS[said.type]
        elif old.per_unit:
            kind = Number(old.subcon.sizeof())
        else:
            text = f"expected a type of number beside the scale, since {field.name} is none; found none"
            raise self._document.error(path, text)
        if said.size is not None and said.size != kind.size:
            raise self._document.error((*path, "size"), f"expected {kind.size} bytes of {said.type}, found {said.size}")
        step = old.step or Fraction(1)
        if said.scale is not None:
            step = self._fraction((*path, "scale"), said.scale)
            if step <= 0:
                raise self._document.error((*path, "scale"), f"expected a scale above 0, found {said.scale}")
        minus = Fraction(0) if said.minus is None else self._fraction((*path, "minus"), said.minus)
        per_unit = self._per_unit(path, field, unit, attribute) or step.denominator * minus.denominator
        return measured(kind.size, step, per_unit, signed=kind.signed, high_first=kind.high_first, minus=minus)

    def _per_unit(self, path: Path, field: Field, unit: str, attribute: str) -> int:
        """How many of ours make one of the unit that is shown; 0 where nobody above the wire reads the field."""
        told = TOLD_IN.get(attribute.rpartition("_")[2]) if attribute else None
        if told is None and field.codec.per_unit and field.unit:
            told = (field.unit, field.codec.per_unit)
        if told is None:
            return 1 if attribute else field.codec.per_unit
        known_unit, ours = told
        larger, part = LARGER.get(unit, (unit, Fraction(1)))
        if larger != known_unit:
            units = [known_unit, *(small for small, (large, _) in LARGER.items() if large == known_unit)]
            raise self._wrong((*path, "unit"), f"expected a unit of {field.name}, one of {', '.join(units)}", unit)
        per_unit = ours * part
        if per_unit.denominator != 1:
            text = f"expected a unit of at least {1 / Fraction(ours)} {known_unit}, in which {attribute} is told"
            raise self._wrong((*path, "unit"), text, unit)
        return per_unit.numerator

    def _fraction(self, path: Path, value: object) -> Fraction:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Fraction(value)
        raise self._wrong(path, "expected a number such as 0.01", value)

    def _codes(
        self, path: Path, codes: Codes | None, said: Change, meaning: Meaning | None, attribute: str
    ) -> Codes | None:
        if not said.values:
            return codes
        meant = _hinted(meaning.kind, attribute) if meaning is not None and attribute else ()
        rows: dict[int, tuple[Any, str]] = {}
        for key, value in said.values.items():
            where: Path = (*path, "values", key)
            number = int(key, 16) if key.startswith("0x") else int(key) if key.isdecimal() else -1
            if number < 0:
                raise self._wrong(where, "expected a number such as 33 or 0x21", key)
            label, means = (value, None) if isinstance(value, str) else self._value(where, value)
            rows[number] = (self._meant(where, means, codes, meant), label)
        if codes is not None:
            return codes.extended(rows)
        if any(isinstance(kind, type) and (issubclass(kind, Enum) or kind is bool) for kind in meant):
            return Codes([(number, *row) for number, row in rows.items()], unlisted=_unknown(meant))
        return Names({number: label for number, (_, label) in rows.items()})

    def _value(self, path: Path, data: Any) -> tuple[str, str | bool | None]:
        value = self._as(path, data, Value)
        return value.name, value.means

    def _meant(self, path: Path, means: str | bool | None, codes: Codes | None, meant: Sequence[Any]) -> Any:
        """What a number means above the wire."""
        kinds = [kind for kind in meant if isinstance(kind, type) and issubclass(kind, Enum)]
        known: dict[str, Any] = {str(member.value): member for kind in kinds for member in kind}
        if bool in meant:
            known |= {"true": True, "false": False}
        word = str(means).lower() if isinstance(means, bool) else means
        if word is None:
            return codes.unlisted if codes is not None else _unknown(meant)
        if word in known:
            return known[word]
        if not known:
            raise self._document.error(path, f"expected a name alone, since nothing above reads it; found {word!r}")
        raise self._wrong(path, f"expected a meaning, one of {', '.join(known)}", word, known)

    def _fits(self, path: Path, kind: type[Message], attribute: str, gives: type, said_type: str) -> None:
        hints = _hinted(kind, attribute)
        if gives not in hints:
            wanted = " or ".join(sorted(hint.__name__ for hint in hints if hint is not NoneType))
            expected = f"expected a type that the {attribute} of a {kind.name} ({wanted}) can be read from"
            raise self._wrong((*path, "type"), expected, said_type)


def _numbered(word: str) -> int | None:
    """A message number as a word: `0x60`, `96`."""
    try:
        number = int(word, 16) if word.startswith("0x") else int(word)
    except ValueError:
        return None
    return number if 0 <= number <= 255 else None


_LEAST_TRUSTED = (Trust.PROVISIONAL, Trust.INFERRED, Trust.PUBLISHED)


def _least_trusted(fields: Sequence[Field]) -> Trust:
    trusts = {field.trust for field in fields}
    return next((trust for trust in _LEAST_TRUSTED if trust in trusts), Trust.PUBLISHED)


def _attribute_of(meaning: Meaning | None, field: str) -> str:
    """The attribute that `field` tells, or ""."""
    pairs = meaning.pairs.items() if meaning is not None else ()
    return next((attribute for attribute, name in pairs if name == field), "")


def _attributes(kind: type[Message]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name != "gun")


def _hinted(kind: type[Message], attribute: str) -> tuple[Any, ...]:
    hint = get_type_hints(kind)[attribute]
    return get_args(hint) or (hint,)


def _unknown(meant: Sequence[Any]) -> Any:
    """What a number that nobody lists means: the enumeration's own unknown, else nothing."""
    for kind in meant:
        if isinstance(kind, type) and issubclass(kind, Enum) and "UNKNOWN" in kind.__members__:
            return kind["UNKNOWN"]
    return False if bool in meant and NoneType not in meant else None


class _Asked(dict[str, Any]):
    """Values that remember which of them were asked for."""

    def __init__(self, values: Values) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        # Whoever asks with a default can do without.
        return super().get(key, default)


def _needs(meaning: Meaning, layout: Layout, field: str) -> str:
    """Why the message cannot do without `field`, as a part of a sentence; "" where it can."""
    attribute = _attribute_of(meaning, field)
    if attribute:
        return "" if NoneType in _hinted(meaning.kind, attribute) else f"which tells its {attribute}"
    if meaning.read is None:
        return ""
    asked: set[str] = set()
    # Two bodies as different as can be, so that what is read by one branch or the other is seen.
    for byte in (b"\0", b"\1", b"\3"):
        reading = layout.read(byte * layout.least)
        if reading is not None:
            values = _Asked({k: v for k, v in reading.values.items() if k in layout.by_name})
            meaning.read(values)
            asked |= values.asked
    return "which its meaning is read from" if field in asked else ""


def _shapes(entry: Entry, layout: Layout, base: str) -> tuple[Shape, ...]:
    """Bodies of other sizes: those of the base, believed where they are only shorter, and whatever the base knows."""
    shapes: list[Shape] = []
    bases = Shape(entry.layout, ProblemKind.TAIL_ABSENT, f"{base}'s", believed=False)
    for shape in (bases, *entry.shapes):
        fields = shape.layout.fields
        if shape.kind is not ProblemKind.TAIL_ABSENT:
            shapes.append(shape)
        elif layout.fields[: len(fields)] == fields and len(fields) < len(layout.fields):
            tail = ", ".join(field.shown for field in layout.fields[len(fields) :])
            whose = shape.whose.partition(":")[0]
            shapes.append(Shape(shape.layout, ProblemKind.TAIL_ABSENT, f"{whose}: without {tail}"))
        elif fields != layout.fields:
            kind = ProblemKind.SHORT if shape.layout.least < layout.least else ProblemKind.LONG
            shapes.append(Shape(shape.layout, kind, shape.whose.partition(":")[0], believed=False))
    return tuple(shapes)


def dialect_of(overlay: str, document: Document, said: Overlay, base: object) -> TabledProtocol:
    """The protocol that `overlay` makes of `base`; FileError where it does not fit it."""
    if not isinstance(base, TabledProtocol):
        raise document.error(("protocol",), f"expected a protocol that is made of tables, found {said.protocol!r}")
    if base.overlay and not layers(overlay)[0]:
        # A recording keeps one text, and that has to hold all that was laid on the first base.
        overlay = f"{base.overlay}{NEXT}{overlay}"
    entries = _Reviser(document, said, base).entries()
    revision = Revision(
        name=edition(overlay, said.name),
        title=said.title or f"{said.name}, a dialect of {base.title}",
        provisional=base.provisional if said.provisional is None else said.provisional,
        text=overlay,
        # A choice of the base's options makes other entries, which are then revised in the same way.
        revise=lambda others: entries if others is base.entries else _Reviser(document, said, base, others).entries(),
    )
    return base.revised(revision)


def load_dialect(overlay: str, file: str, base_of: Callable[[str], Protocol]) -> TabledProtocol:
    """The dialect in the text of an overlay; `base_of` gives the protocol that it names as its base.

    FileError says what does not fit.
    """
    document, said = read_overlay(overlay, file)
    try:
        base = base_of(said.protocol)
    except UsageError as error:
        raise document.error(("protocol",), str(error)) from None
    return dialect_of(overlay, document, said, base)
