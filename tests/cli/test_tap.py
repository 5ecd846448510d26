"""The tap as a user runs it: a process of its own, with sockets and ptys of the test as its pile and its platform."""

from __future__ import annotations

import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from called import called

from pilesim.cli.main import run
from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunReportReply, GunState, Message, Start
from pilesim.wire.protocol import protocol_named

LHC = protocol_named("lhc")
PILE = "44030500040000200026"
RESET = b"\x01\0\0\0\0\0\0\0"
"""Lingering for no time makes the close a reset."""


def up(message: Message) -> bytes:
    return LHC.session(End.PILE, PILE).build(message)


def down(message: Message) -> bytes:
    return LHC.session(End.PLATFORM, PILE).build(message)


BEAT = up(GunReport(gun=1, state=GunState.IDLE, cable=False))
BEAT_REPLY = down(GunReportReply(gun=1))
START = down(Start(gun=1, account="13800000000000000"))


def wait_for(condition: Callable[[], bool], said: Callable[[], str]) -> None:
    """Look at what another process writes until it is as wanted."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, said()
        select.select([], [], [], 0.02)


@dataclass
class Tap:
    """A running tap, what it says, and its capture."""

    process: subprocess.Popen[str]
    folder: Path

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def says(self, pattern: str) -> str:
        wait_for(lambda: re.search(pattern, self.said()) is not None, self.said)
        return self.said()

    @property
    def capture(self) -> str:
        return (self.folder / "tap.jsonl").read_text()

    def events(self, kind: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = [json.loads(line) for line in self.capture.splitlines()[1:]]
        return [event for event in found if event["event"] == kind]

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


@contextmanager
def tapping(folder: Path, pile_url: str, platform_url: str, *options: str) -> Iterator[Tap]:
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "pilesim", "tap", pile_url, platform_url, "--capture", "tap.jsonl", *options],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )
    tap = Tap(process, folder)
    try:
        wait_for(lambda: tap.said().count("\n") >= 2, tap.said)
        yield tap
    finally:
        process.kill()
        process.wait()


def patient(peer: socket.socket) -> socket.socket:
    peer.settimeout(20)
    return peer


@dataclass
class Between:
    """A tap between a listening platform and whoever dials in."""

    tap: Tap
    platform: socket.socket

    def dialled(self) -> socket.socket:
        """A pile that dials in."""
        (port,) = re.findall(r"^tcp-listen\S+ is \S+:(\d+)$", self.tap.said(), re.MULTILINE)
        return patient(socket.create_connection(("127.0.0.1", int(port))))

    def joined(self) -> tuple[socket.socket, socket.socket]:
        """A pile that dials in, and the platform's connection for it."""
        pile = self.dialled()
        return pile, patient(self.platform.accept()[0])


@contextmanager
def between(folder: Path, *options: str) -> Iterator[Between]:
    with ExitStack() as stack:
        platform = patient(stack.enter_context(socket.create_server(("127.0.0.1", 0))))
        url = f"tcp://127.0.0.1:{platform.getsockname()[1]}"
        yield Between(stack.enter_context(tapping(folder, "tcp-listen://127.0.0.1:0", url, *options)), platform)


