"""Bytes from strangers: nothing that reads a line or a file is broken by any of them, and none of it piles up.

`make fuzz` hunts with atheris, which sees what is reached; `make test` tries what once broke something, and some more.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import fuzz
import fuzz_targets
import pytest
from fuzz_targets import REGRESSIONS, TARGETS, seeds_of
from mutated import mutated

from pilesim.chance import Chance
from pilesim.errors import UsageError

INPUTS = 500
"""Of all targets together."""
SECONDS = 20
GENEROUS_MS = 500
"""What a busy machine does not reach, and an input that blows up does; `make fuzz` holds what is promised."""
LINES = ("framer", "body", "platform", "pile")


@pytest.mark.parametrize("name", TARGETS)
def test_it_takes_what_it_was_made_for_what_once_broke_it_and_what_is_broken(name: str) -> None:
    target, seeds = TARGETS[name], seeds_of(name)
    refused = []
    for data in seeds:
        try:
            target.take(data[: fuzz.LONGEST_BYTES])
        except UsageError as error:
            refused.append(str(error))
    # A hunt that begins with nothing but what is refused finds nothing.
    assert len(refused) * 3 <= len(seeds) * 2, refused
    rng = Chance(f"strangers/{name}")
    for _ in range(INPUTS * target.share // 100):
        data = mutated(seeds, rng)
        try:
            target.run(data)
        except Exception as error:
            error.add_note(f"the input, to be kept in {REGRESSIONS / name}: {data!r}")
            raise


def test_every_input_that_is_kept_is_of_a_target() -> None:
    assert {folder.name for folder in REGRESSIONS.iterdir()} <= set(TARGETS)


def test_what_it_was_told_does_not_pile_up() -> None:
    def hear(rounds: range) -> None:
        for number in rounds:
            for name in LINES:
                rng = Chance(f"strangers/{name}/{number}")
                TARGETS[name].run(mutated(seeds_of(name), rng))

    hear(range(10))
    fuzz.forget()
    before = sys.getallocatedblocks()
    hear(range(10, 30))
    fuzz.forget()
    assert sys.getallocatedblocks() - before < 2_000


def test_a_hunt_sees_an_exception_a_slow_input_and_memory_that_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(data: bytes) -> None:
        raise KeyError(data)

    def dawdles(data: bytes) -> None:
        until = time.process_time() + 2 * fuzz.MEASURED_LIMIT_MS / 1000
        while time.process_time() < until:
            pass

    kept: list[object] = []

    def keeps(data: bytes) -> None:
        kept.extend(object() for _ in range(10_000))

    monkeypatch.setattr("fuzz.MEASURED_LIMIT_MS", 5)
    for run, error in ((raises, KeyError), (dawdles, fuzz.SlowError), (keeps, fuzz.GrownError)):
        hunt = fuzz.Hunt("any", run, 12, 1e9, tmp_path)
        with pytest.raises(error):
            for _ in range(12):
                hunt.one(b"x")


@pytest.mark.timeout(300)
def test_it_holds_while_what_is_reached_guides_the_hunt(tmp_path: Path, time_enough: bool) -> None:
    if not time_enough:
        pytest.skip("with --seeds 20")
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("there is no atheris for this Python")
    words = [sys.executable, fuzz.__file__, f"--seconds={SECONDS}", f"--found={tmp_path}"]
    words += [f"--limit-ms={GENEROUS_MS}", fuzz_targets.ANY]
    ran = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 of 1 targets did not hold" in ran.stdout
