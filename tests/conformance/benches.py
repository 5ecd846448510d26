"""Small scenarios and rigs for tests of what is played where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilesim.rig.rigfile import Rig, load_rig
from pilesim.rig.targets import Target
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import Scenario, parse_scenario

RULE_IDS = [row.id for row in RULES]
START = "2020-03-11T14:00:00+08:00"
REAL = "tcp-listen://127.0.0.1:0"


def scenario_of(*steps: str, id: str = "own/one", platform: str = "{}", proves: str = "[]") -> Scenario:  # noqa: A002
    """A scenario of these steps, the first of which stands on line 7."""
    head = (f"id: {id}", "title: A title", f"proves: {proves}", f"platform: {platform}", f"start: {START!r}", "steps:")
    text = "\n".join((*head, *(f"  - {step}" for step in steps or ("wait: 40s",))))
    return parse_scenario(text, f"{id}.yaml", RULE_IDS)


def rig_of(text: str = "", pile: str = REAL) -> tuple[Target, Rig]:
    said = load_rig(f"pile: {pile}\n{text}\n", "bench.yaml")
    return said.target, said.rig


class Person:
    """A terminal with a key, or without."""

    def __init__(self, has_key: bool = True) -> None:
        self.has_key = has_key
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)

    def key_pressed(self) -> bool:
        return False


def verdicts(rows: Mapping[str, Any]) -> dict[str, str]:
    """Of a result file's scenarios: the verdict by id."""
    return {scenario["id"]: scenario["verdict"] for scenario in rows["scenarios"]}
