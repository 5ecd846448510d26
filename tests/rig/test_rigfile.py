"""Rig files: what they say, and every mistake in them as a sentence with its line."""

from __future__ import annotations

import pytest

from pilesim.errors import FileError
from pilesim.rig.hands import Command
from pilesim.rig.rigfile import CLAIMS, load_rig, plain_rig
from pilesim.rig.stimuli import KINDS
from pilesim.rig.targets import LinkTarget, SimTarget, parse_target
from pilesim.units import HOUR, KWH_DWH, MINUTE, S

WHOLE = """\
pile: serial:///dev/ttyUSB0?baud=9600
protocol: evlink-2.6
number: 44030500040000200026
guns: 1
claims: [screen, stop-button]
limits: {bill.prompt: 3m, bill.energy: 0.1, beat.occupied-while-cabled: 2}
hands:
  plug: operator
  unplug: {command: [relay, "{gun}", "off"], timeout: 90s}
  power: operator
operator-wait: 1h
world-time: false
card: 0044000000000000123
facts: {firmware: 2.10, line: 9600, car: "ID. 4"}
platform:
  url: tcp://platform.example:9001
  start: {http: {url: "http://p/{pile}/{gun}", json: {gun: "{gun}", yuan: 20.00}}}
  stop: {command: [stop, "{order}"]}
"""


