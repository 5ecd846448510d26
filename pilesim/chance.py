"""Chance: streams of draws that hang on a text alone, on every Python and processor alike.

Owns every draw of pilesim, and alone imports `random`. Of that it takes `random()` and `getrandbits()` only: what the
library makes of them (`randint`, `choice`, `sample` ...) may be made otherwise by the next Python, and some of it by
way of a logarithm, which processors round differently. Must not know what is drawn for.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from pilesim.errors import InternalError

T = TypeVar("T")


class Chance:
    """One stream. Its draws move no other stream's."""

    def __init__(self, stream: str) -> None:
        """`stream` is the seed and what is drawn for, such as `7/platform/wrong-echo`."""
        self._bits = random.Random(stream)

    def fraction(self) -> float:
        """From 0 to just below 1, a multiple of 2**-53."""
        return self._bits.random()

    def below(self, count: int) -> int:
        """From 0 to `count - 1`, each as likely."""
        if count < 1:
            raise InternalError(f"expected something to draw from, found {count}")
        size = count.bit_length()
        # Drawn again rather than folded: a remainder would make the low ones more likely.
        while (drawn := self._bits.getrandbits(size)) >= count:
            pass
        return drawn

    def between(self, least: int, most: int) -> int:
        """From `least` to `most`, both of them too."""
        return least + self.below(most - least + 1)

    def one_of(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]

    def some_of(self, things: Sequence[T], count: int) -> list[T]:
        """`count` different ones of `things`, in the order in which they were drawn."""
        left = list(things)
        drawn = []
        for _ in range(count):
            at = self.below(len(left))
            drawn.append(left[at])
            # The last one takes its place: nothing else has to move.
            left[at] = left[-1]
            left.pop()
        return drawn

    def octets(self, count: int) -> bytes:
        """`count` bytes."""
        return self._bits.getrandbits(8 * count).to_bytes(count, "little") if count else b""
