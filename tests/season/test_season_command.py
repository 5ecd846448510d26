"""`pilesim season` as a user runs it, in processes of its own where a process matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilesim.cli.main import run


def run_season(*arguments: str, cwd: Path, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilesim", "season", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_it_lists_the_seasons_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["season"]) == 0
    said = capsys.readouterr().out
    assert "zpd-7" in said and "1451" in said


def test_it_prints_the_tables_and_writes_the_same_result_on_any_hash_seed(tmp_path: Path) -> None:
    runs = [
        run_season("zpd-10", "--charges", "2", "--seed", "5", "--json", f"{seed}.json", cwd=tmp_path, hash_seed=seed)
        for seed in ("1", "2")
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert runs[0].stdout == runs[1].stdout
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert "SINEXCEL 2090404" in runs[0].stdout
    assert "EQUAL order by order" in runs[0].stdout
    result = json.loads((tmp_path / "1.json").read_text())
    assert (result["season"], result["seed"], result["charges"], result["equal"]) == ("zpd-10", 5, 2, True)


def test_it_says_what_it_cannot_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    for arguments, sentence in (
        (("zpd-6",), "expected a season, one of szds-26, zpd-10, zpd-2, zpd-5, zpd-7, or a file.yaml; found 'zpd-6'"),
        (("mine.yaml",), "mine.yaml:1: "),
        (("no.yaml",), "no.yaml: expected a season's file"),
        (("zpd-10", "--charges", "85"), "expected at most the 84 of season zpd-10, found 85"),
    ):
        assert run(["season", *arguments]) == 2
        assert sentence in capsys.readouterr().err
