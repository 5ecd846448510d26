"""bill.* about what a bill says: times, duration, energy, amounts, occupancy, reason; and occupied.parking.

Owns what is right inside a bill of a charge. Must not know when it left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from weakref import WeakKeyDictionary

from pilesim.rules.beat import is_empty
from pilesim.rules.bill_orders import before_trace
from pilesim.rules.clock import HELD_BACK, NOT_TOLD, TOLD_LATE, shown
from pilesim.rules.order import Order, SettledBill, Span
from pilesim.rules.rule import Rule, RuleRow, Scene
from pilesim.rules.told_time import CLOCK_MOVED_NS
from pilesim.trace.decoder import Seen
from pilesim.units import (
    DAY,
    FEN_MFEN,
    MINUTE,
    S,
    format_duration,
    format_kwh,
    format_local,
    format_yuan,
    half_hour_of_day,
    minute_of_day,
    round_half_up,
)
from pilesim.wire.messages import Bill, GunReport, GunState, Message, Stamp, StopReason, Tariff

ENERGY_PER_HUNDRED = 1
"""Of the meter's difference, in percent: what bill.energy allows beside its limit."""
LITTLE_SAMPLES = 3 * 15 * S
"""A charge seen for less tells no highest power: its current may still have been rising."""
NO_TARIFF = "the tariff is not known: a recording that begins before the platform told it would tell"
HELD_UP_NS = MINUTE
"""A report that is seen at the far end may have been so long on its way."""
CAUSES_NEAR_NS = 10 * S
"""Two causes nearer to each other than this may each be the one that the pile names."""


class _Charge(Rule, ABC):
    """A bill of an order that charged."""

    def on_bill(self, settled: SettledBill) -> None:
        order = settled.order
        if order is None or not order.charged:
            return
        if before_trace(settled, self.facts.start_epoch_ns):
            self.open("the bill's charge began before the trace did")
            return
        self.judge(settled, settled.bill, order)

    @abstractmethod
    def judge(self, settled: SettledBill, bill: Bill, order: Order) -> None:
        """Judge the bill of `order`."""


class Times(Rule):
    """No empty time, in order, agreeing with the minutes, none in the future."""

    def on_bill(self, settled: SettledBill) -> None:
        if settled.bill.start.epoch_ns is not None and before_trace(settled, self.facts.start_epoch_ns):
            self.open("the bill's charge began before the trace did")
            return
        problem = self._problem(settled)
        order, bill = settled.order, settled.bill
        begun_ns = order.first.t_ns if order is not None and order.first is not None else settled.seen.t_ns
        if problem is None:
            self.passed()
        elif self.facts.time.perhaps_untold(begun_ns, settled.seen.t_ns):
            self.open(f"{NOT_TOLD}{self.where_told}")
        else:
            self.failed(*problem, seen=settled.seen, gun=bill.gun, order=order, number=bill.order)

    def _problem(self, settled: SettledBill) -> tuple[str, str] | None:
        bill = settled.bill
        named = (("arrive", bill.arrive), ("start", bill.start), ("end", bill.end), ("leave", bill.leave))
        carried = [(name, stamp) for name, stamp in named if stamp is not None]
        for name, stamp in carried:
            if is_empty(stamp) or stamp.bad:
                return f"a time of {name}", shown(stamp)
        times = [(name, stamp.epoch_ns) for name, stamp in carried if stamp.epoch_ns is not None]
        for (earlier, was), (later, now) in pairwise(times):
            if was > now:
                return f"{earlier} not after {later}", f"{format_local(was)} after {format_local(now)}"
        end = bill.end.epoch_ns if bill.end is not None else None
        start = bill.start.epoch_ns
        if bill.charge_minutes is not None and end is not None and start is not None:
            off_ns = abs(end - start - bill.charge_minutes * MINUTE)
            if off_ns > self.limit_ns:
                return f"{bill.charge_minutes} minutes from start to end", format_duration(end - start)
        now_epoch = self.facts.time.epoch_ns(settled.seen.t_ns)
        name, latest = max(times, key=lambda item: item[1])
        ahead_ns = latest - now_epoch
        late = self.facts.time.perhaps_told_late(ahead_ns, self.limit_ns)
        if self.facts.time.told_ns is not None and ahead_ns > self.limit_ns and not late:
            return f"no time in the future of {format_local(now_epoch)}", f"{name} {format_local(latest)}"
        return None


