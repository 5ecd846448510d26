"""Acts at the pile that a command of the rig's does: a relay, a robot, another program.

Owns what such a command is told and how long it may take, without keeping the line waiting. Must not know what it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pilesim.rig.begun import Begun
from pilesim.rig.signs import Act, Signs
from pilesim.trace.events import Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.units import MS, format_duration

LOOK_NS = 20 * MS
"""So often it is looked whether a command has ended or a key was pressed, in the computer's time."""


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


@dataclass(slots=True)
class _Running:
    kind: str
    gun: int | None
    detail: dict[str, Any]
    began_ns: int
    until_ns: int
    begun: Begun
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
        begun = Begun(kind, filled(argv, values))
        until_ns = now_ns + int(timeout_ns * self._rate)
        running = _Running(kind, gun, dict(detail), now_ns, until_ns, begun)
        running.act = Act(kind, gun, running.detail, lambda t_ns: _done(running, t_ns))
        self._signs.watch(running.act)
        self._running.append(running)

    def pending(self) -> tuple[str, ...]:
        return tuple(f"the command for {running.kind} to end" for running in self._running)

    def look(self, now_ns: int) -> bool:
        """Take note of commands that have ended; whether one has. RigError where one failed or takes too long."""
        before = len(self._running)
        for running in list(self._running):
            if running.begun.over():
                self._running.remove(running)
                if running.act is not None:
                    self._signs.forget(running.act)
                    self._recorder.record(_done(running, now_ns))
        for running in self._running:
            if now_ns > running.until_ns:
                raise running.begun.late(format_duration(int((running.until_ns - running.began_ns) / self._rate)))
        return len(self._running) < before

    def close(self) -> None:
        """Nothing that was begun goes on."""
        for running in self._running:
            running.begun.kill()
        self._running.clear()
