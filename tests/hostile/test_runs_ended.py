"""Runs that are ended from outside: the capture is readable, the exit code tells, and nothing is left behind."""

from __future__ import annotations

import io
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from called import called
from enough import has_time
from fuzz_targets import NOTHING_PLAYED

from pilesim.cli.files import write_whole
from pilesim.cli.main import run as run_here
from pilesim.cli.report import read_result, write_result
from pilesim.conformance.live import LiveOptions, play_live
from pilesim.conformance.result import RunResult
from pilesim.errors import UsageError
from pilesim.library import firmware_folder
from pilesim.rig.bench import Bench
from pilesim.rig.clock import RealClock, present_ns
from pilesim.rig.scribe import capture_file
from pilesim.rules.verdict import Verdict
from pilesim.site.figures import Figures
from pilesim.site.play import SiteOptions
from pilesim.trace.capture import BROKEN_OFF
from pilesim.trace.events import Finish, Note, Trace
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import S
from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunState
from pilesim.wire.protocol import protocol_named

pytestmark = pytest.mark.realtime

PROC = Path("/proc")
linux = pytest.mark.skipif(not PROC.is_dir(), reason="processes are looked for in /proc")
PLATFORM = ("platform", "tcp-listen://127.0.0.1:0", "--capture", "kept.jsonl")
TAP = ("tap", "tcp-listen://127.0.0.1:0", "tcp://127.0.0.1:9", "--capture", "kept.jsonl")
PILE = ("pile", "pty:", "--capture", "kept.jsonl")
LIVE = {"platform": PLATFORM, "tap": TAP, "pile": PILE}
CONFORM = ("conform", "order/short", "--pile", "sim:reference?link=tcp", "--captures", "kept")
SHORT = firmware_folder() / "captures" / "reference" / "order-short.jsonl"
BEAT = (
    protocol_named("lhc")
    .session(End.PILE, "44030500040000200026")
    .build(GunReport(gun=1, state=GunState.IDLE, cable=False))
)
SUITE = ("conform", "auth/second-scan", "beat/idle-day", "--captures", "kept")
"""One that is over at once, and one that no machine is through with when that is said; what has begun is waited for."""


