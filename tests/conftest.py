"""Options of the test run itself."""

from __future__ import annotations

import gc
import os
from collections import Counter

import pytest
from enough import has_time, profile_of
from hypothesis import settings
from kept import kept

SEEDS_OF_SECOND = 4


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(profile_of(config))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=3, help="Seeds that each fault is taken through.")
    parser.addoption("--soak", action="store_true", help="As many and as long as there is time for at night.")
    parser.addoption("--schedules", type=int, default=2000, help="Short lives that bills are taken through.")
    parser.addoption("--whole", action="store_true", help="Play every scenario where a few are enough for a change.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`matrix_seed`: each of them; `reference_seed`: each where there is time for many, else one; `second_seed`, for
    the second protocol, as many as show what the first one's do not."""
    seeds = metafunc.config.getoption("--seeds")
    if "matrix_seed" in metafunc.fixturenames:
        metafunc.parametrize("matrix_seed", range(1, seeds + 1))
    if "reference_seed" in metafunc.fixturenames:
        metafunc.parametrize("reference_seed", range(1, seeds + 1) if has_time(metafunc.config) else [1])
    if "second_seed" in metafunc.fixturenames:
        metafunc.parametrize("second_seed", range(1, SEEDS_OF_SECOND + 1) if has_time(metafunc.config) else [1])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a sweep `one_in(n)` the first and each nth after it, where there is no time for all; all that -k names."""
    if has_time(config) or config.option.keyword:
        return
    counted: Counter[str] = Counter()
    due: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        marker = item.get_closest_marker("one_in")
        sweep = item.nodeid.partition("[")[0]
        (others if marker is not None and counted[sweep] % marker.args[0] else due).append(item)
        counted[sweep] += 1
    items[:] = due
    config.hook.pytest_deselected(items=others)


def pytest_collection_finish() -> None:
    """What is there now stays until the end: the collector need not look through it again and again, nor so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(scope="session", autouse=True)
def plays_are_kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    """By all processes of the run in one folder: pytest-xdist gives each of them one of its own, beside the others."""
    own = tmp_path_factory.getbasetemp()
    kept.folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "kept-plays"
    kept.folder.mkdir(exist_ok=True)


@pytest.fixture(scope="session")
def time_enough(request: pytest.FixtureRequest) -> bool:
    return has_time(request.config)


@pytest.fixture(scope="session")
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether every scenario is to be played."""
    return bool(request.config.getoption("--whole"))
