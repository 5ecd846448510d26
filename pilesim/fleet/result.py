"""What a folder of logs comes to: the field's own table, who drops off the line, and what each log was worth.

Owns the schema of the file and the counting. Must not know how a log is read, nor how a table is printed.
Times are epoch ns, days local (UTC+8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from pilesim.platform.ledger import Anomaly, BillSource, Row
from pilesim.units import local_datetime

FLEET_SCHEMA = 1

ANOMALY_WORDS = {
    str(anomaly): str(anomaly) if anomaly.code is None else f"{anomaly.code} {anomaly}" for anomaly in Anomaly
}
"""Each anomaly as the field writes it, with its number where it has one."""
NUMBERED = frozenset(str(anomaly) for anomaly in Anomaly if anomaly.code is not None)
"""The columns of the field's own table."""


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """Once that a pile, or one gun of it, was off the line."""

    pile: str
    gun: int | None
    """None: the pile as a whole."""
    since_ns: int
    until_ns: int
    ended: bool
    """It was heard again in the log; else the log ended first."""
    told: bool
    """The line was seen to go down; else nothing was heard for too long."""


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the ledger has it."""

    pile: str
    order: str
    gun: int
    firmware: str
    """"" where the log does not tell it."""
    day: str
    """"" where no time of it is known."""
    charged: bool
    bill: BillSource
    anomalies: tuple[str, ...]
    undecided: str
    """Why the log does not tell what became of it; "" where it does."""

    @classmethod
    def of(cls, row: Row, anomalies: Sequence[Anomaly], undecided: str) -> OrderRow:
        at_ns = row.authorised_ns if row.authorised_ns is not None else row.start_ns
        return cls(
            pile=row.pile,
            order=row.order,
            gun=row.gun,
            firmware=row.firmware,
            day="" if at_ns is None else day_of(at_ns),
            charged=row.charged,
            bill=row.bill,
            anomalies=tuple(str(anomaly) for anomaly in anomalies),
            undecided=undecided,
        )


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One log, or one pile's part of it, and what it is worth."""

    file: str
    pile: str
    form: str
    protocol: str
    vantage: str
    start_ns: int
    end_ns: int
    missing: tuple[str, ...]
    unread_count: int
    """Lines that could not be read."""
    remarks: tuple[str, ...]
    used: str
    """Why less than all of it was counted; "" where all was."""


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is no log, and why."""

    file: str
    reason: str


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the field's table."""

    key: str
    orders: int
    charges: int
    """Successful ones."""
    anomalies: dict[str, int]
    """Every anomaly, with 0 where there was none."""
    undecided: int


class DropCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often a pile, or a gun, was off the line."""

    pile: str
    gun: int | None
    count: int
    longest_ns: int
    total_ns: int
    days: dict[str, int]
    told: int
    """So many of them were seen as a connection that went down; the others as silence."""


class PileRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one pile's logs come to."""

    pile: str
    logs: tuple[LogRow, ...]
    orders: tuple[OrderRow, ...]
    drops: tuple[Drop, ...]
    remarks: tuple[str, ...]


class FleetResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is printed, and what it rests on."""

    schema: int = FLEET_SCHEMA
    pilesim: str
    folder: str
    by_firmware: tuple[Count, ...]
    by_pile: tuple[Count, ...]
    by_day: tuple[Count, ...]
    total: Count
    drops: tuple[DropCount, ...]
    """Those that drop off most come first."""
    piles: tuple[PileRow, ...]
    unreadable: tuple[Unreadable, ...]


def day_of(epoch_ns: int) -> str:
    """`2019-10-11`."""
    return local_datetime(epoch_ns).date().isoformat()


def fleet_of(version: str, folder: str, piles: Sequence[PileRow], unreadable: Sequence[Unreadable]) -> FleetResult:
    """The tables of all piles' rows."""
    orders = [order for pile in piles for order in pile.orders]
    drops = [drop for pile in piles for drop in pile.drops]
    return FleetResult(
        pilesim=version,
        folder=folder,
        by_firmware=counted(orders, lambda order: order.firmware),
        by_pile=counted(orders, lambda order: order.pile, (pile.pile for pile in piles)),
        by_day=counted(orders, lambda order: order.day, (day_of(drop.since_ns) for drop in drops)),
        total=count_of("", orders),
        drops=drops_of(drops),
        piles=tuple(piles),
        unreadable=tuple(unreadable),
    )


def counted(orders: Sequence[OrderRow], key: Callable[[OrderRow], str], also: Iterable[str] = ()) -> tuple[Count, ...]:
    """One line for each key, those of `also` without an order too, in their order; what has none comes last."""
    keys = sorted({*also, *(key(order) for order in orders)}, key=lambda word: (not word, word))
    return tuple(count_of(word, [order for order in orders if key(order) == word]) for word in keys)


def count_of(key: str, orders: Sequence[OrderRow]) -> Count:
    return Count(
        key=key,
        orders=len(orders),
        charges=sum(order.charged for order in orders),
        anomalies={str(anomaly): sum(anomaly in order.anomalies for order in orders) for anomaly in Anomaly},
        undecided=sum(bool(order.undecided) for order in orders),
    )


def drops_of(drops: Iterable[Drop]) -> tuple[DropCount, ...]:
    """By pile and gun, the most frequent first."""
    by_who: dict[tuple[str, int | None], list[Drop]] = {}
    for drop in drops:
        by_who.setdefault((drop.pile, drop.gun), []).append(drop)
    rows = []
    for (pile, gun), mine in by_who.items():
        lasted_ns = [drop.until_ns - drop.since_ns for drop in mine]
        days = [day_of(drop.since_ns) for drop in mine]
        rows.append(
            DropCount(
                pile=pile,
                gun=gun,
                count=len(mine),
                longest_ns=max(lasted_ns),
                total_ns=sum(lasted_ns),
                days={day: days.count(day) for day in sorted(set(days))},
                told=sum(drop.told for drop in mine),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.count, -row.longest_ns, row.pile, row.gun or 0)))


CSV_FIXED = ("by", "key", "orders", "successful charges")


def csv_rows(result: FleetResult) -> Iterator[tuple[str, ...]]:
    """The field's tables as one sheet, its heading first: by what, its key, and the counts."""
    yield (*CSV_FIXED, *ANOMALY_WORDS.values(), "undecided", "off the line")
    off: dict[str, dict[str, int]] = {"pile": {}, "day": {}}
    for drop in result.drops:
        off["pile"][drop.pile] = off["pile"].get(drop.pile, 0) + drop.count
        for day, count in drop.days.items():
            off["day"][day] = off["day"].get(day, 0) + count
    for by, counts in (("firmware", result.by_firmware), ("pile", result.by_pile), ("day", result.by_day)):
        for row in counts:
            yield _csv_row(by, row, str(off[by].get(row.key, 0)) if by in off else "")
    yield _csv_row("all", result.total, str(sum(drop.count for drop in result.drops)))


def _csv_row(by: str, row: Count, off: str) -> tuple[str, ...]:
    numbers = (row.orders, row.charges, *(row.anomalies[anomaly] for anomaly in ANOMALY_WORDS), row.undecided)
    return (by, row.key, *map(str, numbers), off)
