"""How far logs have been read: a bar on a terminal, on standard error, and nothing where there is none.

Owns what the bar shows. Must not know what is read, nor why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

from pilesim.cli.console import console
from pilesim.trace.importers.imported import Wishes

_WIDE = 76
"""So many columns have room for the bar, and how much has been read of how much."""
_NAME_WIDTH = 22


def bytes_bar() -> Progress:
    """A bar that counts bytes, with their part in percent, their rate and the time left, gone when they are read."""
    shown = console(sys.stderr)
    name = Column(no_wrap=True, overflow="ellipsis", max_width=min(_NAME_WIDTH, shown.width // 3))
    beside: list[ProgressColumn] = [BarColumn(bar_width=None), DownloadColumn()] if shown.width >= _WIDE else []
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=name),
        TaskProgressColumn(),
        *beside,
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=shown,
        disable=not sys.stderr.isatty(),
        transient=True,
        expand=bool(beside),
    )


@contextmanager
def reading(path: Path, wishes: Wishes) -> Iterator[Callable[[int], None]]:
    """Is to be told how many bytes of the file at `path`, and of the one beside it, have been read, while they are."""
    files = [each for each in (path, wishes.other) if each is not None]
    with bytes_bar() as progress:
        whole = all(each.is_file() for each in files)
        total = sum(each.stat().st_size for each in files) if whole else None
        task = progress.add_task(" and ".join(each.name for each in files), total=total)
        yield lambda size: progress.update(task, completed=size)
