"""What the fields of a YKC message mean, both ways.

Owns the table between the fields and the dataclasses of `wire.messages`. Must not know bytes or frames. What pairs
cannot say stands above the table: the tariff by rates, the bill's periods and stop reason, a gun's report whose
measured fields are all zero, how a card asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilesim.errors import EncodingError
from pilesim.wire import gbt27930
from pilesim.wire.fields import Values
from pilesim.wire.meaning import Meaning
from pilesim.wire.messages import (
    Alive,
    AliveReply,
    BalanceTell,
    BalanceTold,
    Battery,
    Bill,
    BillPeriod,
    BillReply,
    BmsDemand,
    BmsError,
    BmsHandshake,
    BmsInfo,
    BmsParameters,
    BmsStop,
    CardAsk,
    CardReply,
    ChargerStop,
    ChargeSummary,
    GunFault,
    GunReport,
    GunState,
    Hello,
    HelloReply,
    Login,
    Rate,
    Reboot,
    RebootReply,
    ReportAsk,
    Start,
    StartReply,
    Stop,
    StopReply,
    Tariff,
    TariffAsk,
    TariffTell,
    TariffTold,
    TimeTell,
    TimeTold,
    WorkTell,
    WorkTold,
)
from pilesim.wire.ykc import codes
from pilesim.wire.ykc.payloads import HALF_HOURS, RATES

# ------------------------------------------------------------------------------------------------------ the tariff


def _rated(tariff: Tariff) -> tuple[tuple[Rate, ...], tuple[int, ...]]:
    """The four rates of `tariff` and each half-hour's: its own, or those that its prices amount to, dearest first."""
    prices = list(zip(tariff.energy_mfen, tariff.service_mfen, strict=False))
    rates, rate_of = tariff.rates, tariff.rate_of
    if not rates:
        different = sorted(set(prices), key=lambda pair: (-sum(pair), pair))
        rates = tuple(Rate(*pair) for pair in different)
        rate_of = tuple(different.index(pair) for pair in prices)
    if len(rate_of) != HALF_HOURS:
        raise EncodingError(f"tariff-tell: tariff: expected {HALF_HOURS} half-hours, found {len(rate_of)}")
    if not 1 <= len(rates) <= len(RATES):
        raise EncodingError(f"tariff-tell: tariff: expected at most {len(RATES)} different prices, found {len(rates)}")
    return (*rates, *[rates[-1]] * (len(RATES) - len(rates))), rate_of


def _tariff_fields(message: TariffTell) -> Mapping[str, Any]:
    if message.tariff is None:
        raise EncodingError("tariff-tell: tariff: expected one, found None")
    rates, rate_of = _rated(message.tariff)
    fields: dict[str, Any] = {"rate_numbers": rate_of}
    for name, rate in zip(RATES, rates, strict=True):
        fields[f"{name}_energy_price"] = rate.energy_mfen
        fields[f"{name}_service_price"] = rate.service_mfen
    return fields


def _tariff_attributes(values: Values) -> Mapping[str, Any]:
    """A rate number that is none is reported as a problem, and costs nothing."""
    rates = tuple(Rate(values[f"{name}_energy_price"], values[f"{name}_service_price"]) for name in RATES)
    rate_of = values["rate_numbers"]
    in_force = [rates[number] if number < len(rates) else Rate(0, 0) for number in rate_of]
    return {
        "tariff": Tariff(
            energy_mfen=tuple(rate.energy_mfen for rate in in_force),
            service_mfen=tuple(rate.service_mfen for rate in in_force),
            rates=rates,
            rate_of=rate_of,
        )
    }


# -------------------------------------------------------------------------------------------------- a gun's report

_NO_DEGREES = -50
"""A raw zero where a temperature is measured: there is none."""
_FAULT_BIT = {fault: bit for bit, (fault, _) in reversed(list(enumerate(codes.FAULTS)))}


