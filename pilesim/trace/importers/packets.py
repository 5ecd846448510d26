"""The files of captures of packets, pcap and pcapng: one packet after the other, with its time.

Owns the files' own records. Must not know what is inside a packet. A file that breaks off, or lies about a length, ends
there, and that is told.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pilesim.trace.importers.imported import Ledger, LineOrder, Wishes
from pilesim.trace.importers.source import Bounded, Source
from pilesim.units import S

PACKET_BYTES = 16 * 1024 * 1024
"""The longest packet, or block of a pcapng, that is read: a segment as an adapter joins them has 64 KB."""
LAST_NS = 250_000_000_000 * S
"""A packet says that it was seen later than this, in the year 9892, where its interface's unit or offset is wrong."""
LATE_PACKETS = 256
"""A packet that stands so many places after its time is put where it belongs: several processors write one file."""


@dataclass(frozen=True, slots=True)
class Packet:
    number: int
    epoch_ns: int
    link: int
    data: bytes
    lacks: int
    """Bytes that were cut off its end when it was recorded."""


_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""The first bytes of a pcap: its byte order, and the ns of one unit of its fractions."""
_SECTION = b"\x0a\x0d\x0d\x0a"
_INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 1, 2, 3, 6
_INTERFACE_HEAD = 8
_TIME_UNIT, _TIME_OFFSET = 9, 14


def is_packets(head: bytes) -> bool:
    """Whether a file begins as a capture of packets does."""
    return head[:4] in _PCAP or head[:4] == _SECTION


def packets(stream: Bounded, source: Source, wishes: Wishes, ledger: Ledger) -> Iterator[Packet]:
    """The packets of a file, in the order of their times unless the file's is wished for."""
    written = _as_written(stream, source, ledger)
    if wishes.order is LineOrder.FILE:
        yield from written
        return
    heap: list[tuple[int, int, Packet]] = []
    for packet in written:
        heapq.heappush(heap, (packet.epoch_ns, packet.number, packet))
        if len(heap) > LATE_PACKETS:
            yield heapq.heappop(heap)[2]
    while heap:
        yield heapq.heappop(heap)[2]


def _as_written(stream: Bounded, source: Source, ledger: Ledger) -> Iterator[Packet]:
    magic = stream.read(4)
    if magic == _SECTION:
        yield from _blocks(_Records(stream, source, ledger), source, ledger)
    elif magic in _PCAP:
        yield from _records(_Records(stream, source, ledger), *_PCAP[magic])
    else:
        raise source.error(None, f"expected a pcap or pcapng, found a file that begins with {magic!r}")


class _Records:
    """The file, record by record; one that is cut off, or not to be believed, is the last."""

    def __init__(self, stream: Bounded, source: Source, ledger: Ledger) -> None:
        self._stream = stream
        self._source = source
        self._ledger = ledger
        self.number = 0

    def read(self, size: int, what: str) -> bytes | None:
        """So many bytes; None at the end of the file, which is told of where it comes too early."""
        if not 0 <= size <= PACKET_BYTES:
            after = f"after packet {self.number}"
            raise self._source.error(None, f"expected {what} of at most {PACKET_BYTES} bytes {after}, found {size}")
        data = self._stream.read(size)
        if len(data) == size:
            return data
        if data or what != "the head of a record":
            self._ledger.remark(f"the file breaks off after packet {self.number}, in the middle of {what}")
        return None


def _records(file: _Records, order: str, fraction_ns: int) -> Iterator[Packet]:
    head = file.read(20, "the file's head")
    if head is None:
        return
    link = struct.unpack(order + "I", head[16:])[0] & 0x0FFFFFFF
    layout = struct.Struct(order + "IIII")
    while record := file.read(16, "the head of a record"):
        seconds, fraction, kept, size = layout.unpack(record)
        data = file.read(kept, "a packet")
        if data is None:
            return
        file.number += 1
        yield Packet(file.number, seconds * S + fraction * fraction_ns, link, data, max(0, size - kept))


@dataclass(frozen=True, slots=True)
class _Interface:
    link: int
    unit: tuple[int, int] = (10, 6)
    """A base and its negative power: the seconds of one unit of its times."""
    offset_ns: int = 0

    def epoch_ns(self, units: int) -> int:
        base, power = self.unit
        return self.offset_ns + units * S // int(base**power)


def _blocks(file: _Records, source: Source, ledger: Ledger) -> Iterator[Packet]:
    order = "<"
    interfaces: list[_Interface] = []
    kind: int | None = int.from_bytes(_SECTION)
    while True:
        if kind is None:
            head = file.read(4, "the head of a record")
            if head is None:
                return
            kind = struct.unpack(order + "I", head)[0]
        size_raw = file.read(4, "the head of a block")
        if size_raw is None:
            return
        first = b""
        if kind == int.from_bytes(_SECTION):
            # A section says by its own number in which order its bytes stand, and begins with no interfaces.
            first = file.read(4, "the head of a section") or b""
            if first not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
                raise source.error(None, f"expected a section of a pcapng, found {first.hex()}")
            order = "<" if first[0] == 0x4D else ">"
            interfaces = []
        size = struct.unpack(order + "I", size_raw)[0]
        body = file.read(size - 12 - len(first), "a block")
        if body is None or file.read(4, "a block") is None:
            return
        if kind == _INTERFACE:
            if len(body) < _INTERFACE_HEAD:
                raise source.error(None, f"expected an interface of {_INTERFACE_HEAD} bytes, found {len(body)}")
            interfaces.append(_interface(body, order))
        elif kind in (_ENHANCED, _OLD_PACKET, _SIMPLE):
            packet = _packet_of(kind, body, order, interfaces, file, ledger)
            if packet is not None:
                yield packet
        kind = None


def _interface(body: bytes, order: str) -> _Interface:
    link, unit, offset_ns, at = struct.unpack_from(order + "H", body)[0], (10, 6), 0, _INTERFACE_HEAD
    while at + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == _TIME_UNIT and len(value) == 1:
            unit = (2 if value[0] & 0x80 else 10, value[0] & 0x7F)
        elif code == _TIME_OFFSET and len(value) == 8:
            offset_ns = struct.unpack(order + "q", value)[0] * S
        at += 4 + size + -size % 4
    return _Interface(link, unit, offset_ns)


def _packet_of(
    kind: int, body: bytes, order: str, interfaces: list[_Interface], file: _Records, ledger: Ledger
) -> Packet | None:
    file.number += 1
    fields = {_ENHANCED: "IIIII", _OLD_PACKET: "HHIIII", _SIMPLE: "I"}[kind]
    head = struct.calcsize(order + fields)
    if len(body) < head:
        ledger.left(file.number, body.hex(" "), "a packet's block that is too short")
        return None
    values = struct.unpack_from(order + fields, body)
    which = 0 if kind == _SIMPLE else values[0]
    if which >= len(interfaces):
        ledger.left(file.number, "", f"a packet of interface {which}, which the file does not name")
        return None
    if kind == _SIMPLE:
        # Such packets have no time: they have that of the epoch, which the clock then tells.
        high, low, kept, size = 0, 0, min(values[0], len(body) - head), values[0]
    else:
        high, low, kept, size = values[-4:]
    interface = interfaces[which]
    data = body[head : head + kept]
    epoch_ns = interface.epoch_ns(high << 32 | low)
    if not 0 <= epoch_ns < LAST_NS:
        ledger.left(file.number, data[:32].hex(" "), "a packet whose time has no date")
        return None
    return Packet(file.number, epoch_ns, interface.link, data, max(0, size - len(data)))
