"""The data of every EV-Link message: tables of fields, with the version that brought each.

Owns the layouts and the enumerations of the family, as its published dictionary gives them; what is inferred from
frames or field cases, or provisional until a real capture is seen, is marked in its row. Must not know sequence
numbers or sessions. Codes give each number what it means in `wire.messages`; Names only name it.

What does not fit a table stands below it: the occupancy tariff's slots, and prices by half-hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from construct import Bytes, Int32ul, Struct

from pilesim.units import FEN_MFEN, KWH_DWH
from pilesim.wire import gbt27930 as gbt
from pilesim.wire.codec import (
    ASCII,
    Amiss,
    AnyAdapter,
    Codec,
    all_but,
    count_of,
    flags,
    not_ascii,
    number,
    ranged,
    series,
    shifted,
    text,
    text_fits,
    text_misfit,
)
from pilesim.wire.codes import Codes, Names
from pilesim.wire.cp56 import TIME
from pilesim.wire.evlink.versions import LHC, V2_6
from pilesim.wire.fields import Field, rows
from pilesim.wire.frame import ProblemKind
from pilesim.wire.messages import (
    NO_TIME,
    Band,
    EndReason,
    GunFault,
    GunState,
    Login,
    Parking,
    StopReason,
)
from pilesim.wire.packed import InSource
from pilesim.wire.protocol import Trust
from pilesim.wire.shown import ByHalfHour, Escaped, Own

INFERRED = Trust.INFERRED
PROVISIONAL = Trust.PROVISIONAL

HALF_HOURS = 48
ACCOUNT_DIGITS = 17
FIRMWARE_SIZE = 20
BAND_SLOTS = 12
ORDER_SIZE = 32
STAGES_FROM = "from the half-hour in which the charge began (inferred)"

# Enumerations with a meaning above the wire.

LOGIN = Codes(
    [
        (1, Login.QR, "QR code"),
        (2, Login.PHONE, "phone"),
        (3, Login.CARD, "card"),
        (4, Login.VIN, "VIN"),
    ],
    unlisted=Login.UNKNOWN,
)
GUN_STATE = Codes(
    [
        (1, GunState.IDLE, "idle 空闲"),
        (2, GunState.CHARGING, "charging 充电中"),
        (3, GunState.FAULT, "fault 故障"),
        (4, GunState.MAINTENANCE, "maintenance 维护"),
        (5, GunState.OCCUPIED_FULL, "occupied full 满电占用"),
        (6, GunState.OCCUPIED_NOT_FULL, "occupied not full 未满电占用"),
    ],
    unlisted=GunState.UNKNOWN,
)
CABLE = Codes([(1, False, "not connected"), (2, True, "connected")])
PARKING = Codes(
    [
        (1, Parking.FREE, "free"),
        (2, Parking.TAKEN, "taken"),
        (3, Parking.NOT_TRUSTWORTHY, "not trustworthy"),
    ],
    unlisted=Parking.UNKNOWN,
)
GUN_FAULT = Codes(
    [
        (0, GunFault.NONE, "none"),
        (1, GunFault.EMERGENCY_STOP, "emergency stop"),
        (2, GunFault.METER, "meter"),
        (3, GunFault.CONTACTOR, "contactor"),
        (4, GunFault.CARD_READER, "card reader"),
        (5, GunFault.INSIDE_HOT, "inside too hot"),
        (6, GunFault.CONNECTOR, "connector"),
        (7, GunFault.INSULATION, "insulation"),
        (8, GunFault.CHARGER_HOT, "charger too hot"),
        (9, GunFault.AC_OVER_VOLTAGE, "AC over-voltage"),
        (10, GunFault.AC_UNDER_VOLTAGE, "AC under-voltage"),
        (11, GunFault.DC_OVER_VOLTAGE, "DC over-voltage"),
        (12, GunFault.DC_UNDER_VOLTAGE, "DC under-voltage"),
        (13, GunFault.DC_OVER_CURRENT, "DC over-current"),
        (14, GunFault.DC_SHORT_CIRCUIT, "DC short circuit"),
        (15, GunFault.MODULE, "module"),
        (16, GunFault.FIRE, "fire"),
        (17, GunFault.GROUND_LOCK, "ground lock"),
        (18, GunFault.CABINET_DOOR, "cabinet door"),
        (19, GunFault.EXECUTOR_COMMUNICATION, "executor communication"),
        (20, GunFault.MODULE_START, "module start"),
        (21, GunFault.DC_CONTACTOR, "DC contactor"),
        (22, GunFault.DISCHARGE_CONTACTOR, "discharge contactor"),
        (23, GunFault.ELECTRONIC_LOCK, "electronic lock"),
        (24, GunFault.INSULATION_TEST, "insulation test"),
        (25, GunFault.BATTERY_REVERSED, "battery reversed"),
        (26, GunFault.CONTROL_PILOT, "control pilot"),
        (27, GunFault.PILE_HOT, "pile too hot"),
        (28, GunFault.GUN_HOT, "gun too hot"),
        (29, GunFault.BMS_COMMUNICATION, "BMS communication"),
        (30, GunFault.PILE_DOOR, "pile door"),
        (31, GunFault.INTERNAL_COMMUNICATION, "internal communication"),
        (32, GunFault.FAN, "fan"),
        (255, GunFault.OTHER, "other"),
    ],
    unlisted=GunFault.UNKNOWN,
)
END_REASON = Codes(
    [
        (1, EndReason.TIMED_OUT, "timed out"),
        (2, EndReason.BY_PILE_OR_USER, "by the pile or user"),
    ],
    unlisted=EndReason.UNKNOWN,
)
STOP_REASON = Codes(
    [
        (1, StopReason.PLATFORM, "platform"),
        (2, StopReason.FULL, "battery full"),
        (3, StopReason.BALANCE, "balance used up"),
        (4, StopReason.AT_PILE, "stopped at the pile"),
        (5, StopReason.FAULT, "fault"),
        (99, StopReason.UNEXPECTED, "unexpected stop, such as unplugging"),
    ],
    unlisted=StopReason.UNKNOWN,
    unlisted_number=0,
)
LOCKED = Codes([(2, False, "idle"), (1, False, "empty"), (3, True, "locked")], unlisted=False)
ACCEPTED = Codes([(1, True, "ok"), (2, False, "failed")], unlisted=False)
KNOWN = Codes([(0, False, "failed"), (1, True, "ok")], unlisted=False)
UPDATE = Codes([(0, False, "no"), (1, True, "yes")], unlisted=False)
LOWER = Codes([(0, False, "raise"), (1, True, "lower")], unlisted=False)

# Enumerations that are only named.

GROUND_LOCK = Names(
    {0: "none", 1: "open", 2: "closed", 3: "legal middle", 4: "illegal middle", 5: "fault", 6: "moving"}
)
HOMED = Names({0: "no", 1: "yes"})
RESERVE_MODE = Names({1: "one gun", 2: "combined"})
RESERVE_ERROR = Names({0: "none", 1: "balance", 2: "in use", 3: "locked", 4: "no such user", 5: "other"})
RESERVATION = Names({0: "none", 1: "another pile", 2: "this pile"})
AUTHORISE_OK, AUTHORISE_REFUSED = 1, 2
AUTHORISE_RESULT = Names({AUTHORISE_OK: "ok", AUTHORISE_REFUSED: "refused"})
AUTHORISE_OTHER = 5
AUTHORISE_ERROR = Names(
    {
        0: "none",
        1: "password",
        2: "no such user",
        3: "frozen",
        4: "card lost",
        AUTHORISE_OTHER: "other",
        6: "reserved",
        31: "not this pile",
        32: "unpaid bill",
        33: "card without order",
    }
)
LOCK_ERROR = Names({0: "none", 1: "lock state", 2: "charging", 3: "no order", 4: "not this pile"})

STOP_BITS = ("SOC reached", "total voltage", "cell voltage", "BMS", "energy", "time", "money", "in use")
IN_USE = 0x80


class _Order(InSource):
    """An order without the zeros (or NUL) that pad it to its width; "" where nothing else is there."""

    decoding = r"value.rstrip(b'\0').lstrip(b'0\0').decode('latin-1')"
    encoding = rf"value.rstrip('\0').lstrip('0\0').encode('latin-1').rjust({ORDER_SIZE}, b'0')"

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        return normal_order(obj.decode("latin-1"))

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        return normal_order(obj).encode("latin-1").rjust(ORDER_SIZE, b"0")


def normal_order(order: str) -> str:
    """An order as messages carry it: a person's text, padding removed."""
    return order.rstrip("\0").lstrip("0\0")


