"""What breaks a promise about bills, made as small as it gets, and written as a scenario.

Owns that way from a life to a file. Must not know how a life was drawn, nor what a promise is beyond its first word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from bill_lives import rested, wait
from bill_money import broken
from bill_world import DARK_NS, World

from pilesim.explore.draw import REST_NS
from pilesim.explore.reduce import reduced
from pilesim.explore.schedule import Schedule
from pilesim.scenario.writer import scenario_text
from pilesim.units import format_duration
from pilesim.wire.frame import End

MOST_ATTEMPTS = 150
CRASHED = "crashed"
_RULES = {
    "lost": "bill.one-per-charge",
    "changed": "bill.one-per-charge",
    "invented": "bill.none-unstarted",
    "stale": "bill.not-stale",
    "energy": "bill.energy",
}
"""The rule that a real pile would break, by a promise's word; what is seen only inside a pile has none."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A schedule that breaks promises, told in sentences. `cut_after` as of `Flash`."""

    schedule: Schedule
    cut_after: int
    found: tuple[str, ...]

    @property
    def words(self) -> frozenset[str]:
        return frozenset(text.partition(":")[0] for text in self.found)

    def text(self) -> str:
        """The file of a scenario."""
        comments = ["It breaks what is promised of bills:", *(f"    {' '.join(text.split())}" for text in self.found)]
        if self.cut_after:
            dark = format_duration(DARK_NS)
            comments += [f"The power goes after write {self.cut_after} of the bill store, and is back after {dark}:"]
            comments += ["no act at a pile says when that is, so this file alone does not play it."]
        proves = tuple(sorted({_RULES[word] for word in self.words if word in _RULES}))
        whole = replace(self.schedule, steps=(*rested(self.schedule), wait(REST_NS)))
        comments.append(f"Pile {whole.url(End.PILE)}, protocol {whole.protocol}, seed {whole.seed}.")
        return scenario_text(whole.scenario("hostile/bills", "a promise about bills is broken", proves), comments)


def played(schedule: Schedule, cut_after: int = 0) -> Broken:
    """The schedule, played and rested, with every promise that it breaks."""
    return _played(schedule, cut_after)[0]


def _played(schedule: Schedule, cut_after: int) -> tuple[Broken, int]:
    """With the number of writes of the store."""
    writes = 0
    try:
        world = World(schedule, cut_after)
        world.takes(rested(schedule))
        writes = world.flash.writes
        found = tuple(broken(world))
    except Exception as error:  # whatever it is, it is a fault of this program, and to be made small like any other
        found = (f"{CRASHED}: {type(error).__name__}: {error}",)
    return Broken(schedule, cut_after, found), writes


def shrunk(first: Broken) -> Broken:
    """The smallest that was found to break one of the same promises."""

    def still(schedule: Schedule) -> Broken | None:
        whole, writes = _played(schedule, 0)
        cuts = range(1, writes + 1) if first.cut_after else ()
        candidates = chain([whole], (played(schedule, cut_after) for cut_after in cuts))
        return next((candidate for candidate in candidates if candidate.words & first.words), None)

    small = still(reduced(first.schedule, lambda schedule: still(schedule) is not None, MOST_ATTEMPTS))
    return small or first


def told(first: Broken, folder: Path) -> str:
    """What a person has to know of a failure: the file, which is in `folder` too."""
    text = shrunk(first).text()
    (folder / "bills.yaml").write_text(text, encoding="utf-8")
    return f"seed {first.schedule.seed}, {folder / 'bills.yaml'}:\n{text}"
