"""`pilesim explore`: random schedules of faults and impairments, and of what breaks a rule a file that shows it."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilesim.cli.console import console
from pilesim.cli.files import FILE, FOLDER, writable, write_json, write_whole
from pilesim.cli.options import jobs_option, protocol_option, scheduler_option, seed_option
from pilesim.errors import InternalError, UsageError
from pilesim.explore.draw import Drawing
from pilesim.explore.explore import CRASHED, Explored, Finding, explore
from pilesim.explore.schedule import ChosenFault
from pilesim.rig.firmware import profile_of
from pilesim.rig.targets import SimLink, SimTarget, parse_target
from pilesim.units import numbered
from pilesim.wire.frame import End
from pilesim.wire.protocol import protocol_named


@click.command()
@click.option(
    "--runs",
    default=100,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="How many schedules to play.",
)
@seed_option
@click.option("--pile", default="sim:reference", show_default=True, metavar="URL", help="The simulated pile.")
@protocol_option
@click.option("--no-faults", is_flag=True, help="Draw no faults: only what is done at the pile, and the line.")
@jobs_option(1)
@scheduler_option
@click.option("--out", type=FOLDER, help="Write each reduced scenario here.")
@click.option("--json", "json_file", type=FILE, help="Write the result here.")
def command(
    runs: int,
    seed: int,
    pile: str,
    protocol: str,
    no_faults: bool,
    jobs: int,
    scheduler: str,
    out: Path | None,
    json_file: Path | None,
) -> int:
    """Play random lives of orders, with faults and a bad line, and judge each by all rules.

    Whatever breaks a rule is reduced to the few faults and steps that it takes, and told with a scenario file that
    fails in the same way. The same seed finds the same, in one process or in many. Exit code 1: something failed.

    \b
    pilesim explore --runs 20 --pile 'sim:reference?fault=stale-bill' --out found
    """
    screen = console(lasting=bool(json_file or out))
    drawing = _drawing(pile, protocol, faults=not no_faults)
    writable(json_file)
    if out is not None:
        _make_folder(out)
    screen.print(f"{runs} runs, seed {seed}, pile {escape(pile)}, protocol {escape(protocol)}", soft_wrap=True)

    def done(run: int, rules: tuple[str, ...]) -> None:
        if rules:
            screen.print(f"[dim]run {run}: {', '.join(rules)}[/]", soft_wrap=True)

    explored = explore(seed, runs, drawing, url=pile, jobs=jobs, scheduler=scheduler, done=done)
    for finding in explored.findings:
        _print_finding(screen, finding, out)
    _print_summary(screen, explored)
    if out is not None:
        for finding in explored.findings:
            write_whole(out / f"{finding.name}.yaml", finding.scenario.encode())
    if json_file is not None:
        write_json(json_file, explored)
    if any(finding.rule == CRASHED for finding in explored.findings):
        return InternalError.exit_code
    return 1 if explored.findings else 0


def _drawing(url: str, protocol: str, *, faults: bool) -> Drawing:
    """What schedules are drawn for; UsageError where the pile is none that can be played over and over."""
    target = parse_target(url)
    if not isinstance(target, SimTarget) or target.link is not SimLink.VIRTUAL or target.seed is not None:
        raise UsageError(f"expected a simulated pile in memory, sim:NAME with faults or without; found {url!r}")
    # What there is not is told before anything runs.
    protocol_named(protocol)
    profile_of(target)
    given = tuple(ChosenFault(End.PILE, name, tuple(said.items())) for name, said in target.faults)
    return Drawing(protocol=protocol, profile=target.profile, given=given, faults=faults)


def _make_folder(folder: Path) -> None:
    """Where the findings cannot be written, this is told before the runs, not after them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: expected a place that can be written: {error.strerror}") from None


def _print_finding(screen: Console, finding: Finding, out: Path | None) -> None:
    screen.print(f"[bold red]FAIL[/] {finding.rule} {escape(_with(finding))}", soft_wrap=True)
    for sentence in finding.because[:1]:
        screen.print(f"  {escape(sentence)}", soft_wrap=True)
    also = [rule for rule in finding.failed if rule != finding.rule]
    if also:
        screen.print(f"  fails with it: {', '.join(also)}", soft_wrap=True)
    if out is None:
        for line in finding.scenario.splitlines():
            screen.print(f"    [dim]{escape(line)}[/]", soft_wrap=True)
    else:
        again = finding.repeat.replace(f"{finding.name}.yaml", str(out / f"{finding.name}.yaml"), 1)
        screen.print(f"  again: [bold]{escape(again)}[/]", soft_wrap=True)


def _with(finding: Finding) -> str:
    return f"with {', '.join(finding.faults)}" if finding.faults else "with no fault"


def _print_summary(screen: Console, explored: Explored) -> None:
    if explored.findings:
        table = Table(box=None, pad_edge=False)
        for heading in ("rule", "faults", "runs", "first"):
            table.add_column(heading)
        for finding in explored.findings:
            faults = ", ".join(finding.faults)
            table.add_row(finding.rule, escape(faults), str(len(finding.runs)), str(finding.runs[0]))
        screen.print(table)
    found = len(explored.findings)
    verdict = f"[bold red]FAIL[/] {numbered(found, 'finding[|s]')}" if found else "[green]PASS[/] nothing fails"
    screen.print(f"{verdict} in {explored.runs} runs of {escape(explored.pile)}, seed {explored.seed}")
