"""What every rule is: a row of the table, handlers, checks with their margins, duties with their deadlines.

Owns the machinery of judging one expectation: counting passes, findings and open questions, and clocks that
stand still while nothing can be sent and do not count what bytes need on a slow wire. Must not know any one
expectation.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import msgspec

from pilesim.contract.contract import Contract, Limit
from pilesim.contract.contracts import contract_of
from pilesim.rules.ends import Ends
from pilesim.rules.facts import Facts
from pilesim.rules.needs import Fact, lacking, untold
from pilesim.rules.order import Order, SettledBill
from pilesim.rules.transit import Transit
from pilesim.rules.verdict import Blame, Finding, Level, Margin, RuleResult, Verdict
from pilesim.trace.decoder import Noise, Seen
from pilesim.trace.events import Header, LineDown, LineUp, Note, Reachable, Stimulus
from pilesim.units import KWH_DWH, YUAN_MFEN, S, format_duration, format_since_start
from pilesim.wire.frame import End, Frame
from pilesim.wire.messages import Message
from pilesim.wire.protocol import Protocol, protocol_named

FINDINGS_KEPT = 20
"""Findings of one rule that are kept in full; more of them are counted."""
BURST_NS = 2 * S
"""What a line has held up arrives all at once, within so much."""
JITTER_NS = 5 * S
"""What was sent after a silence shows that nothing else was: a line that held all up, and delays each piece by another
amount, lets what it held come in any order within so much."""
NUMBERS = 0xFFFF
"""Frames are counted up to here, and from 0 again."""
IN_STEP = 4
"""So many frames in a row, each with the next number, are of an end that counts what it sends."""
SKIPPED_MOST = 32
"""A number further ahead is no count of what was lost, but another beginning."""
VAIN_REQUESTS = 3
"""So many requests of a kind, and none ever answered, are a failure, be it the end's or the line's."""
PERHAPS_CUT = "the line may have been down: the log does not tell its connections"
AT_LEAST = frozenset({"auth.kept", "link.flap-keeps-order", "platform.waits-for-outcome"})
"""Rules whose limit is the least that must be: by coarse times a while may look so much longer than it was."""
NEVER_NS = 1 << 62
STEP_NS = 1 * S
"""The command that a scenario's step asks for follows it within so much."""
UNIT_SCALE: dict[str, int] = {"s": S, "kWh": KWH_DWH, "yuan": YUAN_MFEN, "min": 1, "beats": 1, "losses": 1}
"""What one of a limit's unit is held as."""


def would_tell(end: End) -> str:
    """What to say where only a recording at `end` would tell."""
    return f"a recording at the {end} would tell"


def perhaps_cut(silent_ns: int) -> str:
    """What to say where the line may have been down for as long as nobody was heard."""
    return f"{PERHAPS_CUT}, and nothing at all was heard for {format_duration(silent_ns)}"


class Waits(Enum):
    """What a duty's clock does when the line is lost."""

    UP = "up"
    """Something the pile sends of itself: stands still without line or power, starts anew when both are back."""
    REPLY = "reply"
    """An answer: without the line it is open whether the request ever arrived."""
    WORLD = "world"
    """Goes on whatever the line does."""


class Duty(msgspec.Struct, eq=False):
    """Something that has to happen by a deadline."""

    rule: Rule
    since_ns: int
    limit_ns: int
    waits: Waits
    expected: str
    asked: Seen | None
    """The frame that asks for it; the finding shows it."""
    gun: int | None
    order: Order | None
    missed: Callable[[Duty, int], None]
    deadline_ns: int | None = None
    looked_at_ns: int | None = None
    """When it is next looked at, which may be before its deadline; None: nobody has planned to."""
    overdue_ns: int | None = None
    """When the deadline passed unseen, where only the far end was recorded: a later frame may prove it."""
    arrived: bool = False
    """What asks for it is known to have reached the judged end, which has said so."""
    passed_by_ns: int | None = None
    """When something sent later was first seen at the far end."""
    in_vain: bool = False
    """None of its kind was ever answered at the far end, by the judged end or by the line."""
    closed: bool = False


