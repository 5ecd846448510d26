"""Guesses at bodies for people: a table a message, and the overlay that says the same. Owns their layout as text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilesim.report.text import printable
from pilesim.units import numbered
from pilesim.wire.guess.guess import Guessed
from pilesim.wire.guess.proposal import proposal


def print_guesses(console: Console, base: str, guessed: Sequence[Guessed]) -> None:
    """What each message's bodies look like, and an overlay on the protocol `base` to begin with."""
    if not guessed:
        console.print("Every body fits its layout: there is nothing to guess.", soft_wrap=True)
    for one in guessed:
        _print_message(console, one)
    overlay = proposal(base, guessed)
    if overlay:
        console.print("\nAs a dialect, to be corrected and given as --protocol FILE:\n")
        console.print(escape(overlay), soft_wrap=True)


def _print_message(console: Console, one: Guessed) -> None:
    name = f" {one.name}" if one.name else ""
    bodies = f"{numbered(one.bodies, 'bod[y|ies]')} of {one.size} bytes"
    console.print(f"[bold]0x{one.number:02X}{escape(name)}[/] {one.direction}, {bodies}", soft_wrap=True)
    console.print(f"  {escape(printable(one.why))}", soft_wrap=True)
    if one.begin:
        console.print(f"  guessed from offset {one.begin} on, behind {escape(one.last)}", soft_wrap=True)
    if not one.guesses:
        console.print("  nothing recognisable", soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    for heading, justify in (("offset", "right"), ("size", "right"), ("looks like", "left"), ("sure", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column("reading", overflow="fold")
    table.add_column("reason", overflow="fold")
    for guess in one.guesses:
        cells = (str(guess.offset), str(guess.size), guess.kind, guess.sure, guess.reading, guess.reason)
        table.add_row(*(escape(printable(cell)) for cell in cells))
    console.print(table)
