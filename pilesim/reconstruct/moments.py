"""What a story's moments are in a scenario's words, and the order in which a scenario tells them.

Owns the shape alone. Must not know how a moment is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from pilesim.scenario import steps


class Rank(IntEnum):
    """What comes first of one event: the line is impaired before anything passes, and a sign shows what was done."""

    LINE = 0
    PILE = 1
    PLATFORM = 2
    SIGN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One instant of the log, with the step that brings it about again or waits for it."""

    t_ns: int
    place: int = 0
    """Number of the recording's event that it goes by, which tells what came first of one instant; 0: before all."""
    rank: Rank
    step: steps.Step | None
    """None: nothing is done and nothing can be waited for, and only the time until then has to pass."""
    note: str
    """What of the log it rests on."""
    line: int = 0
    """The log's line, or the frame's number where it has none; 0: no frame."""
    gun: int | None = None
    """None: it is about the pile, or the line."""
    orders: tuple[str, ...] = ()
    """The orders whose life it belongs to."""
    since_ns: int | None = None
    """Of an answer: when the command went out."""
    supposed: bool = False
    """It is concluded from what came of it, and leaves no trace itself."""

    @property
    def is_sign(self) -> bool:
        return isinstance(self.step, steps.Until)

    @property
    def is_act(self) -> bool:
        return self.step is not None and not self.is_sign
