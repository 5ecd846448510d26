"""Scenarios played in memory, and the logs that somebody at one end would have of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from unittest.mock import patch

from kept import kept

from pilesim.cli.scenarios import all_scenarios, rule_ids
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, Run, run_scenario
from pilesim.pile.behaviour import Behaviour
from pilesim.pile.bills import BillBook, write_bill
from pilesim.pile.store import Record
from pilesim.rig.firmware import firmware_of_case
from pilesim.rig.targets import parse_target
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import parse_scenario
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineDown, LineUp, Trace
from pilesim.units import local_datetime, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Bill

SCENARIOS = all_scenarios()
CASES = tuple(name for name, scenario in SCENARIOS.items() if scenario.case)


def options(pile: str) -> Options:
    return Options(target=parse_target(pile), protocol="lhc", seed=1)


def suspect(scenario: str) -> str:
    """The firmware that shows the scenario's field case."""
    return f"sim:{firmware_of_case(SCENARIOS[scenario].case)}"


@lru_cache(maxsize=4)
def run(scenario: str, pile: str) -> Run:
    return kept(SCENARIOS[scenario], options(pile))


@lru_cache(maxsize=4)
def again(text: str, pile: str) -> ScenarioResult:
    """The result of a scenario's text."""
    return run_scenario(parse_scenario(text, "made.yaml", rule_ids()), options(pile)).result


def failed(result: ScenarioResult) -> set[str]:
    return {row.id for row in result.rules if row.verdict in (Verdict.FAIL, Verdict.ERROR)}


def at_the_platform(trace: Trace) -> Trace:
    """What somebody there knows: what passed, and connections; nothing of what was done at the pile."""
    header = Header(
        start=trace.header.start,
        protocol=trace.header.protocol,
        pile=trace.header.pile,
        guns=0,
        ends=(End.PLATFORM,),
        stimuli=False,
    )
    events: list[AnyEvent] = [
        event for event in trace.events if isinstance(event, Chunk | LineUp | LineDown) and event.end is End.PLATFORM
    ]
    return Trace(header, (*events, Finish(t_ns=events[-1].t_ns)))


def hex_lines(trace: Trace) -> str:
    """A log of the platform's own in lines of hex."""
    start_ns = parse_world_start_ns(trace.header.start)
    lines = []
    for event in trace.events:
        if isinstance(event, Chunk) and event.end is End.PLATFORM:
            time = local_datetime(start_ns + event.t_ns).strftime("%Y-%m-%d %H:%M:%S.%f")
            lines.append(f"{time} {'RX' if event.direction is Direction.UP else 'TX'} {event.data.hex(' ')}")
    return "\n".join(lines) + "\n"


@contextmanager
def true_bills() -> Iterator[dict[str, Bill]]:
    """By order: the bill that a pile in good order writes from its record, whatever the firmware makes of it."""
    bills: dict[str, Bill] = {}
    close = BillBook.close

    def closing(book: BillBook, record: Record) -> None:
        bill = write_bill(record, book.clock, book.contract, Behaviour())
        bills[bill.order] = bill
        close(book, record)

    with patch.object(BillBook, "close", closing):
        yield bills
