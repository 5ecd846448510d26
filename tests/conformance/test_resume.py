"""A run that was broken off is gone on with, and comes to what it would have come to."""

from __future__ import annotations

import pytest
from benches import scenario_of

from pilesim.conformance.result import RunResult, ScenarioResult, decode_result, encode_result
from pilesim.conformance.runner import Options, run_all
from pilesim.rig.targets import parse_target

OPTIONS = Options(target=parse_target("sim:reference"), protocol="lhc", seed=3)
DAY = [scenario_of(f"wait: {40 + n}s", id=f"own/{name}") for n, name in enumerate(("one", "two", "three"))]


def test_it_says_what_is_planned_before_anything_has_ended() -> None:
    so_far: list[RunResult] = []
    run_all(DAY, OPTIONS, begun=lambda scenario, run: so_far.append(run))
    assert [len(run.scenarios) for run in so_far] == [0, 1, 2]
    assert {run.planned for run in so_far} == {("own/one", "own/two", "own/three")}
    assert decode_result(encode_result(so_far[0]), "r.json") == so_far[0]


@pytest.mark.parametrize("ended", [0, 1, 2, 3])
def test_it_plays_what_is_left_and_comes_to_the_result_of_an_unbroken_run(ended: int) -> None:
    unbroken = run_all(DAY, OPTIONS)
    kept = decode_result(encode_result(unbroken), "r.json").scenarios[:ended]
    begun: list[str] = []
    again: list[ScenarioResult] = []
    resumed = run_all(
        DAY,
        OPTIONS,
        begun=lambda scenario, run: begun.append(scenario.id),
        ended=lambda result, run: again.append(result),
        done={result.id: result for result in kept},
    )
    assert begun == [scenario.id for scenario in DAY[ended:]]
    assert [result.id for result in again] == begun
    assert encode_result(resumed) == encode_result(unbroken)
