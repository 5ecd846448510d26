"""A scenario file that is wrong is told by file, line, what was expected and what was found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pilesim.errors import FileError
from pilesim.library import scenario_folder
from pilesim.quantities import Duration, Yuan
from pilesim.rules.table import RULES
from pilesim.scenario import steps
from pilesim.scenario.scenario import (
    NothingSelectedError,
    Scenario,
    choose,
    load_scenarios,
    parse_scenario,
    until_time_of_day_ns,
)
from pilesim.scenario.writer import scenario_text
from pilesim.units import HOUR, MINUTE, MS, S, parse_world_start_ns
from pilesim.wire.messages import Band, Tariff

RULE_IDS = [row.id for row in RULES]
SCENARIOS = load_scenarios(scenario_folder(), RULE_IDS)

GOOD = """\
id: order/small
title: A small one
case: szds-34
proves: [auth.answered]
start: "2020-03-03T12:36:40+08:00"
steps:
  - plug: {gun: 1, car: {battery_kwh: 60, soc: 35}}
  - authorise: {gun: 1, order: A, balance: 50.00}
  - impair: {drop: {message: start, count: 1}}
  - start: {gun: 1}
  - wait: 5m41.6s
  - until: {gun: 1, state: idle, within: 30s}
"""


def test_it_reads_what_the_battery_does_not_say_and_what_the_platform_tells_beside_orders() -> None:
    text = (
        GOOD.replace("soc: 35", "soc: 35, lacks: [bcp]")
        + """\
  - bms: {gun: 1, lacks: [bcs, bcl]}
  - balance-tell: {gun: 1, balance: 5.00}
  - work-tell: {stopped: true, power: 30}
  - reboot: {when-idle: true}
