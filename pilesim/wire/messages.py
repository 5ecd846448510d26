"""The messages by meaning: what a pile and its platform tell each other, in no protocol's layout.

Owns the vocabulary that pile, platform, rules and scenarios share. Must not know any layout, number or
encoding: each protocol has one table that maps these to its frames and back, and what a protocol lacks is None.

    message                        EV-Link          YKC
    Hello, HelloReply              01 02            01 02
    TimeAsk, TimeTell              03 04            -  56
    TimeTold                       -                55
    GunReport (beat, change)       05 16            13 (and 03, alive)
    GunReportReply                 06 17            04
    Authorise, AuthoriseReply      0F 10            -  (in Start)
    Start, StartReply              14 15            34 33
    Stop, StopReply                0C 0D            36 35
    StopAsk                        0B (reply 0C)    -
    Ended                          13               -  (a bill)
    Bill, BillReply                09 0A            3B 40
    CardAsk                        0E (reply 0F)    31
    CardReply                      (an Authorise)   32
    StartAsk                       18               -
    AccountAsk, AccountTell        11 12            -
    Reserve, ReserveReply          07 08            -
    LockAsk, LockTell, LockDone    25 26 27         -
    TariffAsk, TariffTell          (in Authorise)   05 09, 06 0A 58
    Opaque                         what has no meaning here yet, kept as bytes

Units: energies `_dwh` (0.1 Wh), money `_mfen` (1e-5 yuan), times `Stamp`. Guns count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar


class GunState(StrEnum):
    """What a gun says it is doing."""

    IDLE = "idle"
    CHARGING = "charging"
    FAULT = "fault"
    MAINTENANCE = "maintenance"
    OCCUPIED_FULL = "occupied-full"
    OCCUPIED_NOT_FULL = "occupied-not-full"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    """A value that the protocol does not list."""

    @property
    def occupied(self) -> bool:
        return self in (GunState.OCCUPIED_FULL, GunState.OCCUPIED_NOT_FULL)


class GunFault(StrEnum):
    """Fault of a gun, by the EV-Link list (numbers 0 to 32 and 255 there)."""

    NONE = "none"
    EMERGENCY_STOP = "emergency-stop"
    METER = "meter"
    CONTACTOR = "contactor"
    CARD_READER = "card-reader"
    INSIDE_HOT = "inside-hot"
    CONNECTOR = "connector"
    INSULATION = "insulation"
    CHARGER_HOT = "charger-hot"
    AC_OVER_VOLTAGE = "ac-over-voltage"
    AC_UNDER_VOLTAGE = "ac-under-voltage"
    DC_OVER_VOLTAGE = "dc-over-voltage"
    DC_UNDER_VOLTAGE = "dc-under-voltage"
    DC_OVER_CURRENT = "dc-over-current"
    DC_SHORT_CIRCUIT = "dc-short-circuit"
    MODULE = "module"
    FIRE = "fire"
    GROUND_LOCK = "ground-lock"
    CABINET_DOOR = "cabinet-door"
    EXECUTOR_COMMUNICATION = "executor-communication"
    MODULE_START = "module-start"
    DC_CONTACTOR = "dc-contactor"
    DISCHARGE_CONTACTOR = "discharge-contactor"
    ELECTRONIC_LOCK = "electronic-lock"
    INSULATION_TEST = "insulation-test"
    BATTERY_REVERSED = "battery-reversed"
    CONTROL_PILOT = "control-pilot"
    PILE_HOT = "pile-hot"
    GUN_HOT = "gun-hot"
    BMS_COMMUNICATION = "bms-communication"
    PILE_DOOR = "pile-door"
    INTERNAL_COMMUNICATION = "internal-communication"
    FAN = "fan"
    OTHER = "other"
    UNKNOWN = "unknown"
    """A value that the protocol does not list."""


class Parking(StrEnum):
    FREE = "free"
    TAKEN = "taken"
    NOT_TRUSTWORTHY = "not-trustworthy"
    UNKNOWN = "unknown"


class Login(StrEnum):
    """By what means the user is known."""

    QR = "qr"
    PHONE = "phone"
    CARD = "card"
    VIN = "vin"
    UNKNOWN = "unknown"


class EndReason(StrEnum):
    """Why the pile ended an authorisation or a start (EV-Link 0x13)."""

    TIMED_OUT = "timed-out"
    BY_PILE_OR_USER = "by-pile-or-user"
    UNKNOWN = "unknown"


class StopReason(StrEnum):
    """Why a charge ended, as the bill says it."""

    PLATFORM = "platform"
    FULL = "full"
    BALANCE = "balance"
    AT_PILE = "at-pile"
    FAULT = "fault"
    UNEXPECTED = "unexpected"
    """99 of the field: an unexpected stop such as unplugging."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time as a frame carries it: a time, no time (all zero), or an impossible one, kept as its bytes.

    A lenient calendar shows "no time" as 1999-11-30 00:00:00: the field's "1999" bills.
    """

    epoch_ns: int | None
    bad: bytes = b""

    @property
    def is_none(self) -> bool:
        """No time at all: every byte zero."""
        return self.epoch_ns is None and not self.bad


NO_TIME = Stamp(None)


@dataclass(frozen=True, slots=True)
class Band:
    """A span of the day with its occupancy rate: minutes of the day [start, end), mfen per minute."""

    start_minute: int
    end_minute: int
    rate_mfen: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices by half-hour of the day (48 each, mfen per kWh), occupancy by bands (mfen per minute)."""

    energy_mfen: tuple[int, ...]
    service_mfen: tuple[int, ...]
    occupancy: tuple[Band, ...] = ()
    free_minutes: int = 0

    @property
    def highest_mfen(self) -> int:
        """The dearest kWh of the day, service included."""
        return max(energy + service for energy, service in zip(self.energy_mfen, self.service_mfen, strict=True))

    def occupancy_rate_mfen(self, minute_of_day: int) -> int:
        """Rate per minute in force at `minute_of_day`; 0 where no band covers it."""
        for band in self.occupancy:
            if band.start_minute <= minute_of_day < band.end_minute:
                return band.rate_mfen
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Base of all messages. `gun` counts from 1; messages about the whole pile leave it at 1."""

    gun: int = 1
    name: ClassVar[str] = ""
    """What scenarios, impairments and texts call it: `start`, `bill-reply`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Message):
    """The pile tells its firmware version (and, where the protocol asks, its kind and guns)."""

    name: ClassVar[str] = "hello"
    firmware: str
    guns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloReply(Message):
    name: ClassVar[str] = "hello-reply"
    accepted: bool = True
    update: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAsk(Message):
    name: ClassVar[str] = "time-ask"
    pile_time: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTell(Message):
    name: ClassVar[str] = "time-tell"
    platform_time: Stamp
    pile_time: Stamp | None = None
    """The asking pile's time echoed, where the protocol does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTold(Message):
    """The pile has taken the time (YKC 55)."""

    name: ClassVar[str] = "time-told"
    pile_time: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class GunReport(Message):
    """The state of a gun: a heartbeat (`change` False) or the report of a change (`change` True)."""

    name: ClassVar[str] = "gun-report"
    change: bool = False
    state: GunState
    cable: bool | None
    """True: the cable is connected to a car."""
    fault: GunFault | None = None
    parking: Parking | None = None
    meter_dwh: int | None = None
    order: str | None = None
    """The running order; "" where the protocol carries one and none is set; None where it carries none."""
    start: Stamp | None = None
    energy_dwh: int | None = None
    amount_mfen: int | None = None
    volts_dv: int | None = None
    """0.1 V"""
    amps_da: int | None = None
    """0.1 A"""
    soc_percent: int | None = None
    time: Stamp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GunReportReply(Message):
    name: ClassVar[str] = "gun-report-reply"
    change: bool = False
    accepted: bool = True
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorise(Message):
    """An order with its balance and tariff: sent unasked it is the scan; asked, the answer to CardAsk."""

    name: ClassVar[str] = "authorise"
    login: Login = Login.QR
    account: str
    credential: str = ""
    order: str
    balance_mfen: int
    tariff: Tariff
    accepted: bool = True
    refusal: int = 0
    """The protocol's own number for why it was refused; 0 when accepted."""
    longest_minutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoriseReply(Message):
    name: ClassVar[str] = "authorise-reply"
    login: Login = Login.QR
    account: str
    credential: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Message):
    """Start charging. EV-Link names only the account (the pile remembers the order); YKC carries all."""

    name: ClassVar[str] = "start"
    login: Login = Login.QR
    account: str | None = None
    credential: str = ""
    order: str | None = None
    balance_mfen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReply(Message):
    name: ClassVar[str] = "start-reply"
    login: Login = Login.QR
    account: str | None = None
    credential: str = ""
    order: str | None = None
    accepted: bool | None = None
    """None where the reply only says that the command has arrived."""
    reason: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Message):
    """Stop charging: unasked the remote stop; asked, the answer to StopAsk."""

    name: ClassVar[str] = "stop"
    login: Login = Login.QR
    account: str | None = None
    accepted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReply(Message):
    name: ClassVar[str] = "stop-reply"
    login: Login = Login.QR
    account: str | None = None
    accepted: bool | None = None
    reason: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsk(Message):
    """A user asks at the pile to stop; the platform answers with Stop."""

    name: ClassVar[str] = "stop-ask"
    login: Login = Login.CARD
    account: str
    credential: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Message):
    """The pile tells that an authorisation, or a start that failed, is over without a charge."""

    name: ClassVar[str] = "ended"
    login: Login = Login.QR
    account: str
    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill(Message):
    """The pile's record of a finished order. Times are `Stamp`s; None is what the protocol lacks."""

    name: ClassVar[str] = "bill"
    order: str
    """"" when the frame carries no order."""
    arrive: Stamp | None = None
    start: Stamp
    end: Stamp | None = None
    leave: Stamp | None = None
    charge_minutes: int | None = None
    stages_dwh: tuple[int, ...] = ()
    """Energy of each half-hour from the one in which the charge began (or of each price period)."""
    meter_start_dwh: int | None = None
    meter_end_dwh: int | None = None
    charge_fee_mfen: int
    service_fee_mfen: int
    occupancy_minutes: int | None = None
    occupancy_fee_mfen: int | None = None
    stop_reason: StopReason | None = None

    @property
    def energy_dwh(self) -> int:
        return sum(self.stages_dwh)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillReply(Message):
    name: ClassVar[str] = "bill-reply"
    order: str
    accepted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CardAsk(Message):
    """A card is presented at the pile; the platform answers with Authorise (EV-Link) or CardReply (YKC)."""

    name: ClassVar[str] = "card-ask"
    login: Login = Login.CARD
    account: str
    credential: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardReply(Message):
    name: ClassVar[str] = "card-reply"
    account: str
    order: str
    balance_mfen: int
    accepted: bool = True
    refusal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAsk(Message):
    """The pile tells that a user starts at the pile."""

    name: ClassVar[str] = "start-ask"
    login: Login = Login.CARD
    account: str
    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAsk(Message):
    name: ClassVar[str] = "account-ask"
    login: Login = Login.CARD
    account: str
    credential: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTell(Message):
    name: ClassVar[str] = "account-tell"
    login: Login = Login.CARD
    account: str
    known: bool
    balance_mfen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve(Message):
    name: ClassVar[str] = "reserve"
    login: Login = Login.QR
    account: str
    minutes: int
    start: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveReply(Message):
    name: ClassVar[str] = "reserve-reply"
    accepted: bool
    order: str
    minutes: int
    start: Stamp
    refusal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAsk(Message):
    """Ground lock: the pile asks to raise or lower it."""

    name: ClassVar[str] = "lock-ask"
    login: Login = Login.QR
    account: str
    credential: str = ""
    order: str
    lower: bool
    time: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTell(Message):
    name: ClassVar[str] = "lock-tell"
    login: Login = Login.QR
    account: str
    order: str
    lower: bool
    accepted: bool
    refusal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LockDone(Message):
    name: ClassVar[str] = "lock-done"
    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffAsk(Message):
    name: ClassVar[str] = "tariff-ask"
    model: str | None = None
    """The tariff model the pile has and wants confirmed; None asks for the whole tariff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffTell(Message):
    name: ClassVar[str] = "tariff-tell"
    model: str
    tariff: Tariff | None = None
    """None: the model the pile has is the one in force (or, with `same` False, is not)."""
    same: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque(Message):
    """A message without a meaning here yet, kept as bytes."""

    name: ClassVar[str] = "opaque"
    number: int
    data: bytes = field(default=b"")


MESSAGE_TYPES: dict[str, type[Message]] = {kind.name: kind for kind in Message.__subclasses__()}
"""Every message by the name that scenarios and impairments use."""
