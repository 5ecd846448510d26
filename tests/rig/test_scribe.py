"""The scribe: all of it in the file, in order, while nobody waits for the file."""

from __future__ import annotations

import io
import threading
import time

import pytest

from pilesim.rig.scribe import LAG_S, Scribe
from pilesim.trace.capture import read_capture
from pilesim.trace.events import AnyEvent, Header, Note

HEADER = Header(start="2020-03-11T10:00:00+08:00", protocol="lhc", pile="", guns=0)


def events(count: int) -> list[AnyEvent]:
    return [Note(t_ns=number, text=str(number)) for number in range(count)]


def test_it_has_written_every_event_in_order_when_it_is_left() -> None:
    file = io.StringIO()
    with Scribe(HEADER, file) as scribe:
        for event in events(500):
            scribe.put(event)
    trace = read_capture(io.StringIO(file.getvalue()), "file")
    assert (trace.header, list(trace.events)) == (HEADER, events(500))


class Stuck(io.StringIO):
    """A file that stands still until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.going_on = threading.Event(), threading.Event()

    def write(self, text: str, /) -> int:
        if "note" in text:
            self.begun.set()
            assert self.going_on.wait(20)
        return super().write(text)


def test_it_returns_at_once_while_the_file_stands_still_and_loses_nothing() -> None:
    file = Stuck()
    with Scribe(HEADER, file) as scribe:
        first, *more = events(300)
        scribe.put(first)
        assert file.begun.wait(20)
        for event in more:
            scribe.put(event)
        assert file.getvalue().count("note") == 0
        file.going_on.set()
    assert list(read_capture(io.StringIO(file.getvalue()), "file").events) == events(300)


class Kept(io.StringIO):
    """A file of which a kill leaves what was flushed; `reached` is set once that is an event."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def flush(self) -> None:
        super().flush()
        if "note" in self.getvalue():
            self.reached.set()


def test_what_a_kill_may_lose_is_no_older_than_a_second() -> None:
    assert LAG_S <= 1
    file = Kept()
    with Scribe(HEADER, file) as scribe:
        scribe.put(events(1)[0])
        assert file.reached.wait(20)


def test_it_writes_while_events_come_without_a_pause() -> None:
    file = Kept()
    (event,) = events(1)
    until_s = time.monotonic() + 20
    with Scribe(HEADER, file) as scribe:
        while not file.reached.is_set() and time.monotonic() < until_s:
            scribe.put(event)
        assert file.reached.is_set()


class Full(io.StringIO):
    """A file on a disk that has room for a header."""

    def flush(self) -> None:
        if "note" in self.getvalue():
            raise OSError(28, "no space left")


def test_it_says_that_writing_failed_to_whoever_asks_and_in_the_end() -> None:
    failed = threading.Event()
    with pytest.raises(OSError, match="no space left"), Scribe(HEADER, Full()) as scribe:
        scribe.put(events(1)[0])
        while scribe.failed is None:
            assert not failed.wait(0.01)


def test_it_does_not_hide_what_ended_the_line() -> None:
    with pytest.raises(KeyError), Scribe(HEADER, Full()) as scribe:
        scribe.put(events(1)[0])
        raise KeyError
