"""The simulated ends by name: the firmware profiles that travel with pilesim, and the faults of either end.

Owns which profile a name, or a field case, means. Must not know what a profile or a fault does.
"""

from __future__ import annotations

import re
from functools import cache

from pilesim.errors import UsageError
from pilesim.faulty import FaultChoice, choose_fault
from pilesim.library import firmware_folder, firmware_names
from pilesim.pile.profiles import Profile, load_profile
from pilesim.platform.faults import FAULTS
from pilesim.rig.targets import SimTarget

_WITHIN_A_CASE = re.compile(r"([a-z]|\.\d+)$")
"""What tells one sighting, or one item, of a field case from the others."""


@cache
def profile_named(name: str) -> Profile:
    """The profile called `name`; UsageError lists the known ones."""
    known = firmware_names()
    if name not in known:
        raise UsageError(f"expected a firmware profile, one of {', '.join(known)}; found {name!r}")
    path = firmware_folder() / f"{name}.yaml"
    return load_profile(path.read_text(encoding="utf-8"), str(path))


def profile_of(target: SimTarget) -> Profile:
    """The firmware of a simulated target, with the faults that its URL adds."""
    return profile_named(target.profile).with_faults(target.faults)


def platform_faults(target: SimTarget) -> tuple[FaultChoice, ...]:
    """The faults of a simulated platform, `sim:reference?fault=...`; it comes in no other make."""
    if target.profile != "reference":
        raise UsageError(f"expected the platform sim:reference, with faults or without; found {target.url!r}")
    return tuple(choose_fault(FAULTS, name, given) for name, given in target.faults)


def firmware_of_case(case: str) -> str:
    """The profile among whose sources the field case stands; the reference where there is none.

    A profile's source `szds-16` covers szds-16a and szds-16b, and `szds-32` its items, szds-32.6 and so on; a profile
    that names the very case comes first.
    """
    sources = {name: profile_named(name).cases for name in firmware_names()}
    for wanted in (case, _WITHIN_A_CASE.sub("", case)):
        for name, cases in sources.items():
            if wanted in cases:
                return name
    return "reference"
