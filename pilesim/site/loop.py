"""One loop for all: many ends of lines, one selector, one heap of timers, no thread for any of them.

Owns the order of turns and the waiting. At one end arrivals come before timers. Must not know whether an end is a pile
or a platform. The clock is the computer's, as many times as fast as is asked.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Protocol

from pilesim.link.base import LinkEvent
from pilesim.link.many import Many
from pilesim.rig.clock import RealClock
from pilesim.site.figures import Spread


class Seat(Protocol):
    """One end of one line, and whoever stands there."""

    key: int
    due_ns: int | None
    """The loop's own note: the timer that it has set."""

    def take(self, event: LinkEvent, now_ns: int) -> None:
        """Something has happened on its line."""

    def advance(self, now_ns: int) -> None:
        """Do all that is due by `now_ns`."""

    def settle(self, now_ns: int) -> None:
        """Whatever it has come to want of its link is done."""

    def next_wakeup_ns(self) -> int | None:
        """When it next wants a turn, if nothing arrives before."""


class Loop:
    """Gives each of the seats its turn. `seat_of` knows the seat of a key, and may make one for a key that came up."""

    def __init__(self, clock: RealClock, rate: float, links: Many, seat_of: Callable[[int], Seat | None]) -> None:
        self.lateness = Spread()
        self._clock = clock
        self._rate = rate
        self._links = links
        self._seat_of = seat_of
        self._timers: list[tuple[int, int]] = []
        """When, and whose; one that its seat no longer wants is passed over."""

    def turn(self, until_ns: int) -> None:
        """Wait for the first thing that happens, until `until_ns` at the latest, and do all there is to be done."""
        next_ns = min(self._timers[0][0], until_ns) if self._timers else until_ns
        # One more, because a wait that is rounded down would end just before the instant, over and over.
        wait_ns = int((next_ns - self._clock.now_ns()) / self._rate) + 1
        for key, event in self._links.wait(wait_ns):
            seat = self._seat_of(key)
            if seat is not None:
                now_ns = self._clock.now_ns()
                seat.take(event, now_ns)
                self.settle(seat, now_ns)
        # What falls due in the meantime waits for the next turn, or nobody's bytes would be read.
        now_ns = self._clock.now_ns()
        while self._timers and self._timers[0][0] <= now_ns:
            due_ns, key = heapq.heappop(self._timers)
            seat = self._seat_of(key)
            if seat is None or seat.due_ns != due_ns:
                continue
            seat.due_ns = None
            at_ns = self._clock.now_ns()
            self.lateness.add(int((at_ns - due_ns) / self._rate))
            seat.advance(at_ns)
            self.settle(seat, at_ns)

    def settle(self, seat: Seat, now_ns: int) -> None:
        """Something was done at a seat: do what it wants, and set its timer."""
        seat.settle(now_ns)
        due_ns = seat.next_wakeup_ns()
        if due_ns is not None and due_ns != seat.due_ns:
            heapq.heappush(self._timers, (due_ns, seat.key))
        seat.due_ns = due_ns
