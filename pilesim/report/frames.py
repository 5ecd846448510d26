"""Frames and catalogues for people: `pilesim decode` and `pilesim messages`. Owns their layout, as text and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol as Shape
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilesim.report.text import bytes_words, printable
from pilesim.wire.describe import Described, Part
from pilesim.wire.protocol import Protocol, Trust

_ARROWS = {"up": "up ->", "down": "<- down"}


def print_catalogue(console: Console, protocol: Protocol) -> None:
    """Every message of `protocol`: number, direction, names, size, reply, and where its layout comes from."""
    console.print(f"[bold]{escape(protocol.name)}[/] {escape(protocol.title)}", soft_wrap=True)
    if protocol.provisional:
        console.print(f"[yellow]{escape(protocol.provisional)}[/]", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("no.", "direction", "name", "名称", "in scenarios", "body bytes", "reply", "layout"):
        table.add_column(heading)
    for row in protocol.catalogue:
        trust = row.trust if row.trust is Trust.PUBLISHED else f"[yellow]{row.trust}[/]"
        since = f" since {row.since}" if row.since != protocol.catalogue[0].since else ""
        table.add_row(
            f"0x{row.number:02X}",
            _ARROWS[row.direction],
            escape(row.name),
            row.chinese,
            row.means.name if row.means else "",
            row.size,
            "" if row.reply is None else f"0x{row.reply:02X}",
            trust + since,
        )
    console.print(table)


def print_frames(console: Console, protocol: Protocol, described: list[Described]) -> None:
    """Every part of a run of bytes: frames with their fields and problems, and what lies between them."""
    if protocol.provisional and any(field.provisional for part in described for field in part.fields):
        console.print(f"[yellow]{escape(protocol.provisional)} Marked P below.[/]", soft_wrap=True)
    for part in described:
        if part.part is not Part.FRAME:
            console.print(
                f"[yellow]{part.part}[/] at {part.offset}: {len(part.bytes) // 2} bytes: {escape(part.reason)}",
                soft_wrap=True,
            )
            console.print(f"  [dim]{bytes_words(part.bytes)}[/]", soft_wrap=True)
            continue
        console.print(
            f"[bold]{escape(printable(part.title))}[/] {part.direction}, "
            f"at {part.offset}, {len(part.bytes) // 2} bytes",
            soft_wrap=True,
        )
        for problem in part.problems:
            console.print(f"  [red]{problem.kind}[/] {escape(printable(problem.text))}", soft_wrap=True)
        console.print(_fields(part))


def _fields(part: Described) -> Table:
    """The fields of one frame; a run of one value in an array is one row."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("offset", justify="right")
    for heading in ("field", "bytes", "value"):
        table.add_column(heading, overflow="fold")
    for first, last in runs(part.fields):
        count = last.offset - first.offset + len(last.bytes) // 2
        name = first.name if first is last else f"{first.name} .. {last.name}"
        raw = first.bytes if first is last else f"{first.bytes} .. ({count} bytes)"
        value = f"{first.value} {first.unit}".rstrip() + (f"  ({first.note})" if first.note else "")
        table.add_row(
            str(first.offset),
            escape(name) + (" [yellow]P[/]" if first.provisional else ""),
            f"[dim]{raw.upper()}[/]",
            escape(printable(value)),
        )
    return table


class _Named(Shape):
    """A field of a frame, as far as telling one from the next needs it."""

    @property
    def name(self) -> str: ...

    @property
    def value(self) -> str: ...


FieldT = TypeVar("FieldT", bound=_Named)


def runs(fields: Iterable[FieldT]) -> list[tuple[FieldT, FieldT]]:
    """First and last of each run of array items that hold the same; any other field is a run of its own."""
    found: list[tuple[FieldT, FieldT]] = []
    for field in fields:
        if found and _same_item(found[-1][1], field):
            found[-1] = (found[-1][0], field)
        else:
            found.append((field, field))
    return found


def _same_item(one: _Named, other: _Named) -> bool:
    stem, bracket, _ = one.name.partition("[")
    return bool(bracket) and other.name.startswith(stem + "[") and one.value == other.value
