"""`pilesim import`: any log of bytes as one of pilesim's own captures."""

# ruff: noqa: N999 (the command is called `import`, and its module after it)

from __future__ import annotations

import io
from pathlib import Path

import click

from pilesim.cli.logs import dated, log_options, print_import
from pilesim.cli.options import console
from pilesim.cli.report import writable, write_whole
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log


@click.command()
@click.argument("log", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    "capture",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the capture here.",
)
@log_options
def command(log: Path, capture: Path, wishes: Wishes) -> None:
    """Write a log (packets, hex lines, a serial sniffer's) as a capture, which every other command takes.

    The capture's header keeps what it came from, where that was recorded, and what it does not hold; each piece of it
    keeps its line.
    """
    imported = load_log(log, dated(log, wishes))
    writable(capture)
    text = io.StringIO()
    text.write(encode_header(imported.trace.header) + "\n")
    for event in imported.trace.events:
        text.write(encode_event(event) + "\n")
    write_whole(capture, text.getvalue().encode())
    print_import(console(), str(log), imported)
