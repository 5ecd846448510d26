"""None of what YKC expects of a pile is lost: each has its rule, its limit, a scenario and a fault that fails it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pilesim.conformance.matrix import load_proofs
from pilesim.contract.contracts import contract_of
from pilesim.library import scenario_folder
from pilesim.rules.rule import UNIT_SCALE
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import load_scenarios

YKC = "ykc-1.6"
CONTRACT = contract_of(YKC)
SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])
PROOFS = load_proofs(YKC)


@dataclass(frozen=True)
class Expected:
    clause: int
    """Of the list of what the protocol expects of a pile."""
    text: str
    rule: str
    limit: str
    """As the contract has it; "" for what is not measured."""
    scenario: str
    """In which a fault fails the rule."""
    fault: str


EXPECTED = [
    Expected(1, "accepted and charging", "start.outcome", "90 s", "start/handshake-fails", "start-fails-silently"),
    Expected(
        1, "accepted late, once plugged in", "start.answered", "5 s", "order/short", "no-reply message=start-reply"
    ),
    Expected(2, "no charge of a refused start", "start.refused", "", "order/short", "refuses-and-charges"),
    Expected(3, "a stop ends a charge", "stop.ends-charge", "10 s", "order/short", "stop-ignored"),
    Expected(3, "a stop ends a start", "stop.ends-charge", "10 s", "start/stopped-in-start", "stop-ignored"),
    Expected(4, "never idle in charge", "beat.legal-path", "", "order/whole", "idle-blip"),
    Expected(5, "a pulled gun stops", "safe.unplug-stops", "1 beats", "order/unplugged", "charges-after-unplug"),
    Expected(5, "and is billed at once", "bill.at-once", "5 s", "order/unplugged", "unplug-lag"),
    Expected(6, "the order in the answer", "frame.echo", "", "order/short", "order-differs message=start-reply"),
    Expected(6, "the order in reports", "beat.order", "", "order/short", "order-differs"),
    Expected(6, "the order in the bill", "bill.order-known", "", "order/short", "order-differs message=bill"),
    Expected(7, "a bill soon after the end", "bill.prompt", "30 s", "order/unplugged", "unplug-lag"),
    Expected(8, "each rate's energy", "bill.amount", "0.01 yuan", "bill/half-hours", "price-of-the-start"),
    Expected(
        9, "a start that was begun is billed", "bill.begun", "120 s", "start/handshake-fails", "start-fails-silently"
    ),
    Expected(9, "one that was refused is not", "start.refused", "", "start/no-balance", "record-buffer"),
    Expected(10, "a bill again without its answer", "bill.resent", "60 s", "bill/backlog", "bill-not-resent"),
    Expected(11, "some gun is alive", "beat.alive", "15 s", "order/short", "alive-seldom"),
    Expected(11, "each gun is alive", "beat.alive", "15 s", "order/short", "alive-in-turn"),
    Expected(11, "reports in charge", "beat.charging", "20 s", "order/short", "beats-stop-while-charging"),
]


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: f"{expected.clause} {expected.text}")
def test_it_has_a_rule_a_limit_a_scenario_and_a_fault_for(expected: Expected) -> None:
    assert expected.rule not in CONTRACT.not_applicable
    limit = CONTRACT.limits.get(expected.rule)
    assert (f"{limit.value / UNIT_SCALE[limit.unit]:g} {limit.unit}" if limit else "") == expected.limit
    assert expected.scenario in SCENARIOS
    (proof,) = [proof for proof in PROOFS if proof.name == expected.fault]
    assert expected.rule in proof.shown[expected.scenario]


def test_it_forgets_none_of_them() -> None:
    assert {expected.clause for expected in EXPECTED} == set(range(1, 12))


@pytest.mark.parametrize(("retry", "times", "limit"), [("3x30s", 3, "60 s"), ("1x5m", 1, "330 s")])
def test_it_has_both_readings_of_how_a_bill_is_sent_again(retry: str, times: int, limit: str) -> None:
    contract = contract_of(f"{YKC}?bill_retry={retry}")
    resent = contract.limits["bill.resent"]
    assert (contract.bill_resends, f"{resent.value / UNIT_SCALE[resent.unit]:g} {resent.unit}") == (times, limit)


def test_the_sixty_seconds_for_a_cable_lie_inside_those_for_the_outcome() -> None:
    assert 0 < CONTRACT.plug_wait_ns < CONTRACT.limits["start.outcome"].value
