"""platform.*: what is expected of the platform's commands; its frames, replies and clock are told elsewhere.

Owns the platform's conduct of an order. Must not know the reference platform.
"""

from __future__ import annotations

from pilesim.rules.auth import EndOfUnstarted
from pilesim.rules.clock import HELD_APART_NS
from pilesim.rules.order import Order
from pilesim.rules.rule import Duty, Rule, RuleRow, Scene, Waits, would_tell
from pilesim.trace.decoder import Seen
from pilesim.units import format_duration, format_yuan
from pilesim.wire.frame import End
from pilesim.wire.messages import Authorise, Bill, CardAsk, Ended, GunReport, GunState, Message, Start, StartAsk, Stop

PERHAPS_ENDED = f"the line may have held up the pile's end of it: {would_tell(End.PILE)}"


class StartAfterAuth(Rule):
    """No start for an account without an answered authorisation (or one of the pile's own)."""

    wants = (Start, StartAsk, CardAsk)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._at_pile: dict[int, str] = {}

    def on_seen(self, seen: Seen, message: Message) -> None:
        if isinstance(message, StartAsk | CardAsk):
            self._at_pile[message.gun] = message.account
            return
        assert isinstance(message, Start)
        if message.order is not None:
            # Where the start carries order and balance itself there is no authorisation to wait for.
            return
        order = self.facts.at.order or self._latest(message)
        at_pile = self._at_pile.get(message.gun) == message.account
        if at_pile or (order is not None and (order.answered_ns is not None or order.authorised_ns is None)):
            self.passed()
        elif self.scene.asked_by_scenario(seen.t_ns, "start", naming="account"):
            self.open("the scenario had the start sent for an account of its own choice")
        elif order is None and self._was_answered(message) and self.scene.asked_by_scenario(seen.t_ns, "start"):
            self.open("the scenario had an order started that was over")
        elif order is not None and self._answered_at_pile(order):
            self.open("the pile has answered the authorise; the line lost that")
        elif order is not None:
            self.failed("an answered authorise first", "it has not been answered", seen=seen, order=order)
        elif self.facts.whole_history():
            self.failed(
                "an answered authorise first", f"none for account {message.account}", seen=seen, gun=message.gun
            )
        else:
            self.open("the order may have been authorised before the trace began")

    def _latest(self, message: Start) -> Order | None:
        """The order authorised for the account that is not over yet, though the gun charges another."""
        for order in reversed(self.facts.orders.values()):
            if order.gun == message.gun and order.account == message.account:
                return order if order.closed_ns is None and order.over is None else None
        return None

    def _was_answered(self, message: Start) -> bool:
        """An authorisation for the account has been answered, though its order is over by now."""
        return any(
            order.gun == message.gun and order.account == message.account and order.answered_ns is not None
            for order in self.facts.orders.values()
        )

    def _answered_at_pile(self, order: Order) -> bool:
        at_pile = self.scene.facts[End.PILE].orders.get(order.number)
        return at_pile is not None and at_pile.answered_ns is not None


class WaitsForOutcome(Rule):
    """After a start the platform waits for its outcome before it cancels or authorises anew."""

    wants = (Start, Stop, Authorise, GunReport, Ended)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._started: dict[int, tuple[int, Order | None]] = {}
        self.matters = self._started

    def on_seen(self, seen: Seen, message: Message) -> None:
        if isinstance(message, Start):
            if not self.facts.gun(message.gun).charging:
                self._started[message.gun] = (seen.t_ns, self.facts.at.order)
            return
        began_ns, order = self._started.get(message.gun, (None, None))
        if began_ns is None:
            return
        waited_ns = seen.t_ns - began_ns
        outcome = isinstance(message, Ended) or (isinstance(message, GunReport) and message.state is GunState.CHARGING)
        if outcome or waited_ns >= self.limit_ns:
            del self._started[message.gun]
            self.passed()
        elif isinstance(message, Stop | Authorise):
            del self._started[message.gun]
            if self.facts.at.asked or self.scene.asked_by_scenario(seen.t_ns, message.name):
                self.open(f"the user asked for the {message.name}")
            elif (self.facts.lone or self.scene.header.source) and not self.scene.header.scenario:
                self.open(f"perhaps the user asked for the {message.name}: the platform's own log would tell")
            else:
                self.failed(
                    f"an outcome of the start, or {format_duration(self.limit_ns)} without one",
                    f"{message.name} after {format_duration(waited_ns)}",
                    seen=seen,
                    order=order,
                )


