"""What every fault of the firmware is: a Behaviour around another, which answers a question or two differently.

Owns the base and the log of mishaps. Must not know which rules there are beyond their ids, nor any gun.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from pilesim.chance import Chance
from pilesim.faulty import Mishap, NoParameters
from pilesim.pile.behaviour import Behaviour
from pilesim.pile.timeline import Timeline

_MISHAPS_KEPT = 10_000


class MishapLog:
    """Every effect of every fault; an effect that lasts is noted where it begins. The oldest go first."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._mishaps: deque[Mishap] = deque(maxlen=_MISHAPS_KEPT)
        self._last: dict[str, tuple[str, int]] = {}

    @property
    def all(self) -> tuple[Mishap, ...]:
        return tuple(self._mishaps)

    def note(self, fault: str, text: str, order: str = "", amount: int = 0, leaves_as: str = "") -> None:
        """Note an effect, unless it is the fault's last one still. `order` and what follows it as in Mishap.

        What a fault does to one bill at two instants it does twice.
        """
        effect = (text, self._timeline.now_ns if order else 0)
        if self._last.get(fault) != effect:
            self._last[fault] = effect
            self._mishaps.append(Mishap(self._timeline.now_ns, fault, text, order, amount, leaves_as))


P = TypeVar("P", bound=msgspec.Struct)


class Fault(Behaviour, Generic[P]):
    """Passes every decision on to what it wraps, but for those that it overrides.

    A subclass asks `self.inner` for the answer that it spoils, so that faults add up in the order given.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What it does, as a sentence."""
    catches: ClassVar[tuple[str, ...]]
    """Rules that must catch it."""
    case: ClassVar[str] = ""
    """The field case that shows it, if any does."""
    parameters: ClassVar[type[msgspec.Struct]] = NoParameters

    def __init__(self, inner: Behaviour, params: P, mishaps: MishapLog, chance: Chance) -> None:
        self.inner = inner
        self.params = params
        self._mishaps = mishaps
        self.chance = chance

    def happened(self, text: str, order: str = "", amount: int = 0, leaves_as: str = "") -> None:
        """Log that the fault has taken effect; on a bill, with its order, by how much and under which other order."""
        self._mishaps.note(self.name, text, order, amount, leaves_as)


def _passed_on(decision: str) -> Callable[..., Any]:
    def ask_inner(self: Fault[msgspec.Struct], *args: Any, **kwargs: Any) -> Any:
        return getattr(self.inner, decision)(*args, **kwargs)

    ask_inner.__name__ = decision
    return ask_inner


# Written out, this would be every signature of Behaviour a second time, and a fault that forgot one would
# silently bring the reference's answer back in the midst of a chain.
for _decision in [name for name in vars(Behaviour) if not name.startswith("_")]:
    setattr(Fault, _decision, _passed_on(_decision))
