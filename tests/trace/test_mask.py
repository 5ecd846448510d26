"""A masked recording has the same verdict, and none of the numbers that it had, in any form."""

from __future__ import annotations

import re
from functools import cache

import pytest
from msgspec.structs import replace
from named_recordings import CAPTURES, recording

from pilesim.rules.judge import judge
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import Chunk, Header, LineUp, Mention, Note, Trace
from pilesim.trace.exporters.write import EXPORTERS, export
from pilesim.trace.mask import Masked
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Opaque
from pilesim.wire.protocol import protocol_named

PLAYED = (
    "ykc-1.6 order/short",
    "ykc-1.6 order/card",
    "lhc order/card",
    "lhc line/garbage-to-the-platform",
    "ykc-1.6 line/cut-and-merged",
)
FEW = ("robinson-gen5-0303/order-start-lost", "robinson-gen5-0309/stop-then-idle", *PLAYED)
"""The others are taken where there is time for them."""
SENSITIVE = ("order", "account", "vin", "card", "pile")
KEY = b"a key"


@pytest.fixture(params=[*CAPTURES, *PLAYED])
def name(request: pytest.FixtureRequest, time_enough: bool) -> str:
    """A recording."""
    if request.param not in FEW and not time_enough:
        pytest.skip("a few recordings are taken: the others where there is time for many seeds")
    return str(request.param)


def masked(trace: Trace, key: bytes) -> tuple[Trace, list[str]]:
    """The masked recording, and what is said of it."""
    hidden = Masked(trace.header, trace.events, key)
    return Trace(hidden.header, tuple(hidden.events(trace.events))), list(hidden.sentences())


@cache
def hidden_of(name: str) -> Trace:
    return masked(recording(name), KEY)[0]


def passed(trace: Trace) -> list[Seen | Noise]:
    decoder = Decoder(protocol_named(trace.header.protocol))
    return [item for event in trace.events for item in decoder.feed(event)] + decoder.finish()


def numbers(trace: Trace) -> set[str]:
    """What would tell whom it is about: by the messages, and not by how masks are made."""
    seen = [item.decoded for item in passed(trace) if isinstance(item, Seen)]
    found = {getattr(one.message, name, None) for one in seen for name in SENSITIVE}
    found |= {one.frame.pile for one in seen} | {trace.header.pile}
    return {number.lstrip("0") for number in found if isinstance(number, str) and number.strip("0")}


def verdicts(trace: Trace) -> list[tuple[str, str, list[tuple[int, object]]]]:
    judgement = judge(trace.header, trace.events)
    return [
        (row.id, row.verdict.value, [(finding.t_ns, finding.frame) for finding in row.findings])
        for row in judgement.rules
    ]


def test_it_has_the_same_verdict_and_findings(name: str) -> None:
    hidden = hidden_of(name)
    assert verdicts(hidden) == verdicts(recording(name))
    sizes = [(item.t_ns, item.end, item.direction, type(item)) for item in passed(hidden)]
    assert sizes == [(item.t_ns, item.end, item.direction, type(item)) for item in passed(recording(name))]


def test_it_has_no_number_of_the_original_in_any_form(name: str) -> None:
    known = numbers(recording(name))
    assert any(len(number) > 10 for number in known)
    hidden = hidden_of(name)
    lanes: dict[tuple[End, Direction], bytes] = {}
    for event in hidden.events:
        if isinstance(event, Chunk):
            key = (event.end, event.direction)
            lanes[key] = lanes.get(key, b"") + event.data
    texts = [form for data in lanes.values() for form in (data.decode("latin-1"), data.hex().upper())]
    texts += [export(hidden, exporter).content.decode("latin-1") for exporter in EXPORTERS]
    for number in known:
        for form in (number, number[::-1], number.encode().hex(), number.encode().hex(" ").upper()):
            assert not [text for text in texts if form in text], number
    assert numbers(hidden) & known == set()
    assert len(numbers(hidden)) == len(known)


def test_it_gives_the_same_number_the_same_mask_by_the_same_key_only() -> None:
    one, again, other = (masked(recording("lhc order/card"), key)[0] for key in (KEY, KEY, b"another"))
    assert one == again
    assert numbers(one) & numbers(other) == set()
    assert {len(number) for number in numbers(one)} == {len(number) for number in numbers(recording("lhc order/card"))}


