"""`pilesim case`: a scenario that does again what a log tells."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from pilesim.cli.console import console, tell
from pilesim.cli.files import FILE, writable, write_whole
from pilesim.cli.logs import dated, log_options, print_import
from pilesim.cli.options import DEFAULT_SEED, output_option
from pilesim.cli.scenarios import rule_ids
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, run_scenario, why_unplayed
from pilesim.errors import UsageError
from pilesim.reconstruct.case import Case, Choice, case_of
from pilesim.reconstruct.story import Story, story_of
from pilesim.report.text import printable
from pilesim.rig.firmware import profile_of
from pilesim.rig.targets import SimTarget, parse_target
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import parse_scenario
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import agreeing, numbered


@click.command()
@click.argument("log", type=FILE)
@output_option("scenario_file", "Write the scenario here.")
@click.option("--order", "orders", multiple=True, metavar="NUMBER", help="Only this order; its last digits do.")
@click.option("--gun", type=click.IntRange(min=1), metavar="N", help="Only what happened at this gun.")
@click.option("--firmware", metavar="NAME|URL", help="Play it on this simulated pile too, and say what shows again.")
@log_options
def command(
    log: Path, scenario_file: Path, orders: tuple[str, ...], gun: int | None, firmware: str | None, wishes: Wishes
) -> None:
    """Make a scenario of a log: it waits for the other side, and each step names the line that it rests on.

    OTHER is a log of the same pile from the other end of its line.

    `pilesim conform FILE --pile sim:NAME` plays it: on the firmware that is suspected it fails as the log does, on
    sim:reference nothing fails.

    \b
    pilesim case field.log -o again.yaml --firmware robinson-gen5-0303
    """
    if scenario_file.suffix not in (".yaml", ".yml"):
        raise UsageError(f"-o: expected a scenario's file, which ends in .yaml; found {scenario_file}")
    suspect = _target(firmware) if firmware is not None else None
    imported = load_log(log, dated(log, wishes))
    out = console(lasting=True)
    print_import(out, imported)
    story = story_of(imported.trace)
    choice = Choice(orders=orders, gun=gun)
    case = _proven(story, choice, scenario_file, imported.called)
    writable(scenario_file, read=(log, wishes.other))
    write_whole(scenario_file, case.text.encode())
    _print_case(out, story, case, scenario_file)
    if suspect is not None:
        result = _played(story, case, scenario_file, suspect)
        found = dict.fromkeys(finding.rule for finding in story.findings)
        failed = dict.fromkeys(row.id for row in result.rules if row.verdict is Verdict.FAIL)
        shown = {
            "shows again": [rule for rule in found if rule in failed],
            "does not show": [rule for rule in found if rule not in failed],
            "shows besides": [rule for rule in failed if rule not in found],
        }
        for words, rules in shown.items():
            if rules:
                tell(out, f"{suspect.url} {words}: {', '.join(rules)}")
        if not found and not failed:
            tell(out, f"{suspect.url}: nothing fails, as in the log")


def _target(word: str) -> SimTarget:
    target = parse_target(word if ":" in word else f"sim:{word}")
    if not isinstance(target, SimTarget):
        raise UsageError(f"--firmware: expected a simulated pile, sim:NAME with faults or without; found {word!r}")
    profile_of(target)
    return target


def _proven(story: Story, choice: Choice, scenario_file: Path, source: str) -> Case:
    """The scenario, which does not say that it proves what a good pile leaves open in it."""
    identifier = scenario_file.stem
    case = case_of(story, choice, identifier=identifier, source=source)
    if not case.scenario.proves:
        return case
    good = _played(story, case, scenario_file, SimTarget(url="sim:reference", profile="reference"))
    left_open = [row.id for row in good.unproven]
    return case_of(story, choice, identifier=identifier, source=source, left_open=left_open) if left_open else case


def _played(story: Story, case: Case, scenario_file: Path, target: SimTarget) -> ScenarioResult:
    scenario = parse_scenario(case.text, str(scenario_file), rule_ids())
    options = Options(target=target, protocol=story.header.protocol, seed=DEFAULT_SEED)
    reason = why_unplayed(scenario, options)
    if reason:
        raise UsageError(f"{scenario_file}: it was written, and cannot be played on {target.url}: {reason}")
    return run_scenario(scenario, options).result


def _print_case(out: Console, story: Story, case: Case, scenario_file: Path) -> None:
    scenario = case.scenario
    tell(
        out,
        printable(f"{scenario_file}: {numbered(len(scenario.steps), 'step[|s]')}, by the recording at the {story.end}"),
    )
    for order in case.orders:
        tell(out, printable(f"  order {order.number.lstrip('0')} on gun {order.gun}"))
    others = [order for order in story.orders if order not in case.orders]
    if others:
        numbers = ", ".join(order.number.lstrip("0") for order in others)
        tell(out, printable(agreeing(len(others), f"  left out: {len(others)} order[|s] more, {numbers}")))
    elif len(case.orders) > 1:
        tell(out, "  --order and --gun choose among them")
    tell(out, printable(f"  proves: {', '.join(scenario.proves)}" if scenario.proves else "  nothing fails in the log"))
    for sentence in case.dropped:
        tell(out, printable(f"  left out: {sentence}"))
    for sentence in case.supposed:
        tell(out, printable(f"  supposed: {sentence}"))
