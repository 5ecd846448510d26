"""Signatures of what guns report: their states and faults, when they report, and their clock.

Owns how a recording looks that shows what is wrong about a report. Must not know how signatures are weighed.
"""

from __future__ import annotations

from pilesim.diagnosis.signatures.signature import Says, Signature

GROUP: tuple[Signature, ...] = (
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
)
