"""The enumerations of YKC: the number of each thing, what it means above the wire, its name for people.

Owns the lists, with which number of a result is "ok" (it differs by message). Must not know any layout. Codes give a
number its meaning in `wire.messages`; Names only name it.
"""

from __future__ import annotations

from pilesim.wire.codes import Codes, Names
from pilesim.wire.messages import (
    BmsWord,
    GunFault,
    GunState,
    Login,
    Mischance,
    PileKind,
    StopCause,
    StopReason,
)

PILE_KIND = Codes([(0, PileKind.DC, "DC 直流"), (1, PileKind.AC, "AC 交流")], unlisted=PileKind.UNKNOWN)
NETWORK = Names({0: "SIM", 1: "LAN", 2: "WAN", 3: "other"})
OPERATOR = Names({0: "China Mobile", 2: "China Telecom", 3: "China Unicom", 4: "other"})

# One platform is known to answer with the digits of ASCII.
OK_IS_0 = Codes([(0, True, "ok"), (1, False, "refused")], unlisted=False, deviating={0x30: True, 0x31: False})
SAME_IS_0 = Codes([(0, True, "the same"), (1, False, "different")], unlisted=False)
OK_IS_1 = Codes([(1, True, "ok"), (0, False, "failed")], unlisted=False)
BALANCE_RESULT = Names({0: "ok", 1: "wrong pile", 2: "wrong card"})
UPDATE_RESULT = Names({0: "ok", 1: "wrong pile", 2: "wrong model", 3: "download timed out"})

FAULTY = Codes([(0, False, "normal"), (1, True, "fault")], unlisted=False)
GUN_STATE = Codes(
    [
        (0, GunState.OFFLINE, "offline 离线"),
        (1, GunState.FAULT, "fault 故障"),
        (2, GunState.IDLE, "idle 空闲"),
        (3, GunState.CHARGING, "charging 充电"),
    ],
    unlisted=GunState.UNKNOWN,
    # A gun that is occupied is idle with its cable in; one in maintenance cannot be used.
    nearest={GunState.OCCUPIED_FULL: 2, GunState.OCCUPIED_NOT_FULL: 2, GunState.MAINTENANCE: 1},
)
HOMED = Names({0: "no", 1: "yes", 2: "unknown"})
CABLE = Codes([(0, False, "not plugged"), (1, True, "plugged")])
FAULTS: tuple[tuple[GunFault, str], ...] = (
    (GunFault.EMERGENCY_STOP, "emergency stop"),
    (GunFault.MODULE, "no usable rectifier"),
    (GunFault.GUN_HOT, "outlet hot"),
    (GunFault.OTHER, "AC surge protector"),
    (GunFault.INTERNAL_COMMUNICATION, "DC20 module communication"),
    (GunFault.INSULATION, "FC08 insulation module communication"),
    (GunFault.METER, "meter communication"),
    (GunFault.CARD_READER, "card reader communication"),
    (GunFault.EXECUTOR_COMMUNICATION, "RC10 communication"),
    (GunFault.FAN, "fan board"),
    (GunFault.OTHER, "DC fuse"),
    (GunFault.DC_CONTACTOR, "high-voltage contactor"),
    (GunFault.PILE_DOOR, "door open"),
)
"""The bits of 0x13, lowest first."""

CARD_MODE = Codes(
    [(1, Login.CARD, "card"), (2, Login.PHONE, "account"), (3, Login.VIN, "VIN")],
    unlisted=Login.UNKNOWN,
    nearest={Login.QR: 2},
)
YES = Names({0: "no", 1: "yes"})
CARD_REASON = Names(
    {
        0: "none",
        1: "no such account",
        2: "account frozen",
        3: "balance",
        4: "the card has an open record",
        5: "pile disabled",
        6: "not allowed here",
        7: "password",
        8: "station capacity",
        9: "VIN unknown",
        10: "the pile has an open record",
        11: "cards are not supported",
    }
)
START_REASON = Names({0: "none", 1: "wrong pile", 2: "already charging", 3: "fault", 4: "offline", 5: "not plugged"})
STOP_REASON_OF_REPLY = Names({0: "none", 1: "wrong pile", 2: "not charging", 3: "other"})
BILL_FLAG = Codes(
    [
        (1, Login.QR, "app"),
        (2, Login.CARD, "card"),
        (4, Login.CARD, "offline card"),
        (5, Login.VIN, "VIN"),
    ],
    unlisted=Login.UNKNOWN,
    unlisted_number=0,
    nearest={Login.PHONE: 1},
)

