"""EV-Link frames put together by hand from the protocol's page, with nothing of the code under test."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "evlink_vectors.json").read_text(encoding="utf-8")
)["frames"]

PILE = "44030500040000200026"
NO_TIME = bytes(7)


def checksum(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
    return value


def sealed(data: bytes) -> bytes:
    """Header and data with checksum and end byte behind them."""
    return data + bytes([checksum(data), 0x16])


def frame(
    command: int,
    body: bytes,
    *,
    version: bytes = b"\x02\x06",
    platform_sequence: int = 0,
    pile_sequence: int = 1,
    pile: bytes = PILE.encode(),
    pile_type: int = 1,
    gun: int = 1,
) -> bytes:
    length = 29 + len(body) + 2
    header = b"\xfe" + struct.pack("<H", length) + version + struct.pack("<HH", platform_sequence, pile_sequence)
    return sealed(header + pile + bytes([pile_type, gun, command]) + body)


def time(year: int, month: int, day: int, hour: int, minute: int, second: float, weekday: int = 0) -> bytes:
    """CP56Time2a."""
    milliseconds = round(second * 1000)
    return struct.pack("<HBBBBB", milliseconds, minute, hour, day | weekday << 5, month, year - 2000)


def padded(text: str, size: int) -> bytes:
    return text.encode() + bytes(size - len(text))


def order(text: str) -> bytes:
    return b"0" * (32 - len(text)) + text.encode()