class Duties:
    """What is due of the `judged` end, by deadline."""

    def __init__(self, facts: Facts, judged: End) -> None:
        self.judged = judged
        self.transit = Transit(judged, facts.end, facts.header.wire_ns_per_byte.get(judged, 0))
        """A duty begins when what asks for it has reached the end, and is done when that has handed over what does it:
        so limits and measurements are the end's own, whatever the wire needs."""
        self._facts = facts
        self._remote = facts.remote(judged)
        self._heap: list[tuple[int, int, Duty]] = []
        """When to look whether its deadline was missed, a serial number, and the duty."""
        self._open: dict[int, Duty] = {}
        self._overdue = 0
        """How many of them are."""
        self.next_ns = NEVER_NS
        """The earliest of these times; until then `run` has nothing to do."""
        self._serial = 0
        self._heard_ns = 0
        """When the judged end was last heard."""
        self._damaged_ns = -1
        """When bytes of it last came damaged."""
        self._number: int | None = None
        """Of its latest frame on this connection, by its own count, which may begin again with each."""
        self._in_step = 0
        """How many of its frames were numbered one after the other, up to that one."""
        self._vain: dict[tuple[str, type[Message] | type[None]], list[Duty]] = {}
        """At the far end: requests that no answer came to, though later ones on their connection were answered."""

    def add(self, duty: Duty) -> Duty:
        self._open[id(duty)] = duty
        if duty.waits is Waits.WORLD or self._facts.can_send:
            self._wind(duty, duty.since_ns)
        return duty

    def restart(self, duty: Duty, now_ns: int, limit_ns: int) -> None:
        """Its clock begins anew with another limit."""
        duty.limit_ns = limit_ns
        self._wind(duty, now_ns)

    def close(self, duty: Duty) -> None:
        if duty.closed:
            return
        duty.closed = True
        del self._open[id(duty)]
        self._overdue -= duty.overdue_ns is not None
        heap = self._heap
        if heap and heap[0][2] is duty:
            # Most are done before anything else is due, and nobody need look at them again.
            heapq.heappop(heap)
            duty.looked_at_ns = None
            self.next_ns = heap[0][0] if heap else NEVER_NS

    def run(self, now_ns: int) -> None:
        """Every deadline before `now_ns` has passed; at the very instant an arrival still counts."""
        while self._heap and self._heap[0][0] < now_ns:
            _, _, duty = heapq.heappop(self._heap)
            duty.looked_at_ns = None
            if duty.closed or duty.deadline_ns is None or duty.overdue_ns is not None:
                continue
            settled_ns = self.transit.settled_ns(duty.deadline_ns)
            if settled_ns >= now_ns:
                self._look(settled_ns, duty)
            elif self._unproven(duty):
                duty.overdue_ns = duty.deadline_ns
                self._overdue += 1
            else:
                self.miss(duty, now_ns)
        self.next_ns = self._heap[0][0] if self._heap else NEVER_NS

    def _unproven(self, duty: Duty) -> bool:
        """Whether it takes more than a deadline that has passed to know that the judged end did nothing."""
        if duty.waits is Waits.WORLD:
            return False
        return self._remote or (duty.waits is Waits.UP and not self._facts.cuts_known)

    def prove(self, seen: Seen) -> None:
        """A frame of the judged end has been seen: does it show that what is overdue was never sent?

        On one connection bytes arrive in order, so a frame of the judged end that arrives at the far one after the
        deadline was sent after it, unless the line held them up and lets them all go at once. A later request that
        was answered tells that the earlier one arrived, or that something between the ends has swallowed it: one
        message lost on a line that stands happens in the field, all of one kind does not.
        """
        frame, now_ns = seen.decoded.frame, seen.t_ns
        if (seen.decoded.problems and not frame.sound) or (self._remote and self._skips(frame)):
            self._damaged_ns = now_ns
        if self._overdue:
            facts, silent_ns = self._facts, self.silent_ns(now_ns)
            for duty in [d for d in self._open.values() if d.overdue_ns is not None]:
                if duty.waits is Waits.UP or duty.arrived:
                    self._prove_sent(duty, now_ns, silent_ns)
                elif not facts.header.connectionless and facts.pairs.answered_ns > duty.since_ns:
                    self._in_vain(duty)
        self._heard_ns = now_ns

    def _skips(self, frame: Frame) -> bool:
        """Whether numbers are missing before this frame of an end that has counted its frames so far."""
        if not frame.sound or frame.sequence == frame.answers:
            # A number that is repeated is the other side's.
            return False
        last, self._number = self._number, frame.sequence
        if last is None:
            return False
        step = (frame.sequence - last) & NUMBERS
        skips = self._in_step >= IN_STEP and 1 < step <= SKIPPED_MOST
        self._in_step = 0 if step != 1 and not skips else self._in_step + (step == 1)
        return skips

    def damaged(self, now_ns: int) -> None:
        """Bytes of the judged end have come that are no frame; they may have been one."""
        self._damaged_ns = now_ns

    def silent_ns(self, now_ns: int) -> int:
        """How long nothing of the judged end was heard."""
        return now_ns - self._heard_ns

    def perhaps_cut(self, duty: Duty, silent_ns: int) -> bool:
        """Nothing at all was heard for as long as the duty's limit, and the line may have been down."""
        return not self._facts.cuts_known and silent_ns >= duty.limit_ns

    def _prove_sent(self, duty: Duty, now_ns: int, silent_ns: int) -> None:
        if self.perhaps_cut(duty, silent_ns):
            self.close(duty)
            duty.rule.open(perhaps_cut(silent_ns))
        elif not self._remote:
            self.miss(duty, now_ns)
        elif self._facts.header.connectionless:
            return
        elif self._damaged_ns >= duty.since_ns:
            self.close(duty)
            duty.rule.open(f"some of its frames are missing or damaged: {would_tell(self.judged)}")
        elif duty.passed_by_ns is None:
            duty.passed_by_ns = now_ns
        elif now_ns - duty.passed_by_ns >= JITTER_NS + self._facts.header.resolution_ns:
            self.miss(duty, now_ns)

    def _in_vain(self, duty: Duty) -> None:
        self.close(duty)
        assert duty.asked is not None, "what waits for a reply was asked"
        vain = self._vain.setdefault((duty.rule.row.id, type(duty.asked.decoded.message)), [])
        if len(vain) < FINDINGS_KEPT:
            vain.append(duty)

    def _judge_vain(self, now_ns: int) -> None:
        for (_, asked), duties in self._vain.items():
            for duty in duties:
                if len(duties) >= VAIN_REQUESTS and asked not in self._facts.pairs.answered:
                    # A line may lose each of one kind: that they failed is sure, by whom the other end tells.
                    duty.in_vain = True
                    self.miss(duty, now_ns)
                else:
                    duty.rule.open(self._pile_or_line())
        self._vain.clear()

    def _pile_or_line(self) -> str:
        return f"{self.judged} or line: {would_tell(self.judged)}"

    def line_changed(self, now_ns: int) -> None:
        """Line or power went or came back."""
        can_send = self._facts.can_send
        self._number = None
        for duty in list(self._open.values()):
            if duty.waits is Waits.REPLY and not can_send:
                self.close(duty)
                tells = f", {would_tell(self.judged)}" if self._facts.remote(self.judged) else ""
                duty.rule.open(f"the line went down before the deadline: perhaps the request never arrived{tells}")
            elif duty.waits is Waits.UP:
                self._overdue -= duty.overdue_ns is not None
                duty.overdue_ns = None
                if can_send:
                    self._wind(duty, now_ns)
                else:
                    duty.deadline_ns = None

    def finish(self, now_ns: int) -> None:
        """The trace is over: what is not overdue stays open."""
        self._judge_vain(now_ns)
        for duty in list(self._open.values()):
            self.close(duty)
            if duty.overdue_ns is not None:
                duty.rule.open(self._pile_or_line() if self._remote else PERHAPS_CUT)
            elif duty.deadline_ns is None:
                duty.rule.open("the trace ended while line or power was gone")
            elif duty.deadline_ns < now_ns:
                duty.rule.open("the trace ended while the answer may still have been on the wire")
            else:
                duty.rule.open(f"the trace ended {format_duration(duty.deadline_ns - now_ns)} before the deadline")

    def miss(self, duty: Duty, now_ns: int) -> None:
        """It was not done in time, which is known at `now_ns`."""
        self.close(duty)
        duty.rule.guarded(duty.missed, duty, now_ns)

    def _wind(self, duty: Duty, now_ns: int) -> None:
        duty.since_ns = self.transit.arrived_ns(now_ns)
        duty.deadline_ns = duty.since_ns + duty.limit_ns
        self._look(duty.deadline_ns, duty)

    def _look(self, when_ns: int, duty: Duty) -> None:
        """Look at it by then; whoever looks before its deadline looks again."""
        if duty.looked_at_ns is not None and duty.looked_at_ns <= when_ns:
            return
        duty.looked_at_ns = when_ns
        self._serial += 1
        heapq.heappush(self._heap, (when_ns, self._serial, duty))
        if when_ns < self.next_ns:
            self.next_ns = when_ns


