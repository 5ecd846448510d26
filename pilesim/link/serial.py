"""Serial ports, by pyserial and its URL handlers: the only module that imports it.

Owns how a port is opened, told apart and found again. Must not know what its bytes mean. A port with a descriptor
(POSIX) is read and written through it; one without (Windows, RFC 2217) has a thread for each direction that wakes the
waiting place. A serial line has no hanging up: it goes down when the port itself is gone (the adapter was pulled, the
server of a remote port hung up), and up again when the port is back, which it is asked for until `wait_ns` are over.
A local port is asked for by a name that outlives its number, since ttyUSB0 may come back as ttyUSB1.
"""

from __future__ import annotations

import errno
import os
import queue
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import serial
from serial.tools.list_ports import comports

from pilesim.errors import RigError
from pilesim.link.base import Data, Down, Link, LinkEvent, Up
from pilesim.link.reopening import GivenUp, Reopening
from pilesim.link.silence import watch_for_silence
from pilesim.link.stream import Stream
from pilesim.link.waker import Waker
from pilesim.units import S, format_duration

DATA_BITS: Mapping[str, int] = MappingProxyType({"8": 8, "7": 7, "6": 6, "5": 5})
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

FLOWS: Mapping[str, str] = MappingProxyType({"none": "", "rtscts": "rtscts", "dsrdtr": "dsrdtr", "xonxoff": "xonxoff"})
"""Flow control by its name in a URL, and the attribute of a port that switches it on."""

LASTING_NAMES = (Path("/dev/serial/by-id"), Path("/dev/serial/by-path"))
"""Where Linux keeps names that outlive a port's number: by what the adapter is, else by where it is plugged in."""
_PSEUDO_TERMINALS = "/dev/pts/"

