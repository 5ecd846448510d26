"""Finding frames in a stream: false starts, damage, noise, silence, and any chunking."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass

import pytest
from enough import examples
from handmade import PILE, VECTORS, YKC_CHARGE, YKC_VECTORS, bcd, frame, order, sealed, ykc_frame
from hypothesis import given
from hypothesis import strategies as st

from pilesim.wire.frame import Direction, Frame, Garbage, ProblemKind
from pilesim.wire.framing import GARBAGE_LIMIT
from pilesim.wire.protocol import GAP_NS, Framer, protocol_named
from pilesim.wire.tabled import TabledProtocol

REAL = [bytes.fromhex(vector["hex"]) for vector in VECTORS]
GOOD = REAL[2]
# The order of this bill reply holds a whole start of a frame, and both marks stand in its body.
TRICKY = frame(0x0A, b"\xfe\x20\x00\x16\xfe\x16" + order("7")[6:])
LONGEST = 2048 + 3
YKC_REAL = [
    bytes.fromhex(vector["hex"])
    for vector in YKC_VECTORS
    if vector["length_ok"] and vector["crc"] == "little" and vector["body"] == "ok"
]


@dataclass(frozen=True)
class Line:
    """What framing is tried with in one protocol."""

    name: str
    start: int
    real: list[bytes]
    good: bytes
    tricky: bytes
    """A start of a frame stands in its body."""
    damaged_at: tuple[int, ...]
    """Bytes of `good` whose damage leaves it looking like a frame."""
    long: bytes
    longest: int
    seams: tuple[bytes, ...]
    """Pieces that hold every way of going wrong."""
    worst: dict[str, bytes]


LHC = Line(
    name="lhc",
    start=0xFE,
    real=REAL,
    good=GOOD,
    tricky=TRICKY,
    damaged_at=(32, 40, len(GOOD) - 2),
    long=frame(0x0A, bytes(100)),
    longest=LONGEST,
    seams=(b"\xfe", b"\xfe\x20\x00", b"\xfe" * 7, b"\xfe\xff\x07", b"\x16"),
    worst={
        "start bytes": b"\xfe",
        "start bytes with a length that may be": b"\xfe\xff\x07",
        "start bytes whose end is where it should be": b"\xfe\x1f\x00\x16" + b"\x16" * 28,
        "heads like a peer's, with a wrong checksum": frame(0x99, bytes(1990))[:32] + b"\x16" * 32,
    },
)
YKC = Line(
    name="ykc-1.6",
    start=0x68,
    real=YKC_REAL,
    good=YKC_REAL[3],
    tricky=ykc_frame(0x3B, YKC_CHARGE + b"\x68\x04\0\0\0\3" + bytes(128)),
    damaged_at=(35, 50, len(YKC_REAL[3]) - 2),
    long=ykc_frame(0x3B, YKC_CHARGE + bytes(134)),
    longest=255 + 4,
    seams=(b"\x68", b"\x68\x20\x00", b"\x68" * 7, b"\x68\xff\x07", b"\x68\x0d\0\0\0\3"),
    worst={
        "start bytes": b"\x68",
        "start bytes with the longest length": b"\x68\xff",
        "heads like a peer's, with a wrong checksum": ykc_frame(0x03, bcd("32010600213533") + b"\1\0")[:-2] + b"\0\0",
    },
)
LINES = (LHC, YKC)
of_each = pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)


def framer(name: str = "lhc") -> Framer:
    return protocol_named(name).framer(Direction.UP)


def found(data: bytes, name: str = "lhc") -> list[Frame | Garbage]:
    """What is found in `data` when nothing follows."""
    one = framer(name)
    return one.feed(data, 0) + one.gap()


def frames(parts: list[Frame | Garbage]) -> list[bytes]:
    return [part.raw for part in parts if isinstance(part, Frame)]


def kinds(part: Frame | Garbage) -> list[ProblemKind]:
    assert isinstance(part, Frame)
    return [problem.kind for problem in part.problems]


def flipped(data: bytes, at: int, bit: int = 0x01) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


@of_each
def test_it_gives_a_frame_as_soon_as_its_last_byte_has_come(line: Line) -> None:
    one = framer(line.name)
    assert one.feed(line.good[:-1], 0) == []
    assert one.pending == line.good[:-1]
    assert frames(one.feed(line.good[-1:], 0)) == [line.good]
    assert one.pending == b""


@of_each
def test_it_takes_joined_frames_apart(line: Line) -> None:
    assert frames(found(b"".join(line.real) + line.tricky, line.name)) == [*line.real, line.tricky]


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


@of_each
def test_it_shows_a_damaged_frame(line: Line) -> None:
    for at in line.damaged_at:
        damaged = flipped(line.good, at)
        (part,) = found(damaged, line.name)
        assert part.raw == damaged
        assert kinds(part) == [ProblemKind.CHECKSUM]


@of_each
def test_it_finds_the_frames_around_a_damaged_one(line: Line) -> None:
    damaged = flipped(line.good, line.damaged_at[0])
    parts = found(line.real[0] + damaged + line.real[1], line.name)
    assert [part.raw for part in parts] == [line.real[0], damaged, line.real[1]]


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


@of_each
def test_it_finds_a_good_frame_behind_a_truncated_one_after_a_silence(line: Line) -> None:
    one = framer(line.name)
    cut = line.long[:40]
    assert one.feed(cut + line.good, 0) == []
    assert len(one.pending) == len(cut) + len(line.good)
    parts = one.feed(line.real[0], GAP_NS + 1)
    assert [part.raw for part in parts] == [cut, line.good, line.real[0]]
    reason = f"byte 1 seemed to start a frame: expected a whole frame, found {len(cut + line.good)} bytes of it"
    assert isinstance(parts[0], Garbage)
    assert parts[0].reason.startswith(reason)


@of_each
@pytest.mark.parametrize(("silence_ns", "whole"), [(GAP_NS, True), (GAP_NS + 1, False)])
def test_it_waits_for_the_rest_of_a_frame_as_long_as_the_gap(line: Line, silence_ns: int, whole: bool) -> None:
    one = framer(line.name)
    one.feed(line.good[:20], 1_000)
    parts = one.feed(line.good[20:], 1_000 + silence_ns)
    assert (frames(parts) == [line.good]) is whole


@of_each
def test_it_tells_noise_and_what_was_cut_off_apart_at_a_gap(line: Line) -> None:
    one = framer(line.name)
    assert one.feed(b"abc" + line.good[:40], 0) == []
    noise, cut = one.gap()
    assert (noise.raw, cut.raw) == (b"abc", line.good[:40])
    assert one.gap() == []
    assert one.pending == b""


@of_each
def test_it_gives_noise_before_the_frame_that_comes_in_a_chunk_of_its_own(line: Line) -> None:
    one = framer(line.name)
    assert one.feed(b"\r\n", 0) == []
    noise, whole = one.feed(line.good, 0)
    assert isinstance(noise, Garbage) and noise.raw == b"\r\n"
    assert isinstance(whole, Frame) and whole.raw == line.good
    assert one.feed(line.good, 0) == [whole]


@of_each
def test_it_gives_out_long_noise_in_pieces(line: Line) -> None:
    one = framer(line.name)
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


def _streams(line: Line) -> st.SearchStrategy[bytes]:
    """Random joins of good, damaged and cut frames with noise, so that they meet the seams."""
    good = line.good
    pieces = st.sampled_from(
        [
            *line.real,
            line.tricky,
            flipped(good, line.damaged_at[0]),
            good[:25],
            good[:-1],
            good[10:],
            *line.seams,
            line.long[:60],
        ]
    ) | st.binary(max_size=40)
    return st.lists(pieces, max_size=12).map(b"".join)


@of_each
@examples(150)
@given(data=st.data(), cuts=st.lists(st.integers(0, 600), max_size=12))
def test_it_finds_the_same_in_any_chunking(line: Line, data: st.DataObject, cuts: list[int]) -> None:
    one = framer(line.name)
    stream = data.draw(_streams(line))
    parts: list[Frame | Garbage] = []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for begin, end in itertools.pairwise(edges):
        parts += one.feed(stream[begin:end], 0)
        assert len(one.pending) < line.longest
    assert parts + one.gap() == found(stream, line.name)


@of_each
@examples(50)
@given(data=st.data())
def test_it_finds_the_same_byte_by_byte_and_loses_none(line: Line, data: st.DataObject) -> None:
    one = framer(line.name)
    stream = data.draw(_streams(line))
    parts: list[Frame | Garbage] = []
    for at in range(len(stream)):
        parts += one.feed(stream[at : at + 1], 0)
    parts += one.gap()
    assert parts == found(stream, line.name)
    assert b"".join(part.raw for part in parts) == stream


@of_each
@examples(150)
@given(data=st.data())
def test_it_finds_every_frame_in_noise(line: Line, data: st.DataObject) -> None:
    start, other = bytes([line.start]), bytes([line.start ^ 0xFF])
    noises = st.binary(max_size=60).map(lambda noise: noise.replace(start, other))
    parts = data.draw(st.lists(st.tuples(noises, st.sampled_from([*line.real, line.tricky])), max_size=8))
    stream = b"".join(noise + good for noise, good in parts)
    assert frames(found(stream, line.name)) == [good for _, good in parts]


@of_each
@examples(100)
@given(noise=st.binary(max_size=60))
def test_it_finds_a_frame_behind_any_false_start_after_a_silence(line: Line, noise: bytes) -> None:
    """Noise cannot hide a frame: at worst it is found when the line has fallen silent."""
    assert line.good in frames(found(bytes([line.start]) + noise + line.good, line.name))


WORST = [(line.name, words, unit) for line in LINES for words, unit in line.worst.items()]


@pytest.mark.parametrize(("name", "unit"), [(row[0], row[2]) for row in WORST], ids=[f"{w[0]} {w[1]}" for w in WORST])
def test_its_work_grows_in_proportion_to_the_noise(name: str, unit: bytes) -> None:
    """Four times the noise takes four times the steps, not sixteen."""

    def steps(size: int) -> int:
        noise, count = unit * (size // len(unit)), 0

        def step(frame: object, event: str, function: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(step)
        try:
            found(noise, name)
        finally:
            sys.setprofile(None)
        return count

    assert steps(48_000) < 5 * steps(12_000)


@of_each
@examples(200)
@given(data=st.data())
def test_it_takes_a_whole_frame_at_once_for_what_it_is_step_by_step(line: Line, data: st.DataObject) -> None:
    protocol = protocol_named(line.name)
    assert isinstance(protocol, TabledProtocol)
    envelope = protocol.envelope
    was = data.draw(st.sampled_from([*line.real, line.tricky, line.long]))
    changed = bytearray(was)
    for at in data.draw(st.lists(st.integers(0, min(30, len(was) - 1)) | st.integers(0, len(was) - 1), max_size=2)):
        changed[at] = data.draw(st.integers(0, 255))
    raw = bytes(changed)
    if data.draw(st.booleans()):
        # The checksum is that of the changed bytes.
        raw = envelope.resealed(raw, was) or raw
    whole = raw.startswith(envelope.start) and envelope.total(raw[: envelope.head_size]) == len(raw)
    for direction in Direction:
        found = envelope.examine(raw, direction) if whole else None
        sound = envelope.sound(raw, direction)
        assert sound is None or sound == found
        if line is LHC and isinstance(found, Frame) and not found.problems:
            assert sound == found, "it is the way that right frames go"