def test_it_leaves_an_order_its_time_and_the_mask_of_its_pile() -> None:
    for name, form in (("lhc order/card", r"2020\d{4}"), ("ykc-1.6 order/short", r"\d{14}")):
        was, now = recording(name), masked(recording(name), KEY)[0]
        orders = [
            item.decoded.message.order  # type: ignore[union-attr]
            for item in passed(now)
            if isinstance(item, Seen) and getattr(item.decoded.message, "order", None)
        ]
        assert orders
        for order in set(orders):
            assert re.match(form, order)
            assert order.startswith(now.header.pile if name.startswith("ykc") else "2020")
        assert was.header.pile != now.header.pile


def test_it_masks_what_lines_and_steps_say() -> None:
    order, account = "20200303123645436010", "13800138000"
    mention = Mention(
        t_ns=1,
        end=End.PLATFORM,
        direction=Direction.DOWN,
        message="authorise",
        order=order,
        text=f"billing_ID='{order}'",
    )
    told = Mention(t_ns=2, end=End.PLATFORM, direction=Direction.UP, message="authorise-reply", account=account)
    note = Note(t_ns=3, text=f"user 00{account} of order {order}, 12 kWh")
    header = Header(start="2020-03-03T12:36:40+08:00", protocol="lhc", pile="", guns=0, source=f"{order}.log")
    found = masked(Trace(header, (mention, told, note)), KEY)[0]
    first, second, third = found.events
    assert isinstance(first, Mention)
    assert isinstance(second, Mention)
    assert first.text == f"billing_ID='{first.order}'"
    assert third == replace(note, text=f"user 00{second.account} of order {first.order}, 12 kWh")
    assert found.header.source == f"{first.order}.log"
    assert (first.order, second.account) != (order, account)


def test_it_masks_numbers_in_what_is_no_frame_and_counts_it() -> None:
    order = recording("lhc order/card")
    number = max(numbers(order), key=len)
    stray = Chunk(t_ns=0, end=End.PILE, direction=Direction.UP, data=b"log: " + number.encode() + b" 98765432")
    found, said = masked(Trace(order.header, (stray, *order.events)), KEY)
    (unread,) = [sentence for sentence in said if "bytes are no frame" in sentence]
    assert int(unread.split(" ", 1)[0]) >= len(stray.data)
    (first, *_) = found.events
    assert isinstance(first, Chunk)
    assert len(first.data) == len(stray.data)
    assert first.data.startswith(b"log: ")
    assert number.encode() not in first.data
    assert b"98765432" not in first.data


def test_it_does_not_say_where_the_pile_dialled_from() -> None:
    up = LineUp(t_ns=0, end=End.PLATFORM, peer="192.0.2.77:40001")
    found = masked(Trace(recording("lhc order/card").header, (up,)), KEY)[0]
    assert found.events == (LineUp(t_ns=0, end=End.PLATFORM),)


def test_it_masks_numbers_in_records_too() -> None:
    spoken = protocol_named("ykc-1.6")
    pile = "44030500040001"
    body = bytes.fromhex(pile) + b"\2" + bytes.fromhex("00008800123456780000990012345678" * 2)
    frame = spoken.session(End.PLATFORM, pile).build(Opaque(gun=1, number=0x44, data=body))
    chunk = Chunk(t_ns=0, end=End.PILE, direction=Direction.DOWN, data=frame)
    header = Header(start="2020-03-03T12:36:40+08:00", protocol="ykc-1.6", pile=pile, guns=0)
    (seen,) = passed(masked(Trace(header, (chunk,)), KEY)[0])
    assert isinstance(seen, Seen)
    assert seen.decoded.problems == ()
    cards = [seen.decoded.frame.body[8 + at : 16 + at].hex() for at in range(0, 32, 8)]
    assert cards == [cards[0], cards[1]] * 2
    assert all(card.isdecimal() and card.startswith("0000") for card in cards)
    assert len({*cards, "0000880012345678", "0000990012345678"}) == 4
