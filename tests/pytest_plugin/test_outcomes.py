"""What a scenario's verdict is in pytest, and what is told of it."""

from __future__ import annotations

import json
import shutil
import sys
from xml.etree import ElementTree

import pytest

from pilesim.conformance import runner
from pilesim.library import scenario_folder
from pilesim.pytest_plugin import items  # noqa: F401 (kept loaded, or each inner run would import it anew)

pytest_plugins = ["pytester"]

QUIET = ("-p", "no:timeout", "-p", "no:benchmark", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
NAMES = ("order/short", "order/start-lost", "order/card", "stop/twice")
FAULTY = ("--pile", "sim:robinson-gen5-0303")


def run(pytester: pytest.Pytester, *words: str, inside: bool = True) -> pytest.RunResult:
    """Run pytest with `words`, of which `order/short` and the like are scenarios that travel with pilesim."""
    run_it = pytester.runpytest_inprocess if inside else pytester.runpytest_subprocess
    return run_it(*QUIET, *(copied(pytester, word) if word in NAMES else word for word in words))


def copied(pytester: pytest.Pytester, name: str) -> str:
    path = pytester.path / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    shutil.copy(scenario_folder() / f"{name}.yaml", path)
    return str(path)


def no_port(pytester: pytest.Pytester) -> tuple[str, str]:
    """A rig whose pile's port is not there, with a command for each act, so that no operator is asked for."""
    path = pytester.path / "rig.yaml"
    hands = json.dumps({act: {"command": [sys.executable, "-c", "", act]} for act in ("plug", "unplug")})
    path.write_text(f"pile: serial://no-such-port-anywhere\nworld-time: true\nhands: {hands}\n", encoding="utf-8")
    return "--rig", str(path)


def test_it_passes_where_the_verdict_is_pass(pytester: pytest.Pytester) -> None:
    run(pytester, "order/short").assert_outcomes(passed=1)


def test_it_fails_with_the_findings_and_no_traceback(pytester: pytest.Pytester) -> None:
    result = run(pytester, *FAULTY, "order/start-lost")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"FAIL order/start-lost \(szds-16a\)",
            r"  failed: bill.none-unstarted, bill.times",
            r"  bill.times MUST .*start-lost.yaml:\d+ t=\+\S+s frame \d+ at the pile gun 1 order \d+: expected ",
            r"  again: pilesim conform order/start-lost --pile sim:robinson-gen5-0303 --seed 1 --protocol lhc",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*items.py*")


def test_it_fails_where_a_rule_stays_unproven(pytester: pytest.Pytester) -> None:
    text = (scenario_folder() / "order/short.yaml").read_text(encoding="utf-8")
    path = pytester.path / "short.yaml"
    path.write_text(text.replace("proves:\n", "proves:\n  - safe.insulation\n"), encoding="utf-8")
    result = run(pytester, str(path))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  not proven safe.insulation: *"])


def test_it_skips_with_the_reason_what_is_not_applicable(pytester: pytest.Pytester) -> None:
    rig = pytester.path / "rig.yaml"
    rig.write_text("pile: sim:reference\nclaims: [stop-button]\n", encoding="utf-8")
    result = run(pytester, "--rig", str(rig), "-rs", "order/card")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED*card.yaml:1: line *: card needs a card-reader, which the pile does not claim"]
    )


def test_it_is_an_error_where_pilesim_itself_fails(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> runner.Run:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(runner, "run_scenario", broken)
    result = run(pytester, "order/short")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ERROR order/short", "*ZeroDivisionError: a fault of ours"])


def test_it_ends_the_session_where_the_rig_fails(pytester: pytest.Pytester) -> None:
    result = run(pytester, *no_port(pytester), "order/short", "stop/twice")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*Exit: *no-such-port-anywhere*"])
    assert result.parseoutcomes().keys() <= {"skipped"}


@pytest.mark.parametrize(("words", "outcome"), [((), "passed"), (("--pilesim-strict",), "failed")])
def test_it_lets_should_rules_decide_only_where_asked(
    pytester: pytest.Pytester, words: tuple[str, ...], outcome: str
) -> None:
    pile = "sim:reference?fault=unplug-lag&fault.lag=30s"
    run(pytester, "--pile", pile, *words, "order/short").assert_outcomes(**{outcome: 1})


def test_it_passes_with_failures_that_are_expected(pytester: pytest.Pytester) -> None:
    rows = "".join(
        f"- {{scenario: order/start-lost, rule: {rule}, reason: mended in 0309}}\n"
        for rule in ("bill.none-unstarted", "bill.times")
    )
    expected = pytester.path / "expected.yaml"
    expected.write_text(rows, encoding="utf-8")
    words = (*FAULTY, "--pilesim-expect", str(expected), "order/start-lost")
    run(pytester, *words).assert_outcomes(passed=1)


def spelt(prefix: str, words: dict[str, str], **more: str) -> list[str]:
    return [part for name, value in {**words, **more}.items() for part in (f"{prefix}{name}", value)]


def test_it_plays_what_conform_plays_byte_for_byte(pytester: pytest.Pytester) -> None:
    from pilesim.cli.main import run as pilesim  # noqa: PLC0415 (the command line is only wanted here)

    words = {"pile": FAULTY[1], "seed": "7", "impair": "delay start by=3s", "protocol": "evlink-2.6"}
    run(pytester, *spelt("--pilesim-", words, captures="mine"), "order/start-lost")
    pilesim(["conform", "order/start-lost", *spelt("--", words, captures="theirs")])
    (mine,), (theirs,) = (sorted((pytester.path / folder).iterdir()) for folder in ("mine", "theirs"))
    assert mine.name == theirs.name
    assert mine.read_bytes() == theirs.read_bytes()


def test_it_names_the_capture_of_what_failed(pytester: pytest.Pytester) -> None:
    result = run(pytester, *FAULTY, "--pilesim-captures", "kept", "order/start-lost")
    result.stdout.fnmatch_lines(["*pilesim capture*", "kept?order-start-lost.jsonl"])


def test_it_tells_the_junit_report_what_it_knows(pytester: pytest.Pytester) -> None:
    run(pytester, *FAULTY, "--pilesim-seed", "5", "--junitxml", "junit.xml", "order/start-lost")
    (case,) = ElementTree.parse(pytester.path / "junit.xml").iter("testcase")
    told = {row.attrib["name"]: row.attrib["value"] for row in case.iter("property")}
    assert told["field case"] == "szds-16a"
    assert told["failed rules"].split(", ")[-2:] == ["bill.none-unstarted", "bill.times"]
    assert told["seed"] == "5"
    assert told["margin auth.answered"].endswith(" of 5 s")
    (failure,) = case.iter("failure")
    assert "bill.times MUST" in (failure.text or "")


@pytest.mark.realtime
def test_it_plays_side_by_side_what_is_simulated(pytester: pytest.Pytester) -> None:
    result = run(pytester, *FAULTY, "-n2", "order/short", "order/start-lost", "stop/twice", inside=False)
    result.assert_outcomes(passed=2, failed=1)
