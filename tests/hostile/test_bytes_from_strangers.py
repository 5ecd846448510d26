"""Bytes from strangers: nothing that reads a line or a file is broken by any of them, and none of it piles up.

`make fuzz` hunts with atheris, which sees what is reached; `make test` tries what once broke something, and some more.
"""

from __future__ import annotations

import functools
import gc
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
from pilesim.wire.dialect import load_dialect
from pilesim.wire.fields import Layout
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import GunReport, GunState
from pilesim.wire.protocol import protocol_named

INPUTS = 500
"""Of all targets together."""
SECONDS = 10
"""Of what atheris chooses, and as many of their kin."""
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


def test_nothing_of_a_dialect_stays_in_what_it_shares_with_its_base() -> None:
    report = GunReport(gun=1, state=GunState.CHARGING, cable=True, meter_dwh=0)

    def layouts_after_one_was_spoken() -> int:
        text = "protocol: lhc\nname: d\nmessages:\n  heartbeat: {remove: [homed]}\n"
        spoken = load_dialect(text, "d.yaml", protocol_named)
        data = spoken.session(End.PILE, fuzz_targets.PILES["lhc"]).build(report)
        (found,) = spoken.framer(Direction.UP).feed(data, 0)
        assert isinstance(found, Frame) and isinstance(spoken.decode(found).message, GunReport)
        del spoken, found
        fuzz.forget()
        return sum(isinstance(thing, Layout) for thing in gc.get_objects())

    assert layouts_after_one_was_spoken() == layouts_after_one_was_spoken()


def spin(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_a_hunt_sees_an_exception_a_slow_input_and_memory_that_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(data: bytes) -> None:
        raise KeyError(data)

    def dawdles(data: bytes) -> None:
        spin(2 * fuzz.MEASURED_LIMIT_MS / 1000)

    kept: list[object] = []

    def keeps(data: bytes) -> None:
        kept.extend(object() for _ in range(3_000))

    monkeypatch.setattr("fuzz.MEASURED_LIMIT_MS", 5)
    for run, error in ((raises, KeyError), (dawdles, fuzz.SlowError), (keeps, fuzz.GrownError)):
        hunt = fuzz.Hunt("any", run, 12, 1e9, tmp_path)
        with pytest.raises(error):
            for _ in range(12):
                hunt.one(b"x")


def test_a_hunt_keeps_what_is_slow_each_time_and_not_what_was_slow_once(tmp_path: Path) -> None:
    first = [True]

    @functools.lru_cache(1)
    def dawdled(data: bytes) -> None:
        spin(0.02)

    def run(data: bytes) -> None:
        if first:
            first.pop()
            spin(0.1)
        elif data == b"slow":
            dawdled(data)

    hunt = fuzz.Hunt("any", run, 12, 1e9, tmp_path)
    for data in (b"x", b"slow", b"y"):
        hunt.one(data)
    assert (tmp_path / "slowest").read_bytes() == b"slow"


def test_it_keeps_the_input_that_broke_something_among_the_kin_of_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(data: bytes) -> None:
        if data.startswith(b"known") and len(data) > 5:
            raise KeyError(data)

    monkeypatch.setattr("fuzz_targets.target_named", lambda name: fuzz_targets.Target(raises, list, 1))
    for which in ("seeds", "corpus"):
        (tmp_path / which).mkdir()
    (tmp_path / "corpus" / "a").write_bytes(b"known")
    with pytest.raises(KeyError):
        fuzz.hunt_kin("any", 1000, 1e9, tmp_path, 1)
    assert (tmp_path / "found-kin").read_bytes().startswith(b"known")


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
    assert "inputs of their kin in" in ran.stdout
