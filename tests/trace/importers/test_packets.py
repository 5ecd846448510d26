"""Captures of packets: TCP put together again, connections told apart, the pile's chosen; files that lie are told."""

from __future__ import annotations

import gzip
import random
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from enough import examples
from hypothesis import given
from hypothesis import strategies as st
from logs import by_direction, frames_in, frames_of, short
from renderings import ACK, FIN, LINKS, PSH, RST, UP, Passed, Talk, Tcp, block, moved, pcap, pcapng, talk

from pilesim.errors import FileError
from pilesim.trace.events import AnyEvent, Chunk, LineDown, LineUp, Missing, Note, Vantage
from pilesim.trace.importers.imported import Imported, LineOrder, Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import MS, US, S
from pilesim.wire.frame import End

ITEMS = short(End.PLATFORM)


def loaded(path: Path, content: bytes, wishes: Wishes | None = None) -> Imported:
    path.write_bytes(content)
    return load_log(path, wishes or Wishes())


def ups_and_downs(events: Sequence[AnyEvent]) -> list[tuple[str, str]]:
    return [
        (type(event).__name__, event.by if isinstance(event, LineDown) else "")
        for event in events
        if isinstance(event, LineUp | LineDown)
    ]


@pytest.mark.parametrize("link", LINKS)
def test_it_reads_packets_of_every_link(link: str, tmp_path: Path) -> None:
    found = loaded(tmp_path / "a.pcap", pcap(talk(ITEMS), link))
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(ITEMS, US))
    assert (found.form, found.vantage, found.unread_count) == ("pcap", Vantage.UNKNOWN, 0)


@pytest.mark.parametrize(
    ("content", "resolution_ns"),
    [
        (pcap(talk(ITEMS), order=">"), US),
        (pcap(talk(ITEMS), nanoseconds=True), 1),
        (pcap(talk(ITEMS), order=">", nanoseconds=True), 1),
        (pcapng(talk(ITEMS)), 1),
        (pcapng(talk(ITEMS), resolution=3), MS),
        (pcapng(talk(ITEMS), order=">"), 1),
        (pcapng(talk(ITEMS), ("ethernet", "linux cooked", "vlan")), 1),
        (gzip.compress(pcap(talk(ITEMS))), US),
    ],
    ids=["big-endian", "ns", "big-endian ns", "pcapng", "pcapng ms", "pcapng big-endian", "interfaces", "gzip"],
)
def test_it_reads_files_of_every_kind(content: bytes, resolution_ns: int, tmp_path: Path) -> None:
    found = loaded(tmp_path / "a.bin", content)
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(ITEMS, resolution_ns))


def test_it_tells_when_the_connection_came_up_and_who_ended_it(tmp_path: Path) -> None:
    conversation = Talk()
    conversation.open(S)
    conversation.add(2 * S, True, ITEMS[0].data)
    conversation.close(3 * S, up=False)
    again = Talk(port=40001)
    again.open(9 * S)
    again.add(10 * S, True, ITEMS[0].data)
    again.add(11 * S, True, flags=RST)
    found = loaded(tmp_path / "a.pcap", pcap([*conversation.segments, *again.segments]))
    assert ups_and_downs(found.trace.events) == [
        ("LineUp", ""),
        ("LineDown", "platform"),
        ("LineUp", ""),
        ("LineDown", "pile"),
    ]
    assert [event.t_ns for event in found.trace.events if isinstance(event, LineUp)] == [0, 8 * S]


def test_it_takes_a_log_that_begins_in_the_middle_of_a_connection(tmp_path: Path) -> None:
    found = loaded(tmp_path / "a.pcap", pcap(talk(ITEMS, opened=False)))
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(ITEMS, US))
    assert ups_and_downs(found.trace.events) == []


