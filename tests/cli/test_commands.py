"""The command line as a user runs it, over real ptys and sockets: exit codes and sentences.

In processes of its own where a process matters; what only says or judges something is called in this one.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from called import called

from pilesim.cli.main import run
from pilesim.trace.capture import read_capture


def run_pilesim(*arguments: str, cwd: Path, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilesim", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def start_pilesim(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "pilesim", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition: Callable[[], bool]) -> None:
    """Look at a file that another process writes until it is as wanted."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.02)


def line_with(process: subprocess.Popen[str], pattern: str) -> str:
    """The first line of output that matches."""
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(pattern, line):
            return line
    raise AssertionError(f"{pattern!r} never came; the process ended with {process.wait()}")


def test_it_runs_a_scenario_says_seed_and_size_first_and_ends_with_a_summary(tmp_path: Path) -> None:
    done = run_pilesim("conform", "order/short", "--json", "result.json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("1 scenario, ")
    assert "seed 1" in first
    assert last.startswith("PASS sim:reference: 1 scenario: 1 pass")
    result = json.loads((tmp_path / "result.json").read_text())
    assert {"schema", "seed", "pile", "protocol", "verdict", "scenarios"} <= set(result)
    (scenario,) = result["scenarios"]
    assert {"id", "case", "verdict", "rules"} <= set(scenario)
    assert {"id", "level", "verdict", "proves", "findings"} <= set(scenario["rules"][0])


def test_it_tells_a_failure_with_line_time_frame_expected_found_blame_and_the_command_to_repeat(tmp_path: Path) -> None:
    done = called("conform", "order/start-lost", "--pile", "sim:robinson-gen5-0303", cwd=tmp_path)
    assert done.returncode == 1
    assert re.search(
        r"bill\.none-unstarted MUST \S*start-lost\.yaml:\d+ t=\+\d+\.\d+s frame \d+ at the pile .*expected .*; found ",
        done.stdout,
    )
    assert "to blame: the pile" in done.stdout
    assert "0x09" in done.stdout
    again = re.search(r"again: pilesim (.*)", done.stdout)
    assert again
    repeated = called(*again[1].split(), cwd=tmp_path)
    assert repeated.returncode == 1


def test_two_processes_with_one_seed_and_other_hash_seeds_write_the_same_capture(tmp_path: Path) -> None:
    pile = "sim:robinson-gen5-0309?fault=bill-lost&seed=7"
    for name, hash_seed in (("a", "1"), ("b", "4242")):
        run_pilesim("conform", "order/short", "--pile", pile, "--captures", name, cwd=tmp_path, hash_seed=hash_seed)
    first, second = ((tmp_path / name / "order-short.jsonl").read_bytes() for name in "ab")
    assert first == second
    assert first.count(b"\n") > 20


@pytest.mark.parametrize(("pile", "code"), [("sim:reference", 0), ("sim:robinson-gen5-0309", 1)])
def test_judge_gives_the_verdict_of_the_run_again_from_its_capture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pile: str, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["conform", "order/short", "--pile", pile, "--captures", "c"]) == code
    assert run(["judge", "c/order-short.jsonl"]) == code


