"""The shapes of what is known: an order, a gun, a report of it, a request, a bill whose charge is known.

Owns what each of them holds, and what follows from that alone. Must not know how a trace is read: `facts` fills them
in, and the rules read them. All times are world ns since the trace's start, unless a name says epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from pilesim.trace.decoder import Seen
from pilesim.wire.messages import Bill, EndReason, GunReport, Message, Tariff


class Span(msgspec.Struct, frozen=True, gc=False):
    """Something happened at some instant of [early_ns, late_ns]; early None: before the trace, perhaps."""

    early_ns: int | None
    late_ns: int


class Report(msgspec.Struct, frozen=True, gc=False):
    """A report of a gun, as it was seen."""

    seen: Seen
    message: GunReport
    t_ns: int
    """When it was seen."""


class Request(msgspec.Struct, eq=False):
    """A message that wants a reply."""

    seen: Seen
    message: Message
    answered_ns: int | None = None


@dataclass(slots=True, eq=False, weakref_slot=True)
class Order:
    """One order on one gun, as far as the trace tells its life."""

    number: str
    gun: int
    account: str | None
    authorised_ns: int | None
    """When its Authorise (or Start, where that carries the order) passed; None: not in this trace."""
    balance_mfen: int | None = None
    tariff: Tariff | None = None
    balance_ns: int | None = None
    """When the pile was told another balance than the order came with."""
    answered_ns: int | None = None
    on_charging: bool = False
    """It was authorised while another order charged, and so changes nothing (if suspended, perhaps)."""
    second: Order | None = None
    """The order that it took the place of, waiting or occupying."""
    replaced_ns: int | None = None
    start_ns: int | None = None
    """When the first Start for it passed."""
    starts: int = 0
    refused: bool = False
    """The pile has answered its start with a refusal, and not taken that back."""
    begun: bool = False
    """The pile has told that it carries out its start, whatever comes of it."""
    ended_ns: int | None = None
    """When the pile told that it is over without a charge."""
    ended_reason: EndReason | None = None
    stop_ns: int | None = None
    """When the platform's Stop passed: the first that the pile has answered, else the latest."""
    stop_answered: bool = False
    """The pile has answered a stop since: until then it is not known to have come, or to have been read."""
    at_pile_ns: int | None = None
    """When a user stopped it at the pile."""
    unplugged_ns: int | None = None
    """When the cable was pulled before anything charged."""
    closed_ns: int | None = None
    """When it was over without a charge, by whatever cause."""
    fault_ns: int | None = None
    fault_seen: bool = False
    emergency: bool = False
    power_lost: bool = False
    by_battery: bool = False
    """The pile has passed on that the battery ended the charge."""
    before: Report | None = None
    """The report before the first charging one."""
    first: Report | None = None
    """The first charging report, a heartbeat or a state change."""
    last: Report | None = None
    charged: bool = False
    """A charging heartbeat carried it (or, where the protocol's carry no order, came after its start)."""
    first_record: Report | None = None
    """The first charging report that carries start time, energy or meter; a state change carries none."""
    previous_record: Report | None = None
    record: Report | None = None
    """The last such report, and the one before it."""
    metered_before: Report | None = None
    """The last report with a meter reading before the charge, and the first after it."""
    metered_after: Report | None = None
    after: Report | None = None
    """The first report that no longer charges."""
    gapless: bool = True
    """Charging reports followed one another without a gap or a lost line."""
    peak: tuple[int, int] = (0, 1)
    """Highest power seen: 0.1 Wh per ns, as a fraction."""
    gain_mfen: int = 0
    """The most that the amount grew from one heartbeat to the next, none missing between them."""
    over: Span | None = None
    """The end of the charge."""
    plugged: Span | None = None
    leave: Span | None = None
    """The end of the occupancy: the cable was pulled, or a new start came on the same cable."""
    leave_by_start: bool = False
    leave_by_end: bool = False
    """The bill does not wait for the cable: the end of the charge is that of the order."""
    parking: tuple[int, int] = (0, 0)
    """Reports of a free and of another parking place, between the end of the charge and the leave."""
    bill_seen: Seen | None = None
    bill: Bill | None = None
    bill_connection: int = -1
    """The connection in which its bill was last sent."""
    acked_ns: int | None = None
    suspended: str = ""
    """Why nothing can be held against this order."""

    @property
    def charging(self) -> bool:
        return self.last is not None and self.over is None

    @property
    def shown_dwh(self) -> int | None:
        """The energy that the last charging report shows: its own figure, else what the meter went on by."""
        if self.record is None:
            return None
        told, before = self.record.message, self.metered_before
        if told.energy_dwh is not None:
            return told.energy_dwh
        if before is None or before.message.meter_dwh is None or told.meter_dwh is None:
            return None
        return max(0, told.meter_dwh - before.message.meter_dwh)

    @property
    def unstarted(self) -> bool:
        """It is over and certainly never started: no charge, and no Start but one that failed."""
        if self.authorised_ns is None or self.on_charging or self.first is not None:
            return False
        if self.start_ns is None:
            return self.closed_ns is not None
        return self.ended_ns is not None and self.ended_ns >= self.start_ns

    @property
    def leave_before_over(self) -> bool:
        """The cable was pulled before the charge was seen to be over: that may have ended it."""
        if self.leave is None or self.leave_by_start or self.leave_by_end or self.over is None:
            return False
        early = self.leave.early_ns
        return early is None or early < self.over.late_ns or self.leave.late_ns <= self.over.late_ns

    @property
    def due_ns(self) -> int | None:
        """From when its bill has to leave: it charged and the occupancy is over."""
        if not self.charged or self.leave is None or self.over is None:
            return None
        return max(self.leave.late_ns, self.over.late_ns)


@dataclass(slots=True, eq=False)
class Gun:
    """One gun, as far as the trace tells."""

    number: int
    report: Report | None = None
    previous: Report | None = None
    metered: Report | None = None
    """The latest report with a meter reading."""
    heard_ns: int = 0
    """When it was last heard of, by a report or by its being alive."""
    steady: bool = False
    """Between `previous` and `report` lies no gap of beat.period, no lost line, no lost power."""
    broken: bool = True
    cable: bool | None = None
    """Whether the cable is in: by what was done at the pile where that is recorded, else by the reports."""
    plugged: Span | None = None
    unplugged: Span | None = None
    older: bool = False
    """The cable was in before the trace began, and nothing was plugged in or authorised since: a bill may be older."""
    waiting: Order | None = None
    """The order that is authorised, or starting, and does not charge yet."""
    running: Order | None = None
    """The order that charges, or occupies the gun after its charge."""
    insulation_ok: bool = True
    handshake_ok: bool = True
    """The car answers, and tells all that it has to; a start with one that does not fails by right."""
    full: bool = False
    """The battery at the cable is full; a start with it fails by right."""
    fault: str = ""
    """The fault (or emergency stop, or maintenance) that was made at the pile and lasts."""
    tapped_ns: int | None = None

    @property
    def charging(self) -> bool:
        return self.running is not None and self.running.charging


class SettledBill(msgspec.Struct, frozen=True):
    """The first bill of an order (or one of no known order), with all that can be known about its charge."""

    seen: Seen
    bill: Bill
    order: Order | None
    older: bool
    """The gun's, when the bill left."""


def charge_age(order: Order) -> int:
    """What "oldest" goes by: when the order began to charge."""
    return order.first.t_ns if order.first is not None else order.start_ns or 0
