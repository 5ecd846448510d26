"""TCP: a link that listens for one peer at a time, and one that dials.

Owns sockets. A connection by itself (`_Connection`) knows neither how it came about nor that there is only
one, so that a listener for many piles can be built from the same part.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from pilesim.errors import InternalError, RigError
from pilesim.link.base import Data, Down, Link, LinkEvent, TurnedAway, Up
from pilesim.link.silence import limit_dial, watch_for_silence
from pilesim.link.stream import Stream, reason_of
from pilesim.link.waiting import settled

_BACKLOG = 16
_ACCEPTED_A_ROUND = 32
"""Those who stand at the door must not keep the one inside from its turn."""
_FINISHING_LIMIT = 8
"""Peers hung up that have not read what was queued for them; beyond it the oldest goes without."""
_HOSTS_TOLD = 64
"""Hosts told of as turned away beside one peer; beyond it they are turned away in silence."""


def host_port(address: Any) -> str:
    """`address`, as the socket module has it, in the words of a URL."""
    # What the socket module calls an address begins with host and port, in every family.
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def resolve(host: str, port: int, url: str) -> tuple[socket.AddressFamily, Any]:
    """Where `host` is; RigError names `url` where nobody knows."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise RigError(f"{url}: the address {host!r} is not known") from None
    return family, address