class PlugTimes(_Charge):
    """Arrive and leave agree with plug and unplug."""

    def judge(self, settled: SettledBill, bill: Bill, order: Order) -> None:
        for name, stamp, span in (("arrive", bill.arrive, order.plugged), ("leave", bill.leave, order.leave)):
            if stamp is None or stamp.epoch_ns is None:
                self.open(f"the bill has no time of {name}")
            elif span is None:
                self.open(f"the trace does not tell when the cable was moved ({name})")
            else:
                self._compare(settled, order, name, stamp.epoch_ns, span)

    def _compare(self, settled: SettledBill, order: Order, name: str, epoch_ns: int, span: Span) -> None:
        late = self.facts.time.epoch_ns(span.late_ns)
        early = self.facts.time.epoch_ns(span.early_ns) if span.early_ns is not None else None
        if early is None:
            if epoch_ns - late > self.limit_ns:
                self._off(settled, order, name, epoch_ns, late)
            else:
                self.open(f"the cable was moved before the trace began ({name})")
        elif self.facts.time.perhaps_told_late(epoch_ns - late, self.limit_ns):
            self.open(TOLD_LATE)
        elif epoch_ns < early - self.limit_ns or epoch_ns > late + self.limit_ns:
            self._off(settled, order, name, epoch_ns, late if epoch_ns > late else early)
        elif max(epoch_ns - early, late - epoch_ns) <= self.limit_ns:
            self.passed(max(abs(epoch_ns - early), abs(late - epoch_ns)))
        else:
            self.open(f"it is not known well enough when the cable was moved ({name})")

    def _off(self, settled: SettledBill, order: Order, name: str, epoch_ns: int, right_ns: int) -> None:
        off_ns = abs(epoch_ns - right_ns)
        self.failed(
            f"{name} {format_local(right_ns)}, within {format_duration(self.limit_ns)}",
            f"{format_local(epoch_ns)}, {format_duration(off_ns)} off",
            seen=settled.seen,
            order=order,
            measured=off_ns,
        )


class Duration(_Charge):
    """Start and end agree with the charging seen in heartbeats."""

    def judge(self, settled: SettledBill, bill: Bill, order: Order) -> None:
        assert order.first is not None
        candidates = [order.start_ns, order.before.t_ns if order.before is not None else None]
        earliest = max((t for t in candidates if t is not None), default=None)
        if earliest is not None:
            self._compare(settled, order, "start", bill.start, Span(earliest, order.first.t_ns))
        if order.over is None or order.over.early_ns is None:
            self.open("the trace does not show the end of the charge")
        elif bill.end is not None:
            self._compare(settled, order, "end", bill.end, order.over)
        elif bill.charge_minutes is not None and bill.start.epoch_ns is not None:
            # Whole minutes: the end is known to a minute.
            end = Stamp(bill.start.epoch_ns + bill.charge_minutes * MINUTE)
            span = Span(order.over.early_ns - MINUTE, order.over.late_ns)
            self._compare(settled, order, "end", end, span)

    def _compare(self, settled: SettledBill, order: Order, name: str, stamp: Stamp, span: Span) -> None:
        if stamp.epoch_ns is None or span.early_ns is None:
            self.open(f"the bill has no time of {name}")
            return
        early, late = self.facts.time.epoch_ns(span.early_ns), self.facts.time.epoch_ns(span.late_ns)
        off_ns = max(early - stamp.epoch_ns, stamp.epoch_ns - late, 0)
        if off_ns <= self.limit_ns:
            self.passed(off_ns)
        elif self.facts.time.perhaps_told_late(stamp.epoch_ns - late, self.limit_ns):
            self.open(TOLD_LATE)
        elif (
            order.first is not None
            and self.facts.time.set_ns >= order.first.t_ns
            and self._by_another_clock(stamp, span)
        ):
            self.open(f"the pile's clock was set while it charged, and {name} may go by what it was before")
        elif self.facts.time.perhaps_untold(span.early_ns, span.late_ns):
            self.open(f"{NOT_TOLD}{self.where_told}")
        elif 0 < early - stamp.epoch_ns <= self.limit_ns + self.facts.time.behind_ns:
            self.open(f"{HELD_BACK}: {self.would_tell}")
        else:
            self.failed(
                f"{name} from {format_local(early)} to {format_local(late)}, as heartbeats show, "
                f"within {format_duration(self.limit_ns)}",
                f"{format_local(stamp.epoch_ns)}, {format_duration(off_ns)} off",
                seen=settled.seen,
                order=order,
                measured=off_ns,
            )

    def _by_another_clock(self, stamp: Stamp, span: Span) -> bool:
        """Whether the time is right by the clock as it was before it was set."""
        assert stamp.epoch_ns is not None and span.early_ns is not None
        was_ns = self.facts.time.was_offset_ns - self.facts.time.offset_ns
        early, late = (self.facts.time.epoch_ns(t_ns) + was_ns for t_ns in (span.early_ns, span.late_ns))
        return early - self.limit_ns <= stamp.epoch_ns <= late + self.limit_ns


