"""The body of every YKC message: tables of fields.

Owns the layouts as the published V1.6 document gives them, with V1.7's bill, and the shapes that public peers send
instead. Must not know what a field means above the wire, sequence numbers or sessions. Currents are magnitudes: piles
that pass on the frames of GB/T 27930 send a charging current below the offset, others above it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from construct import Int16ub, Int16ul

from pilesim.units import FEN_MFEN
from pilesim.wire import gbt27930 as gbt
from pilesim.wire.codec import (
    Amiss,
    AnyConstruct,
    Codec,
    all_but,
    bcd,
    blob,
    count_of,
    flags,
    number,
    ranged,
    series,
    shifted,
    text,
)
from pilesim.wire.codes import Names
from pilesim.wire.cp56 import TIME
from pilesim.wire.fields import Field, Layout, rows
from pilesim.wire.frame import ProblemKind
from pilesim.wire.messages import NO_TIME
from pilesim.wire.packed import InSource
from pilesim.wire.shown import ByHalfHour, Escaped, Flags, Own, single_bits
from pilesim.wire.ykc import codes

HALF_HOURS = 48
PILE_SIZE = 7
ORDER_SIZE = 16
CARD_SIZE = 8
SOFTWARE_SIZE = 8
RATES = ("sharp", "peak", "flat", "valley")
V1_6, V1_7 = "V1.6", "V1.7"
PROTOCOL_VERSION = 0x10
"""What a pile of V1.6 logs in with: ten times its version."""

PLUS, MINUS = "plus", "minus"
CURRENT_SIGNS = (PLUS, MINUS)
"""Above the offset, below it."""

# Beyond these no car and no charger goes.
_MOST_CV = 1500 * 100
_MOST_CA = 1000 * 100
_MOST_CELL_CV = 24 * 100


class _Current(InSource):
    """0.1 A with an offset of 400 A, as a magnitude in 0.01 A."""

    def __init__(self, subcon: AnyConstruct, sign: int) -> None:
        super().__init__(subcon)
        self._sign = sign
        self.decoding = "abs(10 * value - 40000)"
        self.encoding = f"4000 + {sign} * ((value + 5) // 10)"

    def _decode(self, obj: int, context: Any, path: str) -> int:
        return abs(10 * obj - 40_000)

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return 4000 + self._sign * ((obj + 5) // 10)


def _show_current(value: int, raw: bytes) -> str:
    below = any(int.from_bytes(raw, order) * 10 == 40_000 - value for order in ("little", "big")) and value
    return f"{value / 100:.1f}" + (" (below the offset)" if below and raw else "")


_CURRENT_LUA = """
local value = math.abs(10 * wire - 40000)
local below = false
for _, either in ipairs({ bytes[1] + 256 * bytes[2], bytes[2] + 256 * bytes[1] }) do
  below = below or (value ~= 0 and either * 10 == 40000 - value)
