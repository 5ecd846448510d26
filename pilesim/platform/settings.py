"""What an operator sets at the platform: timers, tariff, cards. Must not know how they are used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pilesim.contract.contract import Contract
from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.errors import EncodingError, UsageError
from pilesim.units import MINUTE, MS, S
from pilesim.wire.frame import End
from pilesim.wire.messages import Authorise, Tariff, TariffTell
from pilesim.wire.protocol import Protocol

TARIFF_MODEL = "0001"


@dataclass(frozen=True, slots=True)
class Card:
    """A card that the platform knows. An empty `credential` is not checked."""

    account: str
    balance_mfen: int
    credential: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Times in ns; None takes the contract's."""

    auto: bool = False
    """Whether the platform cancels by itself what nobody starts and what never comes of a start."""
    cancel_after_ns: int | None = None
    bill_wait_ns: int | None = None
    outcome_wait_ns: int = 95 * S
    """After a start this long a charging heartbeat or an Ended is awaited before cancelling (szds-34): the 90 s that
    a pile has, and the line's share of the way there and back."""
    start_hold_ns: int = 60 * S
    """A start waits this long for its authorisation to be answered, then is forgotten."""
    reply_delay_ns: int = 50 * MS
    stops_at_balance: bool = True
    """A stop at a used-up balance is the platform's doing in this system (szds-33), with `auto` or without."""
    tariff: Tariff = DEFAULT_TARIFF
    tariff_model: str = TARIFF_MODEL
    """By what number the tariff goes, where piles hold it and ask whether it is still in force."""
    cards: tuple[Card, ...] = ()
    duration_tolerance_ns: int = 90 * S
    """By how much a bill's duration may differ from the heartbeats' before it is marked (zpd-7, code 9)."""
    clock_tolerance_ns: int = 1 * MINUTE
    """By how much a bill's times may lie in the future before they are marked abnormal."""

    def cancel_ns(self, contract: Contract) -> int:
        return contract.platform_cancel_ns if self.cancel_after_ns is None else self.cancel_after_ns

    def wait_for_bill_ns(self, contract: Contract) -> int:
        return contract.bill_wait_ns if self.bill_wait_ns is None else self.bill_wait_ns


@lru_cache(64)  # every platform that is made asks, and most have the same tariff
def check_tariff(tariff: Tariff, protocol: Protocol, where: str) -> None:
    """UsageError, beginning with `where`, for a tariff that no message of `protocol` has room for."""
    session = protocol.session(End.PLATFORM, "0" * protocol.pile_digits)
    try:
        if protocol.carries(TariffTell):
            session.build(TariffTell(model=TARIFF_MODEL, tariff=tariff))
        elif protocol.carries(Authorise):
            session.build(Authorise(account="1", order="1", balance_mfen=0, tariff=tariff))
    except EncodingError as error:
        raise UsageError(f"{where}: expected a tariff that {protocol.name} can carry; {error}") from None
