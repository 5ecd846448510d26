"""Bills: written from records, kept until acknowledged, sent again and again, oldest first.

Owns what a bill says and when it leaves. Must not know how a charge came about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pilesim.contract.contract import Contract
from pilesim.pile.behaviour import Behaviour, LateBill
from pilesim.pile.car import CWNS_PER_DWH
from pilesim.pile.charge import HALF_HOUR_NS, by_half_hour
from pilesim.pile.clock import Clock
from pilesim.pile.store import BILLS_KEPT, KeptBill, Record, Store
from pilesim.pile.timeline import Activity, Timeline
from pilesim.pile.uplink import Uplink
from pilesim.units import KWH_DWH, MINUTE, MS, S, minute_of_day, round_half_up
from pilesim.wire.messages import Bill, BillPeriod, Login, Rate

_WAIT_FOR_TIME_NS = 3 * S
"""How long bills wait on a new connection for the first time since power-up; then they leave as they are."""
_LOOK_NS = 100 * MS


def write_bill(record: Record, clock: Clock, contract: Contract, behaviour: Behaviour) -> Bill:
    """The bill of a record: stages by half-hour of the local day, fees by the tariff it was charged at.

    Where that has rates, the stages of each are summed up too, and what they cost.
    """
    booked = behaviour.booked(record)
    tariff = booked.authorisation.tariff
    halves = by_half_hour(booked.pieces, clock)
    first = clock.reading_ns(booked.start_ns) // HALF_HOUR_NS
    energies_cwns = [halves.get(half, 0) for half in range(first, max(halves, default=first) + 1)]
    energies_cwns[-1] += booked.unstored_cwns
    step_dwh, step_mfen = contract.bill_energy_dwh, contract.bill_money_mfen
    exact = [round_half_up(energy_cwns, step_dwh * CWNS_PER_DWH) * step_dwh for energy_cwns in energies_cwns]
    stages_dwh = behaviour.billed_dwh(booked, tuple(exact))

    charge_cost = service_cost = 0
    by_rate = [0] * len(tariff.rates)
    for stage, energy_dwh in enumerate(stages_dwh):
        half = behaviour.priced_half_hour(booked, stage, first + stage)
        of_day = minute_of_day(half * HALF_HOUR_NS) // 30
        charge_cost += energy_dwh * tariff.energy_mfen[of_day]
        service_cost += energy_dwh * tariff.service_mfen[of_day]
        if tariff.rates:
            by_rate[tariff.rate_of[of_day]] += energy_dwh
    periods = tuple(
        _period(rate, energy_dwh, step_mfen) for rate, energy_dwh in zip(tariff.rates, by_rate, strict=True)
    )

    end_ms = clock.reading_ns(booked.end_ns) // MS
    charge_minutes = (end_ms - clock.reading_ns(booked.start_ns) // MS) * MS // MINUTE
    occupancy_minutes = 0
    if booked.leave_ns is not None:
        occupancy_minutes = max(0, clock.reading_ns(booked.leave_ns) // MS - end_ms) * MS // MINUTE
    rate_mfen = tariff.occupancy_rate_mfen(minute_of_day(end_ms * MS))
    occupancy_mfen = max(0, occupancy_minutes - tariff.free_minutes) * rate_mfen
    bill = Bill(
        gun=booked.gun,
        order=booked.authorisation.order,
        arrive=clock.stamp(booked.arrive_ns),
        start=clock.stamp(booked.start_ns),
        end=clock.stamp(booked.end_ns),
        leave=clock.stamp(booked.leave_ns),
        charge_minutes=max(0, charge_minutes),
        stages_dwh=stages_dwh,
        meter_start_dwh=booked.meter_start_cwns // CWNS_PER_DWH,
        meter_end_dwh=(booked.meter_start_cwns + booked.energy_cwns) // CWNS_PER_DWH,
        charge_fee_mfen=_rounded(charge_cost, KWH_DWH, step_mfen),
        service_fee_mfen=_rounded(service_cost, KWH_DWH, step_mfen),
        occupancy_minutes=occupancy_minutes,
        occupancy_fee_mfen=_rounded(occupancy_mfen, 1, step_mfen),
        stop_reason=booked.reason,
        stop_cause=booked.cause,
        periods=periods,
        amount_mfen=sum(period.amount_mfen for period in periods) if periods else None,
        vin=booked.vin or None,
        login=booked.authorisation.login,
        account=booked.authorisation.account if booked.authorisation.login is Login.CARD else None,
        traded=clock.stamp(booked.end_ns),
    )
    return behaviour.written(record, bill)


def _period(rate: Rate, energy_dwh: int, step_mfen: int) -> BillPeriod:
    price_mfen = rate.energy_mfen + rate.service_mfen
    amount_mfen = _rounded(energy_dwh * price_mfen, KWH_DWH, step_mfen)
    return BillPeriod(price_mfen=price_mfen, energy_dwh=energy_dwh, lossy_dwh=energy_dwh, amount_mfen=amount_mfen)


def _rounded(cost: int, per: int, step_mfen: int) -> int:
    """`cost / per`, in mfen, rounded once to a multiple of `step_mfen`."""
    return round_half_up(cost, per * step_mfen) * step_mfen


@dataclass(slots=True)
class BillBook:
    """The unacknowledged bills of all guns and their way out. `store.bills` is kept oldest first."""

    timeline: Timeline
    clock: Clock
    contract: Contract
    behaviour: Behaviour
    store: Store
    uplink: Uplink
    _sending: Activity | None = None
    _line_since_ns: int = 0

    @property
    def has_room(self) -> bool:
        return len(self.store.bills) < BILLS_KEPT

    @property
    def waiting(self) -> int:
        """How many bills have not left on this connection."""
        return sum(kept.connection != self.uplink.connection for kept in self.store.bills)

    def close(self, record: Record) -> None:
        """A charge is over and its occupancy too: its bill is due."""
        if self.behaviour.keeps_bill(record):
            self._keep(KeptBill(self.timeline.now_ns + self.behaviour.bill_after_ns(record), record))

    def close_without_charge(self, late: LateBill) -> None:
        """A bill for an order that never charged: only a faulty firmware has one."""
        self._keep(KeptBill(self.timeline.now_ns + late.after_ns, None, late.bill))

    def _keep(self, kept: KeptBill) -> None:
        self.store.bills.append(kept)
        self.send_due()
        self._send_from_now()

    def acknowledged(self, order: str) -> None:
        """The platform has the bill of `order`."""
        self.store.bills[:] = [k for k in self.store.bills if not (k.times_left and k.bill and k.bill.order == order)]

    def power_on(self) -> None:
        """Whatever has left before, nothing has on the connections to come."""
        for kept in self.store.bills:
            kept.connection = 0

    def line_up(self) -> None:
        self._line_since_ns = self.timeline.now_ns
        self._send_from_now()

    def line_down(self) -> None:
        if self._sending:
            self._sending.call_off()
            self._sending = None

    @property
    def waits_for_time(self) -> bool:
        """After power-up the clock is set first, so that no bill leaves without its times, or with wrong ones."""
        since_ns = self.timeline.now_ns - self._line_since_ns
        return self.uplink.up and not self.clock.told and since_ns < _WAIT_FOR_TIME_NS

    def let_all_leave(self) -> Iterator[int]:
        """Steps that end when every bill that may leave has left on this connection."""
        while self.waits_for_time:
            yield _LOOK_NS
        self.send_due()

    def send_due(self) -> None:
        """Send what is due, oldest first: new bills at once, old ones when their time to be resent has come."""
        if not self.uplink.up or self.waits_for_time:
            return
        for kept in self.behaviour.leaving_order(tuple(self.store.bills)):
            due_ns = self._due_ns(kept)
            if due_ns is not None and due_ns <= self.timeline.now_ns:
                self._send(kept)

    def _due_ns(self, kept: KeptBill) -> int | None:
        """When it leaves next; None: not again on this connection."""
        if kept.connection != self.uplink.connection:
            return kept.due_ns
        resends = self.contract.bill_resends
        if resends is not None and kept.times_left_here > resends:
            return None
        return kept.left_ns + self.contract.bill_resend_ns

    def _send(self, kept: KeptBill) -> None:
        if kept.bill is None:
            assert kept.record is not None
            kept.bill = write_bill(kept.record, self.clock, self.contract, self.behaviour)
        if kept.times_left:
            if not self.behaviour.resends(kept.bill):
                self.store.bills.remove(kept)
                return
            kept.bill = self.behaviour.rewritten(kept.bill, kept.times_left)
        if kept.connection != self.uplink.connection:
            kept.connection, kept.times_left_here = self.uplink.connection, 0
        kept.times_left_here += 1
        kept.left_ns = self.timeline.now_ns
        kept.times_left += 1
        self.uplink.send(kept.bill)

    def _send_from_now(self) -> None:
        """Begin anew to wait for the next bill's time, which may have come nearer."""
        self.line_down()
        if self.uplink.up:
            self._sending = self.timeline.start(self._send_for_ever())

    def _send_for_ever(self) -> Iterator[int]:
        yield from self.let_all_leave()
        while due_ns := [ns for kept in self.store.bills if (ns := self._due_ns(kept)) is not None]:
            yield max(0, min(due_ns) - self.timeline.now_ns)
            self.send_due()
