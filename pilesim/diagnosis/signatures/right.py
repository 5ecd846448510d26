"""Signatures of what people complain of and the pile was right to do.

Owns how a recording of that looks. Must not know how signatures are weighed.
"""

from __future__ import annotations

from pilesim.diagnosis.shows import (
    charged,
    failed,
    fails_late,
    insulation_failed,
    no_bill,
    occupancy_billed,
    short_charge,
    unstarted,
)
from pilesim.diagnosis.signatures.signature import Signature

GROUP: tuple[Signature, ...] = (
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
