"""What a platform may tell a pile beside orders: a balance, how to work, to start anew; and what it tells of that."""

from __future__ import annotations

import pytest
from pilebench import Bench

from pilesim.units import MINUTE, YUAN_MFEN, S
from pilesim.wire.messages import (
    BalanceTell,
    BalanceTold,
    Bill,
    BmsDemand,
    GunReport,
    GunState,
    Reboot,
    RebootReply,
    Start,
    StartReply,
    Stop,
    StopReason,
    WorkTell,
    WorkTold,
)

A = "44030500040000012003031010000001"
B = "44030500040000012003031110000002"
CARD = "1380000000000001"
OUT_OF_SERVICE, NOBODY = 3, 2


def start(order: str = A, balance: int = 50) -> Start:
    return Start(order=order, account=CARD, balance_mfen=balance * YUAN_MFEN)


def charging(balance: int = 50, **options: object) -> Bench:
    bench = Bench(protocol_name="ykc-1.6", **options)  # type: ignore[arg-type]
    bench.run(2 * S)
    bench.do("plug", car={"soc_permille": 100})
    bench.tell(start(balance=balance))
    bench.until(lambda: bench.state() is GunState.CHARGING, MINUTE)
    return bench


# --- the balance


@pytest.mark.parametrize(("account", "yuan"), [("", 6), (CARD, 6), ("", 1)])
def test_it_ends_the_charge_at_the_balance_that_it_was_told_last(account: str, yuan: int) -> None:
    bench = charging(balance=3)
    bench.run(10 * S)
    bench.tell(BalanceTell(account=account, balance_mfen=yuan * YUAN_MFEN))
    assert bench.all(BalanceTold) == [BalanceTold(account=account, refusal=0)]
    bench.until(lambda: bool(bench.bills()))
    (bill,) = bench.bills()
    assert bill.stop_reason is StopReason.BALANCE
    assert bill.amount_mfen == pytest.approx(yuan * YUAN_MFEN, abs=1000)


def test_it_takes_a_balance_while_it_is_being_started() -> None:
    bench = Bench(protocol_name="ykc-1.6")
    bench.run(2 * S)
    bench.do("plug")
    bench.tell(start(balance=50))
    bench.tell(BalanceTell(balance_mfen=YUAN_MFEN))
    bench.until(lambda: bool(bench.bills()))
    assert bench.bills()[0].amount_mfen == pytest.approx(YUAN_MFEN, abs=1000)


def test_it_refuses_the_balance_of_somebody_who_does_not_charge_there() -> None:
    bench = charging(balance=3)
    bench.tell(BalanceTell(account="1390000000000002", balance_mfen=60 * YUAN_MFEN))
    assert [told.refusal for told in bench.all(BalanceTold)] == [NOBODY]
    bench.until(lambda: bool(bench.bills()))
    assert bench.bills()[0].amount_mfen == pytest.approx(3 * YUAN_MFEN, abs=1000)
    bench.tell(BalanceTell(balance_mfen=60 * YUAN_MFEN))
    assert [told.refusal for told in bench.all(BalanceTold)] == [NOBODY, NOBODY]


# --- how to work


