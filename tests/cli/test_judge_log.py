"""`pilesim judge` on logs that others have made: the verdict, what the line did, and what it all looks like."""

from __future__ import annotations

import io
import re
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


def test_two_logs_one_from_each_end_are_judged_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = {end: str(tmp_path / f"{end}.log") for end in ("pile", "platform")}
    for end, log in logs.items():
        assert run(["convert", str(LOST), "--end", end, "-o", log]) == 0
    capsys.readouterr()
    page, result = tmp_path / "p.html", tmp_path / "r.json"
    assert run(["judge", *logs.values(), "--html", str(page), "--json", str(result)]) == 1
    said = capsys.readouterr().out
    assert "recorded at: both ends" in said
    assert "the pile's clock was equal, to within " in said
    assert "the line itself: lost 1\n" in said
    assert f"bill.times MUST {logs['pile']}:74 " in said
    assert f"again: pilesim judge {logs['pile']} {logs['platform']}\n" in said
    assert f"{logs['pile']}:74" in page.read_text(encoding="utf-8")
    (scenario,) = msgspec.json.decode(result.read_bytes())["scenarios"]
    files = {finding["file"] for row in scenario["rules"] for finding in row["findings"]}
    assert files == {logs["pile"]}
    assert run(["judge", str(tmp_path), logs["pile"]]) == 2
    assert "OTHER: expected none with a folder" in capsys.readouterr().err


PRIVATE = re.compile(r"44030500040000200026|20200303123645436010|00303123645436010")
"""The pile, the order and the account of the recording."""


@pytest.mark.parametrize("command", ["judge", "show", "case", "bill"])
def test_nothing_that_is_said_of_a_masked_log_has_its_numbers(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "site 44030500040000200026" / "44030500040000200026.log"
    log.parent.mkdir()
    assert run(["convert", str(LOST), "-o", str(log)]) == 0
    with log.open("a", encoding="utf-8") as file:
        file.write("2020-03-03 12:46:00.000 card 12345678 was held to the reader by 张三\n")
    more = {"judge": ["--json", "r.json", "--html", "r.html"], "case": ["-o", "r.yaml"], "bill": ["--json", "r.json"]}
    written = [tmp_path / word if "." in word else word for word in more.get(command, ())]
    capsys.readouterr()
    run([command, str(log), *map(str, written)])
    plain = capsys.readouterr().out
    assert PRIVATE.search(plain)
    run([command, str(log), *map(str, written), "--mask"])
    said = [capsys.readouterr().out, *(word.read_text(encoding="utf-8") for word in written if isinstance(word, Path))]
    assert "masked: 5 numbers of orders, accounts, cards and piles" in said[0]
    assert "1 line could not be read" in said[0]
    for text in said:
        assert not PRIVATE.search(text.replace(str(tmp_path), "")), command
        assert "12345678" not in text
    assert plain.count("\n") == said[0].count("\n") - 1
