"""A recording as lines of hex: a time, a mark of the direction, the bytes of one chunk with spaces between them.

Owns the form of a line. Must not know any protocol. Who recorded at one end has sent (TX) and received (RX); where that
is not known, the marks say which way the bytes went (上行, 下行).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineDown, LineUp, Missing
from pilesim.units import MINUTE, S, local_datetime, parse_world_start_ns
from pilesim.wire.frame import Direction

NS_DIGITS = 9
UP_MARK, DOWN_MARK = "上行", "下行"
SENT_MARK, RECEIVED_MARK = "TX", "RX"
CONNECTED, DISCONNECTED = "connected", "disconnected"
ENDED = f"{DISCONNECTED} (the recording ends)"
"""Lines that tell only when the line came up would leave open whether it ever went down."""


def hex_lines(header: Header, events: Iterable[AnyEvent]) -> Iterator[bytes]:
    """The chunks and connections of a recording at one end, a line each, with its end, in UTF-8.

    Times are as fine as the recording's; one whose times are made up has none.
    """
    start_ns = parse_world_start_ns(header.start)
    timeless = Missing.TIMES in header.missing
    marks = _marks(header)
    told: set[type] = set()
    for event in events:
        match event:
            case Chunk():
                said = f"{marks[event.direction]} {event.data.hex(' ').upper()}"
            case LineUp():
                said = CONNECTED
            case LineDown():
                said = DISCONNECTED
            case Finish() if told == {LineUp}:
                said = ENDED
            case _:
                continue
        told |= {type(event)} & {LineUp, LineDown}
        stamp = "" if timeless else _stamp(start_ns + event.t_ns, header.resolution_ns) + " "
        yield f"{stamp}{said}\n".encode()


def _marks(header: Header) -> dict[Direction, str]:
    """What a line says of bytes that go up, and down."""
    if header.between:
        return {Direction.UP: UP_MARK, Direction.DOWN: DOWN_MARK}
    sends = header.ends[0].sends
    return {way: SENT_MARK if way is sends else RECEIVED_MARK for way in Direction}


def _stamp(epoch_ns: int, resolution_ns: int) -> str:
    """Local time with no more than the recording tells: whoever reads it judges by how fine its times are."""
    when = local_datetime(epoch_ns)
    if resolution_ns >= MINUTE:
        return f"{when:%Y-%m-%d %H:%M}"
    digits = NS_DIGITS if resolution_ns == 0 else len(str(S // resolution_ns)) - 1
    fraction = f"{epoch_ns % S:0{NS_DIGITS}}"[:digits]
    return f"{when:%Y-%m-%d %H:%M:%S}" + (f".{fraction}" if fraction else "")