class Scene:
    """What the rules of one judgement share: the trace's header, its contract, limits, facts and duties."""

    def __init__(self, header: Header, limits: Mapping[str, int] | None = None) -> None:
        self.header = header
        self.protocol: Protocol = protocol_named(header.protocol)
        self.contract: Contract = contract_of(header.protocol)
        self._site = {**header.limits, **(limits or {})}
        period_ns = self.limit("beat.period").value
        charging_ns = self.limit("beat.charging").value or period_ns
        recorded = {end: Facts(header, self.contract, end, period_ns, charging_ns) for end in header.ends or End}
        self.facts = {end: recorded.get(end) or recorded[end.other] for end in End}
        """By the end that is judged; where one was recorded, both are judged by the facts there."""
        self.duties = {end: Duties(self.facts[end], end) for end in End}
        self.ends = Ends(header)
        self.notes: list[Note] = []
        """The last words of the harness: which commands of the platform a scenario (the user) asked for."""

    def limit(self, rule: str) -> Limit:
        """The limit of `rule` in force: the site's, else the contract's; of no unit where it has none.

        By a log with coarse times nobody is held to more than they show.
        """
        limit = self.contract.limits.get(rule, Limit(0, "", ""))
        if rule in self._site:
            limit = Limit(self._site[rule], limit.unit, "site")
        coarse_ns = self.header.resolution_ns
        if not coarse_ns or limit.unit != "s" or not limit.value:
            return limit
        value_ns = limit.value - coarse_ns if rule in AT_LEAST else limit.value + coarse_ns
        return Limit(max(0, value_ns), limit.unit, limit.source)

    def asked_by_scenario(self, t_ns: int, step: str, naming: str = "") -> bool:
        """Whether a step called `step` (that names `naming`) asked for a command of the platform at `t_ns`."""
        return any(
            note.text.split(" ", 1)[0].rstrip(":") == step and naming in note.text and 0 <= t_ns - note.t_ns <= STEP_NS
            for note in self.notes
        )

    def untold_then(self, end: End, times_ns: Iterable[int]) -> str:
        """Which recording would tell, where the log of `end` has a gap at one of these times; else ""."""
        late_ns = self.header.apart_ns + self.header.resolution_ns
        for gap in self.header.gaps:
            if gap.end is end and any(gap.since_ns <= t_ns <= gap.until_ns + late_ns for t_ns in times_ns):
                return f"the log of the {end} has a gap there: a recording at the {end} of then would tell"
        return ""

    def changed(self, rule: str) -> bool:
        """Whether the site has changed the limit of `rule`."""
        default = self.contract.limits.get(rule)
        return rule in self._site and default is not None and self._site[rule] != default.value


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One expectation, as listings, documents and tests iterate them."""

    id: str
    level: Level
    judges: End
    text: str
    trigger: str
    """What has to be in a trace for the rule to say anything: the end of "no trigger: no ..."."""
    case: str
    kind: type[Rule]
    needs: tuple[Fact, ...] = ()
    """What a log has to tell for the rule to say anything. A message that does not tell it ends its judging."""
    needs_to_fail: tuple[Fact, ...] = ()
    """What it has to tell besides for the rule to fail: without it the rule passes, or stays open."""
    alone: tuple[type[Message], ...] = ()
    """Messages that it judges each by itself: one that does not tell enough is passed over, and the next is judged."""


class Rule:
    """One expectation at work on one trace. Subclasses override the handlers they need.

    Facts are up to date when a handler is called: `self.facts.at` says what the message is about.
    """

    wants: ClassVar[tuple[type[Message], ...]] = ()
    """The messages that `on_seen` is called with; (Message,) means all."""
    own: ClassVar[bool] = False
    """Of frames and messages it sees those only that the judged end sends."""
    of_charge: ClassVar[bool] = False
    """Of a gun's reports that go on as the ones before them (`Context.goes_on`) those only concern it that are of an
    order's charge or occupancy."""

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        self.row = row
        self.scene = scene
        self.facts = scene.facts[row.judges]
        self.remote = self.facts.remote(row.judges)
        """Nothing was recorded at the judged end."""
        self.duties = scene.duties[row.judges]
        self.contract = scene.contract
        self.limit = scene.limit(row.id)
        self._passes = 0
        self._findings: list[Finding] = []
        self._failures = 0
        self._musts = 0
        """Findings of the rule's own level; without any the rule fails as a SHOULD."""
        self._slight: dict[str, None] = {}
        self._reasons: dict[str, None] = {}
        self._remarks: dict[str, None] = {}
        self._tightest: int | None = None
        self._error = ""
        missing = scene.header.missing
        self.matters: Collection[object] | None = None
        """What it is busy with, the same object all the time: while there is none of that, a gun's report that goes on
        as the one before it, or a reply to one (`Context.goes_on`), does not concern the rule. None: each does."""
        self.blind = lacking(row.needs, missing)
        """Why nothing more can be said, in a sentence; "" as long as there is all that the rule needs."""
        self._unfailing = lacking(row.needs_to_fail, missing)
        """Why nothing can be held against anybody; "" as long as there is all that it takes."""

    def heeds(self, seen: Seen) -> bool:
        """Whether a message that a log tells in part tells this rule enough; what it does not tell is taken note of."""
        reason = untold(self.row.needs, seen)
        if reason:
            self.open(reason)
            if not isinstance(seen.decoded.message, self.row.alone):
                self.blind = self.blind or reason
            return False
        self._unfailing = self._unfailing or untold(self.row.needs_to_fail, seen)
        return True

    # Handlers -----------------------------------------------------------------------------------------------

    def on_seen(self, seen: Seen, message: Message) -> None:
        """A message of `wants` passed the judged end."""

    def on_frame(self, seen: Seen, message: Message | None) -> None:
        """Any frame passed the judged end, before `on_seen`, also one that cannot be believed and has no message."""

    def on_noise(self, noise: Noise) -> None:
        """Bytes that are no frame passed the judged end."""

    def on_line(self, event: LineUp | LineDown | Reachable) -> None:
        """The line changed at the judged end."""

    def on_stimulus(self, event: Stimulus) -> None:
        """Something was done at the pile."""

    def on_bill(self, settled: SettledBill) -> None:
        """The first bill of an order, or one of no known order, once its charge is known."""

    def on_forgotten(self, order: Order) -> None:
        """The order is too long ago to be remembered: judge it now or never."""

    def on_finish(self) -> None:
        """The trace is over; duties have been closed."""

    # Checks -------------------------------------------------------------------------------------------------

    @property
    def limit_ns(self) -> int:
        return self.limit.value

    @property
    def would_tell(self) -> str:
        """What to say where only a recording at the judged end would tell."""
        return would_tell(self.row.judges)

    @property
    def where_told(self) -> str:
        """What to say after a reason where a recording at the judged end would tell more; "" where that is this one."""
        return f": {self.would_tell}" if self.remote else ""

    @property
    def where_done(self) -> str:
        """What to say after a reason where what was done at the pile would tell more; "" where that is recorded."""
        return "" if self.facts.acts_known else ": what was done at the pile would tell"

    def perhaps_lost(self, what: str) -> str:
        """What to say where the judged end has not answered `what`, and is judged by the other."""
        return f"the {what} was not answered, and perhaps lost: {self.would_tell}"

    def passed(self, measured: int | None = None) -> None:
        """One trigger met the expectation; `measured` in the limit's own unit."""
        if self.blind:
            self.open(self.blind)
            return
        self._passes += 1
        if measured is not None and (self._tightest is None or measured > self._tightest):
            self._tightest = measured

    def open(self, reason: str) -> None:
        """One trigger that cannot be decided."""
        if len(self._reasons) < FINDINGS_KEPT:
            self._reasons.setdefault(reason)

    def remark(self, text: str) -> None:
        """Something told once that decides nothing."""
        if len(self._remarks) < FINDINGS_KEPT:
            self._remarks.setdefault(text)

    def deviated(self, expected: str, actual: str, *, seen: Seen, once: str) -> None:
        """A finding of level SHOULD, whatever the rule's own level, told once for each `once`."""
        if once in self._slight or len(self._slight) >= FINDINGS_KEPT:
            return
        self._slight[once] = None
        self.failed(expected, actual, seen=seen, gun=seen.decoded.frame.gun, level=Level.SHOULD)

    @property
    def found(self) -> list[Finding]:
        """The findings so far, as far as they are kept."""
        return self._findings

    def failed(
        self,
        expected: str,
        actual: str,
        *,
        t_ns: int | None = None,
        seen: Seen | None = None,
        gun: int | None = None,
        order: Order | None = None,
        number: str = "",
        measured: int | None = None,
        hint: str = "",
        line: int = 0,
        by_line: bool = False,
        level: Level | None = None,
    ) -> None:
        """One trigger broke the expectation; nothing is held against an order that the line tampered with.

        `by_line`: the two ends show that it was the line's doing. With a `hint` nobody can be blamed, and it says which
        recording would tell. `level`: the rule's own by default.
        """
        if order is not None and order.suspended:
            self.open(f"suspended: {order.suspended}")
            return
        if self.blind or self._unfailing:
            self.open(self.blind or self._unfailing)
            return
        if measured is not None and (self._tightest is None or measured > self._tightest):
            self._tightest = measured
        self._failures += 1
        self._musts += level is None
        if len(self._findings) >= FINDINGS_KEPT:
            return
        if t_ns is None:
            t_ns = seen.t_ns if seen is not None else self.facts.now_ns
        if gun is None:
            gun = order.gun if order is not None else None
        if self.scene.header.gaps and not hint and not by_line:
            hint = self.scene.untold_then(self.facts.end, [t_ns, *([seen.t_ns] if seen is not None else [])])
        self._findings.append(
            Finding(
                rule=self.row.id,
                level=level or self.row.level,
                blame=Blame.LINE if by_line else Blame.CANNOT_TELL if hint else Blame(self.row.judges.value),
                t_ns=t_ns,
                end=self.facts.end,
                frame=seen.index if seen is not None else None,
                line=seen.line if seen is not None else line,
                gun=gun,
                order=order.number if order is not None else number,
                expected=expected,
                actual=actual,
                raw=seen.decoded.frame.raw if seen is not None else b"",
                title=seen.decoded.title if seen is not None else "",
                hint=hint,
            )
        )

    def guarded(self, handler: Callable[..., None], *args: object) -> None:
        """Call one of its handlers. Where that breaks, a fault of this program, the verdict of this rule is ERROR."""
        try:
            handler(*args)
        except Exception as error:  # whatever it is, it must not take the other rules with it
            self.broke(error)

    def broke(self, error: Exception) -> None:
        """One of its handlers broke."""
        self._error = self._error or f"{type(error).__name__}: {error}"

    def expect(
        self,
        expected: str,
        *,
        since_ns: int,
        waits: Waits,
        limit_ns: int | None = None,
        asked: Seen | None = None,
        gun: int | None = None,
        order: Order | None = None,
        missed: Callable[[Duty, int], None] | None = None,
        arrived: bool = False,
    ) -> Duty:
        """A duty from `since_ns` on; by default its missing is a finding that names `expected`."""
        limit_ns = self.limit.value if limit_ns is None else limit_ns
        return self.duties.add(
            Duty(self, since_ns, limit_ns, waits, expected, asked, gun, order, missed or self._missed, arrived=arrived)
        )

    def met(self, duty: Duty, t_ns: int) -> None:
        """The duty was done at `t_ns`, in time or (at a far end) late."""
        if duty.closed:
            return
        left_ns = max(duty.since_ns, self.duties.transit.left_ns(t_ns))
        overdue_ns = duty.overdue_ns
        if overdue_ns is None and duty.deadline_ns is not None and left_ns > duty.deadline_ns:
            # It was still to be seen whether it was on the wire by then, and it was not.
            self.duties.miss(duty, left_ns)
            return
        self.duties.close(duty)
        if overdue_ns is not None and left_ns > overdue_ns:
            if not self.remote:
                if self.duties.perhaps_cut(duty, self.duties.silent_ns(t_ns)):
                    self.open(PERHAPS_CUT)
                else:
                    self.duties.miss(duty, left_ns)
                return
            self.open(f"late at the other end: {self.would_tell}")
            return
        self.passed(left_ns - duty.since_ns if duty.limit_ns == self.limit.value else None)

    def met_again(self, duty: Duty, t_ns: int) -> bool:
        """The duty was done at `t_ns`, and is due again from then on. False where it was not open, or late."""
        if duty.closed or duty.deadline_ns is None or duty.overdue_ns is not None:
            return False
        left_ns = max(duty.since_ns, self.duties.transit.left_ns(t_ns))
        if left_ns > duty.deadline_ns:
            return False
        self.passed(left_ns - duty.since_ns if duty.limit_ns == self.limit.value else None)
        self.duties.restart(duty, t_ns, duty.limit_ns)
        return True

    def drop(self, duty: Duty | None, reason: str = "") -> None:
        """The duty no longer binds; with a reason the trigger stays undecided."""
        if duty is not None and not duty.closed:
            self.duties.close(duty)
            if reason:
                self.open(reason)

    def _missed(self, duty: Duty, now_ns: int) -> None:
        unproven = duty.in_vain or (self.remote and duty.waits is Waits.WORLD)
        self.failed(
            f"{duty.expected} within {format_duration(duty.limit_ns)}",
            f"nothing in {format_duration(now_ns - duty.since_ns)}",
            t_ns=duty.since_ns + duty.limit_ns,
            seen=duty.asked,
            gun=duty.gun,
            order=duty.order,
            measured=now_ns - duty.since_ns if duty.limit_ns == self.limit.value else None,
            hint=self.would_tell if unproven else "",
        )

    # Verdict ------------------------------------------------------------------------------------------------

    def result(self) -> RuleResult:
        """The verdict on what has been seen."""
        reason = ""
        if self._error:
            verdict, reason = Verdict.ERROR, self._error
        elif self._failures:
            verdict = Verdict.FAIL
            if self._failures > len(self._findings):
                reason = f"{self._failures} findings, the first {len(self._findings)} shown"
        elif self._passes:
            verdict = Verdict.PASS
        else:
            verdict = Verdict.INCONCLUSIVE
            reason = (
                "; ".join(self._reasons) or self.blind or f"no trigger: no {self.row.trigger}{self._lost_by_line()}"
            )
        if self._remarks:
            reason = "; ".join([*([reason] if reason else []), *(f"noted: {text}" for text in self._remarks)])
        return RuleResult(
            id=self.row.id,
            level=Level.SHOULD if self._failures and not self._musts else self.row.level,
            judges=self.row.judges,
            verdict=verdict,
            reason=reason,
            site=self.scene.changed(self.row.id),
            margin=self._margin(),
            findings=tuple(self._findings),
        )

    def _lost_by_line(self) -> str:
        """What was to reach the judged end and the rule would have looked at, in words."""
        gone = [
            one
            for kind in self.wants
            for one in self.scene.ends.lost.get(kind, ())
            if one.direction.receiver is self.row.judges
        ]
        said = ", ".join(f"{one.title} of {format_since_start(one.t_ns)}" for one in gone)
        return f"; the line has lost {said}" if said else ""

    def _margin(self) -> Margin | None:
        if self._tightest is None or not self.limit.unit:
            return None
        scale = UNIT_SCALE[self.limit.unit]
        return Margin(self._tightest / scale, self.limit.value / scale, self.limit.unit)
