"""The platform's tariff as a scenario sets it: prices by time of day.

Owns the file's spelling of it. Must not know what the platform's own tariff is: what a scenario leaves out stays.
"""

from __future__ import annotations

import msgspec
from msgspec import structs

from pilesim.quantities import TimeOfDay, Yuan
from pilesim.wire.messages import Band, Tariff

_DAY = 24 * 60
_HALF_HOUR = 30


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds from the price before it, or from midnight, `until` a time of day."""

    until: TimeOfDay
    yuan: Yuan
    """For a kWh, or of occupancy for a minute."""


class TariffSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """Prices of energy and of service by half-hours, of occupancy by minutes; each list covers the whole day."""

    energy: tuple[Price, ...] = ()
    service: tuple[Price, ...] = ()
    occupancy: tuple[Price, ...] = ()
    free_minutes: int | None = None

    def __post_init__(self) -> None:
        for name, prices, step in (
            ("energy", self.energy, _HALF_HOUR),
            ("service", self.service, _HALF_HOUR),
            ("occupancy", self.occupancy, 1),
        ):
            begins = 0
            for price in prices:
                if price.until <= begins or price.until % step:
                    found = f"found {price.until!r} after {TimeOfDay(begins)!r}"
                    raise ValueError(f"expected {name} until a later time, in steps of {step} min; {found}")
                begins = price.until
            if prices and begins != _DAY:
                raise ValueError(f"expected {name} until 24:00 at last, found {prices[-1].until!r}")

    def applied(self, tariff: Tariff) -> Tariff:
        """`tariff` with what is set here."""
        return structs.replace(
            tariff,
            energy_mfen=_half_hours(self.energy) or tariff.energy_mfen,
            service_mfen=_half_hours(self.service) or tariff.service_mfen,
            occupancy=_bands(self.occupancy) or tariff.occupancy,
            free_minutes=tariff.free_minutes if self.free_minutes is None else self.free_minutes,
        )


def _bands(prices: tuple[Price, ...]) -> tuple[Band, ...]:
    begins = (0, *(int(price.until) for price in prices))
    return tuple(Band(begin, int(price.until), int(price.yuan)) for begin, price in zip(begins, prices, strict=False))


def _half_hours(prices: tuple[Price, ...]) -> tuple[int, ...]:
    return tuple(
        band.rate_mfen
        for band in _bands(prices)
        for _ in range(band.start_minute // _HALF_HOUR, band.end_minute // _HALF_HOUR)
    )
