"""The ledger: what became of each order in money, and what was odd about it, marked as the field marks it.

Owns the bills, the accounts' balances and the anomaly codes. Must not know frames, timers or what the platform
does about it. Sources: the operators' tables of abnormal bills (zpd-3, 7, 10), of occupancy fees (zpd-5), and
what late bills do to a balance (szds-33, 30, 18).

Three choices where the field is silent. The platform's own bill is a record and not settled, since abnormal bills
were charged when the pile's came, or by hand, or never (szds-33, zpd-2). The same charge is settled once, under
the order whose bill brought it first (szds-25, 26). "Energy lost" is a bill with less than half of what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from pilesim.platform.orders import Order, OrderBook, Seen
from pilesim.platform.settings import Settings
from pilesim.units import KWH_DWH, MINUTE
from pilesim.wire.messages import Bill

ENERGY_SEEN_DWH = KWH_DWH // 20
"""Energy that the heartbeats must have shown before a bill can have lost it: 0.05 kWh."""


class Anomaly(StrEnum):
    """What is odd about an order, in the field's words; `code` is the field's number for it, if it has one."""

    BILL_LOST = "bill lost"
    BILL_LOST_OFFLINE = "bill lost, device off-line"
    DURATION_DIFFERS = "duration differs"
    ENERGY_LOST = "energy lost"
    TIME_ABNORMAL = "time abnormal"
    START_FAILED = "start service failed"
    DUPLICATE_BILL = "duplicate bill"
    ORDER_UNKNOWN = "order unknown"

    @property
    def code(self) -> int | None:
        return _CODES.get(self)


_CODES = {
    Anomaly.BILL_LOST: 1,
    Anomaly.BILL_LOST_OFFLINE: 2,
    Anomaly.DURATION_DIFFERS: 9,
    Anomaly.ENERGY_LOST: 11,
}


class BillSource(StrEnum):
    """Whose figures a row holds."""

    NONE = "none"
    PILE = "pile"
    OWN = "own"
    """The platform's own, from heartbeats, because none came."""
    LATE = "late"
    """The pile's, come after the platform had made its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One order as the ledger has it. Times are epoch ns; None where there is none."""

    order: str
    """"" for a bill without one."""
    pile: str
    gun: int
    firmware: str
    account: str
    authorised_ns: int | None
    start_ns: int | None
    end_ns: int | None
    energy_dwh: int
    fee_mfen: int
    """Charge and service fee."""
    occupancy_fee_mfen: int
    charged: bool
    """The gun's reports showed it charging, or an ordered bill says that energy flowed."""
    bill: BillSource
    codes: tuple[Anomaly, ...]
    balance_mfen: int | None
    """The account's, once this order was settled; None while it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A ledger counted as the field counted its own."""

    orders: int
    charges: int
    anomalies: dict[Anomaly, int]
    """Every anomaly, with 0 where there was none."""
    occupancy_fees: int
    """Charges with an occupancy fee."""
    occupancy_fees_short: int
    """Of these, the ones that charged under a minute."""


@dataclass(slots=True)
class _Entry:
    """What is kept for one order, known or not."""

    bill: Bill | None = None
    bill_ns: int = 0
    duplicate: bool = False
    offline: bool = False
    """The pile was off-line when the waiting for the bill ended."""
    balance_mfen: int | None = None