class _Connection:
    """One connected socket and its bytes."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch_for_silence(sock)
        self._sock = sock
        self.stream = Stream(sock.fileno(), sock.recv, sock.send)

    def events(self) -> list[LinkEvent]:
        """Data, then Down where it has ended; its socket is closed then."""
        self.stream.flush()
        found: list[LinkEvent] = [Data(piece) for piece in self.stream.receive()]
        if self.stream.ended:
            found.append(Down(self.stream.ended))
            self._sock.close()
        return found

    def waitable(self) -> tuple[int, bool]:
        return self.stream.fd, self.stream.queued

    def finish(self) -> bool:
        """Write what is still queued, then close; whether that is done."""
        self.stream.flush()
        # Closing with unread bytes would send a reset, which can overtake what was queued for the peer.
        self.stream.receive()
        if self.stream.queued and not self.stream.ended:
            return False
        self._sock.close()
        return True

    def close(self) -> None:
        self.stream.flush()
        self._sock.close()


class _TcpLink(Link):
    """What listening and dialling share: the one connection, and those that are hung up but not yet written out."""

    def __init__(self) -> None:
        self._connection: _Connection | None = None
        self._finishing: list[_Connection] = []

    def _connection_events(self) -> list[LinkEvent]:
        self._finishing = [c for c in self._finishing if not c.finish()]
        if self._connection is None:
            return []
        found = self._connection.events()
        if found and isinstance(found[-1], Down):
            self._connection = None
        return found

    def send(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.stream.send(data)

    def hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.finish():
            self._finishing.append(connection)
            while len(self._finishing) > _FINISHING_LIMIT:
                self._finishing.pop(0).close()

    def close(self) -> None:
        for connection in [*self._finishing, *([self._connection] if self._connection else [])]:
            connection.close()
        self._finishing = []
        self._connection = None

    def waitables(self) -> list[tuple[int, bool]]:
        connected = [self._connection.waitable()] if self._connection else []
        return [*connected, *((c.stream.fd, True) for c in self._finishing if c.stream.queued)]


class TcpListen(_TcpLink):
    """Waits for a peer at an address. While one is connected, any other that dials in is hung up at once and told; or,
    where it is to replace the first, takes its place."""

    dials = False

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, replace: bool = False) -> None:
        super().__init__()
        self._replace = replace
        self.name = f"tcp-listen://{host_port((host, port))}"
        self._host = host
        self._port = port
        self._family = socket.AF_INET
        self._address: Any = None
        self._listener: socket.socket | None = None
        self._refusing = False
        self._turned_away: set[str] = set()
        """Hosts told of as turned away: one that dials every second is told once, as long as the first peer stays."""

    @property
    def port(self) -> int:
        """The port that was really taken."""
        return self._port

    def open(self) -> None:
        if self._listener is not None:
            return
        self._family, self._address = resolve(self._host, self._port, self.name)
        self._listener = self._bind()
        self._listener.listen(_BACKLOG)
        self._address = self._listener.getsockname()
        self._port = int(self._address[1])
        self.name = f"tcp-listen://{host_port(self._address)}"

    def _bind(self) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        # Elsewhere than on POSIX this option lets two programs take one port.
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(self._address)
        except OSError as error:
            sock.close()
            raise RigError(f"{self.name}: the port cannot be taken: {reason_of(error)}") from None
        sock.setblocking(False)
        return sock

    def events(self) -> list[LinkEvent]:
        # The old peer's end is seen before the new one is accepted: it may have hung up and dialled again.
        found = self._connection_events()
        if found and self._connection is not None:
            # The peer's bytes are not kept waiting for a look at the door: the next call has one.
            return found
        for _ in range(_ACCEPTED_A_ROUND):
            if self._listener is None or self._refusing:
                break
            try:
                sock, address = self._listener.accept()
            except OSError:
                # Nobody waits, or whoever did has gone again: the next look will tell.
                break
            if self._connection is not None and self._replace:
                self.hang_up()
                found.append(Down(f"{host_port(address)} dialled in and took its place"))
            if self._connection is not None:
                sock.close()
                found += self._turn_away(address)
                continue
            self._connection = _Connection(sock)
            self._turned_away.clear()
            found.append(Up(host_port(address)))
        return found

    def _turn_away(self, address: Any) -> list[LinkEvent]:
        host = str(address[0])
        if host in self._turned_away or len(self._turned_away) >= _HOSTS_TOLD:
            return []
        self._turned_away.add(host)
        return [TurnedAway(host_port(address))]

    def dial(self) -> None:
        """A listening link is dialled by others."""

    def refuse(self, refusing: bool) -> None:
        if self._listener is None or refusing == self._refusing:
            return
        self._refusing = refusing
        if refusing:
            # A socket that is bound and does not listen keeps the port and has the system refuse every peer.
            self._listener.close()
            self._listener = self._bind()
        else:
            self._listener.listen(_BACKLOG)

    def close(self) -> None:
        super().close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def waitables(self) -> list[tuple[int, bool]]:
        listening = [(self._listener.fileno(), False)] if self._listener and not self._refusing else []
        return [*listening, *super().waitables()]


class TcpDial(_TcpLink):
    """Connects to a listening peer whenever it is told to."""

    dials = True

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self.name = f"tcp://{host_port((host, port))}"
        self._host = host
        self._port = port
        self._family = socket.AF_INET
        self._address: Any = None
        self._dialling: socket.socket | None = None
        self._failed = ""

    def open(self) -> None:
        # Resolving may take the name server's time, so it is done once, here, and not with every dial.
        self._family, self._address = resolve(self._host, self._port, self.name)

    def dial(self) -> None:
        if self._connection is not None or self._dialling is not None:
            return
        if self._address is None:
            raise InternalError(f"{self.name} was dialled before it was opened")
        try:
            self._dialling = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:
            # As many files are open as may be: it is dialled again.
            self._failed = reason_of(error)
            return
        self._dialling.setblocking(False)
        limit_dial(self._dialling)
        try:
            self._dialling.connect(self._address)
        except BlockingIOError:
            pass
        except OSError as error:
            self._give_up()
            self._failed = reason_of(error)

    def _give_up(self) -> None:
        if self._dialling is not None:
            self._dialling.close()
            self._dialling = None
        self._failed = ""

    def events(self) -> list[LinkEvent]:
        return [*self._dial_events(), *self._connection_events()]

    def _dial_events(self) -> list[LinkEvent]:
        sock, failed = self._dialling, self._failed
        if sock is not None and settled(sock.fileno()):
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            # Dialling a free port of the own machine can, by chance, connect a socket to itself.
            if not error and sock.getsockname() == sock.getpeername():
                error = errno.ECONNREFUSED
            if not error:
                self._dialling = None
                self._connection = _Connection(sock)
                return [Up(host_port((self._host, self._port)))]
            failed = reason_of(OSError(error, os.strerror(error)))
        if not failed:
            return []
        self._give_up()
        return [Down(failed)]

    def hang_up(self) -> None:
        self._give_up()
        super().hang_up()

    def refuse(self, refusing: bool) -> None:
        """Nobody dials in to a link that dials."""

    def close(self) -> None:
        self._give_up()
        super().close()

    def waitables(self) -> list[tuple[int, bool]]:
        dialling = [(self._dialling.fileno(), True)] if self._dialling else []
        return [*dialling, *super().waitables()]
