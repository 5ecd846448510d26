"""The judge: a trace in, the verdict of every rule out, in one pass with bounded memory.

Owns the order in which facts, duties and rules see an event. Must not know any one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from typing import Any

import msgspec

from pilesim.rules.facts import Facts
from pilesim.rules.line import LineVerdict, LineWatch
from pilesim.rules.reading import Reader
from pilesim.rules.rule import Duties, Rule, Scene
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Finding, RuleResult, Verdict
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, Chunk, Header, LineDown, LineUp, Note, Reachable, Stimulus
from pilesim.units import MS
from pilesim.wire.frame import UP, Direction, End
from pilesim.wire.messages import GunReport, GunReportReply, Message

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


Asked = Callable[[Seen, Any], None]
"""A rule's handler, bound to it: to look it up by its name for every message costs as much as many a handler."""
_rule_of: Callable[[Asked], Rule] = attrgetter("__self__")


class _Post:
    """An end that was recorded: what is known there, who is judged by it, and the rules, by what they want to see."""

    def __init__(self, facts: Facts, duties: list[Duties], rules: list[Rule]) -> None:
        self.facts = facts
        self.duties = duties
        self.of_sender = {way: next((d for d in duties if d.judged is way.sender), None) for way in Direction}
        """What is due of whoever sends so."""
        self.judges_pile = any(d.judged is End.PILE for d in duties)
        self.ask(rules)

    def ask(self, rules: list[Rule]) -> None:
        """From now on these are its rules."""
        self.rules = rules
        self.on_noise = _overriding(rules, "on_noise")
        self.on_line = _overriding(rules, "on_line")
        self.on_stimulus = _overriding(rules, "on_stimulus")
        self.on_bill = _overriding(rules, "on_bill")
        self.on_forgotten = _overriding(rules, "on_forgotten")
        on_frame = _overriding(rules, "on_frame")
        self.on_frame: dict[Direction, list[Asked]] = {
            way: [rule.on_frame for rule in on_frame if _sees(rule, way)] for way in Direction
        }
        self._wanting: dict[Direction, dict[type[Message], list[Asked]]] = {way: {} for way in Direction}
        self.report = _Routine(self.wanting(Direction.UP, GunReport))
        self.reply = _Routine(self.wanting(Direction.DOWN, GunReportReply))

    def wanting(self, way: Direction, kind: type[Message]) -> list[Asked]:
        """Those that want to see messages of `kind` that go that way; first those that look at any frame."""
        found = self._wanting[way].get(kind)
        if found is None:
            found = self._wanting[way][kind] = [
                *self.on_frame[way],
                *(
                    rule.on_seen
                    for rule in self.rules
                    if (kind in rule.wants or Message in rule.wants) and _sees(rule, way)
                ),
            ]
        return found


class _Routine:
    """Of those that want to see a gun's reports, or the replies, those that one concerns which goes on as the last."""

    def __init__(self, asked: list[Asked]) -> None:
        in_charge = [one for one in asked if _rule_of(one).matters is None]
        self._idle = {True: in_charge, False: [one for one in in_charge if not _rule_of(one).of_charge]}
        """By whether the gun charges: those that want to see it even where they have nothing to do."""
        self._busy = [one for one in asked if _rule_of(one).matters is not None]
        self._matters = [_rule_of(one).matters for one in self._busy]

    def concerned(self, charge: bool) -> list[Asked]:
        """`charge`: the gun charges, or an order occupies it."""
        idle = self._idle[charge]
        return [*idle, *compress(self._busy, self._matters)] if any(self._matters) else idle


def _sees(rule: Rule, way: Direction) -> bool:
    return not rule.own or way.sender is rule.row.judges


def _overriding(rules: list[Rule], handler: str) -> list[Rule]:
    return [rule for rule in rules if getattr(type(rule), handler) is not getattr(Rule, handler)]