class Unread(io.StringIO):
    """What a program has for standard output when its reader has hung up."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def no_room_once_played(runs: Sequence[RunResult], find: object, **files: object) -> None:
    if runs[0].scenarios and any(files.values()):
        raise UsageError("page: expected a file that can be written: No space left on device")


class Full(io.StringIO):
    """What a program has for standard output where that goes to a file on a full disk."""

    def write(self, text: str, /) -> int:
        raise OSError(28, "No space left on device")


NO_ROOM = "pilesim: standard output: expected room for all that is said: No space left on device\n"
FILES: dict[str, tuple[str, ...]] = {
    "judge": ("judge", str(SHORT), "--json", "kept"),
    "judge a page": ("judge", str(SHORT), "--html", "kept"),
    "judge a folder": ("judge", str(SHORT.parent), "--jobs", "1", "--csv", "kept"),
    "bill": ("bill", str(SHORT), "--json", "kept"),
    "case": ("case", str(SHORT), "-o", "kept.yaml"),
    "conform": ("conform", "auth/second-scan", "--json", "kept"),
    "explore": ("explore", "--runs", "1", "--json", "kept"),
    "season": ("season", "szds-26", "--charges", "1", "--json", "kept"),
}


def wait_for(condition: Callable[[], bool], said: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, said()
        select.select([], [], [], 0.02)


class Run:
    """A pilesim of its own, in a session of its own."""

    def __init__(
        self,
        folder: Path,
        *words: str,
        stdout: int | None = None,
        file_bytes: int | None = None,
        unbuffered: str = "1",
        before: tuple[str, ...] = (),
    ) -> None:
        def limit() -> None:
            if file_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

        self.folder = folder
        self.capture = folder / "kept.jsonl"
        with (folder / "said").open("w") as said:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "pilesim", *words],
                cwd=folder,
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
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


def wait_for_port(run: Run, peer: socket.socket, port: int) -> bool:
    """Whether `peer` is connected to it at last; not where the run ended instead."""
    connected = False

    def settled() -> bool:
        nonlocal connected
        connected = peer.connect_ex(("127.0.0.1", port)) == 0
        return connected or run.process.poll() is not None

    wait_for(settled, run.said)
    return connected


Running = Callable[..., Run]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    begun: list[Run] = []

    def run(*words: str, **how: Any) -> Run:
        begun.append(Run(tmp_path, *words, **how))
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
def test_it_outlives_its_terminal_where_it_was_told_to(running: Running) -> None:
    run = running(*PLATFORM, before=("nohup",))
    run.begun()
    run.process.send_signal(signal.SIGHUP)
    with socket.socket() as peer:
        assert wait_for_port(run, peer, run.port()), run.said()
    wait_for(lambda: '"line-down"' in run.capture.read_text(), run.said)
    assert run.end(signal.SIGTERM) == 0, run.said()


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
    # A pile that is not told of the end holds its half of the connection for a while.
    with socket.create_connection(("127.0.0.1", port)):
        wait_for(lambda: '"line-up"' in run.capture.read_text(), run.said)
        run.end(signal.SIGKILL)
        with socket.socket() as peer:
            assert peer.connect_ex(("127.0.0.1", port)) != 0
        again = running("platform", f"tcp-listen://127.0.0.1:{port}", "--capture", "kept.jsonl")
        with socket.socket() as peer:
            found = wait_for_port(again, peer, port)
        assert found, again.said()


@linux
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_suite_that_is_ended_leaves_no_process(running: Running, number: int, code: int) -> None:
    run = running(*SUITE, "--json", "kept.json")
    wait_for(lambda: "PASS" in run.said() and len(run.left()) >= 1, run.said)
    assert run.end(number) == code, run.said()
    wait_for(lambda: not run.left(), lambda: f"{run.left()} are left")
    result = read_result(run.folder / "kept.json")
    # In virtual time nothing is written while it runs: a kill leaves what was to be played.
    played = [scenario.id for scenario in result.scenarios if scenario.verdict is Verdict.PASS]
    assert played == (["auth/second-scan"] if number is not signal.SIGKILL else [])
    assert result.planned == ("auth/second-scan", "beat/idle-day")


@linux
def test_piles_by_the_thousand_are_judged_when_the_terminal_closes(running: Running, time_enough: bool) -> None:
    if not time_enough:
        pytest.skip("with --seeds 20")
    reading, writing = os.pipe()
    os.close(reading)
    with socket.create_server(("127.0.0.1", 0)) as platform:
        url = f"tcp://127.0.0.1:{platform.getsockname()[1]}"
        run = running("pile", url, "--count", "2", "--json", "kept.json", "--captures", "kept", stdout=writing)
        os.close(writing)
        wait_for(lambda: len([*run.folder.glob("kept/*")]) == 2, run.said)
        # Nobody answers there, which is the platform's failure.
        assert run.end(signal.SIGHUP) == 1, run.said()
    assert run.said() == ""
    assert (run.folder / "kept.json").read_text().count("pile") > 2


@linux
def test_many_piles_are_served_when_nobody_reads_what_is_said_of_them(running: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    reading, writing = os.pipe()
    os.close(reading)
    run = running("platform", f"tcp-listen://127.0.0.1:{port}", "--many", stdout=writing)
    os.close(writing)
    with socket.socket() as pile:
        assert wait_for_port(run, pile, port), run.said()
        pile.settimeout(40)
        pile.sendall(BEAT)
        assert pile.recv(100)
    assert run.end(signal.SIGTERM) == 0


BUSY = """
import os, signal, sys, threading
from multiprocessing.process import BaseProcess
from pilesim.spread import hired
kill = BaseProcess.kill
def killed(process):
    kill(process)
    if "again" in sys.argv:
        sys.argv.remove("again")
        os.kill(os.getpid(), signal.SIGINT)
BaseProcess.kill = killed
def work(share):
    os.kill(os.getppid(), signal.SIGINT)
    threading.Event().wait()