def test_it_gives_each_byte_once_whatever_is_sent_again(tmp_path: Path) -> None:
    segments = []
    for segment in talk(ITEMS, isn=2**32 - 200):
        segments += [segment, segment]
        if len(segment.data) > 8:
            # The last bytes once more, as a segment of its own, and the probe of a connection that is kept alive.
            segments.append(replace(segment, sequence=(segment.sequence + 5) % 2**32, data=segment.data[5:]))
            segments.append(replace(segment, sequence=(segment.sequence - 1) % 2**32, data=b"\0"))
    found = loaded(tmp_path / "a.pcap", pcap(segments))
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(ITEMS, US))
    assert any("more than once" in remark for remark in found.remarks)


def hole() -> tuple[list[Tcp], Passed, Passed]:
    """Two frames up, of which the log lacks the last ten bytes of the first, which the platform has acknowledged."""
    first, second = [item for item in ITEMS if item.direction is UP][:2]
    conversation = Talk()
    conversation.open(S)
    sent = conversation.add(S, True, first.data, PSH | ACK)
    conversation.add(2 * S, True, second.data, PSH | ACK)
    conversation.add(2 * S, False)
    conversation.add(3 * S, True, first.data + second.data, PSH | ACK)
    conversation.segments[3] = replace(sent, data=first.data[:-10])
    return conversation.segments, first, second


def test_it_tells_of_bytes_that_the_log_lacks_and_lays_them_to_nobody(tmp_path: Path) -> None:
    segments, first, second = hole()
    found = loaded(tmp_path / "a.pcap", pcap(segments))
    assert [raw for _, _, raw in frames_of(found.trace)] == [second.data, first.data, second.data]
    assert [(line.line, line.why) for line in found.unread] == [
        (5, "10 bytes up before this packet are not in the file")
    ]
    assert Missing.BYTES in found.missing
    assert any(isinstance(event, Note) for event in found.trace.events)
    assert [e.altered for e in found.trace.events if isinstance(e, Chunk)] == [False, True, False]


def test_it_takes_what_was_cut_short_when_recorded_for_lacking(tmp_path: Path) -> None:
    long = Passed(S, UP, b"".join(item.data for item in ITEMS if item.direction is UP) * 2)
    found = loaded(tmp_path / "a.pcap", pcap(talk([*ITEMS, long, *ITEMS]), snap=400))
    assert any("cut short" in remark for remark in found.remarks)
    assert Missing.BYTES in found.missing


def test_it_leaves_out_what_is_no_talk_of_a_pile(tmp_path: Path) -> None:
    other = talk([Passed(S, UP, b"GET / HTTP/1.1\r\n\r\n")])
    found = loaded(tmp_path / "a.pcap", pcap([*moved(other, "10.0.0.9", 5555), *talk(ITEMS)]))
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(ITEMS, US))
    assert "1 other TCP connection of the file is left out" in found.remarks


def two_piles() -> tuple[bytes, list[Passed]]:
    other = [replace(item, data=item.data.replace(b"200026", b"200062")) for item in ITEMS]
    both = [*talk(ITEMS), *moved(talk(other), "10.0.0.8", 41000)]
    return pcap(sorted(both, key=lambda segment: segment.epoch_ns)), other


@pytest.mark.parametrize(
    "wishes", [Wishes(pile="44030500040000200062"), Wishes(pile="10.0.0.8"), Wishes(stream=2)], ids=str
)
def test_it_takes_the_pile_that_is_chosen_by_number_address_or_connection(wishes: Wishes, tmp_path: Path) -> None:
    content, other = two_piles()
    found = loaded(tmp_path / "a.pcap", content, wishes)
    assert found.trace.header.pile == "44030500040000200062"
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(other, US))


def test_it_lists_the_connections_of_several_piles(tmp_path: Path) -> None:
    with pytest.raises(FileError) as error:
        loaded(tmp_path / "a.pcap", two_piles()[0])
    text = str(error.value)
    assert "1: 10.0.0.7:40000 - 192.0.2.1:9000" in text
    assert "2: 10.0.0.8:41000 - 192.0.2.1:9000" in text
    assert "--stream" in text


