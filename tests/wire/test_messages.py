"""What holds for every protocol: it builds and reads all that its catalogue gives a meaning; names and options."""

from __future__ import annotations

import pytest
from enough import examples
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import messages_of
from there_and_back import pile_of, there_and_back

from pilesim.errors import UsageError
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.protocol import DEFAULT_PROTOCOL, protocol_named, protocols

NAMES = ("lhc", "evlink-2.5", "evlink-2.6", "ykc-1.6")
OPTIONED = ("ykc-1.6?current_sign=minus", "ykc-1.6?crc_order=big", "ykc-1.6?crc_order=auto")
READ_ONLY = {"ykc-1.6": {0x3D}}
BUILT = [(name, number) for name in NAMES for number in messages_of(name)]


def test_it_knows_the_protocols_and_lhc_first() -> None:
    assert tuple(protocols()) == NAMES
    assert DEFAULT_PROTOCOL == "lhc"


@pytest.mark.parametrize("name", NAMES)
def test_it_draws_every_message_that_has_a_meaning(name: str) -> None:
    """Holds the strategies to the catalogue, so that a new message cannot miss its round trip."""
    meant = {row.number for row in protocol_named(name).catalogue if row.means}
    assert meant == set(messages_of(name)) | READ_ONLY.get(name, set())


@pytest.mark.parametrize(("name", "number"), BUILT, ids=lambda one: one if isinstance(one, str) else f"{one:02X}")
@examples(20)
@given(data=st.data())
def test_it_brings_a_message_there_unchanged(name: str, number: int, data: st.DataObject) -> None:
    there_and_back(name, data.draw(messages_of(name)[number]), number)


@pytest.mark.parametrize("name", OPTIONED)
@pytest.mark.parametrize("number", [0x17, 0x23, 0x40], ids=lambda number: f"{number:02X}")
@examples(10)
@given(data=st.data())
def test_it_reads_what_it_builds_by_each_option(name: str, number: int, data: st.DataObject) -> None:
    there_and_back(name, data.draw(messages_of(name)[number]), number)


def test_it_calls_a_protocol_by_the_options_that_are_not_the_default() -> None:
    assert protocol_named("ykc-1.6?crc_order=little").name == "ykc-1.6"
    spoken = protocol_named("ykc-1.6?current_sign=minus&crc_order=big")
    assert spoken.name == "ykc-1.6?crc_order=big&current_sign=minus"
    assert spoken is protocol_named(spoken.name)
    assert spoken.options == {"crc_order": "big", "bill_retry": "3x30s", "current_sign": "minus"}
    assert protocol_named("lhc").options == {}


WRONG_NAMES = [
    ("ocpp", r"one of lhc, evlink-2\.5, evlink-2\.6, ykc-1\.6, or a dialect's file \(\.yaml\); found 'ocpp'"),
    ("lhc?crc_order=big", "expected no options after lhc, found crc_order"),
    ("ykc-1.6?crc_order=middle", "ykc-1.6: crc_order: expected one of little, big, auto; found 'middle'"),
    ("ykc-1.6?crc=big", "expected an option, one of crc_order, bill_retry, current_sign; found 'crc'"),
    ("ykc-1.6?crc_order", "expected options as NAME.option=choice&option=choice, each once; found 'crc_order'"),
    ("ykc-1.6?crc_order=big&crc_order=big", "each once; found 'crc_order=big'"),
]


@pytest.mark.parametrize(("name", "reason"), WRONG_NAMES, ids=[row[0] for row in WRONG_NAMES])
def test_it_says_what_is_wrong_with_a_name(name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        protocol_named(name)


@pytest.mark.parametrize("name", NAMES)
def test_it_takes_only_pile_numbers_of_its_digits(name: str) -> None:
    protocol = protocol_named(name)
    digits = protocol.pile_digits
    assert protocol.pile_number("1" * digits) == "1" * digits
    for pile in ("", "1" * (digits - 1), "1" * (digits + 1), "x" * digits, "１" * digits):
        with pytest.raises(UsageError, match=f"expected a pile number of {digits} digits, found"):
            protocol.session(End.PILE, pile)


@pytest.mark.parametrize("name", NAMES)
@examples(150)
@given(
    number=st.integers(0, 255),
    body=st.binary(max_size=250) | st.binary(min_size=600, max_size=640),
    direction=st.sampled_from(Direction),
)
def test_it_decodes_any_body_of_any_message_without_raising(
    name: str, number: int, body: bytes, direction: Direction
) -> None:
    protocol = protocol_named(name)
    found = Frame(body, direction, number, body, None, None, 0, None)
    shown = protocol.decode(found)
    assert shown.message is None or shown.message.gun == 1
    assert b"".join(view.raw for view in protocol.dissect(found)) == body


@pytest.mark.parametrize("name", [*NAMES, *OPTIONED])
@examples(100)
@given(data=st.binary(max_size=120), direction=st.sampled_from(Direction))
def test_it_explains_any_bytes_without_raising(name: str, data: bytes, direction: Direction) -> None:
    protocol = protocol_named(name)
    one = protocol.framer(direction)
    for part in one.feed(data, 0) + one.gap():
        if isinstance(part, Frame):
            protocol.decode(part)
            assert b"".join(view.raw for view in protocol.dissect(part)) == part.raw


@pytest.mark.parametrize("name", NAMES)
def test_it_makes_orders_that_it_calls_normal(name: str) -> None:
    protocol = protocol_named(name)
    orders = [protocol.new_order(pile_of(protocol), 1, 1_583_210_205_000_000_000, serial) for serial in (1, 2)]
    assert len({protocol.normal_order(order) for order in orders}) == 2
    assert all(protocol.normal_order(order) == order for order in orders)
    assert protocol.normal_order("") == protocol.normal_order("0" * 32) == ""
