"""The car and its battery: what it takes at which state of charge. Knows neither pile nor protocol.

Energy is counted exactly, in centiwatt-nanoseconds (`_cwns`): 0.1 V x 0.1 A = 0.01 W, so that volts x amps x
time is an integer. Power is piecewise constant: it changes at whole percents only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated

import msgspec

from pilesim.units import MINUTE
from pilesim.wire.messages import BmsWord

CWNS_PER_DWH = 36_000_000_000_000
"""0.1 Wh = 360 J, in 0.01 W x ns."""

_FLAT_UP_TO_PERCENT = 80
_SHARE_STEP_PERMILLE = 45
"""From 80 % on the current falls by this share at each percent, to a tenth at 99 %."""
EMPTY_DV = 3_400
_DV_PER_PERCENT = 8
"""340 V empty to 420 V full: a common passenger car."""

Permille = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class CarSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A car as a stimulus describes it; every key may be left out."""

    capacity_dwh: Annotated[int, msgspec.Meta(gt=0)] = 600_000
    soc_permille: Permille = 350
    max_w: Annotated[int, msgspec.Meta(gt=0)] = 120_000
    handshake: bool = True
    """The car answers the pile at all."""
    insulation: bool = True
    """Its battery is isolated from earth."""
    full_permille: Permille = 1000
    """Where it says that it has had enough."""
    vin: str = "LPSMV4A10L0000017"
    lacks: tuple[BmsWord, ...] = ()
    """What its BMS never says, though it answers."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What flows into a car."""

    volts_dv: int
    amps_da: int

    @property
    def power_cw(self) -> int:
        return self.volts_dv * self.amps_da


NO_DRAW = Draw(0, 0)


class Car:
    """One car at one gun; its content outlives a charge, not the cable."""

    def __init__(self, spec: CarSpec) -> None:
        self._handshake = spec.handshake
        self._lacks: Collection[BmsWord] = spec.lacks
        self.insulation = spec.insulation
        self.vin = spec.vin
        self.capacity_dwh = spec.capacity_dwh
        self.most_w = spec.max_w
        self._capacity_cwns = spec.capacity_dwh * CWNS_PER_DWH
        self._content_cwns = self._capacity_cwns * spec.soc_permille // 1000
        self._full_cwns = self._capacity_cwns * spec.full_permille // 1000

    def hush(self, words: Collection[BmsWord]) -> None:
        """From now on its BMS does not say these words, and all others."""
        self._lacks = words

    def lacking(self, words: Iterable[BmsWord]) -> BmsWord | None:
        """The first of `words` that its BMS does not say."""
        return next((word for word in words if word in self._lacks or not self._handshake), None)

    @property
    def percent(self) -> int:
        """State of charge, whole percents, as the BMS tells it."""
        return min(100, self._content_cwns * 100 // self._capacity_cwns)

    @property
    def full(self) -> bool:
        return self._content_cwns >= self._full_cwns

    @property
    def volts_dv(self) -> int:
        """0.1 V, of its battery now."""
        return EMPTY_DV + _DV_PER_PERCENT * self.percent

    @property
    def in_want(self) -> bool:
        """The battery takes what it is given: the charger keeps the current, not the voltage."""
        return self.percent < _FLAT_UP_TO_PERCENT

    def left_minutes(self, draw: Draw) -> int:
        """Until it is full, if it went on taking `draw`."""
        left_cwns = max(0, self._full_cwns - self._content_cwns)
        return -(-left_cwns // (draw.power_cw * MINUTE)) if draw.power_cw else 0

    def draw(self, rated_w: int) -> Draw:
        """What it takes at this instant from a gun that gives at most `rated_w`."""
        if self.full:
            return NO_DRAW
        percent = min(self.percent, 99)
        share_permille = 1000 - _SHARE_STEP_PERMILLE * max(0, percent - _FLAT_UP_TO_PERCENT + 1)
        volts_dv = EMPTY_DV + _DV_PER_PERCENT * percent
        amps_da = min(rated_w, self.most_w) * 100 * share_permille // 1000 // volts_dv
        return Draw(volts_dv, max(1, amps_da))

    def until_change_ns(self, draw: Draw) -> int:
        """How long it keeps taking `draw`: to the next percent, or until full. 0 when it takes nothing."""
        if draw.power_cw == 0:
            return 0
        next_percent_cwns = -(-self._capacity_cwns * (self.percent + 1) // 100)
        target_cwns = min(next_percent_cwns, self._full_cwns)
        return -((self._content_cwns - target_cwns) // draw.power_cw)

    def take(self, energy_cwns: int) -> None:
        self._content_cwns += energy_cwns
