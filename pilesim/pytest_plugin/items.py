"""Scenario files as pytest's collectors and items, and the session's options that they are run with.

Owns how a verdict is told to pytest. Must not know how a scenario is run: that is pilesim.conformance's one path.

    PASS             passed
    FAIL             failed, its text what the terminal's report says
    INCONCLUSIVE     failed: not green in pilesim, and so not here
    NOT_APPLICABLE   skipped, with the reason
    ERROR            an error, as whatever goes wrong while the scenario is played

So the item's setup plays, and its call looks at the verdict. A rig that fails ends the session.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pilesim.cli.console import console
from pilesim.cli.options import DEFAULT_SEED, impairments_said
from pilesim.cli.scenarios import rule_ids
from pilesim.cli.terminal import ConsoleTerminal
from pilesim.conformance.applicable import acts_asked
from pilesim.conformance.asked import DEFAULT_PLATFORM, Asked, options_of
from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, in_memory, result_of, run_result
from pilesim.errors import PilesimError, RigError, UsageError
from pilesim.report.junit import properties
from pilesim.report.text import print_beginning, print_scenario
from pilesim.rig.operator import Terminal
from pilesim.rig.targets import LinkTarget
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import Scenario, load_scenario
from pilesim.units import MINUTE, S
from pilesim.wire.protocol import protocol_named

T = TypeVar("T")

_SESSION = pytest.StashKey["Session"]()
_VIRTUAL_RATE = 100
"""In virtual time a scenario takes a small part of its estimate; at this rate even a slow machine is done in time."""
_GENEROUS = 3
_AT_LEAST_S = 120


class Session:
    """What the command line and the ini file say, made into the options of every scenario of the session."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @cached_property
    def asked(self) -> Asked:
        """UsageError says which option cannot be meant."""
        said = self._said
        rig, captures, expect = (said(name) for name in ("rig", "captures", "expect"))
        return Asked(
            pile=said("pile"),
            rig_file=Path(rig) if rig else None,
            protocol=said("protocol"),
            platform=said("platform") or DEFAULT_PLATFORM,
            impairments=impairments_said(said("impair") or ()),
            seed=DEFAULT_SEED if said("seed") is None else said("seed"),
            no_operator=said("no_operator"),
            strict=said("strict"),
            timeout_scale=self._timeout_scale(),
            clock_rate=self._clock_rate(),
            pile_number=said("pile_number"),
            captures=Path(captures) if captures else None,
            expect_file=Path(expect) if expect else None,
        )

    @cached_property
    def options(self) -> Options:
        """UsageError says what cannot be meant; nothing is opened."""
        return options_of(self.asked, self.operator, None)

    @property
    def on_real_line(self) -> bool:
        """Something real takes part that is there once: a pile on a URL, or a rig's platform."""
        return isinstance(self.options.target, LinkTarget) or self.options.bench_rig.platform is not None

    def operator(self) -> Terminal:
        """Where a person at a real pile is told what to do, whatever pytest captures."""
        return ConsoleTerminal(console(_Uncaptured(self._config)))

    def check(self) -> None:
        """Look at all that was said. pytest.UsageError says what cannot be meant."""
        try:
            self._check_workers()
        except PilesimError as error:
            raise pytest.UsageError(str(error)) from None

    def beginning(self, scenarios: list[Scenario]) -> list[str]:
        """What is about to run, as `pilesim conform` tells it."""
        options = self.options
        protocol = protocol_named(options.protocol)
        world_ns = sum(scenario.estimate_ns for scenario in scenarios)
        return _text(
            print_beginning,
            len(scenarios),
            world_ns,
            options.seed,
            options.target.url,
            protocol.name,
            protocol.provisional,
        ).splitlines()

    def timeout_s(self, scenario: Scenario) -> float:
        """When pytest-timeout gives a scenario up, s of the computer's time: long after all its own deadlines."""
        options = self.options
        if in_memory(options):
            return _AT_LEAST_S + scenario.estimate_ns / S / _VIRTUAL_RATE
        world_s = (scenario.estimate_ns + 10 * MINUTE) / S / options.clock_rate * max(1, options.timeout_scale)
        acts_s = len(acts_asked(scenario, options.bench_rig)) * options.bench_rig.operator_wait_ns / S
        return _AT_LEAST_S + _GENEROUS * world_s + acts_s

    def _said(self, name: str) -> Any:
        return self._config.getoption(f"pilesim_{name}")

    def _clock_rate(self) -> float:
        said = self._said("clock_rate")
        found = (self._config.getini("pilesim_clock_rate") or 1) if said is None else said
        return _number("--pilesim-clock-rate or pilesim_clock_rate", found, 1000)

    def _timeout_scale(self) -> float:
        said = self._said("timeout_scale")
        return _number("--pilesim-timeout-scale", 1 if said is None else said, 1000)

    def _check_workers(self) -> None:
        """On a real line one thing happens at a time, and its operator needs a terminal, which no worker has."""
        if self.on_real_line and self._config.getoption("dist", "no") != "no":
            raise UsageError(f"{self.options.target.url}: one scenario at a time can be played there: expected no -n")


