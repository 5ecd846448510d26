"""Signatures of what is told of the battery while it charges.

Owns how a recording looks that shows what is wrong about the battery. Must not know how signatures are weighed.
"""

from __future__ import annotations

from pilesim.diagnosis.signatures.signature import Says, Signature

GROUP: tuple[Signature, ...] = (
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
)
