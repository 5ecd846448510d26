"""Times read by the hour that they lie in, held against the patterns that read each by itself."""

from __future__ import annotations

import pytest
from enough import examples
from hypothesis import given
from hypothesis import strategies as st

from pilesim.trace.importers.stamps import PARTINGS, Hour, Moment, find_moment, form_at
from pilesim.units import HOUR, MINUTE

HOURLY = [
    "2020-03-03 12:36:46.123",
    "2020-03-03T12:36:46,123456",
    "2020/3/3 12:36:46",
    "2020年3月3日 12:36:46:123",
    "3.4.2020 12:36:46.1",
    "03-03 12:36:46.123",
    "Mar  3 12:36:46",
    "12:36:46.123",
    "下午 2:36:46",
]
"""Times whose minutes, seconds and decimals end them."""
OTHER = [
    "2020-03-03 12:36",
    "2020-03-03 12:36:46秒.123",
    "2020-03-03 12时36分46秒",
    "2020-03-03 12:36:46.123Z",
    "12:36:46.123+08:00",
    "2020-03-03 12:36:60.123",
    "20200303 123646.123",
    "1583208000123",
    "03/11/2020 02:36:46.123 PM",
]


def by_pattern(text: str) -> tuple[Moment, int] | None:
    """The time at the beginning, and where it ends."""
    form = form_at(text, 0)
    match = form.pattern.match(text) if form is not None else None
    moment = form.read(match) if form is not None and match is not None else None
    return (moment, match.end()) if match is not None and moment is not None else None


def hour_of(time: str) -> Hour | None:
    form = form_at(f"{time} TX", 0)
    match = form.pattern.match(f"{time} TX") if form is not None else None
    moment = form.read(match) if form is not None and match is not None else None
    return Hour.of(match, moment) if match is not None and moment is not None else None


@pytest.mark.parametrize("time", HOURLY)
def test_it_reads_the_other_times_of_an_hour_by_the_first(time: str) -> None:
    hour = hour_of(time)
    later = time.replace("36:46", "59:07")
    assert hour is not None and later != time
    assert (hour.read(f"{later} TX"), hour.end) == by_pattern(f"{later} TX")


@pytest.mark.parametrize("time", OTHER)
def test_it_leaves_to_the_pattern_what_its_seconds_do_not_end(time: str) -> None:
    assert hour_of(time) is None


@examples(400)
@given(
    time=st.sampled_from(HOURLY),
    changes=st.lists(st.tuples(st.integers(0, 27), st.sampled_from("0123456789:.,秒٣ A")), max_size=3),
    parting=st.sampled_from(sorted(PARTINGS)),
    then=st.text(" ]:.,0129AFZ+-\t秒", max_size=5),
)
def test_it_reads_a_time_as_its_pattern_does_or_not_at_all(
    time: str, changes: list[tuple[int, str]], parting: str, then: str
) -> None:
    hour = hour_of(time)
    assert hour is not None
    text = list(time)
    for at, char in changes:
        text[at % len(text)] = char
    line = "".join(text) + parting + then
    read = hour.read(line)
    # A zone after a space is none where bytes follow.
    assert read is None or (parting in " \t" and then[:1] == "Z") or (read, hour.end) == by_pattern(line)


@pytest.mark.parametrize(
    ("time", "hours"),
    [
        ("03/11/2020 02:36:00.000 PM", 14),
        ("03/11/2020 02:36:00 AM", 2),
        ("03/11/2020 12:36:00 AM", 0),
        ("2020-03-11 12:36:00pm", 12),
        ("2:36:00 p.m.", 14),
        ("2020/3/11 下午 2:36:00", 14),
        ("2020年3月11日下午2:36:00", 14),
        ("上午12:36:00", 0),
        ("2020-03-11 14:36:00 PM", 14),
        # Who sends, and no half of a day.
        ("2020-03-11 02:36:00 PMU", 2),
    ],
)
def test_it_reads_times_of_half_a_day(time: str, hours: int) -> None:
    found = find_moment(f"{time} TX FE 33")
    assert found is not None
    assert found[0].ns == hours * HOUR + 36 * MINUTE
