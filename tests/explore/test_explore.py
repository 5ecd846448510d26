"""Exploring finds a fault that is there, reduces it to that fault and few steps, and the written file fails again."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from pilesim.cli.explore import command
from pilesim.explore import explore as exploring
from pilesim.explore.draw import Drawing, draw_schedule
from pilesim.explore.explore import CRASHED, Explored, Finding, explore
from pilesim.explore.reduce import reduced
from pilesim.explore.schedule import ChosenFault, Schedule, possible
from pilesim.rules.table import RULES
from pilesim.scenario import steps
from pilesim.scenario.scenario import parse_scenario
from pilesim.wire.frame import End

REFERENCE = Drawing(protocol="lhc", profile="reference", faults=False)
MOST_STEPS = 8
SEED = 5
URL = "sim:reference?fault=wrong-sequence&fault=stop-ignored"
QUIET_RUNS = 8


def pile_with(*faults: str) -> Drawing:
    return replace(REFERENCE, given=tuple(ChosenFault(End.PILE, name) for name in faults))


@dataclass(frozen=True)
class Asked:
    """An exploration as a user asks for it: of a pile with a fault that fails nothing, and one that does."""

    exit_code: int
    output: str
    explored: Explored
    files: Path

    @property
    def found(self) -> Finding:
        return next(found for found in self.explored.findings if found.rule == "stop.ends-charge")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("explored")
    words = ["--runs", "1", "--seed", str(SEED), "--no-faults", "--pile", URL]
    words += ["--out", str(folder / "found"), "--json", str(folder / "result.json")]
    ran = CliRunner().invoke(command, words, standalone_mode=False)
    explored = msgspec.json.decode((folder / "result.json").read_bytes(), type=Explored)
    return Asked(ran.return_value, ran.output, explored, folder / "found")


def test_it_finds_nothing_wrong_with_the_reference() -> None:
    explored = explore(1, QUIET_RUNS, REFERENCE, url="sim:reference")
    assert [(found.rule, found.runs, found.because) for found in explored.findings] == []


def test_it_reduces_what_fails_to_the_one_fault_and_few_steps(asked: Asked) -> None:
    assert asked.found.faults == ("stop-ignored",)
    scenario = parse_scenario(asked.found.scenario, "found.yaml", [row.id for row in RULES])
    assert len(scenario.steps) <= MOST_STEPS
    assert not [lined for lined in scenario.steps if isinstance(lined.step, steps.Impair)]


def test_it_reduces_a_fault_of_bills_to_it_alone() -> None:
    schedule = draw_schedule(7, 0, pile_with("wrong-sequence", "bill-lost"))
    small = reduced(schedule, partial(exploring.breaks, "bill.prompt"))
    assert [fault.name for fault in small.faults] == ["bill-lost"]
    assert len(small.steps) <= MOST_STEPS


def test_it_writes_a_file_that_fails_again_by_the_command_in_it(asked: Asked) -> None:
    words = shlex.split(asked.found.repeat)
    assert words[:3] == ["pilesim", "conform", f"{asked.found.name}.yaml"]
    assert asked.found.repeat in (asked.files / words[2]).read_text(encoding="utf-8")
    again = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=asked.files,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert again.returncode == 1, again.stderr
    assert f"failed: {', '.join(asked.found.failed)}" in again.stdout


def test_it_says_by_its_exit_code_that_something_fails_and_names_the_command(asked: Asked) -> None:
    assert asked.exit_code == 1
    assert sorted(path.stem for path in asked.files.iterdir()) == sorted(f.name for f in asked.explored.findings)
    assert f"again: pilesim conform {asked.files / asked.found.name}.yaml" in asked.output


def test_it_says_by_its_exit_code_that_nothing_fails() -> None:
    ran = CliRunner().invoke(command, ["--runs", "1", "--seed", "4", "--no-faults"], standalone_mode=False)
    assert ran.return_value == 0, ran.output
    assert "PASS nothing fails" in ran.output


def test_it_finds_the_same_in_many_processes_as_in_one(asked: Asked) -> None:
    spread = explore(SEED, 1, pile_with("wrong-sequence", "stop-ignored"), url=URL, jobs=2)
    assert msgspec.json.encode(spread) == msgspec.json.encode(asked.explored)


def test_it_draws_the_same_schedule_from_the_same_seed_and_another_from_another() -> None:
    drawing = replace(REFERENCE, faults=True)
    first = draw_schedule(1, 0, drawing)
    assert draw_schedule(1, 0, drawing) == first
    assert draw_schedule(1, 1, drawing).key != first.key != draw_schedule(2, 0, drawing).key


def test_it_draws_only_steps_that_can_be_done() -> None:
    for run in range(200):
        schedule = draw_schedule(5, run, replace(REFERENCE, faults=True))
        assert possible(schedule.steps) == schedule.steps
        schedule.options()  # UsageError for a fault or a parameter that does not exist


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ([steps.Unplug(gun=1)], 0),
        ([steps.Plug(gun=1), steps.Plug(gun=1), steps.Unplug(gun=1)], 2),
        ([steps.Plug(gun=1), steps.Insulation(gun=2, ok=False)], 1),
        ([steps.PowerOn(), steps.PowerOff(), steps.PowerOff(), steps.PowerOn()], 2),
        ([steps.Start(gun=1), steps.Stop(gun=1)], 0),
    ],
)
def test_it_leaves_out_what_cannot_be_done(wanted: list[steps.Step], left: int) -> None:
    assert len(possible(wanted)) == left


def test_it_reduces_to_plain_values_as_far_as_they_still_fail() -> None:
    def has_a_tap_and_a_wait(candidate: Schedule) -> bool:
        taps = any(isinstance(step, steps.Tap) for step in candidate.steps)
        return taps and any(isinstance(step, steps.Wait) and step.ns > 10**10 for step in candidate.steps)

    drawn = (draw_schedule(9, run, REFERENCE) for run in range(100))
    schedule = next(one for one in drawn if has_a_tap_and_a_wait(one))
    small = reduced(schedule, has_a_tap_and_a_wait)
    assert small.seed == 1 and not small.auto and not small.faults
    assert sorted(type(step).__name__ for step in small.steps) == ["Tap", "Wait"]
    assert next(step.ns for step in small.steps if isinstance(step, steps.Wait)) == 30 * 10**9
    assert next(step.times for step in small.steps if isinstance(step, steps.Tap)) == 1


def test_it_tells_a_fault_of_this_program_as_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise AssertionError("something that cannot be")

    monkeypatch.setattr(exploring, "run_scenario", breaks)
    (found,) = explore(1, 1, REFERENCE, url="sim:reference").findings
    assert (found.rule, found.because) == (CRASHED, ("AssertionError: something that cannot be",))


@pytest.mark.parametrize("pile", ["tcp://127.0.0.1:9", "sim:reference?link=tcp", "sim:nobody", "sim:reference?fault=x"])
def test_it_refuses_a_pile_that_it_cannot_play_over_and_over(pile: str) -> None:
    ran = CliRunner().invoke(command, ["--runs", "1", "--pile", pile], standalone_mode=False)
    assert "expected" in str(ran.exception)
