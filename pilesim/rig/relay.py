"""Acts at the pile that a command of the rig's does: a relay, a robot, another program.

Owns the running of such a command, without a shell and without keeping the line waiting. Must not know what it does.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from pilesim.errors import RigError
from pilesim.rig.signs import Act, Signs
from pilesim.trace.events import Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.units import MS, format_duration

LOOK_NS = 20 * MS
"""So often it is looked whether a command has ended or a key was pressed, in the computer's time."""
SAID_BYTES = 400
"""So much of what a failed command said is shown."""


def filled(argv: Sequence[str], values: Mapping[str, str | int]) -> list[str]:
    """`argv` with each `{name}` replaced; ValueError names one that there is not."""
    try:
        return [word.format_map(values) for word in argv]
    except KeyError as error:
        raise ValueError(f"expected only {_braced(values)}; found {{{error.args[0]}}} in {list(argv)}") from None
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"expected only {_braced(values)}; found {error} in {list(argv)}") from None


def _braced(values: Mapping[str, str | int]) -> str:
    return " ".join(f"{{{name}}}" for name in values) + ", and braces themselves twice"


def detail_text(detail: Mapping[str, Any]) -> str:
    """A stimulus's own arguments as `key=value` words, the car's among them."""
    flat: dict[str, Any] = {}
    for key, value in detail.items():
        flat |= value if isinstance(value, Mapping) else {key: value}
    return " ".join(f"{key}={word(value)}" for key, value in flat.items())


def word(value: Any) -> str:
    """A value as a command line, or a person, reads it."""
    if isinstance(value, list):
        return ",".join(map(word, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def one_line(text: str) -> str:
    """What somebody said, in one line, as a sentence has room for it."""
    return " / ".join(stripped for line in text.splitlines() if (stripped := line.strip())) or "it said nothing"


def why_not(error: OSError | ValueError) -> str:
    """Why a command cannot be run: the system's reason, or that a word, such as one with NUL, cannot be passed."""
    return getattr(error, "strerror", None) or str(error)


def _what(said: IO[bytes]) -> str:
    """What a command has said, its end at least, in one line."""
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - SAID_BYTES))
    return one_line(said.read(SAID_BYTES).decode(errors="replace"))


@dataclass(slots=True)
class _Running:
    kind: str
    gun: int | None
    detail: dict[str, Any]
    began_ns: int
    until_ns: int
    argv: list[str]
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    act: Act | None = None
    """What is watched for on the line; None once it has shown."""


def _done(running: _Running, t_ns: int) -> Stimulus:
    running.act = None
    return Stimulus(
        t_ns=t_ns, began_ns=running.began_ns, kind=running.kind, gun=running.gun, detail=dict(running.detail)
    )


class Relay:
    """Records a stimulus, begun when its command was, once it shows on the line or the command has ended with 0."""

    def __init__(self, recorder: Recorder, signs: Signs, clock_rate: float = 1) -> None:
        self._recorder = recorder
        self._signs = signs
        self._rate = clock_rate
        self._running: list[_Running] = []

    def do(
        self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any], argv: Sequence[str], timeout_ns: int
    ) -> None:
        """Begin `argv`, in which {act}, {gun}, {detail} and the stimulus's own arguments stand for themselves.

        `timeout_ns` is in the computer's time. RigError where the command cannot be run, ValueError where it names what
        there is not.
        """
        values = {"act": kind, "gun": "-" if gun is None else str(gun), "detail": detail_text(detail)}
        values |= {key: word(value) for key, value in detail.items() if not isinstance(value, Mapping)}
        words = filled(argv, values)
        said = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        try:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        except (OSError, ValueError) as error:
            said.close()
            raise RigError(f"{kind}: the command {words} cannot be run: {why_not(error)}") from None
        until_ns = now_ns + int(timeout_ns * self._rate)
        running = _Running(kind, gun, dict(detail), now_ns, until_ns, words, process, said)
        running.act = Act(kind, gun, running.detail, lambda t_ns: _done(running, t_ns))
        self._signs.watch(running.act)
        self._running.append(running)

    def pending(self) -> tuple[str, ...]:
        return tuple(f"the command for {running.kind} to end" for running in self._running)

    def look(self, now_ns: int) -> bool:
        """Take note of commands that have ended; whether one has. RigError where one failed or takes too long."""
        ended = [running for running in self._running if running.process.poll() is not None]
        for running in ended:
            self._running.remove(running)
            self._end(running, now_ns)
        for running in self._running:
            if now_ns > running.until_ns:
                took = format_duration(int((running.until_ns - running.began_ns) / self._rate))
                raise RigError(
                    f"{running.kind}: the command {running.argv} has not ended within {took}: {_what(running.said)}"
                )
        return bool(ended)

    def _end(self, running: _Running, now_ns: int) -> None:
        with running.said as said:
            text = _what(said)
        code = running.process.returncode
        if code != 0:
            raise RigError(f"{running.kind}: the command {running.argv} ended with {code}: {text}")
        if running.act is not None:
            self._signs.forget(running.act)
            self._recorder.record(_done(running, now_ns))

    def close(self) -> None:
        """Nothing that was begun goes on."""
        for running in self._running:
            running.process.kill()
            running.process.wait()
            running.said.close()
        self._running.clear()
