"""Which piles there are, and who comes to them."""

from __future__ import annotations

import pytest

from pilesim.contract.contracts import contract_of
from pilesim.errors import FileError, UsageError
from pilesim.season.fixture import Season
from pilesim.site.play import Storm, parse_storm
from pilesim.site.traffic import load_traffic, numbers_from, parse_mix, plans_of
from pilesim.units import DAY, HOUR, MINUTE, S

FIRST = "44030500040000200026"
START_NS = 1_583_200_000 * S
LEAST = """
days: 1
charges: 12
hours: {0: 1, 12: 1}
power-kw: {from: 25, to: 60}
habits:
  - {name: short, weight: 1, charge: {from: 2m, to: 5m}, parking: {from: 15s, to: 1m}}
endings: {full: 1}
"""
SITES = """
sites:
  - {name: A, piles: 3, firmware: {reference: 2, robinson-gen5-0303: 1}}
  - {name: B, piles: 1, firmware: {reference: 1}}
"""


def traffic(text: str) -> Season:
    return load_traffic(text, "traffic.yaml", contract_of("lhc"), START_NS)


@pytest.mark.parametrize(
    ("text", "names", "weights"),
    [
        ("reference", ["reference"], [1_000_000]),
        ("reference=0.9,robinson-gen5-0303=0.1", ["reference", "robinson-gen5-0303"], [900_000, 100_000]),
        ("reference=3,robinson-gen5-lag", ["reference", "robinson-gen5-lag"], [3_000_000, 1_000_000]),
    ],
)
def test_it_reads_a_mix(text: str, names: list[str], weights: list[int]) -> None:
    mix = parse_mix(text)
    assert [share.profile.name for share in mix] == names
    assert [share.weight for share in mix] == weights


def test_it_reads_the_faults_in_a_mix() -> None:
    lagging, whole = parse_mix("reference?fault=unplug-lag&fault.lag=2h=0.25,reference=0.75")
    assert [fault.name for fault in lagging.profile.faults] == ["unplug-lag"]
    assert (lagging.weight, whole.profile.faults) == (250_000, ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("refrence=1", "expected a firmware profile"),
        ("reference=0", "expected a weight above 0"),
        ("reference,,", "expected the name of a firmware"),
        ("reference=1=2", "expected a firmware profile"),
    ],
)
def test_it_says_what_is_wrong_with_a_mix(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_mix(text)


@pytest.mark.parametrize("text", ["at=10m", "at=10m for=", "at=1 for=2", "at=1m for=1m again=1m", ""])
def test_it_says_what_a_storm_is(text: str) -> None:
    with pytest.raises(UsageError, match="--storm: expected such as 'at=10m for=30s'"):
        parse_storm(text)


def test_it_reads_a_storm() -> None:
    assert parse_storm("for=30s at=10m") == Storm(10 * MINUTE, 30 * S)


def test_it_counts_numbers_on_from_the_first() -> None:
    assert numbers_from("00000000000009", 3) == ("00000000000009", "00000000000010", "00000000000011")
    with pytest.raises(UsageError, match="leaves room for 2 piles"):
        numbers_from("99", 2)


def test_it_shares_piles_out_by_weight() -> None:
    plans = plans_of(
        None, parse_mix("reference=0.9,robinson-gen5-0303=0.1"), count=20, first_number=FIRST, seed=1, for_ns=None
    )
    assert [plan.profile.name for plan in plans] == ["reference"] * 18 + ["robinson-gen5-0303"] * 2
    assert len({plan.number for plan in plans}) == 20
    assert not any(plan.visits for plan in plans)


def test_it_lets_as_many_come_to_each_of_more_piles() -> None:
    plans = plans_of(traffic(LEAST), parse_mix("reference"), count=10, first_number=FIRST, seed=1, for_ns=None)
    assert [len(plan.visits) for plan in plans] == [12] * 10
    assert plans == plans_of(traffic(LEAST), parse_mix("reference"), count=10, first_number=FIRST, seed=1, for_ns=None)


def test_it_lets_only_those_come_who_come_while_it_lasts() -> None:
    plans = plans_of(traffic(LEAST), parse_mix("reference"), count=10, first_number=FIRST, seed=1, for_ns=DAY // 2)
    assert sum(len(plan.visits) for plan in plans) == 60
    assert all(visit.arrives_ns <= 12 * HOUR for plan in plans for visit in plan.visits)


@pytest.mark.parametrize(
    ("count", "for_ns", "problem"),
    [
        (50_001, None, "--count: expected at most 50000 piles, found 50001"),
        (50_000, None, "expected at most 1000000 charges, found 1200000 for 50000 piles: a shorter --for has fewer"),
        (50_000, 23 * HOUR, "found 1150000 for 50000 piles"),
    ],
)
def test_it_refuses_what_nobody_would_see_drawn(count: int, for_ns: int | None, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        plans_of(
            traffic(LEAST.replace("charges: 12", "charges: 24")),
            parse_mix("reference"),
            count=count,
            first_number=FIRST,
            seed=1,
            for_ns=for_ns,
        )


def test_it_takes_the_piles_of_the_traffics_own_sites() -> None:
    plans = plans_of(traffic(LEAST + SITES), (), count=None, first_number=FIRST, seed=1, for_ns=None)
    assert [plan.profile.name for plan in plans] == ["reference"] * 2 + ["robinson-gen5-0303"] + ["reference"]
    assert sum(len(plan.visits) for plan in plans) == 12


def test_it_begins_now_whatever_the_file_says() -> None:
    season = traffic(LEAST + 'start: "2019-10-24T17:00:00+08:00"\n')
    assert season.start_ns == START_NS


@pytest.mark.parametrize(
    ("wrong", "line", "problem"),
    [
        ("parks: 3", 10, "parks"),
        ("sites: []", 10, "sites"),
    ],
)
def test_it_says_where_a_file_is_wrong(wrong: str, line: int, problem: str) -> None:
    with pytest.raises((FileError, UsageError), match=problem):
        plans_of(traffic(LEAST + wrong + "\n"), (), count=None, first_number=FIRST, seed=1, for_ns=None)
