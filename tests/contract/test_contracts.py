"""The contracts: one a protocol of the family, each with what its versions carry."""

from __future__ import annotations

import pytest

from pilesim.contract.contracts import contract_of
from pilesim.contract.evlink import CONTRACTS
from pilesim.errors import UsageError
from pilesim.units import MINUTE, S
from pilesim.wire.messages import GunState
from pilesim.wire.protocol import protocols

NAMES = [contract.protocol for contract in CONTRACTS]
READ_ONLY = {"ykc-1.6"}
"""Protocols that are read and shown, and have no contract to judge by yet."""


def test_it_covers_every_protocol() -> None:
    assert set(protocols()) - READ_ONLY == set(NAMES)


@pytest.mark.parametrize("name", READ_ONLY)
def test_it_says_of_a_protocol_that_is_only_read_that_it_has_no_contract(name: str) -> None:
    with pytest.raises(UsageError, match=f"expected a protocol with a contract, one of lhc.*; found '{name}'"):
        contract_of(name)


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


@pytest.mark.parametrize("name", NAMES)
def test_it_names_a_source_for_each_limit(name: str) -> None:
    assert all(limit.source for limit in contract_of(name).limits.values())
