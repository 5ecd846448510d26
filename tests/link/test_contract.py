"""Every link keeps one contract, whatever carries its bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from pilesim.link.base import Data, Down, Link, LinkEvent, Up
from pilesim.link.pty import PtyLink
from pilesim.link.serial import SerialLink, SerialSettings
from pilesim.link.tcp import TcpDial, TcpListen
from pilesim.link.virtual import virtual_pair
from pilesim.link.waiting import monotonic_ns, wait
from pilesim.units import MS, S

DEADLINE_NS = 10 * S


@dataclass
class Pair:
    """Two ends of one line, both open: `far` dials or opens what `near` offers."""

    near: Link
    far: Link

    @property
    def ends(self) -> tuple[Link, Link]:
        return self.near, self.far


class Ear:
    """Gathers what its link tells."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.events: list[LinkEvent] = []

    def listen(self) -> None:
        # A link that has something to tell must not say that it has no news: nobody would ask it.
        if self.link.has_news:
            self.events += self.link.events()

    @property
    def data(self) -> bytes:
        return b"".join(e.data for e in self.events if isinstance(e, Data))

    def has(self, kind: type[LinkEvent]) -> bool:
        return any(isinstance(e, kind) for e in self.events)


def _virtual() -> Pair:
    far, near = virtual_pair()
    near.open()
    far.open()
    return Pair(near, far)


def _tcp() -> Pair:
    near = TcpListen()
    near.open()
    far = TcpDial("127.0.0.1", near.port)
    far.open()
    return Pair(near, far)


def _pty() -> Pair:
    near = PtyLink()
    near.open()
    far = SerialLink(f"serial://{near.name}", near.name, SerialSettings())
    far.open()
    return Pair(near, far)


MAKERS: dict[str, Callable[[], Pair]] = {"virtual": _virtual, "tcp": _tcp, "pty": _pty}
CONNECTED = ("virtual", "tcp")


def _made(kind: str) -> Iterator[Pair]:
    pair = MAKERS[kind]()
    yield pair
    pair.near.close()
    pair.far.close()