"""
    )
    plug, *_, bms, balance, work, reboot = (lined.step for lined in parse_scenario(text, "x.yaml", RULE_IDS).steps)
    assert isinstance(plug, steps.Plug) and plug.detail()["car"]["lacks"] == ["bcp"]
    assert isinstance(bms, steps.Bms) and bms.detail() == {"lacks": ["bcs", "bcl"]}
    assert balance == steps.BalanceTell(gun=1, balance=Yuan(500_000))
    assert work == steps.WorkTell(stopped=True, power=30)
    assert reboot == steps.Reboot(when_idle=True)


def test_it_says_that_a_message_without_which_it_has_no_meaning_is_none() -> None:
    text = GOOD.replace("start:", "needs: [authorize]\nstart:", 1)
    with pytest.raises(
        FileError, match=r"^x\.yaml:5: expected a message's name, found 'authorize'; perhaps authorise$"
    ):
        parse_scenario(text, "x.yaml", RULE_IDS)
    assert parse_scenario(text.replace("authorize", "authorise"), "x.yaml", RULE_IDS).needs == ("authorise",)


def test_it_reads_steps_with_their_units_and_lines() -> None:
    scenario = parse_scenario(GOOD, "small.yaml", RULE_IDS)
    assert [(lined.key, lined.line) for lined in scenario.steps] == [
        ("plug", 7),
        ("authorise", 8),
        ("impair", 9),
        ("start", 10),
        ("wait", 11),
        ("until", 12),
    ]
    authorise = scenario.steps[1].step
    assert isinstance(authorise, steps.Authorise)
    assert authorise.balance == 5_000_000
    assert scenario.steps[4].step == steps.Wait(ns=Duration(5 * MINUTE + 41_600 * MS))
    assert scenario.estimate_ns == 5 * MINUTE + 41_600 * MS + 20 * S


@pytest.mark.parametrize(
    ("pile", "clock_error_ns"),
    [("", 0), ("pile: {clock-ahead: 3h}\n", 3 * HOUR), ("pile: {clock-set: false}\n", None)],
)
def test_it_tells_how_wrong_the_piles_clock_is_at_first(pile: str, clock_error_ns: int | None) -> None:
    scenario = parse_scenario(GOOD.replace("steps:\n", pile + "steps:\n"), "small.yaml", RULE_IDS)
    assert scenario.pile.clock_error_ns == clock_error_ns


WRONG = [
    ("a misspelt step", "  - wait: 5m41.6s", "  - wiat: 5m41.6s", 11, "found 'wiat'; perhaps wait"),
    ("a misspelt key", "{gun: 1}\n  - wait", "{gnu: 1}\n  - wait", 10, "expected one of gun, account; found 'gnu'"),
    ("a nested key", "soc: 35", "sok: 35", 7, "found 'sok'"),
    ("a wrong unit", "5m41.6s", "5q", 11, "expected a duration such as 5m41.6s (units d h m s ms), found '5q'"),
    ("no unit", "5m41.6s", "90", 11, "expected a duration with its unit such as 90s or 5m41.6s, found 90"),
    ("an unknown rule", "[auth.answered]", "[auth.answerd]", 4, "found 'auth.answerd'; perhaps auth.answered"),
    ("money as text", "50.00", "lots", 8, "expected an amount in yuan such as 50.00, found 'lots'"),
    ("a wrong state", "state: idle", "state: idel", 12, "expected a state, one of"),
    ("no condition", ", state: idle", "", 12, "expected a condition"),
    ("an unknown impairment", "{drop:", "{dorp:", 9, "dorp"),
    ("an unknown message", "message: start", "message: strat", 9, "strat"),
    (
        "two keys in a step",
        "  - start: {gun: 1}",
        "  - start: {gun: 1}\n    stop: {gun: 1}",
        10,
        "found 2: start, stop",
    ),
    ("a time without offset", "12:36:40+08:00", "12:36:40", 5, "without an offset"),
    ("a key twice", "title: A small one", "title: A\ntitle: B", 3, "expected each key once, found 'title' again"),
    ("no tap", "  - wait: 5m41.6s", "  - tap: {gun: 1, times: 0}", 11, "expected a whole number >= 1"),
    (
        "taps without end",
        "  - wait: 5m41.6s",
        "  - tap: {gun: 1, times: 1000000}",
        11,
        "expected a whole number <= 1000",
    ),
    (
        "flaps without end",
        "{drop: {message: start, count: 1}}",
        "{flap: {times: 1000000000, up: 0s, down: 0s}}",
        9,
        "expected times of at most 1000, found 1000000000",
    ),
    (
        "steps without end",
        "  - wait: 5m41.6s",
        "  - wait: 400d\n" * 9,
        6,
        "expected steps that take at most 366d in all, found 3600d",
    ),
    ("no YAML", "title: A small one", "title: [", 4, "expected YAML"),
]


@pytest.mark.parametrize(("old", "new", "line", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_it_tells_line_expected_and_found_of(old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    with pytest.raises(FileError) as caught:
        parse_scenario(GOOD.replace(old, new, 1), "small.yaml", RULE_IDS)
    assert str(caught.value).startswith(f"small.yaml:{line}: ")
    assert said in str(caught.value)


def test_it_loads_every_scenario_that_travels_with_pilesim() -> None:
    scenarios = load_scenarios(scenario_folder(), RULE_IDS)
    assert "order/whole" in scenarios
    assert all(scenario.proves for scenario in scenarios.values())


def test_it_chooses_by_id_prefix_and_case_and_refuses_a_word_that_chooses_nothing() -> None:
    scenarios = load_scenarios(scenario_folder(), RULE_IDS)
    assert [s.id for s in choose(scenarios, ("order/whole",))] == ["order/whole"]
    assert [s.id for s in choose(scenarios, ("start/twice",))] == ["start/twice"], "and not start/twice-at-once"
    assert len(choose(scenarios, ("start/tw",))) == 2
    assert {s.id for s in choose(scenarios, ("szds-16a",))} == {"order/never-started", "order/start-lost"}
    assert choose(scenarios, ()) == list(scenarios.values())
    with pytest.raises(NothingSelectedError, match="perhaps order/whole"):
        choose(scenarios, ("order/wole",))
    with pytest.raises(NothingSelectedError, match="found ''"):
        choose(scenarios, ("",))


def test_it_reads_a_file_when_its_scenario_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "order").mkdir()
    (tmp_path / "order" / "small.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "order" / "torn.yaml").write_text("id: [", encoding="utf-8")
    (tmp_path / "order" / "strange.yaml").write_text(GOOD, encoding="utf-8")
    scenarios = load_scenarios(tmp_path, RULE_IDS)
    assert list(scenarios) == ["order/small", "order/strange", "order/torn"]
    assert [scenario.id for scenario in choose(scenarios, ("order/small",))] == ["order/small"]
    for name, sentence in (("torn", "torn.yaml:1: expected YAML"), ("strange", "expected the id 'order/strange'")):
        with pytest.raises(FileError, match=sentence):
            choose(scenarios, (f"order/{name}",))


@pytest.mark.parametrize(
    ("now", "time", "wait_ns"),
    [
        ("2020-03-03T12:36:40+08:00", "12:36:46.014", 6 * S + 14 * MS),
        ("2020-03-03T12:36:46.014+08:00", "12:36:46.014", 0),
        ("2020-03-03T23:59:00+08:00", "00:01:00", 2 * MINUTE),
        ("2020-03-03T00:00:00+00:00", "09:00:00", 1 * HOUR),
    ],
)
def test_it_waits_for_the_next_such_local_time_of_day(now: str, time: str, wait_ns: int) -> None:
    assert until_time_of_day_ns(parse_world_start_ns(now), time) == wait_ns


HEAD = """
id: bill/rates
title: A tariff
proves: []
start: "2020-03-12T08:00:00+08:00"
steps: []
platform:
  tariff: {tariff}
