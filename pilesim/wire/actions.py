"""What a sans-IO end of a conversation asks of whoever carries its bytes."""

from __future__ import annotations

import msgspec


class Send(msgspec.Struct, frozen=True, gc=False):
    data: bytes


class Dial(msgspec.Struct, frozen=True, gc=False):
    """Connect, please; line_up or line_down will tell."""


class HangUp(msgspec.Struct, frozen=True, gc=False):
    """End the connection; no line_down follows."""


Action = Send | Dial | HangUp
