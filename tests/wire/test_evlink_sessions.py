"""Sequence numbers: what a message carries of its own number and of the other side's."""

from __future__ import annotations

import pytest
from handmade import NO_TIME, PILE, frame
from msgspec import structs

from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import (
    NO_TIME as NONE,
)
from pilesim.wire.messages import (
    AuthoriseReply,
    BillReply,
    GunReport,
    GunReportReply,
    GunState,
    HelloReply,
    Message,
    Start,
    StartReply,
    Stop,
    StopReply,
    TimeTell,
)
from pilesim.wire.protocol import protocol_named

PROTOCOL = protocol_named("lhc")
BEAT = GunReport(state=GunState.IDLE, cable=False)


def numbers(data: bytes) -> tuple[int, int]:
    """Platform sequence and pile sequence, where the page puts them."""
    return int.from_bytes(data[5:7], "little"), int.from_bytes(data[7:9], "little")


def heard(direction: Direction, *, platform_sequence: int, pile_sequence: int) -> Frame:
    data = frame(0x99, NO_TIME, platform_sequence=platform_sequence, pile_sequence=pile_sequence)
    (found,) = PROTOCOL.framer(direction).feed(data, 0)
    assert isinstance(found, Frame)
    return found


def test_it_numbers_by_direction() -> None:
    up = heard(Direction.UP, platform_sequence=3, pile_sequence=7)
    assert (up.sequence, up.answers) == (7, 3)
    down = heard(Direction.DOWN, platform_sequence=3, pile_sequence=7)
    assert (down.sequence, down.answers) == (3, 7)


REPLIES_OF_THE_PILE: list[Message] = [AuthoriseReply(account="a"), StartReply(account="a"), StopReply(account="a")]


@pytest.mark.parametrize("reply", REPLIES_OF_THE_PILE, ids=lambda reply: reply.name)
def test_it_gives_a_reply_of_the_pile_its_own_number_and_the_platforms(reply: Message) -> None:
    session = PROTOCOL.session(End.PILE, PILE)
    asked = heard(Direction.DOWN, platform_sequence=500, pile_sequence=0)
    assert numbers(session.build(BEAT)) == (0, 1)
    assert numbers(session.build(reply, answering=asked)) == (500, 2)
    assert numbers(session.build(BEAT)) == (0, 3)


UNNUMBERED: list[Message] = [GunReportReply(), BillReply(order="1"), GunReportReply(change=True)]


@pytest.mark.parametrize("reply", UNNUMBERED)
def test_it_gives_an_unnumbered_reply_only_the_piles_number(reply: Message) -> None:
    session = PROTOCOL.session(End.PLATFORM, PILE)
    asked = heard(Direction.UP, platform_sequence=0, pile_sequence=673)
    assert numbers(session.build(reply, answering=asked)) == (0, 673)
    assert numbers(session.build(Start(account="a"))) == (1, 0)


NUMBERED: list[Message] = [HelloReply(), TimeTell(platform_time=NONE), Stop(account="a")]


@pytest.mark.parametrize("reply", NUMBERED, ids=lambda reply: reply.name)
def test_it_gives_other_replies_of_the_platform_both_numbers(reply: Message) -> None:
    session = PROTOCOL.session(End.PLATFORM, PILE)
    asked = heard(Direction.UP, platform_sequence=0, pile_sequence=673)
    assert numbers(session.build(Start(account="a"))) == (1, 0)
    assert numbers(session.build(reply, answering=asked)) == (2, 673)


def test_it_skips_zero_when_the_numbers_run_over() -> None:
    session = PROTOCOL.session(End.PILE, PILE)
    vars(session)["_last"] = 0xFFFD  # as many have been built
    assert [numbers(session.build(BEAT))[1] for _ in range(4)] == [0xFFFE, 0xFFFF, 1, 2]


def test_it_counts_from_one_on_a_new_connection() -> None:
    session = PROTOCOL.session(End.PILE, PILE)
    first = session.build(BEAT)
    assert session.build(BEAT) != first
    session.reset()
    assert session.build(BEAT) == first


def test_it_spends_no_number_on_what_cannot_be_built() -> None:
    session = PROTOCOL.session(End.PILE, PILE)
    with pytest.raises(Exception, match="expected"):
        session.build(structs.replace(BEAT, gun=300))
    assert numbers(session.build(BEAT)) == (0, 1)
