"""Virtual time: how many times as fast as the world's it runs, on one core, and what the frames of that alone cost.

A hundred piles of two guns, each gun with a heartbeat every 30 s, so that every pile has one every 15 s; every frame is
built and parsed at both ends and recorded at both. Worlds and bare frames take turns in one run, since the machine may
be shared. Nothing here asserts on speed.

Where the CPU goes, in percent, by a sampler that looked every 4 ms (heartbeats of a hundred piles; all scenarios,
played and judged; charges of zpd-5). A part's own code counts, and frames wherever they are built, cut or decoded:

    part                                    heartbeats   scenarios   season
    frames (wire)                                   43          27       33
    pile, without its time line                     13          10       24
    platform                                        12           6       12
    pump                                             9           4        7
    time line (SimPy)                                6           5        5
    recorder, and the decoder that reads it          7           6        3
    line, its lanes and links, drivers              10           7        7
    rules                                            -          27        -
    player and view; a season's attendant            -           3        8
    the rest                                         -           5        1

Of a heartbeat nothing but its frames stands out any more: it is two instants, six turns and four recorded chunks.
Two fifths of all scenarios' time is two of them, a pile that is idle for a day and one that charges into the night:
thousands of heartbeats, each played, seen by the player and judged.
"""

from __future__ import annotations

import time

from figures import fastest_s
from pytest_benchmark.fixture import BenchmarkFixture

from pilesim.conformance.runner import REFERENCE_PLATFORM, Options, result_of
from pilesim.library import scenario_folder, season_folder
from pilesim.platform.settings import Settings
from pilesim.rig.bench import Bench, ReferencePlatform, SimulatedPile, make_bench
from pilesim.rig.clock import VirtualClock
from pilesim.rig.firmware import profile_named
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import load_scenarios
from pilesim.season.fixture import load_season
from pilesim.season.play import Outcome, play_season, season_contract
from pilesim.trace.events import Chunk, Header
from pilesim.trace.recorder import Recorder
from pilesim.units import S, local_datetime
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import GunReport, GunReportReply, GunState
from pilesim.wire.protocol import protocol_named

PILES = 100
BEAT_EVERY_S = 15
SLICE_S = 60
START_NS = 1_583_208_000_000_000_000
LHC = protocol_named("lhc")
CHARGES = 60


def recorder(number: str) -> Recorder:
    header = Header(start=local_datetime(START_NS).isoformat(), protocol=LHC.name, pile=number, guns=2)
    return Recorder(header, lambda line: None, keep=False)


def world(index: int) -> Bench:
    number = f"{44030500040000200000 + index}"
    bench = make_bench(
        protocol=LHC,
        world_start_ns=START_NS,
        pile=SimulatedPile(profile=profile_named("reference"), number=number, seed=1),
        platform=ReferencePlatform(settings=Settings(), seed=1),
        clock=VirtualClock(),
        recorder=recorder(number),
        seed=1,
    )
    bench.pump.run_until(lambda: False, 5 * S)
    return bench


