"""What the car's BMS tells the charger of its battery, as the pile passes it on (GB/T 27930).

Owns the contents of these messages, from the car and the charge. Must not know when they are sent, nor to whom.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from pilesim.pile.car import CWNS_PER_DWH, EMPTY_DV, Car
from pilesim.pile.charge import Charge
from pilesim.pile.store import Record
from pilesim.units import MINUTE
from pilesim.wire.gbt27930 import TIME_OUTS
from pilesim.wire.messages import (
    Battery,
    BmsDemand,
    BmsError,
    BmsHandshake,
    BmsInfo,
    BmsParameters,
    BmsStop,
    BmsWord,
    ChargerStop,
    ChargeSummary,
    GunFault,
    Message,
    Mischance,
    Stamp,
    StopReason,
)

COLDEST_C, HOTTEST_C = 26, 31
CABLE_C = 33
_HIGHEST_C = 55
_RATED_CV = 36_000
_LOWEST_CV = EMPTY_DV * 10
_HIGHEST_CV, _HIGHEST_CELL_CV = 43_000, 430
_CELLS = 100
_TERNARY = 6
"""The only kind whose cells go from 3.4 to 4.2 V."""
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
_CST_FAULT = {Mischance.UNPLUGGED: _CST_CONNECTOR, GunFault.EMERGENCY_STOP: _CST_EMERGENCY}

# CEM has no flag for BHM and none for BSM: the first belongs to the identification too, the second is another.
_TOLD_AS: Mapping[BmsWord, str] = {BmsWord.BHM: "BRM", BmsWord.BSM: "charger other 1"}


def unheard(gun: int, order: str, *words: BmsWord) -> tuple[Message, ...]:
    """That the charger waited in vain for `words`; nothing where there are none."""
    told = {_TOLD_AS.get(word, word.upper()) for word in words}
    time_outs = tuple(name for name in TIME_OUTS if name in told)
    return (BmsError(gun=gun, order=order, time_outs=time_outs),) if time_outs else ()


def met(gun: int, order: str, car: Car, rated_w: int, silent: BmsWord | None = None) -> tuple[Message, ...]:
    """What charger and car tell each other before a charge, as far as the BMS speaks.

    The charger gives at most `rated_w`, W. Of a BMS that does not say who it is nothing is told, and of one that is
    `silent` afterwards not its limits.
    """
    if silent is BmsWord.BRM:
        return ()
    handshake = BmsHandshake(
        gun=gun,
        order=order,
        vin=car.vin,
        battery=_TERNARY,
        capacity_cah=car.capacity_dwh * 1000 // _RATED_CV,
        rated_cv=_RATED_CV,
        before_cv=car.volts_dv * 10,
        cycles=_CYCLES,
    )
    if silent is not None:
        return (handshake,)
    return (
        handshake,
        BmsParameters(
            gun=gun,
            order=order,
            highest_cell_cv=_HIGHEST_CELL_CV,
            highest_ca=car.most_w * 10_000 // _LOWEST_CV,
            nominal_dwh=car.capacity_dwh,
            highest_cv=_HIGHEST_CV,
            hottest_c=_HIGHEST_C,
            soc_cpercent=car.percent * 100,
            pack_cv=car.volts_dv * 10,
            charger_highest_cv=_CHARGER_HIGHEST_CV,
            charger_lowest_cv=_CHARGER_LOWEST_CV,
            charger_highest_ca=rated_w * 10_000 // _LOWEST_CV,
            charger_lowest_ca=_CHARGER_LOWEST_CA,
        ),
    )


def charging(gun: int, charge: Charge, now_ns: int, *, apart: bool) -> tuple[Message, ...]:
    """What both tell while current flows, at the charge's last `advance`.

    `apart`: the battery's half, its state included, and the charger's are told each by itself.
    """
    car, draw, order = charge.car, charge.draw, charge.authorisation.order
    volts_cv, amps_ca = draw.volts_dv * 10, draw.amps_da * 10
    cell_cv = volts_cv // _CELLS
    mode = _CONSTANT_CURRENT if car.in_want else _CONSTANT_VOLTAGE
    demand = BmsDemand(
        gun=gun,
        order=order,
        need_cv=volts_cv,
        need_ca=amps_ca,
        mode=mode,
        measured_cv=volts_cv,
        measured_ca=amps_ca,
        highest_cell_cv=cell_cv,
        highest_cell_group=0,
        soc_percent=car.percent,
        remaining_minutes=charge.left_minutes,
        out_cv=volts_cv,
        out_ca=amps_ca,
        charged_minutes=(now_ns - charge.start_ns) // MINUTE,
    )
    state = Battery(
        highest_cell=1,
        hottest_c=HOTTEST_C,
        hottest_point=1,
        coldest_c=COLDEST_C,
        coldest_point=2,
        flags=_ALLOWED,
        lowest_cell=2,
        lowest_cell_cv=cell_cv,
    )
    if apart:
        charger = BmsDemand(gun=gun, order=order, mode=mode, out_cv=volts_cv, out_ca=amps_ca)
        return (structs.replace(demand, battery=state), charger)
    return (demand, BmsInfo(gun=gun, order=order, battery=state))


def ended(record: Record, car: Car | None, time: Stamp) -> tuple[Message, ...]:
    """What is told when a charge is over: who ended it and, with the car still there, what it came to."""
    gun, order, cause = record.gun, record.authorisation.order, record.cause
    stop: Message
    if record.reason is StopReason.FULL:
        stop = BmsStop(gun=gun, order=order, reason=_BY_BATTERY, fault=0, error=0, time=time)
    else:
        usual = _CST_OTHER if record.reason is StopReason.FAULT else 0
        faults = _CST_FAULT.get(cause, usual) if isinstance(cause, GunFault | Mischance) else usual
        reason = _CST_REASON.get(record.reason or StopReason.FAULT, 0)
        stop = ChargerStop(gun=gun, order=order, reason=reason, fault=faults, error=0, time=time)
    awaited = [cause] if isinstance(cause, BmsWord) else []
    if car is None:
        return (*unheard(gun, order, *awaited), stop)
    awaited += [word for word in (BmsWord.BST, BmsWord.BSD) if car.lacking((word,))]
    if BmsWord.BSD in awaited:
        return (*unheard(gun, order, *awaited), stop)
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
    return (*unheard(gun, order, *awaited), stop, summary)
