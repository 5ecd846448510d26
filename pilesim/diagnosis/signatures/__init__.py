"""What known field cases and faults look like in a recording: one table, a module for what goes wrong.

Owns the table. Must not know how signatures are weighed.
"""

from __future__ import annotations

from pilesim.diagnosis.signatures import battery, bill, line, order, platform, right, state
from pilesim.diagnosis.signatures.signature import Signature

SIGNATURES: tuple[Signature, ...] = (
    *bill.GROUP,
    *order.GROUP,
    *state.GROUP,
    *battery.GROUP,
    *line.GROUP,
    *platform.GROUP,
    *right.GROUP,
)
"""All that is known, the more general after the more special; of several of one name the better."""

UNSHOWN: dict[str, str] = {
    "szds-32.5": "whether a charge goes on when the app was left: nothing between pile and platform tells of the app",
}
"""Field cases of pile, platform or line that no recording can look like, and why."""

__all__ = ["SIGNATURES", "UNSHOWN", "Signature"]