_READ_WAIT_S = 0.1
"""How long a thread's read waits; so long closing the port may take."""
_CLOSE_WAIT_S = 1
"""So long a port that is closed may still take what was queued for it; then the rest is dropped."""
_WRITES_WAITING = 256


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How the bytes go over the wire."""

    baud: int = 115_200
    data_bits: str = "8"
    """One of `DATA_BITS`; with fewer than 8 no protocol of bytes gets through."""
    parity: str = "none"
    """One of `PARITIES`."""
    stop_bits: str = "1"
    """One of `STOP_BITS`."""
    flow: str = "none"
    """One of `FLOWS`; xonxoff swallows the bytes 11 and 13 hex, whatever they mean."""

    @property
    def wire_ns_per_byte(self) -> int:
        """How long one byte takes, with its start, parity and stop bits."""
        bits = 1 + DATA_BITS[self.data_bits] + (self.parity != "none") + STOP_BITS[self.stop_bits]
        return round(bits * S / self.baud)


class SerialLink(Link):
    """A serial port, taken for this program alone. Up from `open()`; Down when the port itself is gone."""

    dials = False
    connectionless = True

    def __init__(
        self,
        name: str,
        port: str,
        settings: SerialSettings,
        *,
        wait_ns: int = 0,
        lasting_names: tuple[Path, ...] = LASTING_NAMES,
    ) -> None:
        """`port` is what pyserial knows it by: a device, COM3, or rfc2217://host:port.

        A lost port is asked for until `wait_ns` of the computer's time are over, then told as vanished.
        """
        self.name = name
        self.wire_ns_per_byte = settings.wire_ns_per_byte
        self._port = port
        self.settings = settings
        self._wait_ns = wait_ns
        self._lasting_names = lasting_names
        self._remote = "://" in port
        self._lasting = port
        """What it is opened by: the port's name that outlives its number, where it has one."""
        self._serial: serial.Serial | None = None
        self._carrier: _DescriptorCarrier | _ThreadCarrier | None = None
        self._reopening: Reopening[serial.Serial] | None = None
        self._told_up = False

    def open(self) -> None:
        if self._carrier is not None or self._reopening is not None:
            return
        if not self._remote:
            try:
                self._lasting = lasting_name(self._port, self._lasting_names)
            except (OSError, ValueError) as error:
                raise self._closed(error) from None
        self._take(self._opened())

    def _opened(self) -> serial.Serial:
        settings = self.settings
        by_descriptor = os.name == "posix" and not self._remote
        try:
            port = serial.serial_for_url(self._lasting, do_not_open=True)
            port.baudrate = settings.baud
            port.bytesize = DATA_BITS[settings.data_bits]
            port.parity = PARITIES[settings.parity]
            port.stopbits = STOP_BITS[settings.stop_bits]
            if FLOWS[settings.flow]:
                setattr(port, FLOWS[settings.flow], True)
            port.timeout = _READ_WAIT_S
            if not self._remote:
                port.exclusive = True
            if by_descriptor:
                # This has a read of nothing mean "the port is gone", as it does on a socket: without it the
                # terminal driver gives an empty read for "nothing yet" too.
                port.inter_byte_timeout = 0
            port.open()
        except (OSError, ValueError) as error:
            raise self._closed(error) from None
        if self._remote:
            _watch_for_silence(port)
        return port

    def _closed(self, error: OSError | ValueError) -> RigError:
        return RigError(f"{self.name}: the port cannot be opened: {_why(error, self._lasting)}")

    def _take(self, port: serial.Serial) -> None:
        self._serial = port
        self._told_up = False
        by_descriptor = os.name == "posix" and not self._remote
        self._carrier = _DescriptorCarrier(port.fileno()) if by_descriptor else _ThreadCarrier(port)

    def _peer(self) -> str:
        if self._lasting == self._port:
            return self.name
        return f"{self.name}, by {self._lasting}, which is {Path(self._lasting).resolve()}"

    def events(self) -> list[LinkEvent]:
        if self._reopening is not None:
            outcome = self._reopening.outcome()
            if outcome is None:
                return []
            self._reopening = None
            if isinstance(outcome, GivenUp):
                waited = format_duration(self._wait_ns)
                return [Down(f"the port did not come back in {waited}: {outcome.reason}", vanished=True)]
            self._take(outcome)
        if self._carrier is None:
            return []
        found: list[LinkEvent] = [] if self._told_up else [Up(self._peer())]
        self._told_up = True
        pieces, ended = self._carrier.receive()
        found += [Data(piece) for piece in pieces]
        if ended:
            found.append(self._lost(ended))
        return found

    def _lost(self, reason: str) -> Down:
        """Give the port back, so that its number is free, and begin to ask for it again where that can help."""
        if not self._wait_ns or self._nameless():
            self.close()
            return Down(f"the port is gone: {reason}", vanished=True)
        self._reopening = Reopening(self._detached(), self._opened, self._wait_ns)
        return Down(
            f"the port is gone: {reason}; {format_duration(self._wait_ns)} are left to bring back {self._lasting}"
        )

    def _nameless(self) -> bool:
        """A pseudo-terminal by its number: what comes back under it is another one, perhaps somebody's window."""
        return self._lasting.startswith(_PSEUDO_TERMINALS)

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
        reopening, self._reopening = self._reopening, None
        if reopening is not None:
            reopening.close()
        self._detached()()

    def _detached(self) -> Callable[[], None]:
        """Forget the open port; what is returned closes it."""
        carrier, self._carrier = self._carrier, None
        port, self._serial = self._serial, None

        def close() -> None:
            if carrier is not None:
                carrier.close()
            if port is not None:
                port.close()

        return close

    def waitables(self) -> list[tuple[int, bool]]:
        waiting = self._carrier or self._reopening
        return [waiting.waitable()] if waiting else []


def lasting_name(port: str, folders: tuple[Path, ...]) -> str:
    """A link to `port` in one of `folders`, the first that has one; `port` itself where it is a link, or has none."""
    if Path(port).is_symlink():
        return port
    device = Path(port).resolve()
    for folder in folders:
        for link in sorted(folder.glob("*")):
            if link.resolve() == device:
                return str(link)
    return port


