"""What the HTML page says of one result or several: verdict first, then what is wrong, then all the rest.

Owns the choice, the order and the words. Pure: results in, views out. Must not know HTML, nor where a capture lies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from pilesim.conformance.result import FindingRow, LogWorth, RuleRow, RunResult, ScenarioResult
from pilesim.report.text import BLAMED
from pilesim.report.views import FrameView, bytes_view
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Level, Verdict
from pilesim.units import S, format_duration, format_since_start, numbered
from pilesim.wire.protocol import Protocol, protocol_named

OPEN_AT_ONCE = 5
"""So many scenarios that are not green are open when the page is; of more only the first is."""
DEEDS_SHOWN = 20
"""What the line did is told piece by piece so often; the result file has more."""
FINDINGS_SHOWN = 5
"""Findings of one rule in one scenario that are shown in full; the result file holds what the rule kept."""

ORDER = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE, Verdict.PASS)
"""What a reader wants to see first."""

GLYPHS = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_APPLICABLE: "–",
    Verdict.ERROR: "!",
}
"""Beside the colour, so that the colour is never the only sign."""

_WORDS = {
    Verdict.PASS: ("passes", "pass"),
    Verdict.FAIL: ("fails", "fail"),
    Verdict.INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
    Verdict.NOT_APPLICABLE: ("does not apply", "do not apply"),
    Verdict.ERROR: ("met a fault of pilesim", "met a fault of pilesim"),
}
_EXPECTS = {row.id: row.text for row in RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    rule: str
    level: Level
    expects: str
    """The rule's own sentence."""
    where: str
    expected: str
    actual: str
    blame: str
    known: str
    """Why it was expected; "" when it was not."""
    frame: FrameView | None
    number: int
    """Its place among the findings of all rules, from 1, as charts have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """What a log is worth."""

    facts: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    unread: tuple[str, ...]
    more: str
    """How many more lines could not be read, in a sentence; "" for none."""
    unread_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """One rule that had something to say."""

    id: str
    level: Level
    verdict: Verdict
    proves: bool
    said: str
    """Its margin, or why it stayed open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioView:
    anchor: str
    name: str
    title: str
    case: str
    verdict: Verdict
    failed: str
    """The rules that make it red, or that it did not prove."""
    reason: tuple[str, ...]
    """Line by line, where it is not the findings that are it."""
    findings: tuple[FindingView, ...]
    more: tuple[str, ...]
    """What of the findings is not shown, a sentence a rule."""
    unproven: tuple[RuleView, ...]
    waited: tuple[str, ...]
    rules: tuple[RuleView, ...]
    silent: int
    """Rules that saw no trigger."""
    line: str
    deeds: tuple[str, ...]
    """What it did piece by piece."""
    took: str
    repeat: str
    log: LogView | None
    diagnosis: tuple[str, ...]
    result: ScenarioResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFailure:
    """One rule that failed, with the scenarios in which it did: (anchor, name)."""

    id: str
    level: Level
    expects: str
    scenarios: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    anchor: str
    pile: str
    firmware: str
    """As the pile told it; "" where it told none. Two results of one port are told apart by it."""
    verdict: Verdict
    summary: str
    counts: tuple[tuple[Verdict, int], ...]
    facts: tuple[tuple[str, str], ...]
    provisional: str
    unplayed: str
    """What of the plan was not played, or not judged, in a sentence; "" where all was."""
    failures: tuple[RuleFailure, ...]
    wrong: tuple[ScenarioView, ...]
    """ERROR, FAIL and INCONCLUSIVE, in this order."""
    rest: tuple[ScenarioView, ...]
    run: RunResult

    def opens(self, view: ScenarioView) -> bool:
        """Whether a scenario is open when the page is."""
        if not self.wrong:
            return len(self.rest) == 1
        return view in self.wrong[: None if len(self.wrong) <= OPEN_AT_ONCE else 1]


@dataclass(frozen=True, slots=True)
class MatrixCell:
    anchor: str
    verdict: Verdict | None
    """None: this run did not play the scenario."""
    failed: str
    """The rules that failed."""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    name: str
    case: str
    cells: tuple[MatrixCell, ...]

    @property
    def agreed(self) -> bool:
        """No run has anything against it."""
        return all(cell.verdict in (None, Verdict.PASS, Verdict.NOT_APPLICABLE) for cell in self.cells)


