"""The contract of a dialect: its base's, with the deadlines and periods that the overlay says.

Owns what of an overlay is a promise. Must not know layouts. FileError names the line of what does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from pilesim.contract.contract import Contract, Limit
from pilesim.contract.needs import changed
from pilesim.names import perhaps
from pilesim.strictyaml import Document
from pilesim.wire.overlay import Overlay, read_overlay
from pilesim.wire.protocol import Protocol

PERIODS: Mapping[str, str] = {
    each.name.removesuffix("_ns").replace("_", "-"): each.name for each in fields(Contract) if each.name.endswith("_ns")
}
"""What an overlay calls a period, and the contract's attribute."""


def dialect_contract(base: Contract, spoken: Protocol, origin: Protocol) -> Contract:
    """The contract of `spoken`, a dialect of `origin`, whose own contract is `base`."""
    document, said = read_overlay(spoken.overlay, spoken.name)
    return replace(
        base,
        protocol=spoken.name,
        limits={**base.limits, **_limits(document, said, base)},
        not_applicable=changed(spoken, origin, base.not_applicable),
        **_periods(document, said),
    )


def _limits(document: Document, said: Overlay, base: Contract) -> dict[str, Limit]:
    limits: dict[str, Limit] = {}
    for rule, value in said.deadlines.items():
        path = ("deadlines", rule)
        if rule not in base.limits:
            known = ", ".join(base.limits)
            text = f"expected a rule that has a limit, one of {known}; found {rule!r}{perhaps(rule, base.limits)}"
            raise document.error(path, text)
        try:
            limits[rule] = Limit(base.limits[rule].read(value), base.limits[rule].unit, f"dialect {said.name}")
        except ValueError as error:
            raise document.error(path, str(error)) from None
    return limits


def _periods(document: Document, said: Overlay) -> dict[str, Any]:
    periods: dict[str, Any] = {}
    for name, period in said.periods.items():
        if name not in PERIODS:
            text = f"expected a period, one of {', '.join(PERIODS)}; found {name!r}{perhaps(name, PERIODS)}"
            raise document.error(("periods", name), text)
        periods[PERIODS[name]] = int(period)
    return periods