class Ledger:
    """Bills in, rows out; the orders' facts come from the book."""

    def __init__(
        self,
        book: OrderBook,
        settings: Settings,
        world_start_ns: int,
        normal: Callable[[str], str] = lambda account: account,
    ) -> None:
        """`normal` makes of an account's number what messages carry."""
        self._book = book
        self._settings = settings
        self._world_start_ns = world_start_ns
        self._balances_mfen = {normal(card.account): card.balance_mfen for card in settings.cards}
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._strangers: dict[tuple[str, Bill], tuple[int, bool]] = {}
        """Bills of orders that are not known, by pile: when they came first, and whether they came again."""
        self._charges: dict[tuple[str, int, int | None, int | None, int, int], str] = {}
        """Each charge that a bill told of, and the order that it was settled under."""

    # --------------------------------------------------------------------------------------------- accounts

    def balance_mfen(self, account: str) -> int | None:
        """What an account has, below zero too; None: not known."""
        return self._balances_mfen.get(account)

    def set_balance(self, account: str, balance_mfen: int) -> None:
        self._balances_mfen[account] = balance_mfen

    # ------------------------------------------------------------------------------------------------ bills

    def take_bill(self, now_ns: int, pile: str, bill: Bill) -> None:
        """A bill has come. The first of an order is settled, unless its charge has been under another order."""
        order = self._book.find(pile, bill.order)
        if order is None:
            first_ns, _ = self._strangers.get((pile, bill), (now_ns, False))
            self._strangers[pile, bill] = (first_ns, (pile, bill) in self._strangers)
            return
        entry = self._entry(order)
        if entry.bill is not None:
            entry.duplicate = True
            return
        entry.bill, entry.bill_ns = bill, now_ns
        entry.duplicate = not bill.start.is_none and self._settled_as(pile, bill) != bill.order
        if not entry.duplicate:
            fees_mfen = bill.fees_mfen + (bill.occupancy_fee_mfen or 0)
            entry.balance_mfen = self._balances_mfen.get(order.account, 0) - fees_mfen
            self._balances_mfen[order.account] = entry.balance_mfen

    def make_own_bill(self, order: Order, offline: bool) -> None:
        """The waiting for this order's bill has ended."""
        self._entry(order).offline = offline

    def _entry(self, order: Order) -> _Entry:
        return self._entries.setdefault((order.pile, order.number), _Entry())

    def _settled_as(self, pile: str, bill: Bill) -> str:
        """The order whose bill told of this charge first."""
        end_ns = None if bill.end is None else bill.end.epoch_ns
        fee_mfen = bill.fees_mfen
        charge = (pile, bill.gun, bill.start.epoch_ns, end_ns, bill.energy_dwh, fee_mfen)
        return self._charges.setdefault(charge, bill.order)

    # ------------------------------------------------------------------------------------------------- rows

    def rows(self) -> tuple[Row, ...]:
        """Every order in the order in which they were made, then the bills of unknown ones as they came."""
        known = [self._row(order) for order in self._book.all()]
        strangers = [
            self._row_of_stranger(pile, bill, first_ns, again)
            for (pile, bill), (first_ns, again) in self._strangers.items()
        ]
        return (*known, *strangers)

    def table(self, firmware: str | None = None) -> Table:
        """The rows counted, those of one firmware version or all."""
        return tabulate(row for row in self.rows() if firmware is None or row.firmware == firmware)

    def _row(self, order: Order) -> Row:
        entry = self._entries.get((order.pile, order.number), _Entry())
        bill, seen = entry.bill, order.seen
        start_ns, end_ns, energy_dwh, fee_mfen, occupancy_fee_mfen = self._seen_figures(seen)
        source = BillSource.NONE if order.own_bill_ns is None else BillSource.OWN
        if bill is not None:
            source = BillSource.PILE if source is BillSource.NONE else BillSource.LATE
            start_ns, end_ns, energy_dwh, fee_mfen, occupancy_fee_mfen = _bill_figures(bill)
        return Row(
            order=order.number,
            pile=order.pile,
            gun=order.gun,
            firmware=order.firmware,
            account=order.account,
            authorised_ns=self._world_start_ns + order.authorised_ns,
            start_ns=start_ns,
            end_ns=end_ns,
            energy_dwh=energy_dwh,
            fee_mfen=fee_mfen,
            occupancy_fee_mfen=occupancy_fee_mfen,
            charged=seen is not None or energy_dwh > 0,
            bill=source,
            codes=self._codes(order, entry),
            balance_mfen=entry.balance_mfen,
        )

    def _seen_figures(self, seen: Seen | None) -> tuple[int | None, int | None, int, int, int]:
        """Start, end, energy, fee and occupancy fee by the heartbeats, the safest ground there is (szds-15)."""
        if seen is None:
            return None, None, 0, 0, 0
        told_ns = None if seen.start is None else seen.start.epoch_ns
        start_ns = self._world_start_ns + seen.first_ns if told_ns is None else told_ns
        end_ns = None if seen.after_ns is None else self._world_start_ns + seen.after_ns
        return start_ns, end_ns, seen.energy_dwh, seen.amount_mfen, 0

    def _row_of_stranger(self, pile: str, bill: Bill, first_ns: int, again: bool) -> Row:
        start_ns, end_ns, energy_dwh, fee_mfen, occupancy_fee_mfen = _bill_figures(bill)
        marks = (
            (self._time_abnormal(bill, first_ns), Anomaly.TIME_ABNORMAL),
            (again, Anomaly.DUPLICATE_BILL),
            (True, Anomaly.ORDER_UNKNOWN),
        )
        return Row(
            order=bill.order,
            pile=pile,
            gun=bill.gun,
            firmware="",
            account="",
            authorised_ns=None,
            start_ns=start_ns,
            end_ns=end_ns,
            energy_dwh=energy_dwh,
            fee_mfen=fee_mfen,
            occupancy_fee_mfen=occupancy_fee_mfen,
            charged=False,
            bill=BillSource.PILE,
            codes=_marked(marks),
            balance_mfen=None,
        )

    # ------------------------------------------------------------------------------------------------ codes

    def _codes(self, order: Order, entry: _Entry) -> tuple[Anomaly, ...]:
        bill, seen = entry.bill, order.seen
        lost = order.own_bill_ns is not None
        return _marked(
            (
                (lost and not entry.offline, Anomaly.BILL_LOST),
                (lost and entry.offline, Anomaly.BILL_LOST_OFFLINE),
                (
                    bill is not None and seen is not None and self._duration_differs(bill, seen),
                    Anomaly.DURATION_DIFFERS,
                ),
                (bill is not None and seen is not None and _energy_lost(bill, seen), Anomaly.ENERGY_LOST),
                (bill is not None and self._time_abnormal(bill, entry.bill_ns), Anomaly.TIME_ABNORMAL),
                (order.start_ns is not None and order.over, Anomaly.START_FAILED),
                (entry.duplicate, Anomaly.DUPLICATE_BILL),
            )
        )

    def _duration_differs(self, bill: Bill, seen: Seen) -> bool:
        """The bill's duration lies outside what the reports leave possible; a gap among them leaves more."""
        start_ns, end_ns, *_ = _bill_figures(bill)
        if start_ns is None or end_ns is None:
            return False
        tolerance_ns = self._settings.duration_tolerance_ns
        if bill.end is None:
            # The end was reckoned from whole minutes.
            tolerance_ns += MINUTE
        duration_ns = end_ns - start_ns
        too_short = duration_ns < seen.shortest_ns - tolerance_ns
        return too_short or (seen.longest_ns is not None and duration_ns > seen.longest_ns + tolerance_ns)

    def _time_abnormal(self, bill: Bill, came_ns: int) -> bool:
        """No time at all ("1999"), an impossible one, one in the future, or times that run backwards."""
        stamps = [stamp for stamp in (bill.arrive, bill.start, bill.end, bill.leave) if stamp is not None]
        times_ns = [stamp.epoch_ns for stamp in stamps if stamp.epoch_ns is not None]
        latest_ns = self._world_start_ns + came_ns + self._settings.clock_tolerance_ns
        return len(times_ns) < len(stamps) or times_ns != sorted(times_ns) or times_ns[-1] > latest_ns


