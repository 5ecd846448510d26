"""What each order's bill should have said, with bounds, and the frames they rest on.

Owns the reckoning: times between the reports where the state changed, energy by meter and reports, fees by the tariff.
Must not know how it is shown. Integers throughout: epoch ns, 0.1 Wh, 1e-5 yuan, whole minutes. Times are those of the
platform's clock, by which piles go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import msgspec

from pilesim.contract.contract import BillDue
from pilesim.reconstruct.story import Passage, Story
from pilesim.rules.order import Order, Report, Span
from pilesim.trace.events import Missing
from pilesim.units import (
    KWH_DWH,
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
from pilesim.wire.messages import Bill, GunReport, GunState, Stamp, Tariff

HALF_HOUR_NS = 30 * MINUTE
UNLIMITED = 1 << 62
CLOCK_SLACK_NS = 2 * S
"""So far the pile's clock may be off the platform's, and so far reports may have been under way."""
FEW_NS = 30 * S
"""A charge seen for less tells no highest power."""
ENERGY_PER_HUNDRED = 1
"""What a bill's energy may be off by beside its limit, in percent."""


class Unit(StrEnum):
    """What a figure counts."""

    TIME = "time"
    ENERGY = "energy"
    MONEY = "money"
    MINUTES = "minutes"

    def show(self, value: int) -> str:
        """A value of it, for people."""
        match self:
            case Unit.TIME:
                return format_local(value)
            case Unit.ENERGY:
                return format_kwh(value)
            case Unit.MONEY:
                return format_yuan(value)
            case Unit.MINUTES:
                return f"{value} min"

    def show_difference(self, value: int) -> str:
        """A difference of two of it, with its sign."""
        size = abs(value)
        shown = format_duration(size) if self is Unit.TIME else self.show(size)
        return f"{'-' if value < 0 else '+'}{shown}"


class Standing(StrEnum):
    """How an order's bill stands to what the log supports."""

    RIGHT = "right"
    WRONG = "wrong"
    LOST = "lost"
    """It charged, and no bill of it is in the log, though one was due."""
    AWAITED = "awaited"
    """It charged, and by the log's end no bill was due."""
    UNTOLD = "untold"
    """The log tells in words that it has a bill, and not whether it charged."""
    UNDUE = "undue"
    """It never charged, and has a bill."""
    NONE_DUE = "none due"


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure of a bill. None where the log does not tell."""

    name: str
    unit: Unit
    least: int | None = None
    most: int | None = None
    likely: int | None = None
    billed: int | None = None
    """As the bill says it."""
    own: int | None = None
    """As the platform's own bill has it, from heartbeats alone."""
    allowed: int = 0
    """A bill may be off by so much."""
    frames: tuple[int, ...] = ()
    """Those that it rests on: lines of the log, or numbers of frames where it has no lines."""

    @property
    def off(self) -> int | None:
        """How far the bill lies outside the bounds; 0: within. None where one of them is not known."""
        if self.billed is None:
            return None
        if self.least is not None and self.billed < self.least:
            return self.billed - self.least
        if self.most is not None and self.billed > self.most:
            return self.billed - self.most
        return 0 if self.least is not None or self.most is not None else None

    @property
    def wrong(self) -> bool:
        """The bill is off by more than is allowed."""
        return abs(self.off or 0) > self.allowed


