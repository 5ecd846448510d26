"""Logs made from recordings, by the definitions of their forms and by none of the importers' code.

Packets: the pcap and pcapng formats (IETF drafts of the tcpdump group), Ethernet, 802.1Q, Linux cooked, BSD loopback,
IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineDown, LineUp, Trace
from pilesim.units import parse_world_start_ns
from pilesim.wire.frame import Direction, End

CHINA = timezone(timedelta(hours=8))
UP, DOWN = Direction.UP, Direction.DOWN


@dataclass(frozen=True)
class Passed:
    """Bytes that passed one end."""

    epoch_ns: int
    direction: Direction
    data: bytes


def passed(trace: Trace, end: End) -> list[Passed]:
    """What a logger at `end` sees."""
    start_ns = parse_world_start_ns(trace.header.start)
    return [
        Passed(start_ns + event.t_ns, event.direction, event.data)
        for event in trace.events
        if isinstance(event, Chunk) and event.end is end
    ]


def at_one_end(trace: Trace, end: End, *, lines: bool) -> Trace:
    """The recording as somebody at `end` would have it, who knows only what passed; `lines`: and connections."""
    header = Header(
        start=trace.header.start,
        protocol=trace.header.protocol,
        pile=trace.header.pile,
        guns=0,
        ends=(end,),
        stimuli=False,
    )
    kinds = (Chunk, LineUp, LineDown) if lines else (Chunk,)
    events: list[AnyEvent] = [event for event in trace.events if isinstance(event, kinds) and event.end is end]
    last_ns = events[-1].t_ns if events else 0
    return Trace(header, (*events, Finish(t_ns=last_ns)))


# Text ---------------------------------------------------------------------------------------------------------


def local(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // 10**9, CHINA)


def stamp(ns: int, layout: str = "%Y-%m-%d %H:%M:%S", sign: str = ".", digits: int = 3) -> str:
    """A time, cut to `digits` decimals."""
    fraction = f"{ns % 10**9:09}"[:digits]
    return local(ns).strftime(layout) + (sign + fraction if digits else "")


def spaced(data: bytes) -> str:
    return data.hex(" ").upper()


def solid(data: bytes) -> str:
    return data.hex().upper()


def listed(data: bytes) -> str:
    return ", ".join(f"0x{byte:02x}" for byte in data)


def hexdump(data: bytes) -> list[str]:
    """As `hexdump -C` prints it."""
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {left:<23}  {right:<23}  |{shown}|")
    return [*lines, f"{len(data):08x}"]


Render = Callable[[Sequence[Passed], End], list[str]]


def marked(
    sent: str,
    received: str,
    form: Callable[[bytes], str] = spaced,
    line: str = "[{time}] {mark}: {data}",
    **time: object,
) -> Render:
    """A program's own log: its end sends, and receives."""

    def render(items: Sequence[Passed], end: End) -> list[str]:
        return [
            line.format(
                time=stamp(item.epoch_ns, **time),  # type: ignore[arg-type]
                mark=sent if item.direction is end.sends else received,
                data=form(item.data),
                size=len(item.data),
            )
            for item in items
        ]

    return render


def absolute(up: str, down: str, line: str = "{time} {mark} {data}", form: Callable[[bytes], str] = spaced) -> Render:
    """A log whose marks mean the same wherever it was made."""

    def render(items: Sequence[Passed], end: End) -> list[str]:
        return [
            line.format(time=stamp(i.epoch_ns), mark=up if i.direction is UP else down, data=form(i.data))
            for i in items
        ]

    return render


def epoch_ms(items: Sequence[Passed], end: End) -> list[str]:
    return [f"{i.epoch_ns // 10**6},{'TX' if i.direction is end.sends else 'RX'},{solid(i.data)}" for i in items]


def header_lines(items: Sequence[Passed], end: End) -> list[str]:
    """A serial assistant's: the time and the way stand above the bytes, which are cut into lines of 20."""
    lines: list[str] = []
    for item in items:
        lines += ["", f"[{stamp(item.epoch_ns)}]# {'SEND' if item.direction is end.sends else 'RECV'} HEX>"]
        lines += [spaced(item.data[at : at + 20]) for at in range(0, len(item.data), 20)]
    return lines


def dumps(items: Sequence[Passed], end: End) -> list[str]:
    lines: list[str] = []
    for item in items:
        lines += [f"{stamp(item.epoch_ns)} {'>>' if item.direction is end.sends else '<<'}", *hexdump(item.data)]
    return lines


