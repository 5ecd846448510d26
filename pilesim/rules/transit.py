"""Bytes under way between the recorder and one end of a slow wire, which is that end's doing as little as the other's.

Owns the reckoning of when what the recorder noted reached the end, and when what it noted had been handed to the wire.
Must not know what the bytes mean. On a serial line a chunk down is noted when it is written, and is whole at the pile
only after every byte before it and its own; a chunk up is noted when it has come, and was handed over before its first
byte left, perhaps long before where others were on the wire. Without a pace all times are the recorder's.
"""

from __future__ import annotations

from pilesim.trace.events import AnyEvent, Chunk, LineUp
from pilesim.units import MS
from pilesim.wire.frame import End

PAUSE_NS = 50 * MS
"""Bytes with less silence than this between them may have queued for the wire: adapters tell theirs 16 ms late."""
ANSWER_BYTES = 1024
"""An answer is no longer: the longest frame in use has some 650 bytes."""


class Transit:
    """The wire to and from `end`, by what was recorded at `recorded`; a byte takes `ns_per_byte` each way."""

    def __init__(self, end: End, recorded: End, ns_per_byte: int) -> None:
        self.ns_per_byte = ns_per_byte
        self._end = end
        self._recorded = recorded
        self._noted_ns = -1
        """When bytes for the end were last noted, and when the last of them reaches it."""
        self._arrives_ns = -1
        self._came_ns = -1
        """When bytes of the end last came, and since when the wire has been busy with those before them."""
        self._busy_since_ns = -1

    def take(self, event: AnyEvent) -> None:
        """The next event of the trace."""
        if isinstance(event, LineUp) and event.end is self._recorded:
            self._noted_ns = self._arrives_ns = self._came_ns = self._busy_since_ns = -1
        if not isinstance(event, Chunk) or event.end is not self._recorded:
            return
        takes_ns = len(event.data) * self.ns_per_byte
        if event.direction.receiver is self._end:
            self._arrives_ns = max(self._arrives_ns, event.t_ns) + takes_ns
            self._noted_ns = event.t_ns
        else:
            began_ns = event.t_ns - takes_ns
            if self._came_ns < 0 or began_ns > self._came_ns + PAUSE_NS:
                self._busy_since_ns = began_ns
            self._came_ns = event.t_ns

    def arrived_ns(self, t_ns: int) -> int:
        """When what was noted at `t_ns`, just now, is whole at the end; `t_ns` where no bytes for it were."""
        return self._arrives_ns if t_ns == self._noted_ns else t_ns

    def left_ns(self, t_ns: int) -> int:
        """The earliest that the end can have handed over what came at `t_ns`, just now; `t_ns` where nothing came."""
        return self._busy_since_ns if t_ns == self._came_ns else t_ns

    def settled_ns(self, t_ns: int) -> int:
        """From when on whatever the end had handed over by `t_ns` has come."""
        busy = self._busy_since_ns <= t_ns
        return (max(t_ns, self._came_ns) if busy else t_ns) + ANSWER_BYTES * self.ns_per_byte
