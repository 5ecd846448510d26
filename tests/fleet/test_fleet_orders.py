"""Orders by the frames of many logs: as the platform's own ledger has them, however the logs are cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_logs import ORDER, OTHER, PILE, START_NS, Line, at, judged_in, only, part, the_order, whole_order, written
from msgspec.structs import replace

from pilesim.fleet.result import FleetResult
from pilesim.platform.ledger import BillSource
from pilesim.season import play
from pilesim.season.fixture import load_season
from pilesim.trace.events import Header, Trace, Vantage
from pilesim.trace.recorder import Recorder
from pilesim.units import HOUR, MINUTE, S
from pilesim.wire.frame import End
from pilesim.wire.messages import GunState, Hello

SEASON = """\
name: few
title: Bills lost, one way and another
start: "2019-10-11T08:00:00+08:00"
days: 1
charges: 16
sites:
  - name: A
    piles: 1
    firmware: {sinexcel-2090104: 1}
    faults:
      - energy-lost: {rate: 0.3}
      - duration-wrong: {rate: 0.3}
hours: {8: 1, 9: 2, 10: 2}
power-kw: {from: 20, to: 60}
habits:
  - name: tops up
    weight: 6
    charge: {from: 2m, to: 6m}
    parking: {from: 0s, to: 2m}
