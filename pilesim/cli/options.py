"""Options that several commands share. Light, since every command imports it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from pilesim.cli.files import FILE
from pilesim.errors import UsageError
from pilesim.rig.impairments import Impairment, parse_impairment
from pilesim.units import parse_duration_ns
from pilesim.wire.protocol import DEFAULT_PROTOCOL

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_SEED = 1


def protocol_option(function: F) -> F:
    return click.option(
        "--protocol",
        default=DEFAULT_PROTOCOL,
        show_default=True,
        metavar="NAME|FILE",
        help="Protocol of the line, or a dialect's file.",
    )(function)


def output_option(name: str, text: str) -> Callable[[F], F]:
    """The file that a command is asked to write, as its argument `name`."""
    path = FILE
    return click.option("-o", "--output", name, required=True, type=path, help=text)


def seed_option(function: F) -> F:
    return click.option(
        "--seed", default=DEFAULT_SEED, show_default=True, metavar="N", help="The one source of chance."
    )(function)


def jobs_option(default: int | None = None) -> Callable[[F], F]:
    """Of what may be spread over processes; without `default` as many as there are processors."""
    return click.option(
        "--jobs",
        default=default or os.cpu_count() or 1,
        show_default=True,
        type=click.IntRange(min=1),
        metavar="N",
        help="Spread it over so many processes; the result is the same.",
    )


def clock_rate_option(function: F) -> F:
    return click.option(
        "--clock-rate",
        default=1.0,
        show_default=True,
        type=click.FloatRange(min=0.01, max=1000),
        metavar="N",
        help="Let pilesim's clock run N times as fast on a real line. A real pile runs at 1.",
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
