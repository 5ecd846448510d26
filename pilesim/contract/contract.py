"""The shape of a contract; the contracts themselves are tables, one module a protocol.

Owns what is promised and by which source. Must not know either side's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pilesim.wire.messages import GunState, Message


@dataclass(frozen=True, slots=True)
class Limit:
    """What a rule measures against, and where it comes from.

    Units: "s" is held as ns, "kWh" as 0.1 Wh, "yuan" as 1e-5 yuan; "min", "beats" and "losses" are counts.
    """

    value: int
    unit: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What one protocol promises."""

    protocol: str
    limits: Mapping[str, Limit]
    """By rule id. Times in ns."""
    replies: Mapping[type[Message], type[Message]]
    """Each request and its reply, both ways, by meaning."""
    beat_idle_ns: int
    beat_charging_ns: int
    reply_delay_ns: int
    """How long a pile in good order takes to answer."""
    authorisation_life_ns: int
    """After this the pile itself gives up an authorisation that nobody starts."""
    platform_cancel_ns: int
    """After this the platform cancels an authorisation that nobody starts."""
    bill_resend_ns: int
    bill_wait_ns: int
    """After this without a bill the platform makes its own."""
    bill_next_ns: int
    """How soon each further unacknowledged bill follows the last."""
    quiet_ns: int
    """So much of heartbeats without the thing shows that a "must not" has held."""
    time_ask_ns: int
    legal_moves: Mapping[GunState, frozenset[GunState]]
    """From a reported state to the next; staying is always legal."""
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    """Rules that this protocol cannot carry, with the reason."""
