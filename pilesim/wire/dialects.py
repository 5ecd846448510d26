"""Dialects by name: read from a file, or remembered from a recording that carries its own.

Owns what was read in this process, and which names mean a file. Must not know what an overlay says. A file is read
once, so that a run does not change in its middle; a name holds the edition of the overlay, so that two editions of one
file are two protocols.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from pilesim.errors import UsageError
from pilesim.files import text_in
from pilesim.wire.protocol import Protocol, protocol_named, with_options

T = TypeVar("T")
R = TypeVar("R")

_SUFFIXES = frozenset({".yaml", ".yml"})

_remembered: dict[str, Protocol] = {}
_files: dict[str, Protocol] = {}
"""What each file said when it was read."""
_reading: list[str] = []
"""Files that are being read, each of which lies on the next."""


def is_file(name: str) -> bool:
    """Whether `name` means a file rather than a protocol's own name."""
    return Path(name).suffix.lower() in _SUFFIXES


def beside(name: str, file: str) -> str:
    """The protocol that `file` calls `name`: a dialect's file, as far as it is told by its place, is beside `file`."""
    base, mark, query = name.partition("?")
    return f"{Path(file).parent / base}{mark}{query}" if is_file(base) else name


def read(name: str) -> Protocol:
    """The dialect in the file called `name`; FileError says what does not fit, UsageError that there is no file."""
    if name not in _files:
        text = text_in(Path(name), "a dialect's file")
        if name in _reading:
            raise UsageError(f"expected a protocol to lie on, found {name}, which lies on this one")
        _reading.append(name)
        try:
            _files[name] = remember(text, name)
        finally:
            _reading.remove(name)
    return _files[name]


def remember(overlay: str, file: str) -> Protocol:
    """The dialect that `overlay` is, known by its name from now on; `file` is what messages call the text.

    What it lies on is a file beside `file`, or stands before it in the text, as in what a recording keeps.
    """
    found = _made(overlay, file)
    # A name tells its options beside the defaults, and so it is the dialect with these that is remembered by name.
    usual = found.chosen(protocol_named(found.origin.partition("?")[0]).options) if found.options else found
    usual = _remembered.setdefault(usual.name, usual)
    return usual.chosen(found.options) if found.options else usual


@cache
def _made(overlay: str, file: str) -> Protocol:
    from pilesim.wire.dialect import load_dialect  # noqa: PLC0415 (much to read, and most runs speak none)
    from pilesim.wire.overlay import layers  # noqa: PLC0415 (as above)

    below, _ = layers(overlay)

    def base_of(name: str) -> Protocol:
        return with_options(remember(below, file), name) if below else protocol_named(beside(name, file))

    return load_dialect(overlay, file, base_of)


def remembered(name: str) -> Protocol | None:
    """The dialect called `name`, if one was read before."""
    return _remembered.get(name)


@dataclass(frozen=True, slots=True)
class Travelling(Generic[T, R]):
    """Work that takes its dialect along to another process, or another machine; made by `travelling`."""

    work: Callable[[T], R]
    name: str
    """What the work calls the dialect: its name, or its file, which need not be there."""
    overlay: str

    def __call__(self, share: T) -> R:
        dialect = remember(self.overlay, self.name)
        if is_file(self.name):
            _files[self.name] = dialect
        return self.work(share)


def travelling(work: Callable[[T], R], protocol: str) -> Callable[[T], R]:
    """`work`, in a form that can be done where nothing is known of `protocol`, should that be a dialect."""
    overlay = protocol_named(protocol).overlay
    return Travelling(work, protocol.partition("?")[0], overlay) if overlay else work
