"""`pilesim convert`: any log as a capture, as packets or as lines of hex."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pilesim.cli.logs import dated, log_options, print_import
from pilesim.cli.options import console
from pilesim.cli.report import writable, write_whole
from pilesim.errors import UsageError
from pilesim.report.text import printable
from pilesim.trace.events import Chunk
from pilesim.trace.exporters.write import EXPORTERS, Export, export, exporter_of
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.trace.mask import Masked, masked
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
@click.option("--mask", is_flag=True, help="Replace the numbers of orders, accounts, cards, cars and piles by others.")
@click.option("--mask-key", metavar="TEXT", help="With --mask: the same text gives the same masks in another run.")
@log_options
def command(
    log: Path, written: Path, to: str | None, end: str | None, mask: bool, mask_key: str | None, wishes: Wishes
) -> None:
    """Write a log in another form: a capture (.jsonl), packets for Wireshark (.pcapng) or lines of hex (.hex, .log).

    Packets and hex hold what passed, when, which way, and when the line came up and went down; the addresses of packets
    are made up. What they have no place for is said.
    """
    exporter = exporter_of(written, to or "")
    imported = load_log(log, dated(log, wishes))
    if mask_key is not None and not mask:
        raise UsageError("--mask-key: expected --mask with it")
    # Without a key nobody has it, and it is gone with this run.
    hidden = masked(imported.trace, mask_key.encode() if mask_key is not None else os.urandom(32)) if mask else None
    out = export(hidden.trace if hidden else imported.trace, exporter, End(end) if end else None)
    writable(written)
    write_whole(written, out.content)
    print_import(console(), str(log), imported)
    _print_export(written, out, both=len(imported.trace.header.ends) > 1)
    if hidden is not None:
        _print_masked(hidden)


def _print_export(written: Path, out: Export, both: bool) -> None:
    """What was written, and what of the log was not."""

    def tell(text: str) -> None:
        console().print(printable(text), soft_wrap=True, markup=False)

    chunks = sum(isinstance(event, Chunk) for event in out.trace.events)
    ends = out.trace.header.ends
    where = f", as it passed the {ends[0].value}" if both and len(ends) == 1 else ""
    tell(f"{written}: {out.exporter.title}, {chunks} pieces{where}")
    if out.left_out:
        tell(f"  left out: {', '.join(f'{what} ({count})' for what, count in out.left_out.items())}")


def _print_masked(hidden: Masked) -> None:
    """What was masked, and what nobody can say of."""

    def tell(text: str) -> None:
        console().print(text, soft_wrap=True, markup=False)

    tell(f"  masked: {hidden.numbers} numbers; what was said above is of the log as it was")
    if hidden.unread:
        tell(f"  {hidden.unread} bytes are no frame: masked there is what is known from frames, and what is long")
    if hidden.encrypted:
        tell(f"  {hidden.encrypted} frames are encrypted, and stay as they are")
