"""A log whose times are cut to the second or the minute: nobody is held to more than such times show."""

from __future__ import annotations

import msgspec
import pytest
from world import World

from pilesim.rules.verdict import RuleResult, Verdict
from pilesim.units import MINUTE, S
from pilesim.wire.messages import Ended, EndReason


def result(world: World, rule: str, resolution_ns: int) -> RuleResult:
    world.header = msgspec.structs.replace(world.header, resolution_ns=resolution_ns)
    return next(one for one in world.judged().rules if one.id == rule)


def answered_after(seconds: float) -> World:
    world = World().wait(10).plug().wait(5).authorise(answered=False)
    return world.wait(seconds).beat()


@pytest.mark.parametrize(
    ("seconds", "resolution_ns", "verdict"),
    [
        (5.9, 0, Verdict.FAIL),
        (5.9, S, Verdict.INCONCLUSIVE),
        (6.1, S, Verdict.FAIL),
        (64, MINUTE, Verdict.INCONCLUSIVE),
        (66, MINUTE, Verdict.FAIL),
    ],
)
def test_it_gives_a_deadline_as_much_more_as_the_times_are_cut_to(
    seconds: float, resolution_ns: int, verdict: Verdict
) -> None:
    assert result(answered_after(seconds), "auth.answered", resolution_ns).verdict is verdict


@pytest.mark.parametrize(
    ("resolution_ns", "verdict"), [(0, Verdict.FAIL), (S, Verdict.INCONCLUSIVE), (MINUTE, Verdict.INCONCLUSIVE)]
)
def test_it_asks_for_as_much_less_of_what_has_to_last(resolution_ns: int, verdict: Verdict) -> None:
    world = World().wait(10).plug().wait(5).authorise().beats(270)
    world.wait(299.9 - 0.2 - 270).up(Ended(account="13800000000000001", reason=EndReason.TIMED_OUT))
    assert result(world.wait(5).beat(), "auth.kept", resolution_ns).verdict is verdict


def test_it_says_the_limit_that_it_held() -> None:
    (found,) = result(answered_after(7), "auth.answered", S).findings
    assert "within 6s" in found.expected