def _report_fields(message: GunReport) -> Mapping[str, Any]:
    """A fault without a bit of its own is told by the state only."""
    bit = _FAULT_BIT.get(message.fault or GunFault.NONE)
    return {
        "faults": 0 if bit is None else 1 << bit,
        "lossy_energy": message.energy_dwh or 0,
    }


_MEASURED: Mapping[str, str] = {
    "volts_dv": "voltage",
    "amps_da": "current",
    "soc_percent": "soc",
    "charged_minutes": "charged_minutes",
    "remaining_minutes": "remaining_minutes",
}
_DEGREES: Mapping[str, str] = {"cable_c": "cable_temperature", "battery_c": "battery_temperature"}


def _fault_of(bits: int) -> GunFault:
    lowest = (bits & -bits).bit_length() - 1
    return codes.FAULTS[lowest][0] if lowest < len(codes.FAULTS) else GunFault.UNKNOWN


def _report_attributes(values: Values) -> Mapping[str, Any]:
    """A gun that does not charge measures nothing, and sends zeros for it. Of several faults the first is told."""
    told: dict[str, Any] = {attribute: values[name] for attribute, name in _MEASURED.items()}
    if not any(told.values()) and codes.GUN_STATE.meaning(values["state"]) is not GunState.CHARGING:
        told = dict.fromkeys(told)
    for attribute, name in _DEGREES.items():
        told[attribute] = None if values[name] == _NO_DEGREES else values[name]
    told["fault"] = _fault_of(values["faults"]) if values["faults"] else GunFault.NONE
    return told


# --------------------------------------------------------------------------------------------------------- a card


def _card_fields(message: CardAsk) -> Mapping[str, Any]:
    by_vin = message.login is Login.VIN
    return {
        "card": "" if by_vin else message.account,
        "vin": message.account if by_vin else "",
        "password_needed": int(bool(message.credential)),
    }


def _card_attributes(values: Values) -> Mapping[str, Any]:
    by_vin = codes.CARD_MODE.meaning(values["mode"]) is Login.VIN
    return {"account": values["vin"] if by_vin else values["card"]}


# -------------------------------------------------------------------------------------------------------- the bill

_PERIOD: Mapping[str, str] = {
    "price_mfen": "price",
    "energy_dwh": "energy",
    "lossy_dwh": "lossy_energy",
    "amount_mfen": "amount",
}


def _bill_fields(message: Bill) -> Mapping[str, Any]:
    if len(message.periods) != len(RATES):
        raise EncodingError(f"bill: periods: expected {len(RATES)}, found {len(message.periods)}")
    fields: dict[str, Any] = {
        f"{rate}_{name}": getattr(period, attribute)
        for rate, period in zip(RATES, message.periods, strict=True)
        for attribute, name in _PERIOD.items()
    }
    code = message.stop_code
    if code is None:
        code = codes.stop_code(message.stop_reason, message.stop_cause)
    if code is not None:
        fields["stop_reason"] = code
    total = sum(p.energy_dwh for p in message.periods) if message.total_dwh is None else message.total_dwh
    amount = sum(p.amount_mfen for p in message.periods) if message.amount_mfen is None else message.amount_mfen
    lossy = sum(period.lossy_dwh for period in message.periods)
    return {**fields, "energy": total, "amount": amount, "lossy_energy": lossy}


def _bill_attributes(values: Values) -> Mapping[str, Any]:
    periods = tuple(
        BillPeriod(**{attribute: values[f"{rate}_{name}"] for attribute, name in _PERIOD.items()}) for rate in RATES
    )
    return {
        "periods": periods,
        "stages_dwh": tuple(period.energy_dwh for period in periods),
        "charge_fee_mfen": None,
        "service_fee_mfen": None,
        "stop_code": values["stop_reason"],
    }


_BILL = {
    "order": "order",
    "start": "charge_start",
    "end": "charge_end",
    "meter_start_dwh": "meter_start",
    "meter_end_dwh": "meter_end",
    "total_dwh": "energy",
    "amount_mfen": "amount",
    "vin": "vin",
    "login": "flag",
    "traded": "traded",
    "stop_reason": "stop_reason",
    "account": "card",
}

