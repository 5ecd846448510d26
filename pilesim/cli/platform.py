"""`pilesim platform`: the reference platform on a real line, or for as many piles as dial in."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import click
from rich.markup import escape

from pilesim.cli.console import console
from pilesim.cli.ending import told_to_stop
from pilesim.cli.live import live_options, pile_number_option, play, script_option
from pilesim.errors import UsageError


@click.command()
@click.argument("url")
@pile_number_option
@script_option
@live_options
@click.option("--many", is_flag=True, help="Serve every pile that dials in, and record none.")
@click.option("--api", metavar="HOST:PORT", help="With --many: be told to authorise, start and stop by HTTP here.")
def command(url: str, many: bool, api: str | None, **live: Any) -> int:
    """Put the reference platform on a real line: tcp-listen://HOST:PORT, serial://DEVICE?baud=N, pty: ...

    With --many a second connection with a number in use takes the first one's place, with `?second=refuse` it is hung
    up, and --pile-number may be several, with commas between.

    It plays until Ctrl-C, or until the script is over. `pty:` makes a pseudo-terminal and says its name.

    \b
    pilesim platform 'serial:///dev/ttyUSB0?baud=115200' --script order/short
    pilesim platform tcp-listen://0.0.0.0:9000 --many --api 127.0.0.1:8080
    """
    if many:
        return _serve(url, api, **live)
    if api is not None:
        raise UsageError("--api: expected --many with it")
    return play(pile=url, platform=None, **live)


def _serve(url: str, api: str | None, *, protocol: str, seed: int, clock_rate: float, number: str, **live: Any) -> int:
    from pilesim.platform.settings import Settings  # noqa: PLC0415 (as below)
    from pilesim.site.host import PlatformHost  # noqa: PLC0415 (one pile needs none of it)
    from pilesim.wire.protocol import protocol_named  # noqa: PLC0415 (as above)

    if any(live.values()):
        raise UsageError("--many: expected no --script, --capture or --all with it")
    parts = urlsplit(url)
    if parts.scheme != "tcp-listen" or parts.path.strip("/"):
        raise UsageError(f"--many: expected tcp-listen://HOST:PORT, found {url!r}")
    if parts.query not in ("", "second=refuse", "second=replace"):
        raise UsageError(f"--many: expected second as one of refuse, replace; found {parts.query!r}")
    spoken = protocol_named(protocol)
    expected = [spoken.pile_number(digits.strip()) for digits in number.split(",")] if number else []
    out = console(lasting=True)
    with ExitStack() as stack:
        told = stack.enter_context(told_to_stop())
        host = PlatformHost(
            host=parts.hostname or "127.0.0.1",
            port=_port(url),
            protocol=protocol,
            seed=seed,
            clock_rate=clock_rate,
            world_start_ns=time.time_ns(),
            settings=Settings(auto=True),
            expected=expected,
            replace=parts.query != "second=refuse",
            noted=lambda text: out.print(escape(text), soft_wrap=True, highlight=False),
        )
        stack.callback(host.close)
        out.print(host.name, soft_wrap=True)
        if api is not None:
            at = f"//{api}"
            door = host.api(urlsplit(at).hostname or "127.0.0.1", _port(at))
            out.print(f"{stack.enter_context(door)}/authorise, /start and /stop", soft_wrap=True)
        host.live(lambda: told() > 0)
    return 0


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 0
    except ValueError:
        raise UsageError(f"expected a port from 0 to 65535, found {url!r}") from None
