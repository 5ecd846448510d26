"""Firmware profiles: a pile's make and version, and the faults it is known for, from strict YAML.

Owns the shape of a profile file. Must not know what a fault does beyond its name and parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec

from pilesim import strictyaml
from pilesim.faulty import FaultChoice, choose_fault
from pilesim.pile.faults import FAULTS
from pilesim.quantities import Duration, quantity
from pilesim.units import S
from pilesim.wire.messages import MOST_GUNS, PileKind


class StartTakes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long each part of a start takes."""

    handshake: Duration = Duration(5 * S)
    insulation_test: Duration = Duration(8 * S)
    precharge: Duration = Duration(4 * S)
    gives_up: Duration = Duration(31 * S)
    """When a car that does not answer the handshake is given up."""


class ReplyDelay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the firmware takes to answer a command; drawn evenly between both."""

    least: Duration
    most: Duration


class _ProfileFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    title: str
    firmware: str
    guns: Annotated[int, msgspec.Meta(ge=1, le=MOST_GUNS)] = 2
    kind: Literal["dc", "ac"] = "dc"
    rated_kw: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 60
    reply_delay: ReplyDelay | None = None
    start_takes: StartTakes = StartTakes()
    cases: tuple[str, ...] = ()
    faults: tuple[dict[str, dict[str, Any] | None], ...] = ()
    expected: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A firmware: what it is called, what it has, and how it fails."""

    name: str
    title: str = ""
    firmware: str = "reference"
    """Version text, as Hello carries it."""
    guns: int = 2
    kind: PileKind = PileKind.DC
    rated_w: int = 60_000
    """Highest power of one gun."""
    reply_delay: ReplyDelay | None = None
    """None: as the contract has it for a pile in good order."""
    start_takes: StartTakes = field(default_factory=StartTakes)
    cases: tuple[str, ...] = ()
    """The field cases it comes from."""
    faults: tuple[FaultChoice, ...] = ()
    expected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Scenario id to the rules that fail there."""

    def with_faults(self, faults: Iterable[tuple[str, Mapping[str, Any]]]) -> Profile:
        """This firmware with further faults; parameters as a file or a person writes them (`{"lag": "2h"}`).

        UsageError names an unknown fault or a parameter that does not fit.
        """
        return replace(self, faults=(*self.faults, *(choose_fault(FAULTS, name, given) for name, given in faults)))


def load_profile(text: str, file: str) -> Profile:
    """The profile of a file's `text`; FileError names the line of what does not fit."""
    document = strictyaml.read(text, file)
    read = strictyaml.convert(document, (), document.data, _ProfileFile, quantity)
    if read.reply_delay is not None and read.reply_delay.least > read.reply_delay.most:
        raise document.error(("reply_delay",), "expected least to be at most most")
    uses = []
    for i, entry in enumerate(read.faults):
        if len(entry) != 1:
            raise document.error(("faults", i), "expected one fault with its parameters")
        ((name, given),) = entry.items()
        if name not in FAULTS:
            raise document.error(("faults", i), f"expected a fault, one of {', '.join(FAULTS)}; found {name!r}")
        params = strictyaml.convert(document, ("faults", i, name), given or {}, FAULTS[name].parameters, quantity)
        uses.append(FaultChoice(name, params))
    return Profile(
        name=read.name,
        title=read.title,
        firmware=read.firmware,
        guns=read.guns,
        kind=PileKind(read.kind),
        rated_w=read.rated_kw * 1000,
        reply_delay=read.reply_delay,
        start_takes=read.start_takes,
        cases=read.cases,
        faults=tuple(uses),
        expected=read.expected,
    )
