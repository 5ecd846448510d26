"""A day of heartbeats, and an order, judged by all rules; beside it the decoding of the same events alone.

Then logs of some days, from their file to the verdict: `long_log` writes longer ones.

Nothing here asserts on speed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from figures import fastest_s
from long_log import write_long_log
from pytest_benchmark.fixture import BenchmarkFixture

from pilesim.conformance.judged import judged as result_of
from pilesim.conformance.runner import REFERENCE_PLATFORM, Options, run_scenario
from pilesim.library import scenario_folder
from pilesim.rules.judge import judge
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import load_scenarios
from pilesim.trace.decoder import Decoder
from pilesim.trace.events import Trace
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import StreamedLog
from pilesim.wire.protocol import protocol_named


@cache
def recorded(scenario: str) -> Trace:
    scenarios = load_scenarios(scenario_folder(), [row.id for row in RULES])
    return run_scenario(scenarios[scenario], Options(target=REFERENCE_PLATFORM, protocol="lhc", seed=1)).trace


def judged(trace: Trace) -> None:
    judge(trace.header, trace.events)


def decoded(trace: Trace) -> None:
    decoder = Decoder(protocol_named(trace.header.protocol))
    for event in trace.events:
        decoder.feed(event)


@pytest.mark.benchmark(group="a trace")
@pytest.mark.parametrize("work", [judged, decoded])
@pytest.mark.parametrize("scenario", ["beat/idle-day", "order/short"])
def test_a_trace(scenario: str, work: Callable[[Trace], None], benchmark: BenchmarkFixture) -> None:
    trace = recorded(scenario)
    benchmark.pedantic(work, args=(trace,), rounds=5)  # type: ignore[no-untyped-call]
    us = fastest_s(benchmark) * 1e6 / len(trace.events)
    benchmark.extra_info.update(events=len(trace.events), us_an_event=round(us, 2))
    print(f"\n{scenario}, {work.__name__}: {len(trace.events)} events, {us:.1f} us each")


LOG_BYTES = 8_000_000


@pytest.mark.benchmark(group="a log")
@pytest.mark.parametrize("capture", [False, True], ids=["hex", "capture"])
def test_a_log(capture: bool, tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    """As `pilesim judge LOG` reads it; the first frames, which are looked at beforehand, cost their share."""
    log = tmp_path / ("day.jsonl" if capture else "day.log")
    frames = write_long_log(log, LOG_BYTES, capture=capture)

    def read_and_judged() -> None:
        result_of(StreamedLog(log, Wishes()), title="", file=log.name, strict=False, repeat="", explain=True)

    benchmark.pedantic(read_and_judged, rounds=3)  # type: ignore[no-untyped-call]
    fastest = fastest_s(benchmark)
    figures = {
        "mb_a_second": round(log.stat().st_size / fastest / 1e6, 2),
        "frames_a_second": round(frames / fastest),
    }
    benchmark.extra_info.update(figures)
    print(f"\n{log.name}: {frames} frames, {figures}")
