"""A simulated pile on the loop: its line, its recording, and how soon it is answered.

Owns what is between one pile and its connection. A pile is made when it is switched on, and its visitors with it. Must
not know the other piles, nor who judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pilesim.contract.contract import Contract
from pilesim.link.base import Data, Down, LinkEvent, Up
from pilesim.link.many import DialMany
from pilesim.pile.pile import Pile
from pilesim.pile.screen import Page
from pilesim.rig.desk import ApiDesk, PlatformApi
from pilesim.rig.impairments import Drop, impairment_text
from pilesim.season.plan import PilePlan
from pilesim.site.figures import Figures
from pilesim.site.visitors import Visitors
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, Impaired, LineDown, LineUp, Reachable, Stimulus
from pilesim.wire.actions import Dial, HangUp, Send
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import Message
from pilesim.wire.protocol import Protocol

_ASKED_LIMIT = 32
"""Requests of one pile that wait for their replies; a platform that answers none must cost no memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all piles of a run share."""

    protocol: Protocol
    contract: Contract
    links: DialMany
    figures: Figures
    world_start_ns: int
    seed: int
    rate: float
    api: PlatformApi | None
    calls: ThreadPoolExecutor | None
    """Makes the calls of the platform's API."""
    see: Callable[[Header, AnyEvent], None]
    replies: Mapping[int, int]
    """What answers what, by the numbers of the messages."""


def replies_of(protocol: Protocol) -> dict[int, int]:
    """The number of the platform's reply by that of the pile's request."""
    return {
        row.number: row.reply
        for row in protocol.catalogue
        if row.direction is Direction.UP and row.reply is not None and protocol.row(row.reply, Direction.DOWN)
    }


