"""The shape of a contract; the contracts themselves are tables, one module a protocol.

Owns what is promised and by which source. Must not know either side's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pilesim.quantities import Duration, Kwh, Yuan, quantity
from pilesim.units import FEN_MFEN
from pilesim.wire.messages import GunFault, GunState, Message


class BillDue(StrEnum):
    """When an order that charged has its bill."""

    LEAVE = "leave"
    """When the cable is out, or the next order begins on it: the bill tells the occupancy too."""
    END = "end"
    """When the charge is over, wherever the cable is."""


class Refusal(StrEnum):
    """Why a start cannot be, as a part of a sentence."""

    NO_ORDER = "no order is authorised for the account"
    TAKEN = "the gun is taken"
    NO_CABLE = "no cable is in"
    NO_BALANCE = "there is no balance"
    FAULT = "the gun has a fault"
    OUT_OF_SERVICE = "the gun is out of service"
    NO_ROOM = "no further bill can be kept"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a rule measures against, and where it comes from.

    Units: "s" is held as ns, "kWh" as 0.1 Wh, "yuan" as 1e-5 yuan; "min", "beats" and "losses" are counts.
    """

    value: int
    unit: str
    source: str

    def read(self, said: object) -> int:
        """A value that a file gives in place of this one; ValueError says what was expected and what was found."""
        kinds: Mapping[str, type[int]] = {"s": Duration, "kWh": Kwh, "yuan": Yuan}
        if self.unit in kinds:
            return int(quantity(kinds[self.unit], said))
        if isinstance(said, int) and not isinstance(said, bool) and said >= 0:
            return said
        raise ValueError(f"expected a number of {self.unit}, found {said!r}")


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
    """How often the pile asks the time, where that is its part."""
    legal_moves: Mapping[GunState, frozenset[GunState]]
    """From a reported state to the next; staying is always legal."""
    changes_apart: bool = True
    """A gun's change is told by a report of its own kind, beside its heartbeat."""
    hello_first: bool = False
    """On a new connection the pile says nothing else before the platform has accepted its Hello."""
    alive_ns: int | None = None
    """How often a gun says that it is there, where that is not the report of its state."""
    alives_lost: int = 3
    """After so many without a reply the line is taken for lost."""
    time_tell_ns: int | None = None
    """The platform tells the time unasked, after the Hello and then so often; None: the pile asks."""
    tells_battery: bool = False
    """The pile passes on what the car's BMS tells of its battery."""
    keeps_reports: bool = False
    """A change that cannot be told for want of a line is told once there is one, before the bills."""
    bill_energy_dwh: int = 100
    """The energies of a bill are multiples of this."""
    bill_money_mfen: int = FEN_MFEN
    """The fees of a bill are multiples of this."""
    plug_wait_ns: int = 0
    """So long after a start that is refused for want of a cable, one that is plugged in starts it after all."""
    bill_due: BillDue = BillDue.LEAVE
    bill_of_failed_start: bool = False
    """A start that was begun has a bill, whether anything charged or not."""
    bill_resends: int | None = None
    """How often a bill is sent again on one connection; None: until it is acknowledged."""
    faults_told: frozenset[GunFault] = frozenset(GunFault)
    """The faults that a report can name; any other shows by the gun's state alone."""
    start_refusals: Mapping[Refusal, int] = field(default_factory=dict)
    """The protocol's own numbers, where a refused start is answered with one."""
    nothing_to_stop: int = 0
    """The protocol's own number in the answer to a stop of nothing."""
    nobody_charges: int = 0
    """The protocol's own number in the answer to a balance of somebody who does not charge there."""
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    """Rules that this protocol cannot carry, with the reason."""
