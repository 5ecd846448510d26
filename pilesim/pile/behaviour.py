"""What the firmware decides: one small method a decision, each with the answer of a pile in good order.

Owns the reference answers and nothing that happens. The firmware proper asks and obeys; a fault wraps a
Behaviour and answers one or two questions differently, so that no fault is a flag in the firmware.
Instants and durations are ns; guns count from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pilesim.contract.contract import Refusal
from pilesim.pile.store import Authorisation, KeptBill, Record
from pilesim.wire.frame import Frame
from pilesim.wire.messages import Bill, GunReport, Message, Start


@dataclass(frozen=True, slots=True)
class LateBill:
    """A bill that no charge has earned, and when it leaves."""

    after_ns: int
    bill: Bill


class Behaviour:
    """The reference firmware's decisions. Stateless; faults keep what they must remember themselves."""

    # --- power and clock

    def powered_up(self) -> None:
        """The pile has booted: whatever was held in memory is empty."""

    def clock_ahead_ns(self, ahead_ns: int | None) -> int | None:
        """How far the clock is off at power-up; None: not set."""
        return ahead_ns

    def clock_drift_ns_per_day(self) -> int:
        return 0

    def takes_time(self) -> bool:
        """Whether the platform's time sets the clock."""
        return True

    # --- line

    def redial_after_ns(self, usual_ns: int) -> int | None:
        """When to dial again after a lost line; None: never."""
        return usual_ns

    def hangs_up_after_ns(self) -> int | None:
        """How long a connection is kept; None: as long as it lasts."""
        return None

    def hears_on_after_garbage(self) -> bool:
        return True

    def answers(self, reply: Message) -> bool:
        """Whether `reply`, due to a command, is sent."""
        return True

    def answered_frame(self, frame: Frame) -> Frame:
        """The request that a reply says it answers."""
        return frame

    def outgoing(self, message: Message) -> Message:
        """Any message on its way out."""
        return message

    def outgoing_bytes(self, message: Message, data: bytes) -> bytes:
        """The frame of `message` on its way out."""
        return data

    # --- orders

    def scanned(self, held: Authorisation | None, new: Authorisation) -> Authorisation:
        """What a gun that does not charge holds after a scan: the new order replaces the held one."""
        return new

    def scanned_in_charge(self, running: Authorisation, new: Authorisation) -> Authorisation:
        """What the running charge is charged on after a scan in the midst of it."""
        return running

    def record_after_scan(self, record: Record, new: Authorisation) -> Record:
        """The ended charge's record, not billed yet, after the next order's scan."""
        return record

    def tapped(self, held: Authorisation) -> Authorisation:
        """The held order after a tap on the screen."""
        return held

    def authorisation_life_ns(self, usual_ns: int) -> int | None:
        """How long an order that nobody starts is held; None: for ever."""
        return usual_ns

    def authorisation_for(self, held: Authorisation | None, start: Start, now_ns: int) -> Authorisation | None:
        """The order that a start is for: the held one, when it is the same account's."""
        return held if held is not None and start.account in (None, held.account) else None

    def refuses_start(self, authorisation: Authorisation | None, obstacles: tuple[Refusal, ...]) -> Refusal | None:
        """Why a start cannot be, given all that stands against it; None: it can."""
        return obstacles[0] if obstacles else None

    def shows_charging_in_start(self, authorisation: Authorisation) -> bool:
        """Whether the gun reports itself charging before current flows."""
        return False

    def tells_failed_start(self, authorisation: Authorisation) -> bool:
        return True

    def begins_again(self, authorisation: Authorisation) -> bool:
        """Whether a second start of the running charge begins it again."""
        return False

    def obeys_stop(self, authorisation: Authorisation) -> bool:
        return True

    def stops_at_balance(self, authorisation: Authorisation) -> bool:
        return True

    def authorisation_after_reconnect(self, running: Authorisation) -> Authorisation:
        """What the running charge is charged on once the line is back."""
        return running

    def keeps_order_without_line(self, order: str) -> bool:
        """Whether an authorised or running order outlives the line."""
        return True

    # --- safety

    def insulation_passes(self, gun: int, isolated: bool) -> bool:
        """The insulation test's result, given the car's insulation."""
        return isolated

    def charges_on_unplugged_ns(self, gun: int) -> int:
        """For how long a charge goes on after the cable was pulled."""
        return 0

    def unplug_seen_after_ns(self, gun: int) -> int:
        """How long the contact takes to tell that the cable is out."""
        return 0

    # --- what is told of a gun

    def report(self, report: GunReport) -> GunReport | None:
        """A heartbeat or a change on its way out; None: it is not sent."""
        return report

    def says_alive(self, gun: int) -> bool:
        """Whether the gun tells, when it is time, that it is there, where that is not its report."""
        return True

    # --- bills

    def keeps_bill(self, record: Record) -> bool:
        """Whether an ended charge's bill is kept at all."""
        return True

    def bill_after_ns(self, record: Record) -> int:
        """How long after the occupancy's end its bill may leave."""
        return 0

    def bill_before_leave_ns(self, gun: int) -> int | None:
        """How long after a charge or a failed start the bill leaves though the cable is in; None: it does not."""
        return None

    def order_without_charge(self, gun: int, authorisation: Authorisation, waiting: bool) -> LateBill | None:
        """What is billed for an order that ended without a charge. `waiting`: an older record is unbilled still."""
        return None

    def booked(self, record: Record) -> Record:
        """The record that the bill is written from."""
        return record

    def billed_dwh(self, record: Record, stages_dwh: tuple[int, ...]) -> tuple[int, ...]:
        """Energy of each half-hour, as billed."""
        return stages_dwh

    def priced_half_hour(self, record: Record, stage: int, half: int) -> int:
        """The half-hour (from 1970) whose price stage number `stage` is billed at."""
        return half

    def written(self, record: Record, bill: Bill) -> Bill:
        """The bill as it is kept, and sent."""
        return bill

    def resends(self, bill: Bill) -> bool:
        """Whether a bill that was sent and not acknowledged is sent again."""
        return True

    def rewritten(self, bill: Bill, times_left: int) -> Bill:
        """The bill as it is sent again, having left `times_left` times."""
        return bill

    def leaving_order(self, bills: Sequence[KeptBill]) -> Sequence[KeptBill]:
        """In which order bills leave, given oldest first."""
        return bills

    def start_waits_for_bills(self, gun: int, pending: int) -> bool:
        """Whether the `pending` bills, if any, leave before a start is answered."""
        return True

    def keeps_records_without_power(self, orders: Sequence[str]) -> bool:
        """Whether bills and records outlive a power loss; `orders` are those of all that there are."""
        return True
