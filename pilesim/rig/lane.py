"""One direction of the line: what comes in, what the armed impairments make of it, and when it leaves.

Owns the order in which bytes leave, and the search for frames while an impairment asks for whole ones. Must not
know links or connections: whoever owns the lane marks in it where a connection begins and ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pilesim.rig.armed import Armed, Piece
from pilesim.rig.impairments import Traffic
from pilesim.units import MS
from pilesim.wire.frame import Direction, Frame, Garbage
from pilesim.wire.protocol import Framer, Protocol

FRAME_WAIT_NS = 50 * MS
"""A frame that is not whole after this much silence passes as the bytes it is."""


class MarkKind(Enum):
    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a connection begins or ends, in the order of the bytes. `by` and `reason` as in LineDown."""

    kind: MarkKind
    by: str = ""
    reason: str = ""


class Lane:
    """What goes in one direction. `armed`, in the order of their stages, is shared with the other lane."""

    def __init__(self, direction: Direction, protocol: Protocol, armed: Sequence[Armed[Traffic]]) -> None:
        self._direction = direction
        self._protocol = protocol
        self._armed = armed
        self._framer: Framer | None = None
        self._unsettled = b""
        """Fed to the framer, and neither given out by it nor passed on."""
        self._passed = 0
        """How many bytes the framer still has to give out that were passed on before it did."""
        self._frame_wait_ends_ns = 0
        self._queue: list[tuple[int, int, Piece | Mark]] = []
        self.queued_bytes = 0
        self._serial = 0
        self._in_order_ns = 0
        """Nothing that keeps its order leaves before this."""
        self._last_mark_ns = 0
        """Nothing at all leaves before this."""

    # ------------------------------------------------------------------------------------------- coming in

    @property
    def passes_at_once(self) -> bool:
        """What comes now leaves now, as it is: nobody looks at it, and nothing is before it."""
        return not (self._armed or self._queue) and self._framer is None

    def feed(self, data: bytes, now_ns: int) -> None:
        """Bytes that came at `now_ns`."""
        if not self._armed and self._framer is None:
            self._enqueue(self._piece(data, now_ns))
            return
        if not any(a.wants_frames() and a.active(self._direction, now_ns) for a in self._armed):
            self._stop_framing(now_ns)
            self._pass(self._piece(data, now_ns), 0)
            return
        if self._framer is None:
            self._framer = self._protocol.framer(self._direction)
        self._unsettled += data
        for found in self._framer.feed(data, now_ns):
            self._found(found, now_ns)
        # Only a frame that has begun is worth waiting for: the framer may keep garbage before it back, the line
        # may not.
        rubbish = len(self._unsettled) - len(self._framer.pending)
        self._pass_raw(self._unsettled[:rubbish], now_ns)
        self._unsettled = self._unsettled[rubbish:]
        self._passed += rubbish
        self._frame_wait_ends_ns = now_ns + FRAME_WAIT_NS

    def _found(self, found: Frame | Garbage, now_ns: int) -> None:
        fresh = found.raw[self._passed :]
        self._passed = max(0, self._passed - len(found.raw))
        self._unsettled = self._unsettled[len(fresh) :]
        if isinstance(found, Garbage):
            self._pass_raw(fresh, now_ns)
            return
        message = self._protocol.decode(found).message
        piece = Piece(
            data=found.raw,
            direction=self._direction,
            came_ns=now_ns,
            due_ns=now_ns,
            frame=found,
            message=message.name if message is not None else None,
        )
        self._pass(piece, 0)

    def _stop_framing(self, now_ns: int) -> None:
        """Let go of a frame that is not whole; the next bytes are looked at anew."""
        if self._framer is None:
            return
        for found in self._framer.gap():
            self._found(found, now_ns)
        self._framer = None
        self._unsettled = b""
        self._passed = 0

    def _piece(self, data: bytes, now_ns: int) -> Piece:
        return Piece(data=data, direction=self._direction, came_ns=now_ns, due_ns=now_ns)

    def _pass_raw(self, data: bytes, now_ns: int) -> None:
        if data:
            self._pass(self._piece(data, now_ns), 0)

    def _pass(self, piece: Piece, stage: int) -> None:
        """Take `piece` through the impairments from number `stage` on, and queue what is left of it."""
        pieces = [piece]
        for armed in self._armed[stage:]:
            pieces = [
                after
                for before in pieces
                for after in (armed.take(before) if armed.active(self._direction, before.came_ns) else [before])
            ]
        for each in pieces:
            self._enqueue(each)

    def _enqueue(self, piece: Piece) -> None:
        due_ns = max(piece.due_ns, self._last_mark_ns)
        if not piece.overtaken:
            due_ns = self._in_order_ns = max(due_ns, self._in_order_ns)
        self._push(due_ns, piece)

    def _push(self, due_ns: int, item: Piece | Mark) -> None:
        self._serial += 1
        self.queued_bytes += len(item.data) if isinstance(item, Piece) else 0
        heapq.heappush(self._queue, (due_ns, self._serial, item))

    def mark(self, mark: Mark, now_ns: int) -> None:
        """A connection begins or ends here: after all that came before, and before all that comes after."""
        self.let_go(now_ns)
        self._last_mark_ns = max([now_ns, self._last_mark_ns, *(due_ns for due_ns, _, _ in self._queue)])
        self._in_order_ns = self._last_mark_ns
        self._push(self._last_mark_ns, mark)

    def let_go(self, now_ns: int) -> None:
        """Queue what is kept: by the framer, and by impairments that wait for a next piece."""
        self._stop_framing(now_ns)
        for number, armed in enumerate(self._armed):
            for piece in armed.surrender(self._direction, now_ns):
                self._pass(piece, number + 1)

    # --------------------------------------------------------------------------------------------- timers

    def advance(self, now_ns: int) -> bool:
        """Queue what has been kept long enough; whether there was any."""
        if not self._armed and not self._unsettled:
            return False
        happened = False
        if self._unsettled and now_ns >= self._frame_wait_ends_ns:
            self._stop_framing(now_ns)
            happened = True
        for number, armed in enumerate(self._armed):
            for piece in armed.release(self._direction, now_ns):
                self._pass(piece, number + 1)
                happened = True
        return happened

    def next_wakeup_ns(self, *, blocked: bool) -> int | None:
        """When something next happens here; `blocked`: what is due cannot leave yet."""
        if not self._armed and not self._unsettled:
            return self._queue[0][0] if self._queue and not blocked else None
        times = [a.next_wakeup_ns(self._direction) for a in self._armed]
        times.append(self._frame_wait_ends_ns if self._unsettled else None)
        times.append(self._queue[0][0] if self._queue and not blocked else None)
        return min((t for t in times if t is not None), default=None)

    # ------------------------------------------------------------------------------------------ going out

    def due(self, now_ns: int) -> Piece | Mark | None:
        """What leaves next, if it may by `now_ns`; `pop` takes it."""
        return self._queue[0][2] if self._queue and self._queue[0][0] <= now_ns else None

    def pop(self) -> Piece | Mark:
        _, _, item = heapq.heappop(self._queue)
        self.queued_bytes -= len(item.data) if isinstance(item, Piece) else 0
        return item

    def hurry(self, now_ns: int) -> None:
        """Nothing holds anything any more: all that is queued leaves now, in the order in which it would have."""
        self.let_go(now_ns)
        items = [item for _, _, item in sorted(self._queue, key=lambda entry: entry[:2])]
        self._queue = []
        self.queued_bytes = 0
        self._in_order_ns = self._last_mark_ns = now_ns
        for item in items:
            self._push(now_ns, item)

    def opens(self) -> bool:
        """Whether a connection that has not been made yet is queued."""
        return any(item == Mark(MarkKind.OPEN) for _, _, item in self._queue)

    def clear(self, now_ns: int, *, until_open: bool = False) -> list[Piece]:
        """Throw away what is kept and queued: all of it, or up to where the next connection begins.

        Returns the pieces that were thrown away.
        """
        opens = until_open and self.opens()
        if not opens:
            # What is kept belongs to the latest connection.
            self.let_go(now_ns)
            self._in_order_ns = self._last_mark_ns = now_ns
        lost = []
        while self._queue and not (opens and self._queue[0][2] == Mark(MarkKind.OPEN)):
            item = self.pop()
            if isinstance(item, Piece):
                lost.append(item)
        return lost
