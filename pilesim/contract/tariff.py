"""The tariff that both sides have where nobody sets another.

Owns what a charge costs by default. Must not know who tells it to whom: a protocol without a message for prices leaves
it at this, as an operator who sets the same prices at pile and platform.
"""

from __future__ import annotations

from pilesim.units import FEN_MFEN
from pilesim.wire.messages import Authorise, Band, Message, Tariff, TariffTell

TELL_TARIFF: tuple[type[Message], ...] = (TariffTell, Authorise)
"""The messages that tell a pile what to charge."""
_VALLEY, _FLAT, _PEAK = 35 * FEN_MFEN, 68 * FEN_MFEN, 104 * FEN_MFEN

_DAY = (
    # (until half-hour, energy price): valley at night, peaks in the late morning and the evening, flat between.
    (14, _VALLEY),
    (18, _FLAT),
    (23, _PEAK),
    (28, _FLAT),
    (33, _PEAK),
    (38, _FLAT),
    (42, _PEAK),
    (46, _FLAT),
    (48, _VALLEY),
)


def _half_hours() -> tuple[int, ...]:
    prices: list[int] = []
    for until, price in _DAY:
        prices += [price] * (until - len(prices))
    return tuple(prices)


DEFAULT_TARIFF = Tariff(
    energy_mfen=_half_hours(),
    service_mfen=(45 * FEN_MFEN,) * 48,
    occupancy=(Band(0, 24 * 60, 80 * FEN_MFEN),),
    free_minutes=15,
)
"""Peak, flat and valley energy, one service price; occupancy 0.80 yuan a minute after 15 free ones (zpd-4)."""
