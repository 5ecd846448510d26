"""Dialects by name: read from a file, or remembered from a recording that carries its own.

Owns what was read in this process, and which names mean a file. Must not know what an overlay says. A file is read
once, so that a run does not change in its middle; a name holds the edition of the overlay, so that two editions of one
file are two protocols.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pilesim.errors import FileError, UsageError
from pilesim.wire.dialect import load_dialect
from pilesim.wire.protocol import Protocol, protocol_named

_SUFFIXES = frozenset({".yaml", ".yml"})

_remembered: dict[str, Protocol] = {}


def is_file(name: str) -> bool:
    """Whether `name` means a file rather than a protocol's own name."""
    return Path(name).suffix.lower() in _SUFFIXES


def beside(name: str, file: str) -> str:
    """The protocol that `file` calls `name`: a dialect's file, as far as it is told by its place, is beside `file`."""
    base, mark, query = name.partition("?")
    return f"{Path(file).parent / base}{mark}{query}" if is_file(base) else name


@cache
def read(name: str) -> Protocol:
    """The dialect in the file called `name`; FileError says what does not fit, UsageError that there is no file."""
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name}: expected a dialect's file: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise FileError(name, None, f"expected UTF-8 text: {error.reason}") from None
    return remember(text, name)


def remember(overlay: str, file: str) -> Protocol:
    """The dialect that `overlay` is, known by its name from now on; `file` is what messages call the text."""
    found = _made(overlay, file)
    return _remembered.setdefault(found.name, found)


@cache
def _made(overlay: str, file: str) -> Protocol:
    return load_dialect(overlay, file, protocol_named)


def remembered(name: str) -> Protocol | None:
    """The dialect called `name`, if one was read before."""
    return _remembered.get(name)