class Energy(_Charge):
    """The stages agree with the meter and with the heartbeats' energy."""

    def judge(self, settled: SettledBill, bill: Bill, order: Order) -> None:
        billed = bill.energy_dwh
        told = False
        metered = self._metered(order)
        if metered is not None:
            told = True
            allowed = self.limit.value + metered * ENERGY_PER_HUNDRED // 100
            if not self._near(settled, order, abs(billed - metered), allowed, f"{format_kwh(metered)} by the meter"):
                return
        shown_dwh = order.shown_dwh
        if shown_dwh is not None and order.over is not None:
            told = True
            allowed = self.limit.value + shown_dwh * ENERGY_PER_HUNDRED // 100
            most = self._most(order, shown_dwh)
            off = max(shown_dwh - billed, billed - most if most is not None else 0, 0)
            if billed == 0 and shown_dwh > 0:
                self.failed(f"{format_kwh(shown_dwh)} at least", "no energy", seen=settled.seen, order=order)
                return
            if not self._near(settled, order, off, allowed, f"{format_kwh(shown_dwh)} by the last heartbeat"):
                return
        if not told:
            self.open("heartbeats tell neither meter nor energy around the charge")

    def _near(self, settled: SettledBill, order: Order, off: int, allowed: int, expected: str) -> bool:
        if off <= allowed:
            self.passed(off * self.limit.value // allowed if allowed else off)
            return True
        self.failed(
            f"{expected}, within {format_kwh(allowed)}",
            f"{format_kwh(settled.bill.energy_dwh)}, {format_kwh(off)} off",
            seen=settled.seen,
            order=order,
            measured=off,
        )
        return False

    def _metered(self, order: Order) -> int | None:
        """What the meter went on by, from the report before the charge to the one after it."""
        earlier, later = order.metered_before, order.metered_after
        if earlier is None or later is None or not order.gapless or order.first is None or order.over is None:
            return None
        gap_ns = max(order.first.t_ns - earlier.t_ns, later.t_ns - order.over.late_ns)
        before, after = earlier.message.meter_dwh, later.message.meter_dwh
        if before is None or after is None or after < before or gap_ns > self.scene.limit("beat.period").value:
            return None
        return after - before

    def _most(self, order: Order, shown_dwh: int) -> int | None:
        """The most that can have flowed until the charge was seen to be over, at the highest power seen."""
        assert order.first is not None and order.record is not None and order.over is not None
        if not order.gapless or order.record.t_ns - order.first.t_ns < LITTLE_SAMPLES:
            return None
        power, per_ns = order.peak
        coarse_ns = self.scene.header.resolution_ns
        if coarse_ns >= MINUTE:
            # Several reports have the time of one: no power can be told from them.
            return None
        gap_ns = order.over.late_ns - order.record.t_ns + (HELD_UP_NS if self.remote else 0) + 2 * coarse_ns
        return shown_dwh + power * gap_ns // per_ns + 1


@dataclass(slots=True)
class _RatesShown:
    """What flowed at least at each rate, 0.1 Wh: what reports show of it that lie in one half-hour."""

    by_rate_dwh: list[int]
    half: int | None = None
    energy_dwh: int = 0

    def take(self, tariff: Tariff, epoch_ns: int, energy_dwh: int) -> None:
        """A report at `epoch_ns` shows `energy_dwh` since the charge began."""
        half = epoch_ns // (30 * MINUTE)
        if half == self.half:
            self.by_rate_dwh[tariff.rate_of[half_hour_of_day(epoch_ns)]] += max(0, energy_dwh - self.energy_dwh)
        self.half, self.energy_dwh = half, energy_dwh


class Amount(_Charge):
    """Charge and service fee are stage energy x that half-hour's price."""

    def judge(self, settled: SettledBill, bill: Bill, order: Order) -> None:
        if order.tariff is None:
            self.open(NO_TARIFF)
            return
        if bill.start.epoch_ns is None:
            self.open("the bill has no time of start")
            return
        if bill.periods:
            self._by_rate(settled, bill, order, order.tariff)
            return
        if bill.charge_fee_mfen is None or bill.service_fee_mfen is None:
            self.open("the bill does not tell its fees apart")
            return
        first = half_hour_of_day(bill.start.epoch_ns)
        allowed = self.limit.value * max(1, len(bill.stages_dwh))
        for name, prices, billed in (
            ("charge fee", order.tariff.energy_mfen, bill.charge_fee_mfen),
            ("service fee", order.tariff.service_mfen, bill.service_fee_mfen),
        ):
            right = sum(
                round_half_up(stage * prices[(first + i) % len(prices)], 10_000)
                for i, stage in enumerate(bill.stages_dwh)
            )
            off = abs(right - billed)
            if off > allowed:
                self.failed(
                    f"{name} {format_yuan(right)}, within {format_yuan(allowed)}",
                    format_yuan(billed),
                    seen=settled.seen,
                    order=order,
                    measured=off // max(1, len(bill.stages_dwh)),
                )
                return
            self.passed(off // max(1, len(bill.stages_dwh)))

    wants = (GunReport,)
    of_charge = True

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._shown: WeakKeyDictionary[Order, _RatesShown] = WeakKeyDictionary()

    def on_seen(self, seen: Seen, message: Message) -> None:
        order = self.facts.at.order
        if order is None or order.record is None or order.record.seen is not seen:
            return
        if order.tariff is None or not order.tariff.rates or order.record.message.energy_dwh is None:
            return
        shown_by_rate = self._shown.setdefault(order, _RatesShown([0] * len(order.tariff.rates)))
        shown_by_rate.take(order.tariff, self.facts.time.epoch_ns(seen.t_ns), order.record.message.energy_dwh)

    def _misplaced(self, bill: Bill, order: Order) -> tuple[str, str] | None:
        """What is wrong with a rate's energy by what was shown to flow in its half-hours."""
        told = self._shown.get(order)
        if told is None or len(told.by_rate_dwh) != len(bill.periods):
            return None
        spare = self.scene.limit("bill.energy").value
        for n, (least, period) in enumerate(zip(told.by_rate_dwh, bill.periods, strict=True)):
            if period.energy_dwh < least - spare - least * ENERGY_PER_HUNDRED // 100:
                return f"{format_kwh(least)} at rate {n + 1}, as reports show", format_kwh(period.energy_dwh)
        return None

    def _clock_moved(self, order: Order) -> bool:
        """Whether the half-hours of the pile's clock may be others than those that its reports were counted in."""
        time, first = self.facts.time, order.first_record
        if time.behind_ns > CLOCK_MOVED_NS:
            return True
        return first is not None and (time.set_ns >= first.t_ns or time.perhaps_untold(first.t_ns, self.facts.now_ns))

    def _by_rate(self, settled: SettledBill, bill: Bill, order: Order, tariff: Tariff) -> None:
        """Energy only at rates that were in force, each at the tariff's price, its amount by its energy, their sum."""
        idle = [n for n, period in enumerate(bill.periods) if period.energy_dwh and n not in _rates_of(bill, tariff)]
        if idle:
            energy = format_kwh(bill.periods[idle[0]].energy_dwh)
            expected = f"no energy at rate {idle[0] + 1}, which no half-hour of the charge has"
            self.failed(expected, energy, seen=settled.seen, order=order)
            return
        misplaced = self._misplaced(bill, order)
        if misplaced is not None and self._clock_moved(order):
            self.open(f"{HELD_BACK} while energy was counted by it{self.where_told}")
            return
        if misplaced is not None:
            self.failed(*misplaced, seen=settled.seen, order=order)
            return
        prices = [rate.energy_mfen + rate.service_mfen for rate in tariff.rates]
        checks: list[tuple[str, int, int]] = [
            (f"the price of rate {n + 1}", price, period.price_mfen)
            for n, (price, period) in enumerate(zip(prices, bill.periods, strict=False))
        ]
        checks += [
            (f"the amount of rate {n + 1}", round_half_up(p.energy_dwh * p.price_mfen, 10_000), p.amount_mfen)
            for n, p in enumerate(bill.periods)
        ]
        checks.append(("the amount of all rates", sum(p.amount_mfen for p in bill.periods), bill.fees_mfen))
        for name, right, told in checks:
            off = abs(right - told)
            if off > self.limit.value:
                self.failed(
                    f"{name} {format_yuan(right)}, within {format_yuan(self.limit.value)}",
                    format_yuan(told),
                    seen=settled.seen,
                    order=order,
                    measured=off,
                )
                return
            self.passed(off)


def _rates_of(bill: Bill, tariff: Tariff) -> set[int]:
    """The rates of the half-hours from the bill's start to its end; all of them where it tells no end."""
    start_ns, end_ns = bill.start.epoch_ns, bill.end.epoch_ns if bill.end is not None else None
    if start_ns is None or end_ns is None or end_ns - start_ns >= DAY:
        return set(tariff.rate_of)
    instants = (*range(start_ns, end_ns, 30 * MINUTE), end_ns)
    return {tariff.rate_of[half_hour_of_day(instant_ns)] for instant_ns in instants}


class Occupancy(_Charge):
    """Occupancy minutes and fee follow from end, leave, free minutes and rate."""

    def judge(self, settled: SettledBill, bill: Bill, order: Order) -> None:
        end = bill.end.epoch_ns if bill.end is not None else None
        coarse = 0
        if bill.end is None and bill.start.epoch_ns is not None and bill.charge_minutes is not None:
            end, coarse = bill.start.epoch_ns + bill.charge_minutes * MINUTE, 1
        leave = bill.leave.epoch_ns if bill.leave is not None else None
        if end is None or leave is None or leave < end or bill.occupancy_minutes is None:
            self.open("the bill tells no end, no leave or no occupancy")
            return
        minutes = (leave - end) // MINUTE
        slack = self.limit.value + coarse
        if abs(minutes - bill.occupancy_minutes) > slack:
            self.failed(
                f"{minutes} minutes of occupancy, from {format_local(end)} to {format_local(leave)}",
                f"{bill.occupancy_minutes} minutes",
                seen=settled.seen,
                order=order,
                measured=abs(minutes - bill.occupancy_minutes),
            )
            return
        self._fee(settled, bill, order, end, minutes, slack)

    def _fee(self, settled: SettledBill, bill: Bill, order: Order, end: int, minutes: int, slack: int) -> None:
        tariff, billed = order.tariff, bill.occupancy_fee_mfen
        if tariff is None or billed is None:
            self.open(NO_TARIFF if tariff is None else "the bill tells no occupancy fee")
            return
        rate = tariff.occupancy_rate_mfen(minute_of_day(end))
        fees = [max(0, m - tariff.free_minutes) * rate for m in (minutes - slack, minutes, minutes + slack)]
        if fees[0] - FEN_MFEN <= billed <= fees[2] + FEN_MFEN:
            self.passed(abs(minutes - (bill.occupancy_minutes or 0)))
        else:
            self.failed(
                f"an occupancy fee of {format_yuan(fees[1])} for {minutes} minutes, {tariff.free_minutes} of them free",
                format_yuan(billed),
                seen=settled.seen,
                order=order,
            )


class BilledReason(_Charge):
    """The stop reason agrees with what was done; 99 only when unplugged unasked, and then without occupancy."""

    def judge(self, settled: SettledBill, bill: Bill, order: Order) -> None:
        if bill.stop_reason is None:
            return
        if bill.stop_reason is StopReason.UNKNOWN:
            self.open("the bill's reason is none that the protocol lists; frame.valid tells that")
            return
        if order.power_lost or order.over is None:
            self.open("power was lost, or the end of the charge not seen")
            return
        allowed = self._allowed(bill, order)
        if not allowed:
            if bill.stop_reason in (StopReason.UNEXPECTED, StopReason.PLATFORM):
                allowed = {StopReason.FULL, StopReason.BALANCE, StopReason.AT_PILE, StopReason.FAULT}
            else:
                self.open(f"nothing in the trace tells why the charge ended{self.where_done}")
                return
        if bill.stop_reason not in allowed and not self.facts.acts_known and not order.gapless:
            self.open(f"the end of the charge lies in a gap of the recording{self.where_done}")
        elif bill.stop_reason not in allowed and self._perhaps_held(bill, order):
            self.open(f"the line may have held up the stop: {self.would_tell}")
        elif bill.stop_reason is StopReason.AT_PILE and bill.stop_reason not in allowed and not self.facts.acts_known:
            self.open("perhaps it was stopped at the pile: what was done there would tell")
        elif bill.stop_reason not in allowed:
            self.failed(
                f"stop reason {' or '.join(sorted(allowed))}", f"{bill.stop_reason}", seen=settled.seen, order=order
            )
        elif bill.stop_reason is StopReason.UNEXPECTED:
            self._unplugged(settled, bill, order)
        else:
            self.passed()

    def _perhaps_held(self, bill: Bill, order: Order) -> bool:
        """From afar: the stop that the bill names was sent, and perhaps reached the pile when the charge ended."""
        sent_ns = order.stop_ns if self.remote and bill.stop_reason is StopReason.PLATFORM else None
        return sent_ns is not None and order.over is not None and sent_ns <= order.over.late_ns

    def _allowed(self, bill: Bill, order: Order) -> set[StopReason]:
        """The reasons that fit what was done before the charge was over, the earliest first and alone."""
        assert order.over is not None
        causes: list[tuple[int, set[StopReason]]] = []
        if order.stop_ns is not None:
            causes.append((order.stop_ns, {StopReason.PLATFORM}))
        if order.at_pile_ns is not None:
            causes.append((order.at_pile_ns, {StopReason.AT_PILE}))
        if order.fault_ns is not None or order.fault_seen:
            reasons = {StopReason.FAULT, StopReason.AT_PILE} if order.emergency else {StopReason.FAULT}
            causes.append((order.fault_ns or order.over.late_ns, reasons))
        if order.leave_before_over and order.leave is not None:
            causes.append((order.leave.early_ns or 0, {StopReason.UNEXPECTED}))
        # What the charge outlived for longer than a stop may take did not end it.
        outlived_ns = (order.over.early_ns or 0) - self.scene.limit("stop.ends-charge").value
        causes = [cause for cause in causes if outlived_ns <= cause[0] <= order.over.late_ns]
        if not causes:
            return self._by_itself(bill, order)
        earliest = min(t for t, _ in causes)
        near = {reason for t, reasons in causes if t - earliest <= CAUSES_NEAR_NS for reason in reasons}
        # The battery may be full, or the balance used up, just before the stop arrives or the cable is pulled.
        return near | self._by_itself(bill, order)

    def _by_itself(self, bill: Bill, order: Order) -> set[StopReason]:
        allowed: set[StopReason] = set()
        full = order.after is not None and order.after.message.state is GunState.OCCUPIED_FULL
        if full or order.by_battery:
            allowed.add(StopReason.FULL)
        fees = bill.fees_mfen
        if order.balance_mfen is not None and fees >= order.balance_mfen - order.gain_mfen - FEN_MFEN:
            allowed.add(StopReason.BALANCE)
        return allowed

    def _unplugged(self, settled: SettledBill, bill: Bill, order: Order) -> None:
        end = bill.end.epoch_ns if bill.end is not None else None
        leave = bill.leave.epoch_ns if bill.leave is not None else None
        gap = leave - end if end is not None and leave is not None else 0
        if gap > self.limit_ns or (bill.occupancy_fee_mfen or 0) > 0:
            self.failed(
                f"leave within {format_duration(self.limit_ns)} of the end, and no occupancy fee, when unplugged",
                f"{format_duration(gap)} and {format_yuan(bill.occupancy_fee_mfen or 0)}",
                seen=settled.seen,
                order=order,
                measured=gap,
            )
        else:
            self.passed(gap)


class FreeParking(_Charge):
    """No occupancy is charged while the parking place is free."""

    def judge(self, settled: SettledBill, bill: Bill, order: Order) -> None:
        free, other = order.parking
        fee = bill.occupancy_fee_mfen
        if fee is None or free + other == 0:
            self.open(f"no parking sensor was heard between the end of the charge and the leave{self.where_told}")
        elif fee > 0 and other == 0:
            self.failed(
                "no occupancy fee for a place that parking says is free",
                format_yuan(fee),
                seen=settled.seen,
                order=order,
            )
        elif fee > 0 and free > 0:
            self.open("the place was free for a part of the time")
        else:
            self.passed()
