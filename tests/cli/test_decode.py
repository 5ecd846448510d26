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


YKC = "680D050000033201060021353301005718"
"""A live pile's heartbeat."""
TIME_REQUEST = "FE2600020600000100" + b"44030500040000200026".hex() + "010103" + "00" * 7 + "DA16"

# What decode is given, and how it says which protocol it took.
SAID = [
    (REPLY, "Told by its frames: evlink-2.5."),
    (YKC, "Told by its frames: ykc-1.6."),
    (
        "680C012400021000100100000101" + "5DC0",
        "Told by its frames: ykc-1.6?crc_order=auto.",
    ),
    ("00" * 20, "No frame of any protocol (lhc, evlink-2.5, evlink-2.6, ykc-1.6) was found; read as lhc."),
]


@pytest.mark.parametrize(("given", "said"), SAID, ids=[row[1][-30:] for row in SAID])
def test_it_says_which_protocol_the_bytes_tell(given: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", given]) == 0
    assert capsys.readouterr().out.startswith(said + "\n")


def test_it_says_that_protocols_are_equally_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", TIME_REQUEST]) == 0
    assert "lhc and evlink-2.6 explain these bytes equally well; read as lhc." in capsys.readouterr().out


def test_it_keeps_json_pure_and_says_the_protocol_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", "--json", YKC]) == 0
    said = capsys.readouterr()
    (frame,) = json.loads(said.out)
    assert frame["title"] == "0x03 heartbeat 充电桩心跳包"
    assert said.err == "Told by its frames: ykc-1.6.\n"


def test_it_lists_the_messages_of_a_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["messages", "--protocol", "ykc-1.6"]) == 0
    said = capsys.readouterr().out
    assert "0x34" in said and "运营平台远程控制启机" in said
    assert "since V1.7" in said
