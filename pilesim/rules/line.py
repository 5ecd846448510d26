"""The verdict on the line itself: what it did to the traffic. Shown always, never red.

Owns the sums of what impairments on record did, and of what the two ends show where they differ. Must not know any
rule.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pilesim.rules.ends import Ends, Gone
from pilesim.trace.events import AnyEvent, Impaired, LineDown, LineUp
from pilesim.units import MINUTE, S
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.protocol import Protocol

FLAP_NS = 2 * MINUTE
"""An outage up to this long is a flap: what a pile must live through without loss."""

ENDING_NS = 1 * S
"""A log often ends with the connection: a loss so shortly before its end is none."""

DEEDS_KEPT = 200
"""What the line did is told piece by piece so often; all of it is counted."""


class LineDeed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the line did to one piece of the traffic, or to itself."""

    t_ns: int
    effect: str
    """As of an impairment: lost, held ...; or `down` for an outage."""
    direction: Direction | None = None
    frames: tuple[str, ...] = ()
    """The frames in that piece, by their numbers and names."""
    lasted_ns: int = 0
    """How long they were held, or the line was gone."""


def _deed(gone: Gone) -> LineDeed:
    return LineDeed(
        t_ns=gone.t_ns,
        effect=gone.effect,
        direction=gone.direction,
        frames=(gone.title,),
        lasted_ns=gone.lasted_ns,
    )


class LineVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the line did. Pieces of traffic are counted; times in ns."""

    lost: int = 0
    held: int = 0
    held_longest_ns: int = 0
    doubled: int = 0
    reordered: int = 0
    corrupted: int = 0
    """Altered in content, cut or joined by noise."""
    outages: int = 0
    """Losses of the connection, of which `flaps` lasted at most two minutes."""
    flaps: int = 0
    outage_longest_ns: int = 0
    deeds: tuple[LineDeed, ...] = ()
    """The same frame by frame: the first of them."""


class LineWatch:
    """Feed it the events, but for bytes; `verdict` sums up."""

    def __init__(self, end: End, protocol: Protocol, ends: Ends) -> None:
        self._end = end
        self._ends = ends
        self._protocol = protocol
        self._deeds: list[LineDeed] = []
        self._counts: dict[str, int] = {}
        self._held_ns = 0
        self._down_ns: int | None = None
        self._outages: list[int] = [0, 0, 0]
        self._take: dict[type, Callable[[AnyEvent], None]] = {
            Impaired: self._impaired,
            LineDown: self._lost,
            LineUp: self._back,
        }

    def feed(self, event: AnyEvent) -> None:
        """Take one event, in order."""
        taker = self._take.get(type(event))
        if taker is not None:
            taker(event)

    def _impaired(self, event: AnyEvent) -> None:
        assert isinstance(event, Impaired)
        self._counts[event.effect] = self._counts.get(event.effect, 0) + 1
        self._held_ns = max(self._held_ns, event.held_ns)
        if event.effect != "disconnected":
            frames = self._frames(event.direction, event.data) if event.direction is not None else ()
            self._tell(
                LineDeed(
                    t_ns=event.t_ns,
                    effect=event.effect,
                    direction=event.direction,
                    frames=frames,
                    lasted_ns=event.held_ns,
                )
            )

    def compare(self) -> None:
        """What the two ends show of the line and no impairment tells."""
        for gone in self._ends.gone:
            self._counts[gone.effect] = self._counts.get(gone.effect, 0) + 1
            self._held_ns = max(self._held_ns, gone.lasted_ns)
            self._tell(_deed(gone))
        self._ends.gone.clear()

    def _frames(self, direction: Direction, data: bytes) -> tuple[str, ...]:
        framer = self._protocol.framer(direction)
        found = [*framer.feed(data, 0), *framer.gap()]
        return tuple(self._protocol.decode(item).title for item in found if isinstance(item, Frame))

    def _tell(self, deed: LineDeed) -> None:
        if len(self._deeds) < DEEDS_KEPT:
            self._deeds.append(deed)

    def _lost(self, event: AnyEvent) -> None:
        assert isinstance(event, LineDown)
        if event.end is self._end and event.by != "end" and self._down_ns is None:
            self._down_ns = event.t_ns

    def _back(self, event: AnyEvent) -> None:
        assert isinstance(event, LineUp)
        if event.end is self._end and self._down_ns is not None:
            self._count_outage(event.t_ns - self._down_ns)
            self._down_ns = None

    def _count_outage(self, lasted_ns: int) -> None:
        assert self._down_ns is not None, "an outage has begun before it is counted"
        self._tell(LineDeed(t_ns=self._down_ns, effect="down", lasted_ns=lasted_ns))
        self._outages[0] += 1
        self._outages[1] += lasted_ns <= FLAP_NS
        self._outages[2] = max(self._outages[2], lasted_ns)

    def verdict(self, now_ns: int) -> LineVerdict:
        """What the line did up to `now_ns`; an outage that lasts counts as one, the end of a log does not."""
        self.compare()
        if self._down_ns is not None and now_ns - self._down_ns >= ENDING_NS:
            self._count_outage(now_ns - self._down_ns)
        self._down_ns = None
        count = self._counts.get
        return LineVerdict(
            lost=count("lost", 0),
            held=count("held", 0) + count("slowed", 0),
            held_longest_ns=self._held_ns,
            doubled=count("doubled", 0),
            reordered=count("reordered", 0),
            corrupted=sum(count(effect, 0) for effect in ("corrupted", "cut", "merged", "noise")),
            outages=self._outages[0],
            flaps=self._outages[1],
            outage_longest_ns=self._outages[2],
            deeds=tuple(sorted(self._deeds, key=lambda deed: deed.t_ns)),
        )
