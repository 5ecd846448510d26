"""What a rule says of a trace; owns the words of judgement, and knows no rule."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pilesim.wire.frame import End


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """No trigger, or the trace ended before the deadline, or the facts are missing."""
    NOT_APPLICABLE = "not-applicable"
    """The protocol or the pile's declared capabilities do not carry it."""
    ERROR = "error"
    """A fault of this program."""


class Level(StrEnum):
    MUST = "MUST"
    SHOULD = "SHOULD"


class Blame(StrEnum):
    PILE = "pile"
    PLATFORM = "platform"
    LINE = "line"
    CANNOT_TELL = "cannot-tell"


class Margin(msgspec.Struct, frozen=True):
    """The tightest measurement against a limit, both in `unit` ("s", "kWh", "yuan", "min", "beats")."""

    value: float
    limit: float
    unit: str


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One broken expectation, for a person to act on."""

    rule: str
    level: Level
    """The rule's own, or SHOULD where the deviation is a lesser one."""
    blame: Blame
    t_ns: int
    end: End
    frame: int | None = None
    """Number of the frame it shows in, counted at `end` over both directions from 1; None where none came."""
    line: int = 0
    """Line of the log that the frame came from; 0 where none is known."""
    gun: int | None = None
    order: str = ""
    expected: str
    actual: str
    raw: bytes = b""
    """The frame's bytes."""
    title: str = ""
    """The frame's number and names."""
    hint: str = ""
    """For "cannot tell": which recording, at which end, would."""


class RuleResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule's verdict on one trace."""

    id: str
    level: Level
    judges: End
    verdict: Verdict
    reason: str = ""
    """Why it is INCONCLUSIVE or NOT_APPLICABLE: what was missing."""
    site: bool = False
    """Judged under a limit that the site has changed."""
    margin: Margin | None = None
    findings: tuple[Finding, ...] = ()
