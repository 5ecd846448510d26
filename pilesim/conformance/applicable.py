"""Whether a scenario can be played on a target at all, told before any traffic.

Owns the reasons. Must not open anything.
"""

from __future__ import annotations

from pilesim.rig.impairments import objection, parse_impairment
from pilesim.rig.stimuli import CABLE_AFTER
from pilesim.rig.targets import LinkTarget, Target
from pilesim.scenario import steps
from pilesim.scenario.scenario import Scenario


def why_not(scenario: Scenario, target: Target) -> str:
    """Why `scenario` cannot be played on `target`, in a sentence; "" when it can."""
    for lined in scenario.steps:
        match lined.step:
            case steps.Stimulus(kind=kind) if isinstance(target, LinkTarget) and kind not in CABLE_AFTER:
                return f"line {lined.line}: nobody here can do {kind} at a pile on a line, and know that it was done"
            case steps.Impair(spec=spec):
                problem = objection(parse_impairment(spec), connectionless=target.connectionless)
                if problem:
                    return f"line {lined.line}: {problem}"
            case _:
                pass
    return ""