def _watch_for_silence(port: serial.Serial) -> None:
    # pyserial has no way of its own to its socket, and without this a server without power is silent for ever.
    sock = getattr(port, "_socket", None)
    if isinstance(sock, socket.socket):
        watch_for_silence(sock)


_TAKEN = "another program has it"
_REASONS: Mapping[int, Callable[[str], str]] = MappingProxyType(
    {
        errno.ENOENT: lambda port: f"there is no such port; {_ports()}",
        errno.ENXIO: lambda port: f"there is nothing behind it; {_ports()}",
        errno.ENODEV: lambda port: f"there is nothing behind it; {_ports()}",
        errno.EACCES: lambda port: f"this user may not open it{_belongs(port)}",
        errno.EPERM: lambda port: f"this user may not open it{_belongs(port)}",
        errno.EAGAIN: lambda port: _TAKEN,
        errno.EBUSY: lambda port: _TAKEN,
        errno.ENOTTY: lambda port: "it is no serial port",
        errno.EINVAL: lambda port: "it does not take these settings (a pseudo-terminal, for one, has no parity)",
    }
)
"""What a system's error means for a port, in words for whoever stands before it."""
_NUMBERS: tuple[tuple[str, int], ...] = (
    # Windows tells a port that another program has as one that access is denied to.
    ("FileNotFoundError", errno.ENOENT),
    ("PermissionError", errno.EBUSY),
)


def _why(error: Exception, port: str) -> str:
    """The reason in our words where we have them, else the system's own: pyserial wraps them in its own."""
    reason = _REASONS.get(getattr(error, "errno", None) or _number_in(str(error)))
    return reason(port) if reason else _plain(error)


def _number_in(text: str) -> int:
    """The system's number of an error that pyserial kept only in its words; 0 where there is none."""
    for name, number in _NUMBERS:
        if name in text:
            return number
    told = re.search(r"\((\d+), ['\"]", text)
    return int(told[1]) if told else 0


def _ports() -> str:
    found = sorted(port.device for port in comports())
    return f"found {', '.join(found)}" if found else "no serial port was found at all"


def _belongs(port: str) -> str:
    try:
        return f", but the group {Path(port).group()} may"
    except (OSError, KeyError, NotImplementedError):
        # The port is gone, its group has no name, or the system has no groups: then there is no hint to give.
        return ""


def _plain(error: Exception) -> str:
    number = getattr(error, "errno", None)
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
    """A port without a descriptor: one thread reads, one writes, and a waker tells that bytes are there."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._waker = Waker()
        self._closing = threading.Event()
        self._in: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._out: queue.Queue[bytes] = queue.Queue(_WRITES_WAITING)
        self._ended = ""
        self._threads = [
            threading.Thread(target=self._run, args=turn, daemon=True)
            for turn in ((self._read, self._closing.is_set), (self._write, self._written_out))
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, turn: Callable[[], None], done: Callable[[], bool]) -> None:
        while not done() and not self._ended:
            try:
                turn()
            except (OSError, TypeError, AttributeError) as error:
                # pyserial's handlers raise TypeError and AttributeError when a port is closed under their hands.
                self._ended = self._ended or _plain(error)
        self._waker.wake()

    def _written_out(self) -> bool:
        return self._closing.is_set() and self._out.empty()

    def _read(self) -> None:
        data = self._port.read(max(1, self._port.in_waiting))
        if data:
            self._in.put(bytes(data))
            self._waker.wake()

    def _write(self) -> None:
        try:
            data = self._out.get(timeout=_READ_WAIT_S)
        except queue.Empty:
            return
        # It may take as long as the port likes: on Windows a write is over when its bytes are on the wire.
        self._port.write(data)

    def receive(self) -> tuple[list[bytes], str]:
        ended = self._ended
        self._waker.clear()
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
        return self._waker.fd, False

    def close(self) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(_READ_WAIT_S + _CLOSE_WAIT_S)
        if any(thread.is_alive() for thread in self._threads) and hasattr(self._port, "cancel_write"):
            self._port.cancel_write()
        self._waker.close()
