"""Capture files: one JSON line an event, the header first, bytes as hex.

Owns the form of the file, both ways. Must not know who produced the events or what their bytes mean.
A recording that was killed ends in the middle of a line: all before it is read, and a Note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from pilesim.errors import FileError
from pilesim.trace.events import CAPTURE_SCHEMA, AnyEvent, Chunk, Header, Note, Trace
from pilesim.units import LONGEST_NS, parse_world_start_ns
from pilesim.wire.dialects import remember
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import MOST_GUNS

T = TypeVar("T")

BROKEN_OFF = "the recording was broken off here, in the middle of a line"

_VERSION_KEY = "pilesim-capture"
_BYTES_KEY = "data"
"""The one field of an event that holds raw bytes."""
_CHUNK_BEGINS = '{"event":"chunk",'
"""As the lines begin that nearly all of a capture's are."""


class _ChunkLine(msgspec.Struct, tag_field="event", tag="chunk", omit_defaults=True, gc=False):
    """A chunk as its line has it, which nearly all lines of a capture are: such a line needs no dict on its way."""

    t_ns: int
    end: End
    direction: Direction
    data: str
    altered: bool = False
    line: int = 0


_chunk_line = msgspec.json.Decoder(_ChunkLine).decode


def encode_header(header: Header) -> str:
    """The header as one line of JSON, without the line's end; the version comes first, so that any reader finds it."""
    fields = msgspec.to_builtins(header, order="deterministic")
    return _line({_VERSION_KEY: header.pilesim_capture, **fields})


def encode_event(event: AnyEvent) -> str:
    """The event as one line of JSON, without the line's end. Fields at their defaults are left out."""
    if isinstance(event, Chunk):
        told = _ChunkLine(event.t_ns, event.end, event.direction, event.data.hex(), event.altered, event.line)
        return msgspec.json.encode(told).decode()
    fields = msgspec.to_builtins(event, builtin_types=(bytes,), order="deterministic")
    if _BYTES_KEY in fields:
        fields[_BYTES_KEY] = fields[_BYTES_KEY].hex()
    return _line(fields)


def _line(fields: dict[str, Any]) -> str:
    return msgspec.json.encode(fields).decode()


def is_capture(content: bytes) -> bool:
    """Whether a file's `content` says that it is a capture."""
    return content.lstrip()[: len(_VERSION_KEY) + 16].replace(b" ", b"").startswith(f'{{"{_VERSION_KEY}"'.encode())


def decode_header(line: str) -> Header:
    """The header in one line of JSON; ValueError says what was expected."""
    fields = _fields(line)
    version = fields.get(_VERSION_KEY)
    if version != CAPTURE_SCHEMA:
        found = "none" if version is None else repr(version)
        raise ValueError(f"expected a capture, whose first line has {_VERSION_KEY!r}: {CAPTURE_SCHEMA}; found {found}")
    header = msgspec.convert(fields, Header)
    parse_world_start_ns(header.start)
    if not 0 <= header.guns <= MOST_GUNS:
        raise ValueError(f"expected 0 to {MOST_GUNS} guns, found {header.guns}")
    return header


def decode_event(line: str) -> AnyEvent:
    """The event in one line of JSON; ValueError says what was expected."""
    if line.startswith(_CHUNK_BEGINS):
        try:
            told = _chunk_line(line)
            return Chunk(
                t_ns=told.t_ns,
                end=told.end,
                direction=told.direction,
                data=bytes.fromhex(told.data),
                altered=told.altered,
                line=told.line,
            )
        except (ValueError, RecursionError):
            # Read as any other line, it tells what is wrong with it.
            pass
    fields = _fields(line)
    if _BYTES_KEY in fields:
        fields[_BYTES_KEY] = _bytes(fields[_BYTES_KEY])
    event: AnyEvent = msgspec.convert(fields, AnyEvent, builtin_types=(bytes,))
    return event


def _fields(line: str) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(line)
    except RecursionError:
        raise ValueError("expected a JSON object, found one too deep in itself to be read") from None
    if not isinstance(fields, dict):
        raise ValueError(f"expected a JSON object, found {line[:40]!r}")
    return fields


def _bytes(value: object) -> bytes:
    try:
        return bytes.fromhex(value if isinstance(value, str) else "?")
    except ValueError:
        raise ValueError(f"expected {_BYTES_KEY!r} as hex, found {value!r}") from None


def open_capture(stream: Iterable[str], file: str) -> tuple[Header, Iterator[AnyEvent]]:
    """The header, and the events one by one as they are read, for recordings too long to keep.

    `stream` gives the lines with their ends, `file` is what messages call it. The dialect that a recording carries is
    known by its name from then on. FileError names the line of whatever
    is no event; a last line that was cut off becomes a Note.
    """
    lines = _read(stream, file)
    first = next(lines, None)
    if first is None:
        raise FileError(file, 1, "expected a capture, found an empty file")
    header = _decoded(decode_header, first, file, 1)
    if header.dialect:
        remember(header.dialect, f"{file}:1: dialect")
    return header, _events(lines, file)


def _read(stream: Iterable[str], file: str) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(stream, 1):  # noqa: B007 (the number is for the message below)
            yield line
    except UnicodeDecodeError as error:
        raise FileError(file, number + 1, f"expected UTF-8 text: {error.reason}") from None


def _events(lines: Iterator[str], file: str) -> Iterator[AnyEvent]:
    last_ns = 0
    for number, line in enumerate(lines, 2):
        if not line.endswith("\n") and not _is_json(line):
            yield Note(t_ns=last_ns, text=BROKEN_OFF)
            return
        event = _decoded(decode_event, line, file, number)
        if event.t_ns < last_ns:
            raise FileError(file, number, f"expected t_ns of {last_ns} or later, found {event.t_ns}")
        if event.t_ns > LONGEST_NS:
            raise FileError(file, number, f"expected t_ns of at most {LONGEST_NS}, found {event.t_ns}")
        last_ns = event.t_ns
        yield event


def _is_json(line: str) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _decoded(decode: Callable[[str], T], line: str, file: str, number: int) -> T:
    try:
        return decode(line)
    except ValueError as error:
        text = str(error)
        raise FileError(file, number, text[:1].lower() + text[1:]) from None


def read_capture(stream: Iterable[str], file: str) -> Trace:
    """A whole recording; as `open_capture`, kept in memory."""
    header, events = open_capture(stream, file)
    return Trace(header, tuple(events))
