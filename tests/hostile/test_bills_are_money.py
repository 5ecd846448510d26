"""Bills are money: over random short lives, and wherever the power goes, a pile loses no bill, sends none twice with
different content and invents none, and a platform charges each order once.

What breaks that is reduced, and the failure shows it as a scenario's file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from bill_lives import authorise, draw_life, plug, rested, schedule_of, wait
from bill_money import broken
from bill_shrunk import Broken, played, shrunk, told
from bill_world import World

from pilesim.conformance.runner import run_scenario
from pilesim.explore.schedule import ChosenFault
from pilesim.pile.occupancy import Occupancy
from pilesim.pile.store import Store
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario import steps
from pilesim.scenario.scenario import parse_scenario
from pilesim.trace.events import Impaired
from pilesim.units import YUAN_MFEN, S
from pilesim.wire.frame import End

PROTOCOLS = ("lhc", "ykc-1.6")
SEED = 8
CHUNK = 50
LOOKED_AT = 60
MOST_STEPS = 8


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`lives`: the numbers of some drawn lives, so many in all as `--schedules` says."""
    if "lives" in metafunc.fixturenames:
        each = metafunc.config.getoption("--schedules") // len(PROTOCOLS)
        chunks = [range(first, min(first + CHUNK, each)) for first in range(0, each, CHUNK)]
        rows = [(protocol, chunk) for protocol in PROTOCOLS for chunk in chunks]
        names = [f"{protocol}-{chunk.start}" for protocol, chunk in rows]
        metafunc.parametrize(("protocol", "lives"), rows, ids=names)


@pytest.mark.timeout(600)  # what is found is made small, which takes its time
def test_it_keeps_every_promise_about_bills(protocol: str, lives: range, tmp_path: Path) -> None:
    for run in lives:
        outcome = played(*draw_life(SEED, run, protocol))
        assert not outcome.found, told(outcome, tmp_path)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_drawn_lives_hold_all_that_can_befall_a_bill(protocol: str) -> None:
    seen: Counter[str] = Counter()
    for run in range(LOOKED_AT):
        schedule, cut_after = draw_life(SEED, run, protocol)
        world = World(schedule, cut_after)
        world.takes(rested(schedule))
        seen.update({event.effect for event in world.recorder.events if isinstance(event, Impaired)})
        seen.update({type(step).__name__ for step in schedule.steps})
        seen["charged"] += len(world.flash.charged)
        seen["cut between two writes"] += world.flash.writes >= cut_after > 0
    lacking = {"held", "lost", "doubled", "corrupted", "noise", "disconnected", "Tap", "PowerOff", "Unplug"} - set(seen)
    assert not lacking
    assert seen["charged"] > LOOKED_AT // 2
    assert seen["cut between two writes"] > LOOKED_AT // 20


