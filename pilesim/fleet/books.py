"""One pile's logs to its row of the fleet: what the ledger says of each order, and when it was off the line.

Owns what a log cannot tell: an order that began before it, or whose end lies where no log is, has no anomaly for that.
Must not know files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pilesim.contract.contracts import contract_of
from pilesim.fleet.logs import Log, Merged, Passed, is_up
from pilesim.fleet.result import Drop, LogRow, OrderRow, PileRow
from pilesim.fleet.words import Words
from pilesim.platform.ledger import Anomaly, BillSource, Row
from pilesim.platform.orders import Order
from pilesim.platform.shadow import Shadow, silence_ns
from pilesim.trace.decoder import Seen
from pilesim.trace.events import Missing
from pilesim.units import S, numbered
from pilesim.wire.dialects import remember
from pilesim.wire.messages import Alive, GunReport
from pilesim.wire.protocol import protocol_named

ENDING_NS = 1 * S
"""A loss of the line that is over with the last log so soon is none."""
_LOST = frozenset({Anomaly.BILL_LOST, Anomaly.BILL_LOST_OFFLINE})


def pile_row(logs: list[Log], folder: Path) -> PileRow:
    """What the logs of one pile come to. A PilesimError where its protocol has no contract, or a log no longer reads.

    `folder` is what files are named from.
    """
    for log in logs:
        if log.header.dialect:
            # Another process may have read it first.
            remember(log.header.dialect, f"{log.path}: dialect")
    protocol = _protocol(logs)
    contract = contract_of(protocol)
    merged = Merged(logs, protocol)
    limit_ns = silence_ns(contract)
    gaps_ns = merged.gaps_ns(limit_ns)
    start_ns = merged.logs[0].start_ns
    pile = merged.logs[0].pile
    # A log in words that names no pile has nothing for the ledger either.
    number = pile if pile.isdecimal() else "0" * protocol_named(protocol).pile_digits
    shadow = Shadow(number, protocol=protocol_named(protocol), contract=contract, world_start_ns=start_ns)
    one_sided = any(Missing.DOWN in log.header.missing for log in logs)
    watch = _Watch(pile, limit_ns, gaps_ns)
    words = Words(pile)
    next_gap = 0
    is_line_up = False
    for passed in merged:
        t_ns = passed.t_ns - start_ns
        while next_gap < len(gaps_ns) and gaps_ns[next_gap][1] <= passed.t_ns:
            shadow.gap()
            next_gap += 1
        if not isinstance(passed.what, Seen) or not passed.what.decoded.untold:
            # Lines in words leave messages out, so that between two of them there is no silence.
            watch.take(passed)
        if isinstance(passed.what, Seen):
            if not is_line_up:
                # A log may begin, or go on, without a word of the connection.
                is_line_up = True
                shadow.line_up(t_ns)
            message = passed.what.decoded.message
            if passed.what.decoded.untold:
                # What a log tells in words, without its figures, is nothing for a ledger.
                words.take(passed.t_ns, passed.what)
                continue
            if message is None:
                continue
            if is_up(passed.what):
                shadow.heard(t_ns, message, adopting=one_sided)
            else:
                shadow.told(t_ns, message)
        else:
            is_line_up = passed.what
            (shadow.line_up if is_line_up else shadow.line_down)(t_ns)
        shadow.take_actions()
    end_ns = max(log.end_ns for log in merged.logs)
    shadow.advance(end_ns - start_ns)
    told = _Told(start_ns=start_ns, gaps_ns=gaps_ns)
    booked = [told.order_row(row, shadow.order_of(row.order)) for row in shadow.rows()]
    return PileRow(
        pile=pile,
        logs=tuple(_log_row(log, folder, merged.used.get(n, "")) for n, log in enumerate(merged.logs)),
        orders=(*booked, *(row for row in words.rows() if row.order not in {one.order for one in booked})),
        drops=watch.finish(end_ns),
        remarks=(*merged.remarks, *_gap_words(gaps_ns)),
    )


def _protocol(logs: list[Log]) -> str:
    """The one that the longest of the logs speaks, captures before logs whose protocol was told by their frames."""
    longest = max(logs, key=lambda log: (log.form == "capture", log.end_ns - log.start_ns))
    return longest.header.protocol


def _gap_words(gaps_ns: list[tuple[int, int]]) -> list[str]:
    if not gaps_ns:
        return []
    return [f"between its logs nothing is known {numbered(len(gaps_ns), 'time[|s]')}"]


def _log_row(log: Log, folder: Path, used: str) -> LogRow:
    return LogRow(
        file=str(log.called.relative_to(folder)) if log.called.is_relative_to(folder) else str(log.called),
        pile=log.pile,
        form=log.form,
        protocol=log.header.protocol,
        vantage=log.vantage,
        start_ns=log.start_ns,
        end_ns=log.end_ns,
        missing=tuple(str(missing) for missing in log.missing),
        unread_count=log.unread_count,
        remarks=log.remarks,
        used=used,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What the logs can tell. Times of the logs are epoch ns."""

    start_ns: int
    gaps_ns: list[tuple[int, int]]

    def order_row(self, row: Row, order: Order | None) -> OrderRow:
        anomalies = set(row.codes)
        undecided = ""
        if order is None:
            if row.start_ns is not None and not self._covers(row.start_ns):
                anomalies.discard(Anomaly.ORDER_UNKNOWN)
                undecided = "began where there is no log"
        elif self._hidden(order):
            anomalies -= _LOST
            if row.bill is BillSource.OWN:
                undecided = "its bill may have come where there is no log"
        elif order.open:
            undecided = "under way when the log ended"
        return OrderRow.of(row, [anomaly for anomaly in Anomaly if anomaly in anomalies], undecided)

    def _covers(self, t_ns: int) -> bool:
        return t_ns >= self.start_ns and not any(since <= t_ns <= until for since, until in self.gaps_ns)

    def _hidden(self, order: Order) -> bool:
        """Whether a part of the waiting for its bill lies where there is no log."""
        if order.own_bill_ns is None or order.seen is None:
            return False
        since_ns, until_ns = self.start_ns + order.seen.last_ns, self.start_ns + order.own_bill_ns
        return any(since < until_ns and until > since_ns for since, until in self.gaps_ns)


