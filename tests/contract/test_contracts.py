"""The contracts: one a protocol of the family, each with what its versions carry."""

from __future__ import annotations

import pytest

from pilesim.contract.contract import BillDue, Refusal
from pilesim.contract.contracts import contract_of
from pilesim.contract.evlink import CONTRACTS
from pilesim.errors import UsageError
from pilesim.units import MINUTE, S
from pilesim.wire.messages import GunState
from pilesim.wire.protocol import protocol_named, protocols

NAMES = [contract.protocol for contract in CONTRACTS]
YKC = "ykc-1.6"


def test_it_covers_every_protocol() -> None:
    assert [contract_of(name).protocol for name in protocols()] == list(protocols())


@pytest.mark.parametrize(("retry", "times", "after_ns"), [("3x30s", 3, 30 * S), ("1x5m", 1, 5 * MINUTE)])
def test_it_has_a_bill_sent_again_as_the_name_of_the_protocol_chooses(retry: str, times: int, after_ns: int) -> None:
    contract = contract_of(f"{YKC}?bill_retry={retry}")
    assert (contract.bill_resends, contract.bill_resend_ns) == (times, after_ns)
    assert contract.limits["bill.resent"].value > after_ns


@pytest.mark.parametrize("name", [*NAMES, YKC])
def test_it_says_why_a_rule_cannot_apply(name: str) -> None:
    contract = contract_of(name)
    assert all(contract.not_applicable.values())
    if name == YKC:
        assert not set(contract.limits) & set(contract.not_applicable)


@pytest.mark.parametrize("name", [*NAMES, YKC])
def test_it_pairs_only_messages_that_the_protocol_has(name: str) -> None:
    protocol = protocol_named(name)
    replies = contract_of(name).replies
    assert all(protocol.carries(message) for pair in replies.items() for message in pair)


def test_it_wants_ykcs_bill_at_the_end_of_the_charge_and_of_a_failed_start() -> None:
    contract = contract_of(YKC)
    assert (contract.bill_due, contract.bill_of_failed_start) == (BillDue.END, True)
    assert GunState.IDLE in contract.legal_moves[GunState.CHARGING]
    assert set(contract.start_refusals) == set(Refusal)


def test_it_refuses_a_protocol_without_a_contract() -> None:
    with pytest.raises(UsageError, match="semaphore"):
        contract_of("semaphore")


@pytest.mark.parametrize("name", NAMES)
def test_it_lets_the_pile_give_up_between_the_platform_and_the_limit(name: str) -> None:
    contract = contract_of(name)
    limit = contract.limits["auth.expires"].value
    kept = contract.limits["auth.kept"].value
    assert kept < contract.platform_cancel_ns < contract.authorisation_life_ns < limit


@pytest.mark.parametrize("name", NAMES)
def test_it_promises_what_its_limits_allow(name: str) -> None:
    contract = contract_of(name)
    assert contract.beat_charging_ns < contract.beat_idle_ns < contract.limits["beat.period"].value
    assert contract.reply_delay_ns < contract.limits["start.answered"].value
    assert 20 * S <= contract.bill_resend_ns <= 45 * S < contract.limits["bill.resent"].value
    assert contract.quiet_ns == 3 * MINUTE


@pytest.mark.parametrize("name", NAMES)
def test_it_never_lets_a_fault_become_a_charge(name: str) -> None:
    moves = contract_of(name).legal_moves
    assert GunState.CHARGING not in moves[GunState.FAULT]
    assert GunState.IDLE not in moves[GunState.CHARGING]
    assert all(GunState.FAULT in moves[state] for state in moves if state not in (GunState.FAULT, GunState.UNKNOWN))


@pytest.mark.parametrize("name", [*NAMES, YKC])
def test_it_names_a_source_for_each_limit(name: str) -> None:
    assert all(limit.source for limit in contract_of(name).limits.values())
