"""Text logs of a platform: lines that tell of messages by number or by name, and hold none of their bytes.

Owns the words that such logs use, for messages and for what they say. Must not know any layout. A line may have a time
or none, a number (decimal, or 0x and hex) or a name or both, and a note; an order's number may stand on a line of its
own, above the lines that are about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

from pilesim.trace.events import AnyEvent, Finish, Header, Mention, Missing, Note, Vantage
from pilesim.trace.importers.clock import day_first_in
from pilesim.trace.importers.imported import Ledger, LineOrder, Opened, Wishes
from pilesim.trace.importers.source import LINE_BYTES, Source
from pilesim.trace.importers.stamps import Calendar, Moment, Tells, find_moment, resolution_ns, resolution_words
from pilesim.trace.importers.text import decoded
from pilesim.units import MS, S, epoch_ns, local_datetime
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunState
from pilesim.wire.protocol import DEFAULT_PROTOCOL, Protocol, Row, protocol_named

LINES_KEPT = 2_000_000
"""The longest such log that is read: it is put in order in memory."""
STEP_NS = 1 * MS
"""Between one line and the next where neither has a time."""
_HEAD_LINES = 200
_LEAST_PERCENT = 30
"""A text in which fewer lines tell of a message is no log of them."""

# Words ------------------------------------------------------------------------------------------------------

NAMES: tuple[tuple[str, str], ...] = (
    (r"鉴权(?:反馈|应答)|chargeAuthReply", "authorise-reply"),
    (r"启动(?:充电)?(?:反馈|应答)", "start-reply"),
    (r"停止(?:充电)?(?:反馈|应答)", "stop-reply"),
    (r"心跳应答", "gun-report-reply"),
    (r"账单(?:确认|应答)", "bill-reply"),
    (r"addChargeRecord|上传(?:充电)?账单|账单(?:提交|上传)", "bill"),
    (r"chargeAuth|扫码鉴权|鉴权", "authorise"),
    (r"startCharge|启动充电|启动", "start"),
    (r"stopCharge|停止充电|结束充电|远程停止", "stop"),
    (r"heartbeat|心跳", "gun-report"),
    (r"登出|服务取消", "ended"),
)
"""What platforms call messages beside the protocol's own names, by meaning; the first that stands in a line counts."""

SAYINGS: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    (r"未满电占桩|未充满占桩", ("gun-report",), {"state": GunState.OCCUPIED_NOT_FULL}),
    (r"满电占桩|充满占桩", ("gun-report",), {"state": GunState.OCCUPIED_FULL}),
    (r"\bidle\b|空闲", ("gun-report",), {"state": GunState.IDLE}),
    (r"\bcharging\b|充电中", ("gun-report",), {"state": GunState.CHARGING}),
    (r"\bfault\b|故障", ("gun-report",), {"state": GunState.FAULT}),
    # Only of a charge a log says since when it goes on.
    (r"开始充电时间", ("gun-report",), {"state": GunState.CHARGING}),
    (r"\bdisconnect(?:ed)?\b|未插枪|未连接|已拔枪", ("gun-report",), {"cable": False}),
    (r"\bconnect(?:ed)?\b|已插枪|已连接", ("gun-report",), {"cable": True}),
    (r"状态变化", ("gun-report", "gun-report-reply"), {"change": True}),
    (r"(?:账单|订单)(?:ID|号)?为空", ("bill",), {"order": ""}),
    (r"离桩时间(?:为空|全?为?0|.{0,8}1999)", ("bill",), {"empty_times": ("leave",)}),
    (r"(?<!\d)1999(?!\d)", ("bill",), {"empty_times": ("arrive", "start", "end", "leave")}),
    (r"(?<!\d)1999(?!\d)", ("gun-report",), {"empty_times": ("start",)}),
)
"""What a line may say of a message: the words, the messages that can say it, and what they then say. Of one thing the
first counts. An OK says that the message was sent, which every line does."""

