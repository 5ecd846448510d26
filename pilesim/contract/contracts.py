"""Every contract by protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pilesim.contract import evlink, ykc
from pilesim.contract.contract import Contract
from pilesim.errors import UsageError
from pilesim.wire.protocol import protocol_named

_Maker = Callable[[Mapping[str, str]], Contract]


def _whatever(contract: Contract) -> _Maker:
    """`contract`, for a protocol without options."""
    return lambda options: contract


_MAKERS: Mapping[str, _Maker] = {
    **{contract.protocol: _whatever(contract) for contract in evlink.CONTRACTS},
    ykc.NAME: ykc.contract,
}
"""What makes a protocol's contract of the options that its name chooses."""


def contract_of(protocol: str) -> Contract:
    """The contract of the protocol called `protocol`, with the options of its name; UsageError where there is none."""
    base = protocol.partition("?")[0]
    if base not in _MAKERS:
        raise UsageError(f"expected a protocol with a contract, one of {', '.join(_MAKERS)}; found {protocol!r}")
    return _MAKERS[base](protocol_named(protocol).options)
