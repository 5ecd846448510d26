"""The cable of a gun: what follows when it is plugged in and when it is pulled.

Owns the car's coming and going, and how late the contact tells of it. Must not know what is said about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pilesim.pile.car import Car, CarSpec
from pilesim.pile.charging import Charging
from pilesim.pile.occupancy import Occupancy
from pilesim.pile.order import GunOrder
from pilesim.pile.starts import Starts
from pilesim.pile.store import GunStore
from pilesim.pile.surroundings import Surroundings
from pilesim.pile.timeline import Activity
from pilesim.pile.works import Works
from pilesim.wire.messages import GunFault, Mischance, StopReason


class Cable:
    """`changed` is told when the firmware has seen the cable come or go."""

    def __init__(
        self,
        gun: int,
        works: Works,
        kept: GunStore,
        around: Surroundings,
        occupancy: Occupancy,
        charging: Charging,
        order: GunOrder,
        starts: Starts,
        *,
        changed: Callable[[], None],
    ) -> None:
        self._gun = gun
        self._works = works
        self._kept = kept
        self._around = around
        self._occupancy = occupancy
        self._charging = charging
        self._order = order
        self._starts = starts
        self._changed = changed
        self._leaving: Activity | None = None
        """Pulled, and not seen to be yet."""

    def plug(self, spec: CarSpec) -> None:
        """ValueError: a cable can be plugged in once."""
        around = self._around
        if around.car is not None:
            raise ValueError(f"gun {self._gun}: plug: the cable is in already")
        if around.powered and (around.cable or self._leaving is not None):
            # The contact still tells of the last car; a new one cannot have come before that one left.
            # Without power nobody sees either: what is to be billed waits for it.
            self._is_out()
        around.car = Car(spec)
        if around.powered:
            around.cable = True
            self._kept.arrive_ns = self._works.now_ns
            self._changed()
            self._starts.cable_in()

    def unplug(self) -> None:
        """ValueError: there must be a cable in."""
        if self._around.car is None:
            raise ValueError(f"gun {self._gun}: unplug: no cable is in")
        self._charging.advance()
        self._around.car = None
        if not self._around.powered:
            return
        behaviour = self._works.behaviour
        if self._charging.charge is not None:
            goes_on_ns = behaviour.charges_on_unplugged_ns(self._gun)
            if goes_on_ns:
                self._around.cable = False
                self._leaving = self._works.timeline.start(self._leave(goes_on_ns))
                self._changed()
                return
        seen_after_ns = behaviour.unplug_seen_after_ns(self._gun)
        if not seen_after_ns:
            self._is_out()
            return
        # Without a car there is no current, whatever the contact says.
        self._charging.end(StopReason.UNEXPECTED, Mischance.UNPLUGGED)
        self._order.abort(Mischance.UNPLUGGED)
        self._leaving = self._works.timeline.start(self._leave(seen_after_ns))

    def _leave(self, wait_ns: int) -> Iterator[int]:
        yield wait_ns
        self._is_out()

    def _is_out(self) -> None:
        self._around.cable = False
        self._around.of_car = GunFault.NONE
        self._kept.arrive_ns = None
        if self._leaving is not None:
            self._leaving.call_off()
            self._leaving = None
        self._order.abort(Mischance.UNPLUGGED)
        self._charging.end(StopReason.UNEXPECTED, Mischance.UNPLUGGED)
        self._occupancy.end()
        self._changed()

    def power_on(self) -> None:
        """The contact is looked at for the first time."""
        around = self._around
        around.cable = around.car is not None
        around.of_car = GunFault.NONE
        if not around.cable:
            self._is_out()
        else:
            if self._kept.arrive_ns is None:
                self._kept.arrive_ns = self._works.now_ns
            self._occupancy.charge_over()

    def power_off(self) -> None:
        """Nobody waits for the contact any more."""
        self._leaving = None
