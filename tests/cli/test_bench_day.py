"""A day at the bench: prompts on a real terminal, a pile of another process, commands that act, a kill."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from called import called

from pilesim.cli.main import run
from pilesim.link.pty import PtyLink
from pilesim.wire.frame import End
from pilesim.wire.messages import GunReport, GunState
from pilesim.wire.protocol import protocol_named

LHC = protocol_named("lhc")
BEAT = LHC.session(End.PILE, "44030500040000200026").build(GunReport(gun=1, state=GunState.IDLE, cable=False))
PYTHON = sys.executable
RATE = "15"
"""A heartbeat may be 5 s late in the world: a busy machine may hold a process up for a third of a second."""
PILE = ("--clock-rate", RATE)
CONFORM = ("--clock-rate", RATE, "--timeout-scale", "10")  # a slow start of the other process is no fault of the pile


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def pilesim(*arguments: str) -> list[str]:
    return [PYTHON, "-u", "-m", "pilesim", *arguments]


class Bench:
    """A folder with scenarios and a rig file, and the port at which the pile dials in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.piles: list[subprocess.Popen[bytes]] = []

    def scenario(self, name: str, *steps: str, proves: str = "[]") -> str:
        """A file of these steps, the first of which stands on line 6."""
        text = f'id: own/{name}\ntitle: A {name}\nproves: {proves}\nstart: "2020-03-11T14:00:00+08:00"\nsteps:\n'
        file = self.folder / f"{name}.yaml"
        file.write_text(text + "".join(f"  - {step}\n" for step in steps))
        return file.name

    def rig(self, **keys: Any) -> str:
        """A rig file with these keys."""
        lines = [f"pile: tcp-listen://127.0.0.1:{self.port}", *(f"{k}: {json.dumps(v)}" for k, v in keys.items())]
        (self.folder / "bench.yaml").write_text("\n".join(lines).replace("operator_wait", "operator-wait") + "\n")
        return "bench.yaml"

    def pile(self, script: str = "", firmware: str = "reference") -> None:
        """A pile of its own process that dials in, and does its end of a script."""
        words = ("--script", script) if script else ()
        command = pilesim("pile", f"tcp://127.0.0.1:{self.port}", "--firmware", firmware, *PILE, *words)
        self.piles.append(
            subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        )

    @property
    def result(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.folder / "r.json").read_bytes())
        return read

    @property
    def verdicts(self) -> dict[str, str]:
        return {scenario["id"].removeprefix("own/"): scenario["verdict"] for scenario in self.result["scenarios"]}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`conform` without a terminal, to its end."""
        return called("conform", *CONFORM, *arguments, cwd=self.folder)

    def close(self) -> None:
        for pile in self.piles:
            pile.kill()
            pile.wait()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


class Screen:
    """A process on a terminal: what it has written, and keys for it."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "80"},
        )
        os.close(slave)
        self.said = ""
        self._seen = 0

    def waits_for(self, done: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + 45
        while not done(self.said):
            assert time.monotonic() < deadline, self.said
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    data = os.read(self._master, 65536)
                except OSError:  # the process has let go of its terminal
                    data = b""
                assert data or done(self.said), self.said
                self.said += data.decode(errors="replace")

    def sees(self, text: str) -> None:
        """It writes `text`, after all that was seen before."""
        self.waits_for(lambda said: text in said[self._seen :])
        self._seen = self.said.index(text, self._seen) + len(text)

    def press_enter(self) -> None:
        os.write(self._master, b"\n")

    def ends(self) -> int:
        """The exit code, once it has written all."""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                break
            if not data:
                break
            self.said += data.decode(errors="replace")
        return self.process.wait(timeout=45)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@contextmanager
def screen(bench: Bench, *arguments: str) -> Iterator[Screen]:
    shown = Screen(pilesim("conform", *arguments, *CONFORM), bench.folder)
    try:
        yield shown
    finally:
        shown.close()


@pytest.mark.realtime
def test_it_takes_a_heartbeat_or_a_key_and_goes_on_where_neither_comes(bench: Bench) -> None:
    tapped = bench.scenario("tapped", "plug: {gun: 1}", "tap: {gun: 1}", "wait: 1m", "unplug: {gun: 1}")
    in_vain = bench.scenario("vain", "plug: {gun: 1}", "tap: {gun: 1}", "tap: {gun: 1}", "wait: 1m", "unplug: {gun: 1}")
    rig = bench.rig(hands=dict.fromkeys(("plug", "unplug", "tap"), "operator"), operator_wait="500ms")
    with screen(bench, in_vain, tapped, "--rig", rig, "--json", "r.json") as shown:
        shown.sees("The operator will be asked for 3 x tap, 2 x plug, 2 x unplug.")
        assert "2 of 2 scenarios can be played here, in about" in shown.said
        shown.sees("own/vain: ")
        bench.pile(in_vain)
        shown.sees("Tap into the QR page of gun 1 on the screen, and out again. Enter says that it is done.")
        shown.press_enter()
        shown.sees("INCONCLUSIVE own/vain")
        shown.sees("own/tapped: ")
        bench.pile(tapped)
        shown.sees("Tap into the QR page of gun 1")
        shown.press_enter()
        assert shown.ends() == 1, shown.said
    assert bench.verdicts == {"vain": "inconclusive", "tapped": "pass"}, shown.said
    (vain,) = [scenario for scenario in bench.result["scenarios"] if scenario["id"] == "own/vain"]
    assert "not done within 1m15s: Tap into the QR page of gun 1" in vain["reason"]


@pytest.mark.realtime
def test_it_has_commands_do_the_acts_and_waits_for_them(bench: Bench) -> None:
    by_command = bench.scenario("commanded", "tap: {gun: 1}", "wait: 20s", "tap: {gun: 2, times: 2}")
    writes = "import sys; open('did', 'a').write('|'.join(sys.argv[1:]) + '\\n')"
    words = [PYTHON, "-c", writes, "{act}", "{gun}", "; touch x"]
    rig = bench.rig(hands={"tap": {"command": words}})
    bench.pile()
    done = bench.run(by_command, "--rig", rig, "--json", "r.json", "--no-operator")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (bench.folder / "did").read_text() == "tap|1|; touch x\n" + 2 * "tap|2|; touch x\n"
    assert not (bench.folder / "x").exists()
    assert "The operator will be asked" not in done.stdout


FAILING = [
    ("print('board: no answer'); raise SystemExit(9)", r"'gun 1'\] ended with 9: board: no answer$"),
    ("import time; print('turning', flush=True); time.sleep(99)", r"'gun 1'\] has not ended within 1s: turning$"),
]


@pytest.mark.realtime
@pytest.mark.parametrize(("code", "said"), FAILING, ids=["fails", "hangs"])
def test_it_ends_with_3_and_a_sentence_where_a_command(bench: Bench, code: str, said: str) -> None:
    scenario = bench.scenario("commanded", "plug: {gun: 1}", "wait: 20s")
    rig = bench.rig(hands={"plug": {"command": [PYTHON, "-c", code, "gun {gun}"], "timeout": "1s"}})
    bench.pile()
    done = bench.run(scenario, "--rig", rig, "--json", "r.json", "--junit", "r.xml", "--html", "r.html")
    assert done.returncode == 3, done.stdout
    assert done.stdout.endswith("Broken off. The same command and --resume r.json goes on.\n")
    suite = ET.parse(bench.folder / "r.xml").getroot()
    assert (suite.get("tests"), [case.get("name") for case in suite.iterfind(".//testcase[skipped]")]) == (
        "1",
        ["own/commanded"],
    )
    assert "1 of 1 planned scenarios were not played: own/commanded." in (bench.folder / "r.html").read_text()
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("pilesim: plug: the command [")
    assert re.search(said, sentence), sentence
    assert bench.result["planned"] == ["own/commanded"]
    assert bench.verdicts == {}, "it can be gone on from"


def test_it_opens_no_port_where_nobody_is_there_to_do_anything(bench: Bench) -> None:
    scenario = bench.scenario("plugged", "plug: {gun: 1}")
    with socket.socket() as taken:  # where the port were opened, this would end with 3
        taken.bind(("127.0.0.1", bench.port))
        taken.listen()
        done = bench.run(scenario, "--rig", bench.rig(hands={"plug": "operator"}), "--no-operator", "--json", "r.json")
    assert done.returncode == 0, done.stderr
    assert "0 of 1 scenarios can be played here, in about 0s." in done.stdout
    assert "line 6: plug needs an operator, and there is none" in done.stdout
    assert bench.verdicts == {"plugged": "not-applicable"}


def test_it_opens_no_port_for_a_rig_whose_command_is_missing(bench: Bench) -> None:
    scenario = bench.scenario("plugged", "plug: {gun: 1}")
    rig = bench.rig(hands={"plug": {"command": ["no-such-relay", "{act}"]}})
    done = bench.run(scenario, "--rig", rig)
    sentence = "bench.yaml: plug: expected a command that can be run, found no 'no-such-relay'"
    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"pilesim: {sentence}\n")


