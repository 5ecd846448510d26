"""bill.* about which bills there are: one for each charge, of its order, none for what never charged, none of another.

Owns whose a bill may be. Must not know when it is sent (bill_sending), nor what is right inside one (bill_content).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakSet

from pilesim.rules.order import Order, SettledBill
from pilesim.rules.rule import Rule, RuleRow, Scene
from pilesim.trace.decoder import Seen
from pilesim.trace.events import Missing, Stimulus
from pilesim.units import S, format_duration, format_local
from pilesim.wire.messages import Alive, Authorise, Bill, BillReply, Ended, GunReport, Message, Stamp, Stop

ENERGY_ALIKE_DWH = 500
"""Two energies this near (0.05 kWh), with the same start and end, are one charge's."""
ENDS_ALIKE_NS = 90 * S
"""How far a bill's end may lie from the end that heartbeats show, to be taken for that charge's."""
PRINTS_KEPT = 256
"""Charges whose start, end and energy are remembered to be known again."""

PERHAPS_UNACKNOWLEDGED = "the acknowledgement may have been lost"
"""Of a bill that comes again, where only the end was recorded that has acknowledged it."""


def before_trace(settled: SettledBill, began_epoch_ns: int) -> bool:
    """The bill is of a charge that began before the trace did: noted, not judged."""
    told: Stamp | None = settled.bill.start
    order, start = settled.order, told.epoch_ns if told is not None else None
    if order is not None and order.authorised_ns is not None:
        return False
    if settled.older or (order is not None and order.first is not None and order.before is None):
        return True
    return start is None or start < began_epoch_ns


class OnePerCharge(Rule):
    """Each order that charged gets one bill; sent again, it says the same."""

    wants = (Bill, GunReport)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._missing: dict[str, Order] = {}
        self._changed: WeakSet[Order] = WeakSet()
        # A report is its matter only where it shows that an occupancy is over.
        self.matters = ()

    def on_seen(self, seen: Seen, message: Message) -> None:
        left = self.facts.at.left
        if left is not None and left.charged and left.bill is None:
            self._missing[left.number] = left
        if not isinstance(message, Bill):
            return
        order = self.facts.at.order
        if order is None:
            return
        self._missing.pop(order.number, None)
        if not self.facts.at.repeated:
            if order.charged:
                self.passed()
        elif not order.charged:
            # Whether an order that never charged may have a bill at all is bill.none-unstarted's.
            return
        elif order.bill != message and order not in self._changed:
            self._changed.add(order)
            self.failed("the same bill, sent again", _difference(order.bill, message), seen=seen, order=order)
        elif order.bill == message:
            self.passed()

    def on_stimulus(self, event: Stimulus) -> None:
        for gun in self.facts.guns.values():
            order = gun.running
            if order is not None and order.charged and order.leave is not None and order.bill is None:
                self._missing[order.number] = order
        left = self.facts.at.left
        if left is not None and left.charged and left.bill is None:
            self._missing[left.number] = left

    def on_forgotten(self, order: Order) -> None:
        if self._missing.pop(order.number, None) is not None:
            self._never(order)

    def on_finish(self) -> None:
        prompt_ns = self.scene.limit("bill.prompt").value
        for order in self._missing.values():
            due = order.due_ns or 0
            later = any(
                o.bill_seen is not None and o.gun == order.gun and o.bill_seen.t_ns > due
                for o in self.facts.orders.values()
            )
            outage = self.facts.back_ns if self.facts.outage_ns and self.facts.outage_ns >= due else due
            heard_ns = self.facts.gun(order.gun).heard_ns
            quiet = (
                outage is not None
                and self.facts.can_send
                and heard_ns - max(outage, due) >= prompt_ns + self.contract.quiet_ns
            )
            if later or quiet:
                self._never(order)
            else:
                self.open("the trace ended before the bill could be given up")

    def _never(self, order: Order) -> None:
        if order.power_lost:
            self.open("power was lost during the charge")
        # What was sent on a connection that was lost since, or over a wire, may never have come to this end.
        perhaps_lost = self.scene.header.connectionless or (self.facts.lost_ns or -1) > (order.due_ns or 0)
        self.failed(
            "a bill",
            "none was ever sent, though what comes after it has come",
            order=order,
            hint=self.would_tell if self.remote and perhaps_lost else "",
        )


