"""The onlooker: it never keeps the line waiting, and shows all that it can."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pilesim.errors import InternalError
from pilesim.rig.onlooker import WAITING_LIMIT_EVENTS, Onlooker
from pilesim.trace.events import AnyEvent, Note

MANY = 3 * WAITING_LIMIT_EVENTS
WIDE = "wide " * 200
"""So that a pipe holds few of them."""

Look = Callable[[AnyEvent], None]


def notes(count: int, padding: str = "") -> list[AnyEvent]:
    return [Note(t_ns=number, text=f"{number} {padding}") for number in range(count)]


def writing(path: Path, before: Callable[[], object] = lambda: None) -> Look:
    """A view that begins with `before`, and shows the first word of each note in a file."""
    before()
    stream = path.open("a", buffering=1)

    def look(event: AnyEvent) -> None:
        assert isinstance(event, Note)
        stream.write(event.text.split()[0] + ("" if "too fast" not in event.text else " missed") + "\n")

    return look


def failing() -> Look:
    def look(event: AnyEvent) -> None:
        raise BrokenPipeError("the terminal is gone")

    return look


def test_it_shows_every_event_in_order_before_it_is_left(tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    with Onlooker(partial(writing, shown)) as onlooker:
        for event in notes(100):
            onlooker.put(event)
    assert shown.read_text().split() == [str(number) for number in range(100)]


def test_it_looks_in_a_process_of_its_own(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    with Onlooker(partial(writing, tmp_path / "shown", lambda: said.write_text(str(os.getpid())))) as onlooker:
        onlooker.put(notes(1)[0])
    assert int(said.read_text()) != os.getpid()


def test_it_returns_at_once_from_a_view_that_stands_still_and_tells_what_it_missed(tmp_path: Path) -> None:
    shown, gate = tmp_path / "shown", tmp_path / "gate"
    os.mkfifo(gate)
    with Onlooker(partial(writing, shown, gate.read_bytes)) as onlooker:
        for event in notes(MANY, WIDE):
            onlooker.put(event)
        assert not shown.exists()
        # Whoever opens the gate stands still until the view has come to it.
        gate.write_bytes(b"go")
        while onlooker.waiting:
            os.sched_yield()
        onlooker.put(Note(t_ns=MANY, text="last"))
    lines = shown.read_text().splitlines()
    assert lines.pop() == "last"
    seen = [int(line) for line in lines if line.isdecimal()]
    missed = [int(line.split()[0]) for line in lines if line.endswith(" missed")]
    assert seen == sorted(seen)
    assert sum(missed) > 0
    assert len(seen) + sum(missed) == MANY


def test_it_goes_on_showing_when_the_line_is_told_to_stop(tmp_path: Path) -> None:
    shown, stopped = tmp_path / "shown", tmp_path / "stopped"
    os.mkfifo(stopped)
    with Onlooker(partial(writing, shown, lambda: stopped.write_text(str(os.getpid())))) as onlooker:
        view = int(stopped.read_text())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(view, number)
        onlooker.put(notes(1)[0])
    assert shown.read_text() == "0\n"


def test_it_lets_the_line_go_on_when_the_view_fails_and_tells_it_in_the_end(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(InternalError, match="the view ended early"), Onlooker(failing) as onlooker:
        for event in notes(2 * WAITING_LIMIT_EVENTS):
            onlooker.put(event)
    assert "the terminal is gone" in capfd.readouterr().err


def test_it_does_not_hide_what_ended_the_line() -> None:
    with pytest.raises(KeyError), Onlooker(failing) as onlooker:
        onlooker.put(notes(1)[0])
        raise KeyError


def test_it_leaves_the_memory_to_be_looked_through_as_before() -> None:
    before = gc.get_freeze_count()
    with Onlooker(failing):
        assert gc.get_freeze_count() > before
    assert gc.get_freeze_count() == 0
