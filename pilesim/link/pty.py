"""A pseudo-terminal: a serial line that this program makes, for another to open.

Owns the master and keeps the slave open, so that the line stands before, between and after those who open it.
Must not know who they are. POSIX only.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from pilesim.errors import RigError
from pilesim.link.base import Data, Down, Link, LinkEvent, Up
from pilesim.link.stream import Stream, reason_of


class PtyLink(Link):
    """One pseudo-terminal in raw mode. Its name is the path that another process opens as a serial port."""

    dials = False
    connectionless = True

    def __init__(self, link_path: str = "") -> None:
        """`link_path`: where to put a symbolic link to the slave, for a path that stays the same."""
        self.name = f"pty:{link_path}"
        self._link_path = Path(link_path) if link_path else None
        self._linked = False
        self._fds: tuple[int, ...] = ()
        self._stream: Stream | None = None
        self._told_up = False

    def open(self) -> None:
        if self._stream is not None:
            return
        try:
            import tty  # noqa: PLC0415 (there is none on Windows, where this module still has to be importable)

            master, slave = os.openpty()
        except (ImportError, AttributeError):
            raise RigError(
                f"{self.name}: expected a system with pseudo-terminals, found {sys.platform}: take a serial port or TCP"
            ) from None
        except OSError as error:
            raise RigError(f"{self.name}: no pseudo-terminal can be made: {reason_of(error)}") from None
        self._fds = (master, slave)
        tty.setraw(slave)
        os.set_blocking(master, False)
        path = os.ttyname(slave)
        if self._link_path is not None:
            try:
                if self._link_path.is_symlink() and not self._link_path.exists():
                    # It was left by a program that was killed: the terminal that it leads to is gone.
                    self._link_path.unlink()
                self._link_path.symlink_to(path)
            except OSError as error:
                self.close()
                raise RigError(f"{self.name}: the link cannot be made: {reason_of(error)}") from None
            self._linked = True
            path = str(self._link_path)
        self.name = path
        self._stream = Stream(master, lambda count: os.read(master, count), lambda data: os.write(master, data))
        self._told_up = False

    def events(self) -> list[LinkEvent]:
        if self._stream is None:
            return []
        found: list[LinkEvent] = [] if self._told_up else [Up(self.name)]
        self._told_up = True
        self._stream.flush()
        found += [Data(piece) for piece in self._stream.receive()]
        if self._stream.ended:
            found.append(Down(f"the port is gone: {self._stream.ended}", vanished=True))
            self.close()
        return found

    def dial(self) -> None:
        """A serial line stands from `open()`."""

    def send(self, data: bytes) -> None:
        if self._stream is not None:
            self._stream.send(data)

    def hang_up(self) -> None:
        """There is no hanging up on a serial line."""

    def refuse(self, refusing: bool) -> None:
        """Nobody dials in on a serial line."""

    def close(self) -> None:
        if self._stream is not None:
            self._stream.flush()
            self._stream = None
        for fd in self._fds:
            os.close(fd)
        self._fds = ()
        if self._linked and self._link_path is not None:
            with suppress(OSError):
                self._link_path.unlink()
            self._linked = False

    def waitables(self) -> list[tuple[int, bool]]:
        return [(self._stream.fd, self._stream.queued)] if self._stream else []
