"""From a mention in a log to the message that it is of, as far as it is told.

Owns which field of a message each word of a mention fills. Must not know any form of log, nor any layout.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from msgspec.structs import fields

from pilesim.trace.events import Mention
from pilesim.wire.frame import Decoded, Direction, Frame
from pilesim.wire.messages import MESSAGE_TYPES, NO_TIME
from pilesim.wire.protocol import Protocol, Row

_SAID = ("order", "account", "state", "cable", "change")
"""What a mention says in a field of its own, which has the name of the message's."""


def decoded_mention(protocol: Protocol, mention: Mention) -> Decoded:
    """The message that `mention` is of, with None in the fields of which it says nothing and which have no usual value.

    Its frame has no bytes. A mention of a message that the protocol lacks has no message.
    """
    row = row_of(protocol, mention.message, mention.direction, mention.number)
    kind = MESSAGE_TYPES.get(mention.message)
    frame = Frame(b"", mention.direction, mention.number or (row.number if row else 0), b"", None, mention.gun, 0, None)
    if row is None or kind is None:
        return Decoded(frame, mention.message, None, ())
    title = f"0x{row.number:02X} {row.name} {row.chinese}"
    said: dict[str, Any] = {name: value for name in _SAID if (value := getattr(mention, name)) is not None}
    said.update(dict.fromkeys(mention.empty_times, NO_TIME))
    usual, carried = _usual(kind.name), _carried(protocol, kind.name)
    known = {name: value for name, value in said.items() if name in usual}
    message = kind(**{**usual, **known, "gun": frame.gun or usual["gun"]})
    return Decoded(frame, title, message, (), carried - known.keys())


@lru_cache(256)
def row_of(protocol: Protocol, name: str, direction: Direction, number: int | None) -> Row | None:
    """The row of the catalogue that a mention is of: by its number, else the first of its name."""
    if number is not None:
        return protocol.row(number, direction)
    return next(
        (r for r in protocol.catalogue if r.means and r.means.name == name and r.direction is direction),
        None,
    )


@lru_cache(256)
def _usual(name: str) -> dict[str, Any]:
    """Every field of the message called `name` with its default, None where it has none."""
    return {each.name: None if each.required else each.default for each in fields(MESSAGE_TYPES[name])}


@lru_cache(256)
def _carried(protocol: Protocol, name: str) -> frozenset[str]:
    """The fields of that message that a log has to tell: those that have a place in the frame and no usual value.

    The gun is not among them: where no line tells one they are all of one.
    """
    kind = MESSAGE_TYPES[name]
    needed = {each.name for each in fields(kind) if each.required}
    return frozenset(
        field
        for field, usual in _usual(name).items()
        if field in needed or (usual is None and protocol.tells(kind, field)) or usual == ()
    )
