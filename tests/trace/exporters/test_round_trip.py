"""What is written is read again as it was: frames, directions, times, connections, verdicts; and by Wireshark too."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path, PurePath

import dpkt  # type: ignore[import-untyped]
import pytest
from msgspec.structs import replace
from named_recordings import CAPTURES, recording

from pilesim.errors import UsageError
from pilesim.rules.judge import judge
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineDown, LineUp, Mention, Missing, Trace, Vantage
from pilesim.trace.exporters.write import EXPORTERS, export, exporter_of
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import MS, S, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.protocol import protocol_named

needs_tshark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")

PLAYED = (
    "ykc-1.6 order/short",
    "ykc-1.6 line/outage-in-charge",
    "lhc line/flaps",
    "lhc line/cut-and-merged",
    "ykc-1.6 line/garbage-to-the-platform",
)
FEW = ("reference/order-short", "robinson-gen5-0303/order-start-lost", *PLAYED)
"""The others are taken where there is time for them."""
FORMS = ("pcapng", "hex")


def at_one_end(trace: Trace, end: End) -> Trace:
    """What somebody at `end` has: bytes and connections, and nobody who says what was done."""
    header = Header(
        start=trace.header.start, protocol=trace.header.protocol, pile="", guns=0, ends=(end,), stimuli=False
    )
    kinds = Chunk | LineUp | LineDown
    at_end = (event for event in trace.events if isinstance(event, kinds) and event.end is end)
    # That the line changed some bytes only whoever changed them knows.
    kept = [replace(event, altered=False) if isinstance(event, Chunk) else event for event in at_end]
    return Trace(header, (*kept, Finish(t_ns=kept[-1].t_ns)))


def passed(trace: Trace, end: End) -> list[tuple[int, Direction, bytes]]:
    """Frames, and what is none, with their times since 1970."""
    decoder = Decoder(protocol_named(trace.header.protocol))
    start_ns = parse_world_start_ns(trace.header.start)
    found = [item for event in trace.events for item in decoder.feed(event)] + decoder.finish()
    return [
        (start_ns + item.t_ns, item.direction, item.decoded.frame.raw if isinstance(item, Seen) else item.garbage.raw)
        for item in found
        if isinstance(item, Seen | Noise) and item.end is end
    ]


def connections(trace: Trace) -> list[tuple[int, str]]:
    """When the line came up and went down, but for the end of the recording."""
    start_ns = parse_world_start_ns(trace.header.start)
    last_ns = trace.events[-1].t_ns
    return [
        (start_ns + event.t_ns, type(event).__name__)
        for event in trace.events
        if isinstance(event, LineUp) or (isinstance(event, LineDown) and event.t_ns < last_ns)
    ]


def verdicts(trace: Trace) -> dict[str, str]:
    return {row.id: row.verdict.value for row in judge(trace.header, trace.events).rules}


def there_and_back(trace: Trace, form: str, folder: Path, end: End, wishes: Wishes | None = None) -> Trace:
    exporter = exporter_of(PurePath(), form)
    file = folder / f"a{min(exporter.suffixes)}"
    file.write_bytes(export(trace, exporter, end).content)
    found = load_log(file, wishes or Wishes(protocol=trace.header.protocol, vantage=Vantage(end.value)))
    assert found.unread_count == 0, found.unread
    return found.trace


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [*CAPTURES, *PLAYED])
def test_it_is_read_again_with_the_same_frames_times_connections_and_verdicts(
    name: str, form: str, time_enough: bool, tmp_path: Path
) -> None:
    if name not in FEW and not time_enough:
        pytest.skip("a few recordings are taken: the others where there is time for many seeds")
    # Each recording is taken at both of its ends, one in each form.
    end = list(End)[(FORMS.index(form) + len(name)) % 2]
    expected = at_one_end(recording(name), end)
    found = there_and_back(recording(name), form, tmp_path, end)
    assert passed(found, end) == passed(expected, end)
    assert connections(found) == connections(expected)
    assert verdicts(found) == verdicts(expected)


@needs_tshark
@pytest.mark.parametrize("name", ["lhc line/flaps", "ykc-1.6 line/outage-in-charge"])
def test_it_is_put_together_by_wireshark_which_has_nothing_to_say_against_it(name: str, tmp_path: Path) -> None:
    trace = at_one_end(recording(name), End.PLATFORM)
    (tmp_path / "a.pcapng").write_bytes(export(trace, exporter_of(PurePath("a.pcapng"))).content)
    streams = sum(isinstance(event, LineUp) for event in trace.events)
    follow = [word for stream in range(streams) for word in ("-z", f"follow,tcp,raw,{stream}")]
    checked = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    command = ["tshark", "-r", str(tmp_path / "a.pcapng"), "-q", *checked, "-z", "expert,note", *follow]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Errors" not in said
    assert "Warn" not in said
    assert "Notes" not in said
    theirs: dict[Direction, bytes] = dict.fromkeys(Direction, b"")
    told = dict(re.findall(r"^Filter: tcp.stream eq (\d+)\n((?:[^=].*\n)*)", said, re.MULTILINE))
    for stream in range(streams):
        for line in re.findall(r"^\t?[0-9a-f]{2,}$", told[str(stream)], re.MULTILINE):
            # What the second node sent, the one that was dialled, stands behind a tab.
            theirs[Direction.DOWN if line.startswith("\t") else Direction.UP] += bytes.fromhex(line)
    assert theirs == sent(trace.events)
    assert streams > 1
    assert all(theirs.values())


def test_it_numbers_every_byte_and_acknowledges_it() -> None:
    assert isinstance(FRAME, Chunk)
    trace = at_one_end(recording("lhc line/flaps"), End.PLATFORM)
    long = Chunk(t_ns=trace.events[-1].t_ns, end=End.PLATFORM, direction=Direction.UP, data=FRAME.data * 100)
    content = export(Trace(trace.header, (*trace.events, long)), exporter_of(PurePath("a.pcapng"))).content
    next_of: dict[tuple[int, int], int] = {}
    for _, packet in dpkt.pcapng.Reader(BytesIO(content)):
        assert len(packet) <= 1514
        tcp = dpkt.ethernet.Ethernet(packet).data.data
        key, back = (tcp.sport, tcp.dport), (tcp.dport, tcp.sport)
        if key in next_of:
            assert tcp.seq == next_of[key]
        if tcp.flags & dpkt.tcp.TH_ACK and back in next_of:
            assert tcp.ack == next_of[back]
        next_of[key] = tcp.seq + len(tcp.data) + bool(tcp.flags & (dpkt.tcp.TH_SYN | dpkt.tcp.TH_FIN))
    ups = sum(isinstance(event, LineUp) for event in trace.events)
    assert len(next_of) == 2 * ups


def sent(events: Sequence[AnyEvent]) -> dict[Direction, bytes]:
    chunks = [event for event in events if isinstance(event, Chunk)]
    return {way: b"".join(chunk.data for chunk in chunks if chunk.direction is way) for way in Direction}


# Recordings that tell less ------------------------------------------------------------------------------------


def excerpt(*, at: Sequence[int], data: bytes, **header: object) -> Trace:
    """Chunks of a log that tells of no connection."""
    told = Header(
        start="2020-03-11T08:00:00+08:00",
        protocol="evlink-2.5",
        pile="",
        guns=0,
        ends=(End.PLATFORM,),
        **header,  # type: ignore[arg-type]
    )
    chunks = [Chunk(t_ns=t_ns, end=End.PLATFORM, direction=Direction.UP, data=data) for t_ns in at]
    return Trace(told, (*chunks, Finish(t_ns=at[-1])))


FRAME = at_one_end(recording("reference/order-short"), End.PLATFORM).events[1]


@pytest.mark.parametrize("form", FORMS)
def test_it_begins_in_the_middle_of_a_connection_where_the_recording_does(form: str, tmp_path: Path) -> None:
    assert isinstance(FRAME, Chunk)
    trace = excerpt(at=(S, 2 * S), data=FRAME.data)
    found = there_and_back(trace, form, tmp_path, End.PLATFORM, Wishes(protocol="lhc", vantage=Vantage.PLATFORM))
    assert [item[0] % (60 * S) for item in passed(found, End.PLATFORM)] == [S, 2 * S]
    assert connections(found) == []


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ({}, "2020-03-11 08:00:01.234567891 RX FE"),
        ({"vantage": Vantage.UNKNOWN}, "2020-03-11 08:00:01.234567891 上行 FE"),
        ({"resolution_ns": 10 * MS}, "2020-03-11 08:00:01.23 RX FE"),
        ({"resolution_ns": S}, "2020-03-11 08:00:01 RX FE"),
        ({"resolution_ns": 60 * S}, "2020-03-11 08:00 RX FE"),
        ({"missing": (Missing.TIMES,)}, "RX FE"),
    ],
)
def test_it_says_no_more_of_times_and_ends_than_the_recording(header: dict[str, object], line: str) -> None:
    content = export(excerpt(at=(S + 234_567_891,), data=b"\xfe", **header), exporter_of(PurePath("a.log"))).content
    assert content.decode().splitlines() == [line]


def test_it_takes_up_chunks_that_fit_into_no_packet(tmp_path: Path) -> None:
    assert isinstance(FRAME, Chunk)
    trace = excerpt(at=(0, S), data=FRAME.data * 100)
    found = there_and_back(trace, "pcapng", tmp_path, End.PLATFORM, Wishes(protocol="lhc", vantage=Vantage.PLATFORM))
    assert sent(found.events)[Direction.UP] == FRAME.data * 200


# What does not go along ---------------------------------------------------------------------------------------


def test_it_counts_what_has_no_place() -> None:
    trace = recording("robinson-gen5-0303/order-start-lost")
    kinds = [type(event).__name__ for event in trace.events]
    of_end = [event for event in trace.events if isinstance(event, Chunk | LineUp | LineDown)]
    kept = [event for event in of_end if event.end is End.PLATFORM]
    out = export(trace, exporter_of(PurePath("a.pcapng")))
    assert out.content
    assert out.pieces == sum(isinstance(event, Chunk) for event in kept)
    assert out.left_out["notes"] == kinds.count("Note")
    assert out.left_out["what was done at the pile"] == kinds.count("Stimulus")
    assert out.left_out["what was done to the line"] == kinds.count("Impaired")
    assert sum(out.left_out.values()) + len(kept) + kinds.count("Finish") == len(kinds)


def test_it_keeps_all_of_a_capture_as_it_is() -> None:
    name = "reference/order-short"
    assert export(recording(name), exporter_of(PurePath("a.jsonl"))).content == CAPTURES[name].read_bytes()


def test_it_has_a_suffix_for_every_form() -> None:
    suffixes = [suffix for exporter in EXPORTERS for suffix in exporter.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert [exporter_of(PurePath(f"a{suffix}")).name for suffix in (".jsonl", ".pcapng", ".log")] == [
        "capture",
        "pcapng",
        "hex",
    ]
    assert exporter_of(PurePath("a.jsonl"), "hex").name == "hex"


def test_it_refuses_what_it_cannot_write() -> None:
    with pytest.raises(UsageError, match=r"a\.exe: expected a name that ends in .*\.pcapng"):
        exporter_of(PurePath("a.exe"))
    mention = Mention(t_ns=0, end=End.PLATFORM, direction=Direction.UP, message="bill")
    words = Trace(Header(start="2020-03-11T08:00:00+08:00", protocol="lhc", pile="", guns=0), (mention,))
    with pytest.raises(UsageError, match="expected a recording with bytes"):
        list(export(words, exporter_of(PurePath("a.hex"))).written())
    with pytest.raises(UsageError, match="--end: expected an end at which it was recorded, platform; found pile"):
        export(at_one_end(recording("lhc line/flaps"), End.PLATFORM), exporter_of(PurePath("a.hex")), End.PILE)
