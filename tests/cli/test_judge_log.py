"""`pilesim judge` on logs that others have made: the verdict, what the line did, and what it all looks like."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import msgspec
import pytest

from pilesim.cli.main import run
from pilesim.library import firmware_folder

FIELD_LOGS = Path(__file__).parents[1] / "data" / "field-logs"
LOST = firmware_folder() / "captures" / "robinson-gen5-0303" / "order-start-lost.jsonl"


@pytest.mark.parametrize(("case", "code"), [("szds-34", 0), ("szds-25", 0), ("szds-16a", 1), ("szds-16b", 1)])
def test_the_fields_own_log_is_judged_and_said_to_look_like_its_case(
    case: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["judge", str(FIELD_LOGS / f"{case}.log")]) == code
    said = capsys.readouterr().out
    assert "does not hold: the bytes of the messages" in said
    assert said.count(f"looks like {case}") == 1


def test_what_the_line_did_stands_beside_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["judge", str(LOST)]) == 1
    said = capsys.readouterr().out
    assert "the line itself: lost 1\n" in said
    assert "2020-03-03 12:36:46.644 0x14 start 启动充电 down: lost" in said


def test_the_diagnosis_is_in_the_result_and_on_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, page = tmp_path / "r.json", tmp_path / "r.html"
    assert run(["judge", str(LOST), "--json", str(result), "--html", str(page)]) == 1
    (scenario,) = msgspec.json.decode(result.read_bytes())["scenarios"]
    (sentence,) = scenario["diagnosis"]
    assert sentence.startswith("looks like szds-16a (also szds-15, szds-19; fault record-buffer): ")
    assert "authorised 12:36:46, never started" in sentence
    assert sentence in page.read_text(encoding="utf-8")
    assert sentence in capsys.readouterr().out


def test_a_recording_of_a_pile_in_good_order_looks_like_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    good = firmware_folder() / "captures" / "reference" / "order-short.jsonl"
    assert run(["judge", str(good)]) == 0
    assert "looks like" not in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("error", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_a_bar_tells_on_a_terminal_how_far_a_log_has_been_read(
    error: type[io.StringIO], shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", error())
    assert run(["judge", str(LOST)]) == 1
    said = sys.stderr
    assert isinstance(said, io.StringIO)
    assert (LOST.name in said.getvalue()) is shown
    assert bool(said.getvalue()) is shown
