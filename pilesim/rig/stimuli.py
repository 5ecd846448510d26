"""What can be done at a pile, and the port through which it is done: a maker for each kind of pile.

Owns the names of the acts and the simplest maker, a simulated pile. Must not know scenarios, nor what the pile makes
of it. The other makers: pilesim.rig.operator, pilesim.rig.relay, and pilesim.rig.hands that chooses among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pilesim.trace.events import Stimulus
from pilesim.trace.recorder import Recorder

ACTS: Mapping[str, tuple[str, ...]] = {
    "plug": ("plug",),
    "unplug": ("unplug",),
    "tap": ("tap",),
    "card": ("card",),
    "stop-button": ("stop-button",),
    "emergency-stop": ("emergency-stop", "emergency-release"),
    "power": ("power-off", "power-on"),
    "insulation": ("insulation",),
    "bms": ("bms",),
    "fault": ("fault", "fault-cleared"),
    "parking": ("parking",),
    "maintenance": ("maintenance",),
}
"""What a rig gives into somebody's hands, and the kinds of stimulus that this is."""
KINDS = tuple(kind for kinds in ACTS.values() for kind in kinds)
"""Every kind of stimulus, as traces name them."""
DETAILS: Mapping[str, tuple[str, ...]] = {
    kind: {
        "card": ("account",),
        "insulation": ("ok",),
        "bms": ("lacks",),
        "fault": ("fault",),
        "fault-cleared": ("fault",),
        "parking": ("taken",),
        "maintenance": ("on",),
    }.get(kind, ())
    for kind in KINDS
}
"""What a stimulus of each kind tells beside its gun, by the names in its detail; a plug's car is beside these."""
ACT_OF = {kind: act for act, kinds in ACTS.items() for kind in kinds}


class Hands(Protocol):
    """Somebody, or something, at the pile."""

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

    def do(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        self._pile.stimulate(now_ns, kind, gun, detail)
        self._recorder.record(Stimulus(t_ns=now_ns, began_ns=now_ns, kind=kind, gun=gun, detail=dict(detail)))

    def pending(self) -> tuple[str, ...]:
        return ()
