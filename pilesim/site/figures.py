"""What is counted while many lines are played: who is up, frames, answer times, how late timers run.

Owns the counters. They are written on the loop's thread and read by whoever shows them. Must not know who that is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Annotated

import msgspec

from pilesim.units import US

_STEPS = 8
"""Of a doubling: a percentile is told to within a tenth."""
_BUCKETS = 40 * _STEPS
"""Up to 2^40 us, which is twelve days."""


@dataclass(slots=True)
class Spread:
    """How some durations are spread, in as much memory as a few hundred counters."""

    count: int = 0
    sum_ns: int = 0
    longest_ns: int = 0
    buckets: Annotated[list[int], msgspec.Meta(min_length=_BUCKETS, max_length=_BUCKETS)] = field(
        default_factory=lambda: [0] * _BUCKETS
    )
    """How many there are of each length."""

    def add(self, ns: int) -> None:
        self.count += 1
        self.sum_ns += ns
        self.longest_ns = max(self.longest_ns, ns)
        at = int(math.log2(ns / US) * _STEPS) + 1 if ns > US else 0
        self.buckets[min(at, _BUCKETS - 1)] += 1

    def add_all(self, other: Spread) -> None:
        """The durations of another one too."""
        self.count += other.count
        self.sum_ns += other.sum_ns
        self.longest_ns = max(self.longest_ns, other.longest_ns)
        self.buckets = [own + more for own, more in zip(self.buckets, other.buckets, strict=True)]

    def since(self, earlier: Spread) -> Spread:
        """The durations that came after a copy of this was made; the longest is the longest of all."""
        later = Spread()
        later.count = self.count - earlier.count
        later.sum_ns = self.sum_ns - earlier.sum_ns
        later.longest_ns = self.longest_ns
        later.buckets = [now - before for now, before in zip(self.buckets, earlier.buckets, strict=True)]
        return later

    def percentile_ns(self, percent: float) -> int | None:
        """The duration that so many percent are at most; None where there is none yet."""
        wanted, seen = self.count * percent / 100, 0
        for at, count in enumerate(self.buckets):
            seen += count
            if count and seen >= wanted:
                return min(int(2 ** (at / _STEPS) * US), self.longest_ns)
        return None


@dataclass(slots=True)
class Figures:
    """All counters of a run. Durations are ns of the computer's time, but for answers, which are the world's."""

    piles: int
    switched_on: int = 0
    up: int = 0
    """Connections that stand."""
    connects: int = 0
    refused: int = 0
    """Dials that came to nothing."""
    lost: int = 0
    """Connections that the platform, or the line, ended."""
    frames_up: int = 0
    frames_down: int = 0
    answers: Spread = field(default_factory=Spread)
    """From a request of a pile to the platform's reply to it."""
    lateness: Spread = field(default_factory=Spread)
    """By how much a timer ran after it was due."""
    visits: Counter[str] = field(default_factory=Counter)
    """What cars came to: charging, charged, and why they did not."""
    calls_failed: int = 0
    """Of the platform's API."""
    last_failure: str = ""
    """What was said of the last call or dial that failed."""
    findings: Counter[str] = field(default_factory=Counter)
    """By rule, at the piles that are judged while they live."""
    watched: int = 0
    """Piles that are judged while they live; all are once they have lived."""

    def add(self, other: Figures) -> None:
        """What other piles of the same run have come to, that were played elsewhere."""
        for name in ("switched_on", "up", "connects", "refused", "lost", "frames_up", "frames_down", "calls_failed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.answers.add_all(other.answers)
        self.lateness.add_all(other.lateness)
        self.visits.update(other.visits)
        self.findings.update(other.findings)
        self.watched += other.watched
        self.last_failure = other.last_failure or self.last_failure

    def become(self, parts: Iterable[Figures]) -> None:
        """The sum of `parts`, for as many piles as before; whoever reads meanwhile reads whole counters."""
        whole = Figures(piles=self.piles)
        for part in parts:
            whole.add(part)
        for counter in fields(self):
            setattr(self, counter.name, getattr(whole, counter.name))

    @property
    def frames(self) -> int:
        return self.frames_up + self.frames_down
