"""What the car's BMS tells the charger of its battery, as the pile passes it on (GB/T 27930).

Owns the contents of these messages, from the car and the charge. Must not know when they are sent, nor to whom.
"""

from __future__ import annotations

from pilesim.pile.car import CWNS_PER_DWH, Car
from pilesim.pile.charge import Charge
from pilesim.pile.store import Record
from pilesim.units import MINUTE
from pilesim.wire.messages import (
    Battery,
    BmsDemand,
    BmsHandshake,
    BmsInfo,
    BmsParameters,
    BmsStop,
    ChargerStop,
    ChargeSummary,
    GunFault,
    Message,
    StopReason,
)

COLDEST_C, HOTTEST_C = 26, 31
CABLE_C = 33
_HIGHEST_C = 55
_RATED_CV = 36_000
_HIGHEST_CV, _HIGHEST_CELL_CV = 43_000, 430
_CELLS = 100
_LFP = 3
_CYCLES = 120
_CHARGER_LOWEST_CV, _CHARGER_HIGHEST_CV = 20_000, 75_000
_CHARGER_LOWEST_CA = 100
_CONSTANT_VOLTAGE, _CONSTANT_CURRENT = 1, 2
_ALLOWED = 1 << 12
"""Of the flags of BSM: charging is allowed."""

_FLAG = 1
_BY_BATTERY = _FLAG
"""BST: the SOC that was wanted is reached."""
_CST_REASON = {
    StopReason.PLATFORM: _FLAG,
    StopReason.BALANCE: _FLAG,
    StopReason.LIMIT: _FLAG,
    StopReason.AT_PILE: _FLAG << 2,
    StopReason.FAULT: _FLAG << 4,
    StopReason.UNEXPECTED: _FLAG << 4,
}
"""The condition is reached, by hand, a fault."""
_CST_CONNECTOR, _CST_EMERGENCY, _CST_OTHER = _FLAG << 2, _FLAG << 8, _FLAG << 10


def met(gun: int, order: str, car: Car, rated_w: int) -> tuple[Message, ...]:
    """What charger and car tell each other before a charge; the charger gives at most `rated_w`, W."""
    return (
        BmsHandshake(
            gun=gun,
            order=order,
            vin=car.vin,
            battery=_LFP,
            capacity_cah=car.capacity_dwh * 1000 // _RATED_CV,
            rated_cv=_RATED_CV,
            before_cv=car.volts_dv * 10,
            cycles=_CYCLES,
        ),
        BmsParameters(
            gun=gun,
            order=order,
            highest_cell_cv=_HIGHEST_CELL_CV,
            highest_ca=car.most_w * 10_000 // _RATED_CV,
            nominal_dwh=car.capacity_dwh,
            highest_cv=_HIGHEST_CV,
            hottest_c=_HIGHEST_C,
            soc_cpercent=car.percent * 100,
            pack_cv=car.volts_dv * 10,
            charger_highest_cv=_CHARGER_HIGHEST_CV,
            charger_lowest_cv=_CHARGER_LOWEST_CV,
            charger_highest_ca=rated_w * 10_000 // _RATED_CV,
            charger_lowest_ca=_CHARGER_LOWEST_CA,
        ),
    )


def charging(gun: int, charge: Charge, now_ns: int) -> tuple[Message, ...]:
    """What both tell while current flows, at the charge's last `advance`."""
    car, draw, order = charge.car, charge.draw, charge.authorisation.order
    volts_cv, amps_ca = draw.volts_dv * 10, draw.amps_da * 10
    return (
        BmsDemand(
            gun=gun,
            order=order,
            need_cv=volts_cv,
            need_ca=amps_ca,
            mode=_CONSTANT_CURRENT if car.in_want else _CONSTANT_VOLTAGE,
            measured_cv=volts_cv,
            measured_ca=amps_ca,
            highest_cell_cv=volts_cv // _CELLS,
            highest_cell_group=0,
            soc_percent=car.percent,
            remaining_minutes=charge.left_minutes,
            out_cv=volts_cv,
            out_ca=amps_ca,
            charged_minutes=(now_ns - charge.start_ns) // MINUTE,
        ),
        BmsInfo(
            gun=gun,
            order=order,
            battery=Battery(
                highest_cell=1,
                hottest_c=HOTTEST_C,
                hottest_point=1,
                coldest_c=COLDEST_C,
                coldest_point=2,
                flags=_ALLOWED,
            ),
        ),
    )


def ended(record: Record, car: Car | None, fault: GunFault) -> tuple[Message, ...]:
    """What is told when a charge is over: who ended it and, with the car still there, what it came to."""
    gun, order = record.gun, record.authorisation.order
    stop: Message
    if record.reason is StopReason.FULL:
        stop = BmsStop(gun=gun, order=order, reason=_BY_BATTERY, fault=0, error=0)
    else:
        faults = _CST_CONNECTOR if record.reason is StopReason.UNEXPECTED else 0
        if record.reason is StopReason.FAULT:
            faults = _CST_EMERGENCY if fault is GunFault.EMERGENCY_STOP else _CST_OTHER
        reason = _CST_REASON.get(record.reason or StopReason.FAULT, 0)
        stop = ChargerStop(gun=gun, order=order, reason=reason, fault=faults, error=0)
    if car is None:
        return (stop,)
    cell_cv = car.volts_dv * 10 // _CELLS
    summary = ChargeSummary(
        gun=gun,
        order=order,
        soc_percent=car.percent,
        lowest_cell_cv=cell_cv,
        highest_cell_cv=cell_cv,
        coldest_c=COLDEST_C,
        hottest_c=HOTTEST_C,
        charged_minutes=(record.end_ns - record.start_ns) // MINUTE,
        energy_dwh=record.energy_cwns // CWNS_PER_DWH,
    )
    return (stop, summary)
