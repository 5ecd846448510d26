"""Strict YAML: plain scalars, the line of every mistake, and typed data."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from pilesim import strictyaml
from pilesim.errors import FileError
from pilesim.quantities import Duration, Yuan, quantity
from pilesim.units import S


class Tap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gun: int
    every: Duration = Duration(0)


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    steps: list[Tap] = []
    balances: dict[str, Yuan] = {}
    last: Tap | None = None


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("7", 7),
        ("-7", -7),
        ("007", "007"),
        ("50.00", Decimal("50.00")),
        ("1e3", "1e3"),
        ("0x14", "0x14"),
        ("true", True),
        ("True", "True"),
        ("yes", "yes"),
        ("off", "off"),
        ("null", None),
        ("~", None),
        ("'7'", "7"),
        ('"true"', "true"),
        ("2020-03-03", "2020-03-03"),
        ("5m41.6s", "5m41.6s"),
        ("12:36:40", "12:36:40"),
        ("a: {b: [1, c]}", {"a": {"b": [1, "c"]}}),
        ("a:", {"a": None}),
    ],
)
def test_it_reads_scalars_as_they_look(text: str, data: object) -> None:
    found = strictyaml.read(text, "f").data
    assert (type(found), found) == (type(data), data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f:1: expected YAML, found an empty file"),
        ("# nothing\n", "f:1: expected YAML, found an empty file"),
        ("a: 1\nb: 2\na: 3\n", "f:3: expected each key once, found 'a' again"),
        ("a:\n  ? [x, y]\n  : 1\n", "f:2: expected a word as key"),
        ("a: 1\nb: [1, 2\n\n", "f:2: expected YAML: while parsing a flow sequence did not find expected ',' or ']'"),
        ("a: [b[[\n", "f:1: expected YAML: while parsing a flow sequence did not find expected ',' or ']', at '[['"),
        ("a: 1\nä: @x\n", "f:2: expected YAML: while scanning for the next token found character that"),
        ("a: 1\n---\nb: 2\n", "f:2: expected YAML:"),
        ("a: *nobody\n", "f:1: expected YAML:"),
        ("a: \x07\n", "f: expected YAML:"),
    ],
)
def test_it_says_where_the_yaml_is_not_strict(text: str, said: str) -> None:
    with pytest.raises(FileError) as refused:
        strictyaml.read(text, "f")
    assert str(refused.value).startswith(said)


GOOD = """\
title: taps
steps:
  - gun: 1
  - {gun: 2, every: 5s}
balances:
  A: 50.00
last:
  gun: 3
"""


def test_it_makes_typed_data() -> None:
    assert strictyaml.load(GOOD, "f", Script, quantity) == Script(
        title="taps",
        steps=[Tap(1), Tap(2, Duration(5 * S))],
        balances={"A": Yuan(5_000_000)},
        last=Tap(3),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: taps", "titel: taps", "f:1: expected one of title, steps, balances, last; found 'titel'"),
        ("title: taps\n", "", "f:1: expected 'title' too; found none"),
        ("title: taps", "title: 7", "f:1: expected text; found a whole number, which in quotes is text"),
        ("every: 5s", "every: 5", "f:4: expected a duration with its unit such as 90s or 5m41.6s, found 5"),
        ("every: 5s", "evry: 5s", "f:4: expected one of gun, every; found 'evry'"),
        ("- gun: 1", "- gun: one", "f:3: expected a whole number; found text"),
        ("A: 50.00", "A: fifty", "expected an amount in yuan such as 50.00, found 'fifty'"),
        ("  gun: 3", "  gun: 3\n  pile: 4", "f:9: expected one of gun, every; found 'pile'"),
    ],
)
def test_it_says_which_line_does_not_fit(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(FileError) as refused:
        strictyaml.load(GOOD.replace(old, new), "f", Script, quantity)
    assert said in str(refused.value)


def test_it_knows_the_line_of_every_key() -> None:
    document = strictyaml.read(GOOD, "f")
    assert document.line(("steps", 1, "every")) == 4
    assert document.line(("balances", "A")) == 6
    assert document.line(("balances", "B", "C")) == 5
    assert str(document.error(("last",), "expected more")) == "f:7: expected more"
