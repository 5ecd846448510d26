"""A person at the pile: is told what to do, and seen to have done it by what the pile sends, or says so by a key.

Owns the prompts and what of each act shows on the line. Must not know terminals: it is given one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import AnyEvent, LineDown, LineUp, Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import CardAsk, GunFault, GunReport, GunState, Hello, Message, StopAsk
from pilesim.wire.protocol import Protocol as WireProtocol


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


Shown = Message | LineUp | LineDown
"""What the pile's end of the line may show of an act."""


@dataclass(frozen=True, slots=True)
class _Act:
    """What is said, and what shows that it was done. `{...}` are the gun and the stimulus's own arguments."""

    prompt: str
    shows: Callable[[Shown, Mapping[str, Any]], bool] | None = None
    """None: nothing on the line does, so a key has to be pressed."""


def _cable(shown: Shown, connected: bool) -> bool:
    return isinstance(shown, GunReport) and shown.cable is connected


def _fault(shown: Shown, fault: Callable[[GunFault], bool]) -> bool:
    return isinstance(shown, GunReport) and shown.fault is not None and fault(shown.fault)


_ACTS: Mapping[str, _Act] = {
    "plug": _Act("Plug the cable of gun {gun} into the car.", lambda shown, _: _cable(shown, True)),
    "unplug": _Act("Pull the cable of gun {gun} out of the car.", lambda shown, _: _cable(shown, False)),
    "tap": _Act("Tap into the QR page of gun {gun} on the screen, and out again."),
    "card": _Act(
        "Hold the card {account} to the reader of gun {gun}.", lambda shown, _: isinstance(shown, CardAsk | StopAsk)
    ),
    "stop-button": _Act(
        "Press stop for gun {gun} at the pile.",
        lambda shown, _: (
            isinstance(shown, StopAsk) or (isinstance(shown, GunReport) and shown.state is not GunState.CHARGING)
        ),
    ),
    "emergency-stop": _Act(
        "Press the emergency stop.", lambda shown, _: _fault(shown, lambda fault: fault is GunFault.EMERGENCY_STOP)
    ),
    "emergency-release": _Act(
        "Release the emergency stop.",
        lambda shown, _: _fault(shown, lambda fault: fault is not GunFault.EMERGENCY_STOP),
    ),
    "power-off": _Act("Switch the pile's power off.", lambda shown, _: isinstance(shown, LineDown)),
    "power-on": _Act("Switch the pile's power on.", lambda shown, _: isinstance(shown, LineUp | Hello)),
    "insulation": _Act("Set the insulation at gun {gun} to {ok}."),
    "fault": _Act(
        "Make the fault {fault} at gun {gun}.",
        lambda shown, detail: _fault(shown, lambda fault: fault == detail.get("fault")),
    ),
    "fault-cleared": _Act(
        "Clear the fault {fault} of gun {gun}.", lambda shown, _: _fault(shown, lambda fault: fault is GunFault.NONE)
    ),
    "parking": _Act("Set the parking bay of gun {gun} to taken: {taken}."),
    "maintenance": _Act(
        "Put gun {gun} out of service: {on}.",
        lambda shown, detail: (
            isinstance(shown, GunReport) and (shown.state is GunState.MAINTENANCE) is detail.get("on")
        ),
    ),
}
CABLE_AFTER = {"plug": True, "unplug": False}
"""The acts after which each report says where the cable is, and what it says then."""


def shows_on_the_line(kind: str) -> bool:
    """Whether the pile's own messages confirm an act of this kind."""
    return _ACTS[kind].shows is not None


@dataclass(frozen=True, slots=True)
class _Asked:
    kind: str
    gun: int | None
    began_ns: int
    detail: dict[str, Any]
    words: str

    def shown_by(self, shown: Shown) -> bool:
        shows = _ACTS[self.kind].shows
        if shows is None or (self.gun is not None and isinstance(shown, Message) and shown.gun != self.gun):
            return False
        return shows(shown, self.detail)


class Operator:
    """Records a stimulus once it is confirmed: begun when it was asked for, done by then.

    Where somebody was quicker than the prompt it began, at the earliest, with the last report that still showed the
    cable as it was.
    """

    def __init__(self, recorder: Recorder, protocol: WireProtocol, terminal: Terminal, checks: str = "") -> None:
        """`checks` says what will be checked, after each prompt."""
        self._recorder = recorder
        self._decoder = Decoder(protocol)
        self._terminal = terminal
        self._checks = checks
        self._asked: list[_Asked] = []
        self._cables: dict[int, bool] = {}
        """What each gun's last report says of its cable."""
        self._cable_was_ns: dict[tuple[int, bool], int] = {}
        """When a gun's cable was last reported in, or out."""
        recorder.observers.append(self._see)

    def do(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        if kind in CABLE_AFTER and gun is not None:
            after = CABLE_AFTER[kind]
            if self._cables.get(gun) is after and all(asked.gun != gun for asked in self._asked):
                began_ns = self._cable_was_ns.get((gun, not after), 0)
                self._record(_Asked(kind, gun, began_ns, dict(detail), ""), now_ns)
                return
        act = _ACTS[kind]
        words = act.prompt.format(gun=gun, **detail)
        if act.shows is None and not self._terminal.has_key:
            raise ValueError(f"{words} Nothing on the line shows it, and there is no terminal to confirm it at")
        self._terminal.key_pressed()  # one that was pressed before the prompt answers nothing
        self._asked.append(_Asked(kind, gun, now_ns, dict(detail), words))
        confirm = "Enter says that it is done." if self._terminal.has_key else ""
        self._terminal.tell(" ".join(part for part in (words, confirm, self._checks) if part))

    def pending(self) -> tuple[str, ...]:
        return tuple(asked.words for asked in self._asked)

    def look(self, now_ns: int) -> bool:
        """A key confirms the oldest of what was asked; whether one was pressed for something."""
        if not self._asked or not self._terminal.key_pressed():
            return False
        self._record(self._asked.pop(0), now_ns)
        return True

    def _see(self, event: AnyEvent) -> None:
        if isinstance(event, LineUp | LineDown) and event.end is End.PILE:
            self._confirm(event, event.t_ns)
        for seen in self._decoder.feed(event):
            if isinstance(seen, Seen) and seen.end is End.PILE and seen.direction is Direction.UP:
                message = seen.decoded.message
                if isinstance(message, GunReport) and message.cable is not None:
                    self._cables[message.gun] = message.cable
                    self._cable_was_ns[message.gun, message.cable] = seen.t_ns
                if message is not None:
                    self._confirm(message, seen.t_ns)

    def _confirm(self, shown: Shown, t_ns: int) -> None:
        """A message confirms the oldest of what was asked for its gun; the next one is for a later message."""
        of_gun = shown.gun if isinstance(shown, Message) else None
        asked = next((a for a in self._asked if of_gun is None or a.gun in (None, of_gun)), None)
        if asked is not None and asked.shown_by(shown):
            self._asked.remove(asked)
            self._record(asked, t_ns)

    def _record(self, asked: _Asked, t_ns: int) -> None:
        self._recorder.record(
            Stimulus(t_ns=t_ns, began_ns=asked.began_ns, kind=asked.kind, gun=asked.gun, detail=asked.detail)
        )
