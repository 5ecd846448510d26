"""The onlooker: hands what is recorded to whoever shows it, on a thread of its own.

Owns the waiting of events between the line and a view. A view decodes, prints, and stands still where its terminal
does; the line must not. So the view has its turn while the line is quiet. Must not know what it makes of an event.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from pilesim.trace.events import AnyEvent, Note

WAITING_LIMIT_EVENTS = 2_000
"""A view that has fallen so far behind is told how many it misses; the recording has them all."""
QUIET_S = 0.02
"""The view begins after so much quiet: a request and its reply are past then, and people do not notice. On a line
that is never quiet it gets one event in this time."""
SWITCH_INTERVAL_S = 0.000_05
"""How long Python lets the view compute while the line has bytes to pass: by default it is 5 ms."""


class Onlooker:
    """A context in which `see` returns at once and `look` is called for each event, in order, on another thread.

    Leaving it waits until all that was seen has been looked at; what `look` raised is raised then, unless an
    exception is under way already.
    """

    def __init__(self, look: Callable[[AnyEvent], None]) -> None:
        self._look = look
        self._waiting: deque[AnyEvent] = deque()
        self._last_s = 0.0
        """When the latest event was seen, by the computer's clock."""
        self._missed = 0
        self._failed: BaseException | None = None
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="onlooker", daemon=True)
        self._interval_s = sys.getswitchinterval()

    def __enter__(self) -> Onlooker:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        # What stands by now stays: to look through all of it for rubbish takes milliseconds, and the line waits.
        gc.freeze()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._thread.join()
        sys.setswitchinterval(self._interval_s)
        gc.unfreeze()
        if self._failed is not None and error is None:
            raise self._failed

    def see(self, event: AnyEvent) -> None:
        """An observer of the recorder: never waits, never raises."""
        self._last_s = time.monotonic()
        if len(self._waiting) >= WAITING_LIMIT_EVENTS:
            self._missed += 1
            return
        if self._missed:
            text = f"{self._missed} events came too fast to be shown; a capture holds them"
            self._waiting.append(Note(t_ns=event.t_ns, text=text))
            self._missed = 0
        self._waiting.append(event)

    def _run(self) -> None:
        try:
            leaving = False
            while not leaving:
                # It looks by itself: being woken for each event would cost the line more than this.
                leaving = self._leaving.wait(QUIET_S)
                while self._waiting:
                    self._look(self._waiting.popleft())
                    if not leaving and time.monotonic() < self._last_s + QUIET_S:
                        break
        # A terminal that is gone raises what ends a program: here it ends the view, and the line goes on.
        except BaseException as error:
            self._failed = error
