"""The front of the exporters: one recording becomes a file of another form.

Owns the table of exporters, the choice among them, the choice of one end, and what of a recording does not go along.
Must not know any one form beyond its row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from msgspec.structs import replace

from pilesim.errors import UsageError
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import (
    AnyEvent,
    Chunk,
    Finish,
    Impaired,
    LineDown,
    LineUp,
    Mention,
    Note,
    Reachable,
    Stimulus,
    Trace,
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
    write: Callable[[Trace], Iterator[bytes]]
    whole: bool = False


def _capture(trace: Trace) -> Iterator[bytes]:
    yield f"{encode_header(trace.header)}\n".encode()
    for event in trace.events:
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


@dataclass(frozen=True, slots=True)
class Export:
    """What is written: the recording as far as it goes along, and what does not, as counts."""

    exporter: Exporter
    trace: Trace
    left_out: dict[str, int]

    @property
    def content(self) -> bytes:
        return b"".join(self.exporter.write(self.trace))


def exporter_of(path: PurePath, wished: str = "") -> Exporter:
    """The form that is `wished` for by name, else that of `path`'s suffix. UsageError where there is none."""
    for exporter in EXPORTERS:
        if exporter.name == wished or (not wished and path.suffix.lower() in exporter.suffixes):
            return exporter
    if wished:
        raise UsageError(f"--to: expected one of {', '.join(e.name for e in EXPORTERS)}; found {wished!r}")
    known = "; ".join(f"{', '.join(sorted(e.suffixes))} for {e.title}" for e in EXPORTERS)
    raise UsageError(f"{path}: expected a name that ends in {known}; or --to says it")


def export(trace: Trace, exporter: Exporter, end: End | None = None) -> Export:
    """`trace` in that form, of a recording at both ends as it passed `end`.

    UsageError where nothing was recorded at that end, or the form has a place for bytes only and there are none.
    """
    if end is not None and end not in trace.header.ends:
        raise UsageError(f"--end: expected an end at which it was recorded, {_ends(trace)}; found {end.value}")
    if exporter.whole and end is None:
        return Export(exporter, trace, {})
    chosen = end or (USUAL_END if USUAL_END in trace.header.ends else trace.header.ends[0])
    kept: list[AnyEvent] = []
    left_out: Counter[str] = Counter()
    for event in trace.events:
        if isinstance(event, Chunk | LineUp | LineDown | Mention) and event.end is not chosen:
            left_out[f"what passed the {chosen.other.value}"] += 1
        elif exporter.whole or isinstance(event, Chunk | LineUp | LineDown | Finish):
            kept.append(event)
            if not exporter.whole and isinstance(event, Chunk) and event.altered:
                left_out[_ALTERED] += 1
        else:
            left_out[_LEFT_OUT[type(event)]] += 1
    if not exporter.whole and not any(isinstance(event, Chunk) for event in kept):
        raise UsageError(f"expected a recording with bytes, to write {exporter.title}; found none")
    if not exporter.whole:
        left_out.update({said: len(getattr(trace.header, name)) for name, said in _HEADER_ONLY.items()})
    left_out = +left_out
    return Export(exporter, Trace(replace(trace.header, ends=(chosen,)), tuple(kept)), dict(left_out))


def _ends(trace: Trace) -> str:
    return " or ".join(end.value for end in trace.header.ends)
