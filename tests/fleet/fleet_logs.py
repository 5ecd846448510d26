"""Logs for the tests of folders: a small season's captures, and lines on which a test says what passes when."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from pilesim.fleet.folder import judge_folder
from pilesim.fleet.result import FleetResult, OrderRow, PileRow
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineDown, LineUp, Trace, Vantage
from pilesim.trace.importers.imported import Wishes
from pilesim.units import MINUTE, YUAN_MFEN, S, parse_world_start_ns
from pilesim.wire.frame import End
from pilesim.wire.messages import (
    Authorise,
    AuthoriseReply,
    Bill,
    GunReport,
    GunState,
    Hello,
    Message,
    Stamp,
    Start,
    StartReply,
    Stop,
    Tariff,
)
from pilesim.wire.protocol import Session, protocol_named

PROTOCOL = protocol_named("lhc")
START = "2020-03-11T10:00:00+08:00"
START_NS = parse_world_start_ns(START)
PILE = "44030500040000200026"
OTHER = "44030500040000200027"
ORDER = "20200311100100000001"
ACCOUNT = "00311100100000001"
TARIFF = Tariff(energy_mfen=(YUAN_MFEN,) * 48, service_mfen=(0,) * 48)
BEAT_NS = 15 * S


def judged_in(folder: Path, jobs: int = 1) -> FleetResult:
    return judge_folder(folder, lambda path: Wishes(), jobs=jobs)


def only(result: FleetResult) -> PileRow:
    (pile,) = result.piles
    return pile


def the_order(result: FleetResult) -> OrderRow:
    (order,) = only(result).orders
    return order


def text_of(trace: Trace) -> str:
    lines = [encode_header(trace.header), *(encode_event(event) for event in trace.events)]
    return "".join(f"{line}\n" for line in lines)


def written(path: Path, trace: Trace) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(trace), encoding="utf-8")
    return path


def part(trace: Trace, since_ns: int, until_ns: int) -> Trace:
    """What a log of these times alone would hold."""
    return Trace(trace.header, tuple(event for event in trace.events if since_ns <= event.t_ns < until_ns))


def at(trace: Trace, end: End, vantage: Vantage) -> Trace:
    """What a log at one end would hold."""
    kept = tuple(event for event in trace.events if getattr(event, "end", end) is end)
    return Trace(replace(trace.header, ends=(end,), vantage=vantage), kept)


@dataclass(slots=True)
class Line:
    """One pile's line, on which a test says what passes when. Times are ns since `START`."""

    pile: str = PILE
    now_ns: int = 0
    events: list[AnyEvent] = field(default_factory=list)

    _sessions: dict[End, Session] = field(init=False)

    def __post_init__(self) -> None:
        self._sessions = {end: PROTOCOL.session(end, self.pile) for end in End}
        self.comes_up()

    def comes_up(self) -> Line:
        self.events += [LineUp(t_ns=self.now_ns, end=end) for end in End]
        return self

    def goes_down(self) -> Line:
        self.events += [LineDown(t_ns=self.now_ns, end=end) for end in End]
        return self

    def waits(self, ns: int) -> Line:
        self.now_ns += ns
        return self

    def says(self, message: Message, *, lost: bool = False) -> Line:
        """The pile says it; where it is lost it never reaches the platform."""
        return self._passes(End.PILE, message, lost)

    def told(self, message: Message) -> Line:
        return self._passes(End.PLATFORM, message, False)

    def _passes(self, sender: End, message: Message, lost: bool) -> Line:
        raw = self._sessions[sender].build(message)
        for end in (sender,) if lost else (sender, sender.other):
            self.events.append(Chunk(t_ns=self.now_ns, end=end, direction=sender.sends, data=raw))
        return self

    def beats(
        self, ns: int, state: GunState = GunState.IDLE, *, guns: tuple[int, ...] = (1, 2), order: str = ""
    ) -> Line:
        """Heartbeats of `guns` for a while; the first of them is in `state` and has the order."""
        for _ in range(ns // BEAT_NS):
            for gun in guns:
                mine = gun == 1
                self.says(
                    GunReport(
                        gun=gun,
                        state=state if mine else GunState.IDLE,
                        cable=mine and state is not GunState.IDLE,
                        order=order if mine else "",
                        energy_dwh=500 if mine and order else 0,
                    )
                )
            self.now_ns += BEAT_NS
        return self

    def authorised(self, order: str = ORDER) -> Line:
        self.told(Authorise(gun=1, account=ACCOUNT, order=order, balance_mfen=50 * YUAN_MFEN, tariff=TARIFF))
        return self.waits(S).says(AuthoriseReply(gun=1, account=ACCOUNT)).waits(S)

    def charges(self, ns: int, order: str = ORDER) -> Line:
        """Started, charging for a while, stopped."""
        self.told(Start(gun=1, account=ACCOUNT)).says(StartReply(gun=1, account=ACCOUNT)).waits(S)
        self.beats(ns, GunState.CHARGING, order=order)
        return self.told(Stop(gun=1, account=ACCOUNT)).waits(S)

    def billed(self, began_ns: int, ended_ns: int, order: str = ORDER, *, lost: bool = False) -> Line:
        def stamp(ns: int) -> Stamp:
            return Stamp(START_NS + ns)

        return self.says(
            Bill(
                gun=1,
                order=order,
                arrive=stamp(began_ns),
                start=stamp(began_ns),
                end=stamp(ended_ns),
                leave=stamp(ended_ns),
                stages_dwh=(500,),
                charge_fee_mfen=5_000,
                service_fee_mfen=0,
                occupancy_fee_mfen=0,
            ),
            lost=lost,
        )

    def trace(self) -> Trace:
        header = Header(start=START, protocol="lhc", pile=self.pile, guns=2)
        return Trace(header, (*self.events, Finish(t_ns=self.now_ns)))


def whole_order(*, bill_lost: bool = False, pile: str = PILE) -> Line:
    """An order from the scan to ten minutes after the unplug; its bill comes at 5m17s."""
    line = Line(pile).says(Hello(gun=1, firmware="V1")).waits(S).beats(MINUTE).authorised()
    began_ns = line.now_ns
    line.charges(4 * MINUTE)
    ended_ns = line.now_ns
    line.waits(5 * S).billed(began_ns, ended_ns, lost=bill_lost)
    return line.beats(40 * MINUTE)
