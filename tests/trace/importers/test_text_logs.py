"""Logs of lines, in every usual dress: the same frames, at the same times, in the same directions."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, date, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from enough import examples
from hypothesis import given
from hypothesis import strategies as st
from logs import by_direction, frames_in, frames_of, imported, logged, short
from renderings import (
    Render,
    absolute,
    cut_over_lines,
    dumps,
    epoch_ms,
    header_lines,
    jpnevulator,
    jpnevulator_with_characters,
    listed,
    marked,
    netty,
    portmon,
    signed,
    since_boot,
    socat,
    solid,
    spaced,
    stamp,
    two_columns,
    ulog_hex,
    unmarked,
    zephyr,
)

from pilesim.errors import FileError
from pilesim.rules.judge import judge
from pilesim.rules.verdict import Verdict
from pilesim.trace.events import Chunk, LineDown, LineUp, Missing, Vantage
from pilesim.trace.importers.imported import Ledger, LineOrder, Wishes
from pilesim.trace.importers.pieces import Piece
from pilesim.trace.importers.source import Source
from pilesim.trace.importers.stamps import Tells, find_moment
from pilesim.trace.importers.text import Layout, read_pieces
from pilesim.units import DAY, HOUR, MINUTE, MS, US, S, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Opaque
from pilesim.wire.protocol import protocol_named

MARKED: dict[str, Render] = {
    "TX RX, full date, spaced": marked("TX", "RX"),
    "SEND RECV, comma, solid": marked("SEND", "RECV", solid, sign=","),
    "arrows, colon before the ms, a length": marked(">>", "<<", solid, "{time} {mark} [{size}] {data}", sign=":"),
    "thin arrows, a level and a pile number": marked("->", "<-", line="{time} INFO 44030500040000200026 {mark} {data}"),
    "Chinese words": marked("发送", "接收", line="{time} {mark}数据: {data}"),
    "a serial assistant's diamonds": marked("发→◇", "收←◆", line="[{time}]{mark}{data} □"),
    "0x lists, ISO times": marked("tx", "rx", listed, layout="%Y-%m-%dT%H:%M:%S"),
    "0x lists in CSV": marked("TX", "RX", listed, "{time},{mark},{data}"),
    "slashes, no year": marked("Tx", "Rx", layout="%m-%d %H:%M:%S"),
    "time of day only": marked("OUT", "IN", layout="%H:%M:%S"),
    "compact date": marked("TX", "RX", layout="%Y%m%d %H%M%S"),
    "written and read": marked("Written data", "Read data"),
    "dashes": marked("TX", "RX", lambda data: data.hex("-")),
    "colons": marked("TX", "RX", lambda data: data.hex(":")),
    "tabs": marked("TX", "RX", lambda data: data.hex(" ").replace(" ", "\t"), "{time}\t{mark}\t{data}"),
    "month by name": marked("TX", "RX", layout="%b %d %H:%M:%S"),
    "ms since 1970": epoch_ms,
    "time and way on a line of their own": header_lines,
    "hexdump -C": dumps,
    "frames cut over lines": cut_over_lines,
    "socat -x": socat,
    "a box of Netty's": netty,
    "bytes of Python's": marked("send", "recv", repr),
    "an assembler's": marked("TX", "RX", lambda data: " ".join(f"{byte:02X}H" for byte in data)),
    "in colours": marked("SEND", "RECV", line="\x1b[32m{time}\x1b[0m \x1b[1;33m{mark}\x1b[0m {data}"),
}
"""Forms whose marks are those of whoever made the log."""
WHOLE: dict[str, Render] = {
    "an array of Java's": marked("write", "received", signed),
    "a slice of Go's": marked("write", "read", lambda data: f"[{' '.join(map(str, data))}]"),
    "base64": marked("send", "recv", lambda data: b64encode(data).decode()),
    "base64 in JSON": marked(
        "out", "in", lambda data: b64encode(data).decode(), '{{"t":"{time}","dir":"{mark}","data":"{data}"}}'
    ),
}
"""The same, of whole frames only: a few bytes in these forms look like any words and numbers."""
ABSOLUTE: dict[str, Render] = {
    "Chinese": absolute("上行", "下行"),
    "up and down": absolute("UP", "DOWN", "{time} [{mark}] {data}"),
    "names and an arrow": absolute("pile -> platform", "platform -> pile"),
    "Chinese names": absolute("充电桩→平台", "平台→充电桩", "[{time}] {mark}: {data}"),
    "arrows": absolute("↑", "↓"),
    "from": absolute("from pile", "to pile", "{time} {mark}: {data}", solid),
    "no mark": unmarked,
    "two columns": two_columns,
    "two ports": jpnevulator,
    "two ports, with characters": jpnevulator_with_characters,
}
SINCE_BOOT: dict[str, Render] = {
    "RT-Thread": since_boot("[{ms:8}] D/NO_TAG: uart_{way} {data}"),
    "RT-Thread in colours": since_boot("\x1b[32m[{ms}] I/UART {way}: {data}\x1b[0m", solid),
    "RT-Thread's dump": ulog_hex,
    "ESP-IDF": since_boot("I ({ms}) uart_events: {way}: {data}", lambda data: data.hex(" ")),
    "Zephyr's dump": zephyr,
}
"""Logs of firmware, whose times count from when it was started."""


@pytest.mark.one_in(3)
@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("form", [*MARKED, *WHOLE])
def test_it_reads_a_log_of_either_end_and_tells_which_it_is(form: str, end: End, tmp_path: Path) -> None:
    # A year and a day that lines do not tell are those of the frames.
    found = logged(tmp_path, (MARKED | WHOLE)[form], end)
    resolution_ns = US if form == "socat -x" else MS
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(short(end), resolution_ns))
    assert (found.vantage, found.trace.header.ends, found.unread_count) == (Vantage(end.value), (end,), 0)
    assert found.missing == (Missing.ACTS, Missing.CONNECTIONS)


@pytest.mark.parametrize("form", ABSOLUTE)
def test_it_reads_a_log_that_belongs_to_neither_end(form: str, tmp_path: Path) -> None:
    found = logged(tmp_path, ABSOLUTE[form], End.PLATFORM)
    resolution_ns = US if form == "two ports" else MS
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(short(End.PLATFORM), resolution_ns))
    assert (found.vantage, found.unread_count) == (Vantage.UNKNOWN, 0)
    assert any("--vantage" in remark for remark in found.remarks)


def test_it_knows_a_serial_line_by_its_ports(tmp_path: Path) -> None:
    assert logged(tmp_path, jpnevulator, End.PILE).trace.header.connectionless
    assert not logged(tmp_path, two_columns, End.PILE).trace.header.connectionless


def test_it_sets_times_since_the_start_by_the_time_that_the_platform_tells(tmp_path: Path) -> None:
    found = logged(tmp_path, portmon, End.PILE)
    frames, expected = frames_of(found.trace), frames_in(short(End.PILE))
    assert (found.form, found.vantage) == ("serial", Vantage.PILE)
    assert found.clock.endswith("since an unknown start")
    assert any("where the platform's first time is right" in remark for remark in found.remarks)
    offsets = {(had - now) // (10 * MS) for (had, _, _), (now, _, _) in zip(expected, frames, strict=True)}
    assert len(offsets) == 1
    assert abs(expected[0][0] - frames[0][0]) < S, "the platform's time was right"


@pytest.mark.parametrize("form", SINCE_BOOT)
def test_it_reads_the_times_of_firmware_as_since_its_start(form: str, tmp_path: Path) -> None:
    found = logged(tmp_path, SINCE_BOOT[form], End.PILE)
    frames, expected = frames_of(found.trace), frames_in(short(End.PILE))
    assert [frame[1:] for frame in frames] == [frame[1:] for frame in expected]
    assert {(had - now) // (10 * MS) for (had, _, _), (now, _, _) in zip(expected, frames, strict=True)} == {0}
    assert "since an unknown start" in found.clock
    assert Missing.TIMES not in found.missing
    assert (found.vantage, found.unread_count) == (Vantage.PILE, 0)


HEARTBEATS = (0x05, 0x06)


def test_it_says_that_an_hour_is_made_up_where_nothing_tells_the_start(tmp_path: Path) -> None:
    # EV-Link's command stands behind the start byte, length, version, number and pile number.
    beats = [item for item in short(End.PILE) if item.data[31] in HEARTBEATS]
    found = imported(tmp_path / "a.log", SINCE_BOOT["RT-Thread"](beats, End.PILE))
    assert found.clock.endswith("since an unknown start: the hour is made up")
    assert any("--day" in remark for remark in found.remarks)
    times = [time for time, _, _ in frames_of(found.trace)]
    assert times[-1] - times[0] == (beats[-1].epoch_ns - beats[0].epoch_ns) // MS * MS


def test_it_goes_on_where_a_device_was_started_anew(tmp_path: Path) -> None:
    lines = SINCE_BOOT["RT-Thread"](short(End.PILE), End.PILE)
    half = len(lines) // 2
    began_ms = [int(line.split("]")[0].strip("[ ")) for line in lines]
    anew = [f"[{ms - began_ms[half] + 900}]{line.split(']', 1)[1]}" for ms, line in zip(began_ms, lines, strict=True)]
    found = imported(tmp_path / "a.log", [*lines[:half], *anew[half:]])
    assert any(f"was another start, first at line {half + 1}" in remark for remark in found.remarks)
    times = [event.t_ns // MS for event in found.trace.events if isinstance(event, Chunk)]
    assert [later - now for now, later in pairwise(times[half:])] == [b - a for a, b in pairwise(began_ms[half:])]
    assert times[half] == times[half - 1]


@pytest.mark.parametrize("text", ["[1234] FE 26", "I (12) is", "[12:34:56.789,012] FE", "[583] D: x", "(1234) uart:"])
def test_it_takes_no_number_for_the_time_of_firmware(text: str) -> None:
    found = find_moment(text)
    assert found is None or found[0].tells is not Tells.SINCE


def test_it_puts_lines_without_times_1_ms_apart_and_says_that_no_time_may_be_believed(tmp_path: Path) -> None:
    found = logged(tmp_path, marked("TX", "RX", line="{mark} {data}"), End.PILE)
    assert [raw for _, _, raw in frames_of(found.trace)] == [raw for _, _, raw in frames_in(short(End.PILE))]
    assert Missing.TIMES in found.missing
    assert "no times" in found.clock


@pytest.mark.parametrize(
    ("written", "told", "resolution_ns"),
    [
        ({"layout": "%Y-%m-%d %H:%M", "digits": 0}, "the minute", MINUTE),
        ({"digits": 0}, "the second", S),
        ({"layout": "%Y-%m-%d %H:%M:%S.000", "digits": 0}, "the second", S),
        ({"digits": 1}, "100ms", 100 * MS),
        ({"digits": 3}, "the millisecond", 0),
        ({"digits": 6}, "the microsecond", 0),
    ],
)
def test_it_says_what_the_clock_is_worth(
    written: dict[str, Any], told: str, resolution_ns: int, tmp_path: Path
) -> None:
    found = logged(tmp_path, marked("TX", "RX", **written), End.PILE)
    more = ": whatever has a deadline is given so much more" if resolution_ns else ""
    assert found.clock == f"to {told}{more}"
    assert found.trace.header.resolution_ns == resolution_ns


@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("written", [{"layout": "%Y-%m-%d %H:%M", "digits": 0}, {"digits": 0}])
def test_it_holds_nothing_against_anybody_for_times_that_are_coarse(
    written: dict[str, Any], end: End, tmp_path: Path
) -> None:
    trace = logged(tmp_path, marked("TX", "RX", **written), end).trace
    assert judge(trace.header, trace.events).failed() == ()


def test_it_reads_a_frame_that_is_cut_over_two_lines_of_whole_seconds(tmp_path: Path) -> None:
    first = short(End.PILE)[0]
    at = stamp(first.epoch_ns, digits=0)
    later = stamp(first.epoch_ns + S, digits=0)
    lines = [f"{at} TX {spaced(first.data[:20])}", f"{later} TX {spaced(first.data[20:])}"]
    found = imported(tmp_path / "a.log", lines)
    assert [raw for _, _, raw in frames_of(found.trace)] == [first.data]


def test_a_frame_that_is_cut_over_two_seconds_is_whole_before_its_answer(tmp_path: Path) -> None:
    first, answer = short(End.PILE)[0], next(item for item in short(End.PILE) if item.direction is Direction.DOWN)
    at, later = (stamp(first.epoch_ns + ns, digits=0) for ns in (0, S))
    lines = [f"{at} TX {spaced(first.data[:20])}", f"{later} TX {spaced(first.data[20:])}"]
    found = imported(tmp_path / "a.log", [*lines, f"{later} RX {spaced(answer.data)}"])
    chunks = [(event.line, event.data) for event in found.trace.events if isinstance(event, Chunk)]
    assert chunks == [(1, first.data), (3, answer.data)]


def test_it_takes_the_count_of_a_line_off_its_bytes_but_no_byte_that_begins_frames(tmp_path: Path) -> None:
    counted = [f"TX {len(item.data)} {spaced(item.data)}" for item in short(End.PILE) if len(item.data) < 100]
    found = imported(tmp_path / "a.log", counted)
    assert [event.data for event in found.trace.events if isinstance(event, Chunk)] == [
        item.data for item in short(End.PILE) if len(item.data) < 100
    ]
    spoken = protocol_named("ykc-1.6")
    # 69 bytes, of which the first looks like the count of the 68 that follow it.
    frame = spoken.session(End.PLATFORM, "44030500040001").build(Opaque(gun=1, number=0x44, data=bytes(61)))
    assert (len(frame), frame[0]) == (68 + 1, 0x68)
    found = imported(tmp_path / "b.log", [f"2020-03-11 10:00:0{n}.000 TX {spaced(frame)}" for n in range(3)])
    assert [event.data for event in found.trace.events if isinstance(event, Chunk)] == [frame] * 3


def test_it_takes_two_numbers_and_a_colon_for_no_time_where_no_date_is(tmp_path: Path) -> None:
    first = short(End.PILE)[0]
    found = imported(tmp_path / "a.log", [f"12:36 TX {spaced(first.data)}"])
    assert Missing.TIMES in found.trace.header.missing


def test_it_takes_several_frames_a_line(tmp_path: Path) -> None:
    items = short(End.PILE)
    both = items[0].data + items[1].data
    lines = [f"12:00:00.000 TX {solid(items[0].data)} {solid(items[1].data)}", f"12:00:01.000 TX {spaced(both)}"]
    found = imported(tmp_path / "a.log", lines)
    assert [raw for _, _, raw in frames_of(found.trace)] == [items[0].data, items[1].data] * 2


def test_it_takes_the_vantage_s_word_for_what_tx_is_and_says_when_the_frames_contradict(tmp_path: Path) -> None:
    found = logged(tmp_path, MARKED["TX RX, full date, spaced"], End.PILE, Wishes(vantage=Vantage.PLATFORM))
    assert found.vantage is Vantage.PLATFORM
    first = next(event for event in found.trace.events if isinstance(event, Chunk))
    assert first.direction is Direction.DOWN
    assert any("go the other way" in remark for remark in found.remarks)


# Time, zone, order --------------------------------------------------------------------------------------------


def start_of(lines: list[str], path: Path, wishes: Wishes) -> int:
    trace = imported(path, lines, wishes).trace
    return parse_world_start_ns(trace.header.start) + trace.events[0].t_ns


BEAT = spaced(short(End.PILE)[2].data)
"""A frame that names no time."""


@pytest.mark.parametrize(
    ("line", "wishes", "expected"),
    [
        ("2020-03-11 14:00:00.5 TX ", Wishes(), "2020-03-11T14:00:00.5+08:00"),
        ("2020-03-11 14:00:00.5 TX ", Wishes(zone=UTC), "2020-03-11T14:00:00.5+00:00"),
        ("2020-03-11T14:00:00.5Z TX ", Wishes(), "2020-03-11T14:00:00.5+00:00"),
        ("2020-03-11T14:00:00.5+0200 TX ", Wishes(), "2020-03-11T14:00:00.5+02:00"),
        ("1583906400.5 TX ", Wishes(zone=timezone(timedelta(hours=-3))), "2020-03-11T06:00:00.5+00:00"),
        ("03-11 14:00:00.5 TX ", Wishes(year=2019), "2019-03-11T14:00:00.5+08:00"),
        ("03-11 14:00:00.5 TX ", Wishes(written=date(2021, 4, 1)), "2021-03-11T14:00:00.5+08:00"),
        ("14:00:00.5 TX ", Wishes(day=date(2018, 7, 6)), "2018-07-06T14:00:00.5+08:00"),
        ("14:00:00.5 TX ", Wishes(written=date(2021, 4, 1)), "2021-04-01T14:00:00.5+08:00"),
    ],
)
def test_it_takes_year_day_and_zone_from_the_line_the_wishes_or_the_file(
    line: str, wishes: Wishes, expected: str, tmp_path: Path
) -> None:
    assert start_of([line + BEAT], tmp_path / "a.log", wishes) == parse_world_start_ns(expected)


def test_it_says_which_year_day_and_zone_it_took(tmp_path: Path) -> None:
    wishes = Wishes(written=date(2021, 4, 1))
    assert any("2021-04-01" in r for r in imported(tmp_path / "a.log", [f"14:00:00 TX {BEAT}"], wishes).remarks)
    found = imported(tmp_path / "a.log", [f"03-11 14:00:00 TX {BEAT}"], wishes)
    assert {
        "the year is 2021: the day on which the file was written (--year)",
        "times are those of UTC+08:00 (--tz)",
    } <= {*found.remarks}


@pytest.mark.parametrize(
    ("first", "second", "apart_ns"),
    [
        ("23:59:59.000", "00:00:01.000", 2 * S),
        ("12-31 23:59:59.000", "01-01 00:00:01.000", 2 * S),
        ("02-28 12:00:00.000", "03-01 12:00:00.000", 2 * DAY),
    ],
)
def test_it_goes_on_over_midnight_and_new_year(first: str, second: str, apart_ns: int, tmp_path: Path) -> None:
    found = imported(tmp_path / "a.log", [f"{first} TX {BEAT}", f"{second} TX {BEAT}"], Wishes(year=2020))
    (earlier, _, _), (later, _, _) = frames_of(found.trace)
    assert later - earlier == apart_ns


def test_it_puts_lines_that_are_a_little_late_where_they_belong_and_counts_them(tmp_path: Path) -> None:
    lines = MARKED["TX RX, full date, spaced"](short(End.PILE), End.PILE)
    times = [line[:25] for line in lines]
    at = next(n for n in range(len(lines)) if n and times[n] > times[n - 1])
    swapped = [*lines[: at - 1], lines[at], lines[at - 1], *lines[at + 1 :]]
    found = imported(tmp_path / "a.log", swapped)
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(short(End.PILE), MS))
    assert any("1 line stood after later ones" in remark for remark in found.remarks)
    kept = imported(tmp_path / "a.log", swapped, Wishes(order=LineOrder.FILE))
    assert [raw for _, _, raw in frames_of(kept.trace)][: at + 1] != [raw for _, _, raw in frames_of(found.trace)][
        : at + 1
    ]


def test_it_keeps_the_order_of_lines_after_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """When they have nearly caught up with it, too: they are not a little late, each in its own place."""
    items = short(End.PILE)
    ticks = [
        replace(item, epoch_ns=items[0].epoch_ns + (n if n < len(items) // 2 else n - 20) * S)
        for n, item in enumerate(items)
    ]
    found = imported(tmp_path / "a.log", MARKED["TX RX, full date, spaced"](ticks, End.PILE))
    assert [raw for _, _, raw in frames_of(found.trace)] == [item.data for item in items]
    assert any("as when the clock was set back" in remark for remark in found.remarks)


def test_it_turns_a_log_round_that_begins_with_its_newest_line(tmp_path: Path) -> None:
    ticks = [replace(item, epoch_ns=item.epoch_ns + n * S) for n, item in enumerate(short(End.PILE))]
    lines = MARKED["TX RX, full date, spaced"](ticks, End.PILE)
    found = imported(tmp_path / "a.log", lines[::-1])
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(ticks, MS))
    assert any("newest line" in remark for remark in found.remarks)


@pytest.mark.parametrize(("told", "verdict"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.FAIL)])
def test_it_says_when_the_platform_s_time_is_whole_hours_away(tmp_path: Path, told: bool, verdict: Verdict) -> None:
    found = logged(tmp_path, MARKED["TX RX, full date, spaced"], End.PILE, Wishes(zone=UTC, zone_told=told))
    assert any("8 h earlier" in remark and "--tz" in remark for remark in found.remarks)
    (clock,) = (rule for rule in judge(found.trace.header, found.trace.events).rules if rule.id == "platform.clock")
    assert clock.verdict is verdict
    assert told or clock.reason == f"the log lacks {Missing.ZONE}"


# What is left over --------------------------------------------------------------------------------------------


def test_it_counts_and_shows_the_lines_that_it_cannot_read(tmp_path: Path) -> None:
    lines = [
        "=== log of pile 7 ===",
        "2020-03-11 13:59:00 ready to serve 192.0.2.1",
        *unmarked(short(End.PILE), End.PILE),
    ]
    lines.insert(5, "12:00 order 20200311140030000001 face added, 16 bytes")
    found = imported(tmp_path / "a.log", lines)
    assert found.unread_count == 3
    assert [(line.line, line.text) for line in found.unread] == [(n, lines[n - 1]) for n in (1, 2, 6)]
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(short(End.PILE), MS))


def test_it_tells_of_bytes_that_are_no_frame_where_no_mark_tells_their_direction(tmp_path: Path) -> None:
    reply = spaced(next(item.data for item in short(End.PILE) if item.direction is Direction.DOWN))
    found = imported(tmp_path / "a.log", [f"12:00:00 {BEAT}", "12:00:01 DE AD BE EF 00 11", f"12:00:02 {reply}"])
    assert [(line.line, line.text) for line in found.unread] == [(2, "de ad be ef 00 11")]


@pytest.mark.parametrize(("way", "lacks"), [(Direction.UP, Missing.DOWN), (Direction.DOWN, Missing.UP)])
def test_it_says_when_a_log_holds_one_direction_only(way: Direction, lacks: Missing, tmp_path: Path) -> None:
    items = [item for item in short(End.PILE) if item.direction is way]
    found = imported(tmp_path / "a.log", ABSOLUTE["up and down"](items, End.PILE))
    assert lacks in found.missing


def test_it_lists_the_piles_of_a_log_of_several_and_takes_the_one_that_is_chosen(tmp_path: Path) -> None:
    first = unmarked(short(End.PLATFORM), End.PLATFORM)
    # The same frames of another pile: its digits lie in the clear, and the checksum is an XOR, which two swaps keep.
    other = [line.replace("32 30 30 30 32 36", "32 30 30 30 36 32") for line in first]
    both = [line for pair in zip(first, other, strict=True) for line in pair]
    with pytest.raises(FileError, match=r"44030500040000200026 .*44030500040000200062 .*--pile"):
        imported(tmp_path / "a.log", both)
    found = imported(tmp_path / "a.log", both, Wishes(pile="44030500040000200026"))
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(short(End.PLATFORM), MS))
    assert any(f"{len(first)} frames of other piles are left out" in remark for remark in found.remarks)


def test_it_takes_a_hello_after_a_silence_for_a_new_connection(tmp_path: Path) -> None:
    items = short(End.PLATFORM)
    again = [replace(item, epoch_ns=item.epoch_ns + HOUR) for item in items]
    found = imported(tmp_path / "a.log", cut_over_lines([*items, *again], End.PLATFORM))
    lines = [(type(event), event.t_ns) for event in found.trace.events if isinstance(event, LineUp | LineDown)]
    start_ns = parse_world_start_ns(found.trace.header.start)
    last, first = (items[-1].epoch_ns // MS * MS, again[0].epoch_ns // MS * MS)
    assert lines == [(LineDown, last - start_ns), (LineUp, first - start_ns)]
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in([*items, *again], MS))


def test_it_takes_a_hello_that_is_said_again_for_a_new_connection(tmp_path: Path) -> None:
    """The line has held up what was sent on the old one, and lets all go at once."""
    items = short(End.PLATFORM)
    at_once = [replace(item, epoch_ns=items[-1].epoch_ns) for item in items]
    found = imported(tmp_path / "a.log", marked("TX", "RX")([*items, *at_once], End.PLATFORM))
    lines = [type(event) for event in found.trace.events if isinstance(event, LineUp | LineDown)]
    assert lines == [LineDown, LineUp]


def test_it_gives_each_chunk_the_line_that_its_bytes_came_from(tmp_path: Path) -> None:
    found = logged(tmp_path, unmarked, End.PILE)
    chunks = [event for event in found.trace.events if isinstance(event, Chunk)]
    lines = (tmp_path / "a.log").read_text(encoding="utf-8").splitlines()
    assert all(spaced(chunk.data) in lines[chunk.line - 1] for chunk in chunks)


# Any of them --------------------------------------------------------------------------------------------------


@examples(15)
@given(
    form=st.sampled_from(sorted(MARKED)),
    end=st.sampled_from(End),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    begin=st.integers(0, 20),
    stretch=st.integers(1, 40),
)
def test_it_reads_the_same_frames_however_they_were_dressed_and_cut(
    form: str, end: End, cuts: list[int], begin: int, stretch: int
) -> None:
    items = short(end)[begin:]
    first_ns = items[0].epoch_ns
    items = tuple(replace(item, epoch_ns=first_ns + (item.epoch_ns - first_ns) * stretch) for item in items)
    pieces = []
    for n, item in enumerate(items):
        at = 0
        while at < len(item.data):
            # A few bytes on a line could be a number or a word.
            size = max(cuts[n % len(cuts)], 6)
            size = size if len(item.data) - at - size >= 6 else len(item.data)
            pieces.append(replace(item, data=item.data[at : at + size]))
            at += size
    with TemporaryDirectory() as folder:
        found = imported(Path(folder) / "a.log", MARKED[form](pieces, end), Wishes(year=2020, day=date(2020, 3, 11)))
    resolution_ns = US if form == "socat -x" else MS
    assert by_direction(frames_of(found.trace)) == by_direction(frames_in(items, resolution_ns))


STYLES = {**MARKED, **WHOLE, **ABSOLUTE, **SINCE_BOOT, "a port monitor's": portmon}


@examples(80)
@given(
    style=st.sampled_from(sorted(STYLES)),
    end=st.sampled_from(End),
    begin=st.integers(0, 20),
    hours=st.integers(0, 3),
    encoding=st.sampled_from(["utf-8", "gb18030"]),
    # Of the lines that stand like some before them, and so after those.
    changes=st.lists(
        st.tuples(
            st.integers(3, 25), st.integers(0, 250), st.sampled_from("09Af x:;,.-\t\0\x1b[]bR>≥一é"), st.integers(0, 2)
        ),
        max_size=6,
    ),
    strange=st.lists(st.tuples(st.integers(0, 25), st.text("0123456789ABCDEF :.-TXR,[]\t", max_size=60)), max_size=3),
)
def test_it_reads_a_line_that_stands_like_others_as_if_it_stood_alone(
    style: str,
    end: End,
    begin: int,
    hours: int,
    encoding: str,
    changes: list[tuple[int, int, str, int]],
    strange: list[tuple[int, str]],
) -> None:
    items = [
        replace(item, epoch_ns=item.epoch_ns + n * hours * HOUR // 8)
        for n, item in enumerate(short(end)[begin : begin + 30])
    ]
    lines = STYLES[style](items, end)
    for index, at, char, taken in changes:
        line = lines[index % len(lines)]
        lines[index % len(lines)] = line[: at % (len(line) + 1)] + char + line[at % (len(line) + 1) + taken :]
    for index, line in strange:
        lines.insert(index % len(lines), line)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "a.log"
        path.write_bytes("\n".join(lines).encode(encoding))
        at_once, alone = Ledger(), Ledger()
        found = list(read_pieces(Source(path), at_once))
        patch.setattr(Layout, "read", lambda layout, number, text: None)
        assert found == list(read_pieces(Source(path), alone))
        assert at_once == alone


@pytest.mark.parametrize("style", ["TX RX, full date, spaced", "Chinese words", "SEND RECV, comma, solid", "no mark"])
def test_it_reads_most_lines_at_once(style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what it reads would be right, and slow."""
    read, missed = Layout.read, []

    def counted(layout: Layout, number: int, text: str) -> Piece | None:
        piece = read(layout, number, text)
        missed.extend([number] * (piece is None))
        return piece

    monkeypatch.setattr(Layout, "read", counted)
    path = tmp_path / "a.log"
    path.write_text("\n".join(STYLES[style](short(End.PILE), End.PILE)), encoding="utf-8")
    assert len(missed) < 10 < len(list(read_pieces(Source(path), Ledger())))


def test_it_takes_names_that_look_like_base64_for_none_beside_hex(tmp_path: Path) -> None:
    """What is base64 by chance is no byte of a log whose bytes are hex."""
    line = "{time} {mark} {data}\n{time} io.pile.ChargeHandler2Context0 began"
    found = logged(tmp_path, marked("TX", "RX", line=line), End.PILE)
    plain = logged(tmp_path, marked("TX", "RX"), End.PILE)
    assert frames_of(found.trace) == frames_of(plain.trace)
    assert found.unread_count == len(frames_of(plain.trace))
