"""What a sans-IO end of a conversation asks of whoever carries its bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Send:
    data: bytes


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect, please; line_up or line_down will tell."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the connection; no line_down follows."""


Action = Send | Dial | HangUp
