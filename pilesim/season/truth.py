"""What was really done to an order, by whoever stood at the pile, and what the line lost. A ledger is held against it.

Owns the shape of it. Nothing here is what the platform makes of it. Times are world ns since the season's start.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One order."""

    pile: str
    gun: int
    order: str
    habit: str
    failed: bool = False
    """The car never answered: the start came to nothing."""
    given_up: bool = False
    """Scanned while another order's car still stood there, and never started."""
    plugged_ns: int
    began_ns: int
    """The screen began to say that it charges; of an order that did not, when it was asked for."""
    ended_ns: int
    """The screen left off saying so; of an order that did not charge, when it had come to nothing."""
    unplugged_ns: int

    @property
    def charged(self) -> bool:
        return not self.failed and not self.given_up


@dataclass(frozen=True, slots=True)
class Down:
    """The line was down, as seen at the platform's end, from `since_ns` to before `until_ns`."""

    since_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class LineLoss:
    """The line lost a bill, or the acknowledgement of one, by its own log."""

    t_ns: int
    order: str
    """That the bill carried."""
    acknowledgement: bool
