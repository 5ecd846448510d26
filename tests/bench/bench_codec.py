"""A heartbeat's header and body read, and built, by several codecs in one run: the ratios are what counts.

The one written by hand takes the same fields to the same kinds of value with nothing but `struct`, and is this file's
own. Nothing here asserts on speed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from construct import Struct
from pytest_benchmark.fixture import BenchmarkFixture

from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunState
from pilesim.wire.protocol import protocol_named
from pilesim.wire.tabled import TabledProtocol

_LHC = protocol_named("lhc")
assert isinstance(_LHC, TabledProtocol)
LHC: TabledProtocol = _LHC
HEADER, HEARTBEAT = LHC.envelope.header, LHC.entries[0x05].layout
RAW = LHC.session(End.PILE, "44030500040000200026").build(
    GunReport(gun=1, state=GunState.CHARGING, cable=True, order="20200303123645436010", energy_dwh=12_300)
)
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


def constructs(compiled: bool) -> tuple[Any, Any]:
    header, body = (Struct(*(f.name / f.codec.subcon for f in layout.fields)) for layout in (HEADER, HEARTBEAT))
    return (header.compile(), body.compile()) if compiled else (header, body)


def reader(kind: str) -> Callable[[], object]:
    if kind == "by hand":
        return by_hand
    if kind == "derived":
        return lambda: (HEADER.read(RAW), HEARTBEAT.read(DATA))
    header, body = constructs(kind == "compiled")
    return lambda: (header.parse(RAW), body.parse(DATA))


def writer(kind: str) -> Callable[[], object]:
    if kind == "derived":
        return lambda: (HEADER.write("heartbeat", HEADER_VALUES), HEARTBEAT.write("heartbeat", VALUES))
    header, body = constructs(kind == "compiled")
    return lambda: (header.build(HEADER_VALUES), body.build(VALUES))


@pytest.mark.benchmark(group="a heartbeat read")
@pytest.mark.parametrize("kind", ["by hand", "derived", "compiled", "interpreted"])
def test_reading(kind: str, benchmark: BenchmarkFixture) -> None:
    benchmark(reader(kind))


@pytest.mark.benchmark(group="a heartbeat written")
@pytest.mark.parametrize("kind", ["derived", "compiled", "interpreted"])
def test_writing(kind: str, benchmark: BenchmarkFixture) -> None:
    benchmark(writer(kind))


@pytest.mark.benchmark(group="a heartbeat from bytes to message")
def test_framing_and_decoding(benchmark: BenchmarkFixture) -> None:
    """Frame, checks and message by meaning; without what the protocol remembers of the last frames."""

    def whole() -> object:
        frame = LHC.envelope._examine(RAW, End.PILE.sends)
        assert not isinstance(frame, str)
        return LHC.interpret(frame)

    benchmark(whole)
