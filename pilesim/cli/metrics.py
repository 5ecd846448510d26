"""The figures of a site for Prometheus, at http://ADDRESS:PORT/metrics.

Owns the names of the figures. prometheus-client is an extra, and imported when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pilesim.errors import UsageError
from pilesim.link.callers import Caller, heard
from pilesim.site.figures import Figures, Spread
from pilesim.units import S


@contextmanager
def served(figures: Figures, port: int, address: str = "127.0.0.1") -> Iterator[str]:
    """Serve `figures` while this lasts; yields the URL. UsageError without the library, RigError without the port."""
    try:
        from prometheus_client import CollectorRegistry  # noqa: PLC0415 (an extra)
        from prometheus_client.core import (  # noqa: PLC0415 (as above)
            CounterMetricFamily,
            GaugeMetricFamily,
            Metric,
            SummaryMetricFamily,
        )
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 (as above)
    except ImportError:
        raise UsageError("--metrics: expected prometheus-client; pip install 'pilesim[metrics]' brings it") from None

    def summary(name: str, text: str, spread: Spread) -> list[Metric]:
        high = GaugeMetricFamily(f"{name}_p99", f"{text}, 99th percentile of the run.")
        median = GaugeMetricFamily(f"{name}_p50", f"{text}, median of the run.")
        for family, percent in ((median, 50), (high, 99)):
            family.add_metric([], (spread.percentile_ns(percent) or 0) / S)
        return [SummaryMetricFamily(name, f"{text}.", spread.count, spread.sum_ns / S), median, high]

    class Collector:
        def collect(self) -> Iterator[Metric]:
            yield GaugeMetricFamily("pilesim_piles", "Piles that are switched on.", figures.switched_on)
            yield GaugeMetricFamily("pilesim_piles_up", "Connections that stand.", figures.up)
            yield CounterMetricFamily("pilesim_connects", "Connections made.", figures.connects)
            yield CounterMetricFamily("pilesim_connections_lost", "Connections lost.", figures.lost)
            yield CounterMetricFamily("pilesim_dials_refused", "Dials that came to nothing.", figures.refused)
            yield CounterMetricFamily("pilesim_api_calls_failed", "Failed calls of the API.", figures.calls_failed)
            frames = CounterMetricFamily("pilesim_frames", "Frames.", labels=["direction"])
            frames.add_metric(["up"], figures.frames_up)
            frames.add_metric(["down"], figures.frames_down)
            yield frames
            visits = GaugeMetricFamily("pilesim_visits", "What cars came to.", labels=["what"])
            for what, count in sorted(figures.visits.copy().items()):
                visits.add_metric([what], count)
            yield visits
            findings = CounterMetricFamily(
                "pilesim_findings", "Findings so far, at the piles that are judged by now.", labels=["rule"]
            )
            for rule, count in sorted(figures.findings.copy().items()):
                findings.add_metric([rule], count)
            yield findings
            yield from summary("pilesim_answer_seconds", "From a request to its reply", figures.answers)
            yield from summary("pilesim_timer_lateness_seconds", "By how much timers run late", figures.lateness)

    registry = CollectorRegistry()
    registry.register(Collector())

    class Page(Caller):
        def do_GET(self) -> None:  # noqa: N802 (the library's own name)
            write, kind = choose_encoder(self.headers.get("Accept", ""))
            self.say(200, write(registry).decode(), kind)

    with heard((address, port), Page, "metrics") as url:
        yield f"{url}/metrics"
