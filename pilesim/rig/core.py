"""What the rig asks of a simulated pile or platform: bytes and time in, actions out, no I/O.

Owns the shape of that conversation. Must not know which end it is.
"""

from __future__ import annotations

from typing import Protocol

from pilesim.wire.actions import Action


class Core(Protocol):
    """A sans-IO end of the line. Times are world ns since the scenario's start and never go back."""

    def line_up(self, now_ns: int) -> None:
        """A connection stands."""

    def line_down(self, now_ns: int) -> None:
        """The connection is gone, or could not be had."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes have arrived. The core comes to `now_ns` first; its timers at exactly `now_ns` come after."""

    def advance(self, to_ns: int) -> None:
        """Let time pass up to and including `to_ns`: every timer due by then runs."""

    def next_wakeup_ns(self) -> int | None:
        """When `advance` next has something to do; None: only when something arrives."""

    def take_actions(self) -> list[Action]:
        """What it wants done since the last call, in order."""
