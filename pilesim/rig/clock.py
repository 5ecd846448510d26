"""The world's clock, as an object: one that jumps, and one that runs with the computer's.

Owns the world's time, integer ns since the scenario's start. Must not know what happens in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

from pilesim.link.base import Link
from pilesim.link.waiting import monotonic_ns, wait


class Clock(Protocol):
    """The world's time, and the waiting for more of it."""

    @property
    def rate(self) -> float:
        """How many times as fast as the computer's it runs; 1 where it does not hang on that."""

    def now_ns(self) -> int:
        """Never goes back."""

    def wait_until(self, t_ns: int, links: Iterable[Link]) -> None:
        """Return at `t_ns`, or earlier where a link has something to tell."""


_BEGAN_EPOCH_NS, _BEGAN_NS = time.time_ns(), monotonic_ns()


def present_ns(rate: float) -> int:
    """The date and time when this program began, epoch ns, and `rate` times as much since: the worlds of one bench
    follow on one another, as the clock of a pile does that lives through all of them."""
    return _BEGAN_EPOCH_NS + int((monotonic_ns() - _BEGAN_NS) * rate)


class VirtualClock:
    """Time that stands still until it is told to jump: for links in memory only, which keep nobody waiting."""

    rate = 1.0

    def __init__(self) -> None:
        self._now_ns = 0

    def now_ns(self) -> int:
        return self._now_ns

    def wait_until(self, t_ns: int, links: Iterable[Link]) -> None:
        self._now_ns = max(self._now_ns, t_ns)


class RealClock:
    """Time that runs `rate` times as fast as the computer's, from the moment this is made."""

    def __init__(self, rate: float = 1) -> None:
        self.rate = rate
        self._began_ns = monotonic_ns()

    def now_ns(self) -> int:
        return int((monotonic_ns() - self._began_ns) * self.rate)

    def wait_until(self, t_ns: int, links: Iterable[Link]) -> None:
        # One more, because a wait that is rounded down would end just before the instant, over and over.
        wait(links, int((t_ns - self.now_ns()) / self.rate) + 1)
