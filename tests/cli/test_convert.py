"""`pilesim convert`: what it writes, and what it says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from called import called

from pilesim.library import firmware_folder

LOST = str(firmware_folder() / "captures" / "robinson-gen5-0303" / "order-start-lost.jsonl")


@pytest.mark.parametrize(("name", "form"), [("a.pcapng", "pcap"), ("a.log", "hex")])
def test_it_writes_what_judge_reads_with_the_same_findings(name: str, form: str, tmp_path: Path) -> None:
    done = called("convert", LOST, "-o", name, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "as it passed the platform" in done.stdout
    assert "left out: what passed the pile (" in done.stdout
    judged = called("judge", name, cwd=tmp_path)
    assert f"read as {form}" in judged.stdout
    assert "looks like szds-16a" in judged.stdout


def test_it_goes_by_what_is_wished_before_the_suffix(tmp_path: Path) -> None:
    assert called("convert", LOST, "-o", "a.log", "--to", "capture", "--end", "pile", cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.log").read_bytes().startswith(b'{"pilesim-capture":1')
    assert b'"end":"platform"' not in (tmp_path / "a.log").read_bytes()


def test_it_leaves_no_file_where_there_is_nothing_to_write(tmp_path: Path) -> None:
    (tmp_path / "words.log").write_text("03-03 12:36:46.014 后台下发扫码鉴权0x0f,OK;\n", encoding="utf-8")
    done = called("convert", "words.log", "-o", "a.pcapng", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("expected a recording with bytes")) == (2, 1)
    assert not (tmp_path / "a.pcapng").exists()


def test_it_masks_so_that_the_verdict_stays(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        done = called("convert", LOST, "-o", name, "--mask", "--mask-key", "one", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
    assert "masked: " in done.stdout
    called("convert", LOST, "-o", "c.log", "--mask", cwd=tmp_path)
    assert (tmp_path / "a.log").read_bytes() == (tmp_path / "b.log").read_bytes() != (tmp_path / "c.log").read_bytes()
    judged = called("judge", "a.log", cwd=tmp_path)
    assert "looks like szds-16a" in judged.stdout
    assert "20200303123645436010" not in judged.stdout


def test_it_wants_no_key_where_nothing_is_masked(tmp_path: Path) -> None:
    done = called("convert", LOST, "-o", "a.log", "--mask-key", "one", cwd=tmp_path)
    assert (done.returncode, "--mask-key: expected --mask with it" in done.stderr) == (2, True)