def test_it_ends_with_3_where_the_real_platform_is_not_there(bench: Bench) -> None:
    scenario = bench.scenario("idle", "wait: 20s")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        (bench.folder / "real.yaml").write_text(f"pile: sim:reference\nplatform: {{url: '{url}'}}\n")
        done = bench.run(scenario, "--rig", "real.yaml", "--timeout-scale", "0.5")
    assert done.returncode == 3, done.stdout
    assert done.stderr.startswith(f"pilesim: {url}: nobody connected within ")


def test_it_says_again_by_the_file_of_a_scenario_of_ones_own(bench: Bench) -> None:
    unproven = bench.scenario("unproven", "wait: 20s", proves="[bill.prompt]")
    done = bench.run(unproven)
    assert done.returncode == 1
    assert f"again: pilesim conform {unproven} --pile sim:reference" in done.stdout


def test_it_says_where_captures_cannot_be_kept(bench: Bench) -> None:
    (bench.folder / "file").write_text("")
    done = bench.run("order/short", "--captures", "file/kept")
    assert done.returncode == 2
    assert done.stderr.startswith("pilesim: file/kept: expected a folder for captures: ")


@pytest.mark.realtime
def test_it_does_not_call_a_power_that_nobody_switched_on_again_an_empty_bench(bench: Bench) -> None:
    dark = bench.scenario("dark", "power-off: {}", "power-on: {}", "wait: 1m")
    rig = bench.rig(hands={"power": "operator"}, operator_wait="200ms")
    with screen(bench, dark, "--rig", rig, "--json", "r.json") as shown:
        shown.sees("own/dark: ")
        bench.pile()
        shown.sees("Switch the pile's power off.")
        (pile,) = bench.piles
        pile.kill()
        shown.sees("Switch the pile's power on.")
        assert shown.ends() == 1, shown.said
    assert "not done within 30s: Switch the pile's power on." in shown.said
    assert bench.verdicts == {"dark": "inconclusive"}


