"""`pilesim repro`: a field case played again, told as the field saw it."""

from __future__ import annotations

import click

from pilesim.cli.console import console
from pilesim.cli.options import protocol_option, seed_option
from pilesim.cli.scenarios import all_scenarios
from pilesim.conformance.runner import Options, run_scenario
from pilesim.report.text import print_scenario
from pilesim.report.timeline import Routine, matched, print_time_line, time_line, unmatched
from pilesim.rig.firmware import firmware_of_case
from pilesim.rig.targets import parse_target
from pilesim.scenario.scenario import NothingSelectedError, Scenario
from pilesim.units import S
from pilesim.wire.frame import End

_FIELD_MATCH_NS = 1 * S
"""How near the run's event must lie to the field's own log line."""


@click.command()
@click.argument("case")
@click.option("--firmware", metavar="NAME", help="Firmware profile; without it the one that showed the case.")
@protocol_option
@seed_option
@click.option("--all", "everything", is_flag=True, help="Show routine heartbeats and replies too.")
def command(case: str, firmware: str | None, protocol: str, seed: int, everything: bool) -> None:
    """Play a field case (szds-16a, or a scenario's id) and print its time line as the field saw it.

    The field's own log lines stand beside the run's events, with the difference in seconds.

    \b
    pilesim repro szds-34
    """
    out = console()
    for scenario in _scenarios_of(case):
        profile = firmware or firmware_of_case(scenario.case)
        out.print(f"[bold]{scenario.id}[/] {scenario.case}: {scenario.title}; firmware {profile}, seed {seed}")
        options = Options(target=parse_target(f"sim:{profile}"), protocol=protocol, seed=seed)
        run = run_scenario(scenario, options)
        entries = time_line(run.trace, End.PLATFORM)
        pairs = matched(entries, scenario.field_log)
        wanted = {id(entry) for _, entry in pairs}
        routine = Routine()
        shown = [e for e in entries if not routine.has_seen(e) or everything or id(e) in wanted]
        print_time_line(out, shown, pairs)
        for line in unmatched(pairs, _FIELD_MATCH_NS):
            out.print(f"[yellow]the run does not show within 1 s:[/] {line.text}", soft_wrap=True)
        print_scenario(out, run.result, strict=False)


def _scenarios_of(case: str) -> list[Scenario]:
    known = all_scenarios()
    found = [s for s in known.values() if case in (s.case, s.id)] or [
        s for s in known.values() if s.case.startswith(case)
    ]
    if not found:
        cases = ", ".join(sorted({s.case for s in known.values() if s.case}))
        raise NothingSelectedError(f"expected a field case, one of {cases}; found {case!r}")
    return found
