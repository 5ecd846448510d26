"""The scribe: writes what is recorded to the file, on a thread of its own.

Owns the capture's file, and the waiting of events between the line and it. A file may stand still (a full disk's
cache, a share on a network); bytes between a pile and its platform must not. Must not know what an event means, nor
who shows it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from pilesim.errors import RigError, UsageError
from pilesim.rig.aside import Aside, all_of
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import AnyEvent, Header
from pilesim.trace.recorder import TextSink

LAG_S = 0.02
"""What a recording that is killed may lose."""
QUIET_S = 0.002
"""A frame is followed by its reply: it writes once nothing has come for so long, while the lag allows it."""


class CaptureFile:
    """An open capture. A disk that is full in the middle is the bench's failure, told with the file's name."""

    def __init__(self, path: Path, stream: TextIO) -> None:
        self._path = path
        self._stream = stream

    def write(self, text: str, /) -> None:
        with self._told():
            self._stream.write(text)

    def flush(self) -> None:
        with self._told():
            self._stream.flush()

    def close(self) -> None:
        with self._told():
            self._stream.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RigError(f"{self._path}: the recording ends here, it cannot be written: {error.strerror}") from None


@contextmanager
def capture_file(path: Path) -> Iterator[CaptureFile]:
    """The capture at `path`, to be written anew. UsageError where it cannot be made, RigError where it ends early."""
    try:
        stream = path.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"{path}: expected a capture that can be written: {error.strerror}") from None
    file = CaptureFile(path, stream)
    try:
        yield file
    except BaseException:
        # What ended the run is told; that the rest of a full disk's file is lost too says nothing new.
        with suppress(RigError):
            file.close()
        raise
    file.close()


class Scribe(Aside[AnyEvent]):
    """A context in which each event that is `put` is in the file `LAG_S` later, in order.

    The header is there from the beginning. Once it has `failed` there is no sense in going on. As an observer of the
    recorder it costs no memory: the recorder holds what waits here anyway.
    """

    def __init__(self, header: Header, sink: TextSink) -> None:
        super().__init__("scribe", LAG_S / 2, self._write)
        self._sink = sink
        self._last_s = 0.0
        """When the latest event was put, by the computer's clock."""
        self._sink.write(encode_header(header) + "\n")
        self._sink.flush()

    def put(self, item: AnyEvent) -> None:
        self._last_s = time.monotonic()
        super().put(item)

    def _write(self, waiting: deque[AnyEvent], leaving: bool) -> None:
        until_s = time.monotonic() + LAG_S / 2
        while waiting and not leaving and time.monotonic() < min(self._last_s + QUIET_S, until_s):
            leaving = self._leaving.wait(QUIET_S)
        if waiting:
            self._sink.write("".join(encode_event(event) + "\n" for event in all_of(waiting)))
            self._sink.flush()
