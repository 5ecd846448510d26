"""What never changes: padding, and bytes that are the same in every body.

Owns how often that must be seen. Must not know any layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pilesim.units import numbered
from pilesim.wire.guess.columns import Columns
from pilesim.wire.guess.guess import Found, Kind, Told

_LEAST_PADDING = 4
_LEAST_BODIES = 3


def unchanging(columns: Columns, told: Told) -> Iterator[Found]:
    """Padding, and what was the same in every body."""
    bodies = len(columns.samples)
    for filler, said in ((0x00, "zero"), (0xFF, "0xFF"), (0x20, "blank")):
        for offset, size in columns.runs(partial(columns.only, filler)):
            if size >= _LEAST_PADDING or bodies >= _LEAST_BODIES:
                bits = 8.0 * size * bodies - columns.search_bits
                reason = f"{said} in {numbered(bodies, 'bod[y|ies]')}"
                spec = {"name": "reserved", "type": "bytes", "size": size}
                yield Found(offset, size, Kind.PADDING, f"{filler:02x}", reason, bits, spec)
    if bodies < _LEAST_BODIES:
        return
    for offset, size in columns.runs(columns.constant):
        raw = columns.samples[0].body[offset : offset + size]
        if raw.strip(b"\0\xff\x20"):
            bits = 8.0 * size * (bodies - 1) - columns.search_bits - 1
            reason = f"the same in {numbered(bodies, 'bod[y|ies]')}"
            spec = {"name": "constant", "type": "bytes", "size": size}
            yield Found(offset, size, Kind.CONSTANT, raw.hex(" "), reason, bits, spec)