class _Uncaptured(StringIO):
    """A stream to pytest's own terminal."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__()
        self._config = config

    def write(self, text: str) -> int:
        writer = self._config.get_terminal_writer()
        capturing = self._config.pluginmanager.getplugin("capturemanager")
        if capturing is None:
            writer.write(text, flush=True)
        else:
            with capturing.global_and_fixture_disabled():
                writer.write(text, flush=True)
        return len(text)


def _number(name: str, found: Any, most: float) -> float:
    """`found` as a number from a hundredth to `most`; UsageError says that `name` is none."""
    try:
        number = float(found)
    except ValueError:
        number = 0
    if not 0.01 <= number <= most:
        raise UsageError(f"{name}: expected a number from 0.01 to {most:g}, found {found}")
    return number


def session_of(config: pytest.Config) -> Session:
    """The one of this run of pytest."""
    if _SESSION not in config.stash:
        config.stash[_SESSION] = Session(config)
    return config.stash[_SESSION]


def scenario_text(result: ScenarioResult, strict: bool) -> str:
    """What the terminal's report says of a scenario."""
    return _text(print_scenario, result, strict).rstrip()


def _text(print_: Any, *arguments: Any) -> str:
    stream = StringIO()
    print_(console(stream), *arguments)
    return stream.getvalue()


class ScenarioFile(pytest.File):
    """A YAML file with steps."""

    def collect(self) -> Iterator[ScenarioItem]:
        try:
            _ = session_of(self.config).options  # what cannot be meant there is told here, in the file's place
            scenario = load_scenario(self.path, rule_ids(), self._shown())
            item: ScenarioItem = ScenarioItem.from_parent(self, name=scenario.id, scenario=scenario)
        except PilesimError as error:
            raise self.CollectError(str(error)) from None
        yield item

    def _shown(self) -> str:
        """The file as whoever called pytest sees it from where they stand."""
        here = self.config.invocation_params.dir
        return os.path.relpath(self.path, here) if self.path.is_relative_to(here) else str(self.path)


class ScenarioItem(pytest.Item):
    """One scenario, to be played with the session's options."""

    def __init__(self, *, scenario: Scenario, **more: Any) -> None:
        super().__init__(**more)
        self.scenario = scenario
        self._session = session_of(self.config)
        self._result: ScenarioResult | None = None
        subject = scenario.id.rpartition("/")[0]
        self.add_marker(pytest.mark.scenario(subject=subject, case=scenario.case))
        for name in (scenario.case, *scenario.proves):
            if name:
                self.add_marker(_registered(self.config, name))
        self.extra_keyword_matches.update(scenario.id.split("/"))
        if self.config.pluginmanager.hasplugin("timeout"):
            self.add_marker(pytest.mark.timeout(self._session.timeout_s(scenario)))

    def setup(self) -> None:
        """Play it."""
        options = self._session.options
        try:
            result = self._result = result_of(self.scenario, options)
        except RigError as error:
            self._end_session(error)
            pytest.fail(str(error), pytrace=False)
        except PilesimError as error:
            pytest.fail(str(error), pytrace=False)
        run = run_result([result], (result.id,), options)
        told = (*properties(run, result), *_margins(result))
        # Plain text, which is all that pytest-xdist carries.
        self.user_properties += [(name, str(value)) for name, value in told]
        if result.verdict is Verdict.NOT_APPLICABLE:
            raise pytest.skip.Exception(result.reason, _use_item_location=True)
        if result.verdict is Verdict.ERROR:
            pytest.fail(scenario_text(result, options.strict), pytrace=False)
        if result.capture:
            self.add_report_section("call", "pilesim capture", result.capture)

    def runtest(self) -> None:
        """Look at its verdict."""
        result = self._result
        assert result is not None
        if result.verdict is not Verdict.PASS:
            pytest.fail(scenario_text(result, self._session.options.strict), pytrace=False)

    def _end_session(self, error: RigError) -> None:
        """No other scenario would fare better."""
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


def _registered(config: pytest.Config, name: str) -> str:
    """The name of a marker that --strict-markers knows from now on, and every rule beside it."""
    known = {line.partition(":")[0] for line in config.getini("markers")}
    for marker in (name, *rule_ids()):
        if marker not in known:
            known.add(marker)
            config.addinivalue_line("markers", f"{marker}: a scenario's field case, or a rule that it proves.")
    return name


def _margins(result: ScenarioResult) -> Iterator[tuple[str, str]]:
    """How close it came to each limit."""
    for row in result.rules:
        if row.margin is not None:
            margin = row.margin
            yield f"margin {row.id}", f"{margin.value:g} of {margin.limit:g} {margin.unit}"
