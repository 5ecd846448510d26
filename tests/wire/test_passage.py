"""The one step between a message and its body says what the careful way says, of every message and of garbage."""

from __future__ import annotations

from random import Random

import pytest
from enough import examples
from handmade import PILE, YKC_ORDER, YKC_PILE
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import messages_of
from msgspec import structs

from pilesim.errors import EncodingError
from pilesim.wire.fields import Layout
from pilesim.wire.frame import Direction, Frame, Problem, ProblemKind
from pilesim.wire.messages import (
    Alive,
    Bill,
    GunFault,
    GunReport,
    GunReportReply,
    GunState,
    Message,
    Stamp,
    Start,
    StopReason,
)
from pilesim.wire.passage import reader, writer
from pilesim.wire.protocol import own_protocols, protocol_named
from pilesim.wire.tabled import Entry, TabledProtocol

PROTOCOLS = {name: each for name, each in own_protocols().items() if isinstance(each, TabledProtocol)}
SMALL = bytes(range(5))
WEIGHTS = "small", "any", "digits", "none"


def meant(protocol: TabledProtocol) -> list[Entry]:
    return [entry for entry in protocol.entries.values() if entry.meaning is not None]


def garbage(random: Random, size: int) -> bytes:
    """Runs of bytes that numbers, codes, texts and times can be."""
    found = b""
    while len(found) < size:
        run = random.randint(1, 12)
        match random.choice(WEIGHTS):
            case "small":
                found += bytes(random.choices(SMALL, k=run))
            case "any":
                found += random.randbytes(run)
            case "digits":
                found += "".join(random.choices("0123456789", k=run)).encode()
            case _:
                found += bytes(run)
    return found[:size]


def body_of(random: Random, layout: Layout) -> bytes:
    """Garbage of the layout's size, or nearly; what it counts is as many as there are, or nearly."""
    counted = {field.codec.counter: field.codec.each for field in layout.fields if field.codec.counter}
    many = random.randint(0, 4)
    size = layout.least + many * sum(counted.values()) + random.choice((0, 0, 0, 0, -1, 1, 4))
    body = bytearray(garbage(random, max(0, size)))
    for name in counted:
        at = layout.offset_of(name)
        if at is not None and at < len(body):
            body[at] = max(0, many + random.choice((0, 0, 0, 1, -1)))
    return bytes(body)


def frame_of(entry: Entry, body: bytes, gun: int | None, problems: tuple[Problem, ...] = ()) -> Frame:
    return Frame(b"", entry.row.direction, entry.row.number, body, PILE, gun, 1, 0, problems)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_it_is_made_for_every_message(name: str) -> None:
    protocol = PROTOCOLS[name]
    made = {
        entry.row.number: reader(entry.layout, entry.meaning, bounded=False)
        for entry in meant(protocol)
        if entry.meaning is not None
    }
    assert {number for number, read in made.items() if read is None} == set()
    built = {entry.row.number for entry in meant(protocol) if entry.meaning is not None and entry.meaning.built}
    assert {n for n in built if protocol.writer(protocol.entries[n]) is None} == set()


@pytest.mark.parametrize("name", PROTOCOLS)
@examples(100)
@given(seed=st.integers(0, 1 << 32))
def test_it_reads_what_the_careful_way_reads(name: str, seed: int) -> None:
    protocol, random = PROTOCOLS[name], Random(seed)
    for entry in protocol.entries.values():
        frame = frame_of(entry, body_of(random, entry.layout), random.choice((1, 2, None)))
        assert protocol.interpret(frame) == protocol.interpret_carefully(frame)


@pytest.mark.parametrize("name", PROTOCOLS)
@examples(60)
@given(data=st.data())
def test_it_reads_and_writes_every_message_as_the_careful_way_does(name: str, data: st.DataObject) -> None:
    protocol = PROTOCOLS[name]
    strategies = messages_of(name)
    number = data.draw(st.sampled_from(sorted(strategies)))
    entry = protocol.entries[number]
    message = data.draw(strategies[number])
    body = careful(protocol, entry, message)
    assert body is not None
    assert written(protocol, entry, message) in (None, body)
    frame = frame_of(entry, body, message.gun)
    decoded = protocol.interpret(frame)
    assert decoded == protocol.interpret_carefully(frame)
    further = (Problem(ProblemKind.GUN, "amiss"),)
    found = protocol.interpret(frame_of(entry, body, None, further))
    assert found.problems == (*further, *decoded.problems)
    # With one attribute that is something else it is refused, or written as the careful way writes it.
    attribute = data.draw(st.sampled_from([name for name in message.__struct_fields__ if name != "gun"] or ["gun"]))
    changed = structs.replace(message, **{attribute: data.draw(GIVEN)})
    assert written(protocol, entry, changed) in (None, careful(protocol, entry, changed))


