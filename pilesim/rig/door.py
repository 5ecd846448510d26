"""The door: who may stay on a line that others dial in to.

Owns the questions that are asked of a peer before it counts as a pile: whether it says a whole frame in time, whether
the frame carries a pile number that is expected, and whether that pile is not there already. Must not know links, nor
how a peer is hung up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from pilesim.units import MINUTE, format_duration
from pilesim.wire.frame import Direction, Frame
from pilesim.wire.protocol import Framer, Protocol

FIRST_FRAME_NS = 2 * MINUTE
"""A peer that has said no whole frame by then keeps the real pile out. Piles say theirs within seconds."""


_LISTED = 5
"""So many numbers are not listed any more."""


class Door:
    """Looks at each connection until its first whole frame. Times are ns of the world."""

    def __init__(
        self,
        protocol: Protocol,
        numbers: Collection[str],
        limit_ns: int = FIRST_FRAME_NS,
        there: Callable[[str], bool] = lambda number: False,
    ) -> None:
        """`numbers` are the pile numbers that are expected, none expects any; a pile that is `there` is no second time
        let in."""
        self.pile: str | None = None
        """The number that whoever was let in has said; None before, and where frames carry none."""
        self._protocol = protocol
        self._numbers = numbers
        self._limit_ns = limit_ns
        self._there = there
        self._framer: Framer | None = None
        """None: whoever is there has been looked at."""
        self._until_ns = 0
        self._size = 0

    def came_up(self, now_ns: int) -> None:
        """A peer has connected."""
        self._framer = self._protocol.framer(Direction.UP)
        self._until_ns = now_ns + self._limit_ns
        self._size = 0
        self.pile = None

    @property
    def looking(self) -> bool:
        """Whoever is there has not said a whole frame yet."""
        return self._framer is not None

    def objection(self, data: bytes, now_ns: int) -> str:
        """Why the peer that says `data` may not stay, in a sentence; "" where it may."""
        if self._framer is None:
            return ""
        self._size += len(data)
        for found in self._framer.feed(data, now_ns):
            if isinstance(found, Frame) and found.sound:
                self._framer = None
                number = found.pile
                if self._numbers and number is not None and number not in self._numbers:
                    expected = ", ".join(self._numbers) if len(self._numbers) < _LISTED else "one of those named"
                    return f"expected pile {expected}, found a frame of pile {number}"
                if number is not None and self._there(number):
                    return f"expected one connection of pile {number}, found a second one"
                self.pile = number
                return ""
        return ""

    def overdue(self, now_ns: int) -> str:
        """As `objection`, of a peer that has taken too long."""
        if self._framer is None or now_ns < self._until_ns:
            return ""
        limit = format_duration(self._limit_ns)
        return f"expected a whole frame within {limit} of the connection, found {self._size} bytes and none"

    def next_wakeup_ns(self) -> int | None:
        return None if self._framer is None else self._until_ns
