"""The one place that waits, and the reading of the real clock.

Owns both because nothing above may block or look at a clock by itself. Must not know what is waited for.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Iterable

from pilesim.link.base import Link

# For a few descriptors and one wait, poll is a single call to the system where epoll is one more for each.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.DefaultSelector)

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
    with _Selector() as selector:
        for fd, writing in watched:
            selector.register(fd, selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0))
        selector.select(seconds)


def writable(fd: int) -> bool:
    """Whether `fd` takes bytes now, or has failed: for a socket that connects, whether that is over."""
    with _Selector() as selector:
        selector.register(fd, selectors.EVENT_WRITE)
        return bool(selector.select(0))
