"""bill.* about which bills leave, when and how often: one a charge, prompt, acknowledged, after an outage.

Owns what is expected of the traffic of bills. Must not know what is right inside one: that is bill_content.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakSet

from pilesim.contract.contract import BillDue
from pilesim.rules.order import Order, SettledBill, Span, charge_age
from pilesim.rules.rule import Duty, Rule, RuleRow, Scene, Waits
from pilesim.trace.decoder import Seen
from pilesim.trace.events import LineDown, LineUp, Missing, Reachable, Stimulus
from pilesim.units import S, format_duration, format_local
from pilesim.wire.messages import (
    Alive,
    Authorise,
    Bill,
    BillReply,
    Ended,
    GunReport,
    GunState,
    Message,
    Stamp,
    Start,
    StartReply,
    Stop,
)

ENERGY_ALIKE_DWH = 500
"""Two energies this near (0.05 kWh), with the same start and end, are one charge's."""
ENDS_ALIKE_NS = 90 * S
"""How far a bill's end may lie from the end that heartbeats show, to be taken for that charge's."""
RESEND_SPARE_NS = 5 * S
"""A bill that is sent again so much before its time is not sent again too soon."""
PRINTS_KEPT = 256
"""Charges whose start, end and energy are remembered to be known again."""


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
            hint="a recording at the pile would tell" if self.facts.remote and perhaps_lost else "",
        )


def _difference(first: Bill | None, now: Bill) -> str:
    assert first is not None
    names = [name for name in Bill.__struct_fields__ if getattr(first, name) != getattr(now, name)]
    return ", ".join(f"another {_in_words(name)}" for name in names)


def _in_words(field: str) -> str:
    """A bill's field as it is said: without its unit, and "stages" as what they hold."""
    words = field.removesuffix("_mfen").removesuffix("_dwh").split("_")
    return "energy of the half-hours" if words == ["stages"] else " ".join(words)


class _AfterLeave(Rule):
    """What the end of an occupancy asks for: the duty of its bill."""

    wants = (Bill, GunReport, Start)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._bills: dict[str, Duty] = {}
        self.matters = self._bills

    def on_seen(self, seen: Seen, message: Message) -> None:
        if isinstance(message, Bill) and self.facts.at.order is not None:
            duty = self._bills.pop(self.facts.at.order.number, None)
            if duty is not None:
                self.met(duty, seen.t_ns)
        elif self.facts.at.order is not None and self.facts.at.order.charging:
            # What looked like the end of the charge was none.
            self.drop(self._bills.pop(self.facts.at.order.number, None))
        self._look()

    def on_stimulus(self, event: Stimulus) -> None:
        self._look()

    def on_forgotten(self, order: Order) -> None:
        self.drop(self._bills.pop(order.number, None))

    def _look(self) -> None:
        order = self.facts.at.left
        if order is None or not order.charged:
            return
        if order.bill_seen is not None:
            self._left_already(order.leave, order.bill_seen.t_ns)
            return
        self._bills[order.number] = self.expect(
            f"the bill of order {order.number}", since_ns=order.due_ns or 0, waits=Waits.UP, order=order
        )

    def _left_already(self, leave: Span | None, sent_ns: int) -> None:
        """The bill is seen before the end of the occupancy is: perhaps it left within the instant of that end."""
        longest_ns = None
        if leave is not None and leave.early_ns is not None:
            # As a duty does, it counts from when line and power were there for it.
            back_ns = self.facts.back_ns if self.facts.back_ns is not None and self.facts.back_ns <= sent_ns else 0
            longest_ns = sent_ns - max(leave.early_ns, back_ns)
        if longest_ns is None or longest_ns < 0:
            self.open("the bill left before the occupancy was over; bill.after-unplug judges that")
        elif longest_ns <= self.limit.value:
            self.passed(longest_ns)
        else:
            self.open("the bill left while the cable was being pulled, perhaps too late after it")


class Prompt(_AfterLeave):
    """The bill leaves soon after the unplug, each further unacknowledged one soon after the last."""

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._next: Duty | None = None

    def on_seen(self, seen: Seen, message: Message) -> None:
        super().on_seen(seen, message)
        if not isinstance(message, Bill):
            return
        if self._next is not None:
            self.drop(self._next)
            self._next = None
        # A bill that left before in this connection is sent again in its own time, bill.resent's.
        sendable = [o for o in self.facts.unsent_due() if self._queued(o)]
        if sendable:
            self._next = self.expect(
                f"the next unacknowledged bill, of order {sendable[0].number},",
                since_ns=seen.t_ns,
                waits=Waits.UP,
                limit_ns=self.contract.bill_next_ns + self.scene.header.resolution_ns,
                asked=seen,
                order=sendable[0],
            )

    def _queued(self, order: Order) -> bool:
        """Its bill waited for the line when the line came back, with others before it."""
        back = self.facts.back_ns
        return back is not None and order.due_ns is not None and order.due_ns <= back


