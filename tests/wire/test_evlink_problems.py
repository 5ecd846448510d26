"""What is wrong with a frame is data: its kind, its field and a sentence; and no bytes make the decoder raise."""

from __future__ import annotations

import struct

import pytest
from enough import examples
from handmade import NO_TIME, VECTORS, frame, order, padded, time
from hypothesis import given
from hypothesis import strategies as st

from pilesim.wire.frame import Decoded, Direction, Frame, ProblemKind
from pilesim.wire.messages import (
    AccountTell,
    Authorise,
    Bill,
    Ended,
    EndReason,
    GunFault,
    GunReport,
    GunState,
    Login,
    Opaque,
    Parking,
    Stamp,
    TimeAsk,
)
from pilesim.wire.protocol import protocol_named

NAMES = ("lhc", "evlink-2.5", "evlink-2.6")
USER = bytes([1]) + padded("13800000000", 17)
BEAT_26 = bytes([1, 1, 1, 0, 0]) + struct.pack("<I", 0) + bytes([0, 0])
BEAT = BEAT_26 + order("") + NO_TIME + bytes(8)
BILL_26 = order("1") + NO_TIME * 2 + bytes(8) + NO_TIME + bytes([4]) + bytes(8) + bytes(8)
BILL = BILL_26 + NO_TIME + bytes([1])
CHANGE = bytes([1, 1, 1, 1, 7, 0, 7]) + NO_TIME + bytes([0, 0])
BAD_DAY = bytes([0, 0, 0, 0, 31, 2, 20])
SLOTS = bytes([8, 0, 0, 25, 0, 0]) + struct.pack("<I", 1) + bytes(110)
SCAN = USER + bytes(32) + bytes(6) + SLOTS + bytes(4 + 192 + 4 + 192) + b"\1" + bytes(3) + order("1") + bytes(14)

