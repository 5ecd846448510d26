"""Faults of what is passed on of the car's battery: it contradicts the reports, the bill, or itself.

Owns how a firmware spoils these messages. Must not know what the battery really told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from msgspec import structs

from pilesim.faulty import NoParameters
from pilesim.pile.faults.fault import Fault
from pilesim.units import KWH_DWH
from pilesim.wire.messages import BmsDemand, BmsHandshake, BmsInfo, ChargeSummary, GunReport, GunState, Message

_SOC_OFF = 10
_DEGREES_OFF = 15
_ENERGY_OFF_DWH = 2 * KWH_DWH


class _Tells(Fault[NoParameters], ABC):
    """Says something else in a message on its way out."""

    def outgoing(self, message: Message) -> Message:
        message = self.inner.outgoing(message)
        told = self._tells(message)
        if told != message:
            self.happened(f"gun {message.gun}: {message.name} is not what was measured")
        return told

    @abstractmethod
    def _tells(self, message: Message) -> Message:
        """What is said in place of `message`."""


class SocDiffers(_Tells):
    name = "soc-differs"
    title = "The battery's SOC is another than that of the gun's reports."
    catches = ("battery.soc",)

    def _tells(self, message: Message) -> Message:
        if not isinstance(message, BmsDemand) or message.soc_percent is None:
            return message
        off = _SOC_OFF if message.soc_percent + _SOC_OFF <= 100 else -_SOC_OFF
        return structs.replace(message, soc_percent=message.soc_percent + off)


class SocFalls(_Tells):
    name = "soc-falls"
    title = "The SOC falls while the battery is charged, by a percent each time, in reports too."
    catches = ("battery.soc",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._told: dict[int, int] = {}

    def _tells(self, message: Message) -> Message:
        if isinstance(message, GunReport) and message.state is not GunState.CHARGING:
            self._told.pop(message.gun, None)
        elif isinstance(message, BmsDemand) and message.soc_percent is not None:
            told = self._told[message.gun] = max(0, self._told.get(message.gun, message.soc_percent + 1) - 1)
            return structs.replace(message, soc_percent=told)
        elif isinstance(message, GunReport) and message.gun in self._told:
            return structs.replace(message, soc_percent=self._told[message.gun])
        return message


class OutputDiffers(_Tells):
    name = "output-differs"
    title = "The battery is told a fifth more voltage than the gun's reports have."
    catches = ("battery.output",)

    def _tells(self, message: Message) -> Message:
        if not isinstance(message, BmsDemand) or message.out_cv is None:
            return message
        return structs.replace(message, out_cv=message.out_cv * 6 // 5)


class MoreThanDemanded(_Tells):
    name = "more-than-demanded"
    title = "More current flows than the battery wants, by a quarter."
    catches = ("battery.demand",)

    def _tells(self, message: Message) -> Message:
        if not isinstance(message, BmsDemand) or message.need_ca is None:
            return message
        return structs.replace(message, need_ca=message.need_ca * 4 // 5)


class TemperatureDiffers(_Tells):
    name = "temperature-differs"
    title = "The battery's hottest place is hotter than the gun's reports say."
    catches = ("battery.temperature",)

    def _tells(self, message: Message) -> Message:
        if not isinstance(message, BmsInfo | BmsDemand) or message.battery is None:
            return message
        battery = structs.replace(message.battery, hottest_c=message.battery.hottest_c + _DEGREES_OFF)
        return structs.replace(message, battery=battery)


class SummaryDiffers(_Tells):
    name = "summary-differs"
    title = "At the end of a charge 2 kWh more are summed up than are billed."
    catches = ("battery.summary",)

    def _tells(self, message: Message) -> Message:
        if not isinstance(message, ChargeSummary):
            return message
        return structs.replace(message, energy_dwh=message.energy_dwh + _ENERGY_OFF_DWH)


class VinDiffers(_Tells):
    name = "vin-differs"
    title = "The car that is met has another VIN than the bill."
    catches = ("battery.vin",)

    def _tells(self, message: Message) -> Message:
        if not isinstance(message, BmsHandshake) or not message.vin:
            return message
        return structs.replace(message, vin=message.vin[:-1] + ("0" if message.vin[-1] != "0" else "1"))


GROUP: tuple[type[Fault[Any]], ...] = (
    SocDiffers,
    SocFalls,
    OutputDiffers,
    MoreThanDemanded,
    TemperatureDiffers,
    SummaryDiffers,
    VinDiffers,
)
