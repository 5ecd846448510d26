"""A rig's command: it ends with this program, whatever ends that, and so does what it has begun itself."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pilesim.errors import RigError
from pilesim.rig.begun import Begun

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked for in /proc")


def two(told: Path) -> tuple[str, ...]:
    """A command that begins another, and tells both numbers."""
    return ("sh", "-c", 'sleep 600 & echo $$ $! > "$0"; wait', str(told))


PARENT = "import sys; from pilesim.rig.begun import Begun; begun = Begun('act', sys.argv[1:]); sys.stdin.read()"

KILLED_AT_ONCE = """
import os, signal, subprocess, sys, time
from pathlib import Path
from pilesim.rig import begun

class Popen(subprocess.Popen):
    def __init__(self, words, **how):
        super().__init__(words, **how)
        if list(words) == sys.argv[1:]:
            while not Path(words[-1]).exists() or len(Path(words[-1]).read_text().split()) < 2:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)

begun.subprocess.Popen = Popen
begun.Begun("act", sys.argv[1:])
"""
"""The program is killed before it has learnt that the command runs."""


def until(met: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not met():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.01)


def lives(number: int) -> bool:
    """One that has ended and that nobody has waited for lives no more."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def numbers(told: Path) -> list[int]:
    return [int(word) for word in told.read_text().split()] if told.exists() else []


def children() -> list[str]:
    return [word for path in Path("/proc/self/task").glob("*/children") for word in path.read_text().split()]


def test_it_ends_with_what_it_has_begun_when_this_program_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *two(told)], stdin=subprocess.PIPE)
    until(lambda: len(numbers(told)) == 2)
    assert all(map(lives, numbers(told)))
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    until(lambda: not any(map(lives, numbers(told))))


def test_it_ends_when_this_program_is_killed_as_it_begins(tmp_path: Path) -> None:
    told = tmp_path / "told"
    parent = subprocess.run([sys.executable, "-c", KILLED_AT_ONCE, *two(told)], timeout=60, check=False)
    assert parent.returncode == -signal.SIGKILL
    assert len(numbers(told)) == 2
    until(lambda: not any(map(lives, numbers(told))))


def test_nothing_is_left_of_one_that_cannot_be_run() -> None:
    before = children()
    with pytest.raises(RigError, match="cannot be run: No such file"):
        Begun("act", ("/no/such/command",))
    assert children() == before


def test_it_ends_with_what_it_has_begun_when_it_is_killed(tmp_path: Path) -> None:
    told, before = tmp_path / "told", children()
    begun = Begun("act", two(told))
    until(lambda: len(numbers(told)) == 2)
    begun.kill()
    until(lambda: not any(map(lives, numbers(told))))
    assert children() == before


@pytest.mark.parametrize("how", [Begun.over, lambda begun: begun.wait(20)], ids=["looked at", "waited for"])
def test_nothing_is_left_of_one_that_has_ended(how: Callable[[Begun], object]) -> None:
    before = children()
    begun = Begun("act", ("sh", "-c", "echo no; exit 3"))
    with pytest.raises(RigError, match=r"^act: the command \['sh', .* ended with 3: no$"):
        until(lambda: how(begun))
    assert children() == before
    begun.kill()
