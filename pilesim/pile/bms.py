"""What the charger does with the words of the car's BMS: it passes them on, and waits for those that do not come.

Owns when the battery's messages are sent, and how long a silent BMS is waited for. Must not know what they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pilesim.pile import battery
from pilesim.pile.car import Car
from pilesim.pile.charge import Charge
from pilesim.pile.charging import Charging
from pilesim.pile.store import Record
from pilesim.pile.surroundings import Surroundings
from pilesim.pile.timeline import Activity
from pilesim.pile.works import Works
from pilesim.units import S
from pilesim.wire.messages import BmsInfo, BmsWord, GunFault, Message, PileKind, StopReason

BMS_WAIT_NS = 5 * S
"""How long the charger waits for the next word of a BMS that has spoken before: the standard's longest but one."""
IN_CHARGE = (BmsWord.BCS, BmsWord.BCL, BmsWord.BSM)
"""What the BMS says again and again while current flows."""


class Bms:
    """The BMS at one gun, as the charger hears it."""

    def __init__(self, gun: int, works: Works, around: Surroundings, charging: Charging) -> None:
        self._gun = gun
        self._works = works
        self._around = around
        self._charging = charging
        self._passed_on: Activity | None = None
        self._awaited: Activity | None = None

    @property
    def _heard(self) -> bool:
        """Whether what the BMS says is passed on at all."""
        return self._works.contract.tells_battery and self._works.profile.kind is PileKind.DC

    def met(self, order: str, car: Car, silent: BmsWord | None) -> None:
        """The car has answered the handshake, and will be `silent` with one of the next words."""
        if self._heard:
            self._tell(battery.met(self._gun, order, car, self._works.rated_w, silent))

    def unheard(self, order: str, silent: BmsWord) -> None:
        """A start waited in vain for this word."""
        if self._heard:
            self._tell(battery.unheard(self._gun, order, silent))

    def charge_begun(self, charge: Charge) -> None:
        if self._heard:
            self._passed_on = self._works.timeline.start(self._pass_on(charge))

    def _pass_on(self, charge: Charge) -> Iterator[int]:
        while True:
            yield self._works.contract.beat_charging_ns
            now_ns = self._works.now_ns
            charge.advance(now_ns)
            self._tell(battery.charging(self._gun, charge, now_ns, apart=not self._works.uplink.carries(BmsInfo)))

    def charge_over(self, record: Record) -> None:
        passed_on = self._passed_on is not None
        self.power_off()
        if passed_on:
            self._tell(battery.ended(record, self._around.car, self._works.clock.stamp(self._works.now_ns)))

    def listen(self) -> None:
        """The BMS says other words than before: without those of a charge the charge will end."""
        if self._awaited is not None:
            self._awaited.call_off()
            self._awaited = None
        car = self._around.car
        silent = car.lacking(IN_CHARGE) if car is not None else None
        if self._charging.charge is not None and silent is not None:
            self._awaited = self._works.timeline.start(self._await(silent))

    def _await(self, silent: BmsWord) -> Iterator[int]:
        yield BMS_WAIT_NS
        self._around.of_car = GunFault.BMS_COMMUNICATION
        self._charging.end(StopReason.FAULT, silent)

    def power_off(self) -> None:
        """Nobody listens any more."""
        for activity in (self._passed_on, self._awaited):
            if activity is not None:
                activity.call_off()
        self._passed_on = self._awaited = None

    def _tell(self, messages: Iterable[Message]) -> None:
        """Tell what can be told, of what the protocol has messages for."""
        uplink = self._works.uplink
        for message in messages:
            if uplink.up and uplink.carries(type(message)):
                uplink.send(message)
