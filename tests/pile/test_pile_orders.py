"""The life of an order at the reference pile, as the platform hears it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from pilebench import ACCOUNT, TARIFF, Bench

from pilesim.pile.screen import Page
from pilesim.units import DAY, MINUTE, MS, S
from pilesim.wire.messages import (
    Authorise,
    AuthoriseReply,
    Bill,
    CardAsk,
    Ended,
    EndReason,
    GunFault,
    GunReport,
    GunState,
    Hello,
    StartAsk,
    StartReply,
    StopAsk,
    StopReason,
    StopReply,
    TimeAsk,
)

A = "20200303101200000001"
B = "20200303104000000002"


def test_it_greets_asks_the_time_and_beats_once_the_line_is_up() -> None:
    bench = Bench(guns=2)
    bench.run(S)
    assert bench.dials == 1
    assert bench.names() == ["hello", "time-ask", "gun-report", "gun-report"]
    assert [h.message.gun for h in bench.heard[2:]] == [1, 2]
    assert [hello.firmware for hello in bench.all(Hello)] == ["reference"]


def test_it_beats_every_half_minute_idle_and_every_quarter_charging() -> None:
    bench = Bench()
    bench.run(5 * MINUTE)
    idle = [t for t, _ in bench.beats()]
    assert {b - a for a, b in pairwise(idle)} == {30 * S}
    bench.charge(A)
    since = len(bench.beats())
    bench.run(2 * MINUTE)
    charging = [t for t, _ in bench.beats()[since - 1 :]]
    assert {b - a for a, b in pairwise(charging)} == {15 * S}


def test_it_asks_the_time_again_after_a_day_and_soon_when_nobody_tells() -> None:
    told = Bench()
    told.run(DAY + MINUTE)
    assert [t // S for t in told.times(TimeAsk)] == [0, 86_400]
    untold = Bench(tells_time=False)
    untold.run(MINUTE)
    assert [t // S for t in untold.times(TimeAsk)] == [0, 20, 40]


def test_it_charges_from_the_scan_to_the_bill() -> None:
    bench = Bench()
    bench.charge(A)
    names = [n for n in bench.names() if n != "gun-report"]
    assert names == ["hello", "time-ask", "authorise-reply", "start-reply"]
    started_ns = next(t for t, beat in bench.beats() if beat.state is GunState.CHARGING)
    assert started_ns - bench.times(StartReply)[0] == 17 * S
    while_starting = [beat for t, beat in bench.beats() if bench.times(StartReply)[0] <= t < started_ns]
    assert all(beat.state is GunState.IDLE and beat.cable for beat in while_starting)
    bench.run(10 * MINUTE)
    bench.command_stop()
    assert bench.state() is GunState.OCCUPIED_NOT_FULL
    bench.run(5 * MINUTE)
    assert bench.bills() == []
    unplugged_ns = bench.now_ns
    bench.do("unplug")
    bench.run(MINUTE)
    assert bench.times(Bill) == [unplugged_ns]
    assert bench.state() is GunState.IDLE


def _stop(bench: Bench) -> None:
    bench.run(MINUTE)
    bench.command_stop()


def _full(bench: Bench) -> None:
    bench.until(lambda: bench.state() is not GunState.CHARGING)


def _button(bench: Bench) -> None:
    bench.run(MINUTE)
    bench.do("stop-button")
    assert len(bench.all(StopAsk)) == 1
    bench.command_stop()


def _button_unanswered(bench: Bench) -> None:
    bench.run(MINUTE)
    bench.do("stop-button")
    bench.run(4 * S)
    assert bench.state() is GunState.CHARGING
    bench.run(2 * S)


def _button_off_line(bench: Bench) -> None:
    bench.run(MINUTE)
    bench.disconnect(10 * S)
    bench.do("stop-button")
    bench.run(MINUTE)


def _unplug(bench: Bench) -> None:
    bench.run(MINUTE)
    bench.do("unplug")


def _defect(bench: Bench) -> None:
    bench.run(MINUTE)
    bench.do("fault", fault="module")


def _emergency(bench: Bench) -> None:
    bench.run(MINUTE)
    bench.do("emergency-stop", None)


def _isolation(bench: Bench) -> None:
    bench.run(MINUTE)
    bench.do("insulation", ok=False)


def _power(bench: Bench) -> None:
    bench.run(MINUTE)
    bench.do("power-off", None)
    bench.run(MINUTE)
    bench.do("power-on", None)


OCCUPIED = GunState.OCCUPIED_NOT_FULL
ENDINGS: list[tuple[Callable[[Bench], None], int, StopReason, GunState, GunFault]] = [
    (_stop, 50, StopReason.PLATFORM, OCCUPIED, GunFault.NONE),
    (_full, 500, StopReason.FULL, GunState.OCCUPIED_FULL, GunFault.NONE),
    (_full, 5, StopReason.BALANCE, OCCUPIED, GunFault.NONE),
    (_button, 50, StopReason.AT_PILE, OCCUPIED, GunFault.NONE),
    (_button_unanswered, 50, StopReason.AT_PILE, OCCUPIED, GunFault.NONE),
    (_button_off_line, 50, StopReason.AT_PILE, OCCUPIED, GunFault.NONE),
    (_unplug, 50, StopReason.UNEXPECTED, GunState.IDLE, GunFault.NONE),
    (_defect, 50, StopReason.FAULT, GunState.FAULT, GunFault.MODULE),
    (_emergency, 50, StopReason.FAULT, GunState.FAULT, GunFault.EMERGENCY_STOP),
    (_isolation, 50, StopReason.FAULT, GunState.FAULT, GunFault.INSULATION),
    (_power, 50, StopReason.FAULT, OCCUPIED, GunFault.NONE),
]


@pytest.mark.parametrize(("end", "balance", "reason", "state", "fault"), ENDINGS)
def test_it_ends_a_charge_with_one_bill_that_says_why(
    end: Callable[[Bench], None], balance: int, reason: StopReason, state: GunState, fault: GunFault
) -> None:
    bench = Bench()
    bench.charge(A, balance=balance)
    end(bench)
    bench.run(10 * S)
    assert (bench.beats()[-1][1].state, bench.beats()[-1][1].fault) == (state, fault)
    if state is not GunState.IDLE:
        assert bench.bills() == []
        bench.do("unplug")
    bench.run(2 * MINUTE)
    (bill,) = bench.bills()
    assert (bill.order, bill.stop_reason) == (A, reason)
    assert bill.end is not None
    assert bill.leave is not None
    if reason is StopReason.UNEXPECTED:
        assert bill.leave == bill.end


def test_it_never_costs_more_than_the_balance_by_more_than_a_fen() -> None:
    bench = Bench()
    bench.charge(A, balance=5)
    bench.until(lambda: bench.state() is OCCUPIED)
    bench.do("unplug")
    bench.run(S)
    (bill,) = bench.bills()
    assert 499_000 <= bill.fees_mfen <= 501_000


@pytest.mark.parametrize("release", [("emergency-release", None), ("fault-cleared", 1), ("insulation", 1)])
def test_it_leaves_a_fault_for_occupied_when_its_cause_is_gone(release: tuple[str, int | None]) -> None:
    bench = Bench()
    bench.charge(A)
    kind, gun = release
    causes: dict[str, Callable[[], None]] = {
        "emergency-release": lambda: bench.do("emergency-stop", None),
        "fault-cleared": lambda: bench.do("fault", fault="fan"),
        "insulation": lambda: bench.do("insulation", ok=False),
    }
    causes[kind]()
    bench.run(S)
    assert bench.state() is GunState.FAULT
    bench.do(kind, gun, ok=True)
    bench.run(S)
    assert bench.state() is OCCUPIED


FAILED_STARTS: list[tuple[str, dict[str, object] | None, int, str, int]] = [
    ("no cable", None, 50, ACCOUNT, 0),
    ("no balance", {}, 0, ACCOUNT, 0),
    ("another account", {}, 50, "13800000000000002", 0),
    ("no handshake", {"handshake": False}, 50, ACCOUNT, 31),
    ("no insulation", {"insulation": False}, 50, ACCOUNT, 13),
    ("a full car", {"soc_permille": 1000}, 50, ACCOUNT, 17),
]


@pytest.mark.parametrize(("why", "car", "balance", "account", "after_s"), FAILED_STARTS)
def test_it_tells_a_start_that_cannot_be(
    why: str, car: dict[str, object] | None, balance: int, account: str, after_s: int
) -> None:
    bench = Bench()
    bench.run(S)
    if car is not None:
        bench.do("plug", car=car)
    bench.authorise(A, balance=balance)
    bench.command_start(account=account)
    bench.run(2 * MINUTE)
    names = [n for n in bench.names() if n in ("start-reply", "ended", "bill")]
    assert names == ["start-reply", "ended"], why
    (ended,) = bench.endings()
    assert (ended.account, ended.reason) == (account, EndReason.BY_PILE_OR_USER)
    told_ns = next(h.t_ns for h in bench.heard if h.message is ended)
    assert told_ns - bench.times(StartReply)[0] == after_s * S
    assert all(beat.state is not GunState.CHARGING and not beat.meter_dwh for _, beat in bench.beats())


def test_it_shows_the_insulation_fault_before_it_ends_the_start_and_until_the_cable_is_out() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("plug", car={"insulation": False})
    bench.authorise(A)
    bench.command_start()
    bench.run(MINUTE)
    at = bench.names().index("ended")
    last = [h.message for h in bench.heard[:at] if isinstance(h.message, GunReport)][-2:]
    assert [(r.change, r.fault) for r in last] == [(False, GunFault.INSULATION_TEST), (True, GunFault.INSULATION_TEST)]
    assert bench.state() is GunState.FAULT
    bench.do("unplug")
    bench.run(S)
    assert bench.state() is GunState.IDLE
    assert bench.bills() == []


def test_it_gives_up_an_order_that_nobody_starts_and_bills_nothing() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.run(7 * MINUTE)
    (ended,) = bench.endings()
    assert ended.reason is EndReason.TIMED_OUT
    given_up_ns = next(h.t_ns for h in bench.heard if h.message is ended)
    assert given_up_ns - bench.times(AuthoriseReply)[0] == 5 * MINUTE + 50 * S
    bench.command_start()
    bench.run(MINUTE)
    assert bench.state() is GunState.IDLE
    assert bench.bills() == []


def test_it_tells_an_order_given_up_off_line_once_the_line_is_back() -> None:
    bench = Bench()
    bench.run(S)
    bench.authorise(A)
    bench.disconnect(8 * MINUTE)
    bench.run(8 * MINUTE)
    assert bench.endings() == []
    bench.run(MINUTE)
    assert [e.reason for e in bench.endings()] == [EndReason.TIMED_OUT]


def test_it_keeps_an_order_through_taps_and_a_lost_line() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    for _ in range(5):
        bench.do("tap")
    bench.disconnect(MINUTE)
    bench.run(3 * MINUTE)
    bench.command_start()
    bench.run(MINUTE)
    assert bench.beats()[-1][1].order == A
    assert bench.state() is GunState.CHARGING


def test_it_charges_on_without_the_line_under_the_same_order() -> None:
    bench = Bench()
    bench.charge(A)
    before = bench.beats()[-1][1]
    bench.disconnect(MINUTE)
    bench.run(3 * MINUTE)
    after = bench.beats()[-1][1]
    assert (after.order, after.start, after.state) == (A, before.start, GunState.CHARGING)
    assert after.energy_dwh is not None
    assert after.energy_dwh > 20_000


def test_it_takes_a_second_scan_but_not_in_the_midst_of_a_charge() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.authorise(B)
    bench.command_start()
    bench.run(MINUTE)
    assert bench.beats()[-1][1].order == B
    bench.authorise(A, account="13800000000000002")
    bench.run(MINUTE)
    assert bench.beats()[-1][1].order == B
    assert len(bench.all(AuthoriseReply)) == 3
    assert bench.endings() == []


def test_it_answers_a_start_twice_and_starts_once() -> None:
    bench = Bench()
    bench.charge(A)
    start = bench.beats()[-1][1].start
    bench.command_start()
    bench.run(MINUTE)
    assert len(bench.all(StartReply)) == 2
    assert bench.beats()[-1][1].start == start
    bench.do("unplug")
    bench.run(MINUTE)
    assert len(bench.bills()) == 1


def test_it_answers_a_second_start_while_starting_and_goes_on() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.command_start()
    bench.command_start()
    bench.run(MINUTE)
    first, _ = bench.times(StartReply)
    assert next(t for t, beat in bench.beats() if beat.state is GunState.CHARGING) == first + 17 * S


@pytest.mark.parametrize(("account", "accepted"), [("13800000000000002", True), (ACCOUNT, False)])
def test_it_answers_a_stop_that_is_not_its_own_and_charges_on(account: str, accepted: bool) -> None:
    bench = Bench()
    bench.charge(A)
    bench.command_stop(account=account, accepted=accepted)
    assert len(bench.all(StopReply)) == 1
    assert bench.state() is GunState.CHARGING


def test_it_answers_a_refused_authorisation_and_holds_nothing() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("plug")
    refused = Authorise(account=ACCOUNT, order=A, balance_mfen=5_000_000, tariff=TARIFF, accepted=False, refusal=2)
    bench.tell(refused)
    assert len(bench.all(AuthoriseReply)) == 1
    bench.command_start()
    bench.run(MINUTE)
    assert [e.reason for e in bench.endings()] == [EndReason.BY_PILE_OR_USER]
    assert bench.state() is GunState.IDLE


def test_it_ends_an_unstarted_order_by_stop_without_a_bill() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.command_stop()
    bench.run(10 * MINUTE)
    assert len(bench.all(StopReply)) == 1
    assert bench.endings() == []
    assert bench.bills() == []
    bench.command_start()
    assert [e.reason for e in bench.endings()] == [EndReason.BY_PILE_OR_USER]


def test_it_stops_a_start_under_way() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.command_start()
    bench.command_stop()
    bench.run(MINUTE)
    assert all(beat.state is GunState.IDLE for _, beat in bench.beats())
    assert bench.bills() == []


def test_it_bills_the_old_order_before_it_answers_a_start_on_the_same_cable() -> None:
    bench = Bench()
    bench.charge(A)
    bench.run(5 * MINUTE)
    bench.command_stop()
    bench.run(5 * MINUTE)
    bench.authorise(B)
    assert bench.bills() == []
    since = len(bench.heard)
    bench.command_start()
    names = [n for n in bench.names(since) if n != "gun-report"]
    assert names == ["bill", "start-reply"]
    (bill,) = bench.bills()
    assert bill.leave is not None
    assert bill.leave.epoch_ns is not None
    assert abs(bill.leave.epoch_ns - bench.start_ns - bench.times(Bill)[0]) < 100 * MS
    bench.run(5 * MINUTE)
    bench.do("unplug")
    bench.run(MINUTE)
    second = bench.bills()[1]
    assert (second.order, second.arrive) == (B, bill.arrive)


def test_it_keeps_the_occupancy_of_an_order_whose_successor_is_not_authorised() -> None:
    bench = Bench()
    bench.charge(A)
    bench.command_stop()
    bench.command_start()
    assert bench.bills() == []
    assert bench.state() is OCCUPIED
    assert [e.reason for e in bench.endings()] == [EndReason.BY_PILE_OR_USER]


def test_it_starts_by_card_when_the_platform_authorises_it() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("plug")
    bench.do("card", account=ACCOUNT)
    bench.authorise(A)
    assert [ask.account for ask in bench.all(CardAsk)] == [ACCOUNT]
    assert bench.all(AuthoriseReply) == []
    assert [ask.order for ask in bench.all(StartAsk)] == [A]
    bench.run(MINUTE)
    assert bench.state() is GunState.CHARGING
    bench.do("card", account=ACCOUNT)
    bench.run(10 * S)
    assert bench.state() is OCCUPIED


def test_it_runs_two_guns_on_their_own() -> None:
    bench = Bench(guns=2)
    bench.charge(A, gun=1)
    bench.charge(B, gun=2)
    bench.run(5 * MINUTE)
    bench.command_stop(gun=1)
    assert (bench.state(1), bench.state(2)) == (OCCUPIED, GunState.CHARGING)
    bench.do("emergency-stop", None)
    bench.run(S)
    assert (bench.state(1), bench.state(2)) == (GunState.FAULT, GunState.FAULT)
    bench.do("unplug", 1)
    bench.do("unplug", 2)
    bench.run(S)
    assert [b.order for b in bench.bills(1) + bench.bills(2)] == [A, B]
    assert [b.stop_reason for b in bench.bills(1) + bench.bills(2)] == [StopReason.PLATFORM, StopReason.FAULT]


def test_it_shows_the_user_where_things_stand() -> None:
    bench = Bench()
    pages = []

    def look() -> None:
        pages.append(bench.pile.screen(1))

    look()
    bench.run(S)
    look()
    bench.do("plug")
    bench.authorise(A)
    look()
    bench.command_start()
    look()
    bench.run(MINUTE)
    look()
    bench.command_stop()
    look()
    bench.do("fault", fault="fan")
    look()
    bench.do("power-off", None)
    look()
    assert pages == [
        Page.NO_NETWORK,
        Page.SCAN,
        Page.READY,
        Page.STARTING,
        Page.CHARGING,
        Page.UNPLUG,
        Page.OUT_OF_ORDER,
        Page.DARK,
    ]


NONSENSE: list[tuple[str, int | None, dict[str, object], str]] = [
    ("unplug", 1, {}, "gun 1: unplug: no cable is in"),
    ("insulation", 1, {"ok": False}, "gun 1: insulation: no car is there"),
    ("power-on", None, {}, "power-on: the power is on already"),
    ("tap", 2, {}, "tap: expected a gun from 1 to 1, found 2"),
    ("plug", None, {}, "plug: expected a gun from 1 to 1, found None"),
    ("plug", 1, {"car": {"soc_permille": 1001}}, r"plug: car: expected `int` <= 1000 - at `\$.soc_permille`"),
    ("card", 1, {}, "card: account: expected `str`, got `null`"),
    ("fault", 1, {"fault": "tired"}, "fault: fault: invalid enum value 'tired'"),
    ("kick", 1, {}, "expected a stimulus, one of plug, .*; found 'kick'"),
]


@pytest.mark.parametrize(("kind", "gun", "detail", "problem"), NONSENSE)
def test_it_refuses_what_cannot_be_done_in_a_sentence(
    kind: str, gun: int | None, detail: dict[str, object], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Bench().do(kind, gun, **detail)


def test_it_takes_no_order_out_of_service_and_serves_again_after() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("maintenance", on=True)
    bench.run(S)
    assert bench.state() is GunState.MAINTENANCE
    bench.do("plug")
    bench.authorise(A)
    bench.command_start()
    bench.run(MINUTE)
    assert [ended.reason for ended in bench.all(Ended)] == [EndReason.BY_PILE_OR_USER]
    assert bench.state() is GunState.MAINTENANCE
    bench.do("unplug")
    bench.do("maintenance", on=False)
    bench.charge(B)
    with pytest.raises(ValueError, match="expected it idle, found it charging"):
        bench.do("maintenance", on=True)