"""


def test_a_tariff_replaces_what_it_says_and_leaves_the_rest() -> None:
    said = '{energy: [{until: "07:30", yuan: 0.3}, {until: "24:00", yuan: 1.2}], free-minutes: 5}'
    scenario = parse_scenario(HEAD.replace("{tariff}", said), "rates.yaml", [])
    before = Tariff(energy_mfen=(1,) * 48, service_mfen=(2,) * 48, occupancy=(Band(0, 1440, 3),), free_minutes=15)
    after = scenario.platform.tariff.applied(before)
    assert after.energy_mfen == (30_000,) * 15 + (120_000,) * 33
    assert (after.service_mfen, after.occupancy, after.free_minutes) == (before.service_mfen, before.occupancy, 5)
    assert parse_scenario(scenario_text(scenario), "again.yaml", []).platform == scenario.platform


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ('{energy: [{until: "07:10", yuan: 1}]}', "in steps of 30 min; found 07:10 after 00:00"),
        (
            '{occupancy: [{until: "08:00", yuan: 1}, {until: "08:00", yuan: 1}]}',
            "expected occupancy until a later time",
        ),
        ('{service: [{until: "23:30", yuan: 1}]}', "expected service until 24:00 at last, found 23:30"),
        ('{energy: [{until: "24:30", yuan: 1}]}', "expected a time of day from 00:00 to 24:00 such as 18:30"),
    ],
)
def test_a_tariff_that_leaves_a_gap_is_told(said: str, complaint: str) -> None:
    with pytest.raises(FileError, match=re.escape(complaint)):
        parse_scenario(HEAD.replace("{tariff}", said), "rates.yaml", [])


UNDONE_BY = {
    "plug": "unplug",
    "emergency-stop": "emergency-release",
    "power-off": "power-on",
    "fault": "fault-cleared",
}


def left_behind(scenario: Scenario) -> list[str]:
    """What was done at the pile and never undone."""
    done: dict[tuple[object, ...], str] = {}
    for lined in scenario.steps:
        match lined.step:
            case steps.Insulation(gun=gun, ok=ok):
                done[gun, "insulation"] = "" if ok else lined.words
            case steps.Maintain(gun=gun, on=on):
                done[gun, "maintenance"] = lined.words if on else ""
            case steps.Stimulus(kind=kind) as step:
                at = getattr(step, "gun", None)
                if kind in UNDONE_BY:
                    done[at, kind] = lined.words
                for began, ended in UNDONE_BY.items():
                    if kind == ended:
                        done[at, began] = ""
    return [words for words in done.values() if words]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_scenario_leaves_the_bench_as_the_next_one_wants_it(name: str) -> None:
    assert left_behind(SCENARIOS[name]) == []


def test_it_is_told_what_a_scenario_leaves_behind() -> None:
    text = GOOD + "  - emergency-stop:\n"
    scenario = parse_scenario(text, "small.yaml", RULE_IDS)
    assert left_behind(scenario) == ["plug: {gun: 1, car: {battery_kwh: 60, soc: 35}}", "emergency-stop:"]