@pytest.mark.realtime
def test_it_tells_that_a_port_is_gone_and_that_it_is_back_by_its_name(bench: Bench) -> None:
    """The name stays, and what it leads to is another terminal than before."""
    cable = bench.folder / "usb-Example_Adapter_0001-if00-port0"
    first, second = PtyLink(), PtyLink()
    for terminal in (first, second):
        terminal.open()
    cable.symlink_to(first.name)
    scenario = bench.scenario("idle", "wait: 10m")
    with screen(bench, scenario, "--pile", f"serial://{cable}") as shown:

        def heard(said: str) -> bool:
            first.send(BEAT)
            return "wait: 10m" in said

        shown.waits_for(heard)
        cable.unlink()
        first.close()
        shown.sees(f"; 1m are left to bring back {cable}")
        cable.symlink_to(second.name)
        shown.sees(f"serial://{cable}: the port is back")
    second.close()


@pytest.mark.realtime
def test_a_run_that_is_killed_is_gone_on_with_from_its_result(bench: Bench) -> None:
    names = [bench.scenario(name, f"wait: {wait}") for name, wait in (("a", "20s"), ("b", "10m"), ("c", "20s"))]
    where = ("--pile", "sim:reference?link=tcp", "--captures", "kept", *CONFORM)
    running = subprocess.Popen(
        pilesim("conform", *names, *where, "--json", "r.json", "--html", "r.html", "--junit", "r.xml"),
        cwd=bench.folder,
        stdout=subprocess.DEVNULL,
    )
    second = bench.folder / "kept" / "own-b.jsonl"
    deadline = time.monotonic() + 30
    while not (second.exists() and second.read_bytes().count(b"chunk") > 4):
        assert time.monotonic() < deadline
        select.select([], [], [], 0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert bench.verdicts == {"a": "pass"}
    assert bench.result["planned"] == ["own/a", "own/b", "own/c"]
    assert "2 of 3 planned scenarios were not played: own/b, own/c." in (bench.folder / "r.html").read_text()
    left = ET.parse(bench.folder / "r.xml").iterfind(".//testcase[skipped]")
    assert [case.get("name") for case in left] == ["own/b", "own/c"]

    judged = called("judge", str(second), "--rules", cwd=bench.folder)
    assert (judged.returncode, judged.stderr) == (1, ""), judged.stdout
    assert re.match(
        r"INCONCLUSIVE own/b\n  the recording breaks off at t=\+\S+s, in the step own/b.yaml:6 wait: 10m, and its end "
        r"was never written; what was to come is undecided\n",
        judged.stdout,
    ), judged.stdout
    assert re.search(r"link\.greets|frame\.\S+ .*PASS", judged.stdout), "it judges what there is"

    kept = (bench.folder / "kept" / "own-a.jsonl").stat().st_mtime_ns
    (bench.folder / "b.yaml").write_text((bench.folder / "b.yaml").read_text().replace("10m", "20s"))
    done = subprocess.run(
        pilesim("conform", *where, "--resume", "r.json"), cwd=bench.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert bench.verdicts == {"a": "pass", "b": "pass", "c": "pass"}
    assert (bench.folder / "kept" / "own-a.jsonl").stat().st_mtime_ns == kept, "what was done is not done again"
    assert "PASS own/a" not in done.stdout


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--seed", "2"], "--resume: expected the seed of the run that was broken off, 1; found 2"),
        (
            ["--protocol", "evlink-2.5"],
            "--resume: expected the protocol of the run that was broken off, lhc; found evl",
        ),
        (["--pile", "sim:robinson-gen5-0309"], "--resume: expected the pile of the run that was broken off, sim:ref"),
        (["--strict"], "--resume: expected the strictness of the run that was broken off, False; found True"),
        (["order/short"], "--resume: expected the scenarios of the run that was broken off, own/idle among them"),
    ],
)
def test_it_goes_on_with_no_other_run(
    bench: Bench, option: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.folder)
    idle = bench.scenario("idle", "wait: 20s")
    assert run(["conform", idle, "--json", "r.json"]) == 0
    of_others = [] if option == ["order/short"] else [idle]
    assert run(["conform", *of_others, "--resume", "r.json", *option]) == 2
    assert capsys.readouterr().err.startswith(f"pilesim: {sentence}")


