"""What the fields of a message mean, both ways: a row of each protocol's table between layouts and messages.

Owns the passage between a layout's values and the dataclasses of `wire.messages`. Must not know bytes, frames or any
one protocol. Most messages are a table of pairs (a message's attribute, a field); `build` and `read` hold what pairs
cannot say. What a layout has no field for is dropped when built and None when read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from pilesim.errors import EncodingError
from pilesim.wire.codes import Codes
from pilesim.wire.fields import Layout, Values
from pilesim.wire.messages import Message


@dataclass(frozen=True, slots=True)
class Passage:
    """How a meaning lies in one layout, worked out once."""

    told: tuple[tuple[str, str, Codes | None, bool], ...]
    """Of each pair that the layout has: the attribute, its field, that one's codes, whether it has to be said."""
    blanks: Mapping[str, Any]
    """What is built where a message says nothing."""
    known: Mapping[str, Any]
    """The attributes that no field tells."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One message by meaning and where its attributes lie.

    `pairs` are attribute to field. `always` are attributes that the message number itself tells, and `never` values
    that another number tells: they tell apart two numbers that mean the same dataclass. `only` are attributes of
    which the layout can say one value. `build` adds fields and `read` adds attributes that pairs cannot say.
    """

    kind: type[Message]
    pairs: Mapping[str, str] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    never: Mapping[str, Any] = field(default_factory=dict)
    only: Mapping[str, Any] = field(default_factory=dict)
    build: Callable[[Any], Mapping[str, Any]] | None = None
    read: Callable[[Values], Mapping[str, Any]] | None = None
    built: bool = True
    """False: it is read only, and another number is built for the same message."""

    _passages: WeakKeyDictionary[Layout, Passage] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )
    """What was worked out, for as long as there is the layout: each dialect that is read has its own."""

    def passage(self, layout: Layout) -> Passage:
        """How it lies in `layout`."""
        found = self._passages.get(layout)
        if found is None:
            found = self._passages[layout] = self._worked_out(layout)
        return found

    def _worked_out(self, layout: Layout) -> Passage:
        rows = {attribute: layout.by_name.get(name) for attribute, name in self.pairs.items()}
        return Passage(
            told=tuple((attribute, row.name, row.codes, row.blank is None) for attribute, row in rows.items() if row),
            blanks={row.name: row.blank for row in layout.fields if row.blank is not None},
            known={**self.always, **{attribute: None for attribute, row in rows.items() if row is None}},
        )

    def means(self, message: Message) -> bool:
        """Whether `message` is built as one of these."""
        if not self.built or type(message) is not self.kind:
            return False
        # Plain loops: a generator costs more than what most of them find.
        for attribute, value in self.always.items():
            if getattr(message, attribute) != value:
                return False
        for attribute, value in self.never.items():  # noqa: SIM110 (as above)
            if getattr(message, attribute) == value:
                return False
        return True

    def message(self, gun: int, layout: Layout, values: Values) -> Message:
        """The message that `values` mean; `layout` is the one that they were read by."""
        passage = self.passage(layout)
        attributes: dict[str, Any] = {"gun": gun, **passage.known}
        for attribute, name, codes, _ in passage.told:
            attributes[attribute] = codes.meaning(values[name]) if codes else values[name]
        if self.read is not None:
            attributes.update(self.read(values))
        return self.kind(**attributes)

    def values(self, message: Message, layout: Layout, placed: Values) -> Values:
        """The values of `message`, with those `placed` that the layout has; EncodingError where it cannot say it."""
        for attribute, only in self.only.items():
            found = getattr(message, attribute)
            if found != only:
                raise EncodingError(
                    f"{message.name}: {attribute}: expected {only}, found {found!r}: no field carries it"
                )
        passage = self.passage(layout)
        values = dict(passage.blanks)
        for attribute, name, codes, needed in passage.told:
            given = getattr(message, attribute)
            if given is None:
                if needed:
                    raise EncodingError(f"{message.name}: {attribute}: expected a value, found None")
            elif codes is None:
                values[name] = given
            elif (number := codes.number(given)) is not None:
                values[name] = number
            else:
                raise EncodingError(f"{message.name}: {attribute}: expected one of {codes.meanings()}; found {given}")
        for further in (placed, self.build(message) if self.build is not None else {}):
            for name, value in further.items():
                if name in layout.by_name:
                    values[name] = value
        return values
