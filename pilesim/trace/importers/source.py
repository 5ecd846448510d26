"""A log's file: its beginning, its bytes and its lines, with bounds that no file gets past.

Owns reading, also of what gzip has packed, and the words that name a bound. Must not know what a log holds.
"""

from __future__ import annotations

import codecs
import gzip
import io
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from pilesim.errors import FileError, UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

HEAD_BYTES = 64 * 1024
"""As much of a file shows what it is."""
LINE_BYTES = 4 * 1024 * 1024
"""The longest line of text that is read."""
UNPACKED_BYTES = 8 * 1024**3
"""As much is read out of a packed file: a small one may say that it holds petabytes."""

WIDE_SHOWN = 64
"""So many bytes show that each other one is zero."""

READ_BYTES = 64 * 1024
"""As much is read at a time."""

_GZIP = b"\x1f\x8b"
_LINE_FEED = ord("\n")

Told = Callable[[int], None]
"""Is told how many bytes of a file have been read."""


class Source:
    """One file, opened anew by each reading. UsageError where it cannot be read."""

    def __init__(self, path: Path, wait: Callable[[], bool] | None = None, told: Told | None = None) -> None:
        """`wait` makes it a file that grows: it is called where the file ends for now, and says whether to go on.

        `told` is told, now and then, how many of the file's bytes have been read.
        """
        self.path = path
        self.wait = wait
        self._told = told
        self.name = path.name
        self._encoding = ""
        with self.open(packed=True) as stream:
            self.packed = stream.read(2) == _GZIP
        name = path.with_suffix("") if self.packed and path.suffix.lower() == ".gz" else path
        self.suffix = name.suffix.lower()
        """Of what is in it, where it is packed."""
        with self.open() as stream:
            self.head = stream.read(HEAD_BYTES)
        self._encoding = _wide(self.head)
        if self._encoding:
            with self.open() as stream:
                self.head = stream.read(HEAD_BYTES)

    def open(self, packed: bool = False) -> Bounded:
        """The bytes, unpacked unless told otherwise."""
        try:
            raw = cast("IO[bytes]", io.BufferedReader(_Watched(self.path, self._told), READ_BYTES))
        except OSError as error:
            raise UsageError(f"{self.path}: expected a log: {error.strerror}") from None
        if packed or not self.packed:
            narrow = self._narrowed(raw)
            grows = narrow if self.wait is None else cast("IO[bytes]", _Growing(narrow, self.wait))
            return Bounded(grows, str(self.path), None)
        unpacked = self._narrowed(cast("IO[bytes]", gzip.GzipFile(fileobj=raw)))
        return Bounded(unpacked, str(self.path), UNPACKED_BYTES)

    def _narrowed(self, stream: IO[bytes]) -> IO[bytes]:
        return cast("IO[bytes]", _Narrowed(stream, self._encoding)) if self._encoding else stream

    def error(self, line: int | None, problem: str) -> FileError:
        return FileError(str(self.path), line, problem)


def written_on(path: Path, zone: tzinfo) -> date | None:
    """The day on which a file was last changed; None where nobody knows."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, zone).date()
    except (OSError, ValueError, OverflowError):
        return None


def _wide(head: bytes) -> str:
    """The encoding of a text that has two bytes a character, as some tools on Windows write it; "" of any other."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    begins = head[:WIDE_SHOWN]
    for encoding, letters, zeros in (("utf-16-le", 0, 1), ("utf-16-be", 1, 0)):
        text = begins[letters::2]
        if text and not any(begins[zeros::2]) and all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in text):
            return encoding
    return ""


class _Watched(io.FileIO):
    """A file that tells how far it has been read."""

    def __init__(self, path: Path, told: Told | None) -> None:
        kind = path.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            # It would be waited for without end, or read so: the first reading takes all that there is.
            found = "a pipe" if stat.S_ISFIFO(kind) else "a device"
            raise UsageError(f"{path}: expected a log in a file, which can be read again; found {found}")
        super().__init__(path)
        self._told = told
        self._size = 0

    def readinto(self, buffer: Buffer) -> int:
        size = super().readinto(buffer)
        self._size += size
        if self._told is not None:
            self._told(self._size)
        return size


class _Narrowed:
    """Text of two bytes a character, read as UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="\n")

    def read(self, size: int) -> bytes:
        return self._text.read(size).encode()

    def readline(self, size: int) -> bytes:
        return self._text.readline(size).encode()

    def close(self) -> None:
        self._text.close()


class _Growing:
    """An open file that is still written to: a line is given out when it is whole."""

    def __init__(self, stream: IO[bytes], wait: Callable[[], bool]) -> None:
        self._stream = stream
        self._wait = wait

    def read(self, size: int) -> bytes:
        return self._stream.read(size)

    def readline(self, size: int) -> bytes:
        line = self._stream.readline(size)
        while not line.endswith(b"\n") and len(line) < size:
            if not self._wait():
                break
            line += self._stream.readline(size - len(line))
        return line

    def close(self) -> None:
        self._stream.close()


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
        with self._readable():
            data = self._stream.read(size)
        self._take(len(data))
        return data

    def lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """Each line's number, its bytes with its end, and whether it was too long and this is its beginning."""
        number = 0
        begun = False
        with self._readable():
            for line in iter(partial(self._stream.readline, LINE_BYTES), b""):
                if self._limit is not None:
                    self._take(len(line))
                goes_on = len(line) == LINE_BYTES and line[-1] != _LINE_FEED
                if not begun:
                    number += 1
                    yield number, line, goes_on
                begun = goes_on

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(self._name, None, f"expected a file that can be read to its end: {error}") from None

    def _take(self, size: int) -> None:
        self._taken += size
        if self._limit is not None and self._taken > self._limit:
            raise FileError(
                self._name, None, f"expected at most {self._limit} bytes in a packed file, found more: unpack it first"
            )
