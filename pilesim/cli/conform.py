"""`pilesim conform`: scenarios against a pile, a verdict out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from pilesim.cli.console import console
from pilesim.cli.files import FILE, FOLDER, writable
from pilesim.cli.options import (
    clock_rate_option,
    impair_option,
    protocol_option,
    scheduler_option,
    seed_option,
)
from pilesim.cli.report import captures_for, find_capture, read_result, report_options, write_result
from pilesim.cli.scenarios import scenarios_named
from pilesim.cli.terminal import ConsoleTerminal
from pilesim.conformance.applicable import acts_asked, grouped
from pilesim.conformance.asked import DEFAULT_PLATFORM, Asked, options_of
from pilesim.conformance.result import RunResult, ScenarioResult
from pilesim.conformance.runner import Options, in_memory, run_all, why_unplayed
from pilesim.errors import UsageError
from pilesim.report.text import print_beginning, print_list, print_scenario, print_summary
from pilesim.rig.impairments import Impairment
from pilesim.rig.targets import LinkTarget
from pilesim.scenario.scenario import Scenario, choose
from pilesim.trace.events import AnyEvent, LineDown, LineUp, Note
from pilesim.units import S, format_duration, format_since_start
from pilesim.wire.frame import End
from pilesim.wire.protocol import protocol_named


@click.command()
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO|ID-PREFIX|CASE|FILE.yaml]...")
@click.option("--pile", metavar="URL", help="The pile under test.  [default: sim:reference]")
@click.option(
    "--rig",
    "rig_file",
    type=FILE,
    help="The bench: the pile, what it claims, who does what there.",
)
@click.option("--no-operator", is_flag=True, help="Nobody stands at the pile: what needs hands is not applicable.")
@click.option(
    "--platform",
    default=DEFAULT_PLATFORM,
    show_default=True,
    metavar="URL",
    help="The platform, sim:reference, with faults or without.",
)
@impair_option
@protocol_option
@seed_option
@click.option("--strict", is_flag=True, help="SHOULD rules decide the verdict too.")
@click.option("--list", "only_list", is_flag=True, help="List the scenarios and run none.")
@click.option("--json", "json_file", type=FILE, help="Write the result here.")
@report_options
@click.option(
    "--timeout-scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.01),
    metavar="X",
    help="Stretch pilesim's own deadlines, never the rules'.",
)
@clock_rate_option
@click.option(
    "--expect",
    "expect_file",
    type=FILE,
    help="Failures that are known: a list of scenario, rule, reason.",
)
@click.option(
    "--resume",
    "resume_file",
    type=FILE,
    help="Go on with the run that left this result behind; it is written there again.",
)
@click.option("--captures", type=FOLDER, help="Keep each scenario's capture here.")
@click.option("--pile-number", metavar="DIGITS", help="The number of a pile on a URL, if it is known.")
@scheduler_option
@click.pass_context
def command(
    context: click.Context,
    scenarios: tuple[str, ...],
    pile: str | None,
    rig_file: Path | None,
    no_operator: bool,
    platform: str,
    impairments: tuple[Impairment, ...],
    protocol: str,
    seed: int,
    strict: bool,
    only_list: bool,
    json_file: Path | None,
    junit_file: Path | None,
    html_file: Path | None,
    timeout_scale: float,
    clock_rate: float,
    expect_file: Path | None,
    resume_file: Path | None,
    captures: Path | None,
    pile_number: str | None,
    scheduler: str,
) -> int:
    """Run the conformance scenarios against a pile, simulated or real.

    Without scenarios the whole suite runs. PILE is sim:NAME (a firmware profile), tcp-listen://HOST:PORT (a pile
    dials in), tcp://HOST:PORT, serial://DEVICE?baud=N, rfc2217://HOST:PORT or pty: (makes one, says its name).

    \b
    pilesim conform order/short szds-16a --pile sim:robinson-gen5-0303
    pilesim conform --pile 'serial:///dev/ttyUSB0?baud=115200' --json r.json --html r.html
    """
    out = console(lasting=True)
    before = read_result(resume_file) if resume_file is not None else None
    known, words = scenarios_named(scenarios or _planned(before))
    chosen = choose(known, words)
    if only_list:
        print_list(out, ((s.id, s.case, s.title) for s in chosen))
        return 0
    said_protocol = context.get_parameter_source("protocol") is not click.core.ParameterSource.DEFAULT
    options = options_of(
        Asked(
            pile=pile,
            rig_file=rig_file,
            pile_number=pile_number,
            protocol=protocol if said_protocol else None,
            platform=platform,
            impairments=impairments,
            seed=seed,
            no_operator=no_operator,
            strict=strict,
            timeout_scale=timeout_scale,
            clock_rate=clock_rate,
            captures=captures,
            expect_file=expect_file,
        ),
        lambda: ConsoleTerminal(out),
        list(known),
    )
    target = options.target
    json_file = json_file or resume_file
    writable(json_file, junit_file, html_file, read=(*map(Path, scenarios), rig_file, expect_file))
    spoken = protocol_named(options.protocol)
    if captures is None and options.captures is not None:
        out.print(f"Captures are kept in ./{options.captures}")
    captures = options.captures
    print_beginning(
        out, len(chosen), sum(s.estimate_ns for s in chosen), seed, target.url, spoken.name, spoken.provisional
    )

    latest: RunResult | None = None
    gone = False
    """The port of a serial line is."""

    def keep(so_far: RunResult) -> None:
        nonlocal latest
        latest = so_far
        if on_real_line or not so_far.scenarios:
            # What takes hours must not be lost with the machine: whatever is there can be read, and gone on from.
            # In virtual time it takes seconds, and what stands there until then says that nothing was played yet.
            report(so_far)

    def opened(name: str) -> None:
        if isinstance(target, LinkTarget) and name != target.url:
            out.print(f"{target.url} is {name}", soft_wrap=True)

    def begun(scenario: Scenario, so_far: RunResult) -> None:
        if latest is None:
            keep(so_far)
        if on_real_line and not why_unplayed(scenario, options):
            takes = format_duration(int(scenario.estimate_ns / clock_rate) // S * S)
            out.print(f"[dim]{scenario.id}: {escape(scenario.title)}: about {takes}[/]", soft_wrap=True)

    def watch(event: AnyEvent) -> None:
        nonlocal gone
        if isinstance(event, Note):
            style = "dim" if event.line else "bold"
            out.print(f"[{style}]  {format_since_start(event.t_ns)} {escape(event.text)}[/]", soft_wrap=True)
        elif isinstance(event, LineDown) and event.end is End.PILE and not event.by and target.connectionless:
            # Nobody ends a serial line: its port is gone, and whoever stands there may put the plug back.
            gone = True
            out.print(f"[bold]{format_since_start(event.t_ns)} {escape(event.reason)}[/]", soft_wrap=True)
        elif isinstance(event, LineUp) and event.end is End.PILE and gone:
            gone = False
            out.print(
                f"[bold]{format_since_start(event.t_ns)} {escape(event.peer)}: the port is back[/]", soft_wrap=True
            )

    def ended(result: ScenarioResult, so_far: RunResult) -> None:
        # What has been told is in the result, should it be ended now.
        keep(so_far)
        print_scenario(out, result, strict)

    def report(run: RunResult) -> None:
        write_result(
            run,
            lambda run, result: find_capture(result),
            kept=captures is not None,
            json_file=json_file,
            junit_file=junit_file,
            html_file=html_file,
        )

    on_real_line = not in_memory(options)
    if on_real_line:
        options = replace(options, watch=watch, opened=opened)
    done = _done_before(before, options, {scenario.id for scenario in chosen})
    if isinstance(target, LinkTarget):
        chosen = grouped(chosen, options.bench_rig)
        _print_day(out, [s for s in chosen if s.id not in done], options)
    with captures_for(html_file, captures) as folder:
        try:
            here = replace(options, captures=folder)
            run = run_all(chosen, here, begun=begun, ended=ended, done=done, scheduler=scheduler)
            print_summary(out, run)
        except BaseException:
            # The reports tell what was seen until it was broken off, and what was left.
            if latest is not None:
                report(latest)
            if json_file is not None:
                out.print(f"Broken off. The same command and --resume {json_file} goes on.", soft_wrap=True)
            raise
        report(run)
    return run.exit_code


def _planned(before: RunResult | None) -> tuple[str, ...]:
    """What a run that was broken off was to play, in the words that it was given."""
    return tuple(before.files.get(name, name) for name in before.planned) if before is not None else ()


def _done_before(before: RunResult | None, options: Options, chosen: set[str]) -> dict[str, ScenarioResult]:
    """What a run that was broken off has left to this one. UsageError where it was another run, or had others too."""
    if before is None:
        return {}
    for name, was, now in (
        ("pile", before.pile, options.target.url),
        ("protocol", before.protocol, protocol_named(options.protocol).name),
        ("seed", before.seed, options.seed),
        ("strictness", before.strict, options.strict),
    ):
        if was != now:
            raise UsageError(f"--resume: expected the {name} of the run that was broken off, {was}; found {now}")
    left_out = [result.id for result in before.scenarios if result.id not in chosen]
    if left_out:
        # The result file is written anew, and they would be gone.
        raise UsageError(f"--resume: expected the scenarios of the run that was broken off, {left_out[0]} among them")
    return {result.id: result for result in before.scenarios}


def _print_day(out: Console, chosen: list[Scenario], options: Options) -> None:
    """What a day at the bench will take: time, and the acts that will be asked for."""
    rig = options.bench_rig
    playable = [s for s in chosen if not why_unplayed(s, options)]
    takes = format_duration(int(sum(s.estimate_ns for s in playable) / options.clock_rate) // S * S)
    asked = Counter(act for scenario in playable for act in acts_asked(scenario, rig))
    acts = ", ".join(f"{count} x {act}" for act, count in asked.most_common()) or "nothing"
    out.print(f"{len(playable)} of {len(chosen)} scenarios can be played here, in about {takes}.", soft_wrap=True)
    if options.terminal is not None:
        out.print(f"The operator will be asked for {acts}.", soft_wrap=True)