def received(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = peer.recv(65536)
        assert piece, f"it was hung up after {len(data)} of {size} bytes"
        data += piece
    return data


def until_hung_up(peer: socket.socket) -> bytes:
    data = b""
    while piece := peer.recv(65536):
        data += piece
    return data


def judged_again(folder: Path) -> tuple[int, str]:
    done = called("judge", "tap.jsonl", cwd=folder)
    return done.returncode, done.stdout


def test_it_passes_every_byte_both_ways_and_records_it_at_both_ends(tmp_path: Path) -> None:
    chance = random.Random("tap")
    with between(tmp_path) as made:
        pile, platform = made.joined()
        sent: dict[str, bytes] = {"up": b"", "down": b""}
        for _ in range(20):
            for direction, sender, other in (("up", pile, platform), ("down", platform, pile)):
                piece = chance.randbytes(chance.choice((1, 7, 300, 4096, 100_000)))
                sender.sendall(piece)
                sent[direction] += piece
                assert received(other, len(piece)) == piece
        made.tap.end()
        for direction in ("up", "down"):
            for end in ("pile", "platform"):
                chunks = [e for e in made.tap.events("chunk") if (e["end"], e["direction"]) == (end, direction)]
                assert bytes.fromhex("".join(str(e["data"]) for e in chunks)) == sent[direction]
                assert not any(e.get("altered") for e in chunks)


@pytest.mark.parametrize("who", ["pile", "platform"])
def test_it_passes_a_close_on_after_the_bytes_before_it(tmp_path: Path, who: str) -> None:
    with between(tmp_path) as made:
        ends = dict(zip(("pile", "platform"), made.joined(), strict=True))
        leaving = ends.pop(who)
        (staying,) = ends.values()
        last_words = random.Random(who).randbytes(600_000)
        leaving.sendall(last_words)
        leaving.close()
        assert until_hung_up(staying) == last_words
        assert made.tap.end() in (0, 1)
        downs = [(e["end"], e["by"]) for e in made.tap.events("line-down")]
        assert downs == [(who, who), ({"pile": "platform", "platform": "pile"}[who], who)]


@pytest.mark.parametrize("how", ["half-close", "reset"])
def test_it_passes_a_half_close_and_a_reset_on_as_a_close(tmp_path: Path, how: str) -> None:
    with between(tmp_path) as made:
        pile, platform = made.joined()
        pile.sendall(BEAT)
        assert received(platform, len(BEAT)) == BEAT
        if how == "reset":
            pile.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            pile.close()
        else:
            pile.shutdown(socket.SHUT_WR)
            assert until_hung_up(pile) == b""
        assert until_hung_up(platform) == b""
        assert ("reset" in made.tap.says("the line to the platform is down")) is (how == "reset")


def test_it_makes_a_platform_connection_of_each_pile_connection_one_after_the_other(tmp_path: Path) -> None:
    with between(tmp_path) as made:
        for turn in range(3):
            pile, platform = made.joined()
            pile.sendall(bytes([turn]))
            assert received(platform, 1) == bytes([turn])
            pile.close()
            assert until_hung_up(platform) == b""


def test_it_refuses_a_second_pile_tells_it_and_keeps_the_first(tmp_path: Path) -> None:
    with between(tmp_path) as made:
        pile, platform = made.joined()
        second = made.dialled()
        assert until_hung_up(second) == b""
        made.tap.says("dialled in too and was hung up: one pile at a time")
        pile.sendall(BEAT)
        assert received(platform, len(BEAT)) == BEAT
        made.tap.end()
        assert [event["text"] for event in made.tap.events("note")]


def test_it_hangs_up_the_pile_and_says_so_when_the_platform_cannot_be_had(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with tapping(tmp_path, "tcp-listen://127.0.0.1:0", url) as tap:
            pile = Between(tap, nobody).dialled()
            pile.sendall(BEAT)
            assert until_hung_up(pile) == b""
            assert f"{url} could not be had: connection refused" in tap.says("line to the pile is down")


@pytest.mark.realtime
def test_it_holds_a_start_for_46_s_once_and_nothing_else(tmp_path: Path) -> None:
    with between(tmp_path, "--impair", "hold start for=46s count=1", "--clock-rate", "20") as made:
        pile, platform = made.joined()
        platform.sendall(START + BEAT_REPLY)
        assert received(pile, len(BEAT_REPLY)) == BEAT_REPLY, "what is behind it overtakes"
        assert "~~" not in made.tap.says(r"0x14 start 启动充电 is held for 46s\n"), "it is told while it is held"
        assert received(pile, len(START)) == START
        platform.sendall(START)
        assert received(pile, len(START)) == START
        made.tap.end()
        said = made.tap.said()
        (held,) = made.tap.events("impaired")
        assert (held["effect"], held["data"]) == ("held", START.hex())
        held_ns = held["held_ns"]
        assert isinstance(held_ns, int) and 46e9 <= held_ns < 60e9
        assert said.count("<- 0x14 ") == 2
        assert said.count("is held for 46s") == 1
        assert said.count("hold start count=1 for=46s: held") == 1


@pytest.mark.parametrize(("number", "answered"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_it_ends_with_the_verdict_that_judge_gives_its_capture_again(
    tmp_path: Path, number: int, answered: bool
) -> None:
    with between(tmp_path, "--clock-rate", "10") as made:
        pile, platform = made.joined()
        pile.sendall(BEAT)
        assert received(platform, len(BEAT)) == BEAT
        if answered:
            platform.sendall(BEAT_REPLY)
            assert received(pile, len(BEAT_REPLY)) == BEAT_REPLY
        else:
            # The time in which a reply must come has to pass, and this pile sends until it has.
            began = time.monotonic()
            while time.monotonic() < began + 1:
                select.select([], [], [], 0.2)
                pile.sendall(BEAT)
        code = made.tap.end(number)
        said = made.tap.said()
    header = json.loads((tmp_path / "tap.jsonl").read_text().splitlines()[0])
    assert header["stimuli"] is False
    assert ("platform.replies MUST" in said) is not answered
    again_code, again = judged_again(tmp_path)
    assert code == again_code == (0 if answered else 1)
    verdict = said[said.index(again.splitlines()[0]) :]
    assert again.startswith(verdict), "judge goes on with what explains it"


def test_it_leaves_a_capture_that_reads_when_it_is_killed(tmp_path: Path) -> None:
    with between(tmp_path) as made:
        pile, platform = made.joined()
        for _ in range(20):
            pile.sendall(BEAT)
            received(platform, len(BEAT))
        wait_for(lambda: made.tap.capture.count(BEAT.hex()) == 40, made.tap.said)
        made.tap.end(signal.SIGKILL)
    code, again = judged_again(tmp_path)
    assert code in (0, 1)
    assert "tcp-listen://127.0.0.1:0" in again


@pytest.mark.realtime
def test_it_ends_by_itself_after_the_time_it_was_given_and_says_that_nobody_came(tmp_path: Path) -> None:
    with between(tmp_path, "--for", "10m", "--clock-rate", "600") as made:
        assert made.tap.process.wait(timeout=20) == 3
        made.tap.says("pilesim: tcp-listen://127.0.0.1:0: nobody connected")
        (finish,) = made.tap.events("finish")
        assert finish["t_ns"] == pytest.approx(600e9, rel=0.2)


def test_it_stands_between_a_pty_and_a_socket(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        patient(listening)
        url = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        with tapping(tmp_path, "pty:", url) as tap:
            platform = patient(listening.accept()[0])
            (name,) = re.findall(r"^pty: is (\S+)$", tap.said(), re.MULTILINE)
            pile = os.open(name, os.O_RDWR | os.O_NOCTTY)
            os.write(pile, BEAT)
            assert received(platform, len(BEAT)) == BEAT
            platform.sendall(BEAT_REPLY)
            got = b""
            while len(got) < len(BEAT_REPLY):
                got += os.read(pile, 4096)
            assert got == BEAT_REPLY
            os.close(pile)
            tap.says("-> 0x05 heartbeat")


def test_it_gives_up_an_end_that_does_not_read_and_names_the_limit(tmp_path: Path) -> None:
    with between(tmp_path, "--capture", os.devnull) as made:
        pile, _platform = made.joined()
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            for _ in range(100):
                pile.sendall(bytes(1_000_000))
        made.tap.says("the peer does not read: more than 16777216 bytes wait for it")


BAD = [
    (["tcp-listen://127.0.0.1:0"], 2, "PLATFORM_URL"),
    (["tcp-listen://127.0.0.1:0", "gopher://x"], 2, "gopher"),
    (["sim:reference", "tcp://127.0.0.1:1"], 2, "sim:reference"),
    (["pty:", "tcp://127.0.0.1:1", "--impair", "hold start"], 2, "hold: expected for"),
    (["pty:", "tcp://127.0.0.1:1", "--impair", "refuse for=1m"], 2, "nobody dials in on a serial line"),
    (["pty:", "tcp://127.0.0.1:1", "--for", "10 minutes"], 2, "--for: expected a duration"),
    (["serial:///dev/no-such-port", "tcp://127.0.0.1:1"], 3, "/dev/no-such-port"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), BAD, ids=[" ".join(row[0]) for row in BAD])
def test_it_ends_with_the_right_code_and_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert run(["tap", *arguments]) == code
    assert said in capsys.readouterr().err
