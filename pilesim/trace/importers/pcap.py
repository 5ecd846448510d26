"""Captures of packets (pcap, pcapng): the TCP connections of one pile as a recording.

Owns the files' own records and the choice among connections. Must not know how bytes of a connection are put in order,
nor any protocol. The only importer of dpkt, which reads what is inside a packet. Its readers of files are not used:
they give times as floating numbers, know one interface a file, and believe every length that a file claims.
"""

from __future__ import annotations

import heapq
import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import dpkt  # type: ignore[import-untyped]

from pilesim.errors import FileError
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineDown, LineUp, Missing, Note, Vantage
from pilesim.trace.importers.assemble import likely_protocol, natural
from pilesim.trace.importers.imported import Ledger, LineOrder, Opened, SeveralPilesError, Wishes
from pilesim.trace.importers.source import Bounded, Source
from pilesim.trace.importers.tcp import Run, Segment, Side
from pilesim.units import S, local_datetime
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.protocol import Protocol

PACKET_BYTES = 16 * 1024 * 1024
"""The longest packet, or block of a pcapng, that is read: a segment as an adapter joins them has 64 KB."""
LATE_PACKETS = 256
"""A packet that stands so many places after its time is put where it belongs: several processors write one file."""
STREAMS_KEPT = 10_000
STREAM_BYTES = 4096
"""As much of each side of a connection is looked at to tell what it speaks."""
STREAMS_LISTED = 20

_Endpoint = tuple[bytes, int]
_Key = tuple[_Endpoint, _Endpoint]


# Records of the files -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Packet:
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
_TIME_UNIT, _TIME_OFFSET = 9, 14


def is_packets(head: bytes) -> bool:
    """Whether a file begins as a capture of packets does."""
    return head[:4] in _PCAP or head[:4] == _SECTION


def _packets(stream: Bounded, source: Source, wishes: Wishes, ledger: Ledger) -> Iterator[_Packet]:
    """The packets of a file, in the order of their times unless the file's is wished for."""
    packets = _as_written(stream, source, ledger)
    if wishes.order is LineOrder.FILE:
        yield from packets
        return
    heap: list[tuple[int, int, _Packet]] = []
    for packet in packets:
        heapq.heappush(heap, (packet.epoch_ns, packet.number, packet))
        if len(heap) > LATE_PACKETS:
            yield heapq.heappop(heap)[2]
    while heap:
        yield heapq.heappop(heap)[2]


def _as_written(stream: Bounded, source: Source, ledger: Ledger) -> Iterator[_Packet]:
    magic = stream.read(4)
    if magic == _SECTION:
        yield from _blocks(_Records(stream, source, ledger), source, ledger)
    else:
        yield from _records(_Records(stream, source, ledger), *_PCAP[magic])


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


def _records(file: _Records, order: str, fraction_ns: int) -> Iterator[_Packet]:
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
        yield _Packet(file.number, seconds * S + fraction * fraction_ns, link, data, max(0, size - kept))


@dataclass(frozen=True, slots=True)
class _Interface:
    link: int
    unit: tuple[int, int] = (10, 6)
    """A base and its negative power: the seconds of one unit of its times."""
    offset_ns: int = 0

    def epoch_ns(self, units: int) -> int:
        base, power = self.unit
        return self.offset_ns + units * S // int(base**power)


def _blocks(file: _Records, source: Source, ledger: Ledger) -> Iterator[_Packet]:
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
            interfaces.append(_interface(body, order))
        elif kind in (_ENHANCED, _OLD_PACKET, _SIMPLE):
            packet = _packet_of(kind, body, order, interfaces, file, ledger)
            if packet is not None:
                yield packet
        kind = None


def _interface(body: bytes, order: str) -> _Interface:
    link, unit, offset_ns, at = struct.unpack_from(order + "H", body)[0], (10, 6), 0, 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == _TIME_UNIT and size == 1:
            unit = (2 if value[0] & 0x80 else 10, value[0] & 0x7F)
        elif code == _TIME_OFFSET and size == 8:
            offset_ns = struct.unpack(order + "q", value)[0] * S
        at += 4 + size + -size % 4
    return _Interface(link, unit, offset_ns)


def _packet_of(
    kind: int, body: bytes, order: str, interfaces: list[_Interface], file: _Records, ledger: Ledger
) -> _Packet | None:
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
    return _Packet(file.number, interface.epoch_ns(high << 32 | low), interface.link, data, max(0, size - len(data)))


# Inside a packet ----------------------------------------------------------------------------------------------

