"""Many TCP connections on one selector: those that dial one address, and those that dial in to one.

Owns sockets, and the one wait for all of them. A connection goes by its key, a number that its owner knows it by. Must
not know what the bytes mean, nor when anybody dials.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
from dataclasses import dataclass
from itertools import count

from pilesim.errors import InternalError, RigError
from pilesim.link.base import Data, Down, LinkEvent, Up
from pilesim.link.silence import limit_dial, watch_for_silence
from pilesim.link.stream import Stream, reason_of
from pilesim.link.tcp import host_port, resolve
from pilesim.link.waiting import LONGEST_WAIT_NS
from pilesim.link.waker import Waker

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

_BACKLOG = 4096
_ACCEPTED_A_ROUND = 256
"""Those who stand at the door must not keep the ones inside from their turn."""
_OTHER_FILES = 64
"""Descriptors that a program has beside its connections."""
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_NO_LINGERING = b"\x01\0\0\0\0\0\0\0"


def make_room(connections: int) -> None:
    """Have the system allow so many connections at once; RigError says how many it allows."""
    if resource is None:
        return
    wanted = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise RigError(f"expected room for {connections} connections, found {hard - _OTHER_FILES}: see ulimit -Hn")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def take_room(most: int) -> int:
    """Have the system allow as many connections at once as it will, `most` at most; how many those are."""
    if resource is None:
        return most
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = most + _OTHER_FILES if hard == resource.RLIM_INFINITY else min(hard, most + _OTHER_FILES)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed - _OTHER_FILES


@dataclass(slots=True)
class _Line:
    key: int
    sock: socket.socket
    stream: Stream | None = None
    """None while it is being dialled."""
    watched: int = 0
    """What the selector waits for."""
    leaving: bool = False
    """Hung up, and not all written yet."""


class Many:
    """What dialling and answering share. Times are ns of the computer's clock."""

    name: str

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lines: dict[int, _Line] = {}
        self._news: list[tuple[int, LinkEvent]] = []
        self._waker = Waker()
        self._selector.register(self._waker.fd, _READ)

    def wake(self) -> None:
        """End the wait that goes on, from any thread."""
        self._waker.wake()

    def wait(self, timeout_ns: int) -> list[tuple[int, LinkEvent]]:
        """What has happened, by key; returns at once where there is something, else after `timeout_ns`."""
        timeout_ns = 0 if self._news else max(0, min(timeout_ns, LONGEST_WAIT_NS))
        ready = self._selector.select(timeout_ns / 1e9)
        found, self._news = self._news, []
        for selected, _ in ready:
            line = selected.data
            if isinstance(line, _Line):
                self._look(line, found)
            elif selected.fd == self._waker.fd:
                self._waker.clear()
            else:
                self._accept(found)
        return found

    def send(self, key: int, data: bytes) -> None:
        """Queue bytes; dropped in silence where no connection stands."""
        line = self._lines.get(key)
        if line is None or line.stream is None:
            return
        line.stream.send(data)
        if line.stream.ended:
            self._end(line, self._news)
        else:
            self._watch(line)

    def hang_up(self, key: int) -> None:
        """End a connection after what was queued; no Down tells of it."""
        line = self._lines.pop(key, None)
        if line is None:
            return
        line.leaving = True
        self._finish(line)

    def cut(self, key: int) -> None:
        """End a connection as a line that breaks does: what is queued is lost, and the peer sees a reset."""
        line = self._lines.pop(key, None)
        if line is not None:
            line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
            self._drop(line)

    def close(self) -> None:
        """Give everything back. Safe to call twice."""
        for selected in [*(self._selector.get_map() or {}).values()]:
            if isinstance(selected.data, _Line):
                if selected.data.stream is not None:
                    selected.data.stream.flush()
                    selected.data.stream.receive()
                selected.data.sock.close()
        self._lines.clear()
        self._selector.close()
        self._waker.close()

    def _accept(self, found: list[tuple[int, LinkEvent]]) -> None:
        raise InternalError(f"{self.name} does not listen")

    def _connected(self, line: _Line) -> None:
        line.sock.setblocking(False)
        line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch_for_silence(line.sock)
        line.stream = Stream(line.sock.fileno(), line.sock.recv, line.sock.send)
        self._watch(line)

    def _look(self, line: _Line, found: list[tuple[int, LinkEvent]]) -> None:
        if line.leaving:
            self._finish(line)
        elif line.stream is None:
            self._dialled(line, found)
        elif self._lines.get(line.key) is line:
            line.stream.flush()
            found += [(line.key, Data(piece)) for piece in line.stream.receive()]
            if line.stream.ended:
                self._end(line, found)
            else:
                self._watch(line)

    def _dialled(self, line: _Line, found: list[tuple[int, LinkEvent]]) -> None:
        error = line.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # Dialling a free port of the own machine can, by chance, connect a socket to itself.
        if not error and line.sock.getsockname() == line.sock.getpeername():
            error = errno.ECONNREFUSED
        if error:
            self._lines.pop(line.key, None)
            self._drop(line)
            found.append((line.key, Down(reason_of(OSError(error, os.strerror(error))))))
        else:
            self._connected(line)
            found.append((line.key, Up(self.name.partition("://")[2])))

    def _finish(self, line: _Line) -> None:
        stream = line.stream
        if stream is not None:
            stream.flush()
            # Closing with unread bytes would send a reset, which can overtake what was queued for the peer.
            stream.receive()
            if stream.queued and not stream.ended:
                self._watch(line)
                return
        self._drop(line)

    def _end(self, line: _Line, found: list[tuple[int, LinkEvent]]) -> None:
        assert line.stream is not None
        self._lines.pop(line.key, None)
        found.append((line.key, Down(line.stream.ended)))
        self._drop(line)

    def _drop(self, line: _Line) -> None:
        if line.watched:
            self._selector.unregister(line.sock)
            line.watched = 0
        line.sock.close()

    def _watch(self, line: _Line) -> None:
        queued = line.stream is None or line.stream.queued
        wanted = _WRITE if line.stream is None else _READ | (_WRITE if queued else 0)
        if wanted == line.watched:
            return
        if line.watched:
            self._selector.modify(line.sock, wanted, line)
        else:
            self._selector.register(line.sock, wanted, line)
        line.watched = wanted


