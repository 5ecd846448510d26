"""Plays a scenario's steps: does what its own ends can do, waits for what it can see, and never judges.

Owns the order of the steps and their harness deadlines. Must not know how a pile or platform works: it has a
port to each. With no port to one end (a script played at the other end of a real line) the steps of that end
are waited for, by what of them shows on the line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import msgspec

from pilesim.errors import UsageError
from pilesim.link.base import Link
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.line import Line
from pilesim.rig.stimuli import Hands
from pilesim.scenario import steps
from pilesim.scenario.scenario import LinedStep, Scenario, until_time_of_day_ns
from pilesim.scenario.view import View, holds
from pilesim.trace.events import Note
from pilesim.trace.recorder import Recorder
from pilesim.units import MINUTE, S, format_duration
from pilesim.wire.messages import MESSAGE_TYPES, Authorise, Ended, GunState, Message, Reboot, WorkTell
from pilesim.wire.protocol import Protocol as WireProtocol

READY_NS = 60 * S
"""How long a pile has to be heard, idle, with the cable out, before the first step."""
OTHER_END_NS = 10 * MINUTE
"""How long a step of an end that is not ours is waited for."""
SETTLING_NS = 20 * S
"""After this it is looked what keeps the pile from being ready."""
BILLS_PAUSE_NS = 5 * S
"""So long no bill may have come when a scenario begins."""
NOBODY_CONNECTED = "nobody connected"
"""Why a scenario was cut short at a bench where no pile is."""
LAST_WORDS_NS = 5 * S
"""Replies to the last step may still come."""


class Desk(Protocol):
    """The platform's end as a scenario commands it."""

    def authorise(self, now_ns: int, gun: int, order: str, balance_mfen: int, account: str | None) -> None: ...

    def start(self, now_ns: int, gun: int, account: str | None) -> None: ...

    def stop(self, now_ns: int, gun: int, account: str | None) -> None: ...

    def set_balance(self, now_ns: int, gun: int, balance_mfen: int) -> None: ...

    def send(self, now_ns: int, message: Message) -> bool: ...

    def has_had(self, order: str) -> bool:
        """Whether an order of this number has been, be it one that the platform made itself."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """Until `met` is true or the deadline has come; `met` None waits for the deadline itself."""

    deadline_ns: int
    met: Callable[[], bool] | None = None


class Player:
    """A participant of the pump that plays one scenario.

    `cut_short` says, after the end, why it did not come to its end: the pile was not fit to begin with, or an act
    at it was not done; `timed_out` which steps were waited for in vain.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        protocol: WireProtocol,
        pile: str,
        view: View,
        recorder: Recorder,
        hands: Hands | None,
        desk: Desk | None,
        indirect: bool = False,
        line: Line | None,
        timeout_scale: float = 1.0,
        ready_ns: int = READY_NS,
        act_wait_ns: int = OTHER_END_NS,
        needs_time: bool = False,
    ) -> None:
        """`indirect`: the desk only tells a platform what to send; that it does so has to be seen on the line.

        `needs_time`: the pile has a clock of its own, and has to be told this world's time before the first step.
        """
        self.scenario = scenario
        self.done = False
        self.played = False
        """Every step was carried out; only last words are waited for."""
        self.cut_short = ""
        self.timed_out: list[LinedStep] = []
        self.orders: dict[str, str] = {}
        """Order numbers by the scenario's labels."""
        self._awaited: Counter[tuple[str, int]] = Counter()
        """Commands of another end that steps have waited for, by message and gun: how many had come by then."""
        self._started: set[int] = set()
        """Guns whose last command was a start: something comes of it."""
        self._unseen: dict[int, str] = {}
        """By gun: the label of the order that its next start will show."""
        self._protocol = protocol
        self._pile = pile
        self._view = view
        self._recorder = recorder
        self._hands = hands
        self._desk = desk
        self._indirect = indirect
        self._line = line
        self._scale = timeout_scale
        self._ready_ns = ready_ns
        self._act_wait_ns = act_wait_ns
        self._needs_time = needs_time
        self._now_ns = 0
        self._floor_ns = 0
        """When the present step comes at the earliest, by the waits before it."""
        self._wait = _Wait(0)
        self._script = self._play()

    # ------------------------------------------------------------------------- as a participant of the pump

    def step(self, now_ns: int) -> bool:
        self._now_ns = now_ns
        moved = False
        while not self.done and self._over():
            moved = True
            try:
                self._wait = next(self._script)
            except StopIteration:
                self.done = True
        return moved

    def next_wakeup_ns(self) -> int | None:
        return None if self.done else self._wait.deadline_ns

    def links(self) -> list[Link]:
        return []

    def _over(self) -> bool:
        met = self._wait.met
        return self._now_ns >= self._wait.deadline_ns or (met is not None and met())

    # -------------------------------------------------------------------------------------------- the script

    def _play(self) -> Iterator[_Wait]:
        yield from self._make_ready()
        if not self._ready():
            self.cut_short = self._why_unready()
            return
        for lined in self.scenario.steps:
            self._recorder.record(Note(t_ns=self._now_ns, text=lined.words, line=lined.line))
            try:
                yield from self._carry_out(lined)
            except ValueError as error:
                raise UsageError(f"{self.scenario.file}:{lined.line}: {lined.key}: {error}") from None
            if self.cut_short:
                return
        self.played = True
        yield _Wait(self._now_ns + LAST_WORDS_NS)

    def _carry_out(self, lined: LinedStep) -> Iterator[_Wait]:
        step = lined.step
        if not isinstance(step, steps.Until | steps.Wait | steps.At):
            self._view.mark()
        match step:
            case steps.Wait(ns=ns):
                self._floor_ns += ns
                yield _Wait(self._now_ns + ns)
            case steps.At(time=time):
                # Where the line was late, or the other end, the time is over, and not a day ahead.
                self._floor_ns += until_time_of_day_ns(self.scenario.start_ns + self._floor_ns, time)
                yield _Wait(max(self._now_ns, self._floor_ns))
            case steps.Until():
                until = self._as_carried(lined, step)
                yield from self._await(lined, until.within, lambda: self._holds(until))
            case steps.Impair(spec=spec):
                if self._line is not None:
                    self._line.impair(parse_impairment(spec))
            case steps.Heal():
                if self._line is not None:
                    self._line.heal()
            case steps.Stimulus():
                yield from self._stimulate(lined, step)
            case steps.Command():
                yield from self._command(lined, step)

    def _stimulate(self, lined: LinedStep, step: steps.Stimulus) -> Iterator[_Wait]:
        gun: int | None = getattr(step, "gun", None)
        if self._hands is None:
            shown = _shown_by(step, self._view, self._recorder.header.connectionless)
            if shown is not None:
                yield from self._await(lined, OTHER_END_NS, shown)
            return
        hands = self._hands
        times, every_ns = (step.times, int(step.every)) if isinstance(step, steps.Tap) else (1, 0)
        began_ns = self._now_ns
        for turn in range(times):
            if turn:
                yield _Wait(began_ns + turn * every_ns)
            hands.do(self._now_ns, step.kind, gun, step.detail())
            if hands.pending():
                yield from self._await(lined, self._act_wait_ns, lambda: not hands.pending())
            if hands.pending():
                waited = format_duration(int(self._act_wait_ns * self._scale))
                self.cut_short = f"not done within {waited}: {' '.join(hands.pending())}"
                return

    def _as_carried(self, lined: LinedStep, until: steps.Until) -> steps.Until:
        """`until` without a message that the protocol does not have: there is nothing to wait for.

        Where it has no `ended`, what came of a start shows otherwise (`View`), and that is waited for.
        """
        if until.message is None or self._protocol.carries(MESSAGE_TYPES[until.message]):
            return until
        if until.message == Ended.name and until.gun in self._started:
            return until
        text = f"{lined.words}: not waited for, {self._protocol.name} has no {until.message}"
        self._recorder.record(Note(t_ns=self._now_ns, text=text, line=lined.line))
        return msgspec.structs.replace(until, message=None)

    def _command(self, lined: LinedStep, step: steps.Command) -> Iterator[_Wait]:
        if not isinstance(step, steps.Authorise) and not self._protocol.carries(MESSAGE_TYPES[lined.key]):
            text = f"{lined.words}: not sent, {self._protocol.name} has no {lined.key}"
            self._recorder.record(Note(t_ns=self._now_ns, text=text, line=lined.line))
            return
        if isinstance(step, steps.Start):
            self._started.add(step.gun)
        elif isinstance(step, steps.Authorise):
            self._started.discard(step.gun)
        key = lined.key, step.gun
        if self._desk is not None:
            self._awaited[key] = self._view.seen_ever(*key)
            self._tell(self._desk, step)
            if not self._indirect:
                return
        if isinstance(step, steps.Authorise) and not self._protocol.carries(Authorise):
            # It shows on the line by the start, which carries the order.
            self._unseen[step.gun] = step.order
            return
        # Another end sends it, whoever told it to: so it is waited for, and its order is the one on the line. It may
        # have come a moment before this step began, where the other end's script is ahead.
        yield from self._await(lined, OTHER_END_NS, lambda: self._view.seen_ever(*key) > self._awaited[key])
        self._awaited[key] = self._view.seen_ever(*key)
        if isinstance(step, steps.Authorise) and step.gun in self._view.orders:
            self.orders[step.order] = self._view.orders[step.gun]
        if isinstance(step, steps.Start) and step.gun in self._unseen and step.gun in self._view.orders:
            self.orders[self._unseen.pop(step.gun)] = self._view.orders[step.gun]

    def _tell(self, desk: Desk, command: steps.Command) -> None:
        match command:
            case steps.Authorise(gun=gun, order=label, balance=balance, account=account):
                desk.authorise(self._now_ns, gun, self._order(label, gun), balance, account)
            case steps.Start(gun=gun, account=account):
                desk.start(self._now_ns, gun, account)
            case steps.Stop(gun=gun, account=account):
                desk.stop(self._now_ns, gun, account)
            case steps.BalanceTell(gun=gun, balance=balance):
                desk.set_balance(self._now_ns, gun, balance)
            case steps.WorkTell(stopped=stopped, power=power):
                desk.send(self._now_ns, WorkTell(stopped=stopped, power_percent=power))
            case steps.Reboot(when_idle=when_idle):
                desk.send(self._now_ns, Reboot(when_idle=when_idle))

    # --------------------------------------------------------------------------------------------- conditions

    def _await(self, lined: LinedStep, within_ns: int, met: Callable[[], bool]) -> Iterator[_Wait]:
        yield self._until(within_ns, met)
        if not met():
            self.timed_out.append(lined)
            waited = format_duration(int(within_ns * self._scale))
            self._recorder.record(
                Note(t_ns=self._now_ns, text=f"{lined.words}: not seen in {waited}", line=lined.line, timed_out=True)
            )

    def _until(self, within_ns: int, met: Callable[[], bool]) -> _Wait:
        return _Wait(self._now_ns + int(within_ns * self._scale), met)

    def _holds(self, until: steps.Until) -> bool:
        return holds(until, self._view, lambda label: self._order(label, until.gun or 1))

    def _order(self, label: str, gun: int) -> str:
        """The order number of a label: that on the line, the field's literal number, else a fresh one, made once."""
        if label not in self.orders and label.isdecimal():
            return self._protocol.normal_order(label)
        if label not in self.orders:
            epoch_ns = self.scenario.start_ns + self._now_ns
            # A real pile's number is what it tells: an order may have to begin with it.
            pile = self._view.number or self._pile
            serial, fresh = len(self.orders), ""
            while not fresh or self._has_been(fresh):
                serial += 1
                fresh = self._protocol.normal_order(self._protocol.new_order(pile, gun, epoch_ns, serial))
            self.orders[label] = fresh
        return self.orders[label]

    def _has_been(self, order: str) -> bool:
        return order in self.orders.values() or (self._desk is not None and self._desk.has_had(order))

    def _ready(self) -> bool:
        """Every gun is heard and, where only our own hands can have begun, idle with the cable out.

        A pile that plays alone begins when the platform has answered, so that the platform has seen it idle too.
        """
        view, guns = self._view, self.scenario.guns
        if not view.connected or (self._needs_time and not view.time_told):
            return False
        if not view.has_tariff and self._now_ns < SETTLING_NS:
            # Without a tariff it cannot charge; one that has it from elsewhere does not ask.
            return False
        if self._hands is None:
            return all(gun in view.reports for gun in guns)
        seen = (self._desk is not None and not self._indirect) or view.answered.issuperset(guns)
        return seen and all(self._idle(gun) for gun in guns) and self._no_bill_pending()

    def _no_bill_pending(self) -> bool:
        """A pile that has just sent a bill may have more of them."""
        return self._view.billed_ns is None or self._now_ns - self._view.billed_ns >= BILLS_PAUSE_NS

    def _make_ready(self) -> Iterator[_Wait]:
        """Wait until the pile is fit to begin; where only a cable is in the way, have it pulled."""
        yield self._until(min(self._ready_ns, SETTLING_NS), self._ready)
        hands = self._hands
        if hands is not None and self._view.connected:
            for gun in self.scenario.guns:
                report = self._view.reports.get(gun)
                if report is not None and report.cable:
                    with suppress(ValueError):  # nobody can: then the pile is not ready
                        hands.do(self._now_ns, "unplug", gun, {})
            if hands.pending():
                yield self._until(self._act_wait_ns, lambda: not hands.pending())
        yield self._until(self._ready_ns, self._ready)

    def _idle(self, gun: int) -> bool:
        report = self._view.reports.get(gun)
        return report is not None and report.state is GunState.IDLE and report.cable is not True

    def _why_unready(self) -> str:
        if not self._view.connected:
            return NOBODY_CONNECTED
        if self._needs_time and not self._view.time_told:
            return "expected the pile to ask for the time, so that it lives in this world's; it did not"
        for gun in self.scenario.guns:
            report = self._view.reports.get(gun)
            if report is None:
                return f"expected a heartbeat of gun {gun}, none came"
            if not self._idle(gun):
                cable = "connected" if report.cable else "not connected"
                return f"expected gun {gun} idle with the cable out, found {report.state}, cable {cable}"
        return "the pile left its idle state again"


def _shown_by(step: steps.Stimulus, view: View, connectionless: bool) -> Callable[[], bool] | None:
    """What of a stimulus shows on the line, to the end that did not do it; None: nothing does."""

    def cable(gun: int, connected: bool) -> bool:
        report = view.reports.get(gun)
        return report is not None and report.cable is connected

    match step:
        case steps.Plug(gun=gun):
            return lambda: cable(gun, True)
        case steps.Unplug(gun=gun):
            return lambda: cable(gun, False)
        case steps.Card(gun=gun):
            return lambda: view.seen("card-ask", gun) > 0
        case steps.PowerOff() | steps.PowerOn() if connectionless:
            # The port stands whether the pile at its other end has power or not.
            return None
        case steps.PowerOff():
            return lambda: not view.connected
        case steps.PowerOn():
            return lambda: view.connected
        case _:
            return None
