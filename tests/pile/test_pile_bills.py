"""What the reference pile's bills say, held against computations of the tests' own, and how they leave."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

import pytest
from pilebench import TARIFF, Bench

from pilesim.pile.car import Car, CarSpec
from pilesim.pile.clock import Clock
from pilesim.pile.meter import Meter
from pilesim.pile.store import Store
from pilesim.units import DAY, HOUR, MINUTE, MS, S, half_hour_of_day
from pilesim.wire.messages import Bill, BillReply, GunState, Stamp, StartReply

A = "20200303101200000001"
B = "20200303104000000002"
C = "20200303110000000003"
LOCAL = timezone(timedelta(hours=8))


def local(stamp: Stamp | None) -> datetime:
    assert stamp is not None
    assert stamp.epoch_ns is not None
    return datetime.fromtimestamp(stamp.epoch_ns / 1e9, LOCAL)


def test_it_charges_flat_to_four_fifths_and_then_falls_in_steps() -> None:
    car = Car(CarSpec(soc_permille=790))
    powers = []
    while not car.full:
        draw = car.draw(60_000)
        wait_ns = car.until_change_ns(draw)
        powers.append(draw.power_cw // 100)
        before = car.percent
        car.take(wait_ns * draw.power_cw)
        assert car.percent == before + 1
    assert powers[0] > 59_900
    assert powers == sorted(powers, reverse=True)
    assert 5_000 < powers[-1] < 6_500


@pytest.mark.parametrize("car", [{}, {"max_w": 7_000}, {"soc_permille": 700}, {"full_permille": 900}])
def test_it_meters_what_volts_and_amps_make(car: dict[str, Any]) -> None:
    """The integral is the test's own: volts x amps, sampled each 100 ms, against the meter's 0.1 Wh."""
    spec = CarSpec(**{"capacity_dwh": 200_000, **car})
    battery = Car(spec)
    store = Store()
    meter = Meter(store, 1)
    joules = 0.0
    step_ns = 100 * MS
    for _ in range(20 * 60 * 10):
        draw = battery.draw(60_000)
        energy_cwns = draw.power_cw * step_ns
        joules += draw.volts_dv / 10 * draw.amps_da / 10 * 0.1
        battery.take(energy_cwns)
        meter.count(energy_cwns)
    assert abs(meter.reading_dwh / 10_000 - joules / 3.6e6) < 0.01


def test_it_meters_a_whole_charge_as_an_integral_of_volts_and_amps_from_outside() -> None:
    """The pile steps from percent to percent; the test walks the battery's curve by tenths of a second."""
    bench = Bench()
    bench.charge(A, balance=500, capacity_dwh=100_000)
    joules, seconds = 0.0, 0.0
    while joules < 0.65 * 10 * 3.6e6:
        percent = 35 + int(joules / (0.01 * 10 * 3.6e6) + 1e-9)
        volts = 340 + 0.8 * percent
        share = 1 if percent < 80 else 1 - 0.045 * (percent - 79)
        amps = int(60_000 * share / volts * 10) / 10
        joules += volts * amps * 0.1
        seconds += 0.1
    bench.until(lambda: bench.state() is GunState.OCCUPIED_FULL)
    bench.do("unplug")
    bench.run(S)
    (bill,) = bench.bills()
    meter_dwh = bench.beats()[-1][1].meter_dwh
    assert meter_dwh is not None
    assert abs(meter_dwh / 10_000 - joules / 3.6e6) < 0.01
    assert abs(bill.energy_dwh - meter_dwh) <= 50 * len(bill.stages_dwh)
    assert abs((local(bill.end) - local(bill.start)).total_seconds() - seconds) < 5


