"""A case made from what both ends show: the line does again what it did, and nothing is inferred of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import msgspec
import pytest
from played import SCENARIOS, again, options

from pilesim.conformance.runner import run_scenario
from pilesim.reconstruct.case import Choice, case_of
from pilesim.reconstruct.story import story_of
from pilesim.rig.impairments import parse_impairment
from pilesim.rules.judge import judge
from pilesim.rules.verdict import Verdict
from pilesim.scenario import steps
from pilesim.trace.events import AnyEvent, Chunk, Finish, LineDown, LineUp, Trace

Deeds = Counter[tuple[str, ...]]


@lru_cache(maxsize=2)
def seen(impairment: str) -> Trace:
    """What a good pile and its platform have seen pass on a line that does this, and nobody has noted."""
    asked = replace(options("sim:reference"), impairments=(parse_impairment(impairment),))
    trace = run_scenario(SCENARIOS["order/short"], asked).trace
    kept: list[AnyEvent] = [event for event in trace.events if isinstance(event, Chunk | LineUp | LineDown | Finish)]
    header = msgspec.structs.replace(trace.header, stimuli=False, scenario="", proves=())
    return Trace(header, tuple(kept))


def deeds(told: Iterable[tuple[str, Iterable[str]]]) -> Deeds:
    return Counter((effect, *frames) for effect, frames in told)


CASES = (
    ("drop start count=1", "drop: {message: start, count: 1}"),
    ("drop gun-report count=1 after=40s", "drop: {message: gun-report, count: 1}"),
    ("drop bill count=1", "drop: {message: bill, count: 1}"),
    ("drop direction=up within=70s after=20s", "drop: {direction: up, within: 48"),
    ("corrupt start-reply count=1", "corrupt: {message: start-reply, count: 1}"),
    ("hold start for=9s count=1", "hold: {message: start, for: 9s, count: 1}"),
    ("hold stop for=2.5s count=1", "hold: {message: stop, for: 2.5s, count: 1}"),
    ("delay start by=7s count=1", "delay: {message: start, by: 7s, count: 1}"),
    ("delay authorise-reply by=3s count=1", "delay: {message: authorise-reply, by: 3s, count: 1}"),
    ("stall for=50s after=30s", "stall: {for: 50.1s, direction: up}"),
)
FEW = (CASES[0], CASES[3], CASES[7])


@pytest.mark.parametrize(("impairment", "said"), CASES)
def test_it_does_again_what_the_line_did(impairment: str, said: str, time_enough: bool) -> None:
    if not time_enough and (impairment, said) not in FEW:
        pytest.skip("a few are played: all where there is time for many seeds")
    trace = seen(impairment)
    line = judge(trace.header, trace.events).line
    assert line.deeds
    case = case_of(story_of(trace), Choice(), identifier="made", source="two.log")
    assert said in case.text
    result = again(case.text, "sim:reference")
    shown = deeds((deed["effect"], deed.get("frames", ())) for deed in result.line["deeds"])
    assert shown == deeds((deed.effect, deed.frames) for deed in line.deeds)
    assert (result.verdict, result.waited_in_vain) == (Verdict.PASS, ())


def test_it_infers_nothing_of_the_line_where_both_ends_were_seen() -> None:
    """That nothing comes of a start that arrived is the pile's doing, and no loss."""
    trace = seen("drop start count=1")
    (lost,) = [event for event in judge(trace.header, trace.events).line.deeds if event.effect == "lost"]
    (start,) = [e for e in trace.events if isinstance(e, Chunk) and e.t_ns == lost.t_ns and e.direction == "down"]
    arrived = msgspec.structs.replace(start, end=start.end.other, t_ns=start.t_ns + 1)
    events = sorted([*trace.events, arrived], key=lambda event: event.t_ns)
    case = case_of(story_of(Trace(trace.header, tuple(events))), Choice(), identifier="made", source="two.log")
    assert not any(isinstance(lined.step, steps.Impair) for lined in case.scenario.steps)


def test_it_leaves_out_what_the_line_did_to_another_gun() -> None:
    trace = seen("drop start count=1")
    story = story_of(trace)
    assert story.gone is not None
    (gone,) = story.gone
    for gun, there in ((1, True), (2, False)):
        case = case_of(story, Choice(gun=gun), identifier="made", source="two.log")
        assert ("message: start" in case.text) is there, gone
