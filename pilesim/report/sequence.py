"""A trace as a message sequence chart: pile, line and platform, time downwards.

Owns which crossing is drawn as what, and which heartbeats are routine. Pure. Must not know how a chart is painted, nor
judge: findings are given.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pilesim.conformance.result import FindingRow
from pilesim.report.chart import SPLIT_NS, Arrow, Beat, Chart, Course, Mark, MarkKind, Quiet, Row
from pilesim.report.crossings import Crossing, Tracer
from pilesim.report.timeline import Entry, Routine
from pilesim.trace.decoder import Noise, Seen
from pilesim.trace.events import Trace
from pilesim.units import format_kwh, format_local, numbered, parse_world_start_ns
from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunReportReply
from pilesim.wire.protocol import FRAMES_REMEMBERED, Protocol, protocol_named

BEATS_SHOWN = 30
"""Heartbeats of one quiet stretch that are listed; the capture holds them all."""


def chart_of(trace: Trace, findings: Sequence[tuple[str, FindingRow]] = ()) -> Chart:
    """The chart of a whole trace; `findings` are (rule, finding)."""
    protocol = protocol_named(trace.header.protocol)
    tracer = Tracer(trace, protocol)
    for event in trace.events:
        tracer.take(event)
    tracer.finish()
    blamed = {(finding.end, finding.frame) for _, finding in findings if finding.frame is not None}
    placed: list[_Placed] = [
        *_quietened(tracer.crossings, _Painter(protocol, blamed, trace.header.ends)),
        *tracer.marks,
        *((tracer.count + number, _finding(number, *found)) for number, found in enumerate(findings, 1)),
    ]
    placed.sort(key=lambda place: (place[1].t_ns, place[0]))
    start_ns = parse_world_start_ns(trace.header.start)
    return Chart(
        start=format_local(start_ns),
        ends=trace.header.ends,
        rows=_rows(_joined(item for _, item in placed)),
        start_ns=start_ns,
        by_day=not trace.header.scenario,
    )


def _finding(number: int, rule: str, finding: FindingRow) -> Mark:
    return Mark(
        t_ns=finding.t_ns,
        kind=MarkKind.FINDING,
        side=finding.end,
        rule=rule,
        number=number,
        text=f"expected {finding.expected}; found {finding.actual}",
    )


@dataclass(frozen=True, slots=True)
class _Painter:
    """Makes arrows of crossings."""

    protocol: Protocol
    blamed: set[tuple[End, int]]
    ends: tuple[End, ...]

    def is_blamed(self, crossing: Crossing) -> bool:
        return any((end, index) in self.blamed for end in End if (index := crossing.index(end)) is not None)

    def plain(self, crossing: Crossing) -> bool:
        """Whether nothing about it is worth a row of its own, if its message is not."""
        took_ns = crossing.took_ns
        whole = took_ns is not None and took_ns < SPLIT_NS if len(self.ends) == len(End) else True
        sound = isinstance(crossing.seen, Seen) and not crossing.seen.decoded.problems
        return whole and sound and not crossing.effects and not self.is_blamed(crossing)

    def arrows(self, crossing: Crossing) -> list[tuple[int, Arrow]]:
        """One arrow, or two where it stayed on its way, each with its place in the recording."""
        took_ns, effects = crossing.took_ns, tuple(crossing.effects)
        if crossing.came is not None and took_ns is not None and took_ns >= SPLIT_NS:
            return [
                (crossing.order, self._arrow(crossing, crossing.seen, Course.LEFT, ())),
                (crossing.came_order, self._arrow(crossing, crossing.came, Course.CAME, effects)),
            ]
        course = Course.WHOLE
        if len(self.ends) == len(End) and took_ns is None:
            course = Course.CAME if crossing.left is None else Course.LEFT
            effects = effects or (f"did not reach the {crossing.direction.receiver}",)
        return [(crossing.order, self._arrow(crossing, crossing.seen, course, effects))]

    def _arrow(self, crossing: Crossing, seen: Seen | Noise, course: Course, effects: tuple[str, ...]) -> Arrow:
        return Arrow(
            t_ns=seen.t_ns,
            direction=crossing.direction,
            course=course,
            protocol=self.protocol,
            seen=seen,
            at_pile=crossing.index(End.PILE),
            at_platform=crossing.index(End.PLATFORM),
            effects=effects,
            lost=course is Course.LEFT and crossing.came is None,
            blamed=self.is_blamed(crossing),
            answered_ns=crossing.answered_ns,
        )


@dataclass(frozen=True, slots=True)
class _Pulse:
    """A routine heartbeat, before its stretch is known."""

    t_ns: int
    report: GunReport
    answered_ns: int | None


_Placed = tuple[int, Arrow | Mark | _Pulse]
"""An item and its place in the recording, which orders what happened at one instant."""


def _quietened(crossings: list[Crossing], painter: _Painter) -> list[tuple[int, Arrow] | tuple[int, _Pulse]]:
    """Arrows of what says something; a routine heartbeat is a pulse, and its reply is told with it."""
    crossings = sorted(crossings, key=lambda crossing: crossing.seen.t_ns)
    routine = Routine()
    asked: dict[tuple[int, bool], deque[Crossing]] = defaultdict(lambda: deque(maxlen=FRAMES_REMEMBERED))
    kept: list[tuple[Crossing, bool]] = []
    for crossing in crossings:
        message = crossing.message
        dull = routine.has_seen(Entry(crossing.seen.t_ns, "", "", message))
        plain = painter.plain(crossing)
        if isinstance(message, GunReport):
            asked[message.gun, message.change].append(crossing)
        elif isinstance(message, GunReportReply) and plain:
            report = _asking(asked[message.gun, message.change], crossing)
            if report is not None:
                report.answered_ns = crossing.seen.t_ns - report.seen.t_ns
                continue
        kept.append((crossing, dull and plain))
    items: list[tuple[int, Arrow] | tuple[int, _Pulse]] = []
    for crossing, dull in kept:
        if dull and isinstance(crossing.message, GunReport):
            items.append((crossing.order, _Pulse(crossing.seen.t_ns, crossing.message, crossing.answered_ns)))
        else:
            items += painter.arrows(crossing)
    return items


def _asking(waiting: deque[Crossing], reply: Crossing) -> Crossing | None:
    """The report that `reply` answers: by its number where the protocol has numbers, else the oldest; taken away."""
    assert isinstance(reply.seen, Seen)
    number = reply.seen.decoded.frame.answers
    for report in reversed(waiting) if number else waiting:
        if not number or (isinstance(report.seen, Seen) and report.seen.decoded.frame.sequence == number):
            waiting.remove(report)
            return report
    return None


def _joined(items: Iterable[Arrow | Mark | _Pulse]) -> list[Arrow | Mark | Quiet]:
    """Each stretch of pulses as one item."""
    joined: list[Arrow | Mark | Quiet] = []
    pulses: list[_Pulse] = []
    for item in items:
        if isinstance(item, _Pulse):
            pulses.append(item)
            continue
        if pulses:
            joined.append(_quiet(pulses))
            pulses = []
        joined.append(item)
    if pulses:
        joined.append(_quiet(pulses))
    return joined


def _quiet(pulses: list[_Pulse]) -> Quiet:
    answered = sum(pulse.answered_ns is not None for pulse in pulses)
    if answered == len(pulses):
        said = "a heartbeat and its reply" if answered == 1 else f"{answered} heartbeats and their replies"
    else:
        replies = numbered(answered, "repl[y|ies]") if answered else "no reply"
        said = f"{numbered(len(pulses), 'heartbeat[|s]')}, {replies}"
    by_gun = []
    for gun in sorted({pulse.report.gun for pulse in pulses}):
        mine = [pulse.report for pulse in pulses if pulse.report.gun == gun]
        first, last = _energy(mine[0]), _energy(mine[-1])
        energy = "" if not last else f" {last}" if first == last else f" {first} to {last}"
        by_gun.append(f"gun {gun} {mine[-1].state}{energy}")
    return Quiet(
        t_ns=pulses[0].t_ns,
        until_ns=pulses[-1].t_ns,
        text=f"{said}: {', '.join(by_gun)}",
        beats=tuple(
            Beat(
                t_ns=pulse.t_ns,
                text=f"gun {pulse.report.gun} {pulse.report.state} {_energy(pulse.report)}".rstrip(),
                answered_ns=pulse.answered_ns,
            )
            for pulse in pulses[:BEATS_SHOWN]
        ),
        left_out=max(0, len(pulses) - BEATS_SHOWN),
    )


def _energy(report: GunReport) -> str:
    return format_kwh(report.energy_dwh) if report.order and report.energy_dwh is not None else ""


def _rows(items: list[Arrow | Mark | Quiet]) -> tuple[Row, ...]:
    """Each item with whether the line was down; a recording that begins with the line coming up begins without."""
    turns = [item.up for item in items if isinstance(item, Mark) and item.up is not None]
    down = bool(turns) and turns[0]
    rows = []
    for item in items:
        if isinstance(item, Mark) and item.up is not None:
            down = not item.up
        rows.append(Row(item, down))
    return tuple(rows)