def fen(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


@pytest.mark.parametrize(
    ("start", "minutes", "stay"),
    [
        ("2020-03-03T10:10:00+08:00", 5, 0),
        ("2020-03-03T10:10:00+08:00", 50, 20),
        ("2020-03-03T23:45:00+08:00", 35, 40),
        ("2019-12-31T23:20:00+08:00", 75, 16),
        ("2020-02-28T23:50:00+08:00", 12, 15),
    ],
)
def test_it_bills_what_follows_from_its_own_times_and_the_tariff(start: str, minutes: int, stay: int) -> None:
    bench = Bench(start=start)
    bench.charge(A, balance=500, capacity_dwh=1_500_000, soc_permille=50)
    bench.run(minutes * MINUTE)
    bench.command_stop()
    bench.run(stay * MINUTE + 3 * S)
    bench.do("unplug")
    bench.run(S)
    (bill,) = bench.bills()

    begin, end, leave = local(bill.start), local(bill.end), local(bill.leave)
    assert abs(local(bill.arrive) - datetime.fromisoformat(start) - timedelta(seconds=1)) < timedelta(seconds=1)
    assert local(bill.arrive) <= begin <= end <= leave
    assert bill.charge_minutes == int((end - begin).total_seconds() // 60)
    assert bill.occupancy_minutes == int((leave - end).total_seconds() // 60)
    assert bill.occupancy_fee_mfen == max(0, bill.occupancy_minutes - 15) * 80_000

    # Power is flat below 80 %, but for the volts of each percent: the shares of the half-hours follow from the times.
    first = half_hour_of_day(int(begin.timestamp() * 1e9))
    mark = begin.replace(minute=begin.minute // 30 * 30, second=0, microsecond=0)
    shares = []
    while mark < end:
        span = min(end, mark + timedelta(minutes=30)) - max(begin, mark)
        shares.append(span / (end - begin))
        mark += timedelta(minutes=30)
    assert len(bill.stages_dwh) == len(shares)
    for energy_dwh, share in zip(bill.stages_dwh, shares, strict=True):
        assert energy_dwh % 100 == 0
        assert abs(energy_dwh - share * bill.energy_dwh) < 0.002 * bill.energy_dwh + 100
    for fee_mfen, prices in (
        (bill.charge_fee_mfen, TARIFF.energy_mfen),
        (bill.service_fee_mfen, TARIFF.service_mfen),
    ):
        assert fee_mfen is not None
        kwh = [Decimal(dwh) / 10_000 for dwh in bill.stages_dwh]
        yuan = [Decimal(prices[(first + i) % 48]) / 100_000 for i in range(len(kwh))]
        assert Decimal(fee_mfen) / 100_000 == fen(sum((k * y for k, y in zip(kwh, yuan, strict=True)), Decimal(0)))


def test_it_sends_an_unacknowledged_bill_again_as_it_was_until_it_is_acknowledged() -> None:
    bench = Bench(acknowledges=False)
    bench.charge(A)
    bench.do("unplug")
    bench.run(2 * MINUTE)
    times = bench.times(Bill)
    assert len(times) == 5
    assert all(20 * S <= b - a <= 45 * S for a, b in pairwise(times))
    bench.tell(BillReply(order=B))
    bench.tell(BillReply(order=A))
    bench.run(5 * MINUTE)
    assert len(bench.bills()) == 5
    assert len(set(bench.bills())) == 1


def test_it_sends_every_waiting_bill_oldest_first_before_it_answers_a_start() -> None:
    bench = Bench(guns=2)
    bench.charge(A, gun=1)
    bench.charge(B, gun=2)
    bench.disconnect()
    bench.run(10 * S)
    bench.do("unplug", 2)
    bench.run(10 * S)
    bench.do("unplug", 1)
    bench.run(10 * MINUTE)
    bench.restore()
    since = len(bench.heard)
    bench.until(lambda: bench.up, MINUTE)
    bench.do("plug")
    bench.authorise(C)
    bench.command_start()
    later = [h.message for h in bench.heard[since:] if isinstance(h.message, Bill | StartReply)]
    assert [m.order if isinstance(m, Bill) else m.name for m in later] == [B, A, "start-reply"]


def test_it_keeps_bills_over_a_power_loss() -> None:
    bench = Bench(acknowledges=False)
    bench.charge(A)
    bench.do("unplug")
    bench.run(S)
    bench.do("power-off", None)
    bench.run(HOUR)
    assert not bench.up
    bench.do("power-on", None)
    bench.run(MINUTE)
    assert len(bench.bills()) >= 2
    assert len(set(bench.bills())) == 1


@pytest.mark.parametrize("pulled", ["while dark", "later"])
@pytest.mark.parametrize("clock_error_ns", [0, None])
def test_it_bills_a_charge_that_lost_its_power_by_store_and_meter(pulled: str, clock_error_ns: int | None) -> None:
    bench = Bench(clock_error_ns=clock_error_ns)
    bench.charge(A)
    bench.run(100 * S)
    cut_ns = bench.now_ns
    last = bench.beats()[-1][1]
    bench.do("power-off", None)
    bench.run(MINUTE)
    if pulled == "while dark":
        bench.do("unplug")
    bench.run(MINUTE)
    bench.do("power-on", None)
    back_ns = bench.now_ns
    bench.run(MINUTE)
    assert bench.state() is (GunState.IDLE if pulled == "while dark" else GunState.OCCUPIED_NOT_FULL)
    if pulled == "later":
        bench.do("unplug")
    leave_ns = back_ns if pulled == "while dark" else bench.now_ns
    bench.run(10 * S)
    (bill,) = bench.bills()
    end, leave = bill.end, bill.leave
    assert end is not None
    assert end.epoch_ns is not None
    assert leave is not None
    assert leave.epoch_ns is not None
    assert 0 <= cut_ns - (end.epoch_ns - bench.start_ns) <= 15 * S
    assert abs(leave.epoch_ns - bench.start_ns - leave_ns) < 100 * MS
    meter_dwh = bench.beats()[-1][1].meter_dwh
    assert meter_dwh is not None
    assert last.energy_dwh is not None
    assert abs(bill.energy_dwh - meter_dwh) <= 100
    assert bill.energy_dwh >= last.energy_dwh


def test_it_wakes_up_from_its_store_in_another_object() -> None:
    bench = Bench(acknowledges=False)
    bench.charge(A)
    bench.do("unplug")
    bench.run(S)
    bench.up = False
    bench.pile = bench.new_pile()
    bench.pile.advance(bench.now_ns)
    bench._carry()
    bench.run(5 * S)
    assert bench.bills()[1] == bench.bills()[0]


def test_it_corrects_times_taken_before_the_first_time_tell() -> None:
    clock = Clock(1_583_200_000 * S)
    clock.power_up(0, None, 0)
    assert clock.stamp(5 * S).is_none
    clock.tell(60 * S, 1_583_200_060 * S)
    assert clock.stamp(5 * S) == Stamp(1_583_200_005 * S)
    clock.tell(120 * S, 1_583_200_130 * S)
    assert clock.stamp(5 * S) == Stamp(1_583_200_005 * S)
    assert clock.stamp(120 * S) == Stamp(1_583_200_130 * S)


def test_it_bills_right_with_a_clock_that_was_never_set_before() -> None:
    bench = Bench(clock_error_ns=None)
    bench.charge(A)
    bench.run(MINUTE)
    bench.do("unplug")
    bench.run(S)
    (bill,) = bench.bills()
    assert abs(local(bill.arrive).timestamp() * 1e9 - bench.start_ns - 1 * S) < 1 * S


def test_it_drifts_and_is_put_right_by_the_time_told() -> None:
    clock = Clock(1_583_200_000 * S)
    clock.power_up(0, 0, 10 * MINUTE)
    clock.tell(0, 1_583_200_000 * S)
    assert clock.epoch_ns(12 * HOUR) == (1_583_200_000 * S) + 12 * HOUR + 5 * MINUTE
    clock.tell(DAY, 1_583_200_000 * S + DAY)
    assert clock.epoch_ns(DAY) == 1_583_200_000 * S + DAY
    assert clock.epoch_ns(12 * HOUR) == (1_583_200_000 * S) + 12 * HOUR + 5 * MINUTE
