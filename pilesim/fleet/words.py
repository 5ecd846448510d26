"""Orders by logs in words: what lines that only tell of messages say of each order.

Owns what such lines can show for certain: a bill without times, or of no order, or twice, and a start that failed. That
something did not come they never show, since they leave lines out. Must not know files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pilesim.fleet.result import OrderRow, day_of
from pilesim.platform.ledger import Anomaly, BillSource
from pilesim.trace.decoder import Seen
from pilesim.wire.messages import Authorise, Bill, Ended, GunReport, GunState, Start

NOT_TOLD = "the log is in words, and leaves lines out: its bill may have come"


@dataclass(slots=True)
class _Order:
    number: str
    gun: int
    first_ns: int
    started: bool = False
    charged: bool = False
    bills: int = 0
    anomalies: set[Anomaly] = field(default_factory=set)


class Words:
    """One pile's orders. Times are epoch ns."""

    def __init__(self, pile: str) -> None:
        self._pile = pile
        self._orders: dict[str, _Order] = {}
        self._latest: dict[int, _Order] = {}
        """By gun: the order that was named last."""

    def take(self, t_ns: int, seen: Seen) -> None:
        """A message of which a line tells."""
        message = seen.decoded.message
        latest = self._latest.get(message.gun) if message is not None else None
        match message:
            case Authorise(order=number) | Start(order=number) if number:
                order = self._named(number, message.gun, t_ns)
                order.started = order.started or isinstance(message, Start)
            case Start() if latest is not None:
                latest.started = True
            case GunReport(state=GunState.CHARGING) if latest is not None:
                latest.charged = True
            case Ended() if latest is not None and latest.started and not latest.charged:
                latest.anomalies.add(Anomaly.START_FAILED)
            case Bill():
                self._bill(t_ns, message, latest)

    def rows(self) -> list[OrderRow]:
        """Every order, in the order in which they were first named."""
        return [
            OrderRow(
                pile=self._pile,
                order=order.number,
                gun=order.gun,
                firmware="",
                day=day_of(order.first_ns),
                charged=order.charged,
                bill=BillSource.PILE if order.bills else BillSource.NONE,
                anomalies=tuple(str(anomaly) for anomaly in Anomaly if anomaly in order.anomalies),
                undecided=NOT_TOLD if order.charged and not order.bills else "",
            )
            for order in self._orders.values()
        ]

    def _named(self, number: str, gun: int, t_ns: int) -> _Order:
        order = self._orders.setdefault(number, _Order(number, gun, t_ns))
        self._latest[gun] = order
        return order

    def _bill(self, t_ns: int, bill: Bill, latest: _Order | None) -> None:
        # A line may say that the order is empty, or say nothing of it.
        order = latest
        if bill.order is not None and (latest is None or bill.order != latest.number):
            order = self._orders.setdefault(bill.order, _Order(bill.order, bill.gun, t_ns))
        if order is None:
            return
        order.bills += 1
        if order.number == "":
            order.anomalies.add(Anomaly.ORDER_UNKNOWN)
        elif order.bills > 1:
            order.anomalies.add(Anomaly.DUPLICATE_BILL)
        if any(stamp is not None and stamp.is_none for stamp in (bill.start, bill.end)):
            order.anomalies.add(Anomaly.TIME_ABNORMAL)
