"""The events of two logs, one from each end, in the order in which they were.

Owns the putting together, with bounded memory. Must not know how a log is read, nor whose clock was ahead: all times
are of one clock by now (epoch ns).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import islice

import msgspec

from pilesim.trace.events import AnyEvent, Chunk, Finish, LineDown, LineUp, Stimulus
from pilesim.trace.importers.joined.holes import Hole, hole_at
from pilesim.units import S
from pilesim.wire.frame import Direction, End

EDGE_NS = 2 * S
"""So much before and after the time that both logs cover is kept too, and looked at around a hole of one."""
HOLE_EDGE_NS = 5 * S
"""What was sent in a hole of the other log may be in it so long after."""
SENT_KEPT = 4096
"""Pieces under way at a time that are remembered."""
LOOKED_AHEAD = 4096
"""Events of the one log that are held to find what the other has earlier."""


def together(
    streams: Iterator[tuple[int, AnyEvent]], begins_ns: int, ends_ns: int, start_ns: int
) -> Iterator[AnyEvent]:
    """The events of the time that both logs cover; it is over where both were, or where the one that broke off did."""
    finished = 0
    latest_ns = begins_ns
    for when_ns, event in streams:
        if isinstance(event, Finish):
            finished += 1
        elif when_ns > ends_ns:
            finished = len(End)
            break
        elif when_ns >= begins_ns:
            latest_ns = max(latest_ns, when_ns)
            shift: dict[str, int] = {"t_ns": latest_ns - start_ns}
            if isinstance(event, Stimulus):
                shift["began_ns"] = max(0, latest_ns - start_ns - (event.t_ns - event.began_ns))
            yield msgspec.structs.replace(event, **shift)
    if finished == len(End):
        yield Finish(t_ns=latest_ns - start_ns)


class InOrder:
    """Two streams by their times, but for bytes that one log has a little earlier than the other has them sent.

    Clocks that are read to the second, or a program that writes down late what it sends, make that look so. Where one
    log has a hole, what the other has is of both ends.
    """

    def __init__(
        self, streams: dict[End, Iterator[tuple[int, AnyEvent]]], spare_ns: int, found: dict[End, list[Hole]]
    ) -> None:
        self._streams = streams
        self._spare_ns = spare_ns
        # What was under way when it began or ended is in one of the logs alone too.
        self._holes = {
            end: [Hole(one.since_ns - EDGE_NS, one.until_ns + EDGE_NS, one.frames) for one in found[end]] for end in End
        }
        self._heads: dict[End, deque[tuple[int, AnyEvent]]] = {end: deque() for end in End}
        """Of each what has been read and not given yet."""
        self._sent: OrderedDict[tuple[Direction, bytes], int] = OrderedDict()
        """What has been sent and not seen to arrive, and how often."""

    def __iter__(self) -> Iterator[tuple[int, AnyEvent]]:
        while True:
            heads = {end: self._heads[end][0] for end in End if self._has(end)}
            if not heads:
                return
            end = min(heads, key=lambda one: (heads[one][0], _arrives(heads[one][1], one)))
            when_ns, event = heads[end]
            if isinstance(event, Chunk) and event.direction.receiver is end and not self._was_sent(event):
                for _ in range(self._until(event, end.other, when_ns + self._spare_ns)):
                    yield self._given(end.other)
            yield from self._filled(end)

    def _has(self, end: End) -> bool:
        if not self._heads[end]:
            self._heads[end].extend(islice(self._streams[end], 1))
        return bool(self._heads[end])

    def _given(self, end: End) -> tuple[int, AnyEvent]:
        when_ns, event = self._heads[end].popleft()
        if isinstance(event, Chunk):
            key = (event.direction, event.data)
            if event.direction.sender is end:
                self._sent[key] = self._sent.get(key, 0) + 1
                self._sent.move_to_end(key)
                if len(self._sent) > SENT_KEPT:
                    self._sent.popitem(last=False)
            elif self._sent.get(key, 0) > 1:
                self._sent[key] -= 1
            else:
                self._sent.pop(key, None)
        return when_ns, event

    def _was_sent(self, chunk: Chunk) -> bool:
        return (chunk.direction, chunk.data) in self._sent

    def _filled(self, end: End) -> Iterator[tuple[int, AnyEvent]]:
        """The next event of `end`, and where the other log has a hole the same at the other end."""
        when_ns, event = self._heads[end][0]
        hole = hole_at(self._holes[end.other], when_ns)
        if hole is None or not isinstance(event, Chunk | LineUp | LineDown):
            yield self._given(end)
            return
        if not isinstance(event, Chunk):
            yield self._given(end)
            yield when_ns, msgspec.structs.replace(event, end=end.other)
            return
        # It stands in no line of the log with the hole.
        same = msgspec.structs.replace(event, end=end.other, line=0)
        if event.direction.receiver is end:
            # It may have been sent before the hole.
            if not self._was_sent(event):
                yield when_ns, same
            yield self._given(end)
        else:
            # It may arrive after the hole.
            arrives = self._until(event, end.other, hole.until_ns + HOLE_EDGE_NS)
            yield self._given(end)
            if not arrives:
                yield when_ns, same

    def _until(self, chunk: Chunk, end: End, until_ns: int) -> int:
        """How many events of `end` there are up to these bytes, with them; 0 where it does not have them by then."""
        heads = self._heads[end]
        at = 0
        while at < len(heads) or len(heads) < LOOKED_AHEAD:
            if at == len(heads):
                heads.extend(islice(self._streams[end], 1))
                if at == len(heads):
                    return 0
            at_ns, event = heads[at]
            if at_ns > until_ns:
                return 0
            at += 1
            if isinstance(event, Chunk) and (event.direction, event.data) == (chunk.direction, chunk.data):
                return at
        return 0


def _arrives(event: AnyEvent, end: End) -> bool:
    """At one instant what is sent goes before what arrives."""
    return isinstance(event, Chunk) and event.direction.receiver is end
