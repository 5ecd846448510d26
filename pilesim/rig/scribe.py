"""The scribe: writes what is recorded to the file, on a thread of its own.

Owns the capture's file, and the waiting of events between the line and it. A file may stand still (a full disk's
cache, a share on a network); bytes between a pile and its platform must not. Must not know what an event means, nor
who shows it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

from pilesim.errors import RigError, UsageError
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import AnyEvent, Header
from pilesim.trace.recorder import TextSink

LAG_S = 0.02
"""What a recording that is killed may lose. Being woken for each event would cost the line more than looking."""


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


class Scribe:
    """A context in which `see` returns at once, and each event is in the file `LAG_S` later, in order.

    The header is there from the beginning. Leaving it waits until all that was seen is written; what writing raised
    is raised then, unless an exception is under way already.
    """

    def __init__(self, header: Header, sink: TextSink) -> None:
        self.failed: BaseException | None = None
        """What writing raised: nothing more is written then, and there is no sense in going on."""
        self._sink = sink
        self._waiting: deque[AnyEvent] = deque()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scribe", daemon=True)
        self._sink.write(encode_header(header) + "\n")
        self._sink.flush()

    def __enter__(self) -> Scribe:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._thread.join()
        if self.failed is not None and error is None:
            raise self.failed

    def see(self, event: AnyEvent) -> None:
        """An observer of the recorder: never waits, never raises. The recorder holds what waits here anyway."""
        self._waiting.append(event)

    def _run(self) -> None:
        try:
            leaving = False
            while not leaving:
                leaving = self._leaving.wait(LAG_S)
                if self._waiting:
                    lines = [encode_event(self._waiting.popleft()) + "\n" for _ in range(len(self._waiting))]
                    self._sink.write("".join(lines))
                    self._sink.flush()
        # Whatever it is, it ends the recording, which whoever plays has to be told of.
        except BaseException as error:
            self.failed = error
