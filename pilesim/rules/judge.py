"""The judge: a trace in, the verdict of every rule out, in one pass with bounded memory.

Owns the order in which facts, duties and rules see an event. Must not know any one rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from pilesim.rules.facts import Facts
from pilesim.rules.line import LineVerdict, LineWatch
from pilesim.rules.rule import Rule, Scene
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Finding, RuleResult, Verdict
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, Header, LineDown, LineUp, Note, Reachable, Stimulus
from pilesim.units import MS
from pilesim.wire.frame import End
from pilesim.wire.messages import Message

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


def judge(header: Header, events: Iterable[AnyEvent], *, limits: Mapping[str, int] | None = None) -> Judgement:
    """Judge one trace by all rules; `limits` (rule id to ns or the rule's unit) go before the header's.

    Raises UsageError where the header's protocol is not known, ValueError where its start is no time.
    """
    bench = _Bench(Scene(header, limits))
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


class _Side:
    """The rules that judge one end, by what they want to see."""

    def __init__(self, rules: list[Rule], facts: Facts) -> None:
        self.facts = facts
        self.rules = rules
        self.on_frame = _overriding(rules, "on_frame")
        self.on_noise = _overriding(rules, "on_noise")
        self.on_line = _overriding(rules, "on_line")
        self.on_stimulus = _overriding(rules, "on_stimulus")
        self.on_bill = _overriding(rules, "on_bill")
        self.on_forgotten = _overriding(rules, "on_forgotten")
        self._wanting: dict[type[Message], list[Rule]] = {}

    def without(self, blind: list[Rule]) -> _Side:
        """The same side once `blind` can say nothing more."""
        return _Side([rule for rule in self.rules if rule not in blind], self.facts)

    def wanting(self, kind: type[Message]) -> list[Rule]:
        if kind not in self._wanting:
            self._wanting[kind] = [r for r in self.rules if kind in r.wants or Message in r.wants]
        return self._wanting[kind]


def _overriding(rules: list[Rule], handler: str) -> list[Rule]:
    return [rule for rule in rules if getattr(type(rule), handler) is not getattr(Rule, handler)]


class _Bench:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._decoder = Decoder(scene.protocol)
        self._line = LineWatch(scene.facts[End.PILE].end, scene.protocol, scene.ends)
        self._paced = [duties.transit for duties in scene.duties.values() if duties.transit.ns_per_byte]
        self._ends = [(scene.facts[end], scene.duties[end]) for end in End]
        self._now_ns = 0
        self._undecoded = 0
        self._refused = refused = {**scene.contract.not_applicable, **scene.header.not_applicable}
        self._rules: dict[str, Rule] = {row.id: row.kind(row, scene) for row in RULES if row.id not in refused}
        # A rule that the whole log tells too little for is not even asked.
        self._sides = {
            end: _Side([r for r in self._rules.values() if r.row.judges is end and not r.blind], scene.facts[end])
            for end in End
        }

    def rules(self) -> Iterable[Rule]:
        return self._rules.values()

    def feed(self, event: AnyEvent) -> None:
        self._now_ns = now_ns = max(self._now_ns, event.t_ns)
        self._line.feed(event)
        self._scene.ends.feed(event)
        for transit in self._paced:
            transit.take(event)
        for facts, duties in self._ends:
            facts.clear(now_ns)
            duties.run(now_ns)
        for item in self._decoder.feed(event):
            self._item(item)
        if isinstance(event, LineUp | LineDown | Reachable):
            self._line_event(event)
        elif isinstance(event, Stimulus):
            self._stimulus(event)
        elif isinstance(event, Note):
            self._scene.notes.append(event)
            del self._scene.notes[:-NOTES_KEPT]
        self._settle()

    def finish(self) -> Judgement:
        for item in self._decoder.finish():
            self._item(item)
        for end in End:
            self._scene.duties[end].finish(self._now_ns)
        self._scene.ends.finish(self._now_ns)
        self._settle(everything=True)
        for side in self._sides.values():
            for rule in side.rules:
                rule.guarded(rule.on_finish)
        remarks = []
        if self._undecoded:
            remarks.append(f"{self._undecoded} frames could not be decoded: their rules were not asked")
        for end in End:
            if self._scene.facts[end].remote:
                remarks.append(f"nothing was recorded at the {end}: it is judged by what the other end saw")
            pace_ns = self._scene.duties[end].transit.ns_per_byte
            if pace_ns:
                takes = f"{pace_ns / MS:.3f} ms"
                remarks.append(f"a byte takes {takes} on the wire to the {end}: its deadlines do not count that")
        return Judgement(
            rules=tuple(self._result(row.id) for row in RULES), line=self._line.verdict(), remarks=tuple(remarks)
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
        self._scene.ends.see(item)
        for side in self._sides.values():
            if side.facts.end is not item.end:
                continue
            if isinstance(item, Noise):
                if item.direction.sender is side.facts.judges:
                    self._scene.duties[side.facts.judges].damaged(item.t_ns)
                for rule in side.on_noise:
                    rule.guarded(rule.on_noise, item)
            else:
                self._seen(side, item)

    def _seen(self, side: _Side, seen: Seen) -> None:
        message = seen.decoded.message
        deaf: list[Rule] = []
        if side.facts.out_of_place(seen):
            return
        if seen.decoded.untold:
            side, deaf = self._heedful(side, seen)
        if message is not None:
            side.facts.take(seen, message)
        elif side.facts.judges is End.PILE:
            self._undecoded += 1
        # As `guarded` does, without its call: half of a judgement's time is spent between these lines.
        for rule in side.on_frame:
            try:
                rule.on_frame(seen)
            except Exception as error:
                rule.broke(error)
        if message is not None:
            for rule in side.wanting(type(message)):
                if rule in deaf:
                    continue
                try:
                    rule.on_seen(seen, message)
                except Exception as error:
                    rule.broke(error)
        self._scene.duties[side.facts.judges].prove(seen)

    def _heedful(self, side: _Side, seen: Seen) -> tuple[_Side, list[Rule]]:
        """The rules for which a log still tells enough, and those among them that this message tells too little."""
        deaf = [rule for rule in side.rules if not rule.heeds(seen)]
        blind = [rule for rule in deaf if rule.blind]
        if blind:
            self._sides[side.facts.judges] = side = side.without(blind)
        return side, [rule for rule in deaf if not rule.blind]

    def _line_event(self, event: LineUp | LineDown | Reachable) -> None:
        for end, side in self._sides.items():
            if not isinstance(event, Reachable) and event.end is not side.facts.end:
                continue
            side.facts.take_line(event)
            self._scene.duties[end].line_changed(event.t_ns)
            for rule in side.on_line:
                rule.guarded(rule.on_line, event)

    def _stimulus(self, event: Stimulus) -> None:
        for end, side in self._sides.items():
            side.facts.take_stimulus(event)
            if event.kind in ("power-on", "power-off"):
                self._scene.duties[end].line_changed(event.t_ns)
            for rule in side.on_stimulus:
                rule.guarded(rule.on_stimulus, event)

    def _settle(self, everything: bool = False) -> None:
        for side in self._sides.values():
            side.facts.settle(self._now_ns, everything)
            for settled in side.facts.settled:
                for rule in side.on_bill:
                    if not settled.seen.decoded.untold or rule.heeds(settled.seen):
                        rule.guarded(rule.on_bill, settled)
            side.facts.forget()
            for order in side.facts.forgotten:
                for rule in side.on_forgotten:
                    rule.guarded(rule.on_forgotten, order)
