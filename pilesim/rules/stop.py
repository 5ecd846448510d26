"""stop.ends-charge, balance.stops, fault.told: what ends a charge.

Owns what is expected when a charge has to end. Must not know the unplug (safe) nor the bill beyond its reason.
"""

from __future__ import annotations

from pilesim.rules.order import Order, SettledBill
from pilesim.rules.rule import Duty, Rule, RuleRow, Scene, Waits
from pilesim.rules.start import INSULATION
from pilesim.trace.decoder import Seen
from pilesim.trace.events import Stimulus
from pilesim.units import format_yuan
from pilesim.wire.messages import GunFault, GunReport, GunState, Message, Start, Stop, StopReason, StopReply


class EndsCharge(Rule):
    """After a stop for its own account a charging gun leaves charging, and one that is starting does not begin."""

    wants = (Start, Stop, StopReply, GunReport)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._waiting: dict[int, Duty] = {}
        self._in_start: dict[int, tuple[Order, int]] = {}
        """By gun: the order that was stopped while it was being started, and when."""

    def on_seen(self, seen: Seen, message: Message) -> None:
        if isinstance(message, GunReport) and not self._waiting and not self._in_start:
            return
        gun = self.facts.gun(message.gun)
        if isinstance(message, Start):
            self._in_start.pop(gun.number, None)
            return
        if isinstance(message, GunReport) and gun.number in self._in_start:
            self._begins(seen, message)
        if isinstance(message, Stop):
            order = self.facts.at.order
            if message.accepted and order is not None and order.begun and self.facts.at.ended is order:
                self._in_start[gun.number] = (order, seen.t_ns)
            if message.accepted and order is not None and order is gun.running and gun.number not in self._waiting:
                self._waiting[gun.number] = self.expect(
                    f"gun {gun.number} no longer charging",
                    since_ns=seen.t_ns,
                    # From afar it is not known to have arrived before it is answered.
                    waits=Waits.REPLY if self.remote else Waits.UP,
                    asked=seen,
                    order=order,
                )
        elif isinstance(message, StopReply):
            if gun.number in self._waiting:
                self._waiting[gun.number].waits = Waits.UP
        elif isinstance(message, GunReport) and message.state is not GunState.CHARGING:
            duty = self._waiting.pop(gun.number, None)
            if duty is not None:
                self.met(duty, seen.t_ns)

    def on_finish(self) -> None:
        for _ in self._in_start:
            self.open("the trace ended before a report after the stop of a start")

    def _begins(self, seen: Seen, message: GunReport) -> None:
        order, stopped_ns = self._in_start[message.gun]
        if seen.t_ns - stopped_ns < self.limit_ns:
            return
        del self._in_start[message.gun]
        if message.state is not GunState.CHARGING:
            self.passed()
        elif self.facts.at.order is order:
            self.failed("no charge, for its start was stopped", "the gun charges", seen=seen, order=order)


class BalanceStops(Rule):
    """At a balance used up the pile ends the charge by itself."""

    wants = (GunReport,)
    of_charge = True

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._told: set[int] = set()

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, GunReport)
        order = self.facts.at.order
        if message.change:
            return
        if order is None or message.state is not GunState.CHARGING or message.order != order.number:
            self._told.discard(message.gun)
            return
        if order.balance_mfen is None or message.amount_mfen is None or message.gun in self._told:
            return
        most = order.balance_mfen + order.gain_mfen
        if message.amount_mfen > most and order.stop_ns is None:
            self._told.add(message.gun)
            self._over_spent(seen, order, message.amount_mfen)

    def on_bill(self, settled: SettledBill) -> None:
        order, bill = settled.order, settled.bill
        if order is None or not order.charged or order.balance_mfen is None:
            return
        fees = bill.fees_mfen
        if fees < order.balance_mfen - order.gain_mfen:
            return
        if order.stop_ns is not None or order.at_pile_ns is not None or order.leave_before_over:
            self.open("something else ended the charge when its balance was nearly used up")
        elif fees > order.balance_mfen + order.gain_mfen:
            self._over_spent(settled.seen, order, fees)
        elif bill.stop_reason is StopReason.BALANCE:
            self.passed()
        elif bill.stop_reason is None:
            # A protocol whose bills carry no reason: it ended within a heartbeat's worth of the balance.
            if order.after is not None and order.after.message.state is GunState.OCCUPIED_NOT_FULL:
                self.passed()
            else:
                self.open("the battery, or a fault, may have ended the charge at its balance")
        elif fees >= order.balance_mfen:
            self.failed(
                f"stop reason {StopReason.BALANCE}", f"stop reason {bill.stop_reason}", seen=settled.seen, order=order
            )

    def _over_spent(self, seen: Seen, order: Order, fees_mfen: int) -> None:
        self.failed(
            f"at most {format_yuan(order.balance_mfen or 0)} and one heartbeat's worth "
            f"({format_yuan(order.gain_mfen)})",
            format_yuan(fees_mfen),
            seen=seen,
            order=order,
        )


