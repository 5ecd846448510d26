"""Work spread over processes and over a cluster comes out as in one process, workers lost or not."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from threading import Event, Thread
from typing import cast

import dask
import msgspec
import pytest
from distributed import Client, LocalCluster
from distributed.cfexecutor import ClientExecutor
from enough import has_time
from shares import doubled, failing, killing, protocol_and

from pilesim.conformance.matrix import load_proofs, run_cells
from pilesim.conformance.runner import REFERENCE_PLATFORM, Options, run_all
from pilesim.errors import FileError, RigError, UsageError
from pilesim.explore.draw import Drawing
from pilesim.explore.explore import explore
from pilesim.explore.schedule import ChosenFault
from pilesim.fleet.folder import judge_folder
from pilesim.library import firmware_folder, scenario_folder
from pilesim.platform.settings import Settings
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import load_scenarios
from pilesim.season.fixture import Season, load_season
from pilesim.season.play import Outcome, play_season, season_contract
from pilesim.site.figures import Figures
from pilesim.site.host import PlatformHost
from pilesim.site.play import SiteOptions
from pilesim.site.shares import play_apart
from pilesim.site.traffic import parse_mix, plans_of
from pilesim.spread import hired
from pilesim.trace.importers.imported import Wishes
from pilesim.units import S
from pilesim.wire.dialects import travelling
from pilesim.wire.frame import End
from pilesim.wire.protocol import protocol_named

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(180)]

FLEET_RATE = 25
"""So many times as fast as the world are piles played over real sockets."""
PROCESSES = "processes"
CLUSTER = "cluster"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`crew_at`: both, each of which has its own way to hand out shares and to do without a lost worker; `some_crew`:
    of what does not know over what it is spread, one where there is no time for both.

    By module, so that all over processes comes first: beside the threads of a cluster each process would be a Python
    that starts anew.
    """
    if "where" in metafunc.fixturenames:
        both = "crew_at" in metafunc.fixturenames or has_time(metafunc.config)
        metafunc.parametrize("where", [PROCESSES, CLUSTER] if both else [CLUSTER], scope="module")


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two processes, which start anew when they are killed; a share that has lost two workers is given up.

    Each has one share at a time, so that none is blamed that only waited behind another.
    """
    with (
        # Where the machine is slow it is told of a worker's end before its begin, and stumbles over that as it closes.
        suppress(KeyError),
        dask.config.set({"distributed.scheduler.allowed-failures": 1, "distributed.scheduler.worker-saturation": 1.0}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,  # type: ignore[no-untyped-call]
    ):
        yield cluster
        # One that is closed while it starts a worker anew waits for it far longer.
        make_whole(cluster)


def make_whole(cluster: LocalCluster) -> None:
    """Wait until both workers are there. One that could not be started anew is not tried again: another takes over."""
    try:
        cluster.wait_for_workers(2, timeout=20)
    except TimeoutError:
        cluster.scale(1)  # type: ignore[no-untyped-call]
        cluster.scale(2)  # type: ignore[no-untyped-call]
        cluster.wait_for_workers(2, timeout=60)


@pytest.fixture
def scheduler(cluster: LocalCluster) -> str:
    make_whole(cluster)
    return str(cluster.scheduler_address)


def crew_of(where: str, request: pytest.FixtureRequest) -> tuple[int, str]:
    return (2, "") if where == PROCESSES else (1, request.getfixturevalue("scheduler"))


@pytest.fixture
def crew_at(where: str, request: pytest.FixtureRequest) -> tuple[int, str]:
    """Jobs and scheduler, as `hired` takes them."""
    return crew_of(where, request)


@pytest.fixture
def some_crew(where: str, request: pytest.FixtureRequest) -> tuple[int, str]:
    """The same."""
    return crew_of(where, request)


def test_it_gives_each_share_once_and_in_order_where_that_is_asked(crew_at: tuple[int, str]) -> None:
    with hired(*crew_at) as crew:
        assert sorted(crew.done(doubled, range(20))) == [(n, 2 * n) for n in range(20)]
        assert list(crew.in_order(doubled, range(20), first=[19, 7])) == [2 * n for n in range(20)]
        assert list(crew.in_order(doubled, [])) == []


def test_it_does_the_share_of_a_killed_worker_again(crew_at: tuple[int, str], tmp_path: Path) -> None:
    with hired(*crew_at) as crew:
        assert list(crew.in_order(partial(killing, tmp_path, 1), range(12))) == [2 * n for n in range(12)]
        assert (tmp_path / "0").exists()
        assert list(crew.in_order(doubled, range(4))) == [0, 2, 4, 6]


def test_it_names_the_share_that_takes_worker_after_worker_with_it(crew_at: tuple[int, str], tmp_path: Path) -> None:
    with (
        hired(*crew_at) as crew,
        pytest.raises(RigError, match=r"^pile 3: expected it to be done, found that"),
    ):
        list(crew.done(partial(killing, tmp_path, 2), range(12), "pile {}".format))


@pytest.mark.parametrize("times", [1, 2])
def test_it_does_a_share_again_whose_result_the_cluster_has_lost(
    scheduler: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, lost = ClientExecutor.submit, list[Future[int]]()

    def losing(self: ClientExecutor, work: partial[object], share: int) -> Future[int]:
        if share != 3 or len(lost) == times:
            return cast("Future[int]", submit(self, work, share))  # type: ignore[no-untyped-call]
        lost.append(Future())
        lost[-1].set_exception(TypeError("cannot unpack non-iterable int object"))
        return lost[-1]

    monkeypatch.setattr(ClientExecutor, "submit", losing)
    with hired(1, scheduler) as crew:
        if times == 1:
            assert list(crew.in_order(doubled, range(5))) == [0, 2, 4, 6, 8]
        else:
            with pytest.raises(RigError, match=r"^pile 3: expected it to be done, found that its worker was lost"):
                list(crew.done(doubled, range(5), "pile {}".format))


def test_it_raises_what_the_work_raises(some_crew: tuple[int, str]) -> None:
    with hired(*some_crew) as crew, pytest.raises(FileError, match=r"^a.yaml:7: expected a word$") as caught:
        list(crew.done(failing, [7]))
    assert caught.value.line == 7


def test_it_works_in_this_process_for_one_job(tmp_path: Path) -> None:
    with hired(1) as crew:
        assert crew.here
        assert list(crew.done(lambda number: os.getpid() + number, [0, 1])) == [(0, os.getpid()), (1, os.getpid() + 1)]


def test_it_says_that_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilesim.spread.CONNECT_S", 0.2)
    with (
        pytest.raises(RigError, match=r"^--scheduler tcp://127.0.0.1:9: expected a Dask scheduler: "),
        hired(1, "tcp://127.0.0.1:9"),
    ):
        pass


# ------------------------------------------------------------------------------------ what is spread, and its results

SEASON = """\
name: few
title: Four piles
start: "2019-10-11T08:00:00+08:00"
days: 1
charges: 40
sites:
  - {name: A, piles: 4, firmware: {sinexcel-2090104: 1}}
