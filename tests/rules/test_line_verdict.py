"""What the line itself did: summed up, told piece by piece, and kept apart from what the ends are blamed for."""

from __future__ import annotations

from typing import Self

from world import A, B, World

from pilesim.rules.line import DEEDS_KEPT, LineDeed
from pilesim.rules.verdict import Blame, Finding, Verdict
from pilesim.trace.events import Impaired
from pilesim.units import S
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Start


class Wire(World):
    """A world whose line does something to a start."""

    def does(self, effect: str, held_s: float = 0) -> Self:
        data = self.bytes_of(Start(account="138"), Direction.DOWN)
        held_ns = round(held_s * S)
        self.events.append(
            Impaired(
                t_ns=self.t_ns, impairment="x", effect=effect, direction=Direction.DOWN, data=data, held_ns=held_ns
            )
        )
        return self


def test_it_tells_frame_by_frame_what_was_lost_and_held() -> None:
    line = Wire().wait(2).does("lost").wait(3).does("held", held_s=4).judged().line
    assert (line.lost, line.held, line.held_longest_ns) == (1, 1, 4 * S)
    frames = ("0x14 start 启动充电",)
    assert line.deeds == (
        LineDeed(t_ns=2 * S, effect="lost", direction=Direction.DOWN, frames=frames),
        LineDeed(t_ns=5 * S, effect="held", direction=Direction.DOWN, frames=frames, lasted_ns=4 * S),
    )


def test_it_tells_each_outage_with_how_long_it_lasted() -> None:
    line = World().wait(10).line_down().wait(30).line_up().wait(10).line_down().wait(5).line_up().judged().line
    assert (line.outages, line.flaps, line.outage_longest_ns) == (2, 2, 30 * S)
    assert [(deed.effect, deed.lasted_ns) for deed in line.deeds] == [("down", 30 * S), ("down", 5 * S)]


def test_it_tells_a_bounded_number_of_deeds_and_counts_them_all() -> None:
    world = Wire()
    for _ in range(DEEDS_KEPT + 5):
        world.wait(1).does("lost")
    line = world.judged().line
    assert (len(line.deeds), line.lost) == (DEEDS_KEPT, DEEDS_KEPT + 5)


def no_bill(world: World) -> Finding:
    result = next(result for result in world.judged().rules if result.id == "bill.one-per-charge")
    assert result.verdict is Verdict.FAIL
    return result.findings[0]


def charged_and_left(world: World) -> World:
    return world.charged(A).wait(20).unplug()


def test_a_bill_that_never_came_is_the_piles_where_all_else_came() -> None:
    for ends in ((End.PILE, End.PLATFORM), (End.PLATFORM,)):
        world = charged_and_left(World(ends=ends)).beats(60)
        finding = no_bill(world.plug().wait(1).whole(B).wait(30).beat())
        assert (finding.blame, finding.hint) == (Blame.PILE, "")


def test_a_bill_that_a_lost_connection_may_have_carried_is_nobodys_until_the_pile_was_recorded() -> None:
    world = charged_and_left(World(ends=(End.PLATFORM,))).wait(1).line_down(by="").wait(30).line_up().beats(60)
    finding = no_bill(world.plug().wait(1).whole(B).wait(30).beat())
    assert (finding.blame, finding.hint) == (Blame.CANNOT_TELL, "a recording at the pile would tell")
