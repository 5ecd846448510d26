"""What asks a run to end: once in order, too often at once; and who wants it to outlive its terminal is let."""

from __future__ import annotations

import signal

import pytest

from pilesim.cli.ending import told_to_stop

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)


@pytest.mark.parametrize(
    ("times", "signals", "asked"),
    [
        (1, (), 0),
        (1, (INT,), 1),
        (1, (TERM,), 1),
        (1, (HUP,), 1),
        (1, (HUP, HUP, HUP), 1),
        (1, (INT, HUP), 1),
        (1, (INT, INT), None),
        (1, (HUP, TERM), None),
        (2, (INT, TERM), 2),
        (2, (HUP, INT), 2),
        (2, (HUP, INT, TERM), None),
        (2, (INT, INT, INT), None),
    ],
)
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal tells of its end here")
def test_it_counts_who_asks_and_ends_at_once_when_asked_too_often(
    times: int, signals: tuple[signal.Signals, ...], asked: int | None
) -> None:
    def play() -> int:
        with told_to_stop(times) as told:
            for number in signals:
                signal.raise_signal(number)
            return told()

    before = signal.getsignal(HUP)
    if asked is None:
        with pytest.raises(KeyboardInterrupt):
            play()
    else:
        assert play() == asked
    assert signal.getsignal(HUP) is before


def test_the_last_who_asked_ends_the_program_when_it_has_left_what_it_was_to_leave() -> None:
    heard: list[int] = []
    before = signal.signal(TERM, lambda number, frame: heard.append(number))
    try:
        with told_to_stop(2) as told:
            signal.raise_signal(INT)
            signal.raise_signal(TERM)
        told.pass_on()
    finally:
        signal.signal(TERM, before)
    assert heard == [TERM]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal tells of its end here")
def test_it_outlives_its_terminal_when_it_was_begun_so() -> None:
    before = signal.signal(HUP, signal.SIG_IGN)
    try:
        with told_to_stop() as told:
            signal.raise_signal(HUP)
            assert told() == 0
    finally:
        signal.signal(HUP, before)
