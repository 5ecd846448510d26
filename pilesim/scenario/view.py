"""What one end of the line has seen so far; owns the facts that a scenario's conditions ask about.

Must not know where the events come from: it is fed each event as it is recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pilesim.contract.contracts import contract_of
from pilesim.scenario.steps import Until
from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import AnyEvent, Chunk, LineDown, LineUp
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import (
    AliveReply,
    Authorise,
    Bill,
    Ended,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    Message,
    Start,
    StartReply,
    TariffTell,
    TimeTell,
)
from pilesim.wire.protocol import Protocol


class View:
    """The line as `end` sees it."""

    def __init__(self, protocol: Protocol, end: End) -> None:
        self.end = end
        self.connected = False
        self.reports: dict[int, GunReport] = {}
        """Last heartbeat of each gun; a report of a change only adds to it what it carries."""
        self.answered: set[int] = set()
        """Guns of which the other end has answered a heartbeat on this connection: it has seen them."""
        self.orders: dict[int, str] = {}
        """Last order authorised on each gun, or started with its order."""
        self.bills: Counter[str] = Counter()
        """How often each order's bill has been seen."""
        self.number = self.firmware = ""
        """What the pile has told of itself; "" until it has."""
        self.time_told = False
        """The platform has told the time on this connection."""
        self.has_tariff = not protocol.carries(TariffTell)
        """The pile has been told its tariff on this connection, or that the one it has holds; or needs none."""
        self.billed_ns: int | None = None
        """When the last bill was seen."""
        self._protocol = protocol
        self._states = contract_of(protocol.name).legal_moves.keys()
        self._decoder = Decoder(protocol)
        self._seen: Counter[tuple[str, int]] = Counter()
        self._marked: Counter[tuple[str, int]] = Counter()
        self._metered_before: dict[int, int] = {}
        """What each gun's meter said when it last did not charge."""

    def see(self, event: AnyEvent) -> None:
        """Take one event; what happened at the other end is not seen from here."""
        match event:
            case LineUp(end=self.end):
                self.connected = True
            case LineDown(end=self.end):
                self.connected = self.time_told = False
                self.has_tariff = not self._protocol.carries(TariffTell)
                self.answered.clear()
            case Chunk(end=self.end):
                pass
            case _:
                return
        for item in self._decoder.feed(event):
            if isinstance(item, Seen) and item.decoded.message is not None:
                if item.direction is Direction.UP and item.decoded.frame.sound:
                    self.number = item.decoded.frame.pile or self.number
                self._message(item.decoded.message, item.t_ns)

    def _message(self, message: Message, t_ns: int) -> None:
        match message:
            case GunReport(change=False):
                self.reports[message.gun] = message
                if message.state is not GunState.CHARGING and message.meter_dwh is not None:
                    self._metered_before[message.gun] = message.meter_dwh
            case GunReportReply(change=False) | AliveReply():
                self.answered.add(message.gun)
            case Hello():
                self.firmware = message.firmware
            case Authorise(accepted=True) | Start(order=str()):
                self.orders[message.gun] = message.order or ""
            case TariffTell():
                self.has_tariff = message.tariff is not None or message.same is True
            case TimeTell():
                self.time_told = True
            case Bill():
                self.bills[message.order] += 1
                self.billed_ns = t_ns
        self._seen[message.name, message.gun] += 1
        if not self._protocol.carries(Ended) and _tells_outcome(message):
            self._seen[Ended.name, message.gun] += 1

    @property
    def heard(self) -> dict[str, str]:
        """What the pile has told of itself, name to text."""
        told = {"pile number": self.number, "firmware": self.firmware}
        return {name: text for name, text in told.items() if text}

    def energy_dwh(self, gun: int) -> int:
        """What has flowed under the gun's running order: its own figure, else what the meter went on by."""
        report = self.reports.get(gun)
        if report is None:
            return 0
        if report.energy_dwh is not None or report.meter_dwh is None:
            return report.energy_dwh or 0
        return report.meter_dwh - self._metered_before.get(gun, report.meter_dwh)

    def state_is(self, report: GunReport, wanted: str) -> bool:
        """Whether it shows a state of `SHOWN_STATES`.

        Where the protocol has no occupied gun, such a one is idle; where it has no maintenance, it is a fault.
        """
        if wanted == GunState.MAINTENANCE and GunState.MAINTENANCE not in self._states:
            return report.state is GunState.FAULT
        if wanted.startswith("occupied") and not any(state.occupied for state in self._states):
            return report.state is GunState.IDLE and report.cable is True
        return report.state.occupied if wanted == "occupied" else report.state == wanted

    def mark(self) -> None:
        """From here on `seen` counts anew."""
        self._marked = self._seen.copy()

    def seen(self, name: str, gun: int | None) -> int:
        """How many messages called `name`, for `gun` where one is given, since the last `mark`."""
        return sum(
            count - self._marked[kind, of_gun]
            for (kind, of_gun), count in self._seen.items()
            if kind == name and gun in (None, of_gun)
        )

    def seen_ever(self, name: str, gun: int) -> int:
        """How many messages called `name` for `gun` there have been."""
        return self._seen[name, gun]


def _tells_outcome(message: Message) -> bool:
    """Whether it tells what has come of a start, in a protocol that has no message for one that failed."""
    match message:
        case Bill() | StartReply(accepted=False) | GunReport(state=GunState.CHARGING):
            return True
        case _:
            return False


def holds(until: Until, view: View, order_of: Callable[[str], str]) -> bool:
    """Whether `view` has seen all that `until` waits for; `order_of` gives the order number of its label."""
    gun = until.gun or 1
    report = view.reports.get(gun)
    return (
        (until.state is None or (report is not None and view.state_is(report, until.state)))
        and (until.cable is None or (report is not None and report.cable is until.cable))
        and (until.energy is None or view.energy_dwh(gun) >= until.energy)
        and (until.message is None or view.seen(until.message, until.gun) > 0)
        and (until.bill is None or view.bills[order_of(until.bill)] > 0)
        and (until.connected is None or view.connected is until.connected)
    )