def unmarked(items: Sequence[Passed], end: End) -> list[str]:
    return [f"{stamp(item.epoch_ns)} {spaced(item.data)}" for item in items]


def cut_over_lines(items: Sequence[Passed], end: End) -> list[str]:
    """Each frame over two lines of their own time and mark."""
    lines: list[str] = []
    for item in items:
        for part in (item.data[: len(item.data) // 2], item.data[len(item.data) // 2 :]):
            if part:
                lines.append(f"{stamp(item.epoch_ns)} {'TX' if item.direction is end.sends else 'RX'} {solid(part)}")
    return lines


def jpnevulator(items: Sequence[Passed], end: End) -> list[str]:
    """Two ports, by their names: the pile hangs on ttyS0."""
    lines: list[str] = []
    for item in items:
        port = "/dev/ttyS0" if item.direction is UP else "/dev/ttyS1"
        lines += [f"{stamp(item.epoch_ns, digits=6)}: {port}"]
        lines += [spaced(item.data[at : at + 16]) for at in range(0, len(item.data), 16)]
    return lines


def jpnevulator_with_characters(items: Sequence[Passed], end: End) -> list[str]:
    """As `jpnevulator --ascii`: the characters, which may look like bytes or marks, stand right behind a full row."""
    lines: list[str] = []
    for item in items:
        lines += [f"{stamp(item.epoch_ns, digits=6)}: /dev/{'ttyS0' if item.direction is UP else 'ttyS1'}"]
        for at in range(0, len(item.data), 16):
            row = item.data[at : at + 16]
            lines.append(f"{spaced(row):48}" + "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row))
    return lines


def socat(items: Sequence[Passed], end: End) -> list[str]:
    """As `socat -x` writes it."""
    lines: list[str] = []
    for item in items:
        mark = ">" if item.direction is end.sends else "<"
        time = stamp(item.epoch_ns, "%Y/%m/%d %H:%M:%S", digits=6)
        lines += [f"{mark} {time}  length={len(item.data)} from=0 to={len(item.data) - 1}", f" {item.data.hex(' ')}"]
        lines += ["--"]
    return lines


def portmon(items: Sequence[Passed], end: End) -> list[str]:
    """Numbered lines, times since the tool began."""
    first_ns = items[0].epoch_ns
    return [
        f"{n}\t{(i.epoch_ns - first_ns) / 1e9:.6f}\tpile.exe\t"
        f"{'IRP_MJ_WRITE' if i.direction is end.sends else 'IRP_MJ_READ'}\tSerial0\tSUCCESS\t"
        f"Length {len(i.data)}: {spaced(i.data)}"
        for n, i in enumerate(items)
    ]


UPTIME_S = 4321
"""A device has been up for so long when it writes its first line."""


def uptimes(items: Sequence[Passed]) -> Iterable[tuple[int, Passed]]:
    """Each with the microseconds since its device was started."""
    return ((UPTIME_S * 10**6 + (item.epoch_ns - items[0].epoch_ns) // 1000, item) for item in items)


def since_boot(line: str, form: Callable[[bytes], str] = spaced) -> Render:
    """Firmware's: `ms` since it was started, by the functions that send and receive."""

    def render(items: Sequence[Passed], end: End) -> list[str]:
        return [
            line.format(ms=us // 1000, way="tx" if item.direction is end.sends else "rx", data=form(item.data))
            for us, item in uptimes(items)
        ]

    return render


def ulog_hex(items: Sequence[Passed], end: End) -> list[str]:
    """As RT-Thread's `ulog_hexdump` writes bytes: a line of 16, with what they are counted from."""
    return [
        f"[{us // 1000}] D/HEX uart_{'tx' if item.direction is end.sends else 'rx'}: {at:04X}-{at + 15:04X}: "
        f"{spaced(item.data[at : at + 16])}"
        for us, item in uptimes(items)
        for at in range(0, len(item.data), 16)
    ]


def zephyr_time(us: int) -> str:
    seconds, part = divmod(us, 10**6)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"[{hours:02}:{minutes:02}:{seconds % 60:02}.{part // 1000:03},{part % 1000:03}]"


def zephyr(items: Sequence[Passed], end: End) -> list[str]:
    """As Zephyr's LOG_HEXDUMP_INF writes them: under the heading, 16 a line, and beside them what they would spell."""
    lines: list[str] = []
    for us, item in uptimes(items):
        lines.append(f"{zephyr_time(us)} <inf> uart_link: {'tx' if item.direction is end.sends else 'rx'}")
        for at in range(0, len(item.data), 16):
            row = item.data[at : at + 16]
            shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            lines.append(f"{'':38}{row.hex(' ')} |{shown}")
    return lines


def two_columns(items: Sequence[Passed], end: End) -> list[str]:
    return [
        f"{stamp(item.epoch_ns)} | "
        + " | ".join(spaced(item.data) if item.direction is way else "" for way in Direction)
        for item in items
    ]


def signed(data: bytes) -> str:
    """As Java's `Arrays.toString` has bytes."""
    return f"[{', '.join(str(byte - 256 if byte > 127 else byte) for byte in data)}]"


def netty(items: Sequence[Passed], end: End) -> list[str]:
    """As Netty's `LoggingHandler` has what was read and written: a dump in a box below each line."""
    rule = "+--------+-------------------------------------------------+----------------+"
    head = [
        "         +-------------------------------------------------+",
        f"         |{'':2}{'  '.join('0123456789abcdef')} |",
    ]
    lines: list[str] = []
    for item in items:
        way = "WRITE" if item.direction is end.sends else "READ"
        lines.append(f"{stamp(item.epoch_ns)} DEBUG - [id: 0x6b2f1a00] {way}: {len(item.data)}B")
        lines += [*head, rule]
        for at in range(0, len(item.data), 16):
            row = item.data[at : at + 16]
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            lines.append(f"|{at:08x}| {row.hex(' '):<47} |{text:<16}|")
        lines.append(rule)
    return lines


# Packets ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tcp:
    """One segment as it is on the wire. `up`: from the pile."""

    epoch_ns: int
    up: bool
    sequence: int
    acknowledged: int
    data: bytes = b""
    flags: int = 0x10
    pile: tuple[str, int] = ("10.0.0.7", 40000)
    platform: tuple[str, int] = ("192.0.2.1", 9000)


FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


class Talk:
    """One connection, segment by segment, with the numbers of both sides."""

    def __init__(self, up_isn: int = 1000, down_isn: int = 5000, port: int = 40000, pile: str = "10.0.0.7") -> None:
        self.isn = {True: up_isn, False: down_isn}
        self.next = {True: up_isn, False: down_isn}
        self.segments: list[Tcp] = []
        self.pile = (pile, port)

    def add(self, epoch_ns: int, up: bool, data: bytes = b"", flags: int = ACK) -> Tcp:
        wrap = 1 << 32
        acknowledged = self.next[not up] % wrap if flags & ACK else 0
        segment = Tcp(epoch_ns, up, self.next[up] % wrap, acknowledged, data, flags, pile=self.pile)
        self.next[up] += len(data) + bool(flags & (SYN | FIN))
        self.segments.append(segment)
        return segment

    def open(self, epoch_ns: int) -> None:
        self.add(epoch_ns, True, flags=SYN)
        self.add(epoch_ns, False, flags=SYN | ACK)
        self.add(epoch_ns, True)

    def close(self, epoch_ns: int, up: bool = True) -> None:
        self.add(epoch_ns, up, flags=FIN | ACK)
        self.add(epoch_ns, not up, flags=FIN | ACK)
        self.add(epoch_ns, up)


def talk(items: Iterable[Passed], *, opened: bool = True, closed: bool = False, isn: int = 1000) -> list[Tcp]:
    """All of it in one connection."""
    conversation = Talk(isn)
    last_ns = 0
    for item in items:
        if opened:
            conversation.open(item.epoch_ns)
            opened = False
        conversation.add(item.epoch_ns, item.direction is UP, item.data, PSH | ACK)
        last_ns = item.epoch_ns
    if closed:
        conversation.close(last_ns)
    return conversation.segments


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp_bytes(segment: Tcp) -> bytes:
    (source, target) = (segment.pile, segment.platform) if segment.up else (segment.platform, segment.pile)
    # With a time-stamp option, as every system sends it.
    options = b"\x01\x01\x08\x0a" + struct.pack(">II", 1, 2)
    offset = (20 + len(options)) // 4
    head = struct.pack(
        ">HHIIBBHHH",
        source[1],
        target[1],
        segment.sequence,
        segment.acknowledged,
        offset << 4,
        segment.flags,
        65535,
        0,
        0,
    )
    return head + options + segment.data


def ipv4(segment: Tcp) -> bytes:
    source, target = (segment.pile, segment.platform) if segment.up else (segment.platform, segment.pile)
    body = tcp_bytes(segment)
    addresses = bytes(int(part) for end in (source, target) for part in end[0].split("."))
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, 6, 0) + addresses
    return head[:10] + struct.pack(">H", _checksum(head)) + head[12:] + body


def ipv6(segment: Tcp) -> bytes:
    body = tcp_bytes(segment)
    pile, platform = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x07", b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01"
    addresses = pile + platform if segment.up else platform + pile
    return struct.pack(">IHBB", 0x60000000, len(body), 6, 64) + addresses + body


def ethernet(segment: Tcp, ip: Callable[[Tcp], bytes] = ipv4, tags: bytes = b"") -> bytes:
    kind = b"\x08\x00" if ip is ipv4 else b"\x86\xdd"
    frame = bytes.fromhex("020000000001020000000002") + tags + kind + ip(segment)
    # Ethernet fills short frames up.
    return frame.ljust(60, b"\0")


def vlan(segment: Tcp) -> bytes:
    return ethernet(segment, tags=b"\x81\x00\x00\x2a")


def qinq(segment: Tcp) -> bytes:
    return ethernet(segment, tags=b"\x88\xa8\x00\x01\x81\x00\x00\x2a")


def ethernet6(segment: Tcp) -> bytes:
    return ethernet(segment, ipv6)


def cooked(segment: Tcp) -> bytes:
    return b"\x00\x00\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00\x08\x00" + ipv4(segment)


def cooked_vlan(segment: Tcp) -> bytes:
    return b"\x00\x00\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00\x81\x00\x00\x2a\x08\x00" + ipv4(segment)


def cooked2(segment: Tcp) -> bytes:
    return b"\x08\x00\x00\x00\x00\x00\x00\x02\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00" + ipv4(segment)


def loopback(segment: Tcp) -> bytes:
    return b"\x02\x00\x00\x00" + ipv4(segment)


LINKS: dict[str, tuple[int, Callable[[Tcp], bytes]]] = {
    "ethernet": (1, ethernet),
    "vlan": (1, vlan),
    "two vlans": (1, qinq),
    "ipv6": (1, ethernet6),
    "linux cooked": (113, cooked),
    "linux cooked, vlan": (113, cooked_vlan),
    "linux cooked 2": (276, cooked2),
    "loopback": (0, loopback),
    "raw ip": (101, ipv4),
    "raw ipv6": (101, ipv6),
}


def pcap(
    segments: Iterable[Tcp], link: str = "ethernet", *, order: str = "<", nanoseconds: bool = False, snap: int = 65535
) -> bytes:
    """A pcap file."""
    number, wrap = LINKS[link]
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    unit = 1 if nanoseconds else 1000
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, number)]
    for segment in segments:
        data = wrap(segment)
        seconds, rest = divmod(segment.epoch_ns, 10**9)
        out.append(struct.pack(order + "IIII", seconds, rest // unit, min(snap, len(data)), len(data)) + data[:snap])
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(
    segments: Iterable[Tcp], links: Sequence[str] = ("ethernet",), *, order: str = "<", resolution: int = 9
) -> bytes:
    """A pcapng file, each packet on the next of its interfaces."""
    out = [block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)]
    for link in links:
        options = struct.pack(order + "HHB3x", 9, 1, resolution) + struct.pack(order + "HH", 0, 0)
        out.append(block(1, struct.pack(order + "HHI", LINKS[link][0], 0, 65535) + options, order))
    out.append(block(4, struct.pack(order + "HH", 0, 0), order))
    for n, segment in enumerate(segments):
        which = n % len(links)
        data = LINKS[links[which]][1](segment)
        units = segment.epoch_ns * 10**resolution // 10**9
        head = struct.pack(order + "IIIII", which, units >> 32, units & 0xFFFFFFFF, len(data), len(data))
        out.append(block(6, head + data, order))
    return b"".join(out)


def moved(segments: Sequence[Tcp], pile: str, port: int) -> list[Tcp]:
    """The same talk of another pile."""
    return [replace(segment, pile=(pile, port)) for segment in segments]
