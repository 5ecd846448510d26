"""Many piles from the command line: the run, what is shown of it, its result and its reports.

Owns what Ctrl-C means here: the first ends the playing, the second the judging, and what is there by then is written.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.markup import escape

from pilesim import __version__
from pilesim.cli.console import console
from pilesim.cli.dashboard import Dashboard
from pilesim.cli.ending import told_to_stop
from pilesim.cli.files import writable
from pilesim.cli.report import find_capture, write_result
from pilesim.conformance.result import RunResult, ScenarioResult, worst
from pilesim.conformance.runner import simulated_number
from pilesim.contract.contracts import contract_of
from pilesim.errors import RigError, UsageError
from pilesim.files import text_in
from pilesim.report.text import print_scenario, print_summary
from pilesim.rig.rigfile import load_rig
from pilesim.season.fixture import Season
from pilesim.site.figures import Figures
from pilesim.site.play import SiteOptions, Storm, figures_text, play_site
from pilesim.site.shares import play_apart
from pilesim.site.traffic import load_traffic, parse_mix, plans_of
from pilesim.site.verdicts import RED, unkept, verdicts
from pilesim.trace.events import Trace
from pilesim.wire.protocol import protocol_named

_FAILURES_SHOWN = 5
_CHARTS = 20
"""Recordings on the page: those of the first piles at which something failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAsked:
    """What the command line asked for, as it was said."""

    url: str
    count: int | None
    firmware: str
    """"" where it was not said: the traffic's own, or the reference."""
    number: str
    traffic: Path | None
    rig: Path | None
    protocol: str
    seed: int
    clock_rate: float
    ramp_ns: int
    storms: tuple[Storm, ...]
    for_ns: int | None
    captures: Path | None
    record: str
    strict: bool
    metrics: int | None
    jobs: int
    scheduler: str
    json_file: Path | None
    junit_file: Path | None
    html_file: Path | None


def play_many(asked: SiteAsked) -> int:
    """Play, judge, report; the exit code."""
    out = console(lasting=True)
    protocol = protocol_named(asked.protocol)
    world_start_ns = time.time_ns()
    traffic = _traffic(asked, world_start_ns)
    api = None if asked.rig is None else load_rig(text_in(asked.rig, "a rig file"), str(asked.rig)).rig.platform
    if asked.rig is not None and api is None:
        raise UsageError(f"{asked.rig}: expected platform: and how it is told to authorise, start and stop")
    if traffic is not None:
        # For many piles this takes a while.
        out.print(f"{asked.traffic}: who comes in {traffic.days} days is drawn", soft_wrap=True)
    plans = plans_of(
        traffic,
        parse_mix(asked.firmware or "reference") if asked.firmware or not traffic else (),
        count=asked.count,
        first_number=protocol.pile_number(asked.number) if asked.number else simulated_number(protocol),
        seed=asked.seed,
        for_ns=asked.for_ns,
    )
    writable(asked.json_file, asked.junit_file, asked.html_file, read=(asked.traffic, asked.rig))
    figures = Figures(piles=len(plans))
    dashboard = Dashboard(out, figures)
    out.print(f"{asked.url}: {len(plans)} piles, {_mix_text(plans)}, seed {asked.seed}", soft_wrap=True)
    with ExitStack() as stack:
        told = stack.enter_context(told_to_stop(2))
        if asked.metrics is not None:
            from pilesim.cli.metrics import served  # noqa: PLC0415 (an extra)

            out.print(f"Figures: {stack.enter_context(served(figures, asked.metrics))}", soft_wrap=True)
        folder = asked.captures or Path(stack.enter_context(TemporaryDirectory(prefix="pilesim-")))
        options = SiteOptions(
            url=asked.url,
            plans=plans,
            protocol=asked.protocol,
            seed=asked.seed,
            clock_rate=asked.clock_rate,
            world_start_ns=world_start_ns,
            captures=folder,
            api=api,
            ramp_ns=asked.ramp_ns,
            storms=asked.storms,
            for_ns=asked.for_ns,
        )

        def stop() -> bool:
            dashboard.tick()
            return told() > 0

        results: dict[str, ScenarioResult] = {}
        enough = 1
        """Who asks once more does not want all of them judged."""
        with dashboard.shown():
            if asked.jobs > 1 or asked.scheduler:
                dashboard.doing = "playing elsewhere"
                played = play_apart(
                    options,
                    figures,
                    stop,
                    jobs=asked.jobs,
                    scheduler=asked.scheduler,
                    strict=asked.strict,
                    keep_all=asked.captures is not None and asked.record == "all",
                )
                results |= {result.id: result for result in played}
            else:
                recordings = play_site(options, figures, stop)
                enough = told()
                dashboard.doing = f"judging {len(recordings)} recordings; Ctrl-C leaves the rest"
                for result in verdicts(
                    recordings if figures.connects else {},
                    strict=asked.strict,
                    kept=asked.captures is not None,
                    jobs=os.cpu_count() or 1,
                    stop=lambda: told() > enough,
                ):
                    results[result.id] = _kept(result, asked)
            if not figures.connects:
                raise RigError(figures.last_failure or f"{asked.url}: nobody could connect in so short a time")
        run = _run_result(asked, [plan.number for plan in plans], results, figures)
        # First, since there may be no room for the reports.
        _print(out, run, asked.strict)
        _report(asked, run)
    if run.left and told() > enough:
        told.pass_on()
    return run.exit_code


