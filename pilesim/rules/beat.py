"""beat.*: what a gun says of itself, how often, and in what order.

Owns what is expected of heartbeats and state reports. Must not know bills.
"""

from __future__ import annotations

from pilesim.rules.clock import shown
from pilesim.rules.order import Order
from pilesim.rules.rule import Duty, Rule, RuleRow, Scene, Waits
from pilesim.trace.decoder import Seen
from pilesim.trace.events import LineDown, LineUp, Reachable, Stimulus
from pilesim.units import format_duration, format_kwh, format_local, parse_world_start_ns
from pilesim.wire.messages import (
    Alive,
    CardReply,
    GunReport,
    GunState,
    HelloReply,
    Message,
    Stamp,
    StartReply,
)

EMPTY_BEFORE_EPOCH_NS = parse_world_start_ns("2001-01-01T00:00:00+08:00")
"""A time before 2001 is a clock that was never set: frames count years from 2000."""
MISREAD_BEATS = 6
"""A pile that misses the cable altogether: after so many heartbeats no prompt can still be open."""
UNTOLD = frozenset({GunState.UNKNOWN, GunState.OFFLINE})


class Period(Rule):
    """Each gun is heard at least so often while the line is up."""

    wants = (GunReport,)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._next: dict[int, Duty] = {}

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        if isinstance(event, LineUp):
            for number in self.facts.gun_numbers():
                if number not in self._next or self._next[number].closed:
                    self._listen(number, event.t_ns)

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, GunReport)
        if message.change:
            return
        number = self.facts.gun(message.gun).number
        if self.scene.header.guns and not 1 <= number <= self.scene.header.guns:
            return
        waiting = self._next.get(number)
        if waiting is not None:
            if self.met_again(waiting, seen.t_ns):
                return
            self.met(waiting, seen.t_ns)
        self._listen(number, seen.t_ns)

    def _listen(self, number: int, now_ns: int) -> None:
        self._next[number] = self.expect(
            f"a heartbeat of gun {number}", since_ns=now_ns, waits=Waits.UP, gun=number, missed=self._silent
        )

    def _silent(self, duty: Duty, now_ns: int) -> None:
        """One finding for one silence: the next heartbeat begins the next count."""
        self._missed(duty, now_ns)


class _LetIn(Rule):
    """What a pile owes from when it may speak on a connection; nothing of it outlives the connection."""

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        if isinstance(event, LineDown):
            self.cut()
        elif isinstance(event, LineUp) and not self.contract.hello_first:
            self.let_in(event.t_ns)

    def hears(self, seen: Seen, message: Message) -> bool:
        """Whether the message is about being let in, and nothing more."""
        if isinstance(message, HelloReply) and message.accepted and self.contract.hello_first:
            self.let_in(seen.t_ns)
        return isinstance(message, HelloReply)

    def let_in(self, now_ns: int) -> None:
        """The pile may speak from now on."""

    def cut(self) -> None:
        """The connection is gone."""

    def silent(self, number: int, silent_ns: int, what: str, seen: Seen) -> None:
        """Gun `number` says `what` again after longer than the limit, in which others said so in time: a SHOULD."""
        if self.remote or not self.facts.cuts_known:
            self.open(f"gun {number} was not heard for {format_duration(silent_ns)}: by the line, perhaps")
            return
        self.deviated(
            f"{what} within {format_duration(self.limit_ns)}",
            f"nothing of gun {number} in {format_duration(silent_ns)}",
            seen=seen,
            once="each",
        )


