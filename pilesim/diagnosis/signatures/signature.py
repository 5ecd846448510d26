"""What a known field case or fault looks like: marks of one order's life, and findings of rules by what they say.

Owns the shape of a signature. Must not know any one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pilesim.diagnosis.story import Life, Story

Shows = Callable[[Story, Life], bool]


@dataclass(frozen=True, slots=True)
class Says:
    """A finding of `rule`; `words` is a pattern in what was expected and found, "" for any."""

    rule: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """One thing that can be behind findings."""

    name: str
    """The field case, or the fault of firmware or platform that no case shows."""
    title: str
    life: tuple[Shows, ...] = ()
    """What all hold of one order."""
    says: tuple[Says, ...] = ()
    """Findings that all have to be there."""
    explains: tuple[str, ...] = ()
    """Rules whose findings it accounts for beside those of `says`."""
    faults: tuple[str, ...] = ()
    """The faults that show it: `record-buffer`, `platform no-reply`."""
    cases: tuple[str, ...] = ()
    """Other field cases of the same make."""
    doubt: Callable[[Story, Life], str] | None = None
    """What else may be behind it, and what would tell; "" where it is certain."""
    right: bool = False
    """Nothing is wrong: what somebody complained of was the pile's due."""

    @property
    def rules(self) -> frozenset[str]:
        """All rules whose findings it accounts for."""
        return frozenset((*self.explains, *(says.rule for says in self.says)))


LATE = ("bill.prompt", "bill.at-once")
GONE = (*LATE, "bill.one-per-charge")
"""Rules that a bill breaks which comes late, and which does not come."""
