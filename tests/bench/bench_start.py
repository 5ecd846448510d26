"""How long a command takes before it does anything, beside a Python that does nothing. Nothing asserts on speed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

COMMANDS = {
    "python alone": ("-c", "pass"),
    "pilesim --version": ("-m", "pilesim", "--version"),
    "pilesim conform --list": ("-m", "pilesim", "conform", "--list"),
    "one scenario": ("-m", "pilesim", "conform", "order/short"),
}


@pytest.mark.benchmark(group="start-up")
@pytest.mark.parametrize("command", COMMANDS)
def test_starting(command: str, benchmark: BenchmarkFixture) -> None:
    words = [sys.executable, *COMMANDS[command]]
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        lambda: subprocess.run(words, stdout=subprocess.DEVNULL, check=True), rounds=7, warmup_rounds=1
    )
