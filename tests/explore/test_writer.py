"""A scenario written is the scenario read: for every schedule drawn, every file that travels, and any text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from enough import examples
from hypothesis import given
from hypothesis import strategies as st

from pilesim.explore.draw import Drawing, draw_schedule
from pilesim.library import scenario_folder
from pilesim.quantities import Duration, Kwh, Word, Yuan
from pilesim.rules.table import RULES
from pilesim.scenario import steps
from pilesim.scenario.scenario import Scenario, load_scenarios, parse_scenario
from pilesim.scenario.writer import lined_steps, scenario_text, step_text

RULE_IDS = [row.id for row in RULES]
DRAWING = Drawing(protocol="lhc", profile="reference")
SCENARIOS = load_scenarios(scenario_folder(), RULE_IDS)


def read_back(scenario: Scenario) -> Scenario:
    return parse_scenario(scenario_text(scenario, ("a comment: with {signs}",)), scenario.file, RULE_IDS)


def without_lines(scenario: Scenario) -> Scenario:
    """All that a scenario says, less where its steps stand in the file."""
    return replace(scenario, steps=tuple(replace(lined, line=0) for lined in scenario.steps))


@given(seed=st.integers(0, 2**32), run=st.integers(0, 10**6))
@examples(60)
def test_it_writes_a_drawn_schedule_so_that_it_is_read_back(seed: int, run: int) -> None:
    scenario = draw_schedule(seed, run, DRAWING).scenario("explore/drawn", "Drawn", ("frame.valid",))
    assert without_lines(read_back(scenario)) == without_lines(scenario)


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_writes_a_file_that_travels_so_that_it_says_the_same(name: str) -> None:
    scenario = SCENARIOS[name]
    again = read_back(scenario)
    assert [lined.step for lined in again.steps] == [lined.step for lined in scenario.steps]
    assert replace(again, steps=()) == replace(scenario, steps=())


@given(title=st.text(st.characters(exclude_categories=["Cs"])), label=st.text(st.characters(codec="ascii"), min_size=1))
@examples(60)
def test_it_writes_any_text_so_that_it_is_read_back(title: str, label: str) -> None:
    step = steps.Authorise(gun=1, order=Word(label), balance=Yuan(1))
    scenario = replace(SCENARIOS["order/short"], title=title, steps=lined_steps([step]))
    again = read_back(scenario)
    assert (again.title, [lined.step for lined in again.steps]) == (title, [step])


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (steps.Plug(gun=1), "plug: {gun: 1}"),
        (
            steps.Plug(gun=2, car=steps.Car(soc=90, insulation=False)),
            "plug: {gun: 2, car: {soc: 90, insulation: false}}",
        ),
        (steps.Plug(gun=1, car=steps.Car(battery_kwh=Kwh(12_345))), "plug: {gun: 1, car: {battery_kwh: 1.2345}}"),
        (
            steps.Authorise(gun=1, order=Word("A"), balance=Yuan(5_000_000)),
            "authorise: {gun: 1, order: A, balance: 50.00}",
        ),
        (
            steps.Authorise(gun=1, order=Word("20200303123645436010"), balance=Yuan(0)),
            'authorise: {gun: 1, order: "20200303123645436010", balance: 0.00}',
        ),
        (steps.Until(bill=Word("true")), 'until: {bill: "true"}'),
        (steps.Wait(ns=Duration(341_600_000_000)), "wait: 5m41.6s"),
        (steps.Wait(ns=Duration(1_000_000_001)), "wait: 1.000000001s"),
        (steps.At(time="11:42:09.156"), 'at: "11:42:09.156"'),
        (steps.Heal(), "heal:"),
        (steps.Impair(spec={"drop": {"message": "start", "count": 1}}), "impair: {drop: {message: start, count: 1}}"),
    ],
)
def test_it_writes_a_step_as_a_person_would(step: steps.Step, text: str) -> None:
    assert step_text(step) == text
