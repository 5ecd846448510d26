"""Who does what at this rig's pile: an operator, a command, or the simulated pile itself.

Owns the choice, act by act, and the looking whether what was asked for is done. Must not know how each does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from pilesim.link.base import Link
from pilesim.quantities import Duration
from pilesim.rig.operator import Operator
from pilesim.rig.relay import LOOK_NS, Relay
from pilesim.rig.stimuli import SimulatedHands
from pilesim.units import MINUTE


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that does an act: its words, run without a shell, and how long it may take."""

    command: tuple[str, ...]
    timeout: Duration = Duration(MINUTE)


Hand = Literal["operator", "sim"] | Command
"""Who does an act."""


class RigHands:
    """A participant of the pump: passes each act to whom `hands` gives it, by the stimulus's kind."""

    def __init__(
        self,
        hands: Mapping[str, Hand],
        *,
        operator: Operator | None,
        simulated: SimulatedHands | None,
        relay: Relay,
        clock_rate: float,
    ) -> None:
        self._hands = hands
        self._operator = operator
        self._simulated = simulated
        self._relay = relay
        self._rate = clock_rate
        self._now_ns = 0

    def do(self, now_ns: int, kind: str, gun: int | None, detail: Mapping[str, Any]) -> None:
        match self._hands.get(kind):
            case Command(command=argv, timeout=timeout):
                self._relay.do(now_ns, kind, gun, detail, argv, int(timeout))
            case "operator" if self._operator is not None:
                self._operator.do(now_ns, kind, gun, detail)
            case "sim" if self._simulated is not None:
                self._simulated.do(now_ns, kind, gun, detail)
            case _:
                raise ValueError(f"nobody at this rig does {kind}")

    def pending(self) -> tuple[str, ...]:
        asked = self._operator.pending() if self._operator is not None else ()
        return asked + self._relay.pending()

    # ------------------------------------------------------------------------ as a participant of the pump

    def step(self, now_ns: int) -> bool:
        self._now_ns = now_ns
        pressed = self._operator.look(now_ns) if self._operator is not None else False
        return self._relay.look(now_ns) or pressed

    def next_wakeup_ns(self) -> int | None:
        return self._now_ns + int(LOOK_NS * self._rate) if self.pending() else None

    def links(self) -> list[Link]:
        return []

    def close(self) -> None:
        self._relay.close()
