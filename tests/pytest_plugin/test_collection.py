"""Scenario files as pytest sees them: which are collected, what selects them, and what is told before they run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, result_of
from pilesim.library import scenario_folder
from pilesim.pytest_plugin import items  # kept loaded, or each inner run would import it anew
from pilesim.rig.targets import parse_target
from pilesim.scenario.scenario import Scenario

pytest_plugins = ["pytester"]

QUIET = ("-p", "no:timeout", "-p", "no:benchmark", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
SCENARIO = """\
id: own/first
title: A plug and an unplug
case: szds-99
proves: [beat.shows-unplug]
start: "2020-03-11T14:00:00+08:00"
steps:
  - plug: {gun: 1}
  - wait: 40s
  - unplug: {gun: 1}
  - wait: 40s
"""
REAL_LINE = ("--pile", "tcp://127.0.0.1:1")


def collected(pytester: pytest.Pytester, *arguments: str) -> list[str]:
    result = pytester.runpytest_inprocess("--collect-only", "-q", *QUIET, *arguments)
    return [line for line in result.outlines if "::" in line]


def own(pytester: pytest.Pytester, text: str = SCENARIO, name: str = "own/first.yaml") -> Path:
    path = pytester.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_it_collects_a_scenario_by_its_id(pytester: pytest.Pytester) -> None:
    own(pytester)
    assert collected(pytester) == ["own/first.yaml::own/first"]


@pytest.mark.parametrize(
    "text",
    ["", "pile: sim:reference\n", "steps:\n  - script: make\n", "jobs:\n  proves: 1\n  steps: 2\n", "{", "\0\xff"],
)
def test_it_leaves_alone_what_only_happens_to_be_yaml(pytester: pytest.Pytester, text: str) -> None:
    own(pytester)
    own(pytester, text, "other/pipeline.yaml")
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("was", "now", "sentence"),
    [
        ("- unplug:", "- unplugg:", "own/first.yaml:9: expected a step"),
        ("[beat.shows-unplug]", "[beat.shows]", "own/first.yaml:4: expected a rule's id, found 'beat.shows'"),
        ("{gun: 1}\n  - wait: 40s\n  - un", "{gun: 1\n  - wait: 40s\n  - un", "own/first.yaml:8: expected YAML"),
    ],
)
def test_it_tells_where_a_scenario_is_broken(pytester: pytest.Pytester, was: str, now: str, sentence: str) -> None:
    own(pytester, SCENARIO.replace(was, now))
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{sentence}*".replace("[", "?")])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_it_collects_a_file_that_is_named_even_where_it_proves_nothing(pytester: pytest.Pytester) -> None:
    path = own(pytester, SCENARIO.replace("proves: [beat.shows-unplug]\n", ""))
    assert "own/first.yaml:1: " in pytester.runpytest_inprocess(*QUIET, str(path)).stdout.str()


@pytest.mark.parametrize(
    ("words", "selected"),
    [
        (("-m", "szds-34"), {"start/handshake-fails"}),
        (("-m", "beat.period or platform.gives-up"), {"platform/gives-up"}),
        (
            ("-m", "scenario(subject='platform') and not szds-33"),
            {"platform/gives-up", "platform/takes-out-of-service", "platform/waits-for-outcome"},
        ),
        (("-m", "scenario(case='szds-33') and platform.bill-acked"), {"platform/balance-spent-elsewhere"}),
        (("-k", "platform and gives"), {"platform/gives-up"}),
        (("-k", "szds-34"), {"start/handshake-fails"}),
    ],
)
def test_it_is_selected_by(pytester: pytest.Pytester, words: tuple[str, ...], selected: set[str]) -> None:
    for folder in ("platform", "start"):
        shutil.copytree(scenario_folder() / folder, pytester.path / folder)
    found = collected(pytester, "--strict-markers", *words)
    assert {line.partition("::")[2] for line in found} == selected


def test_it_says_before_the_run_what_is_about_to_run(pytester: pytest.Pytester) -> None:
    own(pytester)
    result = pytester.runpytest_inprocess(*QUIET, "--pilesim-seed", "7", "--pilesim-protocol", "evlink-2.6")
    result.stdout.fnmatch_lines(
        ["1 scenario, 1m20s of the world's time, seed 7, pile sim:reference, protocol evlink-2.6"]
    )


def test_it_says_nothing_where_there_is_no_scenario(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(passed=1)
    assert "world's time" not in result.stdout.str()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--pile", "sim:nope"), "expected a firmware profile, one of reference, "),
        (("--pile", "COM3"), "expected a pile, sim:NAME or one of "),
        (("--rig", "nowhere.yaml"), "nowhere.yaml: expected a rig file: No such file"),
        (("--rig", "own/rig.yaml", "--pile", "sim:reference"), "--pile: expected the pile once, found it in "),
        (("--pilesim-platform", "tcp://127.0.0.1:1"), "expected the platform sim:reference"),
        (("--pilesim-protocol", "morse"), "expected a protocol, one of lhc, "),
        (("--pilesim-impair", "eat start"), "--impair 'eat start': expected an impairment"),
        (("--pilesim-clock-rate", "0"), "expected a number from 0.01 to 1000, found 0"),
        (("-o", "pilesim_clock_rate=fast", "--pilesim-seed", "2"), "expected a number from 0.01 to 1000, found fast"),
        (("--pilesim-expect", "own/rig.yaml"), "own/rig.yaml:1: "),
        ((*REAL_LINE, "-n2"), "one scenario at a time can be played there: expected no -n"),
    ],
)
def test_it_refuses_before_anything_is_collected(
    pytester: pytest.Pytester, words: tuple[str, ...], sentence: str
) -> None:
    own(pytester)
    own(pytester, "pile: sim:reference\n", "own/rig.yaml")
    result = pytester.runpytest_inprocess(*QUIET, *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert sentence in result.stderr.str()


@pytest.mark.parametrize(
    ("words", "longer_s"),
    [
        ((), 120),
        (REAL_LINE, 1500),
        ((*REAL_LINE, "--pilesim-no-operator"), 1500),
        ((*REAL_LINE, "--pilesim-clock-rate", "100"), 120),
    ],
)
def test_it_guards_each_scenario_by_its_length(
    pytester: pytest.Pytester, words: tuple[str, ...], longer_s: float
) -> None:
    own(pytester)
    found, _ = pytester.inline_genitems("-p", "no:cacheprovider", *words)
    marker = found[0].get_closest_marker("timeout")
    assert marker is not None
    assert longer_s < marker.args[0] < 4 * 3600


def test_it_tells_an_operator_at_the_terminal_whatever_is_captured(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(scenario: Scenario, options: Options) -> ScenarioResult:
        print("something else")
        assert options.terminal is not None
        options.terminal.tell("Plug the cable of gun 1 into the car.")
        return result_of(scenario, Options(target=parse_target("sim:reference"), protocol="lhc", seed=1))

    own(pytester)
    monkeypatch.setattr(items, "result_of", told)
    result = pytester.runpytest_inprocess(*QUIET, *REAL_LINE)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*Plug the cable of gun 1 into the car."])
    assert "something else" not in result.stdout.str()
