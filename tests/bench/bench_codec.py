"""A heartbeat's header and body read, and built, by several codecs in one run: the ratios are what counts.

The one written by hand takes the same fields to the same kinds of value with nothing but `struct`, and is this file's
own. What is derived makes the message of them besides, and checks each. Nothing here asserts on speed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from construct import Struct
from pytest_benchmark.fixture import BenchmarkFixture

from pilesim.wire.frame import Decoded, End, Frame
from pilesim.wire.messages import Bill, GunFault, GunReport, GunState, Stamp, StopReason
from pilesim.wire.passage import reader as message_reader
from pilesim.wire.protocol import protocol_named
from pilesim.wire.tabled import TabledProtocol

_LHC = protocol_named("lhc")
assert isinstance(_LHC, TabledProtocol)
LHC: TabledProtocol = _LHC
HEADER, HEARTBEAT = LHC.envelope.header, LHC.entries[0x05].layout
PILE = "44030500040000200026"
REPORT = GunReport(gun=1, state=GunState.CHARGING, cable=True, order="20200303123645436010", energy_dwh=12_300)
SESSION = LHC.session(End.PILE, PILE)
RAW = SESSION.build(REPORT)
DATA = RAW[HEADER.least : -2]
HEADER_VALUES, VALUES = (dict(reading.values) for reading in (HEADER.read(RAW), HEARTBEAT.read(DATA)) if reading)

HEAD = struct.Struct("<s H 2s H H 20s B B B")
BODY = struct.Struct("<B B B B B I B B 32s 7s I I")


def by_hand() -> object:
    start, length, version, platform, own, pile, kind, gun, command = HEAD.unpack_from(RAW)
    state, cable, parking, reserved, fault, meter, lock, homed, order, began, energy, amount = BODY.unpack_from(DATA)
    return {
        "start": start,
        "length": length,
        "version": version,
        "platform_sequence": platform,
        "pile_sequence": own,
        "pile": pile.rstrip(b"\0").decode("latin-1"),
        "pile_type": kind,
        "gun": gun,
        "command": command,
    }, {
        "state": state,
        "cable": cable,
        "parking": parking,
        "reserved": reserved,
        "fault": fault,
        "meter": meter * 100,
        "ground_lock": lock,
        "homed": homed,
        "order": order.decode("latin-1").rstrip("\0").lstrip("0\0"),
        "charge_start": began if any(began) else None,
        "energy": energy * 100,
        "amount": amount * 1000,
    }


def built_by_hand() -> object:
    order = REPORT.order or ""
    head = HEAD.pack(b"\xfe", 89, b"\x02\x06", 0, 1, PILE.encode(), 1, REPORT.gun, 5)
    body = BODY.pack(
        STATES[REPORT.state],
        CABLES[REPORT.cable],
        3,
        0,
        0,
        (REPORT.meter_dwh or 0) // 100,
        0,
        0,
        order.encode().rjust(32, b"0"),
        bytes(7),
        (REPORT.energy_dwh or 0) // 100,
        (REPORT.amount_mfen or 0) // 1000,
    )
    return head, body


STATES = {GunState.IDLE: 0, GunState.CHARGING: 1}
CABLES = {None: 0, False: 1, True: 2}


def constructs(compiled: bool) -> tuple[Any, Any]:
    header, body = (Struct(*(f.name / f.codec.subcon for f in layout.fields)) for layout in (HEADER, HEARTBEAT))
    return (header.compile(), body.compile()) if compiled else (header, body)


def reader(kind: str) -> Callable[[], object]:
    if kind == "by hand":
        return by_hand
    if kind == "derived":
        entry = LHC.entries[0x05]
        assert entry.meaning is not None
        read = message_reader(entry.layout, entry.meaning, bounded=False)
        assert read is not None
        return lambda: (HEADER.items(RAW), read(DATA, 1))
    header, body = constructs(kind == "compiled")
    return lambda: (header.parse(RAW), body.parse(DATA))


def writer(kind: str) -> Callable[[], object]:
    if kind == "by hand":
        return built_by_hand
    if kind == "derived":
        write, head = LHC.writer(LHC.entries[0x05]), tuple(HEADER_VALUES.values())
        assert write is not None
        return lambda: (HEADER.pack(0x05, *head), write(REPORT, {}))
    header, body = constructs(kind == "compiled")
    return lambda: (header.build(HEADER_VALUES), body.build(VALUES))


@pytest.mark.benchmark(group="a heartbeat read")
@pytest.mark.parametrize("kind", ["by hand", "derived", "compiled", "interpreted"])
def test_reading(kind: str, benchmark: BenchmarkFixture) -> None:
    benchmark(reader(kind))


@pytest.mark.benchmark(group="a heartbeat written")
@pytest.mark.parametrize("kind", ["by hand", "derived", "compiled", "interpreted"])
def test_writing(kind: str, benchmark: BenchmarkFixture) -> None:
    benchmark(writer(kind))


@pytest.mark.benchmark(group="a heartbeat from bytes to message")
@pytest.mark.parametrize("interpret", [LHC.interpret, LHC.interpret_carefully])
def test_framing_and_decoding(interpret: Callable[[Frame], Decoded], benchmark: BenchmarkFixture) -> None:
    """Frame, checks and message by meaning; without what the protocol remembers of the last frames."""

    def whole() -> object:
        frame = LHC.envelope._whole(RAW, End.PILE.sends)
        assert frame is not None
        return interpret(frame)

    benchmark(whole)


@pytest.mark.benchmark(group="a bill of three half-hours read, and a state change with a fault")
@pytest.mark.parametrize("interpret", [LHC.interpret, LHC.interpret_carefully])
def test_reading_what_is_counted(interpret: Callable[[Frame], Decoded], benchmark: BenchmarkFixture) -> None:
    """Bodies of no fixed size, in one step and field by field."""
    noon = Stamp(1_583_208_000_000_000_000)
    bill = Bill(
        order="20200303123645436010",
        start=noon,
        stages_dwh=(1000, 0, 5000),
        charge_fee_mfen=1000,
        service_fee_mfen=0,
        stop_reason=StopReason.FULL,
    )
    change = GunReport(state=GunState.FAULT, cable=True, change=True, fault=GunFault.EMERGENCY_STOP)
    frames = [LHC.envelope._whole(SESSION.build(message), End.PILE.sends) for message in (bill, change)]
    whole = [frame for frame in frames if frame is not None]
    assert all(interpret(frame).message is not None for frame in whole) and len(whole) == len(frames)
    benchmark(lambda: [interpret(frame) for frame in whole])


@pytest.mark.benchmark(group="a heartbeat from message to bytes")
def test_building(benchmark: BenchmarkFixture) -> None:
    benchmark(SESSION.build, REPORT)
