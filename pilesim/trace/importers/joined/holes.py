"""Where a log has a hole: its recorder was off, and the log from the other end shows that its end was not.

Owns telling a hole from a line that lost something: what has arrived was sent, whether or not the log of the sender has
it. Must not know how a log is read, nor clocks. Bounded: of the stretches in which a log has nothing, the longest.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pilesim.units import S

SILENT_NS = 2 * S
"""A log that has nothing for less has no hole that would matter."""
SILENCES_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Hole:
    """From when to when a log has nothing, and how many frames the other log has that its end sent meanwhile."""

    since_ns: int
    until_ns: int
    frames: int


class Silences:
    """The longest stretches of one log in which it has nothing."""

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._longest: list[tuple[int, int]] = []

    def heard(self, t_ns: int) -> None:
        """The log has something of then; times do not go back."""
        if self._last_ns is not None and t_ns - self._last_ns >= SILENT_NS:
            heapq.heappush(self._longest, (t_ns - self._last_ns, self._last_ns))
            if len(self._longest) > SILENCES_KEPT:
                heapq.heappop(self._longest)
        self._last_ns = t_ns

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """From when to when, in order."""
        return iter(sorted((since_ns, since_ns + lasted_ns) for lasted_ns, since_ns in self._longest))


def holes(silences: Iterable[tuple[int, int]], arrived_ns: Iterable[int], spare_ns: int) -> list[Hole]:
    """The silences of a log in which the other end had frames arrive that the log does not know of, at `arrived_ns`.

    All by one clock; times of the two ends may be wrong against each other by `spare_ns`.
    """
    arrivals = sorted(arrived_ns)
    found = []
    for since_ns, until_ns in silences:
        frames = bisect_right(arrivals, until_ns - spare_ns) - bisect_left(arrivals, since_ns + spare_ns)
        if frames > 0:
            found.append(Hole(since_ns, until_ns, frames))
    return found


def hole_at(found: list[Hole], t_ns: int) -> Hole | None:
    """The one that this time lies in; None where it lies in none. `found` is in order."""
    at = bisect_right(found, t_ns, key=lambda hole: hole.since_ns) - 1
    return found[at] if at >= 0 and t_ns < found[at].until_ns else None
