"""Runs that are ended from outside: the capture is readable, the exit code tells, and nothing is left behind."""

from __future__ import annotations

import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pytest
from called import called
from enough import has_time

from pilesim.conformance.live import LiveOptions, play_live
from pilesim.rig.bench import Bench
from pilesim.rig.clock import RealClock, present_ns
from pilesim.rig.scribe import capture_file
from pilesim.trace.capture import BROKEN_OFF
from pilesim.trace.events import Finish, Note, Trace
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import S

pytestmark = pytest.mark.realtime

PROC = Path("/proc")
linux = pytest.mark.skipif(not PROC.is_dir(), reason="processes are looked for in /proc")
PLATFORM = ("platform", "tcp-listen://127.0.0.1:0", "--capture", "kept.jsonl")
TAP = ("tap", "tcp-listen://127.0.0.1:0", "tcp://127.0.0.1:9", "--capture", "kept.jsonl")
PILE = ("pile", "pty:", "--capture", "kept.jsonl")
LIVE = {"platform": PLATFORM, "tap": TAP, "pile": PILE}
CONFORM = ("conform", "order/short", "--pile", "sim:reference?link=tcp", "--captures", "kept")
SUITE = ("conform", "auth/second-scan", "beat/idle-day", "--captures", "kept")
"""One that is over at once, and one that no machine is through with when that is said; what has begun is waited for."""


def wait_for(condition: Callable[[], bool], said: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, said()
        select.select([], [], [], 0.02)


class Run:
    """A pilesim of its own, in a session of its own."""

    def __init__(self, folder: Path, *words: str, stdout: int | None = None, file_bytes: int | None = None) -> None:
        def limit() -> None:
            if file_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

        self.folder = folder
        self.capture = folder / "kept.jsonl"
        with (folder / "said").open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pilesim", *words],
                cwd=folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=said if stdout is None else stdout,
                stderr=said,
                start_new_session=True,
                preexec_fn=limit,  # noqa: PLW1509 (this process has no thread that could hold a lock)
            )

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def port(self) -> int:
        wait_for(lambda: re.search(r" is tcp-listen\S+:(\d+)", self.said()) is not None, self.said)
        (port,) = re.findall(r" is tcp-listen\S+:(\d+)", self.said())
        return int(port)

    def begun(self) -> None:
        """Wait until the capture has begun."""
        wait_for(lambda: self.capture.exists() and self.capture.stat().st_size > 0, self.said)
        wait_for(lambda: " is " in self.said(), self.said)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(40)

    def left(self) -> list[int]:
        """Processes of this run, itself aside."""
        found = []
        for status in PROC.glob("[0-9]*/stat"):
            try:
                pid, rest = status.read_text().split(" ", 1)
            except (OSError, ValueError):
                continue
            state, _, _, session = rest.rpartition(") ")[2].split(" ")[:4]
            if int(session) == self.process.pid and state != "Z" and int(pid) != self.process.pid:
                found.append(int(pid))
        return found

    def close(self) -> None:
        for pid in [self.process.pid, *self.left()]:
            if pid != self.process.pid or self.process.poll() is None:
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


Running = Callable[..., Run]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    begun: list[Run] = []

    def run(*words: str, stdout: int | None = None, file_bytes: int | None = None) -> Run:
        begun.append(Run(tmp_path, *words, stdout=stdout, file_bytes=file_bytes))
        return begun[-1]

    yield run
    for one in begun:
        one.close()


