"""Logs in words of a good line and of bad ones: nobody is blamed for what the line did, or a log leaves out.

Owns the words, taken from the field's logs and from none of the importer's code. A line tells of a message by its
number, its name or both, and of its gun, its order, its state, and of times of 1999.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from kept import kept
from renderings import stamp
from test_bad_lines import CASES, SHORT
from test_one_end import PLAYED

from pilesim.conformance.judged import judged
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import REFERENCE_PLATFORM, Options
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.targets import parse_target
from pilesim.rules.verdict import Blame, Verdict
from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import Trace, Vantage
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import parse_world_start_ns
from pilesim.wire.frame import End
from pilesim.wire.messages import MESSAGE_TYPES, Bill, GunReport, GunState, Message, Stamp
from pilesim.wire.protocol import DEFAULT_PROTOCOL, protocol_named

CHINESE = {
    "authorise": "下发扫码鉴权",
    "authorise-reply": "收到鉴权反馈",
    "start": "下发启动充电",
    "start-reply": "收到启动充电反馈",
    "stop": "下发停止充电请求",
    "stop-reply": "收到停止充电反馈",
    "gun-report": "收到心跳",
    "gun-report-reply": "心跳应答",
    "bill": "充电桩上传账单",
    "bill-reply": "账单确认",
    "ended": "登出,服务取消",
}
ENGLISH = {
    "authorise": "chargeAuth",
    "authorise-reply": "chargeAuthReply",
    "start": "startCharge",
    "stop": "stopCharge",
    "gun-report": "heartbeat",
    "bill": "addChargeRecord",
}
STATES = {
    GunState.IDLE: ("空闲", "idle"),
    GunState.CHARGING: ("充电中", "charging"),
    GunState.FAULT: ("故障", "fault"),
    GunState.OCCUPIED_FULL: ("满电占桩", "满电占桩"),
    GunState.OCCUPIED_NOT_FULL: ("未满电占桩", "未满电占桩"),
}
EMPTY = ("arrive", "start", "end", "leave")
NO_STAMP = "1999-11-30"


def empty(time: object) -> bool:
    return isinstance(time, Stamp) and time.is_none


def note(message: Message, *, english: bool, orders: bool = True) -> str:
    """What a line says of a message beside its name."""
    said = []
    if message.gun is not None:
        said.append(f"gun {message.gun}" if english else f"{message.gun}号枪")
    order = getattr(message, "order", None)
    if orders and order and set(order) != {"0"}:
        said.append(order)
    if isinstance(message, Bill) and not order:
        said.append("账单ID为空")
    if isinstance(message, GunReport):
        if message.change:
            said.append("状态变化")
        if message.state in STATES:
            said.append(STATES[message.state][english])
        if message.cable is not None:
            said.append(
                ("connect" if message.cable else "disconnect")
                if english
                else ("已" if message.cable else "未") + "插枪"
            )
        if message.state is GunState.CHARGING and empty(message.start):
            said.append(f"开始充电时间为{NO_STAMP}")
    if isinstance(message, Bill):
        none = [name for name in EMPTY if empty(getattr(message, name))]
        told = [name for name in EMPTY if getattr(message, name) is not None]
        if none and none == told:
            said.append(f"账单中有关时间的数据都是{NO_STAMP}")
        elif "leave" in none:
            said.append("离桩时间为1999-11-30")
    return ",".join(said)


@dataclass(frozen=True)
class Told:
    """One message that passed an end, as it is to be told of."""

    epoch_ns: int
    number: int
    chinese: str
    message: Message


def told(trace: Trace, end: End) -> list[Told]:
    """What a log at `end` may tell of."""
    protocol = protocol_named(trace.header.protocol)
    decoder, start_ns = Decoder(protocol), parse_world_start_ns(trace.header.start)
    found = []
    for event in trace.events:
        for item in decoder.feed(event):
            if isinstance(item, Seen) and item.end is end and item.decoded.message is not None:
                frame = item.decoded.frame
                row = protocol.row(frame.number, frame.direction)
                assert row is not None
                found.append(Told(start_ns + item.t_ns, row.number, row.chinese, item.decoded.message))
    return found


def numbered(item: Told) -> str:
    """`03-12 15:54:07.317,15,鉴权`, as szds-34 has it."""
    return f"{stamp(item.epoch_ns, '%m-%d %H:%M:%S')},{item.number},{item.chinese},{note(item.message, english=False)}"


def in_hex(item: Told) -> str:
    """`03-03 12:36:46.014 后台下发扫码鉴权0x0f,OK`, as szds-16 has it."""
    words = CHINESE.get(item.message.name, item.chinese)
    said = note(item.message, english=False)
    return f"{stamp(item.epoch_ns, '%m-%d %H:%M:%S')} 后台{words}0x{item.number:02x},OK;{said}"


def chinese(item: Told) -> str | None:
    words = CHINESE.get(item.message.name)
    return words and f"{stamp(item.epoch_ns)} {words} {note(item.message, english=False)}"


def catalogued(item: Told) -> str:
    """By the names that the protocol has."""
    return f"{stamp(item.epoch_ns)} {item.chinese} {note(item.message, english=False)}"


def english(item: Told) -> str | None:
    words = ENGLISH.get(item.message.name)
    return words and f"{stamp(item.epoch_ns)} {words} {note(item.message, english=True)}"


def timeless(item: Told) -> str | None:
    """`20200308232332102674 chargeAuth`, as szds-25 has it."""
    words = ENGLISH.get(item.message.name)
    return (
        words
        and f"{getattr(item.message, 'order', None) or ''} {words} {note(item.message, english=True, orders=False)}"
    )


def timeless_chinese(item: Told) -> str | None:
    words = CHINESE.get(item.message.name)
    return words and f"{words} {note(item.message, english=False)}"


def gunless(item: Told) -> str | None:
    """Of a pile with one gun, or of one gun of a pile: nobody says of which."""
    line = english(item)
    return line and re.sub(r" gun \d+,?", " ", line)


FORMS: dict[str, Callable[[Told], str | None]] = {
    "gunless": gunless,
    "numbered": numbered,
    "hex": in_hex,
    "Chinese": chinese,
    "catalogued": catalogued,
    "English": english,
    "without times": timeless,
    "Chinese without times": timeless_chinese,
}
ROUTINE = ("gun-report", "gun-report-reply", "alive", "alive-reply", "time-ask", "time-tell", "bill-reply")
LEFT = (100, 40, 0)
"""Of a hundred routine messages so many are told of."""
EXCERPT = 60
"""Of a hundred messages of any kind, in a log that leaves out whatever it likes."""


def logs(trace: Trace) -> Iterator[tuple[str, list[str], End]]:
    """Every log in words that an end may have, by what it is called."""
    for end in End:
        items = told(trace, end)
        for form, line in FORMS.items():
            for percent in (*LEFT, EXCERPT):
                chance = Random(percent)
                routine = ROUTINE if percent != EXCERPT else MESSAGE_TYPES
                kept_items = [i for i in items if i.message.name not in routine or chance.randrange(100) < percent]
                text = [words for item in kept_items if (words := line(item))]
                if text:
                    yield f"at the {end}, {form}, {percent}%", text, end


def result_of(text: list[str], end: End, protocol: str, folder: Path) -> ScenarioResult:
    """What is said of such a log to whoever says whose it is."""
    path = folder / "a.log"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    wishes = Wishes(protocol=protocol, vantage=Vantage(end.value), form="text", year=2020)
    return judged(load_log(path, wishes).trace, title="", file="a.log", strict=False, repeat="", explain=True)


def accusing(result: ScenarioResult) -> list[str]:
    """What blames an end, or nobody without a word on what would tell."""
    found = [
        f"{row.id}: {finding.actual}"
        for row in result.rules
        for finding in row.findings
        if finding.blame is not Blame.CANNOT_TELL or not finding.hint
    ]
    errors = [f"{row.id}: {row.reason}" for row in result.rules if row.verdict is Verdict.ERROR]
    fair = re.compile("^[^:]*, where the pile did right|would tell$")
    return [*found, *errors, *(sentence for sentence in result.diagnosis if not fair.search(sentence))]


def nobody_accused(protocol: str, name: str, bad: str, folder: Path, parts: int = 1, part: int = 0) -> None:
    """By each log of the play, or by one in so many `parts` of them."""
    impairments = (parse_impairment(bad),) if bad else ()
    options = Options(target=REFERENCE_PLATFORM, protocol=protocol, seed=1, impairments=impairments)
    trace = kept(PLAYED[protocol, name], options).trace
    for where, text, end in islice(logs(trace), part, None, parts):
        assert accusing(result_of(text, end, protocol, folder)) == [], where


PARTS = 7
"""Each play is judged by one in so many of its logs, and others by others."""
BILLS = (
    *(f"drop bill-reply count={n}" for n in (1, 2)),
    *(f"drop bill count={n}" for n in (1, 3)),
    *("hold bill for=45s count=1", "hold bill-reply for=45s count=1", "duplicate bill later=90s count=1"),
    *("disconnect for=170s after=60s", "disconnect for=300s after=100s", "drop gun-report count=6"),
    *("drop ended count=1", "drop start count=1", "hold start for=45s count=1"),
)
"""What changes the life of an order, of which words tell the most."""
PLAYS = [(*case, "") for case in SHORT] + [
    case for at, play in enumerate(CASES) for case in (play, (*play[:2], BILLS[at % len(BILLS)]))
]
WORDS_CASES = [(*play, at % PARTS) for at, play in enumerate(PLAYS)]
BLAMED_ONCE = [
    (DEFAULT_PROTOCOL, "bill/backlog", ""),
    (DEFAULT_PROTOCOL, "auth/scan-before-bill", "drop bill-reply count=1"),
    (DEFAULT_PROTOCOL, "auth/expires", "drop bill count=3"),
    (DEFAULT_PROTOCOL, "bill/next-on-same-cable", "drop bill count=3"),
]
"""A bill comes again for want of its acknowledgement, and the next order's charge, or the times, are left out; no line
says of which gun it is; a bill is lost each time."""


@pytest.mark.one_in(100)
@pytest.mark.parametrize(("protocol", "name", "bad", "part"), WORDS_CASES)
def test_words_accuse_nobody_for_the_line_or_for_what_they_leave_out(
    protocol: str, name: str, bad: str, part: int, tmp_path: Path
) -> None:
    nobody_accused(protocol, name, bad, tmp_path, PARTS, part)


@pytest.mark.parametrize(("protocol", "name", "bad"), BLAMED_ONCE)
def test_words_accuse_nobody_for_what_one_was_once_accused_of(
    protocol: str, name: str, bad: str, tmp_path: Path
) -> None:
    nobody_accused(protocol, name, bad, tmp_path)


# What is still told ---------------------------------------------------------------------------------------------

WHOLE = tuple(form for form in FORMS if form != "gunless")
TIMED = tuple(form for form in WHOLE if "without times" not in form)


@pytest.mark.parametrize(
    ("firmware", "name", "looks", "forms", "percents"),
    [
        ("robinson-gen5-0303", "order/start-lost", "szds-16a", FORMS, LEFT),
        ("robinson-gen5-0303", "order/start-delayed", "szds-16b", WHOLE, LEFT[:2]),
        ("robinson-gen5-0309", "bill/stale", "szds-25", FORMS, LEFT),
        ("robinson-gen5-0309", "stop/then-idle", "szds-32.9", WHOLE, LEFT[:2]),
        ("robinson-gen5-lag", "stop/phone-cable-in", "szds-32.7", TIMED, LEFT[:2]),
    ],
)
def test_words_still_tell_what_faulty_firmware_does(
    firmware: str, name: str, looks: str, forms: tuple[str, ...], percents: tuple[int, ...], tmp_path: Path
) -> None:
    options = Options(target=parse_target(f"sim:{firmware}"), protocol=DEFAULT_PROTOCOL, seed=1)
    trace = kept(PLAYED[DEFAULT_PROTOCOL, name], options).trace
    wanted = {f"at the {end}, {form}, {percent}%" for end in End for form in forms for percent in percents}
    found = {
        where: result_of(text, end, DEFAULT_PROTOCOL, tmp_path).diagnosis[:1]
        for where, text, end in logs(trace)
        if where in wanted
    }
    assert found.keys() == wanted
    assert [where for where, said in found.items() if not said or not said[0].startswith(f"looks like {looks} ")] == []


@pytest.mark.parametrize(
    ("firmware", "name"), [("reference", "bill/backlog"), ("robinson-gen5-0309", "stop/then-idle")]
)
def test_no_order_is_said_to_be_unstarted_since_its_reports_are_left_out(
    firmware: str, name: str, tmp_path: Path
) -> None:
    """Of the one the next order's start is told; of the other's bill the leave alone is said to be empty."""
    options = Options(target=parse_target(f"sim:{firmware}"), protocol=DEFAULT_PROTOCOL, seed=1)
    for where, text, end in logs(kept(PLAYED[DEFAULT_PROTOCOL, name], options).trace):
        if where.endswith(" 0%"):
            assert result_of(text, end, DEFAULT_PROTOCOL, tmp_path).diagnosis == (), where
