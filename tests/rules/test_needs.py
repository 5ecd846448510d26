"""What a rule needs to know: each row says it, and a log that lacks it leaves the rule open with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from world import World

from pilesim.rules.judge import Judgement, judge
from pilesim.rules.needs import ACTS, BETWEEN, BYTES, UP
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Blame, RuleResult, Verdict
from pilesim.trace.events import Missing
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log

FIELD_LOGS = Path(__file__).parents[1] / "data" / "field-logs"


def of(log: str) -> Judgement:
    trace = load_log(FIELD_LOGS / f"{log}.log", Wishes()).trace
    return judge(trace.header, trace.events)


def result(judgement: Judgement, rule: str) -> RuleResult:
    return next(result for result in judgement.rules if result.id == rule)


def test_every_rule_says_what_it_needs() -> None:
    assert [row.id for row in RULES if not row.needs] == []


def test_rules_of_frames_need_their_bytes_and_rules_of_silence_what_lies_between() -> None:
    by_id = {row.id: row for row in RULES}
    assert BYTES in by_id["frame.valid"].needs
    assert BETWEEN in by_id["beat.period"].needs
    assert BETWEEN in by_id["auth.answered"].needs_to_fail
    assert ACTS in by_id["beat.shows-unplug"].needs
    assert UP in by_id["bill.times"].needs


@pytest.mark.parametrize("missing", list(Missing))
def test_a_rule_that_needs_what_a_log_lacks_is_open_with_a_sentence(missing: Missing) -> None:
    world = World()
    judgement = judge(replace(world.header, missing=(missing,)), world.events)
    for row in RULES:
        if any(fact.missing is missing for fact in row.needs):
            found = result(judgement, row.id)
            if found.verdict is not Verdict.NOT_APPLICABLE:
                assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, f"the log lacks {missing}")


@pytest.mark.parametrize(
    ("log", "failed", "passed"),
    [
        ("szds-34", (), {"auth.answered", "start.answered", "start.outcome"}),
        ("szds-25", (), set()),
        ("szds-16a", ("bill.times",), {"bill.order-known"}),
        ("szds-16b", ("beat.start-time", "bill.order-known"), set()),
    ],
)
def test_half_the_facts_decide_what_they_can(log: str, failed: tuple[str, ...], passed: set[str]) -> None:
    judgement = of(log)
    assert judgement.failed() == failed
    assert passed <= {r.id for r in judgement.rules if r.verdict is Verdict.PASS}
    assert all(r.reason for r in judgement.rules if r.verdict is Verdict.INCONCLUSIVE)


def test_a_finding_names_the_line_of_the_log_and_whose_it_is() -> None:
    (finding,) = result(of("szds-16a"), "bill.times").findings
    assert (finding.line, finding.blame, finding.order) == (5, Blame.PILE, "20200303123645436010")


def test_a_bill_whose_times_no_line_tells_is_passed_over_by_name() -> None:
    times = result(of("szds-16b"), "bill.times")
    assert times.verdict is Verdict.INCONCLUSIVE
    assert (
        times.reason
        == "line 6 (0x09 bill 账单提交) does not tell arrive, end, leave, start: the log lacks the times of the bill"
    )
