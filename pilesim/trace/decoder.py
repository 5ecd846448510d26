"""Chunks to seen frames: decodes a recording anew, end by end, connection by connection.

Owns the cutting of recorded bytes into frames and their numbers: at each end the frames of both directions
count from 1, in the order in which they were whole. Streaming, with bounded memory. Must not know who reads
it (rules, player and reports do) nor what any message is good for.
"""

from __future__ import annotations

from collections import deque

import msgspec

from pilesim.trace.events import AnyEvent, Chunk, Finish, LineDown, LineUp, Mention
from pilesim.trace.mention import decoded_mention
from pilesim.wire.frame import Decoded, Direction, End, Frame, Garbage
from pilesim.wire.protocol import FRAMES_REMEMBERED, GAP_NS, Framer, Protocol


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A frame that passed one end of the line, whole at `t_ns`."""

    t_ns: int
    end: End
    direction: Direction
    index: int
    """Number of the frame at this end, over both directions, from 1."""
    decoded: Decoded
    altered: bool
    """The line changed this frame: its bytes are not what was sent."""
    touched: bool = False
    """The line cut the chunk, or put noise beside it, even where the frame itself came through unchanged."""
    line: int = 0
    """Line of the log that its first byte came from; 0 where the recording is of no log."""


class Noise(msgspec.Struct, frozen=True, gc=False):
    """Bytes that are no frame, the last of which passed at `t_ns`; told later, when it is certain."""

    t_ns: int
    end: End
    direction: Direction
    garbage: Garbage
    altered: bool
    """The line changed these bytes, or put them there."""
    broken_off: bool = False
    """They are what was left when the connection, or the recording, ended."""
    line: int = 0
    """As a frame's."""


class _Lane:
    """One direction at one end of one connection."""

    def __init__(self, end: End, direction: Direction, framer: Framer) -> None:
        self.end = end
        self.direction = direction
        self.sender = end is direction.sender
        """What is seen here is as it was sent."""
        self.framer = framer
        self.touched = False
        self.held = 0
        """Bytes that the framer has not given out yet, garbage among them."""
        self.last_ns = 0
        self._lines: deque[tuple[int, int]] = deque()
        """Of the bytes that the framer has not given out: how many came from which line."""

    def came_from(self, size: int, line: int) -> None:
        """So many bytes more."""
        if line or self._lines:
            self._lines.append((size, line))

    def line_of(self, size: int) -> int:
        """The line of the first of the next `size` bytes that the framer gives out, which are then forgotten."""
        if not self._lines:
            return 0
        first = self._lines[0][1]
        while size and self._lines:
            has, line = self._lines.popleft()
            if has > size:
                self._lines.appendleft((has - size, line))
            size = max(0, size - has)
        return first


