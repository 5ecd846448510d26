"""Every YKC message by type: names, layout, reply, the shapes that public peers send instead.

Owns the one table that the decoder, the builder, `pilesim messages` and the tests read. Must not know sequence
numbers or connections. The Chinese names are the protocol's: users know a message by them. Odd types go up, even down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pilesim.wire.fields import Field, Layout
from pilesim.wire.frame import Direction, ProblemKind
from pilesim.wire.messages import GunReport
from pilesim.wire.protocol import Row
from pilesim.wire.tabled import Entry, Shape
from pilesim.wire.ykc import payloads
from pilesim.wire.ykc.meaning import MEANINGS
from pilesim.wire.ykc.payloads import ORDER_SIZE, PILE_SIZE, V1_6, V1_7, signed


@dataclass(frozen=True, slots=True)
class Definition:
    """One message. `swapped`: peers are known that send its numbers with the high byte first."""

    number: int
    name: str
    chinese: str
    fields: tuple[Field, ...]
    reply: int | None = None
    since: str = V1_6
    shapes: tuple[Shape, ...] = ()
    swapped: bool = False


_SHORT_STOP_REPLY = Shape(
    payloads.STOP_REPLY_SHORT, ProblemKind.SHORT, "what openUC's pile SDK sends: without pile and gun"
)
_STOP_REPLY_WITH_ORDER = Shape(
    payloads.STOP_REPLY_WITH_ORDER, ProblemKind.LONG, "what openUC's platform wants: with the order before the pile"
)
_LONG_COUNT = Shape(payloads.CARD_LIST_LONG_COUNT, ProblemKind.LONG, "what JCPP sends: with a count of four bytes")
_LONG_REBOOT = Shape(payloads.REBOOT_LONG, ProblemKind.LONG, "what JCPP sends: with four bytes that say when")

DEFINITIONS = (
    Definition(0x01, "login", "充电桩登录认证", payloads.LOGIN, reply=0x02),
    Definition(0x02, "login reply", "登录认证应答", payloads.LOGIN_REPLY),
    Definition(0x03, "heartbeat", "充电桩心跳包", payloads.ALIVE, reply=0x04),
    Definition(0x04, "heartbeat reply", "心跳包应答", payloads.ALIVE_REPLY),
    Definition(0x05, "tariff check", "计费模型验证请求", payloads.TARIFF_CHECK, reply=0x06),
    Definition(0x06, "tariff check reply", "计费模型验证请求应答", payloads.TARIFF_CHECK_REPLY),
    Definition(0x09, "tariff request", "充电桩计费模型请求", payloads.TARIFF_REQUEST, reply=0x0A),
    Definition(0x0A, "tariff reply", "计费模型请求应答", payloads.TARIFF),
    Definition(0x12, "report request", "读取实时监测数据", payloads.REPORT_REQUEST, reply=0x13),
    Definition(0x13, "report", "上传实时监测数据", payloads.REPORT),
    Definition(0x15, "BMS handshake", "充电握手", payloads.HANDSHAKE, swapped=True),
    Definition(0x17, "BMS parameters", "参数配置", payloads.PARAMETERS, swapped=True),
    Definition(0x19, "charge summary", "充电结束", payloads.SUMMARY, swapped=True),
    Definition(0x1B, "BMS error", "错误报文", payloads.BMS_ERROR),
    Definition(0x1D, "BMS stop", "充电阶段BMS中止", payloads.BMS_STOP),
    Definition(0x21, "charger stop", "充电阶段充电机中止", payloads.CHARGER_STOP),
    Definition(0x23, "BMS demand", "充电过程BMS需求与充电机输出", payloads.DEMAND, swapped=True),
    Definition(0x25, "BMS info", "充电过程BMS信息", payloads.INFO),
    Definition(0x31, "card request", "充电桩主动申请启动充电", payloads.CARD_REQUEST, reply=0x32),
    Definition(0x32, "card reply", "运营平台确认启动充电", payloads.CARD_REPLY),
    Definition(0x33, "start reply", "远程启动充电命令回复", payloads.START_REPLY),
    Definition(0x34, "start", "运营平台远程控制启机", payloads.START, reply=0x33),
    Definition(
        0x35,
        "stop reply",
        "远程停机命令回复",
        payloads.STOP_REPLY,
        shapes=(_SHORT_STOP_REPLY, _STOP_REPLY_WITH_ORDER),
    ),
    Definition(0x36, "stop", "运营平台远程停机", payloads.STOP, reply=0x35),
    Definition(0x3B, "bill", "交易记录", payloads.BILL, reply=0x40),
    Definition(0x3D, "bill with meter", "交易记录 (V1.7)", payloads.BILL_1_7, reply=0x40, since=V1_7),
    Definition(0x40, "bill reply", "交易记录确认", payloads.BILL_REPLY),
    Definition(0x41, "balance reply", "余额更新应答", payloads.BALANCE_REPLY),
    Definition(0x42, "balance", "远程账户余额更新", payloads.BALANCE, reply=0x41),
    Definition(0x43, "offline cards reply", "离线卡数据同步应答", payloads.OFFLINE_CARDS_REPLY),
    Definition(0x44, "offline cards", "离线卡数据同步", payloads.OFFLINE_CARDS, reply=0x43),
    Definition(0x45, "offline cards cleared", "离线卡数据清除应答", payloads.CARDS_CLEARED),
    Definition(0x46, "clear offline cards", "离线卡数据清除", payloads.CARD_LIST, reply=0x45, shapes=(_LONG_COUNT,)),
    Definition(0x47, "offline cards found", "离线卡数据查询应答", payloads.CARDS_FOUND),
    Definition(0x48, "query offline cards", "离线卡数据查询", payloads.CARD_LIST, reply=0x47, shapes=(_LONG_COUNT,)),
    Definition(0x51, "work parameters reply", "充电桩工作参数设置应答", payloads.TAKEN),
    Definition(0x52, "work parameters", "充电桩工作参数设置", payloads.WORK, reply=0x51),
    Definition(0x55, "time reply", "对时设置应答", payloads.CLOCK),
    Definition(0x56, "time", "对时设置", payloads.CLOCK, reply=0x55),
    Definition(0x57, "tariff set reply", "计费模型应答", payloads.TARIFF_TAKEN),
    Definition(0x58, "tariff set", "计费模型设置", payloads.TARIFF, reply=0x57),
    Definition(0x61, "ground lock", "地锁数据上送", payloads.GROUND_LOCK),
    Definition(0x62, "ground lock control", "遥控地锁升锁与降锁命令", payloads.GROUND_LOCK_CONTROL, reply=0x63),
    Definition(0x63, "ground lock reply", "充电桩返回数据", payloads.GROUND_LOCK_REPLY),
    Definition(0x91, "reboot reply", "远程重启应答", payloads.TAKEN),
    Definition(0x92, "reboot", "远程重启", payloads.REBOOT, reply=0x91, shapes=(_LONG_REBOOT,)),
    Definition(0x93, "update reply", "远程更新应答", payloads.UPDATE_REPLY),
    Definition(0x94, "update", "远程更新", payloads.UPDATE, reply=0x93),
    Definition(0xA1, "parallel card request", "充电桩主动申请并充充电", payloads.PARALLEL_REQUEST, reply=0xA2),
    Definition(0xA2, "parallel card reply", "运营平台确认并充启动充电", payloads.PARALLEL_REPLY),
    Definition(0xA3, "parallel start reply", "远程并充启机命令回复", payloads.PARALLEL_START_REPLY),
    Definition(0xA4, "parallel start", "运营平台远程控制并充启机", payloads.PARALLEL_START, reply=0xA3),
    Definition(0xF0, "QR prefix", "二维码前缀下发", payloads.QR_PREFIX, reply=0xF1),
    Definition(0xF1, "QR prefix reply", "二维码前缀应答", payloads.QR_PREFIX_REPLY),
)

SENT_UNASKED = GunReport
"""What is a reply and is also sent of itself, so that the number alone tells no reply."""


def replies_among(entries: Mapping[int, Entry]) -> frozenset[int]:
    """The types that are sent only as replies: their sequence is that of their request."""
    unasked = {number for number, entry in entries.items() if entry.row.means is SENT_UNASKED}
    return frozenset(entry.row.reply for entry in entries.values() if entry.row.reply is not None) - unasked


def entries_of(current_sign: str) -> dict[int, Entry]:
    """The catalogue by type, with currents built on the side of the offset that `current_sign` says."""
    return {definition.number: _entry(definition, current_sign) for definition in DEFINITIONS}


def _entry(definition: Definition, current_sign: str) -> Entry:
    layout = Layout(signed(definition.fields, current_sign))
    meaning = MEANINGS.get(definition.number)
    row = Row(
        number=definition.number,
        direction=Direction.UP if definition.number % 2 else Direction.DOWN,
        name=definition.name,
        chinese=definition.chinese,
        means=meaning.kind if meaning else None,
        reply=definition.reply,
        since=definition.since,
        size=layout.size_text,
    )
    return Entry(row, layout, meaning, definition.shapes, layout.swapped() if definition.swapped else None)


class Bodies:
    """What the envelope asks of a body: where it holds pile and gun, which no header tells here."""

    def __init__(self, entries: Mapping[int, Entry]) -> None:
        self._layouts = {
            number: [entry.layout, *(shape.layout for shape in entry.shapes)] for number, entry in entries.items()
        }

        self._places: dict[tuple[int, int], tuple[int | None, int | None]] = {}
        """What was found; types and sizes are one byte each."""

    def place(self, number: int, size: int) -> tuple[int | None, int | None]:
        """Where a body of `size` bytes, of type `number`, holds pile and gun: offsets, None where it holds none."""
        known = self._places.get((number, size))
        if known is None:
            known = self._places[number, size] = self._found(number, size)
        return known

    def _found(self, number: int, size: int) -> tuple[int | None, int | None]:
        layouts = self._layouts.get(number)
        if layouts is None:
            return None, None
        layout = next((each for each in layouts if _sized(each, size)), layouts[0])
        return _within(layout, "pile", PILE_SIZE, size), _within(layout, "gun", 1, size)

    def looks_right(self, number: int, body: bytes) -> bool:
        """Whether `body` has a size that messages of type `number` have, and digits for its order and its pile."""
        for layout in self._layouts.get(number, ()):
            if _sized(layout, len(body)):
                places = ((_within(layout, name, size, len(body)), size) for name, size in _DIGITS)
                return all(at is None or body[at : at + size].hex().isdecimal() for at, size in places)
        return False


_DIGITS = (("order", ORDER_SIZE), ("pile", PILE_SIZE))


def _sized(layout: Layout, length: int) -> bool:
    return length >= layout.least if layout.counted else length == layout.least


def _within(layout: Layout, name: str, size: int, length: int) -> int | None:
    at = layout.offset_of(name)
    return at if at is not None and at + size <= length else None
