"""`pilesim decode` on hex, on files, and on what is no frame at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pilesim.cli.main import run

REPLY = "FE200002050000A1023230333139303331393030303030303030303031000406037816"
"""A real 0x06, as the published decoder carries it."""


SPELLINGS = [REPLY, REPLY.lower(), " ".join(REPLY[i : i + 2] for i in range(0, len(REPLY), 2))]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_it_shows_every_field_of_hex_however_it_is_spelt(spelling: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", "--protocol", "evlink-2.5", spelling]) == 0
    said = capsys.readouterr().out
    assert "0x06 heartbeat reply" in said
    assert "20319031900000000001" in said
    assert "3 locked" in said


@pytest.mark.parametrize("content", [bytes.fromhex(REPLY), REPLY.encode() + b"\n"], ids=["raw", "hex"])
def test_it_reads_a_file_of_raw_bytes_or_hex(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "frames").write_bytes(content)
    assert run(["decode", "--json", "--protocol", "evlink-2.5", str(tmp_path / "frames")]) == 0
    (frame,) = json.loads(capsys.readouterr().out)
    assert {field["name"]: field["value"] for field in frame["fields"]}["pile_sequence"] == "673"


def test_it_says_of_a_file_without_frames_that_it_is_none_and_shows_little_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_bytes(b"no frame here" * 300)
    assert run(["decode", str(tmp_path / "text")]) == 0
    said = capsys.readouterr().out
    assert "garbage at 0: 3900 bytes" in said
    assert "3836 bytes more" in said
    assert len(said) < 400
