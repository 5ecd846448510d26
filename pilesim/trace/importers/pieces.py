"""What a log of bytes holds before it is known which way they went: pieces, with the mark that each line bore.

Must not know any form of log, nor any protocol.
"""

from __future__ import annotations

import msgspec

from pilesim.trace.importers.stamps import Moment
from pilesim.wire.frame import Direction


class Mark(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """What a line says of the way its bytes went, in its own word (`TX`, `上行`, `COM3`)."""

    text: str
    direction: Direction | None = None
    """For a word that means the same wherever the log was made."""
    sent: bool | None = None
    """For a word of whoever made the log: he sent, or received. None for one that only parts two sides (`COM3`)."""
    port: bool = False
    """It is the name of a serial port, or a word of who watches one."""


NO_MARK = Mark("")


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Bytes of one line, or what it tells of the connection."""

    line: int
    moment: Moment | None
    mark: Mark
    data: bytes
    text: str = ""
    """Of a line that tells of the connection: the line itself, which may name a pile."""
    linked: bool | None = None
    """It tells that the connection has come, or has gone; then it has no bytes."""
