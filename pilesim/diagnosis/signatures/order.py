"""Signatures of orders: kept and lost, started, refused, stopped, and charged past their balance.

Owns how a recording looks that shows what is wrong about an order. Must not know how signatures are weighed.
"""

from __future__ import annotations

from pilesim.diagnosis.shows import charged, failed, line_lost, occupancy_billed, past_balance, unstarted
from pilesim.diagnosis.signatures.signature import GONE, Says, Signature

GROUP: tuple[Signature, ...] = (
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
        explains=("beat.order", "bill.order-known", *GONE),
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
        explains=("bill.not-stale", *GONE),
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
)
