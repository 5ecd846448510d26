"""pilesim: a hardware-in-the-loop charging-pile simulator and conformance tester.

A byte goes one way through these packages, from the line to the verdict:

    link -> wire (framer, frame, message) -> trace (event) -> rules (finding, verdict) -> conformance -> report

and a scenario goes the other way: scenario -> rig -> platform, pile, or impairment of the line -> link.
"""

__version__ = "0.1.0"