class _Bench:
    def __init__(self, scene: Scene, readers: Sequence[Reader] = ()) -> None:
        self._scene = scene
        self._readers = readers
        self._taking = [reader.take for reader in readers if type(reader).take is not Reader.take]
        self._passing = [reader.passed for reader in readers if type(reader).passed is not Reader.passed]
        self._beside = [reader.other for reader in readers if type(reader).other is not Reader.other]
        self._ends = scene.ends
        self._decoder = Decoder(scene.protocol, lone=len(scene.header.ends) == 1)
        self._line = LineWatch(scene.facts[End.PILE].end, scene.protocol, scene.ends)
        self._paced = [duties.transit for duties in scene.duties.values() if duties.transit.ns_per_byte]
        self._now_ns = 0
        self._undecoded = 0
        self._refused = refused = {**scene.contract.not_applicable, **scene.header.not_applicable}
        self._rules: dict[str, Rule] = {row.id: row.kind(row, scene) for row in RULES if row.id not in refused}
        # A rule that the whole log tells too little for is not even asked.
        asked = [rule for rule in self._rules.values() if not rule.blind]
        self._posts = {
            facts.end: _Post(
                facts,
                [duties for end, duties in scene.duties.items() if scene.facts[end] is facts],
                [rule for rule in asked if rule.facts is facts],
            )
            for facts in scene.facts.values()
        }
        """By the end that was recorded."""
        self._all_facts = [post.facts for post in self._posts.values()]
        self._all_duties = [duties for post in self._posts.values() for duties in post.duties]

    def rules(self) -> Iterable[Rule]:
        return self._rules.values()

    def feed(self, event: AnyEvent) -> None:
        if event.t_ns > self._now_ns:
            self._now_ns = event.t_ns
        now_ns = self._now_ns
        if self._ends.gone:
            self._line.compare()
        holds_bytes = isinstance(event, Chunk)
        if not holds_bytes:
            self._ends.feed(event)
        for transit in self._paced:
            transit.take(event)
        for facts in self._all_facts:
            facts.clear(now_ns)
        for duties in self._all_duties:
            if duties.next_ns < now_ns:
                duties.run(now_ns)
        for item in self._decoder.feed(event):
            self._item(item)
        if not holds_bytes:
            self._other(event)
        for passed in self._passing:
            passed(event)
        for facts in self._all_facts:
            if facts.unsettled or facts.crowded:
                self._settle(self._posts[facts.end])

    def finish(self) -> Judgement:
        for item in self._decoder.finish():
            self._item(item)
        posts = self._posts.values()
        for post in posts:
            for duties in post.duties:
                duties.finish(self._now_ns)
        self._ends.finish(self._now_ns)
        for reader in self._readers:
            reader.ended()
        for post in posts:
            self._settle(post, everything=True)
        for post in posts:
            for rule in post.rules:
                rule.guarded(rule.on_finish)
        remarks = []
        if self._undecoded:
            remarks.append(f"{self._undecoded} frames could not be decoded: their rules were not asked")
        for end, duties in self._scene.duties.items():
            if self._scene.facts[end].remote(end):
                remarks.append(f"nothing was recorded at the {end}: it is judged by what the other end saw")
            pace_ns = duties.transit.ns_per_byte
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
        post = self._posts[item.end]
        if isinstance(item, Seen):
            self._seen(post, item)
            return
        duties = post.of_sender[item.direction]
        if duties is not None:
            duties.damaged(item.t_ns)
        for rule in post.on_noise:
            rule.guarded(rule.on_noise, item)

    def _seen(self, post: _Post, seen: Seen) -> None:
        facts, way, decoded = post.facts, seen.direction, seen.decoded
        message = decoded.message
        deaf = self._deaf(post, seen) if decoded.untold else ()
        if message is None:
            asked = post.on_frame[way]
            self._undecoded += post.judges_pile
        else:
            facts.take(seen, message)
            for take in self._taking:
                take(facts, seen, message)
            at = facts.at
            if at.goes_on:
                asked = (post.report if way is UP else post.reply).concerned(at.of_charge)
            else:
                asked = post.wanting(way, type(message))
            if deaf or at.late:
                asked = [
                    one
                    for one in asked
                    if _rule_of(one) not in deaf and not (at.late and _rule_of(one).row.judges is End.PILE)
                ]
        # As `guarded` does, without its call: a third of a judgement's time is spent between these lines.
        for handler in asked:
            try:
                handler(seen, message)
            except Exception as error:  # whatever it is, it must not take the other rules with it
                _rule_of(handler).broke(error)
        duties = post.of_sender[way]
        if duties is not None and not facts.at.late:
            duties.prove(seen)

    def _deaf(self, post: _Post, seen: Seen) -> list[Rule]:
        """The rules that a message tells too little; those to which the log tells too little from now on are done."""
        deaf = [rule for rule in post.rules if not rule.heeds(seen)]
        if any(rule.blind for rule in deaf):
            post.ask([rule for rule in post.rules if rule not in deaf or not rule.blind])
        return deaf

    def _other(self, event: AnyEvent) -> None:
        """What an event that holds no bytes tells of line and pile, and those who read along."""
        self._line.feed(event)
        if isinstance(event, LineUp | LineDown | Reachable):
            self._line_event(event)
        elif isinstance(event, Stimulus):
            self._stimulus(event)
        elif isinstance(event, Note):
            self._scene.notes.append(event)
            del self._scene.notes[:-NOTES_KEPT]
        for beside in self._beside:
            beside(event)

    def _line_event(self, event: LineUp | LineDown | Reachable) -> None:
        for post in self._posts.values():
            if not isinstance(event, Reachable) and event.end is not post.facts.end:
                continue
            post.facts.take_line(event)
            for duties in post.duties:
                duties.line_changed(event.t_ns)
            for rule in post.on_line:
                rule.guarded(rule.on_line, event)

    def _stimulus(self, event: Stimulus) -> None:
        for post in self._posts.values():
            post.facts.take_stimulus(event)
            if event.kind in ("power-on", "power-off"):
                for duties in post.duties:
                    duties.line_changed(event.t_ns)
            for rule in post.on_stimulus:
                rule.guarded(rule.on_stimulus, event)

    def _settle(self, post: _Post, everything: bool = False) -> None:
        for settled in post.facts.settle(everything):
            for rule in post.on_bill:
                if not settled.seen.decoded.untold or rule.heeds(settled.seen):
                    rule.guarded(rule.on_bill, settled)
        for order in post.facts.forget():
            for rule in post.on_forgotten:
                rule.guarded(rule.on_forgotten, order)
