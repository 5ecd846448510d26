"""Many connections on one selector: each under its own key, over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pilesim.errors import RigError
from pilesim.link.base import Data, Down, LinkEvent, Up
from pilesim.link.many import AnswerMany, DialMany, Many, make_room
from pilesim.link.waiting import monotonic_ns
from pilesim.units import MS, S

News = dict[int, list[LinkEvent]]


class Both:
    """Those who dial and those who answer, and what each was told, by key."""

    def __init__(self) -> None:
        self.answering = AnswerMany()
        self.dialling = DialMany("127.0.0.1", int(self.answering.name.rpartition(":")[2]))
        self.dialled: News = {}
        self.answered: News = {}

    def until(self, met: Callable[[], bool]) -> None:
        deadline_ns = monotonic_ns() + 10 * S
        while not met():
            assert monotonic_ns() < deadline_ns, (self.dialled, self.answered)
            self._look(self.dialling, self.dialled)
            self._look(self.answering, self.answered)

    def _look(self, links: Many, news: News) -> None:
        for key, event in links.wait(5 * MS):
            news.setdefault(key, []).append(event)


@pytest.fixture
def both() -> Iterator[Both]:
    made = Both()
    yield made
    made.dialling.close()
    made.answering.close()


def told(news: News, kind: type[LinkEvent]) -> int:
    return sum(isinstance(event, kind) for events in news.values() for event in events)


def heard(news: News, key: int) -> bytes:
    return b"".join(event.data for event in news.get(key, []) if isinstance(event, Data))


def test_it_carries_each_connections_bytes_under_its_key(both: Both) -> None:
    keys = range(40)
    for key in keys:
        both.dialling.dial(key)
    both.until(lambda: told(both.dialled, Up) == told(both.answered, Up) == 40)
    for key in keys:
        both.dialling.send(key, b"from %d" % key)
    both.until(lambda: all(heard(both.answered, key) for key in both.answered))
    assert {heard(both.answered, key) for key in keys} == {b"from %d" % key for key in keys}
    for key in keys:
        both.answering.send(key, b"for who sent " + heard(both.answered, key))
    both.until(lambda: all(heard(both.dialled, key) for key in keys))
    assert {key: heard(both.dialled, key) for key in keys} == {key: b"for who sent from %d" % key for key in keys}


def test_it_comes_back_to_who_is_inside_before_all_who_wait_are_let_in(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dials without end would keep it at the door."""
    monkeypatch.setattr("pilesim.link.many._ACCEPTED_A_ROUND", 3)
    address = ("127.0.0.1", int(both.answering.name.rpartition(":")[2]))
    with ExitStack() as waiting:
        for _ in range(8):
            waiting.enter_context(socket.create_connection(address))
        assert [len(both.answering.wait(S)) for _ in range(3)] == [3, 3, 2]


def test_it_hangs_up_after_what_was_queued_and_is_not_told_of_it(both: Both) -> None:
    both.dialling.dial(7)
    both.until(lambda: told(both.answered, Up) == told(both.dialled, Up) == 1)
    both.dialling.send(7, b"x" * 4_000_000)
    both.dialling.hang_up(7)
    both.until(lambda: told(both.answered, Down) == 1)
    assert len(heard(both.answered, 0)) == 4_000_000
    assert told(both.dialled, Down) == 0


def test_it_cuts_a_connection_as_a_line_that_breaks_does(both: Both) -> None:
    both.dialling.dial(7)
    both.until(lambda: told(both.answered, Up) == told(both.dialled, Up) == 1)
    both.dialling.cut(7)
    both.until(lambda: told(both.answered, Down) == 1)
    assert both.answered[0][-1] == Down("connection reset by peer")
    both.dialling.dial(7)
    both.until(lambda: told(both.dialled, Up) == 2)


def test_it_tells_who_was_hung_up_on(both: Both) -> None:
    for key in (1, 2):
        both.dialling.dial(key)
    both.until(lambda: told(both.answered, Up) == told(both.dialled, Up) == 2)
    both.answering.hang_up(0)
    both.until(lambda: told(both.dialled, Down) == 1)
    both.answering.send(1, b"still here")
    both.until(lambda: any(heard(both.dialled, key) for key in (1, 2)))


def test_it_tells_each_dial_that_is_refused(both: Both) -> None:
    both.answering.close()
    for key in (1, 2):
        both.dialling.dial(key)
    while told(both.dialled, Down) < 2:
        for key, event in both.dialling.wait(S):
            both.dialled.setdefault(key, []).append(event)
    assert both.dialled == {1: [Down("connection refused")], 2: [Down("connection refused")]}


def test_it_is_woken_from_another_thread(both: Both) -> None:
    waker = threading.Thread(target=both.dialling.wake)
    began_ns = monotonic_ns()
    waker.start()
    assert both.dialling.wait(50 * S) == []
    assert monotonic_ns() - began_ns < 50 * S
    waker.join()


def test_it_says_how_many_connections_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource", reason="this system has no such limit")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    with pytest.raises(RigError, match="expected room for 10000 connections, found 4032"):
        make_room(10_000)


def test_it_asks_the_system_for_no_more_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource", reason="this system has no such limit")
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: asked.append(limits))
    make_room(100)
    make_room(2000)
    assert asked == [(2064, 4096)]
