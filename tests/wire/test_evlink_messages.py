"""Every message of the family: sizes, round trips, and what cannot be built."""

from __future__ import annotations

import pytest
from handmade import PILE
from msgspec import structs
from there_and_back import there_and_back

from pilesim.errors import EncodingError
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import (
    MESSAGE_TYPES,
    NO_TIME,
    Authorise,
    AuthoriseReply,
    Band,
    Bill,
    BillReply,
    BmsDemand,
    GunFault,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    HelloReply,
    LockDone,
    Login,
    Message,
    Opaque,
    Stamp,
    Start,
    StopReason,
    Tariff,
    TariffAsk,
    TimeAsk,
    TimeTold,
)
from pilesim.wire.protocol import Trust, protocol_named

NAMES = ("lhc", "evlink-2.5", "evlink-2.6")

# Body sizes as the page gives them: 2.5, 2.6, lhc.
SIZES: dict[int, tuple[str, str, str]] = {
    0x01: ("20",) * 3,
    0x02: ("285",) * 3,
    0x03: ("7",) * 3,
    0x04: ("14",) * 3,
    0x05: ("11", "11", "58"),
    0x06: ("1",) * 3,
    0x07: ("32",) * 3,
    0x08: ("43",) * 3,
    0x09: ("70 + 2N", "70 + 2N", "78 + 2N"),
    0x0A: ("32",) * 3,
    0x0B: ("50",) * 3,
    0x0C: ("19",) * 3,
    0x0D: ("18",) * 3,
    0x0E: ("50",) * 3,
    0x0F: ("617", "618", "618"),
    0x10: ("50",) * 3,
    0x11: ("50",) * 3,
    0x12: ("23",) * 3,
    0x13: ("19",) * 3,
    0x14: ("50",) * 3,
    0x15: ("50",) * 3,
    0x16: ("15 + N",) * 3,
    0x17: ("2",) * 3,
    0x18: ("50",) * 3,
    0x19: ("44",) * 3,
    0x1A: ("33",) * 3,
    0x1B: ("23",) * 3,
    0x1C: ("1 + 2N",) * 3,
    0x1D: ("1 + N",) * 3,
    0x1E: ("10",) * 3,
    0x1F: ("18",) * 3,
    0x20: ("1 + 9N",) * 3,
    0x23: ("11",) * 3,
    0x24: ("11",) * 3,
    0x25: ("90",) * 3,
    0x26: ("53",) * 3,
    0x27: ("32",) * 3,
}
NEVER_SEEN = (0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x23, 0x24)
KEPT_AS_BYTES = (0x1C, 0x1D, 0x1F, 0x20)
DOWN = (0x02, 0x04, 0x06, 0x08, 0x0A, 0x0C, 0x0F, 0x12, 0x14, 0x17, 0x26)
REPLIES = {
    0x01: 0x02,
    0x03: 0x04,
    0x05: 0x06,
    0x07: 0x08,
    0x09: 0x0A,
    0x0B: 0x0C,
    0x0C: 0x0D,
    0x0E: 0x0F,
    0x0F: 0x10,
    0x11: 0x12,
    0x14: 0x15,
    0x16: 0x17,
    0x25: 0x26,
}

TARIFF = Tariff(energy_mfen=(100_000,) * 48, service_mfen=(40_000,) * 48)
SCAN = Authorise(account="a", order="1", balance_mfen=0, tariff=TARIFF)
BEAT = GunReport(state=GunState.IDLE, cable=False)
BILL = Bill(order="1", start=NO_TIME, charge_fee_mfen=0, service_fee_mfen=0)


@pytest.mark.parametrize("name", NAMES)
def test_it_catalogues_every_message_once_with_the_size_of_the_page(name: str) -> None:
    column = ("evlink-2.5", "evlink-2.6", "lhc").index(name)
    rows = protocol_named(name).catalogue
    assert [row.number for row in rows] == sorted(SIZES)
    for row in rows:
        assert row.size == SIZES[row.number][column]
        assert row.direction is (Direction.DOWN if row.number in DOWN else Direction.UP)
        assert row.reply == REPLIES.get(row.number)
        assert row.chinese
        assert (row.means is None) == (row.number in KEPT_AS_BYTES)


def test_it_marks_what_is_not_published() -> None:
    trust = {name: {row.number: row.trust for row in protocol_named(name).catalogue} for name in NAMES}
    assert trust["lhc"][0x05] is trust["lhc"][0x09] is Trust.PROVISIONAL
    assert trust["evlink-2.6"][0x05] is trust["evlink-2.6"][0x09] is Trust.PUBLISHED
    assert trust["evlink-2.6"][0x0F] is trust["lhc"][0x19] is Trust.INFERRED
    assert trust["lhc"][0x14] is Trust.PUBLISHED
    assert all(protocol_named(name).provisional for name in NAMES)


