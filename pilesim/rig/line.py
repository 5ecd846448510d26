"""The line between a pile and a platform: passes bytes both ways, impairs them, records them at both ends.

Owns the joining of two links into one line: one connection of the pile is one connection to the platform, and
hanging up is passed on after the bytes before it. With no impairment armed, bytes pass untouched and at once. Must
not know what is behind either link; it looks at messages only to find those that an impairment names.

On a serial line there is no connection to pass on: the platform's end is kept up as long as the port stands, and an
outage is a cut wire, which loses the bytes of both directions and is recorded as LineDown and LineUp at both ends. A
port that is gone, and may come back, is a line that cannot be had meanwhile.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from pilesim.chance import Chance
from pilesim.errors import UsageError
from pilesim.link.base import Data, Down, Link, LinkEvent, TurnedAway, Up
from pilesim.rig.armed import Armed, Piece, arm
from pilesim.rig.door import Door
from pilesim.rig.impairments import (
    Impairment,
    Outage,
    Refuse,
    Traffic,
    impairment_text,
    objection,
    outage_spans_ns,
)
from pilesim.rig.lane import Lane, Mark, MarkKind
from pilesim.trace.events import Chunk, Impaired, LineDown, LineUp, Note, Reachable
from pilesim.trace.recorder import Recorder
from pilesim.units import S
from pilesim.wire.frame import Direction, End
from pilesim.wire.protocol import Protocol

REDIAL_NS = S
"""A peer that the line itself dials is dialled again this long after it was lost."""
QUEUED_LIMIT_BYTES = 16 * 1024 * 1024
"""What an impairment, or a connection that is being made, may keep waiting in one direction."""


@dataclass(slots=True)
class _Side:
    """One end's link, and where its connection stands."""

    end: End
    link: Link
    sends: Direction = field(init=False)
    """The direction in which what comes from there goes."""
    up: bool = False
    peer: str = ""
    dialling: bool = False
    dial_ns: int | None = None
    """When the line dials it next."""
    lost: bool = False
    """Its port was lost, and is not back."""

    def __post_init__(self) -> None:
        self.sends = self.end.sends


