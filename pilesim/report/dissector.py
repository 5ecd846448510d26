"""A protocol's tables as a dissector in Lua, for Wireshark.

Owns how data is written in Lua. Must not know any one protocol, nor how a table is read: `wire.dissection` has what is
written, and the template what is done with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from pilesim.wire.cp56 import NO_TIME_SHOWN
from pilesim.wire.dissection import NOT_LISTED, Dissection

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\0": "\\0"}


def dissector_lua(tables: Dissection) -> str:
    """The text of the dissector, which needs nothing else."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pilesim.report"),
        # It is no page: what is written into it passes `_lua`.
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own: list[str] = []
    environment.filters.update(lua=lambda value: _lua(value, own), comment=_comment)
    # The tables name the functions of their own kinds, so they are written first.
    values = {name: True for name, field in tables.fields.items() if field["value"] == "text"}
    for value in (tables.header, tables.trailer, tables.messages):
        _lua(value, own)
    template = environment.get_template("dissector.lua.j2")
    text = template.render(d=tables, own=own, values=values, no_time=NO_TIME_SHOWN, not_listed=NOT_LISTED)
    return f"{text}\n"


def _comment(text: str) -> str:
    """One line, whatever the text holds."""
    return " ".join(text.split())


def _lua(value: Any, own: list[str]) -> str:
    """A value as Lua has it; a text of a protocol's own in Lua goes to `own`, once, and is told by its place there."""
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return '"' + "".join(_ESCAPES.get(char, char) for char in value) + '"'
        case {"kind": "own", "lua": str(text)}:
            if text not in own:
                own.append(text)
            high_first = _lua(value["high_first"], own)
            return f'{{ kind = "own", high_first = {high_first}, text = own[{own.index(text) + 1}] }}'
        case Mapping():
            parts = (f"{_key(key)} = {_lua(each, own)}" for key, each in value.items() if each is not None)
            return "{ " + ", ".join(parts) + " }" if value else "{}"
        case Sequence():
            return "{ " + ", ".join(_lua(each, own) for each in value) + " }" if value else "{}"
        case _:
            raise TypeError(f"expected what Lua has a form for, found {value!r}")


def _key(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f'["{key}"]' if key in _WORDS or not key.isidentifier() or not key.isascii() else key


_WORDS = frozenset({"and", "end", "for", "function", "in", "local", "nil", "not", "or", "repeat", "then", "until"})
"""Of Lua's own words those that a table here might have as a key."""
