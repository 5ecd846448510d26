"""The numbers of an enumeration on the wire, what each means, and its name for people.

Owns the lists' shape. Must not know which protocol has which list, nor bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_LONG_LIST = 40
"""More numbers than this a sentence does not list."""


class Codes:
    """The numbers of an enumeration, what each means, and its name for people.

    `unlisted` is what a number outside the list means, and `unlisted_number` the one that is built for it, if any.
    `deviating` are numbers outside the list whose meaning is known from peers: understood, and still not listed.
    `nearest` are the numbers to build for meanings that the list has no number of their own for. Where several numbers
    mean the same the first is built.
    """

    def __init__(
        self,
        rows: Sequence[tuple[int, Any, str]],
        unlisted: Any = None,
        unlisted_number: int | None = None,
        deviating: Mapping[int, Any] | None = None,
        nearest: Mapping[Any, int] | None = None,
    ) -> None:
        self.labels: Mapping[int, str] = {number: label for number, _, label in rows}
        self._rows = tuple(rows)
        self._as_given = (unlisted, unlisted_number, deviating, nearest)
        self._means = {**(deviating or {}), **{number: means for number, means, _ in rows}}
        self._numbers: dict[Any, int] = {}
        for number, means, _ in rows:
            self._numbers.setdefault(means, number)
        self._numbers.update(nearest or {})
        if unlisted_number is not None:
            self._numbers[unlisted] = unlisted_number
        self._unlisted = unlisted

    def extended(self, rows: Mapping[int, tuple[Any, str]]) -> Codes:
        """These numbers with further ones, or others in their place: number to its meaning and its name."""
        merged = {number: (means, label) for number, means, label in self._rows} | dict(rows)
        return Codes([(number, *row) for number, row in merged.items()], *self._as_given)

    def meaning(self, number: int) -> Any:
        """What `number` means."""
        return self._means.get(number, self._unlisted)

    def number(self, meaning: Any) -> int | None:
        """The number to build, or None where the list has none for `meaning`."""
        return self._numbers.get(meaning)

    @property
    def built(self) -> Mapping[Any, int] | None:
        """As `number`, all of them; None where that is no matter of a list."""
        return self._numbers

    @property
    def unlisted(self) -> Any:
        """What a number outside the list means."""
        return self._unlisted

    def meanings(self) -> str:
        """What can be built, as one text."""
        return ", ".join(str(means) for means in self._numbers)

    def numbers(self) -> str:
        """The list as one text; a long one is only counted."""
        if len(self.labels) > _LONG_LIST:
            return f"the {len(self.labels)} that are listed"
        return ", ".join(f"{number} {label}" for number, label in self.labels.items())


class Names(Codes):
    """An enumeration whose numbers pass as they are: named for people, and without a meaning above the wire."""

    def __init__(self, labels: Mapping[int, str]) -> None:
        super().__init__([(number, number, label) for number, label in labels.items()])

    def extended(self, rows: Mapping[int, tuple[Any, str]]) -> Codes:
        return Names({**self.labels, **{number: label for number, (_, label) in rows.items()}})

    @property
    def built(self) -> None:
        return None

    def meaning(self, number: int) -> Any:
        return number

    def number(self, meaning: Any) -> int | None:
        return int(meaning)
