"""The contract of a dialect: its base's, with what the overlay says of deadlines and periods."""

from __future__ import annotations

import pytest

from pilesim.contract.contracts import contract_of
from pilesim.contract.evlink import CONTRACTS
from pilesim.contract.needs import unmet
from pilesim.contract.ykc import YKC
from pilesim.errors import FileError
from pilesim.units import FEN_MFEN, S
from pilesim.wire.dialects import remember
from pilesim.wire.protocol import protocol_named, protocols


def dialect(more: str, base: str = "lhc") -> str:
    return remember(f"protocol: {base}\nname: d\n{more}", "d.yaml").name


def test_it_promises_what_the_overlay_says_and_else_what_the_base_does() -> None:
    name = dialect("deadlines: {beat.period: 65s, bill.amount: 0.05}\nperiods: {beat-idle: 1m}")
    base, contract = contract_of("lhc"), contract_of(name)
    assert contract.protocol == name
    assert contract.limits["beat.period"].value == 65 * S
    assert contract.limits["bill.amount"].value == 5 * FEN_MFEN
    assert contract.limits["beat.period"].source == "dialect d"
    assert contract.beat_idle_ns == 60 * S
    assert contract.beat_charging_ns == base.beat_charging_ns
    changed = {"beat.period", "bill.amount"}
    assert {rule for rule in base.limits if contract.limits[rule] != base.limits[rule]} == changed
    assert contract.not_applicable == base.not_applicable


def test_it_keeps_the_options_of_its_base() -> None:
    name = dialect("title: x", base="ykc-1.6")
    assert contract_of(f"{name}?bill_retry=1x5m").bill_resends == 1
    assert contract_of(name).bill_resends == 3


def test_it_applies_no_rule_to_what_the_dialect_no_longer_tells() -> None:
    contract = contract_of(dialect("messages: {heartbeat: {remove: [amount]}}"))
    assert contract.not_applicable == {
        **contract_of("lhc").not_applicable,
        "platform.stops-at-balance": "the gun-report of this dialect carries no amount_mfen",
    }


def test_it_applies_a_rule_to_what_the_dialect_tells_beyond_its_base() -> None:
    base = contract_of("evlink-2.6").not_applicable
    contract = contract_of(dialect("messages: {heartbeat: {add: [{name: order, like: bill.order}]}}", "evlink-2.6"))
    assert set(base) - set(contract.not_applicable) == {
        "beat.order",
        "auth.second-scan",
        "start.once",
        "link.flap-keeps-order",
    }


@pytest.mark.parametrize("name", list(protocols()))
def test_it_needs_what_the_versions_without_it_say_they_lack(name: str) -> None:
    """Holds the table to the contracts that are written out."""
    written = {contract.protocol: contract for contract in (*CONTRACTS, YKC)}[name]
    assert set(unmet(protocol_named(name))) <= set(written.not_applicable)


def test_it_promises_what_each_dialect_under_it_says() -> None:
    below = dialect("deadlines: {beat.period: 65s, start.answered: 9s}\nperiods: {beat-idle: 1m}")
    contract = contract_of(remember(f"protocol: {below}\nname: e\ndeadlines: {{beat.period: 70s}}", "e.yaml").name)
    assert (contract.limits["beat.period"].value, contract.limits["start.answered"].value) == (70 * S, 9 * S)
    assert contract.limits["beat.period"].source == "dialect e"
    assert contract.beat_idle_ns == 60 * S


WRONG = [
    ("deadlines: {beat.perod: 65s}", 3, "found 'beat.perod'; perhaps beat.period"),
    ("deadlines: {beat.period: 65}", 3, "expected a duration with its unit such as 90s or 5m41.6s, found 65"),
    ("deadlines:\n  link.stable: 3s", 4, "expected a number of losses, found '3s'"),
    ("periods: {beat-idel: 60s}", 3, "found 'beat-idel'; perhaps beat-idle"),
]


@pytest.mark.parametrize(("more", "line", "reason"), WRONG)
def test_it_says_where_a_promise_is_wrong(more: str, line: int, reason: str) -> None:
    name = dialect(more)
    with pytest.raises(FileError) as told:
        contract_of(name)
    assert reason in told.value.problem
    assert told.value.line == line


def test_it_says_that_a_period_is_no_duration() -> None:
    with pytest.raises(FileError, match="expected a duration"):
        dialect("periods: {beat-idle: 60}")
