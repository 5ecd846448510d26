"""The help of each command has an example that parses, and so do those of the README."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from pilesim.cli.main import COMMANDS
from pilesim.cli.main import pilesim as group


def examples(command: click.Command) -> list[str]:
    lines = [line.strip() for line in (command.help or "").splitlines()]
    return [line for line in lines if line.startswith("pilesim ")]


def named(word: str) -> click.Command:
    command = importlib.import_module(f"pilesim.cli.{word}").command
    assert isinstance(command, click.Command)
    return command


def called_by(example: str) -> click.Command:
    """The command that a line calls; click says what of its words cannot be meant."""
    _, *words = shlex.split(example, comments=True)
    called: click.Command = group
    context: click.Context | None = None
    while isinstance(called, click.Group):
        word, *words = words
        context = click.Context(called, parent=context, info_name=word)
        found = called.get_command(context, word)
        assert found is not None, example
        called = found
    called.make_context(called.name, words)
    return called


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_that_parses(name: str) -> None:
    command = named(name)
    for each in command.commands.values() if isinstance(command, click.Group) else [command]:
        assert examples(each), each.name
        assert {called_by(example) for example in examples(each)} == {each}


README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")


@pytest.mark.parametrize("line", re.findall(r"^    (?:\$ )?(pilesim \w.*)$", README, re.MULTILINE))
def test_what_the_readme_calls_is_a_command_with_such_options(line: str) -> None:
    called_by(line)
