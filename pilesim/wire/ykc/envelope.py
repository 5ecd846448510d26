"""The envelope of a YKC frame: start, length, sequence, encryption and type, then the body, then a CRC.

Owns the header's layout, the CRC in either byte order, and a frame's problems as far as the envelope shows them. Must
not know any message: what it asks of a body `Bodies` answers. The length counts from the sequence to the end of the
body, and the CRC (CRC-16/MODBUS) is of the same bytes. There is no end mark, so bytes with a wrong CRC are a damaged
frame only where the whole body looks right.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache

from pilesim.errors import EncodingError
from pilesim.wire.codec import blob, number
from pilesim.wire.fields import Field, Layout
from pilesim.wire.frame import Direction, Frame, Problem, ProblemKind
from pilesim.wire.framing import Check, Envelope, Outline
from pilesim.wire.ykc.catalogue import Bodies
from pilesim.wire.ykc.payloads import PILE_SIZE

START = 0x68
LENGTH_OVERHEAD = 4
"""Bytes of the frame that its length does not count: the start byte, the length itself and the CRC."""
SHORTEST_LENGTH = 4
LONGEST_LENGTH = 255
PLAIN = 0
ENCRYPTIONS = {PLAIN: "plain", 1: "3DES"}

LITTLE, BIG, AUTO = "little", "big", "auto"
CRC_ORDERS = (LITTLE, BIG, AUTO)
"""Low byte first, high byte first, either (and low byte first when sent)."""

# Messages are known by their number in hex.
_TYPE = replace(number(1), show=lambda value, raw: f"0x{value:02X}")
_ENCRYPTION = replace(number(1), show=lambda value, raw: f"{value} {ENCRYPTIONS.get(value, 'not listed')}")

HEADER = Layout(
    (
        Field("start", blob(1)),
        Field("length", number(1), unit="bytes", note="from the sequence to the end of the body"),
        Field("sequence", number(2), note="a reply's is that of its request"),
        Field("encryption", _ENCRYPTION),
        Field("type", _TYPE),
    )
)
TRAILER = Layout((Field("crc", blob(2), note="CRC-16/MODBUS from the sequence to the end of the body"),))


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC = _crc_table()
_CRC_AGAIN = tuple(once >> 8 ^ _CRC[once & 0xFF] for once in _CRC)
"""What a byte has come to once another has passed; one table for two bytes would not stay in a processor's cache."""


@cache
def _twos(count: int) -> struct.Struct:
    """So many numbers of two bytes; a frame has no more than 127."""
    return struct.Struct(f"<{count}H")