def _traffic(asked: SiteAsked, world_start_ns: int) -> Season | None:
    if asked.traffic is None:
        return None
    text = text_in(asked.traffic, "a traffic file")
    contract = contract_of(protocol_named(asked.protocol).name)
    return load_traffic(text, str(asked.traffic), contract, world_start_ns)


def _mix_text(plans: tuple[Any, ...]) -> str:
    counts = Counter(plan.profile.name for plan in plans)
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _kept(result: ScenarioResult, asked: SiteAsked) -> ScenarioResult:
    """`result`, whose recording is left where it was asked for."""
    if asked.captures is None or asked.record == "all" or result.verdict in RED:
        return result
    Path(result.capture).unlink(missing_ok=True)
    return unkept(result)


def _run_result(
    asked: SiteAsked, planned: list[str], results: dict[str, ScenarioResult], figures: Figures
) -> RunResult:
    protocol = protocol_named(asked.protocol)
    judged = tuple(results[number] for number in planned if number in results)
    return RunResult(
        pilesim=__version__,
        seed=asked.seed,
        pile=f"sim:{asked.firmware or 'reference'}",
        protocol=protocol.name,
        dialect=protocol.overlay,
        provisional=protocol.provisional,
        strict=asked.strict,
        verdict=worst(result.verdict for result in judged),
        scenarios=judged,
        each="pile",
        planned=tuple(planned),
        facts={"platform": asked.url, **figures_text(figures)},
    )


def _report(asked: SiteAsked, run: RunResult) -> None:
    charted = {result.id for result in [r for r in run.scenarios if r.verdict in RED][:_CHARTS]}

    def find(run: RunResult, result: ScenarioResult) -> Trace | None:
        return find_capture(result) if result.id in charted else None

    write_result(
        run,
        find,
        kept=asked.captures is not None,
        json_file=asked.json_file,
        junit_file=asked.junit_file,
        html_file=asked.html_file,
    )


def _print(out: Console, run: RunResult, strict: bool) -> None:
    failing = [result for result in run.scenarios if result.verdict in RED]
    for result in failing[:_FAILURES_SHOWN]:
        print_scenario(out, result, strict)
    if len(failing) > _FAILURES_SHOWN:
        out.print(f"and {len(failing) - _FAILURES_SHOWN} piles more at which something failed")
    rules = Counter(row.id for result in failing for row in result.failed(strict))
    for rule, count in rules.most_common():
        out.print(f"{rule}: failed at {count} of {len(run.scenarios)} piles")
    for name, text in run.facts.items():
        out.print(f"{name}: {escape(text)}", soft_wrap=True)
    print_summary(out, run)