def test_it_shows_the_reason_of_a_known_failure_and_stays_green(bench: Bench) -> None:
    known = [
        {"scenario": "order/start-lost", "rule": rule, "reason": f"ticket 7 of {rule}"}
        for rule in ("bill.none-unstarted", "bill.times")
    ]
    (bench.folder / "known.yaml").write_text(json.dumps(known))
    where = ("order/start-lost", "--pile", "sim:robinson-gen5-0303")
    done = bench.run(*where, "--expect", "known.yaml")
    assert done.returncode == 0, done.stdout
    assert "bill.times MUST" in done.stdout
    assert (
        "failed as expected: bill.none-unstarted (ticket 7 of bill.none-unstarted), bill.times (ticket 7 of"
        in done.stdout
    )
    (bench.folder / "known.yaml").write_text(json.dumps(known[1:]))
    done = bench.run(*where, "--expect", "known.yaml")
    assert done.returncode == 1, done.stdout
    assert "  failed: bill.none-unstarted\n" in done.stdout
    times = done.stdout.index("bill.times MUST")
    assert done.stdout.count("known: ") == done.stdout[times:].count("    known: ticket 7 of bill.times\n") == 1
    (bench.folder / "known.yaml").write_text(json.dumps(known, indent=1).replace("bill.times", "bill.tmies", 1))
    done = bench.run(*where, "--expect", "known.yaml")
    assert done.returncode == 2
    assert done.stderr == "pilesim: known.yaml:9: expected the id of a rule, found 'bill.tmies'\n"


def test_it_shows_that_the_sites_own_limits_have_a_part_in_a_verdict(bench: Bench) -> None:
    (bench.folder / "site.yaml").write_text("pile: sim:reference\nlimits: {bill.prompt: 3m}\n")
    done = bench.run("order/short", "--rig", "site.yaml", "--captures", "kept")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS (site) order/short" in done.stdout
    assert "Judged under the site's own limits: bill.prompt" in done.stdout
    judged = called("judge", "kept/order-short.jsonl", "--rules", cwd=bench.folder)
    assert re.search(r"bill\.prompt +\w+ +PASS \(site\) +\S+ / 180 s", judged.stdout), judged.stdout
