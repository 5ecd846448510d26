"""`pilesim pile`: a simulated pile on a real line."""

from __future__ import annotations

from pathlib import Path

import click

from pilesim.cli.live import play
from pilesim.cli.options import clock_rate_option, console, protocol_option, seed_option
from pilesim.conformance.runner import PILE_NUMBER
from pilesim.errors import UsageError
from pilesim.rig.firmware import profile_of
from pilesim.rig.targets import SimTarget, parse_target


@click.command()
@click.argument("url")
@click.option(
    "--firmware", default="reference", show_default=True, metavar="NAME[?fault=...]", help="The firmware it runs."
)
@click.option("--script", metavar="SCENARIO", help="Play the pile's steps of a scenario, wait for the platform's.")
@click.option("--number", default=PILE_NUMBER, show_default=True, metavar="DIGITS", help="Its pile number.")
@protocol_option
@seed_option
@clock_rate_option
@click.option("--capture", type=click.Path(dir_okay=False, path_type=Path), help="Record the line here.")
@click.option("--all", "everything", is_flag=True, help="Show the routine heartbeats and their replies too.")
def command(
    url: str,
    firmware: str,
    script: str | None,
    number: str,
    protocol: str,
    seed: int,
    clock_rate: float,
    capture: Path | None,
    everything: bool,
) -> int:
    """Put a simulated pile on a real line: tcp://HOST:PORT, serial://DEVICE?baud=N, pty: ...

    It plays until Ctrl-C, or until the script is over.
    """
    target = parse_target(f"sim:{firmware}")
    if not isinstance(target, SimTarget):
        raise UsageError(f"expected a firmware profile, found {firmware!r}")
    return play(
        console(),
        url=url,
        protocol=protocol,
        seed=seed,
        clock_rate=clock_rate,
        script=script,
        capture=capture,
        firmware=profile_of(target),
        number=number,
        everything=everything,
    )
