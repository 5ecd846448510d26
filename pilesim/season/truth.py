"""What was really done to an order, by whoever stood at the pile: the truth that the ledger is held against.

Owns the shape of it. Nothing here comes from a frame or from the platform. Times are world ns since the season's
start.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One order."""

    pile: str
    order: str
    habit: str
    failed: bool
    """The car never answered: the start came to nothing."""
    began_ns: int
    """The screen began to say that it charges; of a failed start, when it was asked for."""
    ended_ns: int
    """The screen left off saying so."""
    unplugged_ns: int


@dataclass(frozen=True, slots=True)
class Down:
    """The line was down, as seen at the platform's end, from `since_ns` to before `until_ns`."""

    since_ns: int
    until_ns: int
