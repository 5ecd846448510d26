"""A log line by line for a terminal, as it is read: what passed, what was done, what became of the line, findings.

Owns the lines, the filters and their words. Streaming: what is kept does not grow with the log. Must not know how a
log is read, nor judge: findings are given.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.text import Text

from pilesim.report.chart import SPLIT_NS
from pilesim.report.text import BLAMED, printable
from pilesim.report.views import field_lines
from pilesim.report.words import message_words
from pilesim.rules.verdict import Finding
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, Header, Impaired, LineDown, LineUp, Note, Stimulus
from pilesim.units import MS, S, format_duration, format_local, numbered, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Message
from pilesim.wire.protocol import FRAMES_REMEMBERED, protocol_named


class Kind(StrEnum):
    """What a line is, which decides its colour."""

    UP = "up"
    DOWN = "down"
    BAD = "bad"
    """Bytes that are no frame, or a frame with something wrong about it."""
    LINE = "line"
    ACT = "act"
    NOTE = "note"
    FINDING = "finding"


_STYLES = {
    Kind.UP: "",
    Kind.DOWN: "cyan",
    Kind.BAD: "yellow",
    Kind.LINE: "bold yellow",
    Kind.ACT: "bold magenta",
    Kind.NOTE: "dim",
    Kind.FINDING: "bold red",
}

_ARROWS = {Direction.UP: "->", Direction.DOWN: "<-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is shown. Times are epoch ns; a filter that is empty or None lets everything pass."""

    gun: int | None = None
    order: str = ""
    """The whole number, or its end."""
    messages: frozenset[str | int] = frozenset()
    """By meaning, or by number."""
    from_ns: int | None = None
    to_ns: int | None = None

    @property
    def of_frames(self) -> bool:
        """Whether it is about messages, so that what is no message is left out."""
        return bool(self.gun is not None or self.order or self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One line, and what may stand below it."""

    epoch_ns: int
    kind: Kind
    mark: str
    text: str
    raw: bytes = b""
    seen: Seen | None = None
    line: int = 0
    """Of the log that it came from; 0 where it came from none."""


class Shower:
    """Makes lines of events as they come: each frame where it left, and again where it came if that was not at once."""

    def __init__(self, header: Header, filters: Filters, findings: Iterable[Finding] = ()) -> None:
        """`findings` are those that are known beforehand."""
        self._protocol = protocol_named(header.protocol)
        self._start_ns = parse_world_start_ns(header.start)
        self._decoder = Decoder(self._protocol)
        self._filters = filters
        self._both = len(header.ends) == len(End)
        self._near = End.PILE if End.PILE in header.ends else End.PLATFORM
        self._under_way: OrderedDict[tuple[Direction, bytes], int] = OrderedDict()
        """Frames that left and have not come, and when; of several alike the last."""
        self._known: dict[tuple[End, int], list[Finding]] = {}
        """By the frame that each is about."""
        self._frameless: deque[Finding] = deque()
        """Those about no frame, by their times."""
        for found in sorted(findings, key=lambda found: found.t_ns):
            if found.frame is None:
                self._frameless.append(found)
            else:
                self._known.setdefault((found.end, found.frame), []).append(found)
        self._account = ""
        """Of the order that is looked for: its start and stop name no order."""
        self._shown_raw = b""
        """The bytes of the last frame that was shown."""
        self.frames = 0
        self.over = False
        """Past the time up to which is shown: nothing more will be."""

    def take(self, event: AnyEvent, found: Sequence[Finding] = ()) -> Iterator[Shown]:
        """The lines of `event`, and of what was found when it was judged; each finding stands below its frame."""
        epoch_ns = self._start_ns + event.t_ns
        self.over = self._filters.to_ns is not None and epoch_ns > self._filters.to_ns
        shown: list[Shown] = []
        while self._frameless and self._frameless[0].t_ns < event.t_ns:
            shown += self._findings([self._frameless.popleft()])
        shown += self._of_event(event, epoch_ns)
        late = list(found)
        for item in self._decoder.feed(event):
            shown += self._of_item(item)
            if isinstance(item, Seen):
                known = self._known.pop((item.end, item.index), [])
                shown += self._findings([*known, *(one for one in late if _is_about(one, item))], item)
                late = [one for one in late if not _is_about(one, item)]
        shown += self._findings(late)
        yield from (line for line in shown if self._in_time(line.epoch_ns))

    def finish(self) -> Iterator[Shown]:
        """What is left when the log is over."""
        shown = [line for item in self._decoder.finish() for line in self._of_item(item)]
        shown += self._findings([*self._frameless, *(found for known in self._known.values() for found in known)])
        yield from (line for line in shown if self._in_time(line.epoch_ns))

    def _in_time(self, epoch_ns: int) -> bool:
        filters = self._filters
        after = filters.from_ns is None or epoch_ns >= filters.from_ns
        return after and (filters.to_ns is None or epoch_ns <= filters.to_ns)

    # ------------------------------------------------------------------------------------------------ frames

    def _of_item(self, item: Seen | Noise) -> Iterator[Shown]:
        self.frames += isinstance(item, Seen)
        raw = item.decoded.frame.raw if isinstance(item, Seen) else item.garbage.raw
        said = self._course(item, raw)
        if said is None or not self._wants(item):
            return
        self._shown_raw = raw
        epoch_ns = self._start_ns + item.t_ns
        mark = _ARROWS[item.direction]
        if isinstance(item, Noise):
            text = f"{numbered(len(raw), 'byte[|s]')} of garbage: {item.garbage.reason}{said}"
            yield Shown(epoch_ns=epoch_ns, kind=Kind.BAD, mark=mark, text=text, raw=raw, line=item.line)
            return
        decoded = item.decoded
        wrong = "".join(f" [{problem.text}]" for problem in decoded.problems)
        words = message_words(decoded.message) if decoded.message is not None else raw.hex()
        kind = Kind.BAD if wrong else Kind.UP if item.direction is Direction.UP else Kind.DOWN
        text = f"{decoded.title}: {words}{wrong}{said}"
        yield Shown(epoch_ns=epoch_ns, kind=kind, mark=mark, text=text, raw=raw, seen=item, line=item.line)

    def _course(self, item: Seen | Noise, raw: bytes) -> str | None:
        """What is said of where it was seen; None for one that came at once, and was told where it left."""
        if not self._both:
            return ""
        key = (item.direction, raw)
        if item.end is item.direction.sender:
            self._under_way[key] = item.t_ns
            if len(self._under_way) > FRAMES_REMEMBERED:
                self._under_way.popitem(last=False)
            return ""
        left_ns = self._under_way.pop(key, None)
        if left_ns is None:
            return f" (came to the {item.end}, and was not seen leaving)"
        took_ns = item.t_ns - left_ns
        return f" (came after {format_duration(took_ns // MS * MS)})" if took_ns >= SPLIT_NS else None

    def _wants(self, item: Seen | Noise) -> bool:
        filters = self._filters
        if not filters.of_frames:
            return True
        if isinstance(item, Noise):
            return False
        message, number = item.decoded.message, item.decoded.frame.number
        name = message.name if message is not None else ""
        if filters.messages and not {name, number} & filters.messages:
            return False
        gun = message.gun if message is not None else item.decoded.frame.gun
        if filters.gun is not None and gun != filters.gun:
            return False
        return not filters.order or self._is_of_order(message)

    def _is_of_order(self, message: Message | None) -> bool:
        order, account = getattr(message, "order", None), getattr(message, "account", None)
        if order:
            if not str(order).endswith(self._filters.order):
                return False
            self._account = account or self._account
            return True
        return bool(account) and account == self._account

    # ---------------------------------------------------------------------------------------------- the rest

    def _of_event(self, event: AnyEvent, epoch_ns: int) -> Iterator[Shown]:
        told = self._told(event)
        if told is None:
            return
        kind, mark, text = told
        filters = self._filters
        # Of what is no message only an act is about a gun.
        of_gun = isinstance(event, Stimulus) and event.gun in (None, filters.gun)
        # What the line did to a frame that was just shown belongs to it.
        of_frame = isinstance(event, Impaired) and self._shown_raw != b"" and self._shown_raw in event.data
        left_out = filters.messages or filters.order or (filters.gun is not None and not of_gun)
        if left_out and not of_frame:
            return
        yield Shown(epoch_ns=epoch_ns, kind=kind, mark=mark, text=text)

    def _told(self, event: AnyEvent) -> tuple[Kind, str, str] | None:
        match event:
            case LineUp(end=end, peer=peer) if self._both or end is self._near:
                return Kind.LINE, "==", f"{self._line(end)} is up {peer}".rstrip()
            case LineDown(end=end, by=by, reason=reason) if self._both or end is self._near:
                why = (f", by the {by}" if by else "") + (f": {reason}" if reason else "")
                return Kind.LINE, "==", f"{self._line(end)} is down{why}"
            case Stimulus(kind=kind, gun=gun):
                return Kind.ACT, "**", f"{kind}{'' if gun is None else f' gun {gun}'}"
            case Impaired(effect=effect, impairment=name):
                return Kind.LINE, "~~", f"the line: {name}: {effect}"
            case Note(timed_out=True, line=line, text=text):
                return Kind.NOTE, "??", f"{line}: waited in vain: {text}"
            case Note(line=line, text=text):
                return Kind.NOTE, "==", f"{line}: {text}" if line else text
            case _:
                return None

    def _line(self, end: End) -> str:
        return f"the line to the {end}" if self._both else "the line"

    # ---------------------------------------------------------------------------------------------- findings

    def _findings(self, found: Iterable[Finding], about: Seen | None = None) -> list[Shown]:
        """Those that are wanted; what is found about a frame is, where the frame is."""
        wanted = about is not None and self._wants(about)
        return [self._finding(one) for one in found if wanted or self._wants_finding(one)]

    def _wants_finding(self, finding: Finding) -> bool:
        filters = self._filters
        if filters.messages or (filters.gun is not None and finding.gun not in (None, filters.gun)):
            return False
        return not filters.order or finding.order.endswith(filters.order)

    def _finding(self, finding: Finding) -> Shown:
        frame = (
            f" frame {finding.frame} at the {finding.end}" if finding.frame is not None else f" at the {finding.end}"
        )
        about = f" ({finding.title})" if finding.title else ""
        blame = BLAMED[finding.blame] + (f": {finding.hint}" if finding.hint else "")
        return Shown(
            epoch_ns=self._start_ns + finding.t_ns,
            kind=Kind.FINDING,
            mark="✗ ",
            text=f"{finding.rule} {finding.level}{frame}{about}: expected {finding.expected}; found {finding.actual}; "
            f"to blame: {blame}",
            line=finding.line,
        )


def _is_about(finding: Finding, seen: Seen) -> bool:
    return finding.frame == seen.index and finding.end is seen.end


class Printer:
    """Prints lines, each with the time since the one before it."""

    def __init__(self, console: Console, protocol: str, *, with_fields: bool, with_raw: bool, numbered: bool) -> None:
        """`numbered`: the lines of the log stand before them."""
        self._console = console
        self._protocol = protocol_named(protocol)
        self._with_fields = with_fields
        self._with_raw = with_raw
        self._numbered = numbered
        self._last_ns: int | None = None
        self.count = 0

    def print(self, shown: Shown) -> None:
        self.count += 1
        before = f"{shown.line or '':>7} " if self._numbered else ""
        gap = self._gap(shown)
        text = f"{before}{format_local(shown.epoch_ns)} {gap:>9} {shown.mark} {printable(shown.text)}"
        self._write(text, _STYLES[shown.kind])
        if self._with_raw and shown.raw:
            self._write(f"{_INDENT}{shown.raw.hex(' ').upper()}", "dim")
        if self._with_fields and shown.seen is not None:
            for line in field_lines(self._protocol, shown.seen.decoded.frame):
                note = f"  ({line.note})" if line.note else ""
                self._write(f"{_INDENT}{line.offset:>4}  {line.name:<20} {printable(line.value)}{note}", "dim")

    def _gap(self, shown: Shown) -> str:
        """A finding is told when it is certain, which may be long after its frame: it has no gap."""
        if shown.kind is Kind.FINDING:
            return ""
        last_ns, self._last_ns = self._last_ns, shown.epoch_ns
        if last_ns is None:
            return ""
        gap_ns = shown.epoch_ns - last_ns
        return f"+{gap_ns // MS / 1000:.3f}" if gap_ns < 1000 * S else f"+{format_duration(gap_ns // S * S)}"

    def _write(self, text: str, style: str) -> None:
        if self._console.is_terminal:
            self._console.print(Text(text, style), soft_wrap=True)
        else:
            # Nothing is coloured there, and a long log is written ten times as fast.
            self._console.file.write(text + "\n")


_INDENT = " " * 12
