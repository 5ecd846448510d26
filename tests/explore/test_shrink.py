"""The search for something smaller, on predicates that say at once what is the smallest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pilesim.explore.shrink import Attempts, fewest, simplest

Letters = tuple[str, ...]
EIGHT = tuple("abcdefgh")


def has(*wanted: str) -> Callable[[Letters], bool]:
    return lambda letters: set(wanted) <= set(letters)


@pytest.mark.parametrize(
    ("parts", "fails", "left"),
    [
        (EIGHT, has(), ""),
        (EIGHT, has("a"), "a"),
        (EIGHT, has("h"), "h"),
        (EIGHT, has("a", "h"), "ah"),
        (EIGHT, has("b", "d", "g"), "bdg"),
        (EIGHT, has(*EIGHT), "abcdefgh"),
        (EIGHT, lambda letters: len(letters) >= 3, "abc"),
        # What comes together goes together: either alone would be something else.
        (EIGHT, lambda letters: "e" in letters and ("b" in letters) == ("c" in letters), "e"),
        (tuple("aaab"), lambda letters: letters.count("a") >= 2, "aa"),
        ((), has(), ""),
    ],
)
def test_it_leaves_the_fewest_parts_that_fail(parts: Letters, fails: Callable[[Letters], bool], left: str) -> None:
    assert "".join(fewest(parts, fails)) == left


@pytest.mark.parametrize(
    ("value", "least", "found"),
    [(1000, 0, 0), (1000, 1, 1), (1000, 37, 37), (37, 37, 37)],
)
def test_it_finds_the_simplest_value_that_fails(value: int, least: int, found: int) -> None:
    def simpler(number: int) -> Iterator[int]:
        yield from (0, number // 2, number - 1) if number else ()

    assert simplest(value, simpler, lambda number: number >= least) == found


def test_it_asks_of_each_candidate_only_once() -> None:
    asked: list[Letters] = []

    def fails(letters: Letters) -> bool:
        asked.append(letters)
        return "c" in letters

    attempts = Attempts(fails, lambda letters: letters, most=100)
    assert fewest(EIGHT, attempts.fails) == ("c",)
    assert fewest(EIGHT, attempts.fails) == ("c",)
    assert len(asked) == len(set(asked)) == attempts.made


def test_it_comes_to_its_end_with_what_it_has_when_the_budget_is_spent() -> None:
    attempts = Attempts(has("a"), lambda letters: letters, most=2)
    assert attempts.fails(EIGHT)
    left = fewest(EIGHT, attempts.fails)
    assert attempts.spent and attempts.made == 2
    assert left == tuple("abcd")
