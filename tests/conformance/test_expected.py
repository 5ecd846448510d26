"""Failures that are known: green with their reason, and red once they are no longer so."""

from __future__ import annotations

import pytest
from benches import RULE_IDS

from pilesim.cli.scenarios import all_scenarios
from pilesim.conformance.expected import load_expected
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, run_all
from pilesim.errors import FileError
from pilesim.rig.targets import parse_target
from pilesim.rules.verdict import Verdict

SCENARIOS = all_scenarios()
LOST = "order/start-lost"


def played(expected: str, pile: str = "sim:robinson-gen5-0303", strict: bool = False) -> ScenarioResult:
    options = Options(
        target=parse_target(pile),
        protocol="lhc",
        seed=1,
        strict=strict,
        expected=load_expected(expected, "known.yaml", SCENARIOS, RULE_IDS),
    )
    (result,) = run_all([SCENARIOS[LOST]], options).scenarios
    return result


def rows(*rules: str, scenario: str = LOST) -> str:
    return "".join(f"- {{scenario: {scenario}, rule: {rule}, reason: 'ticket 4, {rule}'}}\n" for rule in rules) or "[]"


def test_it_is_green_where_nothing_fails_but_what_is_known_and_says_why() -> None:
    result = played(rows("bill.none-unstarted", "bill.times"))
    assert result.verdict is Verdict.PASS
    known = {row.id: row.expected for row in result.rules if row.expected}
    assert known == {rule: f"ticket 4, {rule}" for rule in ("bill.none-unstarted", "bill.times")}
    for rule in known:
        assert f"{rule} (ticket 4, {rule})" in result.reason
    assert result.reason.startswith("failed as expected: ")
    assert {row.id for row in result.failed(False)} == set(known), "the findings are still there"


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ("[]", "failed: bill.none-unstarted, bill.times"),
        (rows("bill.times"), "failed: bill.none-unstarted"),
        (rows("bill.none-unstarted", "bill.times", scenario="order/never-started"), "failed: bill.none-"),
        (
            rows("bill.none-unstarted", "bill.times", "auth.answered"),
            "expected to fail, and passed: auth.answered (ticket 4, auth.answered)",
        ),
    ],
    ids=["nothing is known", "another one fails too", "known of another scenario", "what was to fail passes"],
)
def test_it_is_red_where(expected: str, reason: str) -> None:
    result = played(expected)
    assert result.verdict is Verdict.FAIL
    assert result.reason.startswith(reason)


def test_it_is_red_where_the_firmware_has_been_mended() -> None:
    result = played(rows("bill.times"), pile="sim:reference")
    assert (result.verdict, result.reason) == (
        Verdict.FAIL,
        "expected to fail, and passed: bill.times (ticket 4, bill.times)",
    )


MISTAKES = [
    ("- {scenario: order/x, rule: bill.times, reason: r}", 1, "expected the id of a scenario, found 'order/x'"),
    (
        "- {scenario: order/short, rule: bill.times, reason: r}\n- scenario: order/short\n  reason: r\n  rule: b.times",
        4,
        "expected the id of a rule, found 'b.times'",
    ),
    (rows("bill.times") + rows("bill.times"), 2, "expected each rule of a scenario once, found bill.times again"),
    ("- {scenario: order/short, rule: bill.times}", 1, "expected 'reason' too; found none"),
    ("- {scenario: order/short, rule: bill.times, why: r}", 1, "expected one of scenario, rule, reason; found 'why'"),
    ("scenario: order/short", 1, "expected a list; found a mapping"),
]


@pytest.mark.parametrize(("text", "line", "sentence"), MISTAKES)
def test_it_tells_a_mistake_with_its_line(text: str, line: int, sentence: str) -> None:
    with pytest.raises(FileError) as raised:
        load_expected(text, "known.yaml", SCENARIOS, RULE_IDS)
    assert str(raised.value).startswith(f"known.yaml:{line}: {sentence}")


def test_it_believes_the_scenarios_where_it_is_not_known_which_there_are() -> None:
    text = rows("bill.times", scenario="mine/own")
    assert load_expected(text, "known.yaml", None, RULE_IDS) == {"mine/own": {"bill.times": "ticket 4, bill.times"}}
