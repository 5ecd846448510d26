"""A folder of logs to its result, in as many processes as are wanted.

Owns the two rounds: each file is surveyed, then each pile's logs are read together. Must not know how any log is
read, nor what is counted. Nothing of a log is kept but its orders, so that its length does not matter.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

from pilesim import __version__
from pilesim.errors import PilesimError, RigError, UsageError
from pilesim.fleet.books import pile_row
from pilesim.fleet.logs import Log, survey
from pilesim.fleet.result import FleetResult, PileRow, Unreadable, fleet_of
from pilesim.trace.importers.imported import Wishes

FEW_BYTES = 8 * 1024 * 1024
"""Less is read sooner than a second process starts."""

Advance = Callable[[int], None]
"""Is told how many bytes more are done."""


def files_in(folder: Path) -> list[Path]:
    """Every file below `folder`, hidden ones left out, in the order of their names."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if not any(p.startswith(".") for p in path.relative_to(folder).parts))


def judge_folder(
    folder: Path,
    wishes: Callable[[Path], Wishes],
    *,
    jobs: int = 1,
    advance: Advance = lambda size: None,
) -> FleetResult:
    """The result of all logs below `folder`. `wishes` says what is known of a file.

    UsageError where there is no file, RigError when one of `jobs` processes is ended from outside.
    """
    files = files_in(folder)
    if not files:
        raise UsageError(f"{folder}: expected a folder with logs, found no file in it")
    sizes = {path: path.stat().st_size for path in files}
    few = sum(sizes.values()) < FEW_BYTES
    unreadable: list[Unreadable] = []
    logs: dict[str, list[Log]] = {}
    found: dict[Path, list[Log] | str] = {}
    for path, surveyed in _done(_survey, [(path, wishes(path)) for path in files], 1 if few else jobs):
        found[path] = surveyed
        advance(sizes[path])
    for path in files:
        surveyed = found[path]
        if isinstance(surveyed, str):
            unreadable.append(Unreadable(file=str(path.relative_to(folder)), reason=surveyed))
        else:
            for log in surveyed:
                logs.setdefault(log.pile, []).append(log)
    rows: dict[str, PileRow] = {}
    tasks = [(pile, (mine, folder)) for pile, mine in logs.items()]
    for pile, row in _done(_row, tasks, 1 if few else jobs):
        if isinstance(row, str):
            unreadable += [Unreadable(file=str(log.path.relative_to(folder)), reason=row) for log in logs[pile]]
        else:
            rows[pile] = row
        advance(sum(sizes[log.path] // len(found[log.path]) for log in logs[pile]))
    return fleet_of(__version__, str(folder), [rows[pile] for pile in sorted(rows)], unreadable)


KeyT = TypeVar("KeyT")
TaskT = TypeVar("TaskT")
DoneT = TypeVar("DoneT")


def _done(
    work: Callable[[KeyT, TaskT], DoneT], tasks: Iterable[tuple[KeyT, TaskT]], jobs: int
) -> Iterator[tuple[KeyT, DoneT]]:
    """Each task's key and what has become of it, as they are done."""
    if jobs == 1:
        for key, task in tasks:
            yield key, work(key, task)
        return
    # Fresh processes, since a forked one would share this one's terminal and threads.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(work, key, task): key for key, task in tasks}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                raise RigError("a process that read logs was ended from outside; --jobs 1 needs none") from None


def _survey(path: Path, wishes: Wishes) -> list[Log] | str:
    """The logs in a file, or the sentence that says why it is none."""
    try:
        return survey(path, wishes)
    except PilesimError as error:
        return _short(error, path)


def _row(pile: str, task: tuple[list[Log], Path]) -> PileRow | str:
    logs, folder = task
    try:
        return pile_row(logs, folder)
    except PilesimError as error:
        return _short(error, logs[0].path)


def _short(error: PilesimError, path: Path) -> str:
    """The sentence without the file, which stands beside it."""
    return str(error).removeprefix(f"{path}: ")
