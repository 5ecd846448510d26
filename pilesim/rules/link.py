"""link.*: the pile comes back after the line was lost, keeps it, and loses nothing by it.

Owns what is expected around the loss of a line. Must not know bills: what an outage does to them is theirs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pilesim.rules.auth import can_start
from pilesim.rules.order import Order, Report, SettledBill
from pilesim.rules.rule import Duty, Rule, RuleRow, Scene, Waits
from pilesim.trace.decoder import Seen
from pilesim.trace.events import LineDown, LineUp, Missing, Reachable, Stimulus
from pilesim.units import HOUR, format_duration
from pilesim.wire.frame import Direction
from pilesim.wire.messages import Ended, GunReport, GunState, Message, Start, StopReason

OUR_DOING = frozenset({"line", "end", "platform"})
"""Who ended a connection, where that is no loss: our impairment, the end of the recording, the other side."""


class Reconnects(Rule):
    """Once the line can be had again the pile is heard again."""

    wants = (Message,)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._lost = False
        self._lost_ns = 0
        self._by = ""
        """Who ended the connection that was lost."""
        self._told = False
        """Whether the line can be had is in the recording."""
        self._duty: Duty | None = None

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        if isinstance(event, LineDown):
            if not self._lost:
                self._by, self._lost_ns = event.by, event.t_ns
            self._lost = self._lost or event.by != "end"
        elif isinstance(event, Reachable):
            self._told = True
            self._lost = self._lost or (self.scene.header.connectionless and not event.can)
        self._look(event.t_ns)

    def on_stimulus(self, event: Stimulus) -> None:
        if event.kind in ("power-on", "power-off"):
            # On a serial line nobody hangs up: without power the pile is lost all the same.
            self._lost = self._lost or (event.kind == "power-off" and self.scene.header.connectionless)
            self._look(event.t_ns)

    def on_seen(self, seen: Seen, message: Message) -> None:
        # A pile at a serial line talks on into a wire that is cut: that it is heard at its end does not end a loss.
        if self._duty is not None and seen.direction is Direction.UP:
            self._lost = False
            self.met(self._duty, seen.t_ns)
            self._duty = None

    def _look(self, now_ns: int) -> None:
        obtainable = self._lost and self.facts.reachable and self.facts.powered
        if obtainable and (self._duty is None or self._duty.closed):
            self._duty = self.expect(
                "connected and heard again", since_ns=now_ns, waits=Waits.WORLD, missed=self._silent
            )
        elif not obtainable and self._duty is not None:
            self.drop(self._duty)
            self._duty = None

    def _silent(self, duty: Duty, now_ns: int) -> None:
        self._lost = False
        if self.facts.lone:
            self.open(
                "nobody knows whether the line could be had and the pile had power: a recording at both ends, and of "
                "what was done at the pile, would tell"
            )
        elif self._by or self._told:
            no_acts = Missing.ACTS in self.scene.header.missing
            self.failed(
                f"{duty.expected} within {format_duration(duty.limit_ns)}",
                f"nothing in {format_duration(now_ns - duty.since_ns)}",
                t_ns=duty.since_ns + duty.limit_ns,
                measured=now_ns - duty.since_ns,
                hint="a recording of whether the pile had power would tell" if no_acts else "",
            )
        else:
            # Neither end hung up. Where something was sent that has not arrived, the line is what was broken.
            by_line = self.scene.ends.took(self._lost_ns) > 0
            if not by_line and Missing.ACTS in self.scene.header.missing:
                self.open(
                    "neither end had hung up: a recording of whether the line could be had and the pile had power tells"
                )
                return
            self.failed(
                f"{duty.expected} within {format_duration(duty.limit_ns)}",
                f"nothing in {format_duration(now_ns - duty.since_ns)}, and neither end had hung up",
                t_ns=duty.since_ns + duty.limit_ns,
                measured=now_ns - duty.since_ns,
                by_line=by_line,
                hint="" if by_line else "a recording of whether the line could be had would tell",
            )


class Stable(Rule):
    """The line is not lost again and again by what is not this program's doing."""

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._losses: deque[int] = deque(maxlen=self.limit.value + 1)
        self._told = False
        self._untold = False
        """Whether a loss was among them of which nobody knows who caused it."""

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        if not isinstance(event, LineDown) or event.by in OUR_DOING or not self.facts.powered:
            return
        self._untold = self._untold or not event.by
        self._losses.append(event.t_ns)
        span_ns = event.t_ns - self._losses[0]
        if len(self._losses) <= self.limit.value or span_ns > HOUR or self._told:
            return
        self._told = True
        if self._untold and self.facts.lone:
            self.open(f"{len(self._losses)} losses in an hour: a recording at both ends would tell who caused them")
        else:
            taken = self.scene.ends.took(self._losses[0])
            by_line = self._untold and taken > 0
            self.failed(
                f"at most {self.limit.value} losses of the line in an hour",
                f"{len(self._losses)} in {format_duration(span_ns)}"
                + (f", {taken} with frames that were under way" if by_line else ""),
                measured=len(self._losses),
                by_line=by_line,
                hint="a recording at both ends would tell who lost it" if self._untold and not by_line else "",
            )

    def on_finish(self) -> None:
        watched_ns = self.facts.now_ns - (self.facts.began_ns or 0)
        if self.facts.connection == 0:
            return
        if watched_ns >= HOUR:
            self.passed()
        else:
            self.open(f"watched for {format_duration(watched_ns)} only, an hour would tell")


