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


def writable(*paths: Path | None) -> None:
    """A file that cannot be written is told before the run, not after it; one that is not there is not there then."""
    for path in paths:
        if path is not None:
            _touch(path)


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
