"""What a log has, to be found again in another.

Owns a bounded sample of its frames, the same ones of both, chosen by what they are. Must not know how a log is read,
nor clocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain

from pilesim.trace.importers.joined.holes import Silences
from pilesim.units import format_local
from pilesim.wire.frame import Direction, Frame

FRAMES_SAMPLED = 1 << 15
"""So many frames of either log are compared, spread over all of it."""
ALIKE_KEPT = 16
"""Frames of one content; where either log has more, they tell nothing."""


class Prints:
    """A sample of a log's frames, by what they are: of two logs the same ones."""

    def __init__(self) -> None:
        self.first_ns = -1
        self.last_ns = -1
        self.silences = Silences()
        self._times: dict[tuple[Direction, int], list[int]] = {}
        self._mask = 0

    @property
    def span(self) -> str:
        if self.first_ns < 0:
            return "nothing"
        return f"{format_local(self.first_ns)} to {format_local(self.last_ns)}"

    def covers(self, t_ns: int) -> None:
        """Something passed there, or became of the line."""
        self.first_ns = t_ns if self.first_ns < 0 else self.first_ns
        self.last_ns = t_ns
        self.silences.heard(t_ns)

    def take(self, frame: Frame, t_ns: int) -> None:
        """A frame that passed there."""
        mark = mark_of(frame)
        if mark & self._mask:
            return
        times = self._times.setdefault((frame.direction, mark), [])
        if len(times) <= ALIKE_KEPT:
            times.append(t_ns)
        while len(self._times) > FRAMES_SAMPLED:
            self._mask = 2 * self._mask + 1
            self._times = {key: times for key, times in self._times.items() if not key[1] & self._mask}

    def times(self) -> Iterator[int]:
        """Of all frames of the sample."""
        return chain.from_iterable(self._times.values())

    def shared(self, other: Prints, way: Direction) -> Iterator[tuple[int, int]]:
        """When each frame that went this way was seen, here and there; of several alike the first is the first."""
        for key, times in self._times.items():
            theirs = other._times.get(key, ())
            if key[0] is way and len(times) == len(theirs) <= ALIKE_KEPT:
                yield from zip(times, theirs, strict=True)

    def both(self, other: Prints) -> set[int]:
        """What both have, of either way."""
        return {mark for _, mark in self._times.keys() & other._times.keys()}

    def lacks(self, other: Prints, way: Direction) -> Iterator[int]:
        """When the other saw frames that went this way, of which there is none here."""
        mask = self._mask | other._mask
        for key, times in other._times.items():
            if key[0] is way and not key[1] & mask and key not in self._times:
                yield from times


def mark_of(frame: Frame) -> int:
    """What tells a frame from others."""
    return int.from_bytes(blake2b(frame.raw, digest_size=8).digest())
