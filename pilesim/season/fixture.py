"""A season as its file describes it: sites, their firmware and faults, and the habits of those who come.

Owns the file's form; every mistake is told as `file:line: expected, found`. Rates and habits go in here; counts come
out of playing. Must not know how a season is played.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import structs

from pilesim import strictyaml
from pilesim.contract.contract import Contract
from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.errors import UsageError
from pilesim.pile.profiles import Profile
from pilesim.quantities import Duration, Fraction, WorldTime, Yuan, quantity
from pilesim.rig.firmware import profile_named
from pilesim.season.faults import unplayable
from pilesim.units import DAY, MINUTE, S, format_duration
from pilesim.wire.messages import Band, Tariff

Weight = Annotated[int, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
LONGEST_DAYS = 366
"""As for a scenario."""
MOST_CHARGES = 1_000_000
"""Drawn in a minute, into 400 MB; the field's largest season has 8498."""
MOST_PILES = 50_000
"""As many as dial one platform."""
CUT_MARGIN_NS = MINUTE
"""How far a cut's length must stay from the platform's waiting for a bill: on which side of it the cut ends may
then not hang on when the last heartbeat came, or on when the pile dials again."""


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Any length from `least` to `most`, each as likely."""

    least: Duration = msgspec.field(name="from")
    most: Duration = msgspec.field(name="to")


class Kilowatts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Any whole power from `least` to `most`, each as likely."""

    least: Count = msgspec.field(name="from")
    most: Count = msgspec.field(name="to")


class Endings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """How charges end, by weight."""

    full: Weight = 0
    platform: Weight = 0
    """Stopped from the phone."""
    at_pile: Weight = 0
    """By the button."""
    unplug: Weight = 0
    """The cable is pulled in mid-charge."""
    balance: Weight = 0


class Habit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of visit: how long it charges, and how long the car then stays."""

    name: str
    weight: Weight
    charge: Span
    parking: Span
    """From the end of the charge to the unplug. Who ends by pulling the cable does not park."""
    endings: Endings | None = None
    """None: the season's."""


class Cuts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line of a pile, or its power, goes as a cable is about to be pulled."""

    share: Fraction
    """Of the charges, those that end by pulling the cable excepted."""
    lasts: Span


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Piles of one operator's place."""

    name: str
    piles: Count
    firmware: dict[str, Weight]
    """Profile to its share of the piles, by weight."""
    faults: tuple[dict[str, dict[str, Any] | None], ...] = ()
    """Beside the profiles' own."""


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What differs from the platform's usual tariff."""

    energy: Yuan | None = None
    """A kWh, at all hours."""
    service: Yuan | None = None
    occupancy: Yuan | None = None
    """A minute."""
    free: Duration | None = None
    """How much of the occupancy costs nothing; whole minutes."""


