"""`pilesim convert`: any log as a capture, as packets or as lines of hex."""

from __future__ import annotations

from pathlib import Path

import click

from pilesim.cli.bar import reading
from pilesim.cli.console import console, tell
from pilesim.cli.files import FILE, writable, write_whole
from pilesim.cli.logs import dated, log_options, print_import
from pilesim.cli.options import output_option
from pilesim.report.text import printable
from pilesim.trace.exporters.write import EXPORTERS, Export, export, exporter_of
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import StreamedLog
from pilesim.units import numbered
from pilesim.wire.frame import End


@click.command()
@click.argument("log", type=FILE)
@output_option("written", "Write it here.")
@click.option("--to", type=click.Choice([e.name for e in EXPORTERS]), help="The form; else by the suffix.")
@click.option(
    "--end",
    type=click.Choice([end.value for end in End]),
    help="Of a recording at both ends: as it passed this one; packets and hex are of one, else of the platform.",
)
@log_options
def command(log: Path, written: Path, to: str | None, end: str | None, wishes: Wishes) -> None:
    """Write a log in another form: a capture (.jsonl), packets for Wireshark (.pcapng) or lines of hex (.hex, .log).

    Packets and hex hold what passed, when, which way, and when the line came up and went down; the addresses of packets
    are made up. What they have no place for is said. OTHER is a log of the same pile from the other end of its line: a
    capture holds both.

    \b
    pilesim convert field.log -o field.pcapng
    """
    exporter = exporter_of(written, to or "")
    writable(written, read=(log, wishes.other))
    with reading(log, wishes) as told:
        recording = StreamedLog(log, dated(log, wishes), told)
        done = export(recording, exporter, End(end) if end else None)
        write_whole(written, done.written())
    print_import(console(), recording.imported())
    _print_export(written, done, both=len(recording.header.ends) > 1)


def _print_export(written: Path, done: Export, both: bool) -> None:
    """What was written, and what of the log was not."""
    out = console()
    counts = [
        *([numbered(done.pieces, "piece[|s]")] if done.pieces or not done.mentions else []),
        *([numbered(done.mentions, "message[|s] without [its|their] bytes")] if done.mentions else []),
    ]
    where = f", as it passed the {done.end.value}" if both and done.end is not None else ""
    tell(out, printable(f"{written}: {done.exporter.title}, {' and '.join(counts)}{where}"))
    if done.left_out:
        left_out = ", ".join(f"{what} ({count})" for what, count in done.left_out.items())
        tell(out, printable(f"  left out: {left_out}"))
