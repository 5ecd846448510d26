"""Results as JUnit XML, for any CI: one test suite a scenario, which holds its properties and one test case.

Owns how verdicts are told there. Must not know files.

    PASS            a test case with nothing in it
    FAIL            `failure`, its text the findings
    ERROR           `error`: a fault of this program
    INCONCLUSIVE    `skipped`, with the reason: not green in pilesim, whose exit code is 1, and no failure either
    NOT_APPLICABLE  `skipped`, with the reason
    not played      `skipped`: the run was broken off, or goes on; of piles: not judged

The form is the one that Jenkins' xUnit plugin publishes (junit-10.xsd). It knows properties of a suite and none of a
case, so each scenario is a suite of its own, and any other reader adds the suites up as ever. Times are seconds of the
world's time: on a real line at its own pace also seconds of the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from pilesim.conformance.result import RunResult, ScenarioResult
from pilesim.report.text import BLAMED, bytes_words, finding_text, printable
from pilesim.rules.verdict import Verdict
from pilesim.units import MS

_OUTCOMES: dict[Verdict, type[Failure | Error | Skipped]] = {Verdict.FAIL: Failure, Verdict.ERROR: Error}


def junit_xml(runs: Iterable[RunResult]) -> bytes:
    """One document of all `runs`, UTF-8."""
    document = JUnitXml("pilesim")
    for run in runs:
        for result in run.scenarios:
            document.add_testsuite(_suite(run, result))
        for name in run.left:
            document.add_testsuite(_unplayed(run, name))
    document.update_statistics()  # type: ignore[no-untyped-call]  # the library is typed in part
    # The form counts what was skipped at each suite and has no such attribute for all of them.
    document._elem.attrib.pop("skipped", None)
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text


def _suite(run: RunResult, result: ScenarioResult) -> TestSuite:
    suite = TestSuite(_plain(result.name))
    for name, value in properties(run, result):
        suite.add_property(_plain(name), _plain(value))
    case = TestCase(_plain(result.name), _plain(f"{run.pile} {run.protocol}"), result.world_ns // MS / 1000)
    outcome = _outcome(run, result)
    if outcome is not None:
        case.result = [outcome]
    suite.add_testcase(case)
    return suite


def _unplayed(run: RunResult, name: str) -> TestSuite:
    """A scenario of the plan that a run which was broken off, or goes on, has not come to."""
    suite = TestSuite(_plain(name))
    case = TestCase(_plain(name), _plain(f"{run.pile} {run.protocol}"), 0.0)
    word = run.left_word
    case.result = [Skipped(f"{word}: the run was broken off before it, or goes on", word.replace(" ", "-"))]
    suite.add_testcase(case)
    return suite


def properties(run: RunResult, result: ScenarioResult) -> Iterator[tuple[str, str]]:
    """What a report tells of a scenario beside its verdict, by name."""
    yield "pile", run.pile
    yield "protocol", run.protocol
    yield "seed", str(run.seed)
    yield "verdict", result.verdict
    if result.case:
        yield "field case", result.case
    yield "proves", ", ".join(row.id for row in result.rules if row.proves)
    failed = [row.id for row in result.rules if row.verdict is Verdict.FAIL]
    if failed:
        yield "failed rules", ", ".join(failed)
    known = [f"{row.id} ({row.expected})" for row in result.failed(run.strict) if row.expected]
    if known:
        yield "known failures", ", ".join(known)
    if result.capture:
        yield "capture", result.capture
    yield "again", result.repeat
    for name, value in run.facts.items():
        yield f"rig {name}", value


def _outcome(run: RunResult, result: ScenarioResult) -> Failure | Error | Skipped | None:
    """What the case holds; None where it passed."""
    if result.verdict is Verdict.PASS:
        return None
    kind = _OUTCOMES.get(result.verdict, Skipped)
    lines = result.reason.splitlines()
    outcome = kind(_plain(lines[-1] if lines else ""), str(result.verdict))
    outcome.text = "\n".join(_plain(line) for line in [*_findings(run, result), *lines, f"again: {result.repeat}"])
    return outcome


def _findings(run: RunResult, result: ScenarioResult) -> Iterator[str]:
    for row in (row for row in result.failed(run.strict) if not row.expected):
        for finding in row.findings:
            hint = f" ({finding.hint})" if finding.hint else ""
            yield f"{row.id} {row.level} {finding_text(result.file, finding)}"
            yield f"    to blame: {BLAMED[finding.blame]}{hint}"
            if finding.raw:
                yield f"    {finding.title}  {bytes_words(finding.raw)}"


def _plain(text: str) -> str:
    """One line of text without what XML cannot carry: control characters are escaped."""
    return printable(text)
