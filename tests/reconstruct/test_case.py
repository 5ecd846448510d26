"""A case made from a log: on the firmware that the log is of it fails as that did, on the reference nothing fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from enough import has_time
from played import CASES, SCENARIOS, again, at_the_platform, failed, hex_lines, options, run, suspect

from pilesim.cli.scenarios import rule_ids
from pilesim.conformance.runner import run_scenario
from pilesim.errors import UsageError
from pilesim.reconstruct.case import Case, Choice, case_of
from pilesim.reconstruct.story import story_of
from pilesim.rules.verdict import Verdict
from pilesim.scenario import steps
from pilesim.scenario.scenario import parse_scenario
from pilesim.trace.events import Chunk, Finish, Trace, Vantage
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import HOUR, MINUTE, S
from pilesim.wire.frame import Direction

LONG_NS = 4 * HOUR
FEW = (
    "auth/expires",
    "auth/scan-before-bill",
    "bill/late",
    "bill/power-cut-in-charge",
    "bill/stale",
    "bill/unacknowledged",
    "bill/unplugged-offline",
    "order/never-started",
    "order/start-delayed",
    "order/start-lost",
    "platform/balance-spent-elsewhere",
    "start/handshake-fails",
    "start/insulation-fails",
    "stop/phone-cable-in",
    "stop/then-idle",
)
"""One of each kind of thing that has to be inferred; all of them with --whole."""


WHOLE = 3
"""Of those, every third one from a whole recording too, where there is no time for many seeds: it tells more."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = CASES if metafunc.config.getoption("--whole") else FEW
    if "field_case" in metafunc.fixturenames:
        metafunc.parametrize("field_case", chosen)
    if "whole_case" in metafunc.fixturenames:
        metafunc.parametrize("whole_case", chosen if has_time(metafunc.config) else chosen[::WHOLE])


def made(trace: Trace, choice: Choice | None = None) -> Case:
    """The case of a trace, as the command line makes it: it proves nothing that the reference leaves open."""
    story = story_of(trace)
    chosen = choice or Choice()
    first = case_of(story, chosen, identifier="made", source="field.log")
    open_rules = [row.id for row in again(first.text, "sim:reference").unproven]
    return case_of(story, chosen, identifier="made", source="field.log", left_open=open_rules)


def assert_shown_again(case: Case, scenario: str) -> None:
    pile = suspect(scenario)
    assert failed(again(case.text, pile)) == failed(run(scenario, pile).result)
    good = again(case.text, "sim:reference")
    assert (failed(good), good.verdict) == (set(), Verdict.PASS)


def test_it_shows_a_field_case_again_from_a_whole_recording(whole_case: str) -> None:
    assert_shown_again(made(run(whole_case, suspect(whole_case)).trace), whole_case)


@pytest.mark.one_in(2)
def test_it_shows_a_field_case_again_from_what_the_platform_saw(field_case: str) -> None:
    assert_shown_again(made(at_the_platform(run(field_case, suspect(field_case)).trace)), field_case)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("scenario", ["order/start-lost", "order/start-delayed", "bill/stale", "stop/then-idle"])
def test_it_shows_a_field_case_again_from_lines_of_hex(scenario: str, tmp_path: Path) -> None:
    log = tmp_path / "field.log"
    log.write_text(hex_lines(run(scenario, suspect(scenario)).trace), encoding="utf-8")
    trace = load_log(log, Wishes(vantage=Vantage.PLATFORM, protocol="lhc")).trace
    case = made(trace)
    assert_shown_again(case, scenario)
    assert "# line " in case.text


def steps_of(case: Case) -> list[steps.Step]:
    return [lined.step for lined in case.scenario.steps]


def test_it_waits_for_the_other_side() -> None:
    """Where the handshake takes longer than in the log, what follows comes later, and nothing is missed."""
    case = made(at_the_platform(run("order/short", "sim:reference").trace))
    waited = [step for step in steps_of(case) if isinstance(step, steps.Until)]
    assert {step.state for step in waited} >= {"charging", "occupied"}
    assert any(step.bill for step in waited)
    slow = run_scenario(parse_scenario(case.text, "made.yaml", rule_ids()), options("sim:robinson-gen5-0303")).result
    assert slow.waited_in_vain == (), slow.waited_in_vain


def test_it_waits_in_vain_for_nothing() -> None:
    for scenario in ("order/whole", "order/two-guns", "line/flaps"):
        case = made(at_the_platform(run(scenario, "sim:reference").trace))
        assert again(case.text, "sim:reference").waited_in_vain == ()