GIVEN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 9), 1 << 42),
    st.text("0123456789Aé\0", max_size=40),
    st.sampled_from(GunState),
    st.builds(Stamp, st.one_of(st.none(), st.integers()), st.sampled_from([b"", bytes(6), b"1234567"])),
)


BEAT = GunReport(state=GunState.CHARGING, cable=True, order=YKC_ORDER[:20], start=Stamp(1_583_208_000_000_000_000))
NOON = Stamp(1_583_208_000_000_000_000)
BILL = Bill(
    order=YKC_ORDER[:20],
    start=NOON,
    end=NOON,
    stages_dwh=(1000, 0, 655_300),
    charge_fee_mfen=1000,
    service_fee_mfen=0,
    stop_reason=StopReason.FULL,
)
COMMON: list[tuple[str, int, Message]] = [
    ("lhc", 0x05, BEAT),
    ("lhc", 0x06, GunReportReply()),
    ("lhc", 0x09, structs.replace(BILL, stages_dwh=(), arrive=NOON)),
    ("lhc", 0x09, BILL),
    ("lhc", 0x16, structs.replace(BEAT, change=True, order=None, start=None)),
    ("lhc", 0x16, GunReport(state=GunState.FAULT, cable=True, change=True, fault=GunFault.EMERGENCY_STOP)),
    ("lhc", 0x14, Start(account="13600136000", credential="A5")),
    ("ykc-1.6", 0x03, Alive(gun=2)),
    ("ykc-1.6", 0x13, structs.replace(BEAT, order=YKC_ORDER, start=None, energy_dwh=1000, volts_dv=4000)),
    ("ykc-1.6", 0x34, Start(order=YKC_ORDER, account="1", balance_mfen=0)),
]


@pytest.mark.parametrize(("name", "number", "message"), COMMON)
def test_it_is_the_way_that_common_messages_go(name: str, number: int, message: Message) -> None:
    protocol = PROTOCOLS[name]
    entry = protocol.entries[number]
    write = protocol.writer(entry)
    assert write is not None and entry.meaning is not None
    body = write(message, placed(protocol, message))
    assert body is not None and body == careful(protocol, entry, message)
    read = reader(entry.layout, entry.meaning, bounded=entry.swapped is not None)
    assert read is not None
    assert read(body, message.gun) == protocol.interpret_carefully(frame_of(entry, body, message.gun)).message


def written(protocol: TabledProtocol, entry: Entry, message: Message) -> bytes | None:
    """What one step writes; of what it is not made for, what the careful way does."""
    write = protocol.writer(entry)
    if write is None:
        return careful(protocol, entry, message)
    try:
        return write(message, placed(protocol, message))
    except (EncodingError, TypeError, AttributeError, ValueError):
        # Whatever the table's own functions make of a value, they make of it again.
        return None


def careful(protocol: TabledProtocol, entry: Entry, message: Message) -> bytes | None:
    assert entry.meaning is not None
    try:
        values = entry.meaning.values(message, entry.layout, placed(protocol, message))
        return entry.layout.write(message.name, values)
    except (EncodingError, TypeError, AttributeError, ValueError):
        return None


def placed(protocol: TabledProtocol, message: Message) -> dict[str, str]:
    return {name: {"pile": YKC_PILE, "gun": str(message.gun)}[name] for name in protocol.placed}


def test_it_reads_nothing_of_a_body_that_is_encrypted_or_damaged_or_goes_the_other_way() -> None:
    protocol = protocol_named("lhc")
    assert isinstance(protocol, TabledProtocol)
    entry = protocol.entries[0x06]
    for kind in (ProblemKind.ENCRYPTED, ProblemKind.CHECKSUM):
        frame = frame_of(entry, b"\1", 1, (Problem(kind, "amiss"),))
        assert protocol.interpret(frame) == protocol.interpret_carefully(frame)
    up = Frame(b"", Direction.UP, 0x06, b"\1", PILE, 1, 1, 0)
    assert protocol.interpret(up).message is None


def test_it_follows_the_layout_that_it_is_made_of() -> None:
    """The comparisons above can fail: a passage of another version's layout reads and writes something else."""
    newer, older = (PROTOCOLS[name].entries[0x05] for name in ("lhc", "evlink-2.6"))
    assert newer.meaning is not None and older.meaning is not None
    report = GunReport(state=GunState.IDLE, cable=False, meter_dwh=100, energy_dwh=200)
    long, short = (writer(each.layout, each.meaning, ()) for each in (newer, older) if each.meaning)
    assert long is not None and short is not None
    body = long(report, {})
    assert body is not None and short(report, {}) == body[: older.layout.least]
    read = reader(older.layout, older.meaning, bounded=False)
    assert read is not None
    assert read(body, 1) is None
    told = read(body[: older.layout.least], 3)
    assert isinstance(told, GunReport) and (told.gun, told.meter_dwh, told.energy_dwh) == (3, 100, None)
