"""What left one end of the line and did not reach the other, where both were recorded.

Owns the comparison of the two ends, frame by frame. What an impairment on record did is not told again. Must not know
any rule. Bounded: what has not arrived is remembered for a while, and for so many frames.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pilesim.trace.decoder import Noise, Seen
from pilesim.trace.events import AnyEvent, Chunk, Header, Impaired, LineDown, LineUp, Missing
from pilesim.units import MINUTE, S
from pilesim.wire.frame import Direction
from pilesim.wire.messages import Message

UNDER_WAY_KEPT = 1024
"""Frames of one direction that may be under way at a time."""
LOST_NS = 10 * MINUTE
"""What has not arrived by then, or before what was sent after it and in so long, never will."""
HELD_NS = 1 * S
"""What was under way for so long was held up, where one clock tells; else for so much longer as two may differ."""
SPOILT_NS = 5 * S
"""Bytes that are no whole frame, so soon after a frame that did not arrive, are what became of it."""
ENDING_NS = 5 * S
"""What was sent so shortly before the recording ended may have arrived after it."""
LOST_KEPT = 3
"""Frames of one kind that are told where a rule has nothing to judge for want of them."""
TOLD_KEPT = 64
"""Impairments that are remembered for the frames they were done to."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A frame that the line lost (or spoilt), or held up."""

    t_ns: int
    effect: str
    """lost, corrupted or held, as of an impairment."""
    direction: Direction
    title: str
    kind: type[Message] | None
    gun: int | None
    lasted_ns: int = 0


@dataclass(slots=True, eq=False)
class _Sent:
    t_ns: int
    raw: bytes
    title: str
    kind: type[Message] | None
    gun: int | None

    def gone(self, effect: str, direction: Direction, lasted_ns: int = 0) -> Gone:
        return Gone(self.t_ns, effect, direction, self.title, self.kind, self.gun, lasted_ns)


@dataclass(slots=True, eq=False)
class _Way:
    """One direction."""

    under_way: deque[_Sent]
    told: deque[bytes]
    """What impairments on record were done to."""
    spoilt_ns: int = -1
    """When bytes that are no whole frame last arrived."""


class Ends:
    """Feed it the events and what they hold, in order; of a recording at one end it says nothing."""

    def __init__(self, header: Header) -> None:
        self.compared = len(set(header.ends)) > 1 and not header.between
        self.held_ns = HELD_NS + header.apart_ns + header.resolution_ns
        self.gone: list[Gone] = []
        """What was found since somebody last took it from here."""
        self.lost: dict[type[Message], list[Gone]] = {}
        """What never arrived, by an impairment on record or without one, by its meaning: the first of each kind."""
        self.cut_ns: deque[int] = deque(maxlen=TOLD_KEPT)
        """The latest losses of the connection that neither end asked for, and that took frames with them."""
        self._untold = [
            way for way, lack in ((Direction.UP, Missing.UP), (Direction.DOWN, Missing.DOWN)) if lack in header.missing
        ]
        """What one of two logs does not have at all may have passed all the same."""
        self._ways = {way: _Way(deque(), deque(maxlen=TOLD_KEPT)) for way in Direction}
        self._down_ns: int | None = None
        self._impaired = False
        """The line is down by an impairment on record, or by an end."""

    def feed(self, event: AnyEvent) -> None:
        """What became of the line."""
        if isinstance(event, Chunk) or not self.compared:
            return
        if isinstance(event, Impaired):
            self._impairment(event)
        elif isinstance(event, LineDown):
            self._impaired = self._impaired or event.by != ""
            self._down_ns = event.t_ns if self._down_ns is None else self._down_ns
        elif isinstance(event, LineUp) and self._down_ns is not None:
            self._cut(self._down_ns)
            self._down_ns = None
            self._impaired = False

    def see(self, item: Seen | Noise) -> None:
        """A frame, or bytes that are none, passed an end; only where the ends are `compared`."""
        way = self._ways[item.direction]
        if item.direction in self._untold:
            return
        if isinstance(item, Noise):
            if item.end is item.direction.receiver:
                way.spoilt_ns = item.t_ns
            return
        raw = item.decoded.frame.raw
        if item.end is item.direction.sender:
            message = item.decoded.message
            kind = type(message) if message is not None else None
            frame = item.decoded.frame
            way.under_way.append(_Sent(item.t_ns, raw, item.decoded.title, kind, frame.gun))
            if len(way.under_way) > UNDER_WAY_KEPT or item.t_ns - way.under_way[0].t_ns > LOST_NS:
                self._lost(item.direction, way.under_way.popleft())
            return
        if not item.decoded.frame.sound:
            way.spoilt_ns = item.t_ns
        for sent in way.under_way:
            if sent.raw == raw:
                way.under_way.remove(sent)
                late_ns = item.t_ns - sent.t_ns
                if late_ns >= self.held_ns and not self._is_told(way, raw):
                    self.gone.append(sent.gone("held", item.direction, late_ns))
                return

    def took(self, since_ns: int) -> int:
        """Of the losses of the line from `since_ns` on that neither end asked for: how many took frames with them that
        had been sent, and have not arrived."""
        taken = sum(cut_ns >= since_ns for cut_ns in self.cut_ns)
        lasting = self._down_ns is not None and self._down_ns >= since_ns and not self._impaired
        return taken + (lasting and any(way.under_way for way in self._ways.values()))

    def finish(self, now_ns: int) -> None:
        """The recording is over."""
        if self._down_ns is not None:
            self._cut(self._down_ns)
        for direction, way in self._ways.items():
            for sent in way.under_way:
                if now_ns - sent.t_ns > ENDING_NS:
                    self._lost(direction, sent)
            way.under_way.clear()

    def _impairment(self, event: Impaired) -> None:
        if event.effect in ("disconnected", "refused"):
            self._impaired = True
        elif event.direction is not None and event.data and event.effect != "noise":
            way = self._ways[event.direction]
            way.told.append(event.data)
            if event.effect not in ("held", "slowed", "doubled", "reordered"):
                for sent in [sent for sent in way.under_way if _overlap(sent.raw, event.data)]:
                    way.under_way.remove(sent)
                    if event.effect == "lost":
                        self._remember(sent.gone("lost", event.direction))

    def _cut(self, down_ns: int) -> None:
        """The connection is over: what was under way on it is lost, by the line unless an end hung up on it."""
        taken = False
        for direction, way in self._ways.items():
            for sent in way.under_way:
                taken = (not self._impaired and self._lost(direction, sent)) or taken
            way.under_way.clear()
        if taken:
            self.cut_ns.append(down_ns)

    def _lost(self, direction: Direction, sent: _Sent) -> bool:
        way = self._ways[direction]
        if self._is_told(way, sent.raw):
            return False
        effect = "corrupted" if sent.t_ns <= way.spoilt_ns <= sent.t_ns + SPOILT_NS else "lost"
        gone = sent.gone(effect, direction)
        self.gone.append(gone)
        self._remember(gone)
        return True

    def _remember(self, gone: Gone) -> None:
        if gone.kind is not None:
            kept = self.lost.setdefault(gone.kind, [])
            if len(kept) < LOST_KEPT:
                kept.append(gone)

    @staticmethod
    def _is_told(way: _Way, raw: bytes) -> bool:
        return any(_overlap(raw, told) for told in way.told)


def _overlap(raw: bytes, piece: bytes) -> bool:
    """Whether a piece of the traffic is of this frame, or holds it: an impairment may have cut or joined them."""
    return piece in raw or raw in piece