@pytest.mark.parametrize(
    ("scenario", "pile", "step"),
    [
        ("order/start-lost", "sim:robinson-gen5-0303", steps.Impair(spec={"drop": {"message": "start", "count": 1}})),
        ("order/start-delayed", "sim:robinson-gen5-0303", steps.Tap(gun=1)),
        ("order/stopped-at-pile", "sim:reference", steps.StopButton(gun=1)),
        ("order/unplugged", "sim:reference", steps.Unplug(gun=1)),
        ("order/emergency-stop", "sim:reference", steps.EmergencyStop()),
        ("order/emergency-stop", "sim:reference", steps.EmergencyRelease()),
        ("beat/maintenance", "sim:reference", steps.Maintain(gun=1, on=True)),
        ("bill/power-cut-in-charge", "sim:reference", steps.PowerOff()),
        ("bill/parked-when-full", "sim:reference", steps.Park(gun=1, taken=True)),
        ("order/card", "sim:reference", steps.Card),
    ],
)
def test_it_infers(scenario: str, pile: str, step: steps.Step | type[steps.Step]) -> None:
    found = steps_of(made(at_the_platform(run(scenario, pile).trace)))
    if isinstance(step, type):
        assert any(isinstance(one, step) for one in found)
    else:
        assert step in found


def test_it_tells_how_long_a_start_was_held() -> None:
    case = made(at_the_platform(run("order/start-delayed", "sim:robinson-gen5-0303").trace))
    (impairment,) = [step.spec for step in steps_of(case) if isinstance(step, steps.Impair)]
    assert impairment["hold"]["message"] == "start"
    assert impairment["hold"]["for"].startswith(("43.", "44.")), "the start was held for 43.8 s"


def test_it_says_what_it_supposes() -> None:
    case = made(at_the_platform(run("order/start-delayed", "sim:robinson-gen5-0303").trace))
    assert any("tap" in sentence for sentence in case.supposed)
    assert "supposed" in case.text


def test_it_names_the_frame_of_each_step() -> None:
    case = made(at_the_platform(run("order/short", "sim:reference").trace))
    acts = [line for line in case.text.splitlines() if line.startswith(("  - start:", "  - stop:", "  - authorise:"))]
    assert acts
    assert all("# frame " in line for line in acts)


def test_it_leaves_a_stop_at_the_balance_to_the_platform() -> None:
    case = made(at_the_platform(run("platform/balance-spent-elsewhere", "sim:reference").trace))
    assert not any(isinstance(step, steps.Stop) for step in steps_of(case))


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        ("beat/idle-day", "1d before the first act"),
        ("bill/stale", "16m5s of 00:21:14.154 to 00:38:20.000, in which nothing was under way"),
    ],
)
def test_it_leaves_out_time_in_which_nothing_is_under_way_and_says_so(
    scenario: str, told: str, time_enough: bool
) -> None:
    whole = SCENARIOS[scenario].estimate_ns
    if whole > LONG_NS and not time_enough:
        pytest.skip("it is long: played where there is time for many seeds")
    case = made(at_the_platform(run(scenario, "sim:reference").trace))
    assert told in case.dropped
    assert f"# Left out: {told}." in case.text
    assert case.scenario.estimate_ns < whole


def test_it_keeps_the_gaps_of_an_order() -> None:
    case = made(at_the_platform(run("stop/then-idle", "sim:reference").trace))
    waits = [step.ns for step in steps_of(case) if isinstance(step, steps.Wait)]
    assert any(abs(ns - 10 * MINUTE) < S for ns in waits), "the ten minutes with the cable in"


def test_it_takes_one_order_of_several() -> None:
    trace = at_the_platform(run("order/two-guns", "sim:reference").trace)
    story = story_of(trace)
    for order in story.orders:
        case = made(trace, Choice(orders=(order.number[-6:],)))
        (only,) = case.orders
        guns = {getattr(step, "gun", None) for step in steps_of(case)} - {None}
        assert (only.number, guns) == (order.number, {order.gun})
        result = again(case.text, "sim:reference")
        assert (result.verdict, result.waited_in_vain) == (Verdict.PASS, ())


def test_it_takes_one_gun_of_several() -> None:
    case = made(at_the_platform(run("order/two-guns", "sim:reference").trace), Choice(gun=2))
    assert {getattr(step, "gun", None) for step in steps_of(case)} - {None} == {2}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (Choice(orders=("4711",)), "--order: expected an order of the log, one of 2"),
        (Choice(gun=9), "--gun: expected a gun that the log tells of, found 9"),
    ],
)
def test_it_says_what_there_is_to_choose(choice: Choice, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        made(run("order/short", "sim:reference").trace, choice)


def test_it_makes_a_scenario_of_a_log_without_anything() -> None:
    trace = at_the_platform(run("order/short", "sim:reference").trace)
    first = next(event for event in trace.events if isinstance(event, Chunk) and event.direction is Direction.UP)
    case = made(Trace(trace.header, (first, Finish(t_ns=first.t_ns + MINUTE))))
    assert [type(step) for step in steps_of(case)] == [steps.Wait]


def test_it_reads_every_case_that_there_is() -> None:
    assert set(FEW) <= set(SCENARIOS)
