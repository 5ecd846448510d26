"""How far logs have been read: a bar on a terminal, on standard error, and nothing where there is none.

Owns what the bar shows. Must not know what is read, nor why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from pilesim.cli.console import console
from pilesim.trace.importers.imported import Wishes


def bytes_bar() -> Progress:
    """A bar that counts bytes, gone when they are read."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console(sys.stderr),
        disable=not sys.stderr.isatty(),
        transient=True,
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
