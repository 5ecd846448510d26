"""What known field cases and faults look like in a recording: one table.

Owns the signatures and the words for what an order's life shows. Must not know how they are weighed. A signature is of
two parts: what all hold of the life of one order, and findings of rules, by what they say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pilesim.diagnosis.story import Life, Sent, Story
from pilesim.units import FEN_MFEN, MINUTE, S
from pilesim.wire.messages import StopReason

LATE_NS = MINUTE
"""A bill that comes so long after the cable was pulled is late."""

Shows = Callable[[Story, Life], bool]


def _carried(sent: Sent) -> dict[str, bool]:
    """The times that a bill carries, and whether each is empty."""
    bill = sent.bill
    stamps = {"arrive": bill.arrive, "start": bill.start, "end": bill.end, "leave": bill.leave}
    return {name: stamp.is_none for name, stamp in stamps.items() if stamp is not None}


def all_empty(sent: Sent) -> bool:
    """No time in it is one (1999 to a lenient calendar)."""
    told = _carried(sent)
    return bool(told) and all(told.values())


def leave_empty(sent: Sent) -> bool:
    """Of its times only the leave is none."""
    told = _carried(sent)
    return told.get("leave", False) and not told.get("start", True)


def unstarted(story: Story, life: Life) -> bool:
    return not life.charged


def charged(story: Story, life: Life) -> bool:
    return life.charged


def stopped(story: Story, life: Life) -> bool:
    return life.stop_ns is not None and (life.ended_ns is None or life.stop_ns < life.ended_ns)


def given_up(story: Story, life: Life) -> bool:
    """The pile ended it, and nobody had started it."""
    return life.ended_ns is not None and life.start_sent_ns is None


def failed(story: Story, life: Life) -> bool:
    """Its start came to nothing, and the pile told so."""
    return life.start_sent_ns is not None and life.ended_ns is not None and life.ended_ns >= life.start_sent_ns


def fails_late(story: Story, life: Life) -> bool:
    """The pile was long about it: a car that does not answer, not a refusal."""
    return life.ended_ns is not None and life.start_sent_ns is not None and life.ended_ns - life.start_sent_ns > 20 * S


def billed_empty(story: Story, life: Life) -> bool:
    return any(all_empty(sent) for sent in life.bills)


def billed_without_leave(story: Story, life: Life) -> bool:
    return any(leave_empty(sent) for sent in life.bills)


def no_bill(story: Story, life: Life) -> bool:
    return not life.bills


def orderless_bill(story: Story, life: Life) -> bool:
    return life.orderless_ns is not None


def empty_start_time(story: Story, life: Life) -> bool:
    return life.start_empty_ns is not None


def billed_again(story: Story, life: Life) -> bool:
    """Its bill, which was acknowledged, came again after the next order, which never charged."""
    return (
        life.next_ns is not None and life.next_unstarted and any(s.again and s.t_ns > life.next_ns for s in life.bills)
    )


def of_another(story: Story, life: Life) -> Life | None:
    """The order whose start and end this one's bill has."""
    for sent in life.bills:
        for other in story.lives:
            start, end = sent.bill.start, sent.bill.end
            if other is life or start is None or start.epoch_ns is None or not other.charged or life.charged:
                continue
            began, over = other.order.first, other.over_ns
            at_ns = start.epoch_ns - story.start_epoch_ns
            inside = began is not None and abs(at_ns - began.t_ns) <= LATE_NS
            if inside and (
                end is None
                or over is None
                or end.epoch_ns is None
                or abs(end.epoch_ns - story.start_epoch_ns - over) <= 2 * LATE_NS
            ):
                return other
    return None


def billed_as_another(story: Story, life: Life) -> bool:
    return of_another(story, life) is not None


def late_bill(story: Story, life: Life) -> bool:
    return bool(life.bills) and life.left_ns is not None and life.bills[0].t_ns - life.left_ns > LATE_NS


def next_before_bill(story: Story, life: Life) -> bool:
    """Another order was authorised after its charge and before its bill, and its cable was left."""
    over_ns, bill_ns = life.over_ns, life.bills[0].t_ns if life.bills else None
    if over_ns is None or life.left_ns is None:
        return False
    return any(
        other is not life
        and (at := other.order.authorised_ns) is not None
        and at >= over_ns
        and (bill_ns is None or at < bill_ns)
        for other in story.lives
    )


