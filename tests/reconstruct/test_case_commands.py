"""`pilesim case` and `pilesim bill`, as they are called."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from played import at_the_platform, hex_lines, run

from pilesim.cli.main import run as pilesim
from pilesim.library import firmware_folder
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import Trace

CAPTURES = firmware_folder() / "captures"
DELAYED = str(CAPTURES / "robinson-gen5-0303" / "order-start-delayed.jsonl")
SHORT = str(CAPTURES / "reference" / "order-short.jsonl")
FIELD_LOGS = Path(__file__).parent.parent / "data" / "field-logs"


def written(trace: Trace, path: Path) -> str:
    lines = [encode_header(trace.header), *(encode_event(event) for event in trace.events)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_it_makes_a_case_that_conform_plays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = written(at_the_platform(run("order/start-lost", "sim:robinson-gen5-0303").trace), tmp_path / "log.jsonl")
    made = str(tmp_path / "again.yaml")
    assert pilesim(["case", log, "-o", made, "--firmware", "robinson-gen5-0303"]) == 0
    said = capsys.readouterr().out
    assert "shows again: frame.valid, bill.times" in said
    assert "does not show" not in said
    assert pilesim(["conform", made, "--pile", "sim:robinson-gen5-0303"]) == 1
    assert pilesim(["conform", made]) == 0


def test_it_says_which_orders_there_are_and_takes_the_one_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = written(at_the_platform(run("order/two-guns", "sim:reference").trace), tmp_path / "log.jsonl")
    made = str(tmp_path / "again.yaml")
    assert pilesim(["case", log, "-o", made]) == 0
    assert "--order and --gun choose among them" in capsys.readouterr().out
    assert pilesim(["case", log, "-o", made, "--gun", "2"]) == 0
    assert "left out: 1 order more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "firmware"),
    [("szds-16a", "robinson-gen5-0303"), ("szds-16b", "robinson-gen5-0303"), ("szds-34", "reference")],
)
def test_it_makes_a_case_of_a_text_log(
    name: str, firmware: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = str(tmp_path / "again.yaml")
    assert pilesim(["case", str(FIELD_LOGS / f"{name}.log"), "-o", made, "--firmware", firmware]) == 0
    assert "does not show" not in capsys.readouterr().out
    assert pilesim(["conform", made]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["case", SHORT, "-o", "a.txt"], "-o: expected a scenario's file, which ends in .yaml"),
        (["case", SHORT, "-o", "a.yaml", "--firmware", "tcp://127.0.0.1:1"], "--firmware: expected a simulated pile"),
        (["case", SHORT, "-o", "a.yaml", "--firmware", "nobody"], "expected a firmware profile"),
        (["case", SHORT, "-o", "a.yaml", "--order", "7"], "--order: expected an order of the log"),
        (["bill", SHORT, "--order", "7"], "--order: expected an order of the log"),
        (["bill", SHORT, "--tariff", "none.yaml"], "expected a tariff's file"),
    ],
)
def test_it_tells_what_cannot_be_meant(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert pilesim(arguments) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_it_prints_the_bills_that_are_lost_or_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert pilesim(["bill", DELAYED]) == 0
    said = capsys.readouterr().out
    assert "20200303114016074186 gun 1: bill lost" in said
    assert "a bill without its order came" in said


def test_it_prints_the_bills_that_are_right_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert pilesim(["bill", SHORT]) == 0
    assert "1 of 1 orders has nothing wrong about its bill" in capsys.readouterr().out
    assert pilesim(["bill", SHORT, "--all"]) == 0
    assert "bill right" in capsys.readouterr().out


def test_it_writes_the_figures_as_integers(tmp_path: Path) -> None:
    file = tmp_path / "bills.json"
    assert pilesim(["bill", SHORT, "--all", "--json", str(file)]) == 0
    (bill,) = msgspec.json.decode(file.read_bytes())["bills"]
    energy = next(figure for figure in bill["figures"] if figure["name"] == "energy")
    assert bill["standing"] == "right"
    assert energy["least"] <= energy["billed"] <= energy["most"]


def test_it_names_the_lines_of_a_log_of_hex(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "field.log"
    log.write_text(hex_lines(run("order/short", "sim:reference").trace), encoding="utf-8")
    assert pilesim(["bill", str(log), "--all", "--vantage", "platform", "--protocol", "lhc"]) == 0
    assert "lines" in capsys.readouterr().out
