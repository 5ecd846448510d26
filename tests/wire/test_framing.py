"""Finding frames in a stream: false starts, damage, noise, silence, and any chunking."""

from __future__ import annotations

import itertools
import time as wall

import pytest
from handmade import PILE, VECTORS, frame, order, sealed
from hypothesis import given, settings
from hypothesis import strategies as st

from pilesim.wire.frame import Direction, Frame, Garbage, ProblemKind
from pilesim.wire.framing import GARBAGE_LIMIT
from pilesim.wire.protocol import GAP_NS, Framer, protocol_named

REAL = [bytes.fromhex(vector["hex"]) for vector in VECTORS]
GOOD = REAL[2]
# The order of this bill reply holds a whole start of a frame, and both marks stand in its body.
TRICKY = frame(0x0A, b"\xfe\x20\x00\x16\xfe\x16" + order("7")[6:])
LONGEST = 2048 + 3


def framer() -> Framer:
    return protocol_named("lhc").framer(Direction.UP)


def found(data: bytes) -> list[Frame | Garbage]:
    """What is found in `data` when nothing follows."""
    one = framer()
    return one.feed(data, 0) + one.gap()


def frames(parts: list[Frame | Garbage]) -> list[bytes]:
    return [part.raw for part in parts if isinstance(part, Frame)]


def kinds(part: Frame | Garbage) -> list[ProblemKind]:
    assert isinstance(part, Frame)
    return [problem.kind for problem in part.problems]


def flipped(data: bytes, at: int, bit: int = 0x01) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def test_it_gives_a_frame_as_soon_as_its_last_byte_has_come() -> None:
    one = framer()
    assert one.feed(GOOD[:-1], 0) == []
    assert one.pending == GOOD[:-1]
    assert frames(one.feed(GOOD[-1:], 0)) == [GOOD]
    assert one.pending == b""


def test_it_takes_joined_frames_apart() -> None:
    assert frames(found(b"".join(REAL) + TRICKY)) == [*REAL, TRICKY]


NOISE: list[tuple[str, bytes, bytes, str]] = [
    ("noise before it", b"\x00\x16ab", GOOD, "expected the start byte 0xFE, found none in 4 bytes"),
    (
        "a start byte before it",
        b"\xfe",
        GOOD,
        "byte 1 seemed to start a frame: expected a length of 31 to 2048, found 13310",
    ),
    (
        "a length too short",
        b"ab\xfe\x1e\x00",
        GOOD,
        "byte 3 seemed to start a frame: expected a length of 31 to 2048, found 30",
    ),
    (
        "a length that ends elsewhere",
        b"\xfe\x1f\x00" + bytes(10),
        GOOD,
        "byte 1 seemed to start a frame: expected the end byte 0x16 after 34 bytes, found 0x30",
    ),
    (
        "an end where its length says, and no header",
        b"\xfe\x1f\x00" + bytes(30) + b"\x16",
        GOOD,
        "byte 1 seemed to start a frame: expected the checksum 0xE1, found 0x00",
    ),
]


@pytest.mark.parametrize(("noise", "good", "reason"), [row[1:] for row in NOISE], ids=[row[0] for row in NOISE])
def test_it_tells_why_bytes_before_a_frame_are_none(noise: bytes, good: bytes, reason: str) -> None:
    assert found(noise + good) == [Garbage(noise, reason), *found(good)]


def test_it_shows_a_damaged_frame() -> None:
    for at in (32, 40, len(GOOD) - 2):
        damaged = flipped(GOOD, at)
        (part,) = found(damaged)
        assert part.raw == damaged
        assert kinds(part) == [ProblemKind.CHECKSUM]


def test_it_finds_the_frames_around_a_damaged_one() -> None:
    damaged = flipped(GOOD, 35)
    assert [part.raw for part in found(REAL[0] + damaged + REAL[1])] == [REAL[0], damaged, REAL[1]]


