"""Makes something that fails smaller while it still fails: fewer parts (delta debugging), then simpler values.

Owns the search and its budget. Must not know what fails, nor why: it is given a predicate.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
P = TypeVar("P")


class Attempts(Generic[T]):
    """Asks whether a candidate still fails, each only once, until the budget is spent.

    Past `most` questions the answer is always no, so that every search comes to its end with what it has.
    """

    def __init__(self, still_fails: Callable[[T], bool], key: Callable[[T], Hashable], most: int) -> None:
        self.made = 0
        self._still_fails = still_fails
        self._key = key
        self._most = most
        self._known: dict[Hashable, bool] = {}

    @property
    def spent(self) -> bool:
        """Whether something may have been left untried."""
        return self.made >= self._most

    def fails(self, candidate: T) -> bool:
        key = self._key(candidate)
        if key in self._known:
            return self._known[key]
        if self.spent:
            return False
        self.made += 1
        self._known[key] = self._still_fails(candidate)
        return self._known[key]


def fewest(parts: tuple[P, ...], fails: Callable[[tuple[P, ...]], bool]) -> tuple[P, ...]:
    """A part of `parts`, in their order, that fails, and of which no single one can be left out.

    `parts` itself must fail. Halves are left out first, then smaller pieces, as long as that helps.
    """
    size = max(1, len(parts) // 2)
    while parts:
        smaller = _without_one_piece(parts, size, fails)
        if smaller is not None:
            parts = smaller
            size = min(size, max(1, len(parts)))
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
    return parts


def _without_one_piece(parts: tuple[P, ...], size: int, fails: Callable[[tuple[P, ...]], bool]) -> tuple[P, ...] | None:
    """`parts` less a run of `size`, from the end on, which still fails; None where there is none.

    From the end on, since what came after a failure rarely matters to it.
    """
    for end in range(len(parts), 0, -size):
        rest = parts[: max(0, end - size)] + parts[end:]
        if fails(rest):
            return rest
    return None


def simplest(value: T, simpler: Callable[[T], Iterable[T]], fails: Callable[[T], bool]) -> T:
    """The value that is reached by taking, again and again, the first of `simpler(value)` that still fails.

    `simpler` must lead to an end: whatever it gives is simpler than what it was given.
    """
    while True:
        better = next((candidate for candidate in simpler(value) if fails(candidate)), None)
        if better is None:
            return value
        value = better