@pytest.fixture(params=MAKERS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    yield from _made(request.param)


@pytest.fixture(params=CONNECTED)
def connected_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    yield from _made(request.param)


def wait_for(condition: Callable[[], bool], *ears: Ear) -> bool:
    """Whether `condition` came to hold within the deadline."""
    deadline_ns = monotonic_ns() + DEADLINE_NS
    while True:
        for ear in ears:
            ear.listen()
        if condition():
            return True
        if monotonic_ns() > deadline_ns:
            return False
        wait([ear.link for ear in ears], 5 * MS if any(not e.link.waitables() for e in ears) else 100 * MS)


def joined(pair: Pair) -> tuple[Ear, Ear]:
    """Both ends, up."""
    near, far = Ear(pair.near), Ear(pair.far)
    pair.far.dial()
    assert wait_for(lambda: near.has(Up) and far.has(Up), near, far)
    return near, far


def test_it_tells_that_it_is_up_at_both_ends_once(pair: Pair) -> None:
    near, far = joined(pair)
    assert [type(e) for e in near.events] == [Up]
    assert [type(e) for e in far.events] == [Up]


def test_it_carries_every_byte_value_both_ways(pair: Pair) -> None:
    near, far = joined(pair)
    every = bytes(range(256))
    pair.near.send(every)
    pair.far.send(every[::-1])
    assert wait_for(lambda: len(near.data) >= 256 and len(far.data) >= 256, near, far)
    assert far.data == every
    assert near.data == every[::-1]


@pytest.mark.parametrize("sizes", [(1,) * 500, (0, 1, 0, 7), (4095, 4096, 4097), (1_000_000,)], ids=str)
def test_it_keeps_the_order_of_pieces_of_any_size(pair: Pair, sizes: tuple[int, ...]) -> None:
    near, far = joined(pair)
    chance = random.Random("sizes")
    pieces = [chance.randbytes(size) for size in sizes]
    for piece in pieces:
        pair.near.send(piece)
    assert wait_for(lambda: len(far.data) >= sum(sizes), near, far)
    assert far.data == b"".join(pieces)


def test_it_carries_much_both_ways_at_once(pair: Pair) -> None:
    near, far = joined(pair)
    much = random.Random("much").randbytes(300_000)
    pair.near.send(much)
    pair.far.send(much)
    assert wait_for(lambda: len(near.data) >= len(much) and len(far.data) >= len(much), near, far)
    assert near.data == far.data == much


def test_it_never_tells_an_empty_piece(pair: Pair) -> None:
    near, far = joined(pair)
    pair.far.send(b"")
    pair.far.send(b"x")
    assert wait_for(lambda: near.data == b"x", near, far)
    assert all(e.data for e in near.events if isinstance(e, Data))


def test_it_has_a_name_and_may_be_opened_and_closed_twice(pair: Pair) -> None:
    for link in pair.ends:
        name = link.name
        link.open()
        assert link.name == name != ""
        link.close()
        link.close()
        assert link.events() == []
        assert link.waitables() == []
        link.send(b"to nobody")
        link.hang_up()


def test_it_only_hangs_up_where_there_is_a_connection(pair: Pair) -> None:
    near, far = joined(pair)
    pair.near.hang_up()
    pair.near.hang_up()
    pair.far.send(b"still there")
    if pair.near.connectionless:
        assert wait_for(lambda: near.data == b"still there", near, far)
    else:
        assert wait_for(lambda: far.has(Down), near, far)
        assert near.data == b""


def test_it_drops_in_silence_what_is_sent_to_nobody(connected_pair: Pair) -> None:
    connected_pair.near.send(b"before")
    connected_pair.far.send(b"before")
    near, far = joined(connected_pair)
    connected_pair.near.send(b"after")
    assert wait_for(lambda: far.data == b"after", near, far)
    assert near.data == b""


@pytest.mark.parametrize("size", [0, 10, 1_000_000])
def test_it_delivers_what_was_queued_before_it_hangs_up(connected_pair: Pair, size: int) -> None:
    near, far = joined(connected_pair)
    last_words = random.Random("last").randbytes(size)
    connected_pair.far.send(last_words)
    connected_pair.far.hang_up()
    assert wait_for(lambda: near.has(Down), near, far)
    assert near.data == last_words
    assert isinstance(near.events[-1], Down)
    assert not far.has(Down), "whoever hangs up is not told"


def test_it_delivers_what_was_queued_even_when_unread_bytes_lie_at_the_end_that_hangs_up(connected_pair: Pair) -> None:
    near, far = joined(connected_pair)
    connected_pair.near.send(b"unread" * 10_000)
    connected_pair.far.send(b"last words")
    connected_pair.far.hang_up()
    assert wait_for(lambda: near.has(Down), near, far)
    assert near.data == b"last words"


@pytest.mark.parametrize("hanging", [0, 1], ids=["near", "far"])
def test_it_connects_again_after_either_end_hung_up(connected_pair: Pair, hanging: int) -> None:
    ears = joined(connected_pair)
    told = ears[1 - hanging]
    ears[hanging].link.hang_up()
    assert wait_for(lambda: told.has(Down), *ears)
    near, far = joined(connected_pair)
    connected_pair.far.send(b"again")
    assert wait_for(lambda: near.data == b"again", near, far)


def test_it_connects_again_when_both_happened_before_anyone_looked(connected_pair: Pair) -> None:
    near, far = joined(connected_pair)
    connected_pair.far.send(b"old")
    connected_pair.far.hang_up()
    connected_pair.far.dial()
    assert wait_for(lambda: sum(isinstance(e, Up) for e in far.events) == 2, far)
    connected_pair.far.send(b"new")
    assert wait_for(lambda: near.data == b"oldnew", near, far)
    assert [type(e) for e in near.events] == [Up, Data, Down, Up, Data]


def test_it_tells_a_dial_that_is_refused_and_accepts_again(connected_pair: Pair) -> None:
    connected_pair.near.refuse(True)
    near, far = Ear(connected_pair.near), Ear(connected_pair.far)
    for _ in range(3):
        far.events.clear()
        connected_pair.far.dial()
        assert wait_for(lambda: far.has(Down), near, far)
        assert not far.has(Up)
    assert near.events == []
    connected_pair.near.refuse(False)
    joined(connected_pair)


def test_it_keeps_the_connection_it_has_while_it_refuses_others(connected_pair: Pair) -> None:
    near, far = joined(connected_pair)
    connected_pair.near.refuse(True)
    connected_pair.far.send(b"still here")
    assert wait_for(lambda: near.data == b"still here", near, far)


def test_it_tells_a_dial_to_a_closed_end(connected_pair: Pair) -> None:
    connected_pair.near.close()
    far = Ear(connected_pair.far)
    connected_pair.far.dial()
    assert wait_for(lambda: far.has(Down), far)
    assert not far.has(Up)


def test_it_tells_the_other_end_that_this_one_was_closed(connected_pair: Pair) -> None:
    near, far = joined(connected_pair)
    connected_pair.far.close()
    assert wait_for(lambda: near.has(Down), near, far)


def test_it_does_not_dial_twice(connected_pair: Pair) -> None:
    near, far = joined(connected_pair)
    connected_pair.far.dial()
    connected_pair.far.send(b"one line")
    assert wait_for(lambda: near.data == b"one line", near, far)
    assert [type(e) for e in far.events] == [Up]


def test_it_has_no_dialling_on_a_side_that_listens(pair: Pair) -> None:
    near, far = joined(pair)
    pair.near.dial()
    pair.near.send(b"as before")
    assert wait_for(lambda: far.data == b"as before", near, far)
    assert not near.has(Down)


def test_it_tells_that_a_serial_port_has_vanished() -> None:
    pair = _pty()
    near, far = joined(pair)
    pair.near.close()
    assert wait_for(lambda: far.has(Down), far)
    down = far.events[-1]
    assert isinstance(down, Down)
    assert down.vanished
    far.link.send(b"to nobody")
    assert far.link.events() == []
    far.link.close()
    assert near.events == [Up(near.link.name)]
