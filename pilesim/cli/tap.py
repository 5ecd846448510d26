"""`pilesim tap`: between a real pile and a real platform."""

from __future__ import annotations

from typing import Any

import click

from pilesim.cli.live import live_options, pile_number_option, play
from pilesim.cli.options import duration, impair_option


@click.command()
@click.argument("pile", metavar="PILE_URL")
@click.argument("platform", metavar="PLATFORM_URL")
@impair_option
@click.option(
    "--for",
    "for_ns",
    metavar="DURATION",
    callback=duration,
    help="End after so long, such as 10m or 1h30m.  [default: Ctrl-C]",
)
@click.option("--strict", is_flag=True, help="SHOULD rules decide the verdict too.")
@pile_number_option
@live_options
def command(**options: Any) -> int:
    """Stand between a real pile and a real platform: pass everything on, record both ends, impair, judge.

    PILE_URL is where the pile comes in, PLATFORM_URL where the platform is: tcp-listen://HOST:PORT, tcp://HOST:PORT,
    serial://DEVICE?baud=N, rfc2217://HOST:PORT or pty: (makes one, says its name).

    One connection of the pile is one connection to the platform, one pile at a time. A close, a half-close and a
    reset are all passed on as a close, after the bytes before it. Bytes are changed only by what --impair asks for.
    It ends with Ctrl-C, SIGTERM or --for, and then judges pile and platform, each by what passed at its own end.

    \b
    pilesim tap tcp-listen://0.0.0.0:9660 tcp://127.0.0.1:9661 --impair 'drop start count=1' --capture tap.jsonl
    """
    return play(**options)