class Charging(_LetIn):
    """While a gun charges it reports so often, or its pile does where the guns of it report in turn."""

    wants = (GunReport, HelloReply)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._next: dict[int, Duty] = {}
        self._interrupted: set[int] = set()
        """Guns that charged when the line was lost."""
        self._heard_ns: dict[int, int] = {}
        """When each gun was heard last on this connection."""

    def on_seen(self, seen: Seen, message: Message) -> None:
        if self.hears(seen, message):
            return
        assert isinstance(message, GunReport)
        waiting = self._next.pop(message.gun, None)
        self._interrupted.discard(message.gun)
        if waiting is not None:
            in_turn = not waiting.closed and waiting.limit_ns > self.limit_ns
            self.met(waiting, seen.t_ns)
            if in_turn:
                self.silent(message.gun, seen.t_ns - waiting.since_ns, "a report of each gun that charges", seen)
        self._heard_ns[message.gun] = seen.t_ns
        if message.state is GunState.CHARGING:
            self._listen(message.gun, seen.t_ns)

    def on_stimulus(self, event: Stimulus) -> None:
        if event.kind == "power-off":
            self.cut()
            self._interrupted.clear()

    def let_in(self, now_ns: int) -> None:
        for number in self._interrupted:
            self._listen(number, now_ns)
        self._interrupted.clear()

    def cut(self) -> None:
        for number, duty in self._next.items():
            self.drop(duty)
            self._interrupted.add(number)
        self._next.clear()
        self._heard_ns.clear()

    def _listen(self, number: int, since_ns: int, limit_ns: int | None = None) -> None:
        self._next[number] = self.expect(
            f"a report of gun {number}, which charges,",
            since_ns=since_ns,
            waits=Waits.UP,
            limit_ns=limit_ns,
            gun=number,
            missed=self._silent,
        )

    def _silent(self, duty: Duty, now_ns: int) -> None:
        """As long as other guns are heard in its place a gun has as many periods as there are guns."""
        assert duty.gun is not None
        others = [heard_ns for number, heard_ns in self._heard_ns.items() if number != duty.gun]
        guns = self.scene.header.guns or len(self._heard_ns)
        until_ns = min(duty.since_ns + guns * self.limit_ns, max(others, default=0) + self.limit_ns)
        if until_ns > duty.since_ns + duty.limit_ns:
            self._listen(duty.gun, duty.since_ns, until_ns - duty.since_ns)
        else:
            self._missed(duty, now_ns)


class AliveBeat(_LetIn):
    """Some gun says so often that it is there; each gun of them should."""

    wants = (Alive, HelloReply)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._next: Duty | None = None
        self._heard_ns: dict[int, int] = {}

    def on_seen(self, seen: Seen, message: Message) -> None:
        if self.hears(seen, message):
            return
        if self._next is not None:
            self.met(self._next, seen.t_ns)
        self._listen(seen.t_ns)
        for number, heard_ns in self._heard_ns.items():
            silent_ns = seen.t_ns - heard_ns
            if silent_ns > self.limit_ns and len(self._heard_ns) > 1:
                self.silent(number, silent_ns, "each gun alive", seen)
        self._heard_ns[message.gun] = seen.t_ns

    def let_in(self, now_ns: int) -> None:
        self._heard_ns = dict.fromkeys(range(1, self.scene.header.guns + 1), now_ns)
        self._listen(now_ns)

    def cut(self) -> None:
        self._heard_ns.clear()
        self.drop(self._next)
        self._next = None

    def _listen(self, now_ns: int) -> None:
        self.drop(self._next)
        self._next = self.expect("a gun that says that it is alive", since_ns=now_ns, waits=Waits.UP)


