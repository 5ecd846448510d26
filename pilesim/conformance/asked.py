"""What is asked for, in a person's words, made into the options of a run: for the command line and for pytest alike.

Owns the defaults and what goes before what: a word that was said before the rig file, the rig file before a default.
Must not know where the words come from, nor open a port.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from pilesim.conformance.expected import Expected, load_expected
from pilesim.conformance.runner import Options
from pilesim.errors import RigError, UsageError
from pilesim.files import text_in
from pilesim.rig.check import missing_commands
from pilesim.rig.firmware import platform_faults, profile_of
from pilesim.rig.impairments import Impairment
from pilesim.rig.operator import Silence, Terminal
from pilesim.rig.rigfile import RigFile, load_rig, plain_rig
from pilesim.rig.targets import LinkTarget, SimTarget, parse_target
from pilesim.rules.table import RULES
from pilesim.wire.protocol import DEFAULT_PROTOCOL, protocol_named

DEFAULT_PILE = "sim:reference"
DEFAULT_PLATFORM = "sim:reference"
KEPT_IN = Path("captures")
"""Where the captures of a real pile are kept when nothing is said: what happened once may not happen again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words; None is what was not said."""

    seed: int
    pile: str | None = None
    rig_file: Path | None = None
    pile_number: str | None = None
    protocol: str | None = None
    platform: str = DEFAULT_PLATFORM
    impairments: tuple[Impairment, ...] = ()
    no_operator: bool = False
    strict: bool = False
    timeout_scale: float = 1.0
    clock_rate: float = 1.0
    captures: Path | None = None
    expect_file: Path | None = None


def options_of(asked: Asked, operator: Callable[[], Terminal], scenarios: Collection[str] | None) -> Options:
    """The options of a run; `operator` makes the terminal at which a person at a real pile is told what to do.

    UsageError says what of the words cannot be meant, RigError which command of the rig is missing. `scenarios` are
    the ids that there are, for the file of expected failures; None: they are not known, and its ids are believed.
    """
    bench = _bench(asked)
    protocol_named(bench.protocol)
    real = isinstance(bench.target, LinkTarget)
    return Options(
        target=bench.target,
        platform=_platform(asked.platform),
        impairments=asked.impairments,
        protocol=bench.protocol,
        seed=asked.seed,
        strict=asked.strict,
        timeout_scale=asked.timeout_scale,
        clock_rate=asked.clock_rate,
        captures=KEPT_IN if real and asked.captures is None else asked.captures,
        pile_number=asked.pile_number or "",
        rig=bench.rig,
        terminal=None if asked.no_operator else operator() if real else Silence(),
        expected=_expected(asked.expect_file, scenarios),
        expect_file=str(asked.expect_file or ""),
    )


def _bench(asked: Asked) -> RigFile:
    """The rig in the file, else the plain one of a pile; what was said goes before the file."""
    if asked.rig_file is not None:
        bench = load_rig(text_in(asked.rig_file, "a rig file"), str(asked.rig_file))
        if asked.pile is not None:
            raise UsageError(f"--pile: expected the pile once, found it in {asked.rig_file} too")
        if missing := missing_commands(bench):
            raise RigError(f"{asked.rig_file}: {'; '.join(missing)}")
    else:
        target = parse_target(asked.pile or DEFAULT_PILE)
        if isinstance(target, SimTarget):
            profile_of(target)  # a wrong name or fault is told before anything runs
        bench = RigFile(target=target, protocol=DEFAULT_PROTOCOL, rig=plain_rig(target))
    return replace(bench, protocol=bench.protocol if asked.protocol is None else asked.protocol)


def _platform(url: str) -> SimTarget:
    target = parse_target(url)
    if not isinstance(target, SimTarget):
        raise UsageError(f"expected the platform sim:reference, with faults or without; found {url!r}")
    platform_faults(target)
    return target


def _expected(path: Path | None, scenarios: Collection[str] | None) -> Expected:
    if path is None:
        return {}
    return load_expected(text_in(path, "a file of known failures"), str(path), scenarios, [row.id for row in RULES])
