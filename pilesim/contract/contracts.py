"""Every contract by protocol: those of pilesim's own, of other packages, and of dialects.

Owns where a contract comes from, and which rules a protocol's messages leave nothing to judge. Must not know what any
contract promises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import cast

from pilesim.contract import evlink, ykc
from pilesim.contract.contract import Contract
from pilesim.contract.needs import unmet
from pilesim.contract.tariff import TELL_TARIFF
from pilesim.errors import UsageError
from pilesim.wire.offered import offered
from pilesim.wire.protocol import Protocol, protocol_named

_Maker = Callable[[Mapping[str, str]], Contract]


def _whatever(contract: Contract) -> _Maker:
    """`contract`, for a protocol without options."""
    return lambda options: contract


_MAKERS: Mapping[str, _Maker] = {
    **{contract.protocol: _whatever(contract) for contract in evlink.CONTRACTS},
    ykc.NAME: ykc.contract,
}
"""What makes a protocol's contract of the options that its name chooses."""


def _measured() -> frozenset[str]:
    """Rules that can say nothing without a limit: each contract of pilesim's own that carries one of them limits it."""
    own = (*evlink.CONTRACTS, ykc.contract({"bill_retry": next(iter(ykc.RETRIES))}))
    limited = {rule for contract in own for rule in contract.limits}
    return frozenset(rule for rule in limited if all(rule in (*c.limits, *c.not_applicable) for c in own))


_MEASURED = _measured()
_CONTRACTS_KEPT = 64
_OFFERED = "pilesim.contracts"
"""The entry points of other packages: a protocol's name to its Contract, or to what makes one of its options."""


def contract_of(protocol: str) -> Contract:
    """The contract of the protocol called `protocol`, with the options of its name; UsageError where there is none."""
    return _contract(protocol_named(protocol))


@lru_cache(_CONTRACTS_KEPT)
def _contract(spoken: Protocol) -> Contract:
    """Worked out once, since each world and each judgement asks for it."""
    if spoken.overlay:
        from pilesim.contract.dialect import dialect_contract  # noqa: PLC0415 (most runs speak no dialect)

        return dialect_contract(contract_of(spoken.origin), spoken, protocol_named(spoken.origin))
    contract = _maker(spoken.name.partition("?")[0])(spoken.options)
    # What a package of its own need not say of its protocol; pilesim's own give better reasons.
    unlimited = _MEASURED - set(contract.limits)
    reasons = dict.fromkeys(sorted(unlimited), f"the contract of {spoken.name} sets no limit for it")
    if not contract.replies:
        reasons["platform.replies"] = f"no message of {spoken.name} has a reply"
    if not any(spoken.carries(kind) for kind in TELL_TARIFF):
        reasons["bill.amount"] = f"no message of {spoken.name} tells a tariff"
    reasons |= unmet(spoken)
    return replace(contract, not_applicable={**reasons, **contract.not_applicable})


def _maker(name: str) -> _Maker:
    if name in _MAKERS:
        return _MAKERS[name]
    found = offered(_OFFERED, name, _no_contract)
    if isinstance(found, Contract):
        return _whatever(found)
    if callable(found):
        return cast(_Maker, found)
    raise UsageError(
        f"expected a protocol with a contract, one of {', '.join(_MAKERS)}, or one whose package offers its contract "
        f"({_OFFERED}); found {name!r}"
    )


def _no_contract(name: str, found: object) -> str:
    if isinstance(found, Contract):
        return "" if found.protocol == name else f"expected the contract of {name!r}, found that of {found.protocol!r}"
    return "" if callable(found) else f"expected a contract (pilesim.contract.contract.Contract), found {found!r}"
