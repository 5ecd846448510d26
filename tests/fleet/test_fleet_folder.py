"""`pilesim judge FOLDER`: what is read, what is said of the rest, and what is written beside it."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fleet_logs import OTHER, PILE, START_NS, Line, judged_in, whole_order, written
from msgspec import to_builtins

from pilesim.cli.main import run
from pilesim.fleet import folder as folders
from pilesim.fleet import logs
from pilesim.fleet.folder import files_in
from pilesim.trace.events import AnyEvent, Chunk, Finish, Trace
from pilesim.trace.importers.imported import Opened, Wishes
from pilesim.trace.importers.load import open_log
from pilesim.units import MINUTE, S, format_local
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Hello

_MARKS = {Direction.UP: "RX", Direction.DOWN: "TX"}


def hex_lines(traces: Sequence[Trace], start_ns: int) -> str:
    """A log of the platform's in which lines of several piles take turns."""
    chunks = [
        event for trace in traces for event in trace.events if isinstance(event, Chunk) and event.end is End.PLATFORM
    ]
    return "".join(
        f"{format_local(start_ns + chunk.t_ns)} {_MARKS[chunk.direction]} {chunk.data.hex(' ')}\n"
        for chunk in sorted(chunks, key=lambda chunk: chunk.t_ns)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two piles, one of them in two forms of log, and files that are no logs."""

    logs = tmp_path / "logs"
    written(logs / "deep" / "er" / "a.jsonl", whole_order().trace())
    (logs / "both.log").write_text(
        hex_lines([whole_order().trace(), whole_order(pile=OTHER, bill_lost=True).trace()], START_NS), encoding="utf-8"
    )
    (logs / "notes.txt").write_text("Gun 1 was replaced.\n", encoding="utf-8")
    (logs / "torn.jsonl").write_text('{"pilesim-capture": 7}\n', encoding="utf-8")
    (logs / ".hidden").write_text("x", encoding="utf-8")
    return logs


def test_it_reads_every_form_of_log_however_deep_it_lies(folder: Path) -> None:
    result = judged_in(folder)
    assert [(row.key, row.charges, row.anomalies["bill lost"]) for row in result.by_pile] == [
        (PILE, 1, 0),
        (OTHER, 1, 1),
    ]
    assert sorted((log.file, log.pile, log.form) for pile in result.piles for log in pile.logs) == [
        ("both.log", PILE, "hex"),
        ("both.log", OTHER, "hex"),
        (str(Path("deep", "er", "a.jsonl")), PILE, "capture"),
    ]


def test_it_says_which_files_are_no_logs_and_why(folder: Path) -> None:
    why = {row.file: row.reason for row in judged_in(folder).unreadable}
    assert set(why) == {"notes.txt", "torn.jsonl"}
    assert "expected a log" in why["notes.txt"]
    assert "pilesim-capture" in why["torn.jsonl"]


def test_it_counts_the_same_of_masked_logs_and_tells_no_number(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder.rename(folder.with_name(f"site of {OTHER}"))
    (folder / "both.log").rename(folder / f"{PILE}.log")
    (folder / "notes.txt").rename(folder / f"notes of {OTHER}.txt")
    (folder / "torn.jsonl").write_text(f"{OTHER}\n", encoding="utf-8")
    plain = judged_in(folder)
    written_file = tmp_path / "r.json"
    assert run(["judge", str(folder), "--mask", "--json", str(written_file)]) == 0
    said = [capsys.readouterr().out, written_file.read_text(encoding="utf-8")]
    assert [line for text in said for line in text.splitlines() if PILE in line or OTHER in line] == []
    result = json.loads(said[1])
    assert [row["charges"] for row in result["by_pile"]] == [row.charges for row in plain.by_pile]
    assert {log["file"] for pile in result["piles"] for log in pile["logs"]} >= {str(Path("deep", "er", "a.jsonl"))}


def test_several_processes_find_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = judged_in(folder)
    monkeypatch.setattr(folders, "FEW_BYTES", 0)
    assert to_builtins(judged_in(folder, jobs=2)) == to_builtins(alone)


def test_it_says_how_far_it_is_in_bytes(folder: Path) -> None:

    done: list[int] = []
    folders.judge_folder(folder, lambda path: Wishes(), advance=done.append)
    sizes = {path.name: path.stat().st_size for path in files_in(folder)}
    # Of a file with several piles each of them has its share.
    assert sum(sizes.values()) - 2 <= sum(done) <= sum(sizes.values())


def test_it_says_nothing_of_what_logs_share_that_are_left_out_for_a_better_one(tmp_path: Path) -> None:
    """Copies of which nothing tells where they were made, beside the platform's own log."""
    text = hex_lines([whole_order().trace()], START_NS)
    (tmp_path / "platform.log").write_text(text, encoding="utf-8")
    for name in ("a.log", "b.log"):
        copy = text.replace(" RX ", " 上行 ").replace(" TX ", " 下行 ")
        (tmp_path / name).write_text(copy, encoding="utf-8")
    (pile,) = judged_in(tmp_path).piles
    assert [log.used.endswith("a log from the platform's end is there") for log in pile.logs] == [True, True, False]
    assert pile.remarks == ()


def test_it_reads_the_only_log_of_a_pile_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()

    def counting(path: Path, wishes: Wishes) -> Opened:
        opened = open_log(path, wishes)

        def events() -> Iterator[AnyEvent]:
            for event in opened.events:
                if isinstance(event, Finish):
                    read[f"{path.name} {wishes.pile}".strip()] += 1
                yield event

        return replace(opened, events=events())

    monkeypatch.setattr(logs, "open_log", counting)
    judged_in(folder)
    # The other pile has a log more, which may overlap.
    assert read == {f"both.log {OTHER}": 1, f"both.log {PILE}": 2, "a.jsonl": 2}


def test_the_command_prints_the_fields_table_and_writes_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_file, csv_file = tmp_path / "all.json", tmp_path / "all.csv"
    assert run(["judge", str(folder), "--json", str(json_file), "--csv", str(csv_file)]) == 0
    out = capsys.readouterr().out
    for words in (
        "2 logs of 2 piles",
        "2 files could not be read",
        "notes.txt: expected a log",
        "By firmware",
        "1 bill lost",
    ):
        assert words in out
    sheet = list(csv.DictReader(csv_file.read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["by"], row["key"], row["successful charges"], row["1 bill lost"]) for row in sheet] == [
        ("firmware", "V1", "2", "1"),
        ("pile", PILE, "1", "0"),
        ("pile", OTHER, "1", "1"),
        ("day", "2020-03-11", "2", "1"),
        ("all", "", "2", "1"),
    ]
    stored = json.loads(json_file.read_text(encoding="utf-8"))
    assert [order["anomalies"] for pile in stored["piles"] for order in pile["orders"]] == [[], ["bill lost"]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["judge", "none"], "expected a folder with logs, found no file in it"),
        (["judge", "text"], "expected logs, found none in 1 file"),
        (["judge", "text", "--html", "x.html"], "--html: expected none with a folder"),
        (["judge", "text/a.txt", "--csv", "x.csv"], "--csv: expected none with one log"),
    ],
)
def test_the_command_says_what_it_cannot_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("no log\n", encoding="utf-8")
    assert run(arguments) == 2
    assert sentence in capsys.readouterr().err


def test_a_name_that_would_drive_a_terminal_is_shown_and_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "\x1b[31mred.txt").write_text("no log\n", encoding="utf-8")
    line = Line().says(Hello(gun=1, firmware="\x1b[31mV1")).waits(S).beats(MINUTE)
    written(tmp_path / "a.jsonl", line.authorised().charges(MINUTE).trace())
    assert run(["judge", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[31mred.txt" in out
    assert "\\x1b[31mV1" in out
