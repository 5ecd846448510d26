"""Who does what at a rig: each act goes to whom the rig gives it, and to nobody else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pytest
from operated import Desk, stimuli
from toys import LHC, header

from pilesim.quantities import Duration
from pilesim.rig.clock import RealClock
from pilesim.rig.hands import Command, Hand, RigHands
from pilesim.rig.operator import Operator
from pilesim.rig.pump import Pump
from pilesim.rig.relay import LOOK_NS, Relay
from pilesim.rig.signs import Signs
from pilesim.rig.stimuli import SimulatedHands
from pilesim.trace.recorder import Recorder
from pilesim.units import S


class Pile:
    def __init__(self) -> None:
        self.done: list[str] = []

    def stimulate(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self.done.append(kind)


COMMAND = Command(command=(sys.executable, "-c", ""), timeout=Duration(20 * S))


def hands_of(
    hands: Mapping[str, Hand], *, desk: Desk | None = None, pile: Pile | None = None, rate: float = 1
) -> tuple[Recorder, RigHands]:
    recorder = Recorder(header())
    signs = Signs(recorder, LHC)
    return recorder, RigHands(
        hands,
        operator=Operator(recorder, signs, desk) if desk is not None else None,
        simulated=SimulatedHands(pile, recorder) if pile is not None else None,
        relay=Relay(recorder, signs, rate),
        clock_rate=rate,
    )


def test_it_gives_each_act_to_whom_the_rig_names() -> None:
    desk, pile = Desk(), Pile()
    recorder, hands = hands_of({"plug": "operator", "unplug": "sim", "card": COMMAND}, desk=desk, pile=pile)
    hands.do(0, "plug", 1, {})
    hands.do(0, "unplug", 1, {})
    hands.do(0, "card", 1, {"account": "1"})
    assert [words.split(".")[0] for words in desk.told] == ["Plug the cable of gun 1 into the car"]
    assert pile.done == ["unplug"]
    assert hands.pending() == ("Plug the cable of gun 1 into the car.", "the command for card to end")
    assert [stimulus.kind for stimulus in stimuli(recorder)] == ["unplug"]
    hands.close()


@pytest.mark.parametrize("hands", [{}, {"plug": "operator"}, {"plug": "sim"}])
def test_it_says_that_nobody_does_what_the_rig_gives_to_nobody(hands: Mapping[str, Hand]) -> None:
    _, nobody = hands_of(hands)
    with pytest.raises(ValueError, match="nobody at this rig does plug"):
        nobody.do(0, "plug", 1, {})
    assert nobody.pending() == ()


def test_it_looks_for_the_end_of_a_command_and_for_keys_only_while_something_is_asked_for() -> None:
    rate = 50
    desk = Desk()
    recorder, hands = hands_of({"plug": COMMAND, "tap": "operator"}, desk=desk, rate=rate)
    assert hands.next_wakeup_ns() is None
    pump = Pump(RealClock(rate), [hands])
    pump.step()
    hands.do(pump.clock.now_ns(), "plug", 1, {})
    hands.do(pump.clock.now_ns(), "tap", 1, {})
    wakeup_ns = hands.next_wakeup_ns()
    assert wakeup_ns is not None
    assert wakeup_ns <= pump.clock.now_ns() + LOOK_NS * rate
    desk.keys = 1
    assert pump.run_until(lambda: not hands.pending(), 20 * S * rate)
    assert {stimulus.kind for stimulus in stimuli(recorder)} == {"plug", "tap"}
    assert hands.next_wakeup_ns() is None
