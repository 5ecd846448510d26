"""Plays that several files of tests look at, played once in a run of the tests.

Owns where they lie: below pytest's own temporary folder of this run, which all processes of the run share, so that no
play is older than the code that is tested. Must not know what anybody looks for in them.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

from pilesim.conformance.runner import Options, Run, repeat_command, run_scenario
from pilesim.scenario.scenario import Scenario

SHARED_SEED = 1
"""Of plays with another seed each is looked at once, so they are not kept."""


class Kept:
    """Plays in virtual time. `folder` is that of the test run; None: none are kept."""

    folder: Path | None = None

    def __call__(self, scenario: Scenario, options: Options) -> Run:
        """The run of `scenario` as `options` say: as `run_scenario` gives it, or has given it to some test before."""
        if self.folder is None or options.seed != SHARED_SEED:
            return run_scenario(scenario, options)
        # All that a play hangs on: the scenario whole, and what the command line would say of the options.
        asked = f"{scenario!r} {repeat_command(scenario.id, options)}"
        path = self.folder / hashlib.sha256(asked.encode()).hexdigest()
        if path.exists():
            run: Run = pickle.loads(path.read_bytes())
            return run
        run = run_scenario(scenario, options)
        # Another process may be at the same play: whoever is second puts an equal one in its place, in one go.
        half = path.with_name(f"{path.name}.{os.getpid()}")
        half.write_bytes(pickle.dumps(run, pickle.HIGHEST_PROTOCOL))
        half.replace(path)
        return run


kept = Kept()
