"""The scenarios that a command line means: those that travel with pilesim, and files.

Owns which word is a file. Must not know what is done with a scenario.
"""

from __future__ import annotations

from pathlib import Path

from pilesim.errors import UsageError
from pilesim.library import scenario_folder
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import Scenario, Scenarios, load_scenario, load_scenarios


def all_scenarios() -> Scenarios:
    """Every scenario that travels with pilesim."""
    return load_scenarios(scenario_folder(), rule_ids())


def rule_ids() -> list[str]:
    return [row.id for row in RULES]


def scenarios_named(words: tuple[str, ...]) -> tuple[Scenarios, tuple[str, ...]]:
    """All scenarios by id, those given as files among them, and the words with each file as its id.

    A word is a file where it ends in .yaml.
    """
    known = all_scenarios()
    ids = []
    for word in words:
        if word.endswith((".yaml", ".yml")):
            scenario = load_scenario(Path(word), rule_ids())
            known.add(scenario)
            word = scenario.id  # noqa: PLW2901 (from here on the file goes by its id)
        ids.append(word)
    return known, tuple(ids)


def one_scenario(word: str) -> Scenario:
    """The scenario with this id, or in this file."""
    known, (identifier,) = scenarios_named((word,))
    if identifier not in known:
        raise UsageError(f"expected a scenario, one of {', '.join(known)}; found {word!r}")
    return known[identifier]
