"""Frames put together by hand from the protocols' pages, with nothing of the code under test."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any


def _vectors(name: str) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / name).read_text(encoding="utf-8"))[
        "frames"
    ]
    return frames


VECTORS = _vectors("evlink_vectors.json")
YKC_VECTORS = _vectors("ykc_vectors.json")

PILE = "44030500040000200026"
YKC_PILE = "32010600213533"
YKC_ORDER = "32010600213533012301081639000232"
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


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


def ykc_frame(kind: int, body: bytes, *, sequence: int = 0, encryption: int = 0, big: bool = False) -> bytes:
    counted = struct.pack("<HBB", sequence, encryption, kind) + body
    checksum = crc(counted)
    return b"\x68" + bytes([len(counted)]) + counted + (checksum[::-1] if big else checksum)


def bcd(digits: str) -> bytes:
    return bytes.fromhex(digits)


YKC_HERE = bcd(YKC_PILE) + b"\x01"
YKC_CHARGE = bcd(YKC_ORDER) + YKC_HERE
"""What a body about a charge begins with: order, pile, gun."""
