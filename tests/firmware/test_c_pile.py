"""The second pile, written in C from the protocol's page alone, is judged as the simulated one is.

It shows that the runner judges the protocol and not our own simulator: another program, another language, another
author, over a real pty with a clock that both let run fast. `--whole` plays every scenario instead of a few.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from pilesim.conformance.runner import Options, run_scenario, why_unplayed
from pilesim.library import scenario_folder
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Level, Verdict
from pilesim.scenario.scenario import load_scenarios
from pilesim.units import HOUR

SOURCE = Path(__file__).parents[2] / "firmware_fixtures" / "c-pile"
NUMBER = "44030500040000200026"
RATE = 10
"""A reply may take 5 s of the world: a busy machine may hold a process up for half a second."""
SIDE_BY_SIDE = 10
SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])
FEW = (
    "order/short",
    "order/card",
    "start/no-cable",
    "start/twice",
    "stop/foreign-account",
    "safe/unplug-stops",
    "bill/power-cut-before-ack",
)
LONG = ("order/unplugged",)
"""Played too where there is time for many seeds."""
FAULTS = {
    "record-buffer": ("-DFAULT_RECORD_BUFFER", "order/never-started", "fault=record-buffer"),
    "unplug-lag": ("-DFAULT_UNPLUG_LAG=120", "order/short", "fault=unplug-lag&fault.lag=2m"),
}
"""The build's option, where the fault shows, and the same fault of the simulated pile."""

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here"),
    pytest.mark.timeout(600),
]


@dataclass(frozen=True)
class Played:
    code: int
    said: str
    verdict: str
    failed: frozenset[str]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The binaries, by fault; "" is the good one. Warnings are errors."""
    folder = tmp_path_factory.mktemp("c-pile")
    built = {}
    for fault, option in {"": "", **{name: row[0] for name, row in FAULTS.items()}}.items():
        binary = folder / f"c-pile-{fault or 'good'}"
        command = ["make", "-s", "-C", str(SOURCE), f"OUTPUT={binary}", f"CLOCK_RATE={RATE}", f"FAULTS={option}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        built[fault] = binary
    yield built


@contextmanager
def standing(binary: Path, device: str, control: Path) -> Iterator[None]:
    command = [str(binary), device, "--number", NUMBER, "--guns", "2", "--control", str(control)]
    pile = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        pile.terminate()
        pile.wait(10)


def play(binary: Path, scenario: str, folder: Path) -> Played:
    """One scenario by the command line, on a pty of its own, every act by the pile's control socket."""
    folder.mkdir(parents=True)
    hand = json.dumps([str(binary), "--tell", "c.sock", "{act}", "{gun}", "{detail}"])
    rig = f'pile: "pty:"\nnumber: "{NUMBER}"\nguns: 2\nworld-time: true\nhands: {{others: {{command: {hand}}}}}\n'
    (folder / "rig.yaml").write_text(rig, encoding="utf-8")
    words = ["conform", scenario, "--rig", "rig.yaml", "--clock-rate", str(RATE), "--json", "result.json"]
    conform = subprocess.Popen(
        [sys.executable, "-u", "-m", "pilesim", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert conform.stdout is not None
    said = ""
    for line in conform.stdout:
        said += line
        if line.startswith("pty: is "):
            with standing(binary, line.removeprefix("pty: is ").strip(), folder / "c.sock"):
                said += conform.stdout.read()
    code = conform.wait(10)
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    (row,) = result["scenarios"]
    failed = (rule["id"] for rule in row["rules"] if rule["verdict"] == Verdict.FAIL and rule["level"] == Level.MUST)
    return Played(code, said, row["verdict"], frozenset(failed))


@pytest.fixture(scope="module")
def played(
    build: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, whole: bool, time_enough: bool
) -> dict[tuple[str, str], Played]:
    """Every run of this module, side by side, by fault and scenario."""
    chosen: tuple[str, ...] = (*FEW, *LONG) if time_enough else FEW
    if whole:
        options = Options(target=parse_target("sim:reference"), protocol="lhc", seed=1)
        chosen = tuple(
            name
            for name, scenario in SCENARIOS.items()
            if scenario.estimate_ns < 3 * HOUR and not why_unplayed(scenario, options)
        )
    runs = [*(("", name) for name in chosen), *((fault, row[1]) for fault, row in FAULTS.items())]
    folder = tmp_path_factory.mktemp("rigs")
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        done = pool.map(lambda run: play(build[run[0]], run[1], folder / (run[0] or "good") / run[1]), runs)
        return dict(zip(runs, done, strict=True))


@cache
def expected_of(fault: str) -> frozenset[str]:
    """Rules that the simulated pile with `fault` fails where it shows."""
    _, scenario, query = FAULTS[fault]
    options = Options(target=parse_target(f"sim:reference?{query}"), protocol="lhc", seed=1)
    simulated = run_scenario(SCENARIOS[scenario], options).result
    return frozenset(row.id for row in simulated.rules if row.fails(strict=False))


def as_expected(run: tuple[str, str], done: Played) -> bool:
    fault, _ = run
    if fault:
        return (done.code, done.failed) == (1, expected_of(fault))
    return (done.code, done.verdict) == (0, Verdict.PASS)


def test_it_passes_what_the_reference_passes(played: dict[tuple[str, str], Played]) -> None:
    good = {name: run for (fault, name), run in played.items() if not fault}
    wrong = {name: run.said for name, run in good.items() if not as_expected(("", name), run)}
    assert len(good) >= len(FEW)
    assert not wrong, "\n\n".join(wrong.values())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_build_fails_the_rules_that_the_simulated_fault_fails(
    played: dict[tuple[str, str], Played], fault: str
) -> None:
    run = fault, FAULTS[fault][1]
    assert as_expected(run, played[run]), played[run].said
    assert expected_of(fault)


def speaks(master: int, within_s: float) -> bool:
    return bool(select.select([master], [], [], within_s)[0])


def test_it_leaves_a_terminal_alone_that_has_its_old_ones_number(build: dict[str, Path], tmp_path: Path) -> None:
    first, *others = (os.openpty() for _ in range(3))
    name = os.ttyname(first[1])
    with standing(build[""], name, tmp_path / "c.sock"):
        assert speaks(first[0], 10)
        for fd in first:
            os.close(fd)
        while os.ttyname(others[-1][1]) != name and len(others) < 100:
            # The number is free once the pile has let go of it.
            others.append(os.openpty())
            select.select([], [], [], 0.02)
        again = others[-1]
        if os.ttyname(again[1]) != name:
            pytest.skip("another program has the number")
        # It asks for a line again after 3 s of its own time.
        assert not speaks(again[0], 2 * 3 / RATE)
    for fds in others:
        for fd in fds:
            os.close(fd)