@pytest.mark.parametrize("number", [*NEVER_SEEN, 0x99])
def test_it_keeps_a_body_of_no_known_size_as_bytes(number: int) -> None:
    there_and_back("lhc", Opaque(gun=2, number=number, data=b"\xfe\x00\x16" * 5), number)


# What 2.x drops, and what the resolution of a field rounds: built, and read back.
ROUNDED: list[tuple[str, Message, Message]] = [
    (
        "evlink-2.6",
        structs.replace(BEAT, meter_dwh=0, order="7", energy_dwh=100, amount_mfen=1000, start=Stamp(0)),
        structs.replace(BEAT, meter_dwh=0),
    ),
    ("evlink-2.5", structs.replace(BILL, end=Stamp(0), stop_reason=StopReason.FULL), BILL),
    (
        "lhc",
        structs.replace(BILL, stages_dwh=(149, 150, 49), charge_fee_mfen=524_500, service_fee_mfen=499),
        structs.replace(BILL, stages_dwh=(100, 200, 0), charge_fee_mfen=525_000),
    ),
    ("lhc", TimeAsk(pile_time=Stamp(1_583_210_206_014_999_999)), TimeAsk(pile_time=Stamp(1_583_210_206_014_000_000))),
    ("lhc", LockDone(order="00042"), LockDone(order="42")),
]


@pytest.mark.parametrize(("name", "sent", "meant"), ROUNDED)
def test_it_drops_what_a_version_lacks_and_rounds_half_up(name: str, sent: Message, meant: Message) -> None:
    protocol = protocol_named(name)
    (frame,) = protocol.framer(Direction.UP).feed(protocol.session(End.PILE, PILE).build(sent), 0)
    assert isinstance(frame, Frame)
    found = protocol.decode(frame).message
    assert found is not None
    for attribute in meant.__struct_fields__:
        expected = getattr(meant, attribute)
        if expected is not None:
            assert getattr(found, attribute) == expected
    if name != "lhc":
        absent = ("order", "start", "energy_dwh") if isinstance(meant, GunReport) else ("end", "stop_reason")
        assert [getattr(found, each) for each in absent] == [None] * len(absent)


