"""Bills as tests need them: one that says nothing but what is told of it."""

from __future__ import annotations

from typing import Any

from pilesim.wire.messages import NO_TIME, Bill


def empty_bill(order: str, **told: Any) -> Bill:
    """A bill without times, energy or money, as of a record buffer after boot, and what is `told` of it."""
    empty: dict[str, Any] = {
        **dict.fromkeys(("arrive", "start", "end", "leave"), NO_TIME),
        **dict.fromkeys(("charge_minutes", "charge_fee_mfen", "service_fee_mfen"), 0),
        **dict.fromkeys(("occupancy_minutes", "occupancy_fee_mfen"), 0),
    }
    return Bill(order=order, **{**empty, **told})
