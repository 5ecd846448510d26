"""The command that a report gives to run a scenario again says all that the run was asked for."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from pilesim.cli.conform import command
from pilesim.conformance.asked import Asked, options_of
from pilesim.conformance.runner import _UNSAID, Options, _said, repeat_command
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.operator import Silence

IMPAIRED = ("drop bill-reply count=1", "hold start for=46s")
SAID = {
    "pile": "serial:///dev/ttyUSB0?baud=9600&parity=even",
    "pile_number": "44030500040000200027",
    "protocol": "evlink-2.6",
    "platform": "sim:reference?fault=wrong-echo",
    "impairments": tuple(map(parse_impairment, IMPAIRED)),
    "seed": 7,
    "no_operator": True,
    "strict": True,
    "timeout_scale": 2.5,
    "clock_rate": 20.0,
}


def again(folder: Path, **more: object) -> str:
    known = folder / "known failures.yaml"
    known.write_text("[]")
    asked = Asked(**{**SAID, "expect_file": known, **more})  # type: ignore[arg-type]  # a table of words
    return repeat_command("order/short", options_of(asked, Silence, None))


def test_it_has_a_word_for_every_option_or_says_none_on_purpose() -> None:
    options = options_of(Asked(seed=1), Silence, None)
    assert sorted([*_said(options), *_UNSAID]) == sorted(each.name for each in fields(Options))


def test_it_says_what_is_not_at_its_default(tmp_path: Path) -> None:
    assert again(tmp_path) == shlex.join(
        [
            *("pilesim", "conform", "order/short", "--pile", str(SAID["pile"]), "--seed", "7"),
            *("--protocol", "evlink-2.6", "--platform", "sim:reference?fault=wrong-echo"),
            *("--impair", IMPAIRED[0], "--impair", IMPAIRED[1], "--strict", "--timeout-scale", "2.5"),
            *("--clock-rate", "20", "--pile-number", "44030500040000200027"),
            *("--expect", str(tmp_path / "known failures.yaml"), "--no-operator"),
        ]
    )


@pytest.mark.parametrize("said_too", [{}, {"pile_number": None}], ids=["number-said-too", "rig-alone"])
def test_it_says_the_rig_file_in_place_of_the_pile(tmp_path: Path, said_too: dict[str, object]) -> None:
    rig = tmp_path / "bench.yaml"
    rig.write_text("pile: sim:reference\nnumber: 44030500040000200026\n")
    said = again(tmp_path, pile=None, rig_file=rig, **said_too)
    assert f"--rig {rig}" in said
    assert "--pile " not in said
    assert ("--pile-number" in said) is not bool(said_too)


@pytest.mark.parametrize("more", [{}, {"strict": False, "no_operator": False}])
def test_the_command_line_takes_it(tmp_path: Path, more: dict[str, object]) -> None:
    _, _, *words = shlex.split(again(tmp_path, **more))
    done = CliRunner().invoke(command, [*words, "--list"], standalone_mode=False)
    assert "order/short" in done.output
    assert done.exception is None
