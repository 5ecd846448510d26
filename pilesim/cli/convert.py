"""`pilesim convert`: any log as a capture, as packets or as lines of hex."""

from __future__ import annotations

from pathlib import Path

import click

from pilesim.cli.bar import reading
from pilesim.cli.console import console
from pilesim.cli.logs import dated, log_options, print_import
from pilesim.cli.report import write_whole
from pilesim.report.text import printable
from pilesim.trace.exporters.write import EXPORTERS, Export, export, exporter_of
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import StreamedLog
from pilesim.wire.frame import End


@click.command()
@click.argument("log", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    "written",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it here.",
)
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
    """
    exporter = exporter_of(written, to or "")
    with reading(log, wishes) as told:
        recording = StreamedLog(log, dated(log, wishes), told)
        out = export(recording, exporter, End(end) if end else None)
        write_whole(written, out.written())
    print_import(console(), recording.imported())
    _print_export(written, out, both=len(recording.header.ends) > 1)


def _print_export(written: Path, out: Export, both: bool) -> None:
    """What was written, and what of the log was not."""

    def tell(text: str) -> None:
        console().print(printable(text), soft_wrap=True, markup=False)

    counts = [
        *([f"{out.pieces} pieces"] if out.pieces or not out.mentions else []),
        *([f"{out.mentions} messages without their bytes"] if out.mentions else []),
    ]
    where = f", as it passed the {out.end.value}" if both and out.end is not None else ""
    tell(f"{written}: {out.exporter.title}, {' and '.join(counts)}{where}")
    if out.left_out:
        tell(f"  left out: {', '.join(f'{what} ({count})' for what, count in out.left_out.items())}")
