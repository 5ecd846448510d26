"""What a recording tells of each order, put together for a diagnosis: its life at either end, and its bills.

Owns the reading. Must not know any field case or fault. Times are world ns since the recording's start.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from itertools import pairwise

from pilesim.rules.facts import Facts
from pilesim.rules.judge import judge
from pilesim.rules.order import Order
from pilesim.rules.reading import Reader
from pilesim.rules.rule import Scene
from pilesim.trace.decoder import Seen
from pilesim.trace.events import AnyEvent, Header, Impaired, LineDown, Missing, Stimulus
from pilesim.units import MINUTE, S
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Authorise, Bill, BillReply, Ended, GunFault, GunReport, GunState, Message, Start, Stop

LIVES_KEPT = 512
"""Orders that are told of beside those that findings name; of a longer recording the first."""
BILLS_KEPT = 64
"""Bills of one order that are told of."""
HELD_SHOWN_NS = 1 * S
"""A start that the line held for so long is told of."""
AGAIN_NS = 5 * S
"""A bill that comes so long after its acknowledgement comes again; sooner, the two have crossed."""
ON_CABLE = (GunState.CHARGING, GunState.OCCUPIED_FULL, GunState.OCCUPIED_NOT_FULL)
SILENT_NS = MINUTE
"""Where a log of lines has none for longer, the line may have been down."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A bill that left."""

    t_ns: int
    bill: Bill
    again: bool
    """It had been acknowledged before; or was no longer sent for want of that, by a log that leaves lines out."""


@dataclass(slots=True, eq=False)
class Life:
    """One order. What is None did not happen, or is not told."""

    order: Order
    """As the platform's end of the line tells it, where that was recorded."""
    at_pile: Order | None = None
    """As the pile's end does, where both were recorded."""
    start_sent_ns: int | None = None
    held_ns: int = 0
    """How long the line held its start."""
    start_lost: bool = False
    """Its start left the platform and never reached the pile."""
    taps: int = 0
    """On the screen, while it waited or was being started."""
    ended_ns: int | None = None
    """When the pile told that it came to nothing."""
    insulation_ns: int | None = None
    """When its gun told that its insulation test had failed."""
    stop_ns: int | None = None
    start_empty_ns: int | None = None
    """When a charging heartbeat of its gun had no start time."""
    acked_ns: int | None = None
    bills: list[Sent] = field(default_factory=list)
    orderless_ns: int | None = None
    """When a bill came of its gun that named no order, and none of its own had come."""
    next_ns: int | None = None
    """When the next order was authorised on its gun."""
    next_unstarted: bool = True
    """That one never charged, nor is it told that it may have."""
    stopped_meanwhile_ns: int | None = None
    """When, with its bill due, the platform stopped another order."""
    heard_ns: int = 0
    """Of a log that leaves lines out: for how long, between its leave and its bill, lines follow one another."""
    resumed: bool = False
    """Its cable was said to be out, and then it charges or is occupied: where no line names a gun there are two."""
    lost_line: bool = False
    lost_power: bool = False
    """Line or power went after it was authorised and before its bill came."""

    @property
    def charged(self) -> bool:
        return self.order.first is not None or (self.at_pile is not None and self.at_pile.first is not None)

    @property
    def over_ns(self) -> int | None:
        return self.order.over.late_ns if self.order.over is not None else None

    @property
    def left_ns(self) -> int | None:
        """When its cable was pulled, or the next began on it."""
        return self.order.leave.late_ns if self.order.leave is not None else None


@dataclass(frozen=True, slots=True)
class Story:
    """A whole recording."""

    header: Header
    start_epoch_ns: int
    lives: tuple[Life, ...]
    excerpt: bool
    """It is of lines that tell of messages, and leaves some out."""
    timed: bool
    resent_ns: int
    """A bill without its acknowledgement comes again in so long."""


TELLING = frozenset({Stop, Ended, GunReport, Bill})
"""What tells something of a life without naming an order."""


