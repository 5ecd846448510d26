"""bill.* about when bills are sent: prompt, not too soon, again without an acknowledgement, after an outage, in order.

Owns the traffic of bills. Must not know whose a bill may be (bill_orders), nor what is right inside one (bill_content).
"""

from __future__ import annotations

from dataclasses import dataclass

from pilesim.contract.contract import BillDue
from pilesim.rules.order import Order, Span, charge_age
from pilesim.rules.rule import Duty, Rule, RuleRow, Scene, Waits
from pilesim.trace.decoder import Seen
from pilesim.trace.events import LineDown, LineUp, Reachable, Stimulus
from pilesim.units import S, format_duration
from pilesim.wire.messages import Bill, BillReply, GunReport, GunState, Message, Start, StartReply, Stop

RESEND_SPARE_NS = 5 * S
"""A bill that is sent again so much before its time is not sent again too soon."""


class _AfterLeave(Rule):
    """What the end of an occupancy asks for: the duty of its bill."""

    wants = (Bill, GunReport, Start, StartReply)

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
            self.open(f"the bill left while the cable was being pulled, perhaps too late after it{self.where_done}")


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
                self.drop(duty, f"the line went down before the bill left{self.where_told}")
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
        elif self.remote and gun.waiting is not None:
            self.open(f"perhaps a start has ended the occupancy, unheard: {self.would_tell}")
        elif not self.facts.acts_known and (self.facts.unheard(gun) or self.facts.perhaps_left(gun, order)):
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
        # From afar the line may have held up one and not the other.
        if sent.times > 1 and waited_ns < resend_ns - RESEND_SPARE_NS and not self.remote:
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
