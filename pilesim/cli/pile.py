"""`pilesim pile`: a simulated pile on a real line."""

from __future__ import annotations

from typing import Any

import click

from pilesim.cli.live import live_options, play, script_option
from pilesim.errors import UsageError
from pilesim.rig.firmware import profile_of
from pilesim.rig.targets import SimTarget, parse_target


@click.command()
@click.argument("url")
@click.option(
    "--firmware", default="reference", show_default=True, metavar="NAME[?fault=...]", help="The firmware it runs."
)
@click.option(
    "--number", default="", metavar="DIGITS", help="Its pile number.  [default: one with the protocol's digits]"
)
@script_option
@live_options
def command(url: str, firmware: str, number: str, **live: Any) -> int:
    """Put a simulated pile on a real line: tcp://HOST:PORT, serial://DEVICE?baud=N, pty: ...

    It plays until Ctrl-C, or until the script is over.
    """
    target = parse_target(f"sim:{firmware}")
    if not isinstance(target, SimTarget):
        raise UsageError(f"expected a firmware profile, found {firmware!r}")
    return play(pile=profile_of(target), platform=url, number=number, **live)
