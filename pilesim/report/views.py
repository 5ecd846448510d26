"""A frame as a person opens it: its title, its words, its bytes, and every field.

Owns what is said of a frame, and of bytes that are none. Must not know where it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilesim.report.frames import runs
from pilesim.report.words import message_words
from pilesim.trace.decoder import Noise, Seen
from pilesim.wire.frame import Decoded, Direction, Frame
from pilesim.wire.protocol import Protocol


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