@dataclass(slots=True, eq=False)
class _Flap:
    order: Order
    charging: bool
    record: Report | None
    down_ns: int
    disturbed: bool = False


class FlapKeepsOrder(Rule):
    """A short loss of the line costs neither an order nor a charge."""

    wants = (GunReport, Ended, Start)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._flaps: dict[int, _Flap] = {}
        self.matters = self._flaps
        self._tells_full = GunState.OCCUPIED_FULL in self.contract.legal_moves
        """A gun says of itself whether its battery was full; else the bill does."""
        self._unexplained: dict[str, tuple[Order, Seen, GunState]] = {}
        """By order: a charge that was over after the flap, the report that shows it, and the state of that."""

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        if not isinstance(event, LineDown) or event.by == "end" or not self.facts.powered:
            return
        for gun in self.facts.guns.values():
            order = gun.running if gun.charging else gun.waiting
            if order is not None and gun.number not in self._flaps:
                self._flaps[gun.number] = _Flap(order, order.charging, order.record, event.t_ns)

    def on_stimulus(self, event: Stimulus) -> None:
        """Whatever is done at the pile meanwhile may end a charge by right."""
        for number, flap in self._flaps.items():
            flap.disturbed = flap.disturbed or event.gun in (None, number)

    def on_seen(self, seen: Seen, message: Message) -> None:
        flap = self._flaps.get(message.gun)
        if flap is None:
            return
        too_long = (self.facts.back_ns or flap.down_ns) - flap.down_ns > self.limit_ns
        if too_long:
            self.open(f"the outage was longer than {format_duration(self.limit_ns)}")
        elif isinstance(message, GunReport):
            if not self._report(seen, message, flap):
                return
        elif not isinstance(message, Ended) or not self._ended(seen, flap):
            return
        del self._flaps[message.gun]

    def _report(self, seen: Seen, message: GunReport, flap: _Flap) -> bool:
        """Whether the report settles the matter."""
        order = flap.order
        if not flap.charging:
            return self._authorised(message, flap)
        if message.state is not GunState.CHARGING:
            lost = message.state in (GunState.IDLE, GunState.OCCUPIED_NOT_FULL)
            ended_by_right = flap.disturbed or order.stop_ns or order.at_pile_ns or not self.scene.header.stimuli
            if lost and not ended_by_right and not _near_balance(order):
                self._unexplained[order.number] = (order, seen, message.state)
                if self._tells_full or order.bill is not None:
                    self._judge_end(order.number)
            else:
                self.open(f"the charge ended around the outage, perhaps by right{self.where_done}")
            return True
        if message.change or flap.record is None:
            # A state change carries no record of the charge to compare.
            return flap.record is None
        before = flap.record.message
        for what, was, now in (("order", before.order, message.order), ("start time", before.start, message.start)):
            if was != now:
                self.failed(f"the same {what} as before the flap, {was!r}", f"{now!r}", seen=seen, order=order)
                return True
        if (message.energy_dwh or 0) < (before.energy_dwh or 0):
            self.failed("an energy that goes on from before the flap", "less energy", seen=seen, order=order)
        else:
            self.passed()
        return True

    def on_bill(self, settled: SettledBill) -> None:
        if settled.bill.order in self._unexplained:
            self._judge_end(settled.bill.order)

    def on_forgotten(self, order: Order) -> None:
        self._unexplained.pop(order.number, None)

    def on_finish(self) -> None:
        for _ in self._unexplained:
            self.open("the trace ended before the bill, which tells whether the battery was full")

    def _judge_end(self, number: str) -> None:
        order, seen, state = self._unexplained.pop(number)
        full = order.bill is not None and order.bill.stop_reason is StopReason.FULL
        if order.by_battery or (full and not self._tells_full):
            self.open("the battery ended the charge around the outage")
            return
        self.failed("the charge goes on after the flap", f"the gun is {state}", seen=seen, order=order)

    def _authorised(self, message: GunReport, flap: _Flap) -> bool:
        order = flap.order
        if order.charging and message.state is GunState.CHARGING:
            self.passed()
            return True
        return order.closed_ns is not None and order.ended_ns is None

    def _ended(self, seen: Seen, flap: _Flap) -> bool:
        order = flap.order
        if flap.charging or self.facts.at.order is not order:
            return False
        start, authorised = order.start_ns, order.authorised_ns
        life_ns = self.scene.limit("auth.kept").value
        gun = self.facts.gun(order.gun)
        inside = start is not None and authorised is not None and start - authorised <= life_ns
        untold = self.remote or not self.facts.acts_known
        if inside and not flap.disturbed and can_start(gun, order):
            self.failed(
                "the authorised order is started after the flap",
                "the start failed",
                seen=seen,
                order=order,
                # It may have arrived too late, or something may have been done at the pile, such as to cut its power.
                hint="a recording at the pile, with what was done there, would tell" if untold else "",
            )
        else:
            self.open(f"the authorised order was not started after the flap, or could not be{self.where_done}")
        return True


def _near_balance(order: Order) -> bool:
    amount = order.record.message.amount_mfen if order.record is not None else None
    return amount is None or order.balance_mfen is None or amount * 2 > order.balance_mfen
