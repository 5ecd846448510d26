"""What outlives a power loss: the pile's flash, and the shapes of what is kept there.

Owns orders as the pile holds them (authorisation, record, bill). Must not know how they come about or leave.
Instants are world ns; the clock translates them when they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from pilesim.wire.messages import Bill, Login, StopCause, StopReason, Tariff

T = TypeVar("T")

BILLS_KEPT = 2_000
"""A pile that cannot keep another bill starts no charge."""
ORDERS_SPENT = 200
"""A line holds a command back for minutes, in which no pile has so many orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation:
    """An order that may be charged on: from the scan or the card."""

    order: str
    account: str
    login: Login
    credential: str
    balance_mfen: int
    tariff: Tariff
    since_ns: int
    starting: bool = False
    """A start is under way: after a power loss it has failed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of constant power."""

    begin_ns: int
    end_ns: int
    power_cw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A charge as the pile's own books have it."""

    gun: int
    authorisation: Authorisation
    arrive_ns: int
    """When the cable was plugged in."""
    start_ns: int
    end_ns: int
    """While the charge runs: the last stored instant."""
    leave_ns: int | None = None
    """When the occupancy ended; None before."""
    reason: StopReason | None = None
    """None while the charge runs."""
    cause: StopCause | None = None
    """What exactly it was, where `reason` leaves that open."""
    pieces: tuple[Piece, ...] = ()
    meter_start_cwns: int = 0
    vin: str = ""
    """Of the car, as its BMS told it; "" where it told none."""
    unstored_cwns: int = 0
    """What the meter counted between the last stored instant and the power loss."""

    @property
    def energy_cwns(self) -> int:
        return sum((p.end_ns - p.begin_ns) * p.power_cw for p in self.pieces) + self.unstored_cwns


@dataclass(slots=True)
class KeptBill:
    """A bill that has not been acknowledged. It is written when it first leaves, and never differently again."""

    due_ns: int
    record: Record | None
    """None: a bill that is not written from a record."""
    bill: Bill | None = None
    connection: int = 0
    """On which connection it last left; 0: on none."""
    left_ns: int = 0
    times_left: int = 0
    times_left_here: int = 0
    """Of these, on that connection."""

    @property
    def order(self) -> str:
        """As the bill says, or will say once it is written."""
        if self.bill is not None:
            return self.bill.order
        assert self.record is not None
        return self.record.authorisation.order


@dataclass(slots=True)
class Store:
    """The flash of one pile in one world. Give it to the next `Pile` to let that one wake up where this one fell."""

    bills: list[KeptBill] = field(default_factory=list)
    """Unacknowledged, oldest first."""
    records: dict[int, Record] = field(default_factory=dict)
    """By gun: the charge that runs, or has ended and is not billed yet."""
    authorisations: dict[int, Authorisation] = field(default_factory=dict)
    arrivals_ns: dict[int, int] = field(default_factory=dict)
    """By gun: when the cable that is in was plugged in."""
    meters_cwns: dict[int, int] = field(default_factory=dict)
    model: str = ""
    """By what number the platform calls the tariff that the pile has; "" while it has none."""
    stopped: bool = False
    """The platform has taken the pile out of service."""
    power_percent: int = 100
    """How much of its power the platform lets it give."""
    tariff: Tariff | None = None
    """What orders are charged at that bring no tariff of their own."""

    spent: list[str] = field(default_factory=list)
    """Orders that have been charged or billed, oldest first: none of them is ever begun again."""

    def spend(self, order: str) -> None:
        """Remember `order`, and forget the oldest where there are too many."""
        if order and order not in self.spent:
            self.spent.append(order)
            del self.spent[:-ORDERS_SPENT]

    def has_bill_of(self, record: Record) -> bool:
        """Whether the charge of `record` has its bill already."""
        billed = (kept.record for kept in self.bills)
        of = (record.authorisation.order, record.gun, record.start_ns)
        return any(b is not None and (b.authorisation.order, b.gun, b.start_ns) == of for b in billed)

    @property
    def orders(self) -> tuple[str, ...]:
        """Of every unacknowledged bill, and of every record that is not billed yet."""
        unbilled = (record.authorisation.order for record in self.records.values())
        return (*(kept.order for kept in self.bills), *unbilled)


class GunStore:
    """What of the store is one gun's; None where there is none. Guns count from 1."""

    def __init__(self, store: Store, gun: int) -> None:
        self._store = store
        self._gun = gun

    @property
    def authorisation(self) -> Authorisation | None:
        """The order that it holds, or that is being started."""
        return self._store.authorisations.get(self._gun)

    @authorisation.setter
    def authorisation(self, held: Authorisation | None) -> None:
        _put(self._store.authorisations, self._gun, held)

    @property
    def record(self) -> Record | None:
        """The charge that runs, or has ended and is not billed yet."""
        return self._store.records.get(self._gun)

    @record.setter
    def record(self, record: Record | None) -> None:
        _put(self._store.records, self._gun, record)

    @property
    def arrive_ns(self) -> int | None:
        """When the cable that is in was plugged in."""
        return self._store.arrivals_ns.get(self._gun)

    @arrive_ns.setter
    def arrive_ns(self, arrive_ns: int | None) -> None:
        _put(self._store.arrivals_ns, self._gun, arrive_ns)


def _put(kept: dict[int, T], gun: int, value: T | None) -> None:
    if value is None:
        kept.pop(gun, None)
    else:
        kept[gun] = value
