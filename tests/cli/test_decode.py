"""`pilesim decode` on hex, on files, and on what is no frame at all."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from functools import reduce
from operator import xor
from pathlib import Path

import pytest

from pilesim.cli.main import run
from pilesim.library import firmware_folder

REPLY = "FE200002050000A1023230333139303331393030303030303030303031000406037816"
"""A real 0x06, as the published decoder carries it."""


def frame_hex(number: int, body: bytes) -> str:
    """A frame that goes up, of version 2.6."""
    head = b"\xfe" + (31 + len(body)).to_bytes(2, "little") + b"\2\6\0\0\1\0" + b"44030500040000200026" + b"\1\1"
    sealed = head + bytes([number]) + body
    return (sealed + bytes([reduce(xor, sealed), 0x16])).hex()


DIAGNOSIS = frame_hex(0x60, b"\2\0" + bytes(7) + b"\xab\xcd")
"""A message of its own, as the example of a dialect has it."""


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


# ------------------------------------------------------------------------------------------------- dialects, guesses

DIALECT = str(firmware_folder() / "dialects" / "other-tails.yaml")


def test_it_reads_by_a_dialect(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", "--protocol", DIALECT, DIAGNOSIS]) == 0
    said = capsys.readouterr().out
    assert "0x60 diagnosis 诊断" in said
    assert "2 filter" in said


def test_it_says_that_an_unknown_message_is_one_without_the_dialect(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", DIAGNOSIS]) == 0
    assert "found 0x60" in capsys.readouterr().out


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording in a dialect whose file is gone."""
    folder = tmp_path_factory.mktemp("dialect")
    dialect = folder / "gone.yaml"
    dialect.write_bytes(Path(DIALECT).read_bytes())
    assert run(["conform", "order/short", "--protocol", str(dialect), "--captures", str(folder)]) == 0
    dialect.unlink()
    return folder / "order-short.jsonl"


def elsewhere(*words: str) -> str:
    """What the command line says in a process of its own, which has read no dialect."""
    done = subprocess.run([sys.executable, "-m", "pilesim", *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_recording_keeps_its_dialect(capture: Path) -> None:
    assert "PASS order/short" in elsewhere("judge", str(capture))


def test_it_guesses_at_a_recording_by_another_protocol(capture: Path) -> None:
    said = elsewhere("decode", "--guess", "--protocol", "evlink-2.6", str(capture))
    assert "0x05 heartbeat up, " in said
    assert "the order that other frames tell, as ASCII" in said
    assert "within a second of their frames" in said
    assert "protocol: evlink-2.6\nname: guessed\nmessages:\n  heartbeat:\n    add:\n" in said


def test_it_finds_nothing_to_guess_where_all_fits(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", "--guess", str(capture)]) == 0
    assert capsys.readouterr().out == "Every body fits its layout: there is nothing to guess.\n"


def test_it_guesses_at_hex_and_writes_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", "--guess", "--json", "--protocol", "lhc", DIAGNOSIS]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["number"], found["size"], found["bodies"]) == (0x60, 11, 1)


def test_it_recognises_nothing_in_noise(capsys: pytest.CaptureFixture[str]) -> None:
    body = random.Random(1).randbytes(24)
    assert run(["decode", "--guess", "--protocol", "lhc", frame_hex(0x60, body)]) == 0
    said = capsys.readouterr().out
    assert "0x60 up, 1 body of 24 bytes" in said
    assert "nothing recognisable" in said
    assert "As a dialect" not in said


def test_it_finds_no_frame_to_guess_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", "--guess", "--protocol", "lhc", "00" * 30]) == 0
    assert capsys.readouterr().out == "No frame of lhc was found: there is nothing to guess at.\n"


def test_it_wants_a_capture_guessed_at_or_judged(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", str(capture)]) == 2
    assert "found a capture: give --guess, or judge it with `pilesim judge`" in capsys.readouterr().err


def test_it_tells_where_a_dialect_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.yaml").write_text("protocol: lhc\nname: d\nmessages:\n  heartbeat: {remove: [oder]}\n")
    assert run(["conform", "order/short", "--protocol", str(tmp_path / "d.yaml")]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path / 'd.yaml'}:4: expected a field, one of state, cable" in said
    assert "found 'oder'; perhaps order" in said


def test_a_rig_names_a_dialect_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.yaml").write_text("protocol: lhc\nname: depot\ndeadlines: {beat.period: 65s}\n")
    (tmp_path / "rig.yaml").write_text("pile: sim:reference\nprotocol: d.yaml\n")
    result = tmp_path / "r.json"
    assert run(["conform", "order/short", "--rig", str(tmp_path / "rig.yaml"), "--json", str(result)]) == 0
    assert "protocol depot~" in capsys.readouterr().out
    (tmp_path / "d.yaml").unlink()
    said = elsewhere("report", str(result), "--html", str(tmp_path / "r.html"))
    assert "1 pass" in said
