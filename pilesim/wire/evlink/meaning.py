"""What the fields of an EV-Link message mean, both ways.

Owns the family's table between its fields and the dataclasses of `wire.messages`. Must not know bytes or frames. What
pairs cannot say stands above the table: the tariff of 0x0F, the fault block of 0x16, the battery of 0x1A.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pilesim.errors import EncodingError
from pilesim.wire.evlink.payloads import (
    AUTHORISE_OK,
    AUTHORISE_OTHER,
    AUTHORISE_REFUSED,
    BAND_SLOTS,
    GUN_FAULT,
    HALF_HOURS,
    IN_USE,
    UNUSED,
    slot_of,
)
from pilesim.wire.fields import Values
from pilesim.wire.meaning import Meaning
from pilesim.wire.messages import (
    AccountAsk,
    AccountTell,
    Authorise,
    AuthoriseReply,
    Battery,
    Bill,
    BillReply,
    BmsDemand,
    BmsHandshake,
    BmsParameters,
    BmsStop,
    CardAsk,
    ChargerStop,
    Ended,
    GunFault,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    HelloReply,
    LockAsk,
    LockDone,
    LockTell,
    Reserve,
    ReserveReply,
    Start,
    StartAsk,
    StartReply,
    Stop,
    StopAsk,
    StopReply,
    Tariff,
    TimeAsk,
    TimeTell,
)


def _change_fields(message: GunReport) -> Mapping[str, Any]:
    """The fault block lists the one fault that the report tells, and the gun is in use while it charges."""
    number = GUN_FAULT.number(message.fault or GunFault.NONE)
    return {
        "faults": bytes((number,)) if number else b"",
        "stop_bits": IN_USE if message.state is GunState.CHARGING else 0,
    }


TARIFF_EPOCH_S = 1_577_836_800
"""2020-01-01: tariff versions are Unix times on the wire, and a message carries none."""
_TARIFF_SPAN_S = 365 * 86_400


@lru_cache
def tariff_version(prices: object) -> int:
    """A version that differs where the prices do, so that a pile that keeps tariffs by version takes a new one."""
    return TARIFF_EPOCH_S + zlib.crc32(repr(prices).encode()) % _TARIFF_SPAN_S


def _authorise_fields(message: Authorise) -> Mapping[str, Any]:
    tariff = message.tariff
    if len(tariff.occupancy) > BAND_SLOTS:
        raise EncodingError(
            f"authorise: tariff.occupancy: expected at most {BAND_SLOTS} bands, found {len(tariff.occupancy)}"
        )
    for what, prices in (("energy_mfen", tariff.energy_mfen), ("service_mfen", tariff.service_mfen)):
        if len(prices) != HALF_HOURS:
            raise EncodingError(f"authorise: tariff.{what}: expected {HALF_HOURS} prices, found {len(prices)}")
    slots = [slot_of(band) for band in tariff.occupancy]
    return {
        "free_minutes": tariff.free_minutes,
        "occupancy_version": tariff_version((tariff.occupancy, tariff.free_minutes)),
        "occupancy": (*slots, *[UNUSED] * (BAND_SLOTS - len(slots))),
        "service_version": tariff_version(tariff.service_mfen),
        "service_prices": tariff.service_mfen,
        "energy_version": tariff_version(tariff.energy_mfen),
        "energy_prices": tariff.energy_mfen,
        "result": AUTHORISE_OK if message.accepted else AUTHORISE_REFUSED,
        "error": message.refusal or (0 if message.accepted else AUTHORISE_OTHER),
    }


def _authorise_attributes(values: Values) -> Mapping[str, Any]:
    """Slots that are no times of the day are reported as a problem, and cover nothing."""
    return {
        "tariff": Tariff(
            energy_mfen=values["energy_prices"],
            service_mfen=values["service_prices"],
            occupancy=tuple(slot.band() for slot in values["occupancy"] if slot.used and slot.possible),
            free_minutes=values["free_minutes"],
        ),
        "accepted": values["error"] == 0 and values.get("result", AUTHORISE_OK) != AUTHORISE_REFUSED,
        "refusal": values["error"],
    }


_BATTERY = {
    "highest_cell": "highest_cell_number",
    "hottest_c": "hottest",
    "hottest_point": "hottest_point",
    "coldest_c": "coldest",
    "flags": "flags",
    "lowest_cell": "lowest_cell_number",
    "lowest_cell_cv": "lowest_cell_voltage",
}


def _totals_fields(message: BmsDemand) -> Mapping[str, Any]:
    values = {name: getattr(message.battery, attribute, None) for attribute, name in _BATTERY.items()}
    missing = [attribute for attribute, name in _BATTERY.items() if values[name] is None]
    if missing:
        raise EncodingError(f"bms-demand: battery: expected its {', '.join(missing)}, found None")
    return values


def _totals_attributes(values: Values) -> Mapping[str, Any]:
    told = {attribute: values[name] for attribute, name in _BATTERY.items()}
    return {"battery": Battery(**told, coldest_point=None)}


_FLAGS = {"reason": "reason", "fault": "fault", "error": "error", "time": "time"}
_USER = {"login": "login", "account": "account"}
_USER_CREDENTIAL = {**_USER, "credential": "password"}
_GUN = {"state": "state", "cable": "cable", "parking": "parking", "fault": "fault"}
_RESERVE = {"minutes": "minutes", "start": "start"}

MEANINGS: Mapping[int, Meaning] = {
    0x01: Meaning(Hello, {"firmware": "firmware"}),
    0x02: Meaning(HelloReply, {"update": "update"}, only={"accepted": True}),
    0x03: Meaning(TimeAsk, {"pile_time": "pile_time"}),
    0x04: Meaning(TimeTell, {"pile_time": "pile_time", "platform_time": "platform_time"}),
    0x05: Meaning(
        GunReport,
        {
            **_GUN,
            "meter_dwh": "meter",
            "order": "order",
            "start": "charge_start",
            "energy_dwh": "energy",
            "amount_mfen": "amount",
        },
        always={"change": False},
    ),
    0x06: Meaning(GunReportReply, {"locked": "logic_state"}, always={"change": False}, only={"accepted": True}),
    0x07: Meaning(Reserve, {**_USER, **_RESERVE}, build=lambda message: {"reserved_gun": message.gun}),
    0x08: Meaning(ReserveReply, {"accepted": "result", "order": "order", **_RESERVE, "refusal": "error"}),
    0x09: Meaning(
        Bill,
        {
            "order": "order",
            "arrive": "arrive",
            "start": "charge_start",
            "end": "charge_end",
            "leave": "leave",
            "charge_minutes": "charge_minutes",
            "stages_dwh": "stages",
            "charge_fee_mfen": "charge_fee",
            "service_fee_mfen": "service_fee",
            "occupancy_minutes": "occupancy_minutes",
            "occupancy_fee_mfen": "occupancy_fee",
            "stop_reason": "stop_reason",
        },
    ),
    0x0A: Meaning(BillReply, {"order": "order"}, only={"accepted": True}),
    0x0B: Meaning(StopAsk, _USER_CREDENTIAL),
    0x0C: Meaning(Stop, {**_USER, "accepted": "result"}),
    0x0D: Meaning(StopReply, _USER),
    0x0E: Meaning(CardAsk, _USER_CREDENTIAL),
    0x0F: Meaning(
        Authorise,
        {
            **_USER_CREDENTIAL,
            "order": "order",
            "balance_mfen": "balance",
            "longest_minutes": "longest_minutes",
        },
        build=_authorise_fields,
        read=_authorise_attributes,
    ),
    0x10: Meaning(AuthoriseReply, _USER_CREDENTIAL),
    0x11: Meaning(AccountAsk, _USER_CREDENTIAL),
    0x12: Meaning(AccountTell, {**_USER, "known": "result", "balance_mfen": "balance"}),
    0x13: Meaning(Ended, {**_USER, "reason": "reason"}),
    0x14: Meaning(Start, _USER_CREDENTIAL),
    0x15: Meaning(StartReply, _USER_CREDENTIAL),
    0x16: Meaning(GunReport, {**_GUN, "time": "time"}, always={"change": True}, build=_change_fields),
    0x17: Meaning(GunReportReply, {"accepted": "ack", "locked": "logic_state"}, always={"change": True}),
    0x18: Meaning(StartAsk, {**_USER, "order": "order"}),
    0x19: Meaning(
        BmsHandshake,
        {
            "vin": "vin",
            "battery": "battery",
            "capacity_cah": "capacity",
            "rated_cv": "rated_voltage",
            "before_cv": "voltage_before",
            "cycles": "cycles",
        },
    ),
    0x1A: Meaning(
        BmsDemand,
        {
            "need_cv": "need_voltage",
            "need_ca": "need_current",
            "mode": "mode",
            "measured_cv": "measured_voltage",
            "measured_ca": "measured_current",
            "highest_cell_cv": "highest_cell_voltage",
            "soc_percent": "soc",
            "remaining_minutes": "remaining_minutes",
        },
        never={"need_cv": None},
        build=_totals_fields,
        read=_totals_attributes,
    ),
    0x1B: Meaning(
        BmsParameters,
        {
            "highest_cell_cv": "highest_cell_voltage",
            "highest_ca": "highest_current",
            "nominal_dwh": "nominal_energy",
            "highest_cv": "highest_voltage",
            "hottest_c": "hottest",
            "soc_cpercent": "soc",
            "pack_cv": "pack_voltage",
        },
    ),
    0x1E: Meaning(
        BmsDemand, {"out_cv": "out_voltage", "out_ca": "out_current", "mode": "mode"}, always={"need_cv": None}
    ),
    0x23: Meaning(BmsStop, _FLAGS),
    0x24: Meaning(ChargerStop, _FLAGS),
    0x25: Meaning(LockAsk, {**_USER_CREDENTIAL, "order": "order", "lower": "operation", "time": "time"}),
    0x26: Meaning(
        LockTell, {**_USER, "order": "order", "lower": "operation", "accepted": "result", "refusal": "error"}
    ),
    0x27: Meaning(LockDone, {"order": "order"}),
}
"""Each message number that has a meaning. Which of them exists in which version is the catalogue's."""
