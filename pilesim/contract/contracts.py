"""Every contract by protocol."""

from __future__ import annotations

from pilesim.contract.contract import Contract
from pilesim.contract.evlink import CONTRACTS
from pilesim.errors import UsageError


def contract_of(protocol: str) -> Contract:
    """The contract of the protocol called `protocol`; UsageError where there is none."""
    for contract in CONTRACTS:
        if contract.protocol == protocol:
            return contract
    raise UsageError(
        f"expected a protocol with a contract, one of {', '.join(c.protocol for c in CONTRACTS)}; found {protocol!r}"
    )
