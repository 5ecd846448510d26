"""Explores: plays drawn schedules, groups what fails by rule and faults, reduces one of each group, tells it.

Owns the order of that work and its result, which is the same in one process as in many. Must not know output
formats. A schedule that breaks this program itself is told as the rule `CRASHED`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from pilesim.conformance.runner import repeat_command, run_scenario
from pilesim.errors import UsageError
from pilesim.explore.draw import Drawing, draw_schedule
from pilesim.explore.reduce import fewest_faults, reduced
from pilesim.explore.schedule import ChosenFault, Schedule
from pilesim.pile.faults import FAULTS as PILE_FAULTS
from pilesim.platform.faults import FAULTS as PLATFORM_FAULTS
from pilesim.rules.verdict import Level, Verdict
from pilesim.scenario.writer import scenario_text
from pilesim.spread import hired
from pilesim.wire.dialects import travelling
from pilesim.wire.frame import End

CRASHED = "pilesim"
"""Stands where a rule's id does when no rule could be asked."""
EXPLORED_SCHEMA = 1


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that failed under these faults, in how many runs, and the first of them reduced."""

    rule: str
    faults: tuple[str, ...]
    """Their labels: those that the first run's failure needs."""
    runs: tuple[int, ...]
    name: str
    """Id of the reduced scenario, and with `.yaml` the name of its file."""
    failed: tuple[str, ...]
    """Every MUST rule that the reduced scenario breaks."""
    because: tuple[str, ...]
    """What the rule found in it, in sentences."""
    repeat: str
    """The command that runs the reduced scenario's file."""
    scenario: str
    """The text of that file."""


class Explored(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an exploration."""

    schema: int = EXPLORED_SCHEMA
    seed: int
    runs: int
    pile: str
    protocol: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Broken:
    """A rule that run number `run` breaks, with the faults it takes to break it."""

    run: int
    rule: str
    schedule: Schedule

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        return self.rule, _names(self.schedule.faults)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Of one schedule played: the rules that fail, in the table's order, each with what it found."""

    failed: dict[str, tuple[str, ...]]


def explore(
    seed: int,
    runs: int,
    drawing: Drawing,
    *,
    url: str,
    jobs: int = 1,
    scheduler: str = "",
    done: Callable[[int, tuple[str, ...]], None] = lambda run, rules: None,
) -> Explored:
    """Play `runs` schedules and reduce what fails; `done` is told of each run as it ends, in their order.

    `url` is how the pile under test was named. With more `jobs` than one the work is spread over processes, and with
    a `scheduler` over its cluster; RigError where a run loses two workers.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[_Broken]] = {}
    with hired(jobs, scheduler) as crew:
        explored = travelling(partial(_explored, seed, drawing), drawing.protocol)
        for run, broken in enumerate(crew.in_order(explored, range(runs), lambda run: f"run {run}")):
            done(run, tuple(one.rule for one in broken))
            for one in broken:
                groups.setdefault(one.key, []).append(one)
        firsts = [members[0] for members in groups.values()]
        reducing = travelling(_reduced, drawing.protocol)
        told = list(crew.in_order(reducing, firsts, lambda broken: f"run {broken.run}, {broken.rule}"))
    findings = tuple(
        msgspec.structs.replace(finding, runs=tuple(one.run for one in members))
        for finding, members in zip(told, groups.values(), strict=True)
    )
    return Explored(seed=seed, runs=runs, pile=url, protocol=drawing.protocol, findings=findings)


def _explored(seed: int, drawing: Drawing, run: int) -> list[_Broken]:
    """What run number `run` breaks, each rule with only the faults that it takes."""
    schedule = draw_schedule(seed, run, drawing)
    return [_Broken(run, rule, fewest_faults(schedule, partial(breaks, rule))) for rule in _played(schedule).failed]


def breaks(rule: str, schedule: Schedule) -> bool:
    """Whether `rule`, a MUST, fails when `schedule` is played."""
    return rule in _played(schedule).failed


def _played(schedule: Schedule, name: str = "explore/drawn") -> _Outcome:
    """Play a schedule. What cannot be played as it stands breaks nothing: that is a fault of the schedule."""
    try:
        result = run_scenario(schedule.scenario(name, name), schedule.options()).result
    except UsageError:
        return _Outcome({})
    except Exception as error:  # whatever it is, it is a fault of this program, and a finding like any other
        return _Outcome({CRASHED: (f"{type(error).__name__}: {error}",)})
    return _Outcome(
        {
            row.id: tuple(f"expected {found.expected}; found {found.actual}" for found in row.findings) or (row.reason,)
            for row in result.rules
            if row.verdict is Verdict.ERROR or (row.verdict is Verdict.FAIL and row.level is Level.MUST)
        }
    )


def _reduced(broken: _Broken) -> Finding:
    schedule = reduced(broken.schedule, partial(breaks, broken.rule))
    name = f"{broken.run:04d}-{broken.rule}"
    outcome = _played(schedule, f"explore/{name}")
    names = _names(schedule.faults)
    because = outcome.failed[broken.rule]
    title = f"{broken.rule} fails with {', '.join(names)}" if names else f"{broken.rule} fails"
    proves = () if broken.rule == CRASHED else (broken.rule,)
    scenario = schedule.scenario(f"explore/{name}", title, proves)
    repeat = repeat_command(f"{name}.yaml", schedule.options())
    return Finding(
        rule=broken.rule,
        faults=names,
        runs=(),
        name=name,
        failed=tuple(outcome.failed),
        because=because,
        repeat=repeat,
        scenario=scenario_text(scenario, _comments(broken, schedule, outcome, repeat)),
    )


def _comments(broken: _Broken, schedule: Schedule, outcome: _Outcome, repeat: str) -> list[str]:
    """What the file's reader has to know: what fails, on what, and how to see it again."""
    lines = [f"Found by run {broken.run} of an exploration, and reduced to what it takes. It fails:"]
    lines += [f"    {rule}: {because}" for rule, found in outcome.failed.items() for because in found[:1]]
    if schedule.faults:
        lines.append("It takes these faults:")
        lines += [f"    {fault.words}: {_what_it_does(fault)}" for fault in schedule.faults]
    else:
        lines.append("It takes no fault.")
    return [*(_one_line(line) for line in lines), "Run it again:", f"    {repeat}"]


def _one_line(text: str) -> str:
    return " ".join(text.split()) if not text.startswith(" ") else "    " + " ".join(text.split())


def _what_it_does(fault: ChosenFault) -> str:
    return (PILE_FAULTS if fault.end is End.PILE else PLATFORM_FAULTS)[fault.name].title


def _names(faults: tuple[ChosenFault, ...]) -> tuple[str, ...]:
    return tuple(fault.label for fault in faults)
