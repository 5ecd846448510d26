"""A line by which work that is done elsewhere hears that it is to end: it is let go of by being hung up.

Owns the sockets. Must not know what the work is. Nothing is ever said on it, so that whoever else dials in learns and
does nothing; and whoever holds it and dies has let go too.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from pilesim.errors import RigError
from pilesim.link.stream import reason_of
from pilesim.link.tcp import host_port

_CONNECT_S = 10.0
_BACKLOG = 1024
_ANY_PORT = 9
"""Nothing is sent there: it is only asked which of this machine's addresses leads there."""


class Leash:
    """The end that is held. `accept` is called now and then, until `let_go`."""

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
        self._held: list[socket.socket] = []
        self.address = host_port(self._listener.getsockname())
        """host:port"""

    def accept(self) -> None:
        """Take hold of whoever has dialled in."""
        try:
            while True:
                self._held.append(self._listener.accept()[0])
        except OSError:
            # Nobody waits, or whoever did has gone again; or it is let go.
            return

    def let_go(self) -> None:
        """Whoever is on it hears that it is to end. Safe to call twice."""
        self.accept()
        self._listener.close()
        while self._held:
            self._held.pop().close()


def _address_towards(host: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect((host, _ANY_PORT))
        return str(asked.getsockname()[0])


@contextmanager
def on_leash(address: str) -> Iterator[Callable[[], bool]]:
    """Whether the leash at `address` (host:port) has been let go of. RigError where that is out of reach."""
    host, _, port = address.rpartition(":")
    try:
        line = socket.create_connection((host, int(port)), _CONNECT_S)
    except ConnectionRefusedError:
        # It was let go of before this began.
        yield lambda: True
        return
    except OSError as error:
        raise RigError(f"{address}: whoever shares out these piles cannot be reached: {reason_of(error)}") from None
    with line:
        line.setblocking(False)

        def let_go() -> bool:
            try:
                return not line.recv(1)
            except BlockingIOError:
                return False
            except OSError:
                return True

        yield let_go
