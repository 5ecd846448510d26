"""Every EV-Link message by number: direction, names, layout, reply, and how far it is known.

Owns the one table that the decoder, the builder, `pilesim messages` and the tests read, and its columns by
version. Must not know sequence numbers or connections. The Chinese names are the protocol's: users know a message
by them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilesim.wire.evlink import payloads
from pilesim.wire.evlink.meaning import MEANINGS
from pilesim.wire.evlink.versions import VERSIONS, has
from pilesim.wire.fields import Field, Layout
from pilesim.wire.frame import Direction, ProblemKind
from pilesim.wire.protocol import Row, Trust
from pilesim.wire.tabled import Entry, Shape

UP = Direction.UP
DOWN = Direction.DOWN


@dataclass(frozen=True, slots=True)
class Definition:
    """One message in every version."""

    number: int
    direction: Direction
    name: str
    chinese: str
    fields: tuple[Field, ...]
    reply: int | None = None
    trust: Trust = Trust.PUBLISHED
    """Of the message itself; its fields may be trusted less. No frame was ever seen of one that is inferred."""


DEFINITIONS = (
    Definition(0x01, UP, "version", "版本更新请求", payloads.VERSION, reply=0x02),
    Definition(0x02, DOWN, "version reply", "版本更新信息", payloads.VERSION_REPLY),
    Definition(0x03, UP, "time request", "对时请求", payloads.TIME_REQUEST, reply=0x04),
    Definition(0x04, DOWN, "time reply", "对时信息", payloads.TIME_REPLY),
    Definition(0x05, UP, "heartbeat", "心跳", payloads.HEARTBEAT, reply=0x06),
    Definition(0x06, DOWN, "heartbeat reply", "心跳应答", payloads.HEARTBEAT_REPLY),
    Definition(0x07, UP, "reservation", "即时预约", payloads.RESERVE, reply=0x08),
    Definition(0x08, DOWN, "reservation reply", "即时预约", payloads.RESERVE_REPLY),
    Definition(0x09, UP, "bill", "账单提交", payloads.BILL, reply=0x0A),
    Definition(0x0A, DOWN, "bill reply", "账单确认", payloads.BILL_REPLY),
    Definition(0x0B, UP, "stop request", "结束充电请求", payloads.STOP_REQUEST, reply=0x0C),
    Definition(0x0C, DOWN, "stop", "结束充电 (远程停止)", payloads.STOP, reply=0x0D),
    Definition(0x0D, UP, "stop reply", "结束充电反馈", payloads.STOP_REPLY),
    Definition(0x0E, UP, "authorise request", "登入验证请求", payloads.AUTHORISE_REQUEST, reply=0x0F),
    Definition(0x0F, DOWN, "authorise", "登入验证 (扫码鉴权)", payloads.AUTHORISE, reply=0x10),
    Definition(0x10, UP, "authorise reply", "鉴权反馈", payloads.AUTHORISE_REPLY),
    Definition(0x11, UP, "account query", "查询用户资料", payloads.ACCOUNT_QUERY, reply=0x12),
    Definition(0x12, DOWN, "account reply", "查询用户资料", payloads.ACCOUNT_REPLY),
    Definition(0x13, UP, "logout", "登出通知 (服务取消)", payloads.LOGOUT),
    Definition(0x14, DOWN, "start", "启动充电", payloads.START, reply=0x15),
    Definition(0x15, UP, "start reply", "启动充电反馈", payloads.START_REPLY),
    Definition(0x16, UP, "state change", "桩状态变化报告", payloads.STATE_CHANGE, reply=0x17),
    Definition(0x17, DOWN, "state change reply", "状态变化反馈", payloads.STATE_CHANGE_REPLY),
    Definition(0x18, UP, "start request", "开始充电请求", payloads.START_REQUEST),
    Definition(0x19, UP, "vehicle", "车辆基础信息", payloads.VEHICLE, trust=Trust.INFERRED),
    Definition(0x1A, UP, "charge totals", "电池充电总信息", payloads.CHARGE_TOTALS, trust=Trust.INFERRED),
    Definition(0x1B, UP, "battery parameters", "动力蓄电池充电参数", payloads.BATTERY_PARAMETERS, trust=Trust.INFERRED),
    Definition(0x1C, UP, "cell voltages", "单体蓄电池电压信息", payloads.CELL_VOLTAGES, trust=Trust.INFERRED),
    Definition(
        0x1D, UP, "battery temperatures", "电池温度采样点信息", payloads.BATTERY_TEMPERATURES, trust=Trust.INFERRED
    ),
    Definition(0x1E, UP, "charger", "充电机基础信息", payloads.CHARGER, trust=Trust.INFERRED),
    Definition(0x1F, UP, "module totals", "充电模块总信息", payloads.MODULE_TOTALS, trust=Trust.INFERRED),
    Definition(0x20, UP, "modules", "充电模块详细信息", payloads.MODULES, trust=Trust.INFERRED),
    Definition(0x23, UP, "BMS stop", "BMS 停止充电", payloads.BMS_STOP, trust=Trust.INFERRED),
    Definition(0x24, UP, "charger stop", "充电机停止充电", payloads.CHARGER_STOP, trust=Trust.INFERRED),
    Definition(0x25, UP, "ground lock request", "地锁控制", payloads.LOCK_REQUEST, reply=0x26),
    Definition(0x26, DOWN, "ground lock reply", "地锁控制", payloads.LOCK_REPLY),
    Definition(0x27, UP, "ground lock done", "地锁控制", payloads.LOCK_DONE),
)

_OTHER_SHAPES = {
    0x1E: (
        Shape(
            Layout(payloads.CHARGER_LONG), ProblemKind.LONG, "where its bit offsets put the state: behind a byte unused"
        ),
    )
}
"""The dictionary contradicts itself: lengths and bit offsets of 0x1E differ by a byte."""

_LEAST_TRUSTED = (Trust.PROVISIONAL, Trust.INFERRED, Trust.PUBLISHED)


def entries_of(version: str) -> dict[int, Entry]:
    """The catalogue of one version, by number: no number goes both ways in this family."""
    return {definition.number: _entry(definition, version) for definition in DEFINITIONS}


def _entry(definition: Definition, version: str) -> Entry:
    meaning = MEANINGS.get(definition.number)
    fields = _fields_of(definition, version)
    trusts = [definition.trust, *(field.trust for field in fields)]
    layout = Layout(fields)
    row = Row(
        number=definition.number,
        direction=definition.direction,
        name=definition.name,
        chinese=definition.chinese,
        means=meaning.kind if meaning else None,
        reply=definition.reply,
        since=VERSIONS[0].name,
        trust=next(trust for trust in _LEAST_TRUSTED if trust in trusts),
        size=layout.size_text,
    )
    shapes = (*_older(definition, version, fields), *_OTHER_SHAPES.get(definition.number, ()))
    return Entry(row, layout, meaning, shapes, unseen=definition.trust is Trust.INFERRED)


def _fields_of(definition: Definition, version: str) -> tuple[Field, ...]:
    return tuple(field for field in definition.fields if has(version, field.since))


def _older(definition: Definition, version: str, newest: tuple[Field, ...]) -> list[Shape]:
    """The layouts of the versions before, newest first: believed where only a tail is absent."""
    names = [each.name for each in VERSIONS]
    older: list[Shape] = []
    known = newest
    for name in reversed(names[: names.index(version)]):
        fields = _fields_of(definition, name)
        if fields == known:
            continue
        known = fields
        if newest[: len(fields)] == fields:
            tail = ", ".join(field.name for field in newest[len(fields) :])
            older.append(Shape(Layout(fields), ProblemKind.TAIL_ABSENT, f"{name}'s: without {tail}"))
        else:
            older.append(Shape(Layout(fields), ProblemKind.SHORT, f"{name}'s", believed=False))
    return older
