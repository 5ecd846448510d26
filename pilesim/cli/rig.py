"""`pilesim rig check`: is this bench fit for a day of scenarios, and if not, why."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilesim.cli.console import console
from pilesim.cli.files import FILE
from pilesim.cli.options import clock_rate_option, duration
from pilesim.conformance.runner import simulated_number
from pilesim.files import text_in
from pilesim.report.text import printable
from pilesim.rig.bench import Bench
from pilesim.rig.check import facts, missing_commands, suspicions
from pilesim.rig.listening import Heard, listen
from pilesim.rig.rigfile import RigFile, load_rig
from pilesim.units import format_duration
from pilesim.wire.protocol import protocol_named

SUSPICIOUS = 1
NOBODY = 3


@click.group()
def command() -> None:
    """The bench of a rig file."""


@command.command(short_help="Listen to the pile, and say what seems to be wrong.")
@click.argument("file", type=FILE)
@click.option(
    "--for",
    "for_ns",
    default="70s",
    show_default=True,
    metavar="DURATION",
    callback=duration,
    help="Listen for so long; two heartbeats of an idle pile are a minute apart at most.",
)
@clock_rate_option
def check(file: Path, for_ns: int, clock_rate: float) -> int:
    """Listen to the pile of a rig FILE, do nothing at it, and say what is heard and what seems to be wrong.

    The reference platform answers meanwhile, so that the pile is content. Exit code 0: all is well; 1: something is
    suspicious; 3: the port cannot be had, or nobody connected.

    \b
    pilesim rig check bench.yaml --for 2m
    """
    rig_file = load_rig(text_in(file, "a rig file"), str(file))
    out = console()
    missing = missing_commands(rig_file)
    protocol = protocol_named(rig_file.protocol)
    heard = listen(
        rig_file.target,
        protocol,
        number=rig_file.rig.number or simulated_number(protocol),
        for_ns=for_ns,
        clock_rate=clock_rate,
        opened=lambda bench: _print_beginning(out, rig_file, bench, for_ns),
    )
    suspicious = [*missing, *suspicions(heard, rig_file)]
    print_check(out, heard, rig_file, suspicious)
    if not heard.connections:
        return NOBODY
    return SUSPICIOUS if suspicious else 0


def _print_beginning(out: Console, rig_file: RigFile, bench: Bench, for_ns: int) -> None:
    url, took = rig_file.target.url, bench.pile_end
    name = url if took == url or bench.pile is not None else f"{url} is {took}"
    out.print(f"{escape(name)}: listening for {format_duration(for_ns)}", soft_wrap=True)


def print_check(out: Console, heard: Heard, rig_file: RigFile, suspicious: list[str]) -> None:
    """What was heard beside what the rig file says, and below it what seems to be wrong."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "heard", "expected"):
        table.add_column(heading, overflow="fold")
    for fact in facts(heard, rig_file):
        table.add_row(*(escape(printable(text)) for text in (fact.name, fact.heard, fact.said)))
    out.print(table)
    for sentence in suspicious:
        out.print(f"[yellow]suspicious:[/] {escape(printable(sentence))}")
    if not suspicious:
        out.print("[green]all is well[/]")
