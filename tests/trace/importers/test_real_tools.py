"""Packets as real tools record and save them: tcpdump on the loopback and on any device, tshark, and its reassembly.

Where the tools are not installed, or may not record here, the tests say that they are skipped.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from logs import frames_of

from pilesim.rules.judge import judge
from pilesim.trace.capture import read_capture
from pilesim.trace.events import Chunk, Trace
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.wire.frame import Direction, End

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.skipif(
        not (shutil.which("tcpdump") and shutil.which("tshark")), reason="tcpdump and tshark are not installed"
    ),
]

PILESIM = [sys.executable, "-c", "from pilesim.cli.main import main; main()"]
DEVICES = ("lo", "any")
"""Recorded as Ethernet, and as a cooked capture."""


@contextmanager
def recording(device: str, port: int, file: Path) -> Iterator[None]:
    """tcpdump at work; skips where it may not be."""
    # Each packet is printed when it is written, so that it is known when the last one is.
    command = ["tcpdump", "-B", "8192", "-l", "--print", "-U", "-i", device, "-w", str(file), f"tcp port {port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = next((line for line in process.stderr if "listening on" in line or "permission" in line), "")
        if "listening on" not in said:
            process.kill()
            pytest.skip(f"tcpdump may not record {device} here: {said.strip()}")
        try:
            yield
            closing = (line for line in process.stdout if "Flags [F" in line or "Flags [R" in line)
            assert all(next(closing) for _ in range(2))
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def files(time_enough: bool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One short order between two programs, as each tool has it, and as the platform's program recorded it itself."""
    if not time_enough:
        pytest.skip("takes ten seconds of real time: played with --seeds 20")
    folder = tmp_path_factory.mktemp("packets")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = {"own": folder / "own.jsonl", **{device: folder / f"{device}.pcap" for device in DEVICES}}
    played = ["--script", "order/short", "--clock-rate", "20"]
    with ExitStack() as stack:
        for device in DEVICES:
            stack.enter_context(recording(device, port, found[device]))
        listen = [*PILESIM, "platform", f"tcp-listen://127.0.0.1:{port}", *played, "--capture", str(found["own"])]
        platform = stack.enter_context(subprocess.Popen(listen, stdout=subprocess.PIPE, text=True))
        stack.callback(platform.kill)
        assert platform.stdout is not None
        assert "tcp-listen" in platform.stdout.readline()
        subprocess.run([*PILESIM, "pile", f"tcp://127.0.0.1:{port}", *played], check=True, capture_output=True)
        platform.communicate(timeout=60)
    for device in DEVICES:
        lacks = ["tshark", "-r", str(found[device]), "-Y", "tcp.analysis.lost_segment"]
        if subprocess.run(lacks, check=True, capture_output=True).stdout:
            pytest.skip(f"tcpdump itself lost packets of {device}: the machine is busy")
        found[f"{device} as pcapng"] = folder / f"{device}.pcapng"
        saved = ["tshark", "-r", str(found[device]), "-F", "pcapng", "-w", str(found[f"{device} as pcapng"])]
        subprocess.run(saved, check=True, capture_output=True)
    return found


KINDS = [*DEVICES, *(f"{device} as pcapng" for device in DEVICES)]


def told(trace: Trace) -> dict[Direction, list[bytes]]:
    return {way: [raw for _, direction, raw in frames_of(trace) if direction is way] for way in Direction}


@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_the_frames_that_the_program_itself_recorded(kind: str, files: dict[str, Path]) -> None:
    own = read_capture(files["own"].read_text(encoding="utf-8").splitlines(keepends=True), "own.jsonl")
    found = load_log(files[kind], Wishes())
    assert (found.form, found.unread_count) == ("pcap", 0)
    seen = [event for event in own.events if not isinstance(event, Chunk) or event.end is End.PLATFORM]
    expected = told(Trace(own.header, tuple(seen)))
    assert told(found.trace) == expected
    assert all(expected.values())


@pytest.mark.parametrize("kind", KINDS)
def test_it_puts_streams_together_as_tshark_does(kind: str, files: dict[str, Path]) -> None:
    command = ["tshark", "-r", str(files[kind]), "-q", "-z", "follow,tcp,raw,0"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("Node 1:")) + 1
    end = next(n for n, line in enumerate(lines) if n >= begin and line.startswith("="))
    # What the second node sent, the one that was dialled, stands behind a tab.
    theirs = {
        way: b"".join(bytes.fromhex(line) for line in lines[begin:end] if line.startswith("\t") is (way is way.DOWN))
        for way in Direction
    }
    chunks = [event for event in load_log(files[kind], Wishes()).trace.events if isinstance(event, Chunk)]
    near = End.PLATFORM
    ours = {way: b"".join(c.data for c in chunks if c.direction is way and c.end is near) for way in Direction}
    assert ours == theirs


def test_it_judges_alike_whatever_saved_the_packets(files: dict[str, Path]) -> None:
    judged = {}
    for kind in KINDS:
        trace = load_log(files[kind], Wishes()).trace
        judged[kind] = [
            (rule.id, rule.verdict, [finding.frame for finding in rule.findings])
            for rule in judge(trace.header, trace.events).rules
        ]
    assert all(one == judged["lo"] for one in judged.values())
