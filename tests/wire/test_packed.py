"""The derived fast path says what the interpreted Construct definition says, of every layout and of any bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from construct import Bytes, BytesInteger, Const, Int16ub, Int16ul, Struct
from enough import examples
from hypothesis import given
from hypothesis import strategies as st

from pilesim.wire.fields import Layout
from pilesim.wire.messages import Stamp
from pilesim.wire.packed import packed
from pilesim.wire.protocol import protocols
from pilesim.wire.tabled import TabledProtocol


def every_layout() -> Iterator[tuple[str, Layout]]:
    for protocol in protocols().values():
        if not isinstance(protocol, TabledProtocol):
            continue
        yield f"{protocol.name} header", protocol.envelope.header
        yield f"{protocol.name} trailer", protocol.envelope.trailer
        for number, entry in protocol.entries.items():
            layouts = (entry.layout, entry.swapped, *(shape.layout for shape in entry.shapes))
            for index, layout in enumerate(layouts):
                if layout is not None and not layout.counted and layout.fields:
                    yield f"{protocol.name} {number:02X} {index}", layout


LAYOUTS = dict(every_layout())


def interpreted(layout: Layout) -> Any:
    return Struct(*(field.name / field.codec.subcon for field in layout.fields))


def plain(values: Any) -> dict[str, Any]:
    """Without what Construct keeps beside the fields."""
    return {name: value for name, value in values.items() if name != "_io"}


def test_it_derives_every_fixed_layout() -> None:
    left = {
        name
        for name, layout in LAYOUTS.items()
        if packed([(field.name, field.codec.subcon) for field in layout.fields]) is None
    }
    assert left == set()


@pytest.mark.parametrize("name", LAYOUTS)
@examples(25)
@given(data=st.data())
def test_it_reads_any_bytes_as_construct_does_and_writes_them_so(name: str, data: st.DataObject) -> None:
    layout = LAYOUTS[name]
    fast = packed([(field.name, field.codec.subcon) for field in layout.fields])
    oracle = interpreted(layout)
    raw = data.draw(st.binary(min_size=layout.least, max_size=layout.least + 3))
    values = plain(oracle.parse(raw))
    reading = layout.read(raw)
    assert reading is not None
    assert plain(reading.values) == values
    if fast is None:
        return
    assert fast.read(raw) == dict(zip(values, fast.items(raw), strict=True)) == values
    # Also what is finer than the wire tells, and is rounded.
    more = data.draw(st.integers(0, 999))
    between = {name: value + more if type(value) is int else value for name, value in values.items()}
    for told in (values, between):
        if not any(field.codec.misfit(told[field.name]) for field in layout.fields):
            assert fast.write(told) == fast.pack(*told.values()) == oracle.build(told)


COUNTED = {
    f"{protocol.name} {number:02X}": entry.layout
    for protocol in protocols().values()
    if isinstance(protocol, TabledProtocol)
    for number, entry in protocol.entries.items()
    if entry.layout.counted and entry.layout.packed is not None
}


def test_it_derives_what_holds_as_many_as_are_counted() -> None:
    assert {f"{name} {number}" for name in ("evlink-2.5", "evlink-2.6", "lhc") for number in ("09", "16")} <= set(
        COUNTED
    )


@pytest.mark.parametrize("name", COUNTED)
@examples(25)
@given(data=st.data())
def test_it_writes_as_many_as_there_are_as_construct_does(name: str, data: st.DataObject) -> None:
    layout, oracle = COUNTED[name], interpreted(COUNTED[name])
    ((each, counter, counted),) = (
        (field.codec.each, field.codec.counter, field.name) for field in layout.fields if field.codec.each
    )
    fast = packed([(field.name, field.codec.subcon) for field in layout.fields], counters={counter: counted})
    many = data.draw(st.integers(0, 5))
    raw = bytearray(data.draw(st.binary(min_size=layout.least + many * each, max_size=layout.least + many * each)))
    at = layout.offset_of(counter)
    assert at is not None and fast is not None
    raw[at] = many
    values = plain(oracle.parse(bytes(raw)))
    if not any(field.codec.misfit(values[field.name]) for field in layout.fields):
        assert fast.write(values) == fast.pack(*values.values()) == oracle.build(values)
    form = fast.form_of(len(raw))
    assert form is not None and form.size == len(raw)


def test_it_writes_no_more_than_a_byte_can_count() -> None:
    layout = COUNTED["lhc 16"]
    assert layout.packed is not None
    reading = layout.read(bytes(layout.least))
    assert reading is not None
    values = dict(reading.values)
    assert layout.packed.write(values | {"faults": bytes(255)}) is not None
    assert layout.packed.write(values | {"faults": bytes(256)}) is None
    assert layout.packed.form_of(layout.least + 256) is None


GIVEN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 9), 1 << 9),
    st.sampled_from([edge + step for bits in (8, 16, 24, 32, 40) for edge in (1 << bits,) for step in (-2, -1, 0, 1)]),
    st.integers(),
    st.text("0123456789Aé", max_size=40),
    st.binary(max_size=40),
    st.builds(Stamp, st.one_of(st.none(), st.integers()), st.binary(max_size=8)),
)


FITTING = {
    (field.codec.fits, field.codec.misfit.__qualname__): (compile(field.codec.fits, name, "eval"), field.codec.misfit)
    for name, layout in LAYOUTS.items()
    for field in layout.fields
    if field.codec.fits
}
"""Each kind of field once."""


@examples(50)
@given(value=GIVEN)
def test_it_holds_nothing_for_fitting_that_the_field_refuses(value: object) -> None:
    """What is quick to say, a field's `fits`, never says more than its `misfit`, which knows the reason."""
    for (fits, _), (holds, misfit) in FITTING.items():
        if eval(holds, {"value": value}):
            assert misfit(value) == "", fits


