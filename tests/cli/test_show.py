"""`pilesim show`: a log line by line, its filters, what the rules find in it, and a log that grows."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pilesim.cli import show
from pilesim.cli.main import run
from pilesim.library import firmware_folder
from pilesim.trace.capture import encode_event, encode_header, read_capture
from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import Chunk, Trace
from pilesim.units import format_local, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Hello
from pilesim.wire.protocol import protocol_named

CAPTURES = firmware_folder() / "captures"
LOST = CAPTURES / "robinson-gen5-0303" / "order-start-lost.jsonl"
SHORT = CAPTURES / "reference" / "order-short.jsonl"
MARKS = {Direction.UP: "RX", Direction.DOWN: "TX"}
_TIMED = re.compile(r"^(?: *\d* )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) +(\+\S+)? +(->|<-|==|\*\*|~~|\?\?|✗) ")

Shows = Callable[..., list[str]]


@pytest.fixture
def shows(capsys: pytest.CaptureFixture[str]) -> Shows:
    """The lines that `pilesim show` prints."""

    def showing(log: Path, *options: str) -> list[str]:
        assert run(["show", str(log), *options]) == 0
        return capsys.readouterr().out.splitlines()

    return showing


def trace_in(path: Path) -> Trace:
    with path.open(encoding="utf-8") as stream:
        return read_capture(stream, path.name)


def hex_log(path: Path, trace: Trace) -> Path:
    """What the platform would have logged."""
    start_ns = parse_world_start_ns(trace.header.start)
    lines = [
        f"{format_local(start_ns + event.t_ns)} {MARKS[event.direction]} {event.data.hex(' ')}\n"
        for event in trace.events
        if isinstance(event, Chunk) and event.end is End.PLATFORM
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def frames_in(trace: Trace, end: End) -> int:
    decoder = Decoder(protocol_named(trace.header.protocol))
    items = (item for event in trace.events for item in decoder.feed(event))
    return sum(isinstance(item, Seen) and item.end is end for item in items)


def test_it_shows_each_frame_once_in_order_with_the_time_since_the_line_before(shows: Shows) -> None:
    lines = shows(SHORT)
    timed = [match for line in lines if (match := _TIMED.match(line))]
    assert len(timed) == len(lines)
    times = [match[1] for match in timed]
    assert times == sorted(times)
    arrows = [match[3] for match in timed if match[3] in ("->", "<-")]
    assert len(arrows) == frames_in(trace_in(SHORT), End.PLATFORM)
    assert timed[0][2] is None and all(match[2] for match in timed[1:])
    assert any("0x0F authorise 登入验证 (扫码鉴权): gun 1, account" in line for line in lines)


def test_it_marks_what_the_rules_find_below_the_frame_that_it_is_about(shows: Shows) -> None:
    lines = shows(LOST)
    bill = next(number for number, line in enumerate(lines) if "-> 0x09 bill" in line)
    below = lines[bill + 1 : bill + 4]
    assert any("✗  bill.none-unstarted MUST frame 73 at the pile" in line for line in below)
    assert all("✗" in line for line in below[:2])
    assert "** plug gun 1" in " ".join(lines)
    assert "~~ the line: drop start count=1: lost" in " ".join(lines)
    assert not [line for line in shows(LOST, "--no-findings") if "✗" in line]


def test_of_a_long_log_findings_come_when_they_are_certain_and_are_the_same(
    shows: Shows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(lines: list[str]) -> list[str]:
        return sorted(line.partition("✗")[2] for line in lines if "✗" in line)

    first = found(shows(LOST))
    monkeypatch.setattr(show, "JUDGED_FIRST_BYTES", 0)
    assert first and found(shows(LOST)) == first


@pytest.mark.parametrize(
    ("options", "rules", "acts"),
    [
        ((), {"frame.valid", "bill.none-unstarted", "bill.times"}, True),
        (("--message", "bill"), {"frame.valid", "bill.none-unstarted", "bill.times"}, False),
        (("--message", "start"), set(), False),
        (("--gun", "1"), {"frame.valid", "bill.none-unstarted", "bill.times"}, True),
        (("--gun", "2"), set(), False),
        (("--order", "20200303123645436010"), {"frame.valid", "bill.none-unstarted", "bill.times"}, False),
        (("--order", "7"), set(), False),
        (("--to", "+5m"), set(), True),
    ],
)
def test_findings_and_acts_are_shown_with_what_they_are_about(
    shows: Shows, options: tuple[str, ...], rules: set[str], acts: bool
) -> None:
    lines = shows(LOST, *options)
    assert {line.partition("✗")[2].split()[0] for line in lines if "✗" in line} == rules
    assert any(" ** " in line for line in lines) is acts


def test_a_lesser_deviation_is_shown_as_one(shows: Shows) -> None:
    levels = {tuple(line.partition("✗")[2].split()[:2]) for line in shows(LOST) if "✗" in line}
    assert levels == {("frame.valid", "SHOULD"), ("bill.none-unstarted", "MUST"), ("bill.times", "MUST")}


@pytest.mark.parametrize(
    ("options", "kept", "dropped"),
    [
        (("--gun", "2"), "gun 2, idle", "gun 1"),
        (("--message", "bill"), "0x09 bill", "heartbeat"),
        (("--message", "0x14"), "0x14 start", "0x0F"),
        (("--message", "20", "--message", "bill"), "0x14 start", "heartbeat"),
        (("--order", "436010"), "0x14 start", "heartbeat"),
        (("--from", "12:42"), "0x0C", "0x01"),
        (("--to", "2020-03-03 12:37"), "0x0F", "0x0C"),
        (("--from", "+5m", "--to", "+6m"), "0x0C", "0x09"),
    ],
)
def test_it_shows_only_what_is_asked_for(shows: Shows, options: tuple[str, ...], kept: str, dropped: str) -> None:
    lines = [line for line in shows(LOST, *options) if re.search(r" (->|<-) ", line)]
    assert any(kept in line for line in lines)
    assert not [line for line in lines if dropped in line]
    assert any(dropped in line for line in shows(LOST))


def test_what_the_line_did_to_a_frame_is_shown_with_it(shows: Shows) -> None:
    for option in (("--order", "436010"), ("--message", "start"), ("--gun", "1")):
        lines = shows(LOST, *option)
        start = next(number for number, line in enumerate(lines) if "<- 0x14" in line)
        assert "~~ the line: drop start count=1: lost" in lines[start + 1]
    assert not [line for line in shows(LOST, "--message", "bill") if "~~" in line]


def test_it_shows_every_field_and_the_bytes_where_they_are_wanted(shows: Shows) -> None:
    lines = shows(SHORT, "--message", "bill", "--fields", "--raw", "--no-findings")
    assert [line for line in lines if re.fullmatch(r" +FE( [0-9A-F]{2})+", line)]
    assert [line for line in lines if re.match(r" +\d+  order +0*2020", line)]


def test_a_log_of_another_says_what_it_is_worth_and_each_line_its_number(shows: Shows, tmp_path: Path) -> None:
    log = hex_log(tmp_path / "a.log", trace_in(LOST))
    log.write_text(log.read_text(encoding="utf-8") + "Gun 1 was replaced.\n", encoding="utf-8")
    lines = shows(log)
    assert "read as hex" in lines[0]
    assert any("does not hold: what was done at the pile" in line for line in lines)
    numbers = [int(match[1]) for line in lines if (match := re.match(r" *(\d+) 2020-.* (?:->|<-) ", line))]
    assert numbers == list(range(1, len(numbers) + 1))
    assert any("1 line could not be read" in line for line in lines)
    assert lines[-1].strip().endswith("Gun 1 was replaced.")


def test_nothing_is_coloured_where_it_is_no_terminal_and_no_byte_drives_one(shows: Shows, tmp_path: Path) -> None:
    header = trace_in(SHORT).header
    raw = protocol_named(header.protocol).session(End.PILE, header.pile).build(Hello(firmware="\x1b[31mXY"))
    chunk = Chunk(t_ns=0, end=End.PLATFORM, direction=Direction.UP, data=raw)
    log = tmp_path / "a.jsonl"
    log.write_text(f"{encode_header(header)}\n{encode_event(chunk)}\n", encoding="utf-8")
    text = "\n".join(shows(log))
    assert "\x1b" not in text
    assert "\\x1b[31mXY" in text


class Writer:
    """Writes the rest of a log, a piece each time that the reader has come to its end."""

    def __init__(self, log: Path, pieces: list[str]) -> None:
        self.log = log
        self.pieces = pieces
        self.waits = 0

    def __call__(self) -> bool:
        self.waits += 1
        if not self.pieces:
            return False
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(self.pieces.pop(0))
        return True


@pytest.mark.parametrize("form", ["capture", "hex"])
def test_it_follows_a_log_that_grows_and_shows_the_same_as_of_the_whole(
    shows: Shows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    whole = LOST.read_text(encoding="utf-8")
    if form == "hex":
        whole = hex_log(tmp_path / "whole.log", trace_in(LOST)).read_text(encoding="utf-8")
    suffix = ".jsonl" if form == "capture" else ".log"
    # Cut anywhere, in the middle of a line too.
    pieces = [whole[at : at + 1_777] for at in range(0, len(whole), 1_777)]
    log = tmp_path / f"growing{suffix}"
    log.write_text(pieces.pop(0), encoding="utf-8")
    writer = Writer(log, pieces)
    monkeypatch.setattr(show, "_wait", writer)
    followed = [line for line in shows(log, "--follow") if _TIMED.match(line)]
    assert writer.waits > 5 and not writer.pieces
    told = [line for line in shows(log) if _TIMED.match(line)]
    assert sorted(line.partition(" +")[0] for line in followed) == sorted(line.partition(" +")[0] for line in told)


def test_it_ends_with_the_recording_that_it_follows(shows: Shows, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_text(SHORT.read_text(encoding="utf-8"), encoding="utf-8")
    done: list[list[str]] = []
    following = threading.Thread(target=lambda: done.append(shows(log, "--follow")), daemon=True)
    following.start()
    following.join(timeout=30)
    assert done and len(done[0]) > 50


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--message", "bil"], "--message: expected a name, one of"),
        (["--from", "noon"], "--from: expected a time such as 2020-03-11 10:00:00, 10:00 or +5m; found 'noon'"),
        (["--to", "+5"], "--to: expected a time"),
    ],
)
def test_it_says_what_a_filter_takes(capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str) -> None:
    assert run(["show", str(SHORT), *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_it_says_that_a_log_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for options in ([], ["--follow"]):
        assert run(["show", str(tmp_path / "none.log"), *options]) == 2
        assert "none.log: expected a log: No such file" in capsys.readouterr().err
