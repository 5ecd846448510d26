"""`pilesim platform`: the reference platform on a real line."""

from __future__ import annotations

from pathlib import Path

import click

from pilesim.cli.live import play
from pilesim.cli.options import clock_rate_option, console, protocol_option, seed_option


@click.command()
@click.argument("url")
@click.option("--script", metavar="SCENARIO", help="Play the platform's steps of a scenario, wait for the pile's.")
@protocol_option
@seed_option
@clock_rate_option
@click.option("--capture", type=click.Path(dir_okay=False, path_type=Path), help="Record the line here.")
@click.option("--all", "everything", is_flag=True, help="Show the routine heartbeats and their replies too.")
def command(
    url: str,
    script: str | None,
    protocol: str,
    seed: int,
    clock_rate: float,
    capture: Path | None,
    everything: bool,
) -> int:
    """Put the reference platform on a real line: tcp-listen://HOST:PORT, serial://DEVICE?baud=N, pty: ...

    It plays until Ctrl-C, or until the script is over. `pty:` makes a pseudo-terminal and says its name.
    """
    return play(
        console(),
        url=url,
        protocol=protocol,
        seed=seed,
        clock_rate=clock_rate,
        script=script,
        capture=capture,
        firmware=None,
        number="",
        everything=everything,
    )