def _difference(first: Bill | None, now: Bill) -> str:
    assert first is not None
    names = [name for name in Bill.__struct_fields__ if getattr(first, name) != getattr(now, name)]
    return ", ".join(f"another {_in_words(name)}" for name in names)


def _in_words(field: str) -> str:
    """A bill's field as it is said: without its unit, and "stages" as what they hold."""
    words = field.removesuffix("_mfen").removesuffix("_dwh").split("_")
    return "energy of the half-hours" if words == ["stages"] else " ".join(words)


class OrderKnown(Rule):
    """A bill's order was authorised on that gun, and is never empty."""

    def on_bill(self, settled: SettledBill) -> None:
        seen, bill, order = settled.seen, settled.bill, settled.order
        if not bill.order:
            self.failed("an order", "none", seen=seen, gun=bill.gun)
        elif order is not None and order.gun != bill.gun:
            self.failed(f"gun {order.gun}, for which it was authorised", f"gun {bill.gun}", seen=seen, order=order)
        elif order is not None and order.authorised_ns is not None:
            self.passed()
        elif Missing.LINES in self.scene.header.missing:
            self.open(f"the log leaves lines out: order {bill.order} may have been authorised in one of them")
        elif before_trace(settled, self.facts.orders_known_epoch_ns):
            self.remark(f"the bill of {bill.order} is of a charge that began before the trace")
            self.open("the bill's charge began before the trace did")
        else:
            self.failed("an order authorised on this gun", bill.order, seen=seen, gun=bill.gun, number=bill.order)


@dataclass(slots=True, eq=False)
class _Watch:
    order: Order
    since_ns: int


class NoneUnstarted(Rule):
    """An order that never started has no bill, nor does one leave at its end."""

    wants = (Bill, GunReport, Alive, Ended, Stop, Authorise)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._watched: dict[int, _Watch] = {}
        self.matters = self._watched
        self._known: WeakSet[Order] = WeakSet()

    def on_seen(self, seen: Seen, message: Message) -> None:
        ended = self.facts.at.ended
        if ended is not None and ended.unstarted and ended not in self._known and ended.closed_ns is not None:
            self._known.add(ended)
            self._watched[ended.gun] = _Watch(ended, ended.closed_ns)
        if isinstance(message, Bill):
            self._bill(seen, message)
        elif isinstance(message, GunReport | Alive):
            self._heard(seen, message)

    def _heard(self, seen: Seen, message: Message) -> None:
        watch = self._watched.get(message.gun)
        if watch is None:
            return
        if not watch.order.unstarted:
            # It charged after all: what was taken for its end was none.
            del self._watched[message.gun]
        elif seen.t_ns - watch.since_ns >= self.contract.quiet_ns:
            del self._watched[message.gun]
            self.passed()

    def _bill(self, seen: Seen, bill: Bill) -> None:
        order = self.facts.at.order
        if order is not None and order.unstarted:
            self._watched.pop(bill.gun, None)
            self.failed("no bill for an order that never started", "a bill", seen=seen, order=order)
            return
        watch = self._watched.get(bill.gun)
        if watch is None:
            return
        unacknowledged = order is not None and (
            order.acked_ns is None
            or self.duties.transit.left_ns(seen.t_ns) - order.acked_ns <= self.scene.limit("bill.not-stale").value
        )
        if order is not None and order.on_charging:
            return
        # One that was started may have charged while nothing was heard.
        billed = order is not None and (order.charged or order.start_ns is not None or order.authorised_ns is None)
        if unacknowledged and order is not None and billed:
            if (order.authorised_ns or 0) > watch.since_ns:
                # The next order's own bill has come, and none before it.
                del self._watched[bill.gun]
                self.passed()
            return
        del self._watched[bill.gun]
        if self.remote and order is not None and order.acked_ns is not None:
            self.open(f"{PERHAPS_UNACKNOWLEDGED}: {self.would_tell}")
            return
        self.failed(
            f"no bill at the end of order {watch.order.number}, which never started",
            f"the bill of {bill.order or 'no order'}",
            seen=seen,
            order=watch.order,
        )


