"""Piles that drop off the line: how often, how long, on which day, and whether it was one gun or all."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_logs import OTHER, PILE, Line, judged_in, only, part, written

from pilesim.contract.contracts import contract_of
from pilesim.fleet.result import FleetResult
from pilesim.platform.shadow import silence_ns
from pilesim.units import HOUR, MINUTE, S

LIMIT_NS = silence_ns(contract_of("lhc"))


def told(result: FleetResult) -> list[tuple[str, int | None, int, int, int]]:
    return [(row.pile, row.gun, row.count, row.longest_ns // S, row.told) for row in result.drops]


@pytest.mark.parametrize(
    ("away_ns", "closes", "drops"),
    [
        (5 * MINUTE, True, [(PILE, None, 1, 300, 1)]),
        # A connection that is lost and made again at once was lost all the same.
        (2 * S, True, [(PILE, None, 1, 2, 1)]),
        # The last heartbeat was a period before.
        (5 * MINUTE, False, [(PILE, None, 1, 315, 0)]),
        (LIMIT_NS - 30 * S, False, []),
    ],
    ids=["closed", "closed for a moment", "silent", "nearly silent"],
)
def test_a_pile_is_off_when_its_line_goes_down_or_nothing_is_heard(
    tmp_path: Path, away_ns: int, closes: bool, drops: list[tuple[str, int | None, int, int, int]]
) -> None:
    line = Line().beats(5 * MINUTE)
    if closes:
        line.goes_down().waits(away_ns).comes_up()
    else:
        line.waits(away_ns)
    written(tmp_path / "a.jsonl", line.beats(5 * MINUTE).trace())
    assert told(judged_in(tmp_path)) == drops


def test_one_gun_that_falls_silent_is_told_apart_from_its_pile(tmp_path: Path) -> None:
    line = Line().beats(MINUTE).beats(5 * MINUTE, guns=(1,)).beats(MINUTE)
    line.goes_down().waits(4 * MINUTE).comes_up().beats(MINUTE)
    written(tmp_path / "a.jsonl", line.trace())
    assert told(judged_in(tmp_path)) == [(PILE, 2, 1, 315, 0), (PILE, None, 1, 240, 1)]


def test_those_that_drop_off_most_come_first_with_their_days(tmp_path: Path) -> None:
    for pile, times in ((PILE, 2), (OTHER, 5)):
        line = Line(pile)
        for _ in range(times):
            line.beats(MINUTE).goes_down().waits(4 * HOUR).comes_up()
        written(tmp_path / f"{pile}.jsonl", line.beats(MINUTE).trace())
    most, least = judged_in(tmp_path).drops
    assert (most.pile, most.days) == (OTHER, {"2020-03-11": 4, "2020-03-12": 1})
    assert (least.pile, least.days, least.total_ns) == (PILE, {"2020-03-11": 2}, 8 * HOUR)


def test_what_no_log_covers_is_no_silence(tmp_path: Path) -> None:
    trace = Line().beats(HOUR).trace()
    written(tmp_path / "1.jsonl", part(trace, 0, 20 * MINUTE))
    written(tmp_path / "2.jsonl", part(trace, 40 * MINUTE, HOUR))
    result = judged_in(tmp_path)
    assert result.drops == ()
    assert only(result).remarks == ("between its logs nothing is known 1 time",)


def test_a_silence_that_lasts_to_the_end_of_the_log_is_one(tmp_path: Path) -> None:
    trace = Line().beats(MINUTE).waits(10 * MINUTE).trace()
    written(tmp_path / "1.jsonl", trace)
    (drop,) = [drop for drop in only(judged_in(tmp_path)).drops if drop.gun is None]
    assert (drop.ended, drop.until_ns - drop.since_ns) == (False, 10 * MINUTE + 15 * S)
