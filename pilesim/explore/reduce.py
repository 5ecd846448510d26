"""Reduces a schedule that breaks a rule to the few faults and steps that matter, the rule still being broken.

Owns what "simpler" is for a schedule: fewer faults, fewer steps, then plainer ones, shorter waits, plainer
parameters. Must not know how a schedule was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import msgspec

from pilesim.explore.schedule import ChosenFault, Schedule, possible
from pilesim.explore.shrink import Attempts, fewest, simplest
from pilesim.quantities import Duration, Yuan
from pilesim.rig.impairments import parse_impairment
from pilesim.scenario import steps
from pilesim.scenario.writer import duration_text
from pilesim.units import HOUR, MINUTE, YUAN_MFEN, S, parse_world_start_ns

MOST_ATTEMPTS = 600
"""Runs that one reduction may cost."""
PLAIN_SEED = 1
PLAIN_START_NS = parse_world_start_ns("2020-03-11T14:00:00+08:00")
"""Any afternoon, far from midnight and from a price's change."""

_ROUND_NS = (S, 5 * S, 10 * S, 30 * S, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR)
"""Durations that a person would write."""
_PLAIN_BALANCE = Yuan(50 * YUAN_MFEN)


def fewest_faults(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """`schedule` with only the faults that it needs to fail, as far as leaving out tells."""
    kept = fewest(schedule.faults, lambda faults: fails(replace(schedule, faults=faults)))
    return replace(schedule, faults=kept)


def reduced(schedule: Schedule, still_fails: Callable[[Schedule], bool], most: int = MOST_ATTEMPTS) -> Schedule:
    """The smallest schedule found that still fails; `schedule` itself must."""
    attempts = Attempts(still_fails, lambda candidate: candidate.key, most)
    attempts.fails(schedule)
    before = None
    while before != schedule.key and not attempts.spent:
        before = schedule.key
        schedule = fewest_faults(schedule, attempts.fails)
        schedule = _fewest_steps(schedule, attempts.fails)
        schedule = simplest(schedule, _simpler, attempts.fails)
    return schedule


def _fewest_steps(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """Impairments go first, since they muddle every other question."""

    def with_steps(kept: Iterable[tuple[int, steps.Step]]) -> Schedule:
        return replace(schedule, steps=possible(step for _, step in sorted(kept, key=lambda item: item[0])))

    numbered = tuple(enumerate(schedule.steps))
    line = tuple(item for item in numbered if isinstance(item[1], steps.Impair | steps.Heal))
    others = tuple(item for item in numbered if item not in line)
    line = fewest(line, lambda kept: fails(with_steps(others + kept)))
    kept = fewest(tuple(sorted(others + line, key=lambda item: item[0])), lambda some: fails(with_steps(some)))
    return with_steps(kept)


def _simpler(schedule: Schedule) -> Iterator[Schedule]:
    """Schedules that say the same more plainly, the greatest simplification first."""
    if schedule.seed != PLAIN_SEED:
        yield replace(schedule, seed=PLAIN_SEED)
    if schedule.auto:
        yield replace(schedule, auto=False)
    if schedule.start_ns != PLAIN_START_NS:
        yield replace(schedule, start_ns=PLAIN_START_NS)
    for at, fault in enumerate(schedule.faults):
        for plainer in _plainer_fault(fault):
            yield replace(schedule, faults=_exchanged(schedule.faults, at, plainer))
    for at, step in enumerate(schedule.steps):
        for simpler in _plainer_step(step):
            yield replace(schedule, steps=possible(_exchanged(schedule.steps, at, simpler)))


def _exchanged(items: tuple[Any, ...], at: int, item: Any) -> tuple[Any, ...]:
    return (*items[:at], item, *items[at + 1 :])


def _plainer_fault(fault: ChosenFault) -> Iterator[ChosenFault]:
    """With one parameter less, which is then at its default."""
    for at in range(len(fault.parameters)):
        yield replace(fault, parameters=fault.parameters[:at] + fault.parameters[at + 1 :])


def _plainer_step(step: steps.Step) -> Iterator[steps.Step]:
    match step:
        case steps.Wait(ns=ns):
            yield from (steps.Wait(ns=shorter) for shorter in _shorter(ns))
        case steps.Plug(gun=gun, car=car):
            yield from (steps.Plug(gun=gun, car=plainer) for plainer in _nearer_to_default(car))
        case steps.Authorise(balance=balance) if balance != _PLAIN_BALANCE:
            yield msgspec.structs.replace(step, balance=_PLAIN_BALANCE)
        case steps.Tap(times=times) if times > 1:
            yield msgspec.structs.replace(step, times=1)
        case steps.Until():
            yield from _plainer_until(step)
        case steps.Impair(spec=spec):
            yield from (steps.Impair(spec=plainer) for plainer in _plainer_impairment(spec))
        case _:
            pass


def _plainer_until(until: steps.Until) -> Iterator[steps.Until]:
    default = next(field.default for field in msgspec.structs.fields(steps.Until) if field.name == "within")
    if until.within != default:
        yield msgspec.structs.replace(until, within=default)


def _nearer_to_default(struct: Any) -> Iterator[Any]:
    """`struct` with one of its fields at its default."""
    for field in msgspec.structs.fields(struct):
        if getattr(struct, field.name) != field.default:
            yield msgspec.structs.replace(struct, **{field.name: field.default})


def _shorter(ns: int) -> Iterator[Duration]:
    """Round durations below `ns`, the shortest first."""
    yield from (Duration(candidate) for candidate in _ROUND_NS if candidate < ns)


def _plainer_impairment(spec: dict[str, dict[str, Any]]) -> Iterator[dict[str, dict[str, Any]]]:
    """With one argument less, then with one duration shorter; what would be no impairment is left out."""
    ((kind, arguments),) = spec.items()
    for name in arguments:
        fewer = {kind: {key: value for key, value in arguments.items() if key != name}}
        if _reads(fewer):
            yield fewer
    made = parse_impairment(spec)
    for field in msgspec.structs.fields(made):
        value = getattr(made, field.name)
        if field.encode_name in arguments and isinstance(value, Duration):
            for shorter in _shorter(value):
                yield {kind: arguments | {field.encode_name: duration_text(shorter)}}


def _reads(spec: dict[str, dict[str, Any]]) -> bool:
    try:
        parse_impairment(spec)
    except ValueError:
        return False
    return True
