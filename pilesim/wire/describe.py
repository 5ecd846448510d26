"""Bytes explained for a person: frames, their fields, what they mean, and what lies between them.

Owns the passage from loose bytes to `Described` parts, which `pilesim decode` prints or writes as JSON, and the choice
of the protocol that explains them best. Pure: must not print, and must not know any one protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from pilesim.wire.cp56 import show_time
from pilesim.wire.frame import Direction, Frame
from pilesim.wire.messages import Message, Stamp
from pilesim.wire.protocol import Protocol


class Part(StrEnum):
    """What a run of bytes is."""

    FRAME = "frame"
    GARBAGE = "garbage"
    INCOMPLETE = "incomplete"
    """The bytes end inside what may be a frame."""


class DescribedField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field. `offset` counts from the first byte of its frame; `bytes` is hex."""

    name: str
    offset: int
    bytes: str
    value: str
    unit: str = ""
    provisional: bool = False
    note: str = ""


class DescribedProblem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong with a frame."""

    kind: str
    text: str
    field: str = ""


class Described(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run of bytes. `offset` counts from the first byte given; `bytes` is hex; the rest is a frame's."""

    part: Part
    offset: int
    bytes: str
    reason: str = ""
    """Why garbage is no frame, or what is missing of an incomplete one."""
    title: str = ""
    direction: Direction | None = None
    pile: str | None = None
    gun: int | None = None
    message: dict[str, Any] | None = None
    """The message by meaning: its name, and its attributes in the units their names end in."""
    problems: tuple[DescribedProblem, ...] = ()
    fields: tuple[DescribedField, ...] = ()


def frames_in(protocol: Protocol, data: bytes, direction: Direction | None) -> list[Frame]:
    """The frames of `data`, in order. Without a direction each one's is its message number's in the catalogue."""
    framer = protocol.framer(direction or Direction.UP)
    found = [part for part in framer.feed(data, 0) + framer.gap() if isinstance(part, Frame)]
    return found if direction else [_turned(protocol, frame) for frame in found]


def describe_frames(protocol: Protocol, data: bytes, direction: Direction | None) -> list[Described]:
    """Every byte of `data`, in order. Without a direction each frame's is its message number's in the catalogue."""
    framer = protocol.framer(direction or Direction.UP)
    found = framer.feed(data, 0)
    held_at = len(data) - len(framer.pending)
    found += framer.gap()
    described: list[Described] = []
    offset = 0
    for part in found:
        end = offset + len(part.raw)
        if isinstance(part, Frame):
            described.append(_frame(protocol, part if direction else _turned(protocol, part), offset))
        else:
            cut_off = offset == held_at and end == len(data)
            kind = Part.INCOMPLETE if cut_off else Part.GARBAGE
            described.append(Described(part=kind, offset=offset, bytes=part.raw.hex(), reason=part.reason))
        offset = end
    return described


@dataclass(frozen=True, slots=True)
class Told:
    """What bytes tell of their protocol: the best of `equals`, which explain them equally well; none found no frame."""

    protocol: Protocol
    equals: tuple[str, ...]


def tell_protocol(known: Sequence[Protocol], data: bytes, direction: Direction | None) -> Told:
    """The protocol of `data` among `known`: the most good frames, then the most frames, then the fewest problems.

    Each is also tried taking whatever way of its options a peer uses. Of equals the first is taken.
    """
    best: Told | None = None
    best_rank = (0, 0, 0)
    for protocol in known:
        ways = dict.fromkeys((protocol, protocol.tolerant))
        rank, way = max(((_rank(way, data, direction), way) for way in ways), key=lambda one: one[0])
        found = Told(way, (way.name,) if rank[1] else ())
        if best is None or rank > best_rank:
            best, best_rank = found, rank
        elif rank == best_rank:
            best = replace(best, equals=(*best.equals, *found.equals))
    assert best is not None, "there is a protocol"
    return best


def _rank(protocol: Protocol, data: bytes, direction: Direction | None) -> tuple[int, int, int]:
    frames = frames_in(protocol, data, direction)
    damaged = sum(not frame.sound for frame in frames)
    problems = sum(len(protocol.decode(frame).problems) for frame in frames)
    return len(frames) - damaged, len(frames), -problems


def plain(message: Message) -> dict[str, Any]:
    """A message as plain data: its name, then its attributes, times as text."""
    return {"message": message.name, **{name: _plain(getattr(message, name)) for name in message.__struct_fields__}}


def _plain(value: object) -> Any:
    if isinstance(value, Stamp):
        return show_time(value)
    if isinstance(value, bytes):
        return value.hex()
    return value


def _turned(protocol: Protocol, frame: Frame) -> Frame:
    """`frame`, found as going up, in the direction in which its message goes."""
    goes = next((way for way in Direction if protocol.row(frame.number, way)), Direction.UP)
    if goes is frame.direction:
        return frame
    # The framer reads the sequence numbers by direction, so it reads the frame anew.
    again = protocol.framer(goes).feed(frame.raw, 0)
    return next((part for part in again if isinstance(part, Frame)), frame)


def _frame(protocol: Protocol, frame: Frame, offset: int) -> Described:
    decoded = protocol.decode(frame)
    return Described(
        part=Part.FRAME,
        offset=offset,
        bytes=frame.raw.hex(),
        title=decoded.title,
        direction=frame.direction,
        pile=frame.pile,
        gun=frame.gun,
        message=plain(decoded.message) if decoded.message else None,
        problems=tuple(DescribedProblem(kind=p.kind, text=p.text, field=p.field) for p in decoded.problems),
        fields=tuple(
            DescribedField(
                name=view.name,
                offset=view.offset,
                bytes=view.raw.hex(),
                value=view.value,
                unit=view.unit,
                provisional=view.provisional,
                note=view.note,
            )
            for view in protocol.dissect(frame)
        ),
    )
