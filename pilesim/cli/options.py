"""Options that several commands share. Light, since every command imports it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from rich.console import Console

from pilesim.wire.protocol import DEFAULT_PROTOCOL

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_SEED = 1
PLAIN_WIDTH = 140


def protocol_option(function: F) -> F:
    return click.option(
        "--protocol", default=DEFAULT_PROTOCOL, show_default=True, metavar="NAME", help="Protocol of the line."
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


def console() -> Console:
    """Where results go; as wide as the terminal, plain and wide enough for the tables where it is none."""
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
