"""The end of an occupancy: when the record of an ended charge becomes a bill.

Owns that moment, by the contract and by what a faulty firmware makes of it. Must not know how the charge ended, nor
what a bill says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pilesim.contract.contract import BillDue
from pilesim.pile.store import GunStore, Record
from pilesim.pile.surroundings import Surroundings
from pilesim.pile.works import Works


class Occupancy:
    """`changed` is told where the end of it is to be seen, and nobody else would say so."""

    def __init__(
        self, gun: int, works: Works, kept: GunStore, around: Surroundings, *, changed: Callable[[], None]
    ) -> None:
        self._gun = gun
        self._works = works
        self._kept = kept
        self._around = around
        self._changed = changed

    def end(self) -> None:
        """The cable is out, or the next order begins on it: the ended charge's bill is due."""
        record = self._kept.record
        if record is not None:
            # The bill is in the store before the record leaves it: between the two writes the power may go.
            self._works.bills.close(replace(record, leave_ns=self._works.now_ns))
            self._kept.record = None

    def charge_over(self) -> None:
        """The charge is over, and with it the order where its bill does not wait for the end of the occupancy."""
        if self._works.contract.bill_due is BillDue.END:
            self.end()
            if self._around.out_of_service:
                # What was put off while the order lasted.
                self._changed()

    def bill_charge_early(self, ended: Record) -> None:
        """Bill a charge with the cable still in: what only a faulty firmware does."""
        early_ns = self._works.behaviour.bill_before_leave_ns(self._gun)
        if early_ns is not None and self._around.cable:
            self._works.timeline.start(self._bill_charge(early_ns, ended))

    def _bill_charge(self, wait_ns: int, ended: Record) -> Iterator[int]:
        yield wait_ns
        record = self._kept.record
        if record is not None and self._around.cable and record.start_ns == ended.start_ns:
            self._works.bills.close(record)
            self._kept.record = None
            self._changed()

    def bill_failed_start_early(self, failed: Record) -> None:
        """Bill what never charged, with the cable still in: what only a faulty firmware does.

        `failed` is what such a firmware takes for the charge's record.
        """
        early_ns = self._works.behaviour.bill_before_leave_ns(self._gun)
        if early_ns is not None and self._around.cable and self._kept.record is None:
            self._works.timeline.start(self._bill_failed_start(early_ns, failed))

    def _bill_failed_start(self, wait_ns: int, failed: Record) -> Iterator[int]:
        yield wait_ns
        if self._kept.arrive_ns == failed.arrive_ns:
            self._works.bills.close(failed)
