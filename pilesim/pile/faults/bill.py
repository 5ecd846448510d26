"""Faults of bills: lost, late, early, stale, repeated, or wrong in what they say.

Owns how a firmware spoils its records. Must not know when a bill is written or sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import structs

from pilesim.chance import Chance
from pilesim.faulty import NoParameters
from pilesim.pile.behaviour import LateBill
from pilesim.pile.faults.fault import Fault
from pilesim.pile.store import Authorisation, KeptBill, Record
from pilesim.quantities import Duration, Fraction
from pilesim.units import DAY, FEN_MFEN, MINUTE, MS, S, format_duration, round_half_up
from pilesim.wire.messages import NO_TIME, Bill, BillPeriod, Stamp, StopReason

_NOTHING = BillPeriod(price_mfen=0, energy_dwh=0, lossy_dwh=0, amount_mfen=0)
_RATE_STEPS = 1_000_000
"""Rates are compared as whole millionths, so that the outcome does not hang on how a machine rounds."""


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rate: Fraction = Fraction(1)
    """How many of the bills, from 0 to 1."""

    def strikes(self, chance: Chance) -> bool:
        """Whether the next bill is one of them."""
        return chance.below(_RATE_STEPS) < round(self.rate * _RATE_STEPS)


class BillLost(Fault[Rate]):
    name = "bill-lost"
    title = "A bill is lost in the pile and never leaves."
    catches = ("bill.one-per-charge", "bill.prompt")
    case = "zpd-3, zpd-7"
    parameters = Rate

    def keeps_bill(self, record: Record) -> bool:
        lost = self.params.strikes(self.chance)
        if lost:
            order = record.authorisation.order
            self.happened(f"the bill of order {order!r} is lost", order)
        return not lost and self.inner.keeps_bill(record)


class UnplugLagTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lag: Duration = Duration(49 * MINUTE + 41 * S)
    """From the unplug to the bill."""


class UnplugLag(Fault[UnplugLagTime]):
    name = "unplug-lag"
    title = "The bill leaves long after the unplug."
    catches = ("bill.prompt", "bill.at-once")
    case = "szds-33, szds-32.7"
    parameters = UnplugLagTime

    def bill_after_ns(self, record: Record) -> int:
        lag = format_duration(self.params.lag)
        order = record.authorisation.order
        self.happened(f"the bill of order {order!r} is held for {lag}", order, self.params.lag)
        return self.inner.bill_after_ns(record) + self.params.lag


class After(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Duration = Duration(MINUTE)
    """From the end of the charge, or of the failed start."""


class BillBeforeUnplug(Fault[After]):
    """The pile closes the order on a timer and forgets the car: the leave time is empty, and the gun says idle.

    It does so after a failed start too, and has then a bill for an order that never charged.
    """

    name = "bill-before-unplug"
    title = "With the cable left in, the bill leaves early, without a leave time, and the gun reports idle."
    catches = (
        *("bill.after-unplug", "bill.times", "beat.occupied-while-cabled", "bill.none-unstarted"),
        "start.refused",
    )
    case = "szds-32.6 to 32.9, szds-31"
    parameters = After

    def bill_before_leave_ns(self, gun: int) -> int | None:
        return self.params.after

    def written(self, record: Record, bill: Bill) -> Bill:
        if record.leave_ns is None:
            self.happened(f"gun {bill.gun}: the bill of order {bill.order!r} leaves before the cable", bill.order)
        return self.inner.written(record, bill)


class Delay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    delay: Duration = Duration(MINUTE + 22_700 * MS)
    """From the end of the order to its bill (szds-16a)."""


class RecordBuffer(Fault[Delay]):
    """One record a gun, in memory: written by a charge, and sent by the end of every order, charged or not.

    Empty after boot it is zero throughout but for the order's number (szds-16a). Filled, it is the last bill:
    already sent, it goes out again as it was (szds-25); not sent yet, the next scan has put the new order's
    number into it, and the old order never gets its bill (szds-26).
    """

    name = "record-buffer"
    title = "An order that ends without a charge sends the one record that there is: the last bill, or an empty one."
    catches: ClassVar[tuple[str, ...]] = (
        *("bill.none-unstarted", "bill.times", "bill.not-stale", "bill.one-per-charge"),
        "start.refused",
    )
    case = "szds-16a, szds-25, szds-26"
    parameters = Delay
    sends_empty = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._sent: dict[int, Bill] = {}

    def powered_up(self) -> None:
        self._sent.clear()
        self.inner.powered_up()

    def record_after_scan(self, record: Record, new: Authorisation) -> Record:
        record = self.inner.record_after_scan(record, new)
        old = record.authorisation
        text = f"gun {record.gun}: the record of order {old.order!r} is overwritten with order {new.order!r}"
        self.happened(text, old.order, leaves_as=new.order)
        return replace(record, authorisation=replace(old, order=new.order))

    def written(self, record: Record, bill: Bill) -> Bill:
        bill = self.inner.written(record, bill)
        self._sent[bill.gun] = bill
        return bill

    def order_without_charge(self, gun: int, authorisation: Authorisation, waiting: bool) -> LateBill | None:
        inner = self.inner.order_without_charge(gun, authorisation, waiting)
        if waiting:
            # The overwritten record has not been sent; it leaves with the cable, under the new order's number.
            return inner
        last = self._sent.get(gun)
        if last is not None:
            text = f"gun {gun}: order {authorisation.order!r} ends and sends the bill of {last.order!r} again"
            self.happened(text, last.order, self.params.delay)
            return LateBill(self.params.delay, last)
        if not self.sends_empty:
            return inner
        text = f"gun {gun}: order {authorisation.order!r} ends and sends an empty record"
        self.happened(text, authorisation.order, self.params.delay)
        return LateBill(self.params.delay, _empty_bill(gun, authorisation))


def _empty_bill(gun: int, authorisation: Authorisation) -> Bill:
    periods = (_NOTHING,) * len(authorisation.tariff.rates)
    return Bill(
        gun=gun,
        order=authorisation.order,
        arrive=NO_TIME,
        start=NO_TIME,
        end=NO_TIME,
        leave=NO_TIME,
        charge_minutes=0,
        stages_dwh=(),
        meter_start_dwh=0,
        meter_end_dwh=0,
        charge_fee_mfen=0,
        service_fee_mfen=0,
        occupancy_minutes=0,
        occupancy_fee_mfen=0,
        # Zero in its byte, like all the rest, which no list of reasons has.
        stop_reason=StopReason.UNKNOWN,
        stop_code=0,
        periods=periods,
        amount_mfen=0 if periods else None,
    )


class AtOnce(Delay, frozen=True):
    delay: Duration = Duration(S)
    """From the end of the order to the last bill again: at once (szds-25)."""


class StaleBill(RecordBuffer):
    """The record buffer of a firmware that sends nothing while it is empty."""

    name = "stale-bill"
    title = "An order that ends without a charge sends the last bill again."
    catches = ("bill.none-unstarted", "bill.not-stale", "bill.one-per-charge")
    case = "szds-25, szds-26"
    parameters = AtOnce
    sends_empty = False


class BillEmptyOrder(Fault[NoParameters]):
    name = "bill-empty-order"
    title = "Bills carry no order."
    catches = ("bill.order-known",)
    case = "szds-16b"

    def written(self, record: Record, bill: Bill) -> Bill:
        self.happened(f"the bill of order {bill.order!r} leaves without its number", bill.order)
        return structs.replace(self.inner.written(record, bill), order="")


class BillChanges(Fault[NoParameters]):
    name = "bill-changes"
    title = "A bill that is sent again says something else: a fen more at each time."
    catches = ("bill.one-per-charge",)

    def rewritten(self, bill: Bill, times_left: int) -> Bill:
        self.happened(f"the bill of order {bill.order!r} is changed, having left {times_left} times", bill.order)
        bill = self.inner.rewritten(bill, times_left)
        if bill.amount_mfen is not None:
            return structs.replace(bill, amount_mfen=bill.amount_mfen + FEN_MFEN)
        return structs.replace(bill, charge_fee_mfen=(bill.charge_fee_mfen or 0) + FEN_MFEN)


class BillNotResent(Fault[NoParameters]):
    name = "bill-not-resent"
    title = "A bill leaves once, whether it is acknowledged or not."
    catches = ("bill.resent",)
    case = "zpd-3, zpd-7"

    def resends(self, bill: Bill) -> bool:
        self.happened(f"the unacknowledged bill of order {bill.order!r} is given up", bill.order)
        return False


class BillsNewestFirst(Fault[NoParameters]):
    name = "bills-newest-first"
    title = "Waiting bills leave newest first, and no start waits for them."
    catches = ("bill.oldest-first",)
    case = "szds-33"

    def leaving_order(self, bills: Sequence[KeptBill]) -> Sequence[KeptBill]:
        if len(bills) > 1:
            self.happened(f"{len(bills)} bills leave newest first")
        return tuple(reversed(self.inner.leaving_order(bills)))

    def start_waits_for_bills(self, gun: int, pending: int) -> bool:
        if pending:
            self.happened(f"gun {gun}: a start is answered before the bills that wait")
        return False


class BillLostInPowerCut(Fault[NoParameters]):
    name = "bill-lost-in-power-cut"
    title = "Bills and records do not outlive a power loss."
    catches = ("bill.survives-outage", "bill.one-per-charge")
    case = "zpd-3"

    def keeps_records_without_power(self, orders: Sequence[str]) -> bool:
        for order in orders:
            self.happened(f"the bill or record of order {order!r} is lost with the power", order)
        return False


class EnergyLost(Fault[Rate]):
    name = "energy-lost"
    title = "The bill says that no energy flowed."
    catches = ("bill.energy",)
    case = "zpd-7 (11)"
    parameters = Rate

    def billed_dwh(self, record: Record, stages_dwh: tuple[int, ...]) -> tuple[int, ...]:
        stages_dwh = self.inner.billed_dwh(record, stages_dwh)
        if not self.params.strikes(self.chance):
            return stages_dwh
        if any(stages_dwh):
            order = record.authorisation.order
            self.happened(f"the energy of order {order!r} is lost", order, sum(stages_dwh))
        return tuple(0 for _ in stages_dwh)


class By(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: Duration = Duration(5 * MINUTE + 36 * S)
    """How far the two ends lie apart (zpd-4)."""


class HowOftenBy(Rate, frozen=True):
    by: Duration = By().by
    """How much earlier the end lies."""


class DurationWrong(Fault[HowOftenBy]):
    name = "duration-wrong"
    title = "The record's end lies before the charge's."
    catches = ("bill.duration",)
    case = "zpd-7 (9)"
    parameters = HowOftenBy

    def booked(self, record: Record) -> Record:
        record = self.inner.booked(record)
        if not self.params.strikes(self.chance):
            return record
        order = record.authorisation.order
        end_ns = max(record.start_ns, record.end_ns - self.params.by)
        short_ns = record.end_ns - end_ns
        self.happened(f"order {order!r} is {format_duration(short_ns)} too short", order, short_ns)
        return replace(record, end_ns=end_ns)


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    billed_permille: Annotated[int, msgspec.Meta(ge=0, le=2000)] = 936
    """What is billed of a kWh of the meter's, in thousandths (93.6 % at zpd-2's site A)."""


class LossFactor(Fault[Share]):
    name = "loss-factor"
    title = "A wrong loss factor: the bill's energy is not the meter's."
    catches = ("bill.energy",)
    case = "zpd-2"
    parameters = Share

    def billed_dwh(self, record: Record, stages_dwh: tuple[int, ...]) -> tuple[int, ...]:
        stages_dwh = self.inner.billed_dwh(record, stages_dwh)
        # A bill carries 0.01 kWh, and so does a wrong one.
        billed = tuple(round_half_up(dwh * self.params.billed_permille, 100_000) * 100 for dwh in stages_dwh)
        if billed != stages_dwh:
            order = record.authorisation.order
            billed_away_dwh = abs(sum(stages_dwh) - sum(billed))
            self.happened(f"order {order!r} is billed {self.params.billed_permille} permille", order, billed_away_dwh)
        return billed


class WrongPrice(Fault[NoParameters]):
    name = "wrong-price"
    title = "Each stage is billed at the price of the half-hour twelve hours away."
    catches = ("bill.amount",)
    case = "szds-30"

    def priced_half_hour(self, record: Record, stage: int, half: int) -> int:
        order = record.authorisation.order
        self.happened(f"order {order!r} is billed at another half-hour's price", order)
        return self.inner.priced_half_hour(record, stage, half) + 24


class PriceOfTheStart(Fault[NoParameters]):
    name = "price-of-the-start"
    title = "The whole charge is billed at the price of the half-hour in which it began."
    catches = ("bill.amount",)

    def priced_half_hour(self, record: Record, stage: int, half: int) -> int:
        if stage:
            order = record.authorisation.order
            self.happened(f"order {order!r} is billed at the price it began with", order)
        return self.inner.priced_half_hour(record, stage, half) - stage


class OccupancyFromWrongEnd(Fault[By]):
    """As in zpd-4: two ends of one charge, one in the record, the other, earlier, under the occupancy fee."""

    name = "occupancy-from-wrong-end"
    title = "The bill shows one end of the charge, and counts the occupancy from an earlier one."
    catches = ("bill.occupancy", "bill.duration")
    case = "zpd-4"
    parameters = By

    def written(self, record: Record, bill: Bill) -> Bill:
        bill = self.inner.written(record, bill)
        end, leave, start = bill.end, bill.leave, bill.start
        if end is None or leave is None or end.epoch_ns is None or leave.epoch_ns is None or start.epoch_ns is None:
            return bill
        shown_ns = min(leave.epoch_ns, end.epoch_ns + self.params.by)
        if shown_ns == end.epoch_ns:
            return bill
        late_ns = shown_ns - end.epoch_ns
        late = format_duration(late_ns)
        text = f"order {bill.order!r} shows its end {late} after the one its occupancy is counted from"
        self.happened(text, bill.order, late_ns)
        return structs.replace(bill, end=Stamp(shown_ns), charge_minutes=(shown_ns - start.epoch_ns) // MINUTE)


class Near(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    near: Duration = Duration(30 * MINUTE)
    """How near to midnight a cable must be pulled."""


class LeaveADayLate(Fault[Near]):
    name = "leave-a-day-late"
    title = "Near midnight the leave time gets the next day's date."
    catches = ("bill.plug-times", "bill.times")
    case = "zpd-4"
    parameters = Near

    def written(self, record: Record, bill: Bill) -> Bill:
        bill = self.inner.written(record, bill)
        if bill.leave is None or bill.leave.epoch_ns is None:
            return bill
        since_midnight_ns = (bill.leave.epoch_ns + 8 * 60 * MINUTE) % DAY
        if min(since_midnight_ns, DAY - since_midnight_ns) > self.params.near:
            return bill
        self.happened(f"order {bill.order!r} is left a day late", bill.order)
        return structs.replace(bill, leave=Stamp(bill.leave.epoch_ns + DAY))


class WrongStopReason(Fault[NoParameters]):
    name = "wrong-stop-reason"
    title = "Every bill says an unexpected stop (99), and one that was unexpected says the platform."
    catches = ("bill.stop-reason",)
    case = "zpd-4"

    def written(self, record: Record, bill: Bill) -> Bill:
        bill = self.inner.written(record, bill)
        told = StopReason.PLATFORM if bill.stop_reason is StopReason.UNEXPECTED else StopReason.UNEXPECTED
        self.happened(f"order {bill.order!r} ended by {bill.stop_reason} and says {told}", bill.order)
        return structs.replace(bill, stop_reason=told)


GROUP: tuple[type[Fault[Any]], ...] = (
    BillLost,
    UnplugLag,
    BillBeforeUnplug,
    RecordBuffer,
    StaleBill,
    BillEmptyOrder,
    BillChanges,
    BillNotResent,
    BillsNewestFirst,
    BillLostInPowerCut,
    EnergyLost,
    DurationWrong,
    LossFactor,
    WrongPrice,
    PriceOfTheStart,
    OccupancyFromWrongEnd,
    LeaveADayLate,
    WrongStopReason,
)
