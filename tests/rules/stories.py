"""For each rule a trace that passes, one that fails and one that leaves it open: the table, and its first part.

A failing story names every MUST and SHOULD rule that fails in it, so that a rule which fails on another's
ground is found; a passing or open story lets no rule fail at all, unless it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from world import World

from pilesim.rules.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Story:
    """A trace and what the judge must make of it."""

    rule: str
    verdict: Verdict
    tells: Callable[[], World]
    also: frozenset[str]
    """Other rules that rightly fail in it."""

    @property
    def name(self) -> str:
        return f"{self.rule}: {self.tells.__name__}"


STORIES: list[Story] = []

Teller = Callable[[], World]


def _story(rule: str, verdict: Verdict, also: tuple[str, ...]) -> Callable[[Teller], Teller]:
    def enter(tells: Teller) -> Teller:
        STORIES.append(Story(rule, verdict, tells, frozenset(also)))
        return tells

    return enter


def passes(*rules: str, also: tuple[str, ...] = ()) -> Callable[[Teller], Teller]:
    """Each of `rules` passes; of the others exactly `also` fail."""

    def enter(tells: Teller) -> Teller:
        for rule in rules:
            _story(rule, Verdict.PASS, also)(tells)
        return tells

    return enter


def fails(rule: str, *also: str) -> Callable[[Teller], Teller]:
    """`rule` fails, and of the others exactly `also`."""
    return _story(rule, Verdict.FAIL, also)


def leaves_open(*rules: str, also: tuple[str, ...] = ()) -> Callable[[Teller], Teller]:
    """Each of `rules` stays inconclusive; of the others exactly `also` fail."""

    def enter(tells: Teller) -> Teller:
        for rule in rules:
            _story(rule, Verdict.INCONCLUSIVE, also)(tells)
        return tells

    return enter