# -------------------------------------------------------------------------------------------------------- the BMS

_GROUP_BITS = 12
_HIGHEST_CELL = (1 << _GROUP_BITS) - 1


def _demand_fields(message: BmsDemand) -> Mapping[str, Any]:
    volts, group = message.highest_cell_cv or 0, message.highest_cell_group or 0
    if not 0 <= volts <= _HIGHEST_CELL or not 0 <= group <= 15:
        expected = f"expected a cell of 0 to {_HIGHEST_CELL / 100} V in group 0 to 15"
        raise EncodingError(f"bms-demand: highest_cell: {expected}, found {volts / 100} V in group {group}")
    return {"highest_cell": group << _GROUP_BITS | volts}


def _demand_attributes(values: Values) -> Mapping[str, Any]:
    cell = values["highest_cell"]
    return {"highest_cell_cv": cell & _HIGHEST_CELL, "highest_cell_group": cell >> _GROUP_BITS}


_BATTERY: Mapping[str, str] = {
    "highest_cell": "highest_cell_number",
    "hottest_c": "hottest",
    "hottest_point": "hottest_point",
    "coldest_c": "coldest",
    "coldest_point": "coldest_point",
    "flags": "flags",
}


def _info_fields(message: BmsInfo) -> Mapping[str, Any]:
    return {name: getattr(message.battery, attribute) for attribute, name in _BATTERY.items()}


def _info_attributes(values: Values) -> Mapping[str, Any]:
    return {"battery": Battery(**{attribute: values[name] for attribute, name in _BATTERY.items()})}


_TIME_OUT_BYTES = 8
_TIMED_OUT = 1


def _error_fields(message: BmsError) -> Mapping[str, Any]:
    unknown = [name for name in message.time_outs if name not in gbt27930.TIME_OUTS]
    if unknown:
        raise EncodingError(f"bms-error: time_outs: expected names of GB/T 27930's time-outs, found {unknown[0]!r}")
    value = sum(_TIMED_OUT << 2 * gbt27930.TIME_OUTS.index(name) for name in message.time_outs)
    return {"time_outs": value.to_bytes(_TIME_OUT_BYTES, "little")}


def _error_attributes(values: Values) -> Mapping[str, Any]:
    """What is not to be trusted is not told."""
    found = gbt27930.flags_set(gbt27930.TIME_OUTS, int.from_bytes(values["time_outs"], "little"))
    return {"time_outs": tuple(name for name, said in found if said == _TIMED_OUT)}


_FLAGS = {"order": "order", "reason": "reason", "fault": "fault", "error": "error"}