class Decoder:
    """Feed it the events in order; it gives what they held, in order.

    `altered` of a frame is more precise than that of its chunk: a frame whose bytes were seen as they were
    sent (at the sender's end, unaltered) came through unchanged, whatever was done around it.
    """

    def __init__(self, protocol: Protocol, *, lone: bool = False) -> None:
        """`lone`: one end was recorded, so that no frame comes twice and there is nothing to remember."""
        self._protocol = protocol
        self._decode = protocol.interpret if lone else protocol.decode
        self._lanes: dict[tuple[End, Direction], _Lane] = {}
        self._holding = False
        """Some lane may hold bytes."""
        self._counts = dict.fromkeys(End, 0)
        self._sent: deque[tuple[Direction, bytes]] = deque(maxlen=FRAMES_REMEMBERED)
        self._now_ns = 0

    def feed(self, event: AnyEvent) -> list[Seen | Noise]:
        """What `event` completed: usually one frame of a Chunk; after a lost line what was left of it.

        What a false start had held back comes before it, as of the end of the silence that showed it as one: an
        end that answers it answers it then.
        """
        told = self._after_silence(event.t_ns) if self._holding else []
        if event.t_ns > self._now_ns:
            self._now_ns = event.t_ns
        if isinstance(event, Chunk):
            self._chunk(event, told)
        elif isinstance(event, LineUp | LineDown):
            told += self._close(event.end)
        elif isinstance(event, Mention):
            told.append(self._mentioned(event))
        elif isinstance(event, Finish):
            told += self.finish()
        return told

    def _after_silence(self, now_ns: int) -> list[Seen | Noise]:
        told: list[Seen | Noise] = []
        holding = [lane for lane in self._lanes.values() if lane.held]
        self._holding = bool(holding)
        for lane in sorted((lane for lane in holding if _is_over(lane, now_ns)), key=lambda lane: lane.last_ns):
            for item in lane.framer.gap():
                t_ns = lane.last_ns if isinstance(item, Garbage) else lane.last_ns + GAP_NS
                told.append(self._item(lane, item, t_ns, False))
            lane.held = 0
            lane.touched = False
        return told

    def _chunk(self, chunk: Chunk, told: list[Seen | Noise]) -> None:
        lane = self._lanes.get((chunk.end, chunk.direction))
        if lane is None:
            lane = _Lane(chunk.end, chunk.direction, self._protocol.framer(chunk.direction))
            self._lanes[chunk.end, chunk.direction] = lane
        now_ns = self._now_ns
        if chunk.altered:
            lane.touched = True
        elif not lane.touched:
            # What most chunks are: one frame, and nothing beside it.
            whole = lane.framer.at_once(chunk.data, chunk.t_ns)
            if whole is not None:
                lane.last_ns = now_ns
                told.append(self._passed(lane, whole, now_ns, chunk.line))
                return
        old, size = lane.held, len(chunk.data)
        found = lane.framer.feed(chunk.data, chunk.t_ns)
        held = old + size
        lane.came_from(size, chunk.line)
        for item in found:
            size = len(item.raw)
            old -= size
            held -= size
            # Bytes that wholly came before this chunk are only now known to be no frame.
            told.append(self._item(lane, item, lane.last_ns if old >= 0 else now_ns, False))
        lane.held = held
        lane.last_ns = now_ns
        if held:
            self._holding = True
        else:
            # What is still pending may hold altered bytes; what has been given out takes the mark with it.
            lane.touched = False

    def _mentioned(self, event: Mention) -> Seen:
        self._counts[event.end] += 1
        decoded = decoded_mention(self._protocol, event)
        return Seen(event.t_ns, event.end, event.direction, self._counts[event.end], decoded, False, line=event.line)

    def finish(self) -> list[Seen | Noise]:
        """The recording is over: give out what can no longer become a frame."""
        return [item for end in End for item in self._close(end)]

    def _close(self, end: End) -> list[Seen | Noise]:
        told: list[Seen | Noise] = []
        for direction in Direction:
            lane = self._lanes.pop((end, direction), None)
            if lane is not None:
                told += [self._item(lane, item, lane.last_ns, True) for item in lane.framer.gap()]
        return told

    def _item(self, lane: _Lane, item: Frame | Garbage, t_ns: int, broken_off: bool) -> Seen | Noise:
        line = lane.line_of(len(item.raw))
        if isinstance(item, Garbage):
            return Noise(t_ns, lane.end, lane.direction, item, lane.touched, broken_off, line)
        return self._passed(lane, item, t_ns, line)

    def _passed(self, lane: _Lane, frame: Frame, t_ns: int, line: int) -> Seen:
        end, direction, touched = lane.end, lane.direction, lane.touched
        index = self._counts[end] = self._counts[end] + 1
        altered = False
        if touched:
            altered = (direction, frame.raw) not in self._sent
        elif lane.sender:
            self._sent.append((direction, frame.raw))
        return Seen(t_ns, end, direction, index, self._decode(frame), altered, touched, line)


def _is_over(lane: _Lane, now_ns: int) -> bool:
    """A frame that has begun will never be whole."""
    return bool(lane.framer.pending) and lane.last_ns + GAP_NS < now_ns
