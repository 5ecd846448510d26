"""The envelope of an EV-Link frame: 32 bytes of header, the data, checksum and end byte.

Owns the header's layout, the checksum, and a frame's problems as far as the envelope shows them. Must not know
any message. The length counts all that follows it; the checksum is the XOR of every byte before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pilesim.errors import EncodingError
from pilesim.wire.codec import blob, text
from pilesim.wire.codec import number as number_field
from pilesim.wire.evlink.versions import VERSIONS, Version, versions_numbered
from pilesim.wire.fields import Field, Layout
from pilesim.wire.frame import UP, Direction, Frame, Problem, ProblemKind
from pilesim.wire.framing import Check, Envelope, Outline
from pilesim.wire.shown import escaped

START = 0xFE
END = 0x16
LENGTH_OVERHEAD = 3
"""Bytes of the frame that its length does not count: the start byte and the length itself."""
SHORTEST_LENGTH = 31
LONGEST_LENGTH = 2048
"""A bound of ours; the longest message that is known has 650 bytes."""
PILE_DIGITS = 20

# Messages are known by their number in hex.
_COMMAND = replace(number_field(1), show=lambda value, raw: f"0x{value:02X}")

HEADER = Layout(
    (
        Field("start", blob(1)),
        Field("length", number_field(2), unit="bytes", note="of all that follows it"),
        Field("version", blob(2), note="major, minor"),
        Field("platform_sequence", number_field(2)),
        Field("pile_sequence", number_field(2)),
        Field("pile", text(PILE_DIGITS), note="city, franchisee, station, pile: five digits each"),
        Field("pile_type", number_field(1)),
        Field("gun", number_field(1), note="from 1"),
        Field("command", _COMMAND),
    )
)
TRAILER = Layout(
    (
        Field("checksum", blob(1), note="XOR of every byte before it"),
        Field("end", blob(1)),
    )
)

assert HEADER.packed is not None, "numbers, texts and bytes"
_PACK = HEADER.packed.pack
_UNPACK = HEADER.packed.form.unpack_from
"""The header's values, but that its text is bytes yet."""
_BODY = slice(HEADER.least, -TRAILER.least)
_UNCOUNTED = HEADER.least + TRAILER.least - LENGTH_OVERHEAD
"""What the length counts beside the body."""
_LONGEST_BODY = LONGEST_LENGTH - _UNCOUNTED
_SHORTEST, _LONGEST = SHORTEST_LENGTH + LENGTH_OVERHEAD, LONGEST_LENGTH + LENGTH_OVERHEAD
_BYTE = 8
_OFTEN = 128
"""Bytes: few frames are longer."""
_HALF_OFTEN = _OFTEN // 2
_OF_32, _OF_16 = (1 << 32 * _BYTE) - 1, (1 << 16 * _BYTE) - 1
_from_bytes = int.from_bytes

_KNOWN_VERSIONS = frozenset(version.number for version in VERSIONS)


PILE_TYPE = {Direction.UP: 1, Direction.DOWN: 0}
"""What the frames seen so far carry from piles and from platforms; accepted as it comes."""


def xor_of(data: bytes) -> int:
    """XOR of all bytes, folded by halves so that long frames cost little more Python than short ones."""
    value = _from_bytes(data, "little")
    size = len(data)
    while size > _OFTEN:
        half = 1 << (size - 1).bit_length() - 1
        value ^= value >> half * _BYTE
        size = half
    # What is above the half that is folded stays where it is, and is cut off where that is cheaper, and at the end.
    if size > _HALF_OFTEN:
        value ^= value >> 512
    value = (value ^ value >> 256) & _OF_32
    value = (value ^ value >> 128) & _OF_16
    value ^= value >> 64
    value ^= value >> 32
    value ^= value >> 16
    value ^= value >> 8
    return value & 0xFF


def seal(
    version: Version,
    direction: Direction,
    *,
    sequence: int,
    answers: int,
    pile: str,
    gun: int,
    number: int,
    body: bytes,
) -> bytes:
    """A whole frame; `sequence` is the sender's number, `answers` the other side's.

    EncodingError where a number does not fit its field, or the frame would be longer than any may be.
    """
    if len(body) > _LONGEST_BODY:
        raise EncodingError(f"0x{number:02X}: data: expected at most {_LONGEST_BODY} bytes, found {len(body)}")
    platform_sequence, pile_sequence = (answers, sequence) if direction is UP else (sequence, answers)
    values = (
        EvlinkEnvelope.start,
        _UNCOUNTED + len(body),
        version.number,
        platform_sequence,
        pile_sequence,
        pile,
        PILE_TYPE[direction],
        gun,
        number,
    )
    sealed = (_PACK(*values) or HEADER.write(f"0x{number:02X}", dict(zip(HEADER.by_name, values, strict=True)))) + body
    return sealed + bytes((xor_of(sealed), END))


