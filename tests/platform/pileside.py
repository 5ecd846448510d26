"""The pile's end for the platform's tests: builds what a pile says, keeps what it is told, decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pilesim.contract.contracts import contract_of
from pilesim.faulty import FaultChoice
from pilesim.platform import session as sessions
from pilesim.platform.platform import Platform
from pilesim.platform.session import PlatformSession
from pilesim.platform.settings import Settings
from pilesim.units import MINUTE, YUAN_MFEN, S, parse_world_start_ns
from pilesim.wire.actions import Send
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import (
    NO_TIME,
    AuthoriseReply,
    Bill,
    GunReport,
    GunState,
    Hello,
    Message,
    Stamp,
    StartReply,
    StopReason,
    StopReply,
)
from pilesim.wire.protocol import protocol_named

START_NS = parse_world_start_ns("2020-03-03T12:36:40+08:00")
PILE = "44030500040000200026"
ORDER_A = "20200303123645436010"
ORDER_B = "20200303131500000002"
BALANCE_MFEN = 50 * YUAN_MFEN
M = TypeVar("M", bound=Message)


def account_of(order: str) -> str:
    """The account that the platform makes up for an order of EV-Link."""
    return sessions.account_of(order, protocol_named("lhc").account_digits)


class PileSide:
    """One connection of one pile to a platform, at `now_ns`."""

    def __init__(
        self,
        settings: Settings | None = None,
        faults: Sequence[FaultChoice] = (),
        *,
        platform: Platform | None = None,
        protocol: str = "lhc",
        number: str = PILE,
    ) -> None:
        self.protocol = protocol_named(protocol)
        self.platform = platform or Platform(
            protocol=self.protocol,
            contract=contract_of(protocol),
            world_start_ns=START_NS,
            settings=settings,
            seed=1,
            faults=faults,
        )
        self.number = number
        self.session: PlatformSession = self.platform.session()
        self.now_ns = 0
        self.heard: list[tuple[int, Message]] = []
        """Everything the platform has said, with its time."""
        self.frames: list[Frame] = []
        self._wire = self.protocol.session(End.PILE, number)
        self.connect()

    def connect(self) -> None:
        self._wire.reset()
        self._framer = self.protocol.framer(Direction.DOWN)
        self.session.line_up(self.now_ns)

    def disconnect(self) -> None:
        self.session.line_down(self.now_ns)

    def built(self, message: Message) -> bytes:
        return self._wire.build(message)

    def says(self, *messages: Message) -> None:
        for message in messages:
            self.noise(self.built(message))

    def noise(self, data: bytes) -> None:
        self.session.receive(data, self.now_ns)
        self._listen()

    def passes(self, ns: int) -> list[Message]:
        """Let time pass; what the platform has said in it."""
        before, until_ns = len(self.heard), self.now_ns + ns
        while (due_ns := self.session.next_wakeup_ns()) is not None and due_ns <= until_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.session.advance(self.now_ns)
            self._listen()
        self.now_ns = until_ns
        self.session.advance(until_ns)
        self._listen()
        return [message for _, message in self.heard[before:]]

    def asks(self, message: Message) -> list[Message]:
        """Say it and give the platform a second."""
        self.says(message)
        return self.passes(S)

    def told(self, kind: type[M]) -> list[M]:
        """Every message of this kind so far."""
        self._listen()
        return [message for _, message in self.heard if isinstance(message, kind)]

    def told_at(self, kind: type[Message]) -> list[int]:
        self._listen()
        return [t_ns for t_ns, message in self.heard if isinstance(message, kind)]

    def stamp(self) -> Stamp:
        return Stamp(START_NS + self.now_ns)

    def _listen(self) -> None:
        for action in self.session.take_actions():
            assert isinstance(action, Send), "the reference platform never hangs up"
            for frame in self._framer.feed(action.data, self.now_ns):
                assert isinstance(frame, Frame)
                decoded = self.protocol.decode(frame)
                assert decoded.message is not None and not decoded.problems, decoded.problems
                self.frames.append(frame)
                self.heard.append((self.now_ns, decoded.message))

    # --------------------------------------------------------------------------- a pile's life, act by act

    def hello(self, firmware: str = "V5.0303") -> None:
        self.asks(Hello(firmware=firmware))
        self.asks(report(GunState.IDLE, cable=True))

    def authorised(self, order: str = ORDER_A, balance_mfen: int | None = BALANCE_MFEN, account: str = "") -> str:
        """Scan and answer; the account."""
        self.session.authorise(self.now_ns, 1, order, balance_mfen, account)
        made = self.platform.order(self.number, order)
        assert made is not None
        self.says(AuthoriseReply(account=made.account))
        self.passes(S)
        return made.account

    def started(self, account: str) -> None:
        self.session.start(self.now_ns, 1)
        self.says(StartReply(account=account))
        self.passes(20 * S)

    def charges(self, order: str, minutes: int, energy_dwh: int, amount_mfen: int) -> Stamp:
        """Heartbeats four a minute, energy and amount growing evenly; its start time."""
        start, beats = self.stamp(), 4 * minutes
        for beat in range(beats + 1):
            if beat:
                self.passes(15 * S)
            self.says(
                report(
                    GunState.CHARGING,
                    order=order,
                    start=start,
                    energy_dwh=energy_dwh * beat // beats,
                    amount_mfen=amount_mfen * beat // beats,
                )
            )
        return start

    def stops(self, account: str) -> Stamp:
        """The platform's stop, answered, and the gun occupied; the end of the charge."""
        self.session.stop(self.now_ns, 1)
        self.says(StopReply(account=account), report(GunState.OCCUPIED_NOT_FULL))
        return self.stamp()

    def unplugs(self) -> Stamp:
        self.says(report(GunState.IDLE, cable=False))
        return self.stamp()

    def charged(
        self,
        order: str = ORDER_A,
        *,
        account: str = "",
        balance_mfen: int | None = BALANCE_MFEN,
        energy_dwh: int = 52_400,
        amount_mfen: int = 5 * YUAN_MFEN,
    ) -> Bill:
        """A whole order up to the unplug; the bill that a pile in good order would send for it."""
        arrive = self.stamp()
        account = self.authorised(order, balance_mfen, account)
        self.started(account)
        start = self.charges(order, 8, energy_dwh, amount_mfen)
        end = self.stops(account)
        self.passes(2 * MINUTE)
        leave = self.unplugs()
        return Bill(
            order=order,
            arrive=arrive,
            start=start,
            end=end,
            leave=leave,
            charge_minutes=8,
            stages_dwh=(energy_dwh,),
            charge_fee_mfen=amount_mfen // 2,
            service_fee_mfen=amount_mfen - amount_mfen // 2,
            occupancy_minutes=2,
            occupancy_fee_mfen=0,
            stop_reason=StopReason.PLATFORM,
        )


def report(
    state: GunState,
    *,
    cable: bool = True,
    order: str = "",
    start: Stamp = NO_TIME,
    energy_dwh: int = 0,
    amount_mfen: int = 0,
    meter_dwh: int = 0,
) -> GunReport:
    """A heartbeat of gun 1."""
    return GunReport(
        state=state,
        cable=cable,
        order=order,
        start=start,
        energy_dwh=energy_dwh // 100 * 100,
        amount_mfen=amount_mfen // 1000 * 1000,
        meter_dwh=meter_dwh,
    )
