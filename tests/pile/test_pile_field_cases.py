"""The field cases that a firmware profile was made for, played at one pile: what the platform then heard."""

from __future__ import annotations

from pilebench import Bench, fixture

from pilesim.units import MINUTE, MS, S
from pilesim.wire.messages import NO_TIME, AuthoriseReply, Bill, GunState, StartReply, StopReply

A = "20200303123645436010"
B = "20200303130000000002"


def test_it_sends_an_empty_bill_for_an_order_that_was_never_started() -> None:
    """szds-16a: stopped 5 min 41.6 s after the scan; the bill comes 1 min 22.7 s after that, zero throughout."""
    bench = Bench(profile=fixture("robinson-gen5-0303"))
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.run(5 * MINUTE + 38 * S)
    bench.command_stop()
    bench.run(2 * MINUTE)
    (bill,) = bench.bills()
    assert bill.order == A
    assert {bill.arrive, bill.start, bill.end, bill.leave} == {NO_TIME}
    assert (bill.energy_dwh, bill.charge_fee_mfen, bill.service_fee_mfen, bill.charge_minutes) == (0, 0, 0, 0)
    after_ns = bench.times(Bill)[0] - bench.times(StopReply)[0]
    # The pile counts from when it has worked the stop off, the field from when it was sent.
    assert 0 <= MINUTE + 22_700 * MS - after_ns <= S


def test_it_charges_under_no_order_and_stops_at_once_when_the_screen_was_tapped() -> None:
    """szds-16b: the start comes late, the taps have cleared order and balance, and the bill has no order."""
    bench = Bench(profile=fixture("robinson-gen5-0303"))
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    for _ in range(4):
        bench.do("tap")
    bench.run(MINUTE + 52 * S)
    bench.command_start()
    bench.run(MINUTE)
    assert len(bench.all(StartReply)) == 1
    charging = [beat for _, beat in bench.beats() if beat.state is GunState.CHARGING]
    assert [(beat.order, beat.start) for beat in charging] == [("", NO_TIME)]
    assert bench.state() is GunState.OCCUPIED_NOT_FULL
    bench.do("unplug")
    bench.run(MINUTE)
    (bill,) = bench.bills()
    assert bill.order == ""
    assert bill.start != NO_TIME
    assert bill.end != NO_TIME


def test_it_sends_the_last_bill_again_when_the_next_order_comes_to_nothing() -> None:
    """szds-25: A is charged and billed, B is scanned and times out, and A's bill comes again."""
    bench = Bench(profile=fixture("robinson-gen5-0309"))
    bench.charge(A)
    bench.run(5 * MINUTE)
    bench.do("unplug")
    bench.run(MINUTE)
    bench.authorise(B)
    bench.run(7 * MINUTE)
    first, second = bench.bills()
    assert first == second
    assert first.order == A
    (ended_ns,) = [h.t_ns for h in bench.heard if h.message.name == "ended"]
    assert 0 < bench.times(Bill)[1] - ended_ns <= 5 * S


def test_it_bills_the_second_order_with_the_first_ones_data() -> None:
    """szds-26: B is scanned before A's bill has left; A never gets one."""
    bench = Bench(profile=fixture("robinson-gen5-0309"))
    bench.charge(A)
    bench.run(5 * MINUTE)
    bench.command_stop()
    bench.run(30 * S)
    bench.authorise(B)
    bench.do("unplug")
    bench.run(10 * MINUTE)
    bills = bench.bills()
    assert {bill.order for bill in bills} == {B}
    assert len(set(bills)) == 1
    assert bills[0].energy_dwh > 40_000


def test_it_bills_a_minute_after_the_end_and_says_idle_with_the_cable_in() -> None:
    """szds-32.9: the leave time is empty, and no further bill comes with the unplug."""
    bench = Bench(profile=fixture("robinson-gen5-0309"))
    bench.charge(A)
    bench.run(5 * MINUTE)
    bench.command_stop()
    ended_ns = next(t for t, beat in bench.beats() if beat.state is GunState.OCCUPIED_NOT_FULL)
    bench.run(5 * MINUTE)
    (bill,) = bench.bills()
    assert bill.leave == NO_TIME
    assert bench.times(Bill) == [ended_ns + MINUTE]
    assert (bench.state(), bench.beats()[-1][1].cable) == (GunState.IDLE, True)
    bench.do("unplug")
    bench.run(5 * MINUTE)
    assert len(bench.bills()) == 1


def test_it_starts_the_next_order_while_the_last_ones_bill_is_late() -> None:
    """szds-33: no bill for 49 min 41 s, through an outage and another start."""
    bench = Bench(profile=fixture("robinson-gen5-lag"))
    bench.charge(A)
    bench.run(11 * MINUTE)
    bench.do("unplug")
    unplugged_ns = bench.now_ns
    bench.run(MINUTE)
    bench.disconnect(30 * S)
    bench.run(2 * MINUTE)
    bench.charge(B)
    assert bench.bills() == []
    bench.until(lambda: bench.bills() != [])
    assert bench.times(Bill) == [unplugged_ns + 49 * MINUTE + 41 * S]


def test_it_tells_a_failed_start_half_a_minute_after_its_reply() -> None:
    """szds-34: the pile did right; what hung was the app."""
    bench = Bench()
    bench.run(S)
    bench.do("plug", car={"handshake": False})
    bench.authorise(A)
    bench.command_start()
    bench.run(MINUTE)
    (ended_ns,) = [h.t_ns for h in bench.heard if h.message.name == "ended"]
    assert ended_ns - bench.times(StartReply)[0] == 31 * S
    assert len(bench.all(AuthoriseReply)) == 1
    assert {beat.state for _, beat in bench.beats()} == {GunState.IDLE}
