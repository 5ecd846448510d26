"""Who does what has to be done at the pile: a port with a maker for each kind of pile.

Owns the recording of a stimulus as the interval in which it happened. Must not know scenarios, nor what the pile
makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import AnyEvent, Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunReport
from pilesim.wire.protocol import Protocol as WireProtocol

KINDS = (
    "plug",
    "unplug",
    "tap",
    "card",
    "stop-button",
    "emergency-stop",
    "emergency-release",
    "power-off",
    "power-on",
    "insulation",
    "fault",
    "fault-cleared",
    "parking",
    "maintenance",
)
"""Every kind of stimulus, as traces name them."""


class Hands(Protocol):
    """Somebody, or something, at the pile."""

    def can(self, kind: str) -> bool:
        """Whether a stimulus of this kind can be done, and that it was done be known."""

    def do(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        """Do it, or ask for it; `detail` as in trace.events.Stimulus. ValueError says why it cannot be done."""

    def pending(self) -> tuple[str, ...]:
        """What was asked for and is not confirmed yet, in words."""


class Stimulated(Protocol):
    """A simulated pile, as far as hands need one."""

    def stimulate(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        """Do at the pile what `kind` says, at once."""


class SimulatedHands:
    """At a simulated pile: whatever is asked for is done within the instant."""

    def __init__(self, pile: Stimulated, recorder: Recorder) -> None:
        self._pile = pile
        self._recorder = recorder

    def can(self, kind: str) -> bool:
        return kind in KINDS

    def do(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._pile.stimulate(now_ns, kind, gun, detail)
        self._recorder.record(Stimulus(t_ns=now_ns, began_ns=now_ns, kind=kind, gun=gun, detail=dict(detail)))

    def pending(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class _Asked:
    kind: str
    gun: int
    began_ns: int
    detail: dict[str, Any]
    words: str


CABLE_AFTER = {"plug": True, "unplug": False}
"""The stimuli that a heartbeat shows, and what it says of the cable then."""
_PROMPTS = {
    "plug": "Plug the cable of gun {gun} into the car.",
    "unplug": "Pull the cable of gun {gun} out of the car.",
}


class WatchingHands:
    """At a pile that nobody here can touch: tells a person what to do, and sees in the pile's reports that it is done.

    The stimulus is recorded once a report shows it: begun when it was asked for, done by then. Where somebody was
    quicker than the prompt it began, at the earliest, with the last report that still showed the cable as it was.
    """

    def __init__(self, recorder: Recorder, protocol: WireProtocol, tell: Callable[[str], None]) -> None:
        """`tell` gets each prompt, one sentence."""
        self._recorder = recorder
        self._decoder = Decoder(protocol)
        self._tell = tell
        self._asked: list[_Asked] = []
        self._cables: dict[int, bool] = {}
        """What each gun's last report says of its cable."""
        self._cable_was_ns: dict[tuple[int, bool], int] = {}
        """When a gun's cable was last reported in, or out."""
        recorder.observers.append(self._see)

    def can(self, kind: str) -> bool:
        return kind in CABLE_AFTER

    def do(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        if not self.can(kind) or gun is None:
            raise ValueError(f"expected {' or '.join(CABLE_AFTER)} of a gun, which reports show; found {kind}")
        after = CABLE_AFTER[kind]
        if self._cables.get(gun) is after and all(asked.gun != gun for asked in self._asked):
            self._record(kind, gun, self._cable_was_ns.get((gun, not after), 0), now_ns, dict(detail))
            return
        asked = _Asked(kind, gun, now_ns, dict(detail), _PROMPTS[kind].format(gun=gun))
        self._asked.append(asked)
        self._tell(asked.words)

    def pending(self) -> tuple[str, ...]:
        return tuple(asked.words for asked in self._asked)

    def _see(self, event: AnyEvent) -> None:
        for seen in self._decoder.feed(event):
            if isinstance(seen, Seen) and seen.end is End.PILE and seen.direction is Direction.UP:
                message = seen.decoded.message
                if isinstance(message, GunReport):
                    self._confirm(message, seen.t_ns)

    def _confirm(self, report: GunReport, t_ns: int) -> None:
        """A report confirms the oldest of what was asked for its gun; the next one is for a later report."""
        if report.cable is not None:
            self._cables[report.gun] = report.cable
            self._cable_was_ns[report.gun, report.cable] = t_ns
        asked = next((a for a in self._asked if a.gun == report.gun), None)
        if asked is None or report.cable is not CABLE_AFTER[asked.kind]:
            return
        self._asked.remove(asked)
        self._record(asked.kind, asked.gun, asked.began_ns, t_ns, asked.detail)

    def _record(self, kind: str, gun: int, began_ns: int, t_ns: int, detail: dict[str, Any]) -> None:
        self._recorder.record(Stimulus(t_ns=t_ns, began_ns=began_ns, kind=kind, gun=gun, detail=detail))
