"""A season's file: what it may say, and the sentence and line of everything that it may not."""

from __future__ import annotations

import re

import pytest
from season_files import LIKE_SZDS_26, LIKE_ZPD_7, season

from pilesim.errors import FileError
from pilesim.library import season_folder, season_names
from pilesim.season.fixture import load_season, shared
from pilesim.season.plan import plan_of
from pilesim.season.play import season_contract
from pilesim.units import HOUR


@pytest.mark.parametrize("name", season_names())
def test_it_reads_every_season_that_travels(name: str) -> None:
    path = season_folder() / f"{name}.yaml"
    read = load_season(path.read_text(encoding="utf-8"), str(path), season_contract())
    assert read.name == read.case == name
    plans = plan_of(read, 1, read.charges)
    assert sum(len(plan.visits) for plan in plans) == read.charges


def test_it_travels_with_the_seasons_of_the_field() -> None:
    assert set(season_names()) == {"szds-26", "zpd-2", "zpd-5", "zpd-7", "zpd-10"}


@pytest.mark.parametrize(
    ("found", "instead", "sentence"),
    [
        ("start:", "begin:", "expected one of name, title, .*; found 'begin'"),
        ('"2019-10-11T08:00:00+08:00"', "yesterday", "a time with its offset"),
        ("charges: 480", "charges: 0", "expected a whole number >= 1"),
        ("piles: 2", "piles: 0", "expected a whole number >= 1"),
        ("days: 1", "days: 367", "expected at most 366 days, found 367"),
        ("charges: 480", "charges: 1000000000", "expected at most 1000000 charges, found 1000000000"),
        ("piles: 2", "piles: 1000000000", r"expected at most 50000 piles in all, found 1000000\d\d\d"),
        ("{sinexcel-2090104: 1}", "{sinexcel-1: 1}", "expected a firmware profile, one of .*; found 'sinexcel-1'"),
        ("{sinexcel-2090104: 1}", "{sinexcel-2090104: 0}", "firmware: expected a weight above 0"),
        ("energy-lost: {rate: 0.2}", "bill-empty-order:\n      - bill-not-resent:", "followed; found bill-not-resent"),
        (
            "energy-lost: {rate: 0.2}",
            "stale-bill:\n      - record-buffer:",
            "one record buffer.*stale-bill and record-",
        ),
        (
            "energy-lost: {rate: 0.2}",
            "energy-gained: {rate: 0.2}",
            "expected a fault, one of .*; found 'energy-gained'",
        ),
        ("energy-lost: {rate: 0.2}", "energy-lost: {rate: 2}", "a fraction from 0 to 1"),
        ("energy-lost: {rate: 0.2}", "loss-factor: {billed_permille: 400}", "at least 600 permille.*found 400"),
        ("energy-lost: {rate: 0.2}", "stop-ignored:", "a ledger can be held against, of .*; found stop-ignored"),
        ("{8: 1, 9: 2", "{8: 1, 24: 2", "expected an hour from 0 to 23, found 24"),
        ("{from: 20, to: 60}", "{from: 60, to: 20}", "power-kw: expected `from` to be at most `to`"),
        ("charge: {from: 5s, to: 4m}", "charge: {from: 5m, to: 4m}", "charge: expected `from` to be at most `to`"),
        ("charge: {from: 5s, to: 4m}", "charge: {from: 0s, to: 4m}", "charge: expected at least 1s"),
        ("at-pile: 1", "at_pile: 1", "expected one of full, platform, at-pile, .*; found 'at_pile'"),
        ("failed-starts: 0.1", "failed-starts: 1.5", "a fraction from 0 to 1"),
        ("failed-starts: 0.1", "scanned-again: 2", "a fraction from 0 to 1"),
        ("failed-starts: 0.1", "lost-bills: often", "a fraction from 0 to 1"),
        ("failed-starts: 0.1", "lost-acknowledgments: 0.1", "lost-acknowledgements.*; found 'lost-acknowledgments'"),
        ("failed-starts: 0.1", "failed-stay: {from: 2m, to: 1m}", "failed-stay: expected `from` to be at most `to`"),
        ("lasts: {from: 31m, to: 33m}", "lasts: {from: 5m, to: 33m}", "all outages up to 29m or all from 31m on"),
        (
            "outages: {share: 0.1, lasts: {from: 31m",
            "power-cuts: {share: 0.1, lasts: {from: 9m",
            "all power-cuts up to",
        ),
        ("sites:", "tariff: {free: 90s}\nsites:", "free: expected whole minutes, found 1m30s"),
    ],
)
def test_it_says_where_a_file_is_wrong_and_what_was_expected(found: str, instead: str, sentence: str) -> None:
    assert LIKE_ZPD_7.count(found) == 1
    text = LIKE_ZPD_7.replace(found, instead)
    with pytest.raises(FileError) as caught:
        season(text)
    assert re.search(sentence, str(caught.value))
    assert re.match(r"season\.yaml:\d+: ", str(caught.value))


