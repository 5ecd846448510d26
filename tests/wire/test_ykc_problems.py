"""What is wrong with a YKC frame is data, the ways of known peers included: told, and understood where it can be."""

from __future__ import annotations

import struct

import pytest
from enough import examples
from handmade import YKC_CHARGE, YKC_HERE, YKC_ORDER, YKC_PILE, YKC_VECTORS, bcd, padded, time, ykc_frame
from hypothesis import given
from hypothesis import strategies as st

from pilesim.units import parse_world_start_ns
from pilesim.wire.frame import Decoded, Direction, Frame, ProblemKind
from pilesim.wire.messages import (
    Bill,
    BillPeriod,
    BillReply,
    BmsDemand,
    BmsHandshake,
    BmsInfo,
    BmsParameters,
    BmsStop,
    CardAsk,
    ChargeSummary,
    GunFault,
    GunReport,
    GunState,
    Login,
    Message,
    Opaque,
    Rate,
    Reboot,
    Stamp,
    StopReason,
    StopReply,
    TariffTell,
)
from pilesim.wire.protocol import protocol_named

PILE_FIELD = bcd(YKC_PILE)
IDLE = YKC_CHARGE + bytes([2, 2, 1]) + bytes(33)
DEMAND = (
    struct.pack("<HHB", 4005, 5000, 1) + struct.pack("<HHH", 3998, 4990, 0x3000 | 352) + bytes([42])
) + struct.pack("<HHHH", 33, 3999, 4995, 12)
DEMAND_BIG = (
    struct.pack(">HHB", 4005, 5000, 1) + struct.pack(">HHH", 3998, 4990, 0x3000 | 352) + bytes([42])
) + struct.pack(">HHHH", 33, 3999, 4995, 12)
MEANT = BmsDemand(
    order=YKC_ORDER,
    need_cv=40_050,
    need_ca=10_000,
    mode=1,
    measured_cv=39_980,
    measured_ca=9_900,
    highest_cell_cv=352,
    highest_cell_group=3,
    soc_percent=42,
    remaining_minutes=33,
    out_cv=39_990,
    out_ca=9_950,
    charged_minutes=12,
)
PRICES = struct.pack("<8I", *(100_000 + 10_000 * at for at in range(8))) + b"\0"
PERIOD = struct.pack("<IIII", 150_000, 12_345, 12_346, 18_518)
METERS = (1_000_000).to_bytes(5, "little") + (1_012_345).to_bytes(5, "little")
TOTALS = struct.pack("<III", 12_345, 12_346, 18_518)
BILL = (
    YKC_CHARGE
    + time(2023, 1, 8, 16, 39, 0)
    + time(2023, 1, 8, 16, 50, 30)
    + PERIOD
    + bytes(48)
    + METERS
    + TOTALS
    + padded("LTEST000000000001", 17)
    + b"\x01"
    + time(2023, 1, 8, 16, 50, 31)
)


def decoded(number: int, body: bytes, name: str = "ykc-1.6", *, encryption: int = 0, big: bool = False) -> Decoded:
    protocol = protocol_named(name)
    direction = Direction.UP if number % 2 else Direction.DOWN
    (found,) = protocol.framer(direction).feed(ykc_frame(number, body, encryption=encryption, big=big), 0)
    assert isinstance(found, Frame)
    return protocol.decode(found)


