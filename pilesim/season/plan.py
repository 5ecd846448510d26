"""Who comes when, and to do what: each pile's visits, drawn from its own streams of chance.

Owns the drawing. All of it is integers, so that a seed draws the same on any machine. Must not know piles at work.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from msgspec import structs

from pilesim.chance import Chance
from pilesim.pile.profiles import Profile
from pilesim.season.fixture import Cuts, Season, Span
from pilesim.units import DAY, HOUR, MINUTE, S, minute_of_day

_PARTS = 1_000_000
"""Shares are compared as whole millionths, so that the outcome does not hang on how a machine rounds."""
_SCAN = (8 * S, 40 * S)
"""From the plug to the scan."""
_FIRST_ARRIVAL_NS = 2 * MINUTE
"""Every pile has connected and told its guns by then."""


class Ending(StrEnum):
    """How a charge ends; the names of the file's weights."""

    FULL = "full"
    PLATFORM = "platform"
    AT_PILE = "at_pile"
    UNPLUG = "unplug"
    BALANCE = "balance"


_ENDINGS = tuple(Ending)
"""In the order in which `Endings` has their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One car. Who finds the gun taken waits until it is free."""

    gun: int
    arrives_ns: int
    scan_after_ns: int
    habit: str
    charge_ns: int
    parking_ns: int
    ending: Ending
    power_w: int
    fails_first: bool
    """The first start comes to nothing; the car is plugged in anew and tries again."""
    outage_ns: int
    """The line goes down for so long as the cable is pulled; 0: it does not."""
    stays_ns: int
    """How long the cable stays in after the first start has come to nothing."""
    scanned_again: bool = False
    """Somebody scans while the car is parked, and thinks better of it."""
    loses_bill: bool = False
    """From the charge on the line is about to lose the next bill."""
    loses_acknowledgement: bool = False
    """The same of the next bill's acknowledgement."""
    power_cut_ns: int = 0
    """The power goes for so long before the cable is pulled; 0: it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PilePlan:
    """One pile of the season, and all who come to it. `visits` are in the order in which they arrive."""

    site: str
    number: str
    profile: Profile
    visits: tuple[Visit, ...]


def plan_of(season: Season, seed: int, charges: int) -> tuple[PilePlan, ...]:
    """The piles of `season` and their visits, `charges` in all, spread over as large a part of its days."""
    firmware = [(at, site.name, profile) for at, site in enumerate(season.sites, 1) for profile in site.firmware]
    span_ns = season.days * DAY * charges // season.charges
    habits = _Habits(
        upto=_upto(habit.weight for habit in season.habits),
        endings_upto=tuple(_upto(structs.astuple(habit.endings or season.endings)) for habit in season.habits),
    )
    hours_upto = _hours_upto(season, span_ns)
    plans = []
    for i, (at, site, profile) in enumerate(firmware):
        number = f"4403090021{at:05}{i + 1:05}"
        count = charges // len(firmware) + (i < charges % len(firmware))
        # Streams of their own: a pile's visits are the same however long the part of the season is that is played.
        arrivals_ns = _arrivals_ns(hours_upto, Chance(f"{seed}/season/{number}/arrivals"), count)
        chance, oddities = (Chance(f"{seed}/season/{number}{stream}") for stream in ("", "/oddities"))
        visits = tuple(
            _visit(season, habits, chance, oddities, 1 + n % profile.guns, at_ns) for n, at_ns in enumerate(arrivals_ns)
        )
        plans.append(PilePlan(site=site, number=number, profile=profile, visits=visits))
    return tuple(plans)


def _hours_upto(season: Season, span_ns: int) -> Sequence[int]:
    """The weights of the hours of the span, as `_weighed` takes them."""
    hours = max(1, span_ns // HOUR)
    weights = [_weight(season, hour) for hour in range(hours)]
    while not any(weights):
        # A short part of a season may lie in hours when nobody comes: it then lasts until the first who does.
        weights.append(_weight(season, len(weights)))
    return _upto(weights)


def _arrivals_ns(hours_upto: Sequence[int], chance: Chance, count: int) -> list[int]:
    """`count` instants inside the span, more of them in hours of more weight."""
    drawn = (_weighed(chance, hours_upto) * HOUR + chance.below(HOUR) for _ in range(count))
    return sorted(max(_FIRST_ARRIVAL_NS, at_ns) for at_ns in drawn)


def _weight(season: Season, hour: int) -> int:
    return season.hours[minute_of_day(season.start_ns + hour * HOUR) // 60]


@dataclass(frozen=True, slots=True)
class _Habits:
    """The weights of the habits, and of the endings of each, as `_weighed` takes them."""

    upto: Sequence[int]
    endings_upto: Sequence[Sequence[int]]


def _visit(season: Season, habits: _Habits, chance: Chance, oddities: Chance, gun: int, arrives_ns: int) -> Visit:
    """One visit; `oddities` draws what few seasons have, so that it moves none of the draws that all have."""
    which = _weighed(chance, habits.upto)
    habit = season.habits[which]
    ending = _ENDINGS[_weighed(chance, habits.endings_upto[which])]
    parking_ns = _drawn(chance, habit.parking)
    # Drawn for every visit, taken or not, so that one share more or less moves no other draw.
    fails_first = _happens(chance, season.failed_starts)
    outage_share, outage_ns = _cut(chance, season.outages)
    scan_after_ns = chance.between(*_SCAN)
    stays_ns = scan_after_ns if season.failed_stay is None else _drawn(oddities, season.failed_stay)
    scanned_again = _happens(oddities, season.scanned_again)
    loses_bill = _happens(oddities, season.lost_bills)
    loses_acknowledgement = _happens(oddities, season.lost_acknowledgements)
    power_cut_share, power_cut_ns = _cut(oddities, season.power_cuts)
    return Visit(
        gun=gun,
        arrives_ns=arrives_ns,
        scan_after_ns=scan_after_ns,
        stays_ns=stays_ns,
        habit=habit.name,
        charge_ns=_drawn(chance, habit.charge),
        parking_ns=0 if ending is Ending.UNPLUG else parking_ns,
        ending=ending,
        power_w=1000 * chance.between(season.power_kw.least, season.power_kw.most),
        fails_first=fails_first,
        outage_ns=outage_ns if _happens(chance, outage_share) else 0,
        scanned_again=scanned_again,
        loses_bill=loses_bill,
        loses_acknowledgement=loses_acknowledgement,
        power_cut_ns=power_cut_ns if _happens(oddities, power_cut_share) else 0,
    )


def _cut(chance: Chance, cuts: Cuts | None) -> tuple[float, int]:
    """The share of the visits that have such a cut, and how long it would last."""
    return (0.0, 0) if cuts is None else (cuts.share, _drawn(chance, cuts.lasts))


def _drawn(chance: Chance, span: Span) -> int:
    return chance.between(span.least, span.most)


def _happens(chance: Chance, share: float) -> bool:
    return chance.below(_PARTS) < round(share * _PARTS)


def _upto(weights: Iterable[int]) -> Sequence[int]:
    """What the weights come to, up to each of them."""
    return tuple(accumulate(weights))


def _weighed(chance: Chance, upto: Sequence[int]) -> int:
    """A place among weights, as likely as its weight is heavy; `upto` is what they come to up to each place."""
    return bisect_right(upto, chance.below(upto[-1]))