_SAYINGS = tuple((re.compile(words, re.IGNORECASE), kinds, said) for words, kinds, said in SAYINGS)
_NOT = r"(?:未|没有|没|不)[^,,。;;]{0,8}"
"""What comes before a name where the line says that the message was not sent."""
_HEX = re.compile(r"(?<![0-9A-Za-z])0x([0-9A-Fa-f]{2})(?![0-9A-Fa-f])")
_DECIMAL = re.compile(r"^[\s,;|\]]*(\d{1,3})(?=[\s,;|((]|$)")
_AFTER_SECONDS = re.compile(r"(:\d{2}),(?=\d{1,2}(?!\d)|0x)")
"""A comma that parts seconds from a message's number, and is no decimal one: that has three digits after it."""
_HEADING = re.compile(r"(?:billing|order|charge)_?id\s*[=::]\s*['\"]?(\d{32}|\d{20})(?!\d)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\d)(?:\d{32}|\d{20})(?!\d)")
_LONG = 32
"""Digits of an order where it is as long as its field; a pile's number is shorter."""
_GUN = re.compile(r"(?:gun|枪号?|connector)\s*[=:: ]?\s*(\d{1,2})(?!\d)|(\d{1,2})\s*号枪", re.IGNORECASE)


def _ordered_at(number: str) -> datetime | None:
    """When an order was made, by its number; None where it does not tell (a pile number has as many digits as one)."""
    # Of its 32 digits an order has filled up those on the left, or the pile's number and the gun stand there.
    made = number.lstrip("0")[:14] if len(number.lstrip("0")) == _LONG - 12 else f"20{number[16:28]}"
    try:
        return datetime.strptime(made, "%Y%m%d%H%M%S")
    except ValueError:
        return None


@lru_cache(16)
def _names(protocol: Protocol) -> tuple[tuple[re.Pattern[str], str, int | None], ...]:
    """Every name of a message: the protocol's own, the longest first, then what platforms say."""
    own = [
        (part, row)
        for row in protocol.catalogue
        if row.means is not None
        for part in re.split(r"\s*[()()]\s*", row.chinese)
        if len(part) > 1
    ]
    own.sort(key=lambda one: -len(one[0]))
    numbers: dict[str, set[int]] = {}
    for part, row in own:
        numbers.setdefault(part, set()).add(row.number)
    listed = [
        (re.escape(part), row.means.name, row.number) for part, row in own if row.means and len(numbers[part]) == 1
    ]
    known = {row.means.name for row in protocol.catalogue if row.means is not None}
    said = [(words, name, None) for words, name in NAMES if name in known]
    return tuple((re.compile(words, re.IGNORECASE), name, number) for words, name, number in (*listed, *said))


@lru_cache(16)
def _any_name(protocol: Protocol) -> re.Pattern[str]:
    """Finds something wherever one of `_names` would: most lines that tell of no message are known by one search."""
    return re.compile("|".join(f"(?:{words.pattern})" for words, _, _ in _names(protocol)), re.IGNORECASE)


# Lines ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """One line: a message, or in words something that was not done."""

    line: int
    text: str
    moment: Moment | None
    row: Row | None
    """None: it says what was not done."""
    said: dict[str, Any]


@dataclass(slots=True)
class _Reader:
    protocol: Protocol
    ledger: Ledger
    order: str = ""
    """The order that the lines are about, by the last heading."""
    pile: str = ""
    orders: list[str] = field(default_factory=list)
    """The first of the orders that are named; more of them tell nothing more."""

    def take(self, line: int, text: str) -> _Told | None:
        """What a line tells; None where it tells of no message. What cannot be read goes to the ledger."""
        if not text.strip("-=*_# \t"):
            return None
        original = text.strip()
        text = _AFTER_SECONDS.sub(r"\1 ,", text)
        found = find_moment(text)
        moment, begin, end = found or (None, 0, 0)
        rest = text[:begin] + text[end:] if found else text
        order = self._numbers(text)
        heading = _HEADING.search(text)
        if heading is not None and moment is None:
            self.order = self.protocol.normal_order(heading[1])
            return None
        row, denied = self._row(text[end:] if found else text, timed=found is not None)
        if row is None or row.means is None:
            if denied:
                return _Told(line, original, moment, None, {})
            self.ledger.left(line, original)
            return None
        said: dict[str, Any] = {}
        for words, kinds, meaning in _SAYINGS:
            if row.means.name in kinds and words.search(rest):
                said = {**meaning, **said}
        about = row.means.name in _WITH_ORDER and self.protocol.tells(row.means, "order")
        if about and (order or self.order):
            said.setdefault("order", order or self.order)
        gun = _GUN.search(rest)
        if gun is not None:
            said["gun"] = int(gun[1] or gun[2])
        return _Told(line, original, moment, row, said)

    def _numbers(self, text: str) -> str:
        """The order that the line names itself; a pile's number is taken note of."""
        order = ""
        for match in _NUMBER.finditer(text):
            if len(match[0]) < _LONG and _ordered_at(match[0]) is None:
                self.pile = self.pile or match[0]
            else:
                order = order or self.protocol.normal_order(match[0])
        if order and len(self.orders) < _HEAD_LINES:
            self.orders.append(order)
        return order

    def _row(self, text: str, timed: bool) -> tuple[Row | None, bool]:
        """The message that a line is of, by its number or else its name; or that it says one was not sent."""
        match = _HEX.search(text)
        number = int(match[1], 16) if match is not None else None
        if number is None and timed and (match := _DECIMAL.match(text)) is not None:
            number = int(match[1])
        if number is not None:
            return next((row for way in Direction if (row := self.protocol.row(number, way))), None), False
        for words, name, its in _names(self.protocol) if _any_name(self.protocol).search(text) else ():
            at = words.search(text)
            if at is None:
                continue
            if re.search(_NOT + r"$", text[max(0, at.start() - 12) : at.start()]):
                return None, True
            rows = [row for row in self.protocol.catalogue if row.means is not None and row.means.name == name]
            return next((row for row in rows if its in (None, row.number)), None), False
        return None, False