class BareFrames:
    """As many heartbeats and replies as a slice has, built, parsed and recorded with nobody behind them."""

    def __init__(self) -> None:
        number = "44030500040000200026"
        self.pile, self.platform = LHC.session(End.PILE, number), LHC.session(End.PLATFORM, number)
        self.framers = {direction: LHC.framer(direction) for direction in Direction}
        self.recorder = recorder(number)
        self.now_ns = 0

    def passes(self, data: bytes, direction: Direction) -> Frame:
        for end in (direction.sender, direction.receiver):
            self.recorder.record(Chunk(t_ns=self.now_ns, end=end, direction=direction, data=data))
        (frame,) = self.framers[direction].feed(data, self.now_ns)
        assert isinstance(frame, Frame)
        assert LHC.decode(frame).message is not None
        return frame

    def slice(self) -> None:
        for _ in range(PILES * SLICE_S // BEAT_EVERY_S):
            self.now_ns += S
            report = GunReport(gun=1, state=GunState.IDLE, cable=False, meter_dwh=0)
            beat = self.passes(self.pile.build(report), Direction.UP)
            self.passes(self.platform.build(GunReportReply(gun=1), beat), Direction.DOWN)


def test_heartbeats_of_a_hundred_piles(benchmark: BenchmarkFixture) -> None:
    worlds = [world(index) for index in range(PILES)]
    bare = BareFrames()
    now_s = 5
    bare_s: list[float] = []
    whole_s: list[float] = []

    def before() -> None:
        began = time.process_time()
        bare.slice()
        bare_s.append(time.process_time() - began)

    def slice_of_all() -> None:
        nonlocal now_s
        now_s += SLICE_S
        began = time.process_time()
        for each in worlds:
            each.pump.run_until(lambda: False, now_s * S)
        whole_s.append(time.process_time() - began)

    benchmark.pedantic(slice_of_all, setup=before, rounds=20, warmup_rounds=1)  # type: ignore[no-untyped-call]
    # Of this process's CPU alone: others may have the machine meanwhile.
    shortest_s = min(whole_s)
    figures = {
        "times_real_time": round(SLICE_S / shortest_s),
        "times_real_time_of_frames_alone": round(SLICE_S / min(bare_s)),
        "us_a_heartbeat": round(shortest_s * 1e6 * BEAT_EVERY_S / (PILES * SLICE_S)),
        "us_of_its_frames_alone": round(min(bare_s) * 1e6 * BEAT_EVERY_S / (PILES * SLICE_S)),
    }
    benchmark.extra_info.update(figures)
    print(f"\n{PILES} piles: {figures}")


def test_the_whole_suite(benchmark: BenchmarkFixture) -> None:
    """Every scenario, played and judged, one after the other on one core."""
    scenarios = load_scenarios(scenario_folder(), [row.id for row in RULES])
    options = Options(target=REFERENCE_PLATFORM, protocol=LHC.name, seed=1)
    slowest = {"": 0.0}

    def suite() -> int:
        world_ns = 0
        for scenario in scenarios.values():
            began = time.perf_counter()
            world_ns += result_of(scenario, options).world_ns
            slowest[scenario.id] = time.perf_counter() - began
        return world_ns

    world_ns = benchmark.pedantic(suite, rounds=2)  # type: ignore[no-untyped-call]
    worst = sorted(slowest.items(), key=lambda each: -each[1])[:5]
    figures = {
        "scenarios": len(scenarios),
        "times_real_time": round(world_ns / 1e9 / fastest_s(benchmark)),
        "slowest_s": {name: round(seconds, 2) for name, seconds in worst},
    }
    benchmark.extra_info.update(figures)
    print(f"\nsuite: {figures}")


def test_a_season(benchmark: BenchmarkFixture) -> None:
    """The beginning of zpd-5 in this process: charges a second, and so the minutes that all of it takes."""
    path = season_folder() / "zpd-5.yaml"
    season = load_season(path.read_text(encoding="utf-8"), path.name, season_contract())
    used_s: list[float] = []

    def played() -> tuple[Outcome, ...]:
        began_s = time.process_time()
        outcomes = play_season(season, seed=1, charges=CHARGES)
        used_s.append(time.process_time() - began_s)
        return outcomes

    outcomes = benchmark.pedantic(played, rounds=2)  # type: ignore[no-untyped-call]
    shortest_s = fastest_s(benchmark)
    world_s = sum(outcome.world_ns for outcome in outcomes) / 1e9
    figures = {
        "charges_a_second": round(CHARGES / shortest_s, 1),
        "charges_a_cpu_second": round(CHARGES / min(used_s), 1),
        "minutes_for_all_on_one_core": round(season.charges / CHARGES * shortest_s / 60, 1),
        "times_real_time_of_one_pile": round(world_s / shortest_s),
    }
    benchmark.extra_info.update(figures)
    print(f"\n{season.name}: {figures}")