# type, body -> what is wrong, in which field, in which words, and what is understood all the same.
Case = tuple[int, bytes, ProblemKind, str, str, Message | None]
CASES: list[Case] = [
    (
        0x35,
        bytes([1, 0]),
        ProblemKind.SHORT,
        "",
        "expected 10 bytes, found 2, which is what openUC's pile SDK sends: without pile and gun",
        StopReply(accepted=True),
    ),
    (
        0x35,
        YKC_CHARGE + bytes([0, 2]),
        ProblemKind.LONG,
        "",
        "expected 10 bytes, found 26, which is what openUC's platform wants",
        StopReply(accepted=False, reason=2),
    ),
    (0x35, YKC_HERE + b"\1", ProblemKind.SHORT, "", "body: expected 10 bytes, found 9", None),
    (
        0x92,
        PILE_FIELD + bytes([0, 0, 0, 1]),
        ProblemKind.LONG,
        "",
        "which is what JCPP sends: with four bytes that say when",
        Reboot(when_idle=False),
    ),
    (0x92, PILE_FIELD + b"1", ProblemKind.ENUM, "when", "found 49", Reboot(when_idle=False)),
    (
        0x40,
        bcd(YKC_ORDER) + b"0",
        ProblemKind.ENUM,
        "result",
        "expected one of 0 ok, 1 refused; found 48",
        BillReply(order=YKC_ORDER, accepted=True),
    ),
    (
        0x23,
        YKC_CHARGE + DEMAND_BIG,
        ProblemKind.BYTE_ORDER,
        "",
        "expected numbers with the low byte first, found need_voltage 4225.5 V, which is sensible with the high",
        MEANT,
    ),
    (
        0x31,
        YKC_HERE + bytes([4, 0]) + bytes(41),
        ProblemKind.ENUM,
        "mode",
        "found 4",
        CardAsk(login=Login.UNKNOWN, account=""),
    ),
    (0x40, bcd("A" * 32) + b"\0", ProblemKind.RANGE, "order", "expected decimal digits", BillReply(order="A" * 32)),
    (0x13, IDLE[:24] + b"\7" + IDLE[25:], ProblemKind.ENUM, "state", "found 7", None),
    (
        0x44,
        PILE_FIELD + bytes([3]) + bytes(32),
        ProblemKind.RANGE,
        "count",
        "count: expected 2, as many as cards there are; found 3",
        Opaque(number=0x44, data=PILE_FIELD + bytes([3]) + bytes(32)),
    ),
    (0x56, PILE_FIELD + b"\xff" * 7, ProblemKind.TIME, "time", "expected a date", None),
    (0x58, PILE_FIELD + bytes(2) + PRICES + b"\4" * 48, ProblemKind.RANGE, "rate_numbers", "rates of 0 to 3", None),
    (0x77, b"?", ProblemKind.UNKNOWN, "type", "a message of ykc-1.6, found 0x77", Opaque(number=0x77, data=b"?")),
]


@pytest.mark.parametrize(
    ("number", "body", "kind", "field", "words", "meant"), CASES, ids=[f"{c[0]:02X}-{c[2]}-{c[3]}" for c in CASES]
)
def test_it_tells_what_is_wrong_with_a_body_and_understands_it_where_it_can(
    number: int, body: bytes, kind: ProblemKind, field: str, words: str, meant: Message | None
) -> None:
    found = decoded(number, body)
    assert (kind, field) in [(problem.kind, problem.field) for problem in found.problems]
    assert any(words in problem.text for problem in found.problems)
    if meant is not None:
        assert found.message == meant
        assert len(found.problems) == 1
    assert (found.message is None) == (kind is ProblemKind.SHORT and meant is None)


HANDSHAKE = (
    b"\1\1\0\3" + struct.pack("<HH", 1300, 3500) + bytes(4 + 4) + bytes([35, 6, 1]) + bytes([7, 0, 0, 1, 0])
) + padded("LTEST000000000001", 17)
HANDSHAKE_BIG = HANDSHAKE[:4] + struct.pack(">HH", 1300, 3500) + HANDSHAKE[8:]
PARAMETERS = struct.pack("<HHHHBHHHHHH", 365, 5000, 600, 4200, 105, 420, 3600, 7500, 2000, 6500, 4010)
PARAMETERS_BIG = struct.pack(">HHHHBHHHHHH", 365, 5000, 600, 4200, 105, 420, 3600, 7500, 2000, 6500, 4010)
SUMMARY = struct.pack("<BHHBBHHI", 90, 340, 352, 70, 80, 61, 305, 0)
SUMMARY_BIG = struct.pack(">BHHBBHHI", 90, 340, 352, 70, 80, 61, 305, 0)
TURNED = [
    (0x15, HANDSHAKE + bytes(8), HANDSHAKE_BIG + bytes(8), BmsHandshake),
    (0x17, PARAMETERS, PARAMETERS_BIG, BmsParameters),
    (0x19, SUMMARY, SUMMARY_BIG, ChargeSummary),
    (0x23, DEMAND, DEMAND_BIG, BmsDemand),
]