MEANINGS: Mapping[int, Meaning] = {
    0x01: Meaning(Hello, {"firmware": "software", "guns": "guns", "kind": "kind"}),
    0x02: Meaning(HelloReply, {"accepted": "result"}, only={"update": False}),
    0x03: Meaning(Alive, {"faulty": "state"}),
    0x04: Meaning(AliveReply),
    0x05: Meaning(TariffAsk, {"model": "model"}, never={"model": None}),
    0x06: Meaning(TariffTell, {"model": "model", "same": "result"}, always={"tariff": None, "asked": True}),
    0x09: Meaning(TariffAsk, always={"model": None}),
    0x0A: Meaning(
        TariffTell,
        {"model": "model"},
        always={"asked": True},
        never={"tariff": None},
        build=_tariff_fields,
        read=_tariff_attributes,
    ),
    0x12: Meaning(ReportAsk),
    0x13: Meaning(
        GunReport,
        {
            "order": "order",
            "state": "state",
            "cable": "plugged",
            "energy_dwh": "energy",
            "amount_mfen": "amount",
            **_MEASURED,
            **_DEGREES,
        },
        build=_report_fields,
        read=_report_attributes,
    ),
    0x15: Meaning(
        BmsHandshake,
        {
            "order": "order",
            "vin": "vin",
            "battery": "battery",
            "capacity_cah": "capacity",
            "rated_cv": "rated_voltage",
            "cycles": "cycles",
        },
    ),
    0x17: Meaning(
        BmsParameters,
        {
            "order": "order",
            "highest_cell_cv": "highest_cell_voltage",
            "highest_ca": "highest_current",
            "nominal_dwh": "nominal_energy",
            "highest_cv": "highest_voltage",
            "hottest_c": "hottest",
            "soc_cpercent": "soc",
            "pack_cv": "pack_voltage",
            "charger_highest_cv": "charger_highest_voltage",
            "charger_lowest_cv": "charger_lowest_voltage",
            "charger_highest_ca": "charger_highest_current",
            "charger_lowest_ca": "charger_lowest_current",
        },
    ),
    0x19: Meaning(
        ChargeSummary,
        {
            "order": "order",
            "soc_percent": "soc",
            "lowest_cell_cv": "lowest_cell_voltage",
            "highest_cell_cv": "highest_cell_voltage",
            "coldest_c": "coldest",
            "hottest_c": "hottest",
            "charged_minutes": "charged_minutes",
            "energy_dwh": "energy",
        },
    ),
    0x1B: Meaning(BmsError, {"order": "order"}, build=_error_fields, read=_error_attributes),
    0x1D: Meaning(BmsStop, _FLAGS),
    0x21: Meaning(ChargerStop, _FLAGS),
    0x23: Meaning(
        BmsDemand,
        {
            "order": "order",
            "need_cv": "need_voltage",
            "need_ca": "need_current",
            "mode": "mode",
            "measured_cv": "measured_voltage",
            "measured_ca": "measured_current",
            "soc_percent": "soc",
            "remaining_minutes": "remaining_minutes",
            "out_cv": "out_voltage",
            "out_ca": "out_current",
            "charged_minutes": "charged_minutes",
        },
        build=_demand_fields,
        read=_demand_attributes,
    ),
    0x25: Meaning(BmsInfo, {"order": "order"}, build=_info_fields, read=_info_attributes),
    0x31: Meaning(CardAsk, {"login": "mode", "credential": "password"}, build=_card_fields, read=_card_attributes),
    0x32: Meaning(
        CardReply,
        {
            "order": "order",
            "account": "logic_card",
            "balance_mfen": "balance",
            "accepted": "result",
            "refusal": "reason",
        },
    ),
    0x33: Meaning(StartReply, {"order": "order", "accepted": "result", "reason": "reason"}),
    0x34: Meaning(Start, {"order": "order", "account": "logic_card", "balance_mfen": "balance"}),
    0x35: Meaning(StopReply, {"accepted": "result", "reason": "reason"}),
    0x36: Meaning(Stop, only={"accepted": True}),
    0x3B: Meaning(Bill, _BILL, build=_bill_fields, read=_bill_attributes),
    0x3D: Meaning(Bill, _BILL, read=_bill_attributes, built=False),
    0x40: Meaning(BillReply, {"order": "order", "accepted": "result"}),
    0x41: Meaning(BalanceTold, {"account": "physical_card", "refusal": "result"}),
    0x42: Meaning(BalanceTell, {"account": "physical_card", "balance_mfen": "balance"}),
    0x51: Meaning(WorkTold, {"accepted": "result"}),
    0x52: Meaning(WorkTell, {"stopped": "stopped", "power_percent": "power"}),
    0x55: Meaning(TimeTold, {"pile_time": "time"}),
    0x56: Meaning(TimeTell, {"platform_time": "time"}),
    0x57: Meaning(TariffTold, {"accepted": "result"}),
    0x58: Meaning(
        TariffTell, {"model": "model"}, always={"asked": False}, build=_tariff_fields, read=_tariff_attributes
    ),
    0x91: Meaning(RebootReply, {"accepted": "result"}),
    0x92: Meaning(Reboot, {"when_idle": "when"}),
}
"""Each message type that has a meaning; the rest is kept as bytes, whether it has a layout or not."""