class Line:
    """A participant of the pump: all that lies between `pile_link` and `platform_link`."""

    def __init__(
        self,
        pile_link: Link,
        platform_link: Link,
        recorder: Recorder,
        *,
        protocol: Protocol,
        impairments: Iterable[Impairment] = (),
        seed: int = 0,
        door: Door | None = None,
    ) -> None:
        """`impairments` are armed from the beginning. UsageError where this line cannot have one of them.

        `door` stands where piles dial in; None: whoever is at the pile's end is the pile.
        """
        self.vanished = ""
        """The port that is gone, and how, in a sentence; empty while both stand."""
        self.refused = ""
        """The end that could not be dialled the last time, and why, in a sentence; empty once one could."""
        self.met = False
        """Pile and platform have been on it at one time."""
        self._pile = _Side(End.PILE, pile_link, dial_ns=0 if pile_link.dials else None)
        self._platform = _Side(End.PLATFORM, platform_link)
        self._recorder = recorder
        self._protocol = protocol
        self._seed = seed
        self._door = door
        self._now_ns = 0
        self._wakeup_ns: int | None = 0
        """When it next has something to do by itself: as of its last turn, since nothing moves here between two."""
        self._armed: list[Armed[Traffic]] = []
        self._lanes = {direction: Lane(direction, protocol, self._armed) for direction in Direction}
        self._arming: list[Impairment | None] = []
        """What is to be armed at the next step; None heals."""
        self._armed_so_far = 0
        self._outage_turns: list[tuple[int, int, bool, Outage]] = []
        """When an outage begins (True) or ends: (time, serial, which, what), the next one first."""
        self._outage_turns_so_far = 0
        self._outages: list[Outage] = []
        """The outages in force, the first one first."""
        for spec in impairments:
            self.impair(spec)

    # ------------------------------------------------------------------------------------------ impairments

    def impair(self, spec: Impairment) -> None:
        """Arm `spec` from the present instant on; UsageError where this line cannot have it."""
        problem = objection(spec, connectionless=self._pile.link.connectionless)
        if problem:
            raise UsageError(problem)
        self._arming.append(spec)

    def heal(self) -> None:
        """End every impairment at the present instant: what is held is delivered, outages are over."""
        self._arming.append(None)

    def _arm(self) -> bool:
        if not self._arming:
            return False
        arming, self._arming = self._arming, []
        for spec in arming:
            if spec is None:
                self._heal()
                continue
            self._armed_so_far += 1
            if isinstance(spec, Traffic):
                rng = Chance(f"{self._seed}/impairment/{self._armed_so_far}")
                self._armed.append(arm(spec, rng, self._now_ns, self._protocol, self._tell, self._note))
                self._armed.sort(key=lambda armed: armed.stage)
            elif isinstance(spec, Outage):
                self._schedule(spec)
        return True

    def _schedule(self, spec: Outage) -> None:
        for span in outage_spans_ns(spec):
            for begins, after_ns in zip((True, False), span, strict=True):
                self._outage_turns_so_far += 1
                turn = (self._now_ns + after_ns, self._outage_turns_so_far, begins, spec)
                heapq.heappush(self._outage_turns, turn)

    def _heal(self) -> None:
        for lane in self._lanes.values():
            lane.hurry(self._now_ns)
        self._armed.clear()
        self._outage_turns.clear()
        while self._outages:
            self._end_outage(self._outages[-1])

    def _note(self, text: str) -> None:
        self._recorder.record(Note(t_ns=self._now_ns, text=text))

    def _tell(self, impairment: str, effect: str, piece: Piece) -> None:
        self._recorder.record(
            Impaired(
                t_ns=self._now_ns,
                impairment=impairment,
                effect=effect,
                direction=piece.direction,
                data=piece.data,
            )
        )

    # ------------------------------------------------------------------------ as a participant of the pump

    def step(self, now_ns: int) -> bool:
        self._now_ns = now_ns
        pile_link, platform_link = self._pile.link, self._platform.link
        pile_events = pile_link.events() if pile_link.has_news else []
        platform_events = platform_link.events() if platform_link.has_news else []
        if not (self._arming or self._armed) and (self._wakeup_ns is None or self._wakeup_ns > now_ns):
            if not (pile_events or platform_events):
                return False
            if len(pile_events) + len(platform_events) == 1 and self._hand_on(pile_events, platform_events):
                return True
        self._recorder.defer()
        try:
            return self._turn(now_ns, pile_events, platform_events)
        finally:
            self._wakeup_ns = self._due_ns()
            self._recorder.settle()

    def next_wakeup_ns(self) -> int | None:
        return self._wakeup_ns

    def _hand_on(self, pile_events: list[LinkEvent], platform_events: list[LinkEvent]) -> bool:
        """Whether the one event was bytes with nothing in their way, as nearly all are, and they have been passed on.

        To queue them and to look what leaves by now would come to the same.
        """
        here, there = (self._pile, self._platform) if pile_events else (self._platform, self._pile)
        (event,) = pile_events or platform_events
        direction = here.sends
        if not isinstance(event, Data) or not there.up or self._outages or self._door is not None:
            return False
        if not self._lanes[direction].passes_at_once:
            return False
        # Whoever watches the recorder decodes and writes, and a peer's bytes do not wait for that.
        there.link.send(event.data)
        self._recorder.record(
            Chunk(t_ns=self._now_ns, end=here.end, direction=direction, data=event.data),
            Chunk(t_ns=self._now_ns, end=there.end, direction=direction, data=event.data),
        )
        return True

    def _turn(self, now_ns: int, pile_events: list[LinkEvent], platform_events: list[LinkEvent]) -> bool:
        happened = self._arm()
        for side, events in ((self._pile, pile_events), (self._platform, platform_events)):
            for event in events:
                self._happen(side, event)
                happened = True
        if self._door is not None and self._pile.up:
            happened |= self._turned_out(self._door.overdue(now_ns))
        if self._outage_turns:
            happened |= self._turn_outages()
        happened |= self._dial(self._pile)
        happened |= self._dial(self._platform)
        for lane in self._lanes.values():
            happened |= lane.advance(now_ns)
        for direction, lane in self._lanes.items():
            happened |= self._deliver(direction, lane)
        if self._armed:
            self._armed[:] = [armed for armed in self._armed if not armed.over(now_ns)]
        return happened

    def _due_ns(self) -> int | None:
        soonest_ns = self._outage_turns[0][0] if self._outage_turns else None
        for direction, lane in self._lanes.items():
            due_ns = lane.next_wakeup_ns(blocked=self._blocked(direction))
            if due_ns is not None and (soonest_ns is None or due_ns < soonest_ns):
                soonest_ns = due_ns
        for side in () if self._outages else (self._pile, self._platform):
            if side.dial_ns is not None and (soonest_ns is None or side.dial_ns < soonest_ns):
                soonest_ns = side.dial_ns
        if self._door is not None and self._pile.up:
            due_ns = self._door.next_wakeup_ns()
            if due_ns is not None and (soonest_ns is None or due_ns < soonest_ns):
                soonest_ns = due_ns
        return soonest_ns

    def links(self) -> list[Link]:
        return [self._pile.link, self._platform.link]

    # ------------------------------------------------------------------------------------------- arrivals

    def _happen(self, side: _Side, event: LinkEvent) -> None:
        match event:
            case Up(peer=peer):
                self._came_up(side, peer)
            case Data(data=data):
                self._came_in(side, data)
            case Down(reason=reason, vanished=vanished):
                if vanished:
                    self.vanished = f"{side.link.name}: {reason}"
                # Who pulled the port of a serial line cannot be told.
                nobody = vanished or side.link.connectionless
                self._went_down(side, "" if nobody else str(side.end), reason)
            case TurnedAway(peer=peer):
                text = f"{side.link.name}: {peer} dialled in too and was hung up: one {side.end} at a time"
                self._recorder.record(Note(t_ns=self._now_ns, text=text))

    def _came_up(self, side: _Side, peer: str) -> None:
        side.up, side.dialling, side.dial_ns, side.peer = True, False, None, peer
        self.refused = ""
        self.met = self.met or (self._pile.up and self._platform.up)
        was_lost, side.lost = side.lost, False
        if was_lost:
            self._reachable()
        if not self._outages:
            self._recorder.record(LineUp(t_ns=self._now_ns, end=side.end, peer=peer))
        if side is self._pile:
            self._lanes[Direction.UP].mark(Mark(MarkKind.OPEN), self._now_ns)
            if self._door is not None:
                self._door.came_up(self._now_ns)

    def _came_in(self, side: _Side, data: bytes) -> None:
        direction = side.sends
        self._recorder.record(Chunk(t_ns=self._now_ns, end=side.end, direction=direction, data=data))
        if side is self._pile and self._door is not None:
            if not side.up:
                # What came in one piece with the bytes for which it was turned out.
                return
            if self._turned_out(self._door.objection(data, self._now_ns)):
                return
        lane = self._lanes[direction]
        if self._outages:
            # Only a serial line is still heard in an outage: its wire is cut further on.
            self._lose([Piece(data=data, direction=direction, came_ns=self._now_ns, due_ns=self._now_ns)])
        elif lane.queued_bytes + len(data) <= QUEUED_LIMIT_BYTES:
            lane.feed(data, self._now_ns)
        else:
            self._overflow(side, data)

    def _overflow(self, side: _Side, data: bytes) -> None:
        """More than may wait: the end that sends so much is hung up, or, on a serial line, goes unheard."""
        if not side.up:
            return
        reason = f"more than {QUEUED_LIMIT_BYTES} bytes wait to go {side.sends} the line"
        if side.link.connectionless:
            came_ns = self._now_ns
            self._tell(reason, "lost", Piece(data=data, direction=side.sends, came_ns=came_ns, due_ns=came_ns))
            return
        side.link.hang_up()
        self._went_down(side, "line", reason)

    def _turned_out(self, objection: str) -> bool:
        """Whether the peer at the pile's end has been hung up, since the door has an objection to it."""
        if not objection:
            return False
        text = f"{self._pile.link.name}: {self._pile.peer} was hung up: {objection}"
        self._recorder.record(Note(t_ns=self._now_ns, text=text))
        self._pile.link.hang_up()
        self._went_down(self._pile, "line", objection)
        return True

    def _lose(self, pieces: list[Piece]) -> None:
        """Bytes that an impairment kept until it was too late, or that came while the wire was cut."""
        for piece in pieces:
            if piece.told or self._outages:
                self._tell(piece.told[0].impairment if piece.told else impairment_text(self._outages[0]), "lost", piece)

    def _went_down(self, side: _Side, by: str, reason: str) -> None:
        was_up = side.up
        side.up = side.dialling = False
        if was_up:
            if side.link.connectionless and not side.lost:
                side.lost = True
                self._recorder.record(Reachable(t_ns=self._now_ns, can=False))
            self._recorder.record(LineDown(t_ns=self._now_ns, end=side.end, by=by, reason=reason))
        else:
            reason = f"{side.link.name} could not be had: {reason}"
            if reason != self.refused and (side is self._pile or self._pile.link.connectionless):
                # Told once, since it is dialled again every second and mostly gives the same answer. Where a pile
                # waits for the platform, it is hung up with this reason.
                self._recorder.record(Note(t_ns=self._now_ns, text=reason))
            self.refused = reason
        if side is self._pile:
            if side.link.dials:
                side.dial_ns = self._now_ns + REDIAL_NS
            if was_up:
                self._lose(self._lanes[Direction.DOWN].clear(self._now_ns))
                self._lanes[Direction.UP].mark(Mark(MarkKind.CLOSE, by, reason), self._now_ns)
            return
        up_lane = self._lanes[Direction.UP]
        self._lose(up_lane.clear(self._now_ns, until_open=True))
        if self._pile.up and not up_lane.opens():
            if self._pile.link.connectionless:
                side.dial_ns = self._now_ns + REDIAL_NS if side.link.dials else None
            else:
                self._lanes[Direction.DOWN].mark(Mark(MarkKind.CLOSE, by, reason), self._now_ns)

    # --------------------------------------------------------------------------------------------- timers

    def _turn_outages(self) -> bool:
        happened = False
        while self._outage_turns and self._outage_turns[0][0] <= self._now_ns:
            _, _, begins, spec = heapq.heappop(self._outage_turns)
            (self._begin_outage if begins else self._end_outage)(spec)
            happened = True
        return happened

    def _begin_outage(self, spec: Outage) -> None:
        self._outages.append(spec)
        text = impairment_text(spec)
        effect = "refused" if isinstance(spec, Refuse) else "disconnected"
        self._recorder.record(Impaired(t_ns=self._now_ns, impairment=text, effect=effect))
        if len(self._outages) > 1:
            return
        self._recorder.record(Reachable(t_ns=self._now_ns, can=False))
        for lane in self._lanes.values():
            self._lose(lane.clear(self._now_ns))
        self._pile.link.refuse(True)
        for side in (self._pile, self._platform):
            if side.up:
                self._recorder.record(LineDown(t_ns=self._now_ns, end=side.end, by="line", reason=text))
            if not self._pile.link.connectionless:
                side.link.hang_up()
                side.up = side.up and side.link.connectionless
                side.dialling = False

    def _end_outage(self, spec: Outage) -> None:
        self._outages.remove(spec)
        if self._outages:
            return
        self._pile.link.refuse(False)
        self._reachable()
        for side in (self._pile, self._platform):
            if side.up:
                self._recorder.record(LineUp(t_ns=self._now_ns, end=side.end, peer=side.peer))
            elif side.link.dials and not side.dialling and (side is self._pile or self._pile.up):
                side.dial_ns = self._now_ns

    def _reachable(self) -> None:
        if not self._outages and not self._pile.lost and not self._platform.lost:
            self._recorder.record(Reachable(t_ns=self._now_ns, can=True))

    def _dial(self, side: _Side) -> bool:
        if side.dial_ns is None or self._now_ns < side.dial_ns or self._outages:
            return False
        side.dial_ns = None
        side.dialling = True
        side.link.dial()
        return True

    # ------------------------------------------------------------------------------------------- delivery

    def _blocked(self, direction: Direction) -> bool:
        """Whether what is due has to wait for a connection that is being made."""
        return direction is Direction.UP and self._platform.dialling

    def _deliver(self, direction: Direction, lane: Lane) -> bool:
        happened = False
        while (item := lane.due(self._now_ns)) is not None and not self._blocked(direction):
            lane.pop()
            happened = True
            match item:
                case Piece():
                    self._send(item)
                case Mark(kind=MarkKind.OPEN):
                    if self._platform.link.dials and not self._platform.up:
                        self._platform.dial_ns = self._now_ns
                        self._dial(self._platform)
                case Mark(kind=MarkKind.CLOSE, by=by, reason=reason):
                    self._hang_up(self._pile if direction is Direction.DOWN else self._platform, by, reason)
        return happened

    def _send(self, piece: Piece) -> None:
        side = self._platform if piece.direction is Direction.UP else self._pile
        for told in piece.told:
            self._recorder.record(
                Impaired(
                    t_ns=self._now_ns,
                    impairment=told.impairment,
                    effect=told.effect if side.up else "lost",
                    direction=piece.direction,
                    data=told.data,
                    held_ns=self._now_ns - piece.came_ns,
                )
            )
        if side.up:
            self._recorder.record(
                Chunk(
                    t_ns=self._now_ns,
                    end=side.end,
                    direction=piece.direction,
                    data=piece.data,
                    altered=piece.altered,
                )
            )
            side.link.send(piece.data)

    def _hang_up(self, side: _Side, by: str, reason: str) -> None:
        """The other side's connection is over; so is this one, where there is one to end."""
        if side.link.connectionless:
            return
        side.link.hang_up()
        was_up, side.up, side.dialling, side.dial_ns = side.up, False, False, None
        if was_up:
            self._recorder.record(LineDown(t_ns=self._now_ns, end=side.end, by=by, reason=reason))
        if side is self._pile:
            self._lose(self._lanes[Direction.UP].clear(self._now_ns))
            if side.link.dials:
                side.dial_ns = self._now_ns + REDIAL_NS