class LegalPath(Rule):
    """States follow one another as the contract's table says, and a charge that has ended does not go on."""

    wants = (GunReport,)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._ended: dict[int, Order] = {}
        """By gun: the order whose charge an idle report has ended."""
        self.matters = self._ended

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, GunReport)
        gun = self.facts.gun(message.gun)
        if self._goes_on(seen, message):
            return
        if message.state is GunState.CHARGING and message.cable is False:
            self.failed("no charging with the cable out", "charging", seen=seen, gun=gun.number, order=gun.running)
            return
        if gun.previous is None or not gun.steady:
            return
        was = gun.previous.message
        if was.state is message.state or {was.state, message.state} & UNTOLD:
            return
        out = message.cable is False or gun.cable is False
        by_pull = was.state is GunState.CHARGING and message.state is GunState.IDLE and out
        if by_pull or message.state in self.contract.legal_moves.get(was.state, frozenset()):
            self.passed()
        else:
            legal = ", ".join(sorted(self.contract.legal_moves.get(was.state, frozenset())))
            self.failed(
                f"after {was.state} one of {legal}",
                f"{was.state} -> {message.state}",
                seen=seen,
                gun=gun.number,
                order=self.facts.at.order or gun.running,
            )

    def _goes_on(self, seen: Seen, message: GunReport) -> bool:
        """Whether a charge goes on that a report said to be over: then the gun was never idle."""
        over, order = self.facts.at.over, self.facts.at.order
        if not self.facts.gun(message.gun).steady:
            self._ended.pop(message.gun, None)
        elif over is not None and message.state is GunState.IDLE and message.cable is not False:
            self._ended[message.gun] = over
        elif message.state is GunState.CHARGING and message.order:
            ended = self._ended.pop(message.gun, None)
            if ended is not None and ended is order:
                self.failed(
                    f"never idle while order {ended.number} charges",
                    "charging -> idle -> charging",
                    seen=seen,
                    order=ended,
                )
                return True
        return False


class OccupiedWhileCabled(Rule):
    """After a charge the gun is occupied, not idle, until the cable is out or a new start comes."""

    wants = (GunReport,)
    of_charge = True

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._idle: dict[int, tuple[Order, int]] = {}

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, GunReport)
        gun = self.facts.gun(message.gun)
        order = gun.running
        if order is None or order.over is None or order.power_lost or gun.cable is not True or message.change:
            return
        if message.state.occupied or message.state is GunState.FAULT:
            self._idle.pop(gun.number, None)
            self.passed()
            return
        if message.state is not GunState.IDLE:
            return
        # A report that denies the cable may be right while the prompt for the stimulus is still open.
        patience = self.limit.value if message.cable is not False else MISREAD_BEATS
        last, count = self._idle.get(gun.number, (order, 0))
        count = count + 1 if last is order else 1
        if count == 1 and not gun.steady and not self.facts.acts_known:
            self.open("no report came for a while: what was done at the pile would tell whether the cable was out")
            # No later count is the one that is told.
            count = patience + 2
        self._idle[gun.number] = (order, count)
        if count == patience + 1:
            self.failed(
                "occupied (or fault) until the cable is out",
                f"idle for {count} heartbeats",
                seen=seen,
                gun=gun.number,
                order=order,
                measured=count,
            )


class OrderInBeat(Rule):
    """A charging heartbeat carries the order, one start time not before the start, an energy that never falls."""

    wants = (GunReport, StartReply, CardReply)
    of_charge = True

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._started: dict[int, Order] = {}
        """By gun: the order that was accepted by its number."""

    def on_seen(self, seen: Seen, message: Message) -> None:
        if not isinstance(message, GunReport):
            self._accepts(message)
            return
        if self.facts.at.over is not None:
            self._started.pop(message.gun, None)
        if message.state is not GunState.CHARGING or (message.start is None and message.order is None):
            return
        if message.start is not None and is_empty(message.start):
            # A heartbeat without its start time carries no record of a charge at all: beat.start-time tells that.
            return
        order = self.facts.at.order
        problem = self._problem(order, message)
        if problem is None:
            self.passed()
        else:
            self.failed(*problem, seen=seen, gun=message.gun, order=order)

    def _accepts(self, message: Message) -> None:
        assert isinstance(message, StartReply | CardReply)
        order = self.facts.at.order
        if message.accepted and order is not None and message.order == order.number:
            self._started[message.gun] = order

    def _problem(self, order: Order | None, message: GunReport) -> tuple[str, str] | None:
        if message.order == "":
            return f"order {order.number}" if order is not None else "an order", "no order"
        started = self._started.get(message.gun)
        if started is not None and message.order not in (None, started.number):
            # The acceptance of a later start may have been lost on its way.
            later = order is not None and (order.authorised_ns or 0) > (started.authorised_ns or 0)
            if not later:
                return f"order {started.number}, which was started", f"order {message.order}"
        if order is None or order.first_record is None:
            return None
        problem = self._start_problem(order, order.first_record.message.start, message.start)
        if problem is not None:
            return problem
        before = order.previous_record.message if order.previous_record is not None else None
        if before is not None:
            was, now = before.energy_dwh, message.energy_dwh
            if was is not None and now is not None and now < was:
                return f"an energy of at least {format_kwh(was)}", format_kwh(now)
        return None

    def _start_problem(self, order: Order, first: Stamp | None, now: Stamp | None) -> tuple[str, str] | None:
        """What is wrong with a start time that was told as `first` before."""
        if now is None:
            return None
        if first is not None and not is_empty(first) and now != first and self._clock_stood(order):
            return f"one constant start time, {shown(first)}", shown(now)
        if order.start_ns is not None and now.epoch_ns is not None:
            # The pile's clock may be off by what clock.synced allows.
            earliest = self.facts.time.epoch_ns(order.start_ns) - self.scene.limit("clock.synced").value
            if self.facts.time.told_ns is not None and now.epoch_ns < earliest:
                return f"a start time not before {format_local(self.facts.time.epoch_ns(order.start_ns))}", shown(now)
        return None

    def _clock_stood(self, order: Order) -> bool:
        """A time taken before the clock was set is corrected by the step that sets it."""
        told = self.facts.time.told_ns
        return order.first_record is None or told is None or told <= order.first_record.t_ns


