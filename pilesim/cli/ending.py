"""The signals by which somebody asks a program to end.

Owns which they are, and how often they have been heard. Must not know what a command makes of them.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


def stopping() -> list[signal.Signals]:
    """Ctrl-C, SIGTERM, and the end of the terminal, unless it was said that the program is to outlive that."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # With nohup it is ignored.
        numbers.append(signal.SIGHUP)
    return numbers


class Ending:
    """How often an orderly end has been asked for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._times = 0
        self._last = signal.SIGINT

    def __call__(self) -> int:
        return self._times

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Somebody asks; KeyboardInterrupt when that was once too often."""
        self._last = signal.Signals(number)
        self._times = self._times + 1 if number in (signal.SIGINT, signal.SIGTERM) else max(self._times, 1)
        if self._times > self._most:
            raise KeyboardInterrupt

    def pass_on(self) -> None:
        """Have the last of them end the program, now that all it was to leave is there."""
        signal.raise_signal(self._last)


@contextmanager
def told_to_stop(times: int = 1) -> Iterator[Ending]:
    """How often an orderly end has been asked for. By Ctrl-C or SIGTERM more than so many `times` it is an end at once,
    as KeyboardInterrupt; the end of the terminal, which may be told more than once, asks once and hurries nobody.
    """
    told = Ending(times)
    before: dict[signal.Signals, Any] = {number: signal.signal(number, told.hear) for number in stopping()}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
