"""The plugin is loaded in every pytest of its environment: it must be light where nothing of pilesim is used."""

from __future__ import annotations

import pytest

from pilesim.cli.conform import command as conform
from pilesim.pytest_plugin import _OPTIONS

pytest_plugins = ["pytester"]
QUIET = ("-p", "no:benchmark", "-p", "no:hypothesispytest")
"""Slow to load, and nothing of ours."""


def test_nothing_else_of_pilesim_is_loaded_where_it_is_not_used(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            loaded = {name for name in sys.modules if name.partition(".")[0] == "pilesim"}
            assert loaded == {"pilesim", "pilesim.pytest_plugin"}
            assert not {"rich", "click", "simpy", "construct", "serial"} & set(sys.modules)
        """
    )
    (pytester.path / "data.yaml").write_text("a: 1\n", encoding="utf-8")
    pytester.runpytest_subprocess(*QUIET, "--strict-markers").assert_outcomes(passed=1)


def test_another_project_has_its_own_options_of_names_that_pilesim_uses_too(pytester: pytest.Pytester) -> None:
    taken = ("--rig", "--pile", "--seed", "--protocol")
    pytester.makeconftest(
        f"""
        def pytest_addoption(parser):
            for name in {taken}:
                parser.addoption(name, dest="their_" + name[2:])
        """
    )
    pytester.makepyfile(
        f"""
        def test_it(pytestconfig):
            for name in {taken}:
                assert pytestconfig.getoption("their_" + name[2:]) == "their own"
            assert pytestconfig.getoption("pilesim_pile") == "sim:robinson-gen5-0309"
        """
    )
    theirs = [word for name in taken for word in (name, "their own")]
    words = (*theirs, "--pilesim-pile", "sim:robinson-gen5-0309")
    pytester.runpytest_subprocess(*QUIET, *words).assert_outcomes(passed=1)


def test_pile_and_rig_go_by_their_bare_names_where_nobody_else_has_them(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(pytestconfig): assert pytestconfig.getoption('pilesim_pile') == 'sim:reference'")
    pytester.runpytest_subprocess(*QUIET, "--pile", "sim:reference").assert_outcomes(passed=1)
    helped = pytester.runpytest_subprocess(*QUIET, "--help").stdout
    helped.fnmatch_lines(["*--pilesim-seed=N*", "*--rig=FILE*"])


OF_A_RUN = {"json", "junit", "html", "list", "resume", "scheduler"}
"""Options of conform that say where it is run and what becomes of it: in pytest other words do."""


def test_pytest_has_every_option_of_conform_that_says_what_is_played() -> None:
    said = {option.removeprefix("--") for parameter in conform.params for option in parameter.opts if "--" in option}
    assert set(_OPTIONS) == said - OF_A_RUN
