"""What the tap adds to a round trip: through it, and the same without it, turn and turn about in one run.

Files named bench_* are not collected by a plain pytest run; `make bench` runs them. The numbers are for people:
nothing here asserts on speed. Each round trip is a heartbeat up and its reply down between two other processes
than the tap's own, whose view and capture are on. A third way goes through a relay that only copies bytes: what that
adds is the machine's own, two more processes to be woken, and what the tap adds to it is the tap's. All that
pass bytes on go before whatever else the machine does, the tap's view among it, where that is allowed (it takes
rights); else the slowest round trips say more of the machine than of the tap.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunReportReply, GunState
from pilesim.wire.protocol import protocol_named

LHC = protocol_named("lhc")
PILE = "44030500040000200026"
BEAT = LHC.session(End.PILE, PILE).build(GunReport(gun=1, state=GunState.IDLE, cable=False))
REPLY = LHC.session(End.PLATFORM, PILE).build(GunReportReply(gun=1))

ECHO = f"""
import socket, threading
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
def serve(peer):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while peer.recv(65536):
        peer.sendall(bytes.fromhex("{REPLY.hex()}"))
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
"""

RELAY = """
import select, socket, sys
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
pile = listening.accept()[0]
platform = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
other = {pile: platform, platform: pile}
for end in other:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while True:
    for end in select.select(list(other), [], [])[0]:
        other[end].sendall(end.recv(65536) or sys.exit())
"""

IMPAIRED = {
    "plain": (),
    # By message, so that the tap looks for whole frames, and never met, so that it stays armed.
    "armed": ("--impair", "hold start for=46s count=1"),
}
PACES = {"at-once": 0.0, "every-20-ms": 0.02}
"""How long before each round trip; with three ways, the tap has the view's work to do between two of its own."""
ROUNDS = {"at-once": 2_000, "every-20-ms": 600}


def goes_first() -> bool:
    """This process has a processor whenever it wants one, those that it forks do not; whether that was allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except (AttributeError, PermissionError):
        return False
    return True


@contextmanager
def going_first() -> Iterator[bool]:
    """`goes_first`, for a while."""
    first = goes_first()
    try:
        yield first
    finally:
        if first:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def process(said: Path, *arguments: str) -> Iterator[str]:
    """The first line that a Python process says. It says all into a file, so that nobody has to read along."""
    with said.open("w") as out:
        running = subprocess.Popen(
            [sys.executable, "-u", *arguments],
            stdout=out,
            preexec_fn=goes_first,  # noqa: PLW1509 (this process has no thread that could hold a lock)
        )
    try:
        while not (text := said.read_text()).endswith("\n"):
            assert running.poll() is None, text
            time.sleep(0.02)
        yield text.splitlines()[0]
    finally:
        running.kill()
        running.wait()


def connected(port: int, stack: ExitStack) -> Callable[[], None]:
    """One round trip over a connection to `port`."""
    peer = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.settimeout(10)

    def round_trip() -> None:
        peer.sendall(BEAT)
        missing = len(REPLY)
        while missing:
            missing -= len(peer.recv(missing))

    return round_trip


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("impaired", IMPAIRED)
def test_round_trip_through_the_tap(benchmark: BenchmarkFixture, tmp_path: Path, impaired: str, pace: str) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(going_first())
        platform_port = int(stack.enter_context(process(tmp_path / "platform", "-c", ECHO)))
        tap_url = stack.enter_context(
            process(
                tmp_path / "view",
                *("-m", "pilesim", "tap", "tcp-listen://127.0.0.1:0", f"tcp://127.0.0.1:{platform_port}"),
                *("--all", "--capture", str(tmp_path / "tap.jsonl"), *IMPAIRED[impaired]),
            )
        )
        relay_port = int(stack.enter_context(process(tmp_path / "relay", "-c", RELAY, str(platform_port))))
        direct, relayed = connected(platform_port, stack), connected(relay_port, stack)
        tapped = connected(int(tap_url.rpartition(":")[2]), stack)
        took: dict[str, list[float]] = {"direct": [], "relayed": [], "tapped": []}

        def timed(name: str, round_trip: Callable[[], None]) -> None:
            began = time.perf_counter()
            round_trip()
            took[name].append(time.perf_counter() - began)

        def before() -> None:
            for name, round_trip in (("direct", direct), ("relayed", relayed)):
                time.sleep(PACES[pace])
                timed(name, round_trip)
            time.sleep(PACES[pace])

        benchmark.pedantic(lambda: timed("tapped", tapped), setup=before, rounds=ROUNDS[pace], warmup_rounds=20)  # type: ignore[no-untyped-call]
    figures = {}
    for name, seconds in took.items():
        cuts = quantiles(seconds, n=100)
        figures[name] = {"p50_us": round(cuts[49] * 1e6), "p99_us": round(cuts[98] * 1e6)}
    keys = ("p50_us", "p99_us")
    added = {to: {key: figures["tapped"][key] - figures[to][key] for key in keys} for to in ("direct", "relayed")}
    benchmark.extra_info.update(figures, added=added, went_first=first)
    print(f"\n{impaired}, {pace}{', before all else' if first else ''}: {figures}, added to {added}")
