"""A folder of logs to its result, in as many processes as are wanted, or by the workers of a cluster.

Owns the rounds: each file is surveyed, logs of a pile that has several are read for how far they go, then each pile's
logs are read together. Must not know how any log is read, nor what is counted. Nothing of a log is kept but its orders,
so that its length does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pilesim import __version__
from pilesim.errors import PilesimError, UsageError
from pilesim.fleet.books import pile_row
from pilesim.fleet.logs import Log, read_through, survey
from pilesim.fleet.readers import Readers, Senders, masked_folder
from pilesim.fleet.result import FleetResult, PileRow, Unreadable, fleet_of
from pilesim.names import text_of
from pilesim.spread import hired
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.mask import masked_words

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
    scheduler: str = "",
    advance: Advance = lambda size: None,
) -> FleetResult:
    """The result of all logs below `folder`. `wishes` says what is known of a file. `jobs` processes read them, or the
    workers of the cluster at `scheduler`, to whom they are sent.

    UsageError where there is no file, RigError names a log or a pile that ends the process reading it.
    """
    files = files_in(folder)
    if not files:
        raise UsageError(f"{folder}: expected a folder with logs, found no file in it")
    sizes = {path: path.stat().st_size for path in files}
    with hired(1 if sum(sizes.values()) < FEW_BYTES else jobs, scheduler, large=True) as crew:
        readers = Senders(crew, folder, wishes(folder).protocol) if scheduler else Readers(crew, folder)
        return _judged(folder, files, sizes, wishes, readers, advance)


def _judged(
    folder: Path,
    files: list[Path],
    sizes: Mapping[Path, int],
    wishes: Callable[[Path], Wishes],
    readers: Readers,
    advance: Advance,
) -> FleetResult:
    unreadable: list[Unreadable] = []
    logs: dict[str, list[Log]] = {}
    found: dict[Path, list[Log] | str] = {}
    surveys = readers.done(_survey, [(path, wishes(path)) for path in files], lambda share: str(share[0]))
    for number, surveyed in surveys:
        found[files[number]] = surveyed
    share: dict[Path, int] = {}
    for path in files:
        surveyed = found[path]
        if isinstance(surveyed, str):
            unreadable.append(_unreadable(folder, path, surveyed, wishes(path)))
            advance(sizes[path])
        else:
            # Of a file with several piles each of them has its part.
            share[path] = sizes[path] // len(surveyed)
            for log in surveyed:
                logs.setdefault(log.pile, []).append(log)
    # Logs that may overlap are read twice.
    several = [log for of_pile in logs.values() if len(of_pile) > 1 for log in of_pile]
    logs = {pile: of_pile for pile, of_pile in logs.items() if len(of_pile) == 1}
    left = {(log.path, log.pile): share[log.path] // 2 for log in several}
    read: dict[int, Log] = {}
    for number, done in readers.done(_through, several, lambda log: str(log.path)):
        log = several[number]
        if isinstance(done, str):
            unreadable.append(_unreadable(folder, log.path, done, log.wishes))
        else:
            read[number] = done
        advance(share[log.path] - left[log.path, log.pile])
    for number in sorted(read):
        logs.setdefault(read[number].pile, []).append(read[number])
    rows: dict[str, PileRow] = {}
    piles = list(logs)
    for number, row in readers.done(_row, list(logs.values()), lambda of_pile: of_pile[0].pile):
        pile = piles[number]
        if isinstance(row, str):
            unreadable += [_unreadable(folder, log.path, row, log.wishes) for log in logs[pile]]
        else:
            rows[pile] = row
        advance(sum(left.get((log.path, pile), share[log.path]) for log in logs[pile]))
    called = masked_folder(folder, wishes(folder).mask)
    return fleet_of(__version__, str(called), [rows[pile] for pile in sorted(rows)], unreadable)


def _unreadable(folder: Path, path: Path, reason: str, wishes: Wishes) -> Unreadable:
    """A file that is no log. Nothing of it is known, so that of its name and its words each number may be one."""
    file = text_of(str(path.relative_to(folder)))
    if wishes.mask is not None:
        file, reason = masked_words(file, wishes.mask), masked_words(reason, wishes.mask)
    return Unreadable(file=file, reason=reason)


def _survey(folder: Path, share: tuple[Path, Wishes]) -> list[Log] | str:
    """The logs in a file, or the sentence that says why it is none."""
    path, wishes = share
    if text_of(str(path)) != str(path):
        return "expected a name in UTF-8, to be told by: give it another"
    try:
        return survey(path, wishes)
    except PilesimError as error:
        return _short(error, path)


def _through(folder: Path, log: Log) -> Log | str:
    try:
        return read_through(log)
    except PilesimError as error:
        return _short(error, log.path)


def _row(folder: Path, logs: list[Log]) -> PileRow | str:
    try:
        # Files are named as their logs are, with numbers masked where those are.
        return pile_row(logs, masked_folder(folder, logs[0].wishes.mask))
    except PilesimError as error:
        return _short(error, logs[0].path)


def _short(error: PilesimError, path: Path) -> str:
    """The sentence without the file, which stands beside it."""
    return str(error).removeprefix(f"{path}: ")
