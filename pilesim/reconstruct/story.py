"""A recording read once from beginning to end: what passed at one end of the line, and each order's life in it.

Owns what a reconstruction may rest on. Must not know what is made of it. Times are world ns since the recording's
start, unless a name says epoch.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from pilesim.contract.contract import Contract
from pilesim.rules.ends import Gone
from pilesim.rules.facts import Facts
from pilesim.rules.judge import judge
from pilesim.rules.order import Order
from pilesim.rules.reading import Reader
from pilesim.rules.rule import Scene
from pilesim.rules.verdict import Finding
from pilesim.trace.decoder import Seen
from pilesim.trace.events import AnyEvent, Header, Impaired, LineDown, LineUp, Reachable, Stimulus, Trace
from pilesim.units import local_datetime
from pilesim.wire.frame import End
from pilesim.wire.messages import Message
from pilesim.wire.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Passage:
    """A message that passed the end of the line by which the story is told."""

    place: int
    """Number of the event that completed it, from 1."""
    seen: Seen
    message: Message
    order: Order | None
    """Which it is about, as far as that is known."""
    asked: bool
    """It goes down and answers a request of the pile's."""
    repeated: bool
    """The same once more."""
    answers: Seen | None
    """Of a reply: the request."""

    @property
    def t_ns(self) -> int:
        return self.seen.t_ns


@dataclass(frozen=True, slots=True)
class Story:
    """All that a reconstruction rests on."""

    header: Header
    protocol: Protocol
    contract: Contract
    end: End
    """The end by which it is told: the platform's, where that was recorded."""
    start_epoch_ns: int
    passages: tuple[Passage, ...]
    orders: tuple[Order, ...]
    """Every order that is told of, in the order in which they were first heard of."""
    stimuli: tuple[tuple[int, Stimulus], ...]
    """Each with the number of its event."""
    lines: tuple[tuple[int, LineUp | LineDown | Reachable], ...]
    """What became of the connection, as seen at that end, each with the number of its event."""
    impaired: tuple[Impaired, ...]
    gone: tuple[Gone, ...] | None
    """What the line lost, spoilt or held besides, as the two ends show it; None where they cannot be compared."""
    findings: tuple[Finding, ...]
    """What the rules find wrong with it."""
    told_offset_ns: int
    """What the platform's clock, by which piles go, was ahead of the recording's."""
    end_ns: int
    """Of the last event."""

    @property
    def acts_told(self) -> bool:
        """What was done at the pile was recorded, and need not be inferred."""
        return self.header.stimuli or bool(self.stimuli)

    def place_of(self, seen: Seen) -> int:
        """Number of the event that completed `seen`, a frame of this story."""
        at = bisect_left(self.passages, seen.index, key=lambda passage: passage.seen.index)
        return self.passages[at].place if at < len(self.passages) else 0

    def epoch_ns(self, t_ns: int) -> int:
        """The time that the platform's clock shows at `t_ns`."""
        return self.start_epoch_ns + t_ns + self.told_offset_ns

    def clock(self, t_ns: int) -> str:
        """The local time of day of `t_ns` by the recording's own clock, to the ms."""
        return local_datetime(self.start_epoch_ns + t_ns).strftime("%H:%M:%S.%f")[:-3]


class _Reader(Reader):
    """Collects what passes the end by which a story is told."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._passed = 0
        self.passages: list[Passage] = []
        self.orders: dict[str, Order] = {}

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        self.facts = scene.facts[End.PLATFORM]
        self.gone: list[Gone] = []

    def take(self, facts: Facts, seen: Seen, message: Message) -> None:
        if facts is not self.facts:
            return
        at = facts.at
        answers = at.request.seen if at.request is not None else None
        # What the end of the recording leaves over was completed by the last event.
        place = min(self._passed + 1, self._events)
        self.passages.append(Passage(place, seen, message, at.order, at.asked, at.repeated, answers))
        if at.order is not None:
            self.orders[at.order.number] = at.order

    def passed(self, event: AnyEvent) -> None:
        self._passed += 1
        self.gone += self.scene.ends.gone

    def ended(self) -> None:
        self.gone += self.scene.ends.gone


def story_of(trace: Trace) -> Story:
    """Read `trace`; UsageError where its protocol is not known."""
    header = trace.header
    reader = _Reader(len(trace.events))
    judgement = judge(header, trace.events, readers=[reader])
    facts, orders = reader.facts, reader.orders
    for order in facts.orders.values():
        orders.setdefault(order.number, order)
    return Story(
        header=header,
        protocol=reader.scene.protocol,
        contract=reader.scene.contract,
        end=facts.end,
        start_epoch_ns=facts.start_epoch_ns,
        passages=tuple(reader.passages),
        orders=tuple(orders.values()),
        stimuli=tuple((n, event) for n, event in enumerate(trace.events, 1) if isinstance(event, Stimulus)),
        lines=tuple(
            (n, event)
            for n, event in enumerate(trace.events, 1)
            if isinstance(event, Reachable) or (isinstance(event, LineUp | LineDown) and event.end is facts.end)
        ),
        impaired=tuple(event for event in trace.events if isinstance(event, Impaired)),
        gone=tuple(reader.gone) if reader.scene.ends.compared else None,
        findings=tuple(finding for result in judgement.rules for finding in result.findings),
        told_offset_ns=facts.time.offset_ns,
        end_ns=max((event.t_ns for event in trace.events), default=0),
    )
