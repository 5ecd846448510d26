"""Public YKC frames, as piles, platforms and the document have them: they read as their marks say, and build back."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import YKC_VECTORS

from pilesim.units import parse_world_start_ns
from pilesim.wire.frame import Direction, Frame, Garbage, ProblemKind
from pilesim.wire.messages import (
    Alive,
    Bill,
    BmsDemand,
    BmsParameters,
    CardReply,
    GunFault,
    GunReport,
    GunState,
    Hello,
    HelloReply,
    Message,
    PileKind,
    Rate,
    Stamp,
    StartReply,
    StopReason,
    TariffAsk,
    TariffTell,
    TimeTell,
)
from pilesim.wire.protocol import Protocol, protocol_named
from pilesim.wire.ykc.protocol import YkcProtocol

IDS = [f"{at}-{vector['type']}-{vector['crc']}" for at, vector in enumerate(YKC_VECTORS)]
WHOLE = [vector for vector in YKC_VECTORS if vector["length_ok"] and vector["crc"] != "wrong"]
ORDER = "32010600213533012023010816390002"


def number_of(vector: dict[str, Any]) -> int:
    return int(vector["type"], 16)


def direction_of(vector: dict[str, Any]) -> Direction:
    return Direction.UP if number_of(vector) % 2 else Direction.DOWN


def parts_of(protocol: Protocol, vector: dict[str, Any]) -> list[Frame | Garbage]:
    framer = protocol.framer(direction_of(vector))
    return framer.feed(bytes.fromhex(vector["hex"]), 0) + framer.gap()


def message_of(kind: str, note: str) -> Message | None:
    """What the one vector of type `kind` whose note begins so means."""
    protocol = protocol_named("ykc-1.6?crc_order=auto")
    (vector,) = [v for v in WHOLE if v["type"] == kind and v["note"].startswith(note)]
    (frame,) = parts_of(protocol, vector)
    assert isinstance(frame, Frame)
    return protocol.decode(frame).message


@pytest.mark.parametrize("order", ["little", "big", "auto"])
@pytest.mark.parametrize("vector", YKC_VECTORS, ids=IDS)
def test_it_believes_a_frame_by_its_length_and_its_crc(vector: dict[str, Any], order: str) -> None:
    protocol = protocol_named(f"ykc-1.6?crc_order={order}")
    parts = parts_of(protocol, vector)
    assert b"".join(part.raw for part in parts).hex().upper() == vector["hex"]
    sound = [part for part in parts if isinstance(part, Frame) and part.sound]
    believed = vector["length_ok"] and vector["crc"] in (("little", "big") if order == "auto" else (order,))
    assert [part.raw.hex().upper() for part in sound] == ([vector["hex"]] if believed else [])
    assert all(protocol.decode(part).message is not None for part in sound if vector["body"] == "ok")


@pytest.mark.parametrize("vector", YKC_VECTORS, ids=IDS)
def test_it_tells_a_frame_with_a_wrong_crc_as_a_damaged_one(vector: dict[str, Any]) -> None:
    parts = parts_of(protocol_named("ykc-1.6"), vector)
    if not vector["length_ok"]:
        # A length that is not the body's ends anywhere.
        (garbage,) = parts
        assert isinstance(garbage, Garbage)
        assert garbage.reason.startswith("byte 1 seemed to start a frame: expected the CRC")
        return
    (frame,) = parts
    assert isinstance(frame, Frame)
    assert frame.number == number_of(vector)
    assert [p.kind for p in frame.problems] == ([] if vector["crc"] == "little" else [ProblemKind.CHECKSUM])


# What is wrong with the bodies of whole frames, by type and mark. A balance of the other byte order looks like another.
BODIES: dict[tuple[str, str], list[ProblemKind]] = {
    ("32", "36 bytes, layout wants 38"): [ProblemKind.SHORT],
    ("06", "type 06, is a 40"): [ProblemKind.LONG, ProblemKind.ENUM],
    ("92", "control as 4 bytes"): [ProblemKind.LONG],
    ("46", "count as 4 bytes"): [ProblemKind.LONG],
    ("19", "one stray byte at the end"): [ProblemKind.LONG],
    ("52", "power 240 %"): [ProblemKind.RANGE],
    # Zeros where the list begins elsewhere.
    ("15", "ok"): [ProblemKind.ENUM],
    ("3D", "ok"): [ProblemKind.ENUM],
}


@pytest.mark.parametrize("vector", WHOLE, ids=lambda vector: vector["type"])
def test_it_finds_wrong_with_a_body_what_its_mark_says(vector: dict[str, Any]) -> None:
    protocol = protocol_named("ykc-1.6?crc_order=auto")
    (frame,) = parts_of(protocol, vector)
    assert isinstance(frame, Frame)
    found = [p.kind for p in protocol.decode(frame).problems if p.kind is not ProblemKind.BYTE_ORDER]
    assert found == BODIES.get((vector["type"], vector["body"]), [])
    told = [p.field for p in frame.problems if p.kind is ProblemKind.BYTE_ORDER]
    assert told == (["crc"] if vector["crc"] == "big" else [])


FORMED = [vector for vector in YKC_VECTORS if vector["length_ok"] and vector["body"] == "ok"]
OTHERWISE_BUILT = ("2025-01-22",)
"""A time with its weekday: read, and not built."""
SIGNS = {"17": "minus"}
"""Currents of zero lie below their offset."""


@pytest.mark.parametrize("vector", FORMED, ids=lambda vector: vector["type"])
def test_it_builds_a_body_back_byte_for_byte(vector: dict[str, Any]) -> None:
    protocol = protocol_named(f"ykc-1.6?current_sign={SIGNS.get(vector['type'], 'plus')}")
    assert isinstance(protocol, YkcProtocol)
    layout = protocol.entries[number_of(vector)].layout
    body = bytes.fromhex(vector["hex"])[6:-2]
    reading = layout.read(body)
    assert reading is not None and reading.size == len(body)
    values = {name: reading.values[name] for name in layout.by_name}
    built = layout.write(vector["type"], values)
    assert (built == body) is not vector["note"].startswith(OTHERWISE_BUILT)
    assert layout.read(built) == reading


AGAIN = [("03", "heartbeat"), ("09", "tariff request"), ("13", "charging"), ("02", "decodeAny"), ("33", "上行启动应答")]


@pytest.mark.parametrize(("kind", "note"), AGAIN, ids=[kind for kind, _ in AGAIN])
def test_it_builds_a_whole_frame_back_from_its_message(kind: str, note: str) -> None:
    (vector,) = [v for v in WHOLE if v["type"] == kind and v["note"].startswith(note)]
    protocol = protocol_named(f"ykc-1.6?crc_order={vector['crc']}")
    (frame,) = parts_of(protocol, vector)
    assert isinstance(frame, Frame)
    message = protocol.decode(frame).message
    assert message is not None
    session = protocol.session(direction_of(vector).sender, frame.pile or "")
    built = session.build(message, answering=Frame(b"", Direction.UP, 0, b"", None, None, frame.sequence, None))
    assert built.hex().upper() == vector["hex"]


def test_it_reads_a_live_piles_login() -> None:
    assert message_of("01", "login, other seq") == Hello(firmware="lyk-V29", guns=1, kind=PileKind.AC)


def test_it_reads_a_live_piles_heartbeat_and_request() -> None:
    assert message_of("03", "heartbeat") == Alive(gun=1, faulty=False)
    assert message_of("09", "tariff request") == TariffAsk(model=None)


def test_it_reads_a_live_piles_report() -> None:
    assert message_of("13", "charging") == GunReport(
        state=GunState.CHARGING,
        cable=True,
        fault=GunFault.NONE,
        order=ORDER,
        energy_dwh=1_600,
        amount_mfen=67_000,
        volts_dv=2_386,
        amps_da=0,
        soc_percent=0,
        charged_minutes=11,
        remaining_minutes=0,
    )


def test_it_reads_a_refusal() -> None:
    assert message_of("02", "decodeAny") == HelloReply(accepted=False)
    card = message_of("32", "card auth ok")
    assert isinstance(card, CardReply)
    assert (card.account, card.order, card.accepted) == ("12345", "32010200000001012018061219595785", True)


def test_it_reads_a_tariff_by_rates_and_by_half_hours() -> None:
    message = message_of("58", "set tariff")
    assert isinstance(message, TariffTell)
    assert (message.model, message.asked, message.same) == ("0100", False, None)
    assert message.tariff is not None
    assert message.tariff.rates == (Rate(200_000, 40_000),) * 4
    assert message.tariff.rate_of == (0,) * 48
    assert message.tariff.energy_mfen == (200_000,) * 48


def test_it_reads_what_the_battery_wants_and_gets() -> None:
    assert message_of("23", "充电过程") == BmsDemand(
        order="20231212000010012508272303540467",
        need_cv=50_300,
        need_ca=19_600,
        mode=2,
        measured_cv=47_490,
        measured_ca=11_380,
        highest_cell_cv=344,
        highest_cell_group=0,
        soc_percent=83,
        remaining_minutes=17,
        out_cv=47_540,
        out_ca=11_700,
        charged_minutes=0,
    )
    limits = message_of("17", "上行BMS")
    assert isinstance(limits, BmsParameters)
    assert (limits.order, limits.hottest_c, limits.highest_ca) == ("32010200000000111511161555350260", -50, 40_000)


def test_it_reads_the_bill_of_the_next_version() -> None:
    bill = message_of("3D", "上行交易记录")
    assert isinstance(bill, Bill)
    assert bill.order == "55031412782305012018061910262392"
    assert bill.start == Stamp(parse_world_start_ns("2020-03-16T17:14:47+08:00"))
    assert [period.price_mfen for period in bill.periods] == [130_000] * 4
    assert (bill.amount_mfen, bill.total_dwh, bill.energy_dwh, bill.charge_fee_mfen) == (0, 0, 0, None)
    assert (bill.stop_reason, bill.stop_code, bill.account) == (StopReason.UNKNOWN, 0, "12345678")


def test_it_reads_a_reply_with_the_number_of_its_request() -> None:
    message = message_of("33", "上行启动应答")
    assert message == StartReply(order="00000000000012345678901234567890", accepted=True)


def test_it_reads_a_time_with_its_weekday() -> None:
    message = message_of("56", "2025-01-22")
    assert message == TimeTell(platform_time=Stamp(parse_world_start_ns("2025-01-22T20:41:56.937+08:00")))
