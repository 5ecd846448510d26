"""The reference pile under YKC: let in first, its tariff asked for, starts that bring their order, bills at the end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pilebench import MODEL, RATED, Bench

from pilesim.pile.screen import Page
from pilesim.units import DAY, KWH_DWH, MINUTE, YUAN_MFEN, S
from pilesim.wire.messages import (
    Alive,
    Bill,
    BmsDemand,
    BmsHandshake,
    BmsInfo,
    BmsParameters,
    BmsStop,
    CardAsk,
    CardReply,
    ChargerStop,
    ChargeSummary,
    GunState,
    Hello,
    ReportAsk,
    Stamp,
    Start,
    StartReply,
    Stop,
    StopReason,
    StopReply,
    TariffAsk,
    TariffTell,
    TariffTold,
    TimeTell,
    TimeTold,
)

A = "44030500040000012003031010000001"
B = "44030500040000012003031110000002"
ACCOUNT = "1380000000000001"
ALREADY_CHARGING, FAULT, NOT_PLUGGED = 2, 3, 5


def bench_of(**options: object) -> Bench:
    bench = Bench(protocol_name="ykc-1.6", **options)  # type: ignore[arg-type]
    bench.run(2 * S)
    return bench


def start(order: str = A, balance: int = 50) -> Start:
    return Start(order=order, account=ACCOUNT, balance_mfen=balance * YUAN_MFEN)


def charging(**options: object) -> Bench:
    bench = bench_of(**options)
    bench.do("plug")
    bench.tell(start())
    bench.until(lambda: bench.state() is GunState.CHARGING, MINUTE)
    return bench


# --- the log-in


def test_it_says_hello_and_nothing_else_until_it_is_let_in() -> None:
    bench = bench_of(lets_in=False)
    assert set(bench.names()) == {"hello"}
    assert bench.hang_ups == 1
    bench.lets_in = True
    bench.run(30 * S)
    assert bench.dials > 1
    assert "gun-report" in bench.names()


def test_it_gives_up_a_line_on_which_nobody_answers_its_hello() -> None:
    bench = Bench(protocol_name="ykc-1.6")
    bench.run(40 * MINUTE)
    assert bench.hang_ups == 0
    silent = Bench(protocol_name="ykc-1.6")
    silent._reply = lambda message: None  # type: ignore[method-assign]
    silent.run(40 * S)
    assert silent.hang_ups == 1
    assert len(silent.all(Hello)) >= 3


def test_it_says_of_each_gun_every_ten_seconds_that_it_is_there() -> None:
    bench = bench_of(guns=2)
    bench.run(60 * S)
    times = bench.times(Alive, gun=2)
    assert [after - before for before, after in pairwise(times)] == [10 * S] * (len(times) - 1)
    assert len(times) == 7


def test_it_takes_the_line_for_lost_after_three_that_nobody_answered() -> None:
    bench = bench_of(hears_alive=False)
    bench.run(26 * S)
    assert bench.hang_ups == 0
    bench.run(10 * S)
    assert bench.hang_ups == 1
    bench.hears_alive = True
    bench.run(60 * S)
    assert bench.up


def test_it_asks_for_a_tariff_once_and_then_only_whether_it_holds() -> None:
    bench = bench_of()
    assert [ask.model for ask in bench.all(TariffAsk)] == ["0000", None]
    assert bench.store.tariff is not None and bench.store.model == MODEL
    bench.disconnect(S)
    bench.run(30 * S)
    assert [ask.model for ask in bench.all(TariffAsk)] == ["0000", None, MODEL]


def test_it_takes_a_tariff_that_it_is_told_unasked() -> None:
    bench = bench_of()
    bench.tell(TariffTell(model="0009", tariff=RATED, asked=False))
    assert bench.all(TariffTold) == [TariffTold(accepted=True)]
    assert bench.store.model == "0009"


def test_it_answers_the_time_that_it_is_told_with_its_own() -> None:
    bench = bench_of(clock_error_ns=2 * DAY)
    assert bench.all(TimeTold)[-1].pile_time == Stamp(bench.start_ns + bench.times(TimeTold)[-1])
    bench.tell(TimeTell(platform_time=Stamp(bench.start_ns + DAY)))
    assert bench.all(TimeTold)[-1].pile_time == Stamp(bench.start_ns + DAY)


def test_it_reports_when_asked_and_otherwise_every_five_minutes() -> None:
    bench = bench_of()
    bench.run(4 * MINUTE)
    assert len(bench.beats()) == 1
    bench.tell(ReportAsk())
    assert len(bench.beats()) == 2
    bench.run(7 * MINUTE)
    assert len(bench.beats()) == 4


# --- starts


def test_it_charges_on_the_order_that_the_start_brings() -> None:
    bench = charging()
    assert bench.all(StartReply) == [StartReply(order=A, accepted=True)]
    assert bench.beats()[-1][1].order == A
    assert [shake.order for shake in bench.all(BmsHandshake)] == [A]
    assert len(bench.all(BmsParameters)) == 1


def test_it_refuses_a_start_without_a_tariff_and_bills_nothing() -> None:
    bench = bench_of()
    bench.store.tariff = None
    bench.do("plug")
    bench.tell(start())
    bench.run(2 * MINUTE)
    assert bench.all(StartReply) == [StartReply(order=A, accepted=False, reason=FAULT)]
    assert bench.bills() == []


def test_it_refuses_another_order_while_it_charges_and_answers_its_own_again() -> None:
    bench = charging()
    bench.tell(start(B))
    bench.tell(start(A))
    assert bench.all(StartReply)[1:] == [
        StartReply(order=B, accepted=False, reason=ALREADY_CHARGING),
        StartReply(order=A, accepted=True),
    ]
    assert bench.beats()[-1][1].order == A


@pytest.mark.parametrize(("plugged_after", "begins"), [(50 * S, True), (70 * S, False)])
def test_it_begins_a_start_that_was_refused_for_want_of_a_cable_once_there_is_one(
    plugged_after: int, begins: bool
) -> None:
    bench = bench_of()
    bench.tell(start())
    bench.run(plugged_after)
    bench.do("plug")
    bench.run(MINUTE)
    refused = StartReply(order=A, accepted=False, reason=NOT_PLUGGED)
    assert bench.all(StartReply) == [refused, *([StartReply(order=A, accepted=True)] if begins else [])]
    assert (bench.state() is GunState.CHARGING) is begins


def test_it_does_not_begin_a_start_that_was_stopped_before_the_cable_came() -> None:
    bench = bench_of()
    bench.tell(start())
    bench.tell(Stop())
    bench.do("plug")
    bench.run(MINUTE)
    assert bench.all(StopReply) == [StopReply(accepted=True)]
    assert bench.state() is GunState.IDLE


def test_it_bills_a_start_that_failed() -> None:
    bench = bench_of()
    bench.do("plug", car={"insulation": False})
    bench.tell(start())
    bench.run(MINUTE)
    (bill,) = bench.bills()
    assert (bill.order, bill.stop_reason, bill.energy_dwh, bill.fees_mfen) == (A, StopReason.START_FAILED, 0, 0)


def test_it_starts_by_card_on_the_order_that_the_answer_brings() -> None:
    bench = bench_of()
    bench.do("plug")
    bench.do("card", account="00013800000000001")
    bench.run(S)
    assert [ask.account for ask in bench.all(CardAsk)] == ["13800000000001"]
    bench.tell(CardReply(account="13800000000001", order=B, balance_mfen=50 * YUAN_MFEN))
    bench.until(lambda: bench.state() is GunState.CHARGING, MINUTE)
    bench.do("card", account="00013800000000001")
    bench.run(S)
    assert [(bill.order, bill.stop_reason) for bill in bench.bills()] == [(B, StopReason.AT_PILE)]


# --- the charge, its end, its bill


def test_it_passes_on_what_the_battery_tells_every_fifteen_seconds() -> None:
    bench = charging()
    bench.run(MINUTE)
    assert len(bench.all(BmsDemand)) == len(bench.all(BmsInfo)) == 4
    told, report = bench.all(BmsDemand)[-1], bench.beats()[-1][1]
    assert (told.order, told.soc_percent) == (A, report.soc_percent)
    assert report.volts_dv is not None and report.amps_da is not None
    assert (told.out_cv, told.out_ca) == (10 * report.volts_dv, 10 * report.amps_da)


def test_it_bills_at_the_end_of_the_charge_with_the_cable_in() -> None:
    bench = charging()
    bench.run(10 * MINUTE)
    bench.tell(Stop())
    (bill,) = bench.bills()
    assert (bill.order, bill.stop_reason) == (A, StopReason.PLATFORM)
    assert bill.total_dwh is not None and 9 * KWH_DWH < bill.total_dwh < 11 * KWH_DWH
    dear = bill.periods[0]
    assert (dear.energy_dwh, dear.price_mfen) == (bill.total_dwh, 140_000)
    assert bill.amount_mfen == dear.amount_mfen == pytest.approx(dear.energy_dwh * 140_000 / KWH_DWH, abs=500)
    (summary,) = bench.all(ChargeSummary)
    assert abs(summary.energy_dwh - bill.total_dwh) < KWH_DWH // 10
    names = bench.names()
    at = [names.index(name) for name in ("charger-stop", "charge-summary", "bill")]
    assert at == sorted(at)
    assert bench.beats()[-1][1].cable is True
    assert bench.state() is GunState.IDLE
    assert bench.pile.screen(1) is Page.SCAN


def test_it_tells_whose_doing_the_end_was() -> None:
    full = charging()
    full.do("unplug")
    full.run(S)
    assert full.all(BmsStop) == [] and len(full.all(ChargerStop)) == 1
    assert [bill.stop_reason for bill in full.bills()] == [StopReason.UNEXPECTED]
    bench = bench_of()
    bench.do("plug", car={"soc_permille": 950, "full_permille": 960})
    bench.tell(start())
    bench.until(lambda: bool(bench.bills()))
    assert len(bench.all(BmsStop)) == 1 and bench.all(ChargerStop) == []
    assert bench.bills()[0].stop_reason is StopReason.FULL


@pytest.mark.parametrize(("retry", "times", "every"), [("3x30s", 3, 30 * S), ("1x5m", 1, 5 * MINUTE)])
def test_it_sends_an_unanswered_bill_again_as_often_as_it_is_told(retry: str, times: int, every: int) -> None:
    bench = Bench(protocol_name=f"ykc-1.6?bill_retry={retry}", acknowledges=False)
    bench.run(2 * S)
    bench.do("plug")
    bench.tell(start())
    bench.until(lambda: bench.state() is GunState.CHARGING, MINUTE)
    bench.tell(Stop())
    bench.run(20 * MINUTE)
    sent = bench.times(Bill)
    assert [after - before for before, after in pairwise(sent)] == [every] * times
    bench.disconnect(S)
    bench.acknowledges = True
    bench.run(MINUTE)
    assert len(bench.times(Bill)) == len(sent) + 1


def test_it_bills_what_a_power_loss_broke_off_once_it_is_back() -> None:
    bench = charging()
    bench.run(5 * MINUTE)
    bench.do("power-off", None)
    bench.run(MINUTE)
    bench.do("power-on", None)
    bench.run(20 * S)
    assert [bill.order for bill in bench.bills()] == [A]


def test_it_says_that_there_is_nothing_to_stop() -> None:
    bench = bench_of()
    bench.tell(Stop())
    assert bench.all(StopReply) == [StopReply(accepted=False, reason=2)]
