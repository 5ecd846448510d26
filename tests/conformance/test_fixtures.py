"""The firmware fixtures hold: what each profile fails is what its file says, and its small captures still tell it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from enough import has_time
from kept import kept

from pilesim.conformance.judged import judged
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, run_scenario
from pilesim.library import firmware_folder, firmware_names, scenario_folder
from pilesim.rig.firmware import profile_named
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Level, Verdict
from pilesim.scenario.scenario import load_scenarios
from pilesim.trace.capture import encode_event, encode_header, read_capture

SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])
PROFILES = {name: profile_named(name) for name in firmware_names()}
CAPTURES = sorted((firmware_folder() / "captures").rglob("*.jsonl"))
MOST_BYTES = 2 * 1024 * 1024


def fails(result: ScenarioResult) -> tuple[str, ...]:
    return tuple(row.id for row in result.rules if row.verdict is Verdict.FAIL and row.level is Level.MUST)


def one_of_each_kind(expected: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Of the scenarios in which the same rules fail, the shortest."""
    shortest: dict[tuple[str, ...], str] = {}
    for name in sorted(expected, key=lambda name: SCENARIOS[name].estimate_ns):
        shortest.setdefault(expected[name], name)
    return list(shortest.values())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Of each way in which a firmware fails one scenario; every scenario where there is time for many seeds."""
    if "firmware" in metafunc.fixturenames:
        everything = has_time(metafunc.config)
        pairs = [
            (name, scenario)
            for name, profile in PROFILES.items()
            if profile.faults
            for scenario in (SCENARIOS if everything else one_of_each_kind(profile.expected))
        ]
        metafunc.parametrize(("firmware", "scenario"), pairs)


def test_a_firmware_fails_what_its_profile_says_and_no_more(firmware: str, scenario: str) -> None:
    options = Options(target=parse_target(f"sim:{firmware}"), protocol="lhc", seed=1)
    expected = PROFILES[firmware].expected.get(scenario, ())
    assert fails(kept(SCENARIOS[scenario], options).result) == expected


def test_a_profile_expects_something_only_of_scenarios_and_rules_that_there_are() -> None:
    rules = {row.id for row in RULES}
    for name, profile in PROFILES.items():
        assert set(profile.expected) <= set(SCENARIOS), name
        assert {rule for failed in profile.expected.values() for rule in failed} <= rules, name


def test_every_way_in_which_a_firmware_fails_is_among_the_few_that_are_played() -> None:
    for profile in PROFILES.values():
        few = one_of_each_kind(profile.expected)
        assert {profile.expected[name] for name in few} == set(profile.expected.values())
        assert len(few) == len({profile.expected[name] for name in few})


def test_the_captures_are_small_and_every_firmware_has_one() -> None:
    assert {path.parent.name for path in CAPTURES} == set(PROFILES)
    assert sum(path.stat().st_size for path in CAPTURES) < MOST_BYTES


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_capture_is_judged_as_then_and_its_run_gives_the_same_bytes_again(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    trace = read_capture(text.splitlines(keepends=True), str(path))
    header = trace.header
    options = Options(target=parse_target(header.target), protocol=header.protocol, seed=header.seed)
    run = run_scenario(SCENARIOS[header.scenario], options)
    recorded = judged(trace, title="", file="", strict=False, repeat="")
    assert fails(recorded) == fails(run.result)
    assert recorded.verdict is run.result.verdict
    again = [encode_header(run.trace.header), *map(encode_event, run.trace.events)]
    assert text == "".join(line + "\n" for line in again)