@pytest.mark.parametrize(
    ("number", "little", "big", "kind"), TURNED, ids=[f"{number:02X}" for number, _, _, _ in TURNED]
)
def test_it_understands_what_the_bms_tells_with_the_high_byte_first(
    number: int, little: bytes, big: bytes, kind: type[Message]
) -> None:
    right, turned = decoded(number, YKC_CHARGE + little), decoded(number, YKC_CHARGE + big)
    assert isinstance(right.message, kind)
    assert right.problems == ()
    assert [problem.kind for problem in turned.problems] == [ProblemKind.BYTE_ORDER]
    # The year of a handshake and the capacity have no bound of their own, and turn with the rest.
    assert turned.message == right.message or number == 0x15
    assert getattr(turned.message, "rated_cv", None) == getattr(right.message, "rated_cv", None)


def test_it_takes_no_byte_order_for_the_other_where_neither_is_sensible() -> None:
    body = YKC_CHARGE + struct.pack("<HHB", 0xF0F0, 0, 1) + bytes(15)
    found = decoded(0x23, body)
    assert found.problems == ()
    assert isinstance(found.message, BmsDemand)
    assert found.message.need_cv == 0xF0F0 * 10


def test_it_tells_the_byte_order_of_the_crc_that_it_was_told_to_take() -> None:
    body = YKC_HERE + b"\0"
    for order, big, kinds in (
        ("little", False, []),
        ("little", True, [ProblemKind.CHECKSUM]),
        ("big", True, []),
        ("big", False, [ProblemKind.CHECKSUM]),
        ("auto", False, []),
        ("auto", True, [ProblemKind.BYTE_ORDER]),
    ):
        found = decoded(0x03, body, f"ykc-1.6?crc_order={order}", big=big)
        assert [problem.kind for problem in found.problems] == kinds
        assert (found.message is None) == (ProblemKind.CHECKSUM in kinds)
    strict = decoded(0x03, body, big=True)
    assert strict.problems[0].text.endswith("its bytes the other way round")


@pytest.mark.parametrize(("encryption", "name"), [(1, "3DES"), (7, "not listed")])
def test_it_keeps_an_encrypted_body_and_does_not_read_it(encryption: int, name: str) -> None:
    body = YKC_HERE + b"\0"
    found = decoded(0x03, body, encryption=encryption)
    assert [problem.kind for problem in found.problems] == [ProblemKind.ENCRYPTED]
    assert f"found {encryption} ({name})" in found.problems[0].text
    assert found.message == Opaque(number=0x03, data=body)
    assert (found.frame.pile, found.frame.gun) == (None, None)
    views = protocol_named("ykc-1.6").dissect(found.frame)
    assert [view.note for view in views if view.name == "data"] == ["encrypted"]


PLACES: list[tuple[int, bytes, str | None, int | None]] = [
    (0x03, YKC_HERE + b"\0", YKC_PILE, 1),
    (0x09, PILE_FIELD, YKC_PILE, None),
    (0x23, YKC_CHARGE + DEMAND, YKC_PILE, 1),
    (0x40, bcd(YKC_ORDER) + b"\0", None, None),
    (0x35, bytes([1, 0]), None, None),
    (0x35, YKC_CHARGE + bytes([1, 0]), YKC_PILE, 1),
    (0x92, PILE_FIELD + bytes(4), YKC_PILE, None),
    (0x13, YKC_CHARGE[:20], None, None),
    (0x77, YKC_HERE, None, None),
]


@pytest.mark.parametrize(("number", "body", "pile", "gun"), PLACES, ids=[f"{p[0]:02X}-{len(p[1])}" for p in PLACES])
def test_it_finds_pile_and_gun_where_the_message_has_them(
    number: int, body: bytes, pile: str | None, gun: int | None
) -> None:
    frame = decoded(number, body).frame
    assert (frame.pile, frame.gun) == (pile, gun)


def test_it_tells_of_digits_that_are_none() -> None:
    found = decoded(0x03, bcd("3201060021353A") + b"\x0f\0")
    assert [(p.kind, p.field) for p in found.problems] == [(ProblemKind.PILE, "pile"), (ProblemKind.GUN, "gun")]
    assert "expected 14 digits, found 3201060021353A" in found.problems[0].text
    assert (found.frame.pile, found.frame.gun) == (None, None)
    assert "found 00" in decoded(0x03, PILE_FIELD + b"\0\0").problems[0].text