def test_it_gives_no_more_power_than_it_may() -> None:
    bench = charging()
    bench.run(30 * S)
    bench.tell(WorkTell(stopped=False, power_percent=50))
    bench.run(30 * S)
    assert bench.all(WorkTold) == [WorkTold(accepted=True)]
    before, after = bench.all(BmsDemand)[0], bench.all(BmsDemand)[-1]
    for told, watts in ((before, 60_000), (after, 30_000)):
        assert told.out_cv is not None and told.out_ca is not None
        assert told.out_cv * told.out_ca // 10_000 == pytest.approx(watts, rel=0.01)
    report = bench.all(GunReport)[-1]
    assert (report.volts_dv, report.amps_da) == ((after.out_cv or 0) // 10, (after.out_ca or 0) // 10)


def test_it_starts_no_charge_while_it_may_not_work_and_lets_one_go_on() -> None:
    bench = charging()
    bench.tell(WorkTell(stopped=True, power_percent=100))
    assert bench.state() is GunState.CHARGING
    bench.tell(Stop())
    assert bench.state() is GunState.FAULT
    bench.tell(start(B))
    assert [(r.accepted, r.reason) for r in bench.all(StartReply)] == [(True, 0), (False, OUT_OF_SERVICE)]
    bench.do("power-off", None)
    bench.run(S)
    bench.do("power-on", None)
    bench.run(S)
    bench.tell(start(B))
    assert bench.all(StartReply)[-1].accepted is False, "it has kept that in mind"
    bench.tell(WorkTell(stopped=False, power_percent=100))
    assert bench.state() is GunState.IDLE
    bench.tell(start(B))
    bench.until(lambda: bench.state() is GunState.CHARGING, MINUTE)


# --- to start anew


def test_it_starts_anew_at_once_and_bills_what_that_broke_off() -> None:
    bench = charging()
    bench.run(MINUTE)
    dials = bench.dials
    bench.tell(Reboot(when_idle=False))
    assert bench.all(RebootReply) == [RebootReply(accepted=True)]
    assert (bench.up, bench.dials) == (False, dials)
    bench.until(lambda: bool(bench.bills()), MINUTE)
    assert [(bill.order, bill.stop_code) for bill in bench.bills()] == [(A, 0x83)]
    assert bench.up and bench.dials == dials + 1


def test_it_starts_anew_once_its_guns_are_idle() -> None:
    bench = charging()
    bench.tell(Reboot(when_idle=True))
    bench.run(5 * MINUTE)
    assert bench.up and bench.state() is GunState.CHARGING
    bench.tell(Stop())
    bench.run(3 * S)
    assert not bench.up
    bench.run(MINUTE)
    assert bench.up and [bill.stop_reason for bill in bench.bills()] == [StopReason.PLATFORM]


def test_it_has_power_only_once_when_somebody_switches_it_on_while_it_starts_anew() -> None:
    bench = charging()
    bench.tell(Reboot(when_idle=False))
    bench.do("power-on", None)
    dials = bench.dials
    bench.run(2 * MINUTE)
    assert bench.up and bench.dials == dials


# --- what could not be told


def test_it_tells_the_changes_of_an_outage_in_their_order_before_the_bills() -> None:
    bench = charging()
    bench.run(30 * S)
    bench.disconnect(2 * MINUTE)
    bench.run(10 * S)
    bench.do("stop-button")
    bench.run(10 * S)
    bench.do("unplug")
    since = len(bench.heard)
    bench.until(lambda: bool(bench.bills()))
    told = [heard.message for heard in bench.heard[since:] if isinstance(heard.message, GunReport | Bill)]
    ended, out, *_, bill = told[: 1 + next(at for at, message in enumerate(told) if isinstance(message, Bill))]
    assert isinstance(ended, GunReport) and isinstance(out, GunReport) and isinstance(bill, Bill)
    assert (ended.state, ended.cable, ended.order) == (GunState.IDLE, True, A)
    assert (out.state, out.cable) == (GunState.IDLE, False)
    assert bill.order == A and ended.energy_dwh == pytest.approx(bill.total_dwh or 0, abs=2)


# --- one charge, told in four ways


def test_it_tells_the_same_energy_and_amount_in_report_bill_and_meter() -> None:
    bench = charging()
    bench.run(7 * MINUTE + 3 * S)
    bench.tell(Stop())
    report, (bill,) = bench.all(GunReport)[-1], bench.bills()
    assert (report.state, report.order) == (GunState.IDLE, A)
    assert bill.meter_start_dwh is not None and bill.meter_end_dwh is not None and bill.amount_mfen is not None
    for energy_dwh in (report.energy_dwh or 0, bill.meter_end_dwh - bill.meter_start_dwh, bill.energy_dwh):
        assert energy_dwh == pytest.approx(bill.total_dwh or 0, abs=2)
    assert report.amount_mfen == pytest.approx(bill.amount_mfen, abs=30)


def test_it_gives_what_the_battery_may_have_and_no_more() -> None:
    bench = Bench(protocol_name="ykc-1.6")
    bench.run(2 * S)
    bench.do("plug", car={"soc_permille": 0, "full_permille": 60})
    bench.tell(start())
    bench.until(lambda: bool(bench.bills()))
    (limits,) = [heard.message for heard in bench.heard if heard.message.name == "bms-parameters"]
    most_ca = min(limits.highest_ca, limits.charger_highest_ca)  # type: ignore[attr-defined]
    told = bench.all(BmsDemand)
    assert all((demand.out_ca or 0) <= most_ca for demand in told)
    socs = [demand.soc_percent or 0 for demand in told]
    assert socs == sorted(socs) and socs[-1] > socs[0]