class AtOnce(_AfterLeave):
    """The bill leaves at once after the unplug."""

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        if isinstance(event, LineDown):
            for duty in self._bills.values():
                self.drop(duty, "the line went down before the bill left")
            self._bills.clear()

    def _look(self) -> None:
        left = self.facts.at.left
        # Where a bill is due at the end of the charge, only a pulled cable asks for more than that.
        pulled = self.contract.bill_due is BillDue.LEAVE or (left is not None and not left.leave_by_end)
        if self.facts.can_send and pulled:
            super()._look()


class AfterUnplug(Rule):
    """No bill leaves before the occupancy is over."""

    wants = (Bill, GunReport, Start)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._early: dict[int, tuple[Order, Seen]] = {}
        self.matters = self._early

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        if self.facts.acts_known or not self._early:
            return
        for _ in self._early.values():
            self.open("the line was lost before the cable was heard of after the bill")
        self._early.clear()

    def on_seen(self, seen: Seen, message: Message) -> None:
        if isinstance(message, Bill):
            self._bill(seen)
        elif isinstance(message, GunReport):
            self._report(message)

    def on_stimulus(self, event: Stimulus) -> None:
        if event.kind != "unplug" or event.gun is None:
            return
        order, bill = self._early.pop(event.gun, (None, None))
        if order is not None and bill is not None:
            if bill.t_ns >= event.began_ns:
                self.passed()
            else:
                self._fail(order, bill)

    def on_finish(self) -> None:
        for _ in self._early.values():
            self.open("the trace ended before the cable was heard of after the bill")

    def _bill(self, seen: Seen) -> None:
        order = self.facts.at.order
        if order is None or not order.charged or self.facts.at.repeated:
            return
        gun = self.facts.gun(order.gun)
        if order.leave is not None:
            self.passed()
        elif gun.running is not order or gun.cable is None:
            self.open("it is not known whether the cable was in")
        elif self.facts.unheard(gun) and not self.facts.acts_known:
            self.open("no report came for a while: what was done at the pile would tell whether the cable was in")
        else:
            # The prompt for an unplug may still be open: what comes next tells.
            self._early[gun.number] = (order, seen)

    def _report(self, message: GunReport) -> None:
        order, bill = self._early.get(message.gun, (None, None))
        if order is None or bill is None:
            return
        if message.cable is False:
            if not self.scene.header.stimuli:
                del self._early[message.gun]
                self.passed()
        elif not message.change and message.cable:
            del self._early[message.gun]
            self._fail(order, bill)

    def _fail(self, order: Order, bill: Seen) -> None:
        self.failed("no bill before the cable is out", "the cable is still in", seen=bill, order=order)


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
        if unacknowledged and order is not None and (order.charged or order.authorised_ns is None):
            if (order.authorised_ns or 0) > watch.since_ns:
                # The next order's own bill has come, and none before it.
                del self._watched[bill.gun]
                self.passed()
            return
        del self._watched[bill.gun]
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


class Begun(Rule):
    """A start that was begun has a bill though nothing charges; where something does, other rules want that bill."""

    wants = (StartReply, GunReport, Bill)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._waiting: dict[str, Duty] = {}
        self.matters = self._waiting

    def on_seen(self, seen: Seen, message: Message) -> None:
        order = self.facts.at.order
        if order is None:
            return
        duty = self._waiting.get(order.number)
        if isinstance(message, StartReply):
            if order.begun and duty is None and order.first is None and order.bill is None:
                self._waiting[order.number] = self.expect(
                    f"a charge, or the bill of order {order.number}, whose start was begun,",
                    since_ns=seen.t_ns,
                    waits=Waits.UP,
                    asked=seen,
                    order=order,
                )
        elif duty is not None and isinstance(message, Bill):
            self.met(self._waiting.pop(order.number), seen.t_ns)
        elif duty is not None and isinstance(message, GunReport) and message.state is GunState.CHARGING:
            self.drop(self._waiting.pop(order.number))

    def on_forgotten(self, order: Order) -> None:
        self.drop(self._waiting.pop(order.number, None))


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
            if since_ns > self.limit_ns and self.facts.remote:
                self.open("the acknowledgement may have been lost: a recording at the pile would tell")
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
            end = self.facts.epoch_ns(order.over.late_ns)
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


@dataclass(slots=True)
class _Sent:
    """How a bill was sent in one connection."""

    connection: int
    times: int = 0
    last_ns: int = 0


