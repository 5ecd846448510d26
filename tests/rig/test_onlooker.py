"""The onlooker: it never keeps the line waiting, and shows all that it can."""

from __future__ import annotations

import sys
import threading

import pytest

from pilesim.rig.onlooker import WAITING_LIMIT_EVENTS, Onlooker
from pilesim.trace.events import AnyEvent, Note


def events(count: int) -> list[AnyEvent]:
    return [Note(t_ns=number, text=str(number)) for number in range(count)]


def test_it_shows_every_event_in_order_before_it_is_left() -> None:
    shown: list[AnyEvent] = []
    with Onlooker(shown.append) as onlooker:
        for event in events(100):
            onlooker.put(event)
    assert shown == events(100)


def test_it_returns_at_once_from_a_view_that_stands_still_and_tells_what_it_missed() -> None:
    shown: list[AnyEvent] = []
    begun, going_on, caught_up = threading.Event(), threading.Event(), threading.Event()

    def stuck(event: AnyEvent) -> None:
        begun.set()
        assert going_on.wait(20)
        shown.append(event)
        if len(shown) == 1 + WAITING_LIMIT_EVENTS:
            caught_up.set()

    first, *more = events(WAITING_LIMIT_EVENTS + 11)
    with Onlooker(stuck) as onlooker:
        onlooker.put(first)
        assert begun.wait(20)
        for event in more:
            onlooker.put(event)
        assert shown == []
        going_on.set()
        assert caught_up.wait(20)
        last = Note(t_ns=1 << 40, text="last")
        onlooker.put(last)
    told, latest = shown[-2:]
    assert isinstance(told, Note)
    assert told.text.startswith("10 events came too fast")
    assert latest == last
    assert len(shown) == 1 + WAITING_LIMIT_EVENTS + 2


def test_it_lets_the_line_go_on_when_the_view_fails_and_tells_it_in_the_end() -> None:
    def failing(event: AnyEvent) -> None:
        raise BrokenPipeError("the terminal is gone")

    with pytest.raises(BrokenPipeError, match="terminal"), Onlooker(failing) as onlooker:
        for event in events(2 * WAITING_LIMIT_EVENTS):
            onlooker.put(event)


def test_it_does_not_hide_what_ended_the_line() -> None:
    def failing(event: AnyEvent) -> None:
        raise BrokenPipeError

    with pytest.raises(KeyError), Onlooker(failing) as onlooker:
        onlooker.put(events(1)[0])
        raise KeyError


def test_it_lets_threads_take_turns_as_before_once_it_is_left() -> None:
    before = sys.getswitchinterval()
    with Onlooker(lambda event: None):
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before
