"""Durations counted in few counters, and told to within a tenth."""

from __future__ import annotations

import msgspec
import pytest

from pilesim.link.leash import LINE_BYTES
from pilesim.site.figures import Figures, Spread
from pilesim.site.shares import Progress, decode_progress, encode_progress
from pilesim.units import HOUR, MS, US, S


def test_it_knows_nothing_of_nothing() -> None:
    assert Spread().percentile_ns(50) is None


@pytest.mark.parametrize("unit_ns", [10 * US, MS, S, HOUR])
@pytest.mark.parametrize("percent", [1, 50, 99, 100])
def test_it_tells_a_percentile_to_within_a_tenth(unit_ns: int, percent: int) -> None:
    spread = Spread()
    for n in range(1, 101):
        spread.add(n * unit_ns)
    told_ns = spread.percentile_ns(percent)
    assert told_ns is not None
    assert percent * unit_ns * 0.9 <= told_ns <= percent * unit_ns * 1.1


def test_it_keeps_sum_count_and_the_longest() -> None:
    spread = Spread()
    for ns in (0, 3 * MS, 300 * HOUR):
        spread.add(ns)
    assert (spread.count, spread.sum_ns, spread.longest_ns) == (3, 300 * HOUR + 3 * MS, 300 * HOUR)
    assert 270 * HOUR <= (spread.percentile_ns(100) or 0) <= 300 * HOUR


def test_it_takes_up_what_others_have_counted() -> None:
    whole, part = Figures(piles=4, up=1, last_failure="none came"), Figures(piles=2, connects=3, frames_up=5, watched=2)
    part.visits["charged"] = 2
    for ns in (MS, 3 * MS):
        part.answers.add(ns)
    whole.answers.add(9 * MS)
    whole.visits["charged"] = 1
    whole.add(part)
    assert (whole.piles, whole.up, whole.connects, whole.frames, whole.watched) == (4, 1, 3, 5, 2)
    assert (whole.visits["charged"], whole.last_failure) == (3, "none came")
    assert (whole.answers.count, whole.answers.sum_ns, whole.answers.longest_ns) == (3, 13 * MS, 9 * MS)
    assert 2.7 * MS <= (whole.answers.percentile_ns(50) or 0) <= 3.3 * MS


def test_a_share_tells_its_figures_in_a_line_that_fits_and_the_sum_is_shown() -> None:
    part = Figures(piles=2, up=2, frames_up=5, last_failure="none came")
    part.answers.add(3 * MS)
    part.visits["charged"] = 2
    line = encode_progress(Progress(1, part))
    assert b"\n" not in line and len(line) < LINE_BYTES // 4
    heard = decode_progress(line)
    assert heard == Progress(1, part)
    shown = Figures(piles=4)
    for _ in range(2):
        shown.become([heard.figures, Figures(piles=2, up=1)])
        assert (shown.piles, shown.up, shown.frames, shown.visits["charged"]) == (4, 3, 5, 2)
        assert shown.answers.count == 1


@pytest.mark.parametrize(
    "said",
    [b"", b"[1]", b'{"share":0,"figures":{"piles":1,"answers":{"buckets":[1]}}}', b'{"share":"\xff"}'],
)
def test_what_no_share_would_say_is_refused(said: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_progress(said)
