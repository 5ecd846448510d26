"""The firmware profiles expect what the field saw, and nothing else: tests/conformance/test_fixtures.py plays each."""

from __future__ import annotations

import pytest

from pilesim.rig.firmware import profile_named

# The table of cases and profiles: which rules fail, and no others.
FIELD = [
    ("order/never-started", "robinson-gen5-0303", {"bill.none-unstarted", "bill.times"}),
    ("order/start-lost", "robinson-gen5-0303", {"bill.none-unstarted", "bill.times"}),
    ("bill/stale", "robinson-gen5-0309", {"bill.none-unstarted", "bill.not-stale"}),
    ("bill/late", "robinson-gen5-lag", {"bill.prompt", "bill.oldest-first"}),
    ("order/short", "robinson-gen5-0309", {"bill.after-unplug", "bill.times", "beat.occupied-while-cabled"}),
]


@pytest.mark.parametrize(("scenario", "firmware", "fails"), FIELD, ids=[f"{row[0]}-{row[1]}" for row in FIELD])
def test_the_fields_firmware_fails_what_the_field_saw(scenario: str, firmware: str, fails: set[str]) -> None:
    assert set(profile_named(firmware).expected[scenario]) == fails
