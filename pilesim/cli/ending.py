"""The signals by which somebody asks a program to end.

Owns which they are, and how often they have been heard. Must not know what a command makes of them.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
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


@contextmanager
def told_to_stop(times: int = 1) -> Iterator[Callable[[], int]]:
    """How often an orderly end has been asked for. By Ctrl-C or SIGTERM more than so many `times` it is an end at once,
    as KeyboardInterrupt; the end of the terminal, which may be told more than once, asks once and hurries nobody.
    """
    asked = 0

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = asked + 1 if number in (signal.SIGINT, signal.SIGTERM) else max(asked, 1)
        if asked > times:
            raise KeyboardInterrupt

    before: dict[signal.Signals, Any] = {number: signal.signal(number, ask) for number in stopping()}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