class Reckoning(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order: what its bill should have said, beside what it said."""

    order: str
    gun: int
    standing: Standing
    figures: tuple[Figure, ...] = ()
    remarks: tuple[str, ...] = ()
    bill_frame: int = 0

    def figure(self, name: str) -> Figure:
        """The figure called `name`; KeyError where there is none."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """An instant, or a count, between two bounds."""

    least: int | None
    most: int | None
    likely: int | None
    frames: tuple[int, ...] = ()


_UNKNOWN = _Bounds(None, None, None)


def reckonings(story: Story, tariff: Tariff | None = None) -> tuple[Reckoning, ...]:
    """Every order of the log. `tariff` goes before the one that the log tells."""
    return tuple(_Reckoner(story, order, tariff or order.tariff).reckoned() for order in story.orders)


class _Reckoner:
    """One order's."""

    def __init__(self, story: Story, order: Order, tariff: Tariff | None) -> None:
        self._story = story
        self._order = order
        self._tariff = tariff
        self._step_dwh = story.contract.bill_energy_dwh
        self._step_mfen = story.contract.bill_money_mfen
        bill, self._bill_frame, self._stray = _bill_of(story, order)
        self._timeless = tuple(_timeless(bill)) if bill is not None else ()
        # What a line in words calls a bill has none of its figures.
        self._worded = bill is not None and Missing.FRAMES in story.header.missing
        self._bill = None if self._worded else bill
        period = story.contract.limits.get("beat.period")
        self._beat_ns = period.value if period is not None else 0
        """After so long without a report one was missed."""
        self._over = order.over is not None and order.leave is not None
        """Its bill is due."""

    def reckoned(self) -> Reckoning:
        order = self._order
        if order.first is None:
            return self._uncharged()
        figures = tuple(self._figures())
        # A time that is none is outside no bounds, and wrong all the same.
        standing = Standing.WRONG if self._timeless or any(figure.wrong for figure in figures) else Standing.RIGHT
        if order.bill is None:
            standing = Standing.LOST if self._over else Standing.AWAITED
        elif self._worded:
            standing = Standing.UNTOLD
        return Reckoning(
            order=order.number,
            gun=order.gun,
            standing=standing,
            figures=figures,
            remarks=tuple(self._remarks(figures)),
            bill_frame=self._bill_frame,
        )

    def _uncharged(self) -> Reckoning:
        order, bill = self._order, self._bill
        if self._worded:
            return Reckoning(
                order=order.number,
                gun=order.gun,
                standing=Standing.UNTOLD,
                remarks=(*self._timeless, "no line tells of its charge, nor more of its bill: a log of frames would"),
                bill_frame=self._bill_frame,
            )
        if bill is None:
            return Reckoning(order=order.number, gun=order.gun, standing=Standing.NONE_DUE)
        told = bill.fees_mfen + (bill.occupancy_fee_mfen or 0)
        nothing = Figure(name="total", unit=Unit.MONEY, least=0, most=0, likely=0, billed=told)
        energy = Figure(name="energy", unit=Unit.ENERGY, least=0, most=0, likely=0, billed=bill.energy_dwh)
        standing = Standing.NONE_DUE if self._story.contract.bill_of_failed_start else Standing.UNDUE
        return Reckoning(
            order=order.number,
            gun=order.gun,
            standing=standing,
            figures=(energy, nothing),
            remarks=("it never charged, by what the log shows",),
            bill_frame=self._bill_frame,
        )

    def _figures(self) -> Iterator[Figure]:
        story, order, bill, tariff = self._story, self._order, self._bill, self._tariff
        # What no contract limits is off by nothing.
        limits = defaultdict(lambda: UNLIMITED, {name: limit.value for name, limit in story.contract.limits.items()})
        plug_ns, span_ns = limits["bill.plug-times"], limits["bill.duration"]
        start, end = self._start(), self._span(order.over)
        leave, energy = self._leave(), self._energy()
        own_start = _epoch(order.first_record.message.start) if order.first_record is not None else None
        own_end = order.after.t_ns if order.after is not None else None
        with_leave = story.contract.bill_due is BillDue.LEAVE
        if with_leave:
            yield _time("arrive", self._span(order.plugged), bill.arrive if bill is not None else None, None, plug_ns)
        yield _time("start", start, bill.start if bill is not None else None, own_start or start.most, span_ns)
        own = story.epoch_ns(own_end) if own_end is not None else None
        yield _time("end", end, _end_of(bill) if bill is not None else None, own, span_ns)
        if with_leave:
            yield _time("leave", leave, bill.leave if bill is not None else None, None, plug_ns)
        allowed = limits["bill.energy"] + (energy.most or energy.least or 0) * ENERGY_PER_HUNDRED // 100
        yield _figure(
            "energy", Unit.ENERGY, energy, bill.energy_dwh if bill is not None else None, order.shown_dwh, allowed
        )
        if tariff is None:
            return
        charge = self._fee(tariff.energy_mfen, start, end, energy)
        service = self._fee(tariff.service_mfen, start, end, energy)
        cent = limits["bill.amount"]
        apart = bill is not None and bill.charge_fee_mfen is not None and bill.service_fee_mfen is not None
        if apart or bill is None:
            yield _figure(
                "charge fee", Unit.MONEY, charge, bill.charge_fee_mfen if bill is not None else None, None, cent
            )
            yield _figure(
                "service fee", Unit.MONEY, service, bill.service_fee_mfen if bill is not None else None, None, cent
            )
        fees = _sum(charge, service)
        amount = order.record.message.amount_mfen if order.record is not None else None
        yield _figure("fees", Unit.MONEY, fees, bill.fees_mfen if bill is not None else None, amount, 2 * cent)
        if not with_leave or not tariff.occupancy:
            return
        minutes, fee = self._occupancy(tariff, end, leave)
        told_minutes = bill.occupancy_minutes if bill is not None else None
        told_fee = bill.occupancy_fee_mfen if bill is not None else None
        yield _figure("occupancy", Unit.MINUTES, minutes, told_minutes, None, limits["bill.occupancy"])
        yield _figure("occupancy fee", Unit.MONEY, fee, told_fee, None, limits["bill.occupancy"] * _dearest(tariff))
        total = bill.fees_mfen + (bill.occupancy_fee_mfen or 0) if bill is not None else None
        most_off = 2 * cent + limits["bill.occupancy"] * _dearest(tariff)
        yield _figure("total", Unit.MONEY, _sum(fees, fee), total, None, most_off)

    # Times ------------------------------------------------------------------------------------------------------

    def _at(self, report: Report | None) -> tuple[int, ...]:
        return (report.seen.line or report.seen.index,) if report is not None else ()

    def _start(self) -> _Bounds:
        """After the start's command and the last report that does not charge, by the first that does."""
        story, order = self._story, self._order
        assert order.first is not None
        before = order.before
        earliest = [t_ns for t_ns in (order.start_ns, before.t_ns if before is not None else None) if t_ns is not None]
        least = story.epoch_ns(max(earliest)) if earliest else None
        most = story.epoch_ns(order.first.t_ns)
        told = _epoch(order.first_record.message.start) if order.first_record is not None else None
        likely = told if told is not None and (least is None or least - MINUTE <= told <= most + MINUTE) else most
        if likely is not None:
            likely = min(max(likely, least if least is not None else likely), most)
        return _Bounds(least, most, likely, self._at(before) + self._at(order.first))

    def _span(self, span: Span | None) -> _Bounds:
        """Where a state changed, between two reports; a change is told at once, so that the later is the likely one."""
        story = self._story
        if span is None:
            return _UNKNOWN
        least = story.epoch_ns(span.early_ns) if span.early_ns is not None else None
        most = story.epoch_ns(span.late_ns)
        frames = tuple(
            passage.seen.line or passage.seen.index
            for passage in self._reports()
            if passage.t_ns in (span.early_ns, span.late_ns)
        )
        return _Bounds(least, most, most, frames)

    def _leave(self) -> _Bounds:
        """When the cable was pulled. While the line was gone, that may have been long before the next start."""
        order, bounds = self._order, self._span(self._order.leave)
        over = order.over
        if order.leave is None or over is None or not order.leave_by_start:
            return bounds
        for earlier, later in pairwise(self._reports()):
            report = later.message
            assert isinstance(report, GunReport)
            gap_ns = later.t_ns - earlier.t_ns
            if later.t_ns < over.late_ns or later.t_ns > order.leave.late_ns or report.state is not GunState.IDLE:
                continue
            if gap_ns > self._beat_ns:
                frames = (earlier.seen.line or earlier.seen.index, later.seen.line or later.seen.index)
                most = self._story.epoch_ns(later.t_ns)
                return _Bounds(self._story.epoch_ns(earlier.t_ns), most, most, frames)
        return bounds

    def _reports(self) -> Iterator[Passage]:
        gun = self._order.gun
        return (p for p in self._story.passages if isinstance(p.message, GunReport) and p.message.gun == gun)

    # Energy -----------------------------------------------------------------------------------------------------

    def _points(self) -> list[tuple[int, int, int]]:
        """What had flowed by when: (epoch ns, 0.1 Wh, frame) of each report of the charge that tells it."""
        order = self._order
        points: list[tuple[int, int, int]] = []
        before = order.metered_before.message.meter_dwh if order.metered_before is not None else None
        for passage in self._reports():
            report = passage.message
            assert isinstance(report, GunReport)
            if report.state is not GunState.CHARGING or passage.order is not order:
                continue
            energy = report.energy_dwh
            if energy is None and report.meter_dwh is not None and before is not None:
                energy = report.meter_dwh - before
            if energy is not None and (not points or energy >= points[-1][1]):
                points.append((self._story.epoch_ns(passage.t_ns), energy, passage.seen.line or passage.seen.index))
        return points

    def _energy(self) -> _Bounds:
        order, step = self._order, self._step_dwh
        points = self._points()
        least = points[-1][1] if points else None
        frames = (points[-1][2],) if points else ()
        most, likely = None, least
        metered = self._metered()
        if metered is not None:
            # A bill rounds each half-hour's energy, and the meter is read to a step before and after.
            spare = step + (1 + self._halves()) * step // 2
            least, most = max(0, (least or 0) - spare + step, metered - spare), metered + spare
            likely = max(metered, least)
            frames = (*self._at(order.metered_before), *self._at(order.metered_after), *frames)
        elif points and order.over is not None and points[-1][0] - points[0][0] >= FEW_NS:
            power, per_ns = order.peak
            # Where reports are missing the last of them may have been held up since soon after the one before.
            since_ns = points[-1][0] if order.gapless else points[-2][0]
            late_ns = self._story.epoch_ns(order.over.late_ns) - since_ns
            most = points[-1][1] + power * late_ns // per_ns + step
        elif order.over is None:
            most = None
        return _Bounds(least, most, likely, frames)

    def _halves(self) -> int:
        """How many times the charge went from one half-hour to the next."""
        order = self._order
        assert order.first is not None
        end_ns = order.over.late_ns if order.over is not None else self._story.end_ns
        first = self._story.epoch_ns(order.first.t_ns) // HALF_HOUR_NS
        return self._story.epoch_ns(end_ns) // HALF_HOUR_NS - first

    def _metered(self) -> int | None:
        """What the gun's meter went on by, from the report before the charge to the one after it."""
        order = self._order
        if order.metered_before is None or order.metered_after is None:
            return None
        before, after = order.metered_before.message.meter_dwh, order.metered_after.message.meter_dwh
        return after - before if before is not None and after is not None and after >= before else None

    # Money ------------------------------------------------------------------------------------------------------

    def _fee(self, prices: Sequence[int], start: _Bounds, end: _Bounds, energy: _Bounds) -> _Bounds:
        """What the energy cost in the half-hours in which it may have flowed, rounded as a bill rounds."""
        if energy.least is None or energy.likely is None:
            return _UNKNOWN
        told = self._points()
        first_ns = start.least if start.least is not None else start.most
        ends = [end.most] if end.most is not None else []
        edges = [(first_ns or told[0][0], 0), *((t_ns, dwh) for t_ns, dwh, _ in told)]
        low = high = likely = 0
        for (from_ns, was), (to_ns, now) in pairwise(edges):
            cheap, dear, usual = _prices(prices, from_ns, to_ns)
            low, high, likely = low + (now - was) * cheap, high + (now - was) * dear, likely + (now - was) * usual
        last_ns, last = edges[-1]
        cheap, dear, usual = _prices(prices, last_ns, max([last_ns, *ends]))
        low += max(0, energy.least - last) * cheap
        likely += max(0, energy.likely - last) * usual
        most = None
        halves = 1 + (max([last_ns, *ends]) // HALF_HOUR_NS - edges[0][0] // HALF_HOUR_NS)
        # Each half-hour's energy is rounded, and reports cut theirs, so that as much may lie on either side.
        spare = halves * self._step_dwh * max(prices) // KWH_DWH + self._step_mfen
        if energy.most is not None:
            most = (high + max(0, energy.most - last) * dear) // KWH_DWH + spare
        least = max(0, low // KWH_DWH - spare)
        rounded = round_half_up(likely, KWH_DWH * self._step_mfen) * self._step_mfen
        return _Bounds(least, most, rounded, energy.frames)

    def _occupancy(self, tariff: Tariff, end: _Bounds, leave: _Bounds) -> tuple[_Bounds, _Bounds]:
        if end.most is None or leave.most is None:
            return _UNKNOWN, _UNKNOWN
        frames = (*end.frames, *leave.frames)
        earliest_end = end.least if end.least is not None else None
        shortest = max(0, (leave.least if leave.least is not None else end.most) - end.most) // MINUTE
        longest = max(0, leave.most - earliest_end) // MINUTE if earliest_end is not None else None
        likely = max(0, leave.most - (end.likely or end.most)) // MINUTE
        rates = {tariff.occupancy_rate_mfen(minute_of_day(at)) for at in (earliest_end, end.most) if at is not None}

        def fee(minutes: int, rate: int) -> int:
            return max(0, minutes - tariff.free_minutes) * rate

        rate = tariff.occupancy_rate_mfen(minute_of_day(end.likely or end.most))
        most = fee(longest, max(rates)) if longest is not None else None
        money = _Bounds(fee(shortest, min(rates)), most, fee(likely, rate), frames)
        return _Bounds(shortest, longest, likely, frames), money

    # Words ------------------------------------------------------------------------------------------------------

    def _remarks(self, figures: Iterable[Figure]) -> Iterator[str]:
        order, bill, tariff = self._order, self._bill, self._tariff
        if order.bill is None:
            yield "no bill of it is in the log" + (
                "" if self._over else ", and none was due by its end: the cable was still in"
            )
        if self._stray:
            place = "line" if self._story.header.source else "frame"
            yield f"a bill without its order came in {place} {self._bill_frame}: it is held against this one"
        if self._worded:
            yield "what stands in its bill the log does not tell: a log of frames would"
        if tariff is None:
            yield "the log tells no tariff: --tariff gives one, and then there are fees"
        if order.suspended:
            yield order.suspended
        if not order.gapless:
            yield "reports are missing in the charge, so that its bounds are wide"
        if bill is not None and tariff is not None and bill.occupancy_fee_mfen is not None:
            end, leave = _epoch(_end_of(bill)), _epoch(bill.leave)
            if end is not None and leave is not None and leave >= end:
                minutes = (leave - end) // MINUTE
                rate = tariff.occupancy_rate_mfen(minute_of_day(end))
                by_itself = max(0, minutes - tariff.free_minutes) * rate
                if abs(by_itself - bill.occupancy_fee_mfen) > rate:
                    yield (
                        f"by the bill's own end and leave {minutes} min were occupied, which cost "
                        f"{format_yuan(by_itself)}, and not the {format_yuan(bill.occupancy_fee_mfen)} that it says"
                    )
        yield from self._timeless


def _timeless(bill: Bill) -> Iterator[str]:
    """What of its times is none, though it stands there."""
    times = (("arrive", bill.arrive), ("start", bill.start), ("end", _end_of(bill)), ("leave", bill.leave))
    for name, stamp in times:
        if stamp is not None and stamp.epoch_ns is None:
            yield f"the bill has no time of {name}"


def _bill_of(story: Story, order: Order) -> tuple[Bill | None, int, bool]:
    """The order's bill, the line or frame it is in, and whether it carries no order, or one that nobody knows."""
    if order.bill is not None and order.bill_seen is not None:
        return order.bill, order.bill_seen.line or order.bill_seen.index, False
    if order.over is None:
        return None, 0, False
    known = {other.number for other in story.orders if other.authorised_ns is not None or other.first is not None}
    for passage in story.passages:
        bill = passage.message
        if not isinstance(bill, Bill) or bill.gun != order.gun or passage.t_ns < order.over.late_ns:
            continue
        if bill.order in known:
            return None, 0, False
        return bill, passage.seen.line or passage.seen.index, True
    return None, 0, False


def _end_of(bill: Bill) -> Stamp | None:
    """A bill's end; where it has none, its start and minutes."""
    start_ns = _epoch(bill.start)
    if bill.end is not None or start_ns is None or bill.charge_minutes is None:
        return bill.end
    return Stamp(start_ns + bill.charge_minutes * MINUTE)


def _epoch(stamp: Stamp | None) -> int | None:
    return stamp.epoch_ns if stamp is not None else None


def _time(name: str, bounds: _Bounds, billed: Stamp | None, own: int | None, allowed: int) -> Figure:
    return _figure(name, Unit.TIME, bounds, _epoch(billed), own, allowed)


def _figure(name: str, unit: Unit, bounds: _Bounds, billed: int | None, own: int | None, allowed: int) -> Figure:
    return Figure(
        name=name,
        unit=unit,
        least=bounds.least,
        most=bounds.most,
        likely=bounds.likely,
        billed=billed,
        own=own,
        allowed=allowed,
        frames=tuple(dict.fromkeys(bounds.frames)),
    )


def _sum(one: _Bounds, other: _Bounds) -> _Bounds:
    def both(a: int | None, b: int | None) -> int | None:
        return a + b if a is not None and b is not None else None

    frames = tuple(dict.fromkeys((*one.frames, *other.frames)))
    return _Bounds(both(one.least, other.least), both(one.most, other.most), both(one.likely, other.likely), frames)


def _prices(prices: Sequence[int], from_ns: int, to_ns: int) -> tuple[int, int, int]:
    """The least, the most and the mean price from one instant to another, mfen a kWh."""
    first, last = (from_ns - CLOCK_SLACK_NS) // HALF_HOUR_NS, (to_ns + CLOCK_SLACK_NS) // HALF_HOUR_NS
    met = [prices[half_hour_of_day(half * HALF_HOUR_NS)] for half in range(first, last + 1)]
    if from_ns >= to_ns:
        return min(met), max(met), prices[half_hour_of_day(from_ns)]
    weighed = 0
    for half in range(from_ns // HALF_HOUR_NS, to_ns // HALF_HOUR_NS + 1):
        since, until = max(from_ns, half * HALF_HOUR_NS), min(to_ns, (half + 1) * HALF_HOUR_NS)
        weighed += max(0, until - since) * prices[half_hour_of_day(half * HALF_HOUR_NS)]
    return min(met), max(met), weighed // (to_ns - from_ns)


def _dearest(tariff: Tariff) -> int:
    return max((band.rate_mfen for band in tariff.occupancy), default=0)
