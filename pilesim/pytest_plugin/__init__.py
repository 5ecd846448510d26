"""pilesim in pytest: scenarios are collected as items, and a test may have a pile, a platform or a scenario.

Owns the hooks, options and fixtures, and nothing of what they do. It is loaded in every pytest of its environment,
so it imports the rest of pilesim only where a scenario is collected, an option given or a fixture asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pilesim.pytest_plugin.fixtures import MakePile, PlatformEnd, PlayScenario
    from pilesim.pytest_plugin.items import ScenarioFile

_PREFIX = "--pilesim-"
_OPTIONS: dict[str, dict[str, Any]] = {
    "pile": {"metavar": "URL", "help": "The pile under test.  [default: sim:reference]"},
    "rig": {"metavar": "FILE", "help": "The bench: the pile, what it claims, who does what there."},
    "no-operator": {"action": "store_true", "help": "Nobody stands at the pile: what needs hands is not applicable."},
    "platform": {"metavar": "URL", "help": "The platform, sim:reference, with faults or without."},
    "impair": {"metavar": "TEXT", "action": "append", "help": "Impair the line: 'drop start count=1'."},
    "protocol": {
        "metavar": "NAME|FILE",
        "help": "Protocol of the line, or a dialect's file; by default that of conform.",
    },
    "seed": {"metavar": "N", "type": int, "help": "The one source of chance.  [default: 1]"},
    "strict": {"action": "store_true", "help": "SHOULD rules decide the verdict too."},
    "clock-rate": {"metavar": "N", "type": float, "help": "Let pilesim's clock run N times as fast on a real line."},
    "timeout-scale": {"metavar": "X", "type": float, "help": "Stretch pilesim's own deadlines, never the rules'."},
    "pile-number": {"metavar": "DIGITS", "help": "The number of a pile on a URL, if it is known."},
    "captures": {"metavar": "FOLDER", "help": "Keep each scenario's capture here."},
    "expect": {"metavar": "FILE", "help": "Failures that are known: a list of scenario, rule, reason."},
}
"""The words of `pilesim conform`, here behind `_PREFIX`, since every plugin and conftest.py of a session shares one
space of names; what is not said has its default there."""
_SHORT = ("pile", "rig")
"""Options that go by their bare name too, where nobody else has it."""

_MARKERS = (
    "scenario(subject, case): put on each scenario; its field case and the rules that it proves are markers too.",
    "reference_platform(auto=True, cards=[], tariff={}): how the platform of the fixture `platform` is set up, in the "
    "words of a scenario's `platform:`.",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pilesim", "charging piles (pilesim)")
    for name, how in _OPTIONS.items():
        group.addoption(_PREFIX + name, dest=_dest(name), **how)
    parser.addini(
        "pilesim_clock_rate", f"How many times as fast pilesim's clock runs where {_PREFIX}clock-rate says nothing."
    )


@pytest.hookimpl(trylast=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> None:
    """The bare names, once every plugin and conftest.py has taken its own: another's option keeps its name."""
    group = parser.getgroup("pilesim")
    for name in filter(lambda name: _free(parser, f"--{name}"), _SHORT):
        group.addoption(f"--{name}", dest=_dest(name), metavar=_OPTIONS[name]["metavar"], help=f"As {_PREFIX}{name}.")


def _free(parser: pytest.Parser, option: str) -> bool:
    """Whether nobody has `option`. Some versions of pytest tell a second owner only when nothing can be done."""
    try:
        _, unknown = parser.parse_known_and_unknown_args([option])
    except pytest.UsageError:  # it wants a value, so somebody has it
        return False
    return option in unknown


def _dest(name: str) -> str:
    return "pilesim_" + name.replace("-", "_")


def pytest_configure(config: pytest.Config) -> None:
    """What is said is looked at before anything is collected."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    said = [config.getoption(_dest(name)) for name in _OPTIONS]
    if any(value is not None and value is not False for value in said):
        from pilesim.pytest_plugin.items import session_of  # noqa: PLC0415 (heavy)

        session_of(config).check()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """A YAML file that has steps; what only happens to lie there must also say what it proves."""
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    keys = {line.partition(":")[0] for line in _lines(file_path)}
    if "steps" not in keys or not ("proves" in keys or parent.session.isinitpath(file_path)):
        return None
    from pilesim.pytest_plugin.items import ScenarioFile  # noqa: PLC0415 (heavy)

    node: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
    return node


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    scenarios = [item for item in items if item.get_closest_marker("scenario")]
    if not scenarios:
        return []
    from pilesim.pytest_plugin.items import ScenarioItem, session_of  # noqa: PLC0415 (heavy)

    return session_of(config).beginning([item.scenario for item in scenarios if isinstance(item, ScenarioItem)])


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """The folder in which the test's piles, platform and scenarios keep their recordings, one file each."""
    folder = tmp_path / "captures"
    folder.mkdir()
    return folder


@pytest.fixture
def pile(request: pytest.FixtureRequest, capture: Path) -> Iterator[MakePile]:
    """A maker of simulated piles: `pile("reference", url="tcp://127.0.0.1:9000")` dials that platform and lives."""
    from pilesim.pytest_plugin.fixtures import MakePile  # noqa: PLC0415 (heavy)

    with MakePile(request, capture) as make:
        yield make


@pytest.fixture
def platform(request: pytest.FixtureRequest, capture: Path) -> Iterator[PlatformEnd]:
    """The reference platform, listening at `platform.url` for somebody's pile."""
    from pilesim.pytest_plugin.fixtures import reference_platform  # noqa: PLC0415 (heavy)

    with reference_platform(request, capture) as end:
        yield end


@pytest.fixture
def scenario(request: pytest.FixtureRequest, capture: Path) -> PlayScenario:
    """Plays a scenario as `pilesim conform` does: `scenario("order/short").assert_passed()`."""
    from pilesim.pytest_plugin.fixtures import PlayScenario  # noqa: PLC0415 (heavy)

    return PlayScenario(request, capture)
