"""A platform developer's tests: a simulated pile dials in, and lives for as long as the test does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from charging_platform import ChargingPlatform

from pilesim.pytest_plugin.fixtures import MakePile

ORDER = "20200311140030000001"


@pytest.fixture
def charging_platform() -> Iterator[ChargingPlatform]:
    platform = ChargingPlatform()
    yield platform
    platform.close()


def test_an_order_is_charged_and_billed(pile: MakePile, charging_platform: ChargingPlatform) -> None:
    charger = pile(url=charging_platform.url)
    charger.plug(gun=1, soc=50)
    charger.wait_for(gun=1, cable=True, message="gun-report-reply")
    charging_platform.authorise(gun=1, order=ORDER, account="", balance="20.00")
    charger.wait_for(message="authorise-reply")
    charging_platform.start(gun=1, account="")
    charger.wait_for(gun=1, state="charging")
    charger.wait("1m")
    charging_platform.stop(gun=1, account="")
    charger.wait_for(gun=1, state="occupied")
    charger.unplug(gun=1)
    charger.wait_for(bill=ORDER, message="bill-reply")
    assert charging_platform.bills[ORDER].energy_dwh > 0
    charger.assert_platform_conforms()


def test_a_bill_that_is_sent_twice_is_acknowledged_twice(pile: MakePile, charging_platform: ChargingPlatform) -> None:
    charger = pile(url=charging_platform.url, impair=["drop bill-reply count=1"])
    charger.plug(gun=1)
    charger.wait_for(gun=1, cable=True, message="gun-report-reply")
    charging_platform.authorise(gun=1, order=ORDER, account="", balance="20.00")
    charger.wait_for(message="authorise-reply")
    charging_platform.start(gun=1, account="")
    charger.wait_for(gun=1, state="charging")
    charger.unplug(gun=1)
    charger.wait_for(message="bill-reply", within="10m")
    charger.assert_platform_conforms()
