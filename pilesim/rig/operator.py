"""A person at the pile: is told what to do, and seen to have done it by what the pile sends, or says so by a key.

Owns the prompts. Must not know terminals: it is given one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pilesim.rig.relay import filled, word
from pilesim.rig.signs import CABLE_AFTER, SIGNS, Act, Signs
from pilesim.trace.events import Stimulus
from pilesim.trace.recorder import Recorder


class Terminal(Protocol):
    """Where a person is told things, and answers."""

    def tell(self, text: str) -> None:
        """One sentence."""

    @property
    def has_key(self) -> bool:
        """Whether somebody can answer at all."""

    def key_pressed(self) -> bool:
        """Whether a key was pressed since the last call."""


class Silence:
    """Nobody is there."""

    has_key = False

    def tell(self, text: str) -> None:
        pass

    def key_pressed(self) -> bool:
        return False


_PROMPTS: Mapping[str, str] = {
    "plug": "Plug the cable of gun {gun} into the car.",
    "unplug": "Pull the cable of gun {gun} out of the car.",
    "tap": "Tap into the QR page of gun {gun} on the screen, and out again.",
    "card": "Hold the card {account} to the reader of gun {gun}.",
    "stop-button": "Press stop for gun {gun} at the pile.",
    "emergency-stop": "Press the emergency stop.",
    "emergency-release": "Release the emergency stop.",
    "power-off": "Switch the pile's power off.",
    "power-on": "Switch the pile's power on.",
    "insulation": "Set the insulation at gun {gun} to {ok}.",
    "bms": "Let the BMS of the car at gun {gun} say all but {lacks}.",
    "fault": "Make the fault {fault} at gun {gun}.",
    "fault-cleared": "Clear the fault {fault} of gun {gun}.",
    "parking": "Set the parking bay of gun {gun} to taken: {taken}.",
    "maintenance": "Put gun {gun} out of service: {on}.",
}
"""By the kind of stimulus; `{...}` are the gun and the stimulus's own arguments."""


@dataclass(frozen=True, slots=True)
class _Asked:
    act: Act
    began_ns: int
    words: str


class Operator:
    """Records a stimulus once it is confirmed: begun when it was asked for, done by then.

    Where somebody was, or may have been, quicker than the prompt it began, at the earliest, with the last report that
    still showed the cable as it was.
    """

    def __init__(self, recorder: Recorder, signs: Signs, terminal: Terminal, checks: str = "") -> None:
        """`checks` says what will be checked, after each prompt."""
        self._recorder = recorder
        self._signs = signs
        self._terminal = terminal
        self._checks = checks
        self._asked: list[_Asked] = []

    def do(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        act = Act(kind, gun, dict(detail), lambda t_ns: self._confirmed(act, t_ns))
        if kind in CABLE_AFTER and gun is not None:
            after = CABLE_AFTER[kind]
            if self._signs.cable(gun) is after and all(asked.act.gun != gun for asked in self._asked):
                self._recorder.record(_stimulus(_Asked(act, self._signs.cable_was_ns(gun, not after), ""), now_ns))
                return
        given = {"gun": gun or "", **{key: word(value) for key, value in detail.items()}}
        words = filled([_PROMPTS[kind]], given)[0]
        if kind not in SIGNS and not self._terminal.has_key:
            raise ValueError(f"{words} Nothing on the line shows it, and there is no terminal to confirm it at")
        self._terminal.key_pressed()  # one that was pressed before the prompt answers nothing
        self._asked.append(_Asked(act, self._signs.earliest_ns(kind, gun, now_ns), words))
        self._signs.watch(act)
        confirm = "Enter says that it is done." if self._terminal.has_key else ""
        if confirm and not self._signs.line_is_up and kind != "power-on":
            confirm = "The line is down: until it is back, only Enter says that it is done."
        self._terminal.tell(" ".join(part for part in (words, confirm, self._checks) if part))

    def pending(self) -> tuple[str, ...]:
        return tuple(asked.words for asked in self._asked)

    def look(self, now_ns: int) -> bool:
        """A key confirms the oldest of what was asked; whether one was pressed for something."""
        if not self._asked or not self._terminal.key_pressed():
            return False
        asked = self._asked.pop(0)
        self._signs.forget(asked.act)
        self._recorder.record(_stimulus(asked, now_ns))
        return True

    def _confirmed(self, act: Act, t_ns: int) -> Stimulus:
        asked = next(asked for asked in self._asked if asked.act is act)
        self._asked.remove(asked)
        return _stimulus(asked, t_ns)


def _stimulus(asked: _Asked, t_ns: int) -> Stimulus:
    act = asked.act
    return Stimulus(t_ns=t_ns, began_ns=asked.began_ns, kind=act.kind, gun=act.gun, detail=dict(act.detail))
