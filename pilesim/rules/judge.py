"""The judge: a trace in, the verdict of every rule out, in one pass with bounded memory.

Owns the order in which facts, duties and rules see an event. Must not know any one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from pilesim.rules.facts import ORDERS_KEPT, Facts
from pilesim.rules.line import LineVerdict, LineWatch
from pilesim.rules.reading import Reader
from pilesim.rules.rule import Duties, Rule, Scene
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Finding, RuleResult, Verdict
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, Chunk, Header, LineDown, LineUp, Note, Reachable, Stimulus
from pilesim.units import MS
from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, Message

NOTES_KEPT = 16
"""The last notes of the harness that rules may look back at."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the rules say of one trace."""

    rules: tuple[RuleResult, ...]
    """One for each row of the table, in its order."""
    line: LineVerdict
    remarks: tuple[str, ...] = ()
    """What of the trace could not be read, in sentences."""

    def verdict(self, rule: str) -> Verdict:
        """The verdict of `rule`; KeyError where there is none of this id."""
        for result in self.rules:
            if result.id == rule:
                return result.verdict
        raise KeyError(rule)

    def failed(self) -> tuple[str, ...]:
        """Ids of the rules that fail, in the order of the table."""
        return tuple(r.id for r in self.rules if r.verdict is Verdict.FAIL)


def judge(
    header: Header,
    events: Iterable[AnyEvent],
    *,
    limits: Mapping[str, int] | None = None,
    readers: Sequence[Reader] = (),
) -> Judgement:
    """Judge one trace by all rules; `limits` (rule id to ns or the rule's unit) go before the header's.

    `readers` see what the rules see, in the same pass: whoever else wants to know what a recording tells need not
    decode it again.

    Raises UsageError where the header's protocol is not known, ValueError where its start is no time.
    """
    scene = Scene(header, limits)
    bench = _Bench(scene, readers)
    for reader in readers:
        reader.begin(scene)
    for event in events:
        bench.feed(event)
    return bench.finish()


class Watch:
    """Judges a recording that still grows, and gives each finding once."""

    def __init__(self, header: Header) -> None:
        self._bench = _Bench(Scene(header, None))
        self._given: dict[str, int] = {}

    def feed(self, event: AnyEvent) -> list[Finding]:
        """What `event` let the rules find."""
        self._bench.feed(event)
        fresh: list[Finding] = []
        for rule in self._bench.rules():
            found, given = rule.found, self._given.get(rule.row.id, 0)
            if len(found) > given:
                self._given[rule.row.id] = len(found)
                fresh += found[given:]
        return fresh


Asked = tuple[Rule, Callable[[Seen, Message], None]]
"""A rule, and its handler: to look it up by its name for every message costs as much as many a handler."""


class _Side:
    """One end: what is known there, what is due of it, and the rules that judge it, by what they want to see."""

    def __init__(self, rules: list[Rule], facts: Facts, duties: Duties) -> None:
        self.facts = facts
        self.duties = duties
        self.ask(rules)

    def ask(self, rules: list[Rule]) -> None:
        """From now on these are its rules."""
        self.rules = rules
        self.on_frame = [(rule, rule.on_frame) for rule in _overriding(rules, "on_frame")]
        self.on_noise = _overriding(rules, "on_noise")
        self.on_line = _overriding(rules, "on_line")
        self.on_stimulus = _overriding(rules, "on_stimulus")
        self.on_bill = _overriding(rules, "on_bill")
        self.on_forgotten = _overriding(rules, "on_forgotten")
        self._wanting: dict[type[Message], list[Asked]] = {}
        reported = self.wanting(GunReport)
        self._always = [asked for asked in reported if asked[0].matters is None]
        self._busy = [(asked, asked[0].matters) for asked in reported if asked[0].matters is not None]

    def wanting(self, kind: type[Message]) -> list[Asked]:
        """Those that want to see messages of `kind`."""
        rules = self._wanting.get(kind)
        if rules is None:
            rules = self._wanting[kind] = [
                (rule, rule.on_seen) for rule in self.rules if kind in rule.wants or Message in rule.wants
            ]
        return rules

    def concerned(self) -> list[Asked]:
        """Those that want to see a report of a gun that goes on as the one before it."""
        return [*self._always, *[asked for asked, matters in self._busy if matters]]


def _overriding(rules: list[Rule], handler: str) -> list[Rule]:
    return [rule for rule in rules if getattr(type(rule), handler) is not getattr(Rule, handler)]


