"""A serial port without a descriptor, as on Windows and over RFC 2217: pyserial's loop stands in for it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from pilesim.link.base import Data, Down, LinkEvent, Up
from pilesim.link.serial import SerialLink, SerialSettings
from pilesim.link.waiting import monotonic_ns, wait
from pilesim.units import S


@pytest.fixture
def loop() -> Iterator[SerialLink]:
    link = SerialLink("the loop", "loop://", SerialSettings())
    link.open()
    yield link
    link.close()


def gathered(link: SerialLink, size: int) -> list[LinkEvent]:
    deadline_ns = monotonic_ns() + 10 * S
    found: list[LinkEvent] = []
    while monotonic_ns() < deadline_ns:
        found += link.events()
        if sum(len(e.data) for e in found if isinstance(e, Data)) >= size or any(isinstance(e, Down) for e in found):
            break
        wait([link], deadline_ns - monotonic_ns())
    return found


def test_it_is_up_from_the_beginning(loop: SerialLink) -> None:
    assert loop.events() == [Up("the loop")]
    assert loop.events() == []


def test_it_carries_bytes_and_ends_the_wait_for_them(loop: SerialLink) -> None:
    sent = [random.Random(n).randbytes(100) for n in range(20)]
    for piece in sent:
        loop.send(piece)
    began_ns = monotonic_ns()
    found = gathered(loop, 2000)
    assert b"".join(e.data for e in found if isinstance(e, Data)) == b"".join(sent)
    assert monotonic_ns() - began_ns < 5 * S


def test_it_gives_up_a_port_that_takes_no_more_bytes(loop: SerialLink) -> None:
    for _ in range(3000):
        loop.send(bytes(4000))
    found = gathered(loop, 1 << 40)
    assert isinstance(found[-1], Down)
    assert found[-1].vanished
    assert loop.waitables() == []


def test_it_is_closed_twice_and_opened_again(loop: SerialLink) -> None:
    loop.close()
    loop.close()
    loop.open()
    assert loop.events() == [Up("the loop")]
