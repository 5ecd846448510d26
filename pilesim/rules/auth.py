"""auth.*: what becomes of an authorised order until it is started.

Owns what is expected of an authorisation's life. Must not know charges beyond their first heartbeat.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from pilesim.rules.order import Gun, Order
from pilesim.rules.rule import Duty, Rule, RuleRow, Scene, Waits
from pilesim.trace.decoder import Seen
from pilesim.units import format_duration
from pilesim.wire.messages import (
    Authorise,
    AuthoriseReply,
    Ended,
    EndReason,
    GunReport,
    GunState,
    Message,
    Start,
    Stop,
)


class Kept(Rule):
    """An authorised order lives for its time, whatever is tapped on the screen: a start inside it starts it."""

    wants = (Start, GunReport, Ended)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._started: dict[int, Order] = {}
        self.matters = self._started

    def on_seen(self, seen: Seen, message: Message) -> None:
        order = self.facts.at.order
        if isinstance(message, Start):
            if order is None or order.authorised_ns is None or self.facts.at.repeated:
                return
            if seen.t_ns - order.authorised_ns <= self.limit_ns:
                self._started[message.gun] = order
            else:
                self.open(f"the start came later than {format_duration(self.limit_ns)} after the authorisation")
        elif isinstance(message, GunReport):
            self._charges(seen, message)
        elif order is not None and isinstance(message, Ended) and order.ended_ns == seen.t_ns:
            self._ends(seen, message, order)

    def _charges(self, seen: Seen, message: GunReport) -> None:
        order = self._started.get(message.gun)
        if order is None or message.state is not GunState.CHARGING or (message.change and message.order is None):
            return
        del self._started[message.gun]
        charged = self.facts.orders.get(message.order or "")
        if message.order is None or message.order == order.number:
            self.passed()
        elif message.order and order.second is not None:
            self.open("the gun charges another order; auth.second-scan judges that")
        elif self.remote and not self.facts.start_came(order):
            self.open(self.perhaps_lost("start"))
        elif charged is not None and charged.stop_ns is not None and not charged.stop_answered:
            self.open(
                f"the gun charges an order whose stop, unanswered, perhaps never came or was not read{self.where_told}"
            )
        else:
            self.failed(
                f"the start starts order {order.number}",
                f"the gun charges {message.order or 'without an order'}",
                seen=seen,
                order=order,
            )

    def _ends(self, seen: Seen, message: Ended, order: Order) -> None:
        gun = self.facts.gun(order.gun)
        disturbed = order.stop_ns or order.replaced_ns or order.at_pile_ns or order.unplugged_ns or order.power_lost
        if order.authorised_ns is None or disturbed:
            return
        tapped = gun.tapped_ns is not None and gun.tapped_ns >= order.authorised_ns
        lived_ns = seen.t_ns - order.authorised_ns
        if order.on_charging:
            self.open("another charge went on, and so the authorisation changed nothing")
        elif order.start_ns is None:
            if lived_ns < self.limit_ns and (tapped or message.reason is EndReason.TIMED_OUT):
                self.failed(
                    f"an authorisation that lives {format_duration(self.limit_ns)}",
                    f"the pile ended it after {format_duration(lived_ns)}",
                    seen=seen,
                    order=order,
                )
        elif self._started.pop(order.gun, None) is order:
            if tapped and can_start(gun, order):
                self.failed(
                    f"the start starts order {order.number}",
                    "it failed, after taps on the screen and for no other reason that the trace shows",
                    seen=seen,
                    order=order,
                )
            else:
                self.open(f"the start failed, perhaps by right{self.where_done}")


class EndOfUnstarted(Rule, ABC):
    """An authorisation that nobody starts has to end: a duty with each, until it is started or over."""

    wants: ClassVar[tuple[type[Message], ...]] = (Authorise, Start, Stop, Ended)
    outcome: ClassVar[str]
    """What is waited for, as a finding says it."""

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._waiting: dict[int, tuple[Order, Duty]] = {}

    def on_seen(self, seen: Seen, message: Message) -> None:
        order, duty = self._waiting.get(message.gun, (None, None))
        if order is not None and duty is not None and (order.closed_ns is not None or order.start_ns is not None):
            del self._waiting[message.gun]
            self.over(seen, order, duty)
        new = self.facts.at.order
        if not isinstance(message, Authorise) or new is None or self.facts.at.repeated:
            return
        if new is self.facts.gun(message.gun).waiting:
            fresh = self.expect(
                self.outcome, since_ns=seen.t_ns, waits=Waits.UP, asked=seen, order=new, missed=self._unended
            )
            self._waiting[message.gun] = (new, fresh)

    def _unended(self, duty: Duty, now_ns: int) -> None:
        if duty.order is not None and duty.order.first is not None:
            self.open("it charges by a start that the line has lost")
        else:
            self.silent(duty, now_ns)

    @abstractmethod
    def over(self, seen: Seen, order: Order, duty: Duty) -> None:
        """`order` has been started, or has ended."""

    @abstractmethod
    def silent(self, duty: Duty, now_ns: int) -> None:
        """Its time has passed and nothing was heard."""


class Expires(EndOfUnstarted):
    """An authorised order that nobody starts or stops is ended by the pile."""

    wants = (*EndOfUnstarted.wants, AuthoriseReply)
    outcome = "an ended (timed out) of the authorisation that nobody started"

    def on_seen(self, seen: Seen, message: Message) -> None:
        super().on_seen(seen, message)
        order, duty = self._waiting.get(message.gun, (None, None))
        if order is None or duty is None or duty.closed or duty.overdue_ns is not None:
            return
        # Told once more, by a line that doubles too, it waits anew. From afar it came when it was answered.
        comes = AuthoriseReply if self.remote else Authorise
        if isinstance(message, comes) and message.account == order.account:
            self.duties.restart(duty, seen.t_ns, duty.limit_ns)

    def over(self, seen: Seen, order: Order, duty: Duty) -> None:
        if order.unplugged_ns is not None or order.power_lost:
            self.drop(duty, "the cable was pulled, or the power lost, before it timed out")
        elif order.start_ns is not None or order.stop_ns is not None or order.at_pile_ns is not None:
            self.drop(duty)
        elif order.replaced_ns is not None or order.ended_reason is EndReason.TIMED_OUT:
            self.met(duty, seen.t_ns)
        else:
            self.drop(duty)
            if seen.t_ns - duty.since_ns >= self.scene.limit("auth.kept").value:
                self.failed("reason timed-out", f"reason {order.ended_reason}", seen=seen, order=order)
            else:
                self.open(f"it was ended before its time, by the pile or its user{self.where_done}")

    def silent(self, duty: Duty, now_ns: int) -> None:
        order = duty.order
        if order is not None and (order.unplugged_ns is not None or order.power_lost or order.at_pile_ns is not None):
            self.open("cable, power or a user at the pile came first")
        elif order is not None and order.on_charging:
            self.open("another charge went on, and so the authorisation changed nothing")
        elif self.remote and order is not None and order.answered_ns is None:
            self.open(self.perhaps_lost("authorisation"))
        else:
            self._missed(duty, now_ns)


class SecondScan(Rule):
    """A second scan becomes the order of a waiting gun, and changes nothing on a charging one."""

    wants = (Authorise, GunReport, Ended)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._scans: dict[int, tuple[str, str]] = {}
        self.matters = self._scans

    def on_seen(self, seen: Seen, message: Message) -> None:
        new = self.facts.at.order
        gun = self.facts.gun(message.gun)
        if isinstance(message, Authorise):
            if new is None or self.facts.at.repeated:
                return
            if new.suspended:
                self.open(new.suspended)
            elif new.on_charging and gun.running is not None:
                self._scans[message.gun] = (gun.running.number, new.number)
            elif new.second is not None:
                self._scans[message.gun] = (new.number, new.second.number)
        elif isinstance(message, GunReport):
            self._report(seen, message)
        elif isinstance(message, Ended):
            self._ends(seen, message)

    def _report(self, seen: Seen, message: GunReport) -> None:
        right, wrong = self._scans.get(message.gun, ("", ""))
        if not right or message.state is not GunState.CHARGING or not message.order:
            return
        del self._scans[message.gun]
        order = self.facts.orders.get(right)
        resumed = self.facts.orders.get(wrong) if order is not None and order.on_charging else None
        if resumed is not None and resumed.charging:
            self.open("the scan came while the charge was only interrupted")
        elif message.order == wrong:
            self.failed(f"the gun charges order {right}", f"it charges {wrong}", seen=seen, order=order)
        elif message.order == right:
            self.passed()

    def _ends(self, seen: Seen, message: Ended) -> None:
        right, _ = self._scans.pop(message.gun, ("", ""))
        order = self.facts.orders.get(right)
        if order is None or order.start_ns is None or order.ended_ns != seen.t_ns:
            return
        if self.scene.header.stimuli and can_start(self.facts.gun(message.gun), order):
            self.failed(
                f"the start starts order {right}",
                "it failed, after a second scan and for no other reason that the trace shows",
                seen=seen,
                order=order,
            )
        else:
            self.open(f"the start after the second scan failed, perhaps by right{self.where_done}")


def can_start(gun: Gun, order: Order) -> bool:
    """Nothing that the trace shows stands in the way of a start."""
    car_ok = gun.cable is True and gun.insulation_ok and gun.handshake_ok and not gun.full
    undisturbed = order.at_pile_ns is None and not order.power_lost
    return car_ok and not gun.fault and order.balance_mfen != 0 and undisturbed
