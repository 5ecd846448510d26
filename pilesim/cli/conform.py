"""`pilesim conform`: scenarios against a pile, a verdict out."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.markup import escape

from pilesim.cli.options import (
    clock_rate_option,
    console,
    protocol_option,
    seed_option,
)
from pilesim.cli.scenarios import scenarios_named
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, run_all
from pilesim.errors import UsageError
from pilesim.report.text import print_beginning, print_list, print_scenario, print_summary
from pilesim.rig.firmware import platform_faults, profile_of
from pilesim.rig.impairments import Impairment, parse_impairment
from pilesim.rig.targets import LinkTarget, SimLink, SimTarget, parse_target
from pilesim.scenario.scenario import Scenario, choose
from pilesim.trace.events import AnyEvent, Note
from pilesim.units import S, format_duration, format_since_start
from pilesim.wire.protocol import protocol_named


@click.command()
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO|ID-PREFIX|CASE|FILE.yaml]...")
@click.option("--pile", default="sim:reference", show_default=True, metavar="URL", help="The pile under test.")
@click.option(
    "--platform",
    default="sim:reference",
    show_default=True,
    metavar="URL",
    help="The platform, sim:reference, with faults or without.",
)
@click.option("--impair", "impairments", multiple=True, metavar="TEXT", help="Impair the line: 'drop start count=1'.")
@protocol_option
@seed_option
@click.option("--strict", is_flag=True, help="SHOULD rules decide the verdict too.")
@click.option("--list", "only_list", is_flag=True, help="List the scenarios and run none.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here.")
@click.option(
    "--timeout-scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.01),
    metavar="X",
    help="Stretch the harness's deadlines, never the rules'.",
)
@clock_rate_option
@click.option("--captures", type=click.Path(file_okay=False, path_type=Path), help="Keep each scenario's capture here.")
@click.option("--pile-number", default="", metavar="DIGITS", help="The number of a pile on a URL, if it is known.")
def command(
    scenarios: tuple[str, ...],
    pile: str,
    platform: str,
    impairments: tuple[str, ...],
    protocol: str,
    seed: int,
    strict: bool,
    only_list: bool,
    json_file: Path | None,
    timeout_scale: float,
    clock_rate: float,
    captures: Path | None,
    pile_number: str,
) -> int:
    """Run the conformance scenarios against a pile, simulated or real.

    Without scenarios the whole suite runs. PILE is sim:NAME (a firmware profile), tcp-listen://HOST:PORT (a pile
    dials in), tcp://HOST:PORT, serial://DEVICE?baud=N, rfc2217://HOST:PORT or pty: (makes one, says its name).
    """
    out = console()
    known, words = scenarios_named(scenarios)
    chosen = choose(known, words)
    if only_list:
        print_list(out, ((s.id, s.case, s.title) for s in chosen))
        return 0
    target = parse_target(pile)
    if isinstance(target, SimTarget):
        profile_of(target)  # a wrong name or fault is told before anything runs
    platform_end = _platform(platform)
    _writable(json_file)
    spoken = protocol_named(protocol)
    if isinstance(target, LinkTarget) and captures is None:
        captures = Path("captures")
        out.print("Captures are kept in ./captures")
    print_beginning(
        out, len(chosen), sum(s.estimate_ns for s in chosen), seed, target.url, spoken.name, spoken.provisional
    )

    on_real_line = isinstance(target, LinkTarget) or target.link is not SimLink.VIRTUAL

    def begun(scenario: Scenario) -> None:
        if on_real_line:
            takes = format_duration(int(scenario.estimate_ns / clock_rate) // S * S)
            out.print(f"[dim]{scenario.id}: {escape(scenario.title)}: about {takes}[/]")

    def watch(event: AnyEvent) -> None:
        if isinstance(event, Note) and event.line:
            out.print(f"[dim]  {format_since_start(event.t_ns)} {escape(event.text)}[/]")

    def ended(result: ScenarioResult) -> None:
        print_scenario(out, result, strict)

    def tell(prompt: str) -> None:
        out.print(f"[bold]{prompt}[/]")

    options = Options(
        target=target,
        platform=platform_end,
        impairments=tuple(_impairment(text) for text in impairments),
        protocol=protocol,
        seed=seed,
        strict=strict,
        timeout_scale=timeout_scale,
        clock_rate=clock_rate,
        captures=captures,
        pile_number=pile_number,
        tell=tell if on_real_line else None,
        watch=watch if on_real_line else None,
    )
    run = run_all(chosen, options, begun=begun, ended=ended)
    print_summary(out, run)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
    return run.exit_code


def _platform(url: str) -> SimTarget:
    target = parse_target(url)
    if not isinstance(target, SimTarget):
        raise UsageError(f"expected the platform sim:reference, with faults or without; found {url!r}")
    platform_faults(target)
    return target


def _impairment(text: str) -> Impairment:
    try:
        return parse_impairment(text)
    except ValueError as error:
        raise UsageError(f"--impair {text!r}: {error}") from None


def _writable(path: Path | None) -> None:
    """A result file that cannot be written is told before the run, not after it."""
    if path is None:
        return
    try:
        path.touch()
    except OSError as error:
        raise UsageError(f"{path}: expected a file that can be written: {error.strerror}") from None