_LINKS: dict[int, type[dpkt.Packet]] = {
    0: dpkt.loopback.Loopback,
    1: dpkt.ethernet.Ethernet,
    12: dpkt.ip.IP,
    14: dpkt.ip.IP,
    101: dpkt.ip.IP,
    108: dpkt.loopback.Loopback,
    113: dpkt.sll.SLL,
    228: dpkt.ip.IP,
    229: dpkt.ip6.IP6,
    276: dpkt.sll2.SLL2,
}
"""Link types by their number in the file: null, Ethernet, raw IP (under several numbers), loopback, Linux cooked."""
_RAW_IP = frozenset({12, 14, 101, 228, 229})
_VLAN = frozenset({0x8100, 0x88A8, 0x9100})


def _segment(packet: _Packet, ledger: Ledger) -> tuple[_Endpoint, _Endpoint, Segment] | None:
    """The TCP segment in a packet, from where and to where; None where there is none."""
    ip = _internet(packet, ledger)
    if ip is None:
        return None
    tcp = ip.data
    if not isinstance(tcp, dpkt.tcp.TCP):
        if isinstance(ip, dpkt.ip.IP) and ip.p == 6:
            what = "a fragment of an IP packet" if ip.mf or ip.offset else "a TCP head that is cut off"
            ledger.left(packet.number, bytes(packet.data[:32]).hex(" "), what)
        return None
    data = bytes(tcp.data)
    size = _size(ip)
    lacks = 0 if not packet.lacks else packet.lacks if size is None else max(0, size - len(data))
    return (
        (bytes(ip.src), tcp.sport),
        (bytes(ip.dst), tcp.dport),
        Segment(
            number=packet.number,
            epoch_ns=packet.epoch_ns,
            sequence=tcp.seq,
            acknowledged=tcp.ack if tcp.flags & dpkt.tcp.TH_ACK else None,
            data=data,
            lacks=lacks,
            syn=bool(tcp.flags & dpkt.tcp.TH_SYN),
            fin=bool(tcp.flags & dpkt.tcp.TH_FIN),
            reset=bool(tcp.flags & dpkt.tcp.TH_RST),
        ),
    )


def _size(ip: dpkt.ip.IP | dpkt.ip6.IP6) -> int | None:
    """Bytes of TCP data as the heads claim them; None where an adapter had yet to cut them up."""
    if isinstance(ip, dpkt.ip.IP):
        return ip.len - ip.hl * 4 - ip.data.off * 4 if ip.len else None
    return ip.plen - sum(len(head) for head in ip.all_extension_headers) - ip.data.off * 4 if ip.plen else None


def _internet(packet: _Packet, ledger: Ledger) -> dpkt.ip.IP | dpkt.ip6.IP6 | None:
    kind = _LINKS.get(packet.link)
    if kind is None:
        ledger.count(f"{{n}} packets of link type {packet.link} are not read, first packet {{line}}", packet.number)
        return None
    try:
        if packet.link in _RAW_IP:
            kind = dpkt.ip6.IP6 if packet.data[:1] and packet.data[0] >> 4 == 6 else dpkt.ip.IP
        layer = kind(packet.data)
        # Cooked packets may have tags too, which dpkt takes off in Ethernet only.
        inner = layer if isinstance(layer, dpkt.ip.IP | dpkt.ip6.IP6) else layer.data
        kind_of = getattr(layer, "ethtype", 0)
        while isinstance(inner, bytes) and kind_of in _VLAN and len(inner) >= 4:
            kind_of, inner = int.from_bytes(inner[2:4]), inner[4:]
            if kind_of in (0x0800, 0x86DD):
                inner = (dpkt.ip.IP if kind_of == 0x0800 else dpkt.ip6.IP6)(inner)
        if isinstance(inner, dpkt.ethernet.Ethernet):
            inner = inner.data
    except (dpkt.Error, struct.error, IndexError, ValueError) as error:
        ledger.left(packet.number, packet.data[:32].hex(" "), f"a packet that cannot be read: {error}")
        return None
    return inner if isinstance(inner, dpkt.ip.IP | dpkt.ip6.IP6) else None


