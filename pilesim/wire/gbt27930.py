"""What GB/T 27930, between charger and battery management system (BMS), lists: the charging protocols pass it on.

Owns the standard's names: kinds of battery, flags of its messages BST, CST, BSM, BEM and CEM. Must not know any
protocol's layout. A flag is two bits, the first named the lowest: 0 normal, 1 so, 2 not to be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

BATTERIES: Mapping[int, str] = {
    1: "lead-acid",
    2: "NiMH",
    3: "LFP",
    4: "LMO",
    5: "LCO",
    6: "ternary",
    7: "polymer",
    8: "LTO",
    0xFF: "other",
}
OWNERS: Mapping[int, str] = {0: "leased", 1: "the car's own"}
MODES: Mapping[int, str] = {1: "constant voltage", 2: "constant current"}

BST_REASONS = ("SOC reached", "total voltage reached", "cell voltage reached", "charger stopped")
BST_FAULTS = (
    "insulation",
    "output connector hot",
    "BMS element hot",
    "charging connector",
    "pack hot",
    "high-voltage relay",
    "voltage at detection point 2",
    "other",
)
BST_ERRORS = ("current too high", "voltage abnormal")
CST_REASONS = ("condition reached", "stopped by hand", "fault", "BMS stopped")
CST_FAULTS = (
    "charger hot",
    "charging connector",
    "inside of the charger hot",
    "energy cannot be delivered",
    "emergency stop",
    "other",
)
CST_ERRORS = ("current does not match", "voltage abnormal")
BSM_FLAGS = ("cell voltage", "SOC", "over-current", "hot", "insulation", "connector", "charging allowed")
"""Of cell voltage and SOC 1 is high and 2 low."""
TIME_OUTS = (
    *("CRM 00", "CRM AA", "", "", "CTS and CML", "CRO", "", ""),
    *("CCS", "CST", "", "", "CSD", "BMS other 1", "BMS other 2", "BMS other 3"),
    *("BRM", "", "", "", "BCP", "BRO", "", ""),
    *("BCS", "BCL", "BST", "", "BSD", "charger other 1", "charger other 2", "charger other 3"),
)
"""Eight bytes, four flags each: the messages that did not come in time."""

_SAYS = {1: "", 2: " (not to be trusted)", 3: " (3)"}


def flags_set(names: Sequence[str], value: int) -> list[tuple[str, int]]:
    """The flags of `value` that are not 0, by name, with what they say."""
    found: list[tuple[str, int]] = []
    for at in range((value.bit_length() + 1) // 2):
        said = value >> 2 * at & 3
        if said:
            found.append(((names[at] if at < len(names) else "") or f"flag {at + 1}", said))
    return found


def flag_words(names: Sequence[str], value: int) -> str:
    """The flags that are set, for a person."""
    return ", ".join(name + _SAYS[said] for name, said in flags_set(names, value)) or "none"


def bsm_words(names: Sequence[str], value: int) -> str:
    """The flags of a BSM, whose first two have a high and a low, and whose last is a permission."""
    says = {0: {1: " high", 2: " low"}, 1: {1: " high", 2: " low"}}
    told = [
        name + says.get(names.index(name) if name in names else -1, _SAYS).get(said, f" ({said})")
        for name, said in flags_set(names, value)
    ]
    return ", ".join(told) or "none, and charging forbidden"