class StoryReader(Reader):
    """Reads along with the judge; `story` is what it has read once that is done.

    Of a recording with more orders than it keeps it tells the first, and those that are `named` for certain.
    """

    def __init__(self, named: Set[str] = frozenset()) -> None:
        self.lives: dict[str, Life] = {}
        self._named = named
        self._others = 0
        """How many of the lives are of orders that no finding names."""
        self._unbilled: dict[str, Life] = {}
        """Those of the lives whose bill has not come, which are few however long the recording is."""
        self._latest: dict[int, Life] = {}
        """By gun: the order that was authorised last, and does not only wait behind a charge."""

    def begin(self, scene: Scene) -> None:
        near, far = scene.facts[End.PLATFORM], scene.facts[End.PILE]
        self.header = scene.header
        self.near = near
        """The platform's view."""
        self.both = far.end is not near.end
        self._excerpt = Missing.LINES in scene.header.missing
        self._timed = Missing.TIMES not in scene.header.missing
        self._resent_ns = scene.limit("bill.resent").value
        self._told = array("q")
        """Of a log that leaves lines out: when each of its messages was told, so far."""

    def other(self, event: AnyEvent) -> None:
        match event:
            case Stimulus(kind="tap"):
                for life in self._open(event.gun):
                    life.taps += 1
            case Stimulus(kind="power-off"):
                for life in self._unbilled.values():
                    life.lost_power = True
            case LineDown(by=by) if by != "end":
                for life in self._unbilled.values():
                    life.lost_line = True
            case Impaired(effect="held" | "slowed") if event.held_ns:
                for life in self.lives.values():
                    if life.start_sent_ns is not None and 0 <= event.t_ns - life.start_sent_ns <= event.held_ns + S:
                        life.held_ns = max(life.held_ns, event.held_ns)
            case _:
                pass

    @property
    def full(self) -> bool:
        """There may have been orders for which there was no room."""
        return self._others >= LIVES_KEPT

    def story(self) -> Story:
        """What the recording, which is over, tells of its orders."""
        charged_since = {life.order.authorised_ns for life in self.lives.values() if self._may_have_charged(life)}
        for life in self.lives.values():
            if self.both and life.start_sent_ns is not None:
                life.start_lost = life.at_pile is None or life.at_pile.start_ns is None
            life.next_unstarted = life.next_ns not in charged_since
        return Story(
            header=self.header,
            start_epoch_ns=self.near.start_epoch_ns,
            lives=tuple(self.lives.values()),
            excerpt=self._excerpt,
            timed=self._timed,
            resent_ns=self._resent_ns,
        )

    def _may_have_charged(self, life: Life) -> bool:
        """By its reports; a log that leaves those out may tell of its start, or of a bill of its own."""
        return life.charged or (self._excerpt and (life.start_sent_ns is not None or bool(life.bills)))

    def _open(self, gun: int | None) -> Iterable[Life]:
        return [life for number, life in self._latest.items() if gun in (None, number)]

    def _begun(self, order: Order) -> None:
        """The life of an order that was not seen before, where there is still room for it."""
        named = order.number in self._named
        if named or self._others < LIVES_KEPT:
            self._others += not named
            self.lives[order.number] = self._unbilled[order.number] = Life(order)

    def take(self, facts: Facts, seen: Seen, message: Message) -> None:
        if facts is self.near:
            if self._excerpt:
                self._told.append(seen.t_ns)
            if facts.at.order is not None or type(message) in TELLING:
                self._message(seen, message)
        elif self.both and facts.at.order is not None:
            self._seen_at_pile(facts.at.order)

    def _seen_at_pile(self, order: Order) -> None:
        life = self.lives.get(order.number)
        if life is not None:
            life.at_pile = order

    def _message(self, seen: Seen, message: Message) -> None:
        order = self.near.at.order
        known = order is not None and order.number in self.lives
        if order is not None and not known:
            self._begun(order)
        life = self.lives.get(order.number) if order is not None else None
        latest = self._latest.get(message.gun)
        if self._excerpt and isinstance(message, GunReport) and latest is not None and latest.left_ns is not None:
            latest.resumed = latest.resumed or message.state in ON_CABLE
        match message:
            case GunReport(fault=GunFault.INSULATION_TEST) if latest is not None and not latest.bills:
                latest.insulation_ns = latest.insulation_ns or seen.t_ns
            case GunReport(state=GunState.CHARGING):
                if life is not None:
                    self._latest[message.gun] = life
                if latest is not None and message.start is not None and message.start.is_none:
                    latest.start_empty_ns = latest.start_empty_ns or seen.t_ns
            case GunReport():
                pass
            case Authorise() if life is not None and not known:
                if latest is not None and latest.next_ns is None:
                    latest.next_ns = seen.t_ns
                self._latest[message.gun] = life
            case Start() if life is not None and life.start_sent_ns is None:
                life.start_sent_ns = seen.t_ns
                self._latest[message.gun] = life
            case Stop() if seen.direction is Direction.DOWN:
                stopped = life or latest
                if stopped is not None and stopped.stop_ns is None:
                    stopped.stop_ns = seen.t_ns
                for other in self._unbilled.values():
                    due = other.left_ns is not None and other.charged
                    if other is not stopped and due and other.stopped_meanwhile_ns is None:
                        other.stopped_meanwhile_ns = seen.t_ns
            case Ended():
                ended = life or latest
                if ended is not None and ended.ended_ns is None:
                    ended.ended_ns = seen.t_ns
            case Bill():
                self._bill(seen, message, life)
            case BillReply() if life is not None and life.bills:
                life.acked_ns = life.acked_ns or seen.t_ns
            case _:
                pass

    def _bill(self, seen: Seen, bill: Bill, life: Life | None) -> None:
        if bill.order == "":
            latest = self._latest.get(bill.gun)
            if latest is not None and not latest.bills and latest.orderless_ns is None:
                latest.orderless_ns = seen.t_ns
        elif life is not None and len(life.bills) < BILLS_KEPT:
            self._unbilled.pop(life.order.number, None)
            if self._excerpt and not life.bills and life.left_ns is not None:
                told = self._told[bisect_left(self._told, life.left_ns) :]
                life.heard_ns = sum(min(now - was, SILENT_NS) for was, now in pairwise(told))
            life.bills.append(Sent(seen.t_ns, bill, bool(life.bills) and self._settled(seen.t_ns, life)))

    def _settled(self, t_ns: int, life: Life) -> bool:
        """Whether the bill of `life`, which comes once more, was no longer due."""
        if not self._excerpt:
            return life.acked_ns is not None and t_ns - life.acked_ns > AGAIN_NS
        if not self._timed:
            return True
        # An excerpt need not tell of the acknowledgement, nor whether the line lost it. Without it the bill would have
        # come while the log went on, or soon after a silence, in which the line may have been down.
        since = bisect_left(self._told, life.bills[-1].t_ns + self._resent_ns)
        return since < len(self._told) and t_ns - self._told[since] > self._resent_ns


def story_of(header: Header, events: Iterable[AnyEvent], named: Set[str] = frozenset()) -> Story:
    """What a recording tells of its orders, where it was not read for that when it was judged."""
    telling = StoryReader(named)
    judge(header, events, readers=[telling])
    return telling.story()