def test_it_writes_nothing_where_a_value_is_not_sure_to_fit() -> None:
    fast = packed([("volts", Int16ul), ("amps", Int16ul)], {"volts": "value < 9", "amps": lambda value: value and "no"})
    assert fast is not None
    assert fast.write({"volts": 8, "amps": 0}) == b"\x08\x00\x00\x00"
    assert fast.write({"volts": 9, "amps": 0}) is None
    assert fast.write({"volts": 8, "amps": 1}) is None


def test_it_tells_a_layout_that_reads_otherwise() -> None:
    """The comparison above can fail: a definition with its bytes the other way round is seen at once."""
    fast = packed([("volts", Int16ul)])
    assert fast is not None
    assert fast.read(b"\x01\x02") != plain(Struct("volts" / Int16ub).parse(b"\x01\x02"))


@pytest.mark.parametrize(
    ("subcon", "raw", "value"),
    [
        (Int16ub, b"\x01\x02", 0x0102),
        (BytesInteger(3), b"\x00\x01\x02", 0x0102),
        (BytesInteger(3, swapped=True), b"\x02\x01\x00", 0x0102),
        (BytesInteger(2, signed=True), b"\xff\xfe", -2),
        (Int16ul[3], b"\x01\x00\x02\x00\x03\x00", [1, 2, 3]),
        (Int16ub[2], b"\x00\x01\x00\x02", [1, 2]),
        (Struct("volts" / Int16ul, "amps" / Int16ub), b"\x01\x00\x00\x02", {"volts": 1, "amps": 2}),
    ],
)
def test_it_knows_each_kind_of_field(subcon: Any, raw: bytes, value: object) -> None:
    fast = packed([("field", subcon)])
    assert fast is not None
    assert fast.read(raw) == {"field": value}
    assert fast.write({"field": value}) == raw


@pytest.mark.parametrize("subcon", [Const(b"\xfe"), Bytes(lambda context: 2), Struct("inner" / Const(b"\xfe"))])
def test_it_leaves_to_construct_what_it_has_no_rule_for(subcon: Any) -> None:
    assert packed([("field", subcon)]) is None