def stopped_meanwhile(story: Story, life: Life) -> bool:
    return life.stopped_meanwhile_ns is not None


def no_balance(story: Story, life: Life) -> bool:
    return life.order.balance_mfen == 0


def with_fault(story: Story, life: Life) -> bool:
    return life.order.fault_seen or life.order.fault_ns is not None


def insulation_failed(story: Story, life: Life) -> bool:
    return life.insulation_ns is not None


def past_balance(story: Story, life: Life) -> bool:
    """It was billed more than its balance, by more than one heartbeat could bring."""
    balance = life.order.balance_mfen
    spare = life.order.gain_mfen + FEN_MFEN
    return balance is not None and any(sent.bill.fees_mfen > balance + spare for sent in life.bills)


def short_charge(story: Story, life: Life) -> bool:
    """By its bill it charged for less than a minute."""
    return any(
        start.epoch_ns is not None and end.epoch_ns is not None and 0 <= end.epoch_ns - start.epoch_ns < MINUTE
        for sent in life.bills
        if (start := sent.bill.start) is not None and (end := sent.bill.end) is not None
    )


def occupancy_billed(story: Story, life: Life) -> bool:
    return any((sent.bill.occupancy_fee_mfen or 0) > 0 for sent in life.bills)


def at_pile(story: Story, life: Life) -> bool:
    """Its user stopped it at the pile."""
    reasons = {sent.bill.stop_reason for sent in life.bills}
    return life.order.at_pile_ns is not None or (StopReason.AT_PILE in reasons and life.stop_ns is None)


def line_lost(story: Story, life: Life) -> bool:
    return life.lost_line


def power_lost(story: Story, life: Life) -> bool:
    return life.lost_power


@dataclass(frozen=True, slots=True)
class Says:
    """A finding of `rule`; `words` is a pattern in what was expected and found, "" for any."""

    rule: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """One thing that can be behind findings."""

    name: str
    """The field case, or the fault of firmware or platform that no case shows."""
    title: str
    life: tuple[Shows, ...] = ()
    """What all hold of one order."""
    says: tuple[Says, ...] = ()
    """Findings that all have to be there."""
    explains: tuple[str, ...] = ()
    """Rules whose findings it accounts for beside those of `says`; `bill.` stands for all that begin so."""
    faults: tuple[str, ...] = ()
    """The faults that show it: `record-buffer`, `platform no-reply`."""
    cases: tuple[str, ...] = ()
    """Other field cases of the same make."""
    right: bool = False
    """Nothing is wrong: what somebody complained of was the pile's due."""

    @property
    def rules(self) -> frozenset[str]:
        """All rules whose findings it accounts for."""
        return frozenset((*self.explains, *(says.rule for says in self.says)))


_LATE = ("bill.prompt", "bill.at-once")
_GONE = (*_LATE, "bill.one-per-charge")
_EARLY = ("beat.occupied-while-cabled", "beat.legal-path", "bill.after-unplug", "bill.times")
_EMPTY = ("frame.valid", "bill.none-unstarted", "bill.times")