class Resent(Rule):
    """Without its acknowledgement a bill is sent again, as often and as late as the protocol has it."""

    wants = (Bill, BillReply)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._waiting: dict[str, Duty] = {}
        self._sent: dict[str, _Sent] = {}

    def on_seen(self, seen: Seen, message: Message) -> None:
        order = self.facts.at.order
        if order is None:
            return
        duty = self._waiting.pop(order.number, None)
        if isinstance(message, BillReply):
            self.drop(duty)
            self._sent.pop(order.number, None)
            return
        if duty is not None:
            self.met(duty, seen.t_ns)
        if order.acked_ns is None and self._comes_again(seen, order):
            self._waiting[order.number] = self.expect(
                "the bill again, or its acknowledgement", since_ns=seen.t_ns, waits=Waits.UP, asked=seen, order=order
            )

    def _comes_again(self, seen: Seen, order: Order) -> bool:
        """Whether the protocol has the bill that was just seen sent once more on this connection."""
        sent = self._sent.get(order.number)
        if sent is None or sent.connection != self.facts.connection:
            sent = self._sent[order.number] = _Sent(self.facts.connection)
        waited_ns, sent.last_ns = seen.t_ns - sent.last_ns, seen.t_ns
        sent.times += 1
        most = self.contract.bill_resends
        if most is None:
            return True
        resend_ns = self.contract.bill_resend_ns
        if sent.times > 1 and waited_ns < resend_ns - RESEND_SPARE_NS:
            after = f"the bill again after {format_duration(resend_ns)}"
            self.deviated(after, f"after {format_duration(waited_ns)}", seen=seen, once="sooner")
        if sent.times > most + 1 and self.facts.cuts_known:
            self.deviated(f"the bill again {most} times at most", f"{sent.times - 1} times", seen=seen, once="oftener")
        return sent.times <= most

    def on_forgotten(self, order: Order) -> None:
        self.drop(self._waiting.pop(order.number, None))
        self._sent.pop(order.number, None)


class SurvivesOutage(Rule):
    """A bill that could not be sent is sent once line and power are back."""

    wants = (Bill, BillReply)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._owed: dict[str, Order] = {}
        self._waiting: dict[str, Duty] = {}

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        self._look(event.t_ns)

    def on_stimulus(self, event: Stimulus) -> None:
        self._look(event.t_ns)

    def on_seen(self, seen: Seen, message: Message) -> None:
        if not self.facts.can_send:
            # A pile at a serial line talks on into a wire that is cut: what it sends there has not been sent.
            self._look(seen.t_ns)
            return
        order = self.facts.at.order
        if order is not None:
            self._owed.pop(order.number, None)
            duty = self._waiting.pop(order.number, None)
            if duty is not None and isinstance(message, Bill):
                self.met(duty, seen.t_ns)
            else:
                self.drop(duty)

    def on_finish(self) -> None:
        for _ in self._owed:
            self.open("the trace ended before line and power were back")

    def _look(self, now_ns: int) -> None:
        if not self.facts.can_send:
            lost_ns = self.facts.outage_ns or 0
            prompt_ns = self.scene.limit("bill.prompt").value
            for order in self.facts.due.values():
                due_ns = order.due_ns or 0
                if order.number not in self._waiting and (order.bill is not None or lost_ns - due_ns <= prompt_ns):
                    # A bill that was due long before, with the line up, is bill.prompt's alone.
                    self._owed[order.number] = order
            return
        for order in self._owed.values():
            self._waiting[order.number] = self.expect(
                f"the bill of order {order.number}, which could not be sent before,",
                since_ns=now_ns,
                waits=Waits.UP,
                order=order,
            )
        self._owed.clear()


def _older(order: Order, than: Order) -> bool:
    """Its charge began before the other's, and so did its bill; of two guns these may differ, and either is an age."""
    left_ns = order.leave.late_ns if order.leave is not None else None
    than_ns = than.leave.late_ns if than.leave is not None else None
    bill_is_older = left_ns is not None and (than_ns is None or left_ns < than_ns)
    return bill_is_older and charge_age(order) < charge_age(than)


class OldestFirst(Rule):
    """After an outage unacknowledged bills leave, oldest first, before a new start is answered."""

    wants = (Bill, StartReply, Stop)

    def on_seen(self, seen: Seen, message: Message) -> None:
        waiting = [o for o in self.facts.unsent_due() if self._hit_by_outage(o)]
        order = self.facts.at.order
        if isinstance(message, Bill):
            if order is None or not self._hit_by_outage(order):
                return
            older = [o for o in waiting if _older(o, order)]
            if older:
                self.failed(
                    f"the older bill of {older[0].number} first", f"the bill of {order.number}", seen=seen, order=order
                )
            elif not waiting:
                self.passed()
        elif isinstance(message, StartReply) and waiting:
            self.failed(
                f"the unacknowledged bill of {waiting[0].number} before a start is answered",
                "a start was answered",
                seen=seen,
                order=waiting[0],
            )

    def _hit_by_outage(self, order: Order) -> bool:
        """The charge was over, or its bill due or under way, when line or power was last lost, or while it was."""
        outage, leave = self.facts.outage_ns, order.leave
        if outage is None:
            return False
        back = self.facts.back_ns or outage
        if order.over is None:
            # The bill may leave before the first heartbeat after the outage shows that the charge is over.
            return leave is not None and outage <= leave.late_ns <= back
        return order.over.early_ns is not None and (
            order.over.early_ns <= outage or (order.due_ns or outage + 1) <= back
        )
