"""A trace and its scenario's name -> the scenario's result: the one way to a verdict, live or recorded.

Owns nothing but the joining: all that the result says of a run is in its trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from pilesim.conformance.result import FindingRow, RuleRow, ScenarioResult, scenario_verdict
from pilesim.rules.judge import judge
from pilesim.rules.verdict import Verdict
from pilesim.trace.events import Finish, Note, Trace
from pilesim.units import format_since_start

NONE_EXPECTED: Mapping[str, str] = MappingProxyType({})


def judged(
    trace: Trace,
    *,
    title: str,
    file: str,
    strict: bool,
    repeat: str,
    capture: str = "",
    expected: Mapping[str, str] = NONE_EXPECTED,
) -> ScenarioResult:
    """Judge `trace` by every rule. `file` is where findings point to, `repeat` the command that runs it again.

    `expected`: the rules that are known to fail here, with the reason.
    """
    judgement = judge(trace.header, trace.events)
    steps = [event for event in trace.events if isinstance(event, Note) and event.line]
    ends = [event for event in trace.events if isinstance(event, Finish)]
    rules = tuple(
        RuleRow.of(
            result,
            result.id in trace.header.proves,
            tuple(
                FindingRow.of(finding, finding.line or _step_line(steps, finding.t_ns)) for finding in result.findings
            ),
            expected.get(result.id, ""),
        )
        for result in judgement.rules
    )
    verdict, reason = scenario_verdict(rules, strict)
    unready = next((event.reason for event in ends if event.reason), "")
    if unready and verdict is not Verdict.ERROR:
        verdict, reason = Verdict.INCONCLUSIVE, f"the run did not come to its end: {unready}"
    if not ends:
        # What has failed by then has failed; what has not may have been about to.
        failed = verdict in (Verdict.ERROR, Verdict.FAIL)
        reason = "; ".join([_broken_off(trace, file, steps, rules), *([reason] if failed else [])])
        verdict = verdict if failed else Verdict.INCONCLUSIVE
    return ScenarioResult(
        id=trace.header.scenario or trace.header.target,
        title=title,
        case=trace.header.case,
        file=file,
        verdict=verdict,
        reason=reason,
        rules=rules,
        line=msgspec.to_builtins(judgement.line),
        waited_in_vain=tuple(f"{file}:{step.line} {step.text}" for step in steps if step.timed_out),
        world_ns=trace.events[-1].t_ns if trace.events else 0,
        repeat=repeat,
        capture=capture,
    )


def _broken_off(trace: Trace, file: str, steps: list[Note], rules: tuple[RuleRow, ...]) -> str:
    """Where a recording without an end breaks off, and what nobody can say of it, in a sentence."""
    where = format_since_start(trace.events[-1].t_ns) if trace.events else "its first line"
    step = f", in the step {file}:{steps[-1].line} {steps[-1].text}" if steps else ""
    unproven = [row.id for row in rules if row.proves and row.verdict is Verdict.INCONCLUSIVE]
    undecided = f"not proven by then: {', '.join(unproven)}" if unproven else "what was to come is undecided"
    return f"the recording breaks off at {where}{step}, and its end was never written; {undecided}"


def _step_line(steps: list[Note], t_ns: int) -> int:
    """Line of the step during which `t_ns` lies; 0 before the first."""
    return next((step.line for step in reversed(steps) if step.t_ns <= t_ns), 0)
