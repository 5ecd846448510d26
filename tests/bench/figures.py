"""What a benchmark has measured, for figures of one's own."""

from __future__ import annotations

from pytest_benchmark.fixture import BenchmarkFixture


def fastest_s(benchmark: BenchmarkFixture) -> float:
    """The shortest round, s; a machine that is shared makes the others longer."""
    assert benchmark.stats is not None, "it has run"
    return float(benchmark.stats.stats.min)
