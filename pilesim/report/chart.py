"""A message sequence chart: arrows between pile and platform, marks, quiet stretches, in rows and chapters.

Owns what a chart is. Must not know how one is made of a trace (sequence), nor how it is painted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pilesim.report.views import FrameView, frame_view
from pilesim.trace.decoder import Noise, Seen
from pilesim.units import MS, S, format_local
from pilesim.wire.frame import Direction, End
from pilesim.wire.protocol import Protocol

SPLIT_NS = 1 * S
"""A frame that is on its way for longer is drawn where it left and, again, where it came."""
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
