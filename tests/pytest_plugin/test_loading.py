"""The plugin is loaded in every pytest of its environment: it must be light where nothing of pilesim is used."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


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
    pytester.runpytest_subprocess("-p", "no:benchmark", "--strict-markers").assert_outcomes(passed=1)
