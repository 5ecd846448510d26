"""The versions of the EV-Link family, oldest first; owns their names, version bytes and how far each is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """One member of the family. `number` is what its frames carry: major, minor."""

    name: str
    number: bytes
    title: str
    provisional: str


VERSIONS = (
    Version(
        "evlink-2.5",
        b"\x02\x05",
        "EV-Link 2.5 (驿联网后台通信规约)",
        "Little-endian numbers in 0x05, 0x09 and 0x16 and the fields marked inferred have not been seen on a line.",
    ),
    Version(
        "evlink-2.6",
        b"\x02\x06",
        "EV-Link 2.6 (驿联网后台通信规约)",
        "The byte that 2.6 adds to 0x0F is known by its size; its place and meaning are inferred.",
    ),
    Version(
        "lhc",
        b"\x02\x06",
        "LHC, EV-Link 2.6 with the tails of 0x05 and 0x09 that the field cases show",
        "The tails of 0x05 (order, start, energy, amount) and 0x09 (end, stop reason) are provisional: the field "
        "shows that such values are sent, but no capture has shown where.",
    ),
)

V2_5, V2_6, LHC = (version.name for version in VERSIONS)


def has(version: str, since: str) -> bool:
    """Whether what came with version `since` ("" for the first) is in `version`."""
    names = [each.name for each in VERSIONS]
    return not since or names.index(since) <= names.index(version)


def versions_numbered(number: bytes) -> list[str]:
    """Names of the versions whose frames carry `number`."""
    return [version.name for version in VERSIONS if version.number == number]