end
return fixed(value / 10, 1) .. (below and " (below the offset)" or "")
"""
"""As `_show_current`."""


def _current(sign: int) -> Codec:
    highest = 40_000 if sign < 0 else 10 * (0xFFFF - 4000)

    def misfit(value: object) -> str:
        if isinstance(value, int) and 0 <= value <= highest:
            return ""
        return f"expected 0 to {highest / 100:.1f}, found {value!r}"

    shown = Own(_show_current, _CURRENT_LUA)
    return Codec(
        _Current(Int16ul, sign),
        shown,
        misfit,
        swapped=_Current(Int16ub, sign),
        most=_MOST_CA,
        fits=f"type(value) is int and 0 <= value <= {highest}",
    )


_CURRENT = _current(+1)
_CURRENT_BELOW = _current(-1)


def signed(fields: tuple[Field, ...], current_sign: str) -> tuple[Field, ...]:
    """`fields` with currents built on the side of the offset that `current_sign` says."""
    if current_sign == PLUS:
        return fields
    return tuple(replace(f, codec=_CURRENT_BELOW) if f.codec is _CURRENT else f for f in fields)


def _rates_amiss(value: tuple[int, ...]) -> Amiss | None:
    wrong = [rate for rate in value if rate >= len(RATES)]
    return (ProblemKind.RANGE, f"expected rates of 0 to {len(RATES) - 1}, found {wrong[0]}") if wrong else None


def _version_amiss(value: bytes) -> Amiss | None:
    """The parts of a version are small, and its last byte is the high one of a number of two."""
    if value[2] == 0 or value[0] != 0:
        return None
    return ProblemKind.BYTE_ORDER, f"expected {value[::-1].hex(' ')}, found {value.hex(' ')}, its high byte first"


def _flags_amiss(value: int) -> Amiss | None:
    """Charging is forbidden and the connector at fault: counted from the top that says that charging is allowed."""
    if value >> 10 & 0b1111 != 1:
        return None
    return ProblemKind.PEER, (
        "expected the permission to charge in bits 4 and 5 of the second byte, found it in bits 2 and 3, where peers "
        "that count from the top have it; or the connector is at fault, and charging forbidden"
    )


def _prefix_amiss(value: int) -> Amiss | None:
    return None if value else (ProblemKind.PEER, "expected 1 for ok, found 0, which openUC's pile SDK sends for ok")


def _show_cell(value: int, raw: bytes) -> str:
    return f"{(value & 0xFFF) / 100:.2f} of group {value >> 12}"


_CELL_LUA = 'return fixed(wire % 4096, 2) .. " of group " .. fixed(math.floor(wire / 4096), 0)'
"""As `_show_cell`."""


_u8 = number(1)
_u16 = number(2)
_PILE = bcd(PILE_SIZE, least=2 * PILE_SIZE, decimal=False)  # The envelope tells what is wrong with it.
_GUN = replace(
    bcd(1, decimal=False),
    misfit=lambda value: (
        "" if isinstance(value, str) and value.isdecimal() and len(value) <= 2 else (f"expected 0 to 99, found {value}")
    ),
)
_ORDER = bcd(ORDER_SIZE, none=True)
_LOGIC_CARD = bcd(CARD_SIZE, strip=True)
_PHYSICAL_CARD = bcd(CARD_SIZE, strip=True, decimal=False)
_GROUP = bcd(6)
_PRICE = number(4, places=5)
_BALANCE = number(4, scale=FEN_MFEN, places=2)
_AMOUNT = number(4, scale=10, places=4)
_ENERGY = number(4, places=4)
_METER = number(5, places=4)
_DECIVOLTS = number(2, places=1)
_VOLTS = number(2, scale=10, places=1, most=_MOST_CV)
_CELL_VOLTS = number(2, places=2, most=_MOST_CELL_CV)
_SOC = ranged(_u8, 0, 100)
_SOC_TENTHS = number(2, scale=10, places=1)
_BMS_ENERGY = number(2, scale=1000, places=1)
_TEMPERATURE = shifted(50)
_MEASURED_TEMPERATURE = shifted(50, shown_none=True)
_COUNTED_FROM_1 = shifted(-1)
_HEX = replace(_u8, show=lambda value, raw: f"0x{value:02X}")
_RATE_NAMED = replace(_u8, show=lambda value, raw: RATES[value] if value < len(RATES) else str(value))
_RATE_NUMBERS = replace(series(_u8, HALF_HOURS, ByHalfHour(_RATE_NAMED)), amiss=_rates_amiss)
_FAULT_BITS = flags(2, [label for _, label in codes.FAULTS], single_bits, 1)
_TIME_OUTS = replace(blob(8), show=Flags(gbt.TIME_OUTS, gbt.flag_words, 2))
_PREFIX = replace(all_but(0, "prefix_length"), show=Escaped(padding=True))

# Fields that several messages have.

_PILE_FIELD = Field("pile", _PILE)
_GUN_FIELD = Field("gun", _GUN)
_ORDER_FIELD = Field("order", _ORDER)
_HERE = (_PILE_FIELD, _GUN_FIELD)
_CHARGE = (_ORDER_FIELD, *_HERE)
_RESERVED_4 = Field("reserved", blob(4), blank=bytes(4))
_LOGIC = Field("logic_card", _LOGIC_CARD, blank="")
_PHYSICAL = Field("physical_card", _PHYSICAL_CARD, blank="")
_OK_IS_1 = Field("result", _u8, codes=codes.OK_IS_1)
_MAIN = Field("main", _u8, codes=codes.MAIN)
_GROUP_FIELD = Field("group", _GROUP, note="yymmddHHMMSS")

# The messages, by type.

LOGIN = (
    _PILE_FIELD,
    Field("kind", _u8, codes=codes.PILE_KIND, blank=0),
    Field("guns", _u8, blank=1),
    Field("protocol", _HEX, blank=PROTOCOL_VERSION, note="ten times its version"),
    Field("software", text(SOFTWARE_SIZE)),
    Field("network", _u8, codes=codes.NETWORK, blank=0),
    Field("sim", bcd(10, none=True, decimal=False), blank=""),
    Field("operator", _u8, codes=codes.OPERATOR, blank=4),
)
LOGIN_REPLY = (_PILE_FIELD, Field("result", _u8, codes=codes.OK_IS_0))
ALIVE = (*_HERE, Field("state", _u8, codes=codes.FAULTY))
ALIVE_REPLY = (*_HERE, Field("reply", _u8, blank=0))
_MODEL = Field("model", bcd(2, least=4))
TARIFF_CHECK = (_PILE_FIELD, _MODEL)
TARIFF_CHECK_REPLY = (_PILE_FIELD, _MODEL, Field("result", _u8, codes=codes.SAME_IS_0))
TARIFF_REQUEST = (_PILE_FIELD,)
TARIFF = (
    _PILE_FIELD,
    _MODEL,
    *(Field(f"{rate}_{what}_price", _PRICE, unit="yuan/kWh") for rate in RATES for what in ("energy", "service")),
    Field("loss_ratio", _u8, blank=0),
    Field("rate_numbers", _RATE_NUMBERS, note="by half-hour of the day"),
)
TARIFF_TAKEN = (_PILE_FIELD, _OK_IS_1)
REPORT_REQUEST = _HERE
REPORT = (
    replace(_ORDER_FIELD, blank=""),
    *_HERE,
    Field("state", _u8, codes=codes.GUN_STATE),
    Field("homed", _u8, codes=codes.HOMED, blank=2),
    Field("plugged", _u8, codes=codes.CABLE),
    Field("voltage", _DECIVOLTS, unit="V", blank=0),
    Field("current", _DECIVOLTS, unit="A", blank=0),
    Field("cable_temperature", _MEASURED_TEMPERATURE, unit="°C", blank=-50),
    Field("cable_code", blob(8), blank=bytes(8)),
    Field("soc", _SOC, unit="%", blank=0),
    Field("battery_temperature", _MEASURED_TEMPERATURE, unit="°C", blank=-50),
    Field("charged_minutes", _u16, unit="min", blank=0),
    Field("remaining_minutes", _u16, unit="min", blank=0),
    Field("energy", _ENERGY, unit="kWh", blank=0),
    Field("lossy_energy", _ENERGY, unit="kWh", blank=0, note="with the line's loss"),
    Field("amount", _AMOUNT, unit="yuan", blank=0),
    Field("faults", _FAULT_BITS, blank=0),
)
_BATTERY_KIND = Field("battery", _HEX, codes=Names(gbt.BATTERIES), blank=0xFF)
HANDSHAKE = (
    *_CHARGE,
    Field("bms_version", replace(blob(3), amiss=_version_amiss), blank=b"\x01\x01\x00", note="01 01 00 is V1.1"),
    _BATTERY_KIND,
    Field("capacity", number(2, scale=10, places=1), unit="Ah", blank=0),
    Field("rated_voltage", _VOLTS, unit="V", blank=0),
    Field("maker", text(4), blank=""),
    Field("pack", number(4), blank=0, note="serial number"),
    Field("year", shifted(-1985), blank=2019),
    Field("month", _u8, blank=1),
    Field("day", _u8, blank=1),
    Field("cycles", number(3), blank=0),
    Field("owner", _u8, codes=Names(gbt.OWNERS), blank=1),
    Field("reserved", _u8, blank=0),
    Field("vin", text(17)),
    Field("bms_software", blob(8), blank=bytes(8)),
)
PARAMETERS = (
    *_CHARGE,
    Field("highest_cell_voltage", _CELL_VOLTS, unit="V"),
    Field("highest_current", _CURRENT, unit="A"),
    Field("nominal_energy", _BMS_ENERGY, unit="kWh"),
    Field("highest_voltage", _VOLTS, unit="V"),
    Field("hottest", _TEMPERATURE, unit="°C"),
    Field("soc", _SOC_TENTHS, unit="%"),
    Field("pack_voltage", _VOLTS, unit="V", note="now"),
    Field("charger_highest_voltage", _VOLTS, unit="V"),
    Field("charger_lowest_voltage", _VOLTS, unit="V"),
    Field("charger_highest_current", _CURRENT, unit="A"),
    Field("charger_lowest_current", _CURRENT, unit="A"),
)
SUMMARY = (
    *_CHARGE,
    Field("soc", _SOC, unit="%"),
    Field("lowest_cell_voltage", _CELL_VOLTS, unit="V"),
    Field("highest_cell_voltage", _CELL_VOLTS, unit="V"),
    Field("coldest", _TEMPERATURE, unit="°C"),
    Field("hottest", _TEMPERATURE, unit="°C"),
    Field("charged_minutes", _u16, unit="min"),
    Field("energy", _BMS_ENERGY, unit="kWh"),
    Field("charger", number(4), blank=0, note="its number"),
)
BMS_ERROR = (*_CHARGE, Field("time_outs", _TIME_OUTS))
BMS_STOP = (
    *_CHARGE,
    Field("reason", flags(1, gbt.BST_REASONS, gbt.flag_words)),
    Field("fault", flags(2, gbt.BST_FAULTS, gbt.flag_words)),
    Field("error", flags(1, gbt.BST_ERRORS, gbt.flag_words)),
)
CHARGER_STOP = (
    *_CHARGE,
    Field("reason", flags(1, gbt.CST_REASONS, gbt.flag_words)),
    Field("fault", flags(2, gbt.CST_FAULTS, gbt.flag_words)),
    Field("error", flags(1, gbt.CST_ERRORS, gbt.flag_words)),
)
DEMAND = (
    *_CHARGE,
    Field("need_voltage", _VOLTS, unit="V"),
    Field("need_current", _CURRENT, unit="A"),
    Field("mode", _u8, codes=Names(gbt.MODES)),
    Field("measured_voltage", _VOLTS, unit="V"),
    Field("measured_current", _CURRENT, unit="A"),
    Field("highest_cell", replace(_u16, show=Own(_show_cell, _CELL_LUA)), unit="V"),
    Field("soc", _SOC, unit="%"),
    Field("remaining_minutes", _u16, unit="min"),
    Field("out_voltage", _VOLTS, unit="V"),
    Field("out_current", _CURRENT, unit="A"),
    Field("charged_minutes", _u16, unit="min"),
)
INFO = (
    *_CHARGE,
    Field("highest_cell_number", _COUNTED_FROM_1),
    Field("hottest", _TEMPERATURE, unit="°C"),
    Field("hottest_point", _COUNTED_FROM_1),
    Field("coldest", _TEMPERATURE, unit="°C"),
    Field("coldest_point", _COUNTED_FROM_1),
    Field("flags", replace(flags(2, gbt.BSM_FLAGS, gbt.bsm_words), amiss=_flags_amiss)),
)
CARD_REQUEST = (
    *_HERE,
    Field("mode", _u8, codes=codes.CARD_MODE),
    Field("password_needed", _u8, codes=codes.YES),
    Field("card", _PHYSICAL_CARD, note="or account"),
    Field("password", text(16), note="16 characters of lower-case MD5"),
    Field("vin", text(17, backwards=True), note="its last character first"),
)
CARD_REPLY = (
    *_CHARGE,
    _LOGIC,
    Field("balance", _BALANCE, unit="yuan"),
    _OK_IS_1,
    Field("reason", _u8, codes=codes.CARD_REASON),
)
START = (*_CHARGE, _LOGIC, _PHYSICAL, Field("balance", _BALANCE, unit="yuan"))
_START_REASON = Field("reason", _u8, codes=codes.START_REASON)
START_REPLY = (*_CHARGE, _OK_IS_1, _START_REASON)
STOP = _HERE
_STOP_REASON = Field("reason", _u8, codes=codes.STOP_REASON_OF_REPLY)
STOP_REPLY = (*_HERE, _OK_IS_1, _STOP_REASON)
STOP_REPLY_SHORT = Layout((_OK_IS_1, _STOP_REASON))
STOP_REPLY_WITH_ORDER = Layout((*_CHARGE, _OK_IS_1, _STOP_REASON))
_BILL_HEAD = (*_CHARGE, Field("charge_start", TIME), Field("charge_end", TIME, blank=NO_TIME))
_BILL_REST = (
    *(
        Field(f"{rate}_{what}", codec, unit=unit)
        for rate in RATES
        for what, codec, unit in (
            ("price", _PRICE, "yuan/kWh"),
            ("energy", _ENERGY, "kWh"),
            ("lossy_energy", _ENERGY, "kWh"),
            ("amount", _AMOUNT, "yuan"),
        )
    ),
    Field("meter_start", _METER, unit="kWh", blank=0),
    Field("meter_end", _METER, unit="kWh", blank=0),
    Field("energy", _ENERGY, unit="kWh", blank=0),
    Field("lossy_energy", _ENERGY, unit="kWh", blank=0, note="with the line's loss"),
    Field("amount", _AMOUNT, unit="yuan", blank=0),
    Field("vin", text(17), blank=""),
    Field("flag", _u8, codes=codes.BILL_FLAG, blank=1),
    Field("traded", TIME, blank=NO_TIME),
    Field("stop_reason", _HEX, codes=codes.STOP_REASON, blank=0x90),
    Field("card", _PHYSICAL_CARD, blank=""),
)
BILL = (*_BILL_HEAD, *_BILL_REST)
BILL_1_7 = (
    *_BILL_HEAD,
    Field("meter_number", bcd(6), since=V1_7),
    Field("meter_cipher", blob(34), since=V1_7),
    Field("meter_protocol", blob(2), since=V1_7),
    Field("cipher_method", _u8, since=V1_7),
    *_BILL_REST,
)
BILL_REPLY = (_ORDER_FIELD, Field("result", _u8, codes=codes.OK_IS_0))
BALANCE = (*_HERE, _PHYSICAL, Field("balance", _BALANCE, unit="yuan"))
BALANCE_REPLY = (_PILE_FIELD, _PHYSICAL, Field("result", _u8, codes=codes.BALANCE_RESULT))
_CARD = Field("card", _PHYSICAL_CARD)
OFFLINE_CARDS = (
    _PILE_FIELD,
    Field("count", count_of("cards")),
    Field("cards", rows((Field("logic_card", _LOGIC_CARD), _CARD), "count")),
)
OFFLINE_CARDS_REPLY = (_PILE_FIELD, _OK_IS_1, Field("reason", _u8, codes=codes.SYNC_REASON))
CARD_LIST = (_PILE_FIELD, Field("count", count_of("cards")), Field("cards", rows((_CARD,), "count")))
CARD_LIST_LONG_COUNT = Layout((_PILE_FIELD, Field("count", number(4)), Field("cards", rows((_CARD,)))))
CARDS_CLEARED = (
    _PILE_FIELD,
    Field("cards", rows((_CARD, _OK_IS_1, Field("reason", _u8, codes=codes.CLEAR_REASON)))),
)
CARDS_FOUND = (_PILE_FIELD, Field("cards", rows((_CARD, Field("exists", _u8, codes=codes.EXISTS)))))
WORK = (_PILE_FIELD, Field("stopped", _u8, codes=codes.WORK), Field("power", ranged(_u8, 30, 100), unit="%"))
TAKEN = (_PILE_FIELD, _OK_IS_1)
CLOCK = (_PILE_FIELD, Field("time", TIME))
GROUND_LOCK = (
    *_HERE,
    Field("lock", _HEX, codes=codes.GROUND_LOCK),
    Field("bay", _HEX, codes=codes.BAY),
    Field("battery", _u8, unit="%"),
    Field("alarm", _HEX, codes=codes.GROUND_LOCK_ALARM),
    _RESERVED_4,
)
GROUND_LOCK_CONTROL = (*_HERE, Field("operation", _HEX, codes=codes.GROUND_LOCK_OPERATION), _RESERVED_4)
GROUND_LOCK_REPLY = (*_HERE, _OK_IS_1, _RESERVED_4)
REBOOT = (_PILE_FIELD, Field("when", _u8, codes=codes.WHEN))
REBOOT_LONG = Layout((_PILE_FIELD, Field("when", number(4), codes=codes.WHEN))).swapped()
UPDATE = (
    _PILE_FIELD,
    Field("model", _u8, codes=codes.MODEL),
    Field("power", _u16, unit="kW"),
    Field("server", text(16)),
    Field("port", _u16),
    Field("user", text(16)),
    Field("password", text(16)),
    Field("path", text(32)),
    Field("when", _u8, codes=codes.WHEN),
    Field("time_out", _u8, unit="min"),
)
UPDATE_REPLY = (_PILE_FIELD, Field("status", _u8, codes=codes.UPDATE_RESULT))
PARALLEL_REQUEST = (*CARD_REQUEST, _MAIN, _GROUP_FIELD)
PARALLEL_REPLY = (*CARD_REPLY, _GROUP_FIELD)
PARALLEL_START = (*START, _GROUP_FIELD)
PARALLEL_START_REPLY = (*START_REPLY, _MAIN, _GROUP_FIELD)
QR_PREFIX = (
    _PILE_FIELD,
    Field("format", _u8, codes=codes.QR_FORMAT),
    Field("prefix_length", count_of("prefix")),
    Field("prefix", _PREFIX),
)
QR_PREFIX_REPLY = (_PILE_FIELD, replace(_OK_IS_1, codec=replace(_u8, amiss=_prefix_amiss), codes=codes.PREFIX_RESULT))