def is_pile_number(digits: bytes) -> bool:
    """Whether these are the twenty ASCII digits of a pile number."""
    return len(digits) == PILE_DIGITS and digits.isdigit()


class EvlinkEnvelope(Envelope):
    """The frames of one version; those of the others are recognised, and reported as of the wrong version."""

    start = bytes([START])
    head_size = LENGTH_OVERHEAD
    header = HEADER
    trailer = TRAILER
    outline = Outline(
        length_at=1,
        length_size=2,
        uncounted=LENGTH_OVERHEAD,
        shortest=SHORTEST_LENGTH,
        longest=LONGEST_LENGTH,
        end=bytes([END]),
        check=Check.XOR,
        checked_from=0,
    )

    def __init__(self, version: Version) -> None:
        super().__init__()
        self._version = version
        self._number = version.number

    def sound(self, raw: bytes, direction: Direction) -> Frame | None:
        size = len(raw)
        if not _SHORTEST <= size <= _LONGEST or raw[0] != START or raw[-1] != END:
            return None
        # With a checksum that is right all but the end byte is 0.
        if raw[1] + (raw[2] << _BYTE) + LENGTH_OVERHEAD != size or xor_of(raw) != END:
            return None
        found = self.frame(raw, direction, "")
        return None if found.problems else found

    def total(self, head: bytes) -> int | str:
        length = int.from_bytes(head[1:3], "little")
        if SHORTEST_LENGTH <= length <= LONGEST_LENGTH:
            return length + LENGTH_OVERHEAD
        return f"expected a length of {SHORTEST_LENGTH} to {LONGEST_LENGTH}, found {length}"

    def misended(self, raw: bytes) -> str:
        if raw[-1] == END:
            return ""
        return f"expected the end byte 0x{END:02X} after {len(raw)} bytes, found 0x{raw[-1]:02X}"

    def miscounted(self, raw: bytes) -> str:
        checksum = xor_of(raw[:-2])
        return "" if checksum == raw[-2] else f"expected the checksum 0x{checksum:02X}, found 0x{raw[-2]:02X}"

    def checksum(self, raw: bytes) -> bytes:
        return bytes([xor_of(raw[:-2])])

    def plausible(self, raw: bytes) -> bool:
        return raw[3:5] in _KNOWN_VERSIONS and is_pile_number(raw[9:29])

    def frame(self, raw: bytes, direction: Direction, miscounted: str) -> Frame:
        # total() lets no frame be shorter than its header.
        _, _, version, platform_sequence, pile_sequence, digits, _, gun, command = _UNPACK(raw)
        sequence, answers = (
            (pile_sequence, platform_sequence) if direction is UP else (platform_sequence, pile_sequence)
        )
        is_number = digits.isdigit()
        right = is_number and gun and version == self._number and not miscounted
        return Frame(
            raw,
            direction,
            command,
            raw[_BODY],
            digits.decode() if is_number else None,
            gun,
            sequence,
            answers,
            () if right else tuple(self._problems(raw, is_number, miscounted)),
        )

    def _problems(self, raw: bytes, is_number: bool, miscounted: str) -> Iterator[Problem]:
        _, _, number, _, _, pile, _, gun, _ = HEADER.items(raw)
        if miscounted:
            yield Problem(ProblemKind.CHECKSUM, f"checksum: {miscounted}", "checksum")
        if number != self._version.number:
            names = " and ".join(versions_numbered(number)) or "no version that is known"
            expected = f"version: expected {self._version.number.hex(' ')} ({self._version.name})"
            yield Problem(ProblemKind.VERSION, f"{expected}, found {number.hex(' ')} ({names})", "version")
        if not is_number:
            text = f'pile: expected {PILE_DIGITS} digits, found "{escaped(pile)}"'
            yield Problem(ProblemKind.PILE, text, "pile")
        if gun == 0:
            yield Problem(ProblemKind.GUN, "gun: expected a number from 1, found 0", "gun")
