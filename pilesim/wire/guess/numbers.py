"""Numbers that count or rise: counters, elapsed times, and what may be energy or money.

Owns how a number moves from body to body. Must not know any layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import lgamma, log
from typing import Any

from pilesim.units import HOUR, MINUTE, S, numbered
from pilesim.wire.guess.columns import ORDERS, ByteOrder, Columns
from pilesim.wire.guess.guess import Found, Kind, Told, first_and_last

_NUMBER_SIZES = (4, 2, 1)
_LEAST_STEPS = 2
_LEAST_VALUES = 4
_LONG = 4
_EVEN = 50
"""Steps differ by more than so much where a byte of noise is in them."""
_LEAST_ELAPSED = 3
_ELAPSED_BITS = 100.0
"""What rises just as time does is nothing else."""
_LEAP = 20
"""A step so many times the middle one is no flow."""
_ZEROS_BITS = 8.0
"""What it tells that a high byte is zero throughout."""


def numbers(columns: Columns, told: Told) -> Iterator[Found]:
    """Numbers that count or rise, the widest first."""
    for size in _NUMBER_SIZES:
        for order, suffix in ORDERS if size > 1 else ORDERS[:1]:
            for offset in columns.starts(size):
                found = _number(columns, offset, size, order, suffix)
                if found is not None:
                    yield found


def _number(columns: Columns, offset: int, size: int, order: ByteOrder, suffix: str) -> Found | None:
    """The number there, if it counts or rises. Its lowest byte changes, so that it is not seen a byte too early."""
    lowest, highest = (offset, offset + size - 1) if order == "little" else (offset + size - 1, offset)
    if columns.constant(lowest):
        return None
    step = 1 if order == "little" else -1
    above = list(range(lowest + step, highest + step, step))
    places = slice(offset, offset + size)
    # Before an order began a number may be nothing. In all other bodies a byte beside the lowest, or above one that is
    # zero, is zero too, or it changes: else it is another field's. The highest of four changes hardly ever.
    running = [sample.body for sample in columns.different if any(sample.body[places])]
    still = {at for at in (lowest, *above) if len({body[at] for body in running}) == 1}
    zeros = sum(columns.zero(at) for at in above)
    if lowest in still:
        return None
    for below, at in pairwise((lowest, *above)):
        if at in still and running[0][at] and (below == lowest or columns.zero(below)):
            return None
    if size >= _LONG and len({body[highest] for body in running}) > _LEAST_STEPS:
        return None
    if order == "big" and zeros == len(above):
        # Nothing but zeros above tells nothing of which byte is the high one.
        return None
    series = [[(int.from_bytes(s.body[places], order), s.epoch_ns) for s in lane] for lane in columns.lanes.values()]
    type_name = f"u{8 * size}{suffix}"
    values = [value for lane in series for value, _ in lane]
    reading = first_and_last([str(value) for value in (min(values), max(values))])
    steps = [(b - a) % 256**size for lane in series for (a, _), (b, _) in pairwise(lane)]
    spec = {"type": type_name}
    # Of two that are equally good the one that rises more evenly, then the wider one, then the one low byte first.
    preference = 2.0 * _evenly(steps) + 0.01 * size + (0.001 if order == "little" else 0)
    so_far = f"; {numbered(zeros, 'high byte[|s]')} zero so far" if zeros else ""
    if len(steps) >= _LEAST_STEPS and all(one == 1 for one in steps):
        bits = 8.0 * len(steps) - columns.search_bits
        reason = f"rises by one from frame to frame, {numbered(len(steps), 'time[|s]')}{so_far}"
        return Found(offset, size, Kind.COUNTER, reading, reason, bits, {"name": "counter", **spec}, preference)
    if not all(_rises(lane) for lane in series):
        return None
    distinct = max(len({value for value, _ in lane}) for lane in series)
    if distinct < _LEAST_VALUES:
        return None
    chance = sum(lgamma(len({value for value, _ in lane}) + 1) / log(2) for lane in series)
    bits = chance + (_ZEROS_BITS if zeros else 0) - columns.search_bits
    elapsed = _elapsed(series)
    if elapsed:
        unit, reason = elapsed
        spec = {"name": "elapsed", **spec, "unit": unit}
        preference += _ELAPSED_BITS
        return Found(offset, size, Kind.ELAPSED, reading, f"{reason}{so_far}", bits + 8, spec, preference)
    reason = f"never falls, {numbered(distinct, 'value[|s]')}"
    if size == 1 or not all(_flows(lane) for lane in series):
        return Found(offset, size, Kind.RISING, reading, reason + so_far, bits, {"name": "rising", **spec}, preference)
    begins = " from 0, as of one order" if min(values) == 0 else f" from {min(values)}, as a meter's"
    reason += f"{begins}{so_far}{_power(series)}"
    spec = {"name": "amount", **spec, **_scale(series)}
    return Found(offset, size, Kind.AMOUNT, reading, reason, bits, spec, preference)


def _evenly(steps: Sequence[int]) -> bool:
    """Whether the steps are much alike, as those of which the lowest byte is another field's are not."""
    middle = sorted(steps)[len(steps) // 2] if steps else 0
    away = sorted(abs(step - middle) for step in steps)
    return bool(away) and away[len(away) // 2] <= _EVEN


def _rises(lane: Sequence[tuple[int, int | None]]) -> bool:
    """It never falls, but to nothing when another order begins."""
    falls = [b for (a, _), (b, _) in pairwise(lane) if b < a]
    return all(b == 0 for b in falls) and 4 * len(falls) <= len(lane)


def _flows(lane: Sequence[tuple[int, int | None]]) -> bool:
    """It rises step by step; a level, such as a voltage, leaps from nothing to what it is."""
    steps = sorted(b - a for (a, _), (b, _) in pairwise(lane) if b > a)
    return not steps or steps[-1] <= _LEAP * steps[len(steps) // 2]


def _elapsed(series: Sequence[Sequence[tuple[int, int | None]]]) -> tuple[str, str] | None:
    """The unit of time in which the number rises as the world's does, and the reason."""
    changes = [
        [(value, at_ns) for (before, _), (value, at_ns) in pairwise(lane) if value > before and at_ns is not None]
        for lane in series
    ]
    total = sum(lane[-1][0] - lane[0][0] for lane in changes if lane)
    for unit, ns in (("s", S), ("min", MINUTE)):
        together = all(
            abs((value - lane[0][0]) * ns - (at_ns - lane[0][1])) <= ns + ns // 2 + S
            for lane in changes
            for value, at_ns in lane
        )
        if together and total >= _LEAST_ELAPSED:
            return unit, f"rises as time does, by {total} {unit}"
    return None


_KILOWATTS = (20.0, 200.0)
"""What piles charge with; a decade, so that one scale fits."""
_PLACES = 5


def _rate_an_hour(series: Sequence[Sequence[tuple[int, int | None]]]) -> float | None:
    """How much the number rises in an hour, while it does."""
    pairs = [
        (b - a, until - since)
        for lane in series
        for (a, since), (b, until) in pairwise(lane)
        if since is not None and until is not None and b > a
    ]
    span = sum(span for _, span in pairs)
    return sum(rise for rise, _ in pairs) * HOUR / span if span else None


def _scale(series: Sequence[Sequence[tuple[int, int | None]]]) -> dict[str, Any]:
    """The scale at which a rising number is an energy, where the frames' times tell it."""
    rate = _rate_an_hour(series)
    if not rate:
        return {}
    low, high = _KILOWATTS
    for places in range(_PLACES):
        if low <= rate / 10**places < high:
            return {"scale": f"{10**-places:.{places}f}"} if places else {"scale": "1"}
    return {}


def _power(series: Sequence[Sequence[tuple[int, int | None]]]) -> str:
    rate, scale = _rate_an_hour(series), _scale(series).get("scale")
    if not rate or scale is None:
        return ""
    return f"; one for {scale} kWh would be {rate * float(scale):.0f} kW, for {scale} yuan as many yuan an hour"
