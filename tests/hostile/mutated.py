"""Seeds, broken in the ways in which files and lines are broken; the same ones for the same number.

Owns how. Must not know what the bytes mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pilesim.chance import Chance

_SIZES = tuple(
    value.to_bytes(size, order)
    for size, values in ((1, (0, 1, 127, 255)), (2, (0, 0xFFFF, 2048)), (4, (0, 2**31, 2**32 - 1)))
    for value in values
    for order in ("little", "big")
)
_WORDS = (
    b"",
    b"-1",
    b"0",
    b"9" * 30,
    b"9" * 5000,
    b"1e999",
    b"nan",
    b"null",
    b"[]",
    b"{}",
    b"[[",
    b"&a [*a]",
    b"\0",
    b"\xff",
)
_TOKEN = re.compile(rb"[\w.+-]+")
_REPEATED_BYTES = 4096


def mutated(seeds: Sequence[bytes], rng: Chance) -> bytes:
    """One of `seeds`, changed in one to four places."""
    data = bytearray(rng.one_of(seeds))
    for _ in range(rng.between(1, 4)):
        at = rng.below(len(data) + 1)
        match rng.below(10):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.below(8)
            case 1:
                data[at:at] = bytes(rng.below(256) for _ in range(rng.between(1, 8)))
            case 2:
                del data[at : at + rng.between(1, 32)]
            case 3:
                data[at:at] = data[at : at + rng.between(1, 64)] * rng.between(1, 4)
            case 4:
                other = rng.one_of(seeds)
                data[at:] = other[rng.below(len(other) + 1) :]
            case 5:
                value = rng.one_of(_SIZES)
                data[at : at + len(value)] = value
            case 6:
                tokens = [*_TOKEN.finditer(data)]
                if tokens:
                    token = rng.one_of(tokens)
                    data[token.start() : token.end()] = rng.one_of(_WORDS)
            case 7:
                tokens = [*_TOKEN.finditer(data)]
                if len(tokens) > 1:
                    token = rng.one_of(tokens)
                    data[token.start() : token.end()] = rng.one_of(tokens).group()
            case 8:
                # What takes the square of its length shows only where one thing stands many times.
                piece = data[at : at + rng.between(1, 8)]
                data[at:at] = piece * (rng.between(1, _REPEATED_BYTES) // max(1, len(piece)))
            case _:
                del data[at:]
    return bytes(data)