def test_it_gives_the_line_of_what_is_wrong() -> None:
    text = LIKE_ZPD_7.replace("energy-lost: {rate: 0.2}", "energy-gained:")
    line = next(n for n, words in enumerate(text.splitlines(), 1) if "energy-gained" in words)
    with pytest.raises(FileError) as caught:
        season(text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("total", "weights", "counts"),
    [
        (8, (74, 10), (7, 1)),
        (5, (1,), (5,)),
        (3, (1, 1), (2, 1)),
        (2, (1, 0), (2, 0)),
        (1, (49, 51), (0, 1)),
    ],
)
def test_it_shares_piles_out_by_weight(total: int, weights: tuple[int, ...], counts: tuple[int, ...]) -> None:
    assert shared(total, weights) == counts


def test_it_draws_each_pile_from_a_stream_of_its_own() -> None:
    both = plan_of(season(LIKE_ZPD_7), 1, 30)
    more_piles = plan_of(season(LIKE_ZPD_7.replace("piles: 1", "piles: 4")), 1, 60)
    assert [plan.number for plan in both] == [plan.number for plan in more_piles][:3]
    assert both[0].visits != both[1].visits
    assert plan_of(season(LIKE_ZPD_7), 2, 30)[0].visits != both[0].visits
    spans = [(v.habit, v.charge_ns, v.ending) for v in both[0].visits]
    assert spans == [(v.habit, v.charge_ns, v.ending) for v in more_piles[0].visits][: len(spans)]


def test_it_moves_no_other_draw_by_another_share() -> None:
    plain = plan_of(season(LIKE_ZPD_7), 1, 60)
    calm = plan_of(season(LIKE_ZPD_7.replace("share: 0.1", "share: 0").replace("starts: 0.1", "starts: 0")), 1, 60)
    assert any(visit.outage_ns for plan in plain for visit in plan.visits)
    assert not any(visit.outage_ns or visit.fails_first for plan in calm for visit in plan.visits)
    for one, other in zip(plain, calm, strict=True):
        assert [v.charge_ns for v in one.visits] == [v.charge_ns for v in other.visits]


def test_it_moves_no_draw_by_what_few_seasons_have() -> None:
    odd = plan_of(season(LIKE_SZDS_26), 1, 60)
    few = ("failed-stay", "scanned-again", "lost-bills", "lost-acknowledgements", "power-cuts")
    lines = LIKE_SZDS_26.splitlines(keepends=True)
    plain = plan_of(season("".join(line for line in lines if not line.startswith(few))), 1, 60)
    assert all(
        any(getattr(visit, what) for plan in odd for visit in plan.visits)
        for what in ("scanned_again", "loses_bill", "loses_acknowledgement", "power_cut_ns")
    )
    for one, other in zip(odd, plain, strict=True):
        usual = [(v.charge_ns, v.parking_ns, v.ending, v.fails_first, v.outage_ns) for v in one.visits]
        assert usual == [(v.charge_ns, v.parking_ns, v.ending, v.fails_first, v.outage_ns) for v in other.visits]


def test_it_has_arrivals_in_the_hours_that_have_a_weight() -> None:
    visits = [visit for plan in plan_of(season(LIKE_ZPD_7), 1, 480) for visit in plan.visits]
    assert {(8 + visit.arrives_ns // HOUR) % 24 for visit in visits} == set(range(8, 14))
    assert [visit.arrives_ns for visit in visits[:100]] == sorted(visit.arrives_ns for visit in visits[:100])
