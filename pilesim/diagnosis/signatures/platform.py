"""Signatures of a platform that is to blame.

Owns how a recording looks that shows what is wrong about the platform. Must not know how signatures are weighed.
"""

from __future__ import annotations

from pilesim.diagnosis.signatures.signature import Says, Signature

GROUP: tuple[Signature, ...] = (
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
)
