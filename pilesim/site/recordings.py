"""The recordings of many piles: a file each, written on one thread, none of them held open.

Owns the waiting of events between the loop and the files. Must not know what an event means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from pilesim.errors import RigError, UsageError
from pilesim.rig.aside import Aside, all_of
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import AnyEvent, Header

LAG_S = 0.5
"""What a run that is killed may lose of its recordings."""
WAITING_LIMIT_EVENTS = 1_000_000
"""Some 300 MB. A disk that is so far behind will not catch up: the run ends, rather than lose events in silence."""


class Recordings(Aside[tuple[Header, AnyEvent]]):
    """A context in which each event that is `put`, with the header of its pile's recording, is in its file later.

    `also` is told of each batch, in order, on the thread that writes.
    """

    def __init__(
        self, folder: Path, also: Callable[[list[tuple[Header, AnyEvent]]], None] = lambda batch: None
    ) -> None:
        """UsageError where `folder` cannot be had."""
        super().__init__("recordings", LAG_S, self._take)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: expected a folder that can be written: {error.strerror}") from None
        self.folder = folder
        self.written: dict[str, None] = {}
        """The numbers of the piles that have a recording, as they began; complete once the context is left."""
        self._also = also

    def see(self, header: Header, event: AnyEvent) -> None:
        """Take down an event of the pile that `header` begins the recording of."""
        self.put((header, event))

    def check(self) -> None:
        """Raises what writing has failed of; RigError where it falls behind."""
        if self.failed is not None:
            raise self.failed
        if len(self.waiting) > WAITING_LIMIT_EVENTS:
            raise RigError(f"{self.folder}: the disk is too slow: {WAITING_LIMIT_EVENTS} events wait to be written")

    def _take(self, waiting: deque[tuple[Header, AnyEvent]], leaving: bool) -> None:
        batch = all_of(waiting)
        if not batch:
            return
        try:
            self._write(batch)
        except OSError as error:
            raise RigError(f"{self.folder}: the recordings cannot be written: {error.strerror}") from None
        self._also(batch)

    def _write(self, batch: list[tuple[Header, AnyEvent]]) -> None:
        texts: dict[str, list[str]] = {}
        for header, event in batch:
            lines = texts.setdefault(header.pile, [])
            if not lines and header.pile not in self.written:
                # What an earlier run has left there is no part of this one.
                self.path_of(header.pile).unlink(missing_ok=True)
                self.written[header.pile] = None
                lines.append(encode_header(header) + "\n")
            lines.append(encode_event(event) + "\n")
        for pile, lines in texts.items():
            with self.path_of(pile).open("a", encoding="utf-8", newline="\n") as file:
                file.write("".join(lines))

    def path_of(self, pile: str) -> Path:
        """Where the recording of the pile with this number is. A path is larger than it looks, so none is kept."""
        return self.folder / f"{pile}.jsonl"