# Connections --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stream:
    """One TCP connection: two sides, the one that dialled first where that was seen."""

    number: int
    ends: tuple[_Endpoint, _Endpoint]
    sides: dict[_Endpoint, Side]
    begun: int | None = None
    """Sequence number of the first SYN of the side that dialled."""
    up: bool = False
    told_up: bool = False
    down: bool = False
    packets: int = 0
    first_ns: int = 0
    sample: dict[_Endpoint, bytearray] = field(default_factory=dict)
    bytes_: int = 0
    pile_end: _Endpoint | None = None
    pile: str = ""
    frames: int = 0

    def side(self, end: _Endpoint) -> Side:
        return self.sides[end]

    def other(self, end: _Endpoint) -> _Endpoint:
        return self.ends[1] if end == self.ends[0] else self.ends[0]

    @property
    def title(self) -> str:
        one, two = (_place(end) for end in self.ends)
        told = f"pile {self.pile}" if self.pile else "no frames"
        return f"{self.number}: {one} - {two}, {self.packets} packets, {self.bytes_} bytes, {told}"


def _place(end: _Endpoint) -> str:
    address = ipaddress.ip_address(end[0])
    return f"[{address}]:{end[1]}" if address.version == 6 else f"{address}:{end[1]}"


class _Table:
    """The connections of a file, told apart by their ends and by their SYNs."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[_Key, _Stream] = {}
        self.count = 0

    def stream(self, source: _Endpoint, target: _Endpoint, segment: Segment) -> _Stream | None:
        """The connection of a segment."""
        key = (source, target) if source <= target else (target, source)
        stream = self._open.get(key)
        dials = segment.syn and segment.acknowledged is None
        if stream is not None and dials and stream.begun != segment.sequence:
            # The same ports once more: another connection, unless this is its very first segment that came late.
            fresh = stream.begun is not None or stream.down or source not in stream.sides
            stream = None if fresh or stream.side(source).base != (segment.sequence + 1) % (1 << 32) else stream
        if stream is None:
            if self.count >= STREAMS_KEPT:
                self._ledger.count(
                    f"{{n}} packets belong to more than {STREAMS_KEPT} connections, first {{line}}", segment.number
                )
                return None
            self.count += 1
            backwards = segment.syn and segment.acknowledged is not None
            ends = (target, source) if backwards else (source, target)
            stream = _Stream(self.count, ends, {source: Side(), target: Side()}, first_ns=segment.epoch_ns)
            self._open[key] = stream
        if dials:
            stream.begun = segment.sequence
        stream.packets += 1
        return stream


def _survey(source: Source, wishes: Wishes, ledger: Ledger) -> list[_Stream]:
    """Every connection of the file, with the beginning of what each side sent."""
    quiet = Ledger()
    table = _Table(quiet)
    streams: dict[int, _Stream] = {}
    with source.open() as file:
        for packet in _packets(file, source, wishes, ledger):
            found = _segment(packet, ledger)
            if found is None:
                continue
            origin, target, segment = found
            stream = table.stream(origin, target, segment)
            if stream is None:
                continue
            streams[stream.number] = stream
            sample = stream.sample.setdefault(origin, bytearray())
            # Past what is looked at nothing has to be put together.
            if len(sample) < STREAM_BYTES:
                for run in stream.side(origin).take(segment):
                    sample += run.data
            stream.bytes_ += len(segment.data)
    for stream in streams.values():
        for end, side in stream.sides.items():
            sample = stream.sample.setdefault(end, bytearray())
            for run in side.finish():
                sample += run.data[:STREAM_BYTES]
    return list(streams.values())


def _look(stream: _Stream, protocol: Protocol) -> None:
    """What of a connection its frames tell: which end is the pile, and its number."""
    votes: dict[_Endpoint, int] = {}
    piles: dict[str, int] = {}
    for end, sample in stream.sample.items():
        framer = protocol.framer(Direction.UP)
        for item in framer.feed(bytes(sample), 0) + framer.gap():
            way = natural(protocol, item) if isinstance(item, Frame) and item.sound else None
            if way is None or not isinstance(item, Frame):
                continue
            stream.frames += 1
            pile_end = end if way is Direction.UP else stream.other(end)
            votes[pile_end] = votes.get(pile_end, 0) + 1
            if item.pile:
                piles[item.pile] = piles.get(item.pile, 0) + 1
    if votes:
        stream.pile_end = max(votes, key=lambda end: votes[end])
        stream.pile = max(piles, key=lambda pile: piles[pile]) if piles else ""


def _chosen(
    source: Source, streams: list[_Stream], protocol: Protocol, wishes: Wishes, ledger: Ledger
) -> list[_Stream]:
    """The connections that are wanted, of one pile; FileError lists them where none or several are meant."""
    speaking = [stream for stream in streams if stream.frames]
    listed = "; ".join(stream.title for stream in (speaking or streams)[:STREAMS_LISTED])
    if wishes.stream:
        chosen = [stream for stream in streams if stream.number == wishes.stream]
        if not chosen:
            raise source.error(None, f"expected connection {wishes.stream} in the file, found {listed}")
    elif wishes.pile:
        chosen = [stream for stream in speaking if _is_pile(stream, wishes.pile)]
        if not chosen:
            raise source.error(None, f"expected a connection of pile {wishes.pile}, found {listed}")
    else:
        chosen = speaking
    if not chosen:
        raise source.error(None, f"expected a TCP connection with frames of {protocol.name}, found {listed or 'none'}")
    if len({stream.pile for stream in chosen}) > 1:
        problem = f"expected the connections of one pile, found several: choose with --pile or --stream: {listed}"
        raise SeveralPilesError(str(source.path), problem, tuple(dict.fromkeys(_pile_of(stream) for stream in chosen)))
    left = len(streams) - len(chosen)
    if left:
        ledger.remark(f"{left} other TCP connections of the file are left out")
    return chosen


def _pile_of(stream: _Stream) -> str:
    """The number of a connection's pile, else its address."""
    return stream.pile or (str(ipaddress.ip_address(stream.pile_end[0])) if stream.pile_end else "")