_START_FAILED = StopReason.START_FAILED
_FAULT = StopReason.FAULT
STOP_REASON = Codes(
    [
        (0x40, StopReason.PLATFORM, "stopped from the app APP 远程停止"),
        (0x41, StopReason.FULL, "SOC 100 %"),
        (0x42, StopReason.LIMIT, "energy reached 电量满足"),
        (0x43, StopReason.BALANCE, "money reached 金额满足"),
        (0x44, StopReason.LIMIT, "time reached 时间满足"),
        (0x45, StopReason.AT_PILE, "stopped by hand 手动停止"),
        (0x4A, _START_FAILED, "start failed: control system"),
        (0x4B, _START_FAILED, "start failed: control pilot open"),
        (0x4C, _START_FAILED, "start failed: circuit breaker"),
        (0x4D, _START_FAILED, "start failed: meter communication"),
        (0x4E, _START_FAILED, "start failed: balance"),
        (0x4F, _START_FAILED, "start failed: charging module"),
        (0x50, _START_FAILED, "start failed: emergency stop"),
        (0x51, _START_FAILED, "start failed: surge protector"),
        (0x52, _START_FAILED, "start failed: BMS not ready"),
        (0x53, _START_FAILED, "start failed: temperature"),
        (0x54, _START_FAILED, "start failed: battery reversed"),
        (0x55, _START_FAILED, "start failed: electronic lock"),
        (0x56, _START_FAILED, "start failed: contactor does not close"),
        (0x57, _START_FAILED, "start failed: insulation"),
        (0x59, _START_FAILED, "start failed: BHM timed out"),
        (0x5A, _START_FAILED, "start failed: BRM timed out"),
        (0x5B, _START_FAILED, "start failed: BCP timed out"),
        (0x5C, _START_FAILED, "start failed: BRO AA timed out"),
        (0x5D, _START_FAILED, "start failed: BCS timed out"),
        (0x5E, _START_FAILED, "start failed: BCL timed out"),
        (0x5F, _START_FAILED, "start failed: BSM timed out"),
        (0x60, _START_FAILED, "start failed: battery voltage during the handshake"),
        (0x61, _START_FAILED, "start failed: battery voltage differs from BCP"),
        (0x62, _START_FAILED, "start failed: BRO AA turned to 00"),
        (0x63, _START_FAILED, "start failed: the host's configuration timed out"),
        (0x64, _START_FAILED, "start failed: charger not ready"),
        (0x6A, _FAULT, "broken off: system locked"),
        (0x6B, StopReason.UNEXPECTED, "broken off: gun pulled 导引断开"),
        (0x6C, _FAULT, "broken off: circuit breaker"),
        (0x6D, _FAULT, "broken off: meter communication"),
        (0x6E, StopReason.BALANCE, "broken off: balance"),
        (0x6F, _FAULT, "broken off: AC protection"),
        (0x70, _FAULT, "broken off: DC protection"),
        (0x71, _FAULT, "broken off: charging module"),
        (0x72, _FAULT, "broken off: emergency stop 急停"),
        (0x73, _FAULT, "broken off: surge protector"),
        (0x74, _FAULT, "broken off: temperature"),
        (0x75, _FAULT, "broken off: output"),
        (0x76, _FAULT, "broken off: no current"),
        (0x77, _FAULT, "broken off: electronic lock"),
        (0x79, _FAULT, "broken off: total voltage"),
        (0x7A, _FAULT, "broken off: total current"),
        (0x7B, _FAULT, "broken off: cell voltage"),
        (0x7C, _FAULT, "broken off: pack hot"),
        (0x7D, _FAULT, "broken off: highest cell voltage"),
        (0x7E, _FAULT, "broken off: hottest pack"),
        (0x7F, _FAULT, "broken off: cell voltage by BMV"),
        (0x80, _FAULT, "broken off: pack temperature by BMT"),
        (0x81, _FAULT, "broken off: state of the battery"),
        (0x82, _FAULT, "broken off: the car forbids charging"),
        (0x83, _FAULT, "broken off: power lost 断电"),
        (0x84, _FAULT, "broken off: BCS timed out"),
        (0x85, _FAULT, "broken off: BCL timed out"),
        (0x86, _FAULT, "broken off: BSM timed out"),
        (0x87, _FAULT, "broken off: BST timed out"),
        (0x88, _FAULT, "broken off: BSD timed out"),
        (0x89, _FAULT, "broken off: CCS of the other side timed out"),
        (0x90, StopReason.UNKNOWN, "unknown"),
    ],
    unlisted=StopReason.UNKNOWN,
    unlisted_number=0x90,
    # 43 is a sum that the user set beforehand; what an account has is used up.
    nearest={StopReason.BALANCE: 0x6E},
)

