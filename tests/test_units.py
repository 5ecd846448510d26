"""Durations, money, energy and times: their texts both ways, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilesim import units
from pilesim.errors import EncodingError, FileError, InternalError, PilesimError, RigError, UsageError
from pilesim.units import DAY, HOUR, MINUTE, MS, US, S, numbered

DURATIONS = [
    ("0s", 0),
    ("250ms", 250 * MS),
    ("1.5ms", 1500 * US),
    ("1s", S),
    ("90.25s", 90 * S + 250 * MS),
    ("5m41.6s", 5 * MINUTE + 41_600 * MS),
    ("1h", HOUR),
    ("1d2h3m4.005s", DAY + 2 * HOUR + 3 * MINUTE + 4005 * MS),
]


@pytest.mark.parametrize(("text", "ns"), DURATIONS)
def test_it_reads_a_duration(text: str, ns: int) -> None:
    assert units.parse_duration_ns(text) == ns


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        *((ns, text) for text, ns in DURATIONS if text != "90.25s"),
        (90 * S + 250 * MS, "1m30.25s"),
        (-90 * S, "-1m30s"),
        (2 * DAY, "2d"),
    ],
)
def test_it_writes_the_shortest_duration(ns: int, text: str) -> None:
    assert units.format_duration(ns) == text


@given(st.integers(min_value=0, max_value=400 * DAY // MS))
def test_it_reads_every_duration_that_it_writes(ms: int) -> None:
    assert units.parse_duration_ns(units.format_duration(ms * MS)) == ms * MS


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-5s", "5s!", "5min", "1..5s"])
def test_it_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        units.parse_duration_ns(text)


@pytest.mark.parametrize(("text", "mfen"), [("50.00", 5_000_000), ("0.00001", 1), ("-5.24", -524_000), ("3", 300_000)])
def test_it_reads_yuan(text: str, mfen: int) -> None:
    assert units.parse_yuan_mfen(text) == mfen


@pytest.mark.parametrize(("text", "dwh"), [("12.34", 123_400), ("0.0001", 1), ("60", 600_000)])
def test_it_reads_kwh(text: str, dwh: int) -> None:
    assert units.parse_kwh_dwh(text) == dwh


@pytest.mark.parametrize("text", ["", "5 yuan", "0.000001", "NaN", "inf", "1e-9"])
def test_it_refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="expected an amount in yuan"):
        units.parse_yuan_mfen(text)
    with pytest.raises(ValueError, match="expected an energy in kWh"):
        units.parse_kwh_dwh(text)


@pytest.mark.parametrize(
    ("mfen", "text"), [(524_000, "5.24 yuan"), (0, "0.00 yuan"), (1, "0.00001 yuan"), (-443_000, "-4.43 yuan")]
)
def test_it_writes_yuan(mfen: int, text: str) -> None:
    assert units.format_yuan(mfen) == text


@pytest.mark.parametrize(("dwh", "text"), [(123_400, "12.34 kWh"), (1, "0.0001 kWh"), (120_000, "12.00 kWh")])
def test_it_writes_kwh(dwh: int, text: str) -> None:
    assert units.format_kwh(dwh) == text


NOON_NS = 1_583_208_000 * S
"""2020-03-03 12:00:00 local."""


@pytest.mark.parametrize(
    "text", ["2020-03-03T12:00:00+08:00", "2020-03-03T04:00:00+00:00", "2020-03-03T04:00:00Z", "2020-03-03T12:00+08:00"]
)
def test_it_reads_a_world_time(text: str) -> None:
    assert units.parse_world_start_ns(text) == NOON_NS


@pytest.mark.parametrize("text", ["", "noon", "2020-03-03T12:00:00", "2020-02-30T12:00:00+08:00"])
def test_it_refuses_a_world_time_that_could_be_two(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time with its offset"):
        units.parse_world_start_ns(text)


def test_it_writes_local_times() -> None:
    assert units.format_local(NOON_NS + 46_014 * MS) == "2020-03-03 12:00:46.014"
    assert units.local_datetime(NOON_NS).utcoffset() == timedelta(hours=8)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2127, 12, 31)))
def test_it_goes_from_time_to_nanoseconds_and_back(when: datetime) -> None:
    aware = when.replace(tzinfo=UTC)
    assert units.local_datetime(units.epoch_ns(aware)) == aware


@pytest.mark.parametrize(("t_ns", "text"), [(12_304 * MS, "t=+12.304s"), (0, "t=+0.000s"), (-1500 * MS, "t=-1.500s")])
def test_it_writes_a_time_since_the_start(t_ns: int, text: str) -> None:
    assert units.format_since_start(t_ns) == text


@pytest.mark.parametrize(
    ("ns", "minute", "half_hour"),
    [
        (NOON_NS, 720, 24),
        (NOON_NS + 12 * HOUR - 1, 1439, 47),
        (NOON_NS + 12 * HOUR, 0, 0),
        (NOON_NS + 29 * MINUTE + 59 * S, 749, 24),
        (NOON_NS + 30 * MINUTE, 750, 25),
    ],
)
def test_it_knows_the_local_time_of_day(ns: int, minute: int, half_hour: int) -> None:
    assert (units.minute_of_day(ns), units.half_hour_of_day(ns)) == (minute, half_hour)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"), [(0, 7, 0), (1, 2, 1), (1, 3, 0), (2, 3, 1), (5, 2, 3), (149, 100, 1)]
)
def test_it_rounds_half_up(numerator: int, denominator: int, rounded: int) -> None:
    assert units.round_half_up(numerator, denominator) == rounded


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("what"), 2, "what"),
        (FileError("a.yaml", 9, "expected b"), 2, "a.yaml:9: expected b"),
        (FileError("a.yaml", None, "expected b"), 2, "a.yaml: expected b"),
        (RigError("no port"), 3, "no port"),
        (EncodingError("too long"), 4, "too long"),
        (InternalError("twice"), 4, "twice"),
    ],
)
def test_it_ends_the_command_with_the_errors_code(error: PilesimError, code: int, text: str) -> None:
    assert (error.exit_code, str(error)) == (code, text)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 lines tell of it"), (1, "1 line tells of it"), (2, "2 lines tell of it")]
)
def test_it_says_one_line_and_two_lines(count: int, said: str) -> None:
    assert numbered(count, "line[|s] tell[s|] of it") == said
