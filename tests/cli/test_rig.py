"""`pilesim rig check` as a firmware team runs it, on real sockets and pseudo-terminals."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from pilesim.cli.main import run
from pilesim.cli.rig import print_check
from pilesim.rig.check import suspicions
from pilesim.rig.listening import listen
from pilesim.rig.rigfile import load_rig
from pilesim.units import S
from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunState
from pilesim.wire.protocol import protocol_named

NUMBER = "44030500040000200026"
BEAT = GunReport(gun=1, state=GunState.IDLE, cable=False)


def rig_check(folder: Path, rig: str, *options: str) -> int:
    """The exit code of a check in this process."""
    (folder / "bench.yaml").write_text(rig + "\n")
    return run(["rig", "check", str(folder / "bench.yaml"), *options])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def says(data: bytes, port: int) -> Iterator[None]:
    """Somebody who dials in, says `data` and stays until this is left."""
    over = threading.Event()

    def dial() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
                    sock.sendall(data)
                    over.wait(20)
                return
            except OSError:
                over.wait(0.02)

    thread = threading.Thread(target=dial)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_it_is_content_with_a_pile_as_its_file_says_and_ends_with_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = rig_check(tmp_path, f"pile: sim:reference\nnumber: {NUMBER}\nguns: 2")
    said = capsys.readouterr().out
    assert code == 0, said
    assert said.startswith("sim:reference: listening for 1m10s\n")
    assert said.endswith("all is well\n")


@pytest.mark.parametrize(
    ("rig", "sentence"),
    [
        ("guns: 3", "suspicious: expected heartbeats of gun 1, gun 2, gun 3; found gun 1, gun 2\n"),
        ("limits: {beat.period: 20s}", "suspicious: expected a heartbeat each 20s at least, found 30s without one of"),
        ("hands: {plug: {command: [no-relay]}}", "suspicious: plug: expected a command that can be run, found no 'no-"),
    ],
)
def test_it_tells_what_is_suspicious_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rig: str, sentence: str
) -> None:
    code = rig_check(tmp_path, f"pile: sim:reference\n{rig}")
    assert (code, sentence in capsys.readouterr().out) == (1, True)


def test_it_runs_no_command_that_it_looks_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writes = f"open({str(tmp_path / 'x')!r}, 'w')"
    command = f'[{sys.executable!r}, "-c", "{writes}"]'
    assert rig_check(tmp_path, f"pile: sim:reference\nhands: {{plug: {{command: {command}}}}}") == 0
    assert not (tmp_path / "x").exists()


def test_it_ends_with_3_and_says_where_to_look_where_nobody_connects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = rig_check(tmp_path, "pile: tcp-listen://127.0.0.1:0", "--for", "20s", "--clock-rate", "100")
    said = capsys.readouterr().out
    assert code == 3
    assert "nobody connected" in said
    assert "suspicious: nobody dialled in: look at the pile's power, the address and port that it is" in said


def test_it_ends_with_3_where_the_port_cannot_be_had_and_with_2_where_the_file_is_bad(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rig_check(tmp_path, "pile: serial:///dev/no-such-port") == 3
    assert "/dev/no-such-port: the port cannot be opened: there is no such port" in capsys.readouterr().err
    assert rig_check(tmp_path, "pile: sim:reference\ncolour: red") == 2
    assert "bench.yaml:2: expected one of pile, " in capsys.readouterr().err
    assert run(["rig", "check", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml: expected a rig file: No such file" in capsys.readouterr().err
    assert rig_check(tmp_path, "pile: sim:reference", "--for", "soon") == 2
    assert "--for: expected a duration such as" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the pile dialled in and says nothing"),
        (b"GET /ocpp HTTP/1.1\r\n\r\n", "it speaks HTTP, as OCPP over WebSocket does"),
        (protocol_named("evlink-2.5").session(End.PILE, NUMBER).build(BEAT), "are lhc's: try protocol: evlink-2.5"),
    ],
    ids=["silence", "HTTP", "another version"],
)
def test_it_knows_what_dials_in(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, sentence: str) -> None:
    port = free_port()
    with says(data, port):
        code = rig_check(tmp_path, f"pile: tcp-listen://127.0.0.1:{port}", "--for", "30s", "--clock-rate", "25")
    said = capsys.readouterr().out
    assert (code, sentence in said) == (1, True), said


@pytest.mark.parametrize("protocol", ["ykc-1.6?crc_order=big", "depot.yaml"])
def test_it_knows_a_pile_that_speaks_as_its_file_chooses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    (tmp_path / "depot.yaml").write_text("protocol: lhc\nname: depot\nmessages: {heartbeat: {number: 0x65}}\n")
    code = rig_check(tmp_path, f"pile: sim:reference\nprotocol: {protocol}", "--for", "6m")
    assert (code, "all is well" in capsys.readouterr().out) == (0, True)


QR_REPLY = bytes.fromhex("680c010000f132010600213533000cfc")
"""0xF1 of a pile that says 0 for ok; written by hand."""


def test_it_tells_once_what_a_pile_does_otherwise_than_its_protocol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    with says(QR_REPLY * 3, port):
        rig = f"pile: tcp-listen://127.0.0.1:{port}\nprotocol: ykc-1.6"
        code = rig_check(tmp_path, rig, "--for", "30s", "--clock-rate", "25")
    said = capsys.readouterr().out
    assert (code, said.count("found 0, which openUC's pile SDK sends for ok")) == (1, 1), said


@pytest.mark.realtime
def test_it_hears_a_pile_of_another_process_on_a_serial_line(tmp_path: Path) -> None:
    (tmp_path / "bench.yaml").write_text(f"pile: 'pty:{tmp_path}/line'\nnumber: {NUMBER}\nguns: 2\n")
    rate = ("--clock-rate", "25")
    words = [sys.executable, "-u", "-m", "pilesim"]
    check = subprocess.Popen(
        [*words, "rig", "check", "bench.yaml", *rate, "--for", "5m"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert check.stdout is not None
    assert "listening for 5m" in check.stdout.readline()
    pile = subprocess.Popen(
        [*words, "pile", f"serial://{tmp_path}/line", *rate], cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    try:
        said, _ = check.communicate(timeout=45)
    finally:
        pile.kill()
        pile.wait()
    assert check.returncode == 0, said
    assert "PILESIM" in said
    assert "right" in said or "behind" in said, "the pile's clock, before it was told the time"


def test_its_table_is_readable_at_80_columns(tmp_path: Path) -> None:
    rig_file = load_rig(f"pile: sim:reference\nnumber: {'2' * 20}\nguns: 4\n", "bench.yaml")
    heard = listen(rig_file.target, protocol_named("lhc"), number=NUMBER, for_ns=70 * S)
    out = Console(width=80, record=True, file=(tmp_path / "out").open("w"))
    print_check(out, heard, rig_file, suspicions(heard, rig_file))
    lines = out.export_text().splitlines()
    assert max(len(line) for line in lines) <= 80
    (number,) = [line for line in lines if line.startswith("pile number")]
    assert number.split() == ["pile", "number", NUMBER, "2" * 20], "nothing of it is folded or cut off"


def test_help_tells_what_a_check_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rig", "--help"]) == 0
    assert "check" in capsys.readouterr().out
    assert run(["rig", "check", "--help"]) == 0
    assert "do nothing at it" in capsys.readouterr().out
