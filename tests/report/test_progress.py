"""Guns over time: spans of states, silences, power and energy from heartbeats, round marks on the axis."""

from __future__ import annotations

from typing import Any

import pytest
from recorded import GREEN, HandMade, Numbered, trace_in

from pilesim.report.progress import Sample, energy_curve, power_curve, progress_of, spans_of, ticks_of
from pilesim.units import DAY, HOUR, MINUTE, S
from pilesim.wire.frame import End
from pilesim.wire.messages import GunState

IDLE, CHARGING = GunState.IDLE, GunState.CHARGING


def sample(
    at_s: int,
    state: str = CHARGING,
    energy_dwh: int | None = None,
    meter_dwh: int | None = None,
    power_w: int | None = None,
) -> Sample:
    return Sample(at_s * S, state, energy_dwh, meter_dwh, power_w)


@pytest.mark.parametrize(
    ("samples", "until_s", "spans"),
    [
        ([sample(0, IDLE), sample(25), sample(50)], 100, [("idle", 0, 25), ("charging", 25, 75)]),
        ([sample(50, IDLE)], 100, [("silent", 0, 50), ("idle", 50, 50)]),
        ([sample(0, IDLE), sample(500, IDLE)], 500, [("silent", 0, 100)]),
        ([sample(0), sample(100), sample(500, IDLE)], 600, [("charging", 0, 16.67), ("silent", 16.67, 66.67)]),
    ],
    ids=["states", "before the first", "too far apart", "a silence between"],
)
def test_it_makes_spans_of_states(samples: list[Sample], until_s: int, spans: list[tuple[str, float, float]]) -> None:
    found = [(span.state, span.left, span.width) for span in spans_of(samples, until_s * S)]
    assert found[: len(spans)] == spans
    assert sum(width for _, _, width in found) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(
    ("before", "after", "peak"),
    [
        ({"energy_dwh": 0}, {"energy_dwh": 2_500}, "60.0 kW"),
        ({"meter_dwh": 10_000}, {"meter_dwh": 11_500}, "36.0 kW"),
        ({"energy_dwh": 9_000, "meter_dwh": 10_000}, {"energy_dwh": 0, "meter_dwh": 10_500}, "12.0 kW"),
        ({}, {"power_w": 7_000}, "7.0 kW"),
    ],
    ids=["energy", "meter", "meter where a new order began", "as told"],
)
def test_it_takes_power_from_what_the_heartbeats_tell(before: dict[str, Any], after: dict[str, Any], peak: str) -> None:
    curve = power_curve([sample(0, **before), sample(15, **after)], 60 * S)
    assert curve is not None
    assert (curve.peak, curve.path) == (peak, "M0 0H250")


def test_it_draws_no_power_over_a_silence_nor_where_there_was_none() -> None:
    assert power_curve([sample(0, energy_dwh=0), sample(600, energy_dwh=9_000)], 600 * S) is None
    assert power_curve([sample(0, IDLE), sample(15, IDLE)], 600 * S) is None


def test_it_begins_a_new_piece_of_energy_with_each_order_and_after_a_silence() -> None:
    told = [(0, 0), (50, 100), (60, 0), (100, 50), (400, 90)]
    curve = energy_curve([sample(at_s, energy_dwh=energy) for at_s, energy in told], 400 * S)
    assert curve is not None
    assert curve.path.count("M") == 3
    assert curve.peak == "0.01 kWh"


def test_it_leaves_out_points_on_a_straight_line() -> None:
    curve = energy_curve([sample(at_s, energy_dwh=100 * at_s) for at_s in range(0, 100, 10)], 90 * S)
    assert curve is not None
    assert curve.path == "M0 100L1000 0"


@pytest.mark.parametrize(
    ("until_ns", "last"),
    [(30 * S, "30s"), (3 * MINUTE, "3m"), (9 * MINUTE, "8m"), (5 * HOUR, "5h"), (26 * HOUR, "1d"), (40 * DAY, "36d")],
)
def test_it_marks_round_times(until_ns: int, last: str) -> None:
    ticks = ticks_of(until_ns)
    assert ticks[0].at == 0
    assert 2 <= len(ticks) <= 6
    assert ticks[-1].text == last
    assert ticks[-1].at <= 100


def test_it_shows_the_guns_that_did_something_and_names_the_others() -> None:
    progress = progress_of(trace_in(GREEN))
    assert progress is not None
    assert [gun.gun for gun in progress.guns] == [1]
    assert [span.state for span in progress.guns[0].spans] == ["idle", "charging", "occupied-not-full", "idle"]
    assert [curve.name for curve in progress.guns[0].curves] == ["power", "energy"]
    assert progress.quiet == "gun 2: idle in every heartbeat"


def test_it_takes_the_platforms_end_where_only_that_was_recorded() -> None:
    numbered = Numbered()
    line = HandMade(ends=(End.PLATFORM,))
    line.comes(0, numbered.beat(IDLE)).comes(30, numbered.beat(GunState.FAULT))
    progress = progress_of(line.trace(until_s=60))
    assert progress is not None
    assert [span.state for span in progress.guns[0].spans] == ["idle", "fault"]


def test_it_has_nothing_to_show_of_a_recording_without_heartbeats() -> None:
    assert progress_of(HandMade().trace()) is None
