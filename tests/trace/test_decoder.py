"""The decoder of recordings: frames in order and counted, whatever the chunks; noise; connections; alterations."""

from __future__ import annotations

import pytest

from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, Chunk, Finish, LineDown, LineUp
from pilesim.units import MS, S
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import GunReport, GunReportReply, GunState
from pilesim.wire.protocol import FRAMES_REMEMBERED, protocol_named

PROTOCOL = protocol_named("lhc")
PILE = PROTOCOL.session(End.PILE, "44030500040000200026")
PLATFORM = PROTOCOL.session(End.PLATFORM, "44030500040000200026")
UP, DOWN = Direction.UP, Direction.DOWN
BEAT = PILE.build(GunReport(state=GunState.IDLE, cable=False))
REPLY = PLATFORM.build(GunReportReply())


def chunk(t_ns: int, end: End, direction: Direction, data: bytes, altered: bool = False) -> Chunk:
    return Chunk(t_ns=t_ns, end=end, direction=direction, data=data, altered=altered)


def told(*events: AnyEvent) -> list[Seen | Noise]:
    decoder = Decoder(PROTOCOL)
    return [item for event in events for item in decoder.feed(event)]


def test_it_numbers_frames_of_both_directions_at_each_end() -> None:
    items = told(
        chunk(0, End.PILE, UP, BEAT + BEAT),
        chunk(1, End.PLATFORM, UP, BEAT),
        chunk(2, End.PLATFORM, DOWN, REPLY),
        chunk(3, End.PILE, DOWN, REPLY),
    )
    assert [(item.end, item.index) for item in items if isinstance(item, Seen)] == [
        (End.PILE, 1),
        (End.PILE, 2),
        (End.PLATFORM, 1),
        (End.PLATFORM, 2),
        (End.PILE, 3),
    ]


@pytest.mark.parametrize("at", [1, 20, len(BEAT) - 1])
def test_it_joins_chunks_and_times_the_frame_by_the_last(at: int) -> None:
    (item,) = told(chunk(5, End.PILE, UP, BEAT[:at]), chunk(5 + MS, End.PILE, UP, BEAT[at:]))
    assert isinstance(item, Seen)
    assert (item.t_ns, item.decoded.frame.raw) == (5 + MS, BEAT)


def test_it_tells_noise_with_the_time_of_its_bytes() -> None:
    noise, seen = told(chunk(0, End.PILE, UP, b"noise"), chunk(2 * S, End.PILE, UP, BEAT))
    assert isinstance(noise, Noise) and isinstance(seen, Seen)
    assert (noise.t_ns, noise.garbage.raw, noise.broken_off) == (0, b"noise", False)


def test_it_finds_a_frame_behind_a_false_start_when_the_silence_shows_it_before_what_answers_it() -> None:
    false_start = bytes.fromhex("feca03")  # a length of 973 bytes, which never come
    items = told(
        chunk(0, End.PLATFORM, UP, false_start + BEAT),
        chunk(550 * MS, End.PLATFORM, DOWN, REPLY),
        chunk(30 * S, End.PLATFORM, UP, BEAT),
    )
    assert [(type(item), item.direction, item.t_ns) for item in items] == [
        (Noise, UP, 0),
        (Seen, UP, 500 * MS),
        (Seen, DOWN, 550 * MS),
        (Seen, UP, 30 * S),
    ]


@pytest.mark.parametrize(
    "end_of_it", [LineDown(t_ns=9, end=End.PILE), LineUp(t_ns=9, end=End.PILE), Finish(t_ns=9)], ids=type
)
def test_it_breaks_off_half_a_frame_with_its_connection(end_of_it: AnyEvent) -> None:
    noise, *rest = told(chunk(0, End.PILE, UP, BEAT[:30]), end_of_it, chunk(10, End.PILE, UP, BEAT))
    assert isinstance(noise, Noise) and noise.broken_off
    assert [type(item) for item in rest] == [Seen]


def test_it_keeps_the_other_ends_connection() -> None:
    (item,) = told(
        chunk(0, End.PLATFORM, UP, BEAT[:30]), LineDown(t_ns=1, end=End.PILE), chunk(2, End.PLATFORM, UP, BEAT[30:])
    )
    assert isinstance(item, Seen)


def test_it_calls_a_frame_altered_only_when_its_bytes_are_not_those_sent() -> None:
    other = PILE.build(GunReport(state=GunState.FAULT, cable=False))
    items = told(
        chunk(0, End.PILE, UP, BEAT),
        chunk(1, End.PLATFORM, UP, BEAT[:20], altered=True),
        chunk(2, End.PLATFORM, UP, BEAT[20:], altered=True),
        chunk(3, End.PLATFORM, UP, other, altered=True),
        chunk(4, End.PLATFORM, UP, BEAT),
    )
    marks = [(item.altered, item.touched) for item in items if isinstance(item, Seen)]
    assert marks == [(False, False), (False, True), (True, True), (False, False)]


def test_it_decodes_the_same_frame_once_for_both_ends() -> None:
    first, second = told(chunk(0, End.PILE, UP, BEAT), chunk(1, End.PLATFORM, UP, BEAT))
    assert isinstance(first, Seen) and isinstance(second, Seen)
    assert first.decoded is second.decoded


def test_it_forgets_old_frames() -> None:
    (first,) = told(chunk(0, End.PILE, UP, BEAT))
    for number in range(FRAMES_REMEMBERED):
        PROTOCOL.decode(Frame(number.to_bytes(2), UP, 0x99, b"", None, None, 0, None))
    (again,) = told(chunk(0, End.PILE, UP, BEAT))
    assert isinstance(first, Seen) and isinstance(again, Seen)
    assert first.decoded is not again.decoded
