"""The two ends of one recording, compared: what the line did and no impairment tells is laid to the line."""

from __future__ import annotations

import pytest
from world import A, World

from pilesim.rules.judge import Judgement
from pilesim.rules.verdict import Blame, Finding, Verdict
from pilesim.trace.events import Chunk, Impaired
from pilesim.units import S
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import AuthoriseReply, GunReportReply, Start

START = "0x14 start 启动充电"


def deeds(judgement: Judgement) -> list[tuple[str, ...]]:
    return [(deed.effect, *deed.frames) for deed in judgement.line.deeds if deed.effect != "down"]


def finding(judgement: Judgement, rule: str) -> Finding:
    (result,) = [result for result in judgement.rules if result.id == rule]
    assert result.verdict is Verdict.FAIL
    return result.findings[0]


def test_it_tells_a_frame_that_left_one_end_and_never_reached_the_other() -> None:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start(answered=False, arrives=False).beats(60)
    judgement = world.judged()
    assert (judgement.line.lost, deeds(judgement)) == (1, [("lost", START)])
    assert not judgement.failed()


@pytest.mark.parametrize("impaired", [False, True])
def test_a_rule_that_has_nothing_to_judge_says_what_the_line_has_lost(impaired: bool) -> None:
    world = World().wait(10).plug().wait(5).authorise().wait(5)
    data = world.bytes_of(Start(account="13800000000000001"), Direction.DOWN)
    world.chunk(data, Direction.DOWN, arrives=False)
    if impaired:
        world.events.append(
            Impaired(t_ns=world.t_ns, impairment="x", effect="lost", direction=Direction.DOWN, data=data)
        )
    rules = {row.id: row for row in world.beats(60).judged().rules}
    assert rules["start.answered"].verdict is Verdict.INCONCLUSIVE
    assert rules["start.answered"].reason.endswith(f"; the line has lost {START} of t=+20.200s")
    # To the platform it was never under way.
    assert "the line has lost" not in rules["platform.waits-for-outcome"].reason


def test_it_tells_a_frame_that_was_under_way_for_long() -> None:
    world = World().wait(10).plug().wait(5).authorise().wait(5)
    data = world.bytes_of(Start(account="13800000000000001"), Direction.DOWN)
    world.chunk(data, Direction.DOWN, arrives=False)
    world.wait(7).events.append(Chunk(t_ns=world.t_ns, end=End.PILE, direction=Direction.DOWN, data=data))
    judgement = world.beats(60).judged()
    assert deeds(judgement) == [("held", START)]
    assert judgement.line.held_longest_ns == 7 * S


def test_it_tells_a_frame_of_which_only_other_bytes_arrived() -> None:
    world = World().wait(10).plug()
    data = world.bytes_of(Start(account="13800000000000001"), Direction.DOWN)
    world.chunk(data, Direction.DOWN, altered=data[:20] + b"\x00" + data[21:])
    assert deeds(world.beats(60).judged()) == [("corrupted", START)]


@pytest.mark.parametrize("effect", ["lost", "held", "corrupted"])
def test_it_does_not_tell_again_what_an_impairment_on_record_did(effect: str) -> None:
    world = World().wait(10).plug()
    data = world.bytes_of(Start(account="13800000000000001"), Direction.DOWN)
    world.chunk(data, Direction.DOWN, arrives=False)
    world.events.append(
        Impaired(t_ns=world.t_ns, impairment="x", effect=effect, direction=Direction.DOWN, data=data[:30])
    )
    judgement = world.beats(60).judged()
    assert deeds(judgement) == [(effect,)]


def test_it_says_nothing_of_what_may_arrive_after_the_end_or_at_an_end_that_nobody_recorded() -> None:
    world = World().wait(10)
    world.down(Start(account="1"), arrives=False)
    assert deeds(world.wait(4).judged()) == []
    alone = World(ends=(End.PLATFORM,)).wait(10)
    alone.down(Start(account="1"), arrives=False)
    assert deeds(alone.beats(60).judged()) == []


def test_it_says_nothing_of_what_was_under_way_when_an_end_hung_up() -> None:
    world = World().wait(10)
    world.up(AuthoriseReply(account="1"), arrives=False)
    assert deeds(world.line_down("pile").wait(5).connect().beats(60).judged()) == []


def lost_again_and_again(*, arrives: bool) -> World:
    world = World()
    for _ in range(4):
        world.beats(300)
        asked = world.up(world.report(), arrives=arrives)
        if arrives:
            world.down(GunReportReply(), asked)
        world.line_down("").wait(5).connect()
    return world


def test_it_lays_losses_to_the_line_where_what_was_sent_did_not_arrive() -> None:
    found = finding(lost_again_and_again(arrives=False).judged(), "link.stable")
    assert (found.blame, found.hint) == (Blame.LINE, "")
    found = finding(lost_again_and_again(arrives=True).judged(), "link.stable")
    assert (found.blame, bool(found.hint)) == (Blame.CANNOT_TELL, True)


@pytest.mark.parametrize(
    ("by", "arrives", "blame"),
    [("", False, Blame.LINE), ("", True, Blame.CANNOT_TELL), ("pile", False, Blame.PILE), ("pile", True, Blame.PILE)],
)
def test_it_lays_a_line_that_does_not_come_back_to_whoever_is_shown_to_have_ended_it(
    by: str, arrives: bool, blame: Blame
) -> None:
    world = World().charged(A).wait(5)
    world.down(Start(account="1"), arrives=arrives)
    found = finding(world.line_down(by).wait(120).connect().judged(), "link.reconnects")
    assert found.blame is blame
