"""The door: who may stay on a line that others dial in to.

Owns the two questions that are asked of a peer before it counts as the pile: whether it says a whole frame in time,
and whether the frame carries a pile number that is expected. Must not know links, nor how a peer is hung up.
"""

from __future__ import annotations

from pilesim.units import MINUTE, format_duration
from pilesim.wire.frame import Direction, Frame
from pilesim.wire.protocol import Framer, Protocol

FIRST_FRAME_NS = 2 * MINUTE
"""A peer that has said no whole frame by then keeps the real pile out. Piles say theirs within seconds."""


class Door:
    """Looks at each connection until its first whole frame. Times are ns of the world."""

    def __init__(self, protocol: Protocol, number: str, limit_ns: int = FIRST_FRAME_NS) -> None:
        """`number` is the pile number that is expected; "" expects any."""
        self._protocol = protocol
        self._number = number
        self._limit_ns = limit_ns
        self._framer: Framer | None = None
        """None: whoever is there has been looked at."""
        self._until_ns = 0
        self._size = 0

    def came_up(self, now_ns: int) -> None:
        """A peer has connected."""
        self._framer = self._protocol.framer(Direction.UP)
        self._until_ns = now_ns + self._limit_ns
        self._size = 0

    def objection(self, data: bytes, now_ns: int) -> str:
        """Why the peer that says `data` may not stay, in a sentence; "" where it may."""
        if self._framer is None:
            return ""
        self._size += len(data)
        for found in self._framer.feed(data, now_ns):
            if isinstance(found, Frame) and found.sound:
                self._framer = None
                number = found.pile
                if self._number and number is not None and number != self._number:
                    return f"expected pile {self._number}, found a frame of pile {number}"
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