# (protocol, direction, command, body) -> what is wrong, in which field, in which words.
Case = tuple[str, Direction, int, bytes, ProblemKind, str, str]
UP, DOWN = Direction.UP, Direction.DOWN
CASES: list[Case] = [
    ("lhc", UP, 0x05, BEAT_26, ProblemKind.TAIL_ABSENT, "", "expected 58 bytes, found 11, which is evlink-2.6's"),
    ("lhc", UP, 0x09, BILL_26, ProblemKind.TAIL_ABSENT, "", "expected 78 + 2N bytes, found 78, which is evlink-2.6's"),
    ("lhc", UP, 0x05, BEAT_26[:-1], ProblemKind.SHORT, "", "body: expected 58 bytes, found 10"),
    ("lhc", UP, 0x05, BEAT[:-1], ProblemKind.SHORT, "", "body: expected 58 bytes, found 57"),
    ("lhc", UP, 0x09, BILL[:-1], ProblemKind.SHORT, "", "body: expected 78 + 2N bytes, found 85"),
    ("lhc", UP, 0x16, CHANGE[:14], ProblemKind.SHORT, "", "body: expected 15 + N bytes, found 14"),
    ("lhc", DOWN, 0x0F, SCAN[:-1], ProblemKind.SHORT, "", "body: expected 618 bytes, found 617, which is evlink-2.5's"),
    ("lhc", DOWN, 0x06, b"", ProblemKind.SHORT, "", "body: expected 1 bytes, found 0"),
    ("lhc", UP, 0x05, BEAT + b"\0", ProblemKind.LONG, "", "body: expected 58 bytes, found 59"),
    ("lhc", UP, 0x09, BILL + b"\0", ProblemKind.LONG, "", "body: expected 86 bytes (78 + 2N), found 87"),
    ("evlink-2.6", UP, 0x05, BEAT, ProblemKind.LONG, "", "body: expected 11 bytes, found 58"),
    ("lhc", UP, 0x05, b"\x07" + BEAT[1:], ProblemKind.ENUM, "state", "state: expected one of 1 idle 空闲, "),
    ("lhc", UP, 0x05, BEAT[:1] + b"\3" + BEAT[2:], ProblemKind.ENUM, "cable", "; found 3"),
    ("lhc", UP, 0x05, BEAT[:2] + b"\0" + BEAT[3:], ProblemKind.ENUM, "parking", "; found 0"),
    ("lhc", UP, 0x05, BEAT[:4] + b"\x21" + BEAT[5:], ProblemKind.ENUM, "fault", "; found 33"),
    ("lhc", UP, 0x05, BEAT[:9] + b"\x07" + BEAT[10:], ProblemKind.ENUM, "ground_lock", "; found 7"),
    ("lhc", UP, 0x09, BILL[:-1] + b"\0", ProblemKind.ENUM, "stop_reason", "; found 0"),
    ("lhc", UP, 0x13, USER + b"\3", ProblemKind.ENUM, "reason", "expected one of 1 timed out, 2 by the pile or user"),
    ("lhc", UP, 0x0D, b"\0" + USER[1:], ProblemKind.ENUM, "login", "expected one of 1 QR code, 2 phone, 3 card, 4 VIN"),
    ("lhc", DOWN, 0x12, USER + b"\2" + bytes(4), ProblemKind.ENUM, "result", "expected one of 0 failed, 1 ok; found 2"),
    ("lhc", UP, 0x03, BAD_DAY, ProblemKind.TIME, "pile_time", "expected a date, found bad time 00 00 00 00 1f 02 14"),
    ("lhc", UP, 0x0D, USER[:5] + b"\xe5" + USER[6:], ProblemKind.RANGE, "account", 'found "1380\\xe5000000"'),
    ("lhc", DOWN, 0x0A, b"\xff" * 32, ProblemKind.RANGE, "order", "expected ASCII"),
    ("lhc", UP, 0x16, CHANGE[:3] + b"\5" + CHANGE[4:], ProblemKind.RANGE, "fault_count", "expected 1, as many as"),
    ("lhc", DOWN, 0x0F, SCAN, ProblemKind.RANGE, "occupancy", "found 08:00:00-25:00:00 0.00001"),
    ("lhc", UP, 0x21, b"?", ProblemKind.UNKNOWN, "command", "expected a message of lhc, found 0x21"),
    ("lhc", UP, 0x14, USER + bytes(32), ProblemKind.DIRECTION, "command", "expected 0x14 to go down only, found it"),
    ("lhc", DOWN, 0x05, BEAT, ProblemKind.DIRECTION, "command", "expected 0x05 to go up only, found it going down"),
]
# Where the bytes do not fit, or cannot be meant, there is no message.
MEANINGLESS = (ProblemKind.SHORT, ProblemKind.DIRECTION)


def decoded(name: str, direction: Direction, command: int, body: bytes) -> Decoded:
    protocol = protocol_named(name)
    version = b"\x02\x05" if name == "evlink-2.5" else b"\x02\x06"
    (found,) = protocol.framer(direction).feed(frame(command, body, version=version), 0)
    assert isinstance(found, Frame)
    return protocol.decode(found)


@pytest.mark.parametrize(
    ("name", "direction", "command", "body", "kind", "field", "words"),
    CASES,
    ids=[f"{case[2]:02X}-{case[4]}-{case[5]}" for case in CASES],
)
def test_it_tells_what_is_wrong_with_a_body(
    name: str, direction: Direction, command: int, body: bytes, kind: ProblemKind, field: str, words: str
) -> None:
    found = decoded(name, direction, command, body)
    assert [(problem.kind, problem.field) for problem in found.problems] == [(kind, field)]
    assert words in found.problems[0].text
    assert (found.message is None) == (kind in MEANINGLESS)


def test_it_reads_a_short_heartbeat_of_lhc_with_its_tail_absent() -> None:
    message = decoded("lhc", UP, 0x05, BEAT_26).message
    assert isinstance(message, GunReport)
    assert (message.state, message.meter_dwh) == (GunState.IDLE, 0)
    assert (message.order, message.start, message.energy_dwh, message.amount_mfen) == (None,) * 4