hours: {8: 1, 9: 2, 10: 2}
power-kw: {from: 20, to: 60}
habits:
  - {name: tops up, weight: 1, charge: {from: 5s, to: 4m}, parking: {from: 0s, to: 2m}}
endings: {full: 2, platform: 2, unplug: 1}
"""
SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])
OWN = Options(target=REFERENCE_PLATFORM, protocol="lhc", seed=1)


@cache
def few_piles() -> tuple[Season, tuple[Outcome, ...]]:
    """A small season, and how it comes out in one process."""
    few = load_season(SEASON, "few.yaml", season_contract())
    return few, play_season(few, seed=3, charges=24)


def test_a_season_comes_out_the_same_with_a_worker_killed_in_its_middle(crew_at: tuple[int, str]) -> None:
    few, alone = few_piles()
    jobs, scheduler = crew_at
    killed: list[int] = []

    def kill_one(charges: int) -> None:
        if not killed:
            killed.append(a_worker(scheduler))
            os.kill(killed[0], signal.SIGKILL)

    spread = play_season(few, seed=3, charges=24, jobs=jobs, scheduler=scheduler, charged=kill_one)
    assert killed
    assert len(spread) == 4
    assert spread == alone


def a_worker(scheduler: str) -> int:
    """The process id of one that is at work."""
    if not scheduler:
        return next(child.pid for child in multiprocessing.active_children() if child.pid is not None)
    with Client(scheduler, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        return int(min(client.run(os.getpid).values()))


def test_a_fleet_of_piles_is_told_whole_with_a_worker_killed_in_its_middle(
    crew_at: tuple[int, str], time_enough: bool, tmp_path: Path
) -> None:
    if not time_enough:
        pytest.skip("plays in real time: it is played where there is time")
    jobs, scheduler = crew_at
    over, killed = Event(), list[int]()
    host = PlatformHost(
        host="127.0.0.1",
        port=0,
        protocol="lhc",
        seed=1,
        clock_rate=FLEET_RATE,
        world_start_ns=time.time_ns(),
        settings=Settings(auto=True),
    )
    options = SiteOptions(
        url=host.name.replace("tcp-listen", "tcp"),
        plans=plans_of(None, parse_mix("reference"), count=6, first_number="44030500040000200026", seed=1, for_ns=None),
        protocol="lhc",
        seed=1,
        clock_rate=FLEET_RATE,
        world_start_ns=time.time_ns(),
        captures=tmp_path / "kept",
        for_ns=75 * S,
    )

    recorded: list[Path] = []

    def kill_one() -> bool:
        if figures.up == 6:
            recorded.extend((tmp_path / "kept").glob("*.jsonl"))
        # Both shares have told that they are up, and the one that is lost will tell it again.
        if not killed and host.figures.up == figures.up == 6:
            killed.append(a_worker(scheduler))
            os.kill(killed[0], signal.SIGKILL)
        return False

    figures = Figures(piles=6)
    living = Thread(target=host.live, args=(over.is_set,))
    living.start()
    try:
        results = list(
            play_apart(options, figures, kill_one, jobs=jobs, scheduler=scheduler, strict=False, keep_all=True)
        )
    finally:
        over.set()
        living.join()
        host.close()
    assert killed
    assert sorted(result.id for result in results) == [plan.number for plan in options.plans]
    assert len(list((tmp_path / "kept").iterdir())) == figures.switched_on == 6
    assert bool(recorded) is not bool(scheduler), "they lie there while they are made, but for those of a cluster"


def test_the_cells_of_the_matrix_are_those_of_one_process(some_crew: tuple[int, str]) -> None:
    work = [(proof, SCENARIOS["order/short"], 1) for proof in load_proofs()[:4]]
    jobs, scheduler = some_crew
    assert list(run_cells(work, jobs, scheduler=scheduler)) == list(run_cells(work, 1))


def test_an_exploration_finds_what_one_process_finds(some_crew: tuple[int, str]) -> None:
    given = (ChosenFault(End.PILE, "stop-ignored"),)
    drawing = Drawing(protocol="lhc", profile="reference", given=given, faults=False)
    jobs, scheduler = some_crew
    told: list[int] = []
    spread = explore(5, 1, drawing, url="u", jobs=jobs, scheduler=scheduler, done=lambda run, rules: told.append(run))
    assert told == [0]
    assert spread.findings
    assert spread == explore(5, 1, drawing, url="u")


@pytest.mark.parametrize("mask", [None, b"key"], ids=["plain", "masked"])
def test_a_folder_of_logs_that_is_sent_to_a_cluster_comes_to_what_it_does_here(
    scheduler: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
    mask: bytes | None,
) -> None:
    logs = tmp_path / "logs of 44030500040000200026"
    shutil.copytree(firmware_folder() / "captures" / "reference", logs / "deep")
    shutil.copy(logs / "deep" / "order-short.jsonl", logs / "twice.jsonl")
    (logs / "torn.jsonl").write_text('{"pilesim-capture": 7}\n', encoding="utf-8")
    # Only here is anything found by this name.
    monkeypatch.chdir(tmp_path)
    done: list[int] = []
    wishes = Wishes(mask=mask)
    # As logs of tens of megabytes are.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1kB"}):
        here, sent = (
            judge_folder(Path(logs.name), lambda path: wishes, scheduler=where, advance=done.append)
            for where in ("", scheduler)
        )
    assert not [told for told in recwarn if "large graph" in str(told.message)]
    assert sent == here
    assert here.piles and here.unreadable
    assert sum(done[: len(done) // 2]) == sum(done[len(done) // 2 :])


def test_the_suite_on_a_cluster_has_the_results_and_the_captures_of_one_machine(scheduler: str, tmp_path: Path) -> None:
    chosen = [SCENARIOS[name] for name in ("order/short", "start/handshake-fails", "start/no-cable")]
    here, there = (replace(OWN, captures=tmp_path / name) for name in ("here", "there"))
    once, spread = run_all(chosen, here), run_all(chosen, there, scheduler=scheduler)
    as_here = [
        msgspec.structs.replace(each, capture=each.capture.replace("there", "here")) for each in spread.scenarios
    ]
    assert tuple(as_here) == once.scenarios
    captures = {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()}
    assert len(captures) == 3
    assert captures == {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()}


def test_a_real_line_is_not_spread() -> None:
    real = replace(OWN, target=parse_target("tcp-listen://127.0.0.1:0"))
    with pytest.raises(UsageError, match=r"^--scheduler: expected a pile in virtual time, found 'tcp-listen://"):
        run_all([SCENARIOS["order/short"]], real, scheduler="tcp://127.0.0.1:9")


def test_a_dialect_travels_as_text(some_crew: tuple[int, str], tmp_path: Path) -> None:
    file = tmp_path / f"{some_crew[0]}.yaml"
    file.write_text(f"protocol: lhc\nname: travelling{some_crew[0]}\ntitle: T\n")
    name = protocol_named(str(file)).name
    by_file, by_name = (travelling(partial(protocol_and, each), each) for each in (str(file), name))
    file.unlink()
    with hired(*some_crew) as crew:
        assert list(crew.in_order(by_file, [1, 2])) == list(crew.in_order(by_name, [1, 2])) == [(name, 1), (name, 2)]
