"""Many live piles: what a frame costs the platform that answers it, and how late ten thousand piles' timers run.

Both ends are real: sockets of this machine, the other end in a process of its own. Beside the platform stands a bare
answerer, which cuts no frame and sends a reply that was built before: what the sockets and the loop cost by themselves.
PILESIM_BENCH_PILES and PILESIM_BENCH_SECONDS ask for other numbers. Nothing here asserts on speed.
"""

from __future__ import annotations

import copy
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pilesim.link.base import Data
from pilesim.link.many import AnswerMany, make_room
from pilesim.platform.settings import Settings
from pilesim.rig.firmware import profile_named
from pilesim.season.plan import PilePlan
from pilesim.site.figures import Figures
from pilesim.site.host import PlatformHost
from pilesim.site.play import SiteOptions, play_site
from pilesim.units import MS, S
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import GunReport, GunReportReply, GunState
from pilesim.wire.protocol import protocol_named

PILES = int(os.environ.get("PILESIM_BENCH_PILES", "10000"))
SECONDS = int(os.environ.get("PILESIM_BENCH_SECONDS", "60"))
RAMP_S = 30
TALKERS = 200
REPEATS = 3
ROUNDS = 20
FIRST_NUMBER = 44030500040000200000
LHC = protocol_named("lhc")
SPAWN = get_context("spawn")


def beat_and_reply(index: int) -> tuple[bytes, bytes]:
    pile, platform = (LHC.session(end, f"{FIRST_NUMBER + index}") for end in (End.PILE, End.PLATFORM))
    beat = pile.build(GunReport(gun=1, state=GunState.IDLE, cable=False, meter_dwh=0))
    (frame,) = LHC.framer(Direction.UP).feed(beat, 0)
    assert isinstance(frame, Frame)
    return beat, platform.build(GunReportReply(gun=1), frame)


def platform() -> PlatformHost:
    return PlatformHost(
        host="127.0.0.1",
        port=0,
        protocol=LHC.name,
        seed=1,
        clock_rate=1,
        world_start_ns=time.time_ns(),
        settings=Settings(auto=True),
    )


# What a frame costs the platform -----------------------------------------------------------------------------


def talk(port: int, news: Connection) -> None:
    """Many piles that say nothing but heartbeats, each as soon as the one before is answered."""
    talkers = [(socket.create_connection(("127.0.0.1", port)), *beat_and_reply(index)) for index in range(TALKERS)]
    news.send(True)
    while rounds := news.recv():
        for _ in range(rounds):
            for line, beat, _reply in talkers:
                line.sendall(beat)
            for line, _beat, reply in talkers:
                line.recv(len(reply), socket.MSG_WAITALL)
        news.send(True)


class BareAnswerer:
    """Answers each chunk with the same reply."""

    def __init__(self) -> None:
        self.links = AnswerMany()
        self.name = self.links.name
        self.reply = beat_and_reply(0)[1]

    def live(self, stop: Callable[[], bool]) -> None:
        while not stop():
            for key, event in self.links.wait(100 * MS):
                if isinstance(event, Data):
                    self.links.send(key, self.reply)

    def close(self) -> None:
        self.links.close()


@contextmanager
def living(answerer: BareAnswerer | PlatformHost) -> Iterator[int]:
    """It answers on a thread of this process; its port."""
    over = threading.Event()
    thread = threading.Thread(target=answerer.live, args=(over.is_set,))
    thread.start()
    try:
        yield int(answerer.name.rpartition(":")[2])
    finally:
        over.set()
        thread.join()
        answerer.close()


def us_a_frame(answerer: BareAnswerer | PlatformHost) -> float:
    """What a frame costs this process, whose other thread waits."""
    here, there = SPAWN.Pipe()
    with living(answerer) as port:
        talking = SPAWN.Process(target=talk, args=(port, there), daemon=True)
        talking.start()
        here.recv()
        fastest_s = math.inf
        for _ in range(REPEATS):
            began_s = time.process_time()
            here.send(ROUNDS)
            here.recv()
            fastest_s = min(fastest_s, time.process_time() - began_s)
        here.send(0)
        talking.join()
    return fastest_s * 1e6 / (ROUNDS * TALKERS)


def test_frames_answered(benchmark: BenchmarkFixture) -> None:
    """How many frames the platform answers on one core, and how many are answered unread."""
    read_us = benchmark.pedantic(lambda: us_a_frame(platform()), rounds=1)  # type: ignore[no-untyped-call]
    unread_us = us_a_frame(BareAnswerer())
    figures = {
        "answered_a_second": round(1e6 / read_us),
        "unread_a_second": round(1e6 / unread_us),
        "us_a_frame": round(read_us, 1),
        "us_a_frame_unread": round(unread_us, 1),
    }
    benchmark.extra_info.update(figures)
    print(f"\nplatform: {figures}")


# How late timers run -----------------------------------------------------------------------------------------


def serve(news: Connection) -> None:
    make_room(PILES)
    host = platform()
    news.send(int(host.name.rpartition(":")[2]))
    host.live(news.poll)
    host.close()


@pytest.mark.timeout(60 + 2 * (RAMP_S + SECONDS))
def test_piles_on_one_loop(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Piles of two guns, each gun with a heartbeat every 30 s, against a platform on the other core."""
    here, there = SPAWN.Pipe()
    serving = SPAWN.Process(target=serve, args=(there,), daemon=True)
    serving.start()
    figures = Figures(piles=PILES)
    profile = profile_named("reference")
    options = SiteOptions(
        url=f"tcp://127.0.0.1:{here.recv()}",
        plans=tuple(
            PilePlan(site="bench", number=f"{FIRST_NUMBER + index}", profile=profile, visits=())
            for index in range(PILES)
        ),
        protocol=LHC.name,
        seed=1,
        clock_rate=1,
        world_start_ns=time.time_ns(),
        captures=tmp_path,
        ramp_ns=RAMP_S * S,
        for_ns=(RAMP_S + SECONDS) * S,
        watch=False,
    )
    looks = [Look(figures)]

    def look() -> bool:
        # From here on it is the steady state, with the ramp behind it.
        if len(looks) == 1 and figures.up == PILES:
            looks.append(Look(figures))
        return False

    benchmark.pedantic(lambda: play_site(options, figures, look), rounds=1)  # type: ignore[no-untyped-call]
    here.send(True)
    serving.join()
    assert len(looks) == 2, f"{figures.up} of {PILES} piles were connected at the end of the ramp"
    looks.append(Look(figures))
    resting, ramped, ended = looks
    lateness, seconds = ended.lateness.since(ramped.lateness), ended.at_s - ramped.at_s
    measured = {
        "kib_a_pile": round((ramped.resident_bytes - resting.resident_bytes) / PILES / 1024, 1),
        "frames_a_second": round((ended.frames - ramped.frames) / seconds),
        "core_used": round((ended.used_s - ramped.used_s) / seconds, 2),
        "timers_late_by_ms": {p: round((lateness.percentile_ns(p) or 0) / MS, 1) for p in (50, 99)},
        "answers_ms": {p: round((figures.answers.percentile_ns(p) or 0) / MS, 1) for p in (50, 99)},
    }
    benchmark.extra_info.update(measured)
    print(f"\n{PILES} piles: {measured}")


class Look:
    """What there was to see at one moment."""

    def __init__(self, figures: Figures) -> None:
        self.at_s = time.monotonic()
        self.used_s = time.process_time()
        self.frames = figures.frames
        self.lateness = copy.deepcopy(figures.lateness)
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self.resident_bytes = pages * os.sysconf("SC_PAGE_SIZE")