class _Bench:
    def __init__(self, scene: Scene, readers: Sequence[Reader] = ()) -> None:
        self._scene = scene
        self._taking = [reader for reader in readers if type(reader).take is not Reader.take]
        self._passing = [reader for reader in readers if type(reader).passed is not Reader.passed]
        self._ends = scene.ends
        self._decoder = Decoder(scene.protocol)
        self._line = LineWatch(scene.facts[End.PILE].end, scene.protocol, scene.ends)
        self._paced = [duties.transit for duties in scene.duties.values() if duties.transit.ns_per_byte]
        self._now_ns = 0
        self._undecoded = 0
        self._refused = refused = {**scene.contract.not_applicable, **scene.header.not_applicable}
        self._rules: dict[str, Rule] = {row.id: row.kind(row, scene) for row in RULES if row.id not in refused}
        # A rule that the whole log tells too little for is not even asked.
        self._sides = [
            _Side(
                [rule for rule in self._rules.values() if rule.row.judges is end and not rule.blind],
                scene.facts[end],
                scene.duties[end],
            )
            for end in End
        ]
        self._seeing = {end: [side for side in self._sides if side.facts.end is end] for end in End}
        """By where a frame is seen: the ends that are judged by it."""

    def rules(self) -> Iterable[Rule]:
        return self._rules.values()

    def feed(self, event: AnyEvent) -> None:
        now_ns = self._now_ns = max(self._now_ns, event.t_ns)
        if self._ends.gone:
            self._line.compare()
        other = None if isinstance(event, Chunk) else event
        if other is not None:
            self._ends.feed(other)
        for transit in self._paced:
            transit.take(event)
        for side in self._sides:
            side.facts.clear(now_ns)
            if side.duties.next_ns < now_ns:
                side.duties.run(now_ns)
        for item in self._decoder.feed(event):
            self._item(item)
        if other is not None:
            self._other(other)
        for reader in self._passing:
            reader.passed(event)
        for side in self._sides:
            if side.facts.unsettled or len(side.facts.orders) > ORDERS_KEPT:
                self._settle(side)

    def finish(self) -> Judgement:
        for item in self._decoder.finish():
            self._item(item)
        for side in self._sides:
            side.duties.finish(self._now_ns)
        self._ends.finish(self._now_ns)
        for side in self._sides:
            self._settle(side, everything=True)
        for side in self._sides:
            for rule in side.rules:
                rule.guarded(rule.on_finish)
        remarks = []
        if self._undecoded:
            remarks.append(f"{self._undecoded} frames could not be decoded: their rules were not asked")
        for side in self._sides:
            end = side.facts.judges
            if side.facts.remote:
                remarks.append(f"nothing was recorded at the {end}: it is judged by what the other end saw")
            pace_ns = side.duties.transit.ns_per_byte
            if pace_ns:
                takes = f"{pace_ns / MS:.3f} ms"
                remarks.append(f"a byte takes {takes} on the wire to the {end}: its deadlines do not count that")
        return Judgement(
            rules=tuple(self._result(row.id) for row in RULES),
            line=self._line.verdict(self._now_ns),
            remarks=tuple(remarks),
        )

    def _result(self, rule: str) -> RuleResult:
        if rule in self._rules:
            return self._rules[rule].result()
        row = next(row for row in RULES if row.id == rule)
        return RuleResult(
            id=row.id,
            level=row.level,
            judges=row.judges,
            verdict=Verdict.NOT_APPLICABLE,
            reason=self._refused[rule],
        )

    def _item(self, item: Seen | Noise) -> None:
        if self._ends.compared:
            self._ends.see(item)
        for side in self._seeing[item.end]:
            if isinstance(item, Seen):
                self._seen(side, item)
                continue
            if item.direction.sender is side.facts.judges:
                side.duties.damaged(item.t_ns)
            for rule in side.on_noise:
                rule.guarded(rule.on_noise, item)

    def _seen(self, side: _Side, seen: Seen) -> None:
        facts, message = side.facts, seen.decoded.message
        deaf: list[Rule] = []
        if facts.remote and facts.out_of_place(seen):
            return
        if seen.decoded.untold:
            deaf = self._deaf(side, seen)
        if message is not None:
            facts.take(seen, message)
            for reader in self._taking:
                reader.take(facts, seen, message)
        elif facts.judges is End.PILE:
            self._undecoded += 1
        # As `guarded` does, without its call: half of a judgement's time is spent between these lines.
        for rule, on_frame in side.on_frame:
            try:
                on_frame(seen)
            except Exception as error:
                rule.broke(error)
        if message is not None:
            wanting = side.concerned() if facts.at.goes_on else side.wanting(type(message))
            for rule, on_seen in [asked for asked in wanting if asked[0] not in deaf] if deaf else wanting:
                try:
                    on_seen(seen, message)
                except Exception as error:
                    rule.broke(error)
        side.duties.prove(seen)

    def _deaf(self, side: _Side, seen: Seen) -> list[Rule]:
        """The rules that a message tells too little; those to which the log tells too little from now on are done."""
        deaf = [rule for rule in side.rules if not rule.heeds(seen)]
        if any(rule.blind for rule in deaf):
            side.ask([rule for rule in side.rules if rule not in deaf or not rule.blind])
        return deaf

    def _other(self, event: AnyEvent) -> None:
        """What an event that holds no bytes tells of line and pile."""
        self._line.feed(event)
        if isinstance(event, LineUp | LineDown | Reachable):
            self._line_event(event)
        elif isinstance(event, Stimulus):
            self._stimulus(event)
        elif isinstance(event, Note):
            self._scene.notes.append(event)
            del self._scene.notes[:-NOTES_KEPT]

    def _line_event(self, event: LineUp | LineDown | Reachable) -> None:
        for side in self._sides:
            if not isinstance(event, Reachable) and event.end is not side.facts.end:
                continue
            side.facts.take_line(event)
            side.duties.line_changed(event.t_ns)
            for rule in side.on_line:
                rule.guarded(rule.on_line, event)

    def _stimulus(self, event: Stimulus) -> None:
        for side in self._sides:
            side.facts.take_stimulus(event)
            if event.kind in ("power-on", "power-off"):
                side.duties.line_changed(event.t_ns)
            for rule in side.on_stimulus:
                rule.guarded(rule.on_stimulus, event)

    def _settle(self, side: _Side, everything: bool = False) -> None:
        for settled in side.facts.settle(everything):
            for rule in side.on_bill:
                if not settled.seen.decoded.untold or rule.heeds(settled.seen):
                    rule.guarded(rule.on_bill, settled)
        for order in side.facts.forget():
            for rule in side.on_forgotten:
                rule.guarded(rule.on_forgotten, order)
