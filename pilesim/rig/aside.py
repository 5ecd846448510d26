"""What must not keep a line waiting, done aside: on a thread of its own, in order, a moment later.

Owns the waiting and the thread. Must not know what is done with what waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Aside(Generic[T]):
    """A context in which `put` returns at once; every `every_s` its thread calls `work` with what waits.

    `work(waiting, leaving)` takes from the left of `waiting` as much as it likes, and all of it when the context is
    being left, which waits for that. What it raised is raised then, unless an exception is under way already.
    """

    def __init__(self, name: str, every_s: float, work: Callable[[deque[T], bool], None]) -> None:
        self.waiting: deque[T] = deque()
        self.failed: BaseException | None = None
        """What `work` raised: it is not called again."""
        self._every_s = every_s
        self._work = work
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._thread.join()
        if self.failed is not None and error is None:
            raise self.failed

    def put(self, item: T) -> None:
        """Never waits, never raises."""
        self.waiting.append(item)

    def _run(self) -> None:
        try:
            leaving = False
            while not leaving:
                # It looks by itself: being woken for each item would cost the line more than this.
                leaving = self._leaving.wait(self._every_s)
                self._work(self.waiting, leaving)
        # Whatever it is, and be it what ends a program, it belongs to whoever entered the context.
        except BaseException as error:
            self.failed = error


def all_of(waiting: deque[T]) -> list[T]:
    """What waits by now, taken out; what comes meanwhile stays."""
    return [waiting.popleft() for _ in range(len(waiting))]