def _is_pile(stream: _Stream, wished: str) -> bool:
    if wished == stream.pile:
        return True
    return stream.pile_end is not None and wished == str(ipaddress.ip_address(stream.pile_end[0]))


def open_packets(source: Source, wishes: Wishes, ledger: Ledger) -> Opened:
    """The recording in a capture of packets. FileError where it holds none, or several and none was chosen."""
    streams = _survey(source, wishes, ledger)
    samples = [bytes(sample) for stream in streams for sample in stream.sample.values() if sample]
    if not samples:
        raise source.error(None, "expected TCP connections with data, found none")
    protocol = _protocol(source, samples, wishes, ledger)
    for stream in streams:
        _look(stream, protocol)
    chosen = _chosen(source, streams, protocol, wishes, ledger)
    numbers = ", ".join(str(stream.number) for stream in chosen)
    ledger.remark(f"TCP connection {numbers} of the file: {'; '.join(_place(e) for e in chosen[0].ends)}")
    vantage = wishes.vantage or Vantage.UNKNOWN
    if vantage is Vantage.UNKNOWN:
        ledger.remark("nothing tells at which end it was recorded (--vantage would): neither end is taken at its word")
    start_ns = min(stream.first_ns for stream in chosen) // S * S
    pile = chosen[0].pile
    if pile:
        ledger.remark(f"pile {pile}, told by its frames")
    senders = {end for stream in chosen for end, sample in stream.sample.items() if sample}
    piles = {stream.pile_end for stream in chosen}
    missing = [Missing.ACTS]
    if not senders & piles:
        missing.append(Missing.UP)
    if not senders - piles:
        missing.append(Missing.DOWN)
    near = End(vantage.value) if vantage in (Vantage.PILE, Vantage.PLATFORM) else End.PLATFORM
    ledger.missing.update(dict.fromkeys(missing))
    ledger.clock = "to the packet, as the recording machine's clock had it"
    header = Header(
        start=local_datetime(start_ns).isoformat(),
        protocol=protocol.name,
        dialect=protocol.overlay,
        pile=pile,
        guns=0,
        ends=(near,),
        vantage=vantage,
        source=source.name,
        missing=tuple(missing),
        stimuli=False,
    )
    player = _Player(source, wishes, {s.number: s for s in chosen}, near, start_ns, ledger)
    return Opened("pcap", header, player.events(), ledger)


def _protocol(source: Source, samples: list[bytes], wishes: Wishes, ledger: Ledger) -> Protocol:
    """The protocol by those samples that have frames of any: other connections may be anything."""
    if not wishes.protocol:
        for sample in samples:
            try:
                likely_protocol(source, [sample], wishes, Ledger())
            except FileError:
                continue
            return likely_protocol(source, [sample], wishes, ledger)
    return likely_protocol(source, samples, wishes, ledger)


