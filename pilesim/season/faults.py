"""The faults that a season can have, and by what each shows in a ledger.

Owns the table, and the sentence for whatever cannot be played. Must not know any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from pilesim.faulty import FaultChoice
from pilesim.pile.faults.bill import Share

LEAST_BILLED_PERMILLE = 600
"""A loss factor that bills less than this comes near the half below which a ledger takes energy for lost."""


class Tells(Enum):
    """By what a fault shows in the ledger."""

    NO_BILL = "the bill never leaves"
    LATE = "the bill does not come while it is waited for"
    EARLY = "a bill without a leave time, and none once the cable is out"
    OTHER_BILL = "the last bill again, an empty one, or the last charge under the next order's number"
    NO_NUMBER = "a bill of no known order, and none of its own"
    GIVEN_UP = "nothing more, where the line has lost the bill or its acknowledgement"
    POWERLESS = "no bill, where the power went before it was acknowledged"
    ENERGY = "a bill of none of the energy that was seen"
    SHORTER = "a bill of a shorter charge than was seen"
    LONGER = "a bill of a longer charge than was seen"
    WRONG_LEAVE = "a bill of the next day's leave time"
    NOTHING = "by no code: frames alone do not tell it"
    NEVER = "by nothing, since nobody in a season does what brings it out"


FAULTS_TOLD: dict[str, Tells] = {
    "bill-lost": Tells.NO_BILL,
    "unplug-lag": Tells.LATE,
    "bill-before-unplug": Tells.EARLY,
    "record-buffer": Tells.OTHER_BILL,
    "stale-bill": Tells.OTHER_BILL,
    "bill-empty-order": Tells.NO_NUMBER,
    "bill-not-resent": Tells.GIVEN_UP,
    "bill-lost-in-power-cut": Tells.POWERLESS,
    "energy-lost": Tells.ENERGY,
    "duration-wrong": Tells.SHORTER,
    "occupancy-from-wrong-end": Tells.LONGER,
    "leave-a-day-late": Tells.WRONG_LEAVE,
    # The first bill stands, whatever those after it say, and that there was another the lost acknowledgement tells.
    "bill-changes": Tells.NOTHING,
    # Meters tell it, site by site, and the rule bill.energy, charge by charge; a ledger has no code for it.
    "loss-factor": Tells.NOTHING,
    # The rules bill.amount, bill.stop-reason and bill.oldest-first tell them.
    "wrong-price": Tells.NOTHING,
    "price-of-the-start": Tells.NOTHING,
    "wrong-stop-reason": Tells.NOTHING,
    "bills-newest-first": Tells.NOTHING,
    # Nobody taps on a screen.
    "taps-clear-order": Tells.NEVER,
}
"""The faults that a season can have: whatever a ledger can tell of them, their mishaps tell order by order."""

_RECORD_BUFFERS = ("record-buffer", "stale-bill")
_FOLLOWED_BY_NUMBER = (
    *_RECORD_BUFFERS,
    "bill-changes",
    "bill-not-resent",
    "bill-lost-in-power-cut",
    "occupancy-from-wrong-end",
    "leave-a-day-late",
)
"""What these did to a bill, their log tells by the number that it carries."""


def unplayable(choices: Sequence[FaultChoice]) -> str:
    """Why a season cannot have a pile with these faults, in a sentence; "" when it can."""
    names = [choice.name for choice in choices]
    for name in names:
        if name not in FAULTS_TOLD:
            return (
                f"expected faults that a ledger can be held against, of {', '.join(FAULTS_TOLD)}; found {name}, which "
                "shows in what the pile does or says rather than in what it bills: the rules tell it, in scenarios"
            )
    for choice in choices:
        parameters = choice.parameters
        if isinstance(parameters, Share) and parameters.billed_permille < LEAST_BILLED_PERMILLE:
            return (
                f"expected a loss factor of at least {LEAST_BILLED_PERMILLE} permille, which no ledger takes for "
                f"energy lost; found {parameters.billed_permille}"
            )
    buffers = [name for name in names if name in _RECORD_BUFFERS]
    if len(buffers) > 1:
        return f"expected one record buffer, which is all that a gun has; found {' and '.join(buffers)}"
    followed = [name for name in names if name in _FOLLOWED_BY_NUMBER]
    if "bill-empty-order" in names and followed:
        return (
            f"expected bill-empty-order without {', '.join(_FOLLOWED_BY_NUMBER)}: a bill without a number cannot be "
            f"followed; found {followed[0]} beside it"
        )
    return ""
