"""What YKC builds: orders, tariffs out of half-hours, what it drops and what it cannot say."""

from __future__ import annotations

import pytest
from handmade import YKC_ORDER, YKC_PILE
from msgspec import structs

from pilesim.errors import EncodingError
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import (
    NO_TIME,
    Alive,
    Authorise,
    Band,
    Bill,
    BillPeriod,
    BillReply,
    BmsDemand,
    GunFault,
    GunReport,
    GunState,
    Hello,
    HelloReply,
    Message,
    Opaque,
    Rate,
    Start,
    StartReply,
    Stop,
    StopReason,
    Tariff,
    TariffAsk,
    TariffTell,
)
from pilesim.wire.protocol import protocol_named

PROTOCOL = protocol_named("ykc-1.6")
FLAT = Tariff(energy_mfen=(100_000,) * 48, service_mfen=(40_000,) * 48)
BY_DAY = Tariff(
    energy_mfen=(50_000,) * 16 + (100_000,) * 16 + (120_000,) * 16,
    service_mfen=(40_000,) * 48,
    occupancy=(Band(0, 60, 1),),
)
PERIODS = tuple(BillPeriod(100_000 + at, 1_000 + at, 0, 10_000) for at in range(4))
BILL = Bill(order=YKC_ORDER, start=NO_TIME, periods=PERIODS)
REPORT = GunReport(state=GunState.IDLE, cable=False)


def read_back(side: End, message: Message) -> Message | None:
    (frame,) = PROTOCOL.framer(side.sends).feed(PROTOCOL.session(side, YKC_PILE).build(message), 0)
    assert isinstance(frame, Frame)
    return PROTOCOL.decode(frame).message


def test_it_goes_up_by_odd_and_down_by_even_numbers_and_names_each_in_chinese() -> None:
    for row in PROTOCOL.catalogue:
        assert row.direction is (Direction.UP if row.number % 2 else Direction.DOWN)
        assert any("一" <= character <= "鿿" for character in row.chinese)
    assert len({row.number for row in PROTOCOL.catalogue}) == len(PROTOCOL.catalogue) == 54


# Body sizes as the pages add them up.
SIZES = {
    0x01: "30", 0x03: "9", 0x0A: "90", 0x13: "60", 0x15: "73", 0x17: "45", 0x19: "39", 0x1B: "32", 0x1D: "28",
    0x21: "28", 0x23: "44", 0x25: "31", 0x31: "51", 0x32: "38", 0x33: "26", 0x34: "44", 0x35: "10", 0x3B: "158",
    0x3D: "201", 0x40: "17", 0x42: "20", 0x43: "9", 0x44: "8 + 16N", 0x45: "7 + 10N", 0x46: "8 + 8N", 0x47: "7 + 9N",
    0x48: "8 + 8N", 0x52: "9", 0x56: "14", 0x58: "90", 0x61: "16", 0x62: "13", 0x63: "13", 0x92: "8", 0x93: "8",
    0x94: "94", 0xA1: "58", 0xA2: "44", 0xA3: "33", 0xA4: "50", 0xF0: "9 + N", 0xF1: "8",
}  # fmt: skip


def test_it_has_the_sizes_of_the_page() -> None:
    sizes = {row.number: row.size for row in PROTOCOL.catalogue}
    assert {number: sizes[number] for number in SIZES} == SIZES


def test_it_marks_what_came_with_the_next_version() -> None:
    assert {row.number for row in PROTOCOL.catalogue if row.since == "V1.7"} == {0x3D}


def test_it_makes_rates_of_half_hours_dearest_first() -> None:
    told = read_back(End.PLATFORM, TariffTell(model="0001", tariff=BY_DAY))
    assert isinstance(told, TariffTell) and told.tariff is not None
    assert told.tariff.rates == (
        Rate(120_000, 40_000),
        Rate(100_000, 40_000),
        Rate(50_000, 40_000),
        Rate(50_000, 40_000),
    )
    assert told.tariff.rate_of == (2,) * 16 + (1,) * 16 + (0,) * 16
    assert (told.tariff.energy_mfen, told.tariff.service_mfen) == (BY_DAY.energy_mfen, BY_DAY.service_mfen)
    assert told.tariff.occupancy == ()


def test_it_keeps_rates_that_no_half_hour_has() -> None:
    rates = tuple(Rate(at, at) for at in (4, 3, 2, 1))
    tariff = Tariff(energy_mfen=(3,) * 48, service_mfen=(3,) * 48, rates=rates, rate_of=(1,) * 48)
    assert read_back(End.PLATFORM, TariffTell(model="0001", tariff=tariff)) == TariffTell(model="0001", tariff=tariff)


