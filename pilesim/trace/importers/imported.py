"""What is wished of an import, and what it gives: a recording, and what the log it came from is worth.

Owns the words between the importers and whoever asks for an import. Must not know any form of log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timezone
from enum import StrEnum
from pathlib import Path

from pilesim.errors import FileError
from pilesim.trace.events import AnyEvent, Header, Missing, Trace, Vantage
from pilesim.units import LOCAL, agreeing
from pilesim.wire.frame import End

UNREAD_KEPT = 1000
"""Unread lines that are kept with their text; more of them are counted."""
TEXT_KEPT = 200
"""As much of a line's text."""
REMARKS_KEPT = 100

_DIGIT = re.compile(r"\d")


class LineOrder(StrEnum):
    """What to do with lines that are not in the order of their times."""

    TIME = "time"
    """Lines that are a little late are put where they belong; a log that begins with the newest is turned round."""
    FILE = "file"
    """The file's order stands, and a time never goes back."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person knows of a log that it does not tell itself. Everything has a default that the import says."""

    form: str = ""
    """Name of the importer; "" chooses by content and suffix."""
    protocol: str = ""
    """"" takes the one that explains the bytes best."""
    vantage: Vantage | None = None
    """Where it was recorded; None finds out by the frames where it can."""
    pile: str = ""
    """The pile number, or in a capture of packets its IP address; "" where the log has but one."""
    stream: int = 0
    """Number of the TCP connection, from 1; 0 takes all connections of the pile."""
    year: int | None = None
    day: date | None = None
    """The day on which a log begins whose lines have none."""
    zone: timezone = LOCAL
    zone_told: bool = False
    """Somebody knows that the log's times are of this zone; else it is taken for want of anything better."""
    order: LineOrder = LineOrder.TIME
    written: date | None = None
    """When the file was last changed: the day of a log that tells of none, by no line and no frame."""
    other: Path | None = None
    """A second log of the same pile, from the other end of its line: the two become one recording."""
    mask: bytes | None = None
    """The key by which the numbers of orders, accounts and piles are replaced; None leaves them as they are."""


class SeveralPilesError(FileError):
    """The log is of several piles and none was chosen; `piles` are what `Wishes.pile` takes."""

    def __init__(self, file: str, problem: str, piles: tuple[str, ...]) -> None:
        super().__init__(file, None, problem)
        self.piles = piles


@dataclass(frozen=True, slots=True)
class UnreadLine:
    """One line (or packet) that could not be read; `why` is "" where its text says enough."""

    line: int
    text: str
    why: str = ""
    file: str = ""
    """Where there are several."""


@dataclass(slots=True)
class Ledger:
    """What an import has left over so far; complete when all events have been taken."""

    unread: list[UnreadLine] = field(default_factory=list)
    unread_count: int = 0
    remarks: dict[str, None] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(default_factory=dict)
    """What happened so and so often: the sentence, with {n} for the count, {line} for the first line, and
    `[one|many]` as `agreeing` has it."""
    missing: dict[Missing, None] = field(default_factory=dict)
    clock: str = ""
    """What the times are worth."""
    parts: tuple[tuple[str, Ledger], ...] = ()
    """The ledgers of the logs that were made one, by their names: theirs counts too."""
    hide: Callable[[str], str] | None = None
    """Goes over every text of a log that is told: where its numbers are masked, they are here too."""

    def left(self, line: int, text: str, why: str = "") -> None:
        """A line that could not be read."""
        self.unread_count += 1
        if len(self.unread) < UNREAD_KEPT:
            shown = text[:TEXT_KEPT].rstrip()
            self.unread.append(UnreadLine(line, shown + (" ..." if len(text.rstrip()) > TEXT_KEPT else ""), why))

    def nothing(self, problem: str) -> tuple[int | None, str]:
        """Where and how to say that a log holds nothing: by the first line that met a bound, where one did."""
        met = next((unread for unread in self.unread if unread.why), None)
        return (None, problem) if met is None else (met.line, f"{problem}; this line is {met.why}")

    def remark(self, sentence: str) -> None:
        """Something that was assumed, told once."""
        if len(self.remarks) < REMARKS_KEPT:
            self.remarks.setdefault(sentence)

    def count(self, sentence: str, line: int, by: int = 1) -> None:
        """Something that happens often, told once with how often, and where first."""
        if sentence in self.counts or len(self.counts) < REMARKS_KEPT:
            self.counts.setdefault(sentence, [0, line])[0] += by

    def sentences(self) -> tuple[str, ...]:
        """All remarks."""
        counted = [agreeing(n, sentence).format(n=n, line=line) for sentence, (n, line) in self.counts.items()]
        theirs = [
            f"{name}: {sentence}" if name else sentence for name, part in self.parts for sentence in part.sentences()
        ]
        return tuple(map(self._hidden, (*self.remarks, *counted, *theirs)))

    def unread_lines(self) -> tuple[UnreadLine, ...]:
        """The first of the lines that could not be read, of every part."""
        theirs = [replace(line, file=line.file or name) for name, part in self.parts for line in part.unread_lines()]
        if self.hide is None:
            return (*self.unread, *theirs)
        # What no importer understands may hold a number in any form: none of its digits is told.
        return tuple(replace(line, text=_DIGIT.sub("*", line.text)) for line in (*self.unread, *theirs))

    def all_unread(self) -> int:
        """How many lines could not be read, of every part."""
        return self.unread_count + sum(part.all_unread() for _, part in self.parts)

    def all_missing(self) -> tuple[Missing, ...]:
        """What is missing, in any part."""
        return tuple(dict.fromkeys([*self.missing, *(one for _, part in self.parts for one in part.all_missing())]))

    def _hidden(self, text: str) -> str:
        return text if self.hide is None else self.hide(text)


@dataclass(frozen=True, slots=True)
class Opened:
    """A log whose events are read as they are asked for. `ledger` is complete once they have all been taken."""

    form: str
    header: Header
    events: Iterator[AnyEvent]
    ledger: Ledger
    own: bool = False
    """It was a capture of pilesim's own, and stays as it is."""
    names: tuple[str, ...] = ()
    """Of its file, or of both, as they are told: masked where its numbers are."""
    files: Mapping[End, str] = field(default_factory=dict)
    """Of two files, which was made at which end."""

    @property
    def called(self) -> str:
        return " and ".join(self.names)


@dataclass(frozen=True, slots=True)
class Imported:
    """A log as a recording, with what the log is worth."""

    form: str
    """Name of the importer that read it."""
    trace: Trace
    vantage: Vantage
    clock: str
    """What the times are worth: `to the ms, from the log`."""
    missing: tuple[Missing, ...]
    unread: tuple[UnreadLine, ...]
    """The first of the lines that could not be read; `unread_count` says how many there are."""
    unread_count: int
    remarks: tuple[str, ...]
    """What was assumed, in sentences."""
    own: bool = False
    """It was a capture of pilesim's own, and stays as it is."""
    called: str = ""
    count: int = 0
    """Events; of a log that was streamed `trace` holds none of them."""


def vantage_of(header: Header) -> Vantage:
    """Where a recording was made, by its header."""
    if header.vantage is not None:
        return header.vantage
    if len(header.ends) > 1:
        return Vantage.BOTH
    return Vantage(header.ends[0].value) if header.ends else Vantage.UNKNOWN
