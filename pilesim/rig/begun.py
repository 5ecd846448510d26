"""A command of the rig's that is under way, and does not outlive this program, whatever ends that.

Owns the process, what it says, what it has begun itself, and their end. Must not know what the command does, nor who
waits for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from pilesim.errors import RigError

SAID_BYTES = 400
"""So much of what a failed command said is shown."""
_GROUPED = sys.platform != "win32"
_WATCH = "read -r _; kill -s KILL 0"
"""What a shell does that watches: nothing is ever written to it, so that it reads on until this program is gone, and
ends its group."""


def one_line(text: str) -> str:
    """What somebody said, in one line, as a sentence has room for it."""
    return " / ".join(stripped for line in text.splitlines() if (stripped := line.strip())) or "it said nothing"


class Begun:
    """The command `words`, run without a shell and with nothing to read, for what a rig calls `name`."""

    def __init__(self, name: str, words: Sequence[str]) -> None:
        """RigError where it cannot be run."""
        self._what = f"{name}: the command {list(words)}"
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        # Begun first: were this program killed between the two, nobody would be left to end the command.
        self._watcher = _watcher() if _GROUPED else None
        try:
            # In a group beside this program's, what it has begun ends with it, and no key that breaks this program off
            # ends it.
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                process_group=self._watcher.pid if self._watcher else None,
            )
        except (OSError, ValueError) as error:
            self._end()
            # The system's reason, or that a word, such as one with NUL, cannot be passed.
            why = getattr(error, "strerror", None) or str(error)
            raise RigError(f"{self._what} cannot be run: {why}") from None

    def over(self) -> bool:
        """Whether it has ended, with 0; RigError where with another code."""
        code = self._process.poll()
        if code is None:
            return False
        said = self._end()
        if code != 0:
            raise RigError(f"{self._what} ended with {code}: {said}")
        return True

    def wait(self, timeout_s: float) -> None:
        """Until it has ended, with 0. RigError where it does not in time, or with another code."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self.late(f"{timeout_s:g} s") from None
        self.over()

    def late(self, took: str) -> RigError:
        """That it has not ended within `took`; it ends now."""
        return RigError(f"{self._what} has not ended within {took}: {self.kill()}")

    def kill(self) -> str:
        """It ends now, and with it what it has begun: what it has said. Of no consequence where it has ended."""
        if self._process.poll() is None:
            if sys.platform != "win32" and self._watcher is not None:
                os.killpg(self._watcher.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
        return self._end()

    def _end(self) -> str:
        """What it has said, its end at least, in one line; nothing of it is left."""
        if self._said.closed:
            return ""
        with self._said as said:
            said.seek(max(0, said.seek(0, os.SEEK_END) - SAID_BYTES))
            text = one_line(said.read(SAID_BYTES).decode(errors="replace"))
        if self._watcher is not None:
            self._watcher.kill()
            # Its pipe too.
            self._watcher.communicate()
        return text


def _watcher() -> subprocess.Popen[bytes]:
    """A process that leads the group, since a program that is killed can do nothing more for those it leaves behind."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
