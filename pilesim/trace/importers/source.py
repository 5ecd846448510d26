"""A log's file: its beginning, its bytes and its lines, with bounds that no file gets past.

Owns reading, also of what gzip has packed, and the words that name a bound. Must not know what a log holds.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from pilesim.errors import FileError, UsageError

HEAD_BYTES = 64 * 1024
"""As much of a file shows what it is."""
LINE_BYTES = 4 * 1024 * 1024
"""The longest line of text that is read."""
UNPACKED_BYTES = 8 * 1024**3
"""As much is read out of a packed file: a small one may say that it holds petabytes."""

_GZIP = b"\x1f\x8b"


class Source:
    """One file, opened anew by each reading. UsageError where it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        with self.open(packed=True) as stream:
            self.packed = stream.read(2) == _GZIP
        name = path.with_suffix("") if self.packed and path.suffix.lower() == ".gz" else path
        self.suffix = name.suffix.lower()
        """Of what is in it, where it is packed."""
        with self.open() as stream:
            self.head = stream.read(HEAD_BYTES)

    def open(self, packed: bool = False) -> Bounded:
        """The bytes, unpacked unless told otherwise."""
        try:
            raw = self.path.open("rb")
        except OSError as error:
            raise UsageError(f"{self.path}: expected a log: {error.strerror}") from None
        if packed or not self.packed:
            return Bounded(raw, str(self.path), None)
        return Bounded(cast("IO[bytes]", gzip.GzipFile(fileobj=raw)), str(self.path), UNPACKED_BYTES)

    def error(self, line: int | None, problem: str) -> FileError:
        return FileError(str(self.path), line, problem)


class Bounded:
    """An open file of which at most `limit` bytes are read, None for all. FileError says which bound was met."""

    def __init__(self, stream: IO[bytes], name: str, limit: int | None) -> None:
        self._stream = stream
        self._name = name
        self._limit = limit
        self._taken = 0

    def __enter__(self) -> Bounded:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        return self._taking(self._stream.read, size)

    def _taking(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(self._name, None, f"expected a file that can be read to its end: {error}") from None
        self._taken += len(data)
        if self._limit is not None and self._taken > self._limit:
            raise FileError(
                self._name, None, f"expected at most {self._limit} bytes in a packed file, found more: unpack it first"
            )
        return data

    def lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """Each line's number, its bytes with its end, and whether it was too long and this is its beginning."""
        number = 0
        while line := self._taking(self._stream.readline, LINE_BYTES):
            number += 1
            whole = line.endswith(b"\n") or len(line) < LINE_BYTES
            rest = line
            while not whole:
                rest = self._taking(self._stream.readline, LINE_BYTES)
                whole = rest.endswith(b"\n") or len(rest) < LINE_BYTES
            yield number, line, rest is not line