class _Player:
    """The second reading: the chosen connections as events."""

    def __init__(
        self, source: Source, wishes: Wishes, chosen: dict[int, _Stream], near: End, start_ns: int, ledger: Ledger
    ) -> None:
        self._source = source
        self._wishes = wishes
        self._chosen = chosen
        self._near = near
        self._start_ns = start_ns
        self._ledger = ledger
        self._t_ns = 0
        self._current = 0
        """Number of the connection that stands: a pile has one, and a new one ends the old."""

    def events(self) -> Iterator[AnyEvent]:
        quiet = Ledger()
        table = _Table(quiet)
        seen: dict[int, _Stream] = {}
        with self._source.open() as file:
            for packet in _packets(file, self._source, self._wishes, quiet):
                found = _segment(packet, quiet)
                if found is None:
                    continue
                origin, target, segment = found
                stream = table.stream(origin, target, segment)
                if stream is None or stream.number not in self._chosen:
                    continue
                stream.pile_end = self._chosen[stream.number].pile_end
                seen[stream.number] = stream
                self._clock(segment)
                yield from self._take(stream, origin, segment)
        for stream in seen.values():
            for end, side in stream.sides.items():
                yield from self._given(stream, end, side.finish())
            self._sum_up(stream)
        yield Finish(t_ns=self._t_ns)

    def _clock(self, segment: Segment) -> None:
        t_ns = segment.epoch_ns - self._start_ns
        if t_ns < self._t_ns:
            self._ledger.count(
                "{n} packets are stamped earlier than one before them, first packet {line}: its time is theirs",
                segment.number,
            )
        self._t_ns = max(self._t_ns, t_ns)

    def _take(self, stream: _Stream, origin: _Endpoint, segment: Segment) -> Iterator[AnyEvent]:
        side, other = stream.side(origin), stream.side(stream.other(origin))
        if segment.acknowledged is not None and not segment.syn:
            other.expect(segment.acknowledged)
        runs = side.take(segment)
        answers = segment.syn and segment.acknowledged is not None
        if answers:
            stream.up = True
        if stream.up and not stream.told_up and not segment.syn and not segment.reset:
            stream.told_up = True
            self._current = stream.number
            yield LineUp(t_ns=self._t_ns, end=self._near, peer=_place(stream.pile_end or stream.ends[0]))
        if segment.acknowledged is not None and not segment.syn:
            # What this side has had came before what it answers.
            yield from self._given(stream, stream.other(origin), other.acknowledged(segment.acknowledged))
        yield from self._given(stream, origin, runs)
        if segment.lacks:
            self._ledger.count(
                "{n} packets were cut short when they were recorded, first packet {line}", segment.number
            )
        closed = [end for end, one in stream.sides.items() if one.fin_at is not None and one.next >= one.fin_at]
        if (segment.reset or closed) and not stream.down:
            for end, one in stream.sides.items():
                yield from self._given(stream, end, one.finish())
            stream.down = True
            if stream.number == self._current or not self._current:
                by = End.PILE if (origin if segment.reset else closed[0]) == stream.pile_end else End.PLATFORM
                reason = "reset" if segment.reset else "closed"
                yield LineDown(t_ns=self._t_ns, end=self._near, by=by.value, reason=reason)
        if self._is_left(stream):
            # Neither side closes it: it was lost after this packet, and the pile dials anew.
            for end, one in stream.sides.items():
                yield from self._given(stream, end, one.finish())
            stream.down = True
            yield LineDown(t_ns=self._t_ns, end=self._near, reason="nothing more of this connection")

    def _is_left(self, stream: _Stream) -> bool:
        """This was the last packet of the connection that stands, and another one follows."""
        if stream.down or stream.number != (self._current or stream.number):
            return False
        return stream.packets == self._chosen[stream.number].packets and stream.number < max(self._chosen)

    def _given(self, stream: _Stream, end: _Endpoint, runs: list[Run]) -> Iterator[AnyEvent]:
        way = Direction.UP if end == stream.pile_end else Direction.DOWN
        for run in runs:
            if stream.down or (self._current > stream.number):
                self._ledger.count(
                    "{n} segments came after their connection was over, first packet {line}: left out", run.packet
                )
                continue
            if run.lost:
                self._ledger.missing.setdefault(Missing.BYTES)
                self._ledger.left(run.packet, "", f"{run.lost} bytes {way} before this packet are not in the file")
                yield Note(
                    t_ns=self._t_ns, text=f"{run.lost} bytes {way} before packet {run.packet} are not in the log"
                )
            yield Chunk(
                t_ns=self._t_ns, end=self._near, direction=way, data=run.data, altered=run.lost > 0, line=run.packet
            )

    def _sum_up(self, stream: _Stream) -> None:
        repeated = sum(side.repeated for side in stream.sides.values())
        late = sum(side.late for side in stream.sides.values())
        if repeated:
            self._ledger.remark(
                f"connection {stream.number}: {repeated} segments were sent, or recorded, more than once"
            )
        if late:
            self._ledger.remark(f"connection {stream.number}: {late} segments came out of order")
