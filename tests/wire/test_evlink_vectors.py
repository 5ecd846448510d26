"""What was really on a line, and frames put together by hand: they decode to what they say, and build back."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from handmade import NO_TIME, PILE, VECTORS, frame, order, padded, time
from msgspec import structs

from pilesim.units import parse_world_start_ns
from pilesim.wire.frame import Direction, End, Frame, ProblemKind
from pilesim.wire.messages import NO_TIME as NONE
from pilesim.wire.messages import (
    Authorise,
    Band,
    Battery,
    Bill,
    BillReply,
    BmsDemand,
    BmsHandshake,
    BmsParameters,
    BmsStop,
    ChargerStop,
    GunFault,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    Login,
    Message,
    Parking,
    Stamp,
    StopReason,
    Tariff,
)
from pilesim.wire.protocol import Protocol, protocol_named

MEANT: dict[int, Message] = {
    0x06: GunReportReply(gun=4, locked=True),
    0x0A: BillReply(gun=2, order="3823025"),
    0x01: Hello(gun=1, firmware="V2.6.0.2\n\n"),
}


def stamp(text: str) -> Stamp:
    return Stamp(parse_world_start_ns(text))


def only_frame(protocol: Protocol, data: bytes, direction: Direction) -> Frame:
    (found,) = protocol.framer(direction).feed(data, 0)
    assert isinstance(found, Frame)
    return found


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['command']:02X}")
def test_it_reads_a_real_frame_as_its_source_says(vector: dict[str, Any]) -> None:
    protocol = protocol_named(vector["protocol"])
    direction = Direction(vector["direction"])
    found = only_frame(protocol, bytes.fromhex(vector["hex"]), direction)
    down = direction is Direction.DOWN
    assert (found.number, found.pile, found.gun) == (vector["command"], vector["pile"], vector["gun"])
    assert (found.sequence if down else found.answers) == vector["platform_sequence"]
    assert (found.answers if down else found.sequence) == vector["pile_sequence"]
    decoded = protocol.decode(found)
    assert decoded.message == MEANT[vector["command"]]
    assert decoded.problems == ()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['command']:02X}")
def test_it_builds_a_real_frame_byte_for_byte(vector: dict[str, Any]) -> None:
    protocol = protocol_named(vector["protocol"])
    direction = Direction(vector["direction"])
    session = protocol.session(direction.sender, vector["pile"])
    message = MEANT[vector["command"]]
    if direction is Direction.DOWN:
        asked = Frame(b"", Direction.UP, 0, b"", vector["pile"], 1, vector["pile_sequence"], 0)
        built = session.build(message, answering=asked)
    else:
        for _ in range(vector["pile_sequence"]):
            built = session.build(message)
    assert built.hex().upper() == vector["hex"]


# Heartbeat: idle with the cable in, parking taken, fault 7, meter 123.45 kWh, lock closed, gun not homed.
BEAT_HEAD = bytes([1, 2, 2, 0, 7]) + struct.pack("<I", 12345) + bytes([2, 0])
BEAT_TAIL = order("20200303123645436010") + time(2020, 3, 3, 12, 37, 1.5) + struct.pack("<II", 205, 524)
BEAT = GunReport(
    gun=2,
    state=GunState.IDLE,
    cable=True,
    parking=Parking.TAKEN,
    fault=GunFault.INSULATION,
    meter_dwh=1_234_500,
)
BEAT_LHC = structs.replace(
    BEAT,
    order="20200303123645436010",
    start=stamp("2020-03-03T12:37:01.500+08:00"),
    energy_dwh=20_500,
    amount_mfen=524_000,
)

# A bill of three half-hours, from 2020-02-29 23:10 to after midnight.
BILL_HEAD = (
    order("20200229230955000001")
    + time(2020, 2, 29, 23, 5, 0)
    + time(2020, 2, 29, 23, 10, 2.014)
    + struct.pack("<HHI", 55, 20, 400)
    + time(2020, 3, 1, 0, 45, 0)
    + bytes([3])
    + struct.pack("<HHH", 150, 0xFFFF, 1)
    + struct.pack("<II", 1234, 567)
)
BILL_TAIL = time(2020, 3, 1, 0, 5, 59.999) + bytes([99])
BILL = Bill(
    gun=2,
    order="20200229230955000001",
    arrive=stamp("2020-02-29T23:05:00+08:00"),
    start=stamp("2020-02-29T23:10:02.014+08:00"),
    leave=stamp("2020-03-01T00:45:00+08:00"),
    charge_minutes=55,
    occupancy_minutes=20,
    occupancy_fee_mfen=400_000,
    stages_dwh=(15_000, 6_553_500, 100),
    charge_fee_mfen=1_234_000,
    service_fee_mfen=567_000,
)
BILL_LHC = structs.replace(BILL, end=stamp("2020-03-01T00:05:59.999+08:00"), stop_reason=StopReason.UNEXPECTED)

# A state change: charging, one fault in the block, in use, fault 24.
CHANGE_BODY = bytes([2, 2, 1, 1, 24, 0x80, 24]) + time(2020, 3, 11, 12, 0, 0.25) + bytes([0, 0])
CHANGE = GunReport(
    gun=2,
    change=True,
    state=GunState.CHARGING,
    cable=True,
    parking=Parking.FREE,
    fault=GunFault.INSULATION_TEST,
    time=stamp("2020-03-11T12:00:00.250+08:00"),
)

# What the car tells, by the published dictionary.
VEHICLE_BODY = (
    b"\3"
    + struct.pack("<HIII", 1300, 35_012, 33_001, 0)
    + bytes([0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 1, 0])
    + padded("LTEST000000000001", 17)
)
VEHICLE = BmsHandshake(
    vin="LTEST000000000001", battery=3, capacity_cah=13_000, rated_cv=35_012, before_cv=33_001, cycles=9
)
TOTALS_BODY = (
    struct.pack("<IIBIIBH", 40_050, 10_000, 2, 39_980, 9_901, 42, 33)
    + struct.pack("<IBHB", 352, 5, 340, 9)
    + bytes([81, 1, 79, 0x41, 0x10])
)
TOTALS = BmsDemand(
    need_cv=40_050,
    need_ca=10_000,
    mode=2,
    measured_cv=39_980,
    measured_ca=9_901,
    soc_percent=42,
    remaining_minutes=33,
    highest_cell_cv=352,
    battery=Battery(
        highest_cell=5,
        hottest_c=31,
        hottest_point=1,
        coldest_c=29,
        coldest_point=None,
        flags=0x1041,
        lowest_cell=9,
        lowest_cell_cv=340,
    ),
)
LIMITS_BODY = struct.pack("<IIIIBHI", 365, 10_000, 600, 42_000, 105, 4_250, 36_012)
LIMITS = BmsParameters(
    highest_cell_cv=365,
    highest_ca=10_000,
    nominal_dwh=600_000,
    highest_cv=42_000,
    hottest_c=55,
    soc_cpercent=4_250,
    pack_cv=36_012,
)
STOPPED_BODY = bytes([1, 0, 1, 2]) + time(2020, 3, 11, 12, 0, 0)
STOPPED_AT = stamp("2020-03-11T12:00:00+08:00")

BY_HAND: list[tuple[str, str, int, bytes, Message]] = [
    ("heartbeat-2.5", "evlink-2.5", 0x05, BEAT_HEAD, BEAT),
    ("heartbeat-2.6", "evlink-2.6", 0x05, BEAT_HEAD, BEAT),
    ("heartbeat-lhc", "lhc", 0x05, BEAT_HEAD + BEAT_TAIL, BEAT_LHC),
    ("bill-2.6", "evlink-2.6", 0x09, BILL_HEAD, BILL),
    ("bill-lhc", "lhc", 0x09, BILL_HEAD + BILL_TAIL, BILL_LHC),
    ("change-2.5", "evlink-2.5", 0x16, CHANGE_BODY, CHANGE),
    ("change-lhc", "lhc", 0x16, CHANGE_BODY, CHANGE),
    ("vehicle", "lhc", 0x19, VEHICLE_BODY, structs.replace(VEHICLE, gun=2)),
    ("totals", "lhc", 0x1A, TOTALS_BODY, structs.replace(TOTALS, gun=2)),
    ("limits", "lhc", 0x1B, LIMITS_BODY, structs.replace(LIMITS, gun=2)),
    ("BMS stop", "lhc", 0x23, STOPPED_BODY, BmsStop(gun=2, reason=1, fault=0x100, error=2, time=STOPPED_AT)),
    ("charger stop", "lhc", 0x24, STOPPED_BODY, ChargerStop(gun=2, reason=1, fault=0x100, error=2, time=STOPPED_AT)),
]
VERSION_BYTES = {"evlink-2.5": b"\x02\x05", "evlink-2.6": b"\x02\x06", "lhc": b"\x02\x06"}


@pytest.mark.parametrize(("version", "number", "body", "meant"), [r[1:] for r in BY_HAND], ids=[r[0] for r in BY_HAND])
def test_it_reads_and_builds_a_frame_made_by_hand(version: str, number: int, body: bytes, meant: Message) -> None:
    protocol = protocol_named(version)
    # The lock of the heartbeat is not part of the message: what is built says "none".
    sent_body = body[:9] + b"\0" + body[10:] if number == 0x05 else body
    data = frame(number, body, version=VERSION_BYTES[version], gun=2)
    decoded = protocol.decode(only_frame(protocol, data, Direction.UP))
    assert decoded.message == meant
    assert decoded.problems == ()
    built = protocol.session(End.PILE, PILE).build(meant)
    assert built == frame(number, sent_body, version=VERSION_BYTES[version], gun=2)


@pytest.mark.parametrize("rest", [b"\x32", b"\x00\x32"], ids=["by its length", "by its bit offsets"])
def test_it_finds_the_state_of_a_charger_at_the_end_of_its_data(rest: bytes) -> None:
    protocol = protocol_named("lhc")
    found = only_frame(protocol, frame(0x1E, struct.pack("<IIB", 39_990, 9_950, 1) + rest), Direction.UP)
    decoded = protocol.decode(found)
    assert decoded.message == BmsDemand(out_cv=39_990, out_ca=9_950, mode=1)
    assert [problem.kind for problem in decoded.problems] == [ProblemKind.LONG] * (len(rest) - 1)
    shown = [view.value for view in protocol.dissect(found) if view.name == "charger"]
    assert shown == ["control remote, on line, charging"]


SHOWN: list[tuple[int, bytes, str, str]] = [
    (0x1C, b"\2" + struct.pack("<HH", 352, 340), "voltages", "3.52, 3.40"),
    (0x1D, bytes([3, 81, 50, 0]), "temperatures", "31, 0, -50"),
    (0x1F, bytes([4, 3]) + struct.pack("<4I", 40_000, 39_000, 5_000, 100), "lowest_current", "1.00"),
    (0x20, b"\1\2" + struct.pack("<II", 40_000, 5_000), "modules", "number 2, voltage 400.00 V, current 50.00 A"),
    (0x1A, TOTALS_BODY, "flags", "cell voltage high, hot, charging allowed"),
]


@pytest.mark.parametrize(("number", "body", "name", "value"), SHOWN, ids=[f"{row[0]:02X}" for row in SHOWN])
def test_it_shows_what_the_car_tells(number: int, body: bytes, name: str, value: str) -> None:
    protocol = protocol_named("lhc")
    found = only_frame(protocol, frame(number, body), Direction.UP)
    assert protocol.decode(found).problems == ()
    assert [view.value for view in protocol.dissect(found) if view.name == name] == [value]


PRICES = tuple(30_000 if half_hour < 14 else 120_000 for half_hour in range(48))
SERVICE = tuple(40_000 + half_hour for half_hour in range(48))
BANDS = (Band(0, 7 * 60 + 30, 0), Band(7 * 60 + 30, 24 * 60, 80_000))
SCAN = Authorise(
    gun=3,
    login=Login.PHONE,
    account="13800000000",
    credential="E10ADC3949BA59ABBE56E057F20F883E",
    order="20200303123645436010",
    balance_mfen=5_000_000,
    tariff=Tariff(energy_mfen=PRICES, service_mfen=SERVICE, occupancy=BANDS, free_minutes=15),
    longest_minutes=600,
)


def scan_body(versions: tuple[int, int, int], result: bytes) -> bytes:
    slots = bytes([0, 0, 0, 7, 30, 0]) + struct.pack("<I", 0)
    slots += bytes([7, 30, 0, 24, 0, 0]) + struct.pack("<I", 80_000)
    occupancy_version, service_version, energy_version = versions
    return (
        bytes([2])
        + padded("13800000000", 17)
        + b"E10ADC3949BA59ABBE56E057F20F883E"
        + struct.pack("<HI", 15, occupancy_version)
        + slots
        + bytes(10 * 10)
        + struct.pack("<I48I", service_version, *SERVICE)
        + struct.pack("<I48I", energy_version, *PRICES)
        + result
        + struct.pack("<HB", 600, 0)
        + order("20200303123645436010")
        + NO_TIME
        + struct.pack("<HBI", 0, 0, 5000)
    )


@pytest.mark.parametrize(
    ("version", "result", "size"), [("evlink-2.5", b"", 617), ("evlink-2.6", b"\1", 618), ("lhc", b"\1", 618)]
)
def test_it_reads_and_builds_an_authorisation_made_by_hand(version: str, result: bytes, size: int) -> None:
    protocol = protocol_named(version)
    body = scan_body((1_583_000_000, 1_583_000_001, 1_583_000_002), result)
    assert len(body) == size
    assert body[size - 46 : size - 14] == order("20200303123645436010")
    assert body[-4:] == struct.pack("<I", 5000)
    data = frame(0x0F, body, version=VERSION_BYTES[version], gun=3, platform_sequence=1, pile_sequence=0, pile_type=0)
    decoded = protocol.decode(only_frame(protocol, data, Direction.DOWN))
    assert decoded.message == SCAN
    assert decoded.problems == ()
    built = protocol.session(End.PLATFORM, PILE).build(SCAN)
    # A message carries no tariff versions: take those that were built, wherever the page puts them.
    (occupancy,) = struct.unpack_from("<I", built, 32 + 52)
    (service,) = struct.unpack_from("<I", built, 32 + 176)
    (energy,) = struct.unpack_from("<I", built, 32 + 372)
    assert built == frame(
        0x0F,
        scan_body((occupancy, service, energy), result),
        version=VERSION_BYTES[version],
        gun=3,
        platform_sequence=1,
        pile_sequence=0,
        pile_type=0,
    )


def test_it_gives_a_changed_tariff_another_version_and_the_same_tariff_the_same() -> None:
    protocol = protocol_named("lhc")

    def energy_version(prices: tuple[int, ...]) -> bytes:
        tariff = structs.replace(SCAN.tariff, energy_mfen=prices)
        built = protocol.session(End.PLATFORM, PILE).build(structs.replace(SCAN, tariff=tariff))
        return built[32 + 372 : 32 + 376]

    assert energy_version(PRICES) == energy_version(PRICES)
    assert energy_version(PRICES) != energy_version((1, *PRICES[1:]))


def test_it_reads_the_all_zero_bill_of_the_field() -> None:
    protocol = protocol_named("lhc")
    data = frame(0x09, b"0" * 32 + bytes(46))
    decoded = protocol.decode(only_frame(protocol, data, Direction.UP))
    assert decoded.message == Bill(
        order="",
        arrive=NONE,
        start=NONE,
        end=NONE,
        leave=NONE,
        charge_minutes=0,
        occupancy_minutes=0,
        occupancy_fee_mfen=0,
        charge_fee_mfen=0,
        service_fee_mfen=0,
        stop_reason=StopReason.UNKNOWN,
    )
    assert [problem.field for problem in decoded.problems] == ["stop_reason"]
    assert protocol.session(End.PILE, PILE).build(decoded.message) == data


def test_it_takes_an_order_of_nul_for_none() -> None:
    protocol = protocol_named("lhc")
    decoded = protocol.decode(only_frame(protocol, frame(0x0A, bytes(32)), Direction.DOWN))
    assert decoded.message == BillReply(order="")


def test_it_decodes_a_state_change_from_its_end() -> None:
    """The block of faults has no published size: whatever its length, the last eleven bytes are the last fields."""
    protocol = protocol_named("evlink-2.6")
    for block in (b"", bytes([24]), bytes([24, 7, 13, 0])):
        body = bytes([3, 2, 1, len(block)]) + block + bytes([0, 24]) + time(2020, 3, 11, 12, 0, 0) + bytes([0, 1])
        decoded = protocol.decode(only_frame(protocol, frame(0x16, body), Direction.UP))
        assert isinstance(decoded.message, GunReport)
        assert decoded.message.fault is GunFault.INSULATION_TEST
        assert decoded.message.time == stamp("2020-03-11T12:00:00+08:00")
        assert decoded.problems == ()
