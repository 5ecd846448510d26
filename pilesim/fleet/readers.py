"""Who reads the logs of a folder: this machine's processes, which have it, or a cluster's workers, to whom it is sent.

Owns the sending: a share takes the files that it names along, they lie in a folder of the worker's own while they are
read, and what comes of it names them as they are here. Must not know what is read in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar, cast, overload

from pilesim.fleet.logs import Log
from pilesim.spread import Crew
from pilesim.trace.mask import masked_words
from pilesim.wire.dialects import travelling

T = TypeVar("T")
R = TypeVar("R")

Work = Callable[[Path, T], R]
"""What is done with a share of the folder that comes first."""


def masked_folder(folder: Path, mask: bytes | None) -> Path:
    """`folder` as its logs are told, whose numbers are masked."""
    return folder if mask is None else Path(masked_words(str(folder), mask))


class Readers:
    """Those who have the folder."""

    def __init__(self, crew: Crew, folder: Path) -> None:
        self._crew = crew
        self._folder = folder

    def done(self, work: Work[T, R], shares: Sequence[T], called: Callable[[T], str]) -> Iterator[tuple[int, R]]:
        """As `Crew.done`."""
        return self._crew.done(partial(work, self._folder), shares, called)


class Senders(Readers):
    """Those to whom it is sent. `protocol` is the one that was asked for, which they may not know; "" for none."""

    def __init__(self, crew: Crew, folder: Path, protocol: str) -> None:
        super().__init__(crew, folder)
        self._protocol = protocol

    def done(self, work: Work[T, R], shares: Sequence[T], called: Callable[[T], str]) -> Iterator[tuple[int, R]]:
        there: Callable[[_Parcel[T]], R] = partial(_done_there, work)
        if self._protocol:
            there = travelling(there, self._protocol)
        return self._crew.done(there, _Parcels(self._folder, shares), lambda parcel: called(parcel.share))


@dataclass(frozen=True, slots=True)
class _Parcel(Generic[T]):
    """A share with the files that it names, by their places in the folder."""

    folder: Path
    share: T
    files: dict[Path, bytes]


class _Parcels(Sequence[_Parcel[T]]):
    """Files are read as their share is given out, so that no more of them are in memory than are under way."""

    def __init__(self, folder: Path, shares: Sequence[T]) -> None:
        self._folder = folder
        self._shares = shares

    def __len__(self) -> int:
        return len(self._shares)

    @overload
    def __getitem__(self, at: int) -> _Parcel[T]: ...
    @overload
    def __getitem__(self, at: slice) -> _Parcels[T]: ...
    def __getitem__(self, at: int | slice) -> _Parcel[T] | _Parcels[T]:
        if isinstance(at, slice):
            return _Parcels(self._folder, self._shares[at])
        files: dict[Path, bytes] = {}
        for path in _named(self._shares[at]):
            # One that is gone is told of by whoever looks for it.
            with suppress(OSError):
                files[path.relative_to(self._folder)] = path.read_bytes()
        return _Parcel(self._folder, self._shares[at], files)


def _done_there(work: Work[T, R], parcel: _Parcel[T]) -> R:
    with TemporaryDirectory(prefix="pilesim-") as name:
        there = Path(name)
        for place, content in parcel.files.items():
            (there / place).parent.mkdir(parents=True, exist_ok=True)
            (there / place).write_bytes(content)
        return _moved(work(there, _moved(parcel.share, parcel.folder, there)), there, parcel.folder)


def _named(share: object) -> set[Path]:
    """The files that a share names."""
    if isinstance(share, Path):
        return {share}
    if isinstance(share, Log):
        return {share.path}
    return set().union(*map(_named, share)) if isinstance(share, (list, tuple)) else set()


def _moved(thing: T, old: Path, new: Path) -> T:
    """`thing` with all that lies in `old` lying in `new`."""
    moved: object = thing
    if isinstance(thing, Path):
        moved = new / thing.relative_to(old)
    elif isinstance(thing, str):
        moved = thing.replace(str(old), str(new))
    elif isinstance(thing, Log):
        was, now = (masked_folder(folder, thing.wishes.mask) for folder in (old, new))
        moved = replace(thing, path=_moved(thing.path, old, new), called=now / thing.called.relative_to(was))
    elif isinstance(thing, (list, tuple)):
        moved = type(thing)(_moved(each, old, new) for each in thing)
    return cast(T, moved)
