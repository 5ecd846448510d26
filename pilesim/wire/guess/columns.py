"""The bodies of one message side by side, column by column.

Owns which columns are free, constant, or hold digits. Must not know what anything looks like.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from math import log2
from typing import Literal

from pilesim.wire.guess.guess import Sample

ByteOrder = Literal["little", "big"]
ORDERS: tuple[tuple[ByteOrder, str], ...] = (("little", ""), ("big", "be"))
"""Each with what a dialect writes behind a type for it: `u16be`."""


class Columns:
    """The bodies, column by column; those that are taken are looked at no more."""

    def __init__(self, samples: Sequence[Sample], begin: int, taken: frozenset[int] = frozenset()) -> None:
        self.samples = samples
        self.begin = begin
        self.size = len(samples[0].body)
        self.taken = taken
        # The same body sent again tells nothing anew.
        seen: dict[tuple[object, bytes], Sample] = {}
        for sample in samples:
            seen.setdefault((sample.lane, sample.body), sample)
        self.different = list(seen.values())
        self.lanes: dict[object, list[Sample]] = defaultdict(list)
        for sample in self.different:
            self.lanes[sample.lane].append(sample)
        self.search_bits = log2(max(2, self.size - begin))

    def without(self, taken: set[int]) -> Columns:
        return Columns(self.samples, self.begin, frozenset(taken))

    def free(self, offset: int, size: int = 1) -> bool:
        """Whether these bytes lie in the body and nobody has claimed them."""
        inside = self.begin <= offset and offset + size <= self.size
        return inside and self.taken.isdisjoint(range(offset, offset + size))

    def starts(self, size: int) -> Iterator[int]:
        return (offset for offset in range(self.begin, self.size - size + 1) if self.free(offset, size))

    def values(self, offset: int, size: int = 1) -> list[bytes]:
        """The bytes of each different body."""
        return [sample.body[offset : offset + size] for sample in self.different]

    def constant(self, offset: int) -> bool:
        return len({sample.body[offset] for sample in self.samples}) == 1

    def only(self, byte: int, offset: int) -> bool:
        return all(sample.body[offset] == byte for sample in self.samples)

    def decimal(self, offset: int) -> bool:
        """Whether it holds two decimal digits in every body."""
        return all(sample.body[offset : offset + 1].hex().isdecimal() for sample in self.samples)

    def zero(self, offset: int) -> bool:
        return self.only(0, offset)

    def runs(self, holds: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
        """The longest runs of free columns that `holds`, as offset and size."""
        begin: int | None = None
        for offset in range(self.begin, self.size + 1):
            inside = offset < self.size and self.free(offset) and holds(offset)
            if inside and begin is None:
                begin = offset
            elif not inside and begin is not None:
                yield begin, offset - begin
                begin = None
