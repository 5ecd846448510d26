"""A scenario as read: what it is called, what it proves, its steps, and the field's own log beside it.

Owns the file's form. Every mistake is told as `file:line: what was expected, what was found`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pilesim import strictyaml
from pilesim.errors import FileError, UsageError
from pilesim.files import text_in
from pilesim.names import perhaps
from pilesim.quantities import Duration, Word, WorldTime, Yuan, quantity
from pilesim.rig.impairments import parse_impairment
from pilesim.scenario import steps
from pilesim.scenario.tariff import TariffSettings
from pilesim.units import DAY, HOUR, MINUTE, MS, S, format_duration, format_since_start
from pilesim.wire.messages import MESSAGE_TYPES

_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,3})?")
LONGEST_NS = 366 * DAY
"""A year is longer than any scenario is meant to be, and is played in minutes."""
_UNTIL_GUESS_NS = 20 * S
"""What an `until` takes when all goes well, for telling beforehand how long a run will be."""


class PlatformCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card that the platform knows."""

    account: Word
    balance: Yuan


class PlatformSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the reference platform is set up for this scenario."""

    auto: bool = False
    """Its own cancel timer runs."""
    cards: tuple[PlatformCard, ...] = ()
    tariff: TariffSettings = TariffSettings()


class PileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """How a simulated pile wakes up in this scenario. A real one has the clock it has, and is told the time too."""

    clock_ahead: Duration = Duration(0)
    """How far its clock is ahead of the world."""
    clock_set: bool = True
    """False: its clock has no battery, and is not set after power-up until the platform tells the time."""

    @property
    def clock_error_ns(self) -> int | None:
        """How far the clock is ahead of the world at power-up; None: not set."""
        return int(self.clock_ahead) if self.clock_set else None


class FieldLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the field's own log, and the event of the run that is the same."""

    at: WorldTime
    text: str
    message: str | None = None
    gun: int | None = None


class ScenarioFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The file's keys."""

    id: str
    title: str
    case: str = ""
    proves: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """Messages without which it has no meaning."""
    start: WorldTime
    platform: PlatformSettings = PlatformSettings()
    pile: PileSettings = PileSettings()
    steps: list[dict[str, Any]]
    field_log: tuple[FieldLine, ...] = ()


@dataclass(frozen=True, slots=True)
class LinedStep:
    """A step, its key, the line of the file it stands on, and the words of that line."""

    key: str
    step: steps.Step
    line: int
    words: str


@dataclass(frozen=True, slots=True)
class Scenario:
    id: str
    title: str
    case: str
    proves: tuple[str, ...]
    start_ns: int
    """World time at t = 0, epoch ns."""
    platform: PlatformSettings
    steps: tuple[LinedStep, ...]
    field_log: tuple[FieldLine, ...]
    file: str
    pile: PileSettings = field(default_factory=PileSettings)
    needs: tuple[str, ...] = ()
    """Messages, by name, without which it has no meaning: a protocol that lacks one cannot play it."""

    @property
    def guns(self) -> tuple[int, ...]:
        """Every gun that a step names."""
        named = {gun for lined in self.steps if (gun := getattr(lined.step, "gun", None)) is not None}
        return tuple(sorted(named)) or (1,)

    @property
    def estimate_ns(self) -> int:
        """About how long it takes in the world's time."""
        total, clock_ns = 0, self.start_ns
        for lined in self.steps:
            match lined.step:
                case steps.Wait(ns=ns):
                    took = int(ns)
                case steps.At(time=time):
                    took = until_time_of_day_ns(clock_ns, time)
                case steps.Until():
                    took = _UNTIL_GUESS_NS
                case steps.Tap(times=times, every=every):
                    took = (times - 1) * every
                case _:
                    took = 0
            total += took
            clock_ns += took
        return total

    def where(self, t_ns: int, line: int) -> str:
        return f"{self.file}:{line} {format_since_start(t_ns)}"


def until_time_of_day_ns(now_epoch_ns: int, time: str) -> int:
    """From `now_epoch_ns` to the next local `HH:MM:SS[.mmm]`; 0 when it is now."""
    clock, _, fraction = time.partition(".")
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    wanted = hours * HOUR + minutes * MINUTE + seconds * S + int(fraction.ljust(3, "0") or 0) * MS
    return (wanted - (now_epoch_ns + 8 * HOUR)) % DAY


def parse_scenario(text: str, file: str, rule_ids: Collection[str]) -> Scenario:
    """The scenario in `text`; FileError names line, expected and found. `rule_ids` are the rules there are."""
    document = strictyaml.read(text, file)
    head = strictyaml.convert(document, (), document.data, ScenarioFile, quantity)
    if not head.id.isprintable():
        # Files are called by it.
        raise document.error(("id",), f"expected an id of characters that can be printed, found {head.id!r}")
    for index, rule in enumerate(head.proves):
        if rule not in rule_ids:
            raise document.error(("proves", index), f"expected a rule's id, found {rule!r}{perhaps(rule, rule_ids)}")
    for index, message in enumerate(head.needs):
        _known_message(document, ("needs", index), message)
    for index, field_line in enumerate(head.field_log):
        _known_message(document, ("field-log", index, "message"), field_line.message)
    lines = text.splitlines()
    lined = tuple(_step(document, lines, index, mapping) for index, mapping in enumerate(head.steps))
    scenario = Scenario(
        id=head.id,
        title=head.title,
        case=head.case,
        proves=head.proves,
        start_ns=int(head.start),
        platform=head.platform,
        steps=lined,
        field_log=head.field_log,
        file=file,
        pile=head.pile,
        needs=head.needs,
    )
    if scenario.estimate_ns > LONGEST_NS:
        longest, found = format_duration(LONGEST_NS), format_duration(scenario.estimate_ns)
        raise document.error(("steps",), f"expected steps that take at most {longest} in all, found {found}")
    return scenario


