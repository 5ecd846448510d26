"""Loose bytes explained for a person."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from enough import examples
from handmade import NO_TIME, PILE, VECTORS, YKC_HERE, YKC_VECTORS, frame, ykc_frame
from hypothesis import given
from hypothesis import strategies as st

from pilesim.wire.describe import Part, Told, describe_frames, tell_protocol
from pilesim.wire.frame import Direction
from pilesim.wire.protocol import protocol_named, protocols

LHC = protocol_named("lhc")
UP = frame(0x03, NO_TIME, pile_sequence=5)
DOWN = frame(0x06, b"\3", platform_sequence=0, pile_sequence=5, gun=2)


def test_it_shows_every_byte_with_its_offset() -> None:
    described = describe_frames(LHC, b"ab" + UP + b"\xfe\0\0" + DOWN + UP[:20], None)
    assert [(part.part, part.offset) for part in described] == [
        (Part.GARBAGE, 0),
        (Part.FRAME, 2),
        (Part.GARBAGE, 2 + len(UP)),
        (Part.FRAME, 5 + len(UP)),
        (Part.INCOMPLETE, 5 + len(UP) + len(DOWN)),
    ]
    assert "expected a whole frame, found 20 bytes" in described[-1].reason
    assert "expected a length of 31 to 2048, found 0" in described[2].reason


def test_it_chooses_the_direction_by_the_message() -> None:
    up, down = describe_frames(LHC, UP + DOWN, None)
    assert (up.direction, down.direction) == (Direction.UP, Direction.DOWN)
    assert (up.title, down.title) == ("0x03 time request 对时请求", "0x06 heartbeat reply 心跳应答")
    assert up.problems == down.problems == ()
    assert up.message == {
        "message": "time-ask",
        "gun": 1,
        "pile_time": "no time (a lenient calendar shows 1999-11-30 00:00:00)",
    }
    assert (down.pile, down.gun) == (PILE, 2)


def test_it_holds_to_the_direction_it_is_given() -> None:
    (part,) = describe_frames(LHC, DOWN, Direction.UP)
    assert [problem.kind for problem in part.problems] == ["direction"]
    assert part.message is None


def test_it_finds_a_frame_behind_a_truncated_one() -> None:
    cut = frame(0x0A, bytes(100))[:40]
    assert [part.part for part in describe_frames(LHC, cut + UP, None)] == [Part.GARBAGE, Part.FRAME]


def test_it_becomes_json() -> None:
    data = bytes.fromhex(VECTORS[2]["hex"])
    (part,) = json.loads(msgspec.json.encode(describe_frames(LHC, data, None)))
    assert part["bytes"] == data.hex()
    fields = {field["name"]: field for field in part["fields"]}
    assert fields["firmware"] == {
        "name": "firmware",
        "offset": 32,
        "bytes": data[32:52].hex(),
        "value": "V2.6.0.2\\n\\n",
    }
    assert "".join(field["bytes"] for field in part["fields"]) == part["bytes"]


@examples(100)
@given(st.lists(st.binary(max_size=50) | st.sampled_from([UP, DOWN, UP[:30]]), max_size=6).map(b"".join))
def test_it_describes_any_bytes_once_each(data: bytes) -> None:
    described = describe_frames(LHC, data, None)
    assert "".join(part.bytes for part in described) == data.hex()
    msgspec.json.encode(described)


def told(data: bytes, direction: Direction | None = None) -> Told:
    return tell_protocol(list(protocols().values()), data, direction)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['command']:02X}")
def test_it_tells_the_protocol_of_a_real_frame(vector: dict[str, Any]) -> None:
    assert vector["protocol"] in told(bytes.fromhex(vector["hex"])).equals


@pytest.mark.parametrize("vector", YKC_VECTORS, ids=lambda vector: f"{vector['type']}")
def test_it_tells_the_protocol_of_a_public_frame_however_its_crc_stands(vector: dict[str, Any]) -> None:
    if vector["length_ok"]:
        way = "ykc-1.6?crc_order=auto" if vector["crc"] == "big" else "ykc-1.6"
        assert told(bytes.fromhex(vector["hex"])).equals == (way,)


BEAT = bytes([1, 1, 1, 0, 0]) + bytes(6)
YKC_BEAT = ykc_frame(0x03, YKC_HERE + b"\0")
# Bytes -> the protocols that explain them equally well, the first of which is taken.
TOLD: list[tuple[str, bytes, tuple[str, ...]]] = [
    ("fewest problems", frame(0x05, BEAT), ("evlink-2.6",)),
    ("equals", UP, ("lhc", "evlink-2.6")),
    ("the older version's bytes", frame(0x05, BEAT, version=b"\2\5"), ("evlink-2.5",)),
    ("most good frames", UP + YKC_BEAT + YKC_BEAT, ("ykc-1.6",)),
    ("a good frame before damaged ones", UP + (YKC_BEAT[:-1] + b"?") * 3, ("lhc", "evlink-2.6")),
    ("a damaged frame before none", YKC_BEAT[:-1] + b"?", ("ykc-1.6",)),
    ("nothing", b"no frame here", ()),
    ("no bytes", b"", ()),
]


@pytest.mark.parametrize(("data", "equals"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_it_takes_the_protocol_that_explains_the_bytes_best(data: bytes, equals: tuple[str, ...]) -> None:
    found = told(data)
    assert found.equals == equals
    assert found.protocol.name == (equals or ("lhc",))[0]
