"""Whose clock is ahead of whose, by the frames that both logs have.

Owns the reckoning. Must not know how a log is read, nor what a frame means. A frame arrives after it was sent: each one
that both logs have bounds the offset of their clocks from one side, and as long as one offset explains all of them it
is taken to be one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from pilesim.units import MS, format_duration
from pilesim.wire.frame import Direction

SURE_NS = 500 * MS
"""Two clocks that may be equal are, where no more than so much is left open."""
SLACK_NS = 20 * MS
"""A program may write down what it sends so much after it was sent."""
DOUBTS = 3
"""So many frames one after the other that no single offset explains: a clock was set. Fewer were mistaken."""


@dataclass(frozen=True, slots=True)
class Both:
    """A frame that both logs have, and when (epoch ns, each by its own clock)."""

    direction: Direction
    pile_ns: int
    platform_ns: int

    @property
    def ahead_ns(self) -> int:
        return self.platform_ns - self.pile_ns


@dataclass(slots=True)
class Offset:
    """How far the platform's clock is ahead of the pile's, from one time of the pile's on: between `least` and `most`.

    One of them is None where frames of one direction alone tell.
    """

    since_ns: int
    least_ns: int | None = None
    most_ns: int | None = None
    frames: int = 0

    @property
    def likely_ns(self) -> int:
        least, most = self.least_ns, self.most_ns
        if least is None or most is None:
            return most if least is None and most is not None else least or 0
        return 0 if least <= 0 <= most and most - least < SURE_NS else (least + most) // 2

    @property
    def within_ns(self) -> int:
        """How far it may be from the likely one. By frames of one direction alone that is not known: the fastest of
        them needed no time then, and what each of the others needed more is sure."""
        if self.least_ns is None or self.most_ns is None:
            return 0
        ns = self.likely_ns
        return max(self.most_ns - ns, ns - self.least_ns)

    @property
    def words(self) -> str:
        """`3.214 s behind, to within 0.020 s`: of the pile's clock."""
        ns = self.likely_ns
        ahead = f"{format_duration(abs(ns) // MS * MS)} {'behind' if ns > 0 else 'ahead'}" if abs(ns) >= MS else "equal"
        if self.least_ns is None or self.most_ns is None:
            return f"{ahead}, by frames of one direction alone: what they need on the line is not known"
        return f"{ahead}, to within {format_duration(-(-self.within_ns // MS) * MS)}"

    def agrees(self, both: Both, pile_coarse_ns: int, platform_coarse_ns: int) -> bool:
        """Whether this offset explains the frame as well; then it is narrowed down by it."""
        least, most = self.least_ns, self.most_ns
        # A time that is cut off tells that it was so much later at most.
        if both.direction is Direction.UP:
            bound = both.ahead_ns + platform_coarse_ns + SLACK_NS
            most = bound if most is None else min(most, bound)
        else:
            bound = both.ahead_ns - pile_coarse_ns - SLACK_NS
            least = bound if least is None else max(least, bound)
        if least is not None and most is not None and least > most:
            return False
        self.least_ns, self.most_ns = least, most
        self.frames += 1
        return True


def offsets_of(shared: list[Both], pile_coarse_ns: int, platform_coarse_ns: int) -> list[Offset]:
    """The offsets of the two clocks, by the frames that both logs have, in the order of the pile's times: more than one
    where a clock was set, or drifts."""
    found = [Offset(shared[0].pile_ns)]
    at = doubts = doubted = begun = 0
    while at < len(shared):
        both = shared[at]
        if found[-1].agrees(both, pile_coarse_ns, platform_coarse_ns):
            if doubts and both.direction is shared[doubted].direction:
                doubts = 0
        else:
            if not doubts:
                doubted = at
            doubts += 1
            if doubts >= DOUBTS:
                at = begun = _first_by_another(shared, begun, doubted, found[-1].likely_ns)
                doubts = 0
                # A clock that is set ahead leaves out the time in between, in which nothing is.
                found.append(Offset((shared[at - 1].pile_ns + shared[at].pile_ns) // 2 + 1))
                continue
        at += 1
    return found


def _first_by_another(shared: list[Both], begun: int, doubted: int, offset_ns: int) -> int:
    """The first frame after `begun` that goes by the offset that `doubted` shows: those of the other direction do not
    contradict `offset_ns`, but look as if they had been under way for long.
    """
    at = doubted
    while at > begun + 1:
        ahead_ns = shared[at - 1].ahead_ns
        if abs(ahead_ns - offset_ns) <= abs(ahead_ns - shared[doubted].ahead_ns):
            break
        at -= 1
    return at


class PileClock:
    """The pile's times, by the platform's clock. All of them are epoch ns."""

    def __init__(self, offsets: list[Offset]) -> None:
        self.offsets = offsets
        self._since = [offset.since_ns for offset in offsets]

    def platform_ns(self, pile_ns: int) -> int:
        at = max(0, bisect_right(self._since, pile_ns) - 1)
        return pile_ns + self.offsets[at].likely_ns
