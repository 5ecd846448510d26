"""Two toy ends and a bench for them: sans-IO cores with the least that a rig can be tried with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from pilesim.link.base import Link
from pilesim.link.virtual import virtual_pair
from pilesim.rig.clock import Clock, VirtualClock
from pilesim.rig.driver import Driver
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.line import Line
from pilesim.rig.pump import Pump
from pilesim.trace.events import AnyEvent, Chunk, Header, Impaired
from pilesim.trace.recorder import Recorder
from pilesim.units import S
from pilesim.wire.actions import Action, Dial, HangUp, Send
from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunReportReply, GunState, Message, Start
from pilesim.wire.protocol import Protocol, protocol_named

PILE = "44030500040000200026"
LHC: Protocol = protocol_named("lhc")


@dataclass
class Toy:
    """An end of the line that does what a plan says, and keeps what it got.

    `plan` gives, by time, what to do: bytes to send, or an action. `answers` turns bytes got into bytes to send.
    """

    plan: dict[int, list[bytes | Action]] = field(default_factory=dict)
    dials: bool = False
    redial_ns: int | None = None
    answers: Callable[[bytes], bytes] = lambda data: b""
    got: list[tuple[int, bytes]] = field(default_factory=list)
    said: list[tuple[int, str]] = field(default_factory=list)
    _actions: list[Action] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.dials:
            self.plan.setdefault(0, []).insert(0, Dial())

    def line_up(self, now_ns: int) -> None:
        self.said.append((now_ns, "up"))

    def line_down(self, now_ns: int) -> None:
        self.said.append((now_ns, "down"))
        if self.redial_ns is not None:
            self.plan.setdefault(now_ns + self.redial_ns, []).append(Dial())

    def receive(self, data: bytes, now_ns: int) -> None:
        self.got.append((now_ns, data))
        answer = self.answers(data)
        if answer:
            self._actions.append(Send(answer))

    def advance(self, to_ns: int) -> None:
        for t_ns in sorted(t for t in self.plan if t <= to_ns):
            for act in self.plan.pop(t_ns):
                self._actions.append(Send(act) if isinstance(act, bytes) else act)

    def next_wakeup_ns(self) -> int | None:
        return min(self.plan, default=None)

    def take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    @property
    def heard(self) -> bytes:
        return b"".join(data for _, data in self.got)


class Planned:
    """A participant that does things to the line at given times, as a player of scenarios does."""

    def __init__(self, plan: dict[int, Callable[[], None]]) -> None:
        self._plan = plan

    def step(self, now_ns: int) -> bool:
        due = sorted(t for t in self._plan if t <= now_ns)
        for t_ns in due:
            self._plan.pop(t_ns)()
        return bool(due)

    def next_wakeup_ns(self) -> int | None:
        return min(self._plan, default=None)

    def links(self) -> list[Link]:
        return []


@dataclass
class Bench:
    pile: Toy
    platform: Toy
    line: Line
    recorder: Recorder
    pump: Pump
    links: list[Link]

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        return self.pump.run_until(until, int(seconds * S))

    def close(self) -> None:
        for link in self.links:
            link.close()

    def impaired(self) -> list[tuple[float, str]]:
        """(seconds, effect) of what the line did."""
        return [(e.t_ns / S, e.effect) for e in self.recorder.events if isinstance(e, Impaired)]

    def chunks(self, end: End) -> list[tuple[float, str, bytes, bool]]:
        return [
            (e.t_ns / S, str(e.direction), e.data, e.altered)
            for e in self.recorder.events
            if isinstance(e, Chunk) and e.end is end
        ]

    def events(self, *kinds: type) -> list[AnyEvent]:
        return [e for e in self.recorder.events if isinstance(e, kinds)]


def header() -> Header:
    return Header(start="2020-03-03T12:36:40+08:00", protocol="lhc", pile=PILE, guns=1)


def bench(
    *,
    up: dict[float, list[bytes | Action]] | None = None,
    down: dict[float, list[bytes | Action]] | None = None,
    impair: dict[float, str] | None = None,
    heal_s: float | None = None,
    seed: int = 1,
    redial_s: float | None = 1,
    clock: Clock | None = None,
    own_pair: tuple[Link, Link] | None = None,
    recorder: Recorder | None = None,
    answers: Callable[[bytes], bytes] = lambda data: b"",
) -> Bench:
    """Toys at both ends. `up` and `down` say what pile and platform send, by seconds; `impair` what is armed when."""
    pile = Toy(_nanoseconds(up), dials=True, redial_ns=None if redial_s is None else int(redial_s * S))
    platform = Toy(_nanoseconds(down), answers=answers)
    recorder = recorder or Recorder(header())
    pile_own, pile_far = own_pair or virtual_pair("pile")
    desk_far, desk_own = virtual_pair("platform")
    links = [pile_far, pile_own, desk_far, desk_own]
    for link in links:
        link.open()
    line = Line(pile_far, desk_far, recorder, protocol=LHC, seed=seed)
    plan: dict[int, Callable[[], None]] = {
        int(t * S): partial(line.impair, parse_impairment(text)) for t, text in (impair or {}).items()
    }
    if heal_s is not None:
        plan[int(heal_s * S)] = line.heal
    pump = Pump(clock or VirtualClock(), [Driver(pile, pile_own), line, Driver(platform, desk_own)])
    pump.add(Planned(plan))
    return Bench(pile, platform, line, recorder, pump, links)


def _nanoseconds(plan: dict[float, list[bytes | Action]] | None) -> dict[int, list[bytes | Action]]:
    return {int(t * S): list(acts) for t, acts in (plan or {}).items()}


def up_frame(message: Message) -> bytes:
    return LHC.session(End.PILE, PILE).build(message)


def down_frame(message: Message) -> bytes:
    return LHC.session(End.PLATFORM, PILE).build(message)


BEAT = up_frame(GunReport(gun=1, state=GunState.IDLE, cable=False))
BEAT_2 = up_frame(GunReport(gun=2, state=GunState.IDLE, cable=False))
BEAT_REPLY = down_frame(GunReportReply(gun=1))
START = down_frame(Start(gun=1, account="13800000000000000"))
HANG_UP = HangUp()
DIAL = Dial()
