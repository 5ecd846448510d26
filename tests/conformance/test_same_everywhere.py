"""One scenario, four lives: virtual time, a TCP socket, a pty, and the replayed recording give one verdict."""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor

import pytest

from pilesim.conformance.judged import judged
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, Run, run_scenario
from pilesim.library import scenario_folder
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import load_scenario
from pilesim.trace.capture import encode_event, encode_header, read_capture

pytestmark = pytest.mark.realtime

CLOCK_RATE = 12
"""A reply may take 5 s of the world: a busy machine may hold a process up for 0.4 s."""
SCENARIO = load_scenario(scenario_folder() / "order" / "short.yaml", [row.id for row in RULES])
LIVES = {
    "lhc": ("sim:reference?", "lhc"),
    "lhc, faulty": ("sim:robinson-gen5-0309?", "lhc"),
    "ykc-1.6": ("sim:reference?", "ykc-1.6"),
    "ykc-1.6, faulty": ("sim:reference?fault=bill-lost&", "ykc-1.6"),
}
"""Good and bad firmware in each protocol."""


def play(life: str, link: str) -> Run:
    firmware, protocol = LIVES[life]
    target = parse_target(f"{firmware}link={link}")
    return run_scenario(SCENARIO, Options(target=target, protocol=protocol, seed=1, clock_rate=CLOCK_RATE))


def verdicts(result: ScenarioResult) -> dict[str, Verdict]:
    return {row.id: row.verdict for row in result.rules}


@pytest.fixture(scope="module")
def runs() -> dict[tuple[str, str], Run]:
    """Every life over every link; the real ones wait most of the time, so they run side by side."""
    done = {(life, "virtual"): play(life, "virtual") for life in LIVES}
    asked = [(life, link) for life in LIVES for link in ("tcp", "pty")]
    with ProcessPoolExecutor(len(asked)) as pool:
        running = {(life, link): pool.submit(play, life, link) for life, link in asked}
        return done | {key: future.result() for key, future in running.items()}


@pytest.mark.parametrize("link", ["tcp", "pty"])
@pytest.mark.parametrize("life", LIVES)
def test_the_verdict_is_the_same_over(runs: dict[tuple[str, str], Run], life: str, link: str) -> None:
    virtual, real = runs[life, "virtual"].result, runs[life, link].result
    assert verdicts(real) == verdicts(virtual)
    assert real.verdict is virtual.verdict


@pytest.mark.parametrize("life", LIVES)
def test_the_verdict_is_the_same_from_the_replayed_capture(runs: dict[tuple[str, str], Run], life: str) -> None:
    run = runs[life, "virtual"]
    lines = [encode_header(run.trace.header), *map(encode_event, run.trace.events)]
    replayed = read_capture(io.StringIO("\n".join(lines) + "\n"), "replayed")
    again = judged(replayed, title="", file="", strict=False, repeat="")
    assert verdicts(again) == verdicts(run.result)
    assert again.verdict is run.result.verdict


def test_the_faulty_firmware_fails_and_the_reference_does_not(runs: dict[tuple[str, str], Run]) -> None:
    assert {life: runs[life, "virtual"].result.verdict for life in LIVES} == {
        life: Verdict.FAIL if "faulty" in life else Verdict.PASS for life in LIVES
    }
