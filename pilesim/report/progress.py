"""What each gun did over a recording, from its heartbeats: its state, its power, the energy of its orders.

Owns the reduction of heartbeats to spans and curves in a box of fixed size. Pure. Must not know how a picture is
painted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pilesim.conformance.result import FindingRow
from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import Trace
from pilesim.units import DAY, HOUR, KWH_DWH, MINUTE, S, format_duration
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunReport, GunState
from pilesim.wire.protocol import protocol_named

SILENCE_NS = 2 * MINUTE
"""After so long without a heartbeat nobody knows the gun's state."""
SILENT = "silent"
"""The word for that in the strip of states."""
CHANGING = "changing"
"""The word for several states in turn, each too short to be seen."""
_LEAST = 1 / 500
"""As much of the whole width can be seen."""
WIDTH, HEIGHT = 1000, 100
"""The box in which curves are given; a page stretches it as it likes."""
_TICKS = 5
"""About so many marks on the axis of time."""
_STEPS_NS = (S, 5 * S, 10 * S, 30 * S, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR)
_LONG_STEPS_NS = (3 * HOUR, 6 * HOUR, 12 * HOUR, DAY)


@dataclass(frozen=True, slots=True)
class Sample:
    """One heartbeat. `energy_dwh` is that of the running order, None where the pile tells none."""

    t_ns: int
    state: str
    energy_dwh: int | None
    meter_dwh: int | None
    power_w: int | None
    """As the pile tells it; None where it tells none."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one state, in percent of the whole width."""

    state: str
    left: float
    width: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A quantity over time. `path` is SVG in a box of WIDTH by HEIGHT; `peak` its highest value as a text."""

    name: str
    path: str
    peak: str
    peak_at: float
    """Where it is highest, in percent of the width."""
    last: str


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    """Percent of the width."""
    text: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A finding on a gun's time line."""

    at: float
    """Percent of the width."""
    number: int
    """As the chart's."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GunProgress:
    gun: int
    flags: tuple[Flag, ...]
    spans: tuple[Span, ...]
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Guns that did something; `quiet` tells in a sentence of those that did not."""

    guns: tuple[GunProgress, ...]
    ticks: tuple[Tick, ...]
    quiet: str


def progress_of(trace: Trace, findings: Sequence[tuple[str, FindingRow]] = ()) -> Progress | None:
    """The guns over a whole trace, `findings` (rule, finding) marked at those that they are about; None where no
    heartbeat was recorded.
    """
    until_ns = trace.events[-1].t_ns if trace.events else 0
    samples = samples_of(trace)
    if not samples or not until_ns:
        return None
    still = {gun: seen[0].state for gun, seen in samples.items() if len({sample.state for sample in seen}) == 1}
    return Progress(
        guns=tuple(
            GunProgress(
                gun=gun,
                flags=flags_of(gun, findings, until_ns),
                spans=spans_of(seen, until_ns),
                curves=tuple(curve for curve in (power_curve(seen, until_ns), energy_curve(seen, until_ns)) if curve),
            )
            for gun, seen in sorted(samples.items())
            if gun not in still
        ),
        ticks=ticks_of(until_ns),
        quiet="; ".join(f"gun {gun}: {state} in every heartbeat" for gun, state in sorted(still.items())),
    )


def flags_of(gun: int, findings: Sequence[tuple[str, FindingRow]], until_ns: int) -> tuple[Flag, ...]:
    """The findings about `gun`; of several at one place, as far as the eye can tell, the first."""
    flags: dict[int, Flag] = {}
    for number, (rule, finding) in enumerate(findings, 1):
        if finding.gun == gun:
            at = min(_percent(finding.t_ns, until_ns), 100.0)
            flags.setdefault(round(at), Flag(at, number, f"{rule}: {finding.actual}"))
    return tuple(flags.values())


def samples_of(trace: Trace) -> dict[int, list[Sample]]:
    """The heartbeats of each gun, as they left the pile; as they came where only that was recorded."""
    end = End.PILE if End.PILE in trace.header.ends else End.PLATFORM
    decoder = Decoder(protocol_named(trace.header.protocol))
    samples: dict[int, list[Sample]] = {}
    for item in (item for event in trace.events for item in decoder.feed(event)):
        if isinstance(item, Seen) and item.end is end and item.direction is Direction.UP:
            message = item.decoded.message
            # A log that tells of a report in words need not tell the state.
            if isinstance(message, GunReport) and not message.change and message.state:
                samples.setdefault(message.gun, []).append(_sample(item.t_ns, message))
    return samples


def _sample(t_ns: int, report: GunReport) -> Sample:
    power_w = None
    if report.volts_dv is not None and report.amps_da is not None:
        power_w = report.volts_dv * report.amps_da // 100
    return Sample(t_ns, report.state, report.energy_dwh if report.order else None, report.meter_dwh, power_w)


def spans_of(samples: Sequence[Sample], until_ns: int) -> tuple[Span, ...]:
    """The states one after the other, from the recording's begin to its end, with the silences between."""
    spans: list[tuple[str, int, int]] = []

    def stretch(state: str, begin_ns: int, end_ns: int) -> None:
        if end_ns <= begin_ns:
            return
        if spans and spans[-1][0] == state:
            spans[-1] = (state, spans[-1][1], end_ns)
        else:
            spans.append((state, begin_ns, end_ns))

    stretch(SILENT, 0, samples[0].t_ns)
    ends = [*(sample.t_ns for sample in samples[1:]), until_ns]
    for sample, end_ns in zip(samples, ends, strict=True):
        known_ns = end_ns if end_ns - sample.t_ns <= SILENCE_NS else sample.t_ns
        stretch(sample.state, sample.t_ns, known_ns)
        stretch(SILENT, known_ns, end_ns)
    return tuple(
        Span(state, _percent(begin, until_ns), _percent(end - begin, until_ns), f"{state} {_short(end - begin)}")
        for state, begin, end in _visible(spans, until_ns)
    )