def test_it_reads_a_short_bill_of_lhc_with_its_tail_absent() -> None:
    message = decoded("lhc", UP, 0x09, BILL_26).message
    assert isinstance(message, Bill)
    assert (message.order, message.stages_dwh) == ("1", (0,) * 4)
    assert (message.end, message.stop_reason) == (None, None)


def test_it_takes_unlisted_numbers_for_unknown() -> None:
    beat = decoded("lhc", UP, 0x05, b"\x63\x63\x63\x00\x63" + BEAT[5:]).message
    assert isinstance(beat, GunReport)
    assert (beat.state, beat.cable, beat.parking, beat.fault) == (
        GunState.UNKNOWN,
        None,
        Parking.UNKNOWN,
        GunFault.UNKNOWN,
    )
    ended = decoded("lhc", UP, 0x13, b"\x09" + USER[1:] + b"\x09").message
    assert isinstance(ended, Ended)
    assert (ended.login, ended.reason) == (Login.UNKNOWN, EndReason.UNKNOWN)
    told = decoded("lhc", DOWN, 0x12, USER + b"\x09" + bytes(4)).message
    assert isinstance(told, AccountTell)
    assert told.known is False


def test_it_keeps_an_impossible_date_in_the_message() -> None:
    message = decoded("lhc", UP, 0x03, BAD_DAY).message
    assert message == TimeAsk(pile_time=Stamp(None, BAD_DAY))


def test_it_keeps_an_unknown_message_as_bytes() -> None:
    found = decoded("lhc", UP, 0x21, b"?")
    assert found.title == "0x21 unknown"
    assert found.message == Opaque(number=0x21, data=b"?")


def test_it_names_a_message_by_number_and_both_names() -> None:
    assert decoded("lhc", DOWN, 0x14, USER + bytes(32)).title == "0x14 start 启动充电"
    assert decoded("lhc", UP, 0x14, USER + bytes(32)).title == "0x14 start 启动充电"


# result, error of a 2.6 authorisation -> whether it is accepted
RESULTS = [(1, 0, True), (2, 0, False), (1, 32, False), (2, 6, False), (0, 0, True)]


@pytest.mark.parametrize(("result", "error", "accepted"), RESULTS)
def test_it_takes_an_authorisation_for_refused_by_its_result_or_its_error(
    result: int, error: int, accepted: bool
) -> None:
    slots_at = 1 + 17 + 32 + 2 + 4
    body = bytearray(SCAN)
    body[slots_at : slots_at + 120] = bytes(120)
    body[568] = result
    body[613] = error
    message = decoded("lhc", DOWN, 0x0F, bytes(body)).message
    assert isinstance(message, Authorise)
    assert (message.accepted, message.refusal) == (accepted, error)


def test_it_counts_the_last_minute_of_a_band_that_ends_in_seconds() -> None:
    body = bytearray(SCAN)
    body[56:62] = bytes([7, 30, 0, 23, 59, 59])
    message = decoded("lhc", DOWN, 0x0F, bytes(body)).message
    assert isinstance(message, Authorise)
    (band,) = message.tariff.occupancy
    assert (band.start_minute, band.end_minute) == (450, 1440)


def test_it_believes_no_body_behind_a_wrong_checksum() -> None:
    protocol = protocol_named("lhc")
    data = bytearray(frame(0x05, BEAT))
    data[32] ^= 1
    (found,) = protocol.framer(UP).feed(bytes(data), 0)
    assert isinstance(found, Frame)
    assert not found.sound
    shown = protocol.decode(found)
    assert shown.message is None
    assert shown.title == "0x05 heartbeat 心跳"
    assert [problem.kind for problem in shown.problems] == [ProblemKind.CHECKSUM]
    assert [view.name for view in protocol.dissect(found)][9:12] == ["state", "cable", "parking"]


