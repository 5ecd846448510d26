"""The pump: gives every participant its turn, instant by instant.

Owns the order at one instant and the waiting between two. Must not know what the participants are. At one instant
arrivals come before timers (each participant sees to that) and the pile before the platform (the order of the
list does): so one seed gives one run.

An instant takes several rounds, until nobody has done anything in one. Most turns in them would be for nothing, so a
participant that stands at the line has one only where its time has come, where one of its links has news, or where
somebody has laid hands on it: a participant that was added, or whoever calls between two runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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
        """When it next wants a turn, if nothing arrives before: as of its last `step`."""

    def links(self) -> Sequence[Link]:
        """The links whose news should end a wait."""


_NEVER_NS = 1 << 62


@dataclass(slots=True)
class _Seat:
    """A participant, and what it is known to wait for."""

    participant: Participant
    links: tuple[Link, ...] = field(init=False)
    due_ns: int = _NEVER_NS

    def __post_init__(self) -> None:
        self.links = tuple(self.participant.links())

    def take_turn(self, now_ns: int) -> bool:
        happened = self.participant.step(now_ns)
        wanted_ns = self.participant.next_wakeup_ns()
        self.due_ns = _NEVER_NS if wanted_ns is None else wanted_ns
        return happened


class Pump:
    """Runs `participants`, in their order, on `clock`. They reach one another by their links alone."""

    def __init__(self, clock: Clock, participants: Iterable[Participant]) -> None:
        self.clock = clock
        self._at_the_line = [_Seat(participant) for participant in participants]
        self._beside_it: list[_Seat] = []
        self._seats = list(self._at_the_line)
        self._links = [link for seat in self._seats for link in seat.links]
        self._instant_ns = -1
        self._rounds = 0
        self._touched = True
        """Somebody may have laid hands on anybody: each has the next turn."""

    def add(self, participant: Participant) -> None:
        """One that looks at all the others and lays hands on them: its turn is after theirs, whenever one had any."""
        seat = _Seat(participant)
        self._beside_it.append(seat)
        self._seats.append(seat)
        self._links += seat.links
        self._touched = True

    def step(self) -> bool:
        """One turn for each at the present instant; whether anything happened."""
        self._touched = True
        return self._round(self.clock.now_ns())

    def run_until(self, predicate: Callable[[], bool], deadline_ns: int) -> bool:
        """Run until `predicate` holds at the end of an instant, or until `deadline_ns`; whether it held.

        All that is due at the deadline itself is still done. Raises InternalError when time would stand still.
        """
        self._touched = True
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
                self.clock.wait_until(self._next_wakeup_ns(now_ns, deadline_ns), self._links)

    def _round(self, now_ns: int) -> bool:
        self._rounds = self._rounds + 1 if now_ns == self._instant_ns else 1
        self._instant_ns = now_ns
        if self._rounds > ROUNDS_AN_INSTANT:
            raise InternalError(f"the world stands still at {now_ns} ns: {ROUNDS_AN_INSTANT} rounds and no end")
        everyone, self._touched = self._touched, False
        happened, turned = False, everyone
        for seat in self._at_the_line:
            # Asked most often of all: in a function of its own it would take several times as long.
            if not everyone and seat.due_ns > now_ns:
                for link in seat.links:
                    if link.has_news:
                        break
                else:
                    continue
            turned = True
            if seat.take_turn(now_ns):
                happened = True
        for seat in self._beside_it:
            if turned or seat.due_ns <= now_ns:
                turned = True
                if seat.take_turn(now_ns):
                    happened = self._touched = True
        return happened

    def _next_wakeup_ns(self, now_ns: int, deadline_ns: int) -> int:
        """The earliest instant that anyone wants; the deadline when nobody wants one before."""
        earliest_ns = deadline_ns
        for seat in self._seats:
            if seat.due_ns <= now_ns:
                name = type(seat.participant).__name__
                raise InternalError(f"{name} had nothing to do at {now_ns} ns and wants its turn at {seat.due_ns} ns")
            earliest_ns = min(earliest_ns, seat.due_ns)
        return earliest_ns