class DialMany(Many):
    """Connections to one address, each dialled when its owner says so, under the key that the owner gives it."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self.name = f"tcp://{host_port((host, port))}"
        self._host, self._port = host, port
        self._family, self._address = resolve(host, port, self.name)

    def dial(self, key: int) -> None:
        """Begin to connect; Up or Down tells. A no-op where a connection stands or is being made."""
        if key in self._lines:
            return
        try:
            sock = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:
            self._news.append((key, Down(reason_of(error))))
            return
        sock.setblocking(False)
        limit_dial(sock)
        line = self._lines[key] = _Line(key, sock)
        try:
            sock.connect(self._address)
        except BlockingIOError:
            pass
        except OSError as error:
            del self._lines[key]
            sock.close()
            self._news.append((key, Down(reason_of(error))))
            return
        self._watch(line)


class AnswerMany(Many):
    """Whoever dials in to one address, under keys that count from 0."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """RigError where the port cannot be had."""
        super().__init__()
        self._keys = count()
        self.name = f"tcp-listen://{host_port((host, port))}"
        family, address = resolve(host, port, self.name)
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind(address)
        except OSError as error:
            self.close()
            raise RigError(f"{self.name}: the port cannot be taken: {reason_of(error)}") from None
        self._listener.setblocking(False)
        self._listener.listen(_BACKLOG)
        self.name = f"tcp-listen://{host_port(self._listener.getsockname())}"
        self._selector.register(self._listener, _READ)

    def _accept(self, found: list[tuple[int, LinkEvent]]) -> None:
        for _ in range(_ACCEPTED_A_ROUND):
            try:
                sock, address = self._listener.accept()
            except OSError:
                # Nobody waits, or whoever did has gone again, or there is no room: the next look will tell.
                return
            line = _Line(next(self._keys), sock)
            self._lines[line.key] = line
            self._connected(line)
            found.append((line.key, Up(host_port(address))))

    def close(self) -> None:
        super().close()
        self._listener.close()
