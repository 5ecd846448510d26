"""A trace and its scenario's name -> the scenario's result: the one way to a verdict, live or recorded.

Owns nothing but the joining: all that the result says of a run is in its trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import msgspec

from pilesim.conformance.result import FindingRow, RuleRow, ScenarioResult, scenario_verdict
from pilesim.diagnosis.diagnose import diagnose, named_in
from pilesim.diagnosis.story import StoryReader, story_of
from pilesim.rules.judge import Judgement, judge
from pilesim.rules.reading import Reader
from pilesim.rules.rule import Scene
from pilesim.rules.verdict import Verdict
from pilesim.trace.events import AnyEvent, Finish, Header, Note
from pilesim.units import format_since_start
from pilesim.wire.frame import End

NONE_EXPECTED: Mapping[str, str] = MappingProxyType({})
ONE_FILE: Mapping[End, str] = MappingProxyType({})


class Recording(Protocol):
    """What is judged: a trace in memory, or one that is read anew each time its events are asked for."""

    @property
    def header(self) -> Header: ...

    @property
    def events(self) -> Iterable[AnyEvent]: ...


class _Marks(Reader):
    """What of the events is remembered beside the judgement."""

    def __init__(self) -> None:
        self.steps: list[Note] = []
        self.ends: list[Finish] = []

    def begin(self, scene: Scene) -> None:
        self._facts = tuple(scene.facts.values())

    @property
    def last_ns(self) -> int | None:
        """When the last event was; None where there was none."""
        return max((facts.now_ns for facts in self._facts if facts.began_ns is not None), default=None)

    def other(self, event: AnyEvent) -> None:
        if isinstance(event, Note) and event.line:
            self.steps.append(event)
        elif isinstance(event, Finish):
            self.ends.append(event)


def judged(
    trace: Recording,
    *,
    title: str,
    file: str,
    strict: bool,
    repeat: str,
    capture: str = "",
    expected: Mapping[str, str] = NONE_EXPECTED,
    explain: bool = False,
    readers: Sequence[Reader] = (),
    files: Mapping[End, str] = ONE_FILE,
) -> ScenarioResult:
    """Judge `trace` by every rule. `file` is where findings point to, `repeat` the command that runs it again.

    `files`: where each end's findings point to, if that is not one file for both.

    `expected`: the rules that are known to fail here, with the reason. `explain`: say what known field cases and faults
    explain the findings. `readers` read along.
    """
    marks, telling = _Marks(), StoryReader()
    judgement = judge(trace.header, trace.events, readers=[marks, *readers, *([telling] if explain else [])])
    steps, ends = marks.steps, marks.ends
    rules = tuple(
        RuleRow.of(
            result,
            result.id in trace.header.proves,
            tuple(
                FindingRow.of(finding, finding.line or _step_line(steps, finding.t_ns), files.get(finding.end, ""))
                for finding in result.findings
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
        reason = "; ".join([_broken_off(marks, file, rules), *([reason] if failed else [])])
        verdict = verdict if failed else Verdict.INCONCLUSIVE
    return ScenarioResult(
        id=trace.header.scenario or trace.header.target,
        title=title,
        case=trace.header.case,
        file=file,
        verdict=verdict,
        reason=reason,
        rules=rules,
        # As it is read again from a result file, whose lists are lists.
        line=msgspec.json.decode(msgspec.json.encode(judgement.line)),
        waited_in_vain=tuple(f"{file}:{step.line} {step.text}" for step in steps if step.timed_out),
        world_ns=marks.last_ns or 0,
        repeat=repeat,
        capture=capture,
        diagnosis=_explained(trace, telling, judgement) if explain else (),
    )


def _explained(trace: Recording, telling: StoryReader, judgement: Judgement) -> tuple[str, ...]:
    """What explains the findings, in sentences; a very long recording is read again for the orders that they name."""
    named = named_in(judgement)
    again = telling.full and not named <= telling.lives.keys()
    story = story_of(trace.header, trace.events, named) if again else telling.story()
    return tuple(one.sentence for one in diagnose(story, judgement))


def of_end(result: ScenarioResult, end: End, strict: bool) -> ScenarioResult:
    """What the rules that judge `end` say, and no others. INCONCLUSIVE where none of them says anything."""
    rules = tuple(row for row in result.rules if row.judges is end)
    verdict, reason = scenario_verdict(rules, strict)
    if verdict is Verdict.PASS and not any(row.verdict in (Verdict.PASS, Verdict.FAIL) for row in rules):
        verdict, reason = Verdict.INCONCLUSIVE, f"no rule had anything of the {end} to judge"
    return msgspec.structs.replace(result, rules=rules, verdict=verdict, reason=reason)


def _broken_off(marks: _Marks, file: str, rules: tuple[RuleRow, ...]) -> str:
    """Where a recording without an end breaks off, and what nobody can say of it, in a sentence."""
    steps = marks.steps
    where = format_since_start(marks.last_ns) if marks.last_ns is not None else "its first line"
    step = f", in the step {file}:{steps[-1].line} {steps[-1].text}" if steps else ""
    unproven = [row.id for row in rules if row.proves and row.verdict is Verdict.INCONCLUSIVE]
    undecided = f"not proven by then: {', '.join(unproven)}" if unproven else "what was to come is undecided"
    return f"the recording breaks off at {where}{step}, and its end was never written; {undecided}"


def _step_line(steps: list[Note], t_ns: int) -> int:
    """Line of the step during which `t_ns` lies; 0 before the first."""
    return next((step.line for step in reversed(steps) if step.t_ns <= t_ns), 0)