def _step(document: strictyaml.Document, lines: list[str], index: int, mapping: dict[str, Any]) -> LinedStep:
    path: strictyaml.Path = ("steps", index)
    if len(mapping) != 1:
        raise document.error(path, f"expected a step of one key, found {len(mapping)}: {', '.join(mapping)}")
    ((key, value),) = mapping.items()
    kind = steps.STEPS.get(key)
    if kind is None:
        raise document.error(
            (*path, key), f"expected a step, one of {', '.join(steps.STEPS)}; found {key!r}{perhaps(key, steps.STEPS)}"
        )
    single = steps.SINGLE_VALUE.get(key)
    if single:
        value = {single: value}
    step = strictyaml.convert(document, (*path, key), value if value is not None else {}, kind, quantity)
    match step:
        case steps.At(time=time) if not _TIME_OF_DAY.fullmatch(time):
            raise document.error(path, f"expected a time of day such as 11:42:09.156, found {time!r}")
        case steps.Until() if step == steps.Until(gun=step.gun, within=step.within):
            raise document.error(path, "expected a condition: state, cable, energy, message, bill or connected")
        case steps.Until(state=state) if state not in (None, *steps.SHOWN_STATES):
            raise document.error(
                (*path, key, "state"), f"expected a state, one of {', '.join(steps.SHOWN_STATES)}; found {state!r}"
            )
        case steps.Until(message=message):
            _known_message(document, (*path, key, "message"), message)
        case steps.Impair(spec=spec):
            try:
                parse_impairment(spec)
            except ValueError as error:
                raise document.error((*path, key), str(error)) from None
        case _:
            pass
    line = document.line((*path, key))
    return LinedStep(key, step, line, lines[line - 1].partition(" #")[0].strip().removeprefix("- "))


def _known_message(document: strictyaml.Document, path: strictyaml.Path, name: str | None) -> None:
    if name is not None and name not in MESSAGE_TYPES:
        raise document.error(path, f"expected a message's name, found {name!r}{perhaps(name, MESSAGE_TYPES)}")


class Scenarios(Mapping[str, Scenario]):
    """Every scenario below a folder by id, in the order of ids. An id is the file's path, `order/whole`.

    A file is read when its scenario is first asked for, and its mistakes are told then.
    """

    def __init__(self, folder: Path, rule_ids: Collection[str]) -> None:
        paths = ((path.relative_to(folder), path) for path in sorted(folder.rglob("*.yaml")))
        self._paths = {name.with_suffix("").as_posix(): path for name, path in paths}
        self._rule_ids = rule_ids
        self._read: dict[str, Scenario] = {}

    def __getitem__(self, identifier: str) -> Scenario:
        if identifier not in self._read:
            self._read[identifier] = self._load(identifier, self._paths[identifier])
        return self._read[identifier]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths | self._read)

    def __len__(self) -> int:
        return len(self._paths | self._read)

    def add(self, scenario: Scenario) -> None:
        """One from elsewhere, in the place of any that has its id."""
        self._read[scenario.id] = scenario

    def _load(self, identifier: str, path: Path) -> Scenario:
        scenario = load_scenario(path, self._rule_ids, f"{identifier}.yaml")
        if scenario.id != identifier:
            raise FileError(str(path), 1, f"expected the id {identifier!r} (folder/file), found {scenario.id!r}")
        return scenario


def load_scenarios(folder: Path, rule_ids: Collection[str]) -> Scenarios:
    """The scenarios below `folder`."""
    return Scenarios(folder, rule_ids)


def load_scenario(path: Path, rule_ids: Collection[str], name: str = "") -> Scenario:
    """The scenario in a file; `name` is what messages call the file, else its path."""
    return parse_scenario(text_in(path, "a scenario file"), name or str(path), rule_ids)


def choose(scenarios: Mapping[str, Scenario], wanted: tuple[str, ...]) -> list[Scenario]:
    """The scenario whose id is one of `wanted`, else those whose id begins with it or whose field case it is.

    Nothing wanted chooses all. UsageError where a word chooses nothing.
    """
    if not wanted:
        return list(scenarios.values())
    chosen: dict[str, Scenario] = {}
    for word in wanted:
        hits = {word: scenarios[word]} if word in scenarios else _beginning_with(scenarios, word)
        if not hits:
            raise NothingSelectedError(
                f"expected a scenario's id or the beginning of one, found {word!r}{perhaps(word, scenarios)}"
            )
        chosen.update(hits)
    return [chosen[i] for i in scenarios if i in chosen]


def _beginning_with(scenarios: Mapping[str, Scenario], word: str) -> dict[str, Scenario]:
    # An empty word, with which all begin, is rather a variable that nobody has set.
    return {i: s for i, s in scenarios.items() if word and (i.startswith(word) or s.case == word)}


class NothingSelectedError(UsageError):
    """What was asked for selects no scenario."""

    exit_code = 5
