"""A trace as a message sequence chart: pile, line and platform, time downwards.

Owns which event is drawn as what: how a frame that left one end is joined with the one that reached the other, what
the line did in between, and which heartbeats are routine. Pure. Must not know how a chart is painted, nor judge:
findings are given.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pilesim.conformance.result import FindingRow
from pilesim.report.frames import runs
from pilesim.report.timeline import Entry, Routine
from pilesim.report.words import message_words
from pilesim.scenario.steps import STEPS
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import (
    AnyEvent,
    Chunk,
    Finish,
    Impaired,
    LineDown,
    LineUp,
    Note,
    Stimulus,
    Trace,
)
from pilesim.units import MS, S, format_duration, format_kwh, format_local, parse_world_start_ns
from pilesim.wire.frame import Decoded, Direction, End, Frame
from pilesim.wire.messages import GunReport, GunReportReply, Message
from pilesim.wire.protocol import FRAMES_REMEMBERED, Protocol, protocol_named

SPLIT_NS = 1 * S
"""A frame that is on its way for longer is drawn where it left and, again, where it came."""
BEATS_SHOWN = 30
"""Heartbeats of one quiet stretch that are listed; the capture holds them all."""
ROWS_WHOLE = 400
"""A chart of more rows is cut into chapters."""
CHAPTER_ROWS = 200
CHAPTERS = 100
"""About so many at most: those of a very long chart have more rows each."""


class Course(StrEnum):
    """How far an arrow goes."""

    WHOLE = "whole"
    LEFT = "left"
    """From its sender as far as the line."""
    CAME = "came"
    """From the line to its receiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLine:
    """One field of a frame, or a run of items that hold the same."""

    offset: int
    name: str
    raw: str
    value: str
    note: str
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameView:
    """A frame, or bytes that are none, for a person."""

    title: str
    words: str
    raw: str
    """Hexadecimal."""
    problems: tuple[str, ...] = ()
    fields: tuple[FieldLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """One frame between the ends. `at_pile` and `at_platform` are its numbers there, as findings tell them."""

    t_ns: int
    direction: Direction
    course: Course
    protocol: Protocol
    seen: Seen | Noise
    at_pile: int | None
    at_platform: int | None
    effects: tuple[str, ...]
    """What the line did to it, in words."""
    lost: bool
    blamed: bool
    """A finding is about it."""
    answered_ns: int | None = None
    """Of a report: how long the answer took that is not drawn for itself."""

    @property
    def frame(self) -> FrameView:
        """It in words and fields. Made when it is asked for: a long recording has more fields than memory."""
        return self.shown(True)

    def shown(self, with_fields: bool) -> FrameView:
        """As `frame`; without fields it keeps its bytes."""
        return frame_view(self.protocol, self.seen, with_fields)

    @property
    def line(self) -> int:
        """Line of the log that it came from; 0 where it came from none."""
        return self.seen.line


class MarkKind(StrEnum):
    STEP = "step"
    STIMULUS = "stimulus"
    LINE = "line"
    FINDING = "finding"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is no frame: a scenario's step, something done at the pile, what became of the line, a finding."""

    t_ns: int
    kind: MarkKind
    side: End | None
    """Whose side it belongs to; None: the line's, or nobody's."""
    text: str
    line: int = 0
    """Of a step: where it stands in the scenario's file."""
    rule: str = ""
    """Of a finding."""
    number: int = 0
    """Of a finding: its place among those that were given, from 1."""
    up: bool | None = None
    """Of the line: it came up, or went down; None for all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    t_ns: int
    text: str
    answered_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """A stretch of heartbeats that say nothing new, with the replies to them."""

    t_ns: int
    until_ns: int
    text: str
    beats: tuple[Beat, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the chart; `down`: there was no connection then."""

    item: Arrow | Mark | Quiet
    down: bool

    @property
    def kind(self) -> str:
        return type(self.item).__name__.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    start: str
    """The local time at t = 0."""
    ends: tuple[End, ...]
    """The ends at which the line was recorded."""
    rows: tuple[Row, ...]
    start_ns: int
    """Epoch ns of t = 0."""
    by_day: bool
    """Its times are told as those of the day: it is of no scenario, which has a beginning."""

    def clock(self, t_ns: int) -> str:
        """`+431.171`, seconds since the scenario's start; `12:43:51.171` where there is none."""
        return format_local(self.start_ns + t_ns)[11:] if self.by_day else f"+{t_ns // MS / 1000:.3f}"

    def chapters(self) -> tuple[Chapter, ...]:
        """The rows in parts of a size that opens at once."""
        size = max(CHAPTER_ROWS, len(self.rows) // CHAPTERS)
        parts = [self.rows[at : at + size] for at in range(0, len(self.rows), size)]
        return tuple(
            Chapter(
                rows=part,
                since=format_local(self.start_ns + part[0].item.t_ns)[:-4],
                until=format_local(self.start_ns + part[-1].item.t_ns)[:-4],
                numbers=tuple(row.item.number for row in part if isinstance(row.item, Mark) and row.item.number),
            )
            for part in parts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A part of a long chart; `since` and `until` are local times."""

    rows: tuple[Row, ...]
    since: str
    until: str
    numbers: tuple[int, ...]
    """Of the findings in it."""


@dataclass(slots=True)
class _Passage:
    """A frame on its way, as far as it has been seen."""

    direction: Direction
    raw: bytes
    left: Seen | Noise | None
    came: Seen | Noise | None
    order: int
    """Place in the recording of its first sight; `came_order` of where it came."""
    came_order: int = 0
    effects: list[str] = field(default_factory=list)
    lost: bool = False
    answered_ns: int | None = None

    @property
    def seen(self) -> Seen | Noise:
        seen = self.left or self.came
        assert seen is not None
        return seen

    @property
    def message(self) -> Message | None:
        return self.seen.decoded.message if isinstance(self.seen, Seen) else None

    @property
    def took_ns(self) -> int | None:
        return self.came.t_ns - self.left.t_ns if self.left is not None and self.came is not None else None

    def index(self, end: End) -> int | None:
        return next((s.index for s in (self.left, self.came) if isinstance(s, Seen) and s.end is end), None)


def chart_of(trace: Trace, findings: Sequence[tuple[str, FindingRow]] = ()) -> Chart:
    """The chart of a whole trace; `findings` are (rule, finding)."""
    protocol = protocol_named(trace.header.protocol)
    tracer = _Tracer(trace, protocol)
    for event in trace.events:
        tracer.take(event)
    tracer.finish()
    blamed = {(finding.end, finding.frame) for _, finding in findings if finding.frame is not None}
    placed: list[_Placed] = [
        *_quietened(tracer.passages, _Painter(protocol, blamed, trace.header.ends)),
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


class _Tracer:
    """Follows each frame through the line. What it yields is numbered in the order of the recording."""

    def __init__(self, trace: Trace, protocol: Protocol) -> None:
        self.passages: list[_Passage] = []
        self.marks: list[tuple[int, Mark]] = []
        self.count = 0
        self._down_ns: int | None = None
        self._decoder = Decoder(protocol)
        ends = trace.header.ends
        self._both = len(ends) == len(End)
        self._near = End.PILE if End.PILE in ends else End.PLATFORM
        self._under_way: dict[Direction, list[_Passage]] = {way: [] for way in Direction}
        self._arrived: deque[tuple[Direction, bytes]] = deque(maxlen=FRAMES_REMEMBERED)

    def take(self, event: AnyEvent) -> None:
        for item in self._decoder.feed(event):
            self._item(item)
        match event:
            case Chunk():
                pass
            case LineUp(end=self._near):
                lasted = "" if self._down_ns is None else f" again after {format_duration(event.t_ns - self._down_ns)}"
                self._down_ns = None
                self._mark(event, MarkKind.LINE, None, f"the line is up{lasted}", up=True)
            case LineDown(end=self._near):
                self._down_ns = event.t_ns
                by = f", by the {event.by}" if event.by else ""
                why = f": {event.reason}" if event.reason else ""
                self._mark(event, MarkKind.LINE, None, f"the line is down{by}{why}", up=False)
            case Stimulus(kind=kind, gun=gun):
                took_ns = event.t_ns - event.began_ns
                since = f", within {format_duration(took_ns)}" if took_ns else ""
                self._mark(event, MarkKind.STIMULUS, End.PILE, f"{kind}{'' if gun is None else f' gun {gun}'}{since}")
            case Impaired(effect="disconnected"):
                pass  # the line that goes down is told for itself, with the impairment that did it
            case Impaired():
                self._impaired(event)
            case Note(line=0):
                self._mark(event, MarkKind.NOTE, None, event.text)
            case Note():
                step = STEPS.get(event.text.partition(":")[0])
                kind = MarkKind.NOTE if event.timed_out else MarkKind.STEP
                self._mark(event, kind, step.by if step else None, event.text, event.line)
            case Finish(reason=reason) if reason:
                self._mark(event, MarkKind.NOTE, None, f"the recording ended: {reason}")
            case _:
                pass

    def finish(self) -> None:
        for item in self._decoder.finish():
            self._item(item)

    def _mark(
        self, event: AnyEvent, kind: MarkKind, side: End | None, text: str, line: int = 0, up: bool | None = None
    ) -> None:
        mark = Mark(t_ns=event.t_ns, kind=kind, side=side, text=text, line=line, up=up)
        self.marks.append((self._next(), mark))

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _item(self, item: Seen | Noise) -> None:
        raw = item.decoded.frame.raw if isinstance(item, Seen) else item.garbage.raw
        waiting = self._under_way[item.direction]
        if item.end is item.direction.sender:
            passage = _Passage(item.direction, raw, item, None, self._next())
            self.passages.append(passage)
            if self._both:
                waiting.append(passage)
            return
        found = next((passage for passage in waiting if passage.raw == raw), None)
        if found is not None:
            found.came, found.came_order = item, self._next()
            waiting.remove(found)
            del waiting[:-FRAMES_REMEMBERED]
            self._arrived.append((item.direction, raw))
            return
        passage = _Passage(item.direction, raw, None, item, self._next())
        if self._both:
            again = (item.direction, raw) in self._arrived
            passage.effects.append(_STRAY[again, item.altered])
        self.passages.append(passage)

    def _impaired(self, event: Impaired) -> None:
        """Mark what it was done to; the line itself where that is not to be found among the frames."""
        for_ns = event.held_ns // MS * MS
        words = f"{event.effect}{f' {format_duration(for_ns)}' if for_ns else ''}: {event.impairment}"
        touched = [
            passage
            for way in Direction
            if event.direction in (None, way)
            for passage in self._under_way[way]
            if event.data and (passage.raw in event.data or event.data in passage.raw)
        ]
        for passage in touched:
            passage.effects.append(words)
            if event.effect == "lost":
                passage.lost = True
                self._under_way[passage.direction].remove(passage)
        if not touched:
            size = f" ({len(event.data)} bytes)" if event.data else ""
            self._mark(event, MarkKind.LINE, None, f"{words}{size}")


_STRAY = {
    (False, False): "not seen leaving",
    (False, True): "as the line made it",
    (True, False): "once more, from the line",
    (True, True): "once more, from the line",
}
"""What is said of a frame that reached an end without having left the other: (it came before, it was altered)."""


@dataclass(frozen=True, slots=True)
class _Painter:
    """Makes arrows of passages."""

    protocol: Protocol
    blamed: set[tuple[End, int]]
    ends: tuple[End, ...]

    def is_blamed(self, passage: _Passage) -> bool:
        return any((end, index) in self.blamed for end in End if (index := passage.index(end)) is not None)

    def plain(self, passage: _Passage) -> bool:
        """Whether nothing about it is worth a row of its own, if its message is not."""
        took_ns = passage.took_ns
        whole = took_ns is not None and took_ns < SPLIT_NS if len(self.ends) == len(End) else True
        sound = isinstance(passage.seen, Seen) and not passage.seen.decoded.problems
        return whole and sound and not passage.effects and not self.is_blamed(passage)

    def arrows(self, passage: _Passage) -> list[tuple[int, Arrow]]:
        """One arrow, or two where it stayed on its way, each with its place in the recording."""
        took_ns, effects = passage.took_ns, tuple(passage.effects)
        if passage.came is not None and took_ns is not None and took_ns >= SPLIT_NS:
            return [
                (passage.order, self._arrow(passage, passage.seen, Course.LEFT, ())),
                (passage.came_order, self._arrow(passage, passage.came, Course.CAME, effects)),
            ]
        course = Course.WHOLE
        if len(self.ends) == len(End) and took_ns is None:
            course = Course.CAME if passage.left is None else Course.LEFT
            effects = effects or (f"did not reach the {passage.direction.receiver}",)
        return [(passage.order, self._arrow(passage, passage.seen, course, effects))]

    def _arrow(self, passage: _Passage, seen: Seen | Noise, course: Course, effects: tuple[str, ...]) -> Arrow:
        return Arrow(
            t_ns=seen.t_ns,
            direction=passage.direction,
            course=course,
            protocol=self.protocol,
            seen=seen,
            at_pile=passage.index(End.PILE),
            at_platform=passage.index(End.PLATFORM),
            effects=effects,
            lost=course is Course.LEFT and passage.came is None,
            blamed=self.is_blamed(passage),
            answered_ns=passage.answered_ns,
        )


def frame_view(protocol: Protocol, seen: Seen | Noise, with_fields: bool = True) -> FrameView:
    """A frame in words and fields; garbage with the reason why it is none."""
    if isinstance(seen, Noise):
        raw = seen.garbage.raw
        return FrameView(title=f"{len(raw)} bytes that are no frame", words=seen.garbage.reason, raw=raw.hex())
    return decoded_view(protocol, seen.decoded, with_fields)


def decoded_view(protocol: Protocol, decoded: Decoded, with_fields: bool = True) -> FrameView:
    """A frame in words and fields."""
    return FrameView(
        title=decoded.title,
        words=message_words(decoded.message) if decoded.message is not None else "",
        raw=decoded.frame.raw.hex(),
        problems=tuple(problem.text for problem in decoded.problems),
        fields=field_lines(protocol, decoded.frame) if with_fields else (),
    )


def bytes_view(protocol: Protocol, raw: bytes, title: str) -> FrameView:
    """The frame that `raw` is, in the direction in which its message goes; `title` where it is none."""
    for way in Direction:
        for part in protocol.framer(way).feed(raw, 0):
            if isinstance(part, Frame) and protocol.row(part.number, way) is not None:
                return decoded_view(protocol, protocol.decode(part))
    return FrameView(title=title, words="", raw=raw.hex())


def field_lines(protocol: Protocol, frame: Frame) -> tuple[FieldLine, ...]:
    """Every field of `frame`; a run of one value in an array is one line."""
    return tuple(
        FieldLine(
            offset=first.offset,
            name=first.name if first is last else f"{first.name} .. {last.name}",
            raw=first.raw.hex() if first is last else f"{first.raw.hex()} ..",
            value=f"{first.value} {first.unit}".rstrip(),
            note=first.note,
            provisional=first.provisional,
        )
        for first, last in runs(protocol.dissect(frame))
    )


@dataclass(frozen=True, slots=True)
class _Pulse:
    """A routine heartbeat, before its stretch is known."""

    t_ns: int
    report: GunReport
    answered_ns: int | None


_Placed = tuple[int, Arrow | Mark | _Pulse]
"""An item and its place in the recording, which orders what happened at one instant."""


def _quietened(passages: list[_Passage], painter: _Painter) -> list[tuple[int, Arrow] | tuple[int, _Pulse]]:
    """Arrows of what says something; a routine heartbeat is a pulse, and its reply is told with it."""
    passages = sorted(passages, key=lambda passage: passage.seen.t_ns)
    routine = Routine()
    asked: dict[tuple[int, bool], deque[_Passage]] = defaultdict(lambda: deque(maxlen=FRAMES_REMEMBERED))
    kept: list[tuple[_Passage, bool]] = []
    for passage in passages:
        message = passage.message
        dull = routine.has_seen(Entry(passage.seen.t_ns, "", "", message))
        plain = painter.plain(passage)
        if isinstance(message, GunReport):
            asked[message.gun, message.change].append(passage)
        elif isinstance(message, GunReportReply) and plain:
            report = _asking(asked[message.gun, message.change], passage)
            if report is not None:
                report.answered_ns = passage.seen.t_ns - report.seen.t_ns
                continue
        kept.append((passage, dull and plain))
    items: list[tuple[int, Arrow] | tuple[int, _Pulse]] = []
    for passage, dull in kept:
        if dull and isinstance(passage.message, GunReport):
            items.append((passage.order, _Pulse(passage.seen.t_ns, passage.message, passage.answered_ns)))
        else:
            items += painter.arrows(passage)
    return items


def _asking(waiting: deque[_Passage], reply: _Passage) -> _Passage | None:
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
        said = (
            f"{len(pulses)} heartbeat{'s' * (len(pulses) > 1)}, {answered or 'no'} repl{'y' if answered < 2 else 'ies'}"
        )
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