with hired(2) as crew:
    print(list(crew.done(work, [1, 2, 3])))
"""


@linux
@pytest.mark.parametrize("told", ["once", "again"])
def test_an_interrupt_does_not_wait_for_a_share_that_takes_long(told: str) -> None:
    """Once by each process, and again while they are killed."""
    words = [sys.executable, "-c", BUSY, told]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=40)
    assert ran.returncode == -signal.SIGINT, ran.stdout + ran.stderr


FORKS = """
import os, sys
from pilesim.spread import hired
os.register_at_fork(before=lambda: os.kill(os.getpid(), int(sys.argv[1])))
with hired(2) as crew:
    print(list(crew.done(abs, [1, 2, 3])))
"""


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_in_the_midst_of_a_fork_is_not_lost(number: signal.Signals) -> None:
    words = [sys.executable, "-c", FORKS, str(int(number))]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=40)
    assert ran.returncode == -number, ran.stdout + ran.stderr
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
@pytest.mark.parametrize("command", [name for name, words in FILES.items() if words[-1] == "kept"])
def test_a_disk_that_has_no_room_for_a_result_is_told(tmp_path: Path, command: str) -> None:
    done = called(*FILES[command][:-1], "/dev/full", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr == "pilesim: /dev/full: expected a file that can be written: No space left on device\n"


def test_a_result_for_which_there_is_no_room_leaves_the_one_before_it_and_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, pieces: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    kept = tmp_path / "kept"
    kept.write_bytes(b"before")
    monkeypatch.setattr("pilesim.cli.files._write", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_whole(kept, b"after")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


@pytest.mark.parametrize("of_page", [True, False], ids=["of the page", "of something else"])
def test_a_result_takes_the_room_of_the_page_so_far(
    of_page: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_bytes = 10_000

    def written(path: Path, pieces: Iterable[bytes]) -> None:
        content = b"".join(pieces)
        if len(content) + sum(other.stat().st_size for other in tmp_path.iterdir()) > disk_bytes:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("pilesim.cli.files._write", written)
    result, page, other = tmp_path / "kept.json", tmp_path / "page.html", tmp_path / "other"
    page.touch()
    (page if of_page else other).write_bytes(bytes(disk_bytes))
    with pytest.raises(UsageError, match=rf"{(page if of_page else result).name}: .* No space left on device"):
        write_result(NOTHING_PLAYED, lambda run, result: None, kept=True, json_file=result, html_file=page)
    assert not page.exists()
    if of_page:
        assert read_result(result) == NOTHING_PLAYED
    else:
        assert not result.exists()


@linux
@pytest.mark.parametrize("option", ["--html", "--junit"])
def test_a_page_for_which_there_is_no_room_costs_no_result(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Beforehand there was room, even for what is written before the first scenario.
    monkeypatch.setattr("pilesim.cli.report.write_reports", no_room_once_played)
    kept = tmp_path / "kept.json"
    assert run_here(["conform", "auth/second-scan", "--json", str(kept), option, str(tmp_path / "page")]) == 2
    assert [scenario.verdict for scenario in read_result(kept).scenarios] == [Verdict.PASS]


@linux
@pytest.mark.parametrize("option", ["--html", "--junit"])
@pytest.mark.parametrize("command", ["judge", "report", "pile"])
def test_a_page_for_which_there_is_no_room_costs_neither_verdict_nor_result(
    command: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def played(options: SiteOptions, figures: Figures, stop: Callable[[], bool]) -> dict[str, Path]:
        figures.connects = 1
        return {plan.number: SHORT for plan in options.plans}

    monkeypatch.setattr("pilesim.cli.site.play_site", played)
    # Beforehand there was room.
    monkeypatch.setattr("pilesim.cli.site.writable", lambda *files, read: None)
    kept, page = tmp_path / "kept.json", (option, "/dev/full")
    if command == "report":
        assert run_here(["judge", str(SHORT), "--json", str(kept)]) == 0
        capsys.readouterr()
    words = {
        "judge": ["judge", str(SHORT), "--json", str(kept)],
        "report": ["report", str(kept)],
        "pile": ["pile", "tcp://127.0.0.1:9", "--count", "1", "--json", str(kept)],
    }[command]
    assert run_here([*words, *page]) == 2
    said, complaint = capsys.readouterr()
    assert "PASS" in said
    assert complaint == "pilesim: /dev/full: expected a file that can be written: No space left on device\n"
    assert [scenario.verdict for scenario in read_result(kept).scenarios] == [Verdict.PASS]


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
@pytest.mark.parametrize("unbuffered", ["1", ""], ids=["at once", "in the end"])
def test_a_list_that_nobody_reads_ends_as_a_pipe_ends_a_program(running: Running, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    # As short as this one is, it waits to be written until all of it is there.
    run = running("show", str(SHORT), stdout=writing, unbuffered=unbuffered)
    os.close(writing)
    assert run.process.wait(40) == 141, run.said()
    assert run.said() == ""


@pytest.mark.parametrize("command", FILES)
def test_it_writes_its_file_when_nobody_reads_what_it_says(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdout", Unread())
    assert run_here(FILES[command]) in (0, 1)
    (kept,) = tmp_path.glob("kept*")
    assert kept.stat().st_size > 100


@linux
def test_a_verdict_that_nobody_reads_is_the_exit_code_all_the_same(running: Running) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = running("conform", "auth/second-scan", stdout=writing, unbuffered="")
    os.close(writing)
    assert run.process.wait(40) == 0, run.said()
    assert run.said() == ""


@linux
@pytest.mark.parametrize(
    ("words", "closed", "code"),
    [
        (("judge", str(SHORT), "--json", "kept"), ">&-", 0),
        (("conform", "auth/second-scan", "--json", "kept"), "<&- >&- 2>&-", 0),
        (("judge", "none.log"), "2>&-", 2),
        (("nothing",), "2>/dev/full", 2),
    ],
    ids=["output", "all", "errors", "errors on a full disk"],
)
def test_it_ends_with_its_code_where_its_streams_are_closed(
    running: Running, words: tuple[str, ...], closed: str, code: int
) -> None:
    run = running(*words, before=("sh", "-c", f'exec "$@" {closed}', "sh"))
    assert run.process.wait(40) == code, run.said()
    assert run.said() == ""
    assert (run.folder / "kept").exists() == (code == 0)


@pytest.mark.parametrize("there", [False, True])
def test_a_run_that_is_broken_off_leaves_no_empty_file(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pilesim.cli.season.play_season", broken_off)
    kept = tmp_path / "kept"
    if there:
        kept.write_text("before")
    assert run_here(["season", "szds-26", "--charges", "1", "--json", str(kept)]) == 130
    assert (kept.read_text() if kept.exists() else None) == ("before" if there else None)


@linux
def test_a_list_that_a_full_disk_has_no_room_for_is_told_and_fails(running: Running) -> None:
    """In the end too, when what is left is written: Python itself says it in its own way, with a code of its own."""
    full = os.open("/dev/full", os.O_WRONLY)
    run = running("--version", stdout=full, unbuffered="")
    os.close(full)
    assert run.process.wait(40) == 2, run.said()
    assert run.said() == NO_ROOM


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("rules",), 2),
        (("show", str(SHORT)), 2),
        (("conform", "auth/second-scan"), 0),
        (("judge", str(SHORT), "--json", "kept"), 0),
    ],
    ids=["a list", "a log", "a verdict", "a verdict beside a file"],
)
def test_words_that_a_full_disk_has_no_room_for_are_missed_and_a_verdict_is_the_exit_code_all_the_same(
    words: tuple[str, ...],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdout", Full())
    assert run_here(words) == code
    assert capsys.readouterr().err == NO_ROOM


def test_a_clock_that_is_set_back_moves_no_time_of_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = RealClock(25)
    before = clock.now_ns(), present_ns(1)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    after = clock.now_ns(), present_ns(1)
    assert 0 <= before[0] <= after[0]
    assert after[1] >= before[1]