def tabulate(rows: Iterable[Row]) -> Table:
    """Rows counted as the field's tables count them."""
    rows = tuple(rows)
    fees = [row for row in rows if row.charged and row.occupancy_fee_mfen > 0]
    short = [row for row in fees if None not in (row.start_ns, row.end_ns) and _charged_ns(row) < MINUTE]
    return Table(
        orders=len(rows),
        charges=sum(row.charged for row in rows),
        anomalies={anomaly: sum(anomaly in row.codes for row in rows) for anomaly in Anomaly},
        occupancy_fees=len(fees),
        occupancy_fees_short=len(short),
    )


def _charged_ns(row: Row) -> int:
    return (row.end_ns or 0) - (row.start_ns or 0)


def _bill_figures(bill: Bill) -> tuple[int | None, int | None, int, int, int]:
    """Start, end, energy, fee and occupancy fee as the bill says; an end it lacks is start plus minutes."""
    start_ns = bill.start.epoch_ns
    end_ns = None if bill.end is None else bill.end.epoch_ns
    if bill.end is None and start_ns is not None and bill.charge_minutes is not None:
        end_ns = start_ns + bill.charge_minutes * MINUTE
    fee_mfen = bill.fees_mfen
    return start_ns, end_ns, bill.energy_dwh, fee_mfen, bill.occupancy_fee_mfen or 0


def _energy_lost(bill: Bill, seen: Seen) -> bool:
    return seen.energy_dwh >= ENERGY_SEEN_DWH and 2 * bill.energy_dwh < seen.energy_dwh


def _marked(marks: Iterable[tuple[bool, Anomaly]]) -> tuple[Anomaly, ...]:
    return tuple(anomaly for holds, anomaly in marks if holds)