class _Watch:
    """Sees when a pile, or a gun of it, is off the line: the line went down, or nothing was heard for too long.

    It is over when it is heard again. What no log covers is no silence.
    """

    def __init__(self, pile: str, limit_ns: int, gaps_ns: list[tuple[int, int]]) -> None:
        self._pile = pile
        self._limit_ns = limit_ns
        self._gaps_ns = gaps_ns
        self._heard_ns: dict[int | None, int] = {}
        self._down_ns: int | None = None
        self._drops: list[Drop] = []

    def take(self, passed: Passed) -> None:
        if passed.what is False:
            if self._down_ns is None:
                self._down_ns = passed.t_ns
        elif isinstance(passed.what, Seen) and is_up(passed.what):
            self._heard(passed.t_ns, None, ended=True)
            message = passed.what.decoded.message
            if isinstance(message, GunReport | Alive):
                self._heard(passed.t_ns, message.gun, ended=True)

    def finish(self, end_ns: int) -> tuple[Drop, ...]:
        """All of them, in the order in which they began."""
        for gun in list(self._heard_ns):
            self._heard(end_ns, gun, ended=False)
        return tuple(sorted(self._drops, key=lambda drop: (drop.since_ns, drop.gun or 0)))

    def _heard(self, now_ns: int, gun: int | None, *, ended: bool) -> None:
        since_ns = self._heard_ns.get(gun)
        self._heard_ns[gun] = now_ns
        down_ns = self._down_ns if gun is None else None
        if gun is None:
            self._down_ns = None
        if since_ns is None:
            return
        silent = now_ns - since_ns > self._limit_ns
        if not silent and down_ns is None:
            return
        # A connection may be given up long after it has fallen silent.
        begun_ns = since_ns if down_ns is None or down_ns - since_ns > self._limit_ns else down_ns
        for since, until in self._gaps_ns:
            if since <= now_ns and until > begun_ns:
                # Only what some log covers counts: up to where the logs break off.
                ended = False
                now_ns = max(begun_ns, since)
        long_enough = now_ns - begun_ns > self._limit_ns or down_ns is not None
        if not ended and now_ns - begun_ns < ENDING_NS:
            # A log often ends with the connection.
            return
        if not long_enough or (gun is not None and self._was_off(begun_ns, now_ns)):
            return
        self._drops.append(
            Drop(pile=self._pile, gun=gun, since_ns=begun_ns, until_ns=now_ns, ended=ended, told=down_ns is not None)
        )

    def _was_off(self, since_ns: int, until_ns: int) -> bool:
        """Whether the whole pile was: then it is no matter of one gun."""
        return any(drop.gun is None and drop.since_ns < until_ns and drop.until_ns > since_ns for drop in self._drops)
