"""battery.*: what a pile passes on of the car's battery agrees with its reports, with itself and with the bill.

Owns the cross-checks between what one pile tells twice. Must not know when these messages are due, nor judge what a
battery may want: a pile that passes nothing on is not judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar
from weakref import WeakKeyDictionary

from pilesim.rules.order import Order, SettledBill
from pilesim.rules.rule import Rule, RuleRow, Scene
from pilesim.trace.decoder import Seen
from pilesim.trace.events import LineDown, LineUp, Reachable
from pilesim.units import MINUTE, format_duration, format_kwh
from pilesim.wire.messages import (
    BmsDemand,
    BmsHandshake,
    BmsInfo,
    ChargeSummary,
    GunReport,
    GunState,
    Message,
)

PENDING_KEPT = 16
"""Messages of a battery that wait for the next report; more come only where reports do not."""
OVER_DEMAND_CA, OVER_DEMAND_PERCENT = 200, 5
"""What is measured may lie above what was wanted by so much, 0.01 A, and so much of it: demands fall in steps."""
MINUTES_APART = 1


@dataclass(frozen=True, slots=True)
class Quantity:
    """What both a message of the battery and a report tell."""

    name: str
    unit: str
    scale: int
    """So many of what it is held in make one of its unit."""
    told: Callable[[Message], int | None]
    shown: Callable[[GunReport], int | None]
    spare: int
    percent: int = 0
    """How far both may lie apart: `spare`, and so much of it."""

    def text(self, value: int) -> str:
        return f"{self.name} {value / self.scale:g} {self.unit}"


@dataclass(slots=True)
class _Charge:
    """What was told of one gun's charge since its last report."""

    report: GunReport | None = None
    pending: list[tuple[Seen, Message]] = field(default_factory=list)


class Beside(Rule):
    """What a message of the battery tells lies between what the gun's reports before and after it tell."""

    wants = (GunReport, BmsDemand, BmsInfo)
    quantities: ClassVar[tuple[Quantity, ...]]

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._charges: dict[int, _Charge] = {}

    def on_seen(self, seen: Seen, message: Message) -> None:
        charge = self._charges.setdefault(message.gun, _Charge())
        if not isinstance(message, GunReport):
            if charge.report is not None:
                charge.pending.append((seen, message))
                del charge.pending[:-PENDING_KEPT]
        elif message.state is not GunState.CHARGING:
            del self._charges[message.gun]
        elif not message.change:
            for waiting, told in charge.pending:
                self._compare(waiting, told, charge.report or message, message)
            self._charges[message.gun] = _Charge(message)

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        # What was told while the line was down lies in no report.
        self._charges.clear()

    def _compare(self, seen: Seen, message: Message, before: GunReport, after: GunReport) -> None:
        for quantity in self.quantities:
            told = quantity.told(message)
            shown = [value for value in (quantity.shown(before), quantity.shown(after)) if value is not None]
            if told is None or not shown:
                continue
            least, most = min(shown), max(shown)
            if least - self._spare(quantity, least) <= told <= most + self._spare(quantity, most):
                self.passed()
                continue
            expected = quantity.text(least) + (f" to {most / quantity.scale:g}" if most != least else "")
            self.failed(f"{expected}, as reports show", quantity.text(told), seen=seen, gun=message.gun)

    def _spare(self, quantity: Quantity, value: int) -> int:
        return quantity.spare + value * quantity.percent // 100


def _of_demand(name: str) -> Callable[[Message], int | None]:
    """The field `name` of a demand; None of any other message."""

    def told(message: Message) -> int | None:
        value = getattr(message, name) if isinstance(message, BmsDemand) else None
        return value if isinstance(value, int) else None

    return told


def _hottest(message: Message) -> int | None:
    battery = message.battery if isinstance(message, BmsDemand | BmsInfo) else None
    return battery.hottest_c if battery is not None else None


def _tenfold(value: int | None) -> int | None:
    return None if value is None else 10 * value


class Output(Beside):
    """The charger's output, as told to the battery, is that of the gun's reports."""

    quantities = (
        Quantity("output", "V", 100, _of_demand("out_cv"), lambda report: _tenfold(report.volts_dv), 200, 2),
        Quantity("output", "A", 100, _of_demand("out_ca"), lambda report: _tenfold(report.amps_da), 200, 5),
    )