def test_it_takes_the_zeros_of_an_idle_gun_for_nothing_measured() -> None:
    report = decoded(0x13, bytes(16) + YKC_HERE + IDLE[24:]).message
    assert report == GunReport(
        state=GunState.IDLE, cable=True, fault=GunFault.NONE, order="", energy_dwh=0, amount_mfen=0
    )
    views = protocol_named("ykc-1.6").dissect(decoded(0x13, IDLE).frame)
    shown = {view.name: (view.value, view.unit) for view in views}
    assert shown["cable_temperature"] == shown["battery_temperature"] == ("none", "")


# Bits of the faults -> the fault that is told: the first of several.
FAULTS = [
    (0, GunFault.NONE),
    (1, GunFault.EMERGENCY_STOP),
    (0b1010_0000_0000, GunFault.FAN),
    (0x8000, GunFault.UNKNOWN),
]


@pytest.mark.parametrize(("bits", "fault"), FAULTS)
def test_it_tells_the_first_of_several_faults(bits: int, fault: GunFault) -> None:
    report = decoded(0x13, IDLE[:-2] + struct.pack("<H", bits)).message
    assert isinstance(report, GunReport)
    assert report.fault is fault


REASONS = [
    (0x40, StopReason.PLATFORM),
    (0x41, StopReason.FULL),
    (0x42, StopReason.LIMIT),
    (0x45, StopReason.AT_PILE),
    (0x4A, StopReason.START_FAILED),
    (0x64, StopReason.START_FAILED),
    (0x6B, StopReason.UNEXPECTED),
    (0x6E, StopReason.BALANCE),
    (0x72, StopReason.FAULT),
    (0x90, StopReason.UNKNOWN),
    (0x46, StopReason.UNKNOWN),
]


@pytest.mark.parametrize(("code", "reason"), REASONS, ids=[f"{code:02X}" for code, _ in REASONS])
def test_it_keeps_the_code_of_a_stop_reason_beside_what_it_means(code: int, reason: StopReason) -> None:
    bill = decoded(0x3B, BILL + bytes([code]) + bytes(8)).message
    assert bill == Bill(
        order=YKC_ORDER,
        start=Stamp(parse_world_start_ns("2023-01-08T16:39:00+08:00")),
        end=Stamp(parse_world_start_ns("2023-01-08T16:50:30+08:00")),
        traded=Stamp(parse_world_start_ns("2023-01-08T16:50:31+08:00")),
        stages_dwh=(12_345, 0, 0, 0),
        periods=(BillPeriod(150_000, 12_345, 12_346, 185_180), *[BillPeriod(0, 0, 0, 0)] * 3),
        meter_start_dwh=1_000_000,
        meter_end_dwh=1_012_345,
        total_dwh=12_345,
        amount_mfen=185_180,
        vin="LTEST000000000001",
        login=Login.QR,
        account="",
        stop_reason=reason,
        stop_code=code,
    )
    assert isinstance(bill, Bill)
    assert (bill.energy_dwh, bill.fees_mfen) == (12_345, 185_180)


def test_it_reads_a_vin_from_its_end_where_a_card_asks() -> None:
    body = YKC_HERE + bytes([3, 1]) + bytes(8) + b"0123456789abcdef" + padded("100000000000TSETL", 17)
    assert decoded(0x31, body).message == CardAsk(
        login=Login.VIN, account="LTEST000000000001", credential="0123456789abcdef"
    )


def test_it_reads_a_tariff_by_its_rates() -> None:
    message = decoded(0x0A, PILE_FIELD + bcd("0100") + PRICES + bytes([3] * 16 + [1] * 32)).message
    assert isinstance(message, TariffTell) and message.tariff is not None
    assert message.tariff.rates[3] == Rate(160_000, 170_000)
    assert (message.tariff.energy_mfen[15], message.tariff.energy_mfen[16]) == (160_000, 120_000)


def test_it_takes_a_rate_that_is_none_for_free() -> None:
    message = decoded(0x0A, PILE_FIELD + bcd("0100") + PRICES + bytes([9] + [0] * 47)).message
    assert isinstance(message, TariffTell) and message.tariff is not None
    assert (message.tariff.energy_mfen[0], message.tariff.energy_mfen[1]) == (0, 100_000)


