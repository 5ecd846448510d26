"""Reports from the command line: `conform` and `judge` with their options, `report` of result files."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from msgspec.structs import replace
from recorded import GREEN, NUMBER, RED, result_in, run_of

from pilesim.cli.main import run
from pilesim.cli.report import find_capture
from pilesim.conformance.result import decode_result, encode_result


def test_conform_writes_page_and_junit_and_keeps_no_captures_of_its_own(tmp_path: Path) -> None:
    files = {name: tmp_path / f"r.{name}" for name in ("json", "html", "junit")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    assert run(["conform", "order/short", *options]) == 0
    assert 'class="chart"' in files["html"].read_text(encoding="utf-8")
    assert ET.parse(files["junit"]).getroot().get("tests") == "1"
    (scenario,) = decode_result(files["json"].read_bytes(), "r.json").scenarios
    assert scenario.capture == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.json", "r.junit"]


def test_conform_names_the_captures_that_it_was_asked_to_keep(tmp_path: Path) -> None:
    result = tmp_path / "r.json"
    assert run(["conform", "order/short", "--json", str(result), "--captures", str(tmp_path / "kept")]) == 0
    (scenario,) = decode_result(result.read_bytes(), "r.json").scenarios
    assert Path(scenario.capture).is_file()


def test_judge_shows_one_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, junit = tmp_path / "r.html", tmp_path / "r.xml"
    assert run(["judge", str(RED), "--html", str(page), "--junit", str(junit)]) == 1
    assert "order/start-lost" in page.read_text(encoding="utf-8")
    assert 'class="chart"' in page.read_text(encoding="utf-8")
    assert len(list(ET.parse(junit).getroot().iter("failure"))) == 1


def test_the_pile_number_and_firmware_that_were_heard_are_told_by_conform_and_judge(tmp_path: Path) -> None:
    result, page, kept = tmp_path / "r.json", tmp_path / "r.html", tmp_path / "kept"
    where = ["order/short", "--pile", "sim:robinson-gen5-0303", "--json", str(result), "--captures", str(kept)]
    assert run(["conform", *where]) == 0
    facts = decode_result(result.read_bytes(), "r.json").facts
    assert facts == {"pile number heard": NUMBER, "firmware heard": "ROBINSON G5 0303"}
    assert run(["judge", str(kept / "order-short.jsonl"), "--html", str(page)]) == 0
    assert "<dt>firmware heard<dd>ROBINSON G5 0303" in page.read_text(encoding="utf-8")


def test_two_results_of_one_port_are_told_apart_by_the_firmware_that_was_heard(tmp_path: Path) -> None:
    for name in ("2.0.3", "2.0.4"):
        result = run_of(result_in(GREEN), pile="serial://COM3", facts={"firmware heard": name})
        (tmp_path / name).write_bytes(encode_result(result))
    page = tmp_path / "r.html"
    assert run(["report", str(tmp_path / "2.0.3"), str(tmp_path / "2.0.4"), "--html", str(page)]) == 0
    matrix = page.read_text(encoding="utf-8").partition('class="matrix"')[2].partition("</thead>")[0]
    assert "<small>2.0.3</small>" in matrix and "<small>2.0.4</small>" in matrix


def test_report_says_what_a_run_that_was_broken_off_has_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken_off = replace(run_of(result_in(GREEN)), planned=(result_in(GREEN).id, "order/whole"))
    (tmp_path / "r.json").write_bytes(encode_result(broken_off))
    assert run(["report", str(tmp_path / "r.json")]) == 0
    assert capsys.readouterr().out == "PASS sim:tested: 1 scenario: 1 pass: 1 not played\n"


def test_report_joins_results_and_says_each_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, path in (("one", GREEN), ("other", RED)):
        (tmp_path / f"{name}.json").write_bytes(encode_result(run_of(result_in(path), pile=f"sim:{name}")))
    page = tmp_path / "r.html"
    assert run(["report", str(tmp_path / "one.json"), str(tmp_path / "other.json"), "--html", str(page)]) == 0
    said = capsys.readouterr().out
    assert "PASS sim:one: 1 scenario" in said and "FAIL sim:other: 1 scenario" in said
    assert 'class="matrix"' in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("where", ["as named", "beside the result", "nowhere"])
def test_a_capture_is_looked_for_as_named_and_then_beside_the_result(tmp_path: Path, where: str) -> None:
    named = GREEN if where == "as named" else tmp_path / "gone" / GREEN.name
    if where == "beside the result":
        shutil.copy(GREEN, tmp_path)
    found = find_capture(replace(result_in(GREEN), capture=str(named)), tmp_path)
    assert (found is None) is (where == "nowhere")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["report", "none.json"], "none.json: expected a result file: No such file"),
        (["report", str(GREEN)], "expected a result file"),
        (["conform", "order/short", "--html", "none/r.html"], "none/r.html: expected a file that can be written"),
        (["judge", str(GREEN), "--junit", "none/r.xml"], "none/r.xml: expected a file that can be written"),
        (["conform", "order/short", "--json", "-"], "-: expected the name of a file to be written"),
    ],
)
def test_it_tells_files_that_cannot_be_read_or_written(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert sentence in capsys.readouterr().err
