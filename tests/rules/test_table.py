"""The table of rules: complete, told in words, and with its limits in the contract."""

from __future__ import annotations

import pytest

from pilesim.contract.evlink import CONTRACTS, LIMITS
from pilesim.rules.rule import UNIT_SCALE
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Level
from pilesim.wire.frame import End

PILE_RULES = [
    "frame.valid",
    "frame.echo",
    "frame.survives-garbage",
    "link.reconnects",
    "link.stable",
    "link.flap-keeps-order",
    "clock.synced",
    "beat.period",
    "beat.charging",
    "beat.alive",
    "beat.legal-path",
    "beat.occupied-while-cabled",
    "beat.order",
    "beat.start-time",
    "beat.shows-unplug",
    "auth.answered",
    "auth.kept",
    "auth.expires",
    "auth.second-scan",
    "start.answered",
    "start.outcome",
    "start.failure-told",
    "start.delayed",
    "start.once",
    "start.refused",
    "start.needs-order",
    "stop.answered",
    "stop.ends-charge",
    "balance.stops",
    "fault.told",
    "bill.one-per-charge",
    "bill.prompt",
    "bill.at-once",
    "bill.after-unplug",
    "bill.order-known",
    "bill.none-unstarted",
    "bill.begun",
    "bill.not-stale",
    "bill.resent",
    "bill.survives-outage",
    "bill.oldest-first",
    "bill.times",
    "bill.plug-times",
    "bill.duration",
    "bill.energy",
    "bill.amount",
    "bill.occupancy",
    "bill.stop-reason",
    "occupied.parking",
    "safe.unplug-stops",
    "safe.insulation",
    "battery.output",
    "battery.soc",
    "battery.demand",
    "battery.temperature",
    "battery.summary",
    "battery.vin",
]
PLATFORM_RULES = [
    "platform.frames",
    "platform.replies",
    "platform.bill-acked",
    "platform.clock",
    "platform.start-after-auth",
    "platform.waits-for-outcome",
    "platform.gives-up",
    "platform.stops-at-balance",
    "platform.survives-garbage",
]
SHOULD_RULES = {"link.stable", "balance.stops", "bill.at-once", "occupied.parking"} | {
    rule for rule in PILE_RULES if rule.startswith("battery.")
}
DEFAULTS = {
    "link.reconnects": "60 s",
    "link.stable": "3 losses",
    "link.flap-keeps-order": "120 s",
    "clock.synced": "60 s",
    "beat.period": "35 s",
    "beat.occupied-while-cabled": "1 beats",
    "beat.shows-unplug": "5 s",
    "auth.answered": "5 s",
    "auth.kept": "300 s",
    "auth.expires": "360 s",
    "start.answered": "5 s",
    "start.outcome": "90 s",
    "start.failure-told": "90 s",
    "start.delayed": "46 s",
    "stop.answered": "5 s",
    "stop.ends-charge": "10 s",
    "fault.told": "5 s",
    "bill.prompt": "60 s",
    "bill.at-once": "5 s",
    "bill.not-stale": "5 s",
    "bill.resent": "60 s",
    "bill.survives-outage": "60 s",
    "bill.times": "60 s",
    "bill.plug-times": "60 s",
    "bill.duration": "90 s",
    "bill.energy": "0.05 kWh",
    "bill.amount": "0.01 yuan",
    "bill.occupancy": "1 min",
    "bill.stop-reason": "60 s",
    "safe.unplug-stops": "1 beats",
    "platform.replies": "5 s",
    "platform.bill-acked": "5 s",
    "platform.clock": "60 s",
    "platform.waits-for-outcome": "90 s",
    "platform.gives-up": "360 s",
    "platform.stops-at-balance": "2 beats",
}


def test_it_holds_every_expectation_in_order() -> None:
    assert [row.id for row in RULES] == PILE_RULES + PLATFORM_RULES


def test_it_says_whom_each_rule_judges_and_how_strictly() -> None:
    assert [row.id for row in RULES if row.judges is End.PLATFORM] == PLATFORM_RULES
    assert {row.id for row in RULES if row.level is Level.SHOULD} == SHOULD_RULES


@pytest.mark.parametrize("rule", RULES, ids=lambda row: row.id)
def test_it_tells_each_rule_in_words(rule: object) -> None:
    row = next(r for r in RULES if r is rule)
    assert row.text.endswith(".")
    assert row.trigger and not row.trigger.startswith("no ")
    assert row.kind.__doc__


def test_it_carries_the_default_limits() -> None:
    told = {rule: f"{limit.value / UNIT_SCALE[limit.unit]:g} {limit.unit}" for rule, limit in LIMITS.items()}
    assert told == DEFAULTS
    assert LIMITS.keys() <= {row.id for row in RULES}


def test_it_knows_every_rule_that_a_contract_names() -> None:
    known = {row.id for row in RULES}
    for contract in CONTRACTS:
        assert set(contract.not_applicable) <= known
        assert set(contract.limits) <= known
