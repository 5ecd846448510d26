"""Guesses at bodies of one message and size: which finders look, in which order, and who has which bytes.

Owns that a byte is claimed once. Must not know what any finder looks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pilesim.wire.guess.columns import Columns
from pilesim.wire.guess.constants import unchanging
from pilesim.wire.guess.guess import Found, Guess, Sample, Told
from pilesim.wire.guess.known import known_texts
from pilesim.wire.guess.numbers import numbers
from pilesim.wire.guess.texts import digits, long_digits, texts
from pilesim.wire.guess.times import times


def guess_fields(samples: Sequence[Sample], told: Told, begin: int = 0) -> tuple[Guess, ...]:
    """What the bytes from `begin` on look like, in their order; bodies are all of one size, in the order of time."""
    if not samples or len(samples[0].body) <= begin:
        return ()
    columns = Columns(samples, begin)
    finders: tuple[Callable[[Columns, Told], Iterable[Found]], ...] = (
        known_texts,
        times,
        texts,
        long_digits,
        numbers,
        digits,
        unchanging,
    )
    claimed: list[Found] = []
    taken: set[int] = set()
    for find in finders:
        # The best of each kind first, so that of two readings that overlap the stronger stays.
        for found in sorted(find(columns.without(taken), told), key=lambda found: (-found.rank, found.offset)):
            places = set(range(found.offset, found.offset + found.size))
            if found.sure is not None and not places & taken:
                claimed.append(found)
                taken |= places
    return tuple(found.guess() for found in sorted(claimed, key=lambda found: found.offset))
