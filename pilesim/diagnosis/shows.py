"""What can be seen of an order's life in a recording: one function a mark.

Owns what each mark is. Must not know which case or fault shows it. Times are world ns since the recording's start.
"""

from __future__ import annotations

from pilesim.diagnosis.story import Life, Sent, Story
from pilesim.units import FEN_MFEN, MINUTE, S
from pilesim.wire.messages import StopReason

LATE_NS = MINUTE
"""A bill that comes so long after the cable was pulled is late."""
LOST_AT_MOST = 3
"""So many times a line that stands may lose the same bill."""


def _carried(sent: Sent) -> dict[str, bool]:
    """The times that a bill carries, and whether each is empty."""
    bill = sent.bill
    stamps = {"arrive": bill.arrive, "start": bill.start, "end": bill.end, "leave": bill.leave}
    return {name: stamp.is_none for name, stamp in stamps.items() if stamp is not None}


def all_empty(sent: Sent) -> bool:
    """No time in it is one (1999 to a lenient calendar)."""
    told = _carried(sent)
    # Words may tell of one of them alone.
    return told.get("start", False) and all(told.values())


def leave_empty(sent: Sent) -> bool:
    """Of its times only the leave is none."""
    told = _carried(sent)
    return told.get("leave", False) and not told.get("start", False)


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
    if not life.bills or life.left_ns is None or life.resumed:
        return False
    if not story.excerpt:
        return life.bills[0].t_ns - life.left_ns > LATE_NS
    # It does not tell what the line lost: of what comes again and again not so many while all else comes through.
    return life.heard_ns > LATE_NS + LOST_AT_MOST * story.resent_ns


def doubted_again(story: Story, life: Life) -> str:
    if not story.excerpt or story.timed:
        return ""
    return "or the line lost its acknowledgement: times, or a recording at the pile, would tell"


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
