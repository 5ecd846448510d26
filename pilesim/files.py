"""A file that somebody named, whole: its bytes or its text, or a sentence that says why not.

Owns how much is read of one: it may be a device that never ends, or stand where something else was meant. Must not know
what files mean. What is read piece by piece, such as a log, has bounds of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from pilesim.errors import FileError, UsageError

TEXT_BYTES = 4 * 1024 * 1024
"""Of what a person writes."""
WHOLE_BYTES = 512 * 1024 * 1024
"""Of what a program writes."""
_PIECE_BYTES = 1024 * 1024


def text_in(path: Path, what: str) -> str:
    """The UTF-8 text in the file at `path`, which is to be `what` (`a tariff's file`)."""
    try:
        return bytes_in(path, what, TEXT_BYTES).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise FileError(str(path), None, f"expected UTF-8 text: {error.reason} at byte {error.start}") from None


def bytes_in(path: Path, what: str, most: int | None = None) -> bytes:
    """The bytes in the file at `path`, at most `most` or `WHOLE_BYTES`; UsageError where there are more, or none."""
    try:
        with path.open("rb") as stream:
            return _all_of(stream, str(path), most or WHOLE_BYTES)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: expected {what}: {getattr(error, 'strerror', None) or error}") from None


def bytes_given() -> bytes:
    """What stands on standard input, bounded in the same way."""
    return _all_of(sys.stdin.buffer, "standard input", WHOLE_BYTES)


def _all_of(stream: BinaryIO, name: str, most: int) -> bytes:
    found = bytearray()
    while piece := stream.read(_PIECE_BYTES):
        found += piece
        if len(found) > most:
            raise UsageError(f"{name}: expected at most {most} bytes, found more")
    return bytes(found)
