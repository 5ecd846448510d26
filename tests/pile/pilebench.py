"""A bench for one simulated pile: a tiny platform that decodes its bytes and answers, in virtual time.

The platform here is the tests' own and knows only messages; nothing of pilesim.platform is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from pilesim.contract.contracts import contract_of
from pilesim.pile.pile import Pile
from pilesim.pile.profiles import Profile, load_profile
from pilesim.pile.store import Store
from pilesim.units import MINUTE, MS, YUAN_MFEN, S, parse_world_start_ns
from pilesim.wire.actions import Dial, HangUp, Send
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import (
    Alive,
    AliveReply,
    Authorise,
    Band,
    Bill,
    BillReply,
    Ended,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    HelloReply,
    Message,
    Rate,
    Stamp,
    Start,
    Stop,
    Tariff,
    TariffAsk,
    TariffTell,
    TimeAsk,
    TimeTell,
    TimeTold,
)
from pilesim.wire.protocol import protocol_named

NUMBER = "44030500040000200031"
ACCOUNT = "13800000000000001"
START = "2020-03-03T10:10:00+08:00"
FIXTURES = Path(__file__).parents[2] / "firmware_fixtures"
LATENCY_NS = 20 * MS
CONNECT_NS = 50 * MS

REFERENCE = Profile(name="reference")
TARIFF = Tariff(
    energy_mfen=tuple(60_000 + 100 * half for half in range(48)),
    service_mfen=tuple(40_000 + 50 * half for half in range(48)),
    occupancy=(Band(0, 1440, 80_000),),
    free_minutes=15,
)

RATED = structs.replace(
    TARIFF,
    energy_mfen=(100_000,) * 24 + (60_000,) * 24,
    service_mfen=(40_000,) * 48,
    rates=(Rate(100_000, 40_000), Rate(60_000, 40_000)),
    rate_of=(0,) * 24 + (1,) * 24,
)
"""For protocols that bill by rate: dear until noon."""
MODEL = "0007"

M = TypeVar("M", bound=Message)


def fixture(name: str) -> Profile:
    """The profile of that name."""
    path = FIXTURES / f"{name}.yaml"
    return load_profile(path.read_text(encoding="utf-8"), str(path))


@dataclass(frozen=True)
class Heard:
    """A message from the pile, and when."""

    t_ns: int
    message: Message
    frame: Frame


@dataclass
class Bench:
    """One pile on a line that comes up when it dials. `run` lets time pass."""

    profile: Profile = REFERENCE
    guns: int = 1
    start: str = START
    seed: int = 1
    clock_error_ns: int | None = 0
    store: Store = field(default_factory=Store)
    reachable: bool = True
    """Whether dialling succeeds."""
    acknowledges: bool = True
    """Whether bills are acknowledged."""
    tells_time: bool = True
    protocol_name: str = "lhc"
    lets_in: bool = True
    """Whether a Hello is accepted."""
    hears_alive: bool = True
    """Whether a gun that says it is there is answered."""

    def __post_init__(self) -> None:
        self.protocol = protocol_named(self.protocol_name)
        self.number = NUMBER[: self.protocol.pile_digits]
        self.start_ns = parse_world_start_ns(self.start)
        self.now_ns = 0
        self.up = False
        self.dials = 0
        self.hang_ups = 0
        self.heard: list[Heard] = []
        self.sent: list[bytes] = []
        self.garbage: list[bytes] = []
        self.commands: list[int] = []
        """Sequence numbers of the commands told."""
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self._session = self.protocol.session(End.PLATFORM, self.number)
        self._framer = self.protocol.framer(Direction.UP)
        self.pile = self.new_pile()
        self._carry()

    def new_pile(self) -> Pile:
        return Pile(
            protocol=self.protocol,
            contract=contract_of(self.protocol_name),
            profile=self.profile,
            number=self.number,
            guns=self.guns,
            world_start_ns=self.start_ns,
            seed=self.seed,
            clock_error_ns=self.clock_error_ns,
            store=self.store,
        )

    # --- time and line

    def run(self, for_ns: int) -> None:
        """Let time pass; arrivals come before the pile's timers."""
        end_ns = self.now_ns + for_ns
        while True:
            wakeups = [t for t in (self.pile.next_wakeup_ns(), *(due[0] for due in self._due)) if t is not None]
            if not wakeups or min(wakeups) > end_ns:
                break
            self.now_ns = max(self.now_ns, min(wakeups))
            while self._due and min(self._due)[0] <= self.now_ns:
                due = min(self._due)
                self._due.remove(due)
                due[2]()
                self._carry()
            self.pile.advance(self.now_ns)
            self._carry()
        self.now_ns = end_ns
        self.pile.advance(end_ns)
        self._carry()

    def until(self, holds: Callable[[], bool], within_ns: int = 3 * 60 * MINUTE) -> None:
        """Let time pass, by seconds, until something holds."""
        deadline_ns = self.now_ns + within_ns
        while not holds():
            assert self.now_ns < deadline_ns, "it never came"
            self.run(S)

    def at(self, after_ns: int, do: Callable[[], None]) -> None:
        self._serial += 1
        self._due.append((self.now_ns + after_ns, self._serial, do))

    def _carry(self) -> None:
        for action in self.pile.take_actions():
            if isinstance(action, Dial):
                self.dials += 1
                self.at(CONNECT_NS, self.connect if self.reachable else self._refuse)
            elif isinstance(action, HangUp):
                self.hang_ups += 1
                self.up = False
            elif isinstance(action, Send):
                self.sent.append(action.data)
                if self.up:
                    self._take(action.data)

    def _refuse(self) -> None:
        self.pile.line_down(self.now_ns)

    def connect(self) -> None:
        self.up = True
        self._framer = self.protocol.framer(Direction.UP)
        self.pile.line_up(self.now_ns)
        self._carry()

    def disconnect(self, for_ns: int | None = None) -> None:
        """Cut the line; for `for_ns` it cannot be had again."""
        self.up = False
        self.reachable = False
        self.pile.line_down(self.now_ns)
        self._carry()
        if for_ns is not None:
            self.at(for_ns, self.restore)

    def restore(self) -> None:
        self.reachable = True

    def push(self, data: bytes) -> None:
        """Bytes to the pile, now."""
        if self.up:
            self.pile.receive(data, self.now_ns)
            self._carry()

    # --- the platform

    def _take(self, data: bytes) -> None:
        for item in self._framer.feed(data, self.now_ns):
            if not isinstance(item, Frame):
                self.garbage.append(item.raw)
                continue
            decoded = self.protocol.decode(item)
            assert decoded.message is not None, decoded
            self.heard.append(Heard(self.now_ns, decoded.message, item))
            reply = self._reply(decoded.message)
            if reply is not None:
                frame = self._session.build(reply, item)
                self.at(LATENCY_NS, partial(self.push, frame))

    def _reply(self, message: Message) -> Message | None:
        if isinstance(message, Hello):
            if self.lets_in and self.tells_time and self.protocol.carries(TimeTold):
                self.at(2 * LATENCY_NS, self._tell_time)
            return HelloReply(accepted=self.lets_in)
        if isinstance(message, Alive):
            return AliveReply(gun=message.gun) if self.hears_alive else None
        if isinstance(message, TariffAsk):
            if message.model is None:
                return TariffTell(model=MODEL, tariff=RATED)
            return TariffTell(model=MODEL, same=message.model == MODEL)
        if isinstance(message, TimeAsk) and self.tells_time:
            return TimeTell(pile_time=message.pile_time, platform_time=Stamp(self.start_ns + self.now_ns))
        if isinstance(message, GunReport) and self.protocol.carries(GunReportReply):
            return GunReportReply(gun=message.gun, change=message.change)
        if isinstance(message, Bill) and self.acknowledges:
            return BillReply(gun=message.gun, order=message.order)
        return None

    def _tell_time(self) -> None:
        self.push(self._session.build(TimeTell(platform_time=Stamp(self.start_ns + self.now_ns))))

    def tell(self, message: Message) -> None:
        """A command from the platform, and its outcome within two seconds."""
        frame = self._session.build(message)
        (sent,) = self.protocol.framer(Direction.DOWN).feed(frame, self.now_ns)
        assert isinstance(sent, Frame)
        self.commands.append(sent.sequence)
        self.at(LATENCY_NS, partial(self.push, frame))
        self.run(2 * S)

    def authorise(
        self, order: str, *, gun: int = 1, balance: int = 50, account: str = ACCOUNT, tariff: Tariff = TARIFF
    ) -> None:
        self.tell(Authorise(gun=gun, account=account, order=order, balance_mfen=balance * YUAN_MFEN, tariff=tariff))

    def command_start(self, *, gun: int = 1, account: str = ACCOUNT) -> None:
        self.tell(Start(gun=gun, account=account))

    def command_stop(self, *, gun: int = 1, account: str = ACCOUNT, accepted: bool = True) -> None:
        self.tell(Stop(gun=gun, account=account, accepted=accepted))

    # --- the world at the pile

    def do(self, kind: str, gun: int | None = 1, **detail: Any) -> None:
        self.pile.stimulate(self.now_ns, kind, gun, detail)
        self._carry()

    def charge(self, order: str, *, gun: int = 1, balance: int = 50, **car: Any) -> None:
        """Connect, plug, authorise, start, and be charging."""
        self.run(S)
        self.do("plug", gun, car=car)
        self.authorise(order, gun=gun, balance=balance)
        self.command_start(gun=gun)
        self.until(lambda: self.state(gun) is GunState.CHARGING, MINUTE)

    # --- what was heard

    def all(self, kind: type[M], gun: int = 1) -> list[M]:
        return [h.message for h in self.heard if isinstance(h.message, kind) and h.message.gun == gun]

    def times(self, kind: type[Message], gun: int = 1) -> list[int]:
        return [h.t_ns for h in self.heard if isinstance(h.message, kind) and h.message.gun == gun]

    def beats(self, gun: int = 1) -> list[tuple[int, GunReport]]:
        """Heartbeats and their times."""
        return [
            (h.t_ns, h.message)
            for h in self.heard
            if isinstance(h.message, GunReport) and not h.message.change and h.message.gun == gun
        ]

    def state(self, gun: int = 1) -> GunState | None:
        beats = self.beats(gun)
        return beats[-1][1].state if beats else None

    def bills(self, gun: int = 1) -> list[Bill]:
        return self.all(Bill, gun)

    def endings(self, gun: int = 1) -> list[Ended]:
        return self.all(Ended, gun)

    def names(self, since: int = 0) -> Sequence[str]:
        return [h.message.name for h in self.heard[since:]]
