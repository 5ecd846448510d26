"""Every fault that a simulated firmware can have, by name. One place each, grouped by what goes wrong."""

from __future__ import annotations

from typing import Any

from pilesim.pile.faults import battery, bill, line, order, state
from pilesim.pile.faults.fault import Fault

FAULTS: dict[str, type[Fault[Any]]] = {
    fault.name: fault for group in (bill.GROUP, order.GROUP, state.GROUP, battery.GROUP, line.GROUP) for fault in group
}

__all__ = ["FAULTS", "Fault"]
