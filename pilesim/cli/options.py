"""Options that several commands share. Light, since every command imports it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO, TypeVar, cast

import click
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from pilesim.cli.visible import visible
from pilesim.errors import UsageError
from pilesim.rig.impairments import Impairment, parse_impairment
from pilesim.units import parse_duration_ns
from pilesim.wire.protocol import DEFAULT_PROTOCOL

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_SEED = 1
PLAIN_WIDTH = 140


def protocol_option(function: F) -> F:
    return click.option(
        "--protocol",
        default=DEFAULT_PROTOCOL,
        show_default=True,
        metavar="NAME|FILE",
        help="Protocol of the line, or a dialect's file.",
    )(function)


def seed_option(function: F) -> F:
    return click.option("--seed", default=DEFAULT_SEED, show_default=True, help="The one source of chance.")(function)


def clock_rate_option(function: F) -> F:
    return click.option(
        "--clock-rate",
        default=1.0,
        show_default=True,
        type=click.FloatRange(min=0.01, max=1000),
        metavar="N",
        help="Let this program's clock run N times as fast on a real line. A real pile runs at 1.",
    )(function)


def scheduler_option(function: F) -> F:
    return click.option(
        "--scheduler",
        default="",
        metavar="tcp://HOST:PORT",
        help="Have it done by the workers of this Dask cluster (pilesim[cluster]); the result is the same.",
    )(function)


def impair_option(function: F) -> F:
    return click.option(
        "--impair",
        "impairments",
        multiple=True,
        metavar="TEXT",
        callback=_impairments,
        help="Impair the line: 'drop start count=1', 'hold start for=46s count=1'.",
    )(function)


def _impairments(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[Impairment, ...]:
    return impairments_said(texts)


def impairments_said(texts: Iterable[str]) -> tuple[Impairment, ...]:
    """The impairments in the command line's words; UsageError names the one that is none."""
    impairments = []
    for text in texts:
        try:
            impairments.append(parse_impairment(text))
        except ValueError as error:
            raise UsageError(f"--impair {text!r}: {error}") from None
    return tuple(impairments)


def duration(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    """The callback of an option that takes a duration: ns."""
    try:
        return None if text is None else parse_duration_ns(text)
    except ValueError as error:
        raise UsageError(f"--{option.opts[0].lstrip('-')}: {error}") from None


class _Lasting:
    """Standard output for a run that is worth more than its reader: once nobody reads, it says no more and goes on."""

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
            except (OSError, ValueError):
                self._gone = True


def console(*, lasting: bool = False) -> Console:
    """Where results go; as wide as the terminal, plain and wide enough for the tables where it is none.

    `lasting`: what is told goes on when its reader does not.
    """
    file = cast("TextIO", _Lasting(sys.stdout)) if lasting else sys.stdout
    # A pile named by a URL may hold `:a:`, which is no emoji.
    out = Console(file=file, highlight=False, emoji=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    out.push_render_hook(_AsText())
    return out


class _AsText(RenderHook):
    """Whatever is printed is text: what a peer calls itself moves no cursor and turns no line round."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Visible(each) for each in renderables]


class _Visible:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)