class _SeasonFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    name: str
    title: str
    case: str = ""
    start: WorldTime
    days: Count
    charges: Count
    tariff: Prices = Prices()
    sites: tuple[Site, ...]
    hours: dict[str, Weight]
    power_kw: Kilowatts
    habits: tuple[Habit, ...]
    endings: Endings
    failed_starts: Fraction = Fraction(0)
    failed_stay: Span | None = None
    scanned_again: Fraction = Fraction(0)
    lost_bills: Fraction = Fraction(0)
    lost_acknowledgements: Fraction = Fraction(0)
    outages: Cuts | None = None
    power_cuts: Cuts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedSite:
    """A site with its firmware read: `firmware` holds one profile a pile, the site's faults among each one's."""

    name: str
    firmware: tuple[Profile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """A season that can be played. `hours` holds 24 weights."""

    name: str
    title: str
    case: str
    start_ns: int
    """Epoch ns of the world's beginning."""
    days: int
    charges: int
    tariff: Tariff
    sites: tuple[PlayedSite, ...]
    hours: tuple[int, ...]
    power_kw: Kilowatts
    habits: tuple[Habit, ...]
    endings: Endings
    failed_starts: Fraction
    """Share of the charges before which a first start comes to nothing."""
    failed_stay: Span | None
    """How long the cable stays in after such a start; None: as long as the way from the plug to the scan takes."""
    scanned_again: Fraction
    """Share of the charges after which somebody scans, with the cable still in, and thinks better of it."""
    lost_bills: Fraction
    """Share of the charges from which on the line is about to lose a bill: the next that leaves, whosever it is."""
    lost_acknowledgements: Fraction
    """The same of the acknowledgements of bills."""
    outages: Cuts | None
    power_cuts: Cuts | None


NOTHING_GIVEN: Mapping[str, Any] = MappingProxyType({})


def load_season(text: str, file: str, contract: Contract, given: Mapping[str, Any] = NOTHING_GIVEN) -> Season:
    """The season in `text`; FileError names the line of what does not fit. `contract`: the protocol's.

    `given`: keys that the file need not have, with their values in its form.
    """
    document = strictyaml.read(text, file)
    data = {**given, **document.data} if isinstance(document.data, Mapping) else document.data
    read = strictyaml.convert(document, (), data, _SeasonFile, quantity)
    _check_size(document, read)
    _check_hours(document, read)
    _check_spans(document, read, contract)
    return Season(
        name=read.name,
        title=read.title,
        case=read.case,
        start_ns=int(read.start),
        days=read.days,
        charges=read.charges,
        tariff=_tariff(document, read.tariff),
        sites=tuple(_site(document, index, site) for index, site in enumerate(read.sites)),
        hours=tuple(read.hours.get(str(hour), 0) for hour in range(24)),
        power_kw=read.power_kw,
        habits=read.habits,
        endings=read.endings,
        failed_starts=read.failed_starts,
        failed_stay=read.failed_stay,
        scanned_again=read.scanned_again,
        lost_bills=read.lost_bills,
        lost_acknowledgements=read.lost_acknowledgements,
        outages=read.outages,
        power_cuts=read.power_cuts,
    )


def _check_size(document: strictyaml.Document, read: _SeasonFile) -> None:
    """All visits are drawn before the first is played: what nobody would wait for is refused before that."""
    piles = sum(site.piles for site in read.sites)
    for path, found, most in (
        (("days",), read.days, LONGEST_DAYS),
        (("charges",), read.charges, MOST_CHARGES),
        (("sites",), piles, MOST_PILES),
    ):
        if found > most:
            what = "piles in all" if path == ("sites",) else path[0]
            raise document.error(path, f"expected at most {most} {what}, found {found}")


def _check_hours(document: strictyaml.Document, read: _SeasonFile) -> None:
    for hour in read.hours:
        if hour not in {str(h) for h in range(24)}:
            raise document.error(("hours", hour), f"expected an hour from 0 to 23, found {hour}")
    weighed: dict[tuple[str | int, ...], int] = {
        ("hours",): sum(read.hours.values()),
        ("habits",): sum(habit.weight for habit in read.habits),
        ("endings",): sum(msgspec.structs.astuple(read.endings)),
        **{("sites", i, "firmware"): sum(site.firmware.values()) for i, site in enumerate(read.sites)},
        **{
            ("habits", i, "endings"): sum(msgspec.structs.astuple(habit.endings))
            for i, habit in enumerate(read.habits)
            if habit.endings is not None
        },
    }
    for path, total in weighed.items():
        if not total:
            raise document.error(path, f"{path[-1]}: expected a weight above 0, found none")


def _check_spans(document: strictyaml.Document, read: _SeasonFile, contract: Contract) -> None:
    spans: dict[tuple[str | int, ...], Span | Kilowatts] = {("power-kw",): read.power_kw}
    for i, habit in enumerate(read.habits):
        spans["habits", i, "charge"] = habit.charge
        spans["habits", i, "parking"] = habit.parking
    if read.failed_stay is not None:
        spans["failed-stay",] = read.failed_stay
    cuts = {name: cut.lasts for name, cut in (("outages", read.outages), ("power-cuts", read.power_cuts)) if cut}
    for name, lasts in cuts.items():
        spans[name, "lasts"] = lasts
    for path, span in spans.items():
        if span.least > span.most:
            raise document.error(path, f"{path[-1]}: expected `from` to be at most `to`")
    for i, habit in enumerate(read.habits):
        if habit.charge.least < S:
            raise document.error(("habits", i, "charge"), "charge: expected at least 1s")
    wait_ns = contract.bill_wait_ns
    for name, lasts in cuts.items():
        if not (lasts.most <= wait_ns - CUT_MARGIN_NS or lasts.least >= wait_ns + CUT_MARGIN_NS):
            shorter, longer = (format_duration(wait_ns + by) for by in (-CUT_MARGIN_NS, CUT_MARGIN_NS))
            raise document.error(
                (name, "lasts"),
                f"lasts: expected all {name} up to {shorter} or all from {longer} on: one between may end before or "
                "after the platform's waiting for the bill",
            )


def _tariff(document: strictyaml.Document, prices: Prices) -> Tariff:
    free_ns = DEFAULT_TARIFF.free_minutes * MINUTE if prices.free is None else prices.free
    if free_ns % MINUTE:
        raise document.error(("tariff", "free"), f"free: expected whole minutes, found {format_duration(free_ns)}")
    tariff = structs.replace(DEFAULT_TARIFF, free_minutes=free_ns // MINUTE)
    if prices.energy is not None:
        tariff = structs.replace(tariff, energy_mfen=(int(prices.energy),) * 48)
    if prices.service is not None:
        tariff = structs.replace(tariff, service_mfen=(int(prices.service),) * 48)
    if prices.occupancy is not None:
        tariff = structs.replace(tariff, occupancy=(Band(0, DAY // MINUTE, int(prices.occupancy)),))
    return tariff


def _site(document: strictyaml.Document, index: int, site: Site) -> PlayedSite:
    profiles = []
    for name in site.firmware:
        try:
            profile = profile_named(name)
        except UsageError as error:
            raise document.error(("sites", index, "firmware", name), str(error)) from None
        for i, entry in enumerate(site.faults):
            try:
                profile = profile.with_faults([(fault, given or {}) for fault, given in entry.items()])
            except UsageError as error:
                raise document.error(("sites", index, "faults", i), str(error)) from None
        problem = unplayable(profile.faults)
        if problem:
            raise document.error(("sites", index, "firmware", name), f"{name}: {problem}")
        profiles.append(profile)
    counts = shared(site.piles, tuple(site.firmware.values()))
    return PlayedSite(
        name=site.name,
        firmware=tuple(profile for profile, count in zip(profiles, counts, strict=True) for _ in range(count)),
    )


def shared(total: int, weights: tuple[int, ...]) -> tuple[int, ...]:
    """`total` things shared out by `weights`: whole parts first, the rest to the largest remainders."""
    whole = sum(weights)
    counts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % whole))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return tuple(counts)
