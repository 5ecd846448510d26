"""The one place that waits, and the reading of the real clock.

Owns both because nothing above may block or look at a clock by itself. Must not know what is waited for.
"""

from __future__ import annotations

import select
import selectors
import time
from collections.abc import Iterable
from math import ceil

from pilesim.link.base import Link

LONGEST_WAIT_NS = 60_000_000_000
"""No wait is longer; whoever waits looks again."""


def monotonic_ns() -> int:
    """The computer's clock that never goes back, ns."""
    return time.monotonic_ns()


def wait(links: Iterable[Link], timeout_ns: int) -> None:
    """Return when a link has something to tell, or after `timeout_ns` (at most `LONGEST_WAIT_NS`).

    A link in memory has no descriptor and never ends the wait; with none that has one, this sleeps.
    """
    seconds = max(0, min(timeout_ns, LONGEST_WAIT_NS)) / 1e9
    watched = [waitable for link in links for waitable in link.waitables()]
    if not watched:
        time.sleep(seconds)
        return
    _select(watched, seconds)


def _select(watched: Iterable[tuple[int, bool]], seconds: float) -> bool:
    """Whether one of `watched` (descriptor, for writing too) is ready within `seconds`."""
    if hasattr(select, "poll"):
        # A selector keeps books of its descriptors, which for one wait cost more than the waiting's call.
        poller = select.poll()
        for fd, writing in watched:
            poller.register(fd, select.POLLIN | (select.POLLOUT if writing else 0))
        return bool(poller.poll(ceil(seconds * 1000)))
    with selectors.DefaultSelector() as selector:
        for fd, writing in watched:
            selector.register(fd, selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0))
        return bool(selector.select(seconds))


def settled(fd: int) -> bool:
    """Whether a socket that connects has done so, or has failed."""
    return _select([(fd, True)], 0)
