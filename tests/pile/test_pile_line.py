"""The reference pile's end of the line: dialling, bad bytes, and the same bytes for the same seed."""

from __future__ import annotations

import pytest
from pilebench import ACCOUNT, NUMBER, TARIFF, Bench, fixture

from pilesim.pile.pile import Pile
from pilesim.units import HOUR, MINUTE, S
from pilesim.wire.frame import End
from pilesim.wire.messages import Authorise, AuthoriseReply, GunState, Message, StartReply, StopReply
from pilesim.wire.protocol import protocol_named

A = "20200303101200000001"


def test_it_dials_for_ever_and_never_more_than_twenty_seconds_apart() -> None:
    bench = Bench(reachable=False)
    bench.run(HOUR)
    assert bench.dials >= 3600 // 21
    bench.restore()
    bench.run(25 * S)
    assert bench.up


def test_it_dials_five_seconds_after_a_lost_line() -> None:
    bench = Bench()
    bench.run(S)
    bench.disconnect(S)
    bench.run(4 * S)
    assert bench.dials == 1
    bench.run(2 * S)
    assert bench.dials == 2
    assert bench.names().count("hello") == 2


def frame_of(message: Message, pile: str = NUMBER) -> bytes:
    return protocol_named("lhc").session(End.PLATFORM, pile).build(message)


def scan(pile: str = NUMBER, gun: int = 1) -> bytes:
    message = Authorise(gun=gun, account=ACCOUNT, order=A, balance_mfen=100_000, tariff=TARIFF)
    return frame_of(message, pile)


BAD: list[tuple[str, bytes]] = [
    ("noise", b"\x00\x55" * 40),
    ("a false start", b"\xfe\xff\x01"),
    ("a truncated frame", scan()[:300]),
    ("a wrong checksum", scan()[:-2] + bytes([scan()[-2] ^ 1]) + scan()[-1:]),
    ("another pile's frame", scan(pile="44030500040000200032")),
    ("a gun it has not", scan(gun=7)),
]


@pytest.mark.parametrize(("what", "data"), BAD)
def test_it_hears_on_after_bad_bytes_which_have_no_effect(what: str, data: bytes) -> None:
    bench = Bench()
    bench.run(S)
    bench.push(data)
    bench.run(S)
    assert bench.all(AuthoriseReply) == [], what
    bench.push(scan())
    bench.run(S)
    assert len(bench.all(AuthoriseReply)) == 1, what


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_it_answers_a_frame_in_two_pieces_and_two_in_one(cut: int) -> None:
    bench = Bench()
    bench.run(S)
    data = scan()
    bench.push(data[:cut])
    bench.run(S // 10)
    bench.push(data[cut:] + data)
    bench.run(S)
    assert len(bench.all(AuthoriseReply)) == 2


def test_it_answers_commands_in_the_order_in_which_they_came_within_its_delay() -> None:
    bench = Bench(profile=fixture("robinson-gen5-lag"), seed=3)
    bench.run(S)
    for _ in range(4):
        bench.push(scan())
    at_ns = bench.now_ns
    bench.run(5 * S)
    times = bench.times(AuthoriseReply)
    gaps = [b - a for a, b in zip([at_ns, *times], times, strict=False)]
    assert len(times) == 4
    assert all(600_000_000 <= gap <= 1_100_000_000 for gap in gaps)
    assert len(set(gaps)) == 4


def test_it_echoes_the_sequence_of_what_it_answers() -> None:
    bench = Bench()
    bench.charge(A)
    bench.command_stop()
    replies = [h for h in bench.heard if isinstance(h.message, AuthoriseReply | StartReply | StopReply)]
    assert len({h.frame.answers for h in replies}) == 3
    assert 0 not in {h.frame.answers for h in replies}


def test_it_does_nothing_without_power() -> None:
    bench = Bench()
    bench.run(S)
    bench.do("power-off", None)
    assert bench.hang_ups == 1
    since = len(bench.sent)
    bench.pile.line_up(bench.now_ns)
    bench.pile.receive(scan(), bench.now_ns)
    bench.do("plug")
    bench.do("tap")
    bench.do("stop-button")
    bench.run(HOUR)
    assert len(bench.sent) == since
    bench.do("power-on", None)
    bench.run(MINUTE)
    assert bench.beats()[-1][1].cable is True


def story(seed: int, profile: str) -> list[bytes]:
    bench = Bench(profile=fixture(profile), guns=2, seed=seed)
    for i in range(3):
        bench.charge(f"2020030310120000000{i}")
        bench.run(2 * MINUTE)
        bench.do("unplug")
        bench.run(2 * MINUTE)
    return bench.sent


def test_it_says_the_same_bytes_for_the_same_seed_only() -> None:
    assert story(1, "robinson-gen5-0309") == story(1, "robinson-gen5-0309")
    assert story(1, "robinson-gen5-0309") != story(2, "robinson-gen5-0309")


def test_it_wakes_only_when_something_is_due() -> None:
    bench = Bench()
    bench.run(S)
    pile: Pile = bench.pile
    due = pile.next_wakeup_ns()
    assert due is not None
    assert due > bench.now_ns
    pile.advance(due - 1)
    assert pile.take_actions() == []
    assert bench.state() is GunState.IDLE
