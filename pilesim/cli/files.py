"""Files on the command line: how they are asked for, and how what comes out is written, whole or not at all.

Owns what is said where a file cannot be written. Must not know what is in any of them. Light, since most commands
import it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click
import msgspec

from pilesim.errors import PilesimError, UsageError

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
# As it stands in --help, where it would be called a directory.
FOLDER.name = "folder"


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a full disk says, or one of which no more may be used."""


class NoRoomError(UsageError):
    """A file cannot be written since its disk is full."""


def writable(*paths: Path | None, read: Iterable[Path | None] = ()) -> None:
    """A file that cannot be written is told before the run, not after it; one that is not there is not there then.

    Nor are two of them one file, or one of those that are `read`: a recording may be the only one.
    """
    asked = [path for path in paths if path is not None]
    for number, path in enumerate(asked):
        if any(_one_file(path, other) for other in read if other is not None):
            raise UsageError(f"{path}: expected another file than the one that is read")
        _touch(path)
        if any(_one_file(path, other) for other in asked[:number]):
            raise UsageError(f"{path}: expected a file for each of what is written, found one for two")


def _one_file(path: Path, other: Path) -> bool:
    """Not of a device, which takes all of it one after the other."""
    if path.is_file() and other.is_file():
        return path.samefile(other)
    return path == other and not path.exists()


def _touch(path: Path) -> None:
    if path == Path("-"):
        raise UsageError("-: expected the name of a file to be written: /dev/stdout is the output itself")
    try:
        new = not os.path.lexists(path)
        path.touch()
        if new:
            # A run that is broken off would leave it empty, and so a result that cannot be read.
            path.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> None:
    """All of it or, where this is broken off, what was there before. UsageError where it cannot be written."""
    pieces = [content] if isinstance(content, bytes) else content
    beside = path.with_name(path.name + ".part")
    try:
        if path.exists() and not path.is_file():
            _write(path, pieces)  # a pipe, or /dev/stdout
            return
        _write(beside, pieces)
        beside.replace(path)
    except (OSError, PilesimError) as error:
        # What was to be written has come to nothing.
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from None
        raise


def write_json(path: Path, value: object) -> None:
    """`value` as JSON for people and programs, whole."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)


def _unwritable(path: Path, error: OSError) -> UsageError:
    kind = NoRoomError if error.errno in NO_ROOM else UsageError
    return kind(f"{path}: expected a file that can be written: {error.strerror}")
