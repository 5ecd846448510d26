"""`pilesim platform`: the reference platform on a real line."""

from __future__ import annotations

from typing import Any

import click

from pilesim.cli.live import live_options, play, script_option


@click.command()
@click.argument("url")
@script_option
@live_options
def command(url: str, **live: Any) -> int:
    """Put the reference platform on a real line: tcp-listen://HOST:PORT, serial://DEVICE?baud=N, pty: ...

    It plays until Ctrl-C, or until the script is over. `pty:` makes a pseudo-terminal and says its name.
    """
    return play(pile=url, platform=None, **live)
