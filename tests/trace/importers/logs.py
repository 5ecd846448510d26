"""Recordings to make logs of, and what an import is held against."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from renderings import Passed, Render, passed

from pilesim.library import firmware_folder
from pilesim.trace.capture import read_capture
from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import Trace
from pilesim.trace.importers.imported import Imported, Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.protocol import protocol_named

CAPTURES = {
    f"{path.parent.name}/{path.stem}": path for path in sorted((firmware_folder() / "captures").rglob("*.jsonl"))
}
SHORT = "reference/order-short"


@cache
def capture(name: str = SHORT) -> Trace:
    path = CAPTURES[name]
    return read_capture(path.read_text(encoding="utf-8").splitlines(keepends=True), str(path))


@cache
def short(end: End) -> tuple[Passed, ...]:
    """A short order as it passed one end."""
    return tuple(passed(capture(), end))


Told = tuple[int, Direction, bytes]
"""A frame: ns since 1970, its direction, its bytes."""


def frames_of(trace: Trace) -> list[Told]:
    """The frames of a recording, as whoever reads it will see them."""
    decoder = Decoder(protocol_named(trace.header.protocol))
    start_ns = parse_world_start_ns(trace.header.start)
    seen = [item for event in trace.events for item in decoder.feed(event)] + decoder.finish()
    return [(start_ns + s.t_ns, s.direction, s.decoded.frame.raw) for s in seen if isinstance(s, Seen)]


def frames_in(items: Sequence[Passed], resolution_ns: int = 1) -> list[Told]:
    """The frames that were to be logged; each of `items` is whole ones. Times as a log of that resolution has them."""
    found: list[Told] = []
    for item in items:
        at = 0
        while at < len(item.data):
            # EV-Link: the length, at offset 1, is of all that follows it.
            end = at + 3 + int.from_bytes(item.data[at + 1 : at + 3], "little")
            found.append((item.epoch_ns // resolution_ns * resolution_ns, item.direction, item.data[at:end]))
            at = end
    return found


def by_direction(frames: Sequence[Told]) -> dict[Direction, list[tuple[int, bytes]]]:
    return {way: [(ns, raw) for ns, direction, raw in frames if direction is way] for way in Direction}


def imported(path: Path, lines: Sequence[str], wishes: Wishes | None = None) -> Imported:
    """A log of these lines, imported."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_log(path, wishes or Wishes())


def logged(folder: Path, render: Render, end: End, wishes: Wishes | None = None) -> Imported:
    """The short order as a log of that form, imported."""
    return imported(folder / "a.log", render(short(end), end), wishes)
