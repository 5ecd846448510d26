"""A scenario played against the simulated pile: what its steps wait for, and what not."""

from __future__ import annotations

import pytest

from pilesim.conformance.runner import Options, run_scenario
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.player import Player
from pilesim.scenario.scenario import parse_scenario
from pilesim.scenario.view import View
from pilesim.trace.events import Chunk, Header, LineUp, Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.units import MINUTE, S
from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunReportReply, GunState, Login, Message, Start
from pilesim.wire.protocol import protocol_named

LATE = """\
id: late
title: The line is late, and then the time of day is over
proves: [beat.period]
start: "2020-03-11T14:00:00+08:00"
steps:
  - until: {gun: 1, cable: true, within: 5m}
  - at: "14:01:00"
  - plug: {gun: 1}
  - at: "14:07:00"
  - unplug: {gun: 1}
  - wait: 1m
  - power-off:
  - at: "14:06:00"
  - power-on:
  - plug: {gun: 1}
"""
"""Without power for the day that it waits, so that it passes in no time."""


def test_it_does_not_wait_a_day_for_a_time_that_went_by_while_it_waited_for_the_line() -> None:
    scenario = parse_scenario(LATE, "late.yaml", [row.id for row in RULES])
    run = run_scenario(scenario, Options(target=parse_target("sim:reference"), protocol="lhc", seed=1))
    late, in_time, _, _, next_day = (event.t_ns for event in run.trace.events if isinstance(event, Stimulus))
    assert 5 * MINUTE <= late < 5 * MINUTE + 30 * S
    assert in_time == 7 * MINUTE
    assert next_day == 24 * 60 * MINUTE + 6 * MINUTE


MADE_BY_THE_PLATFORM = """\
id: made
title: The platform starts a gun that has no order, and makes one
proves: [beat.period]
start: "2020-03-11T14:00:00+08:00"
steps:
  - plug: {gun: 1}
  - authorise: {gun: 1, order: N1, balance: 50.00}
  - stop: {gun: 1}
  - start: {gun: 1}
  - authorise: {gun: 1, order: N2, balance: 50.00}
  - wait: 10s
"""
"""Where the start carries the order; all in one instant, so that only their serials tell the numbers apart."""


def test_it_gives_an_order_no_number_that_the_platform_has_made_meanwhile() -> None:
    scenario = parse_scenario(MADE_BY_THE_PLATFORM, "made.yaml", [row.id for row in RULES])
    run = run_scenario(scenario, Options(target=parse_target("sim:reference"), protocol="ykc-1.6", seed=1))
    assert run.result.verdict is not Verdict.ERROR, run.result.reason


TOLD_BY_ANOTHER = """\
id: told
title: Another end starts the gun
start: "2020-03-03T12:36:40+08:00"
proves: [beat.period]
steps:
"""
LHC = protocol_named("lhc")
PILE = "44030500040000200026"


@pytest.mark.parametrize(
    ("came_before", "steps", "played"), [(1, 1, True), (2, 1, True), (0, 1, False), (1, 2, False), (2, 2, False)]
)
def test_it_takes_a_command_of_the_other_end_that_came_just_before_its_step_and_only_once(
    came_before: int, steps: int, played: bool
) -> None:
    view = View(LHC, End.PILE)
    sessions = {end: LHC.session(end, PILE) for end in End}

    def passes(end: End, message: Message) -> None:
        view.see(Chunk(t_ns=0, end=End.PILE, direction=end.sends, data=sessions[end].build(message)))

    view.see(LineUp(t_ns=0, end=End.PILE))
    passes(End.PILE, GunReport(gun=1, state=GunState.IDLE, cable=False))
    passes(End.PLATFORM, GunReportReply(gun=1))
    for _ in range(came_before):
        passes(End.PLATFORM, Start(gun=1, login=Login.QR, account="1"))
    text = TOLD_BY_ANOTHER + "  - start: {gun: 1}\n" * steps
    player = Player(
        parse_scenario(text, "told.yaml", [row.id for row in RULES]),
        protocol=LHC,
        pile=PILE,
        view=view,
        recorder=Recorder(Header(start="2020-03-03T12:36:40+08:00", protocol="lhc", pile=PILE, guns=1)),
        hands=None,
        desk=None,
        line=None,
    )
    player.step(0)
    assert not player.cut_short
    assert player.played is played
