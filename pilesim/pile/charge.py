"""One charge: current from the gun into the car, counted by meter, half-hour and money.

Owns the load curve and what it costs. Must not know orders' lives, frames or why a charge ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from pilesim.pile.car import CWNS_PER_DWH, NO_DRAW, Car, Draw
from pilesim.pile.clock import Clock
from pilesim.pile.meter import Meter
from pilesim.pile.store import Authorisation, Piece, Record
from pilesim.units import KWH_DWH, MINUTE, half_hour_of_day
from pilesim.wire.messages import StopCause, StopReason, Tariff

HALF_HOUR_NS = 30 * MINUTE
KWH_CWNS = KWH_DWH * CWNS_PER_DWH


def by_half_hour(pieces: Sequence[Piece], clock: Clock) -> dict[int, int]:
    """Energy in cwns by half-hour, counted from 1970, as the pile's clock has it."""
    halves: dict[int, int] = {}
    for piece in pieces:
        at_ns = piece.begin_ns
        while at_ns < piece.end_ns:
            reading_ns = clock.reading_ns(at_ns)
            until_ns = min(piece.end_ns, at_ns + HALF_HOUR_NS - reading_ns % HALF_HOUR_NS)
            half = reading_ns // HALF_HOUR_NS
            halves[half] = halves.get(half, 0) + (until_ns - at_ns) * piece.power_cw
            at_ns = until_ns
    return halves


def price_mfen(tariff: Tariff, half: int) -> int:
    """Charge and service price, mfen per kWh, of a half-hour counted from 1970."""
    of_day = half_hour_of_day(half * HALF_HOUR_NS)
    return tariff.energy_mfen[of_day] + tariff.service_mfen[of_day]


def amount_of(record: Record, clock: Clock) -> int:
    """Charge and service fee of a record, mfen, exactly by half-hour and cut at the end."""
    tariff = record.authorisation.tariff
    halves = by_half_hour(record.pieces, clock)
    return sum(energy_cwns * price_mfen(tariff, half) for half, energy_cwns in halves.items()) // KWH_CWNS


class Charge:
    """A running charge. `advance` brings its books to an instant; between two of them power is constant."""

    def __init__(
        self,
        *,
        gun: int,
        authorisation: Authorisation,
        arrive_ns: int,
        start_ns: int,
        car: Car,
        meter: Meter,
        clock: Clock,
        rated_w: int,
    ) -> None:
        self.authorisation = authorisation
        self.start_ns = start_ns
        self._gun = gun
        self._arrive_ns = arrive_ns
        self._car = car
        self._meter = meter
        self._clock = clock
        self._rated_w = rated_w
        self._meter_start_cwns = meter.reading_cwns
        self._at_ns = start_ns
        self._pieces: list[Piece] = []
        self._halves: dict[int, int] = {}
        self._halves_version = clock.version
        self.draw: Draw = car.draw(rated_w)

    def advance(self, now_ns: int) -> None:
        """Count what has flowed since the last call, and let the car choose anew."""
        if now_ns > self._at_ns:
            piece = Piece(self._at_ns, now_ns, self.draw.power_cw)
            energy_cwns = (now_ns - self._at_ns) * piece.power_cw
            self._meter.count(energy_cwns)
            self._car.take(energy_cwns)
            self._at_ns = now_ns
            for half, part_cwns in by_half_hour((piece,), self._clock).items():
                self._halves[half] = self._halves.get(half, 0) + part_cwns
            if self._pieces and self._pieces[-1].power_cw == piece.power_cw:
                piece = Piece(self._pieces.pop().begin_ns, now_ns, piece.power_cw)
            self._pieces.append(piece)
        self.draw = self._car.draw(self._rated_w)

    def limit(self, rated_w: int) -> None:
        """From the last `advance` on the gun gives at most `rated_w`, W."""
        self._rated_w = rated_w
        self.draw = self._car.draw(rated_w)

    @property
    def full(self) -> bool:
        return self.draw is NO_DRAW

    @property
    def soc_percent(self) -> int:
        return self._car.percent

    @property
    def left_minutes(self) -> int:
        return self._car.left_minutes(self.draw)

    @property
    def car(self) -> Car:
        return self._car

    @property
    def amount_mfen(self) -> int:
        """Charge and service fee so far."""
        return self._cost() // KWH_CWNS

    @property
    def balance_used(self) -> bool:
        return self._cost() >= self.authorisation.balance_mfen * KWH_CWNS

    def _cost(self) -> int:
        """mfen x cwns per kWh: exact."""
        if self._halves_version != self._clock.version:
            # The clock was set in mid-charge: other half-hours may be meant now.
            self._halves = by_half_hour(self._pieces, self._clock)
            self._halves_version = self._clock.version
        tariff = self.authorisation.tariff
        return sum(energy_cwns * price_mfen(tariff, half) for half, energy_cwns in self._halves.items())

    def until_change_ns(self) -> int:
        """From the last `advance`: to the next percent, full, half-hour, or the end of the balance. 0: now."""
        reading_ns = self._clock.reading_ns(self._at_ns)
        waits = [self._car.until_change_ns(self.draw), HALF_HOUR_NS - reading_ns % HALF_HOUR_NS]
        rate = self.draw.power_cw * price_mfen(self.authorisation.tariff, reading_ns // HALF_HOUR_NS)
        left = self.authorisation.balance_mfen * KWH_CWNS - self._cost()
        if rate and left > 0:
            waits.append(-(-left // rate))
        return min(waits)

    def record(self, end_ns: int, reason: StopReason | None, cause: StopCause | None = None) -> Record:
        """The books as they stand at the last `advance`."""
        return Record(
            gun=self._gun,
            authorisation=self.authorisation,
            arrive_ns=self._arrive_ns,
            start_ns=self.start_ns,
            end_ns=end_ns,
            reason=reason,
            cause=cause,
            pieces=tuple(self._pieces),
            meter_start_cwns=self._meter_start_cwns,
            vin=self._car.vin,
        )
