"""The rig file: which pile stands on the bench, what it claims, and who does what there.

Owns the file's form; every mistake is told as `file:line: expected, found`. Must not know scenarios, nor open a port.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pilesim import strictyaml
from pilesim.contract.contracts import contract_of
from pilesim.errors import PilesimError
from pilesim.link.urls import link_of
from pilesim.quantities import Duration, Word, quantity
from pilesim.rig.desk import FILLED_BY, PlatformApi
from pilesim.rig.firmware import profile_of
from pilesim.rig.hands import Command, Hand
from pilesim.rig.relay import filled
from pilesim.rig.stimuli import ACTS, DETAILS
from pilesim.rig.targets import SimTarget, Target, parse_target
from pilesim.units import MINUTE
from pilesim.wire.dialects import beside
from pilesim.wire.messages import MOST_GUNS
from pilesim.wire.protocol import DEFAULT_PROTOCOL, protocol_named

AT_PLATFORM = "sim:reference"
"""The pile at a real platform, where the file names none."""
OTHERS = "others"
"""In place of an act: all that are not named."""


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
"""What a pile may have, or not."""
_BY_HAND = ("plug", "unplug", "tap", "stop-button", "emergency-stop", "power")
"""What an operator is asked to do at a pile of which no rig file says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """The bench, beside the pile's URL and protocol. The default one has nobody at it: a pile that is simulated."""

    file: str = ""
    number: str = ""
    """The pile's; "" takes whatever number it tells."""
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
    rig: Rig


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The file's keys."""

    pile: str = ""
    """"" where a real platform is: then its piles are simulated."""
    protocol: str = DEFAULT_PROTOCOL
    number: Word = Word("")
    guns: int = 0
    claims: tuple[str, ...] | None = None
    """None: all of them."""
    limits: dict[str, Any] = {}
    hands: dict[str, Any] | None = None
    """None: as at a pile of which only the URL is known."""
    operator_wait: Duration = Duration(10 * MINUTE)
    world_time: bool | None = None
    """None: where the pile connects anew for each scenario, and asks for the time."""
    card: Word = Word("")
    platform: PlatformApi | None = None
    facts: dict[str, Word] = {}


def load_rig(text: str, file: str) -> RigFile:
    """The rig in `text`; FileError names the line, what was expected and what was found."""
    document = strictyaml.read(text, file)
    said = strictyaml.convert(document, (), document.data, _File, quantity)
    said = msgspec.structs.replace(said, protocol=beside(said.protocol, file))
    try:
        protocol_named(said.protocol)
    except PilesimError as error:
        raise document.error(("protocol",), str(error)) from None
    if not said.pile and said.platform is None:
        raise document.error((), "expected pile: or platform:, of which one is real; found neither")
    try:
        target = parse_target(said.pile or AT_PLATFORM)
        if isinstance(target, SimTarget):
            profile_of(target)
    except PilesimError as error:
        raise document.error(("pile",), str(error)) from None
    if not 0 <= said.guns <= MOST_GUNS:
        raise document.error(("guns",), f"expected how many guns the pile has, 1 to {MOST_GUNS}; found {said.guns}")
    for index, claim in enumerate(said.claims or ()):
        if claim not in CLAIMS:
            raise document.error(("claims", index), f"expected one of {', '.join(CLAIMS)}; found {claim!r}")
    claimed = CLAIMS if said.claims is None else said.claims
    _check_platform(document, said.platform)
    return RigFile(
        target=target,
        protocol=said.protocol,
        rig=Rig(
            file=file,
            number=str(said.number),
            guns=said.guns,
            lacks=tuple(claim for claim in CLAIMS if claim not in claimed),
            limits=_limits(document, said),
            hands={
                **(plain_rig(target).hands if isinstance(target, SimTarget) or said.hands is None else {}),
                **_hands(document, said.hands or {}, target),
            },
            operator_wait_ns=int(said.operator_wait),
            world_time=not target.connectionless if said.world_time is None else said.world_time,
            card=str(said.card),
            platform=said.platform,
            facts={name: str(fact) for name, fact in said.facts.items()},
        ),
    )


def _hands(document: strictyaml.Document, said: Mapping[str, Any], target: Target) -> dict[str, Hand]:
    """Who does what, by the kind of stimulus; `others` does every act that is not named."""
    hands: dict[str, Hand] = {}
    for act, value in said.items():
        path = ("hands", act)
        if act not in ACTS and act != OTHERS:
            raise document.error(path, f"expected an act, one of {', '.join(ACTS)}, or {OTHERS}; found {act!r}")
        hand = _hand(document, path, value, target)
        for named in (act,) if act in ACTS else (named for named in ACTS if named not in said):
            hands |= dict.fromkeys(ACTS[named], hand)
            if not isinstance(hand, Command):
                continue
            for kind in ACTS[named]:
                names = ("act", "gun", "detail", *(DETAILS[kind] if act in ACTS else ()))
                _check_words(document, (*path, "command"), hand.command, names)
    return hands


def _hand(document: strictyaml.Document, path: tuple[str, str], value: Any, target: Target) -> Hand:
    if isinstance(value, Mapping):
        return strictyaml.convert(document, path, value, Command, quantity)
    simulated = isinstance(target, SimTarget)
    known: Hand = "sim" if simulated else "operator"
    if value != known:
        why = ", since the pile is simulated" if simulated else ""
        raise document.error(path, f"expected {known} or a command{why}; found {value!r}")
    return known


def _check_words(document: strictyaml.Document, path: tuple[str, ...], words: Any, names: Iterable[str]) -> None:
    """Whatever a command or a call is filled with is known before the day begins."""
    try:
        if isinstance(words, tuple) and not words:
            raise ValueError("expected the words of a command, found none")
        filled(words, dict.fromkeys(names, ""))
    except ValueError as error:
        raise document.error(path, str(error)) from None


def _check_platform(document: strictyaml.Document, platform: PlatformApi | None) -> None:
    if platform is None:
        return
    try:
        link_of(platform.url)
    except PilesimError as error:
        raise document.error(("platform", "url"), str(error)) from None
    for name, call in platform.calls().items():
        if call.http is None:
            _check_words(document, ("platform", name, "command"), call.command, FILLED_BY[name])
        else:
            _check_words(document, ("platform", name, "http"), call.http.texts(), FILLED_BY[name])


def _limits(document: strictyaml.Document, said: _File) -> dict[str, int]:
    known = contract_of(said.protocol).limits
    limits: dict[str, int] = {}
    for rule, value in said.limits.items():
        path = ("limits", rule)
        if rule not in known:
            raise document.error(path, f"expected a rule that has a limit, one of {', '.join(known)}; found {rule!r}")
        try:
            limits[rule] = known[rule].read(value)
        except ValueError as error:
            raise document.error(path, str(error)) from None
    return limits


def plain_rig(target: Target) -> Rig:
    """The rig of a pile by its URL alone: its own hands where it is simulated, else an operator's."""
    if isinstance(target, SimTarget):
        return Rig(hands={kind: "sim" for kinds in ACTS.values() for kind in kinds})
    hands: dict[str, Hand] = {kind: "operator" for act in _BY_HAND for kind in ACTS[act]}
    return Rig(hands=hands, world_time=not target.connectionless)