def test_it_tells_a_tariff_unasked_by_another_number() -> None:
    session = PROTOCOL.session(End.PLATFORM, YKC_PILE)
    asked, unasked = (session.build(TariffTell(model="0001", tariff=FLAT, asked=asked)) for asked in (True, False))
    assert (asked[5], unasked[5]) == (0x0A, 0x58)
    assert session.build(TariffTell(model="0001", same=True))[5] == 0x06
    pile = PROTOCOL.session(End.PILE, YKC_PILE)
    assert (pile.build(TariffAsk(model="0001"))[5], pile.build(TariffAsk())[5]) == (0x05, 0x09)


# Built, and read back: what YKC has no field for is dropped or told by its nearest, what it rounds is rounded.
NEAREST: list[tuple[End, Message, Message]] = [
    (End.PILE, structs.replace(REPORT, state=GunState.OCCUPIED_FULL), REPORT),
    (End.PILE, structs.replace(REPORT, change=True, meter_dwh=5), REPORT),
    (
        End.PILE,
        structs.replace(REPORT, fault=GunFault.INSULATION_TEST, state=GunState.FAULT),
        structs.replace(REPORT, state=GunState.FAULT),
    ),
    (End.PILE, structs.replace(REPORT, amount_mfen=15), structs.replace(REPORT, amount_mfen=20)),
    (
        End.PLATFORM,
        Start(order=YKC_ORDER, account="00311140030000001", balance_mfen=2_000_499),
        Start(order=YKC_ORDER, account="311140030000001", balance_mfen=2_000_000),
    ),
    (End.PLATFORM, BillReply(gun=2, order="7"), BillReply(order="7".zfill(32))),
]


@pytest.mark.parametrize(("side", "sent", "meant"), NEAREST)
def test_it_drops_what_it_lacks_and_rounds_half_up(side: End, sent: Message, meant: Message) -> None:
    found = read_back(side, sent)
    if isinstance(found, GunReport) and isinstance(meant, GunReport):
        meant = structs.replace(meant, fault=GunFault.NONE, order="", energy_dwh=0, amount_mfen=meant.amount_mfen or 0)
    assert found == meant


def test_it_sums_a_bill_up_from_its_periods() -> None:
    bill = read_back(End.PILE, BILL)
    assert isinstance(bill, Bill)
    assert (bill.total_dwh, bill.amount_mfen, bill.stages_dwh) == (4_006, 40_000, (1_000, 1_001, 1_002, 1_003))
    assert (bill.stop_reason, bill.stop_code) == (StopReason.UNKNOWN, 0x90)


@pytest.mark.parametrize("reason", StopReason)
def test_it_has_a_code_for_every_stop_reason(reason: StopReason) -> None:
    bill = read_back(End.PILE, structs.replace(BILL, stop_reason=reason))
    assert isinstance(bill, Bill)
    assert bill.stop_reason is reason


UNBUILDABLE: list[tuple[End, Message, str]] = [
    (End.PILE, Hello(firmware="V2.6.0.2x"), r"hello: software: expected at most 8 ASCII characters"),
    (End.PILE, Alive(gun=100), r"alive: gun: expected 0 to 99, found 100"),
    (End.PILE, structs.replace(BILL, periods=()), r"bill: periods: expected 4, found 0"),
    (End.PILE, structs.replace(BILL, order="9" * 33), r"order: expected at most 32 digits"),
    (End.PILE, structs.replace(BILL, meter_end_dwh=1 << 40), r"meter_end: expected 0 to 109951162\.7775"),
    (End.PILE, StartReply(order=YKC_ORDER), r"start-reply: accepted: expected a value, found None"),
    (End.PILE, structs.replace(REPORT, cable=None), r"gun-report: cable: expected a value, found None"),
    (End.PILE, BmsDemand(order=YKC_ORDER), r"bms-demand: need_cv: expected a value, found None"),
    (End.PLATFORM, HelloReply(update=True), r"hello-reply: update: expected False, found True: no field carries it"),
    (End.PLATFORM, Stop(accepted=False), r"stop: accepted: expected True, found False"),
    (
        End.PLATFORM,
        Start(order=YKC_ORDER, account="9" * 17, balance_mfen=0),
        r"start: logic_card: expected at most 16 digits",
    ),
    (End.PLATFORM, Start(order=YKC_ORDER), r"start: balance_mfen: expected a value, found None"),
    (End.PLATFORM, TariffTell(model="1", tariff=FLAT), r"model: expected 4 digits, found '1'"),
    (End.PLATFORM, TariffTell(model="0001", asked=False), r"tariff-tell: tariff: expected one, found None"),
    (
        End.PLATFORM,
        TariffTell(model="0001", tariff=structs.replace(FLAT, energy_mfen=tuple(range(48)))),
        r"tariff: expected at most 4 different prices, found 48",
    ),
    (
        End.PLATFORM,
        TariffTell(model="0001", tariff=structs.replace(FLAT, energy_mfen=(1,) * 47)),
        r"tariff: expected 48 half-hours, found 47",
    ),
    (
        End.PLATFORM,
        Authorise(account="1", order=YKC_ORDER, balance_mfen=0, tariff=FLAT),
        r"authorise: ykc-1\.6 has no such message",
    ),
    (End.PILE, Start(order=YKC_ORDER, balance_mfen=0), r"start: 0x34 goes down, and the pile sends up"),
    (End.PILE, Opaque(number=0x61, data=bytes(252)), r"data: expected at most 251 bytes, found 252"),
]