endings: {full: 2, platform: 2, at-pile: 1, unplug: 1, balance: 1}
failed-starts: 0.2
outages: {share: 0.1, lasts: {from: 31m, to: 33m}}
"""

Told = list[tuple[str, str, bool, BillSource, frozenset[str], str]]


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trace, Told]:
    """The capture of one pile's season, and what its platform's ledger said."""
    sinks = []

    def recorder(header: Header, keep: bool) -> Recorder:
        made = Recorder(header, keep=True)
        sinks.append(made)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(play, "Recorder", recorder)
        (outcome,) = play.play_season(load_season(SEASON, "few", play.season_contract()), seed=3)
    (made,) = sinks
    told = [
        (row.order, row.firmware, row.charged, row.bill, frozenset(map(str, row.codes)), "") for row in outcome.rows
    ]
    return made.trace(), told


def told_by(result: FleetResult) -> Told:
    return [
        (row.order, row.firmware, row.charged, row.bill, frozenset(row.anomalies), row.undecided)
        for row in only(result).orders
    ]


def test_a_capture_has_the_orders_and_the_anomalies_that_the_platforms_own_ledger_had(
    season: tuple[Trace, Told], tmp_path: Path
) -> None:
    trace, told = season
    written(tmp_path / "one.jsonl", trace)
    assert told_by(judged_in(tmp_path)) == told
    codes = {code for row in told for code in row[4]}
    assert {"bill lost", "energy lost", "duration differs", "start service failed"} <= codes


@pytest.mark.parametrize("pieces", [2, 7, 23])
@pytest.mark.parametrize("overlap_ns", [0, 5 * MINUTE])
def test_however_a_recording_is_cut_into_files_the_orders_are_the_same(
    season: tuple[Trace, Told], tmp_path: Path, pieces: int, overlap_ns: int
) -> None:
    trace, told = season
    # By their number, so that no cut falls into a time without any: nothing would show that it was recorded.
    times = [event.t_ns for event in trace.events]
    cuts = [0, *(times[len(times) * n // pieces] for n in range(1, pieces)), times[-1] + 1]
    for n in range(pieces):
        since, until = cuts[n], cuts[n + 1]
        # The names are in no order of time.
        written(tmp_path / str(n % 3) / f"{pieces - n}.jsonl", part(trace, since - overlap_ns, until + overlap_ns))
    assert told_by(judged_in(tmp_path)) == told


def test_what_both_ends_recorded_counts_once_and_as_the_platform_saw_it(tmp_path: Path) -> None:
    trace = whole_order(bill_lost=True).trace()
    written(tmp_path / "pile.jsonl", at(trace, End.PILE, Vantage.PILE))
    alone = the_order(judged_in(tmp_path))
    assert (alone.bill, alone.anomalies) == (BillSource.PILE, ())
    written(tmp_path / "platform.jsonl", at(trace, End.PLATFORM, Vantage.PLATFORM))
    result = judged_in(tmp_path)
    assert (the_order(result).bill, the_order(result).anomalies) == (BillSource.OWN, ("bill lost",))
    assert any("a log from the platform's end is there" in log.used for log in only(result).logs)


def test_two_clocks_that_differ_by_half_a_minute_are_known_as_two(tmp_path: Path) -> None:
    trace = at(whole_order().trace(), End.PLATFORM, Vantage.PLATFORM)
    written(tmp_path / "a.jsonl", trace)
    late = Trace(replace(trace.header, start="2020-03-11T10:00:30+08:00"), trace.events)
    written(tmp_path / "b.jsonl", late)
    result = judged_in(tmp_path)
    assert the_order(result).anomalies == ()
    assert any("30.0 s apart" in remark for remark in only(result).remarks)


@pytest.mark.parametrize(
    ("hidden", "bill", "undecided"),
    [
        # The bill is at 5m17s; what is not recorded may have held it.
        ((5 * MINUTE + 10 * S, 15 * MINUTE), BillSource.OWN, "its bill may have come where there is no log"),
        ((20 * MINUTE, 25 * MINUTE), BillSource.PILE, ""),
    ],
)
def test_a_bill_that_may_have_come_where_there_is_no_log_is_not_called_lost(
    tmp_path: Path, hidden: tuple[int, int], bill: BillSource, undecided: str
) -> None:
    trace = whole_order().trace()
    written(tmp_path / "1.jsonl", part(trace, 0, hidden[0]))
    written(tmp_path / "2.jsonl", part(trace, hidden[1], trace.events[-1].t_ns + 1))
    order = the_order(judged_in(tmp_path))
    assert (order.charged, order.bill, order.anomalies, order.undecided) == (True, bill, (), undecided)


def test_a_bill_that_never_comes_in_a_log_without_a_gap_is_lost(tmp_path: Path) -> None:
    written(tmp_path / "1.jsonl", whole_order(bill_lost=True).trace())
    assert the_order(judged_in(tmp_path)).anomalies == ("bill lost",)


@pytest.mark.parametrize(
    ("since_ns", "until_ns", "undecided"),
    [(0, 3 * MINUTE, "under way when the log ended"), (3 * MINUTE, HOUR, "")],
    ids=["its end is missing", "its beginning is missing"],
)
def test_an_order_of_which_the_log_has_but_a_part_has_no_anomaly(
    tmp_path: Path, since_ns: int, until_ns: int, undecided: str
) -> None:
    written(tmp_path / "1.jsonl", part(whole_order().trace(), since_ns, until_ns))
    order = the_order(judged_in(tmp_path))
    assert (order.order, order.charged, order.anomalies, order.undecided) == (ORDER, True, (), undecided)


def test_a_bill_of_an_order_from_before_the_log_is_no_unknown_order(tmp_path: Path) -> None:
    line = Line().beats(5 * MINUTE, GunState.OCCUPIED_NOT_FULL)
    line.billed(-20 * MINUTE, -10 * MINUTE).beats(MINUTE)
    written(tmp_path / "1.jsonl", line.trace())
    order = the_order(judged_in(tmp_path))
    assert (order.anomalies, order.undecided) == ((), "began where there is no log")
    written(tmp_path / "1.jsonl", Line().beats(5 * MINUTE).billed(0, MINUTE).beats(MINUTE).trace())
    assert the_order(judged_in(tmp_path)).anomalies == ("order unknown",)


def test_firmware_that_no_log_tells_is_not_guessed(tmp_path: Path) -> None:
    line = whole_order()
    line.says(Hello(gun=1, firmware="V2")).waits(S)
    second = line.now_ns
    line.authorised(ORDER[:-1] + "2").charges(MINUTE, ORDER[:-1] + "2").billed(
        second, second + MINUTE, ORDER[:-1] + "2"
    )
    written(tmp_path / "1.jsonl", part(line.beats(MINUTE).trace(), 30 * S, HOUR))
    assert [(row.order[-1], row.firmware) for row in only(judged_in(tmp_path)).orders] == [("1", ""), ("2", "V2")]


def test_each_pile_has_its_own_orders(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", whole_order().trace())
    written(tmp_path / "b.jsonl", whole_order(pile=OTHER, bill_lost=True).trace())
    result = judged_in(tmp_path)
    assert [(row.key, row.charges, row.anomalies["bill lost"]) for row in result.by_pile] == [
        (PILE, 1, 0),
        (OTHER, 1, 1),
    ]
    assert (result.total.charges, result.total.anomalies["bill lost"]) == (2, 1)
    assert [(row.key, row.charges) for row in result.by_day] == [("2020-03-11", 2)]
    assert [(row.key, row.charges) for row in result.by_firmware] == [("V1", 2)]
    assert only_start(result) == START_NS


def only_start(result: FleetResult) -> int:
    return min(log.start_ns for pile in result.piles for log in pile.logs)
