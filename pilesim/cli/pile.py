"""`pilesim pile`: a simulated pile on a real line, or as many as are asked for against a real platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pilesim.cli.files import FILE, FOLDER
from pilesim.cli.live import live_options, play, script_option
from pilesim.cli.options import duration, scheduler_option
from pilesim.cli.report import report_options
from pilesim.errors import UsageError
from pilesim.rig.firmware import profile_of
from pilesim.rig.targets import SimTarget, parse_target

_OF_ONE = ("script", "capture", "everything")
_OF_MANY = (
    "rig",
    "ramp_ns",
    "storms",
    "for_ns",
    "captures",
    "record",
    "strict",
    "metrics",
    "jobs",
    "scheduler",
    "json_file",
    "junit_file",
    "html_file",
)


@click.command()
@click.argument("url")
@click.option(
    "--firmware",
    default="reference",
    show_default=True,
    metavar="NAME[?fault=...][=WEIGHT],...",
    help="The firmware it runs; of many, which and how many.",
)
@click.option(
    "--number", default="", metavar="DIGITS", help="Its pile number, or the first of many.  [default: the protocol's]"
)
@script_option
@live_options
@click.option(
    "--count", type=click.IntRange(min=1), metavar="N", help="So many piles, judged together with their platform."
)
@click.option(
    "--traffic",
    type=FILE,
    metavar="FILE",
    help="Who comes to many piles: a season's file, or one without sites and start.",
)
@click.option(
    "--rig",
    type=FILE,
    metavar="FILE",
    help="How the platform of many is told to authorise, start and stop: a rig file with platform:.",
)
@click.option(
    "--ramp", "ramp_ns", default="0s", callback=duration, metavar="DURATION", help="Switch many on over so long."
)
@click.option(
    "--storm",
    "storms",
    multiple=True,
    metavar="'at=DURATION for=DURATION'",
    help="All lines are lost for so long; then all piles dial at once.",
)
@click.option(
    "--for", "for_ns", callback=duration, metavar="DURATION", help="End many after so long.  [default: Ctrl-C]"
)
@click.option("--captures", type=FOLDER, help="Keep a recording of each of many here.")
@click.option(
    "--record", type=click.Choice(["all", "failing"]), default="all", show_default=True, help="Which of them to keep."
)
@click.option("--strict", is_flag=True, help="SHOULD rules decide the verdict of many too.")
@click.option(
    "--metrics", type=click.IntRange(0, 65535), metavar="PORT", help="Serve the figures of many for Prometheus."
)
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Play many in so many processes.",
)
@scheduler_option
@click.option("--json", "json_file", type=FILE, help="Write the result of many here.")
@report_options
def command(
    url: str,
    firmware: str,
    number: str,
    count: int | None,
    traffic: Path | None,
    **others: Any,
) -> int:
    """Put a simulated pile on a real line: tcp://HOST:PORT, serial://DEVICE?baud=N, pty: ...

    It plays until Ctrl-C, or until the script is over. With --count or --traffic many piles dial a platform at
    tcp://HOST:PORT, people come to them, and the platform is judged by what each pile has seen of it.

    \b
    pilesim pile tcp://127.0.0.1:9000 --firmware 'reference?fault=unplug-lag' --capture pile.jsonl
    pilesim pile tcp://127.0.0.1:9000 --count 2000 --ramp 30s --for 10m --json day.json
    """
    context = click.get_current_context()
    many = count is not None or traffic is not None
    said = [name for name in others if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    for name in _OF_ONE if many else _OF_MANY:
        if name in said:
            option = next(parameter.opts[0] for parameter in context.command.params if parameter.name == name)
            raise UsageError(
                f"{option}: expected {'no --count and no --traffic' if many else '--count or --traffic'} with it"
            )
    if many:
        from pilesim.cli.site import SiteAsked, play_many  # noqa: PLC0415 (heavy, and one pile needs none of it)
        from pilesim.site.play import parse_storm  # noqa: PLC0415 (as above)

        said_firmware = context.get_parameter_source("firmware") is not ParameterSource.DEFAULT
        storms = tuple(map(parse_storm, others.pop("storms")))
        for name in _OF_ONE:
            others.pop(name)
        return play_many(
            SiteAsked(
                url=url,
                count=count,
                firmware=firmware if said_firmware else "",
                number=number,
                traffic=traffic,
                storms=storms,
                **others,
            )
        )
    target = parse_target(f"sim:{firmware}")
    if not isinstance(target, SimTarget):
        raise UsageError(f"expected a firmware profile, found {firmware!r}")
    for name in _OF_MANY:
        others.pop(name)
    return play(pile=profile_of(target), platform=url, number=number, **others)