def _visible(spans: Iterable[tuple[str, int, int]], until_ns: int) -> list[tuple[str, int, int]]:
    """Spans as they are, but for those side by side that are too short to be seen: they are one."""
    kept: list[tuple[str, int, int]] = []
    was_short = False
    for state, begin_ns, end_ns in spans:
        short = end_ns - begin_ns < until_ns * _LEAST
        if short and was_short:
            kept[-1] = (CHANGING, kept[-1][1], end_ns)
        else:
            kept.append((state, begin_ns, end_ns))
        was_short = short
    return kept


def power_curve(samples: Sequence[Sample], until_ns: int) -> Curve | None:
    """Power as the pile tells it, else the mean between two heartbeats by what the energy, or the meter, grew."""
    steps: list[tuple[int, int, float]] = []
    for before, after in pairwise(samples):
        took_ns = after.t_ns - before.t_ns
        if took_ns <= 0 or took_ns > SILENCE_NS:
            continue
        watts = _mean_w(before, after, took_ns)
        if watts is not None:
            steps.append((before.t_ns, after.t_ns, watts))
    peak = max((step[2] for step in steps), default=0.0)
    if peak <= 0:
        return None
    stretches: list[list[int]] = []
    for begin_ns, end_ns, watts in steps:
        x0, x1, y = _x(begin_ns, until_ns), _x(end_ns, until_ns), _y(watts, peak)
        if stretches and stretches[-1][1:] == [x0, y]:
            stretches[-1][1] = x1
        elif x1 > x0:
            stretches.append([x0, x1, y])
    path, at = "", -1
    for x0, x1, y in stretches:
        path += f"V{y}H{x1}" if x0 == at else f"M{x0} {y}H{x1}"
        at = x1
    peak_ns = next(step[0] for step in steps if step[2] == peak)
    return Curve(
        name="power",
        path=path,
        peak=f"{peak / 1000:.1f} kW",
        peak_at=_percent(peak_ns, until_ns),
        last=f"{steps[-1][2] / 1000:.1f} kW",
    )


def _mean_w(before: Sample, after: Sample, took_ns: int) -> float | None:
    if after.power_w is not None:
        return after.power_w
    for first, second in ((before.energy_dwh, after.energy_dwh), (before.meter_dwh, after.meter_dwh)):
        if first is not None and second is not None and second >= first:
            return (second - first) / 10 * HOUR / took_ns
    return 0.0 if after.state == GunState.IDLE else None


def energy_curve(samples: Sequence[Sample], until_ns: int) -> Curve | None:
    """The energy of each order as it grows; a new order, and a silence, begins a new piece of the curve."""
    told = [(sample.t_ns, sample.energy_dwh) for sample in samples if sample.energy_dwh is not None]
    peak = max((energy for _, energy in told), default=0)
    if not peak:
        return None
    pieces: list[list[tuple[int, int]]] = [[]]
    for (before_ns, before), (t_ns, energy) in pairwise([told[0], *told]):
        if energy < before or t_ns - before_ns > SILENCE_NS:
            pieces.append([])
        pieces[-1].append((_x(t_ns, until_ns), _y(energy, peak)))
    path = "".join(_polyline(points) for points in pieces)
    peak_ns = next(t_ns for t_ns, energy in told if energy == peak)
    return Curve(
        name="energy",
        path=path,
        peak=f"{peak / KWH_DWH:.2f} kWh",
        peak_at=_percent(peak_ns, until_ns),
        last=f"{told[-1][1] / KWH_DWH:.2f} kWh",
    )


def _polyline(points: Iterable[tuple[int, int]]) -> str:
    """SVG of the points, less those that the eye cannot tell from a straight line."""
    kept: list[tuple[int, int]] = []
    for point in points:
        while len(kept) >= 2 and _straight(kept[-2], kept[-1], point):
            kept.pop()
        if not kept or kept[-1] != point:
            kept.append(point)
    return "".join(f"{'L' if at else 'M'}{x} {y}" for at, (x, y) in enumerate(kept))


def _straight(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    if c[0] == a[0]:
        return True
    middle = a[1] + (c[1] - a[1]) * (b[0] - a[0]) / (c[0] - a[0])
    return abs(middle - b[1]) <= 1


def ticks_of(until_ns: int) -> tuple[Tick, ...]:
    """Marks at round times."""
    steps = (*_STEPS_NS, *_LONG_STEPS_NS)
    step_ns = next((step for step in steps if until_ns / step <= _TICKS), DAY * (until_ns // (_TICKS * DAY) + 1))
    return tuple(Tick(_percent(t, until_ns), format_duration(t)) for t in range(0, until_ns + 1, step_ns))


def _percent(ns: int, until_ns: int) -> float:
    return round(100 * ns / until_ns, 2)


def _x(t_ns: int, until_ns: int) -> int:
    return round(WIDTH * t_ns / until_ns)


def _y(value: float, peak: float) -> int:
    return round(HEIGHT - HEIGHT * value / peak)


def _short(ns: int) -> str:
    return format_duration(ns // S * S)
