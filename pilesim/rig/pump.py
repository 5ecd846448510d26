"""The pump: gives every participant its turn, instant by instant.

Owns the order at one instant and the waiting between two. Must not know what the participants are. At one instant
arrivals come before timers (each participant sees to that) and the pile before the platform (the order of the
list does): so one seed gives one run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from pilesim.errors import InternalError
from pilesim.link.base import Link
from pilesim.rig.clock import Clock

ROUNDS_AN_INSTANT = 10_000
"""More turns than this at one instant of the world are two ends that answer each other for ever."""


class Participant(Protocol):
    """Something with a turn: an end of the line, the line, a player of scenarios."""

    def step(self, now_ns: int) -> bool:
        """Do all that is due by `now_ns`; whether anything was done that may give another one something to do."""

    def next_wakeup_ns(self) -> int | None:
        """When it next wants a turn, if nothing arrives before: as of its last `step`, which was a quiet one."""

    def links(self) -> Sequence[Link]:
        """The links whose news should end a wait."""


class Pump:
    """Runs `participants`, in their order, on `clock`."""

    def __init__(self, clock: Clock, participants: Iterable[Participant]) -> None:
        self.clock = clock
        self._participants = list(participants)
        self._instant_ns = -1
        self._rounds = 0

    def add(self, participant: Participant) -> None:
        """Another one, whose turn is after all others'."""
        self._participants.append(participant)

    def step(self) -> bool:
        """One turn for each at the present instant; whether anything happened."""
        return self._round(self.clock.now_ns())

    def run_until(self, predicate: Callable[[], bool], deadline_ns: int) -> bool:
        """Run until `predicate` holds at the end of an instant, or until `deadline_ns`; whether it held.

        All that is due at the deadline itself is still done. Raises InternalError when time would stand still.
        """
        while True:
            now_ns = self.clock.now_ns()
            quiet = not self._round(now_ns)
            # Where real peers keep the line busy it may never be quiet: then the deadline has the word.
            if quiet or now_ns > deadline_ns:
                if predicate():
                    return True
                if now_ns >= deadline_ns:
                    return False
            if quiet:
                self.clock.wait_until(min(self._next_wakeup_ns(now_ns), deadline_ns), self._links())

    def _round(self, now_ns: int) -> bool:
        self._rounds = self._rounds + 1 if now_ns == self._instant_ns else 1
        self._instant_ns = now_ns
        if self._rounds > ROUNDS_AN_INSTANT:
            raise InternalError(f"the world stands still at {now_ns} ns: {ROUNDS_AN_INSTANT} rounds and no end")
        happened = False
        for participant in self._participants:
            if participant.step(now_ns):
                happened = True
        return happened

    def _next_wakeup_ns(self, now_ns: int) -> int:
        """The earliest instant that anyone wants; far away when nobody does."""
        earliest_ns = now_ns + (1 << 62)
        for participant in self._participants:
            wanted_ns = participant.next_wakeup_ns()
            if wanted_ns is None:
                continue
            if wanted_ns <= now_ns:
                name = type(participant).__name__
                raise InternalError(f"{name} had nothing to do at {now_ns} ns and wants its turn at {wanted_ns} ns")
            earliest_ns = min(earliest_ns, wanted_ns)
        return earliest_ns

    def _links(self) -> Iterator[Link]:
        """One after the other as they are asked for: a clock that jumps asks for none."""
        return (link for participant in self._participants for link in participant.links())
