"""Who does things at the pile, and how the trace tells when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from toys import LHC, header, up_frame

from pilesim.rig.stimuli import KINDS, Hands, SimulatedHands, WatchingHands
from pilesim.trace.events import Chunk, LineUp, Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.units import S
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunReport, GunState


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
    assert all(hands.can(kind) for kind in KINDS)
    assert not hands.can("dance")
    assert hands.pending() == ()


def test_it_records_nothing_that_could_not_be_done() -> None:
    recorder = Recorder(header())
    with pytest.raises(ValueError, match="no card reader"):
        SimulatedHands(Pile(), recorder).do(5 * S, "card", 1, {})
    assert stimuli(recorder) == []


def report(recorder: Recorder, t_s: int, gun: int, cable: bool, end: End = End.PILE) -> None:
    data = up_frame(GunReport(gun=gun, state=GunState.IDLE, cable=cable))
    recorder.record(Chunk(t_ns=t_s * S, end=end, direction=Direction.UP, data=data))


def test_it_asks_a_person_and_records_what_the_reports_confirm() -> None:
    recorder, told = Recorder(header()), list[str]()
    hands: Hands = WatchingHands(recorder, LHC, told.append)
    recorder.record(LineUp(t_ns=0, end=End.PILE))
    hands.do(10 * S, "plug", 1, {"car": {"soc": 35}})
    hands.do(10 * S, "unplug", 1, {})
    hands.do(10 * S, "plug", 2, {})
    assert told == [
        "Plug the cable of gun 1 into the car.",
        "Pull the cable of gun 1 out of the car.",
        "Plug the cable of gun 2 into the car.",
    ]
    assert len(hands.pending()) == 3
    report(recorder, 15, 1, cable=False)
    assert stimuli(recorder) == [], "the cable of gun 1 is not in yet"
    report(recorder, 20, 1, cable=True)
    report(recorder, 20, 1, cable=True, end=End.PLATFORM)
    assert hands.pending() == tuple(told[1:])
    report(recorder, 30, 1, cable=False)
    report(recorder, 40, 2, cable=True)
    assert hands.pending() == ()
    assert stimuli(recorder) == [
        Stimulus(t_ns=20 * S, began_ns=10 * S, kind="plug", gun=1, detail={"car": {"soc": 35}}),
        Stimulus(t_ns=30 * S, began_ns=10 * S, kind="unplug", gun=1),
        Stimulus(t_ns=40 * S, began_ns=10 * S, kind="plug", gun=2),
    ]


def test_it_asks_nobody_for_what_the_reports_show_already() -> None:
    recorder, told = Recorder(header()), list[str]()
    hands: Hands = WatchingHands(recorder, LHC, told.append)
    recorder.record(LineUp(t_ns=0, end=End.PILE))
    for t_s, cable in ((5, False), (15, False), (20, True)):
        report(recorder, t_s, 1, cable=cable)
    hands.do(25 * S, "plug", 1, {})
    assert told == []
    assert hands.pending() == ()
    # Begun at the earliest with the last report of the cable out, done by now at the latest.
    assert stimuli(recorder) == [Stimulus(t_ns=25 * S, began_ns=15 * S, kind="plug", gun=1)]


@pytest.mark.parametrize(("kind", "gun"), [("tap", 1), ("power-off", None), ("plug", None)])
def test_it_cannot_see_what_no_report_shows(kind: str, gun: int | None) -> None:
    told = list[str]()
    hands = WatchingHands(Recorder(header()), LHC, told.append)
    assert hands.can(kind) is (kind == "plug")
    with pytest.raises(ValueError, match="expected plug or unplug of a gun"):
        hands.do(0, kind, gun, {})
    assert told == []
