"""Text as a terminal may have it: what a peer or a file says of itself may hold anything.

Owns which characters are shown as escapes. Must not know where the text goes.
"""

from __future__ import annotations

import re

_MOVES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters but for tab and line feed, and the marks that turn the direction of what follows."""


def visible(text: str) -> str:
    """`text` with each character that moves a cursor, or turns a line round, as a backslash escape."""
    return _MOVES.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
