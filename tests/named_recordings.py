"""Recordings by name: the small captures of the firmware fixtures, and plays of the reference.

Owns what a name means. Must not know what a test does with a recording.
"""

from __future__ import annotations

from functools import cache

from pilesim.conformance.runner import REFERENCE_PLATFORM, Options, run_scenario
from pilesim.library import firmware_folder, scenario_folder
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import load_scenarios
from pilesim.trace.capture import read_capture
from pilesim.trace.events import Trace

CAPTURES = {
    f"{path.parent.name}/{path.stem}": path for path in sorted((firmware_folder() / "captures").rglob("*.jsonl"))
}


@cache
def recording(name: str) -> Trace:
    """The capture of that name, else what is played for `PROTOCOL SCENARIO`."""
    if name in CAPTURES:
        path = CAPTURES[name]
        return read_capture(path.read_text(encoding="utf-8").splitlines(keepends=True), str(path))
    protocol, _, scenario = name.partition(" ")
    found = load_scenarios(scenario_folder(), [row.id for row in RULES])[scenario]
    return run_scenario(found, Options(target=REFERENCE_PLATFORM, protocol=protocol, seed=1)).trace
