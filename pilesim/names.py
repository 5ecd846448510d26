"""Names that somebody has given: as text, and what was perhaps meant by one that nothing has.

Knows nothing of what is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_NAME = 64
"""Characters: no name is longer, and to hold one against all others takes the square of its length."""


def perhaps(word: str, known: Iterable[str]) -> str:
    """`; perhaps X`, where a name that is known is much like `word`; else nothing."""
    close = get_close_matches(word, list(known), 1) if len(word) <= LONGEST_NAME else []
    return f"; perhaps {close[0]}" if close else ""


def text_of(name: str) -> str:
    """What the system calls something, as text: bytes that are not UTF-8 as escapes, for they stand in no result."""
    return name.encode("utf-8", "backslashreplace").decode()
