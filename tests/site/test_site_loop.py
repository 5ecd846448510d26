"""Turns and timers of the one loop, with seats and links that are toys."""

from __future__ import annotations

from dataclasses import dataclass, field

from pilesim.link.base import Data, LinkEvent
from pilesim.link.many import Many
from pilesim.rig.clock import RealClock
from pilesim.site.loop import Loop
from pilesim.units import MS, S


class ToyClock(RealClock):
    """Time that stands still but for waits."""

    def __init__(self) -> None:
        super().__init__()
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns


class ToyLinks(Many):
    def __init__(self, clock: ToyClock) -> None:
        super().__init__()
        self.clock = clock
        self.events: list[tuple[int, LinkEvent]] = []
        self.overslept_ns = 0

    def wait(self, timeout_ns: int) -> list[tuple[int, LinkEvent]]:
        found, self.events = self.events, []
        if not found:
            self.clock.ns += max(0, timeout_ns) + self.overslept_ns
        return found


@dataclass
class ToySeat:
    key: int
    wanted_ns: list[int] = field(default_factory=list)
    due_ns: int | None = None
    done: list[tuple[str, int]] = field(default_factory=list)

    def take(self, event: LinkEvent, now_ns: int) -> None:
        self.done.append(("took", now_ns))

    def advance(self, now_ns: int) -> None:
        self.done.append(("advanced", now_ns // MS))
        self.wanted_ns = [ns for ns in self.wanted_ns if ns > now_ns]

    def settle(self, now_ns: int) -> None:
        pass

    def next_wakeup_ns(self) -> int | None:
        return min(self.wanted_ns, default=None)


class Toys:
    def __init__(self, *seats: ToySeat) -> None:
        self.clock = ToyClock()
        self.links = ToyLinks(self.clock)
        self.seats = {seat.key: seat for seat in seats}
        self.loop = Loop(self.clock, 1, self.links, self.seats.get)
        for seat in seats:
            self.loop.settle(seat, 0)

    def run(self, until_ns: int) -> None:
        while self.clock.ns < until_ns:
            self.loop.turn(until_ns)


def test_it_wakes_each_seat_when_it_is_due() -> None:
    first, second = ToySeat(1, [30 * MS, 10 * MS]), ToySeat(2, [20 * MS])
    toys = Toys(first, second)
    toys.run(S)
    assert first.done == [("advanced", 10), ("advanced", 30)]
    assert second.done == [("advanced", 20)]
    assert toys.loop.lateness.count == 3


def test_it_does_not_wake_a_seat_for_what_it_no_longer_wants() -> None:
    seat = ToySeat(1, [10 * MS])
    toys = Toys(seat)
    seat.wanted_ns = [40 * MS]
    toys.loop.settle(seat, 0)
    toys.run(S)
    assert seat.done == [("advanced", 40)]


def test_it_tells_how_late_a_timer_was() -> None:
    toys = Toys(ToySeat(1, [10 * MS]))
    toys.links.overslept_ns = 70 * MS
    toys.run(S)
    assert 70 * MS <= toys.loop.lateness.longest_ns < 71 * MS


def test_it_lets_arrivals_go_before_timers_of_the_same_instant() -> None:
    seat = ToySeat(1, [10 * MS])
    toys = Toys(seat)
    toys.clock.ns = 10 * MS
    toys.links.events = [(1, Data(b"x"))]
    toys.loop.turn(S)
    assert [what for what, _ in seat.done] == ["took", "advanced"]


def test_it_passes_over_what_arrives_for_nobody() -> None:
    toys = Toys(ToySeat(1))
    toys.links.events = [(9, Data(b"x"))]
    toys.loop.turn(S)
    assert toys.seats[1].done == []