@pytest.mark.parametrize(("side", "message", "reason"), UNBUILDABLE, ids=[row[2][:40] for row in UNBUILDABLE])
def test_it_says_what_cannot_be_built(side: End, message: Message, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        PROTOCOL.session(side, YKC_PILE).build(message)


@pytest.mark.parametrize(("sign", "raw"), [("plus", 5000), ("minus", 3000)])
def test_it_sends_currents_on_the_side_that_it_was_told(sign: str, raw: int) -> None:
    protocol = protocol_named(f"ykc-1.6?current_sign={sign}")
    demand = BmsDemand(
        order=YKC_ORDER, need_cv=0, need_ca=10_000, mode=1, measured_cv=0, measured_ca=0, soc_percent=1,
        remaining_minutes=1, out_cv=0, out_ca=0, charged_minutes=0,
    )  # fmt: skip
    data = protocol.session(End.PILE, YKC_PILE).build(demand)
    assert int.from_bytes(data[6 + 26 : 6 + 28], "little") == raw


def test_it_keeps_an_order_as_it_is_zeros_and_all() -> None:
    order = "00010203040506070809101112131410"
    assert PROTOCOL.normal_order(order) == order
    assert read_back(End.PLATFORM, BillReply(order=order)) == BillReply(order=order)
    assert PROTOCOL.normal_order("7") == "7".zfill(32)
    made = PROTOCOL.new_order(YKC_PILE, 1, 1_583_210_205_000_000_000, 7)
    assert made == YKC_PILE + "01" + "200303123645" + "0007"


# Sequence numbers.


def sequence_of(data: bytes) -> int:
    return int.from_bytes(data[2:4], "little")


def test_it_counts_its_own_messages_from_nought_and_again_on_a_new_connection() -> None:
    session = PROTOCOL.session(End.PILE, YKC_PILE)
    assert [sequence_of(session.build(Alive())) for _ in range(3)] == [0, 1, 2]
    session.reset()
    assert sequence_of(session.build(Alive())) == 0


def test_it_repeats_the_number_of_a_request_as_it_came_and_spends_none() -> None:
    pile, platform = (PROTOCOL.session(end, YKC_PILE) for end in (End.PILE, End.PLATFORM))
    for _ in range(0x1235):
        data = platform.build(Start(order=YKC_ORDER, account="1", balance_mfen=0))
    (asked,) = PROTOCOL.framer(Direction.DOWN).feed(data, 0)
    assert isinstance(asked, Frame)
    assert (asked.sequence, asked.answers) == (0x1234, None)
    reply = pile.build(StartReply(order=YKC_ORDER, accepted=True), answering=asked)
    (answer,) = PROTOCOL.framer(Direction.UP).feed(reply, 0)
    assert isinstance(answer, Frame)
    assert (answer.sequence, answer.answers) == (0x1234, 0x1234)
    assert sequence_of(pile.build(Alive())) == 0


def test_it_goes_on_from_nought_when_the_numbers_run_over() -> None:
    session = PROTOCOL.session(End.PILE, YKC_PILE)
    vars(session)["_next"] = 0xFFFE  # as many have been built
    assert [sequence_of(session.build(Alive())) for _ in range(3)] == [0xFFFE, 0xFFFF, 0]


def test_it_spends_no_number_on_what_cannot_be_built() -> None:
    session = PROTOCOL.session(End.PILE, YKC_PILE)
    with pytest.raises(EncodingError):
        session.build(Alive(gun=100))
    assert sequence_of(session.build(Alive())) == 0


def test_it_builds_the_longest_frame_it_would_take() -> None:
    message = Opaque(number=0x77, data=b"\x68\x00" * 125 + b"\x68")
    assert read_back(End.PILE, message) == message
