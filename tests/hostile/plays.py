"""A program that plays and prints what it recorded and drew: whatever Python runs it, the same bytes have to come.

What it plays draws from every stream there is: reply delays, faults with a rate, impairments that choose, cut, delay,
corrupt and disturb, schedules of an exploration, visits of a season.
"""

from __future__ import annotations

import io
import sys

from pilesim.conformance.runner import Options, run_scenario
from pilesim.contract.contracts import contract_of
from pilesim.explore.draw import Drawing, draw_schedule
from pilesim.library import scenario_folder
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.targets import SimTarget, parse_target
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import load_scenario
from pilesim.season.fixture import load_season
from pilesim.season.plan import plan_of

SEED = 7
DRAWN = 25
IMPAIRMENTS = (
    "delay by=20ms jitter=300ms probability=0.5",
    "duplicate probability=0.1",
    "corrupt bits=3 probability=0.05",
    "corrupt bits=9 length=true probability=0.02",
    "cut probability=0.05 gap=100ms",
    "noise bytes=9 probability=0.1",
    "drop probability=0.03",
)
PILE = "sim:reference?fault=bill-lost&fault.rate=0.5"
PLATFORM = "sim:reference?fault=no-bill-reply&fault.rate=0.5"


def played(name: str, protocol: str) -> str:
    """The capture of a scenario, as its file has it."""
    scenario = load_scenario(scenario_folder() / f"{name}.yaml", [row.id for row in RULES])
    platform = parse_target(PLATFORM)
    assert isinstance(platform, SimTarget)
    sink = io.StringIO()
    run_scenario(
        scenario,
        Options(
            target=parse_target(PILE),
            platform=platform,
            protocol=protocol,
            seed=SEED,
            impairments=tuple(map(parse_impairment, IMPAIRMENTS)),
            captures=scenario_folder(),
        ),
        sink,
    )
    return sink.getvalue()


def drawn(protocol: str) -> str:
    """The first schedules of an exploration."""
    drawing = Drawing(protocol=protocol, profile="reference")
    return "".join(f"{draw_schedule(SEED, run, drawing)}\n" for run in range(DRAWN))


def planned(name: str, protocol: str) -> str:
    """Who comes when in a season."""
    path = scenario_folder().parent / "firmware_fixtures" / "seasons" / f"{name}.yaml"
    season = load_season(path.read_text(encoding="utf-8"), path.name, contract_of(protocol))
    return "".join(f"{plan.number} {plan.visits}\n" for plan in plan_of(season, SEED, 60))


def main() -> None:
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    for protocol in ("lhc", "ykc-1.6"):
        for name in ("order/short", "line/garbage-to-the-platform"):
            sys.stdout.write(played(name, protocol))
        sys.stdout.write(drawn(protocol))
    sys.stdout.write(planned("zpd-10", "lhc"))


if __name__ == "__main__":
    main()
