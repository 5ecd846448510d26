"""The pile under test, by its URL: a simulated one (`sim:`), or whatever is at the end of a link.

Owns the words of a target's URL. Must not know which firmware profiles or faults there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl

from pilesim.errors import UsageError
from pilesim.link.serial import SerialLink
from pilesim.link.urls import LINK_FORMS, link_of
from pilesim.wire.frame import End


class SimLink(StrEnum):
    """How a simulated pile is joined to the platform: in memory, or over a real line to ourselves."""

    VIRTUAL = "virtual"
    TCP = "tcp"
    PTY = "pty"


_SIM_OPTIONS = "seed=7, link=tcp, fault=NAME and fault.PARAMETER=VALUE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimTarget:
    """A simulated pile. `faults` are added to those of the firmware profile, parameters as they were written."""

    url: str
    profile: str
    seed: int | None = None
    """None: the run's."""
    faults: tuple[tuple[str, Mapping[str, str]], ...] = ()
    link: SimLink = SimLink.VIRTUAL

    @property
    def connectionless(self) -> bool:
        return self.link is SimLink.PTY


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTarget:
    """A pile at the end of a link."""

    url: str
    connectionless: bool = field(default=False)
    """On a serial line."""


Target = SimTarget | LinkTarget


def parse_target(url: str) -> Target:
    """The target that `url` means; nothing is opened. UsageError says what was expected and what was found.

    `sim:NAME?seed=7&fault=unplug-lag&fault.lag=2h&link=tcp`: a parameter belongs to the fault named before it.
    """
    scheme, colon, rest = url.partition(":")
    if scheme == "sim" and colon:
        return _sim(url, rest)
    if not colon:
        raise UsageError(f"expected a pile, sim:NAME or one of {', '.join(LINK_FORMS)}; found {url!r}")
    return LinkTarget(url=url, connectionless=link_of(url).connectionless)


def _sim(url: str, rest: str) -> SimTarget:
    profile, _, query = rest.partition("?")
    if not profile or "/" in profile:
        raise UsageError(f"expected the name of a firmware as in sim:reference, found {url!r}")
    seed: int | None = None
    link: SimLink = SimLink.VIRTUAL
    faults: list[tuple[str, dict[str, str]]] = []
    for key, value in parse_qsl(query, keep_blank_values=True):
        match key.split(".", 1):
            case ["seed"]:
                seed = _seed(url, value)
            case ["link"]:
                link = _link(url, value)
            case ["fault"] if value:
                faults.append((value, {}))
            case ["fault", parameter] if faults and parameter and parameter not in faults[-1][1]:
                faults[-1][1][parameter] = value
            case ["fault", _]:
                raise UsageError(f"expected {key} once, after the fault=NAME that it belongs to; found {url!r}")
            case _:
                raise UsageError(f"expected the options {_SIM_OPTIONS}; found {key!r} in {url!r}")
    return SimTarget(url=url, profile=profile, seed=seed, faults=tuple(faults), link=link)


def _seed(url: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise UsageError(f"expected seed as a whole number, found {value!r} in {url!r}")
    return int(value)


def _link(url: str, value: str) -> SimLink:
    if value not in list(SimLink):
        raise UsageError(f"expected link as one of {', '.join(SimLink)}; found {value!r} in {url!r}")
    return SimLink(value)


def port_facts(target: Target) -> dict[str, str]:
    """The port at which a real pile is, and its baud rate where it has one; nothing of a simulated pile."""
    if isinstance(target, SimTarget):
        return {}
    link = link_of(target.url)
    baud = {"baud": str(link.settings.baud)} if isinstance(link, SerialLink) else {}
    return {"port": target.url.partition("?")[0], **baud}


def wire_ns_per_byte(pile: str | None, platform: str | None, clock_rate: float) -> dict[End, int]:
    """How long a byte needs to each end that is at a URL and keeps a pace, ns of the world's time; None: it is ours."""
    urls = {End.PILE: pile, End.PLATFORM: platform}
    paces = {end: link_of(url).wire_ns_per_byte for end, url in urls.items() if url is not None}
    return {end: round(pace * clock_rate) for end, pace in paces.items() if pace}