class GivesUp(EndOfUnstarted):
    """An authorised order that nobody starts is ended, by the platform or the pile."""

    outcome = "an end of the authorisation, by stop or ended"

    def over(self, seen: Seen, order: Order, duty: Duty) -> None:
        if order.start_ns is not None or duty.closed:
            self.drop(duty)
        elif duty.limit_ns > self.limit_ns and order.ended_ns is None:
            self.drop(duty)
            self._missed(duty, seen.t_ns)
        elif duty.limit_ns > self.limit_ns:
            self.drop(duty, PERHAPS_ENDED)
        else:
            self.met(duty, seen.t_ns)

    def silent(self, duty: Duty, now_ns: int) -> None:
        order = duty.order
        if not self.scene.header.timers:
            self.open("the scenario has the platform's own timers off: only the pile could end it")
        elif order is not None and order.answered_ns is None:
            self.open("the authorisation was never answered")
        elif order is not None and order.on_charging:
            self.open("another charge went on, and so the authorisation changed nothing")
        elif self.facts.lone and not self.remote and order is not None:
            self._held_up(duty, order)
        else:
            self._missed(duty, now_ns)

    def _held_up(self, duty: Duty, order: Order) -> None:
        """By the platform's recording alone: the pile's end of it may come late by the line."""
        if order.ended_ns is not None:
            self.open(PERHAPS_ENDED)
            return
        late = self.expect(
            self.outcome,
            since_ns=duty.since_ns,
            limit_ns=duty.limit_ns + HELD_APART_NS,
            waits=Waits.UP,
            asked=duty.asked,
            order=order,
            missed=lambda _, now_ns: self._missed(duty, now_ns),
        )
        self._waiting[order.gun] = (order, late)


class StopsAtBalance(Rule):
    """When heartbeats show the balance used up the platform stops the charge.

    The pile has the balance that came with the order; only the platform knows what other bills of the account have
    taken from it since (szds-33).
    """

    wants = (GunReport, Stop, Bill)
    of_charge = True

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._used_up: dict[int, int] = {}
        self._billed: dict[str, list[Order]] = {}
        """By account: the orders that have been billed, as their first bills came."""

    def on_seen(self, seen: Seen, message: Message) -> None:
        order = self.facts.at.order
        number = message.gun
        if isinstance(message, Stop):
            if number in self._used_up:
                self.passed(self._used_up.pop(number))
            return
        if isinstance(message, Bill):
            if order is not None and order.account is not None and not self.facts.at.repeated:
                self._billed.setdefault(order.account, []).append(order)
            return
        assert isinstance(message, GunReport)
        if message.state is not GunState.CHARGING:
            if self._used_up.pop(number, None) is not None:
                self.open("the charge ended without the platform's stop")
            return
        amount = message.amount_mfen
        if message.change or order is None or order.balance_mfen is None or amount is None:
            return
        balance = order.balance_mfen - self._spent_elsewhere(order)
        if amount < balance or order.stop_ns is not None:
            return
        beats = self._used_up[number] = self._used_up.get(number, -1) + 1
        if beats == self.limit.value + 1:
            self.failed(
                f"a stop within {self.limit.value} heartbeats of a balance used up",
                f"none; {format_yuan(amount)} of {format_yuan(balance)} used",
                seen=seen,
                order=order,
                measured=beats,
                # One that was sent once may be lost.
                hint=self.would_tell if self.remote else "",
            )

    def on_forgotten(self, order: Order) -> None:
        billed = self._billed.get(order.account or "", [])
        if order in billed:
            billed.remove(order)
            if not billed:
                del self._billed[order.account or ""]

    def _spent_elsewhere(self, order: Order) -> int:
        """What bills of the account's other charges have cost since the order got its balance."""
        since_ns = order.authorised_ns if order.balance_ns is None else order.balance_ns
        spent_mfen = 0
        if order.account is None or since_ns is None:
            return 0
        for other in reversed(self._billed.get(order.account, ())):
            assert other.bill is not None and other.bill_seen is not None, "it was remembered at its first bill"
            if other.bill_seen.t_ns < since_ns:
                break
            if other is not order and other.charged:
                spent_mfen += other.bill.fees_mfen + (other.bill.occupancy_fee_mfen or 0)
        return spent_mfen
