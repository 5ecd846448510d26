"""A field case played again on the firmware that showed it: the run's events lie where the field's own log has them."""

from __future__ import annotations

from functools import cache

import pytest

from pilesim.conformance.runner import Options, run_scenario
from pilesim.library import scenario_folder
from pilesim.report.timeline import Entry, matched, time_line, unmatched
from pilesim.rig.firmware import firmware_of_case, profile_named
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import FieldLine, load_scenarios
from pilesim.units import S
from pilesim.wire.frame import End
from pilesim.wire.messages import Bill, GunReport, GunState

SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])
LOGGED = [name for name, scenario in SCENARIOS.items() if scenario.field_log]
NEAR_NS = 1 * S


@cache
def replayed(name: str, seed: int = 1) -> list[tuple[FieldLine, Entry | None]]:
    scenario = SCENARIOS[name]
    target = parse_target(f"sim:{firmware_of_case(scenario.case)}")
    run = run_scenario(scenario, Options(target=target, protocol="lhc", seed=seed))
    return matched(time_line(run.trace, End.PLATFORM), scenario.field_log)


@pytest.mark.parametrize("name", LOGGED)
def test_it_shows_every_line_of_the_fields_log_within_a_second(name: str, reference_seed: int) -> None:
    pairs = replayed(name, reference_seed)
    assert [line.text for line in unmatched(pairs, NEAR_NS)] == []
    assert [line.text for line, entry in pairs if entry is None] == []


def test_it_matches_each_line_with_an_event_of_its_own() -> None:
    for name in LOGGED:
        entries = [entry for _, entry in replayed(name) if entry is not None]
        assert len({id(entry) for entry in entries}) == len(entries), name


def test_it_has_the_log_of_each_case_that_has_one() -> None:
    assert {SCENARIOS[name].case for name in LOGGED} >= {"szds-16a", "szds-16b", "szds-25", "szds-34"}


def test_it_shows_in_szds_16b_what_the_platform_saw_at_those_times() -> None:
    messages = [entry.message for _, entry in replayed("order/start-delayed") if entry is not None]
    _, _, started, ended, bill = messages
    assert isinstance(started, GunReport)
    assert isinstance(ended, GunReport)
    assert isinstance(bill, Bill)
    assert (started.state, started.order, started.start is not None and started.start.is_none) == (
        GunState.CHARGING,
        "",
        True,
    )
    assert ended.state is GunState.OCCUPIED_NOT_FULL
    assert bill.order == ""
    assert not bill.start.is_none


# The brief's table of cases and profiles: the MUST rules that fail on the case's own firmware, and no others.
FAILS = [
    ("order/start-delayed", {"auth.kept", "start.delayed", "bill.order-known", "beat.start-time"}),
    ("order/never-started", {"bill.none-unstarted", "bill.times"}),
    ("order/start-lost", {"bill.none-unstarted", "bill.times"}),
    ("auth/scan-before-bill", {"bill.none-unstarted", "bill.not-stale", "bill.one-per-charge"}),
    ("start/no-balance", {"bill.none-unstarted", "bill.times"}),
    ("start/fails-cable-left", {"bill.none-unstarted", "bill.times"}),
    ("stop/phone-cable-in", {"bill.prompt"}),
    ("order/fault", {"bill.after-unplug", "bill.times", "beat.occupied-while-cabled"}),
    ("stop/then-idle", {"bill.after-unplug", "bill.times", "beat.occupied-while-cabled"}),
    ("start/handshake-fails", set()),
    ("start/insulation-fails", set()),
    ("start/service-fails", set()),
]


@pytest.mark.parametrize(("name", "fails"), FAILS, ids=[name for name, _ in FAILS])
def test_its_firmware_fails_what_the_field_saw_and_nothing_else(name: str, fails: set[str]) -> None:
    # That a firmware fails just what its profile expects is played in tests/conformance/test_fixtures.py.
    assert set(profile_named(firmware_of_case(SCENARIOS[name].case)).expected.get(name, ())) == fails


@pytest.mark.parametrize(
    ("case", "firmware"),
    [
        ("szds-16a", "robinson-gen5-0303"),
        ("szds-26", "robinson-gen5-0309"),
        ("szds-32.6", "robinson-gen5-0309"),
        ("szds-32.7", "robinson-gen5-lag"),
        ("zpd-3", "sinexcel-2090104"),
        ("szds-34", "reference"),
        ("szds-3", "reference"),
        ("", "reference"),
    ],
)
def test_it_finds_the_firmware_that_showed_a_case(case: str, firmware: str) -> None:
    assert firmware_of_case(case) == firmware
