"""The pile's own time line: SimPy, wrapped so that its processes can be called off at once.

Owns the environment. Must not know what any process does. Times are world ns since the scenario's start.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import simpy


class Activity:
    """A process that waits as many ns as its steps yield, and that can be called off between two steps."""

    def __init__(self, env: simpy.Environment, steps: Iterator[int]) -> None:
        self.over = False
        """Called off, or at its end."""
        env.process(self._run(env, steps))

    def _run(self, env: simpy.Environment, steps: Iterator[int]) -> Generator[simpy.Event, Any, None]:
        # SimPy starts a process in a later event of the same instant; by then it may be called off already.
        if self.over:
            return
        for wait_ns in steps:
            yield simpy.Timeout(env, wait_ns)
            if self.over:
                return
        self.over = True

    def call_off(self) -> None:
        """None of the further steps runs. Safe to call twice, and from one of its own steps."""
        self.over = True


class Timeline(simpy.Environment):
    """Processes in virtual time, driven from outside by `reach` and `run_through`.

    Its time goes on without an event, for which `run(until=t)` makes one, and an exception to stop at it. It looks
    into SimPy's queue by itself, since `peek` would be asked at every instant of every pile.
    """

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self._activities: list[Activity] = []

    @property
    def now_ns(self) -> int:
        return int(self._now)

    def start(self, steps: Iterator[int]) -> Activity:
        """Begin `steps` at this instant; each yielded int is a wait in ns."""
        activity = Activity(self, steps)
        self._activities = [a for a in self._activities if not a.over]
        self._activities.append(activity)
        return activity

    def call_off_all(self) -> None:
        """The power is gone: nothing that was under way goes on."""
        for activity in self._activities:
            activity.call_off()
        self._activities.clear()

    def reach(self, t_ns: int) -> None:
        """Run every event before `t_ns`; those at exactly `t_ns` stay, since arrivals come before timers."""
        queue = self._queue
        while queue and queue[0][0] < t_ns:
            self.step()
        self._now = max(self._now, t_ns)

    def run_through(self, t_ns: int) -> None:
        """Run every event up to and including `t_ns`."""
        queue = self._queue
        while queue and queue[0][0] <= t_ns:
            self.step()
        self._now = max(self._now, t_ns)

    def next_event_ns(self) -> int | None:
        """When the next event is due; None when nothing is under way."""
        return int(self._queue[0][0]) if self._queue else None