def _show_bits(value: int, raw: bytes) -> str:
    return ", ".join(name for bit, name in enumerate(STOP_BITS) if value >> bit & 1) or "none"


_u8 = number(1)
_ORDER = Codec(
    _Order(Bytes(ORDER_SIZE)),
    Escaped(padding=True),
    lambda value: text_misfit(value, ORDER_SIZE),
    not_ascii,
    fits=text_fits(ORDER_SIZE),
    sound=ASCII,
)
_ENERGY = number(4, scale=KWH_DWH // 100, places=2)
_STAGE = number(2, scale=KWH_DWH // 100, places=2)
_MONEY = number(4, scale=FEN_MFEN, places=2)
_PRICE = number(4, places=5)
_BITS = replace(_u8, show=_show_bits)


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of the occupancy tariff as it stands in the frame; unused where all is zero."""

    start: tuple[int, ...]
    """Hour, minute, second."""
    end: tuple[int, ...]
    rate_mfen: int

    @property
    def used(self) -> bool:
        return any(self.start) or any(self.end) or self.rate_mfen != 0

    @property
    def possible(self) -> bool:
        """Both are times of the day; 24:00:00 is one."""
        return all(
            (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60) or (hour, minute, second) == (24, 0, 0)
            for hour, minute, second in (self.start, self.end)
        )

    def band(self) -> Band:
        """The slot in whole minutes: a start is cut, and an end such as 23:59:59 counts its minute."""
        (hour, minute, _), (end_hour, end_minute, end_second) = self.start, self.end
        return Band(hour * 60 + minute, end_hour * 60 + end_minute + (end_second > 0), self.rate_mfen)


UNUSED = Slot((0, 0, 0), (0, 0, 0), 0)


def slot_of(band: Band) -> Slot:
    """The slot that carries `band`."""
    return Slot((*divmod(band.start_minute, 60), 0), (*divmod(band.end_minute, 60), 0), band.rate_mfen)


class _Slot(AnyAdapter):
    def __init__(self) -> None:
        super().__init__(Struct("start" / Bytes(3), "end" / Bytes(3), "rate" / Int32ul))

    def _decode(self, obj: Any, context: Any, path: str) -> Slot:
        return Slot(tuple(obj["start"]), tuple(obj["end"]), obj["rate"])

    def _encode(self, obj: Slot, context: Any, path: str) -> dict[str, object]:
        return {"start": bytes(obj.start), "end": bytes(obj.end), "rate": obj.rate_mfen}


def _slot_misfit(value: Slot) -> str:
    """A band is held to the day before it becomes three bytes a time."""
    if value.possible:
        return _PRICE.misfit(value.rate_mfen)
    return f"expected times of the day up to 24:00, found {_show_slot(value, b'')}"


def _show_slot(value: Slot, raw: bytes) -> str:
    start, end = (":".join(f"{part:02d}" for part in time) for time in (value.start, value.end))
    return f"{start}-{end} {_PRICE.show(value.rate_mfen, b'')}"


def _show_slots(value: Sequence[Slot], raw: bytes) -> str:
    return ", ".join(_show_slot(slot, b"") for slot in value if slot.used) or "none"


_SLOTS_LUA = """
local told = {}
for at = 0, #bytes - 10, 10 do
  local rate, used = number(bytes, at + 6, 4), false
  for i = 1, 10 do used = used or bytes[at + i] ~= 0 end
  if used then
    local times = string.format("%02d:%02d:%02d-%02d:%02d:%02d", table.unpack(bytes, at + 1, at + 6))
    told[#told + 1] = times .. " " .. fixed(rate, 5)
  end
end
return #told > 0 and table.concat(told, ", ") or "none"
"""
"""As `_show_slots`."""


def _slots_amiss(value: Sequence[Slot]) -> Amiss | None:
    for slot in value:
        if not slot.possible:
            return ProblemKind.RANGE, f"expected times of the day up to 24:00:00, found {_show_slot(slot, b'')}"
    return None


def _slots() -> Codec:
    slots = series(Codec(_Slot(), _show_slot, _slot_misfit), BAND_SLOTS, _show_slots)
    return replace(slots, show=Own(_show_slots, _SLOTS_LUA), amiss=_slots_amiss)


_PRICES = series(_PRICE, HALF_HOURS, ByHalfHour(_PRICE))

# Fields that several messages have.

_LOGIN = Field("login", _u8, codes=LOGIN)
_ACCOUNT = Field("account", text(ACCOUNT_DIGITS))
_PASSWORD = Field("password", text(32), note="upper-case hex MD5")
_ORDER_FIELD = Field("order", _ORDER)
_USER = (_LOGIN, _ACCOUNT)
_USER_PASSWORD = (*_USER, _PASSWORD)
_STATE = Field("state", _u8, codes=GUN_STATE)
_CABLE = Field("cable", _u8, codes=CABLE)
_PARKING = Field("parking", _u8, codes=PARKING, blank=3)
_FAULT = Field("fault", _u8, codes=GUN_FAULT, blank=0)
_GROUND_LOCK = Field("ground_lock", _u8, codes=GROUND_LOCK, blank=0)
_HOMED = Field("homed", _u8, codes=HOMED, blank=0)

# The messages, by number.

VERSION = (Field("firmware", text(FIRMWARE_SIZE)),)
VERSION_REPLY = (
    Field("update", _u8, codes=UPDATE),
    Field("version", text(20), blank=""),
    Field("user", text(32), blank=""),
    Field("password", text(32), blank=""),
    Field("url", text(200), blank=""),
)
TIME_REQUEST = (Field("pile_time", TIME),)
TIME_REPLY = (
    Field("pile_time", TIME, blank=NO_TIME, note="echoed"),
    Field("platform_time", TIME),
)
HEARTBEAT = (
    _STATE,
    _CABLE,
    _PARKING,
    Field("reserved", _u8, blank=0),
    _FAULT,
    Field("meter", _ENERGY, unit="kWh", blank=0),
    _GROUND_LOCK,
    _HOMED,
    Field("order", _ORDER, blank="", trust=PROVISIONAL, since=LHC),
    Field("charge_start", TIME, blank=NO_TIME, trust=PROVISIONAL, since=LHC),
    Field("energy", _ENERGY, unit="kWh", blank=0, note="of this order", trust=PROVISIONAL, since=LHC),
    Field("amount", _MONEY, unit="yuan", blank=0, note="charge and service fee", trust=PROVISIONAL, since=LHC),
)
HEARTBEAT_REPLY = (Field("logic_state", _u8, codes=LOCKED),)
RESERVE = (
    *_USER,
    Field("minutes", number(2), unit="min"),
    Field("start", TIME),
    Field("mode", _u8, codes=RESERVE_MODE, blank=1),
    Field("index", text(2), blank=""),
    Field("reserved_gun", number(2), blank=1),
)
RESERVE_REPLY = (
    Field("result", _u8, codes=ACCEPTED),
    _ORDER_FIELD,
    Field("start", TIME),
    Field("minutes", number(2), unit="min"),
    Field("error", _u8, codes=RESERVE_ERROR),
)
BILL = (
    _ORDER_FIELD,
    Field("arrive", TIME, blank=NO_TIME, note="plug-in"),
    Field("charge_start", TIME),
    Field("charge_minutes", number(2), unit="min", blank=0),
    Field("occupancy_minutes", number(2), unit="min", blank=0),
    Field("occupancy_fee", _MONEY, unit="yuan", blank=0),
    Field("leave", TIME, blank=NO_TIME, note="离桩时间"),
    Field("stage_count", count_of("stages")),
    Field("stages", series(_STAGE, "stage_count"), unit="kWh", note=f"a half-hour each, {STAGES_FROM}"),
    Field("charge_fee", _MONEY, unit="yuan"),
    Field("service_fee", _MONEY, unit="yuan"),
    Field("charge_end", TIME, blank=NO_TIME, trust=PROVISIONAL, since=LHC),
    Field("stop_reason", _u8, codes=STOP_REASON, blank=0, trust=PROVISIONAL, since=LHC),
)
BILL_REPLY = (_ORDER_FIELD,)
STOP_REQUEST = _USER_PASSWORD
STOP = (*_USER, Field("result", _u8, codes=ACCEPTED))
STOP_REPLY = _USER
AUTHORISE_REQUEST = _USER_PASSWORD
AUTHORISE = (
    *_USER_PASSWORD,
    Field("free_minutes", number(2), unit="min", note="of occupancy", trust=INFERRED),
    Field("occupancy_version", number(4), unit="s", note="Unix time"),
    Field("occupancy", _slots(), unit="yuan/min", note="the rate per minute is inferred"),
    Field("service_version", number(4), unit="s", note="Unix time"),
    Field("service_prices", _PRICES, unit="yuan/kWh", note="by half-hour of the day"),
    Field("energy_version", number(4), unit="s", note="Unix time"),
    Field("energy_prices", _PRICES, unit="yuan/kWh", note="by half-hour of the day"),
    Field("result", _u8, codes=AUTHORISE_RESULT, note="place and meaning", trust=INFERRED, since=V2_6),
    Field("longest_minutes", number(2), unit="min", note="the unit", trust=INFERRED),
    Field("reservation", _u8, codes=RESERVATION, blank=0),
    _ORDER_FIELD,
    Field("reservation_start", TIME, blank=NO_TIME),
    Field("reservation_minutes", number(2), unit="min", blank=0),
    Field("error", _u8, codes=AUTHORISE_ERROR),
    Field("balance", _MONEY, unit="yuan"),
)
AUTHORISE_REPLY = _USER_PASSWORD
ACCOUNT_QUERY = _USER_PASSWORD
ACCOUNT_REPLY = (
    *_USER,
    Field("result", _u8, codes=KNOWN, note="which number is which", trust=INFERRED),
    Field("balance", _MONEY, unit="yuan"),
)
LOGOUT = (*_USER, Field("reason", _u8, codes=END_REASON))
START = _USER_PASSWORD
START_REPLY = _USER_PASSWORD
STATE_CHANGE = (
    _STATE,
    _CABLE,
    _PARKING,
    Field("fault_count", count_of("faults")),
    # The block's own size is not published. The last five fields always end the body, so the block is what they leave.
    Field("faults", all_but(11, "fault_count"), note="one byte each", trust=PROVISIONAL),
    Field("stop_bits", _BITS),
    _FAULT,
    Field("time", TIME, blank=NO_TIME),
    _GROUND_LOCK,
    _HOMED,
)
STATE_CHANGE_REPLY = (
    Field("ack", _u8, codes=ACCEPTED),
    Field("logic_state", _u8, codes=LOCKED),
)
START_REQUEST = (*_USER, _ORDER_FIELD)
LOCK_REQUEST = (
    *_USER_PASSWORD,
    _ORDER_FIELD,
    Field("operation", _u8, codes=LOWER),
    Field("time", TIME),
)
LOCK_REPLY = (
    *_USER,
    Field("operation", _u8, codes=LOWER),
    Field("result", _u8, codes=ACCEPTED),
    Field("error", _u8, codes=LOCK_ERROR),
    _ORDER_FIELD,
)
LOCK_DONE = (_ORDER_FIELD,)

# What the car's battery and the charger tell: by the published dictionary, of which no frame was ever seen.

_CENTIVOLTS = number(4, places=2)
_CENTIAMPERES = number(4, places=2)
_CELL_VOLTS = number(2, places=2)
_TEMPERATURE = shifted(50)
_MODE = Field("mode", _u8, codes=Names(gbt.MODES))
_CONTROL = ("pile", "local", "remote", "other")
_WORK = {1: "fault", 2: "fault", 3: "charging"}


def _show_charger(value: int, raw: bytes) -> str:
    """Bits 0 to 2 who controls it, bit 3 off line, bits 4 to 6 what it does."""
    control = _CONTROL[value & 7] if value & 7 < len(_CONTROL) else str(value & 7)
    return f"control {control}, {'off' if value & 8 else 'on'} line, {_WORK.get(value >> 4 & 7, value >> 4 & 7)}"


VEHICLE = (
    Field("battery", _u8, codes=Names(gbt.BATTERIES), blank=0xFF),
    Field("capacity", number(2, scale=10, places=1), unit="Ah", blank=0),
    Field("rated_voltage", _CENTIVOLTS, unit="V", blank=0),
    Field("voltage_before", _CENTIVOLTS, unit="V", blank=0, note="before charging"),
    Field("maker", text(4), blank=""),
    Field("pack", number(4), blank=0, note="serial number"),
    Field("year", shifted(-1985), blank=1985, trust=INFERRED),
    Field("month", _u8, blank=0, trust=INFERRED),
    Field("day", _u8, blank=0, trust=INFERRED),
    Field("cycles", number(3), blank=0),
    Field("owner", _u8, codes=Names(gbt.OWNERS), blank=1),
    Field("reserved", _u8, blank=0),
    Field("vin", text(17)),
)
CHARGE_TOTALS = (
    Field("need_voltage", _CENTIVOLTS, unit="V"),
    Field("need_current", _CENTIAMPERES, unit="A"),
    _MODE,
    Field("measured_voltage", _CENTIVOLTS, unit="V"),
    Field("measured_current", _CENTIAMPERES, unit="A"),
    Field("soc", ranged(_u8, 0, 100), unit="%"),
    Field("remaining_minutes", number(2), unit="min", trust=INFERRED),
    Field("highest_cell_voltage", _CENTIVOLTS, unit="V"),
    Field("highest_cell_number", _u8),
    Field("lowest_cell_voltage", _CELL_VOLTS, unit="V", note="the scale", trust=INFERRED),
    Field("lowest_cell_number", _u8),
    Field("hottest", _TEMPERATURE, unit="°C", note="the offset", trust=INFERRED),
    Field("hottest_point", _u8),
    Field("coldest", _TEMPERATURE, unit="°C", note="the offset", trust=INFERRED),
    Field("flags", flags(2, gbt.BSM_FLAGS, gbt.bsm_words)),
)
BATTERY_PARAMETERS = (
    Field("highest_cell_voltage", _CENTIVOLTS, unit="V"),
    Field("highest_current", _CENTIAMPERES, unit="A"),
    Field("nominal_energy", number(4, scale=1000, places=1), unit="kWh"),
    Field("highest_voltage", _CENTIVOLTS, unit="V"),
    Field("hottest", _TEMPERATURE, unit="°C", note="the offset", trust=INFERRED),
    Field("soc", number(2, places=2), unit="%"),
    Field("pack_voltage", _CENTIVOLTS, unit="V", note="now"),
)
CELL_VOLTAGES = (Field("count", count_of("voltages")), Field("voltages", series(_CELL_VOLTS, "count"), unit="V"))
BATTERY_TEMPERATURES = (
    Field("count", count_of("temperatures")),
    Field("temperatures", series(_TEMPERATURE, "count"), unit="°C", note="size and offset", trust=INFERRED),
)
_CHARGER_OUT = (
    Field("out_voltage", _CENTIVOLTS, unit="V"),
    Field("out_current", _CENTIAMPERES, unit="A"),
    _MODE,
)
_CHARGING = 3 << 4
"""Of the bits of 0x1E, which is sent while it is so."""
_CHARGER_STATE = Field("charger", replace(_u8, show=_show_charger), blank=_CHARGING)
CHARGER = (*_CHARGER_OUT, _CHARGER_STATE)
CHARGER_LONG = (*_CHARGER_OUT, Field("reserved", _u8), _CHARGER_STATE)
MODULE_TOTALS = (
    Field("on_line", _u8),
    Field("working", _u8),
    Field("highest_voltage", _CENTIVOLTS, unit="V"),
    Field("lowest_voltage", _CENTIVOLTS, unit="V"),
    Field("highest_current", _CENTIAMPERES, unit="A"),
    Field("lowest_current", _CENTIAMPERES, unit="A"),
)
MODULES = (
    Field("count", count_of("modules")),
    Field(
        "modules",
        rows(
            (
                Field("number", _u8),
                Field("voltage", _CENTIVOLTS, unit="V"),
                Field("current", _CENTIAMPERES, unit="A"),
            ),
            "count",
        ),
    ),
)
BMS_STOP = (
    Field("reason", flags(1, gbt.BST_REASONS, gbt.flag_words)),
    Field("fault", flags(2, gbt.BST_FAULTS, gbt.flag_words)),
    Field("error", flags(1, gbt.BST_ERRORS, gbt.flag_words)),
    Field("time", TIME, blank=NO_TIME),
)
CHARGER_STOP = (
    Field("reason", flags(1, gbt.CST_REASONS, gbt.flag_words)),
    Field("fault", flags(2, gbt.CST_FAULTS, gbt.flag_words)),
    Field("error", flags(1, gbt.CST_ERRORS, gbt.flag_words)),
    Field("time", TIME, blank=NO_TIME),
)