@dataclass(frozen=True, slots=True)
class _Print:
    """What makes a charge known again in a bill."""

    start_epoch_ns: int
    end_epoch_ns: int | None
    energy_dwh: int


class NotStale(Rule):
    """An acknowledged bill is not sent again, and no bill has the content of another order's."""

    wants = (Bill, BillReply, GunReport, Alive)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._prints: OrderedDict[str, _Print] = OrderedDict()
        self._acked: dict[int, Order] = {}
        self.matters = self._acked

    def on_seen(self, seen: Seen, message: Message) -> None:
        order = self.facts.at.order
        over = self.facts.at.over
        if over is not None and over.charged:
            self._from_heartbeats(over)
        if isinstance(message, BillReply):
            if order is not None and order.acked_ns == seen.t_ns:
                self._acked[order.gun] = order
        elif isinstance(message, Bill):
            self._bill(seen, message, order)
        elif message.gun in self._acked:
            acked = self._acked[message.gun]
            if seen.t_ns - (acked.acked_ns or 0) >= self.contract.quiet_ns:
                del self._acked[message.gun]
                self.passed()

    def _bill(self, seen: Seen, bill: Bill, order: Order | None) -> None:
        if order is not None and order.acked_ns is not None:
            since_ns = self.duties.transit.left_ns(seen.t_ns) - order.acked_ns
            if since_ns > self.limit_ns and self.remote:
                self.open(f"{PERHAPS_UNACKNOWLEDGED}: {self.would_tell}")
            elif since_ns > self.limit_ns:
                self._acked.pop(order.gun, None)
                self.failed(
                    f"no bill from {format_duration(self.limit_ns)} after its acknowledgement on",
                    f"sent again after {format_duration(since_ns)}",
                    seen=seen,
                    order=order,
                )
            return
        other = self._other_with(bill)
        if other is not None:
            start = format_local(bill.start.epoch_ns or 0)
            self.failed(
                "start, end and energy of this order",
                f"those of order {other} (start {start})",
                seen=seen,
                order=order,
                gun=bill.gun,
                number=bill.order,
            )
            return
        if order is not None and order.bill == bill and bill.start.epoch_ns is not None and not self.facts.at.repeated:
            self._keep(bill.order, _Print(bill.start.epoch_ns, _end(bill), bill.energy_dwh))
            acked = self._acked.get(bill.gun)
            if acked is not None and acked is not order:
                del self._acked[bill.gun]
                self.passed()

    def _from_heartbeats(self, order: Order) -> None:
        last = order.record.message if order.record is not None else None
        if last is None or order.over is None or last.start is None or last.start.epoch_ns is None:
            return
        if order.number not in self._prints:
            end = self.facts.time.epoch_ns(order.over.late_ns)
            self._keep(order.number, _Print(last.start.epoch_ns, end, last.energy_dwh or 0))

    def _keep(self, number: str, mark: _Print) -> None:
        self._prints[number] = mark
        if len(self._prints) > PRINTS_KEPT:
            self._prints.popitem(last=False)

    def _other_with(self, bill: Bill) -> str | None:
        if bill.start.epoch_ns is None or not bill.order:
            return None
        own = self._prints.get(bill.order)
        if own is not None and own.start_epoch_ns == bill.start.epoch_ns:
            return None
        end = _end(bill)
        for number, mark in self._prints.items():
            same_end = end is None or mark.end_epoch_ns is None or abs(end - mark.end_epoch_ns) <= ENDS_ALIKE_NS
            alike = abs(bill.energy_dwh - mark.energy_dwh) <= ENERGY_ALIKE_DWH + mark.energy_dwh // 10
            if number != bill.order and mark.start_epoch_ns == bill.start.epoch_ns and same_end and alike:
                return number
        return None


def _end(bill: Bill) -> int | None:
    return bill.end.epoch_ns if bill.end is not None else None