SHOWN = [
    (0x23, YKC_CHARGE + DEMAND, "need_current", "100.0"),
    (0x23, YKC_CHARGE + DEMAND[:2] + struct.pack("<H", 3000) + DEMAND[4:], "need_current", "100.0 (below the offset)"),
    (0x23, YKC_CHARGE + DEMAND, "highest_cell", "3.52 of group 3"),
    (0x25, YKC_CHARGE + bytes([4, 81, 0, 79, 1, 0x41, 0x10]), "flags", "cell voltage high, hot, charging allowed"),
    (0x25, YKC_CHARGE + bytes([4, 81, 0, 79, 1, 0x08, 0x00]), "flags", "SOC low"),
    (0x25, YKC_CHARGE + bytes([4, 81, 0, 79, 1, 0, 0]), "hottest", "31"),
    (0x1D, YKC_CHARGE + bytes([0x01, 0x08, 0x00, 0x00]), "reason", "SOC reached"),
    (0x1D, YKC_CHARGE + bytes([0x00, 0x02, 0x40, 0x00]), "fault", "insulation (not to be trusted), other"),
    (0x1B, YKC_CHARGE + bytes([0, 0, 0, 0, 0, 4, 0, 0]), "time_outs", "BRO"),
    (0x3B, BILL + b"\x57" + bytes(8), "stop_reason", "0x57 start failed: insulation"),
    (0x13, IDLE[:-2] + b"\x05\0", "faults", "emergency stop, outlet hot"),
    (0x58, PILE_FIELD + bytes(2) + PRICES + bytes([3] * 15 + [1] * 33), "rate_numbers", "00:00 valley, 07:30 peak"),
    (
        0x45,
        PILE_FIELD + bcd("1000000000123456") + b"\1\0",
        "cards",
        "card 1000000000123456, result 1 ok, reason 0 cleared",
    ),
    (0xF0, PILE_FIELD + b"\1\5http:", "prefix", "http:"),
    (0x61, YKC_HERE + bytes([0x55, 0xFF, 88, 0]) + bytes(4), "lock", "0x55 up"),
]


@pytest.mark.parametrize(("number", "body", "name", "value"), SHOWN, ids=[f"{s[0]:02X}-{s[2]}" for s in SHOWN])
def test_it_shows_a_field_as_people_read_it(number: int, body: bytes, name: str, value: str) -> None:
    views = protocol_named("ykc-1.6").dissect(decoded(number, body).frame)
    assert [view.value for view in views if view.name == name] == [value]


def test_it_names_a_message_by_number_and_both_names() -> None:
    assert decoded(0x34, bytes(44)).title == "0x34 start 运营平台远程控制启机"


@st.composite
def _harmed(draw: st.DrawFn) -> bytes:
    """A public frame with bytes overwritten, cut out or put in, and its CRC made right, or not."""
    data = bytearray(bytes.fromhex(draw(st.sampled_from(YKC_VECTORS))["hex"]))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    if draw(st.booleans()) and 6 < len(data) < 250:
        return ykc_frame(data[5], bytes(data[6:-2]))
    return bytes(data)


@examples(300)
@given(data=_harmed(), direction=st.sampled_from(Direction))
def test_it_explains_harmed_frames_without_raising(data: bytes, direction: Direction) -> None:
    protocol = protocol_named("ykc-1.6")
    one = protocol.framer(direction)
    for part in one.feed(data, 0) + one.gap():
        if isinstance(part, Frame):
            protocol.decode(part)
            assert b"".join(view.raw for view in protocol.dissect(part)) == part.raw


def test_it_reads_the_battery_apart_from_what_it_wants() -> None:
    message = decoded(0x25, YKC_CHARGE + bytes([4, 81, 0, 79, 1, 0, 0x10])).message
    assert isinstance(message, BmsInfo)
    battery = message.battery
    assert (battery.highest_cell, battery.hottest_c, battery.coldest_c, battery.lowest_cell) == (5, 31, 29, None)


def test_it_reads_why_the_battery_stopped() -> None:
    message = decoded(0x1D, YKC_CHARGE + bytes([1, 0, 1, 2])).message
    assert message == BmsStop(order=YKC_ORDER, reason=1, fault=0x100, error=2)
