"""A run's result as text for a terminal: verdicts as they come, each failure in full, the summary last.

Owns the wording. Everything a pile sent is escaped: control characters never reach the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilesim.conformance.result import FindingRow, RuleRow, RunResult, ScenarioResult
from pilesim.rules.verdict import Blame, Level, Verdict
from pilesim.units import format_duration, format_since_start, numbered

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.NOT_APPLICABLE: "dim",
    Verdict.ERROR: "bold magenta",
}

BLAMED = {
    Blame.PILE: "the pile",
    Blame.PLATFORM: "the platform",
    Blame.LINE: "the line",
    Blame.CANNOT_TELL: "cannot tell",
}

_FINDINGS_SHOWN = 3
"""Findings of one rule shown in full; the JSON result holds what the rule kept."""
_RAW_SHOWN = 64
"""Bytes shown of a frame or of garbage; captures and JSON hold them all."""


def verdict_word(verdict: Verdict, site: bool = False) -> str:
    """`PASS`, and `PASS (site)` where the site's own limits have a part in it."""
    return f"[{STYLES[verdict]}]{verdict.upper()}[/]{' (site)' if site else ''}"


def print_scenario(console: Console, result: ScenarioResult, strict: bool) -> None:
    """One scenario's line, and below it whatever is wrong with it."""
    case = f" [dim]({escape(result.case)})[/]" if result.case else ""
    site = any(row.site for row in result.rules)
    console.print(f"{verdict_word(result.verdict, site)} {escape(result.id)}{case}", soft_wrap=True)
    if result.reason:
        console.print(f"  {escape(result.reason)}", soft_wrap=True)
    for row in result.failed(strict):
        _print_failure(console, result, row)
    for row in result.unproven:
        console.print(f"  [yellow]not proven[/] {row.id}: {escape(row.reason)}", soft_wrap=True)
    for step in result.waited_in_vain:
        console.print(f"  [yellow]waited in vain[/] {escape(step)}", soft_wrap=True)
    if result.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR):
        console.print(f"  again: [bold]{escape(result.repeat)}[/]", soft_wrap=True)


def _print_failure(console: Console, result: ScenarioResult, row: RuleRow) -> None:
    for finding in row.findings:
        console.print(
            f"  [red]{row.id}[/] [dim]{row.level}[/] {escape(finding_text(result.file, finding))}", soft_wrap=True
        )
        console.print(f"    to blame: {BLAMED[finding.blame]}{escape(_hint(finding))}", soft_wrap=True)
        if finding.raw:
            console.print(f"    {escape(finding.title)}  [dim]{bytes_words(finding.raw)}[/]", soft_wrap=True)
    more = len(row.findings) - _FINDINGS_SHOWN
    if more > 0:
        console.print(f"  [red]{row.id}[/] {numbered(more, 'time[|s]')} more", soft_wrap=True)
    if row.expected:
        console.print(f"    known: {escape(printable(row.expected))}", soft_wrap=True)


def finding_text(file: str, finding: FindingRow) -> str:
    """`start-lost.yaml:9 t=+12.304s frame 57: expected ..., actual ...`"""
    file = finding.file or file
    where = f"{file}:{finding.scenario_line}" if finding.scenario_line else file
    frame = f" frame {finding.frame} at the {finding.end}" if finding.frame is not None else f" at the {finding.end}"
    about = "".join(f" {name} {value}" for name, value in (("gun", finding.gun), ("order", finding.order)) if value)
    return printable(
        f"{where} {format_since_start(finding.t_ns)}{frame}{about}: expected {finding.expected}; found {finding.actual}"
    )


def _hint(finding: FindingRow) -> str:
    return printable(f" ({finding.hint})") if finding.hint else ""


def bytes_words(raw: str) -> str:
    """Hex as a line has room for it; JSON holds all."""
    shown = raw[: 2 * _RAW_SHOWN].upper()
    more = len(raw) // 2 - _RAW_SHOWN
    return shown + (f" ... {numbered(more, 'byte[|s]')} more" if more > 0 else "")


def printable(text: str) -> str:
    """`text` with control characters escaped, so that a peer's bytes cannot drive a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_rules(console: Console, result: ScenarioResult) -> None:
    """Every rule's verdict, with its margin or the reason why it stayed open."""
    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "level", "verdict", "value / limit, or why"):
        table.add_column(heading)
    for row in result.rules:
        margin = f"{row.margin.value:g} / {row.margin.limit:g} {row.margin.unit}" if row.margin else ""
        table.add_row(row.id, row.level, verdict_word(row.verdict, row.site), escape(margin or row.reason))
    console.print(table)


def print_summary(console: Console, run: RunResult) -> None:
    """How many of each verdict, SHOULD rules that failed, and the verdict of the whole."""
    should = sorted(
        {
            row.id
            for scenario in run.scenarios
            for row in scenario.rules
            if row.verdict is Verdict.FAIL and row.level is Level.SHOULD
        }
    )
    if should and not run.strict:
        console.print(f"SHOULD rules that failed (with --strict they decide): {', '.join(should)}", soft_wrap=True)
    site = sorted({row.id for scenario in run.scenarios for row in scenario.rules if row.site})
    if site:
        console.print(f"Judged under the site's own limits: {', '.join(site)}", soft_wrap=True)
    counts = ", ".join(
        f"{count} {verdict.value}"
        for verdict in Verdict
        if (count := sum(scenario.verdict is verdict for scenario in run.scenarios))
    )
    word = verdict_word(run.verdict, bool(site))
    parts = [
        numbered(len(run.scenarios), f"{run.each}[|s]"),
        *([counts] if counts else []),
        *([f"{len(run.left)} {run.left_word}"] if run.left else []),
    ]
    console.print(f"{word} {escape(run.pile)}: {': '.join(parts)}", soft_wrap=True)


def print_beginning(
    console: Console, count: int, world_ns: int, seed: int, pile: str, protocol: str, note: str
) -> None:
    """What is about to run: how many scenarios, how long in the world's time, which seed."""
    console.print(
        f"{numbered(count, 'scenario[|s]')}, {format_duration(world_ns // 10**9 * 10**9)} of the world's time, "
        f"seed {seed}, pile {escape(pile)}, protocol {escape(protocol)}",
        soft_wrap=True,
    )
    if note:
        console.print(f"[dim]{escape(note)}[/]", soft_wrap=True)


def print_list(console: Console, rows: Iterable[tuple[str, str, str]]) -> None:
    """The scenarios there are: id, field case, title."""
    table = Table(box=None, pad_edge=False)
    for heading in ("scenario", "case", "title"):
        table.add_column(heading)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
