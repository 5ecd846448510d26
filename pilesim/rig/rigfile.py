"""The rig file: which pile stands on the bench, what it claims, and who does what there.

Owns the file's form; every mistake is told as `file:line: expected, found`. Must not know scenarios, nor open a port.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgspec

from pilesim import strictyaml
from pilesim.contract.contract import Limit
from pilesim.contract.contracts import contract_of
from pilesim.errors import PilesimError
from pilesim.quantities import Duration, Kwh, Word, Yuan, quantity
from pilesim.rig.desk import PlatformApi
from pilesim.rig.firmware import profile_of
from pilesim.rig.hands import Command, Hand
from pilesim.rig.stimuli import ACTS
from pilesim.rig.targets import LinkTarget, SimTarget, Target, parse_target
from pilesim.units import MINUTE
from pilesim.wire.protocol import DEFAULT_PROTOCOL, protocol_named

Claim = Literal["card-reader", "screen", "stop-button", "emergency-stop", "lock", "parking-sensor"]
"""What a pile may have, or not."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What cannot be done, and not be judged, at a pile without something that it might claim."""

    acts: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


CLAIMS: Mapping[str, Needs] = {
    "card-reader": Needs(acts=("card",)),
    "screen": Needs(acts=("tap",)),
    "stop-button": Needs(acts=("stop-button",)),
    "emergency-stop": Needs(acts=("emergency-stop",)),
    "lock": Needs(),
    "parking-sensor": Needs(acts=("parking",), rules=("occupied.parking",)),
}
_BY_HAND = ("plug", "unplug", "tap", "stop-button", "emergency-stop", "power")
"""What an operator is asked to do at a pile of which no rig file says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """The bench, beside the pile's URL and protocol. The default one has nobody at it: a pile that is simulated."""

    file: str = ""
    guns: int = 0
    """How many the pile has; 0: not told."""
    lacks: tuple[str, ...] = ()
    """What the pile does not claim, of `CLAIMS`."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Site deadlines: rule id to ns, or the rule's own unit."""
    hands: Mapping[str, Hand] = field(default_factory=dict)
    """Who does what, by the kind of stimulus."""
    operator_wait_ns: int = 10 * MINUTE
    """How long an operator may take, in the computer's time."""
    world_time: bool = True
    """The pile takes the time that the platform tells it; False: it lives in the present."""
    card: str = ""
    """The account of the card at the bench, in place of a scenario's."""
    platform: PlatformApi | None = None
    """A real platform at the other end; None: the reference platform."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """For the reports."""

    @property
    def not_applicable(self) -> dict[str, str]:
        """Rules that this pile cannot be judged by, with the reason."""
        return {rule: f"the pile has no {claim}" for claim in self.lacks for rule in CLAIMS[claim].rules}


@dataclass(frozen=True, slots=True, kw_only=True)
class RigFile:
    """What a rig file says of the pile, and the rig around it."""

    target: Target
    protocol: str
    number: str
    rig: Rig


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The file's keys."""

    pile: str
    protocol: str = DEFAULT_PROTOCOL
    number: Word = Word("")
    guns: int = 0
    claims: tuple[Claim, ...] | None = None
    """None: all of them."""
    limits: dict[str, Any] = {}
    hands: dict[str, Hand] = {}
    operator_wait: Duration = Duration(10 * MINUTE)
    world_time: bool = True
    card: Word = Word("")
    platform: PlatformApi | None = None
    facts: dict[str, str] = {}


def load_rig(text: str, file: str) -> RigFile:
    """The rig in `text`; FileError names the line, what was expected and what was found."""
    document = strictyaml.read(text, file)
    said = strictyaml.convert(document, (), document.data, _File, quantity)
    try:
        protocol_named(said.protocol)
    except PilesimError as error:
        raise document.error(("protocol",), str(error)) from None
    try:
        target = parse_target(said.pile)
        if isinstance(target, SimTarget):
            profile_of(target)
    except PilesimError as error:
        raise document.error(("pile",), str(error)) from None
    if said.guns < 0:
        raise document.error(("guns",), f"expected how many guns the pile has, found {said.guns}")
    _check_hands(document, said.hands, target)
    claimed = get_args(Claim) if said.claims is None else said.claims
    return RigFile(
        target=target,
        protocol=said.protocol,
        number=str(said.number),
        rig=Rig(
            file=file,
            guns=said.guns,
            lacks=tuple(claim for claim in CLAIMS if claim not in claimed),
            limits=_limits(document, said),
            hands={
                **(plain_rig(target).hands if isinstance(target, SimTarget) else {}),
                **{kind: hand for act, hand in said.hands.items() for kind in ACTS[act]},
            },
            operator_wait_ns=int(said.operator_wait),
            world_time=said.world_time,
            card=str(said.card),
            platform=said.platform,
            facts=said.facts,
        ),
    )


def _check_hands(document: strictyaml.Document, hands: Mapping[str, Hand], target: Target) -> None:
    for act, hand in hands.items():
        path = ("hands", act)
        if act not in ACTS:
            raise document.error(path, f"expected an act, one of {', '.join(ACTS)}; found {act!r}")
        if hand == "sim" and isinstance(target, LinkTarget):
            raise document.error(path, "expected operator or a command: the pile is not simulated; found sim")
        if hand == "operator" and isinstance(target, SimTarget):
            raise document.error(path, "expected sim: the pile is simulated; found operator")
        if isinstance(hand, Command) and not hand.command:
            raise document.error((*path, "command"), "expected the words of a command, found none")


def _limits(document: strictyaml.Document, said: _File) -> dict[str, int]:
    known = contract_of(said.protocol).limits
    limits: dict[str, int] = {}
    for rule, value in said.limits.items():
        path = ("limits", rule)
        if rule not in known:
            raise document.error(path, f"expected a rule that has a limit, one of {', '.join(known)}; found {rule!r}")
        try:
            limits[rule] = _limit(known[rule], value)
        except ValueError as error:
            raise document.error(path, str(error)) from None
    return limits


def _limit(limit: Limit, value: Any) -> int:
    kinds: Mapping[str, type[int]] = {"s": Duration, "kWh": Kwh, "yuan": Yuan}
    if limit.unit in kinds:
        return int(quantity(kinds[limit.unit], value))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"expected a number of {limit.unit}, found {value!r}")


def plain_rig(target: Target) -> Rig:
    """The rig of a pile by its URL alone: its own hands where it is simulated, else an operator's."""
    if isinstance(target, SimTarget):
        return Rig(hands={kind: "sim" for kinds in ACTS.values() for kind in kinds})
    return Rig(hands={kind: "operator" for act in _BY_HAND for kind in ACTS[act]})
