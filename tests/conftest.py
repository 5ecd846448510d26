"""Options of the test run itself."""

from __future__ import annotations

import pytest
from hypothesis import settings

SEEDS_OF_CI = 20
SEEDS_OF_SECOND = 4

# No test asserts on time, and a busy machine takes as long as it takes.
settings.register_profile("pilesim", deadline=None)
settings.load_profile("pilesim")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=3, help="Seeds that each fault is taken through.")
    parser.addoption("--soak", action="store_true", help="As many and as long as there is time for at night.")
    parser.addoption("--schedules", type=int, default=600, help="Short lives that bills are taken through.")
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


def has_time(config: pytest.Config) -> bool:
    """Whether there is time for many seeds, and then for what takes long too."""
    return bool(config.getoption("--seeds") >= SEEDS_OF_CI)


@pytest.fixture(scope="session")
def time_enough(request: pytest.FixtureRequest) -> bool:
    return has_time(request.config)


@pytest.fixture(scope="session")
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether every scenario is to be played."""
    return bool(request.config.getoption("--whole"))