def in_order(items: Sequence[Passed]) -> list[Passed]:
    return sorted(items, key=lambda item: item.epoch_ns)


@pytest.mark.parametrize("at", [1, 10, 30])
def test_it_reads_a_file_that_breaks_off_up_to_there_and_says_so(at: int, tmp_path: Path) -> None:
    found = loaded(tmp_path / "a.pcap", pcap(talk(ITEMS))[:-at])
    assert any("breaks off after packet" in remark for remark in found.remarks)
    # Each of the last packets holds one frame, and is longer than what was cut off.
    assert [raw for _, _, raw in frames_of(found.trace)] == [raw for _, _, raw in frames_in(in_order(ITEMS))][:-1]


HEAD = pcap([])
SECTION = pcapng([], ())

LIES: dict[str, tuple[bytes, str]] = {
    "a packet of 4 GB": (HEAD + struct.pack("<IIII", 0, 0, 2**32 - 1, 2**32 - 1), "at most 16777216 bytes"),
    "a block of 4 GB": (SECTION + struct.pack("<II", 6, 2**32 - 4), "at most 16777216 bytes"),
    "a block of 3 bytes": (SECTION + struct.pack("<II", 6, 3), "found -9"),
    "no packets": (HEAD, "expected TCP connections with data, found none"),
    "only a head": (HEAD[:10], "expected TCP connections with data, found none"),
    "no section": (b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00abcd", "expected a section of a pcapng, found 61626364"),
    "nothing of any protocol": (pcap(talk([Passed(S, UP, b"hello")])), "expected frames of a protocol"),
}


@pytest.mark.parametrize(("content", "told"), LIES.values(), ids=LIES)
def test_it_says_what_is_wrong_with_a_file(content: bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(FileError) as error:
        loaded(tmp_path / "a.pcap", content)
    assert told in str(error.value)


def test_it_counts_packets_that_it_cannot_read(tmp_path: Path) -> None:
    broken = struct.pack("<IIIII", 9, 0, 0, 4, 4) + b"abcd"
    found = loaded(tmp_path / "a.pcapng", pcapng(talk(ITEMS)) + block(6, broken) + block(6, b"ab"))
    assert [line.why for line in found.unread] == [
        "a packet of interface 9, which the file does not name",
        "a packet's block that is too short",
    ]


# Any of them --------------------------------------------------------------------------------------------------


@examples(25)
@given(
    cuts=st.lists(st.integers(1, 90), min_size=1, max_size=12),
    seed=st.integers(0, 10**6),
    isn=st.sampled_from([0, 1000, 2**31 - 100, 2**32 - 100]),
    closed=st.booleans(),
)
def test_it_puts_together_whatever_was_cut_shuffled_and_sent_again(
    cuts: list[int], seed: int, isn: int, closed: bool
) -> None:
    chance = random.Random(seed)
    conversation = Talk(isn)
    conversation.open(ITEMS[0].epoch_ns)
    groups: list[list[Tcp]] = []
    sent = 0
    for item in ITEMS:
        group: list[Tcp] = []
        at = 0
        while at < len(item.data):
            size = cuts[sent % len(cuts)]
            group.append(conversation.add(item.epoch_ns, item.direction is UP, item.data[at : at + size], PSH | ACK))
            at += size
            sent += 1
        # What one side sends at once comes in any order, some of it twice, before the other side answers it.
        group += chance.choices(group, k=chance.randrange(3))
        chance.shuffle(group)
        groups.append(group)
    if closed:
        conversation.add(ITEMS[-1].epoch_ns, True, flags=FIN | ACK)
        groups.append(conversation.segments[-1:])
    segments = [*conversation.segments[:3], *(segment for group in groups for segment in group)]
    with TemporaryDirectory() as folder:
        found = loaded(Path(folder) / "a.pcap", pcap(segments), Wishes(order=LineOrder.FILE))
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(ITEMS, US))
    assert Missing.BYTES not in found.missing