def test_it_takes_a_head_that_swallowed_a_good_frame_for_a_false_start() -> None:
    """A header whose body was lost, and whose length happens to end where a later frame does."""
    lost = frame(0x0A, bytes(len(GOOD) + 3))[:35]
    assert len(lost + GOOD) == int.from_bytes(lost[1:3], "little") + 3 - 2
    swallower = lost + GOOD
    swallower = swallower[:1] + (len(swallower) - 3).to_bytes(2, "little") + swallower[3:]
    parts = found(swallower)
    assert frames(parts) == [GOOD]
    assert parts[0].raw == swallower[: -len(GOOD)]
    assert isinstance(parts[0], Garbage)
    assert parts[0].reason.startswith("byte 1 seemed to start a frame: expected the checksum")


def test_it_finds_a_good_frame_behind_a_truncated_one_after_a_silence() -> None:
    one = framer()
    cut = frame(0x0A, bytes(100))[:40]
    assert one.feed(cut + GOOD, 0) == []
    assert len(one.pending) == len(cut) + len(GOOD)
    parts = one.feed(REAL[0], GAP_NS + 1)
    assert [part.raw for part in parts] == [cut, GOOD, REAL[0]]
    reason = f"byte 1 seemed to start a frame: expected a whole frame, found {len(cut + GOOD)} bytes of it"
    assert isinstance(parts[0], Garbage)
    assert parts[0].reason.startswith(reason)


@pytest.mark.parametrize(("silence_ns", "whole"), [(GAP_NS, True), (GAP_NS + 1, False)])
def test_it_waits_for_the_rest_of_a_frame_as_long_as_the_gap(silence_ns: int, whole: bool) -> None:
    one = framer()
    one.feed(GOOD[:20], 1_000)
    parts = one.feed(GOOD[20:], 1_000 + silence_ns)
    assert (frames(parts) == [GOOD]) is whole


def test_it_tells_noise_and_what_was_cut_off_apart_at_a_gap() -> None:
    one = framer()
    assert one.feed(b"abc" + GOOD[:40], 0) == []
    noise, cut = one.gap()
    assert (noise.raw, cut.raw) == (b"abc", GOOD[:40])
    assert one.gap() == []
    assert one.pending == b""


def test_it_gives_out_long_noise_in_pieces() -> None:
    one = framer()
    parts = one.feed(bytes(2 * GARBAGE_LIMIT + 5), 0)
    assert [len(part.raw) for part in parts] == [GARBAGE_LIMIT, GARBAGE_LIMIT]
    assert [len(part.raw) for part in one.gap()] == [5]


FLAWED: list[tuple[str, bytes, ProblemKind, str]] = [
    (
        "another version of the family",
        frame(0x03, bytes(7), version=b"\x02\x05"),
        ProblemKind.VERSION,
        "version: expected 02 06 (lhc), found 02 05 (evlink-2.5)",
    ),
    (
        "a version that nobody knows",
        frame(0x03, bytes(7), version=b"\x03\x00"),
        ProblemKind.VERSION,
        "version: expected 02 06 (lhc), found 03 00 (no version that is known)",
    ),
    (
        "a pile number that is none",
        frame(0x03, bytes(7), pile=b"4403050004000020002\n"),
        ProblemKind.PILE,
        'pile: expected 20 digits, found "4403050004000020002\\n"',
    ),
    ("gun 0", frame(0x03, bytes(7), gun=0), ProblemKind.GUN, "gun: expected a number from 1, found 0"),
]


@pytest.mark.parametrize(("data", "kind", "text"), [row[1:] for row in FLAWED], ids=[row[0] for row in FLAWED])
def test_it_tells_what_is_wrong_with_a_header(data: bytes, kind: ProblemKind, text: str) -> None:
    (part,) = found(data)
    assert isinstance(part, Frame)
    assert [(problem.kind, problem.text) for problem in part.problems] == [(kind, text)]
    assert part.pile == (None if kind is ProblemKind.PILE else PILE)