def read(path: Path) -> Trace:
    return load_log(path, Wishes(form="capture")).trace


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every signal to every command where there is time; else each to one of them, and to each of them one."""
    if "number" in metafunc.fixturenames and "command" in metafunc.fixturenames:
        pairs = list(product(LIVE, SIGNALS) if has_time(metafunc.config) else zip(LIVE, SIGNALS, strict=True))
        metafunc.parametrize(("command", "number"), pairs)


@linux
def test_it_ends_in_order_when_told_to_or_when_the_terminal_closes(
    running: Running, command: str, number: signal.Signals
) -> None:
    run = running(*LIVE[command])
    run.begun()
    # A tap to which nobody came has nothing to judge, which is the bench's failure.
    assert run.end(number) == (3 if command == "tap" else 0), run.said()
    assert isinstance(read(run.capture).events[-1], Finish)
    assert run.left() == []


@linux
@pytest.mark.parametrize("command", LIVE)
def test_what_was_recorded_is_read_back_after_a_kill(running: Running, command: str) -> None:
    run = running(*LIVE[command])
    run.begun()
    if command == "platform":
        with socket.create_connection(("127.0.0.1", run.port())) as peer:
            peer.sendall(b"some noise")
            wait_for(lambda: b"some noise".hex() in run.capture.read_text(), run.said)
    assert run.end(signal.SIGKILL) == -signal.SIGKILL
    events = read(run.capture).events
    assert not any(isinstance(event, Finish) for event in events)
    assert command != "platform" or len(events) >= 2
    # Its view shows what had come until then, and ends.
    wait_for(lambda: not run.left(), lambda: f"{run.left()} are left")


def test_its_port_is_free_again_after_a_kill(running: Running) -> None:
    run = running(*PLATFORM)
    port = run.port()
    run.end(signal.SIGKILL)
    with socket.socket() as peer:
        assert peer.connect_ex(("127.0.0.1", port)) != 0
    again = running("platform", f"tcp-listen://127.0.0.1:{port}", "--capture", "kept.jsonl")
    wait_for(lambda: f"tcp-listen://127.0.0.1:{port}" in again.said(), again.said)


@linux
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_suite_that_is_ended_leaves_no_process(running: Running, number: int, code: int) -> None:
    run = running(*SUITE)
    wait_for(lambda: "PASS" in run.said() and len(run.left()) >= 1, run.said)
    assert run.end(number) == code, run.said()
    wait_for(lambda: not run.left(), lambda: f"{run.left()} are left")


FORKS = """
import os, signal
from pilesim.spread import hired
os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGINT))
with hired(2) as crew:
    print(list(crew.done(abs, [1, 2, 3])))
