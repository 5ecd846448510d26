"""`pilesim judge FOLDER`: many logs, the field's own table, and the piles that drop off the line most."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from pilesim.cli.bar import bytes_bar
from pilesim.cli.console import console, visible
from pilesim.cli.files import writable, write_json, write_whole
from pilesim.cli.logs import dated
from pilesim.errors import UsageError
from pilesim.fleet.folder import files_in, judge_folder
from pilesim.fleet.result import FleetResult, csv_rows
from pilesim.report.fleet import print_fleet
from pilesim.trace.importers.imported import Wishes
from pilesim.units import numbered


def judge_all(
    folder: Path, wishes: Wishes, *, jobs: int | None, scheduler: str, json_file: Path | None, csv_file: Path | None
) -> int:
    """Read every log below `folder` and print the tables. The exit code: 0, since a count is no verdict.

    UsageError where there is no file, or none of them is a log.
    """
    writable(json_file, csv_file, read=files_in(folder))
    total = sum(path.stat().st_size for path in files_in(folder))
    with bytes_bar() as progress:
        task = progress.add_task("logs", total=total)
        result = judge_folder(
            folder,
            lambda path: dated(path, wishes),
            jobs=jobs or os.cpu_count() or 1,
            scheduler=scheduler,
            advance=lambda size: progress.advance(task, size),
        )
    print_fleet(console(lasting=bool(json_file or csv_file)), result)
    if json_file is not None:
        write_json(json_file, result)
    if csv_file is not None:
        write_whole(csv_file, _sheet(result))
    if not result.piles:
        raise UsageError(f"{folder}: expected logs, found none in {numbered(len(result.unreadable), 'file[|s]')}")
    return 0


def _sheet(result: FleetResult) -> bytes:
    """With a mark by which spreadsheets know UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(map(_cell, row) for row in csv_rows(result))
    return text.getvalue().encode("utf-8-sig")


def _cell(text: str) -> str:
    """What a pile says of itself, as a spreadsheet takes it for text: it would work out what begins like a formula."""
    shown = visible(text)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t")) else shown
