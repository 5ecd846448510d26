"""The suite against the field's firmware: what fails is what the field saw, and nothing else."""

from __future__ import annotations

import pytest

from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, run_scenario
from pilesim.library import scenario_folder
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Level, Verdict
from pilesim.scenario.scenario import load_scenarios

SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])


def result_of(scenario: str, pile: str, seed: int = 1) -> ScenarioResult:
    options = Options(target=parse_target(pile), protocol="lhc", seed=seed)
    return run_scenario(SCENARIOS[scenario], options).result


def must_failures(result: ScenarioResult) -> set[str]:
    return {row.id for row in result.rules if row.verdict is Verdict.FAIL and row.level is Level.MUST}


# The table of cases and profiles: which rules fail, and no others.
FIELD = [
    ("order/never-started", "robinson-gen5-0303", {"bill.none-unstarted", "bill.times"}),
    ("order/start-lost", "robinson-gen5-0303", {"bill.none-unstarted", "bill.times"}),
    ("bill/stale", "robinson-gen5-0309", {"bill.none-unstarted", "bill.not-stale"}),
    ("bill/late", "robinson-gen5-lag", {"bill.prompt", "bill.oldest-first"}),
    ("order/short", "robinson-gen5-0309", {"bill.after-unplug", "bill.times", "beat.occupied-while-cabled"}),
]


@pytest.mark.parametrize(("scenario", "firmware", "fails"), FIELD, ids=[f"{row[0]}-{row[1]}" for row in FIELD])
def test_the_fields_firmware_fails_what_the_field_saw(scenario: str, firmware: str, fails: set[str]) -> None:
    result = result_of(scenario, f"sim:{firmware}")
    assert must_failures(result) == fails
    assert result.verdict is Verdict.FAIL


@pytest.mark.parametrize("scenario", ["start/handshake-fails", "start/insulation-fails"])
def test_no_rule_of_the_pile_fails_where_the_pile_did_right(scenario: str) -> None:
    assert must_failures(result_of(scenario, "sim:reference")) == set()