UNBUILDABLE: list[tuple[End, Message, str]] = [
    (End.PILE, Hello(firmware="x" * 21), r"hello: firmware: expected at most 20 ASCII characters, found 'x+'"),
    (End.PILE, Hello(firmware="固件"), r"hello: firmware: expected at most 20 ASCII characters"),
    (End.PILE, Hello(gun=256, firmware=""), r"0x01: gun: expected 0 to 255, found 256"),
    (End.PILE, structs.replace(BEAT, energy_dwh=-1), r"energy: expected 0 to 42949672\.95, found -0\.0001"),
    (End.PILE, structs.replace(BEAT, meter_dwh=429_496_729_600), r"meter: expected 0 to 42949672\.95"),
    (End.PILE, structs.replace(BEAT, state=GunState.OFFLINE), r"state: expected one of idle, .*; found offline"),
    (End.PILE, structs.replace(BEAT, fault=GunFault.UNKNOWN), r"fault: expected one of none, .*; found unknown"),
    (End.PILE, structs.replace(BEAT, cable=None), r"gun-report: cable: expected a value, found None"),
    (End.PILE, structs.replace(BEAT, order="9" * 33), r"order: expected at most 32 ASCII characters"),
    (End.PILE, structs.replace(BEAT, start=Stamp(-1)), r"expected a time of the years 2000 to 2127, found 1970"),
    (End.PILE, structs.replace(BEAT, start=Stamp(10**30)), r"expected a time of the years 2000 to 2127, found 10+"),
    (End.PILE, structs.replace(BEAT, start=Stamp(None, b"\xff")), r"expected 7 bytes of a bad time, found 1"),
    (End.PILE, structs.replace(BILL, stages_dwh=(0,) * 256), r"stages: expected at most 255 values, found 256"),
    (End.PILE, structs.replace(BILL, stages_dwh=(0, 6_553_600)), r"stages: value 2: expected 0 to 655\.35"),
    (End.PILE, structs.replace(BILL, charge_minutes=65_536), r"charge_minutes: expected 0 to 65535, found 65536"),
    (End.PLATFORM, structs.replace(SCAN, balance_mfen=-524_000), r"balance: .* found -5\.24"),
    (End.PLATFORM, structs.replace(SCAN, login=Login.UNKNOWN), r"login: expected one of qr, phone, card, vin"),
    (End.PLATFORM, structs.replace(SCAN, refusal=256), r"error: expected 0 to 255, found 256"),
    (
        End.PLATFORM,
        structs.replace(SCAN, tariff=structs.replace(TARIFF, energy_mfen=(1,) * 47)),
        r"tariff\.energy_mfen: expected 48 prices, found 47",
    ),
    (
        End.PLATFORM,
        structs.replace(SCAN, tariff=structs.replace(TARIFF, service_mfen=(1,) * 47 + (-1,))),
        r"service_prices: value 48: expected 0 to 42949\.67295, found -0\.00001",
    ),
    (
        End.PLATFORM,
        structs.replace(SCAN, tariff=structs.replace(TARIFF, occupancy=(Band(0, 60, 1),) * 13)),
        r"tariff\.occupancy: expected at most 12 bands, found 13",
    ),
    (
        End.PLATFORM,
        structs.replace(SCAN, tariff=structs.replace(TARIFF, occupancy=(Band(0, 1441, 1),))),
        r"occupancy: value 1: expected times of the day up to 24:00, found 00:00:00-24:01:00",
    ),
    (
        End.PLATFORM,
        structs.replace(SCAN, tariff=structs.replace(TARIFF, occupancy=(Band(-1, 60, 1),))),
        r"occupancy: value 1: expected times of the day",
    ),
    (End.PLATFORM, Start(), r"start: account: expected a value, found None"),
    (End.PLATFORM, BillReply(order="1", accepted=False), r"accepted: expected True, found False: no field carries it"),
    (End.PLATFORM, GunReportReply(accepted=False), r"accepted: expected True, found False"),
    (End.PLATFORM, HelloReply(accepted=False), r"accepted: expected True, found False"),
    (End.PLATFORM, AuthoriseReply(account="a"), r"authorise-reply: 0x10 goes up, and the platform sends down"),
    (End.PILE, Start(account="a"), r"start: 0x14 goes down, and the pile sends up"),
    (End.PILE, TariffAsk(), r"tariff-ask: lhc has no such message"),
    (End.PILE, TimeTold(pile_time=NO_TIME), r"time-told: lhc has no such message"),
    (End.PILE, Opaque(number=256), r"command: expected 0 to 255, found 256"),
    (End.PILE, Opaque(number=0x19, data=bytes(2018)), r"data: expected at most 2017 bytes, found 2018"),
]


@pytest.mark.parametrize(("side", "message", "reason"), UNBUILDABLE, ids=[row[2][:40] for row in UNBUILDABLE])
def test_it_says_what_cannot_be_built(side: End, message: Message, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        protocol_named("lhc").session(side, PILE).build(message)


def test_it_builds_the_longest_frame_it_would_take() -> None:
    there_and_back("lhc", Opaque(number=0x19, data=bytes(2017)), 0x19)


def test_it_carries_every_message_but_those_of_other_protocols() -> None:
    carried = {row.means for row in protocol_named("lhc").catalogue} | {Opaque}
    foreign = {
        *("alive", "alive-reply", "time-told", "card-reply", "report-ask"),
        *("tariff-ask", "tariff-tell", "tariff-told", "bms-info", "bms-error", "charge-summary"),
        *("balance-tell", "balance-told", "work-tell", "work-told", "reboot", "reboot-reply"),
    }
    assert {name for name, kind in MESSAGE_TYPES.items() if kind not in carried} == foreign


def test_it_says_of_a_charger_that_gives_current_that_it_charges() -> None:
    protocol = protocol_named("lhc")
    data = protocol.session(End.PILE, PILE).build(BmsDemand(mode=2, out_cv=38_000, out_ca=15_780))
    (frame,) = protocol.framer(Direction.UP).feed(data, 0)
    assert isinstance(frame, Frame) and frame.number == 0x1E
    (charger,) = [view.value for view in protocol.dissect(frame) if view.name == "charger"]
    assert charger.endswith("charging")


def test_it_writes_orders_as_the_field_does() -> None:
    protocol = protocol_named("lhc")
    at_ns = 1_583_210_205_000_000_000
    assert protocol.new_order(PILE, 1, at_ns, 436_010) == "20200303123645436010"
    assert protocol.new_order(PILE, 1, at_ns, 1_000_007) == "20200303123645000007"
    for text in ("0" * 12 + "20200303123645436010", "20200303123645436010", "\0\0" + "20200303123645436010\0"):
        assert protocol.normal_order(text) == "20200303123645436010"
    assert protocol.normal_order("0" * 32) == protocol.normal_order("\0" * 32) == ""
