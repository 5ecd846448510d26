"""A dialect: an overlay on a known protocol makes tables, and what does not fit is told in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from handmade import frame
from msgspec import structs

from pilesim.contract.contracts import contract_of
from pilesim.errors import FileError, UsageError
from pilesim.library import firmware_folder
from pilesim.units import local_datetime
from pilesim.wire import dialects
from pilesim.wire.dialects import beside, remember
from pilesim.wire.frame import Decoded, Direction, End, Frame
from pilesim.wire.messages import (
    Bill,
    BillReply,
    GunFault,
    GunReport,
    GunReportReply,
    GunState,
    Opaque,
    ReportAsk,
    Stamp,
    StopReason,
)
from pilesim.wire.protocol import Protocol, Trust, protocol_named

PILE = "44030500040000200026"
NOON_NS = 1_583_208_000_000_000_000
EXAMPLE = firmware_folder() / "dialects" / "other-tails.yaml"


def dialect(messages: str, base: str = "lhc", more: str = "") -> Protocol:
    indented = "\n".join(f"  {line}" for line in messages.splitlines())
    return remember(f"protocol: {base}\nname: d\nmessages:\n{indented}\n{more}", "d.yaml")


def decoded(protocol: Protocol, data: bytes, direction: Direction = Direction.UP) -> Decoded:
    (found,) = protocol.framer(direction).feed(data, 0)
    assert isinstance(found, Frame)
    return protocol.decode(found)


def shown(protocol: Protocol, data: bytes, direction: Direction = Direction.UP) -> dict[str, str]:
    views = protocol.dissect(decoded(protocol, data, direction).frame)
    return {view.name: f"{view.value} {view.unit}".rstrip() for view in views}


BEAT = bytes([2, 2, 1, 0, 0]) + (123_456).to_bytes(4, "little") + b"\0\0"
"""A heartbeat as far as evlink-2.6 has it: charging, cable in, and a meter."""

# What an overlay says of the heartbeat, the body, and what a person then sees of it.
SEEN: list[tuple[str, str, bytes, dict[str, str]]] = [
    ("added at the end", "add: [{name: soc, type: u8, unit: '%'}]", BEAT + b"\x2a", {"soc": "42 %"}),
    ("added after a field", "add: [{name: x, type: u16, after: state}]", BEAT[:1] + b"\1\2" + BEAT[1:], {"x": "513"}),
    ("added at an offset", "add: [{name: x, type: u16be, at: 5}]", BEAT[:5] + b"\1\2" + BEAT[5:], {"x": "258"}),
    ("removed", "remove: [homed, ground_lock]", BEAT[:-2], {"meter": "1234.56 kWh"}),
    ("re-scaled", "change: {meter: {scale: 0.001}}", BEAT, {"meter": "123.456 kWh"}),
    ("in another unit", "change: {meter: {unit: Wh, scale: 1}}", BEAT, {"meter": "123456 Wh"}),
    ("of another size", "change: {meter: {type: u16}}", BEAT[:7] + BEAT[9:], {"meter": "579.20 kWh"}),
    ("renamed", "change: {meter: {called: counter}}", BEAT, {"counter": "1234.56 kWh"}),
    (
        "values named",
        "change: {state: {values: {7: {name: asleep, means: idle}}}}",
        b"\7" + BEAT[1:],
        {"state": "7 asleep"},
    ),
    ("less an offset", "add: [{name: t, type: u8, minus: 50, unit: °C}]", BEAT + b"\x28", {"t": "-10 °C"}),
    ("signed", "add: [{name: t, type: i16, scale: 0.1}]", BEAT + b"\xff\xff", {"t": "-0.1"}),
    ("a step of five", "add: [{name: x, type: u8, scale: 0.05}]", BEAT + b"\3", {"x": "0.15"}),
    ("text", "add: [{name: x, type: ascii, size: 4}]", BEAT + b"ab\0\0", {"x": "ab"}),
    ("digits", "add: [{name: x, type: bcd, size: 2}]", BEAT + b"\x12\x34", {"x": "1234"}),
    (
        "a time",
        "add: [{name: x, type: bcd-time, size: 6}]",
        BEAT + bytes.fromhex("200303120000"),
        {"x": "2020-03-03 12:00:00.000"},
    ),
    (
        "a time with its century",
        "add: [{name: x, type: bcd-time, size: 7}]",
        BEAT + bytes.fromhex("20200303120000"),
        {"x": "2020-03-03 12:00:00.000"},
    ),
    (
        "no time",
        "add: [{name: x, type: bcd-time, size: 6}]",
        BEAT + bytes(6),
        {"x": "no time (a lenient calendar shows 1999-11-30 00:00:00)"},
    ),
    (
        "as another field is",
        "add: [{name: order, like: bill.order}]",
        BEAT + b"7".rjust(32, b"0"),
        {"order": "7".rjust(32, "0")},
    ),
    ("all that is left", "add: [{name: x, type: rest}]", BEAT + b"\1\2\3", {"x": "01 02 03"}),
]


@pytest.mark.parametrize(("said", "body", "seen"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_it_shows_a_field_as_the_overlay_has_it(said: str, body: bytes, seen: dict[str, str]) -> None:
    protocol = dialect(f"heartbeat: {{{said}}}", base="evlink-2.6")
    data = frame(0x05, body)
    assert decoded(protocol, data).problems == ()
    assert shown(protocol, data).items() >= seen.items()


REPORT = GunReport(
    gun=2,
    state=GunState.CHARGING,
    cable=True,
    fault=GunFault.CHARGER_HOT,
    meter_dwh=123_450,
    order="20200303120000000001",
    start=Stamp(NOON_NS),
    energy_dwh=1_230,
    amount_mfen=99_000,
    soc_percent=42,
)
BILL = Bill(
    order="20200303120000000001",
    start=Stamp(NOON_NS),
    end=Stamp(NOON_NS),
    charge_fee_mfen=0,
    service_fee_mfen=0,
    stop_reason=StopReason.FULL,
)


@pytest.mark.parametrize("message", [REPORT, BILL], ids=["report", "bill"])
def test_it_builds_and_reads_by_the_same_layout(message: Any) -> None:
    protocol = protocol_named(str(EXAMPLE))
    found = decoded(protocol, protocol.session(End.PILE, PILE).build(message))
    assert found.problems == ()
    meant = found.message
    assert meant is not None and type(meant) is type(message)
    told = {name: getattr(message, name) for name in message.__struct_fields__ if getattr(message, name) is not None}
    assert {name: getattr(meant, name) for name in told} == told


def test_it_replaces_the_provisional_tails_of_lhc() -> None:
    lhc, protocol = protocol_named("lhc"), protocol_named(str(EXAMPLE))
    provisional = {
        number
        for number in (0x05, 0x09)
        for row in [lhc.row(number, Direction.UP)]
        if row and row.trust is Trust.PROVISIONAL
    }
    assert provisional == {0x05, 0x09}
    assert lhc.provisional and not protocol.provisional
    rows = [protocol.row(number, Direction.UP) for number in provisional]
    assert all(row is not None and row.trust is Trust.PUBLISHED for row in rows)
    data = protocol.session(End.PILE, PILE).build(REPORT)
    body = decoded(protocol, data).frame.body
    assert body[5:6] == bytes([50])
    assert body[12:19] == bytes([42]) + bytes.fromhex(f"{local_datetime(NOON_NS):%y%m%d%H%M%S}")
    assert body[-32:] == REPORT.order.rjust(32, "0").encode() if REPORT.order else False


def test_it_names_a_new_message_and_what_it_answers() -> None:
    protocol = protocol_named(str(EXAMPLE))
    data = frame(0x60, b"\2\0" + bytes(7) + b"\xab\xcd")
    assert shown(protocol, data).items() >= {"code": "2 filter", "more": "ab cd"}.items()
    found = decoded(protocol, data)
    assert found.title == "0x60 diagnosis 诊断"
    assert isinstance(found.message, Opaque)
    row = protocol.row(0x60, Direction.UP)
    assert row is not None and row.reply == 0x61
    reply = decoded(protocol, frame(0x61, b"\1\2"), Direction.DOWN)
    assert (reply.problems, reply.message) == ((), Opaque(gun=1, number=0x61, data=b"\1\2"))


def test_it_takes_a_body_of_the_base_for_one_without_its_tail() -> None:
    protocol = dialect("heartbeat: {add: [{name: soc, type: u8}]}", base="evlink-2.6")
    found = decoded(protocol, frame(0x05, BEAT))
    assert found.message is not None
    assert [problem.text for problem in found.problems] == [
        "body: expected 12 bytes, found 11, which is evlink-2.6's: without soc"
    ]


def test_it_keeps_the_options_of_its_base_and_reads_where_they_lie_by_its_own_layouts() -> None:
    name = dialect(
        "report request: {add: [{name: x, type: u8, at: 0}]}\nextra: {number: 0x99, direction: up}", base="ykc-1.6"
    ).name
    big = protocol_named(f"{name}?crc_order=big")
    assert big.options["crc_order"] == "big"
    assert big is protocol_named(f"{name}?crc_order=big")
    assert big.row(0x99, Direction.UP) is not None
    data = (
        protocol_named("ykc-1.6?crc_order=big")
        .session(End.PLATFORM, "44030500040000")
        .build(Opaque(number=0x12, data=b"\7" + bytes.fromhex("44030500040000") + b"\1"))
    )
    found = decoded(big, data, Direction.DOWN)
    assert (found.frame.pile, found.frame.gun, found.problems) == ("44030500040000", 1, ())
    assert [way.name for way in (big.tolerant,)] == [f"{name}?crc_order=auto"]


def test_it_makes_room_for_a_field_behind_those_that_take_what_is_left() -> None:
    protocol = dialect("state change: {add: [{name: x, type: u8}]}")
    body = bytes([1, 2, 1, 2, 5, 7]) + bytes([0, 5]) + bytes(7) + b"\0\0" + b"\x09"
    assert shown(protocol, frame(0x16, body)).items() >= {"faults": "05 07", "x": "9"}.items()


def test_it_tells_one_edition_of_a_file_from_the_next() -> None:
    one, other = dialect("heartbeat: {chinese: 一}"), dialect("heartbeat: {chinese: 二}")
    assert one.name != other.name
    assert one.name.startswith("d~")
    assert protocol_named(one.name) is one
    assert protocol_named(other.name) is other


def test_it_finds_a_dialect_beside_the_file_that_names_it() -> None:
    assert beside("d.yaml?crc_order=big", str(Path("a", "rig.yaml"))) == f"{Path('a', 'd.yaml')}?crc_order=big"
    assert beside("lhc", str(Path("a", "rig.yaml"))) == "lhc"


def test_it_says_that_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.yaml: expected a dialect's file: No such file"):
        protocol_named(str(tmp_path / "gone.yaml"))


# What an overlay says of messages, the line and what is told of it.
WRONG: list[tuple[str, str, int, str]] = [
    (
        "a message",
        "heartbeet: {remove: [order]}",
        4,
        "or a new one with its number; found 'heartbeet'; perhaps heartbeat",
    ),
    ("a key", "heartbeat: {drop: [order]}", 4, "expected one of number, direction, called"),
    ("a field", "heartbeat: {remove: [oder]}", 4, "found 'oder'; perhaps order"),
    ("a changed field", "heartbeat:\n  change:\n    metre: {scale: 1}", 6, "found 'metre'; perhaps meter"),
    ("a place", "heartbeat: {add: [{name: x, type: u8, after: stat}]}", 4, "found 'stat'; perhaps state"),
    (
        "inside a field",
        "heartbeat: {add: [{name: x, type: u8, at: 6}]}",
        4,
        "found 6, which lies inside meter (5 to 8)",
    ),
    ("beyond the end", "heartbeat: {add: [{name: x, type: u8, at: 60}]}", 4, "expected an offset of 0 to 58, found 60"),
    (
        "two places",
        "heartbeat: {add: [{name: x, type: u8, at: 0, after: state}]}",
        4,
        "expected `after` or `at`, found both",
    ),
    ("a type", "heartbeat: {add: [{name: x, type: asci}]}", 4, "found 'asci'; perhaps ascii"),
    ("no type", "heartbeat: {add: [{name: x}]}", 4, "or `like`; found neither"),
    ("no size", "heartbeat: {add: [{name: x, type: ascii}]}", 4, "expected the size of ascii in bytes, found none"),
    ("a size", "heartbeat: {add: [{name: x, type: bcd-time, size: 5}]}", 4, "expected a size of 6 to 7 bytes"),
    ("a number's size", "heartbeat: {add: [{name: x, type: u16, size: 4}]}", 4, "expected 2 bytes of u16, found 4"),
    ("a scale", "heartbeat: {change: {meter: {scale: ten}}}", 4, "expected a number such as 0.01; found 'ten'"),
    ("no scale", "heartbeat: {change: {meter: {scale: 0}}}", 4, "expected a scale above 0, found 0"),
    ("a scaled text", "version: {change: {firmware: {scale: 2}}}", 4, "expected a type of number beside the scale"),
    ("a unit", "heartbeat: {change: {meter: {unit: V}}}", 4, "expected a unit of meter, one of kWh, Wh; found 'V'"),
    ("a name", "heartbeat: {add: [{name: X, type: u8}]}", 4, "expected a name of small letters"),
    (
        "a name twice",
        "heartbeat: {add: [{name: homed, type: u8}]}",
        4,
        "expected each field's name once, found 'homed' again",
    ),
    ("a name twice by another", "heartbeat: {change: {meter: {called: state}}}", 4, "found 'state' again"),
    ("a model", "heartbeat: {add: [{name: x, like: bil.order}]}", 4, "found 'bil.order'; perhaps bill.order"),
    ("an attribute", "heartbeat: {add: [{name: x, type: u8, means: soc_percnt}]}", 4, "perhaps soc_percent"),
    ("an attribute told", "heartbeat: {add: [{name: x, type: u32, means: meter_dwh}]}", 4, "which meter tells"),
    (
        "a kind of value",
        "heartbeat: {remove: [order], add: [{name: order, type: u8}]}",
        4,
        "the order of a gun-report (str)",
    ),
    ("what cannot be missed", "heartbeat: {remove: [state]}", 4, "found 'state', which tells its state"),
    ("what is read otherwise", "authorise: {remove: [energy_prices]}", 4, "which its meaning is read from"),
    ("what counts", "bill: {remove: [stage_count]}", 4, "which counts stages"),
    (
        "a meaning",
        "heartbeat: {change: {state: {values: {7: {name: x, means: idel}}}}}",
        4,
        "found 'idel'; perhaps idle",
    ),
    (
        "a meaning of nothing",
        "heartbeat: {change: {homed: {values: {7: {name: x, means: idle}}}}}",
        4,
        "expected a name alone",
    ),
    (
        "a number",
        "heartbeat: {change: {state: {values: {x: y}}}}",
        4,
        "expected a number such as 33 or 0x21; found 'x'",
    ),
    ("a trust", "heartbeat: {change: {state: {trust: rumoured}}}", 4, "rumoured"),
    (
        "a taken number",
        "x: {number: 0x05, direction: up}",
        4,
        "expected a number that is free, found that of heartbeat",
    ),
    ("a large number", "x: {number: 300, direction: up}", 4, "expected a number from 0 to 255"),
    ("no direction", "x: {number: 0x60}", 4, "expected a direction, up or down, of a new message; found none"),
    ("a new one changed", "x: {number: 0x60, direction: up, remove: [a]}", 4, "expected `fields` of a new message"),
    ("a known one's number", "heartbeat: {number: x}", 4, "expected a number from 0 to 255 such as 0x60; found 'x'"),
    (
        "a known one's taken number",
        "heartbeat: {number: 0x09}",
        4,
        "expected a number that is free, found that of bill",
    ),
    (
        "one number for two",
        "heartbeat: {number: 0x60}\nbill: {number: 0x60}",
        5,
        "expected a number that is free, found that of heartbeat",
    ),
    ("a known one's direction", "heartbeat: {direction: up}", 4, "since only a new one has `direction`"),
    ("an unknown request", "x: {number: 0x60, direction: up, answers: strt}", 4, "found 'strt'; perhaps start"),
    (
        "a request that way",
        "x: {number: 0x60, direction: up, answers: bill}",
        4,
        "that goes the other way, found 'bill'",
    ),
    (
        "behind all that is left",
        "heartbeat: {add: [{name: a, type: rest}, {name: b, type: rest}]}",
        4,
        "takes all that is left",
    ),
    ("means of bytes", "battery temperatures: {add: [{name: a, type: u8, means: soc}]}", 4, "kept as bytes"),
]


@pytest.mark.parametrize(("said", "line", "reason"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_it_says_where_an_overlay_is_wrong_and_what_was_expected(said: str, line: int, reason: str) -> None:
    with pytest.raises(FileError) as told:
        dialect(said)
    assert reason in told.value.problem
    assert (told.value.file, told.value.line) == ("d.yaml", line)


@pytest.mark.parametrize(
    ("overlay", "line", "reason"),
    [
        ("name: x", 1, "expected 'protocol' too; found none"),
        ("protocol: lhc\nname: A B", 2, "expected a name of small letters, digits, dots and hyphens, found 'A B'"),
        ("protocol: lch\nname: x", 1, "expected a protocol, one of lhc"),
        ("protocol: lhc?a=b\nname: x", 1, "expected no options after lhc, found a"),
    ],
)
def test_it_says_what_is_wrong_with_the_head_of_an_overlay(overlay: str, line: int, reason: str) -> None:
    with pytest.raises(FileError) as told:
        remember(overlay, "d.yaml")
    assert reason in told.value.problem
    assert told.value.line == line


BELOW = "protocol: lhc\nname: below\nmessages:\n  heartbeat: {remove: [amount], add: [{name: soc, type: u8}]}\n"
ON_TOP = (
    "protocol: below.yaml\nname: top\nmessages:\n  heartbeat: {number: 0x55, add: [{name: x, like: heartbeat.soc}]}\n"
)


def files(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)


def test_it_lies_on_another_dialect_in_a_file_beside_it(tmp_path: Path) -> None:
    files(tmp_path, below=BELOW, top=ON_TOP)
    top = protocol_named(str(tmp_path / "top.yaml"))
    data = top.session(End.PILE, PILE).build(structs.replace(REPORT, amount_mfen=None))
    assert decoded(top, data).problems == ()
    assert [view.name for view in top.dissect(decoded(top, data).frame)][-4:-2] == ["soc", "x"]
    assert top.origin == protocol_named(str(tmp_path / "below.yaml")).name


def test_a_recording_keeps_all_that_lies_under_a_dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, below=BELOW, top=ON_TOP)
    top = protocol_named(str(tmp_path / "top.yaml"))
    for memory in ("_files", "_remembered"):
        monkeypatch.setattr(dialects, memory, {})
    again = remember(top.overlay, "x.jsonl:1: dialect")
    assert again.name == top.name
    assert protocol_named(again.name) is again
    assert [row.size for row in again.catalogue] == [row.size for row in top.catalogue]
    assert contract_of(again.name).protocol == top.name


def test_another_edition_of_what_lies_below_is_another_of_what_lies_on_top(tmp_path: Path) -> None:
    names = set()
    for edition, below in {"one": BELOW, "two": BELOW.replace("soc", "charge")}.items():
        (tmp_path / edition).mkdir()
        files(tmp_path / edition, below=below, top=ON_TOP.replace("heartbeat.soc", "heartbeat.order"))
        names.add(protocol_named(str(tmp_path / edition / "top.yaml")).name)
    assert len(names) == 2


def test_options_of_the_first_base_are_chosen_through_all_that_lies_on_it(tmp_path: Path) -> None:
    files(
        tmp_path,
        below="protocol: ykc-1.6?bill_retry=1x5m\nname: below\nmessages: {heartbeat: {chinese: 一}}",
        top="protocol: below.yaml?current_sign=minus\nname: top\nmessages: {heartbeat: {add: [{name: x, type: u8}]}}",
    )
    top = protocol_named(f"{tmp_path / 'top.yaml'}?crc_order=big")
    assert dict(top.options) == {"crc_order": "big", "bill_retry": "1x5m", "current_sign": "minus"}
    row = top.row(0x03, Direction.UP)
    assert row is not None and (row.chinese, row.size) == ("一", "10")
    again = remember(top.overlay, "x.jsonl")
    assert dict(again.options) == {"crc_order": "little", "bill_retry": "1x5m", "current_sign": "minus"}
    for spoken in (top, again, top.chosen({"bill_retry": "3x30s"})):
        assert dict(protocol_named(spoken.name).options) == dict(spoken.options), "by a name as a recording tells it"


def test_it_says_that_files_lie_on_one_another(tmp_path: Path) -> None:
    files(tmp_path, a="protocol: b.yaml\nname: a", b="protocol: a.yaml\nname: b")
    with pytest.raises(FileError, match=r"expected a protocol to lie on, found .*a\.yaml, which lies on this one"):
        protocol_named(str(tmp_path / "a.yaml"))
    with pytest.raises(FileError, match=r"gone\.yaml: expected a dialect's file: No such file"):
        remember("protocol: gone.yaml\nname: c", str(tmp_path / "c.yaml"))


def test_it_gives_a_message_another_number() -> None:
    protocol = dialect("heartbeat: {number: 0x55}\nheartbeat reply: {number: 0x05}\nnew: {number: 0x06, direction: up}")
    data = protocol.session(End.PILE, PILE).build(REPORT)
    assert (decoded(protocol, data).frame.number, decoded(protocol, data).title[:14]) == (0x55, "0x55 heartbeat")
    row = protocol.row(0x55, Direction.UP)
    assert row is not None and row.reply == 0x05
    new = protocol.row(0x06, Direction.UP)
    assert new is not None and new.name == "new"
    told = protocol.session(End.PLATFORM, PILE).build(GunReportReply(gun=2), decoded(protocol, data).frame)
    reply = decoded(protocol, told, Direction.DOWN)
    assert (reply.frame.number, reply.frame.sequence) == (0x05, 0), "a reply to a heartbeat has no number of its own"


def test_two_messages_may_change_their_numbers_for_each_others() -> None:
    protocol = dialect("bill: {number: 0x16}\nstate change: {number: 0x09}")
    for message, number in ((BILL, 0x16), (structs.replace(REPORT, change=True), 0x09)):
        found = decoded(protocol, protocol.session(End.PILE, PILE).build(message))
        assert found.frame.number == number
        assert type(found.message) is type(message)
    replies = [row.reply for number in (0x16, 0x09) for row in [protocol.row(number, Direction.UP)] if row]
    assert replies == [0x0A, 0x17]


def test_a_reply_with_another_number_is_one_still() -> None:
    protocol = dialect("bill reply: {number: 0x4E}\nreport: {number: 0x71}", base="ykc-1.6")
    pile = "44030500040000"
    request = decoded(protocol, protocol.session(End.PLATFORM, pile).build(ReportAsk(gun=1)), Direction.DOWN).frame
    session = protocol.session(End.PLATFORM, pile)
    reply = decoded(protocol, session.build(BillReply(order="7".zfill(32)), request), Direction.DOWN).frame
    assert (reply.number, reply.answers) == (0x4E, request.sequence)
    unasked = decoded(protocol, protocol.session(End.PILE, pile).build(structs.replace(REPORT, gun=1, order="7"))).frame
    assert (unasked.number, unasked.answers) == (0x71, None), "which is sent of itself too"
