"""The result of a run, as the result file holds it and every report shows it.

Owns the schema (JSON, `schema` counts its versions) and how verdicts add up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from pilesim.rules.verdict import Blame, Finding, Level, Margin, RuleResult, Verdict
from pilesim.wire.frame import End

RESULT_SCHEMA = 1

_WORST_FIRST = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_APPLICABLE)

EXIT_CODES = {
    Verdict.PASS: 0,
    Verdict.NOT_APPLICABLE: 0,
    Verdict.FAIL: 1,
    Verdict.INCONCLUSIVE: 1,
    Verdict.ERROR: 4,
}
"""What the command line ends with: green, a rule failed or was not proven, a fault of this program."""


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as it is told to a person: where in the scenario, when, what was expected and found."""

    blame: Blame
    t_ns: int
    end: End
    scenario_line: int
    """Line of the step during which it happened; 0 before the first."""
    frame: int | None
    gun: int | None
    order: str
    expected: str
    actual: str
    title: str
    raw: str
    """The frame's bytes, hexadecimal."""
    hint: str

    @classmethod
    def of(cls, finding: Finding, scenario_line: int) -> FindingRow:
        return cls(
            blame=finding.blame,
            t_ns=finding.t_ns,
            end=finding.end,
            scenario_line=scenario_line,
            frame=finding.frame,
            gun=finding.gun,
            order=finding.order,
            expected=finding.expected,
            actual=finding.actual,
            title=finding.title,
            raw=finding.raw.hex(),
            hint=finding.hint,
        )


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's verdict in one scenario. `proves`: the scenario names it, so it must not stay open."""

    id: str
    level: Level
    judges: End
    verdict: Verdict
    proves: bool
    reason: str
    site: bool
    margin: Margin | None
    findings: tuple[FindingRow, ...]

    @classmethod
    def of(cls, result: RuleResult, proves: bool, findings: tuple[FindingRow, ...]) -> RuleRow:
        return cls(
            id=result.id,
            level=result.level,
            judges=result.judges,
            verdict=result.verdict,
            proves=proves,
            reason=result.reason,
            site=result.site,
            margin=result.margin,
            findings=findings,
        )


class ScenarioResult(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    case: str
    file: str
    verdict: Verdict
    reason: str
    """Why it is not PASS, in a sentence; empty when it is."""
    rules: tuple[RuleRow, ...]
    line: dict[str, Any]
    """What the line itself did: frames lost, held, doubled ..., outages. Never red."""
    waited_in_vain: tuple[str, ...]
    """Steps whose condition was not met by the harness's deadline."""
    world_ns: int
    """How long it took in the world's time."""
    repeat: str
    """The command that runs it again."""
    capture: str = ""
    """The capture file, where one was kept."""

    def failed(self, strict: bool) -> list[RuleRow]:
        """The rules that make it red."""
        return [row for row in self.rules if row.verdict is Verdict.FAIL and (strict or row.level is Level.MUST)]

    @property
    def unproven(self) -> list[RuleRow]:
        """The rules that it names and that stayed open."""
        return [row for row in self.rules if row.proves and row.verdict is Verdict.INCONCLUSIVE]


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = RESULT_SCHEMA
    pilesim: str
    """Version of this program."""
    seed: int
    pile: str
    protocol: str
    provisional: str
    """What of the protocol is not published; empty where all is."""
    strict: bool
    verdict: Verdict
    scenarios: tuple[ScenarioResult, ...]

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of several together; NOT_APPLICABLE where there is none, or nothing else."""
    seen = frozenset(verdicts)
    return next((verdict for verdict in _WORST_FIRST if verdict in seen), Verdict.NOT_APPLICABLE)


def scenario_verdict(rules: Iterable[RuleRow], strict: bool) -> tuple[Verdict, str]:
    """What the rules' verdicts make of a scenario, and why, in a sentence."""
    rows = tuple(rules)
    errors = [row.id for row in rows if row.verdict is Verdict.ERROR]
    if errors:
        return Verdict.ERROR, f"a fault of this program in {', '.join(errors)}"
    failed = [row.id for row in rows if row.verdict is Verdict.FAIL and (strict or row.level is Level.MUST)]
    if failed:
        return Verdict.FAIL, f"failed: {', '.join(failed)}"
    unproven = [row.id for row in rows if row.proves and row.verdict is Verdict.INCONCLUSIVE]
    if unproven:
        return Verdict.INCONCLUSIVE, f"not proven: {', '.join(unproven)}"
    return Verdict.PASS, ""
