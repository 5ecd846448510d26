"""A schedule: what is played in one run of an exploration, steps and faults together, as plain data.

Owns how it becomes a scenario and two URLs, and which steps can be done one after the other. Must not know how one
is drawn or reduced.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from pilesim.conformance.runner import Options
from pilesim.rig.targets import SimTarget, parse_target
from pilesim.scenario import steps
from pilesim.scenario.scenario import PlatformSettings, Scenario
from pilesim.scenario.writer import lined_steps, step_text
from pilesim.wire.frame import End


@dataclass(frozen=True, slots=True)
class ChosenFault:
    """A fault of one end, parameters as a URL has them."""

    end: End
    name: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """Its name, and whose it is where that is not the pile's."""
        return self.name if self.end is End.PILE else f"{self.end} {self.name}"

    @property
    def words(self) -> str:
        """`unplug-lag lag=2h`, as a person reads it."""
        return " ".join((self.label, *(f"{key}={value}" for key, value in self.parameters)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`profile` is the firmware that the faults are added to, `seed` the one of the run."""

    protocol: str
    profile: str
    seed: int
    start_ns: int
    """World time at t = 0, epoch ns."""
    auto: bool
    """The platform cancels by itself."""
    faults: tuple[ChosenFault, ...]
    steps: tuple[steps.Step, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for schedules that play the same; hashable, which a step of an impairment is not."""
        texts = tuple(map(step_text, self.steps))
        return (self.protocol, self.profile, self.seed, self.start_ns, self.auto, self.faults, texts)

    def url(self, end: End) -> str:
        """`sim:reference?fault=unplug-lag&fault.lag=2h`: the simulated pile or platform with its faults."""
        said = [
            pair
            for fault in self.faults
            if fault.end is end
            for pair in (("fault", fault.name), *((f"fault.{key}", value) for key, value in fault.parameters))
        ]
        name = self.profile if end is End.PILE else "reference"
        return f"sim:{name}" + (f"?{urlencode(said)}" if said else "")

    def scenario(self, name: str, title: str, proves: tuple[str, ...] = ()) -> Scenario:
        return Scenario(
            id=name,
            title=title,
            case="",
            proves=proves,
            start_ns=self.start_ns,
            platform=PlatformSettings(auto=self.auto),
            steps=lined_steps(self.steps),
            field_log=(),
            file=name,
        )

    def options(self) -> Options:
        """UsageError where a fault, a parameter or the firmware does not exist."""
        pile, platform = parse_target(self.url(End.PILE)), parse_target(self.url(End.PLATFORM))
        assert isinstance(platform, SimTarget)
        return Options(target=pile, platform=platform, protocol=self.protocol, seed=self.seed)


def possible(wanted: Iterable[steps.Step]) -> tuple[steps.Step, ...]:
    """`wanted` without the steps that cannot be done where they stand: no cable to pull, no order to start."""
    world = _World()
    return tuple(step for step in wanted if world.takes(step))


class _World:
    """What is so at the pile and in the platform's book when a step's turn comes, whatever the firmware does."""

    def __init__(self) -> None:
        self._cabled: set[int] = set()
        self._powered = True
        self._ordered: set[int] = set()
        self._labels: set[str] = set()

    def takes(self, step: steps.Step) -> bool:
        """Whether `step` can be done now; if so it is."""
        match step:
            case steps.Plug(gun=gun):
                fits = gun not in self._cabled
                self._cabled.add(gun)
            case steps.Unplug(gun=gun):
                fits = gun in self._cabled
                self._cabled.discard(gun)
            case steps.Insulation(gun=gun):
                fits = gun in self._cabled
            case steps.PowerOff():
                fits, self._powered = self._powered, False
            case steps.PowerOn():
                fits, self._powered = not self._powered, True
            case steps.Authorise(gun=gun, order=label):
                fits = label not in self._labels
                self._ordered.add(gun)
                self._labels.add(label)
            case steps.Start(gun=gun) | steps.Stop(gun=gun):
                fits = gun in self._ordered
            case steps.Until(bill=str(label)):
                fits = label in self._labels
            case _:
                fits = True
        return fits