class PileSeat:
    """The seat of the pile that `plan` tells of, number `key` of the site. Switched off until `switch_on`."""

    __slots__ = (
        "_around",
        "_asked",
        "_dialling",
        "_header",
        "_losing",
        "_number",
        "_out_until_ns",
        "_pile",
        "_plan",
        "_serial",
        "_visitors",
        "due_ns",
        "key",
        "line_up",
    )

    def __init__(self, key: int, plan: PilePlan, header: Header, around: Surroundings) -> None:
        self.key = key
        self.due_ns: int | None = None
        self.line_up = False
        self._plan: PilePlan | None = plan
        self._number = plan.number
        self._header = header
        self._around = around
        self._pile: Pile | None = None
        self._visitors: Visitors | None = None
        self._dialling = False
        self._losing: list[type[Message]] = []
        """What the line is to lose the next of."""
        self._out_until_ns = 0
        """Until then the line cannot be had; 0: it can."""
        self._asked: dict[tuple[int, int | None], int] = {}
        """When what reply, of which gun, was asked for."""
        self._serial = 0

    def switch_on(self, now_ns: int) -> None:
        """Give it power, and let people come."""
        plan, around = self._plan, self._around
        if plan is None:
            return
        self._plan = None
        self._pile = Pile(
            protocol=around.protocol,
            contract=around.contract,
            profile=plan.profile,
            number=plan.number,
            world_start_ns=around.world_start_ns,
            seed=around.seed,
        )
        self._pile.advance(now_ns)
        if plan.visits:
            desk = None
            if around.api is not None:
                desk = ApiDesk(around.api, plan.number, around.rate, around.calls)
            self._visitors = Visitors(
                plan,
                self,
                api=around.api,
                desk=desk,
                world_start_ns=around.world_start_ns,
                figures=around.figures,
            )
        around.figures.switched_on += 1

    # ------------------------------------------------------------------------------------ on the loop

    def take(self, event: LinkEvent, now_ns: int) -> None:
        pile, figures = self._pile, self._around.figures
        assert pile is not None
        match event:
            case Up(peer=peer):
                self._dialling, self.line_up = False, True
                figures.up += 1
                figures.connects += 1
                self._record(LineUp(t_ns=now_ns, end=End.PLATFORM, peer=peer))
                pile.line_up(now_ns)
            case Data(data=data) if self.line_up:
                self._heard(data, now_ns)
                self._record(Chunk(t_ns=now_ns, end=End.PLATFORM, direction=Direction.DOWN, data=data))
                pile.receive(self._less_lost(data, Direction.DOWN, now_ns), now_ns)
            case Down(reason=reason) if self.line_up:
                figures.lost += 1
                self._lose(now_ns, "platform", reason)
                pile.line_down(now_ns)
            case Down(reason=reason) if self._dialling:
                self._dialling = False
                figures.refused += 1
                figures.last_failure = f"{self._around.links.name}: {reason}"
                pile.line_down(now_ns)

    def advance(self, now_ns: int) -> None:
        assert self._pile is not None
        if self._out_until_ns and now_ns >= self._out_until_ns:
            self._out_until_ns = 0
            self._record(Reachable(t_ns=now_ns, can=True))
        self._pile.advance(now_ns)

    def settle(self, now_ns: int) -> None:
        pile = self._pile
        if pile is None:
            return
        if self._visitors is not None:
            self._visitors.step(now_ns)
        # Whoever is told that the line cannot be had may want something again.
        while actions := pile.take_actions():
            for action in actions:
                match action:
                    case Send(data=data):
                        self._send(data, now_ns)
                    case HangUp():
                        self._hang_up(now_ns)
                    case Dial() if self._out_until_ns:
                        pile.line_down(now_ns)
                    case Dial():
                        self._dialling = True
                        self._around.links.dial(self.key)

    def next_wakeup_ns(self) -> int | None:
        wanted = (
            self._pile.next_wakeup_ns() if self._pile is not None else None,
            self._visitors.next_wakeup_ns() if self._visitors is not None else None,
            self._out_until_ns or None,
        )
        return min((t for t in wanted if t is not None), default=None)

    # ---------------------------------------------------------------------------------------- the line

    def take_line(self, now_ns: int, for_ns: int) -> None:
        """The line is down, and cannot be had, for so long."""
        if self._pile is None:
            return
        if not self._out_until_ns:
            self._record(Reachable(t_ns=now_ns, can=False))
        self._out_until_ns = max(self._out_until_ns, now_ns + for_ns)
        self._around.links.cut(self.key)
        if self.line_up:
            self._around.figures.lost += 1
            self._lose(now_ns, "line", "the line was cut")
            self._pile.line_down(now_ns)
        elif self._dialling:
            self._dialling = False
            self._pile.line_down(now_ns)

    def end(self, now_ns: int) -> None:
        """The run is over: hang up, and end the recording in order."""
        if self._pile is None:
            return
        self._around.links.hang_up(self.key)
        if self.line_up:
            self._lose(now_ns, "end", "")
        self._record(Finish(t_ns=now_ns))

    def _send(self, data: bytes, now_ns: int) -> None:
        if not self.line_up:
            return
        around = self._around
        data = self._less_lost(data, Direction.UP, now_ns)
        if not data:
            return
        around.links.send(self.key, data)
        self._record(Chunk(t_ns=now_ns, end=End.PLATFORM, direction=Direction.UP, data=data))
        for frame in self._frames(data, Direction.UP, now_ns):
            around.figures.frames_up += 1
            reply = around.replies.get(frame.number)
            if reply is not None and len(self._asked) < _ASKED_LIMIT:
                self._asked.setdefault((reply, frame.gun), now_ns)

    def _less_lost(self, data: bytes, direction: Direction, now_ns: int) -> bytes:
        """What the line leaves of `data`: nearly always all."""
        if not self._losing:
            return data
        for frame in self._frames(data, direction, now_ns):
            kind = type(self._around.protocol.decode(frame).message)
            if kind in self._losing:
                self._losing.remove(kind)
                self._around.figures.visits[f"{kind.name} lost on the line"] += 1
                self._record(
                    Impaired(
                        t_ns=now_ns,
                        impairment=impairment_text(Drop(message=kind.name, direction=direction, count=1)),
                        effect="lost",
                        direction=direction,
                        data=frame.raw,
                    )
                )
                data = data.replace(frame.raw, b"", 1)
        return data

    def _heard(self, data: bytes, now_ns: int) -> None:
        figures = self._around.figures
        for frame in self._frames(data, Direction.DOWN, now_ns):
            figures.frames_down += 1
            asked_ns = self._asked.pop((frame.number, frame.gun), None)
            if asked_ns is not None:
                figures.answers.add(now_ns - asked_ns)

    def _frames(self, data: bytes, direction: Direction, now_ns: int) -> list[Frame]:
        """The frames in one piece; one that is in two pieces is not counted, which costs less than to keep them."""
        found = self._around.protocol.framer(direction).feed(data, now_ns)
        return [item for item in found if isinstance(item, Frame)]

    def _hang_up(self, now_ns: int) -> None:
        self._around.links.hang_up(self.key)
        self._dialling = False
        if self.line_up:
            self._lose(now_ns, "pile", "")

    def _lose(self, now_ns: int, by: str, reason: str) -> None:
        self.line_up = False
        self._asked.clear()
        self._around.figures.up -= 1
        self._record(LineDown(t_ns=now_ns, end=End.PLATFORM, by=by, reason=reason))

    def _record(self, event: AnyEvent) -> None:
        self._around.see(self._header, event)

    # ------------------------------------------------------------------------------------- for visitors

    def screen(self, gun: int) -> Page:
        """What the screen of `gun` says."""
        assert self._pile is not None
        return self._pile.screen(gun)

    def do(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        """Do something at the pile; ValueError where it cannot be done."""
        assert self._pile is not None
        self._pile.stimulate(now_ns, kind, gun, detail)
        self._record(Stimulus(t_ns=now_ns, began_ns=now_ns, kind=kind, gun=gun, detail=dict(detail)))

    def lose_next(self, kind: type[Message]) -> None:
        """The line is to lose the next message of this kind."""
        self._losing.append(kind)

    def new_order(self, gun: int, now_ns: int) -> str:
        """A number for an order at this pile."""
        self._serial += 1
        protocol = self._around.protocol
        number = protocol.new_order(self._number, gun, self._around.world_start_ns + now_ns, self._serial)
        return protocol.normal_order(number)
