"""A stream of heartbeats cut into frames, whole, in pieces and among noise, beside a framer written by hand.

That one knows the start byte, the length, the end and the checksum, and nothing of resuming after a false start.
Nothing here asserts on speed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from figures import fastest_s
from pytest_benchmark.fixture import BenchmarkFixture

from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import GunReport, GunState
from pilesim.wire.protocol import FRAMES_REMEMBERED, protocol_named

LHC = protocol_named("lhc")
PILE = LHC.session(End.PILE, "44030500040000200026")
# More than are remembered, so that each is new again in each round.
FRAMES = [
    PILE.build(GunReport(gun=1, state=GunState.IDLE, cable=False, meter_dwh=n * 100))
    for n in range(FRAMES_REMEMBERED + 616)
]
NOISE = b"\r\nLOGIN: AT+OK \xfe\x01 login incorrect\r\n"


def whole() -> Sequence[bytes]:
    return FRAMES


def pieces() -> Sequence[bytes]:
    stream = b"".join(FRAMES)
    return [stream[at : at + 20] for at in range(0, len(stream), 20)]


def noisy() -> Sequence[bytes]:
    return [NOISE + frame for frame in FRAMES]


def pilesims(chunks: Sequence[bytes]) -> int:
    framer = LHC.framer(Direction.UP)
    found = [item for now_ns, chunk in enumerate(chunks) for item in framer.feed(chunk, now_ns)]
    return sum(isinstance(item, Frame) for item in [*found, *framer.gap()])


def by_hand(chunks: Sequence[bytes]) -> int:
    frames, held = 0, b""
    for chunk in chunks:
        held += chunk
        while (at := held.find(b"\xfe")) >= 0 and len(held) >= at + 3:
            size = int.from_bytes(held[at + 1 : at + 3], "little") + 3
            if size > 500:
                held = held[at + 1 :]
                continue
            if len(held) < at + size:
                break
            frame, checksum = held[at : at + size], 0
            for byte in frame[:-2]:
                checksum ^= byte
            good = checksum == frame[-2]
            frames += good
            held = held[at + (size if good else 1) :]
    return frames


@pytest.mark.benchmark(group="frames cut from a stream")
@pytest.mark.parametrize("cut", [pilesims, by_hand])
@pytest.mark.parametrize("stream", [whole, pieces, noisy])
def test_cutting(
    stream: Callable[[], Sequence[bytes]], cut: Callable[[Sequence[bytes]], int], benchmark: BenchmarkFixture
) -> None:
    chunks = stream()
    found = benchmark.pedantic(cut, args=(chunks,), rounds=3)  # type: ignore[no-untyped-call]
    us = fastest_s(benchmark) * 1e6 / len(FRAMES)
    benchmark.extra_info.update(frames=found, us_a_frame=round(us, 2))
    print(f"\n{stream.__name__}, {cut.__name__}: {found} of {len(FRAMES)} frames, {us:.1f} us each")
