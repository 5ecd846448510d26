"""A folder of logs, as `pilesim judge FOLDER` reads it: charges a CPU second, in one process.

Each log is read twice, once to see whose it is; beside the reading stands the decoding of the same bytes alone, which
makes no order of them. How fast charges are played is told by `bench_virtual`. Nothing here asserts on speed.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from long_log import write_long_log
from pytest_benchmark.fixture import BenchmarkFixture

from pilesim.fleet.folder import judge_folder
from pilesim.trace.decoder import Decoder
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import StreamedLog
from pilesim.wire.protocol import protocol_named

LOG_BYTES = 3_000_000


def decoded_s(log: Path) -> float:
    """CPU seconds for which the log is read and decoded, and no more is made of it."""
    began_s = time.process_time()
    streamed = StreamedLog(log, Wishes())
    decoder = Decoder(protocol_named(streamed.header.protocol))
    for event in streamed.events:
        decoder.feed(event)
    return time.process_time() - began_s


@pytest.mark.benchmark(group="a folder of logs")
@pytest.mark.parametrize("capture", [False, True], ids=["hex", "capture"])
def test_a_folder(capture: bool, tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    log = tmp_path / ("day.jsonl" if capture else "day.log")
    frames = write_long_log(log, LOG_BYTES, capture=capture)
    used_s: list[float] = []

    def judged() -> int:
        began_s = time.process_time()
        result = judge_folder(tmp_path, lambda path: Wishes())
        used_s.append(time.process_time() - began_s)
        return sum(order.charged for pile in result.piles for order in pile.orders)

    charges = benchmark.pedantic(judged, rounds=2)  # type: ignore[no-untyped-call]
    alone_s = decoded_s(log)
    figures = {
        "charges": charges,
        "charges_a_cpu_second": round(charges / min(used_s), 1),
        "frames_a_cpu_second": round(frames / min(used_s)),
        "frames_decoded_alone_a_cpu_second": round(frames / alone_s),
    }
    benchmark.extra_info.update(figures)
    print(f"\n{log.name}: {figures}")
