"""A tiny world to make traces in: two sessions, a clock, and the life of one charge step by step.

The charge is at 36 kW (0.15 kWh per heartbeat of 15 s), energy at 1.00 and service at 0.50 yuan per kWh,
occupancy at 0.80 yuan per minute after 15 free ones, so that every sum can be done in the head.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from msgspec import structs

from pilesim.rules.judge import Judgement, judge
from pilesim.trace.events import (
    AnyEvent,
    Chunk,
    Finish,
    Header,
    Impaired,
    LineDown,
    LineUp,
    Note,
    Reachable,
    Stimulus,
)
from pilesim.units import MINUTE, S, parse_world_start_ns
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import (
    NO_TIME,
    Authorise,
    AuthoriseReply,
    Band,
    Bill,
    BillReply,
    Ended,
    EndReason,
    GunFault,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    HelloReply,
    Message,
    Parking,
    Stamp,
    Start,
    StartReply,
    Stop,
    StopReason,
    StopReply,
    Tariff,
    TimeAsk,
    TimeTell,
)
from pilesim.wire.protocol import protocol_named

PILE = "44030500040000200026"
ACCOUNT = "13800000000000001"
START = "2020-03-11T10:00:00+08:00"
TARIFF = Tariff((100_000,) * 48, (50_000,) * 48, (Band(0, 1440, 80_000),), 15)
BEAT_DWH = 1_500
METER_DWH = 1_000_000
A = "20200311100000000001"
B = "20200311100000000002"


@dataclass(slots=True)
class Charge:
    """What a good pile remembers of the charge that it is to bill."""

    order: str
    arrive: Stamp = NO_TIME
    start: Stamp = NO_TIME
    end: Stamp = NO_TIME
    leave: Stamp = NO_TIME
    energy_dwh: int = 0
    reason: StopReason = StopReason.PLATFORM


class World:
    """A trace in the making; times are seconds of the world since its start."""

    def __init__(
        self,
        *,
        start: str = START,
        guns: int = 1,
        ends: tuple[End, ...] = (End.PILE, End.PLATFORM),
        stimuli: bool = True,
        scenario: str = "made/by-hand",
        protocol: str = "lhc",
        connectionless: bool = False,
        connect: bool = True,
    ) -> None:
        self.protocol = protocol_named(protocol)
        pile = PILE[: self.protocol.pile_digits]
        self.header = Header(
            start=start,
            protocol=protocol,
            pile=pile,
            guns=guns,
            ends=ends,
            stimuli=stimuli,
            scenario=scenario,
            connectionless=connectionless,
        )
        self.sessions = {end: self.protocol.session(end, pile) for end in End}
        self.start_ns = parse_world_start_ns(start)
        self.t_ns = 0
        self.events: list[AnyEvent] = []
        self.cable = False
        self.meter_dwh = METER_DWH
        self.charge = Charge("")
        self.fault = GunFault.NONE
        self.beat_ns = 0
        if connect:
            self.connect()

    # Time ---------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> Self:
        self.t_ns += round(seconds * S)
        return self

    def now(self, off_s: float = 0) -> Stamp:
        """The pile's clock: right, to the millisecond, plus `off_s`."""
        epoch = self.start_ns + self.t_ns + round(off_s * S)
        return Stamp(epoch - epoch % 1_000_000)

    # Bytes --------------------------------------------------------------------------------------------------

    def frame(self, raw: bytes, direction: Direction) -> Frame:
        (frame,) = self.protocol.framer(direction).feed(raw, 0)
        assert isinstance(frame, Frame)
        return frame

    def bytes_of(self, message: Message, direction: Direction, answering: Frame | None = None) -> bytes:
        return self.sessions[direction.sender].build(message, answering)

    def chunk(self, data: bytes, direction: Direction, *, arrives: bool = True, altered: bytes | None = None) -> None:
        """One piece of traffic at both ends; `altered` is what the line makes of it."""
        ends = [(direction.sender, data, False)]
        if arrives:
            ends.append((direction.receiver, data if altered is None else altered, altered is not None))
        for end, passed, changed in ends:
            if end in self.header.ends:
                self.events.append(Chunk(t_ns=self.t_ns, end=end, direction=direction, data=passed, altered=changed))

    def noise(self, data: bytes, direction: Direction) -> Self:
        """The line puts bytes before the receiver that nobody sent."""
        if direction.receiver in self.header.ends:
            self.events.append(
                Chunk(t_ns=self.t_ns, end=direction.receiver, direction=direction, data=data, altered=True)
            )
        return self

    def pieces(self, raw: bytes, direction: Direction) -> Frame:
        """The line cuts a frame in two; the receiver gets both pieces."""
        self.chunk(raw, direction, arrives=False)
        for piece in (raw[:20], raw[20:]):
            if direction.receiver in self.header.ends:
                self.events.append(
                    Chunk(t_ns=self.t_ns, end=direction.receiver, direction=direction, data=piece, altered=True)
                )
        return self.frame(raw, direction)

    def send(
        self, message: Message, direction: Direction, answering: Frame | None = None, *, arrives: bool = True
    ) -> Frame:
        raw = self.bytes_of(message, direction, answering)
        self.chunk(raw, direction, arrives=arrives)
        return self.frame(raw, direction)

    def up(self, message: Message, answering: Frame | None = None, *, arrives: bool = True) -> Frame:
        return self.send(message, Direction.UP, answering, arrives=arrives)

    def down(self, message: Message, answering: Frame | None = None, *, arrives: bool = True) -> Frame:
        return self.send(message, Direction.DOWN, answering, arrives=arrives)

    # Events -------------------------------------------------------------------------------------------------

    def line_up(self) -> Self:
        for end in self.header.ends:
            self.events.append(LineUp(t_ns=self.t_ns, end=end))
        return self

    def line_down(self, by: str = "line") -> Self:
        for end in self.header.ends:
            self.events.append(LineDown(t_ns=self.t_ns, end=end, by=by))
        return self

    def reachable(self, can: bool) -> Self:
        self.events.append(Reachable(t_ns=self.t_ns, can=can))
        return self

    def stimulus(self, kind: str, gun: int | None = 1, *, began_s: float = 0, **detail: Any) -> Self:
        """Done at the pile at some instant of the last `began_s` seconds."""
        self.events.append(
            Stimulus(t_ns=self.t_ns, kind=kind, gun=gun, began_ns=self.t_ns - round(began_s * S), detail=detail)
        )
        return self

    def note(self, text: str) -> Self:
        self.events.append(Note(t_ns=self.t_ns, text=text))
        return self

    def impaired(self, effect: str, held_s: float = 0) -> Self:
        self.events.append(Impaired(t_ns=self.t_ns, impairment="made", effect=effect, held_ns=round(held_s * S)))
        return self

    def judged(self, **limits: int) -> Judgement:
        finish = Finish(t_ns=self.t_ns)
        return judge(self.header, [*self.events, finish], limits={k.replace("__", "."): v for k, v in limits.items()})

    # A pile's life ------------------------------------------------------------------------------------------

    def connect(self, *, clock_off_s: float = 0, platform_off_s: float = 0) -> Self:
        """Version, time and a heartbeat of each gun, with their replies."""
        self.line_up()
        asked = self.up(Hello(firmware="1.0"))
        self.down(HelloReply(), asked)
        self.ask_time(clock_off_s, platform_off_s)
        for gun in range(1, self.header.guns + 1):
            self.beat(gun=gun)
        return self

    def ask_time(self, clock_off_s: float = 0, platform_off_s: float = 0) -> Self:
        asked = self.up(TimeAsk(pile_time=self.now(clock_off_s)))
        self.down(TimeTell(platform_time=self.now(platform_off_s), pile_time=self.now(clock_off_s)), asked)
        return self

    def report(self, state: GunState = GunState.IDLE, **changed: Any) -> GunReport:
        """What a good pile says now: while charging with its order, start, energy and amount."""
        running = state is GunState.CHARGING or state.occupied
        message = GunReport(
            state=state,
            cable=self.cable,
            fault=self.fault,
            parking=Parking.TAKEN if self.cable else Parking.FREE,
            meter_dwh=self.meter_dwh,
            order=self.charge.order if running else "",
            start=self.charge.start if running else NO_TIME,
            energy_dwh=self.charge.energy_dwh if running else 0,
            amount_mfen=self.charge.energy_dwh * 15 if running else 0,
        )
        return structs.replace(message, **changed)

    def beat(self, state: GunState = GunState.IDLE, *, answered: bool = True, **changed: Any) -> Self:
        message = self.report(state, **changed)
        self.beat_ns = self.t_ns
        asked = self.up(message)
        if answered:
            self.down(GunReportReply(gun=message.gun, change=message.change), asked)
        return self

    def change(self, state: GunState, **changed: Any) -> Self:
        """The report of a change, which carries a time and no record of the charge."""
        bare = {"time": self.now(), "order": None, "start": None, "energy_dwh": None, "amount_mfen": None}
        return self.beat(state, change=True, meter_dwh=None, **{**bare, **changed})

    def beats(self, seconds: float, state: GunState = GunState.IDLE, every_s: float = 30, **changed: Any) -> Self:
        """Time passes, a heartbeat at the end of each `every_s`, and one at once where the last is long ago."""
        if self.t_ns - self.beat_ns > 35 * S - round(every_s * S):
            self.beat(state, **changed)
        for _ in range(round(seconds / every_s)):
            self.wait(every_s)
            self.beat(state, **changed)
        return self

    def plug(self, *, shown: bool = True, **car: Any) -> Self:
        self.stimulus("plug", car=car)
        self.cable = True
        self.charge = Charge("", arrive=self.now())
        if shown:
            self.beat()
        return self

    def unplug(self, state: GunState = GunState.IDLE, *, shown: bool = True) -> Self:
        self.stimulus("unplug")
        self.cable = False
        self.charge.leave = self.now()
        if shown:
            self.beat(state)
        return self

    def authorise(
        self, order: str = A, balance: int = 5_000_000, *, account: str = ACCOUNT, answered: bool = True, gun: int = 1
    ) -> Self:
        asked = self.down(Authorise(gun=gun, account=account, order=order, balance_mfen=balance, tariff=TARIFF))
        if answered:
            self.wait(0.2).up(AuthoriseReply(gun=gun, account=account), asked)
        return self

    def authorise_reply(self, asked: Frame, *, account: str = ACCOUNT) -> Self:
        self.up(AuthoriseReply(account=account), asked)
        return self

    def start(self, *, account: str = ACCOUNT, answered: bool = True, arrives: bool = True) -> Self:
        asked = self.down(Start(account=account), arrives=arrives)
        if answered:
            self.wait(0.2).up(StartReply(account=account), asked)
        return self

    def start_of(self, *, account: str = ACCOUNT) -> Frame:
        """A start that is answered later, by `start_reply`."""
        return self.down(Start(account=account))

    def start_reply(self, asked: Frame, *, account: str = ACCOUNT) -> Self:
        self.up(StartReply(account=account), asked)
        return self

    def stop(self, *, account: str = ACCOUNT, answered: bool = True) -> Self:
        asked = self.down(Stop(account=account))
        if answered:
            self.wait(0.2).up(StopReply(account=account), asked)
        return self

    def ended(self, reason: EndReason = EndReason.BY_PILE_OR_USER, *, account: str = ACCOUNT) -> Self:
        self.up(Ended(account=account, reason=reason))
        return self

    def charges(self, order: str = A, beats: int = 8, **changed: Any) -> Self:
        """The charge begins and goes on for `beats` heartbeats of 15 s."""
        self.charge = replace(self.charge, order=order, start=self.now(), energy_dwh=0)
        self.beat(GunState.CHARGING, **changed)
        return self.goes_on(beats, **changed)

    def goes_on(self, beats: int, **changed: Any) -> Self:
        for _ in range(beats):
            self.wait(15)
            self.charge.energy_dwh += BEAT_DWH
            self.meter_dwh += BEAT_DWH
            self.beat(GunState.CHARGING, **changed)
        return self

    def over(
        self, state: GunState = GunState.OCCUPIED_NOT_FULL, reason: StopReason = StopReason.PLATFORM, **changed: Any
    ) -> Self:
        self.charge.end = self.now()
        self.charge.reason = reason
        self.beat(state, **changed)
        return self

    def bill_of(self, charge: Charge | None = None, **changed: Any) -> Bill:
        """The right bill of a charge within one half-hour."""
        c = charge or self.charge
        minutes = _minutes(c.start, c.end)
        occupied = _minutes(c.end, c.leave)
        bill = Bill(
            order=c.order,
            arrive=c.arrive,
            start=c.start,
            end=c.end,
            leave=c.leave,
            charge_minutes=minutes,
            stages_dwh=(c.energy_dwh,),
            charge_fee_mfen=c.energy_dwh * 10,
            service_fee_mfen=c.energy_dwh * 5,
            occupancy_minutes=occupied,
            occupancy_fee_mfen=max(0, occupied - 15) * 80_000,
            stop_reason=c.reason,
        )
        return structs.replace(bill, **changed)

    def bill(self, message: Bill | None = None, *, acked: bool = True, **changed: Any) -> Self:
        message = message or self.bill_of(**changed)
        asked = self.up(message)
        if acked:
            self.wait(0.1).down(BillReply(gun=message.gun, order=message.order), asked)
        return self

    # Chapters -----------------------------------------------------------------------------------------------

    def charged(self, order: str = A, **changed: Any) -> Self:
        """Plugged, authorised, started, charged for two minutes and stopped; the cable is still in."""
        self.wait(10).plug().wait(5).authorise(order).wait(5).start().wait(5).charges(order, **changed)
        return self.wait(5).stop().wait(1).over()

    def whole(self, order: str = A, **changed: Any) -> Self:
        """A charge from plug to acknowledged bill."""
        return self.charged(order).wait(20).unplug().wait(0.5).bill(**changed)


def _minutes(earlier: Stamp, later: Stamp) -> int:
    return ((later.epoch_ns or 0) - (earlier.epoch_ns or 0)) // MINUTE