class StartTime(Rule):
    """A charging heartbeat never has an empty start time."""

    wants = (GunReport,)
    of_charge = True

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, GunReport)
        if message.state is not GunState.CHARGING or message.start is None:
            return
        if is_empty(message.start):
            self.failed("a start time", shown(message.start), seen=seen, gun=message.gun, order=self.facts.at.order)
        else:
            self.passed()


class ShowsUnplug(_LetIn):
    """Plug and unplug show in a heartbeat or a state change."""

    wants = (GunReport, HelloReply)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._waiting: dict[int, tuple[bool, Duty]] = {}
        self._shut_out = False
        """The pile has to be let in before it may show anything."""

    def on_stimulus(self, event: Stimulus) -> None:
        if event.kind not in ("plug", "unplug") or event.gun is None:
            return
        gun = self.facts.gun(event.gun)
        shows = event.kind == "plug"
        if gun.number in self._waiting:
            self.drop(self._waiting.pop(gun.number)[1], "the cable was moved again before the deadline")
        if gun.report is not None and gun.report.t_ns >= event.began_ns and gun.report.message.cable is shows:
            self.passed(0)
            return
        self._expect(gun.number, shows, event.t_ns, gun.running or gun.waiting)

    def _expect(self, number: int, shows: bool, since_ns: int, order: Order | None) -> None:
        duty = self.expect(
            f"a report of gun {number} with the cable {'in' if shows else 'out'}",
            since_ns=since_ns,
            waits=Waits.UP,
            gun=number,
            order=order,
            missed=self._unseen,
        )
        self._waiting[number] = (shows, duty)

    def _unseen(self, duty: Duty, now_ns: int) -> None:
        if self._shut_out:
            self.open("the pile had not been let in yet when it was to show the cable")
        else:
            self._missed(duty, now_ns)

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        if isinstance(event, LineUp):
            self._shut_out = self.contract.hello_first
        super().on_line(event)

    def let_in(self, now_ns: int) -> None:
        self._shut_out = False
        for number, (shows, duty) in list(self._waiting.items()):
            self.drop(duty)
            self._expect(number, shows, now_ns, duty.order)

    def on_seen(self, seen: Seen, message: Message) -> None:
        if self.hears(seen, message):
            return
        assert isinstance(message, GunReport)
        shows, duty = self._waiting.get(message.gun, (None, None))
        if duty is not None and message.cable is shows:
            del self._waiting[message.gun]
            self.met(duty, seen.t_ns)


def is_empty(stamp: Stamp) -> bool:
    """No time, or one of a clock that was never set."""
    return stamp.is_none or (stamp.epoch_ns is not None and stamp.epoch_ns < EMPTY_BEFORE_EPOCH_NS)
