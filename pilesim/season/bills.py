"""Which bills came to the platform, under which order's number, and when.

Owns the way of a bill as it must be: written at the unplug unless a fault's log says otherwise, sent while the line
stands, again where the line's log says that it or its acknowledgement was lost. Must not know what a ledger makes
of it. Times are world ns since the season's start.

A charge leaves under one number only, its own or the one that a record buffer has put over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from pilesim.faulty import Mishap
from pilesim.season.faults import FAULTS_TOLD, Tells
from pilesim.season.truth import Deed, Down, LineLoss
from pilesim.units import S

_SLACK_NS = 5 * S
"""A bill that is due leaves within this, also where a pile that has just got its power back waits for the time."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A bill that the pile has, or will have, to send. It can be lost with the power from `made_ns` on."""

    order: str
    """The number that it carries."""
    charge: str
    """The order whose charge it tells of; "" for an empty record."""
    made_ns: int
    leaves_ns: int


@dataclass(frozen=True, slots=True)
class Arrival:
    t_ns: int
    charge: str
    """The order whose charge the bill tells of; "" for an empty record."""


class Bills:
    """The bills of one pile."""

    def __init__(
        self,
        *,
        deeds: Sequence[Deed],
        mishaps: Sequence[Mishap],
        downs: Sequence[Down],
        losses: Sequence[LineLoss],
        lag_ns: int,
        resend_ns: int,
        answered_ns: int,
    ) -> None:
        """`lag_ns`: from the unplug to the bill, by the firmware's own doing. `answered_ns`: from a bill's coming to
        its acknowledgement.
        """
        self._downs = downs
        self._losses = list(losses)
        self._lag_ns = lag_ns
        self._resend_ns = resend_ns
        self._answered_ns = answered_ns
        self._mishaps: dict[tuple[Tells, str], list[Mishap]] = {}
        for mishap in mishaps:
            self._mishaps.setdefault((FAULTS_TOLD[mishap.fault], mishap.order), []).append(mishap)
        other_bills = [mishap for mishap in mishaps if FAULTS_TOLD[mishap.fault] is Tells.OTHER_BILL]
        self._leaves_as = {mishap.order: mishap.leaves_as for mishap in other_bills if mishap.leaves_as}
        own = {number: deed for deed in deeds if (number := self._number(deed)) is not None}
        kept = [self._own(number, deed) for number, deed in own.items()]
        for mishap in other_bills:
            if not mishap.leaves_as:
                charge = own[mishap.order].order if mishap.order in own else ""
                kept.append(_Kept(mishap.order, charge, mishap.t_ns, mishap.t_ns + mishap.amount))
        by_number: dict[str, list[_Kept]] = {}
        for bill in sorted(kept, key=lambda bill: bill.leaves_ns):
            by_number.setdefault(bill.order, []).append(bill)
        self._arrivals = {number: tuple(self._arriving(bills)) for number, bills in by_number.items()}

    def of(self, order: str) -> tuple[Arrival, ...]:
        """The bills that came with this number, as they came."""
        return self._arrivals.get(order, ())

    def without_number(self, charge: str) -> tuple[Arrival, ...]:
        """The bills of this order's charge that came without a number, as they came."""
        return tuple(arrival for arrival in self._arrivals.get("", ()) if arrival.charge == charge)

    # ---------------------------------------------------------------------------------------------- at the pile

    def _number(self, deed: Deed) -> str | None:
        """The number that the pile writes the bill of this order's charge under; None: there is no bill."""
        number = deed.order
        if not deed.charged:
            # With the cable left in, a firmware that bills early bills a failed start too.
            return number if deed.failed and self._of(Tells.EARLY, number) else None
        while number in self._leaves_as:
            number = self._leaves_as[number]
        return None if self._of(Tells.NO_BILL, number) else number

    def _own(self, number: str, deed: Deed) -> _Kept:
        early = self._of(Tells.EARLY, number)
        return _Kept(
            order="" if self._of(Tells.NO_NUMBER, number) else number,
            charge=deed.order,
            made_ns=deed.began_ns,
            leaves_ns=early[0].t_ns if early else deed.unplugged_ns + self._lag_ns,
        )

    def _of(self, tells: Tells, order: str) -> Sequence[Mishap]:
        return self._mishaps.get((tells, order), ())

    # ---------------------------------------------------------------------------------------------- on the line

    def _arriving(self, bills: Sequence[_Kept]) -> Iterator[Arrival]:
        """Each time that one of the bills with the same number is sent and gets there.

        An acknowledgement names the number: it ends the sending of all that have left under it.
        """
        waiting = [(self._after_line(bill.leaves_ns), n, bill) for n, bill in enumerate(bills)]
        heapify(waiting)
        left: set[int] = set()
        while waiting:
            sent_ns, n, bill = heappop(waiting)
            if any(bill.made_ns < cut.t_ns < sent_ns for cut in self._of(Tells.POWERLESS, bill.order)):
                continue
            left.add(n)
            loss = self._take_loss(bill.order, sent_ns)
            if loss is None or loss.acknowledgement:
                yield Arrival(sent_ns, bill.charge)
            if loss is None and not self._goes_down(sent_ns, sent_ns + self._answered_ns):
                waiting = [entry for entry in waiting if entry[1] not in left]
                heapify(waiting)
                continue
            again_ns = self._again_ns(sent_ns)
            if not any(abs(end.t_ns - again_ns) <= _SLACK_NS for end in self._of(Tells.GIVEN_UP, bill.order)):
                heappush(waiting, (again_ns, n, bill))

    def _take_loss(self, order: str, sent_ns: int) -> LineLoss | None:
        """What became of a bill that was sent then; each loss is that of one sending."""
        for loss in self._losses:
            if loss.order == order and sent_ns <= loss.t_ns < sent_ns + _SLACK_NS:
                self._losses.remove(loss)
                return loss
        return None

    def _goes_down(self, since_ns: int, until_ns: int) -> Down | None:
        """The outage that begins from `since_ns` to before `until_ns`. What leaves as it begins has left."""
        return next((down for down in self._downs if since_ns <= down.since_ns < until_ns), None)

    def _again_ns(self, sent_ns: int) -> int:
        """When an unacknowledged bill is sent again: as soon as a lost line is back, else when its time has come."""
        due_ns = sent_ns + self._resend_ns
        down = self._goes_down(sent_ns, due_ns)
        return due_ns if down is None else down.until_ns

    def _after_line(self, t_ns: int) -> int:
        """`t_ns`, or when the line is back."""
        return next((down.until_ns for down in self._downs if down.since_ns < t_ns < down.until_ns), t_ns)
