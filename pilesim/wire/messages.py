"""The messages by meaning: what a pile and its platform tell each other, in no protocol's layout.

Owns the vocabulary that pile, platform, rules and scenarios share. Must not know any layout, number or
encoding: each protocol has one table that maps these to its frames and back, and what a protocol lacks is None.

    message                        EV-Link              YKC
    Hello, HelloReply              01 02                01 02
    Alive, AliveReply              -                    03 04
    TimeAsk                        03 (reply TimeTell)  -
    TimeTell, TimeTold             04 -                 56 55
    GunReport (beat, change)       05 16                13
    GunReportReply                 06 17                -
    ReportAsk                      -                    12 (reply GunReport)
    Authorise, AuthoriseReply      0F 10                -  (in Start)
    Start, StartReply              14 15                34 33
    Stop, StopReply                0C 0D                36 35
    StopAsk                        0B (reply Stop)      -
    Ended                          13                   -  (a bill)
    Bill, BillReply                09 0A                3B 40 (3D since V1.7, read only)
    CardAsk                        0E (reply Authorise) 31
    CardReply                      -                    32
    StartAsk                       18                   -
    AccountAsk, AccountTell        11 12                -
    Reserve, ReserveReply          07 08                -
    LockAsk, LockTell, LockDone    25 26 27             -
    TariffAsk, TariffTell          (in Authorise)       05 06 (a model to confirm), 09 0A (the whole tariff)
    TariffTell unasked, TariffTold (in Authorise)       58 57
    BmsHandshake, BmsParameters    19 1B                15 17
    BmsDemand                      1A, 1E (charger)     23
    BmsInfo                        (in BmsDemand)       25
    BmsStop, ChargerStop           23 24                1D 21
    BmsError                       -                    1B
    ChargeSummary                  -                    19
    BalanceTell, BalanceTold       -                    42 41
    WorkTell, WorkTold             -                    52 51
    Reboot, RebootReply            -                    92 91
    Opaque                         what has no meaning here yet, kept as bytes

Units: energies `_dwh` (0.1 Wh), money `_mfen` (1e-5 yuan), times `Stamp`, temperatures `_c` (°C). Voltages and currents
are `_dv`, `_da` (0.1 V, 0.1 A) in a gun's report, and `_cv`, `_ca` (0.01 V, 0.01 A) in what the BMS tells. Guns count
from 1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import msgspec

from pilesim.units import format_kwh, format_yuan


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


class PileKind(StrEnum):
    DC = "dc"
    AC = "ac"
    """Such a pile has no word from the car's BMS."""
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
    LIMIT = "limit"
    """The energy or the time that was asked for is reached."""
    START_FAILED = "start-failed"
    """The start was begun, and no charge came of it."""
    UNKNOWN = "unknown"


class BmsWord(StrEnum):
    """What the car's BMS has to say to the charger (GB/T 27930), by the standard's own abbreviations."""

    BHM = "bhm"
    """That it is there, and up to which voltage."""
    BRM = "brm"
    """Which car and battery it is."""
    BCP = "bcp"
    """Its limits."""
    BRO = "bro"
    """That it is ready."""
    BCS = "bcs"
    """How far the charge is."""
    BCL = "bcl"
    """What it wants."""
    BSM = "bsm"
    """The state of its battery."""
    BST = "bst"
    """That the charge ends."""
    BSD = "bsd"
    """What the charge came to."""


class Mischance(StrEnum):
    """What ended a charge, or a start, and is neither a fault of the gun nor the silence of the BMS."""

    UNPLUGGED = "unplugged"
    POWER_LOST = "power-lost"
    NOTHING_WANTED = "nothing-wanted"
    """The car's battery is full before the charge begins."""


StopCause = GunFault | BmsWord | Mischance
"""What exactly ended a charge; of a `BmsWord`, that it did not come in time."""


class Stamp(msgspec.Struct, frozen=True, gc=False):
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


class Band(msgspec.Struct, frozen=True, gc=False):
    """A span of the day with its occupancy rate: minutes of the day [start, end), mfen per minute."""

    start_minute: int
    end_minute: int
    rate_mfen: int


class Rate(msgspec.Struct, frozen=True, gc=False):
    """One of a tariff's rates, such as the peak's: prices in mfen per kWh."""

    energy_mfen: int
    service_mfen: int