_CAUSES: tuple[tuple[StopCause, int | None, int | None], ...] = (
    (GunFault.EMERGENCY_STOP, 0x50, 0x72),
    (GunFault.METER, 0x4D, 0x6D),
    (GunFault.CONTACTOR, 0x56, None),
    (GunFault.CONNECTOR, 0x4B, None),
    (GunFault.INSIDE_HOT, 0x53, 0x74),
    (GunFault.CHARGER_HOT, 0x53, 0x74),
    (GunFault.PILE_HOT, 0x53, 0x74),
    (GunFault.GUN_HOT, 0x53, 0x74),
    (GunFault.INSULATION, 0x57, None),
    (GunFault.INSULATION_TEST, 0x57, None),
    (GunFault.AC_OVER_VOLTAGE, None, 0x6F),
    (GunFault.AC_UNDER_VOLTAGE, None, 0x6F),
    (GunFault.DC_OVER_VOLTAGE, None, 0x70),
    (GunFault.DC_UNDER_VOLTAGE, None, 0x70),
    (GunFault.DC_OVER_CURRENT, None, 0x70),
    (GunFault.DC_SHORT_CIRCUIT, None, 0x70),
    (GunFault.MODULE, 0x4F, 0x71),
    (GunFault.MODULE_START, 0x4F, 0x71),
    (GunFault.DC_CONTACTOR, 0x56, None),
    (GunFault.ELECTRONIC_LOCK, 0x55, 0x77),
    (GunFault.BATTERY_REVERSED, 0x54, None),
    (GunFault.CONTROL_PILOT, 0x4B, None),
    (GunFault.BMS_COMMUNICATION, 0x52, None),
    (Mischance.UNPLUGGED, 0x4B, 0x6B),
    (Mischance.POWER_LOST, None, 0x83),
    (Mischance.NOTHING_WANTED, 0x52, None),
    (BmsWord.BHM, 0x59, None),
    (BmsWord.BRM, 0x5A, None),
    (BmsWord.BCP, 0x5B, None),
    (BmsWord.BRO, 0x5C, None),
    (BmsWord.BCS, 0x5D, 0x84),
    (BmsWord.BCL, 0x5E, 0x85),
    (BmsWord.BSM, 0x5F, 0x86),
    (BmsWord.BST, None, 0x87),
    (BmsWord.BSD, None, 0x88),
)
"""What ended it, its number where a start failed of it, and where a charge was broken off; None: the list has none."""
_STOP_CODES = {
    **{(cause, True): at_start for cause, at_start, _ in _CAUSES},
    **{(cause, False): in_charge for cause, _, in_charge in _CAUSES},
}


def stop_code(reason: StopReason | None, cause: StopCause | None) -> int | None:
    """The number for a charge that ended for `reason`, of `cause` where the list has that too; None for no reason."""
    exact = None if cause is None else _STOP_CODES.get((cause, reason is StopReason.START_FAILED))
    if exact is not None and STOP_REASON.meaning(exact) is reason:
        return exact
    return STOP_REASON.number(reason)


GROUND_LOCK = Names({0x00: "between", 0x55: "up", 0xFF: "down"})
BAY = Names({0x00: "empty", 0xFF: "car"})
GROUND_LOCK_ALARM = Names({0x00: "none", 0xFF: "arm broken", 0x55: "did not arrive"})
GROUND_LOCK_OPERATION = Names({0x55: "up", 0xFF: "down"})
WORK = Codes([(0, False, "may work"), (1, True, "stopped and locked")], unlisted=True)
# As of a result, one platform is known to send the digits of ASCII.
WHEN = Codes([(1, False, "now"), (2, True, "when idle")], unlisted=False, deviating={0x31: False, 0x32: True})
MODEL = Names({1: "DC", 2: "AC"})
MAIN = Names({0: "main", 1: "auxiliary"})
PREFIX_RESULT = Names({0: "failed, or ok as openUC's pile SDK has it", 1: "ok"})
QR_FORMAT = Names({0: "prefix and pile", 1: "prefix, pile and gun"})
SYNC_REASON = Names({0: "none", 1: "bad card number", 2: "no room"})
CLEAR_REASON = Names({0: "cleared", 1: "bad card number", 2: "cleared"})
EXISTS = Names({0: "no", 1: "yes"})