class Soc(Beside):
    """The battery's state of charge is that of the gun's reports, and never falls while it is charged."""

    quantities = (Quantity("SOC", "%", 1, _of_demand("soc_percent"), lambda report: report.soc_percent, 1),)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._highest: dict[int, int] = {}

    def on_seen(self, seen: Seen, message: Message) -> None:
        super().on_seen(seen, message)
        if isinstance(message, GunReport):
            if message.state is not GunState.CHARGING:
                self._highest.pop(message.gun, None)
        elif isinstance(message, BmsDemand) and message.soc_percent is not None:
            before = self._highest.get(message.gun, message.soc_percent)
            self._highest[message.gun] = max(before, message.soc_percent)
            if message.soc_percent < before:
                self.failed(f"SOC {before} % at least", f"SOC {message.soc_percent} %", seen=seen, gun=message.gun)
            else:
                self.passed()


class Temperature(Beside):
    """The battery's hottest place is as hot as the gun's reports say."""

    quantities = (Quantity("hottest place", "°C", 1, _hottest, lambda report: report.battery_c, 1),)


class Demand(Rule):
    """No more current is measured than the battery wants."""

    wants = (BmsDemand,)

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, BmsDemand)
        need, measured = message.need_ca, message.measured_ca
        if need is None or measured is None:
            return
        if measured <= need + OVER_DEMAND_CA + need * OVER_DEMAND_PERCENT // 100:
            self.passed()
        else:
            self.failed(f"at most {need / 100:g} A", f"{measured / 100:g} A", seen=seen, gun=message.gun)


class Summary(Rule):
    """What is summed up of a charge at its end is what is billed."""

    wants = (ChargeSummary,)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._summed: WeakKeyDictionary[Order, tuple[Seen, ChargeSummary]] = WeakKeyDictionary()

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, ChargeSummary)
        running = self.facts.gun(message.gun).running
        order = self.facts.orders.get(message.order) if message.order else running
        if order is not None:
            self._summed[order] = (seen, message)

    def on_bill(self, settled: SettledBill) -> None:
        seen, told = self._summed.get(settled.order, (None, None)) if settled.order is not None else (None, None)
        if seen is None or told is None:
            return
        bill = settled.bill
        off_dwh = abs(told.energy_dwh - bill.energy_dwh)
        end_ns = bill.end.epoch_ns if bill.end is not None else None
        if off_dwh > self.limit.value:
            self.failed(
                f"{format_kwh(bill.energy_dwh)}, as billed, within {format_kwh(self.limit.value)}",
                format_kwh(told.energy_dwh),
                seen=seen,
                order=settled.order,
                measured=off_dwh,
            )
        elif end_ns is None or bill.start.epoch_ns is None:
            self.open("the bill tells no start or no end")
        elif abs((end_ns - bill.start.epoch_ns) // MINUTE - told.charged_minutes) > MINUTES_APART:
            billed = format_duration(end_ns - bill.start.epoch_ns)
            self.failed(f"{billed}, as billed", f"{told.charged_minutes} min", seen=seen, order=settled.order)
        else:
            self.passed(off_dwh)


class Vin(Rule):
    """The car that is billed is the one that was met."""

    wants = (BmsHandshake,)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._met: WeakKeyDictionary[Order, BmsHandshake] = WeakKeyDictionary()

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, BmsHandshake)
        gun = self.facts.gun(message.gun)
        order = self.facts.orders.get(message.order) if message.order else gun.running or gun.waiting
        if order is not None:
            self._met[order] = message

    def on_bill(self, settled: SettledBill) -> None:
        met = self._met.get(settled.order) if settled.order is not None else None
        if met is None:
            return
        if not met.vin or not settled.bill.vin:
            self.open("the bill, or what the car told, carries no VIN")
        elif met.vin == settled.bill.vin:
            self.passed()
        else:
            self.failed(f"VIN {met.vin}, which was met", settled.bill.vin, seen=settled.seen, order=settled.order)
