"""A recording as captured packets (pcapng): a TCP connection for each time that the line was up.

Owns the made-up ends and the packets of a connection. Must not know any protocol. Addresses are of the ranges that are
kept for documentation (RFC 5737, RFC 9542), so that nobody takes them for somebody's. Each chunk is acknowledged at
once: the recording does not tell when it was. A line that neither end closed just stops, and an acknowledgement with
another window is the last that is seen of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import dpkt  # type: ignore[import-untyped]

from pilesim.trace.events import AnyEvent, Chunk, Header, LineDown, LineUp
from pilesim.units import parse_world_start_ns
from pilesim.wire.frame import End

ADDRESSES = {End.PILE: bytes((192, 0, 2, 10)), End.PLATFORM: bytes((198, 51, 100, 1))}
PLATFORM_PORT = 9000
FIRST_PORT = 49152
PORTS = 16384
"""A pile dials from one of so many ports, a new one each time, as operating systems choose them."""
SEGMENT_BYTES = 1460
"""What fits into a packet of Ethernet."""
WINDOW, LAST_WINDOW = 65535, 65534

_MACS = {End.PILE: bytes.fromhex("00005e005310"), End.PLATFORM: bytes.fromhex("00005e005301")}
_FIRST_SEQUENCE = {End.PILE: 1000, End.PLATFORM: 5000}
_WRAP = 1 << 32
_SYN, _ACK = dpkt.tcp.TH_SYN, dpkt.tcp.TH_ACK
_PSH_ACK, _FIN_ACK = dpkt.tcp.TH_PUSH | _ACK, dpkt.tcp.TH_FIN | _ACK
_NANOSECONDS = b"\x09"
"""The unit of the file's times, as a negative power of ten."""


@dataclass(slots=True)
class _Connection:
    """One TCP connection, and where its numbers are."""

    port: int
    next: dict[End, int] = field(default_factory=lambda: dict(_FIRST_SEQUENCE))
    """The number of the next byte of each end."""

    def opened(self) -> Iterator[bytes]:
        """The pile dials."""
        yield self._packet(End.PILE, _SYN)
        yield self._packet(End.PLATFORM, _SYN | _ACK)
        yield self._packet(End.PILE, _ACK)

    def carries(self, sender: End, data: bytes) -> Iterator[bytes]:
        """Bytes of one end, and the other's acknowledgement."""
        for at in range(0, len(data), SEGMENT_BYTES):
            yield self._packet(sender, _PSH_ACK, data[at : at + SEGMENT_BYTES])
        yield self._packet(sender.other, _ACK)

    def closed(self, by: End) -> Iterator[bytes]:
        """One end hangs up, and then the other."""
        yield self._packet(by, _FIN_ACK)
        yield self._packet(by.other, _FIN_ACK)
        yield self._packet(by, _ACK)

    def lost(self, near: End) -> Iterator[bytes]:
        """The last sign of life, at the end that recorded."""
        yield self._packet(near, _ACK, window=LAST_WINDOW)

    def _packet(self, sender: End, flags: int, data: bytes = b"", window: int = WINDOW) -> bytes:
        receiver = sender.other
        ports = {End.PILE: self.port, End.PLATFORM: PLATFORM_PORT}
        tcp = dpkt.tcp.TCP(
            sport=ports[sender],
            dport=ports[receiver],
            seq=self.next[sender],
            ack=self.next[receiver] if flags & _ACK else 0,
            flags=flags,
            win=window,
            data=data,
        )
        ip = dpkt.ip.IP(src=ADDRESSES[sender], dst=ADDRESSES[receiver], p=dpkt.ip.IP_PROTO_TCP, data=tcp)
        ip.len = len(ip)
        takes_one = flags & (_SYN | dpkt.tcp.TH_FIN) != 0
        self.next[sender] = (self.next[sender] + len(data) + takes_one) % _WRAP
        # Packing fills in the checksums.
        return bytes(dpkt.ethernet.Ethernet(src=_MACS[sender], dst=_MACS[receiver], data=ip))


def pcapng(header: Header, events: Iterable[AnyEvent]) -> Iterator[bytes]:
    """The chunks and connections of a recording at one end, as a file's blocks, with times in ns.

    Bytes before the line was seen to come up are of a connection whose beginning is not in the file.
    """
    yield bytes(dpkt.pcapng.SectionHeaderBlockLE(opts=_options((dpkt.pcapng.PCAPNG_OPT_SHB_USERAPPL, b"pilesim"))))
    resolution = (dpkt.pcapng.PCAPNG_OPT_IF_TSRESOL, _NANOSECONDS)
    yield bytes(dpkt.pcapng.InterfaceDescriptionBlockLE(snaplen=0, opts=_options(resolution)))
    start_ns = parse_world_start_ns(header.start)
    near = header.ends[0]
    dialled = 0
    connection: _Connection | None = None
    for event in events:
        packets: Iterator[bytes] = iter(())
        if isinstance(event, LineUp) or (isinstance(event, Chunk) and connection is None):
            connection = _Connection(FIRST_PORT + dialled % PORTS)
            dialled += 1
        if connection is None:
            continue
        match event:
            case LineUp():
                packets = connection.opened()
            case Chunk():
                packets = connection.carries(event.direction.sender, event.data)
            case LineDown(by=End.PILE.value | End.PLATFORM.value):
                packets, connection = connection.closed(End(event.by)), None
            case LineDown(by="end"):
                # Only the recording was over.
                connection = None
            case LineDown():
                packets, connection = connection.lost(near), None
        for packet in packets:
            yield _block(start_ns + event.t_ns, packet)


def _block(epoch_ns: int, packet: bytes) -> bytes:
    high, low = divmod(epoch_ns, _WRAP)
    return bytes(dpkt.pcapng.EnhancedPacketBlockLE(ts_high=high, ts_low=low, pkt_data=packet))


def _options(*options: tuple[int, bytes]) -> list[dpkt.pcapng.PcapngOptionLE]:
    told = [dpkt.pcapng.PcapngOptionLE(code=code, data=data) for code, data in options]
    return [*told, dpkt.pcapng.PcapngOptionLE(code=dpkt.pcapng.PCAPNG_OPT_ENDOFOPT)]
