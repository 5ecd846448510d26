"""What is around one gun, and as much of it as the firmware has seen.

Owns the car, the contact of the cable, faults and whether the gun is in service. Must not know orders, or what
anybody does about any of this.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilesim.pile.car import Car
from pilesim.pile.store import Store
from pilesim.wire.messages import GunFault, Parking


@dataclass(slots=True)
class Surroundings:
    """Facts, set by whoever sees them change."""

    store: Store

    # The world's side: what is there whether the pile has power or not.
    car: Car | None = None
    parking: Parking = Parking.NOT_TRUSTWORTHY
    defect: GunFault = GunFault.NONE
    emergency: bool = False
    maintenance: bool = False

    # The firmware's side.
    powered: bool = False
    """It runs, and sees any of this."""
    cable: bool = False
    """What the contact tells: a cable is in."""
    of_car: GunFault = GunFault.NONE
    """A fault that goes with the car."""

    @property
    def fault(self) -> GunFault:
        if self.emergency:
            return GunFault.EMERGENCY_STOP
        return self.defect if self.defect is not GunFault.NONE else self.of_car

    @property
    def out_of_service(self) -> bool:
        """A technician, or the platform, has taken it out."""
        return self.maintenance or self.store.stopped
