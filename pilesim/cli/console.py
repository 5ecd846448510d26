"""The one way to a console: whatever is printed is text, whoever said it.

Owns which characters are shown as escapes, how wide a console is, and what becomes of it when nobody reads. Must not
know what is printed. Light, since every command imports it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from pilesim.cli.files import NO_ROOM

PLAIN_WIDTH = 140
"""Where there is no terminal, wide enough for the tables."""

_MOVES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters but for tab and line feed, and the marks that turn the direction of what follows."""


def visible(text: str) -> str:
    """`text` with each character that moves a cursor, or turns a line round, as a backslash escape."""
    return _MOVES.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def no_room(error: Exception) -> str:
    """What to say where standard output's disk is full; "" of any other error, as where nobody reads.

    Whoever writes a file of a name has a sentence of his own, so that it is no other's error.
    """
    if isinstance(error, OSError) and not error.filename and error.errno in NO_ROOM:
        return f"standard output: expected room for all that is said: {error.strerror}"
    return ""


def console(file: TextIO | None = None, *, lasting: bool = False) -> Console:
    """Where results go, standard output unless told otherwise; as wide as the terminal, where it is one.

    `lasting`: what is told goes on when its reader does not; so where there is a file to be written, or a line that
    stands.
    """
    shown = file or sys.stdout
    # A pile named by a URL may hold `:a:`, which is no emoji.
    return _Plain(
        file=cast("TextIO", _Lasting(shown)) if lasting else shown,
        highlight=False,
        emoji=False,
        width=None if shown.isatty() else PLAIN_WIDTH,
    )


def tell(out: Console, text: str) -> None:
    """`text` as a line of its own, however long, and no word of it taken for markup."""
    out.print(text, soft_wrap=True, markup=False)


class _Plain(Console):
    """What a peer calls itself moves no cursor and turns no line round, in what is printed or drawn anew."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class _Lasting:
    """A stream for a run that is worth more than its reader: once nobody reads, it says no more and goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, say: Callable[[], object]) -> None:
        if not self._gone:
            try:
                say()
            except (OSError, ValueError) as error:
                self._gone = True
                said = no_room(error)
                if said:
                    with suppress(OSError):
                        sys.stderr.write(f"pilesim: {said}\n")
                # What it still holds would be tried once more as the program ends.
                with suppress(OSError, ValueError):
                    number = self._stream.fileno()
                    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
