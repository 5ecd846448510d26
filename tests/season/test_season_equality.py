"""A season played: the ledger says of every order just what was done to it, and the comparison would notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from season_files import LIKE_ZPD_5, LIKE_ZPD_7, season

from pilesim.platform.ledger import Anomaly, Row
from pilesim.season.play import Outcome, play_season
from pilesim.season.result import Difference, differences_of, result_of
from pilesim.units import MINUTE, YUAN_MFEN

CHARGES = 54


@cache
def played(text: str, seed: int = 1) -> tuple[Outcome, ...]:
    return play_season(season(text), seed=seed, charges=CHARGES)


def differences(outcomes: tuple[Outcome, ...]) -> list[Difference]:
    return [difference for outcome in outcomes for difference in differences_of(outcome)]


@pytest.mark.parametrize("text", [LIKE_ZPD_7, LIKE_ZPD_5])
def test_it_finds_in_the_ledger_just_what_was_done_order_by_order(text: str) -> None:
    outcomes = played(text)
    assert differences(outcomes) == []
    assert sum(not deed.failed for outcome in outcomes for deed in outcome.deeds) == CHARGES
    result = result_of(season(text), 1, outcomes)
    assert result.equal
    assert result.charges == CHARGES
    assert all(row.expected == row.found for row in result.codes)


def test_it_has_every_code_of_the_field_as_often_as_its_faults_struck() -> None:
    outcomes = played(LIKE_ZPD_7)
    found = Counter(code for outcome in outcomes for row in outcome.rows for code in row.codes)
    lost = {mishap.order for outcome in outcomes for mishap in outcome.mishaps if mishap.fault == "bill-lost"}
    shown_lost = {
        row.order
        for outcome in outcomes
        for row in outcome.rows
        if {Anomaly.BILL_LOST, Anomaly.BILL_LOST_OFFLINE} & set(row.codes)
    }
    for anomaly in (Anomaly.BILL_LOST, Anomaly.BILL_LOST_OFFLINE, Anomaly.DURATION_DIFFERS, Anomaly.ENERGY_LOST):
        assert found[anomaly] > 0, anomaly
    assert lost
    assert lost <= shown_lost
    assert found[Anomaly.START_FAILED] == sum(deed.failed for outcome in outcomes for deed in outcome.deeds) > 0


def test_it_leaves_out_no_more_than_what_frames_cannot_tell() -> None:
    outcomes = played(LIKE_ZPD_7)
    struck = {(mishap.order, mishap.fault) for outcome in outcomes for mishap in outcome.mishaps if mishap.amount}
    for outcome in outcomes:
        for want in outcome.expected:
            faults = {fault for order, fault in struck if order == want.order}
            assert len(want.open) <= 2 * len(faults)
    result = result_of(season(LIKE_ZPD_7), 1, outcomes)
    assert sum(row.left_out for row in result.codes) < sum(row.expected for row in result.codes)


def test_it_counts_occupancy_fees_as_the_field_did() -> None:
    outcomes = played(LIKE_ZPD_5)
    deeds = [deed for outcome in outcomes for deed in outcome.deeds]
    parked = {deed.order: deed.unplugged_ns - deed.ended_ns for deed in deeds}
    with_fee = [deed for deed in deeds if parked[deed.order] >= 16 * MINUTE]
    short = [deed for deed in with_fee if deed.ended_ns - deed.began_ns < MINUTE]
    table = result_of(season(LIKE_ZPD_5), 1, outcomes).occupancy
    assert table.charges == CHARGES
    assert table.with_fee == len(with_fee) > 0
    assert table.short == len(short) > 0
    assert table.long == len(with_fee) - len(short)
    assert 0 < table.long_over_5_yuan < table.long
    assert table.short_over_10_yuan == sum(parked[deed.order] >= 28 * MINUTE for deed in short)


def test_it_bills_less_than_the_meters_counted_by_the_bills_that_were_lost() -> None:
    lossy, sound = result_of(season(LIKE_ZPD_7), 1, played(LIKE_ZPD_7)).sites
    assert lossy.unbilled > 0
    assert lossy.billed_permille is not None and lossy.billed_permille < 950
    assert sound.unbilled == 0
    # Each bill is rounded to 0.01 kWh, and so is each reading of a meter.
    assert abs(sound.billed_dwh - sound.metered_dwh) <= 100 * (sound.charges + 2)


# --- the comparison can fail


def _marked(*codes: Anomaly) -> Callable[[Row], bool]:
    return lambda row: row.codes == codes


def _without(code: Anomaly) -> Callable[[Row], Row]:
    return lambda row: replace(row, codes=tuple(c for c in row.codes if c is not code))


def _with(code: Anomaly) -> Callable[[Row], Row]:
    return lambda row: replace(row, codes=(*row.codes, code))


def spoiled(
    outcomes: tuple[Outcome, ...], fits: Callable[[Row], bool], spoil: Callable[[Row], Row | None]
) -> tuple[str, tuple[Outcome, ...]]:
    """`outcomes` with the first row that fits spoiled, or gone, and that row's order."""
    order, spoilt = "", []
    for outcome in outcomes:
        rows = []
        for row in outcome.rows:
            if not order and fits(row):
                order = row.order
                changed = spoil(row)
                rows += [] if changed is None else [changed]
            else:
                rows.append(row)
        spoilt.append(replace(outcome, rows=tuple(rows)))
    assert order
    return order, tuple(spoilt)


