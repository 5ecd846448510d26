"""Signatures of the pile's end of the line: lines lost, frames that are none, requests without an answer.

Owns how a recording looks that shows what is wrong about frames. Must not know how signatures are weighed.
"""

from __future__ import annotations

from pilesim.diagnosis.signatures.signature import GONE, Says, Signature

GROUP: tuple[Signature, ...] = (
    Signature(
        "never-redials",
        "after a lost line the pile does not dial again",
        says=(Says("link.reconnects"),),
        explains=(*GONE, "bill.survives-outage"),
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
)
