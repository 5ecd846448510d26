"""The onlooker: hands what is recorded to whoever shows it, on a thread of its own.

Owns the waiting of events between the line and a view. A view decodes, prints, and stands still where its terminal
does; the line must not. So the view has its turn while the line is quiet. Must not know what it makes of an event.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pilesim.rig.aside import Aside
from pilesim.trace.events import AnyEvent, Note

WAITING_LIMIT_EVENTS = 2_000
"""A view that has fallen so far behind is told how many it misses; the recording has them all."""
EVERY_S = 0.02
QUIET_S = 0.05
"""The view begins after so much quiet: a request and its reply are mostly past then, and people do not notice."""
PATIENCE_S = 0.2
"""A line that has not been quiet for so long may never be: from then on the view gets one event each `EVERY_S`."""
SWITCH_INTERVAL_S = 0.000_05
"""How long Python lets the view compute while the line has bytes to pass: by default it is 5 ms."""


class Onlooker(Aside[AnyEvent]):
    """A context in which `look` is called for each event that is `put`, in order, on another thread."""

    def __init__(self, look: Callable[[AnyEvent], None]) -> None:
        super().__init__("onlooker", EVERY_S, self._show)
        self._look = look
        self._last_s = 0.0
        """When the latest event was seen, by the computer's clock."""
        self._busy_s = 0.0
        """Since when it was never quiet."""
        self._missed = 0
        self._interval_s = sys.getswitchinterval()

    def __enter__(self) -> Self:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        # What stands by now stays: to look through all of it for rubbish takes milliseconds, and the line waits.
        gc.freeze()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, traceback)
        finally:
            sys.setswitchinterval(self._interval_s)
            gc.unfreeze()

    def put(self, event: AnyEvent) -> None:
        """An observer of the recorder: never waits, never raises."""
        now_s = time.monotonic()
        if now_s >= self._last_s + QUIET_S:
            self._busy_s = now_s
        self._last_s = now_s
        if len(self.waiting) >= WAITING_LIMIT_EVENTS:
            self._missed += 1
            return
        if self._missed:
            text = f"{self._missed} events came too fast to be shown; a capture holds them"
            self.waiting.append(Note(t_ns=event.t_ns, text=text))
            self._missed = 0
        self.waiting.append(event)

    def _show(self, waiting: deque[AnyEvent], leaving: bool) -> None:
        # A terminal that is gone raises what ends a program: here it ends the view, and the line goes on.
        while waiting:
            now_s = time.monotonic()
            busy = not leaving and now_s < self._last_s + QUIET_S
            if busy and now_s < self._busy_s + PATIENCE_S:
                break
            self._look(waiting.popleft())
            if busy:
                break
