"""The gun's energy meter: counts what flows, in its own memory, whatever the firmware thinks of it."""

from __future__ import annotations

from pilesim.pile.car import CWNS_PER_DWH
from pilesim.pile.store import Store


class Meter:
    """Counts on over power losses: its registers lie in the store."""

    def __init__(self, store: Store, gun: int) -> None:
        self._registers = store.meters_cwns
        self._gun = gun
        self._registers.setdefault(gun, 0)

    @property
    def reading_cwns(self) -> int:
        return self._registers[self._gun]

    @property
    def reading_dwh(self) -> int:
        """0.1 Wh, as the meter shows it."""
        return self.reading_cwns // CWNS_PER_DWH

    def count(self, energy_cwns: int) -> None:
        self._registers[self._gun] += energy_cwns
