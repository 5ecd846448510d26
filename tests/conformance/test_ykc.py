"""The field's scenarios under YKC: what that protocol can carry of them is played and judged, the rest is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pilesim.conformance.result import ScenarioResult
from pilesim.conformance.runner import Options, result_of, run_scenario, simulated_number
from pilesim.errors import UsageError
from pilesim.library import scenario_folder
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import load_scenario, load_scenarios
from pilesim.trace.events import Chunk, Note
from pilesim.units import S
from pilesim.wire.protocol import protocol_named

YKC = "ykc-1.6"
SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])
LIFE = (
    *("order/short", "order/full", "order/unplugged", "order/whole", "order/two-guns", "order/card", "order/balance"),
    *("start/no-cable", "start/insulation-fails", "start/handshake-fails", "start/twice", "start/unplugged-in-start"),
    *("stop/phone-cable-in", "stop/then-idle", "stop/twice", "stop/foreign-account"),
    *("bill/half-hours", "bill/backlog", "bill/power-cut-in-charge", "safe/unplug-stops", "line/refused"),
    *("bill/unplugged-offline", "bill/unacknowledged", "stop/not-charging", "line/garbage-to-the-platform"),
    *("line/stall", "order/merged-start", "safe/bms-silent", "start/bms-silent"),
    *("order/topped-up", "platform/takes-out-of-service"),
)


def result(scenario: str, *, pile: str = "sim:reference", protocol: str = YKC) -> ScenarioResult:
    return result_of(SCENARIOS[scenario], Options(target=parse_target(pile), protocol=protocol, seed=1))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("scenario", LIFE)
def test_the_reference_pile_passes_the_life_of_an_order(scenario: str) -> None:
    played = result(scenario)
    assert (played.verdict, played.reason) == (Verdict.PASS, "")


NUMBERED_ANEW = """
protocol: ykc-1.6?crc_order=big
name: anew
messages:
  heartbeat: {number: 0x83}
  bill: {number: 0x3C}
  bill reply: {number: 0x3B}
  report: {number: 0x71}
