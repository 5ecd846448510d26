"""Chance draws evenly, inside what was asked for, and the same on every Python and processor."""

from __future__ import annotations

from collections import Counter

import pytest

from pilesim.chance import Chance
from pilesim.errors import InternalError


def test_it_draws_what_it_has_always_drawn() -> None:
    chance = Chance("7/order")
    assert [chance.below(10) for _ in range(8)] == [6, 1, 3, 9, 1, 5, 5, 5]
    assert [chance.between(5, 9) for _ in range(5)] == [5, 7, 6, 8, 9]
    assert chance.some_of("abcdefgh", 4) == ["e", "h", "b", "g"]
    assert chance.octets(6).hex() == "7e4d0df5f1a1"
    assert chance.fraction() == 0.8113432344741969
    assert chance.below(10**12) == 326911431080
    assert [chance.one_of("xyz") for _ in range(5)] == ["x", "x", "z", "z", "x"]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9])
def test_it_draws_each_number_below_as_often(count: int) -> None:
    chance = Chance("even")
    drawn = Counter(chance.below(count) for _ in range(1000 * count))
    assert set(drawn) == set(range(count))
    assert all(800 < times < 1200 for times in drawn.values())


def test_it_draws_both_bounds_and_nothing_outside() -> None:
    chance = Chance("bounds")
    assert {chance.between(-2, 1) for _ in range(200)} == {-2, -1, 0, 1}


def test_it_draws_different_ones() -> None:
    chance = Chance("some")
    assert all(len(set(chance.some_of(range(9), 5))) == 5 for _ in range(100))
    assert sorted(chance.some_of(range(9), 9)) == list(range(9))
    assert chance.some_of([], 0) == []


def test_one_stream_moves_no_other() -> None:
    one, other, alone = Chance("one"), Chance("other"), Chance("one")
    mixed = [(one.below(1000), other.octets(0), other.below(3))[0] for _ in range(50)]
    assert mixed == [alone.below(1000) for _ in range(50)]


@pytest.mark.parametrize("count", [0, -3])
def test_it_says_that_there_is_nothing_to_draw_from(count: int) -> None:
    with pytest.raises(InternalError, match=f"something to draw from, found {count}"):
        Chance("none").below(count)
