"""What the faults of either end have in common: a name, parameters, what must catch them, and that one took effect.

Pile and platform each own their faults, and how one is carried out. Must not know either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from pilesim import strictyaml
from pilesim.errors import FileError, UsageError
from pilesim.quantities import quantity


@dataclass(frozen=True, slots=True)
class Mishap:
    """A fault really took effect: when (world ns), which, and what it did."""

    t_ns: int
    fault: str
    text: str
    order: str = ""
    """The order whose bill it spoiled, where it spoiled a bill."""
    amount: int = 0
    """By how much, in the unit of what it spoiled (ns, 0.1 Wh); 0 where that is no question."""
    leaves_as: str = ""
    """The order whose number this bill leaves under, where it is another's."""


class NoParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of faults that either are there or are not."""


class FaultKind(Protocol):
    """A fault as a table lists it: the class that carries it out."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str:
        """What it does, as a sentence."""

    @property
    def catches(self) -> tuple[str, ...]:
        """Rules that must catch it."""

    @property
    def case(self) -> str:
        """The field case that shows it, if any does."""

    @property
    def parameters(self) -> type[msgspec.Struct]: ...


@dataclass(frozen=True, slots=True)
class FaultChoice:
    """A fault that an end has, with its parameters."""

    name: str
    parameters: msgspec.Struct


def choose_fault(table: Mapping[str, FaultKind], name: str, given: Mapping[str, Any] | None = None) -> FaultChoice:
    """The fault called `name` in `table`, parameters as a person writes them (`{"lag": "2h"}`).

    UsageError names an unknown fault or a parameter that does not fit.
    """
    kind = table.get(name)
    if kind is None:
        raise UsageError(f"expected a fault, one of {', '.join(table)}; found {name!r}")
    written = "".join(f"{key}: {value}\n" for key, value in (given or {}).items()) or "{}"
    try:
        return FaultChoice(name, strictyaml.load(written, name, kind.parameters, quantity))
    except FileError as error:
        raise UsageError(f"fault {name}: {error.problem}") from None
