"""The onlooker: hands what is recorded to whoever shows it, in a process of its own.

Owns that process, and the waiting of events between the line and it. A view decodes, prints, and stands still where
its terminal does; the line must not, and on a thread beside it even the computing of a view would keep it waiting,
since one thread computes at a time. Must not know what a view makes of an event.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from pilesim.errors import InternalError
from pilesim.rig.aside import Aside, all_of
from pilesim.trace.events import AnyEvent, Note

WAITING_LIMIT_EVENTS = 2_000
"""A view that has fallen so far behind is told how many it misses; the recording has them all."""
EVERY_S = 0.02
_BEHIND_THE_LINE = 5
"""How far the view stands back where both want a processor."""
if sys.platform == "win32":
    _PROCESSES = multiprocessing.get_context("spawn")
else:
    # A start anew would take half a second of reading what is read already.
    _PROCESSES = multiprocessing.get_context("fork")

Look = Callable[[AnyEvent], None]


class Onlooker(Aside[AnyEvent]):
    """A context in which each event that is `put` is looked at, in order, by what `viewer` makes in its process.

    To be entered before any port is open, so that the process holds none. A view that fails is not hidden: its own
    process tells why, and InternalError is raised when the context is left, unless an exception is under way already.
    """

    def __init__(self, viewer: Callable[[], Look]) -> None:
        super().__init__("onlooker", EVERY_S, self._hand_over)
        events, self._to_view = _PROCESSES.Pipe(duplex=False)
        self._events = events
        self._view = _PROCESSES.Process(
            target=_view, args=(viewer, events, self._to_view), name="onlooker", daemon=True
        )
        self._missed = 0

    def __enter__(self) -> Self:
        self._view.start()
        self._events.close()
        # What stands by now stays: to look through all of it for rubbish takes milliseconds, and the line waits.
        gc.freeze()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, traceback)
        finally:
            self._to_view.close()
            self._view.join()
            gc.unfreeze()
        if error is None and self._view.exitcode:
            raise InternalError(f"the view ended early, with {self._view.exitcode}; a capture holds what passed")

    def put(self, item: AnyEvent) -> None:
        """An observer of the recorder: never waits, never raises."""
        if len(self.waiting) >= WAITING_LIMIT_EVENTS:
            self._missed += 1
            return
        if self._missed:
            text = f"{self._missed} events came too fast to be shown; a capture holds them"
            self.waiting.append(Note(t_ns=item.t_ns, text=text))
            self._missed = 0
        self.waiting.append(item)

    def _hand_over(self, waiting: deque[AnyEvent], leaving: bool) -> None:
        # A view that is gone is told of in the end; the line goes on.
        with suppress(BrokenPipeError):
            if waiting:
                self._to_view.send(all_of(waiting))


def _view(viewer: Callable[[], Look], events: Connection, others_end: Connection) -> None:
    """What the process does until there will be no more events."""
    others_end.close()
    # Those are for the line; what it has recorded until it ended is still shown.
    for number in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, number):
            signal.signal(getattr(signal, number), signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_BEHIND_THE_LINE)
    look = viewer()
    for event in _handed_over(events):
        look(event)


def _handed_over(events: Connection) -> Iterator[AnyEvent]:
    """Until there are no more: who sends them may be killed within a message."""
    while True:
        try:
            waiting = events.recv()
        except (EOFError, OSError):
            return
        yield from waiting