"""


@linux
def test_an_interrupt_in_the_midst_of_a_fork_is_not_lost() -> None:
    ran = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=False, timeout=40)
    assert ran.returncode == -signal.SIGINT, ran.stdout + ran.stderr
    assert ran.stdout == ""
    assert "Exception ignored" not in ran.stderr


def test_a_scenario_on_a_real_line_that_is_killed_leaves_its_recording(running: Running) -> None:
    run = running(*CONFORM)
    capture = run.folder / "kept" / "order-short.jsonl"
    wait_for(lambda: capture.exists() and capture.read_text().count("\n") > 5, run.said)
    assert run.end(signal.SIGKILL) == -signal.SIGKILL
    assert len(read(capture).events) >= 5


@linux
@pytest.mark.parametrize("command", LIVE)
def test_a_disk_that_is_full_from_the_beginning_is_told_as_the_benchs_failure(tmp_path: Path, command: str) -> None:
    words = ["/dev/full" if word == "kept.jsonl" else word for word in LIVE[command]]
    done = called(*words, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "/dev/full: the recording ends here, it cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@linux
def test_a_disk_that_becomes_full_ends_the_run_and_keeps_what_was_written(running: Running) -> None:
    run = running("conform", "order/short", "--captures", "kept", file_bytes=4000)
    assert run.process.wait(40) == 3, run.said()
    assert "order-short.jsonl: the recording ends here, it cannot be written: File too large" in run.said()
    events = read(run.folder / "kept" / "order-short.jsonl").events
    assert len(events) > 5
    assert events[-1] == Note(t_ns=events[-1].t_ns, text=BROKEN_OFF)


@linux
def test_a_disk_that_becomes_full_ends_what_would_live_on(running: Running) -> None:
    # What it shows would fill a file too.
    run = running(*PILE, "--clock-rate", "1000", stdout=subprocess.DEVNULL, file_bytes=1500)
    assert run.process.wait(40) == 3, run.said()
    assert "kept.jsonl: the recording ends here, it cannot be written: File too large" in run.said()
    assert len(read(run.capture).events) > 1


@linux
@pytest.mark.parametrize("command", ["platform", "conform"])
def test_a_port_that_vanishes_for_good_ends_the_run_and_keeps_what_was_recorded(running: Running, command: str) -> None:
    master, slave = pty.openpty()
    url = f"serial://{os.ttyname(slave)}?wait=0s"
    if command == "platform":
        run, capture = running(command, url, "--capture", "kept.jsonl"), "kept.jsonl"
    else:
        run = running(command, "order/short", "--pile", url, "--captures", "kept")
        capture = "kept/order-short.jsonl"
    path = run.folder / capture
    wait_for(lambda: path.exists() and '"line-up"' in path.read_text(), run.said)
    os.close(slave)
    os.close(master)
    assert run.process.wait(40) == 3, run.said()
    assert "the port vanished" in run.said()
    last = read(path).events[-1]
    assert isinstance(last, Finish)
    assert last.reason.startswith("the port vanished: ")


def test_a_tap_keeps_in_memory_nothing_of_what_passes(tmp_path: Path) -> None:
    """Looked at when what has passed is in the file: a tap stands there for months."""
    part, room_bytes = bytes(200_000), 100_000
    path, sizes = tmp_path / "kept.jsonl", list[int]()
    with socket.create_server(("127.0.0.1", 0)) as platform, ExitStack() as stack:
        piles: list[socket.socket] = []

        def hear() -> None:
            peer = stack.enter_context(platform.accept()[0])
            while peer.recv(65536):
                pass

        def opened(bench: Bench) -> None:
            host, _, port = bench.pile_end.rpartition("//")[2].rpartition(":")
            piles.append(stack.enter_context(socket.create_connection((host, int(port)))))
            threading.Thread(target=hear, daemon=True).start()
            threading.Thread(target=piles[0].sendall, args=(part,), daemon=True).start()

        def stop() -> bool:
            # Each byte is there twice, at each end, as two digits.
            if path.stat().st_size > (len(sizes) + 1) * 4 * len(part):
                sizes.append(tracemalloc.get_traced_memory()[0])
                threading.Thread(target=piles[0].sendall, args=(part,), daemon=True).start()
            return len(sizes) == 3

        options = LiveOptions(
            pile="tcp-listen://127.0.0.1:0",
            platform=f"tcp://127.0.0.1:{platform.getsockname()[1]}",
            protocol="lhc",
            seed=1,
            clock_rate=1,
            world_start_ns=0,
            until_ns=40 * S,
        )
        tracemalloc.start()
        try:
            with capture_file(path) as sink:
                play_live(options, sink=sink, opened=opened, viewer=lambda: print, stop=stop)
        finally:
            tracemalloc.stop()
    assert len(sizes) == 3
    assert sizes[2] - sizes[0] < room_bytes, sizes


@linux
@pytest.mark.parametrize("words", [CONFORM, *LIVE.values()], ids=["conform", *LIVE])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_played(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = called(*(word.replace("kept", "/proc/kept") for word in words), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "/proc/kept" in done.stderr
    assert "Traceback" not in done.stderr


@linux
@pytest.mark.parametrize("command", LIVE)
def test_it_records_on_when_nobody_reads_what_it_says(running: Running, command: str) -> None:
    reading, writing = os.pipe()
    run = running(*LIVE[command], stdout=writing)
    os.close(writing)
    os.close(reading)
    wait_for(lambda: run.capture.exists() and run.capture.stat().st_size > 0, run.said)
    assert run.process.poll() is None
    assert run.end(signal.SIGTERM) == (3 if command == "tap" else 0), run.said()
    assert isinstance(read(run.capture).events[-1], Finish)
    assert "BrokenPipe" not in run.said()


@linux
def test_a_list_that_nobody_reads_ends_as_a_pipe_ends_a_program(running: Running) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = running("rules", stdout=writing)
    os.close(writing)
    assert run.process.wait(40) == 141, run.said()
    assert run.said() == ""


def test_a_clock_that_is_set_back_moves_no_time_of_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = RealClock(25)
    before = clock.now_ns(), present_ns(1)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    after = clock.now_ns(), present_ns(1)
    assert 0 <= before[0] <= after[0]
    assert after[1] >= before[1]
