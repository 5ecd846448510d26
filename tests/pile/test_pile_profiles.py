"""Firmware profiles are read strictly, and the shipped ones are what the field cases say."""

from __future__ import annotations

import pytest
from pilebench import FIXTURES, REFERENCE, fixture

from pilesim.errors import FileError, UsageError
from pilesim.pile.profiles import load_profile
from pilesim.units import MINUTE, MS, S

SHIPPED: list[tuple[str, tuple[str, ...]]] = [
    ("reference", ()),
    ("robinson-gen5-0303", ("record-buffer", "taps-clear-order")),
    ("robinson-gen5-0309", ("stale-bill", "bill-before-unplug")),
    ("robinson-gen5-lag", ("unplug-lag", "bills-newest-first")),
    ("sinexcel-2090104", ("bill-lost",)),
    ("sinexcel-2090404", ()),
]


def test_it_ships_these_profiles_only() -> None:
    assert sorted(path.stem for path in FIXTURES.glob("*.yaml")) == sorted(name for name, _ in SHIPPED)


@pytest.mark.parametrize(("name", "faults"), SHIPPED)
def test_it_reads_a_shipped_profile(name: str, faults: tuple[str, ...]) -> None:
    profile = fixture(name)
    assert profile.name == name
    assert profile.title
    assert tuple(use.name for use in profile.faults) == faults
    assert bool(profile.cases) == (name != "reference")


def test_it_reads_every_field() -> None:
    profile = load_profile(
        """
name: one
title: One
firmware: V1
guns: 4
rated_kw: 120
reply_delay: {least: 1s, most: 1.5s}
start_takes: {handshake: 2s}
cases: [szds-1]
faults:
  - unplug-lag: {lag: 2m}
  - stop-ignored:
expected:
  order/one: [bill.prompt]
""",
        "one.yaml",
    )
    assert (profile.guns, profile.rated_w, profile.firmware) == (4, 120_000, "V1")
    assert profile.reply_delay is not None
    assert profile.reply_delay.most == 1500 * MS
    assert (profile.start_takes.handshake, profile.start_takes.precharge) == (2 * S, 4 * S)
    assert getattr(profile.faults[0].parameters, "lag", 0) == 2 * MINUTE
    assert dict(profile.expected) == {"order/one": ("bill.prompt",)}


HEAD = "name: one\ntitle: One\nfirmware: V1\n"
UNREADABLE: list[tuple[str, str]] = [
    (HEAD + "gun: 2\n", r"one.yaml:4: expected one of name, .*; found 'gun'"),
    (HEAD + "guns: 0\n", r"one.yaml:4: expected a whole number >= 1"),
    (HEAD + "reply_delay: {least: 2s, most: 1s}\n", r"one.yaml:4: expected least to be at most most"),
    (HEAD + "faults:\n  - lag: {}\n", r"one.yaml:5: expected a fault, one of bill-lost, .*; found 'lag'"),
    (HEAD + "faults:\n  - {stop-ignored: , double-start: }\n", r"one.yaml:5: expected one fault with its parameters"),
    (HEAD + "faults:\n  - unplug-lag:\n      lag: 5\n", r"one.yaml:6: expected a duration with its unit"),
    (HEAD + "faults:\n  - unplug-lag:\n      lags: 5s\n", r"one.yaml:6: expected one of lag; found 'lags'"),
]


@pytest.mark.parametrize(("text", "problem"), UNREADABLE)
def test_it_names_the_line_of_what_does_not_fit(text: str, problem: str) -> None:
    with pytest.raises(FileError, match=problem):
        load_profile(text, "one.yaml")


@pytest.mark.parametrize(
    ("name", "given", "problem"),
    [
        ("unplug-lags", {}, "expected a fault, one of .*; found 'unplug-lags'"),
        ("unplug-lag", {"lag": "long"}, "fault unplug-lag: expected a duration such as"),
        ("bill-lost", {"rate": "1.5"}, "fault bill-lost: expected a fraction from 0 to 1"),
        ("no-reply", {"message": "bill"}, "fault no-reply: expected a reply of the pile, one of authorise-reply"),
        ("stop-ignored", {"for": "1m"}, "fault stop-ignored: .*'for'"),
    ],
)
def test_it_refuses_a_fault_that_cannot_be_meant(name: str, given: dict[str, str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        REFERENCE.with_faults([(name, given)])


def test_it_takes_parameters_as_a_person_writes_them() -> None:
    profile = REFERENCE.with_faults([("bill-lost", {"rate": "0.11"}), ("unplug-lag", {"lag": "2h"})])
    assert [getattr(use.parameters, n) for use, n in zip(profile.faults, ("rate", "lag"), strict=True)] == [
        0.11,
        120 * MINUTE,
    ]
    assert REFERENCE.faults == ()
