"""A season played: the ledger says of every order just what was done to it, and the comparison would notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from season_files import LIKE_SZDS_26, LIKE_ZPD_3, LIKE_ZPD_5, LIKE_ZPD_7, season

from pilesim.platform import ledger
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


SEASONS = (LIKE_ZPD_7, LIKE_ZPD_5, LIKE_SZDS_26, LIKE_ZPD_3)
NEW_CODES = (
    (LIKE_SZDS_26, Anomaly.TIME_ABNORMAL),
    (LIKE_SZDS_26, Anomaly.DUPLICATE_BILL),
    (LIKE_ZPD_3, Anomaly.ORDER_UNKNOWN),
)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("text", SEASONS)
def test_it_finds_in_the_ledger_just_what_was_done_order_by_order(text: str) -> None:
    outcomes = played(text)
    assert differences(outcomes) == []
    assert sum(deed.charged for outcome in outcomes for deed in outcome.deeds) == CHARGES
    result = result_of(season(text), 1, outcomes)
    assert result.equal
    # An order that was billed for another one's charge counts as charged too, as it did in szds-26.
    given_up = {(o.pile, deed.order) for o in outcomes for deed in o.deeds if deed.given_up}
    billed = [row for o in outcomes for row in o.rows if row.charged and (o.pile, row.order) in given_up]
    assert result.charges == CHARGES + len(billed)
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


def test_it_has_each_code_in_some_season() -> None:
    wanted = Counter(code for text in SEASONS for o in played(text) for want in o.expected for code in want.codes)
    assert {anomaly for anomaly in Anomaly if not wanted[anomaly]} == set()


@pytest.mark.parametrize(
    ("text", "site", "faults"),
    [
        (LIKE_SZDS_26, "robinson-gen5-0303", {"record-buffer"}),
        (LIKE_SZDS_26, "robinson-gen5-0309", {"stale-bill", "bill-before-unplug"}),
        (LIKE_SZDS_26, "robinson-gen5-lag", {"unplug-lag", "bills-newest-first"}),
        (LIKE_ZPD_3, "reference+bill-empty-order", {"bill-empty-order"}),
        (LIKE_ZPD_3, "reference+bill-not-resent+bill-changes", {"bill-not-resent"}),
        (LIKE_ZPD_3, "reference+bill-lost-in-power-cut", {"bill-lost-in-power-cut"}),
    ],
)
def test_it_plays_what_brings_each_fault_out(text: str, site: str, faults: set[str]) -> None:
    (outcome,) = (outcome for outcome in played(text) if outcome.site == site)
    assert {mishap.fault for mishap in outcome.mishaps} == faults
    assert any(deed.failed for deed in outcome.deeds)
    assert any(deed.given_up for deed in outcome.deeds)


def test_it_bills_the_next_order_for_the_charge_whose_record_it_overwrote() -> None:
    """As in szds-26: the old order counts as lost, and the new one, never started, is billed without a mark."""
    outcome = next(outcome for outcome in played(LIKE_SZDS_26) if outcome.site == "robinson-gen5-0303")
    rows = {row.order: row for row in outcome.rows}
    pairs = [(rows[mishap.order], rows[mishap.leaves_as]) for mishap in outcome.mishaps if mishap.leaves_as]
    assert pairs
    assert any(old.codes == (Anomaly.BILL_LOST,) and not new.codes and new.energy_dwh for old, new in pairs)


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
    order, found, spoilt = "", False, []
    for outcome in outcomes:
        rows = []
        for row in outcome.rows:
            if not found and fits(row):
                order, found = row.order, True
                changed = spoil(row)
                rows += [] if changed is None else [changed]
            else:
                rows.append(row)
        spoilt.append(replace(outcome, rows=tuple(rows)))
    assert found
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


@pytest.mark.parametrize(
    ("text", "code"),
    [(LIKE_ZPD_7, Anomaly.ENERGY_LOST), (LIKE_ZPD_7, Anomaly.DURATION_DIFFERS), *NEW_CODES],
)
def test_it_notices_a_code_that_is_missing_where_it_can_be_told(text: str, code: Anomaly) -> None:
    outcomes = played(text)
    open_orders = {want.order for outcome in outcomes for want in outcome.expected if want.open}
    _, spoilt = spoiled(outcomes, lambda row: code in row.codes and row.order not in open_orders, _without(code))
    assert [d.what for d in differences(spoilt)] == ["codes"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("text", "code"), NEW_CODES)
def test_it_notices_a_ledger_that_never_marks_a_code(text: str, code: Anomaly, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = ledger._marked
    monkeypatch.setattr(ledger, "_marked", lambda marks: tuple(c for c in marked(marks) if c is not code))
    outcomes = play_season(season(text), seed=1, charges=12)
    found = differences(outcomes)
    assert found
    assert all(str(code) in difference.expected and str(code) not in difference.found for difference in found)


def test_it_notices_a_bill_without_a_number_that_is_gone_or_of_nobody() -> None:
    outcomes = played(LIKE_ZPD_3)
    unknown = _marked(Anomaly.ORDER_UNKNOWN)
    for spoil in (lambda row: None, lambda row: replace(row, gun=9)):
        _, spoilt = spoiled(outcomes, unknown, spoil)
        assert "order" in {difference.what for difference in differences(spoilt)}


# --- the same everywhere


def test_it_comes_out_the_same_again_and_in_processes_of_its_own() -> None:
    few = season(LIKE_ZPD_7)
    once = play_season(few, seed=3, charges=3)
    assert play_season(few, seed=3, charges=3) == once
    assert play_season(few, seed=3, charges=3, jobs=2) == once
    assert play_season(few, seed=4, charges=3) != once


def test_it_tells_of_every_charge_as_it_is_done() -> None:
    told: list[int] = []
    play_season(season(LIKE_ZPD_5), seed=1, charges=4, charged=told.append)
    assert told == [1, 1, 1, 1]
