"""start.*: what becomes of a start command.

Owns what is expected between a start and its outcome. Must not know bills, except that a balance may end a charge.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilesim.contract.contract import Refusal
from pilesim.rules.order import Gun, Order, Request, SettledBill
from pilesim.rules.rule import Duty, Rule, RuleRow, Scene, Waits
from pilesim.trace.decoder import Seen
from pilesim.trace.events import Stimulus
from pilesim.units import format_kwh, format_yuan
from pilesim.wire.messages import (
    Alive,
    Authorise,
    Bill,
    Ended,
    EndReason,
    GunFault,
    GunReport,
    GunState,
    Message,
    Start,
    StartReply,
    Stop,
    StopReason,
)

INSULATION = frozenset({GunFault.INSULATION, GunFault.INSULATION_TEST})


class Outcome(Rule):
    """An answered start becomes a charging heartbeat or is told to have failed.

    An answer that only says that the start has arrived begins the time; one that accepts it tells a part of the
    outcome, and the time runs from the start itself.
    """

    wants = (StartReply, GunReport, Ended, Bill, Stop)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._waiting: dict[int, Duty] = {}
        self.matters = self._waiting
        self._stopped_ns: dict[int, int] = {}
        self._failed_ns: dict[int, int] = {}
        """By gun: when the pile last told that an order has come to nothing."""
        self._refused: dict[int, Request] = {}
        """By gun: the start that was refused, and may be accepted yet."""

    def on_seen(self, seen: Seen, message: Message) -> None:
        duty = self._waiting.get(message.gun)
        if isinstance(message, Stop):
            self._stopped_ns[message.gun] = seen.t_ns
            self._refused.pop(message.gun, None)
        if isinstance(message, Ended) or (isinstance(message, Bill) and self.facts.at.ended is not None):
            self._failed_ns[message.gun] = seen.t_ns
        if isinstance(message, StartReply):
            self._answer(seen, message, duty)
        elif duty is None:
            return
        elif isinstance(message, Stop):
            self.drop(self._waiting.pop(message.gun), "a stop came before the outcome")
        elif isinstance(message, Ended) or self._billed(message, duty):
            self.met(self._waiting.pop(message.gun), seen.t_ns)
        elif isinstance(message, GunReport):
            if message.state is GunState.CHARGING:
                self.met(self._waiting.pop(message.gun), seen.t_ns)
            elif message.cable is False and not self.scene.header.stimuli:
                self.drop(self._waiting.pop(message.gun), "the cable was pulled before the outcome")

    def _answer(self, seen: Seen, message: StartReply, duty: Duty | None) -> None:
        request = self.facts.at.request or self._refused.pop(message.gun, None)
        if request is None:
            return
        if message.accepted is False:
            self._refused[message.gun] = request
            self.passed(seen.t_ns - request.seen.t_ns)
            return
        if (duty is not None and not duty.closed) or self.facts.gun(message.gun).charging:
            return
        if self._stopped_ns.get(message.gun, -1) >= request.seen.t_ns:
            self.open("a stop came before the outcome")
            return
        if self.remote and self._failed_ns.get(message.gun, -1) >= request.seen.t_ns:
            self.open(f"word of a failure, perhaps of this, overtook the answer: {self.would_tell}")
            return
        self._waiting[message.gun] = self.expect(
            "a charging heartbeat, or word that the start has failed,",
            since_ns=request.seen.t_ns if message.accepted else seen.t_ns,
            waits=Waits.REPLY,
            asked=request.seen,
            gun=message.gun,
            order=self.facts.at.order,
            arrived=True,
        )

    def _billed(self, message: Message, duty: Duty) -> bool:
        """A bill of the order tells how its start ended."""
        return isinstance(message, Bill) and duty.order is not None and message.order == duty.order.number

    def on_stimulus(self, event: Stimulus) -> None:
        if event.kind in ("unplug", "stop-button", "card"):
            for number in list(self._waiting):
                if event.gun in (None, number):
                    self.drop(self._waiting.pop(number), f"{event.kind} came before the outcome")


@dataclass(slots=True, eq=False)
class _Hopeless:
    cause: str
    duty: Duty
    insulation: bool
    told: bool = False
    fault_shown: bool = False


class FailureTold(Rule):
    """A start that cannot be is told to have failed, and why it could not where that is the insulation."""

    wants = (Start, StartReply, Ended, Bill, GunReport, Stop)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._hopeless: dict[int, _Hopeless] = {}
        self.matters = self._hopeless

    def on_seen(self, seen: Seen, message: Message) -> None:
        if isinstance(message, Start):
            self._start(seen, message)
            return
        hopeless = self._hopeless.get(message.gun)
        if hopeless is None:
            return
        if isinstance(message, Ended):
            hopeless.told = True
            order = hopeless.duty.order
            if self.remote and order is not None and not self.facts.start_came(order):
                self.drop(self._hopeless.pop(message.gun).duty, self.perhaps_lost("start"))
                return
            if message.reason is not EndReason.BY_PILE_OR_USER:
                self.drop(self._hopeless.pop(message.gun).duty)
                self.failed("reason by-pile-or-user", f"reason {message.reason}", seen=seen, gun=message.gun)
                return
        elif isinstance(message, StartReply):
            hopeless.told = hopeless.told or message.accepted is False
        elif isinstance(message, Bill):
            hopeless.told = hopeless.told or message.stop_reason is StopReason.START_FAILED
        elif isinstance(message, Stop):
            self.drop(self._hopeless.pop(message.gun).duty, "a stop came before the outcome")
            return
        elif isinstance(message, GunReport):
            if message.state is GunState.CHARGING:
                self.drop(self._hopeless.pop(message.gun).duty, "the gun charges all the same")
                return
            hopeless.fault_shown = hopeless.fault_shown or message.fault in INSULATION
        if hopeless.told and (hopeless.fault_shown or not hopeless.insulation):
            self.met(self._hopeless.pop(message.gun).duty, seen.t_ns)

    def on_stimulus(self, event: Stimulus) -> None:
        if event.kind in ("plug", "unplug", "power-off", "insulation", "fault", "emergency-stop", "stop-button"):
            for number in list(self._hopeless):
                if event.gun in (None, number):
                    self.drop(self._hopeless.pop(number).duty, f"{event.kind} came before the outcome")

    def _start(self, seen: Seen, message: Start) -> None:
        gun = self.facts.gun(message.gun)
        known = self.facts.whole_history() and not self.facts.perhaps_waits(message)
        cause = why_hopeless(gun, self.facts.at.order, known)
        if not cause or gun.charging or self.facts.at.repeated or gun.number in self._hopeless:
            return
        insulation = cause == "the insulation test fails" and GunFault.INSULATION_TEST in self.contract.faults_told
        duty = self.expect(
            f"an ended (by pile or user), since {cause}" + (", and the insulation fault shown" if insulation else ""),
            since_ns=seen.t_ns,
            waits=Waits.REPLY,
            asked=seen,
            gun=gun.number,
            order=self.facts.at.order,
            missed=self._silent,
        )
        self._hopeless[gun.number] = _Hopeless(cause, duty, insulation)

    def _silent(self, duty: Duty, now_ns: int) -> None:
        hopeless = self._hopeless.pop(duty.gun or 0, None)
        if hopeless is not None and hopeless.told:
            duty.expected = "fault 7 or 24 (insulation) in a heartbeat or state change"
        self._missed(duty, now_ns)


def why_hopeless(gun: Gun, order: Order | None, orders_known: bool) -> str:
    """Why a start that has just reached the gun cannot be; "" where the trace shows no reason."""
    if order is None:
        return "no order is authorised for this account" if orders_known else ""
    if gun.cable is False:
        return "no cable is connected"
    if order.balance_mfen == 0:
        return "there is no balance"
    # A car that does not answer, or a fault, ends the start before the insulation is tested; start.outcome has that.
    if gun.handshake_ok and not gun.insulation_ok and not gun.fault:
        return "the insulation test fails"
    return ""


class Delayed(Rule):
    """A start that comes late is a start: energy flows under its order, as far as the balance reaches."""

    wants = (Start, GunReport, Ended, Stop, Authorise)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._late: dict[int, Order] = {}
        self.matters = self._late

    def on_seen(self, seen: Seen, message: Message) -> None:
        order = self.facts.at.order
        if isinstance(message, Start):
            if order is None or order.authorised_ns is None or self.facts.at.repeated:
                return
            if self.limit_ns <= seen.t_ns - order.authorised_ns <= self.scene.limit("auth.kept").value:
                self._late[message.gun] = order
            return
        late = self._late.get(message.gun)
        if late is None:
            return
        if self.facts.at.ended is late:
            del self._late[message.gun]
            self.open("the order was over before it charged; other rules judge whether by right")
        elif not isinstance(message, GunReport):
            return
        elif message.state is GunState.CHARGING:
            if message.order in (None, late.number):
                return
            del self._late[message.gun]
            if late.charged:
                self._over(seen, late)
            else:
                self.failed(
                    f"energy flows under order {late.number}",
                    f"the gun charges {message.order or 'without an order'}",
                    seen=seen,
                    order=late,
                )
        elif self.facts.at.over is late:
            del self._late[message.gun]
            self._over(seen, late)

    def on_bill(self, settled: SettledBill) -> None:
        order, bill = settled.order, settled.bill
        if order is None or order.authorised_ns is None or order.start_ns is None or order.balance_mfen is None:
            return
        if order.start_ns - order.authorised_ns < self.limit_ns or bill.stop_reason is not StopReason.BALANCE:
            return
        fees = bill.fees_mfen
        if fees + 2 * order.gain_mfen < order.balance_mfen:
            self.failed(
                f"a charge that goes on until {format_yuan(order.balance_mfen)} are used up",
                f"ended for want of balance at {format_yuan(fees)}",
                seen=settled.seen,
                order=order,
            )

    def on_finish(self) -> None:
        for order in self._late.values():
            if order.shown_dwh:
                self.passed()
            else:
                self.open("the trace ended before energy was seen to flow")

    def _over(self, seen: Seen, order: Order) -> None:
        by_cause = order.stop_ns or order.at_pile_ns or order.leave or order.fault_ns or order.power_lost
        if order.shown_dwh:
            self.passed()
        elif by_cause or order.fault_seen or (order.after and order.after.message.state is GunState.OCCUPIED_FULL):
            self.open(f"the charge was ended before energy was seen to flow{self.where_told}")
        elif not self.facts.acts_known and not order.gapless:
            self.open(f"the charge ended unheard, before energy was seen to flow{self.where_done}")
        else:
            self.failed("energy flows", f"the charge ended by itself at {format_kwh(0)}", seen=seen, order=order)


@dataclass(slots=True, eq=False)
class _Twice:
    order: Order
    second: Duty
    replied: bool = False
    same: bool = False


class Once(Rule):
    """The same start twice is answered twice and starts once."""

    wants = (Start, StartReply, GunReport)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._twice: dict[int, _Twice] = {}
        self.matters = self._twice

    def on_seen(self, seen: Seen, message: Message) -> None:
        at = self.facts.at
        if isinstance(message, Start):
            if at.order is not None and at.repeated and message.gun not in self._twice:
                duty = self.expect(
                    "a second start-reply",
                    since_ns=seen.t_ns,
                    waits=Waits.REPLY,
                    limit_ns=self.scene.limit("start.answered").value,
                    asked=seen,
                    order=at.order,
                )
                self._twice[message.gun] = _Twice(at.order, duty)
            return
        twice = self._twice.get(message.gun)
        if twice is None:
            return
        if isinstance(message, StartReply):
            if at.request is not None and at.request.seen is twice.second.asked:
                twice.replied = True
                self.drop(twice.second)
        elif isinstance(message, GunReport) and not self._same(seen, message, twice):
            return
        if twice.replied and twice.same:
            del self._twice[message.gun]
            self.passed()

    def _same(self, seen: Seen, message: GunReport, twice: _Twice) -> bool:
        """Whether the report says anything of the order; what it says is compared with before."""
        record, before = twice.order.record, twice.order.previous_record
        if message.state is not GunState.CHARGING or record is None or record.seen is not seen:
            return False
        was = before.message if before is not None else None
        if was is not None and was.start != message.start:
            self.failed("one start time", "it jumped at the second start", seen=seen, order=twice.order)
        elif was is not None and (message.energy_dwh or 0) < (was.energy_dwh or 0):
            self.failed("an energy that goes on", "it fell at the second start", seen=seen, order=twice.order)
        else:
            twice.same = True
            return True
        self.drop(self._twice.pop(message.gun).second)
        return False


class NeedsOrder(Rule):
    """A start for an account without an authorised order does not energise."""

    wants = (Start, Authorise, Ended, GunReport)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._orderless: dict[int, Seen] = {}
        self.matters = self._orderless

    def on_seen(self, seen: Seen, message: Message) -> None:
        gun = self.facts.gun(message.gun)
        start = self._orderless.get(gun.number)
        if isinstance(message, Start):
            if self.facts.at.order is not None:
                self._orderless.pop(gun.number, None)
            elif self.facts.perhaps_waits(message):
                self.open(
                    f"the stop that ended the order, unanswered, perhaps never came or was not read{self.where_told}"
                )
            elif not gun.charging and self.facts.whole_history():
                self._orderless[gun.number] = seen
        elif start is None:
            return
        elif isinstance(message, Authorise):
            del self._orderless[gun.number]
            self.open("an order was authorised before the outcome of the start without one")
        elif isinstance(message, Ended):
            del self._orderless[gun.number]
            self.passed()
        elif isinstance(message, GunReport):
            if message.state is GunState.CHARGING:
                del self._orderless[gun.number]
                self.failed(
                    "no charge without an authorised order",
                    "the gun charges",
                    seen=seen,
                    gun=gun.number,
                    order=self.facts.orders.get(message.order or ""),
                    number=message.order or "",
                )
            elif seen.t_ns - start.t_ns >= self.contract.quiet_ns:
                del self._orderless[gun.number]
                self.passed()


class Refused(Rule):
    """A start that was refused, or that never came, does not charge; one that was refused has no bill either."""

    wants = (Start, StartReply, GunReport, Alive, Bill)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._refused: dict[int, tuple[Order, int]] = {}
        """By gun: the order, and since when nothing may begin it any more."""

    def on_seen(self, seen: Seen, message: Message) -> None:
        order = self.facts.at.order
        if isinstance(message, Start | StartReply):
            if order is None:
                return
            watched, _ = self._refused.get(message.gun, (None, 0))
            if watched is order:
                # Asked for again, or accepted after all.
                del self._refused[message.gun]
            if isinstance(message, StartReply) and order.refused and order.first is None:
                wants_cable = message.reason == self.contract.start_refusals.get(Refusal.NO_CABLE)
                patience_ns = self.contract.plug_wait_ns if wants_cable else 0
                self._refused[message.gun] = (order, seen.t_ns + patience_ns)
        elif isinstance(message, GunReport) and message.state is GunState.CHARGING:
            self._charges(seen, message, order)
        elif isinstance(message, Bill):
            if order is not None and order.refused and not self.facts.at.repeated:
                self._refused.pop(message.gun, None)
                self.failed("no bill, for the start was refused", "a bill", seen=seen, order=order)
        else:
            _, since_ns = self._refused.get(message.gun, (None, seen.t_ns))
            if seen.t_ns - since_ns >= self.contract.quiet_ns:
                del self._refused[message.gun]
                self.passed()

    def _charges(self, seen: Seen, message: GunReport, order: Order | None) -> None:
        refused, _ = self._refused.pop(message.gun, (None, 0))
        if refused is not None and order is not refused:
            self.passed()
        if refused is not None and order is refused:
            self.failed("no charge, for the start was refused", "the gun charges", seen=seen, order=order)
        elif order is not None and order.authorised_ns is None and self._begins_unasked(message.gun):
            self.failed("no charge without a start", "the gun charges", seen=seen, order=order)

    def _begins_unasked(self, number: int) -> bool:
        """Whether this charging report is a gun's first, and no start is under way there that it could be of."""
        gun = self.facts.gun(number)
        starting = gun.waiting is not None and gun.waiting.start_ns is not None
        began = gun.previous is not None and gun.previous.message.state is not GunState.CHARGING
        return began and not starting and self.facts.whole_history()
