"""A recording that was broken off: judged as far as it goes, and the verdict opens with where that is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pilesim.conformance.judged import judged
from pilesim.conformance.result import ScenarioResult
from pilesim.library import firmware_folder
from pilesim.rules.verdict import Verdict
from pilesim.trace.capture import read_capture
from pilesim.trace.events import Finish, Trace

CAPTURES = firmware_folder() / "captures"


def trace_of(capture: str) -> Trace:
    with (CAPTURES / capture).open(encoding="utf-8") as stream:
        return read_capture(stream, capture)


def judged_without_its_last(count: int, capture: str) -> ScenarioResult:
    trace = trace_of(capture)
    return judged(
        replace(trace, events=trace.events[:-count]), title="", file="order/short.yaml", strict=False, repeat=""
    )


def test_it_is_inconclusive_and_says_where_it_breaks_off_and_what_was_not_proven_by_then() -> None:
    result = judged_without_its_last(40, "reference/order-short.jsonl")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason.startswith("the recording breaks off at t=+")
    assert ", in the step order/short.yaml:" in result.reason
    assert "not proven by then: " in result.reason
    assert all(row.id in result.reason for row in result.unproven)


def test_it_passes_nothing_even_where_only_the_end_itself_is_missing() -> None:
    result = judged_without_its_last(1, "reference/order-short.jsonl")
    assert isinstance(trace_of("reference/order-short.jsonl").events[-1], Finish)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason.endswith("what was to come is undecided")


def test_what_has_failed_by_then_has_failed() -> None:
    result = judged_without_its_last(1, "robinson-gen5-0303/order-start-lost.jsonl")
    assert result.verdict is Verdict.FAIL
    assert result.reason.startswith("the recording breaks off at ")
    assert "; failed: bill.none-unstarted, bill.times" in result.reason


@pytest.mark.parametrize("capture", ["reference/order-short.jsonl", "robinson-gen5-0303/order-start-lost.jsonl"])
def test_one_that_came_to_its_end_says_nothing_of_it(capture: str) -> None:
    result = judged(trace_of(capture), title="", file="", strict=False, repeat="")
    assert "breaks off" not in result.reason