def run_view(run: RunResult, number: int) -> RunView:
    """One result; `number` tells its anchors from those of the others on the page."""
    protocol = protocol_named(run.protocol)
    ranked = sorted(run.scenarios, key=lambda result: ORDER.index(result.verdict))
    views = [scenario_view(result, run, number, protocol) for result in ranked]
    wrong = tuple(view for view in views if view.verdict in ORDER[:3])
    world_ns = sum(result.world_ns for result in run.scenarios)
    return RunView(
        anchor=f"run{number}",
        pile=run.pile,
        verdict=run.verdict,
        firmware=run.facts.get("firmware heard", ""),
        summary=summary(run),
        counts=counts(run),
        facts=(
            ("protocol", run.protocol),
            # A log of another's has none.
            *((("seed", str(run.seed)),) if run.seed or "recording" not in run.facts else ()),
            ("rules that decide", "MUST and SHOULD" if run.strict else "MUST"),
            ("the world's time", format_duration(world_ns // S * S)),
            ("pilesim", run.pilesim),
            *run.facts.items(),
        ),
        provisional=run.provisional,
        unplayed=unplayed(run),
        failures=rule_failures(run, number),
        wrong=wrong,
        rest=tuple(view for view in views if view not in wrong),
        run=run,
    )


def counts(run: RunResult) -> tuple[tuple[Verdict, int], ...]:
    """How many results of each verdict there are, worst first."""
    return tuple(
        (verdict, count) for verdict in ORDER if (count := sum(result.verdict is verdict for result in run.scenarios))
    )


def summary(run: RunResult) -> str:
    """`26 of 81 scenarios fail, 55 pass`."""
    if not run.scenarios:
        return f"No {run.each} was judged."
    of = f" of {numbered(len(run.scenarios), f'{run.each}[|s]')}"
    parts = []
    for verdict, count in counts(run):
        parts.append(f"{count}{of} {_WORDS[verdict][count != 1]}")
        of = ""
    return ", ".join(parts) + "."


def unplayed(run: RunResult) -> str:
    """What a run that was broken off has left, in a sentence."""
    left = run.left
    if not left:
        return ""
    return f"{len(left)} of {len(run.planned)} planned {run.each}s were {run.left_word}: {', '.join(left)}."


def anchor_of(number: int, result: ScenarioResult) -> str:
    return f"run{number}-{re.sub(r'[^A-Za-z0-9]+', '-', result.name)}"


def rule_failures(run: RunResult, number: int) -> tuple[RuleFailure, ...]:
    """Every rule that failed anywhere and was not expected to, MUST before SHOULD, the most frequent first."""
    where: dict[tuple[Level, str], list[tuple[str, str]]] = {}
    for result in run.scenarios:
        for row in result.rules:
            if row.verdict is Verdict.FAIL and not row.expected:
                where.setdefault((row.level, row.id), []).append((anchor_of(number, result), result.name))
    return tuple(
        RuleFailure(id=rule, level=level, expects=_EXPECTS.get(rule, ""), scenarios=tuple(scenarios))
        for (level, rule), scenarios in sorted(
            where.items(), key=lambda item: (item[0][0] is not Level.MUST, -len(item[1]), item[0][1])
        )
    )


def scenario_view(result: ScenarioResult, run: RunResult, number: int, protocol: Protocol) -> ScenarioView:
    """One scenario, less its recording."""
    failed = sorted(
        (row for row in result.rules if row.verdict is Verdict.FAIL),
        key=lambda row: (bool(row.expected), row.level is not Level.MUST),
    )
    counted = accumulate((len(row.findings) for row in result.rules), initial=1)
    first = dict(zip((row.id for row in result.rules), counted, strict=False))
    red = [row.id for row in result.failed(run.strict) if not row.expected]
    said = [row for row in result.rules if row.verdict is not Verdict.INCONCLUSIVE or row.proves]
    return ScenarioView(
        anchor=anchor_of(number, result),
        name=result.name,
        title=result.title,
        case=result.case,
        verdict=result.verdict,
        failed=", ".join([*red, *(row.id for row in result.unproven)]),
        reason=() if red and result.verdict is Verdict.FAIL else tuple(result.reason.splitlines()),
        findings=tuple(
            finding_view(result, row, finding, protocol, first[row.id] + at)
            for row in failed
            for at, finding in enumerate(row.findings[:FINDINGS_SHOWN])
        ),
        more=tuple(
            f"{row.id}: {len(row.findings) - FINDINGS_SHOWN} more in the result file"
            + (f" ({row.reason})" if row.reason else "")
            for row in failed
            if len(row.findings) > FINDINGS_SHOWN
        ),
        unproven=tuple(rule_view(row) for row in result.unproven),
        waited=result.waited_in_vain,
        rules=tuple(rule_view(row) for row in said),
        silent=len(result.rules) - len(said),
        line=line_words(result.line),
        deeds=tuple(
            f"{format_since_start(deed['t_ns'])} {deed_words(deed)}"
            for deed in result.line.get("deeds", [])[:DEEDS_SHOWN]
        ),
        took=format_duration(result.world_ns // S * S),
        repeat=result.repeat,
        log=log_view(result.log) if result.log is not None else None,
        diagnosis=result.diagnosis,
        result=result,
    )


def findings_of(result: ScenarioResult) -> list[tuple[str, FindingRow]]:
    """Every finding with its rule, in the order by which they are numbered."""
    return [(row.id, finding) for row in result.rules for finding in row.findings]


def log_view(log: LogWorth) -> LogView:
    left = log.unread_count - len(log.unread)
    return LogView(
        facts=(
            ("read as", log.form),
            ("recorded at", log.vantage),
            ("times", log.clock),
            ("does not hold", ", ".join(log.missing) or "nothing is known to be missing"),
        ),
        remarks=log.remarks,
        unread=log.unread,
        more=f"and {left} more" if left > 0 else "",
        unread_count=log.unread_count,
    )


def finding_view(
    result: ScenarioResult, row: RuleRow, finding: FindingRow, protocol: Protocol, number: int
) -> FindingView:
    file = finding.file or result.file
    step = f"{file}:{finding.scenario_line}" if finding.scenario_line else file
    frame = f"frame {finding.frame} at the {finding.end}" if finding.frame is not None else f"at the {finding.end}"
    about = [f"gun {finding.gun}" if finding.gun else "", f"order {finding.order}" if finding.order else ""]
    return FindingView(
        rule=row.id,
        level=row.level,
        expects=_EXPECTS.get(row.id, ""),
        where=", ".join(part for part in (step, format_since_start(finding.t_ns), frame, *about) if part),
        expected=finding.expected,
        actual=finding.actual,
        known=row.expected,
        blame=BLAMED[finding.blame] + (f": {finding.hint}" if finding.hint else ""),
        frame=bytes_view(protocol, bytes.fromhex(finding.raw), finding.title) if finding.raw else None,
        number=number,
    )


def rule_view(row: RuleRow) -> RuleView:
    margin = f"{row.margin.value:g} of {row.margin.limit:g} {row.margin.unit}" if row.margin else ""
    site = "under the site's limit" if row.site else ""
    return RuleView(
        id=row.id,
        level=row.level,
        verdict=row.verdict,
        proves=row.proves,
        said="; ".join(part for part in (margin, row.reason, site) if part),
    )


def line_words(line: Mapping[str, Any]) -> str:
    """`lost 1, held 2 (longest 43.8s)`: what the line itself did; "" where it did nothing."""
    said: list[str] = []
    for name, value in line.items():
        if not value or not isinstance(value, int):
            continue
        if name.endswith("_ns"):
            said[-1:] = [f"{said[-1] if said else ''} (longest {format_duration(value)})".strip()]
        else:
            said.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(said)


def deed_words(deed: Mapping[str, Any]) -> str:
    """`0x14 start 启动充电 down: held for 43.8s`: what the line did to one piece, or to itself."""
    what = ", ".join(deed.get("frames", ())) or ("the connection" if deed["effect"] == "down" else "bytes")
    way = f" {deed['direction']}" if deed.get("direction") else ""
    lasted = f" for {format_duration(deed['lasted_ns'])}" if deed.get("lasted_ns") else ""
    return f"{what}{way}: {deed['effect']}{lasted}"


def matrix_of(runs: Sequence[RunResult]) -> tuple[MatrixRow, ...]:
    """Scenarios by runs; those that some run does not pass come first, else in the order of their names."""
    results = [{result.name: result for result in run.scenarios} for run in runs]
    cases = {result.name: result.case for run in runs for result in run.scenarios}
    rows = [
        MatrixRow(name, cases[name], tuple(_cell(number, by_name.get(name)) for number, by_name in enumerate(results)))
        for name in sorted(cases)
    ]
    return tuple(sorted(rows, key=lambda row: row.agreed))


def _cell(number: int, result: ScenarioResult | None) -> MatrixCell:
    if result is None:
        return MatrixCell("", None, "")
    failed = ", ".join(row.id for row in result.rules if row.verdict is Verdict.FAIL and row.level is Level.MUST)
    return MatrixCell(anchor_of(number, result), result.verdict, failed)
