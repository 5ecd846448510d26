"""One seed, one capture, byte for byte: in another process, with another hash seed, on every Python that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLAYS = Path(__file__).with_name("plays.py")
OTHER_PYTHONS = [f"3.{minor}" for minor in range(11, 16) if minor != sys.version_info.minor]
NEEDS = "import click, construct, msgspec, rich, serial, simpy, yaml"


def said(python: str, hash_seed: str) -> bytes:
    """What `plays` says on that Python."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([python, str(PLAYS)], env=environment, cwd=ROOT, capture_output=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def reference() -> bytes:
    return said(sys.executable, "0")


def python_named(version: str) -> str:
    """That Python with what pilesim needs; skips where there is none, and says what is missing."""
    made = ROOT / ".venvs" / version / "bin" / "python"
    python = str(made) if made.exists() else shutil.which(f"python{version}")
    if python is None:
        pytest.skip(f"no Python {version} is here")
    probe = subprocess.run([python, "-c", NEEDS], capture_output=True, text=True, timeout=50, check=False)
    if probe.returncode != 0:
        pytest.skip(f"Python {version} lacks something (make pythons): {probe.stderr.strip().splitlines()[-1]}")
    return python


@pytest.mark.one_in(2)
@pytest.mark.parametrize("hash_seed", ["1", "4294967295"])
def test_it_records_the_same_in_another_process_with_another_hash_seed(reference: bytes, hash_seed: str) -> None:
    assert said(sys.executable, hash_seed) == reference


@pytest.mark.otherpython
@pytest.mark.parametrize("version", OTHER_PYTHONS)
def test_it_records_the_same_on_another_python(reference: bytes, version: str) -> None:
    assert said(python_named(version), "0") == reference


@pytest.mark.parametrize("effect", ["held", "doubled", "corrupted", "cut", "noise", "lost"])
def test_what_is_compared_draws_from_every_stream(reference: bytes, effect: str) -> None:
    assert reference.count(f'"effect":"{effect}"'.encode()) > 5


def test_what_is_compared_is_of_both_protocols(reference: bytes) -> None:
    assert all(reference.count(f'"protocol":"{name}"'.encode()) == 2 for name in ("lhc", "ykc-1.6"))
