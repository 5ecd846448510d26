"""How far logs have been read: a bar on a terminal, on standard error, and nothing where there is none.

Owns what the bar shows. Must not know what is read, nor why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn


def bytes_bar() -> Progress:
    """A bar that counts bytes, gone when they are read."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


@contextmanager
def reading(path: Path) -> Iterator[Callable[[int], None]]:
    """Is to be told how many bytes of the file at `path` have been read, while it is."""
    with bytes_bar() as progress:
        task = progress.add_task(path.name, total=path.stat().st_size if path.is_file() else None)
        yield lambda size: progress.update(task, completed=size)