LIVES: dict[str, tuple[steps.Step, ...]] = {
    "charge": (plug(), authorise("A"), wait(S), steps.Start(gun=1), wait(20 * S), steps.Stop(gun=1), wait(S)),
    "charge-to-the-pull": (plug(), authorise("A"), wait(S), steps.Start(gun=1), wait(20 * S), steps.Unplug(gun=1)),
    "failed-start": (plug(insulation=False), authorise("A"), wait(S), steps.Start(gun=1), wait(20 * S)),
    "start-taken-back": (plug(), authorise("A"), wait(S), steps.Start(gun=1), wait(5 * S), steps.Stop(gun=1), wait(S)),
    "next-order-on-the-same-cable": (
        plug(),
        authorise("A"),
        wait(S),
        steps.Start(gun=1),
        wait(20 * S),
        steps.Stop(gun=1),
        wait(S),
        authorise("B"),
        wait(S),
        steps.Start(gun=1),
        wait(20 * S),
    ),
    "another-car-comes-in-the-dark": (
        plug(),
        authorise("A"),
        wait(S),
        steps.Start(gun=1),
        wait(20 * S),
        steps.PowerOff(),
        steps.Unplug(gun=1),
        plug(),
        steps.PowerOn(),
        wait(S),
    ),
    "bill-not-acknowledged": (
        steps.Impair(spec={"drop": {"message": "bill-reply", "count": 1}}),
        plug(),
        authorise("A"),
        wait(S),
        steps.Start(gun=1),
        wait(20 * S),
        steps.Unplug(gun=1),
        wait(31 * S),
    ),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("life", LIVES)
def test_it_keeps_every_promise_wherever_the_power_goes_between_two_writes(
    life: str, protocol: str, tmp_path: Path, time_enough: bool
) -> None:
    schedule = schedule_of(protocol, list(LIVES[life]), 1)
    world = World(schedule)
    world.takes(rested(schedule))
    assert world.flash.writes > 2
    # After every second write where there is no time for each: the one half in one protocol, the other in the other.
    first, step = (0, 1) if time_enough else (PROTOCOLS.index(protocol), len(PROTOCOLS))
    for cut_after in range(first, world.flash.writes + 1, step):
        outcome = played(schedule, cut_after)
        assert not outcome.found, told(outcome, tmp_path)


LATE = {"later": "40s", "count": 1}
AGAIN = (plug(), authorise("A"), wait(S), steps.Start(gun=1), wait(20 * S), steps.Stop(gun=1))
COMES_AGAIN: dict[str, tuple[str, tuple[steps.Step, ...]]] = {
    "the-scan": (
        "lhc",
        (steps.Impair(spec={"duplicate": {"message": "authorise"} | LATE}), *AGAIN, wait(25 * S), steps.Start(gun=1)),
    ),
    "the-start": (
        "ykc-1.6",
        (steps.Impair(spec={"duplicate": {"message": "start"} | LATE}), *AGAIN, wait(25 * S)),
    ),
}


@pytest.mark.parametrize("what", COMES_AGAIN)
def test_an_order_that_was_billed_is_not_begun_again_when_the_line_brings_it_late(what: str) -> None:
    protocol, chosen = COMES_AGAIN[what]
    assert not played(schedule_of(protocol, [*chosen, wait(20 * S)], 1)).found


@pytest.mark.parametrize("what", COMES_AGAIN)
def test_a_pile_that_forgets_what_it_billed_bills_one_order_twice(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "spend", lambda store, order: None)
    protocol, chosen = COMES_AGAIN[what]
    assert "changed" in played(schedule_of(protocol, [*chosen, wait(20 * S)], 1)).words


# --------------------------------------------------------------------------------- whether any of this can fail

NO_ANSWER = steps.Impair(spec={"drop": {"message": "bill-reply", "count": 1}})
UNSTARTED = (plug(), authorise("B"), wait(10 * S), steps.Stop(gun=1), wait(5 * S))


def faulty(name: str, *chosen: steps.Step, **parameters: str) -> Broken:
    fault = ChosenFault(End.PILE, name, tuple(parameters.items()))
    return played(schedule_of("lhc", list(chosen), 1, faults=(fault,)))


@pytest.mark.parametrize(
    ("fault", "chosen", "word"),
    [
        ("bill-lost", LIVES["charge"], "lost"),
        ("bill-lost", LIVES["charge"], "energy"),
        ("energy-lost", LIVES["charge-to-the-pull"], "energy"),
        ("bill-changes", (NO_ANSWER, *LIVES["charge-to-the-pull"], wait(35 * S)), "changed"),
        ("bill-lost-in-power-cut", (*LIVES["charge"], steps.PowerOff(), wait(S), steps.PowerOn()), "lost"),
        ("stale-bill", (*LIVES["charge-to-the-pull"], wait(S), *UNSTARTED), "stale"),
        ("bill-empty-order", LIVES["charge-to-the-pull"], "invented"),
    ],
)
def test_it_sees_what_a_faulty_pile_does_to_a_bill(fault: str, chosen: tuple[steps.Step, ...], word: str) -> None:
    assert word in faulty(fault, *chosen).words


def test_it_sees_a_bill_that_is_lost_between_two_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(occupancy: Occupancy) -> None:
        """As the reference does it, the two writes the other way round."""
        record = occupancy._kept.record
        if record is not None:
            occupancy._kept.record = None
            occupancy._works.bills.close(replace(record, leave_ns=occupancy._works.now_ns))

    monkeypatch.setattr(Occupancy, "end", end)
    schedule = schedule_of("lhc", list(LIVES["charge"]), 1)
    lost = [cut_after for cut_after in range(1, 20) if "lost" in played(schedule, cut_after).words]
    assert len(lost) == 1


def test_it_sees_an_order_that_is_charged_twice() -> None:
    schedule = schedule_of("lhc", list(LIVES["charge-to-the-pull"]), 1)
    world = World(schedule)
    world.takes(rested(schedule))
    (account,) = {row.account for row in world.platform.ledger.rows()}
    left_mfen = world.platform.ledger.balance_mfen(account)
    assert left_mfen is not None and left_mfen < 50 * YUAN_MFEN
    assert not broken(world)
    world.platform.ledger.set_balance(account, 2 * left_mfen - 50 * YUAN_MFEN)
    assert [text.partition(":")[0] for text in broken(world)] == ["charged"]


def test_what_it_finds_becomes_a_short_scenario_that_fails_again(tmp_path: Path) -> None:
    noisy = (steps.Tap(gun=1), *LIVES["next-order-on-the-same-cable"], steps.Tap(gun=1, times=2))
    outcome = faulty("bill-lost", *noisy)
    small = shrunk(outcome)
    assert len(small.schedule.steps) <= MOST_STEPS < len(outcome.schedule.steps)
    assert "bill-lost" in told(outcome, tmp_path)
    text = (tmp_path / "bills.yaml").read_text(encoding="utf-8")
    scenario = parse_scenario(text, "bills.yaml", [rule.id for rule in RULES])
    rules = {row.id: row.verdict for row in run_scenario(scenario, small.schedule.options()).result.rules}
    assert "bill.one-per-charge" in scenario.proves
    assert rules["bill.one-per-charge"] is Verdict.FAIL


def test_a_power_cut_between_two_writes_is_told_in_the_file() -> None:
    schedule = schedule_of("lhc", list(LIVES["charge"]), 1)
    text = Broken(schedule, 7, ("lost: order A",)).text()
    assert "after write 7 of the bill store" in text
    assert parse_scenario(text, "bills.yaml", [rule.id for rule in RULES]).proves == ("bill.one-per-charge",)
