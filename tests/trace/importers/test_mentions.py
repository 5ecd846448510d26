"""Logs that tell of messages without their bytes: what each line becomes, and what it does not tell."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pilesim.errors import FileError
from pilesim.trace.capture import decode_event, encode_event
from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import AnyEvent, Mention, Missing, Note, Vantage
from pilesim.trace.importers.imported import Imported, LineOrder, Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import format_local, parse_world_start_ns
from pilesim.wire.frame import Direction
from pilesim.wire.messages import NO_TIME, Authorise, Bill, GunReport, GunState
from pilesim.wire.protocol import protocol_named

FIELD_LOGS = Path(__file__).parents[2] / "data" / "field-logs"
A, B = "20200308232332102674", "20200309003824144029"


def read(folder: Path, *lines: str, wishes: Wishes | None = None) -> Imported:
    path = folder / "a.log"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_log(path, wishes or Wishes())


def mentions(imported: Imported) -> list[Mention]:
    return [event for event in imported.trace.events if isinstance(event, Mention)]


def at(imported: Imported, event: AnyEvent) -> str:
    return format_local(parse_world_start_ns(imported.trace.header.start) + event.t_ns)


FIELD: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "szds-34": [
        ("2020-03-12 15:54:07.317", "authorise", {"order": "20200312155407387826"}),
        ("2020-03-12 15:54:07.980", "authorise-reply", {}),
        ("2020-03-12 15:54:09.986", "gun-report", {"state": GunState.IDLE, "cable": True}),
        ("2020-03-12 15:54:10.916", "start", {}),
        ("2020-03-12 15:54:11.992", "start-reply", {}),
        ("2020-03-12 15:54:40.010", "gun-report", {"state": GunState.IDLE, "cable": True}),
        ("2020-03-12 15:54:43.024", "ended", {}),
    ],
    "szds-25": [
        ("2020-03-08 23:23:32.000", "authorise", {"order": A}),
        ("2020-03-09 00:38:24.000", "authorise", {"order": B}),
        ("2020-03-09 00:38:24.001", "bill", {"order": A}),
        ("2020-03-09 00:38:24.002", "bill", {"order": A}),
    ],
    "szds-16a": [
        ("2020-03-03 12:36:46.014", "authorise", {"order": "20200303123645436010"}),
        ("2020-03-03 12:42:27.652", "stop", {}),
        (
            "2020-03-03 12:43:50.310",
            "bill",
            {"order": "20200303123645436010", "empty_times": ("arrive", "start", "end", "leave")},
        ),
    ],
    "szds-16b": [
        ("2020-03-03 11:40:16.985", "authorise", {"order": "20200303114016074186"}),
        ("2020-03-03 11:42:09.156", "start", {}),
        ("2020-03-03 11:42:53.516", "gun-report", {"state": GunState.CHARGING, "empty_times": ("start",)}),
        ("2020-03-03 11:43:09.605", "gun-report", {"state": GunState.OCCUPIED_NOT_FULL}),
        ("2020-03-03 11:44:44.685", "bill", {"order": ""}),
    ],
}


@pytest.mark.parametrize("log", FIELD)
def test_it_reads_the_fields_own_log(log: str) -> None:
    imported = load_log(FIELD_LOGS / f"{log}.log", Wishes())
    silent = ("order", "account", "state", "cable", "change", "gun")
    found = [
        (
            at(imported, m),
            m.message,
            {name: value for name in silent if (value := getattr(m, name)) is not None}
            | ({"empty_times": m.empty_times} if m.empty_times else {}),
        )
        for m in mentions(imported)
    ]
    assert found == FIELD[log]
    assert imported.form == "text"
    assert imported.vantage is Vantage.PLATFORM
    assert not imported.unread_count
    assert {Missing.FRAMES, Missing.LINES, Missing.ACTS, Missing.CONNECTIONS} <= set(imported.missing)
    assert (Missing.TIMES in imported.missing) is (log == "szds-25")


def test_every_line_keeps_its_number_and_its_text() -> None:
    (first, *_), text = (
        mentions(load_log(FIELD_LOGS / "szds-34.log", Wishes())),
        (FIELD_LOGS / "szds-34.log").read_text(encoding="utf-8").splitlines(),
    )
    assert (first.line, first.text) == (2, text[1])


def test_what_was_not_done_is_a_note_and_no_message() -> None:
    imported = load_log(FIELD_LOGS / "szds-16a.log", Wishes())
    assert [event.text[:7] for event in imported.trace.events if isinstance(event, Note)] == ["line 3:"]
    assert "start" not in {m.message for m in mentions(imported)}


@pytest.mark.parametrize(
    ("line", "message", "direction"),
    [
        ("03-12 15:54:07.317,15,鉴权", "authorise", Direction.DOWN),
        ("2020-03-12 15:54:07 0x0f", "authorise", Direction.DOWN),
        ("15:54:07 收到心跳", "gun-report", Direction.UP),
        ("15:54:07 心跳应答", "gun-report-reply", Direction.DOWN),
        ("15:54:07 账单确认", "bill-reply", Direction.DOWN),
        ("15:54:07 桩状态变化报告", "gun-report", Direction.UP),
        ("15:54:07 启动充电反馈", "start-reply", Direction.UP),
        ("15:54:07 下发停止充电", "stop", Direction.DOWN),
        ("15:54:07,9", "bill", Direction.UP),
        ("addChargeRecord", "bill", Direction.UP),
        ("15:54:07 登出", "ended", Direction.UP),
    ],
)
def test_a_message_is_known_by_its_number_or_its_name(
    tmp_path: Path, line: str, message: str, direction: Direction
) -> None:
    (mention,) = mentions(read(tmp_path, line))
    assert (mention.message, mention.direction) == (message, direction)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("心跳 idle", {"state": GunState.IDLE}),
        ("心跳 charging,connect", {"state": GunState.CHARGING, "cable": True}),
        ("心跳 disconnect", {"cable": False}),
        ("心跳 满电占桩", {"state": GunState.OCCUPIED_FULL}),
        ("心跳 未满电占桩", {"state": GunState.OCCUPIED_NOT_FULL}),
        ("心跳 故障", {"state": GunState.FAULT}),
        ("上传账单 账单ID为空", {"order": ""}),
        ("上传账单 离桩时间为1999-11-30", {"empty_times": ("leave",)}),
        ("心跳 枪2 idle", {"state": GunState.IDLE, "gun": 2}),
        ("扫码鉴权 OK", {}),
    ],
)
def test_a_line_says_what_its_words_say_and_no_more(tmp_path: Path, words: str, said: dict[str, Any]) -> None:
    (mention,) = mentions(read(tmp_path, f"2020-03-12 15:54:07 {words}"))
    for name in ("order", "account", "state", "cable", "gun"):
        assert getattr(mention, name) == said.get(name), name
    assert mention.empty_times == said.get("empty_times", ())


def test_lines_that_tell_of_nothing_are_counted_and_shown(tmp_path: Path) -> None:
    imported = read(tmp_path, "15:54:07 心跳", "nothing to see", "15:54:08,99", "15:54:09 心跳")
    assert imported.unread_count == 2
    assert [(unread.line, unread.text) for unread in imported.unread] == [(2, "nothing to see"), (3, "15:54:08,99")]


def test_a_pile_number_is_no_order(tmp_path: Path) -> None:
    imported = read(tmp_path, f"44030500040000200026 {A} chargeAuth")
    assert imported.trace.header.pile == "44030500040000200026"
    assert mentions(imported)[0].order == A


def test_a_heading_s_order_is_that_of_the_lines_below_it(tmp_path: Path) -> None:
    imported = read(tmp_path, f"billing_Id={A}", "03-08 23:23:32 鉴权", f"billing_Id={B}", "03-09 00:38:24 鉴权")
    assert [m.order for m in mentions(imported)] == [A, B]


@pytest.mark.parametrize(
    ("wishes", "year"), [(Wishes(year=2019), 2019), (Wishes(written=date(2021, 5, 5)), 2021), (Wishes(), 2020)]
)
def test_a_year_that_no_line_tells_is_asked_for_or_assumed(tmp_path: Path, wishes: Wishes, year: int) -> None:
    imported = read(tmp_path, "03-12 15:54:07 心跳", wishes=wishes)
    assert at(imported, mentions(imported)[0]).startswith(f"{year}-03-12")


def test_lines_out_of_order_are_put_in_order_or_left(tmp_path: Path) -> None:
    lines = ("15:54:09 启动充电", "15:54:07 鉴权")
    assert [m.line for m in mentions(read(tmp_path, *lines))] == [2, 1]
    left = read(tmp_path, *lines, wishes=Wishes(order=LineOrder.FILE))
    assert [m.line for m in mentions(left)] == [1, 2]
    assert len({event.t_ns for event in mentions(left)}) == 1


def test_numbers_are_those_of_the_protocol_that_is_asked_for(tmp_path: Path) -> None:
    (mention,) = mentions(read(tmp_path, "15:54:07,0x3B", wishes=Wishes(protocol="ykc-1.6", form="text")))
    assert mention.message == "bill"


@pytest.mark.parametrize(
    "order",
    ["32010200000001012003031140160741", "00000000000020200303114016074186", "32010200000001019912319960123456"],
)
def test_an_order_may_fill_its_field_and_comes_with_the_start_where_the_protocol_has_it_there(
    tmp_path: Path, order: str
) -> None:
    lines = (f"2020-03-03 11:42:09,0x34,{order}", "2020-03-03 11:42:10,0x36", f"2020-03-03 11:44:44,0x3B,{order}")
    imported = read(tmp_path, *lines, wishes=Wishes(protocol="ykc-1.6", form="text"))
    assert [(m.message, m.order) for m in mentions(imported)] == [("start", order), ("stop", None), ("bill", order)]
    assert not imported.trace.header.pile


@pytest.mark.parametrize("order", ["32010200000001012003031140160741", "00000000000020200303114016074186"])
def test_a_start_without_a_time_has_that_of_its_order(tmp_path: Path, order: str) -> None:
    imported = read(tmp_path, f"startCharge {order}", wishes=Wishes(protocol="ykc-1.6", form="text"))
    assert at(imported, mentions(imported)[0]) == "2020-03-03 11:40:16.000"


def test_a_text_without_messages_is_no_such_log(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="expected a log"):
        read(tmp_path, "dear sir,", "the pile in the yard is out of order", "yours")


def test_a_mention_is_in_a_capture_what_it_was() -> None:
    for mention in mentions(load_log(FIELD_LOGS / "szds-16b.log", Wishes())):
        assert decode_event(encode_event(mention)) == mention


def decoded(name: str) -> list[Seen]:
    imported = load_log(FIELD_LOGS / f"{name}.log", Wishes())
    decoder = Decoder(protocol_named(imported.trace.header.protocol))
    return [item for event in imported.trace.events for item in decoder.feed(event) if isinstance(item, Seen)]


def test_a_message_has_what_is_told_and_none_of_the_rest() -> None:
    authorise, stop, bill = decoded("szds-16a")
    assert isinstance(authorise.decoded.message, Authorise)
    assert authorise.decoded.message.order == "20200303123645436010"
    assert authorise.decoded.message.account is None
    assert {"account", "balance_mfen", "tariff"} <= authorise.decoded.untold
    assert "order" not in authorise.decoded.untold
    assert isinstance(bill.decoded.message, Bill)
    assert (bill.decoded.message.start, bill.decoded.message.charge_minutes) == (NO_TIME, None)
    assert {"stages_dwh", "stop_reason"} <= bill.decoded.untold
    assert [seen.line for seen in (authorise, stop, bill)] == [2, 4, 5]
    assert [seen.index for seen in (authorise, stop, bill)] == [1, 2, 3]


def test_what_its_protocol_has_no_place_for_is_not_untold() -> None:
    _, _, report, *_ = decoded("szds-34")
    assert isinstance(report.decoded.message, GunReport)
    assert "soc_percent" not in report.decoded.untold
    assert {"meter_dwh", "start", "energy_dwh"} <= report.decoded.untold


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("13/3/2020 10:00:00 鉴权", "2020-03-11 15:54:07.000"),
        ("3/13/2020 10:00:00 鉴权", "2020-11-03 15:54:07.000"),
    ],
)
def test_it_learns_from_the_other_dates_which_of_two_numbers_is_the_day(
    other: str, expected: str, tmp_path: Path
) -> None:
    found = read(tmp_path, "11/3/2020 15:54:07 鉴权", other)
    assert expected in {at(found, mention) for mention in mentions(found)}
    assert any("3/4/2020" in remark for remark in found.remarks)