_WITH_ORDER = ("authorise", "start", "start-reply", "bill", "bill-reply")
"""Of these the order, where the protocol has one there, is the one that the log is about, where they name none; the
rest go by the account."""


def _read(source: Source, reader: _Reader) -> Iterator[_Told]:
    with source.open() as stream:
        for number, line, cut in stream.lines():
            if cut:
                reader.ledger.left(number, line[:200].decode("utf-8", "replace"), f"longer than {LINE_BYTES} bytes")
                continue
            told = reader.take(number, decoded(line.rstrip(b"\r\n")))
            if told is not None:
                yield told


def tells_of_messages(source: Source, wishes: Wishes) -> bool:
    """Whether enough of a file's first lines tell of a message by number or name."""
    if b"\0" in source.head:
        return False
    lines = [text for line in source.head.splitlines()[:_HEAD_LINES] if (text := decoded(line)).strip()]
    reader = _Reader(_protocol(wishes), Ledger())
    told = sum(reader.take(number, text) is not None for number, text in enumerate(lines, 1))
    return told > 0 and told * 100 >= len(lines) * _LEAST_PERCENT


def _protocol(wishes: Wishes) -> Protocol:
    return protocol_named(wishes.protocol or DEFAULT_PROTOCOL)


def open_mentions(source: Source, wishes: Wishes, ledger: Ledger) -> Opened:
    """The recording that such a log is. FileError where no line tells of a message, or there are too many."""
    protocol = _protocol(wishes)
    reader = _Reader(protocol, ledger)
    lines = list(islice(_read(source, reader), LINES_KEPT + 1))
    if len(lines) > LINES_KEPT:
        raise source.error(None, f"expected at most {LINES_KEPT} lines that tell of a message, found more: cut it up")
    if not any(told.row for told in lines):
        raise source.error(*ledger.nothing("expected lines that tell of a message by its number or name, found none"))
    if not wishes.protocol:
        ledger.remark(f"message numbers are those of {protocol.name} (--protocol)")
    if not any("gun" in told.said for told in lines):
        ledger.remark("no line names a gun: all are taken to be of one")
    vantage = wishes.vantage or Vantage.PLATFORM
    if wishes.vantage is None:
        ledger.remark("taken to be the platform's log (--vantage)")
    near = End.PILE if vantage is Vantage.PILE else End.PLATFORM
    swapped = any(told.moment.day.swapped for told in lines if told.moment is not None)
    timed = _timed(lines, reader, wishes, ledger, day_first_in(source, ledger) if swapped else None)
    start_ns = timed[0][0] // S * S
    missing = _missing(lines)
    ledger.missing.update(dict.fromkeys(missing))
    header = Header(
        start=local_datetime(start_ns).isoformat(),
        protocol=protocol.name,
        dialect=protocol.overlay,
        pile=reader.pile or wishes.pile,
        guns=0,
        ends=(near,),
        vantage=vantage,
        source=source.name,
        missing=missing,
        resolution_ns=resolution_ns(told.moment for told in lines if told.moment is not None),
        stimuli=False,
    )
    return Opened("text", header, _events(timed, start_ns, near), ledger)


