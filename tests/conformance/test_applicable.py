"""What a bench cannot play is told before anything is opened, and the rest is fitted to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from benches import REAL, Person, rig_of, scenario_of

from pilesim.conformance.applicable import acts_asked, fitted, grouped, why_not
from pilesim.conformance.runner import Options, run_all, run_scenario
from pilesim.rig.operator import Silence, Terminal
from pilesim.rig.targets import LinkTarget, parse_target
from pilesim.rules.verdict import Verdict
from pilesim.scenario import steps
from pilesim.trace.events import Stimulus
from pilesim.units import MINUTE

ALL = "hands: {plug: operator, unplug: operator, tap: operator, card: operator, stop-button: operator, power: operator}"
PLATFORM = f"{ALL}\nplatform: {{url: 'tcp://127.0.0.1:1', start: {{command: [a]}}}}"
CARD = "{cards: [{account: 4400, balance: 50.00}]}"

WHY_NOT: list[tuple[str, str, str, Terminal | None, str]] = [
    # (a step, the rig file, how the platform is set, who is there, why not)
    ("wait: 1s", "", "{}", None, ""),
    ("plug: {gun: 1}", ALL, "{}", Person(), ""),
    ("plug: {gun: 1}", ALL, "{}", None, "line 7: plug needs an operator, and there is none"),
    ("plug: {gun: 1}", ALL, "{}", Silence(), ""),
    ("plug: {gun: 1}", "hands: {unplug: operator}", "{}", Person(), "line 7: nobody at this rig does plug"),
    ("power-off: {}", "hands: {power: {command: [a]}}", "{}", None, ""),
    ("power-off: {}", ALL, "{}", Person(has_key=False), ""),
    ("plug: {gun: 2}", f"guns: 1\n{ALL}", "{}", Person(), "it needs 2 guns, and the pile has 1"),
    ("plug: {gun: 2}", f"guns: 2\n{ALL}", "{}", Person(), ""),
    ("tap: {gun: 1}", ALL, "{}", Person(), ""),
    (
        "tap: {gun: 1}",
        ALL,
        "{}",
        Person(has_key=False),
        "line 7: tap shows nowhere on the line, and there is no key to confirm it with",
    ),
    (
        "card: {gun: 1, account: 4400}",
        f"claims: [screen]\n{ALL}",
        CARD,
        Person(),
        "line 7: card needs a card-reader, which the pile does not claim",
    ),
    (
        "tap: {gun: 1}",
        f"claims: []\n{ALL}",
        "{}",
        Person(),
        "line 7: tap needs a screen, which the pile does not claim",
    ),
    ("parking: {gun: 1, taken: true}", "claims: [screen]", "{}", Person(), "line 7: parking needs a parking-sensor, "),
    (
        'at: "14:30:00"',
        "world-time: false",
        "{}",
        Person(),
        "line 7: it needs a certain time of day, and this pile lives in the present",
    ),
    ('at: "14:30:00"', "", "{}", Person(), ""),
    ("start: {gun: 1}", PLATFORM, "{}", Person(), ""),
    ("stop: {gun: 1}", PLATFORM, "{}", Person(), "line 7: the rig says no way to tell the platform to stop"),
    (
        "balance-tell: {gun: 1, balance: 5.00}",
        PLATFORM,
        "{}",
        Person(),
        "line 7: the rig says no way to tell the platform to balance-tell",
    ),
    ("wait: 1s", PLATFORM, CARD, Person(), "it sets the platform's cards, and this platform is a real one"),
]


@pytest.mark.parametrize(("step", "rig", "platform", "terminal", "reason"), WHY_NOT)
def test_it_says_why_a_bench_cannot_play_it(
    step: str, rig: str, platform: str, terminal: Terminal | None, reason: str
) -> None:
    said = why_not(scenario_of(step, platform=platform), *rig_of(rig), terminal)
    assert said.startswith(reason)
    assert bool(said) is bool(reason)


def test_it_says_that_nobody_can_see_a_pile_on_a_serial_line_lose_its_power() -> None:
    scenario = scenario_of("power-off: {}")
    serial = rig_of(ALL, pile="serial:///dev/ttyUSB0")
    assert "line 7: power-off shows as silence" in why_not(scenario, *serial, Person(has_key=False))
    assert why_not(scenario, *serial, Person()) == ""


def test_it_says_that_a_serial_line_cannot_refuse_a_connection() -> None:
    scenario = scenario_of("impair: {refuse: {for: 1m}}")
    assert "line 7: " in why_not(scenario, *rig_of(pile="serial:///dev/ttyUSB0"), Person())
    assert why_not(scenario, *rig_of(), Person()) == ""


def test_it_is_not_applicable_before_any_traffic_where_nobody_stands_at_the_pile() -> None:
    # The port is one that cannot be had: where it were opened, this would end as a fault of the rig.
    target = parse_target("serial:///dev/no-such-port")
    options = Options(target=target, protocol="lhc", seed=1, terminal=None)
    run = run_all([scenario_of("plug: {gun: 1}"), scenario_of("unplug: {gun: 1}", id="own/two")], options)
    assert [(result.verdict, result.reason, result.rules, result.capture) for result in run.scenarios] == [
        (Verdict.NOT_APPLICABLE, f"line 7: {kind} needs an operator, and there is none", (), "")
        for kind in ("plug", "unplug")
    ]
    assert (run.verdict, run.exit_code) == (Verdict.NOT_APPLICABLE, 0)


def test_it_puts_the_benchs_card_in_the_place_of_the_platforms_and_of_no_strange_one() -> None:
    scenario = scenario_of("card: {gun: 1, account: 4400}", "card: {gun: 1, account: 9999}", platform=CARD)
    _, rig = rig_of("card: 0044000000000000123")
    changed = fitted(scenario, rig, 0)
    assert [str(card.account) for card in changed.platform.cards] == ["0044000000000000123"]
    held = [lined.step.account for lined in changed.steps if isinstance(lined.step, steps.Card)]
    assert held == ["0044000000000000123", "9999"]
    assert fitted(scenario, rig_of()[1], 0) == scenario


def test_it_plays_an_order_by_the_benchs_card() -> None:
    scenario = scenario_of(
        "plug: {gun: 1}",
        "until: {gun: 1, cable: true}",
        "card: {gun: 1, account: 4400}",
        "until: {gun: 1, state: charging}",
        "wait: 30s",
        "card: {gun: 1, account: 4400}",
        "until: {gun: 1, state: occupied}",
        "unplug: {gun: 1}",
        "until: {gun: 1, message: bill}",
        platform="{auto: true, cards: [{account: 4400, balance: 50.00}]}",
    )
    target, rig = rig_of("card: 00440000000000123", pile="sim:reference")
    run = run_scenario(scenario, Options(target=target, protocol="lhc", seed=1, rig=rig))
    assert run.result.waited_in_vain == ()
    cards = [event.detail for event in run.trace.events if isinstance(event, Stimulus) and event.kind == "card"]
    assert cards == [{"account": "00440000000000123"}] * 2


def test_it_lives_in_the_present_with_a_pile_that_takes_no_time() -> None:
    scenario = scenario_of()
    assert fitted(scenario, rig_of("world-time: false")[1], 12 * MINUTE).start_ns == 12 * MINUTE
    assert fitted(scenario, rig_of("world-time: true")[1], 12 * MINUTE).start_ns == scenario.start_ns


def test_it_brings_together_what_needs_the_same_hands_and_begins_with_what_needs_fewest() -> None:
    plugs = ("plug: {gun: 1}", "unplug: {gun: 1}")
    day = [
        scenario_of(*plugs, "tap: {gun: 1}", id="own/tapped"),
        scenario_of(*plugs, id="own/plugged"),
        scenario_of("wait: 1s", id="own/idle"),
        scenario_of(*plugs, "tap: {gun: 1}", "tap: {gun: 1}", id="own/tapped-twice"),
        scenario_of("power-off: {}", "power-on: {}", id="own/dark"),
        scenario_of(*plugs, *plugs, id="own/plugged-twice"),
    ]
    _, rig = rig_of(ALL)
    ordered = [scenario.id.removeprefix("own/") for scenario in grouped(day, rig)]
    assert ordered == ["idle", "dark", "plugged", "plugged-twice", "tapped", "tapped-twice"]
    assert acts_asked(day[0], rig) == ("plug", "unplug", "tap")
    assert acts_asked(day[4], rig) == ("power", "power")
    assert acts_asked(day[0], rig_of("hands: {plug: {command: [a]}, tap: operator}")[1]) == ("tap",)


def test_it_names_the_rig_file_in_the_command_that_runs_it_again() -> None:
    target, rig = rig_of("hands: {}")
    options = Options(target=target, protocol="lhc", seed=1, rig=rig, terminal=None)
    (result,) = run_all([scenario_of("plug: {gun: 1}")], options).scenarios
    assert result.repeat == "pilesim conform own/one.yaml --rig bench.yaml --seed 1 --protocol lhc --no-operator"
    assert isinstance(target, LinkTarget)
    (result,) = run_all([scenario_of("plug: {gun: 1}")], replace(options, rig=None)).scenarios
    assert result.repeat == f"pilesim conform own/one.yaml --pile {REAL} --seed 1 --protocol lhc --no-operator"


def test_it_judges_by_the_sites_limits_and_says_so() -> None:
    scenario = scenario_of("wait: 2m", proves="[beat.period]")
    pile = "sim:reference"

    def beat_period(limits: str) -> tuple[str, bool, float]:
        target, rig = rig_of(limits, pile=pile)
        result = run_scenario(scenario, Options(target=target, protocol="lhc", seed=1, rig=rig)).result
        (row,) = [row for row in result.rules if row.id == "beat.period"]
        assert row.margin is not None or row.findings
        return row.verdict, row.site, row.margin.limit if row.margin else 0

    assert beat_period("") == (Verdict.PASS, False, 35)
    assert beat_period("limits: {beat.period: 2m}") == (Verdict.PASS, True, 120)
    assert beat_period("limits: {beat.period: 10s}")[:2] == (Verdict.FAIL, True)


def test_it_judges_no_rule_that_the_pile_does_not_claim_to_bear() -> None:
    target, rig = rig_of("claims: [screen]", pile="sim:reference")
    result = run_scenario(scenario_of(), Options(target=target, protocol="lhc", seed=1, rig=rig)).result
    rows = {row.id: row for row in result.rules}
    for rule, reason in rig.not_applicable.items():
        assert (rows[rule].verdict, rows[rule].reason) == (Verdict.NOT_APPLICABLE, reason)