def test_repro_prints_the_fields_own_lines_beside_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["repro", "szds-16a"]) == 0
    said = capsys.readouterr().out
    assert "firmware robinson-gen5-0303" in said
    gaps = [float(gap) for gap in re.findall(r"field .*\(([+-]\d+\.\d+) s\)", said)]
    assert len(gaps) == 6
    assert all(abs(gap) <= 1 for gap in gaps), gaps
    assert "no time (1999-11-30)" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rules", "beat.period"), "limit +35s "),
        (("rules", "beat.period", "--protocol", "ykc-1.6"), "limit +5m5s "),
        (("rules", "auth", "--protocol", "ykc-1.6"), "auth.kept +MUST +pile +n/a "),
        (("rules", "auth.kept", "--protocol", "ykc-1.6"), "not applicable +this protocol has no authorisation"),
        (("faults",), "taps-clear-order .* auth.kept"),
        (("faults", "--protocol", "ykc-1.6"), "taps-clear-order .* n/a: the order"),
        (("faults",), "energises-after-insulation-failure "),
    ],
)
def test_it_lists_rules_and_faults_as_the_protocol_has_them(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = called(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(said, done.stdout)


BAD_FILES = [
    ("  - wiat: 2m", "bad.yaml:6: expected a step"),
    ("  - wait: 2q", "bad.yaml:6: expected a duration such as"),
    ("  - plug: {gnu: 1}", "bad.yaml:6: expected one of gun, car; found 'gnu'"),
]


@pytest.mark.parametrize(("step", "said"), BAD_FILES)
def test_it_ends_with_2_and_names_the_line_of_a_bad_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str, said: str
) -> None:
    head = 'id: bad\ntitle: Bad\nproves: []\nstart: "2020-03-03T12:00:00+08:00"\nsteps:\n'
    (tmp_path / "bad.yaml").write_text(head + step + "\n")
    monkeypatch.chdir(tmp_path)
    assert run(["conform", "bad.yaml"]) == 2
    assert said in capsys.readouterr().err


def taken_port() -> tuple[socket.socket, str]:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken, f"tcp-listen://127.0.0.1:{taken.getsockname()[1]}"


USAGE = [
    (["conform", "no/such"], 5, "found 'no/such'"),
    (["conform", "--pile", "sim:nobody"], 2, "nobody"),
    (["conform", "--pile", "gopher://x"], 2, "gopher"),
    (["conform", "--protocol", "morse"], 2, "found 'morse'"),
    (["conform", "--pile", "sim:reference?fault=gremlins"], 2, "gremlins"),
    (["conform", "order/short", "--pile", "serial:///dev/no-such-port"], 3, "/dev/no-such-port"),
    (["tap", "tcp://127.0.0.1:9", "tcp://127.0.0.1:9", "--for", "300ms"], 3, "could not be had: connection refused"),
    (["conform", "order/short", "--impair", "drop strat"], 2, "found 'strat'; perhaps start"),
    (["conform", "order/short", "--impair", "drop heartbeat"], 2, "`pilesim messages` has them"),
    (["judge", "no-such-file"], 2, "no-such-file"),
    (["faults", "--shown"], 2, "expected --matrix too"),
    (["rules", "no.such"], 2, "`pilesim rules` lists them"),
    (["repro", "szds-99"], 5, "szds-99"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), USAGE, ids=[" ".join(row[0]) for row in USAGE])
def test_it_ends_with_the_right_code_and_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert run(arguments) == code
    (sentence,) = capsys.readouterr().err.splitlines()
    assert said in sentence


def test_it_ends_with_3_when_the_port_is_taken(tmp_path: Path) -> None:
    taken, url = taken_port()
    with taken:
        done = called("conform", "order/short", "--pile", url, cwd=tmp_path)
    assert done.returncode == 3
    assert "pilesim: " in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_ends_with_3_and_keeps_the_capture_when_the_port_vanishes(tmp_path: Path) -> None:
    master, slave = os.openpty()
    process = start_pilesim("conform", "order/short", "--pile", f"serial://{os.ttyname(slave)}", cwd=tmp_path)
    capture = tmp_path / "captures" / "order-short.jsonl"
    wait_for(lambda: capture.exists() and b"line-up" in capture.read_bytes())
    os.write(master, b"noise")
    wait_for(lambda: b"chunk" in capture.read_bytes())
    os.close(slave)
    os.close(master)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 3, output
    assert "vanished" in output
    with capture.open() as stream:
        trace = read_capture(stream, str(capture))
    assert any(getattr(event, "data", b"") == b"noise" for event in trace.events)


BRIEF = """
id: own/brief
title: An order of a few seconds
proves: [bill.prompt]
start: "2020-03-11T14:00:00+08:00"
steps:
  - plug: {gun: 1}
  - until: {gun: 1, cable: true}
  - authorise: {gun: 1, order: A, balance: 20.00}
  - until: {gun: 1, message: authorise-reply}
  - start: {gun: 1}
  - until: {gun: 1, state: charging}
  - wait: 5s
  - stop: {gun: 1}
  - until: {gun: 1, state: occupied}
  - wait: 5s
  - unplug: {gun: 1}
  - until: {bill: A}
"""


@pytest.mark.realtime
@pytest.mark.parametrize(
    ("protocol", "bill", "reply", "number"),
    # The pile is told by its frames alone, and where an order has to begin with its number, it does.
    [("lhc", "0x09", "0x0A", "2020"), ("ykc-1.6", "0x3B", "0x40", "440305000400000120")],
)
def test_platform_and_pile_complete_an_order_over_a_pty_each_with_its_own_half_of_the_script(
    tmp_path: Path, protocol: str, bill: str, reply: str, number: str
) -> None:
    (tmp_path / "brief.yaml").write_text(BRIEF)
    # The pile's clock is behind by the time that its process takes to start, and may be by a minute.
    script = ("--script", "brief.yaml", "--clock-rate", "5", "--protocol", protocol)
    platform = start_pilesim("platform", "pty:", *script, cwd=tmp_path)
    name = line_with(platform, "/dev/").split()[-1]
    pile = start_pilesim("pile", f"serial://{name}", *script, cwd=tmp_path)
    said_by_pile, _ = pile.communicate(timeout=45)
    said_by_platform, _ = platform.communicate(timeout=45)
    assert pile.returncode == 0, said_by_pile
    assert platform.returncode == 0, said_by_platform
    assert re.search(rf"<- {reply} .* order {number}", said_by_platform)
    assert re.search(rf"-> {bill} ", said_by_pile)


@pytest.mark.realtime
@pytest.mark.parametrize(("firmware", "code"), [("reference", 0), ("robinson-gen5-0309", 1)])
def test_conform_judges_a_pile_of_another_process_that_dials_in(tmp_path: Path, firmware: str, code: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rate = ("--clock-rate", "15")
    patience = ("--timeout-scale", "10")  # a slow start of the other process is no fault of the pile
    conform = start_pilesim(
        "conform", "order/short", "--pile", f"tcp-listen://127.0.0.1:{port}", *rate, *patience, cwd=tmp_path
    )
    line_with(conform, "order/short: ")
    url = f"tcp://127.0.0.1:{port}"
    pile = start_pilesim("pile", url, "--firmware", firmware, "--script", "order/short", *rate, cwd=tmp_path)
    pile.communicate(timeout=45)
    said, _ = conform.communicate(timeout=45)
    assert conform.returncode == code, said
    assert ("bill.after-unplug MUST" in said) is (code == 1), said


def test_help_names_every_command(tmp_path: Path) -> None:
    done = called("--help", cwd=tmp_path)
    for name in ("conform", "repro", "judge", "pile", "platform", "decode", "messages"):
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)


def test_the_wheel_carries_scenarios_and_firmware_and_runs_in_an_empty_folder(tmp_path: Path) -> None:
    project = Path(__file__).parents[2]
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    for folder in ("scenarios", "firmware_fixtures"):
        there, here = tmp_path / "installed" / "pilesim" / "data" / folder, project / folder
        assert {path.relative_to(there) for path in there.rglob("*.yaml")} == {
            path.relative_to(here) for path in here.rglob("*.yaml")
        }
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pilesim", "conform", "order/short"],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS sim:reference" in done.stdout
