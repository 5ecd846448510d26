"""What is kept of a play is the play: it is played once, and never taken for another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import kept as keeping
import pytest
from kept import SHARED_SEED, Kept

from pilesim.conformance.runner import Options, Run, run_scenario
from pilesim.library import scenario_folder
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import Scenario, load_scenario
from pilesim.units import S

SHORT = load_scenario(scenario_folder() / "start" / "no-cable.yaml", [row.id for row in RULES])
PLAIN = Options(target=parse_target("sim:reference"), protocol="lhc", seed=SHARED_SEED)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """What was really played."""
    asked: list[Options] = []

    def play(scenario: Scenario, options: Options) -> Run:
        asked.append(options)
        return run_scenario(scenario, options)

    monkeypatch.setattr(keeping, "run_scenario", play)
    return asked


def keeper(folder: Path) -> Kept:
    made = Kept()
    made.folder = folder
    return made


def test_it_gives_a_play_again_as_it_was_in_another_process_too(played: list[Options], tmp_path: Path) -> None:
    first = keeper(tmp_path)(SHORT, PLAIN)
    assert keeper(tmp_path)(SHORT, PLAIN) == first == run_scenario(SHORT, PLAIN)
    assert played == [PLAIN]


@pytest.mark.parametrize(
    "other",
    [
        lambda scenario, options: (scenario, replace(options, target=parse_target("sim:robinson-gen5-0303"))),
        lambda scenario, options: (scenario, replace(options, protocol="ykc-1.6")),
        lambda scenario, options: (scenario, replace(options, impairments=(parse_impairment("drop start count=1"),))),
        lambda scenario, options: (replace(scenario, start_ns=scenario.start_ns + S), options),
    ],
    ids=["pile", "protocol", "line", "scenario"],
)
def test_it_takes_no_play_for_one_of_another(
    played: list[Options], tmp_path: Path, other: Callable[[Scenario, Options], tuple[Scenario, Options]]
) -> None:
    kept = keeper(tmp_path)
    kept(SHORT, PLAIN)
    assert kept(*other(SHORT, PLAIN)) == run_scenario(*other(SHORT, PLAIN))
    assert len(played) == 2


def test_it_keeps_none_of_another_seed_or_without_a_folder(played: list[Options], tmp_path: Path) -> None:
    Kept()(SHORT, PLAIN)
    keeper(tmp_path)(SHORT, replace(PLAIN, seed=SHARED_SEED + 1))
    assert len(played) == 2
    assert list(tmp_path.iterdir()) == []
