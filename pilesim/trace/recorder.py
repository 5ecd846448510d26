"""The recorder: every event once, in order, to memory, to the file and to whoever watches live.

Owns the order of events. Must not know who produces them, nor where the file lies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from pilesim.errors import InternalError
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import AnyEvent, Header, Trace


class TextSink(Protocol):
    """An open text file, as far as the recorder needs one."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


Sink = Callable[[str], object] | TextSink
"""Takes one line at a time, with its end: a callable, or an open text file, which is flushed after each line."""

Observer = Callable[[AnyEvent], None]
Herald = Callable[[AnyEvent], Iterable[AnyEvent]]
"""Knows by an event what must have come before it."""


class Recorder:
    """Records one line's events. `observers` see each event as it is recorded, in the order of the list.

    `heralds` see it first, and what they give is recorded before it, at no later an instant. An observer may record
    too: its event comes after the one it has seen, for every observer alike.
    """

    def __init__(self, header: Header, sink: Sink | None = None, *, keep: bool = True) -> None:
        """`keep` False holds no events in memory, for a recording without end: `trace()` is then empty."""
        self.header = header
        self.events: list[AnyEvent] = []
        self.heralds: list[Herald] = []
        self.observers: list[Observer] = []
        self._sink = _lines_to(sink)
        self._keep = keep
        self._last_ns = 0
        self._waiting: deque[AnyEvent] = deque()
        self._recording = False
        self._deferred = False
        if self._sink is not None:
            self._sink(encode_header(header) + "\n")

    def record(self, *events: AnyEvent) -> None:
        """Take down `events`; the file has them when this returns, unless `defer` was called. Times never go back."""
        if self._deferred or self._recording or self._waiting or self.heralds or self.observers:
            self._waiting.extend(events)
            if not self._deferred:
                self.settle()
            return
        # Nobody looks on, who could have something to say between two of them.
        for event in events:
            self._take_down(event)

    def defer(self) -> None:
        """Only collect what is recorded from now on, until `settle`: whoever carries bytes sends them first."""
        self._deferred = True

    def settle(self) -> None:
        """Take down what was deferred, in its order; from now on events are taken down at once again."""
        self._deferred = False
        if self._recording:
            return
        self._recording = True
        try:
            while self._waiting:
                event = self._waiting.popleft()
                if self.heralds:
                    for herald in tuple(self.heralds):
                        for before in herald(event):
                            self._take_down(before)
                self._take_down(event)
        finally:
            self._recording = False

    def _take_down(self, event: AnyEvent) -> None:
        if event.t_ns < self._last_ns:
            raise InternalError(f"an event at {event.t_ns} ns was recorded after one at {self._last_ns} ns: {event}")
        self._last_ns = event.t_ns
        if self._keep:
            self.events.append(event)
        if self._sink is not None:
            self._sink(encode_event(event) + "\n")
        if self.observers:
            for observer in tuple(self.observers):
                observer(event)

    def trace(self) -> Trace:
        """What has been recorded so far."""
        return Trace(self.header, tuple(self.events))


def _lines_to(sink: Sink | None) -> Callable[[str], object] | None:
    """Takes one line at a time, with its end."""
    if sink is None or callable(sink):
        return sink
    file = sink

    def write(line: str) -> None:
        file.write(line)
        # A recording that is killed keeps all but the line it was writing.
        file.flush()

    return write
