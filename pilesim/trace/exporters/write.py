"""The front of the exporters: one recording becomes a file of another form.

Owns the table of exporters, the choice among them, the choice of one end, and what of a recording does not go along.
Must not know any one form beyond its row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

from msgspec.structs import replace

from pilesim.errors import UsageError
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import (
    AnyEvent,
    Chunk,
    Finish,
    Header,
    Impaired,
    LineDown,
    LineUp,
    Mention,
    Note,
    Reachable,
    Stimulus,
)
from pilesim.trace.exporters.pcap import pcapng
from pilesim.trace.exporters.text import hex_lines
from pilesim.wire.frame import End

USUAL_END = End.PLATFORM
"""Of a recording at both ends: where logs are kept."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """One form of file. `whole`: all of a recording goes along, both ends too; else what passed one end only."""

    name: str
    title: str
    suffixes: frozenset[str]
    write: Callable[[Header, Iterable[AnyEvent]], Iterator[bytes]]
    whole: bool = False


class Recording(Protocol):
    """What is written: a trace in memory, or one that is read as its events are asked for."""

    @property
    def header(self) -> Header: ...

    @property
    def events(self) -> Iterable[AnyEvent]: ...


def _capture(header: Header, events: Iterable[AnyEvent]) -> Iterator[bytes]:
    yield f"{encode_header(header)}\n".encode()
    for event in events:
        yield f"{encode_event(event)}\n".encode()


EXPORTERS: tuple[Exporter, ...] = (
    Exporter("capture", "a capture of pilesim's own", frozenset({".jsonl"}), _capture, whole=True),
    Exporter("pcapng", "packets of TCP connections", frozenset({".pcapng"}), pcapng),
    Exporter("hex", "lines of hex", frozenset({".hex", ".log", ".txt"}), hex_lines),
)
"""Every form that is written."""

_LEFT_OUT: dict[type[AnyEvent], str] = {
    Stimulus: "what was done at the pile",
    Impaired: "what was done to the line",
    Reachable: "when the line could be had",
    Note: "notes",
    Mention: "messages without their bytes",
}
"""Events that only a capture has a place for."""
_ALTERED = "that the line changed a piece"
_HEADER_ONLY = {
    "limits": "limits of the site",
    "not_applicable": "rules that this pile is not judged by",
    "wire_ns_per_byte": "how long bytes are on the wire",
}
"""What only a capture's header tells, of what a verdict may hang on."""


class Export:
    """A recording on its way into a file: `left_out` and the counts are complete once all of it has been taken."""

    def __init__(self, recording: Recording, exporter: Exporter, end: End | None) -> None:
        """`end` is the one that is written; None: all of it."""
        self.exporter = exporter
        self.end = end
        self.pieces = 0
        self.mentions = 0
        self._recording = recording
        self._left_out: Counter[str] = Counter()

    @property
    def left_out(self) -> dict[str, int]:
        """What does not go along, and how often."""
        return dict(+self._left_out)

    @property
    def content(self) -> bytes:
        """All of it."""
        return b"".join(self.written())

    def written(self) -> Iterator[bytes]:
        """The file, piece by piece. UsageError, at its end, where the form has a place for bytes only and there were
        none."""
        header = self._recording.header
        if self.end is not None:
            header = replace(header, ends=(self.end,))
        yield from self.exporter.write(header, self._kept(self._recording.events))
        if self.exporter.whole:
            return
        if not self.pieces:
            raise UsageError(f"expected a recording with bytes, to write {self.exporter.title}; found none")
        self._left_out.update({said: len(getattr(header, name)) for name, said in _HEADER_ONLY.items()})

    def _kept(self, events: Iterable[AnyEvent]) -> Iterator[AnyEvent]:
        whole, left_out = self.exporter.whole, self._left_out
        for event in events:
            end = event.end if isinstance(event, Chunk | LineUp | LineDown | Mention) else None
            if end is not None and self.end is not None and end is not self.end:
                left_out[f"what passed the {end.value}"] += 1
            elif whole or isinstance(event, Chunk | LineUp | LineDown | Finish):
                self.pieces += isinstance(event, Chunk)
                self.mentions += isinstance(event, Mention)
                if not whole and isinstance(event, Chunk) and event.altered:
                    left_out[_ALTERED] += 1
                yield event
            else:
                left_out[_LEFT_OUT[type(event)]] += 1


def exporter_of(path: PurePath, wished: str = "") -> Exporter:
    """The form that is `wished` for by name, else that of `path`'s suffix. UsageError where there is none."""
    for exporter in EXPORTERS:
        if exporter.name == wished or (not wished and path.suffix.lower() in exporter.suffixes):
            return exporter
    if wished:
        raise UsageError(f"--to: expected one of {', '.join(e.name for e in EXPORTERS)}; found {wished!r}")
    known = "; ".join(f"{', '.join(sorted(e.suffixes))} for {e.title}" for e in EXPORTERS)
    raise UsageError(f"{path}: expected a name that ends in {known}; or --to says it")


def export(recording: Recording, exporter: Exporter, end: End | None = None) -> Export:
    """`recording` in that form, of one at both ends as it passed `end`. UsageError where nothing was recorded there."""
    ends = recording.header.ends
    if end is not None and end not in ends:
        known = " or ".join(each.value for each in ends)
        raise UsageError(f"--end: expected an end at which it was recorded, {known}; found {end.value}")
    if not exporter.whole and end is None:
        end = USUAL_END if USUAL_END in ends else ends[0]
    return Export(recording, exporter, end)
