"""Who does things at the pile, and how the trace tells when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from toys import header

from pilesim.rig.stimuli import ACT_OF, ACTS, DETAILS, KINDS, Hands, SimulatedHands
from pilesim.scenario import steps
from pilesim.trace.events import Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.units import S


class Pile:
    def __init__(self) -> None:
        self.done: list[tuple[int, str, int | None, Mapping[str, Any]]] = []

    def stimulate(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        if kind == "card":
            raise ValueError("this pile has no card reader")
        self.done.append((now_ns, kind, gun, detail))


def stimuli(recorder: Recorder) -> list[Stimulus]:
    return [e for e in recorder.events if isinstance(e, Stimulus)]


def test_it_does_it_at_a_simulated_pile_and_records_the_instant() -> None:
    pile, recorder = Pile(), Recorder(header())
    hands: Hands = SimulatedHands(pile, recorder)
    hands.do(5 * S, "insulation", 1, {"ok": False})
    assert pile.done == [(5 * S, "insulation", 1, {"ok": False})]
    assert stimuli(recorder) == [Stimulus(t_ns=5 * S, began_ns=5 * S, kind="insulation", gun=1, detail={"ok": False})]
    assert hands.pending() == ()


def test_it_records_nothing_that_could_not_be_done() -> None:
    recorder = Recorder(header())
    with pytest.raises(ValueError, match="no card reader"):
        SimulatedHands(Pile(), recorder).do(5 * S, "card", 1, {})
    assert stimuli(recorder) == []


def test_it_names_each_kind_of_stimulus_once_and_an_act_for_each() -> None:
    assert len(KINDS) == len(set(KINDS))
    assert {kind: kind in ACTS[act] for kind, act in ACT_OF.items()} == dict.fromkeys(KINDS, True)
    assert set(KINDS) == {step.kind for step in _leaves(steps.Stimulus)}


def test_it_knows_what_each_kind_tells_beside_its_gun() -> None:
    for step in _leaves(steps.Stimulus):
        told = set(step.__struct_fields__) - {"gun", "car", "times", "every"}
        assert set(DETAILS[step.kind]) == told, step.kind


def _leaves(step: type[steps.Stimulus]) -> list[type[steps.Stimulus]]:
    return [leaf for child in step.__subclasses__() for leaf in (child, *_leaves(child))]
