"""Which log is whose, what is none, and bounds that no file gets past; and what an import leaves to the verdict."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from logs import CAPTURES, SHORT, capture, logged
from msgspec.structs import replace
from renderings import Passed, at_one_end, marked, passed, pcap, talk

from pilesim.cli.main import run
from pilesim.errors import FileError, UsageError
from pilesim.rules.judge import judge
from pilesim.rules.verdict import Verdict
from pilesim.trace.capture import encode_event, encode_header, read_capture
from pilesim.trace.events import Chunk, Header, Missing, Trace, Vantage
from pilesim.trace.importers import source
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import StreamedLog, load_log, open_log
from pilesim.wire.frame import Direction, End

TX = marked("TX", "RX", digits=9)


def test_it_leaves_a_capture_of_our_own_as_it_is() -> None:
    found = load_log(CAPTURES[SHORT], Wishes())
    assert (found.form, found.own, found.trace) == ("capture", True, capture())
    assert (found.vantage, found.missing) == (Vantage.BOTH, ())


@pytest.mark.parametrize("form", ["capture", "hex"])
def test_it_reads_what_gzip_has_packed(form: str, tmp_path: Path) -> None:
    plain = CAPTURES[SHORT].read_bytes()
    if form == "hex":
        plain = "\n".join(TX(passed(capture(), End.PILE), End.PILE)).encode()
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(plain))
    assert load_log(path, Wishes()).form == form


def test_it_reads_a_capture_that_breaks_off_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(CAPTURES[SHORT].read_bytes()[:-10])
    assert len(load_log(path, Wishes()).trace.events) == len(capture().events)


NO_LOGS: dict[str, bytes] = {
    "empty": b"",
    "prose": b"The pile was switched on at noon.\n",
    "binary": bytes(range(256)) * 4,
    "hex of something else": b"12:00:00 TX DE AD BE EF DE AD BE EF\n",
    "a line without an end": b"x" * 100_000,
}


@pytest.mark.parametrize("content", NO_LOGS.values(), ids=NO_LOGS)
def test_it_says_what_it_looked_for_where_a_file_is_no_log(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"expected (a log|frames)"):
        load_log(path, Wishes())


def test_it_tells_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.log: expected a log: No such file"):
        load_log(tmp_path / "nowhere.log", Wishes())


def test_it_chooses_no_connection_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("\n".join(TX(passed(capture(), End.PILE), End.PILE)), encoding="utf-8")
    with pytest.raises(UsageError, match=r"--stream: expected it with packets of connections, found it with .*, hex"):
        load_log(path, Wishes(stream=2))


def test_it_passes_over_a_line_that_is_too_long_and_counts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LINE_BYTES", 4000)
    lines = TX(passed(capture(), End.PILE), End.PILE)
    path = tmp_path / "a.log"
    path.write_text("\n".join([lines[0], "12:00:00 TX " + "FE " * 5000, *lines[1:]]), encoding="utf-8")
    found = load_log(path, Wishes())
    assert [(line.line, line.why[:12]) for line in found.unread] == [(2, "longer than ")]
    assert sum(isinstance(event, Chunk) for event in found.trace.events) == len(lines)


def test_it_unpacks_no_more_than_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "UNPACKED_BYTES", 100_000)
    path = tmp_path / "a.log.gz"
    lines = TX(passed(capture(), End.PILE), End.PILE)
    path.write_bytes(gzip.compress("\n".join([*lines, "\n" * 10_000_000]).encode()))
    with pytest.raises(FileError, match="at most 100000 bytes in a packed file"):
        load_log(path, Wishes())


def test_it_keeps_what_it_knows_of_a_log_in_the_capture(tmp_path: Path) -> None:
    header = logged(tmp_path, TX, End.PILE).trace.header
    assert (header.source, header.vantage, header.stimuli) == ("a.log", Vantage.PILE, False)
    assert header.missing == (Missing.ACTS, Missing.CONNECTIONS)


# Verdicts -----------------------------------------------------------------------------------------------------


def alike(header: Header, log: Header) -> Header:
    """The header of the recording, knowing no more than that of its log."""
    return replace(header, source=log.source, missing=log.missing, vantage=log.vantage)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("name", CAPTURES)
def test_a_log_is_judged_as_the_recording_that_it_was_made_from(name: str, end: End, tmp_path: Path) -> None:
    recorded = at_one_end(capture(name), end, lines=False)
    path = tmp_path / "a.log"
    path.write_text("\n".join(TX(passed(capture(name), end), end)) + "\n", encoding="utf-8")
    trace = load_log(path, Wishes()).trace
    ours = judge(alike(recorded.header, trace.header), recorded.events)
    theirs = judge(trace.header, trace.events)
    assert {row.id: row.verdict for row in theirs.rules} == {row.id: row.verdict for row in ours.rules}
    found = [(f.rule, f.frame, f.order, f.actual) for row in theirs.rules for f in row.findings]
    assert found == [(f.rule, f.frame, f.order, f.actual) for row in ours.rules for f in row.findings]
    lines = path.read_text(encoding="utf-8").splitlines()
    shown = [f for row in theirs.rules for f in row.findings if f.raw]
    assert all(f.raw.hex(" ").upper() in lines[f.line - 1] for f in shown)


REFERENCE = [name for name in CAPTURES if name.startswith("reference/")]


def halves(items: list[Passed], part: str) -> list[Passed]:
    match part:
        case "up only":
            return [item for item in items if item.direction is Direction.UP]
        case "down only":
            return [item for item in items if item.direction is Direction.DOWN]
        case "from the middle":
            return items[len(items) // 2 :]
        case "from the first third":
            return items[len(items) // 3 :]
    return items


@pytest.mark.one_in(3)
@pytest.mark.parametrize("part", ["all", "up only", "down only", "from the middle", "from the first third"])
@pytest.mark.parametrize("dress", ["to the ns", "to the second", "without times", "packets"])
@pytest.mark.parametrize("name", REFERENCE)
def test_it_fails_the_reference_in_nothing_whatever_the_log_lacks(
    name: str, dress: str, part: str, tmp_path: Path
) -> None:
    items = halves(passed(capture(name), End.PLATFORM), part)
    path = tmp_path / "a.log"
    if dress == "packets":
        path.write_bytes(pcap(talk(items, opened=part == "all")))
    else:
        line = "{mark} {data}" if dress == "without times" else "{time} {mark} {data}"
        render = marked("DOWN", "UP", line=line, digits=0 if dress == "to the second" else 9)
        path.write_text("\n".join(render(items, End.PLATFORM)) + "\n", encoding="utf-8")
    trace = load_log(path, Wishes()).trace
    assert judge(trace.header, trace.events).failed() == ()


def test_it_still_shows_what_the_firmware_does_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    items = passed(capture("robinson-gen5-0303/order-start-lost"), End.PLATFORM)
    path.write_text("\n".join(TX(items, End.PLATFORM)) + "\n", encoding="utf-8")
    trace = load_log(path, Wishes()).trace
    judgement = judge(trace.header, trace.events)
    assert judgement.verdict("bill.times") is Verdict.FAIL


# On the command line --------------------------------------------------------------------------------------------


def test_the_command_judges_a_log_and_names_its_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "field.log"
    items = passed(capture("robinson-gen5-0303/order-start-lost"), End.PLATFORM)
    lines = ["hello from the field", *TX(items, End.PLATFORM)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run(["judge", str(path)]) == 1
    told = capsys.readouterr().out
    for word in ("recorded at: platform", "times: to ", "does not hold: what was done", "1 line could not be read"):
        assert word in told
    assert "1: hello from the field" in told
    bill = next(n for n, line in enumerate(lines, 1) if "30 31 01 09" in line or " 01 09 " in line)
    assert f"{path}:{bill} t=" in told


def test_the_command_writes_a_capture_that_is_judged_as_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, kept = tmp_path / "field.pcap", tmp_path / "kept.jsonl"
    log.write_bytes(pcap(talk(passed(capture(), End.PLATFORM))))
    assert run(["convert", str(log), "-o", str(kept), "--vantage", "platform"]) == 0
    trace = read_capture(kept.read_text(encoding="utf-8").splitlines(keepends=True), "kept")
    assert trace == load_log(log, Wishes(vantage=Vantage.PLATFORM)).trace
    capsys.readouterr()
    assert run(["judge", str(kept)]) == 0
    assert "imported from field.pcap" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tz", "east"], "--tz: expected an offset such as +08:00, found 'east'"),
        (["--day", "tomorrow"], "--day: expected a day such as 2020-03-11, found 'tomorrow'"),
        (["--form", "pcap"], "expected TCP connections with data, found none"),
    ],
)
def test_the_command_says_which_option_cannot_be_meant(
    options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(pcap([]))
    assert run(["judge", str(path), *options]) == 2
    assert told in capsys.readouterr().err


def test_lines_of_chunks_go_through_the_file() -> None:
    chunk = Chunk(t_ns=1, end=End.PILE, direction=Direction.UP, data=b"\xfe", line=7)
    header = Header(
        start="2020-03-03T12:36:40+08:00", protocol="lhc", pile="", guns=0, source="a", missing=(Missing.UP,)
    )
    text = [encode_header(header) + "\n", encode_event(chunk) + "\n"]
    assert read_capture(text, "a") == Trace(header, (chunk,))


def test_the_command_says_of_a_log_that_it_streams_what_it_says_of_one_that_it_keeps_for_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "field.log"
    items = passed(capture("robinson-gen5-0303/order-start-lost"), End.PLATFORM)
    path.write_text("\n".join(TX(items, End.PLATFORM)) + "\n", encoding="utf-8")
    told = []
    for number, more in enumerate(([], ["--html", str(tmp_path / "page.html")])):
        assert run(["judge", str(path), "--rules", "--json", str(tmp_path / f"{number}.json"), *more]) == 1
        told.append((capsys.readouterr().out, (tmp_path / f"{number}.json").read_bytes()))
    assert told[0] == told[1]


def test_it_keeps_no_events_of_a_log_that_it_streams(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("\n".join(TX(passed(capture(), End.PILE), End.PILE)) + "\n", encoding="utf-8")
    whole, streamed = load_log(path, Wishes()), StreamedLog(path, Wishes())
    assert [tuple(streamed.events) for _ in range(2)] == [whole.trace.events] * 2
    found = streamed.imported()
    assert (found.trace.events, found.count, found.remarks) == ((), whole.count, whole.remarks)


@pytest.mark.parametrize("packed", [False, True])
def test_it_tells_how_far_a_file_has_been_read(packed: bool, tmp_path: Path) -> None:
    text = ("\n".join(TX(passed(capture(), End.PILE), End.PILE)) + "\n").encode()
    path = tmp_path / "a.log.gz"
    # Not packed it is larger than what is read at a time.
    path.write_bytes(gzip.compress(text) if packed else text * (source.READ_BYTES // len(text) + 2))
    told: list[int] = []
    opened = open_log(path, Wishes(), told=told.append)
    assert packed or told[0] == source.READ_BYTES
    for _ in opened.events:
        pass
    assert max(told) == path.stat().st_size
