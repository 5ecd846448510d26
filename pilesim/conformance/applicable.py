"""Whether a scenario can be played on a rig at all, told before any traffic, and how it is fitted to it.

Owns the reasons. Must not open anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from pilesim.contract.contract import Contract
from pilesim.contract.tariff import TELL_TARIFF
from pilesim.rig.impairments import objection, parse_impairment
from pilesim.rig.operator import Terminal
from pilesim.rig.rigfile import CLAIMS, Rig
from pilesim.rig.signs import SIGNS
from pilesim.rig.stimuli import ACT_OF, ACTS
from pilesim.rig.targets import Target
from pilesim.scenario import steps
from pilesim.scenario.scenario import LinedStep, PlatformSettings, Scenario
from pilesim.wire.messages import MESSAGE_TYPES
from pilesim.wire.protocol import Protocol

_PLATFORM_COMMANDS = {steps.Authorise: "authorise", steps.Start: "start", steps.Stop: "stop"}


def unprovable(scenario: Scenario, protocol: Protocol, contract: Contract) -> str:
    """Why the protocol can carry nothing of what `scenario` proves, in a sentence; "" where it can some of it."""
    lacking = [name for name in scenario.needs if not protocol.carries(MESSAGE_TYPES[name])]
    if lacking:
        return f"it is about {' and '.join(lacking)}, which {protocol.name} does not have"
    if scenario.platform.tariff != PlatformSettings().tariff and not any(map(protocol.carries, TELL_TARIFF)):
        return f"it sets a tariff, which no message of {protocol.name} tells"
    reasons = dict.fromkeys(contract.not_applicable.get(rule, "") for rule in scenario.proves)
    return "" if "" in reasons else "; ".join(reasons)


def why_not(scenario: Scenario, target: Target, rig: Rig, terminal: Terminal | None) -> str:
    """Why `scenario` cannot be played on `target`, in a sentence; "" when it can. `terminal` None: no operator."""
    return next(_reasons(scenario, target, rig, terminal), "")


def _reasons(scenario: Scenario, target: Target, rig: Rig, terminal: Terminal | None) -> Iterator[str]:
    guns = max(scenario.guns)
    if rig.guns and guns > rig.guns:
        yield f"it needs {guns} guns, and the pile has {rig.guns}"
    for lined in scenario.steps:
        reason = _why_not_step(lined, target, rig, terminal)
        if reason:
            yield f"line {lined.line}: {reason}"
    if rig.platform is not None:
        for name in ("cards", "tariff"):
            if getattr(scenario.platform, name) != getattr(PlatformSettings(), name):
                yield f"it sets the platform's {name}, and this platform is a real one"


def _why_not_step(lined: LinedStep, target: Target, rig: Rig, terminal: Terminal | None) -> str:
    match lined.step:
        case steps.Stimulus(kind=kind):
            return _why_not_act(kind, target, rig, terminal)
        case steps.Impair(spec=spec):
            return objection(parse_impairment(spec), connectionless=target.connectionless)
        case steps.At() if not rig.world_time:
            return "it needs a certain time of day, and this pile lives in the present"
        case steps.Command() as command if rig.platform is not None:
            name = _PLATFORM_COMMANDS.get(type(command), lined.key)
            return "" if rig.platform.does(name) else f"the rig says no way to tell the platform to {name}"
        case _:
            return ""


def _why_not_act(kind: str, target: Target, rig: Rig, terminal: Terminal | None) -> str:
    act = ACT_OF[kind]
    for claim in rig.lacks:
        if act in CLAIMS[claim].acts:
            return f"{kind} needs a {claim}, which the pile does not claim"
    hand = rig.hands.get(kind)
    if hand is None:
        return f"nobody at this rig does {kind}"
    if hand != "operator":
        return ""
    if terminal is None:
        return f"{kind} needs an operator, and there is none"
    if not terminal.has_key and kind not in SIGNS:
        return f"{kind} shows nowhere on the line, and there is no key to confirm it with"
    if not terminal.has_key and kind == "power-off" and target.connectionless:
        return "power-off shows as silence on a serial line, and there is no key to confirm it with"
    return ""


def fitted(scenario: Scenario, rig: Rig, present_ns: int) -> Scenario:
    """`scenario` with the card that lies at the bench, and in the present where the pile lives there."""
    known = {card.account for card in scenario.platform.cards}
    if rig.card and known:
        cards = tuple(msgspec.structs.replace(card, account=rig.card) for card in scenario.platform.cards)
        scenario = replace(
            scenario,
            platform=msgspec.structs.replace(scenario.platform, cards=cards),
            steps=tuple(_with_card(lined, known, rig.card) for lined in scenario.steps),
        )
    return scenario if rig.world_time else replace(scenario, start_ns=present_ns)


def _with_card(lined: LinedStep, known: Iterable[str], card: str) -> LinedStep:
    step = lined.step
    if isinstance(step, steps.Card) and step.account in known:
        return replace(lined, step=msgspec.structs.replace(step, account=card))
    return lined


def acts_asked(scenario: Scenario, rig: Rig) -> tuple[str, ...]:
    """The acts that an operator will be asked for, in order."""
    kinds = (lined.step.kind for lined in scenario.steps if isinstance(lined.step, steps.Stimulus))
    return tuple(ACT_OF[kind] for kind in kinds if rig.hands.get(kind) == "operator")


def grouped(scenarios: Iterable[Scenario], rig: Rig) -> list[Scenario]:
    """The scenarios that need the same of an operator's acts together, those that need fewest first."""

    def needs(scenario: Scenario) -> tuple[int, list[bool]]:
        acts = set(acts_asked(scenario, rig))
        return len(acts), [act in acts for act in ACTS]

    return sorted(scenarios, key=needs)
