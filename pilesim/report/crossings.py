"""Each frame of a trace on its way: where it left one end, what the line did to it, where it reached the other.

Owns how the two sights of a frame are joined, and what else a trace tells in marks. Must not judge, nor know a chart's
rows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pilesim.report.chart import Mark, MarkKind
from pilesim.scenario.steps import STEPS
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, Chunk, Finish, Impaired, LineDown, LineUp, Note, Stimulus, Trace
from pilesim.units import MS, format_duration
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Message
from pilesim.wire.protocol import FRAMES_REMEMBERED, Protocol

_STRAY = {
    (False, False): "not seen leaving",
    (False, True): "as the line made it",
    (True, False): "once more, from the line",
    (True, True): "once more, from the line",
}
"""What is said of a frame that reached an end without having left the other: (it came before, it was altered)."""


@dataclass(slots=True)
class Crossing:
    """A frame on its way, as far as it has been seen."""

    direction: Direction
    raw: bytes
    left: Seen | Noise | None
    came: Seen | Noise | None
    order: int
    """Place in the recording of its first sight; `came_order` of where it came."""
    came_order: int = 0
    effects: list[str] = field(default_factory=list)
    lost: bool = False
    answered_ns: int | None = None

    @property
    def seen(self) -> Seen | Noise:
        seen = self.left or self.came
        assert seen is not None
        return seen

    @property
    def message(self) -> Message | None:
        return self.seen.decoded.message if isinstance(self.seen, Seen) else None

    @property
    def took_ns(self) -> int | None:
        return self.came.t_ns - self.left.t_ns if self.left is not None and self.came is not None else None

    def index(self, end: End) -> int | None:
        return next((s.index for s in (self.left, self.came) if isinstance(s, Seen) and s.end is end), None)


class Tracer:
    """Follows each frame through the line. What it yields is numbered in the order of the recording."""

    def __init__(self, trace: Trace, protocol: Protocol) -> None:
        self.crossings: list[Crossing] = []
        self.marks: list[tuple[int, Mark]] = []
        self.count = 0
        self._down_ns: int | None = None
        self._decoder = Decoder(protocol)
        ends = trace.header.ends
        self._both = len(ends) == len(End)
        self._near = End.PILE if End.PILE in ends else End.PLATFORM
        self._under_way: dict[Direction, list[Crossing]] = {way: [] for way in Direction}
        self._arrived: deque[tuple[Direction, bytes]] = deque(maxlen=FRAMES_REMEMBERED)

    def take(self, event: AnyEvent) -> None:
        for item in self._decoder.feed(event):
            self._item(item)
        match event:
            case Chunk():
                pass
            case LineUp(end=self._near):
                lasted = "" if self._down_ns is None else f" again after {format_duration(event.t_ns - self._down_ns)}"
                self._down_ns = None
                self._mark(event, MarkKind.LINE, None, f"the line is up{lasted}", up=True)
            case LineDown(end=self._near):
                self._down_ns = event.t_ns
                by = f", by the {event.by}" if event.by else ""
                why = f": {event.reason}" if event.reason else ""
                self._mark(event, MarkKind.LINE, None, f"the line is down{by}{why}", up=False)
            case Stimulus(kind=kind, gun=gun):
                took_ns = event.t_ns - event.began_ns
                since = f", within {format_duration(took_ns)}" if took_ns else ""
                self._mark(event, MarkKind.STIMULUS, End.PILE, f"{kind}{'' if gun is None else f' gun {gun}'}{since}")
            case Impaired(effect="disconnected"):
                pass  # the line that goes down is told for itself, with the impairment that did it
            case Impaired():
                self._impaired(event)
            case Note(line=0):
                self._mark(event, MarkKind.NOTE, None, event.text)
            case Note():
                step = STEPS.get(event.text.partition(":")[0])
                kind = MarkKind.NOTE if event.timed_out else MarkKind.STEP
                self._mark(event, kind, step.by if step else None, event.text, event.line)
            case Finish(reason=reason) if reason:
                self._mark(event, MarkKind.NOTE, None, f"the recording ended: {reason}")
            case _:
                pass

    def finish(self) -> None:
        for item in self._decoder.finish():
            self._item(item)

    def _mark(
        self, event: AnyEvent, kind: MarkKind, side: End | None, text: str, line: int = 0, up: bool | None = None
    ) -> None:
        mark = Mark(t_ns=event.t_ns, kind=kind, side=side, text=text, line=line, up=up)
        self.marks.append((self._next(), mark))

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _item(self, item: Seen | Noise) -> None:
        raw = item.decoded.frame.raw if isinstance(item, Seen) else item.garbage.raw
        waiting = self._under_way[item.direction]
        if item.end is item.direction.sender:
            crossing = Crossing(item.direction, raw, item, None, self._next())
            self.crossings.append(crossing)
            if self._both:
                waiting.append(crossing)
            return
        found = next((crossing for crossing in waiting if crossing.raw == raw), None)
        if found is not None:
            found.came, found.came_order = item, self._next()
            waiting.remove(found)
            del waiting[:-FRAMES_REMEMBERED]
            self._arrived.append((item.direction, raw))
            return
        crossing = Crossing(item.direction, raw, None, item, self._next())
        if self._both:
            again = (item.direction, raw) in self._arrived
            crossing.effects.append(_STRAY[again, item.altered])
        self.crossings.append(crossing)

    def _impaired(self, event: Impaired) -> None:
        """Mark what it was done to; the line itself where that is not to be found among the frames."""
        for_ns = event.held_ns // MS * MS
        words = f"{event.effect}{f' {format_duration(for_ns)}' if for_ns else ''}: {event.impairment}"
        touched = [
            crossing
            for way in Direction
            if event.direction in (None, way)
            for crossing in self._under_way[way]
            if event.data and (crossing.raw in event.data or event.data in crossing.raw)
        ]
        for crossing in touched:
            crossing.effects.append(words)
            if event.effect == "lost":
                crossing.lost = True
                self._under_way[crossing.direction].remove(crossing)
        if not touched:
            size = f" ({len(event.data)} bytes)" if event.data else ""
            self._mark(event, MarkKind.LINE, None, f"{words}{size}")
