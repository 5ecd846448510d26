"""Serial ports, by pyserial and its URL handlers: the only module that imports it.

A port with a descriptor (POSIX) is read and written through it; one without (Windows, RFC 2217) has a thread
for each direction and a pair of sockets that wakes the waiting place. A serial line has no hanging up.
"""

from __future__ import annotations

import errno
import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import serial

from pilesim.errors import RigError
from pilesim.link.base import Data, Down, Link, LinkEvent, Up
from pilesim.link.stream import Stream

PARITIES: Mapping[str, str] = MappingProxyType(
    {
        "none": serial.PARITY_NONE,
        "even": serial.PARITY_EVEN,
        "odd": serial.PARITY_ODD,
        "mark": serial.PARITY_MARK,
        "space": serial.PARITY_SPACE,
    }
)
STOP_BITS: Mapping[str, float] = MappingProxyType({"1": 1, "1.5": 1.5, "2": 2})

_READ_WAIT_S = 0.1
"""How long a thread's read waits; so long closing the port may take."""
_WRITE_WAIT_S = 1
_WRITES_WAITING = 256


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How the bytes go over the wire."""

    baud: int = 115_200
    parity: str = "none"
    """One of `PARITIES`."""
    stop_bits: str = "1"
    """One of `STOP_BITS`."""
    rtscts: bool = False
    xonxoff: bool = False


class SerialLink(Link):
    """A serial port, taken for this program alone. Up from `open()`; Down only when the port itself is gone."""

    dials = False
    connectionless = True

    def __init__(self, name: str, port: str, settings: SerialSettings) -> None:
        """`port` is what pyserial knows it by: a device, COM3, or rfc2217://host:port."""
        self.name = name
        self._port = port
        self._settings = settings
        self._serial: serial.Serial | None = None
        self._carrier: _DescriptorCarrier | _ThreadCarrier | None = None
        self._told_up = False

    def open(self) -> None:
        if self._carrier is not None:
            return
        remote = "://" in self._port
        try:
            port = serial.serial_for_url(self._port, do_not_open=True)
            port.baudrate = self._settings.baud
            port.parity = PARITIES[self._settings.parity]
            port.stopbits = STOP_BITS[self._settings.stop_bits]
            port.rtscts = self._settings.rtscts
            port.xonxoff = self._settings.xonxoff
            port.timeout = _READ_WAIT_S
            port.write_timeout = _WRITE_WAIT_S
            if not remote:
                port.exclusive = True
            if os.name == "posix" and not remote:
                # This has a read of nothing mean "the port is gone", as it does on a socket: without it the
                # terminal driver gives an empty read for "nothing yet" too.
                port.inter_byte_timeout = 0
            port.open()
        except (OSError, ValueError) as error:
            raise RigError(f"{self.name}: the port cannot be opened: {_plain(error)}") from None
        self._serial = port
        self._told_up = False
        self._carrier = _DescriptorCarrier(port.fileno()) if os.name == "posix" and not remote else _ThreadCarrier(port)

    def events(self) -> list[LinkEvent]:
        if self._carrier is None:
            return []
        found: list[LinkEvent] = [] if self._told_up else [Up(self.name)]
        self._told_up = True
        pieces, ended = self._carrier.receive()
        found += [Data(piece) for piece in pieces]
        if ended:
            found.append(Down(f"the port is gone: {ended}", vanished=True))
            self.close()
        return found

    def dial(self) -> None:
        """A serial line stands from `open()`."""

    def send(self, data: bytes) -> None:
        if self._carrier is not None:
            self._carrier.send(data)

    def hang_up(self) -> None:
        """There is no hanging up on a serial line."""

    def refuse(self, refusing: bool) -> None:
        """Nobody dials in on a serial line."""

    def close(self) -> None:
        carrier, self._carrier = self._carrier, None
        port, self._serial = self._serial, None
        if carrier is not None:
            carrier.close()
        if port is not None:
            port.close()

    def waitables(self) -> list[tuple[int, bool]]:
        return [self._carrier.waitable()] if self._carrier else []


def _plain(error: Exception) -> str:
    """The system's own words where there are any: pyserial wraps them in its own."""
    number = getattr(error, "errno", None)
    if number in (errno.EAGAIN, errno.EWOULDBLOCK):
        return "another program has it"
    text = os.strerror(number) if number else str(error).rpartition("] ")[2]
    return text[:1].lower() + text[1:]


class _DescriptorCarrier:
    """A port with a descriptor that can be waited on."""

    def __init__(self, fd: int) -> None:
        self._stream = Stream(fd, lambda count: os.read(fd, count), lambda data: os.write(fd, data))

    def receive(self) -> tuple[list[bytes], str]:
        self._stream.flush()
        return self._stream.receive(), self._stream.ended

    def send(self, data: bytes) -> None:
        self._stream.send(data)

    def waitable(self) -> tuple[int, bool]:
        return self._stream.fd, self._stream.queued

    def close(self) -> None:
        self._stream.flush()


class _ThreadCarrier:
    """A port without a descriptor: one thread reads, one writes, and a socket tells that bytes are there."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._closing = threading.Event()
        self._in: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._out: queue.Queue[bytes] = queue.Queue(_WRITES_WAITING)
        self._ended = ""
        self._threads = [
            threading.Thread(target=self._run, args=(turn,), daemon=True) for turn in (self._read, self._write)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, turn: Callable[[], None]) -> None:
        while not self._closing.is_set() and not self._ended:
            try:
                turn()
            except (OSError, TypeError) as error:
                # pyserial's handlers raise TypeError when a port is closed under their hands.
                self._ended = self._ended or _plain(error)
        self._wake()

    def _read(self) -> None:
        data = self._port.read(max(1, self._port.in_waiting))
        if data:
            self._in.put(bytes(data))
            self._wake()

    def _write(self) -> None:
        try:
            data = self._out.get(timeout=_READ_WAIT_S)
        except queue.Empty:
            return
        self._port.write(data)

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except OSError:
            # It is full, so whoever waits is woken anyway; or it is closed and nobody waits.
            return

    def receive(self) -> tuple[list[bytes], str]:
        ended = self._ended
        try:
            while self._woken.recv(4096):
                pass
        except BlockingIOError:
            pass
        pieces = []
        while not self._in.empty():
            pieces.append(self._in.get())
        return pieces, ended

    def send(self, data: bytes) -> None:
        try:
            self._out.put_nowait(data)
        except queue.Full:
            self._ended = f"it takes no more bytes: {_WRITES_WAITING} writes wait for it"

    def waitable(self) -> tuple[int, bool]:
        return self._woken.fileno(), False

    def close(self) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(_READ_WAIT_S + _WRITE_WAIT_S)
        self._woken.close()
        self._waker.close()