@pytest.mark.parametrize(
    ("text", "fits", "spoil", "what"),
    [
        *(
            (LIKE_ZPD_7, _marked(code), _without(code), "codes")
            for code in (Anomaly.BILL_LOST, Anomaly.BILL_LOST_OFFLINE, Anomaly.START_FAILED)
        ),
        *((LIKE_ZPD_7, _marked(), _with(code), "codes") for code in Anomaly),
        (LIKE_ZPD_7, _marked(), lambda row: None, "order"),
        (LIKE_ZPD_7, _marked(), lambda row: replace(row, order="1"), "order"),
        (
            LIKE_ZPD_5,
            lambda row: row.occupancy_fee_mfen > 0,
            lambda row: replace(row, occupancy_fee_mfen=row.occupancy_fee_mfen + YUAN_MFEN),
            "occupancy fee",
        ),
    ],
)
def test_it_notices_a_ledger_that_says_something_else(
    text: str, fits: Callable[[Row], bool], spoil: Callable[[Row], Row | None], what: str
) -> None:
    order, outcomes = spoiled(played(text), fits, spoil)
    found = differences(outcomes)
    assert (order, what) in {(difference.order, difference.what) for difference in found}
    assert not result_of(season(text), 1, outcomes).equal


@pytest.mark.parametrize("code", [Anomaly.ENERGY_LOST, Anomaly.DURATION_DIFFERS])
def test_it_notices_a_code_that_is_missing_where_it_can_be_told(code: Anomaly) -> None:
    outcomes = played(LIKE_ZPD_7)
    sure = {want.order for outcome in outcomes for want in outcome.expected if code in want.codes}
    order, spoilt = spoiled(outcomes, lambda row: row.order in sure, _without(code))
    assert [(d.order, d.what) for d in differences(spoilt)] == [(order, "codes")]


# --- the same everywhere


def test_it_comes_out_the_same_again_and_in_processes_of_its_own() -> None:
    few = season(LIKE_ZPD_7)
    once = play_season(few, seed=3, charges=6)
    assert play_season(few, seed=3, charges=6) == once
    assert play_season(few, seed=3, charges=6, jobs=2) == once
    assert play_season(few, seed=4, charges=6) != once


def test_it_tells_of_every_charge_as_it_is_done() -> None:
    told: list[int] = []
    play_season(season(LIKE_ZPD_5), seed=1, charges=4, charged=told.append)
    assert told == [1, 1, 1, 1]