class Tariff(msgspec.Struct, frozen=True, gc=False):
    """Prices by half-hour of the day (48 each, mfen per kWh), occupancy by bands (mfen per minute).

    Where the protocol bills by rate, `rates` are those it has (sharp, peak, flat, valley), `rate_of` is the index of
    each half-hour's rate, and the prices are those of the rates. Both are empty where it bills by half-hour.
    """

    energy_mfen: tuple[int, ...]
    service_mfen: tuple[int, ...]
    occupancy: tuple[Band, ...] = ()
    free_minutes: int = 0
    rates: tuple[Rate, ...] = ()
    rate_of: tuple[int, ...] = ()

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


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all messages. `gun` counts from 1; messages about the whole pile leave it at 1."""

    gun: int = 1
    name: ClassVar[str] = ""
    """What scenarios, impairments and texts call it: `start`, `bill-reply`."""


MOST_GUNS = 255
"""A gun's number is one byte, on every line."""


class Hello(Message, frozen=True, kw_only=True):
    """The pile tells its firmware version (and, where the protocol asks, its kind and guns)."""

    name: ClassVar[str] = "hello"
    firmware: str
    guns: int | None = None
    kind: PileKind | None = None


class HelloReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "hello-reply"
    accepted: bool = True
    update: bool = False


class Alive(Message, frozen=True, kw_only=True):
    """A gun is there: its beat, where the protocol has one apart from the report of its state."""

    name: ClassVar[str] = "alive"
    faulty: bool = False


class AliveReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "alive-reply"