# Text of a dissected field, by (command, body) and the field's name.
SHOWN: list[tuple[int, bytes, str, str, str]] = [
    (0x01, padded("V2.6.0.2\n\n", 20), "firmware", "V2.6.0.2\\n\\n", ""),
    (0x05, BEAT, "charge_start", "no time (a lenient calendar shows 1999-11-30 00:00:00)", ""),
    (0x05, BEAT, "order", "0" * 32, ""),
    (0x05, BEAT, "state", "1 idle 空闲", ""),
    (0x05, b"\x09" + BEAT[1:], "state", "9 not listed", ""),
    (0x05, BEAT[:5] + struct.pack("<I", 12345) + BEAT[9:], "meter", "123.45", "kWh"),
    (0x05, BEAT[:-4] + struct.pack("<I", 524), "amount", "5.24", "yuan"),
    (0x09, BILL[:62] + struct.pack("<4H", 1, 250, 0, 65535) + BILL[70:], "stages", "0.01, 2.50, 0.00, 655.35", "kWh"),
    (0x09, BILL[:32] + time(2020, 3, 3, 12, 36, 46.014) + BILL[39:], "arrive", "2020-03-03 12:36:46.014", ""),
    (0x16, CHANGE, "faults", "07", ""),
    (0x16, CHANGE[:5] + b"\x82" + CHANGE[6:], "stop_bits", "total voltage, in use", ""),
    (0x03, BAD_DAY, "pile_time", "bad time 00 00 00 00 1f 02 14", ""),
    (0x16, CHANGE, "command", "0x16", ""),
    (0x21, b"\x01\x02", "data", "01 02", ""),
]


@pytest.mark.parametrize(("command", "body", "name", "value", "unit"), SHOWN)
def test_it_shows_a_field_as_people_read_it(command: int, body: bytes, name: str, value: str, unit: str) -> None:
    protocol = protocol_named("lhc")
    view = next(v for v in protocol.dissect(decoded("lhc", UP, command, body).frame) if v.name == name)
    assert (view.value, view.unit) == (value, unit)


def test_it_marks_provisional_fields_where_they_are_shown() -> None:
    protocol = protocol_named("lhc")
    views = protocol.dissect(decoded("lhc", UP, 0x05, BEAT).frame)
    assert [view.name for view in views if view.provisional] == ["order", "charge_start", "energy", "amount"]
    assert all(view.note.startswith("provisional") for view in views if view.provisional)


def test_it_shows_the_bytes_that_no_layout_explains() -> None:
    protocol = protocol_named("lhc")
    for body in (BEAT + b"\xaa\xbb", BEAT[:-1], b""):
        found = decoded("lhc", UP, 0x05, body).frame
        views = protocol.dissect(found)
        assert b"".join(view.raw for view in views) == found.raw


_frames = st.sampled_from(
    [
        *(bytes.fromhex(vector["hex"]) for vector in VECTORS),
        frame(0x05, BEAT),
        frame(0x09, BILL),
        frame(0x0F, SCAN),
        frame(0x16, CHANGE),
        frame(0x13, USER + b"\1"),
    ]
)


@st.composite
def _harmed(draw: st.DrawFn) -> bytes:
    """A good frame with bytes overwritten, cut out or put in."""
    data = bytearray(draw(_frames))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
@examples(150)
@given(data=st.binary(max_size=120) | _harmed(), direction=st.sampled_from(Direction))
def test_it_explains_any_bytes_without_raising(name: str, data: bytes, direction: Direction) -> None:
    protocol = protocol_named(name)
    one = protocol.framer(direction)
    for part in one.feed(data, 0) + one.gap():
        if isinstance(part, Frame):
            protocol.decode(part)
            assert b"".join(view.raw for view in protocol.dissect(part)) == part.raw


@examples(100)
@given(st.binary(max_size=60), st.integers(0, 255))
def test_it_dissects_raw_bytes_of_any_size(raw: bytes, number: int) -> None:
    found = Frame(raw, Direction.UP, number, b"", None, None, 0, None)
    assert b"".join(view.raw for view in protocol_named("lhc").dissect(found)) == raw