def test_it_takes_version_bytes_shared_with_2_6_as_they_are_configured() -> None:
    for name in ("lhc", "evlink-2.6"):
        (part,) = protocol_named(name).framer(Direction.UP).feed(GOOD, 0)
        assert isinstance(part, Frame)
        assert part.problems == ()


@pytest.mark.parametrize("size", [31 - 1 + 3, LONGEST + 1])
def test_it_takes_no_frame_beyond_the_bounds(size: int) -> None:
    head = b"\xfe" + (size - 3).to_bytes(2, "little")
    data = sealed(head + bytes(size - 5))
    assert len(data) == size
    assert frames(found(data)) == []


# Pieces that hold every way of going wrong, so that random joins meet the seams.
_pieces = st.sampled_from(
    [
        *REAL,
        TRICKY,
        flipped(GOOD, 33),
        GOOD[:25],
        GOOD[:-1],
        GOOD[10:],
        b"\xfe",
        b"\xfe\x20\x00",
        b"\xfe" * 7,
        b"\xfe\xff\x07",
        b"\x16",
        frame(0x0A, bytes(100))[:60],
    ]
) | st.binary(max_size=40)
_streams = st.lists(_pieces, max_size=12).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(stream=_streams, cuts=st.lists(st.integers(0, 600), max_size=12))
def test_it_finds_the_same_in_any_chunking(stream: bytes, cuts: list[int]) -> None:
    one = framer()
    parts: list[Frame | Garbage] = []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for begin, end in itertools.pairwise(edges):
        parts += one.feed(stream[begin:end], 0)
        assert len(one.pending) < LONGEST
    assert parts + one.gap() == found(stream)


@settings(max_examples=50, deadline=None)
@given(stream=_streams)
def test_it_finds_the_same_byte_by_byte_and_loses_none(stream: bytes) -> None:
    one = framer()
    parts: list[Frame | Garbage] = []
    for at in range(len(stream)):
        parts += one.feed(stream[at : at + 1], 0)
    parts += one.gap()
    assert parts == found(stream)
    assert b"".join(part.raw for part in parts) == stream


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 255).filter(lambda byte: byte != 0xFE), max_size=60).map(bytes),
            st.sampled_from([*REAL, TRICKY]),
        ),
        max_size=8,
    )
)
def test_it_finds_every_frame_in_noise(parts: list[tuple[bytes, bytes]]) -> None:
    stream = b"".join(noise + good for noise, good in parts)
    assert frames(found(stream)) == [good for _, good in parts]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60).map(lambda noise: b"\xfe" + noise))
def test_it_finds_a_frame_behind_any_false_start_after_a_silence(noise: bytes) -> None:
    """Noise cannot hide a frame: at worst it is found when the line has fallen silent."""
    assert GOOD in frames(found(noise + GOOD))


WORST = {
    "start bytes": b"\xfe",
    "start bytes with a length that may be": b"\xfe\xff\x07",
    "start bytes whose end is where it should be": b"\xfe\x1f\x00\x16" + b"\x16" * 28,
    "heads like a peer's, with a wrong checksum": frame(0x99, bytes(1990))[:32] + b"\x16" * 32,
}


@pytest.mark.parametrize("unit", WORST.values(), ids=WORST)
def test_it_takes_time_in_proportion_to_the_noise(unit: bytes) -> None:
    """Four times the noise takes about four times the time, not sixteen: eight leaves room for a busy machine."""

    def seconds(size: int) -> float:
        noise = unit * (size // len(unit))
        best = 1e9
        for _ in range(3):
            begin = wall.process_time()
            found(noise)
            best = min(best, wall.process_time() - begin)
        return best

    seconds(1_000)
    assert seconds(80_000) < 8 * seconds(20_000)
