"""The example of the README: a small platform with an API of its own, its tests, and scenarios through a rig file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pilesim.library import scenario_folder

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.realtime

EXAMPLE = Path(__file__).parent / "example"
QUIET = ("-p", "no:timeout", "-p", "no:benchmark", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
BROKEN = {
    "platform.bill-acked": (
        "return BillReply(gun=gun, order=order)",
        'return BillReply(gun=gun, order="20200101000000000001")',
    ),
    "platform.replies": (
        "return GunReportReply(gun=gun, change=change)",
        "return None if change else GunReportReply()",
    ),
    "platform.start-after-auth": (
        "        mfen = parse_yuan_mfen(balance)\n",
        "        mfen = parse_yuan_mfen(balance)\n        self.start(gun, account)\n",
    ),
}
"""What is done to the platform, by the rule that must catch it."""
SERVE = """
import sys
from charging_platform import ChargingPlatform
platform = ChargingPlatform()
print(platform.server_address[1], platform.users.server_address[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def example(pytester: pytest.Pytester) -> Path:
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    return pytester.path


def broken(folder: Path, rule: str) -> None:
    path = folder / "charging_platform.py"
    was, now = BROKEN[rule]
    text = path.read_text(encoding="utf-8")
    assert text.count(was) == 1
    path.write_text(text.replace(was, now), encoding="utf-8")


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """The platform in a process of its own, and its ports in the rig file."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port, http_port = process.stdout.readline().split()
            rig = folder / "rig.yaml"
            text = rig.read_text(encoding="utf-8").replace(":9000", f":{port}").replace(":8080", f":{http_port}")
            rig.write_text(text, encoding="utf-8")
            yield
        finally:
            process.kill()


def play(pytester: pytest.Pytester, *files: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(*QUIET, "-rs", "--rig", "rig.yaml", *files)


def test_its_own_tests_pass(pytester: pytest.Pytester, example: Path) -> None:
    pytester.runpytest_subprocess(*QUIET, "test_charging_platform.py").assert_outcomes(passed=2)


def test_its_own_tests_fail_where_the_platform_is_broken(pytester: pytest.Pytester, example: Path) -> None:
    broken(example, "platform.replies")
    result = pytester.runpytest_subprocess(*QUIET, "-k", "twice")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*platform.replies MUST *"])


def test_scenarios_are_played_against_it_through_its_api(pytester: pytest.Pytester, example: Path) -> None:
    shutil.copy(scenario_folder() / "order/card.yaml", example)
    with serving(example):
        result = play(pytester, "quick.yaml", "card.yaml")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*it sets the platform's cards, and this platform is a real one"])


@pytest.mark.one_in(3)
@pytest.mark.parametrize("rule", BROKEN)
def test_scenarios_go_red_where_it_is_broken(pytester: pytest.Pytester, example: Path, rule: str) -> None:
    broken(example, rule)
    with serving(example):
        result = play(pytester, "quick.yaml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"  {rule} MUST *", "    to blame: the platform"])