"""


def test_pile_and_platform_play_by_a_dialect_that_lies_on_one_with_other_numbers(tmp_path: Path) -> None:
    (tmp_path / "anew.yaml").write_text(NUMBERED_ANEW)
    (tmp_path / "top.yaml").write_text("protocol: anew.yaml\nname: top\ndeadlines: {bill.prompt: 20s}\n")
    played = run_scenario(
        SCENARIOS["order/short"],
        Options(target=parse_target("sim:reference"), protocol=str(tmp_path / "top.yaml"), seed=1),
    )
    assert (played.result.verdict, played.result.reason) == (Verdict.PASS, "")
    types = {event.data[5] for event in played.trace.events if isinstance(event, Chunk)}
    assert {0x83, 0x3C, 0x3B, 0x71} <= types and not {0x03, 0x13, 0x40} & types


def test_it_proves_what_the_protocol_can_carry_and_says_why_not_the_rest() -> None:
    rules = {row.id: row for row in result("order/short").rules}
    assert rules["bill.prompt"].verdict is Verdict.PASS
    assert rules["auth.answered"].verdict is Verdict.NOT_APPLICABLE
    assert "no authorisation" in rules["auth.answered"].reason


def test_it_is_not_applicable_before_any_traffic_where_the_protocol_can_carry_nothing_of_it() -> None:
    played = result("auth/expires")
    assert (played.verdict, played.rules, played.world_ns) == (Verdict.NOT_APPLICABLE, (), 0)
    assert "the start, which carries the order" in played.reason


@pytest.mark.parametrize(
    ("scenario", "protocol", "lacking"),
    [
        ("auth/start-too-late", YKC, "authorise"),
        ("platform/gives-up", YKC, "authorise"),
        ("order/topped-up", "lhc", "balance-tell"),
        ("platform/takes-out-of-service", "lhc", "work-tell and reboot"),
    ],
)
def test_it_is_not_applicable_where_the_protocol_has_no_message_that_it_is_about(
    scenario: str, protocol: str, lacking: str
) -> None:
    played = result(scenario, protocol=protocol)
    assert (played.verdict, played.world_ns) == (Verdict.NOT_APPLICABLE, 0)
    assert played.reason == f"it is about {lacking}, which {protocol} does not have"


def test_it_cannot_lose_an_order_to_a_stall_and_taps_where_the_start_carries_it() -> None:
    forgetful = "sim:reference?fault=taps-clear-order"
    apart, merged = (result("order/merged-start", pile=forgetful, protocol=name) for name in ("lhc", YKC))
    assert "bill.order-known" in {row.id for row in apart.rules if row.verdict is Verdict.FAIL}
    assert merged.verdict is Verdict.PASS


def test_it_says_before_any_traffic_where_a_tariff_stands_that_does_not_fit(tmp_path: Path) -> None:
    until = ("06:00", "10:00", "14:00", "18:00", "24:00")
    prices = "".join(f"      - {{until: '{time}', yuan: 0.{n}5}}\n" for n, time in enumerate(until, 1))
    path = tmp_path / "dear.yaml"
    path.write_text(
        "id: dear\ntitle: Five prices\nproves: [bill.amount]\nstart: '2020-03-11T10:00:00+08:00'\n"
        f"platform:\n  tariff:\n    energy:\n{prices}steps:\n  - wait: 1s\n",
        encoding="utf-8",
    )
    scenario = load_scenario(path, [row.id for row in RULES])
    options = Options(target=parse_target("sim:reference"), protocol=YKC, seed=1, captures=tmp_path / "captures")
    with pytest.raises(UsageError) as error:
        result_of(scenario, options)
    assert str(error.value) == (
        f"{path}: platform: tariff: expected a tariff that ykc-1.6 can carry; "
        "tariff-tell: tariff: expected at most 4 different prices, found 5"
    )
    assert not (tmp_path / "captures").exists()
    assert result_of(scenario, replace(options, protocol="lhc")).verdict is not Verdict.ERROR


def test_it_does_not_wait_for_a_message_that_the_protocol_has_not() -> None:
    run = run_scenario(SCENARIOS["order/short"], Options(target=parse_target("sim:reference"), protocol=YKC, seed=1))
    notes = [event.text for event in run.trace.events if isinstance(event, Note)]
    assert "until: {gun: 1, message: authorise-reply}: not waited for, ykc-1.6 has no authorise-reply" in notes
    assert run.result.waited_in_vain == ()


@pytest.mark.parametrize(
    "scenario",
    ["start/needs-order", "platform/waits-for-outcome", "beat/maintenance", "order/card", "start/card-on-occupied"],
)
def test_it_waits_for_what_shows_the_same_where_the_protocol_has_no_such_message_or_state(scenario: str) -> None:
    played = result(scenario)
    assert (played.verdict, played.waited_in_vain) == (Verdict.PASS, ())


def test_it_sees_a_start_fail_by_its_bill_where_no_message_tells_that_alone() -> None:
    run = run_scenario(
        SCENARIOS["platform/waits-for-outcome"], Options(target=parse_target("sim:reference"), protocol=YKC, seed=1)
    )
    told_ns = [note.t_ns for note in run.trace.events if isinstance(note, Note) and note.line in (14, 15)]
    assert told_ns[-1] - told_ns[0] > 20 * S


def test_it_wants_an_unanswered_bill_again_only_as_often_as_the_protocol_has_it_sent() -> None:
    # The platform is deaf to more of them than a pile of this protocol sends.
    rules = {row.id: row for row in result("bill/unacknowledged").rules}
    assert rules["bill.resent"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("scenario", "fault", "rule"),
    [
        ("order/short", "bill-lost", "bill.prompt"),
        ("order/short", "wrong-price", "bill.amount"),
        ("bill/unacknowledged", "bill-not-resent", "bill.resent"),
        ("order/unplugged", "unplug-lag", "bill.prompt"),
        ("order/short", "stop-ignored", "stop.ends-charge"),
    ],
)
def test_a_fault_of_the_pile_shows_under_this_protocol_too(scenario: str, fault: str, rule: str) -> None:
    played = result(scenario, pile=f"sim:reference?fault={fault}")
    assert rule in {row.id for row in played.rules if row.verdict is Verdict.FAIL}


@pytest.mark.parametrize(("name", "digits"), [("lhc", 20), (YKC, 14)])
def test_a_simulated_pile_has_a_number_of_the_protocols_digits(name: str, digits: int) -> None:
    protocol = protocol_named(name)
    assert protocol.pile_number(simulated_number(protocol)).isdecimal()
    assert len(simulated_number(protocol)) == digits
