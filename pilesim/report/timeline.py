"""A trace as the field would have logged it: one line an event, in local time, beside the field's own lines.

Owns the choice of what is worth a line. Must not judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from pilesim.report.text import printable
from pilesim.report.words import message_words
from pilesim.scenario.scenario import FieldLine
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, Chunk, Impaired, LineDown, LineUp, Mention, Note, Stimulus, Trace
from pilesim.units import format_local, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunReport, GunReportReply, Message
from pilesim.wire.protocol import protocol_named

_ARROWS = {Direction.UP: "->", Direction.DOWN: "<-"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when (epoch ns), which way, what. `message` is None for what is no frame."""

    epoch_ns: int
    mark: str
    text: str
    message: Message | None = None


class Teller:
    """Makes entries of events as they come, seen from one end of the line.

    From between the ends (`end` None) each frame is told where it was sent, and both ends' connections are told.
    """

    def __init__(self, protocol: str, world_start_ns: int, end: End | None) -> None:
        self._start_ns = world_start_ns
        self._end = end
        self._decoder = Decoder(protocol_named(protocol))

    def tell(self, event: AnyEvent) -> Iterator[Entry]:
        """The lines that `event` is worth."""
        at_ns = self._start_ns + event.t_ns
        match event:
            case Chunk(end=end, direction=direction) | Mention(end=end, direction=direction) if end is (
                self._end or direction.sender
            ):
                for item in self._decoder.feed(event):
                    yield self._frame(item)
            case LineUp(end=end) if self._end in (None, end):
                self._decoder.feed(event)
                yield Entry(at_ns, "==", f"{self._line(end)} is up {event.peer}".rstrip())
            case LineDown(end=end) if self._end in (None, end):
                for item in self._decoder.feed(event):
                    yield self._frame(item)
                by = f", by the {event.by}" if event.by else ""
                why = f": {event.reason}" if event.reason else ""
                yield Entry(at_ns, "==", f"{self._line(end)} is down{by}{why}")
            case Stimulus(kind=kind, gun=gun):
                yield Entry(at_ns, "**", f"{kind}{'' if gun is None else f' gun {gun}'}")
            case Impaired(effect=effect, impairment=name):
                yield Entry(at_ns, "~~", f"the line: {name}: {effect}")
            case Note(timed_out=True, text=text):
                yield Entry(at_ns, "??", text)
            case Note(line=0, text=text):
                yield Entry(at_ns, "==", text)
            case _:
                pass

    def _line(self, end: End) -> str:
        return "the line" if self._end is end else f"the line to the {end}"

    def _frame(self, item: Seen | Noise) -> Entry:
        at_ns = self._start_ns + item.t_ns
        mark = _ARROWS[item.direction]
        if isinstance(item, Noise):
            return Entry(at_ns, mark, f"{len(item.garbage.raw)} bytes of garbage: {item.garbage.reason}")
        decoded = item.decoded
        wrong = "".join(f" [{problem.text}]" for problem in decoded.problems)
        said = message_words(decoded.message) if decoded.message is not None else decoded.frame.raw.hex()
        return Entry(at_ns, mark, f"{decoded.title}: {said}{wrong}", decoded.message)


def time_line(trace: Trace, end: End) -> list[Entry]:
    """Every line of a whole trace."""
    teller = Teller(trace.header.protocol, parse_world_start_ns(trace.header.start), end)
    return [entry for event in trace.events for entry in teller.tell(event)]


class Routine:
    """Knows the lines that say nothing new: heartbeats that differ only in their figures, and replies to them."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[object, ...]] = {}

    def has_seen(self, entry: Entry) -> bool:
        """Whether `entry` is such a line."""
        match entry.message:
            case GunReportReply():
                return True
            case GunReport(change=False) as report:
                news = (report.state, report.cable, report.fault, report.order, report.start)
                known = self._last.get(report.gun) == news
                self._last[report.gun] = news
                return known
            case _:
                return False


def matched(entries: list[Entry], field_log: Iterable[FieldLine]) -> list[tuple[FieldLine, Entry | None]]:
    """Each line of the field's log with the run's event that is the same: the nearest of its kind in time.

    A line without a message names nothing to look for.
    """
    pairs: list[tuple[FieldLine, Entry | None]] = []
    for line in field_log:
        same = [
            entry
            for entry in entries
            if entry.message is not None
            and entry.message.name == line.message
            and line.gun in (None, entry.message.gun)
        ]
        at_ns = int(line.at)
        pairs.append((line, min(same, key=lambda entry: abs(entry.epoch_ns - at_ns), default=None)))
    return pairs


def print_time_line(
    console: Console, entries: Iterable[Entry], pairs: Iterable[tuple[FieldLine, Entry | None]] = ()
) -> None:
    """The run's lines in order, each of the field's own lines above the event it was matched with."""
    beside = {id(entry): line for line, entry in pairs if entry is not None}
    for entry in entries:
        line = beside.get(id(entry))
        if line is not None:
            gap_s = (entry.epoch_ns - int(line.at)) / 10**9
            console.print(
                f"[cyan]{format_local(int(line.at))} field  {escape(line.text)}  ({gap_s:+.3f} s)[/]", soft_wrap=True
            )
        print_entry(console, entry)


def print_entry(console: Console, entry: Entry) -> None:
    """One line of a time line."""
    console.print(f"{format_local(entry.epoch_ns)} {entry.mark} {escape(printable(entry.text))}", soft_wrap=True)


def unmatched(pairs: Iterable[tuple[FieldLine, Entry | None]], within_ns: int) -> list[FieldLine]:
    """The field's lines that the run does not show within `within_ns`."""
    return [
        line
        for line, entry in pairs
        if line.message is not None and (entry is None or abs(entry.epoch_ns - int(line.at)) > within_ns)
    ]