def test_it_reads_all_that_a_file_says() -> None:
    said = load_rig(WHOLE, "r.yaml")
    rig = said.rig
    assert isinstance(said.target, LinkTarget)
    assert (said.protocol, rig.number, rig.file, rig.guns) == ("evlink-2.6", "44030500040000200026", "r.yaml", 1)
    assert rig.lacks == ("card-reader", "emergency-stop", "lock", "parking-sensor")
    assert rig.limits == {"bill.prompt": 3 * MINUTE, "bill.energy": KWH_DWH // 10, "beat.occupied-while-cabled": 2}
    assert rig.hands == {
        "plug": "operator",
        "unplug": Command(command=("relay", "{gun}", "off"), timeout=90 * S),  # type: ignore[arg-type]
        "power-off": "operator",
        "power-on": "operator",
    }
    assert (rig.operator_wait_ns, rig.world_time, rig.card) == (HOUR, False, "0044000000000000123")
    assert rig.facts == {"firmware": "2.10", "line": "9600", "car": "ID. 4"}
    assert rig.platform is not None
    assert [name for name in ("authorise", "start", "stop") if rig.platform.does(name)] == ["start", "stop"]
    assert rig.not_applicable == {"occupied.parking": "the pile has no parking-sensor"}


@pytest.mark.parametrize("url", ["tcp-listen://127.0.0.1:9000", "sim:reference"])
def test_it_takes_a_file_of_nothing_but_the_pile_as_the_pile_alone(url: str) -> None:
    said = load_rig(f"pile: {url}\n", "r.yaml")
    assert said.rig.hands == plain_rig(parse_target(url)).hands
    assert (said.rig.lacks, said.rig.world_time, said.rig.number, said.protocol) == ((), True, "", "lhc")


def test_it_takes_a_file_of_nothing_but_the_platform_as_one_for_simulated_piles() -> None:
    text = "platform:\n  url: tcp://platform.example:9001\n"
    assert load_rig(text, "r.yaml") == load_rig(f"{text}pile: sim:reference\n", "r.yaml")


def test_it_tells_a_file_in_which_nothing_is_real() -> None:
    with pytest.raises(FileError, match=r"r.yaml:1: expected pile: or platform:, of which one is real; found neither"):
        load_rig("guns: 2\n", "r.yaml")


def test_it_gives_only_the_hands_that_a_file_names_to_a_real_pile_and_its_own_to_a_simulated_one() -> None:
    real = load_rig("pile: tcp-listen://:0\nhands: {plug: operator}\n", "r.yaml")
    assert real.rig.hands == {"plug": "operator"}
    simulated = load_rig("pile: sim:reference\nhands: {plug: {command: [a]}}\n", "r.yaml")
    assert isinstance(simulated.target, SimTarget)
    assert simulated.rig.hands == {**dict.fromkeys(KINDS, "sim"), "plug": Command(command=("a",))}


MISTAKES = [
    ("pile: 3", 1, "expected text; found a whole number, which in quotes is text"),
    ("pile: gopher://x", 1, "expected a link, one of "),
    ("pile: sim:nobody", 1, "expected a firmware profile, one of "),
    ("protocol: morse", 3, "expected a protocol, one of lhc, "),
    ("guns: -1", 3, "expected how many guns the pile has, 1 to 255; found -1"),
    ("guns: 256", 3, "expected how many guns the pile has, 1 to 255; found 256"),
    ("guns: two", 3, "expected a whole number; found text"),
    ("number: [1]", 3, "expected a word or a number, found [1]"),
    ("colour: red", 3, "expected one of pile, protocol, number, "),
    ("claims: [screen,\n  reader]", 4, f"expected one of {', '.join(CLAIMS)}; found 'reader'"),
    ("claims: screen", 3, "expected a list; found text"),
    ("limits:\n  bill.prompt: 3", 4, "expected a duration with its unit such as 90s or 5m41.6s, found 3"),
    ("limits:\n  bill.energy: much", 4, "expected an energy in kWh such as 12.34, found 'much'"),
    ("limits:\n  beat.shows-unplug: 2s\n  bill.paper: 2", 5, "expected a rule that has a limit, one of "),
    ("limits:\n  link.stable: -1", 4, "expected a number of losses, found -1"),
    ("hands:\n  plug: operator\n  dance: operator", 5, "expected an act, one of plug, unplug, "),
    ("hands:\n  plug: robot", 4, "expected operator or a command; found 'robot'"),
    ("hands:\n  plug: sim", 4, "expected operator or a command; found 'sim'"),
    ("hands:\n  plug: {comand: [a]}", 4, "expected one of command, timeout; found 'comand'"),
    ("hands:\n  plug:\n    command: relay on", 5, "expected a list; found text"),
    ("hands:\n  plug: {command: []}", 4, "expected the words of a command, found none"),
    ("hands:\n  plug:\n    command: [a]\n    timeout: 3", 6, "expected a duration with its unit such as 90s"),
    ("hands:\n  plug: {command: [relay, '{gnu}']}", 4, "expected only {act} {gun} {detail}, and braces"),
    ("hands:\n  plug: {command: [relay, '{account}']}", 4, "found {account} in ['relay', '{account}']"),
    ("operator-wait: 5", 3, "expected a duration with its unit"),
    ("world-time: maybe", 3, "expected true or false; found text"),
    ("platform:\n  url: gopher://x", 4, "expected a link, one of "),
    ("platform: {url: 'tcp://h:1', start: {}}", 3, "expected either command or http"),
    ("platform:\n  url: tcp://h:1\n  stop: {command: [stop, '{volts}']}", 5, "expected only {pile} {gun} {account}"),
    ("platform:\n  url: tcp://h:1\n  stop: {http: {url: 'http://h/{volts}'}}", 5, "found {volts} in "),
    ("platform:\n  url: tcp://h:1\n  stop: {http: {url: h, body: '{\"gun\": 1}'}}", 5, "and braces themselves twice"),
    ("guns: 1\nguns: 2", 4, "expected each key once, found 'guns' again"),
    ("hands: {", 3, "expected YAML: "),
]


@pytest.mark.parametrize(("body", "line", "sentence"), MISTAKES, ids=[row[0].replace("\n", " ") for row in MISTAKES])
def test_it_tells_every_mistake_with_its_line(body: str, line: int, sentence: str) -> None:
    text = f"{body}\n" if body.startswith("pile:") else f"pile: tcp-listen://127.0.0.1:9000\n\n{body}\n"
    with pytest.raises(FileError) as raised:
        load_rig(text, "bench.yaml")
    assert str(raised.value).startswith(f"bench.yaml:{line}: ")
    assert sentence in str(raised.value)


def test_it_gives_a_simulated_pile_into_no_operators_hands() -> None:
    with pytest.raises(FileError, match=r"r.yaml:2: expected sim or a command, since the pile is simulated; found 'op"):
        load_rig("pile: sim:reference\nhands: {plug: operator}\n", "r.yaml")
