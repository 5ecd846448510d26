"""What a log lacks, and which rules can say nothing without it.

Owns that table, for logs that others have made; a recording of pilesim's own lacks nothing. Must not know how a rule
judges.
"""

from __future__ import annotations

from functools import lru_cache

from pilesim.trace.events import Missing

BY_ITSELF: dict[Missing, frozenset[str]] = {
    # What the pile says needs no word of the platform's to be wrong.
    Missing.DOWN: frozenset(
        {
            "frame.valid",
            "link.stable",
            "beat.period",
            "beat.charging",
            "beat.alive",
            "beat.legal-path",
            "beat.start-time",
            "bill.one-per-charge",
            "bill.times",
            "bill.duration",
            "bill.energy",
            "bill.occupancy",
            "safe.unplug-stops",
            "battery.output",
            "battery.soc",
            "battery.demand",
            "battery.temperature",
            "battery.summary",
            "battery.vin",
        }
    ),
    Missing.UP: frozenset({"platform.frames", "platform.clock"}),
    Missing.TIMES: frozenset({"frame.valid", "frame.echo", "platform.frames", "beat.start-time", "bill.order-known"}),
}
"""The rules that can be judged all the same where a log lacks so much."""


@lru_cache(4096)
def lacks(rule: str, missing: tuple[Missing, ...]) -> str:
    """Why a log that lacks `missing` cannot decide `rule`, in a sentence; "" where it can."""
    for what in missing:
        if what in BY_ITSELF and rule not in BY_ITSELF[what]:
            return f"the log lacks {what}"
    return ""
