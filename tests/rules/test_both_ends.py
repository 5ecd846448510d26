"""The two ends of one recording, compared: what the line did and no impairment tells is laid to the line."""

from __future__ import annotations

import msgspec
import pytest
from world import A, World

from pilesim.rules.judge import Judgement, judge
from pilesim.rules.verdict import Blame, Finding, Verdict
from pilesim.trace.events import Chunk, Gap, Impaired, Missing
from pilesim.units import MS, S
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


@pytest.mark.parametrize(("apart_ns", "told"), [(0, [("held", START)]), (1500 * MS, [])])
def test_it_tells_what_was_held_for_longer_than_two_clocks_may_differ(apart_ns: int, told: list[object]) -> None:
    world = World().wait(10).plug().wait(5).authorise().wait(5)
    data = world.bytes_of(Start(account="13800000000000001"), Direction.DOWN)
    world.chunk(data, Direction.DOWN, arrives=False)
    world.wait(2).events.append(Chunk(t_ns=world.t_ns, end=End.PILE, direction=Direction.DOWN, data=data))
    world.beats(60)
    header = msgspec.structs.replace(world.header, apart_ns=apart_ns)
    assert deeds(judge(header, world.events)) == told


@pytest.mark.parametrize(("gap_s", "blame"), [((20, 40), Blame.CANNOT_TELL), ((200, 240), Blame.PILE)])
def test_it_lays_nothing_to_an_end_of_when_its_log_has_a_gap(gap_s: tuple[int, int], blame: Blame) -> None:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start(answered=False).beats(60)
    since_s, until_s = gap_s
    header = msgspec.structs.replace(world.header, gaps=(Gap(End.PILE, since_s * S, until_s * S),))
    found = finding(judge(header, world.events), "start.answered")
    assert (found.blame, "of then would tell" in found.hint) == (blame, blame is Blame.CANNOT_TELL)


def test_it_does_not_blame_a_pile_that_may_have_had_no_power() -> None:
    world = World().charged(A).wait(5).line_down("pile").wait(120).connect()
    header = msgspec.structs.replace(world.header, stimuli=False, missing=(Missing.ACTS,))
    found = finding(judge(header, world.events), "link.reconnects")
    assert (found.blame, found.hint) == (Blame.CANNOT_TELL, "a recording of whether the pile had power would tell")
