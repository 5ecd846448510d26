"""A serial port at another host, by RFC 2217: pyserial's own server over a socket, a pseudo-terminal behind it."""

from __future__ import annotations

import os
import random
import select
import socket
import threading
import tty
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import pytest
import serial
from serial.rfc2217 import PortManager

from pilesim.errors import RigError
from pilesim.link.base import Data, Down, Link, LinkEvent, Up
from pilesim.link.serial import SerialLink, SerialSettings
from pilesim.link.urls import open_link
from pilesim.link.waiting import monotonic_ns, wait
from pilesim.units import MS, S


class PtyPort(serial.Serial):
    """A pseudo-terminal has neither modem lines nor parity: what is set is kept, and goes no further."""

    def _reconfigure_port(self, force_update: bool = False) -> None:
        pass

    def _update_rts_state(self) -> None:
        pass

    def _update_dtr_state(self) -> None:
        pass

    cts = dsr = ri = cd = True


class Connection:
    """What the port manager needs of one: it only ever writes to it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def write(self, data: bytes) -> None:
        self._sock.sendall(data)


class Server:
    """Serves one peer at a time; `pile` is the far end of its port."""

    def __init__(self, port: int = 0) -> None:
        self.pile, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = PtyPort(os.ttyname(self._slave), timeout=0)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.number: int = self._listener.getsockname()[1]
        self._stop, self._stopper = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._stop], [], [])
            if self._stop in ready:
                return
            sock, _ = self._listener.accept()
            with sock:
                self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        manager = PortManager(cast(Any, self.port), cast(Any, Connection(sock)))
        while True:
            ready, _, _ = select.select([sock.fileno(), self.port.fileno(), self._stop.fileno()], [], [])
            if self._stop.fileno() in ready:
                return
            if sock.fileno() in ready:
                data = sock.recv(1024)
                if not data:
                    return
                self.port.write(b"".join(manager.filter(data)))
            if self.port.fileno() in ready:
                sock.sendall(b"".join(manager.escape(self.port.read(1024))))

    def close(self) -> None:
        self._stopper.send(b"\0")
        self._thread.join(10)
        self.port.close()
        for closable in (self._listener, self._stop, self._stopper):
            closable.close()
        for fd in (self.pile, self._slave):
            os.close(fd)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    with suppress(OSError):
        made.close()


def events_until(link: Link, kind: type[LinkEvent], size: int = 0) -> list[LinkEvent]:
    deadline_ns = monotonic_ns() + 20 * S
    found: list[LinkEvent] = []
    while monotonic_ns() < deadline_ns:
        found += link.events()
        if any(isinstance(e, kind) for e in found) and sum(len(e.data) for e in found if isinstance(e, Data)) >= size:
            return found
        wait([link], 100 * MS)
    raise AssertionError(f"no {kind.__name__} came: {found}")


def test_it_carries_every_byte_both_ways_under_the_settings_of_the_url(server: Server) -> None:
    url = f"rfc2217://127.0.0.1:{server.number}?baud=2400&parity=even&stop=2"
    link = open_link(url)
    assert events_until(link, Up) == [Up(url)]
    settings = (server.port.baudrate, server.port.bytesize, server.port.parity, server.port.stopbits)
    assert settings == (2400, 8, serial.PARITY_EVEN, serial.STOPBITS_TWO)
    every = random.Random("rfc2217").randbytes(600) + bytes(range(256))
    link.send(every)
    down = b""
    while len(down) < len(every):
        assert select.select([server.pile], [], [], 10)[0]
        down += os.read(server.pile, 4096)
    assert down == every
    os.write(server.pile, every[::-1])
    up = b"".join(e.data for e in events_until(link, Data, len(every)) if isinstance(e, Data))
    assert up == every[::-1]
    link.close()


def test_it_writes_what_was_queued_before_it_is_closed(server: Server) -> None:
    link = open_link(f"rfc2217://127.0.0.1:{server.number}")
    for number in range(50):
        link.send(bytes([number]))
    link.close()
    down = b""
    while len(down) < 50:
        assert select.select([server.pile], [], [], 10)[0], f"only {down.hex()} came"
        down += os.read(server.pile, 4096)
    assert down == bytes(range(50))


def test_it_tells_that_the_server_is_gone_for_good(server: Server) -> None:
    link = open_link(f"rfc2217://127.0.0.1:{server.number}?wait=0s")
    events_until(link, Up)
    server.close()
    down = events_until(link, Down)[-1]
    assert isinstance(down, Down)
    assert down.vanished
    assert link.waitables() == []


def test_it_finds_a_server_again_that_was_started_anew(server: Server) -> None:
    link = open_link(f"rfc2217://127.0.0.1:{server.number}?baud=4800")
    events_until(link, Up)
    server.close()
    down = events_until(link, Down)[-1]
    assert isinstance(down, Down)
    assert not down.vanished
    assert "1m are left to bring back rfc2217://127.0.0.1" in down.reason
    again = Server(server.number)
    events_until(link, Up)
    assert again.port.baudrate == 4800
    os.write(again.pile, b"again")
    assert b"".join(e.data for e in events_until(link, Data, 5) if isinstance(e, Data)) == b"again"
    link.close()
    again.close()


def test_it_tells_that_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    with pytest.raises(RigError, match=f"^rfc2217://127.0.0.1:{number}: the port cannot be opened: .*refused"):
        open_link(f"rfc2217://127.0.0.1:{number}")


def test_it_does_not_wait_for_ever_for_a_peer_that_does_not_speak_the_protocol() -> None:
    with socket.create_server(("127.0.0.1", 0)) as dumb:
        # pyserial's own option shortens what is 3 s by default.
        port = f"rfc2217://127.0.0.1:{dumb.getsockname()[1]}?timeout=0.2"
        link = SerialLink("rfc2217://dumb", port, SerialSettings())
        with pytest.raises(RigError, match=r"rfc2217://dumb: the port cannot be opened: .*RFC ?2217"):
            link.open()