def crc_of(data: bytes) -> int:
    """CRC-16/MODBUS: reflected 0xA001 from 0xFFFF."""
    crc = 0xFFFF
    if len(data) % 2:
        crc = crc >> 8 ^ _CRC[(crc ^ data[0]) & 0xFF]
    for two in _twos(len(data) // 2).unpack_from(data, len(data) % 2):
        crc ^= two
        crc = _CRC[crc >> 8] ^ _CRC_AGAIN[crc & 0xFF]
    return crc


def seal(crc_order: str, *, sequence: int, number: int, body: bytes) -> bytes:
    """A whole frame, in plain; EncodingError where its body is too long or a number does not fit its field."""
    longest = LONGEST_LENGTH - SHORTEST_LENGTH
    if len(body) > longest:
        raise EncodingError(f"0x{number:02X}: data: expected at most {longest} bytes, found {len(body)}")
    header = HEADER.pack(number, YkcEnvelope.start, SHORTEST_LENGTH + len(body), sequence, PLAIN, number)
    counted = header[2:] + body
    return header[:2] + counted + crc_of(counted).to_bytes(2, "big" if crc_order == BIG else "little")


class YkcEnvelope(Envelope):
    """The frames of one version, `replies` being the message numbers that answer something."""

    start = bytes([START])
    head_size = 2
    header = HEADER
    trailer = TRAILER

    def __init__(self, crc_order: str, replies: Collection[int], bodies: Bodies) -> None:
        super().__init__()
        self._crc_order = crc_order
        self.outline = Outline(
            length_at=1,
            length_size=1,
            uncounted=LENGTH_OVERHEAD,
            shortest=SHORTEST_LENGTH,
            longest=LONGEST_LENGTH,
            end=b"",
            check=Check.CRC16_MODBUS,
            checked_from=2,
            check_orders=(LITTLE, BIG) if crc_order == AUTO else (crc_order,),
            plain="encryption",
        )
        self._replies = frozenset(replies)
        self._bodies = bodies

    def total(self, head: bytes) -> int | str:
        if head[1] >= SHORTEST_LENGTH:
            return head[1] + LENGTH_OVERHEAD
        return f"expected a length of {SHORTEST_LENGTH} to {LONGEST_LENGTH}, found {head[1]}"

    def misended(self, raw: bytes) -> str:
        return ""

    def miscounted(self, raw: bytes) -> str:
        little = crc_of(raw[2:-2]).to_bytes(2, "little")
        found = raw[-2:]
        turned = found == little[::-1]
        if (found == little and self._crc_order != BIG) or (turned and self._crc_order != LITTLE):
            return ""
        expected = little[::-1] if self._crc_order == BIG else little
        said = f"expected the CRC {expected.hex(' ').upper()}, found {found.hex(' ').upper()}"
        return f"{said}, its bytes the other way round" if found == expected[::-1] else said

    def checksum(self, raw: bytes) -> bytes:
        return crc_of(raw[2:-2]).to_bytes(2, "little")

    def plausible(self, raw: bytes) -> bool:
        return raw[4] == PLAIN and self._bodies.looks_right(raw[5], raw[HEADER.least : -TRAILER.least])

    def frame(self, raw: bytes, direction: Direction, miscounted: str) -> Frame:
        # total() lets no frame be shorter than its header.
        _, _, sequence, encryption, number, *_ = HEADER.items(raw)
        body = raw[HEADER.least : -TRAILER.least]
        pile_at, gun_at = self._bodies.place(number, len(body)) if encryption == PLAIN else (None, None)
        pile = None if pile_at is None else body[pile_at : pile_at + PILE_SIZE].hex()
        gun = None if gun_at is None else body[gun_at : gun_at + 1].hex()
        problems = self._problems(raw, encryption, pile, gun, miscounted)
        return Frame(
            raw=raw,
            direction=direction,
            number=number,
            body=body,
            pile=pile if pile and pile.isdecimal() else None,
            gun=int(gun) if gun and gun.isdecimal() else None,
            sequence=sequence,
            answers=sequence if number in self._replies else None,
            problems=tuple(problems),
        )

    def _problems(
        self, raw: bytes, encryption: int, pile: str | None, gun: str | None, miscounted: str
    ) -> Iterator[Problem]:
        if miscounted:
            yield Problem(ProblemKind.CHECKSUM, f"crc: {miscounted}", "crc")
            return
        if self._crc_order == AUTO and raw[-2:] != crc_of(raw[2:-2]).to_bytes(2, "little"):
            text = "crc: expected the low byte first, found the high byte first"
            yield Problem(ProblemKind.BYTE_ORDER, text, "crc")
        if encryption != PLAIN:
            found = f"found {encryption} ({ENCRYPTIONS.get(encryption, 'not listed')})"
            text = f"encryption: expected {PLAIN} (plain), {found}: the body is kept and not read"
            yield Problem(ProblemKind.ENCRYPTED, text, "encryption")
        if pile is not None and not pile.isdecimal():
            yield Problem(ProblemKind.PILE, f"pile: expected {2 * PILE_SIZE} digits, found {pile.upper()}", "pile")
        if gun is not None and (not gun.isdecimal() or gun == "00"):
            yield Problem(ProblemKind.GUN, f"gun: expected a number from 1, found {gun.upper()}", "gun")
