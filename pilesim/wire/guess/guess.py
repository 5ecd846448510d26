"""What a guess is: which bytes of a body look like what, how sure that is, and by what.

Owns the shapes that the finders share. Must not know how any of them looks at bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pilesim.wire.frame import Direction


class Kind(StrEnum):
    """What a run of bytes looks like."""

    PILE = "pile number"
    ORDER = "order"
    ACCOUNT = "account"
    TIME = "time"
    TEXT = "text"
    DIGITS = "digits"
    COUNTER = "counter"
    ELAPSED = "elapsed time"
    AMOUNT = "energy or money"
    RISING = "rising number"
    CONSTANT = "constant"
    PADDING = "padding"


class Sure(StrEnum):
    """How sure a guess is."""

    SURE = "sure"
    LIKELY = "likely"
    POSSIBLE = "possible"


_ENOUGH = ((24.0, Sure.SURE), (13.0, Sure.LIKELY), (7.0, Sure.POSSIBLE))
"""Bits of evidence, those of the search taken off, for each."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What `size` bytes from `offset` of the body look like. `spec` is the field as an overlay writes it."""

    offset: int
    size: int
    kind: Kind
    reading: str
    """What it reads as, in the first and the last body where they differ."""
    reason: str
    sure: Sure
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One body, and what its frame tells beside it. Bodies of one lane follow each other: those of one gun."""

    body: bytes
    epoch_ns: int | None = None
    lane: tuple[str | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Told:
    """Texts of digits that frames which are understood tell, by what they are."""

    piles: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    order_fields: Mapping[int, str] = field(default_factory=dict)
    """Size of an order's field in messages that are understood, to its name for an overlay: `bill.order`."""


@dataclass(frozen=True, slots=True)
class Guessed:
    """The bodies of one message that do not fit, of one size, and what they look like."""

    number: int
    direction: Direction
    name: str
    """What the protocol calls the message; "" where it has none."""
    why: str
    """Why the bodies do not fit."""
    size: int
    bodies: int
    begin: int
    """From here on no field of the protocol explains the body."""
    last: str
    """The last field before that; "" where there is none."""
    guesses: tuple[Guess, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A guess that is still weighed: `bits` of evidence, those of the search taken off."""

    offset: int
    size: int
    kind: Kind
    reading: str
    reason: str
    bits: float
    spec: Mapping[str, Any]
    preference: float = 0.0
    """Of readings that overlap and are as likely the one with more is taken."""

    @property
    def rank(self) -> float:
        return self.bits + self.preference

    @property
    def sure(self) -> Sure | None:
        return next((sure for bits, sure in _ENOUGH if self.bits >= bits), None)

    def guess(self) -> Guess:
        assert self.sure is not None
        return Guess(self.offset, self.size, self.kind, self.reading, self.reason, self.sure, self.spec)


def first_and_last(shown: Sequence[str]) -> str:
    """How readings of several bodies are told: the one that all have, or the first and the last."""
    distinct = list(dict.fromkeys(text for text in shown if text))
    return distinct[0] if len(distinct) == 1 else f"{distinct[0]} ... {distinct[-1]}" if distinct else ""
