"""What logs of other tools hold besides frames: other encodings, dates that can be read two ways, connections."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from logs import by_direction, frames_in, frames_of, imported, short
from renderings import absolute, local, marked, solid

from pilesim.trace.events import LineDown, LineUp, Missing
from pilesim.trace.importers.imported import Imported, Wishes
from pilesim.trace.importers.load import load_log
from pilesim.trace.importers.text import linked_by
from pilesim.units import DAY, MS, S
from pilesim.wire.frame import End

CHINESE = marked("发送", "接收", line="{time} 报文{mark}: {data}")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gbk", "gb18030"])
def test_it_reads_the_encodings_of_windows_tools(encoding: str, packed: bool, tmp_path: Path) -> None:
    items = short(End.PLATFORM)
    # A byte-order mark stands there only where the encoding writes one: the first line shows the others.
    data = "\r\n".join(["pile log", *CHINESE(items, End.PLATFORM), ""]).encode(encoding)
    path = tmp_path / "a.log"
    path.write_bytes(gzip.compress(data) if packed else data)
    found = load_log(path, Wishes())
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(items, MS))
    assert [line.text for line in found.unread] == ["pile log"]


def dated(layout: str, days_on: int, folder: Path) -> Imported:
    """The short order from 2020-03-11 on, and all of it once more some days later."""
    items = short(End.PLATFORM)
    lines = [
        f"{local(item.epoch_ns + days * DAY).strftime(layout)}.{item.epoch_ns % S // MS:03} "
        f"{'RX' if item.direction is End.PILE.sends else 'TX'} {solid(item.data)}"
        for days in (0, days_on)
        for item in items
    ]
    return imported(folder / "a.log", lines)


@pytest.mark.parametrize(
    ("layout", "days_on", "said"),
    [
        ("%d/%m/%Y %H:%M:%S", 2, "have the day first"),
        ("%m/%d/%Y %H:%M:%S", 2, "have the month first"),
        ("%d-%m-%Y %H:%M:%S", 2, "have the day first"),
        ("%m.%d.%Y %H:%M:%S", 2, "have the month first"),
        ("%m/%d/%Y %H:%M:%S", 1, "are read with the month first"),
        ("%d.%m.%Y %H:%M:%S", 1, "are read with the month first, 3.4.2020 with the day first"),
    ],
)
def test_it_tells_day_from_month_by_the_whole_log(layout: str, days_on: int, said: str, tmp_path: Path) -> None:
    found = dated(layout, days_on, tmp_path)
    first_ns = short(End.PLATFORM)[0].epoch_ns
    assert frames_of(found.trace)[0][0] == first_ns // MS * MS
    assert frames_of(found.trace)[-1][0] - frames_of(found.trace)[0][0] > days_on * DAY
    assert any(said in remark for remark in found.remarks)


COME = (
    "client 10.0.0.7:40000 connected",
    "Connection established",
    "new connection from 10.0.0.7",
    "充电桩上线",
    "连接",
    "设备已连接",
)
GONE = ("client disconnected", "Connection lost", "connection was closed by peer", "连接断开", "设备离线", "桩已掉线")
NEITHER = (
    "gun 1 connected",
    "cable disconnected",
    "枪已连接",
    "database connected",
    "not connected, retrying",
    "connecting to the platform",
    "连接失败",
    "连接超时",
    "hello",
)


@pytest.mark.parametrize(
    ("text", "linked"),
    [*((text, True) for text in COME), *((text, False) for text in GONE), *((text, None) for text in NEITHER)],
)
def test_it_knows_lines_that_tell_of_the_connection(text: str, linked: bool | None) -> None:
    assert linked_by(f"2020-03-11 14:00:00.123 INFO {text}") is linked


def with_links(gone: str, come: str) -> tuple[list[str], int]:
    """The short order, with the line lost and had again before one of its lines; and that line's index."""
    lines = absolute("上行", "下行")(short(End.PLATFORM), End.PLATFORM)
    at = len(lines) // 2
    time = lines[at].partition(" 上")[0].partition(" 下")[0]
    return [f"{lines[0][:23]} {come}", *lines[:at], f"{time} {gone}", f"{time} {come}", *lines[at:]], at


@pytest.mark.parametrize(("gone", "come"), [("连接断开", "上线"), ("disconnected", "connected")])
def test_it_takes_the_connections_that_a_log_tells(gone: str, come: str, tmp_path: Path) -> None:
    lines, at = with_links(gone, come)
    found = imported(tmp_path / "a.log", lines)
    links = [type(event) for event in found.trace.events if isinstance(event, LineUp | LineDown)]
    assert links == [LineUp, LineDown, LineUp]
    assert [type(event) for event in found.trace.events[at + 1 : at + 3]] == [LineDown, LineUp]
    assert (found.missing, found.unread_count) == ((Missing.ACTS,), 0)


def test_it_knows_no_connections_where_a_log_tells_only_of_their_ends(tmp_path: Path) -> None:
    lines, _ = with_links("disconnected", "hello")
    assert Missing.CONNECTIONS in imported(tmp_path / "a.log", lines).missing


def test_it_takes_a_first_byte_for_a_count_only_where_every_line_has_one(tmp_path: Path) -> None:
    items = short(End.PLATFORM)
    piece = bytes([0x15, *range(15)])
    lines = marked("TX", "RX")(items, End.PLATFORM)
    found = imported(tmp_path / "a.log", [*lines, f"{lines[-1][:26]} TX: {piece.hex(' ')}"])
    assert found.trace.events[-2].data == piece  # type: ignore[union-attr]
