"""The result of a run, as the result file holds it and every report shows it: the one source of all of them.

Owns the schema of the file, its reader, and how verdicts add up. Must not know any report, nor how a run was made.

The file is one JSON object, a `RunResult`. `schema` says which version of its fields it has: a field added, taken away
or given another meaning makes a new version, and the reader takes no other than its own. Times are in ns and count
from the scenario's start; seed, scenarios, pile and platform decide all of it in virtual time, so that the same run
gives the same file. What comes from the bench instead (a port, a baud rate) lies in `facts` alone.

    1   the first
    2   facts, planned; a rule's expected
    3   heard
    4   files, dialect
    5   of a log: what it is worth, and a diagnosis
    6   a finding's file, where there are several
  7   what the results are of: scenarios, piles or a recording
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from pilesim.errors import FileError
from pilesim.rules.verdict import Blame, Finding, Level, Margin, RuleResult, Verdict
from pilesim.wire.dialects import remember
from pilesim.wire.frame import End

RESULT_SCHEMA = 7

_WORST_FIRST = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_APPLICABLE)

EXIT_CODES = {
    Verdict.PASS: 0,
    Verdict.NOT_APPLICABLE: 0,
    Verdict.FAIL: 1,
    Verdict.INCONCLUSIVE: 1,
    Verdict.ERROR: 4,
}
"""What the command line ends with: green, a rule failed or was not proven, a fault of this program."""


class FindingRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    file: str = ""
    """The file that the line is of, where it is not the scenario's: of two logs one."""

    @classmethod
    def of(cls, finding: Finding, scenario_line: int, file: str = "") -> FindingRow:
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
            file=file,
        )


class RuleRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    expected: str = ""
    """Why it was expected to fail; "" when it was not."""

    def fails(self, strict: bool) -> bool:
        return self.verdict is Verdict.FAIL and (strict or self.level is Level.MUST)

    @classmethod
    def of(cls, result: RuleResult, proves: bool, findings: tuple[FindingRow, ...], expected: str) -> RuleRow:
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
            expected=expected,
        )


class LogWorth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a log that was judged is worth, where it is none of this program's own recordings."""

    form: str
    """How it was read."""
    vantage: str
    """Where it was recorded."""
    clock: str
    """What its times are worth."""
    missing: tuple[str, ...]
    """What it does not hold."""
    remarks: tuple[str, ...]
    """What was assumed, in sentences."""
    unread: tuple[str, ...]
    """The first of the lines that could not be read, each with its number."""
    unread_count: int


class ScenarioResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    title: str
    case: str
    file: str
    verdict: Verdict
    reason: str
    """Why it is not PASS, in a sentence, or which failures were expected; else empty."""
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
    heard: dict[str, str] = {}
    """What the pile told of itself on the line, name to text: its pile number, its firmware."""
    log: LogWorth | None = None
    diagnosis: tuple[str, ...] = ()
    """What explains the findings, best first, in sentences."""

    @property
    def name(self) -> str:
        """The scenario's id; the file's name for a recording of none."""
        return self.id or self.file or "recording"

    def failed(self, strict: bool) -> list[RuleRow]:
        """The rules that fail, those that were expected to among them."""
        return [row for row in self.rules if row.fails(strict)]

    @property
    def unproven(self) -> list[RuleRow]:
        """The rules that it names and that stayed open."""
        return [row for row in self.rules if row.proves and row.verdict is Verdict.INCONCLUSIVE]


class RunResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int = RESULT_SCHEMA
    pilesim: str
    """Version of this program."""
    seed: int
    pile: str
    protocol: str
    dialect: str = ""
    """The text of the overlay, where the protocol is a dialect; it is known by its name once the file is read."""
    provisional: str
    """What of the protocol is not published; empty where all is."""
    strict: bool
    verdict: Verdict
    scenarios: tuple[ScenarioResult, ...]
    each: Literal["scenario", "pile", "recording"] = "scenario"
    """What each of them is of, for people: a scenario that was played, else a pile or a recording."""
    planned: tuple[str, ...] = ()
    """Every scenario of the run, by id; more than there are results where it was broken off."""
    files: dict[str, str] = {}
    """The scenarios of the plan that do not travel with pilesim: id to file."""
    facts: dict[str, str] = {}
    """Of the bench, name to text: port, baud rate, what the rig file says, what was heard in all scenarios."""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def left(self) -> list[str]:
        """What of the plan has no result, because the run was broken off or goes on."""
        done = {result.id for result in self.scenarios}
        return [name for name in self.planned if name not in done]

    @property
    def left_word(self) -> str:
        """What was not done with them: piles play all the same."""
        return "not judged" if self.each == "pile" else "not played"


class _AnySchema(msgspec.Struct):
    """As much of any version's file as tells which version it is."""

    schema: int


def encode_result(run: RunResult) -> bytes:
    """The text of a result file."""
    return msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n"


def decode_result(text: bytes, file: str) -> RunResult:
    """The result in `text`; FileError names `file`, what was expected and what was found."""
    try:
        schema = msgspec.json.decode(text, type=_AnySchema).schema
        if schema != RESULT_SCHEMA:
            raise FileError(
                file, None, f"expected a result file of schema {RESULT_SCHEMA}, found schema {schema}: run it again"
            )
        run = msgspec.json.decode(text, type=RunResult)
    except RecursionError:
        raise FileError(file, None, "expected a result file, found JSON too deep in itself to be read") from None
    except msgspec.DecodeError as error:
        problem = str(error).removeprefix("JSON is malformed: ")
        raise FileError(file, None, f"expected a result file: {problem[:1].lower()}{problem[1:]}") from None
    if run.dialect:
        remember(run.dialect, f"{file}: dialect")
    return run


def heard_facts(results: Iterable[ScenarioResult]) -> dict[str, str]:
    """What the pile told of itself over all scenarios; more than one text where it did not always tell the same."""
    said: dict[str, dict[str, None]] = {}
    for result in results:
        for name, text in result.heard.items():
            said.setdefault(f"{name} heard", {})[text] = None
    return {name: ", ".join(texts) for name, texts in said.items()}


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
    failed = [row.id for row in rows if row.fails(strict) and not row.expected]
    if failed:
        return Verdict.FAIL, f"failed: {', '.join(failed)}"
    mended = [f"{row.id} ({row.expected})" for row in rows if row.expected and row.verdict is Verdict.PASS]
    if mended:
        return Verdict.FAIL, f"expected to fail, and passed: {', '.join(mended)}"
    unproven = [row.id for row in rows if row.proves and row.verdict is Verdict.INCONCLUSIVE]
    if unproven:
        return Verdict.INCONCLUSIVE, f"not proven: {', '.join(unproven)}"
    known = [f"{row.id} ({row.expected})" for row in rows if row.expected and row.fails(strict)]
    return Verdict.PASS, f"failed as expected: {', '.join(known)}" if known else ""
