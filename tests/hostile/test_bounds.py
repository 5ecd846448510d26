"""Files that claim, nest or go on without end, from the command line: a bound, and a sentence that names it."""

from __future__ import annotations

import gzip
import io
import os
import struct
from itertools import pairwise
from pathlib import Path

import pytest

from pilesim.cli.main import run
from pilesim.files import TEXT_BYTES
from pilesim.library import firmware_folder, scenario_folder

SHORT = firmware_folder() / "captures" / "reference" / "order-short.jsonl"
CAPTURE = '{"pilesim-capture":1,"start":"2020-03-03T12:00:00+08:00","protocol":"lhc","pile":"","guns":0}\n'
PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
NAMES = [chr(97 + number) for number in range(25)]
ALIASES = "a: &a [x, x]\n" + "".join(f"{name}: &{name} [*{before}, *{before}]\n" for before, name in pairwise(NAMES))
ENDLESS = 5 * 1024 * 1024
FILES: dict[str, tuple[str, bytes, tuple[str, ...], str]] = {
    "a packet of four gigabytes": (
        "a.pcap",
        PCAP + struct.pack("<IIII", 0, 0, 2**32 - 1, 2**32 - 1),
        ("judge",),
        "expected a packet of at most 16777216 bytes after packet 0, found 4294967295",
    ),
    "a capture of one endless line": (
        "a.jsonl",
        CAPTURE.encode() + b'{"event":"' + b"x" * ENDLESS,
        ("judge",),
        "a.jsonl:2: expected a line of at most 4194304 bytes, found a longer one",
    ),
    "a log of one endless line": (
        "a.log",
        b"12:00:00 RX " + b"FE " * (ENDLESS // 3),
        ("judge",),
        "and a first line of more than 65536 bytes, by which no log is known (--form)",
    ),
    "hex in one endless line": (
        "a.log",
        b"12:00:00 RX " + b"FE " * (ENDLESS // 3),
        ("judge", "--form", "hex"),
        "a.log:1: expected a log with bytes, found none; this line is longer than 4194304 bytes",
    ),
    "words in one endless line": (
        "a.log",
        b"12:00:00.000,15," + b"words " * (ENDLESS // 6),
        ("judge", "--form", "text"),
        "a.log:1: expected lines that tell of a message by its number or name, found none; this line is longer than",
    ),
    "a log that only opens brackets": (
        "a.log",
        # What looks on to the line's end from each of them takes minutes.
        b"12:00:00 RX " + b"[" * 60_000,
        ("judge",),
        "expected a log",
    ),
    "a capture nested without end": (
        "a.jsonl",
        CAPTURE.encode() + b"[" * 100_000 + b"\n",
        ("judge",),
        "a.jsonl:2: expected a JSON object, found one too deep in itself",
    ),
    "a capture that begins before all calendars": (
        "a.jsonl",
        CAPTURE.replace("2020-03-03T12:00:00+08:00", "0001-01-01T00:00:00+23:59").encode(),
        ("show",),
        "a.jsonl:1: expected a time in the years 1970 to 2200, found '0001-01-01T00:00:00+23:59'",
    ),
    "a capture that ends after all calendars": (
        "a.jsonl",
        CAPTURE.encode() + b'{"event":"note","t_ns":4000000000000000000,"text":""}\n',
        ("show",),
        "a.jsonl:2: expected t_ns of at most 3153600000000000000, found 4000000000000000000",
    ),
    "a capture of guns without end": (
        "a.jsonl",
        CAPTURE.replace('"guns":0', '"guns":999999999999').encode(),
        ("judge",),
        "a.jsonl:1: expected 0 to 255 guns, found 999999999999",
    ),
    "a result nested without end": (
        "a.json",
        b'{"schema":5,"scenarios":' + b"[" * 100_000,
        ("report",),
        "expected a result file, found JSON too deep in itself",
    ),
    "a scenario nested without end": (
        "a.yaml",
        b"[" * 100_000,
        ("conform",),
        "a.yaml:1: expected values at most 32 deep in one another, found deeper ones",
    ),
    "a scenario of aliases": (
        "a.yaml",
        ALIASES.encode(),
        ("conform",),
        "expected at most 100000 values, with aliases written out; found more",
    ),
    "a scenario of two megabytes": (
        "a.yaml",
        b"id: " + b"x" * 2_000_000,
        ("conform",),
        "expected YAML of at most 1048576 characters, found 2000004",
    ),
    "a rig of aliases": (
        "a.yaml",
        ALIASES.encode(),
        ("conform", "order/short", "--rig"),
        "expected at most 100000 values, with aliases written out; found more",
    ),
}


@pytest.mark.parametrize("which", FILES)
def test_it_names_the_bound_that_a_file_meets(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, command, sentence = FILES[which]
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    assert run([*command, name]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1


def test_it_names_the_bound_of_a_packed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pilesim.trace.importers.source.UNPACKED_BYTES", 100_000)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(CAPTURE.encode() + b'{"event":"note","t_ns":0,"text":"x"}\n' * 10_000))
    assert run(["judge", str(path)]) == 2
    assert "expected at most 100000 bytes in a packed file, found more: unpack it first" in capsys.readouterr().err


YAML_FILES = {
    "a scenario": ("conform",),
    "a rig": ("conform", "order/short", "--rig"),
    "a rig that is checked": ("rig", "check"),
    "known failures": ("conform", "order/short", "--expect"),
    "a dialect": ("messages", "--protocol"),
    "a season": ("season",),
    "a tariff": ("bill", str(SHORT), "--tariff"),
    "a traffic": ("pile", "tcp://127.0.0.1:9", "--traffic"),
    "a site's rig": ("pile", "tcp://127.0.0.1:9", "--count", "2", "--rig"),
}
WHOLE_FILES = {"a result": ("report",), "a run to go on with": ("conform", "--resume"), "hex": ("decode",)}


@pytest.mark.parametrize("which", [*YAML_FILES, *WHOLE_FILES])
def test_it_reads_no_more_of_a_file_than_its_bound(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pilesim.files.WHOLE_BYTES", TEXT_BYTES)
    Path("a.yaml").touch()
    # One without end, as /dev/zero is, would be read until there is no more memory.
    os.truncate("a.yaml", TEXT_BYTES + 1)
    assert run([*(YAML_FILES | WHOLE_FILES)[which], "a.yaml"]) == 2
    said = capsys.readouterr().err
    assert f"a.yaml: expected at most {TEXT_BYTES} bytes, found more" in said
    assert len(said.splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has none")
@pytest.mark.parametrize("command", [("judge",), ("show",), ("bill",), ("case", "-o", "a.yaml")])
def test_it_does_not_wait_for_a_log_that_is_a_pipe(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("a.log")
    # Somebody has it open: who reads it first is not kept waiting.
    kept = os.open("a.log", os.O_RDWR)
    os.write(kept, CAPTURE.encode())
    try:
        assert run([*command, "a.log"]) == 2
    finally:
        os.close(kept)
    assert "a.log: expected a log in a file, which can be read again; found a pipe" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has none")
@pytest.mark.parametrize("form", ["capture", "pcap", "serial", "hex", "text"])
def test_it_does_not_read_a_log_that_is_a_device(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # A device that is over at once shows as well that it is not read.
    Path("a.log").symlink_to("/dev/null")
    assert run(["judge", "a.log", "--form", form]) == 2
    assert "a.log: expected a log in a file, which can be read again; found a device" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("judge",), ("show",), ("judge", str(SHORT)), ("conform", "--rig")])
def test_a_name_that_no_file_can_have_is_a_sentence(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "x" * 300]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f"{'x' * 300}: expected " in said


RESULT = ("judge", str(SHORT), "--json")
TWICE: dict[str, tuple[str, ...]] = {
    "judge": ("judge", "a.jsonl", "--json", "a.jsonl"),
    "judge a folder": ("judge", ".", "--json", "a.jsonl"),
    "bill": ("bill", "a.jsonl", "--all", "--json", "a.jsonl"),
    "convert": ("convert", "a.jsonl", "-o", "a.jsonl"),
    "convert by another name": ("convert", "b.log", "-o", "a.jsonl"),
    "case": ("case", "a.yaml", "-o", "a.yaml"),
    "conform": ("conform", "s.yaml", "--html", "s.yaml"),
    "report": ("report", "r.json", "--html", "r.json"),
}


@pytest.mark.parametrize("which", TWICE)
def test_it_does_not_write_over_what_it_reads(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_bytes((scenario_folder() / "order" / "short.yaml").read_bytes())
    for name in ("a.jsonl", "a.yaml"):
        Path(name).write_bytes(SHORT.read_bytes())
    Path("b.log").symlink_to("a.jsonl")
    if which == "report":
        run([*RESULT, "r.json"])
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert run(TWICE[which]) == 2
    assert f"{TWICE[which][-1]}: expected another file than the one that is read" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize("there", [False, True])
def test_it_does_not_write_two_things_into_one_file(
    there: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    if there:
        out.write_text("before")
    assert run([*RESULT, str(out), "--html", str(out)]) == 2
    assert "out: expected a file for each of what is written, found one for two" in capsys.readouterr().err
    assert (out.read_text() if out.exists() else None) == ("before" if there else None)


def test_it_reads_no_more_of_standard_input_than_its_bound(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pilesim.files.WHOLE_BYTES", 1000)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bytes(1001))))
    assert run(["decode", "-"]) == 2
    assert "standard input: expected at most 1000 bytes, found more" in capsys.readouterr().err


def test_a_length_field_that_promises_more_than_any_frame_has_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run(["decode", "--protocol", "lhc", "FEFFFF" + "00" * 40])
    assert "expected a length of 31 to 2048, found 65535" in capsys.readouterr().out