class FaultTold(Rule):
    """A fault in charge ends it, shows with its code, and the bill says so."""

    wants = (GunReport,)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._waiting: dict[int, tuple[Duty, frozenset[GunFault]]] = {}
        self.matters = self._waiting

    def on_stimulus(self, event: Stimulus) -> None:
        faults = _faults_of(event)
        if faults is None:
            if not self.facts.can_send:
                self._drop_what_is_over(event)
            return
        numbers = [event.gun] if event.gun is not None else [g.number for g in self.facts.guns.values()]
        for number in numbers:
            gun = self.facts.gun(number)
            if not gun.charging or gun.running is None or number in self._waiting:
                continue
            if gun.running.leave is not None:
                # The cable was pulled, and what the gun says of that is still on its way: no charge is left to end.
                continue
            duty = self.expect(
                f"a report of gun {number} with fault {' or '.join(sorted(faults)) or 'set'}, no longer charging",
                since_ns=event.t_ns,
                waits=Waits.UP,
                gun=number,
                order=gun.running,
            )
            self._waiting[number] = (duty, faults)

    def _drop_what_is_over(self, event: Stimulus) -> None:
        """Nobody can be told of a fault that is gone before line and power are back."""
        if event.kind in _CLEARING:
            for number in [n for n in self._waiting if event.gun in (None, n)]:
                self.drop(self._waiting.pop(number)[0], "it was over before it could be told")

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, GunReport)
        duty, faults = self._waiting.get(message.gun, (None, None))
        if duty is None or message.state is GunState.CHARGING:
            return
        shows = message.fault in faults if faults else message.fault not in (None, GunFault.NONE)
        if faults and not faults & self.contract.faults_told:
            shows = message.state is GunState.FAULT
        if shows:
            del self._waiting[message.gun]
            self.met(duty, seen.t_ns)

    def on_bill(self, settled: SettledBill) -> None:
        order, bill = settled.order, settled.bill
        if order is None or not order.charged or bill.stop_reason in (None, StopReason.UNKNOWN):
            return
        if order.fault_ns is None and not order.fault_seen:
            return
        if order.stop_ns is not None or order.at_pile_ns is not None or order.leave_before_over or order.power_lost:
            self.open("something else ended the charge together with the fault")
            return
        # Whether an emergency stop is a fault or a stop at the pile the protocol leaves open: it lists both.
        allowed = {StopReason.FAULT, StopReason.AT_PILE} if order.emergency else {StopReason.FAULT}
        if bill.stop_reason in allowed:
            self.passed()
        else:
            self.failed(
                f"stop reason {StopReason.FAULT}", f"stop reason {bill.stop_reason}", seen=settled.seen, order=order
            )


_CLEARING = frozenset({"fault-cleared", "emergency-release", "insulation", "unplug", "power-off"})
"""What can end a fault, or the firmware's memory of it."""


def _faults_of(event: Stimulus) -> frozenset[GunFault] | None:
    """The faults of which a report has to show one; empty: any. None where the stimulus makes none."""
    if event.kind == "emergency-stop":
        return frozenset({GunFault.EMERGENCY_STOP})
    if event.kind == "insulation":
        return None if event.detail.get("ok", False) else INSULATION
    if event.kind != "fault":
        return None
    try:
        return frozenset({GunFault(str(event.detail.get("fault", "")))})
    except ValueError:
        return frozenset()