class TimeAsk(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "time-ask"
    pile_time: Stamp


class TimeTell(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "time-tell"
    platform_time: Stamp
    pile_time: Stamp | None = None
    """The asking pile's time echoed, where the protocol does."""


class TimeTold(Message, frozen=True, kw_only=True):
    """The pile has taken the time that it was told unasked."""

    name: ClassVar[str] = "time-told"
    pile_time: Stamp


class GunReport(Message, frozen=True, kw_only=True):
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
    cable_c: int | None = None
    """Of the gun's cable."""
    battery_c: int | None = None
    """The hottest place of the battery."""
    charged_minutes: int | None = None
    remaining_minutes: int | None = None


class ReportAsk(Message, frozen=True, kw_only=True):
    """The platform asks for a gun's report now."""

    name: ClassVar[str] = "report-ask"


class GunReportReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "gun-report-reply"
    change: bool = False
    accepted: bool = True
    locked: bool = False


class Authorise(Message, frozen=True, kw_only=True):
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


class AuthoriseReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "authorise-reply"
    login: Login = Login.QR
    account: str
    credential: str = ""


class Start(Message, frozen=True, kw_only=True):
    """Start charging. EV-Link names only the account (the pile remembers the order); YKC carries all."""

    name: ClassVar[str] = "start"
    login: Login = Login.QR
    account: str | None = None
    credential: str = ""
    order: str | None = None
    balance_mfen: int | None = None


class StartReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "start-reply"
    login: Login = Login.QR
    account: str | None = None
    credential: str = ""
    order: str | None = None
    accepted: bool | None = None
    """None where the reply only says that the command has arrived."""
    reason: int = 0


class Stop(Message, frozen=True, kw_only=True):
    """Stop charging: unasked the remote stop; asked, the answer to StopAsk."""

    name: ClassVar[str] = "stop"
    login: Login = Login.QR
    account: str | None = None
    accepted: bool = True


class StopReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "stop-reply"
    login: Login = Login.QR
    account: str | None = None
    accepted: bool | None = None
    reason: int = 0


class StopAsk(Message, frozen=True, kw_only=True):
    """A user asks at the pile to stop; the platform answers with Stop."""

    name: ClassVar[str] = "stop-ask"
    login: Login = Login.CARD
    account: str
    credential: str = ""


class Ended(Message, frozen=True, kw_only=True):
    """The pile tells that an authorisation, or a start that failed, is over without a charge."""

    name: ClassVar[str] = "ended"
    login: Login = Login.QR
    account: str
    reason: EndReason


class BillPeriod(msgspec.Struct, frozen=True, gc=False):
    """What was charged at one rate."""

    price_mfen: int
    """Per kWh, service included."""
    energy_dwh: int
    lossy_dwh: int
    """The energy with the line's loss; piles that reckon none send the energy again, or 0."""
    amount_mfen: int

    def __str__(self) -> str:
        energy, price, amount = format_kwh(self.energy_dwh), format_yuan(self.price_mfen), format_yuan(self.amount_mfen)
        return f"{energy} at {price} is {amount}"


class Bill(Message, frozen=True, kw_only=True):
    """The pile's record of a finished order. Times are `Stamp`s; None is what the protocol lacks.

    Where the protocol bills by rate, `periods` are the tariff's rates in their order, and one amount holds charge and
    service fee. Elsewhere the fees are told apart and there are no periods.
    """

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
    charge_fee_mfen: int | None = None
    """None where one amount holds both fees."""
    service_fee_mfen: int | None = None
    occupancy_minutes: int | None = None
    occupancy_fee_mfen: int | None = None
    stop_reason: StopReason | None = None
    stop_code: int | None = None
    """The protocol's own number for why the charge ended, where it says more than `stop_reason`."""
    stop_cause: StopCause | None = None
    """The same by meaning, for a pile to tell: `stop_code` is made of it, and what is read has that instead."""
    periods: tuple[BillPeriod, ...] = ()
    total_dwh: int | None = None
    """The energy as the bill sums it up itself; `energy_dwh` is the sum of its parts."""
    amount_mfen: int | None = None
    """Charge and service fee in one, as the bill sums it up itself."""
    vin: str | None = None
    login: Login | None = None
    account: str | None = None
    """Of the card that it was charged on; None where it was none."""
    traded: Stamp | None = None
    """When the order was settled."""

    @property
    def energy_dwh(self) -> int:
        return sum(self.stages_dwh)

    @property
    def fees_mfen(self) -> int:
        """Charge and service fee, however the protocol tells them."""
        apart = (self.charge_fee_mfen or 0) + (self.service_fee_mfen or 0)
        return apart if self.amount_mfen is None else self.amount_mfen


class BillReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "bill-reply"
    order: str
    accepted: bool = True


class CardAsk(Message, frozen=True, kw_only=True):
    """A card is presented at the pile; the platform answers with Authorise (EV-Link) or CardReply (YKC)."""

    name: ClassVar[str] = "card-ask"
    login: Login = Login.CARD
    account: str
    credential: str = ""


class CardReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "card-reply"
    account: str
    order: str
    balance_mfen: int
    accepted: bool = True
    refusal: int = 0


class StartAsk(Message, frozen=True, kw_only=True):
    """The pile tells that a user starts at the pile."""

    name: ClassVar[str] = "start-ask"
    login: Login = Login.CARD
    account: str
    order: str


class AccountAsk(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "account-ask"
    login: Login = Login.CARD
    account: str
    credential: str = ""


class AccountTell(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "account-tell"
    login: Login = Login.CARD
    account: str
    known: bool
    balance_mfen: int


class Reserve(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "reserve"
    login: Login = Login.QR
    account: str
    minutes: int
    start: Stamp


class ReserveReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "reserve-reply"
    accepted: bool
    order: str
    minutes: int
    start: Stamp
    refusal: int = 0


class LockAsk(Message, frozen=True, kw_only=True):
    """Ground lock: the pile asks to raise or lower it."""

    name: ClassVar[str] = "lock-ask"
    login: Login = Login.QR
    account: str
    credential: str = ""
    order: str
    lower: bool
    time: Stamp


class LockTell(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "lock-tell"
    login: Login = Login.QR
    account: str
    order: str
    lower: bool
    accepted: bool
    refusal: int = 0


class LockDone(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "lock-done"
    order: str


class TariffAsk(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "tariff-ask"
    model: str | None = None
    """The tariff model the pile has and wants confirmed; None asks for the whole tariff."""


class TariffTell(Message, frozen=True, kw_only=True):
    """The answer to TariffAsk, or the tariff unasked, which the pile answers with TariffTold."""

    name: ClassVar[str] = "tariff-tell"
    model: str
    tariff: Tariff | None = None
    """None: the model the pile has is the one in force (or, with `same` False, is not)."""
    same: bool | None = None
    asked: bool = True


class TariffTold(Message, frozen=True, kw_only=True):
    """The pile has taken the tariff that it was told unasked, or has not."""

    name: ClassVar[str] = "tariff-told"
    accepted: bool = True


class BmsHandshake(Message, frozen=True, kw_only=True):
    """What charger and car told each other when they met (GB/T 27930 BHM, BRM)."""

    name: ClassVar[str] = "bms-handshake"
    order: str | None = None
    vin: str
    battery: int | None = None
    """Kind by GB/T 27930: `gbt27930.BATTERIES`."""
    capacity_cah: int | None = None
    """0.01 Ah"""
    rated_cv: int | None = None
    before_cv: int | None = None
    """Of the battery before the charge."""
    cycles: int | None = None


class BmsParameters(Message, frozen=True, kw_only=True):
    """The limits that battery and charger set each other (GB/T 27930 BCP, CML)."""

    name: ClassVar[str] = "bms-parameters"
    order: str | None = None
    highest_cell_cv: int
    highest_ca: int
    nominal_dwh: int
    highest_cv: int
    hottest_c: int
    soc_cpercent: int
    """0.01 %"""
    pack_cv: int
    """Of the battery now."""
    charger_highest_cv: int | None = None
    charger_lowest_cv: int | None = None
    charger_highest_ca: int | None = None
    charger_lowest_ca: int | None = None


class Battery(msgspec.Struct, frozen=True, gc=False):
    """The state of a battery (GB/T 27930 BSM). Numbers of cells and points count from 1."""

    highest_cell: int
    hottest_c: int
    hottest_point: int | None
    coldest_c: int
    coldest_point: int | None
    flags: int
    """`gbt27930.BSM_FLAGS`"""
    lowest_cell: int | None = None
    lowest_cell_cv: int | None = None

    def __str__(self) -> str:
        return f"{self.coldest_c} to {self.hottest_c} °C"


class BmsDemand(Message, frozen=True, kw_only=True):
    """What the battery wants and measures, and what the charger gives (GB/T 27930 BCL, BCS, CCS).

    Currents are magnitudes. A protocol may tell the battery's half and the charger's in messages of their own: the
    other half is None.
    """

    name: ClassVar[str] = "bms-demand"
    order: str | None = None
    need_cv: int | None = None
    need_ca: int | None = None
    mode: int | None = None
    """`gbt27930.MODES`"""
    measured_cv: int | None = None
    measured_ca: int | None = None
    highest_cell_cv: int | None = None
    highest_cell_group: int | None = None
    soc_percent: int | None = None
    remaining_minutes: int | None = None
    out_cv: int | None = None
    out_ca: int | None = None
    charged_minutes: int | None = None
    battery: Battery | None = None
    """Where the protocol tells it in the same message."""


class BmsInfo(Message, frozen=True, kw_only=True):
    """The state of the battery while it is charged."""

    name: ClassVar[str] = "bms-info"
    order: str | None = None
    battery: Battery


class ChargeSummary(Message, frozen=True, kw_only=True):
    """What battery and charger sum up when the charge is over (GB/T 27930 BSD, CSD)."""

    name: ClassVar[str] = "charge-summary"
    order: str | None = None
    soc_percent: int
    lowest_cell_cv: int
    highest_cell_cv: int
    coldest_c: int
    hottest_c: int
    charged_minutes: int
    energy_dwh: int


class BmsStop(Message, frozen=True, kw_only=True):
    """The battery ends the charge (GB/T 27930 BST); flags are those of `gbt27930`."""

    name: ClassVar[str] = "bms-stop"
    order: str | None = None
    reason: int
    fault: int
    error: int
    time: Stamp | None = None


class ChargerStop(Message, frozen=True, kw_only=True):
    """The charger ends the charge (GB/T 27930 CST); flags are those of `gbt27930`."""

    name: ClassVar[str] = "charger-stop"
    order: str | None = None
    reason: int
    fault: int
    error: int
    time: Stamp | None = None


class BmsError(Message, frozen=True, kw_only=True):
    """Charger or battery waited in vain for the other (GB/T 27930 CEM, BEM)."""

    name: ClassVar[str] = "bms-error"
    order: str | None = None
    time_outs: tuple[str, ...]
    """What did not come, by the names of `gbt27930.TIME_OUTS` and in their order."""


class BalanceTell(Message, frozen=True, kw_only=True):
    """The balance of the order that runs at the gun is another from now on."""

    name: ClassVar[str] = "balance-tell"
    account: str = ""
    """Whose it is; "" for whoever charges there."""
    balance_mfen: int


class BalanceTold(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "balance-told"
    account: str = ""
    refusal: int = 0
    """The protocol's own number for why it was not taken; 0 when it was."""


class WorkTell(Message, frozen=True, kw_only=True):
    """Whether the pile may work, and with how much of its power."""

    name: ClassVar[str] = "work-tell"
    stopped: bool
    power_percent: int


class WorkTold(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "work-told"
    accepted: bool = True


class Reboot(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "reboot"
    when_idle: bool
    """Once no gun is in use; else now."""


class RebootReply(Message, frozen=True, kw_only=True):
    name: ClassVar[str] = "reboot-reply"
    accepted: bool = True


class Opaque(Message, frozen=True, kw_only=True):
    """A message without a meaning here yet, kept as bytes."""

    name: ClassVar[str] = "opaque"
    number: int
    data: bytes = b""


MESSAGE_TYPES: dict[str, type[Message]] = {kind.name: kind for kind in Message.__subclasses__()}
"""Every message by the name that scenarios and impairments use."""