def _missing(lines: list[_Told]) -> tuple[Missing, ...]:
    ways = {told.row.direction for told in lines if told.row is not None}
    missing = [Missing.FRAMES, Missing.LINES, Missing.ACTS, Missing.CONNECTIONS]
    if not any(told.moment for told in lines):
        missing.append(Missing.TIMES)
    missing += [lack for way, lack in ((Direction.UP, Missing.UP), (Direction.DOWN, Missing.DOWN)) if way not in ways]
    return tuple(missing)


def _events(timed: list[tuple[int, _Told]], start_ns: int, near: End) -> Iterator[AnyEvent]:
    t_ns = 0
    for when_ns, told in timed:
        t_ns = when_ns - start_ns
        if told.row is None or told.row.means is None:
            yield Note(t_ns=t_ns, text=f"line {told.line}: {told.text}")
            continue
        yield Mention(
            t_ns=t_ns,
            end=near,
            direction=told.row.direction,
            message=told.row.means.name,
            number=told.row.number,
            line=told.line,
            text=told.text,
            **told.said,
        )
    yield Finish(t_ns=t_ns)


# Times ------------------------------------------------------------------------------------------------------


def _timed(
    lines: list[_Told], reader: _Reader, wishes: Wishes, ledger: Ledger, day_first: bool | None
) -> list[tuple[int, _Told]]:
    """The lines with their times, in order; times never go back."""
    calendar = Calendar(_day(lines, reader, wishes, ledger), wishes.zone, 0, day_first)
    last_ns: int | None = None
    timed: list[tuple[int, _Told]] = []
    early: list[_Told] = []
    for told in lines:
        when_ns = calendar.epoch_ns(told.moment) if told.moment is not None else _by_order(told, wishes, ledger)
        if when_ns is None:
            if last_ns is None:
                early.append(told)
                continue
            when_ns = last_ns + STEP_NS
            ledger.count("{n} line[|s] without a time follow[s|] the line before by 1 ms, first line {line}", told.line)
        timed += [(when_ns, before) for before in early]
        early = []
        timed.append((when_ns, told))
        last_ns = when_ns
    if not timed:
        day_ns = epoch_ns(
            datetime.combine(wishes.day or wishes.written or date(2020, 1, 1), datetime.min.time(), wishes.zone)
        )
        timed = [(day_ns + index * STEP_NS, told) for index, told in enumerate(early)]
    ledger.clock = _worth([told.moment for told in lines if told.moment is not None])
    if wishes.order is LineOrder.TIME:
        return sorted(timed, key=lambda one: one[0])
    latest_ns = timed[0][0]
    held: list[tuple[int, _Told]] = []
    for when_ns, told in timed:
        latest_ns = max(latest_ns, when_ns)
        held.append((latest_ns, told))
    return held


def _by_order(told: _Told, wishes: Wishes, ledger: Ledger) -> int | None:
    """When an order was authorised, by its number, which begins with the time at which it was made."""
    if told.row is None or told.row.means is None or told.row.means.name not in ("authorise", "start"):
        return None
    made = _ordered_at(told.said.get("order") or "")
    if made is None:
        return None
    ledger.count(
        "{n} line[|s] without a time [has|have] that of [its|their] order's number, first line {line}", told.line
    )
    return epoch_ns(made.replace(tzinfo=wishes.zone))


def _day(lines: Iterable[_Told], reader: _Reader, wishes: Wishes, ledger: Ledger) -> date:
    """The day on which the log begins, or at least its year, where its times do not tell."""
    tells = {told.moment.tells for told in lines if told.moment is not None}
    if wishes.day is not None:
        return wishes.day
    made = next((when for order in reader.orders if (when := _ordered_at(order))), None)
    day = made.date() if made is not None else wishes.written or date(2020, 1, 1)
    why = "as order numbers tell it" if made is not None else "the day on which the file was written"
    if wishes.year is not None:
        return (
            day.replace(year=wishes.year) if (day.month, day.day) != (2, 29) else date(wishes.year, 3, 1) - timedelta(1)
        )
    if Tells.DAY in tells:
        ledger.remark(f"the year is {day.year}, {why} (--year)")
    elif tells & {Tells.TIME, Tells.SINCE}:
        ledger.remark(f"the day is {day}, {why} (--day)")
    return day


def _worth(moments: list[Moment]) -> str:
    if not moments:
        return "no times but those in order numbers: no time between two lines may be believed"
    return resolution_words(resolution_ns(moments), max(moment.digits for moment in moments))
