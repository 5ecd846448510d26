"""What other packages offer through entry points: their protocols, and whatever else goes by a protocol's name.

Owns how an entry point is found, held against what is expected, and told of where it fails. Must not know any
protocol. A package that fails is told of in a sentence, and takes none of the others with it: each is imported by
itself, and only when it is asked for.

    [project.entry-points."pilesim.protocols"]
    NAME = "package.module:PROTOCOL"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from pilesim.errors import UsageError
from pilesim.wire.protocol import Protocol, own_protocols

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PROTOCOLS = "pilesim.protocols"

Check = Callable[[str, object], str]
"""Why an object is not what is expected under its name (`expected ..., found ...`), or ""."""


def protocols() -> dict[str, Protocol]:
    """Every protocol that another package offers and that is one, by name."""
    found: dict[str, Protocol] = {}
    for name in _points(PROTOCOLS):
        given, trouble = _protocol(name)
        if given is not None and not trouble:
            found[name] = given
    return found


def protocol(name: str) -> Protocol | None:
    """The protocol called `name`, if a package offers it; UsageError where what it offers is none."""
    if name not in _points(PROTOCOLS):
        return None
    found, trouble = _protocol(name)
    if trouble:
        raise UsageError(trouble)
    return found


def troubles() -> list[str]:
    """What is wrong with what is offered, a sentence each."""
    return [trouble for name in _points(PROTOCOLS) for _, trouble in [_protocol(name)] if trouble]


def offered(group: str, name: str, check: Check) -> object | None:
    """What a package offers under `name` in `group`, if any does; UsageError where it cannot be had or is amiss."""
    if name not in _points(group):
        return None
    found, trouble = _loaded(group, name, check)
    if trouble:
        raise UsageError(trouble)
    return found


@cache
def _points(group: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """The entry points of `group` by name; a name should have one."""
    # It is as much to import as all of wire, and pilesim's own protocols are found without it.
    from importlib.metadata import entry_points  # noqa: PLC0415

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=group):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


@cache
def _protocol(name: str) -> tuple[Protocol | None, str]:
    if name in own_protocols():
        return None, f"{_where(PROTOCOLS, name)}: expected a name of its own, found that of pilesim's {name}"
    found, trouble = _loaded(PROTOCOLS, name, _no_protocol)
    return (found if isinstance(found, Protocol) else None), trouble


def _no_protocol(name: str, found: object) -> str:
    if not isinstance(found, Protocol):
        return f"expected a protocol (an object of pilesim.wire.protocol.Protocol), found {found!r}"
    said = getattr(found, "name", None)
    return "" if said == name else f"expected a protocol that calls itself {name!r}, found {said!r}"


def _loaded(group: str, name: str, check: Check) -> tuple[object | None, str]:
    """What is offered under `name`, and what is wrong with it in a sentence."""
    points = _points(group)[name]
    where = _where(group, name)
    if len(points) > 1:
        return None, f"{where}: expected one package with this name, found {len(points)}"
    try:
        found = points[0].load()
        amiss = check(name, found)
    except Exception as error:  # whatever another package does, it is that package's, and the others go on
        return None, f"{where}: expected {points[0].value} to load, found {type(error).__name__}: {error}"
    return found, f"{where}: {amiss}" if amiss else ""


def _where(group: str, name: str) -> str:
    return f"{group}: {name} ({', '.join(_told(point) for point in _points(group)[name])})"


def _told(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
