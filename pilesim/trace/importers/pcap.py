"""Captures of packets (pcap, pcapng): the TCP connections of one pile as a recording.

Owns what is inside a packet and the choice among connections. Must not know how bytes of a connection are put in order,
nor any protocol. The only importer of dpkt, which reads what is inside a packet. Its readers of files are not used:
they give times as floating numbers, know one interface a file, and believe every length that a file claims.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import dpkt  # type: ignore[import-untyped]

from pilesim.errors import FileError
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineDown, LineUp, Missing, Note, Vantage
from pilesim.trace.importers.imported import Ledger, Opened, SeveralPilesError, Wishes
from pilesim.trace.importers.packets import Packet, packets
from pilesim.trace.importers.sample import likely_protocol, natural
from pilesim.trace.importers.source import Source
from pilesim.trace.importers.tcp import Run, Segment, Side
from pilesim.units import S, agreeing, local_datetime, numbered
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.protocol import Protocol

STREAMS_KEPT = 10_000
STREAM_BYTES = 4096
"""As much of each side of a connection is looked at to tell what it speaks."""
STREAMS_LISTED = 20

_Endpoint = tuple[bytes, int]
_Key = tuple[_Endpoint, _Endpoint]


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


def _segment(packet: Packet, ledger: Ledger) -> tuple[_Endpoint, _Endpoint, Segment] | None:
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


def _internet(packet: Packet, ledger: Ledger) -> dpkt.ip.IP | dpkt.ip6.IP6 | None:
    kind = _LINKS.get(packet.link)
    if kind is None:
        ledger.count(
            f"{{n}} packet[|s] of link type {packet.link} [is|are] not read, first packet {{line}}", packet.number
        )
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
                    f"{{n}} packet[|s] belong[s|] to more than {STREAMS_KEPT} connections, first {{line}}",
                    segment.number,
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
        for packet in packets(file, source, wishes, ledger):
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
        ledger.remark(numbered(left, "other TCP connection[|s] of the file [is|are] left out"))
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
            for packet in packets(file, self._source, self._wishes, quiet):
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
                "{n} packet[|s] [is|are] stamped earlier than one before, first packet {line}: its time is taken",
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
            self._ledger.count("{n} packet[|s] [was|were] cut short when recorded, first packet {line}", segment.number)
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
                    "{n} segment[|s] came after the connection was over, first packet {line}: left out", run.packet
                )
                continue
            if run.lost:
                self._ledger.missing.setdefault(Missing.BYTES)
                self._ledger.left(
                    run.packet,
                    "",
                    numbered(run.lost, f"byte[|s] {way} before this packet [is|are] not in the file"),
                )
                yield Note(
                    t_ns=self._t_ns,
                    text=agreeing(
                        run.lost, f"{run.lost} byte[|s] {way} before packet {run.packet} [is|are] not in the log"
                    ),
                )
            yield Chunk(
                t_ns=self._t_ns, end=self._near, direction=way, data=run.data, altered=run.lost > 0, line=run.packet
            )

    def _sum_up(self, stream: _Stream) -> None:
        repeated = sum(side.repeated for side in stream.sides.values())
        late = sum(side.late for side in stream.sides.values())
        if repeated:
            what = numbered(repeated, "segment[|s] [was|were] sent, or recorded, more than once")
            self._ledger.remark(f"connection {stream.number}: {what}")
        if late:
            self._ledger.remark(f"connection {stream.number}: {numbered(late, 'segment[|s] came out of order')}")
