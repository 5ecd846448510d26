"""A tariff that was told, as a scenario's file spells it, and one that a file tells.

Owns the way between both. Must not know what a tariff is used for.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from pilesim import strictyaml
from pilesim.files import text_in
from pilesim.quantities import TimeOfDay, Yuan, quantity
from pilesim.scenario.tariff import Price, TariffSettings
from pilesim.wire.messages import Tariff

_DAY_MINUTES = 24 * 60
_HALF_HOURS = 48
NOTHING = Tariff(energy_mfen=(0,) * _HALF_HOURS, service_mfen=(0,) * _HALF_HOURS)


def settings_of(tariff: Tariff) -> TariffSettings:
    """What a scenario's file says of `tariff`; minutes that no rate covers cost nothing."""
    step = _DAY_MINUTES // _HALF_HOURS
    by_minute = [tariff.occupancy_rate_mfen(minute) for minute in range(_DAY_MINUTES)]
    return TariffSettings(
        energy=_prices(tariff.energy_mfen, step),
        service=_prices(tariff.service_mfen, step),
        occupancy=_prices(by_minute, 1),
        free_minutes=tariff.free_minutes,
    )


def _prices(values: Sequence[int], step: int) -> tuple[Price, ...]:
    prices = []
    until = 0
    for value, run in groupby(values):
        until += step * len(list(run))
        prices.append(Price(until=TimeOfDay(until), yuan=Yuan(value)))
    return tuple(prices)


def tariff_in(path: Path) -> Tariff:
    """The tariff in a file, in the words of a scenario's `platform: tariff:`; UsageError says what was expected."""
    document = strictyaml.read(text_in(path, "a tariff's file"), str(path))
    told = strictyaml.convert(document, (), document.data, TariffSettings, quantity)
    for name in ("energy", "service"):
        if not getattr(told, name):
            raise document.error((), f"expected prices of {name} for the whole day, found none")
    return told.applied(NOTHING)
