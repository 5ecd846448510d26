"""A message's passage to its body and back in one step, made as source text from its layout and its meaning.

Owns what is made so. Must not know any one protocol, nor what is wrong with anything: where a value is not sure to be
right there is nothing, and the careful way, which is that of `Layout` and `Meaning`, says why. What is made says what
that way says, or nothing; the tests hold the one against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pilesim.wire.fields import Field, Layout, Values
from pilesim.wire.meaning import Meaning
from pilesim.wire.messages import Message
from pilesim.wire.packed import Packed, Scope, made, said

Reader = Callable[[bytes, int], Message | None]
"""The message of a body, about the gun that is given; None where anything about it would have to be told."""
Writer = Callable[[Message, Values], bytes | None]
"""The body of a message, and of the values that are placed beside it; None where one is not sure to fit."""

_NOTHING = "return None"


def reader(layout: Layout, meaning: Meaning, *, bounded: bool) -> Reader | None:
    """What reads bodies of just this layout; None where it cannot be made.

    `bounded`: nor does it read one with a value that no sound sender means.
    """
    packed = layout.packed
    if packed is None:
        return None
    passage = meaning.passage(layout)
    scope: Scope = {"unpack": packed.form.unpack, "kind": meaning.kind, "read": meaning.read}
    places = {field.name: f"item{index}" for index, field in enumerate(layout.fields)}
    told = {name for _, name, _, _ in passage.told}
    targets = "".join(f"{item}, " for item in places.values())
    if packed.varying is None:
        lines = [f"if len(data) != {packed.form.size}:", f"    {_NOTHING}", f"{targets} = unpack(data)"]
    else:
        scope["form_of"] = packed.form_of
        lines = ["form = form_of(len(data))", "if form is None:", f"    {_NOTHING}", f"{targets} = form.unpack(data)"]
    # As many as are counted, which is as many as there is room for.
    sure = [f"item{index} * {packed.each} == len(item{of})" for index, of in packed.counts.items()]
    if sure:
        lines += [f"if not ({' and '.join(sure)}):", f"    {_NOTHING}"]
        sure.clear()
    for index, field in enumerate(layout.fields):
        item = places[field.name]
        checks = _checks(field, index, item, scope, told=field.name in told, bounded=bounded)
        value = packed.decoded(index, item, scope)
        if value != item and (checks or field.name in told or meaning.read):
            lines.append(f"{item} = {value}")
        sure += checks
    if sure:
        lines += [f"if not ({' and '.join(sure)}):", f"    {_NOTHING}"]
    attributes = {"gun": "gun"}
    for attribute, value in passage.known.items():
        scope[f"known_{attribute}"] = value
        attributes[attribute] = f"known_{attribute}"
    for attribute, name, codes, _ in passage.told:
        attributes[attribute] = f"means_{places[name]}[{places[name]}]" if codes else places[name]
    if meaning.read is None:
        found = "kind(" + ", ".join(f"{attribute}={value}" for attribute, value in attributes.items()) + ")"
    else:
        pairs = ", ".join(f"{attribute!r}: {value}" for attribute, value in attributes.items())
        values = ", ".join(f"{name!r}: {item}" for name, item in places.items())
        found = f"kind(**{{{pairs}, **read({{{values}}})}})"
    # A number that is not listed has no meaning to look up.
    lines += ["try:", f"    return {found}", "except KeyError:", f"    {_NOTHING}"]
    return made("read_message", "data, gun", lines, scope)


def _checks(field: Field, index: int, item: str, scope: Scope, *, told: bool, bounded: bool) -> list[str]:
    """Expressions that hold where nothing is wrong with the value of `field`, which is called `item`."""
    checks: list[str] = []
    codec = field.codec
    if field.codes is not None:
        scope[f"means_{item}"] = {number: field.codes.meaning(number) for number in field.codes.labels}
        if not told:
            checks.append(f"{item} in means_{item}")
    if codec.amiss is not None and codec.sound:
        checks.append(f"({said(codec.sound, item)})")
    elif codec.amiss is not None:
        scope[f"amiss{index}"] = codec.amiss
        checks.append(f"amiss{index}({item}) is None")
    if bounded and codec.most is not None:
        checks.append(f"{-codec.most} <= {item} <= {codec.most}")
    return checks


def writer(layout: Layout, meaning: Meaning, placed: Sequence[str]) -> Writer | None:
    """What writes bodies of this layout, with values for the fields that are `placed`; None where it cannot be made."""
    packed = layout.packed
    if packed is None:
        return None
    told = meaning.passage(layout).told
    of = {name: attribute for attribute, name, _, _ in told if name not in placed}
    if len(of) != sum(name not in placed for _, name, _, _ in told):
        return None
    scope: Scope = {}
    lines: list[str] = []
    for attribute, only in meaning.only.items():
        scope[f"only_{attribute}"] = only
        lines += [f"if message.{attribute} != only_{attribute}:", f"    {_NOTHING}"]
    if meaning.build is not None:
        return _writer_of_values(packed, layout, meaning, placed, of, lines, scope)
    for index, field in enumerate(layout.fields):
        if index in packed.counts:
            continue
        if field.name in placed:
            lines += _given(packed, field, index, f"placed[{field.name!r}]", scope, packs=True)
        elif field.name in of:
            lines += _given(packed, field, index, f"message.{of[field.name]}", scope, packs=True)
        elif field.blank is None or field.codec.misfit(field.blank):
            return None
        else:
            scope[f"item{index}"] = packed.item(index, field.blank)
    lines += [f"item{index} = len(item{of}) // {packed.each}" for index, of in packed.counts.items()]
    lines.append(f"return {packed.packing([f'item{index}' for index in range(len(layout.fields))], scope)}")
    return made("write_message", "message, placed", lines, scope)


def _writer_of_values(
    packed: Packed,
    layout: Layout,
    meaning: Meaning,
    placed: Sequence[str],
    of: dict[str, str],
    lines: list[str],
    scope: Scope,
) -> Writer:
    """As `writer`, where the meaning builds fields of which it does not say beforehand which they are."""
    scope |= {"build": meaning.build, "write": packed.write}
    values: list[str] = []
    for index, field in enumerate(layout.fields):
        if field.name in placed:
            values.append(f"{field.name!r}: placed[{field.name!r}]")
        elif field.name in of:
            lines += _given(packed, field, index, f"message.{of[field.name]}", scope, packs=False)
            values.append(f"{field.name!r}: item{index}")
        elif field.blank is not None:
            scope[f"blank{index}"] = field.blank
            values.append(f"{field.name!r}: blank{index}")
    lines += [
        f"values = {{{', '.join(values)}}}",
        "values.update(build(message))",
        "try:",
        "    return write(values)",
        "except KeyError:",
        f"    {_NOTHING}",
    ]
    return made("write_message", "message, placed", lines, scope)


def _given(packed: Packed, field: Field, index: int, value: str, scope: Scope, *, packs: bool) -> list[str]:
    """The lines that make `value` into what the field is packed as, or into its value where nothing `packs` it yet."""
    item = f"item{index}"
    lines = [f"{item} = {value}", f"if {item} is None:"]
    if field.blank is None or field.codec.misfit(field.blank):
        lines.append(f"    {_NOTHING}")
    else:
        scope[f"blank{index}"] = packed.item(index, field.blank) if packs else field.blank
        lines.append(f"    {item} = blank{index}")
    numbers = field.codes.built if field.codes is not None else None
    if numbers is not None:
        # A number of the list is packed as it stands there, once and for all.
        scope[f"numbers{index}"] = {
            meant: packed.item(index, number) if packs else number
            for meant, number in numbers.items()
            if not field.codec.misfit(number)
        }
        numbered = [f"{item} = numbers{index}.get({item})", f"if {item} is None:", f"    {_NOTHING}"]
        return [*lines, "else:", *_inside(numbered)]
    further: list[str] = []
    if field.codes is not None:
        scope[f"number{index}"] = field.codes.number
        further.append(f"{item} = number{index}({item})")
    if packs:
        fitting = packed.fitting(index, item, scope)
        if fitting:
            further += [f"if not ({fitting}):", f"    {_NOTHING}"]
        packed_as = packed.encoded(index, item, scope)
        if packed_as != item:
            further.append(f"{item} = {packed_as}")
    return [*lines, "else:", *_inside(further)] if further else lines


def _inside(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
