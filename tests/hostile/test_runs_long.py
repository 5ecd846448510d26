"""A pile that lives for a day on a real line: memory stays flat, and its heartbeats do not come later and later."""

from __future__ import annotations

import tracemalloc

import pytest
from fuzz import forget

from pilesim.contract.contracts import contract_of
from pilesim.pile.profiles import Profile
from pilesim.platform.settings import Settings
from pilesim.rig.bench import ReferencePlatform, SimulatedPile, make_bench
from pilesim.rig.clock import RealClock
from pilesim.rig.firmware import profile_of
from pilesim.rig.targets import SimLink, SimTarget, parse_target
from pilesim.trace.decoder import Decoder, Seen
from pilesim.trace.events import AnyEvent, Chunk, Header
from pilesim.trace.recorder import Recorder
from pilesim.units import DAY, HOUR
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunReport
from pilesim.wire.protocol import protocol_named

pytestmark = pytest.mark.realtime

LHC = protocol_named("lhc")
RATE = 600
"""In `make test` an hour passes in six seconds, in CI two in twelve; in `make soak` a day takes a day."""
GROWTH_BYTES = 200_000


def reference() -> Profile:
    target = parse_target("sim:reference")
    assert isinstance(target, SimTarget)
    return profile_of(target)


@pytest.mark.timeout(0)
def test_a_day_on_a_real_line_takes_no_more_memory_and_no_more_time(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, time_enough: bool
) -> None:
    # Frames are remembered up to a number that a short run does not come to; so here to a smaller one.
    monkeypatch.setattr("pilesim.trace.decoder.FRAMES_REMEMBERED", 16)
    whole = bool(request.config.getoption("--soak"))
    rate, length_ns = (1, DAY) if whole else (RATE, 2 * HOUR if time_enough else HOUR)
    recorder = Recorder(Header(start="2020-03-03T12:00:00+08:00", protocol="lhc", pile="", guns=0), keep=False)
    decoder = Decoder(LHC)
    beats_ns: list[int] = []

    def see(event: AnyEvent) -> None:
        if isinstance(event, Chunk) and event.end is not End.PILE:
            return
        for item in decoder.feed(event):
            if isinstance(item, Seen) and item.direction is Direction.UP:
                message = item.decoded.message
                if isinstance(message, GunReport) and message.gun == 1 and not message.change:
                    beats_ns.append(item.t_ns)

    recorder.observers.append(see)
    bench = make_bench(
        protocol=LHC,
        world_start_ns=0,
        pile=SimulatedPile(profile=reference(), number="44030500040000200026", seed=1, link=SimLink.TCP),
        platform=ReferencePlatform(settings=Settings(auto=True), seed=1),
        clock=RealClock(rate),
        recorder=recorder,
        seed=1,
    )
    sizes: list[int] = []
    tracemalloc.start()
    try:
        for part in range(1, 9):
            bench.pump.run_until(lambda: False, part * length_ns // 8)
            forget()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        bench.close()
    # The first quarter fills caches.
    assert sizes[-1] - sizes[1] < GROWTH_BYTES, sizes
    period_ns = contract_of(LHC.name).beat_idle_ns
    assert len(beats_ns) > 9 * length_ns // (10 * period_ns)
    # Each may be late as this machine is busy, so the least late of the end is held against that of the beginning.
    late_ns = [at_ns - beats_ns[0] - number * period_ns for number, at_ns in enumerate(beats_ns)]
    tenth = len(late_ns) // 10
    assert min(late_ns[-tenth:]) - min(late_ns[:tenth]) < period_ns // 2, late_ns[-tenth:]
