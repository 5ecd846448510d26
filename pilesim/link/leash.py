"""A line by which work that is done elsewhere hears that it is to end, and says meanwhile how far it is.

Owns the sockets, and how often something is said. Must not know what the work is. Who holds it never says anything and
lets go by hanging up, so that whoever else dials in learns nothing, and whoever holds it and dies has let go too. What
is said on it may be anybody's: it is lines of a bounded length, and good for being shown alone.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from pilesim.errors import RigError
from pilesim.link.stream import reason_of
from pilesim.link.tcp import host_port

_CONNECT_S = 10.0
_BACKLOG = 1024
_SAID_EVERY_S = 1.0
LINE_BYTES = 65_536
"""Nothing longer is said."""
_ANY_PORT = 9
"""Nothing is sent there: it is only asked which of this machine's addresses leads there."""


class Leash:
    """The end that is held. `heard` is called now and then, until `close`."""

    def __init__(self, towards: str = "") -> None:
        """Where those at the machine of the URL `towards` can reach it; on the loopback address without one."""
        host = urlsplit(towards).hostname if towards else None
        try:
            self._listener = socket.create_server(
                (_address_towards(host) if host else "127.0.0.1", 0), backlog=_BACKLOG
            )
        except OSError as error:
            raise RigError(f"no port can be had by which piles elsewhere are ended: {reason_of(error)}") from None
        self._listener.setblocking(False)
        self._held: dict[socket.socket, bytearray] = {}
        """Each line, with what was said on it since its last whole line."""
        self._is_let_go = False
        self.address = host_port(self._listener.getsockname())
        """host:port"""

    def heard(self) -> Iterator[bytes]:
        """Take hold of whoever has dialled in, and tell the lines that have been said since."""
        self._accept()
        for line, begun in [*self._held.items()]:
            try:
                while said := line.recv(LINE_BYTES):
                    *whole, rest = (begun + said).split(b"\n")
                    yield from map(bytes, whole)
                    begun[:] = rest
                    if len(begun) > LINE_BYTES:
                        break
            except BlockingIOError:
                continue
            except OSError:
                pass
            # It is gone, or it is nobody of ours.
            del self._held[line]
            line.close()

    def let_go(self) -> None:
        """Whoever is on it hears that it is to end, and may go on saying how far it is. Safe to call twice."""
        if self._is_let_go:
            return
        self._is_let_go = True
        self._accept()
        self._listener.close()
        for line in self._held:
            with suppress(OSError):  # it may be gone
                line.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go, and hear nobody any more. Safe to call twice."""
        self.let_go()
        while self._held:
            self._held.popitem()[0].close()

    def _accept(self) -> None:
        try:
            while True:
                line = self._listener.accept()[0]
                line.setblocking(False)
                self._held[line] = bytearray()
        except OSError:
            # Nobody waits, or whoever did has gone again; or it is let go.
            return


def _address_towards(host: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect((host, _ANY_PORT))
        return str(asked.getsockname()[0])


class OnLeash:
    """The end of who does the work; made by `on_leash`."""

    def __init__(self, line: socket.socket | None) -> None:
        self._line = line
        self._unsaid = b""
        self._said_s = 0.0

    def let_go(self) -> bool:
        """Whether the leash has been let go of."""
        if self._line is None:
            return True
        try:
            return not self._line.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def say(self, line: Callable[[], bytes]) -> None:
        """Say `line()`, which has no line break, unless something was said a moment ago. Never waits."""
        now_s = time.monotonic()
        if self._line is None or (not self._unsaid and now_s - self._said_s < _SAID_EVERY_S):
            return
        if not self._unsaid:
            self._said_s = now_s
            said = line() + b"\n"
            self._unsaid = said if len(said) <= LINE_BYTES else b""
        with suppress(OSError):  # nobody reads it now, or any more
            self._unsaid = self._unsaid[self._line.send(self._unsaid) :]


@contextmanager
def on_leash(address: str) -> Iterator[OnLeash]:
    """The leash at `address` (host:port). RigError where that is out of reach."""
    host, _, port = address.rpartition(":")
    try:
        line = socket.create_connection((host, int(port)), _CONNECT_S)
    except ConnectionRefusedError:
        # It was let go of before this began.
        yield OnLeash(None)
        return
    except OSError as error:
        raise RigError(f"{address}: whoever shares out these piles cannot be reached: {reason_of(error)}") from None
    with line:
        line.setblocking(False)
        yield OnLeash(line)
