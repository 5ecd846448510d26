"""The seven-byte time."""

from __future__ import annotations

import pytest
from handmade import time
from hypothesis import given
from hypothesis import strategies as st

from pilesim.units import parse_world_start_ns
from pilesim.wire.cp56 import NO_TIME_SHOWN, read_time, show_time, write_time
from pilesim.wire.messages import NO_TIME, Stamp

READ: list[tuple[str, bytes, str]] = [
    ("a field case's instant", time(2020, 3, 3, 12, 36, 46.014), "2020-03-03T12:36:46.014+08:00"),
    ("the weekday of live frames", time(2020, 3, 3, 12, 36, 46.014, weekday=2), "2020-03-03T12:36:46.014+08:00"),
    ("a leap day's last instant", time(2020, 2, 29, 23, 59, 59.999), "2020-02-29T23:59:59.999+08:00"),
    ("the first day", time(2000, 1, 1, 0, 0, 0), "2000-01-01T00:00:00+08:00"),
    ("the last year", time(2127, 12, 31, 23, 59, 59.999), "2127-12-31T23:59:59.999+08:00"),
    ("all spare bits set", bytes([0, 0, 0xC5, 0xE6, 0xE7, 0xF8, 0x94]), "2020-08-07T06:05:00+08:00"),
]


@pytest.mark.parametrize(("raw", "text"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_it_reads_local_time_and_ignores_spare_bits(raw: bytes, text: str) -> None:
    assert read_time(raw) == Stamp(parse_world_start_ns(text))


IMPOSSIBLE = {
    "day 0": bytes([0, 0, 0, 0, 0x00, 3, 20]),
    "a weekday and nothing else": bytes([0, 0, 0, 0, 0x60, 0, 0]),
    "month 0": bytes([0, 0, 0, 0, 3, 0, 20]),
    "month 13": bytes([0, 0, 0, 0, 3, 13, 20]),
    "31 April": bytes([0, 0, 0, 0, 31, 4, 20]),
    "29 February 2019": bytes([0, 0, 0, 0, 29, 2, 19]),
    "hour 24": bytes([0, 0, 0, 24, 3, 3, 20]),
    "minute 60": bytes([0, 0, 60, 0, 3, 3, 20]),
    "60000 ms": bytes([0x60, 0xEA, 0, 0, 3, 3, 20]),
    "all ones": b"\xff" * 7,
}


@pytest.mark.parametrize("raw", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_it_keeps_an_impossible_date_as_its_bytes(raw: bytes) -> None:
    assert read_time(raw) == Stamp(None, raw)
    assert write_time(read_time(raw)) == raw
    assert show_time(read_time(raw)) == f"bad time {raw.hex(' ')}"


def test_it_takes_all_zero_for_no_time_and_shows_what_the_field_saw() -> None:
    assert read_time(bytes(7)) is NO_TIME
    assert write_time(NO_TIME) == bytes(7)
    assert show_time(NO_TIME) == NO_TIME_SHOWN == "no time (a lenient calendar shows 1999-11-30 00:00:00)"


def test_it_cuts_to_the_millisecond() -> None:
    ns = parse_world_start_ns("2020-03-03T12:36:46.014+08:00")
    assert write_time(Stamp(ns + 999_999)) == time(2020, 3, 3, 12, 36, 46.014)


@given(st.binary(min_size=7, max_size=7))
def test_it_reads_any_bytes_and_writes_what_reads_the_same(raw: bytes) -> None:
    stamp = read_time(raw)
    assert read_time(write_time(stamp)) == stamp
    assert (stamp.epoch_ns is None) or not stamp.bad
