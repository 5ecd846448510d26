"""Every fault of the firmware takes effect, leaves its mishap, and makes a difference that can be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pytest
from pilebench import ACCOUNT, REFERENCE, Bench

from pilesim.pile.behaviour import Behaviour
from pilesim.pile.faults import FAULTS
from pilesim.pile.faults.fault import Fault, MishapLog
from pilesim.pile.timeline import Timeline
from pilesim.units import DAY, MINUTE, YUAN_MFEN, S
from pilesim.wire.messages import (
    NO_TIME,
    Alive,
    Bill,
    BmsDemand,
    BmsHandshake,
    BmsInfo,
    ChargeSummary,
    Ended,
    GunFault,
    GunState,
    Start,
    StartReply,
    StopReason,
)

A = "20200303101200000001"
B = "20200303104000000002"
C = "20200303110000000003"


def bench_with(name: str, parameters: Mapping[str, object], **settings: Any) -> Bench:
    return Bench(profile=REFERENCE.with_faults([(name, parameters)]), **settings)


# Stories: what is done to the pile. Checks: what is then true with the fault, and must not be without.


def plain(bench: Bench) -> None:
    """Two minutes of charge, stopped; three more of occupancy; unplugged."""
    bench.charge(A)
    bench.run(2 * MINUTE)
    bench.command_stop()
    bench.run(3 * MINUTE)
    bench.do("unplug")
    bench.run(2 * MINUTE)


def long_stay(bench: Bench) -> None:
    bench.charge(A)
    bench.run(10 * MINUTE)
    bench.command_stop()
    bench.run(20 * MINUTE)
    bench.do("unplug")
    bench.run(MINUTE)


def unstarted(bench: Bench) -> None:
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.run(20 * MINUTE)


def stopped_unstarted(bench: Bench) -> None:
    bench.run(S)
    bench.authorise(A)
    bench.command_stop()
    bench.run(3 * MINUTE)


def charged_then_unstarted(bench: Bench) -> None:
    plain(bench)
    bench.authorise(B)
    bench.command_stop()
    bench.run(3 * MINUTE)


def scanned_before_the_unplug(bench: Bench) -> None:
    bench.charge(A)
    bench.run(2 * MINUTE)
    bench.command_stop()
    bench.authorise(B)
    bench.run(7 * MINUTE)
    bench.do("unplug")
    bench.run(3 * MINUTE)


def tapped(bench: Bench) -> None:
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.do("tap")
    bench.command_start()
    bench.run(MINUTE)
    bench.do("unplug")
    bench.run(MINUTE)


def unacknowledged(bench: Bench) -> None:
    bench.acknowledges = False
    plain(bench)


def two_bills_without_line(bench: Bench) -> None:
    bench.charge(A, gun=1)
    bench.charge(B, gun=2)
    bench.disconnect(MINUTE)
    bench.do("unplug", 1)
    bench.run(S)
    bench.do("unplug", 2)
    bench.run(3 * MINUTE)


def power_cut(bench: Bench) -> None:
    bench.charge(A)
    bench.run(MINUTE)
    bench.do("power-off", None)
    bench.do("unplug")
    bench.run(MINUTE)
    bench.do("power-on", None)
    bench.run(2 * MINUTE)


def near_midnight(bench: Bench) -> None:
    bench.charge(A)
    bench.run(MINUTE)
    bench.do("unplug")
    bench.run(MINUTE)


def scanned_twice(bench: Bench) -> None:
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.authorise(B)
    bench.command_start()
    bench.run(MINUTE)


def scanned_in_charge(bench: Bench) -> None:
    bench.charge(A)
    bench.authorise(B)
    bench.run(MINUTE)


def flapped(bench: Bench) -> None:
    bench.charge(A)
    bench.disconnect(10 * S)
    bench.run(MINUTE)


def no_insulation(bench: Bench) -> None:
    bench.run(S)
    bench.do("plug", car={"insulation": False})
    bench.authorise(A)
    bench.command_start()
    bench.run(3 * MINUTE)


def no_order(bench: Bench) -> None:
    bench.run(S)
    bench.do("plug")
    bench.command_start()
    bench.run(MINUTE)


def started_twice(bench: Bench) -> None:
    bench.charge(A)
    bench.run(MINUTE)
    bench.command_start()
    bench.run(MINUTE)
    bench.do("unplug")
    bench.run(MINUTE)


def stopped(bench: Bench) -> None:
    bench.charge(A)
    bench.run(MINUTE)
    bench.command_stop()
    bench.run(MINUTE)


def small_balance(bench: Bench) -> None:
    bench.charge(A, balance=1)
    bench.run(3 * MINUTE)


def pulled(bench: Bench) -> None:
    bench.charge(A)
    bench.run(MINUTE)
    bench.do("unplug")
    bench.run(5 * MINUTE)


def charging(bench: Bench) -> None:
    bench.charge(A)
    bench.run(5 * MINUTE)


def defect(bench: Bench) -> None:
    bench.charge(A)
    bench.do("fault", fault="module")
    bench.run(MINUTE)


def half_a_day(bench: Bench) -> None:
    bench.run(DAY // 2)
    bench.do("plug")
    bench.run(MINUTE)


def idle(bench: Bench) -> None:
    bench.run(5 * MINUTE)


def noisy(bench: Bench) -> None:
    bench.run(S)
    bench.push(b"\x00\x01\x02" * 20)
    bench.run(S)
    bench.authorise(A)


MERGED = {"protocol_name": "ykc-1.6"}
"""Where the start brings its order, guns say that they are there, and batteries are told of."""
MERGED_A = "44030500040000012003031010000001"
OTHER = "44030500040000012003031010000000"


def merged(bench: Bench) -> None:
    bench.run(S)
    bench.do("plug")
    bench.tell(Start(order=MERGED_A, account="1", balance_mfen=50 * YUAN_MFEN))
    bench.run(3 * MINUTE)
    bench.command_stop()
    bench.run(MINUTE)


def over_noon(bench: Bench) -> None:
    bench.run(109 * MINUTE)
    bench.do("plug")
    bench.tell(Start(order=MERGED_A, account="1", balance_mfen=50 * YUAN_MFEN))
    bench.run(3 * MINUTE)
    bench.command_stop()
    bench.run(MINUTE)


def orders(bench: Bench) -> list[str | None]:
    """Of the first charging report, of the answer to the start, and of the bill."""
    charging = [x for _, x in bench.beats() if x.state is GunState.CHARGING]
    return [charging[0].order, bench.all(StartReply)[0].order, bench.bills()[0].order]


def resumes(bench: Bench) -> bool:
    """Whether a gun that charged was idle once, and charges on."""
    told = [state for state, _ in groupby(states(bench))]
    return told == [GunState.IDLE, GunState.CHARGING, GunState.IDLE, GunState.CHARGING]


def told(bench: Bench, name: str, at: int = -1) -> int:
    """What the battery was told, at last or at first."""
    value = getattr(bench.all(BmsDemand)[at], name)
    assert isinstance(value, int)
    return value


def soc_apart(bench: Bench) -> int:
    shown = [x.soc_percent for _, x in bench.beats() if x.soc_percent is not None]
    return abs(told(bench, "soc_percent") - shown[-1])


@dataclass(frozen=True)
class Case:
    fault: str
    story: Callable[[Bench], None]
    shows: Callable[[Bench], bool]
    parameters: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def states(bench: Bench) -> list[GunState]:
    return [beat.state for _, beat in bench.beats()]


def charging_beats(bench: Bench) -> int:
    return states(bench).count(GunState.CHARGING)


def off_by_minutes(bench: Bench) -> bool:
    (change,) = [h for h in bench.heard if getattr(h.message, "change", False)][-1:]
    stamp = getattr(change.message, "time", None)
    return abs(stamp.epoch_ns - bench.start_ns - change.t_ns) > 4 * MINUTE if stamp and stamp.epoch_ns else False


def minutes_between(bench: Bench) -> int:
    (bill,) = bench.bills()
    assert bill.end is not None
    assert bill.end.epoch_ns is not None
    assert bill.leave is not None
    assert bill.leave.epoch_ns is not None
    return (bill.leave.epoch_ns - bill.end.epoch_ns) // MINUTE


REPLIES = ("authorise-reply", "start-reply", "stop-reply")

CASES: list[Case] = [
    Case("bill-lost", plain, lambda b: b.bills() == []),
    Case("unplug-lag", plain, lambda b: b.bills() == []),
    Case("unplug-lag", plain, lambda b: b.times(Bill)[0] > 375 * S, {"lag": "1m"}),
    Case("bill-before-unplug", plain, lambda b: b.bills()[0].leave == NO_TIME),
    Case(
        "bill-before-unplug",
        plain,
        lambda b: any(x.state is GunState.IDLE and x.order == "" and x.cable for t, x in b.beats() if t > 200 * S),
    ),
    Case("bill-before-unplug", no_insulation, lambda b: [x.order for x in b.bills()] == [A]),
    Case("record-buffer", stopped_unstarted, lambda b: [(x.order, x.start.is_none) for x in b.bills()] == [(A, True)]),
    Case("record-buffer", unstarted, lambda b: len(b.bills()) == 1),
    Case("record-buffer", charged_then_unstarted, lambda b: len(b.bills()) == 2 and b.bills()[0] == b.bills()[1]),
    Case("record-buffer", scanned_before_the_unplug, lambda b: [x.order for x in b.bills()] == [B]),
    Case("stale-bill", charged_then_unstarted, lambda b: [x.order for x in b.bills()] == [A, A]),
    Case("bill-empty-order", plain, lambda b: [x.order for x in b.bills()] == [""], {}, {"acknowledges": True}),
    Case("bill-changes", unacknowledged, lambda b: len(set(b.bills())) > 1),
    Case("bill-not-resent", unacknowledged, lambda b: len(b.bills()) == 1),
    Case(
        "bills-newest-first",
        two_bills_without_line,
        lambda b: [h.message.gun for h in b.heard if h.message.name == "bill"] == [2, 1],
        {},
        {"guns": 2},
    ),
    Case("bill-lost-in-power-cut", power_cut, lambda b: b.bills() == []),
    Case("energy-lost", plain, lambda b: b.bills()[0].energy_dwh == 0),
    Case("duration-wrong", long_stay, lambda b: minutes_between(b) >= 25),
    Case("loss-factor", long_stay, lambda b: 0.93 < b.bills()[0].energy_dwh / (b.beats()[-1][1].meter_dwh or 1) < 0.94),
    Case("wrong-price", long_stay, lambda b: (b.bills()[0].charge_fee_mfen or 0) > 6.3 * b.bills()[0].energy_dwh),
    Case(
        "occupancy-from-wrong-end", long_stay, lambda b: minutes_between(b) == (b.bills()[0].occupancy_minutes or 0) - 6
    ),
    Case(
        "leave-a-day-late",
        near_midnight,
        lambda b: minutes_between(b) >= 1440,
        {},
        {"start": "2020-03-03T23:50:00+08:00"},
    ),
    Case("wrong-stop-reason", plain, lambda b: b.bills()[0].stop_reason is StopReason.UNEXPECTED),
    Case(
        "taps-clear-order",
        tapped,
        lambda b: (
            [x.order for x in b.bills()] == [""]
            and not b.bills()[0].start.is_none
            and any(x.state is GunState.CHARGING and x.start is not None and x.start.is_none for _, x in b.beats())
        ),
    ),
    Case("authorisation-never-ends", unstarted, lambda b: b.endings() == []),
    Case("second-scan-ignored", scanned_twice, lambda b: b.beats()[-1][1].order == A),
    Case("second-scan-overwrites", scanned_in_charge, lambda b: b.beats()[-1][1].order == B),
    Case("order-lost-on-reconnect", flapped, lambda b: b.beats()[-1][1].order == "" and charging_beats(b) > 3),
    Case("start-fails-silently", no_insulation, lambda b: b.all(Ended) == []),
    Case("energises-without-order", no_order, lambda b: charging_beats(b) > 0),
    Case("double-start", started_twice, lambda b: len(b.bills()) == 2),
    Case("stop-ignored", stopped, lambda b: b.state() is GunState.CHARGING),
    Case("past-the-balance", small_balance, lambda b: b.state() is GunState.CHARGING),
    Case(
        "charges-after-unplug",
        pulled,
        lambda b: any(x.state is GunState.CHARGING and x.cable is False for _, x in b.beats()),
    ),
    Case("energises-after-insulation-failure", no_insulation, lambda b: charging_beats(b) > 0),
    Case("idle-while-cabled", plain, lambda b: GunState.OCCUPIED_NOT_FULL not in states(b)),
    Case("fault-blip", charging, lambda b: states(b).count(GunState.FAULT) == 1 and b.state() is GunState.CHARGING),
    Case("beats-stop-while-charging", charging, lambda b: charging_beats(b) == 1),
    Case("idle-blip", charging, lambda b: states(b)[-2:].count(GunState.CHARGING) == 2 and resumes(b)),
    Case("alive-seldom", idle, lambda b: len(b.all(Alive)) < 16, {}, MERGED),
    Case(
        "alive-in-turn",
        idle,
        lambda b: len(b.all(Alive, 1)) < 16 and abs(len(b.all(Alive, 1)) - len(b.all(Alive, 2))) <= 1,
        {},
        {**MERGED, "guns": 2},
    ),
    Case("refuses-and-charges", merged, lambda b: b.all(StartReply)[0].accepted is False, {}, MERGED),
    Case("order-differs", merged, lambda b: orders(b) == [OTHER, MERGED_A, MERGED_A], {}, MERGED),
    Case(
        "order-differs",
        merged,
        lambda b: orders(b) == [MERGED_A, OTHER, MERGED_A],
        {"message": "start-reply"},
        MERGED,
    ),
    Case("order-differs", merged, lambda b: orders(b) == [MERGED_A, MERGED_A, OTHER], {"message": "bill"}, MERGED),
    Case("price-of-the-start", over_noon, lambda b: b.bills()[0].periods[1].energy_dwh == 0, {}, MERGED),
    Case("soc-differs", merged, lambda b: soc_apart(b) >= 9, {}, MERGED),
    Case("soc-falls", merged, lambda b: told(b, "soc_percent") < told(b, "soc_percent", at=0), {}, MERGED),
    Case("output-differs", merged, lambda b: told(b, "out_cv") > told(b, "measured_cv"), {}, MERGED),
    Case("more-than-demanded", merged, lambda b: told(b, "need_ca") < told(b, "measured_ca"), {}, MERGED),
    Case(
        "temperature-differs",
        merged,
        lambda b: b.all(BmsInfo)[-1].battery.hottest_c > max(x.battery_c or 0 for _, x in b.beats()),
        {},
        MERGED,
    ),
    Case(
        "summary-differs",
        merged,
        lambda b: b.all(ChargeSummary)[0].energy_dwh > b.bills()[0].energy_dwh + 10_000,
        {},
        MERGED,
    ),
    Case("vin-differs", merged, lambda b: b.all(BmsHandshake)[0].vin != b.bills()[0].vin, {}, MERGED),
    Case("unplug-seen-late", pulled, lambda b: minutes_between(b) >= 2),
    Case("clock-never-set", plain, lambda b: b.bills()[0].start.is_none, {}, {"clock_error_ns": None}),
    Case("clock-drifts", half_a_day, off_by_minutes),
    Case(
        "old-start-time",
        charging,
        lambda b: (s := b.beats()[-1][1].start) is not None and (s.epoch_ns or 0) < b.start_ns,
    ),
    Case(
        "fault-not-told",
        defect,
        lambda b: {x.fault for _, x in b.beats()} == {GunFault.NONE} and b.state() is GunState.OCCUPIED_NOT_FULL,
    ),
    Case("never-redials", flapped, lambda b: b.dials == 1),
    Case("drops-the-line", plain, lambda b: b.dials > 1, {"kept": "30s"}),
    Case("loses-order-on-flap", flapped, lambda b: b.state() is GunState.OCCUPIED_NOT_FULL),
    Case(
        "wrong-sequence",
        stopped,
        lambda b: [h.frame.answers for h in b.heard if h.message.name in REPLIES] != b.commands,
    ),
    Case("wrong-length", idle, lambda b: len(b.garbage) > 0),
    Case("wrong-gun", stopped, lambda b: any(h.message.gun > 50 for h in b.heard)),
    Case("wrong-enum", plain, lambda b: b.bills()[0].stop_reason is StopReason.UNKNOWN),
    Case("no-reply", stopped, lambda b: "authorise-reply" not in b.names()),
    Case(
        "no-reply",
        stopped,
        lambda b: "stop-reply" not in b.names() and b.state() is not GunState.CHARGING,
        {"message": "stop-reply"},
    ),
    Case("chokes-on-garbage", noisy, lambda b: "authorise-reply" not in b.names()),
]


def test_it_has_a_case_for_every_fault_and_a_fault_for_every_case() -> None:
    assert {case.fault for case in CASES} == set(FAULTS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.fault}-{case.story.__name__}")
def test_it_shows_its_effect_and_the_reference_does_not(case: Case) -> None:
    faulty = bench_with(case.fault, case.parameters, **case.settings)
    case.story(faulty)
    assert case.shows(faulty)
    assert {m.fault for m in faulty.pile.mishaps} == {case.fault}
    good = Bench(**case.settings)
    case.story(good)
    assert not case.shows(good)
    assert good.pile.mishaps == ()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_it_says_what_it_does_and_who_catches_it(fault: type[Fault[Any]]) -> None:
    assert fault.title.endswith(".")
    assert fault.catches
    assert all("." in rule for rule in fault.catches)


def test_it_overrides_decisions_only() -> None:
    decisions = {name for name in vars(Behaviour) if not name.startswith("_")}
    for fault in FAULTS.values():
        own = {n for n in vars(fault) if callable(getattr(fault, n)) and not n.startswith("_") and n != "parameters"}
        assert own <= decisions, fault.name


def test_it_adds_faults_up() -> None:
    profile = REFERENCE.with_faults([("wrong-stop-reason", {}), ("energy-lost", {}), ("unplug-lag", {"lag": "1m"})])
    bench = Bench(profile=profile)
    plain(bench)
    (bill,) = bench.bills()
    assert (bill.energy_dwh, bill.stop_reason) == (0, StopReason.UNEXPECTED)
    assert {m.fault for m in bench.pile.mishaps} == {"wrong-stop-reason", "energy-lost", "unplug-lag"}


def test_it_loses_bills_at_about_the_rate_given() -> None:
    bench = bench_with("bill-lost", {"rate": "0.25"})
    orders = 100
    for n in range(orders):
        bench.charge(f"202003031000{n:08}")
        bench.do("unplug")
        bench.run(S)
    lost = orders - len(bench.bills())
    assert 15 <= lost <= 35
    assert len(bench.pile.mishaps) == lost


def test_it_starts_for_no_account_but_the_one_whose_order_was_cleared() -> None:
    bench = bench_with("taps-clear-order", {})
    bench.run(S)
    bench.do("plug")
    bench.authorise(A)
    bench.do("tap")
    bench.command_start(account="13800000000000002")
    bench.run(MINUTE)
    assert charging_beats(bench) == 0
    assert ACCOUNT not in {e.account for e in bench.endings()}


def test_it_notes_twice_what_a_fault_does_to_one_bill_at_two_instants() -> None:
    timeline = Timeline()
    log = MishapLog(timeline)
    for at_ns in (0, 0, S):
        timeline.reach(at_ns)
        log.note("bill-not-resent", "the bill is given up", A)
        log.note("clock-never-set", "there is no time")
    assert [(mishap.t_ns, mishap.fault) for mishap in log.all] == [
        (0, "bill-not-resent"),
        (0, "clock-never-set"),
        (S, "bill-not-resent"),
    ]
