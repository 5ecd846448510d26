"""Which piles there are and who comes to them: the mix of firmware, and the habits of a season's file.

Owns the words of a mix, and what of a season's file may be left out. Must not know piles at work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from pilesim.contract.contract import Contract
from pilesim.errors import UsageError
from pilesim.pile.profiles import Profile
from pilesim.rig.firmware import profile_of
from pilesim.rig.targets import SimTarget, parse_target
from pilesim.season.fixture import MOST_CHARGES, MOST_PILES, PlayedSite, Season, load_season, shared
from pilesim.season.plan import PilePlan, plan_of
from pilesim.units import DAY, HOUR, local_datetime

_PARTS = 1_000_000
"""Weights are compared as whole millionths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One firmware, and how many of the piles have it, by weight."""

    target: SimTarget
    profile: Profile
    weight: int


def parse_mix(text: str) -> tuple[Share, ...]:
    """The firmware in `reference=0.9,robinson-gen5-0303=0.1`; one without a weight weighs 1. UsageError otherwise."""
    shares = []
    for part in text.split(","):
        name, equals, said = part.rpartition("=")
        weight = _weight(said) if equals else None
        if weight is None:
            name, weight = part, _PARTS
        target = parse_target(f"sim:{name}")
        if not isinstance(target, SimTarget):
            raise UsageError(f"expected a firmware profile, found {name!r}")
        shares.append(Share(target=target, profile=profile_of(target), weight=weight))
    if not sum(share.weight for share in shares):
        raise UsageError(f"expected a weight above 0 in --firmware, found none in {text!r}")
    return tuple(shares)


def _weight(text: str) -> int | None:
    """Millionths; None where `text` is no number."""
    try:
        return int(Decimal(text) * _PARTS) if text.replace(".", "", 1).isdecimal() else None
    except InvalidOperation:
        return None


def load_traffic(text: str, file: str, contract: Contract, world_start_ns: int) -> Season:
    """The season in `text`, which begins now whatever it says; name, title, start and sites need not be there.

    FileError names the line of what does not fit.
    """
    start = local_datetime(world_start_ns).isoformat()
    given = {
        "name": "traffic",
        "title": "",
        "start": start,
        "sites": [{"name": "A", "piles": 1, "firmware": {"reference": 1}}],
    }
    return replace(load_season(text, file, contract, given), start_ns=world_start_ns)


def numbers_from(first: str, count: int) -> tuple[str, ...]:
    """`count` pile numbers of as many digits as the first. UsageError where they do not go so far."""
    numbers = tuple(str(int(first) + i).rjust(len(first), "0") for i in range(count))
    if len(numbers[-1]) > len(first):
        raise UsageError(f"--number: expected one that leaves room for {count} piles, found {first}")
    return numbers


def plans_of(
    traffic: Season | None,
    mix: Sequence[Share],
    *,
    count: int | None,
    first_number: str,
    seed: int,
    for_ns: int | None,
) -> tuple[PilePlan, ...]:
    """The piles and their visits. No `mix` or `count`: those of the traffic's own sites.

    The traffic's charges are for as many piles as its sites have; more piles have more, each as many as there.
    """
    own = tuple(profile for site in (traffic.sites if traffic else ()) for profile in site.firmware)
    if traffic is not None and not own:
        raise UsageError("expected sites with piles in the traffic, or no sites there at all; found none")
    wanted = count or len(own) or 1
    if wanted > MOST_PILES:
        raise UsageError(f"--count: expected at most {MOST_PILES} piles, found {wanted}")
    if mix:
        parts = shared(wanted, tuple(share.weight for share in mix))
        firmware = tuple(s.profile for s, part in zip(mix, parts, strict=True) for _ in range(part))
    else:
        firmware = tuple(own[i % len(own)] for i in range(wanted))
    numbers = numbers_from(first_number, wanted)
    if traffic is None:
        return tuple(
            PilePlan(site="", number=number, profile=profile, visits=())
            for number, profile in zip(numbers, firmware, strict=True)
        )
    charges = max(1, round(traffic.charges * wanted / len(own)))
    played = replace(traffic, sites=(PlayedSite(name="A", firmware=firmware),), charges=charges)
    days_ns = traffic.days * DAY
    # Within an hour people come at any time, so of less than that the first hour is planned.
    part_ns = days_ns if for_ns is None else min(days_ns, max(for_ns, HOUR))
    part = -(-charges * part_ns // days_ns)
    if part > MOST_CHARGES:
        raise UsageError(
            f"expected at most {MOST_CHARGES} charges, found {part} for {wanted} piles: a shorter --for has fewer"
        )
    plans = plan_of(played, seed, part)
    return tuple(replace(plan, number=number) for plan, number in zip(plans, numbers, strict=True))
