"""Tens of piles over real sockets against the reference platform, as users run both."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from called import called
from msgspec import json

from pilesim.cli.main import run
from pilesim.conformance.result import RunResult, ScenarioResult, decode_result
from pilesim.faulty import FaultChoice, choose_fault
from pilesim.platform.faults import FAULTS
from pilesim.platform.ledger import BillSource
from pilesim.platform.settings import Settings
from pilesim.rules.verdict import Verdict
from pilesim.site.host import PlatformHost
from pilesim.site.verdicts import verdicts

pytestmark = pytest.mark.realtime

RATE = 25
"""So many times as fast as the world; what waits for people, and for heartbeats, would take minutes else."""
TRAFFIC = f"""
days: 1
charges: 240
hours: {{{", ".join(f"{hour}: 1" for hour in range(24))}}}
power-kw: {{from: 25, to: 60}}
habits:
  - {{name: short, weight: 1, charge: {{from: 1m, to: 3m}}, parking: {{from: 15s, to: 1m}}}}
endings: {{full: 1, platform: 1, at-pile: 1, unplug: 1}}
"""


@contextmanager
def platform(*faults: FaultChoice) -> Iterator[tuple[PlatformHost, str]]:
    """A reference platform on a thread, and the URL of its API."""
    over = threading.Event()
    host = PlatformHost(
        host="127.0.0.1",
        port=0,
        protocol="lhc",
        seed=1,
        clock_rate=RATE,
        world_start_ns=time.time_ns(),
        settings=Settings(auto=True),
        faults=faults,
    )
    thread = threading.Thread(target=host.live, args=(over.is_set,))
    thread.start()
    try:
        with host.api("127.0.0.1", 0) as api:
            yield host, api
    finally:
        over.set()
        thread.join()
        host.close()


def told_by(api: str, url: str) -> str:
    """A rig file by which `pilesim pile` tells the platform."""
    names = ("pile", "gun", "order", "account", "balance")
    body = ", ".join(f'{name}: "{{{name}}}"' for name in names)
    calls = "".join(
        f'  {call}: {{http: {{url: "{api}/{call}", json: {{{body}}}}}}}\n' for call in ("authorise", "start", "stop")
    )
    return f"pile: sim:reference\nplatform:\n  url: {url}\n{calls}"


class Site:
    """`pilesim pile` of many, in a process and a folder of its own."""

    def __init__(self, folder: Path, host: PlatformHost, api: str) -> None:
        self.folder = folder
        self.url = host.name.replace("tcp-listen", "tcp")
        (folder / "rig.yaml").write_text(told_by(api, self.url))
        (folder / "traffic.yaml").write_text(TRAFFIC)

    def words(self, *options: str) -> list[str]:
        return [
            *(sys.executable, "-m", "pilesim", "pile", self.url, "--clock-rate", str(RATE), "--json", "result.json"),
            *options,
        ]

    def start(self, *options: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
        with (self.folder / "said").open("w") as said:
            return subprocess.Popen(
                self.words(*options), cwd=self.folder, env=environment, stdout=said, stderr=said, text=True
            )

    def run(self, *options: str) -> int:
        process = self.start(*options)
        try:
            return process.wait(timeout=50)
        finally:
            process.kill()

    @property
    def said(self) -> str:
        """All that was said, where it was not to a terminal."""
        said = self.folder / "said"
        return said.read_text() if said.exists() else ""

    def check(self, code: int) -> None:
        """All went well, but for replies that a busy machine may have been too late with, this fast."""
        run = self.result
        failed = {row.id for result in run.scenarios for row in result.failed(strict=False)}
        assert failed <= {"platform.replies"}, self.said
        assert code == run.exit_code, self.said
        assert all(result.verdict in (Verdict.PASS, Verdict.FAIL) for result in run.scenarios), self.said

    @property
    def result(self) -> RunResult:
        return decode_result((self.folder / "result.json").read_bytes(), "result.json")


def test_many_piles_live_their_day_and_the_platform_passes(tmp_path: Path) -> None:
    with platform() as (host, api):
        site = Site(tmp_path, host, api)
        mix = "reference=0.9,robinson-gen5-0303=0.1"
        rig = ("--traffic", "traffic.yaml", "--rig", "rig.yaml")
        reports = ("--junit", "r.xml", "--html", "r.html", "--captures", "kept")
        code = site.run("--count", "20", "--firmware", mix, *rig, "--ramp", "30s", "--for", "6m", *reports)
        site.check(code)
        bills = host.platform.ledger.rows()
    run = site.result
    assert len(run.scenarios) == 20
    assert {row.judges for result in run.scenarios for row in result.rules} == {"platform"}
    assert run.facts["piles"] == "20 of 20 switched on"
    assert re.search(r"[1-9]\d* charged", run.facts["visits"]), run.facts
    assert any(row.bill is BillSource.PILE for row in bills)
    assert len(list((tmp_path / "kept").iterdir())) == 20
    assert (tmp_path / "r.xml").read_text().count("<testcase") >= 20
    assert (tmp_path / "r.html").stat().st_size > 10_000


def test_it_fails_a_platform_at_each_pile_and_keeps_the_failing_recordings(tmp_path: Path) -> None:
    with platform(choose_fault(FAULTS, "no-reply", {})) as (host, api):
        site = Site(tmp_path, host, api)
        code = site.run("--count", "8", "--for", "100s", "--captures", "kept", "--record", "failing")
    assert code == 1, site.said
    failed = {result.id for result in site.result.scenarios if result.verdict is Verdict.FAIL}
    assert failed
    assert {path.stem for path in (tmp_path / "kept").iterdir()} == failed
    named = {result.id for result in site.result.scenarios if result.id in result.repeat}
    assert named == failed, "what was not kept cannot be judged again"


def test_all_dial_again_after_a_storm(tmp_path: Path) -> None:
    with platform() as (host, api):
        site = Site(tmp_path, host, api)
        code = site.run("--count", "20", "--storm", "at=30s for=20s", "--for", "100s")
        site.check(code)
    assert site.result.facts["connections"].startswith("40 made, 20 lost")


def test_ctrl_c_loses_nothing_of_the_result(tmp_path: Path) -> None:
    with platform() as (host, api), ExitStack() as stack:
        site = Site(tmp_path, host, api)
        process = site.start("--count", "20", "--metrics", "0")
        stack.callback(process.kill)
        deadline = time.monotonic() + 40
        while host.figures.up < 20 or host.figures.frames_down < 100:
            assert time.monotonic() < deadline, site.said
            select.select([], [], [], 0.05)
        url = re.search(r"http\S+/metrics", site.said)
        assert url, site.said
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url[0]) as page:
            metrics = page.read().decode()
        process.send_signal(signal.SIGINT)
        site.check(process.wait(timeout=50))
    assert "pilesim_piles_up 20.0" in metrics
    assert float(re.search(r'pilesim_frames_total{direction="up"} (\S+)', metrics)[1]) > 0  # type: ignore[index]
    assert len(site.result.scenarios) == 20
    assert site.result.left == []


def test_ctrl_c_while_it_judges_leaves_the_rest_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def two(*args: Any, **options: Any) -> Iterator[ScenarioResult]:
        for number, result in enumerate(verdicts(*args, **options)):
            if number == 1:
                signal.raise_signal(signal.SIGINT)
            yield result

    monkeypatch.setattr("pilesim.cli.site.verdicts", two)
    with platform() as (host, api):
        site = Site(tmp_path, host, api)
        reports = ("--junit", str(tmp_path / "r.xml"), "--html", str(tmp_path / "r.html"))
        words = [*site.words("--count", "5", "--for", "1m", *reports)[3:]]
        words[words.index("result.json")] = str(tmp_path / "result.json")
        assert run(words) == 130
    assert (len(site.result.scenarios), len(site.result.left)) == (2, 3)
    assert "2 piles: 2 pass: 3 not judged" in capsys.readouterr().out
    assert "3 of 5 planned piles were not judged: " in (tmp_path / "r.html").read_text()
    assert (tmp_path / "r.xml").read_text().count('type="not-judged"') == 3


def test_ctrl_c_ends_what_processes_play_and_nothing_is_lost(tmp_path: Path, time_enough: bool) -> None:
    if not time_enough:
        pytest.skip("two Pythons more start for it: it is played where there is time")
    with platform() as (host, api), ExitStack() as stack:
        site = Site(tmp_path, host, api)
        process = site.start("--count", "9", "--jobs", "2", "--captures", "kept")
        stack.callback(process.kill)
        deadline = time.monotonic() + 40
        while host.figures.up < 9 or host.figures.frames_down < 40:
            assert time.monotonic() < deadline, site.said
            select.select([], [], [], 0.05)
        process.send_signal(signal.SIGINT)
        site.check(process.wait(timeout=50))
    run = site.result
    assert [result.id for result in run.scenarios] == list(run.planned) and len(run.planned) == 9
    assert run.facts["piles"] == "9 of 9 switched on"
    assert {tmp_path / result.capture for result in run.scenarios} == set((tmp_path / "kept").iterdir())


def test_it_says_why_nobody_could_connect(tmp_path: Path) -> None:
    with platform() as (host, api):
        site = Site(tmp_path, host, api)
    assert site.run("--count", "3", "--for", "20s") == 3
    assert "connection refused" in site.said


def test_it_draws_a_dashboard_on_a_terminal(tmp_path: Path) -> None:
    with platform() as (host, api), ExitStack() as stack:
        site = Site(tmp_path, host, api)
        master, slave = pty.openpty()
        stack.callback(os.close, master)
        words = site.words("--count", "10", "--for", "100s")
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
        process = subprocess.Popen(
            words, cwd=tmp_path, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        stack.callback(process.kill)
        shown = _read_all(master)
        site.check(process.wait(timeout=20))
    assert "piles up" in shown
    assert re.search(r"10 of 10, 0 lost", shown), shown
    assert "frames/s" in shown
    assert "sim:reference: 10 piles" in shown


def _read_all(master: int) -> str:
    """What is said on the terminal until its other end is closed."""
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            return shown.decode(errors="replace")
        if not piece:
            return shown.decode(errors="replace")
        shown += piece


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--ramp", "30s"), "--ramp: expected --count or --traffic with it"),
        (("--count", "2", "--all"), "--all: expected no --count and no --traffic with it"),
        (("--count", "2", "--number", "12"), "expected a pile number of 20 digits"),
        (("--count", "2", "--rig", "absent.yaml"), "absent.yaml: expected a rig file: No such file"),
    ],
)
def test_it_says_what_does_not_go_together(tmp_path: Path, options: tuple[str, ...], problem: str) -> None:
    done = called("pile", "tcp://127.0.0.1:9", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert problem in done.stderr


def test_the_api_says_what_it_cannot_do() -> None:
    with platform() as (_, api):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        body = json.encode({"pile": "44030500040000200026", "gun": 1})
        for path, asked, status in (("start", body, 409), ("start", b"{}", 400), ("start", b"?", 400)):
            with pytest.raises(urllib.error.HTTPError) as told:
                opener.open(urllib.request.Request(f"{api}/{path}", data=asked, method="POST"))
            assert told.value.code == status
