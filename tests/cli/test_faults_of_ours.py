"""A fault of this program is never taken for the pile's: exit code 4, and all there is to find it."""

from __future__ import annotations

from typing import NoReturn

import pytest

from pilesim.cli.main import run
from pilesim.conformance import runner
from pilesim.conformance.runner import Options, Run
from pilesim.scenario.scenario import Scenario
from pilesim.trace.recorder import TextSink


def breaks(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("a bug")


def test_a_scenario_in_which_it_fails_is_an_error_and_the_others_are_still_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    play = runner.run_scenario

    def fails_once(scenario: Scenario, options: Options, *sink: TextSink | None) -> Run:
        return breaks() if scenario.id == "order/short" else play(scenario, options, *sink)

    monkeypatch.setattr(runner, "run_scenario", fails_once)
    assert run(["conform", "order/short", "start/insulation-fails"]) == 4
    said = capsys.readouterr().out
    assert "ERROR order/short" in said
    assert "RuntimeError: a bug" in said
    assert "PASS start/insulation-fails" in said


def test_a_command_that_breaks_ends_with_4_and_tells_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pilesim.cli.messages.print_catalogue", breaks)
    assert run(["messages"]) == 4
    said = capsys.readouterr().err
    assert "a fault of this program" in said
    assert "RuntimeError: a bug" in said