SIGNATURES: tuple[Signature, ...] = (
    # The record buffer, which is sent whenever an order ends without a charge.
    Signature(
        "szds-16a",
        "an order that was never started has a bill with empty times",
        life=(unstarted, stopped, billed_empty),
        explains=_EMPTY,
        faults=("record-buffer",),
        cases=("szds-15", "szds-19"),
    ),
    Signature(
        "szds-17",
        "an order that the pile gave up itself has a bill with empty times",
        life=(unstarted, given_up, billed_empty),
        explains=_EMPTY,
        faults=("record-buffer",),
        cases=("szds-15", "szds-19"),
    ),
    Signature(
        "record-buffer",
        "an order that came to nothing has a bill with empty times",
        life=(unstarted, billed_empty),
        explains=_EMPTY,
        faults=("record-buffer",),
        cases=("szds-16a", "szds-17"),
    ),
    Signature(
        "szds-25",
        "the bill before comes again when the next order ends unstarted",
        life=(billed_again,),
        explains=("bill.none-unstarted", "bill.not-stale"),
        faults=("stale-bill", "record-buffer"),
    ),
    Signature(
        "szds-26",
        "an order that never charged is billed with another's data, which gets no bill of its own",
        life=(unstarted, billed_as_another),
        explains=("bill.none-unstarted", "bill.not-stale", *_GONE),
        faults=("stale-bill", "record-buffer"),
        cases=("szds-23",),
    ),
    # Taps on the screen.
    Signature(
        "szds-16b",
        "the order was cleared before its late start: a charge since 1999, and a bill without an order",
        life=(orderless_bill, empty_start_time),
        explains=("beat.start-time", "auth.kept", "start.delayed", "bill.order-known", "beat.order", *_GONE),
        faults=("taps-clear-order",),
        cases=("szds-16",),
    ),
    # The bill before the unplug.
    Signature(
        "szds-32.9",
        "the bill leaves before the unplug, without a leave time, and the gun goes idle",
        life=(charged, billed_without_leave),
        explains=_EARLY,
        faults=("bill-before-unplug",),
        cases=("szds-32",),
    ),
    Signature(
        "szds-32.8",
        "a fault ends the charge, and the bill leaves before the unplug, without a leave time",
        life=(charged, billed_without_leave, with_fault),
        explains=_EARLY,
        faults=("bill-before-unplug",),
        cases=("szds-32",),
    ),
    Signature(
        "szds-32.3",
        "the user ends the charge at the pile, and the bill leaves before the unplug, without a leave time",
        life=(charged, billed_without_leave, at_pile),
        explains=_EARLY,
        faults=("bill-before-unplug",),
        cases=("szds-32",),
    ),
    Signature(
        "szds-32.6",
        "a start fails, and a bill without a leave time comes of it",
        life=(unstarted, failed, billed_without_leave),
        explains=("bill.none-unstarted", "bill.times", "start.refused"),
        faults=("bill-before-unplug",),
        cases=("szds-32",),
    ),
    Signature(
        "szds-31",
        "a start fails for want of balance, and a bill without a leave time comes of it",
        life=(unstarted, failed, billed_without_leave, no_balance),
        explains=("bill.none-unstarted", "bill.times", "start.refused"),
        faults=("bill-before-unplug",),
    ),
    # Late and lost bills.
    Signature(
        "szds-32.7",
        "the bill comes long after the unplug",
        life=(charged, late_bill),
        explains=_LATE,
        faults=("unplug-lag",),
        cases=("szds-33",),
    ),
    Signature(
        "szds-33",
        "the bill comes long after the unplug, when other orders have been let in",
        life=(charged, late_bill, next_before_bill),
        explains=(*_GONE, "bill.oldest-first", "bill.survives-outage"),
        faults=("unplug-lag", "bills-newest-first"),
    ),
    Signature(
        "szds-32.7",
        "no bill comes in the minute after the unplug",
        life=(charged, no_bill),
        says=(Says("bill.prompt"),),
        explains=_LATE,
        faults=("unplug-lag",),
        cases=("szds-33",),
    ),
    Signature(
        "szds-33",
        "no bill comes in the minute after the unplug, and the next order is let in",
        life=(charged, no_bill, next_before_bill),
        says=(Says("bill.prompt"),),
        explains=_LATE,
        faults=("unplug-lag",),
    ),
    Signature(
        "szds-33",
        "an order is stopped while the bill of another one is due and has not come",
        life=(charged, no_bill, stopped_meanwhile),
        says=(Says("bill.one-per-charge", "none was ever sent"),),
        explains=_LATE,
        faults=("unplug-lag",),
    ),
    Signature(
        "szds-33",
        "what could not be sent while the line was down does not come when it is back",
        life=(charged, no_bill, line_lost),
        says=(Says("bill.survives-outage"),),
        explains=_GONE,
        faults=("unplug-lag",),
    ),
    Signature(
        "szds-33",
        "waiting bills leave in the wrong order, or after the next start",
        says=(Says("bill.oldest-first"),),
        explains=_LATE,
        faults=("bills-newest-first",),
    ),
    Signature(
        "bill-not-resent",
        "a bill leaves once, whether it is acknowledged or not",
        says=(Says("bill.resent"),),
        explains=(*_GONE, "bill.survives-outage", "bill.oldest-first"),
        faults=("bill-not-resent",),
        cases=("zpd-3", "zpd-7"),
    ),
    Signature(
        "bill-lost-in-power-cut",
        "bills and records do not outlive a power loss",
        life=(power_lost,),
        says=(Says("bill.survives-outage"),),
        explains=(*_GONE, "bill.resent", "beat.occupied-while-cabled"),
        faults=("bill-lost-in-power-cut",),
        cases=("zpd-3",),
    ),
    Signature(
        "zpd-3",
        "a charge has no bill",
        life=(charged, no_bill),
        says=(Says("bill.one-per-charge", "none was ever sent"),),
        explains=_LATE,
        faults=("bill-lost",),
        cases=("zpd-7", "zpd-10"),
    ),
    # What is wrong inside a bill.
    Signature(
        "szds-16b",
        "a bill names no order",
        life=(charged, orderless_bill),
        says=(Says("bill.order-known", "found none"),),
        explains=_GONE,
        faults=("bill-empty-order",),
    ),
    Signature(
        "bill-changes",
        "a bill that is sent again says something else",
        says=(Says("bill.one-per-charge", "found another"),),
        faults=("bill-changes",),
    ),
    Signature(
        "zpd-7",
        "the bill says that no energy flowed (code 11)",
        says=(Says("bill.energy", r"found (?:no energy|0\.00 kWh)"),),
        explains=("bill.amount",),
        faults=("energy-lost",),
    ),
    Signature(
        "zpd-7",
        "the bill's duration is another than the heartbeats show (code 9)",
        says=(Says("bill.duration"),),
        explains=("bill.occupancy", "bill.stop-reason"),
        faults=("duration-wrong",),
    ),
    Signature(
        "zpd-2",
        "the bill's energy is another than the meter's, as by a wrong loss factor",
        says=(Says("bill.energy", "by the meter"),),
        explains=("bill.amount",),
        faults=("loss-factor",),
    ),
    Signature(
        "szds-30",
        "the bill's energy has wrong prices",
        says=(Says("bill.amount"),),
        faults=("wrong-price", "price-of-the-start"),
    ),
    Signature(
        "zpd-4",
        "the occupancy is counted from another end than the charge's",
        says=(Says("bill.duration", "end from"), Says("bill.occupancy")),
        faults=("occupancy-from-wrong-end",),
    ),
    Signature(
        "zpd-4",
        "the leave time has the wrong date",
        says=(Says("bill.plug-times", r"leave .* \d+d"),),
        explains=("bill.times", "bill.occupancy"),
        faults=("leave-a-day-late",),
    ),
    Signature(
        "zpd-4",
        "the stop reason is not what ended the charge",
        says=(Says("bill.stop-reason"),),
        faults=("wrong-stop-reason",),
    ),
    Signature(
        "zpd-4",
        "the unplug is seen late",
        says=(Says("beat.shows-unplug", "cable out"),),
        explains=("bill.plug-times", "occupied.parking", *_LATE),
        faults=("unplug-seen-late",),
    ),
    Signature(
        "zpd-4",
        "the charge goes on without its cable",
        says=(Says("safe.unplug-stops"),),
        explains=("beat.legal-path", "bill.stop-reason"),
        faults=("charges-after-unplug",),
    ),
    # Orders.
    Signature(
        "authorisation-never-ends",
        "an order that nobody starts is held for ever",
        says=(Says("auth.expires"),),
        explains=("platform.gives-up",),
        faults=("authorisation-never-ends",),
    ),
    Signature(
        "second-scan-ignored",
        "the second scan is answered, and the first order stays",
        says=(Says("auth.second-scan"),),
        faults=("second-scan-ignored",),
        cases=("szds-26",),
    ),
    Signature(
        "second-scan-overwrites",
        "a scan in the midst of a charge overwrites its order",
        says=(Says("auth.second-scan"), Says("bill.duration", "start from")),
        explains=("bill.energy", "bill.one-per-charge", "bill.amount"),
        faults=("second-scan-overwrites",),
        cases=("szds-26",),
    ),
    Signature(
        "order-lost-on-reconnect",
        "once the line is back the charge goes on without its order",
        says=(Says("link.flap-keeps-order", "same order"),),
        explains=("beat.order", "bill.order-known", *_GONE),
        faults=("order-lost-on-reconnect",),
        cases=("szds-33",),
    ),
    Signature(
        "loses-order-on-flap",
        "losing the line ends the order and its charge",
        says=(Says("link.flap-keeps-order"),),
        explains=("bill.stop-reason",),
        faults=("loses-order-on-flap",),
        cases=("szds-33", "zpd-1"),
    ),
    Signature(
        "start-fails-silently",
        "a start fails, and nobody is told",
        says=(Says("start.outcome"),),
        explains=("start.failure-told", "bill.begun"),
        faults=("start-fails-silently",),
        cases=("szds-31", "szds-32.6"),
    ),
    Signature(
        "start-fails-silently",
        "a start that came to nothing has no bill",
        says=(Says("bill.begun"),),
        explains=("start.failure-told",),
        faults=("start-fails-silently",),
        cases=("szds-31", "szds-32.6"),
    ),
    Signature(
        "energises-without-order",
        "a start without an order energises",
        says=(Says("start.needs-order"),),
        explains=("beat.order", "bill.order-known", "bill.none-unstarted"),
        faults=("energises-without-order",),
        cases=("szds-16b",),
    ),
    Signature(
        "refuses-and-charges",
        "a start is refused, and carried out",
        says=(Says("start.refused"),),
        faults=("refuses-and-charges",),
    ),
    Signature(
        "order-differs",
        "a charge goes by another order than the one that was started",
        says=(Says("auth.kept", r"charges \d"),),
        explains=("beat.order", "bill.not-stale", "frame.echo"),
        faults=("order-differs",),
    ),
    Signature(
        "order-differs",
        "heartbeats carry another order than the one that was started",
        says=(Says("beat.order", r"which was started"),),
        explains=("auth.kept", "frame.echo"),
        faults=("order-differs",),
    ),
    Signature(
        "order-differs",
        "a bill carries an order that nobody authorised",
        says=(Says("bill.order-known", "authorised on this gun"),),
        explains=("bill.not-stale", *_GONE),
        faults=("order-differs",),
    ),
    Signature(
        "order-differs",
        "a reply carries another order than its request",
        says=(Says("frame.echo", "account or order"),),
        faults=("order-differs",),
    ),
    Signature(
        "double-start",
        "a second start begins the charge anew",
        says=(Says("start.once"),),
        explains=("beat.order", "bill.one-per-charge", "bill.after-unplug", "bill.not-stale"),
        faults=("double-start",),
    ),
    Signature(
        "stop-ignored",
        "a stop is answered, and the charge goes on",
        says=(Says("stop.ends-charge"),),
        faults=("stop-ignored",),
        cases=("szds-32.3",),
    ),
    Signature(
        "past-the-balance",
        "a charge goes on when its balance is used up",
        says=(Says("balance.stops"),),
        faults=("past-the-balance",),
        cases=("szds-33", "szds-18"),
    ),
    Signature(
        "szds-18",
        "the line was lost in the charge, nobody could stop it, and it went on past its balance",
        life=(charged, line_lost, past_balance),
        explains=("balance.stops", "platform.stops-at-balance"),
        faults=("past-the-balance",),
        cases=("szds-23", "szds-33"),
    ),
    Signature(
        "zpd-5a",
        "a start that failed has a bill with an occupancy fee",
        life=(unstarted, failed, occupancy_billed),
        explains=("bill.none-unstarted", "bill.times", "bill.occupancy", "bill.plug-times", "start.refused"),
    ),
    Signature(
        "energises-after-insulation-failure",
        "a gun whose insulation test fails charges",
        says=(Says("safe.insulation"),),
        explains=("fault.told", "start.failure-told"),
        faults=("energises-after-insulation-failure",),
        cases=("szds-29",),
    ),
    Signature(
        "energises-after-insulation-failure",
        "the insulation fails in charge, and the charge goes on",
        says=(Says("fault.told", "insulation"),),
        faults=("energises-after-insulation-failure",),
        cases=("szds-29",),
    ),
    # States and times.
    Signature(
        "fault-not-told",
        "a gun with a fault reports itself without one",
        says=(Says("fault.told"),),
        faults=("fault-not-told",),
        cases=("szds-32.8",),
    ),
    Signature(
        "fault-not-told",
        "a start fails for a fault that is not shown",
        says=(Says("start.failure-told"),),
        faults=("fault-not-told",),
        cases=("szds-32.8",),
    ),
    Signature(
        "idle-while-cabled",
        "after a charge the gun is idle with the cable in",
        says=(Says("beat.occupied-while-cabled"),),
        explains=("beat.legal-path",),
        faults=("idle-while-cabled",),
        cases=("szds-32.9",),
    ),
    Signature(
        "fault-blip",
        "in mid-charge one heartbeat says fault",
        says=(Says("beat.legal-path", "fault -> charging"),),
        faults=("fault-blip",),
    ),
    Signature(
        "idle-blip",
        "in mid-charge one heartbeat says idle",
        says=(Says("beat.legal-path", "charging -> idle -> charging"),),
        faults=("idle-blip",),
    ),
    Signature(
        "beats-stop-while-charging",
        "heartbeats stop while a gun charges",
        says=(Says("beat.period"),),
        faults=("beats-stop-while-charging",),
    ),
    Signature(
        "beats-stop-while-charging",
        "reports stop while a gun charges",
        says=(Says("beat.charging"),),
        faults=("beats-stop-while-charging",),
    ),
    Signature(
        "alive-seldom",
        "guns say too seldom that they are there",
        says=(Says("beat.alive", "a gun that says"),),
        faults=("alive-seldom",),
    ),
    Signature(
        "alive-in-turn",
        "each gun is heard in turn only",
        says=(Says("beat.alive", "each gun"),),
        faults=("alive-in-turn",),
    ),
    Signature(
        "clock-never-set",
        "the clock is not set, whatever the platform tells: every time is empty (1999)",
        says=(Says("clock.synced", "no time"),),
        explains=("beat.start-time", "bill.times"),
        faults=("clock-never-set",),
        cases=("szds-16",),
    ),
    Signature(
        "clock-drifts",
        "the pile's clock is not the platform's",
        says=(Says("clock.synced"),),
        explains=("bill.duration", "bill.plug-times", "beat.order"),
        faults=("clock-drifts",),
    ),
    Signature(
        "old-start-time",
        "heartbeats carry a start time from before the charge",
        says=(Says("beat.order", "start time"),),
        faults=("old-start-time",),
        cases=("szds-16b",),
    ),
    # The battery.
    Signature(
        "soc-falls",
        "the state of charge falls while it is charged",
        says=(Says("battery.soc", "at least"),),
        faults=("soc-falls",),
    ),
    Signature(
        "soc-differs",
        "the battery's state of charge is told in two ways",
        says=(Says("battery.soc"),),
        faults=("soc-differs",),
    ),
    Signature(
        "output-differs",
        "the charger's output is told in two ways",
        says=(Says("battery.output"),),
        faults=("output-differs",),
    ),
    Signature(
        "more-than-demanded",
        "more current than the battery wants",
        says=(Says("battery.demand"),),
        explains=("battery.output",),
        faults=("more-than-demanded",),
    ),
    Signature(
        "temperature-differs",
        "the battery's temperature is told in two ways",
        says=(Says("battery.temperature"),),
        faults=("temperature-differs",),
    ),
    Signature(
        "summary-differs",
        "the sum of a charge is not its bill's",
        says=(Says("battery.summary"),),
        faults=("summary-differs",),
    ),
    Signature(
        "vin-differs",
        "the bill carries another VIN than the car told",
        says=(Says("battery.vin"),),
        faults=("vin-differs",),
    ),
    # Line and frames.
    Signature(
        "never-redials",
        "after a lost line the pile does not dial again",
        says=(Says("link.reconnects"),),
        explains=(*_GONE, "bill.survives-outage"),
        faults=("never-redials",),
        cases=("zpd-1",),
    ),
    Signature("zpd-1", "the line is lost again and again", says=(Says("link.stable"),), faults=("drops-the-line",)),
    Signature(
        "wrong-sequence",
        "replies carry another number than their request",
        says=(Says("frame.echo", "the number of its request"),),
        faults=("wrong-sequence",),
    ),
    Signature(
        "wrong-length",
        "frames lack a byte",
        says=(Says("frame.valid", "end byte|bytes that are none|checksum|length"),),
        explains=("beat.period", "auth.answered", "start.answered", "stop.answered", "bill.prompt", "bill.at-once"),
        faults=("wrong-length",),
    ),
    Signature(
        "wrong-gun",
        "replies name a gun that the pile does not have",
        says=(Says("frame.valid", "a gun from"),),
        explains=("frame.echo",),
        faults=("wrong-gun",),
    ),
    Signature(
        "wrong-enum",
        "a value that no list has",
        says=(Says("frame.valid", "does not list"),),
        explains=("bill.stop-reason",),
        faults=("wrong-enum",),
    ),
    Signature("no-reply", "a scan is not answered", says=(Says("auth.answered"),), faults=("no-reply",)),
    Signature(
        "no-reply",
        "a start is not answered",
        says=(Says("start.answered"),),
        explains=("start.outcome",),
        faults=("no-reply",),
    ),
    Signature("no-reply", "a stop is not answered", says=(Says("stop.answered"),), faults=("no-reply",)),
    Signature(
        "chokes-on-garbage",
        "after bytes that are no frame the pile hears nothing more",
        says=(Says("frame.survives-garbage"),),
        explains=("auth.answered", "start.answered", "stop.answered", "beat.alive"),
        faults=("chokes-on-garbage",),
    ),
    # The platform.
    Signature(
        "wrong-echo",
        "the platform's replies name another gun or account",
        says=(Says("platform.frames", "of its request"),),
        explains=("platform.replies",),
        faults=("platform wrong-echo",),
    ),
    Signature(
        "no-reply", "the platform does not answer", says=(Says("platform.replies"),), faults=("platform no-reply",)
    ),
    Signature(
        "no-bill-reply",
        "the platform does not acknowledge bills",
        says=(Says("platform.bill-acked", "nothing in"),),
        faults=("platform no-bill-reply",),
    ),
    Signature(
        "wrong-bill-reply",
        "the platform acknowledges a bill under another order",
        says=(Says("platform.bill-acked", "the order of the bill"),),
        explains=("platform.frames",),
        faults=("platform wrong-bill-reply",),
    ),
    Signature(
        "wrong-time", "the platform tells a wrong time", says=(Says("platform.clock"),), faults=("platform wrong-time",)
    ),
    Signature(
        "start-without-authorisation",
        "the platform starts before its authorise was answered",
        says=(Says("platform.start-after-auth"),),
        faults=("platform start-without-authorisation",),
    ),
    Signature(
        "cancels-during-start",
        "the platform cancels while the start is under way",
        says=(Says("platform.waits-for-outcome"),),
        faults=("platform cancels-during-start",),
        cases=("szds-34",),
    ),
    Signature(
        "never-gives-up",
        "the platform never cancels an order that nobody starts",
        says=(Says("platform.gives-up"),),
        faults=("platform never-gives-up",),
    ),
    Signature(
        "ignores-balance",
        "the platform lets a charge go on past its balance",
        says=(Says("platform.stops-at-balance"),),
        explains=("balance.stops",),
        faults=("platform ignores-balance",),
    ),
    Signature(
        "dies-on-garbage",
        "after bytes that are no message the platform answers nobody",
        says=(Says("platform.survives-garbage"),),
        explains=("platform.replies", "platform.bill-acked"),
        faults=("platform dies-on-garbage",),
    ),
    # The pile did right.
    Signature(
        "szds-34",
        "the start is accepted, comes to nothing, and the pile tells so; that a start is answered is no charge",
        life=(unstarted, failed, fails_late, no_bill),
        cases=("zpd-5a",),
        right=True,
    ),
    Signature(
        "szds-29",
        "the insulation test fails, the pile tells so and never energises: such a car must not be charged",
        life=(unstarted, failed, insulation_failed, no_bill),
        right=True,
    ),
    Signature(
        "zpd-5",
        "a charge of less than a minute, and the cable left in for longer than is free: the occupancy is billed",
        life=(charged, short_charge, occupancy_billed),
        right=True,
    ),
)
"""All that is known, the more general after the more special; of several of one name the better."""

UNSHOWN: dict[str, str] = {
    "szds-32.5": "whether a charge goes on when the app was left: nothing between pile and platform tells of the app",
}
"""Field cases of pile, platform or line that no recording can look like, and why."""
