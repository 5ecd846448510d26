"""What exploring has found in pile, platform and rules, reduced and kept: the reference breaks no rule in any of it."""

from __future__ import annotations

import pytest

from pilesim.conformance.runner import Options, run_scenario
from pilesim.rig.targets import parse_target
from pilesim.rules.table import RULES
from pilesim.scenario.scenario import parse_scenario

ORDER = "authorise: {gun: 1, order: N1, balance: 50.00}"
SECOND = "authorise: {gun: 1, order: N2, balance: 50.00}"
AUTHORISED = "until: {gun: 1, message: authorise-reply}"
START = "start: {gun: 1}"
CHARGING = "until: {gun: 1, state: charging}"

FOUND: dict[str, tuple[str, ...]] = {
    # The scenario has an order started that the pile has ended; the platform only did as it was told.
    "a start of an order that is over": (ORDER, START, "wait: 2m", START),
    "a start of an order that was stopped": (ORDER, "stop: {gun: 1}", "wait: 1s", START),
    # The start fails at the handshake, before the insulation would have been tested.
    "neither handshake nor insulation": (
        "plug: {gun: 1, car: {handshake: false, insulation: false}}",
        ORDER,
        START,
        "wait: 2m",
    ),
    "a fault before the insulation is tested": (
        "plug: {gun: 1, car: {insulation: false}}",
        ORDER,
        START,
        "fault: {gun: 1, fault: module}",
        "wait: 2m",
    ),
    # The next order's start ends the occupancy, even though it fails for want of a balance: its bill is due then.
    "a start without balance on an occupied gun": (
        "plug: {gun: 1}",
        ORDER,
        START,
        CHARGING,
        "stop: {gun: 1}",
        "wait: 1s",
        "authorise: {gun: 1, order: N2, balance: 0.00}",
        START,
        "wait: 2m",
        "unplug: {gun: 1}",
        "wait: 1m",
    ),
    # A full battery is a reason why a start fails, whatever was scanned or tapped before.
    "a second scan with a full battery": ("plug: {gun: 1, car: {soc: 100}}", ORDER, SECOND, START, "wait: 2m"),
    "a tap with a full battery": ("plug: {gun: 1, car: {soc: 100}}", "tap: {gun: 1}", ORDER, START, "wait: 2m"),
    # The late start's order is over, and the next one charges.
    "a late start that fails": (
        ORDER,
        "wait: 1m",
        START,
        "wait: 1m",
        "plug: {gun: 1}",
        SECOND,
        START,
        CHARGING,
    ),
    "a late start that is stopped": (
        "plug: {gun: 1}",
        ORDER,
        "wait: 1m",
        START,
        "stop: {gun: 1}",
        SECOND,
        START,
        CHARGING,
    ),
    "a late start whose charge ends with the power": (
        "plug: {gun: 1}",
        ORDER,
        "wait: 1m",
        START,
        CHARGING,
        "power-off:",
        "power-on:",
        "wait: 1s",
        SECOND,
        START,
        CHARGING,
    ),
    # A stop for another account is no answer to the pile's own question, and is answered itself.
    "a foreign stop while the stop button asks": (
        "plug: {gun: 1}",
        ORDER,
        START,
        CHARGING,
        'stop: {gun: 1, account: "13800000000"}',
        "stop-button: {gun: 1}",
        "wait: 1m",
    ),
    # Nobody has said what a scan in the midst of a start does.
    "a scan while a start is under way": ("plug: {gun: 1}", ORDER, AUTHORISED, START, SECOND, CHARGING, "wait: 8m"),
    # The stop came before the start was even answered.
    "a start stopped at once": ("plug: {gun: 1}", ORDER, AUTHORISED, START, "stop: {gun: 1}", "wait: 2m"),
    # A scan on a charging gun changes nothing, and so a start for it is refused.
    "a scan while charging, started": (
        "plug: {gun: 1}",
        ORDER,
        START,
        CHARGING,
        "tap: {gun: 1}",
        SECOND,
        AUTHORISED,
        START,
        "wait: 1m",
    ),
    # Another card than the order's own ends nothing.
    "a foreign card before the stop button": (
        "plug: {gun: 1}",
        ORDER,
        AUTHORISED,
        START,
        'card: {gun: 1, account: "13800000000"}',
        "wait: 30s",
        "stop-button: {gun: 1}",
        "wait: 1s",
        "unplug: {gun: 1}",
        "wait: 1m",
    ),
    # The user at the pile ends the start, after a second scan.
    "a second scan, and the stop button": (
        "plug: {gun: 1}",
        ORDER,
        SECOND,
        START,
        "wait: 1s",
        "stop-button: {gun: 1}",
        "wait: 1m",
    ),
    # The scan reaches the pile in the instant of the stop: before the charge's end or after it, who can tell?
    "a scan while a charge is being ended": (
        "plug: {gun: 1}",
        ORDER,
        START,
        "wait: 30s",
        "stop: {gun: 1}",
        SECOND,
        AUTHORISED,
        START,
        CHARGING,
    ),
    # The line holds the scan, so that the pile gives it up later than the platform's time allows.
    "a held scan that nobody starts": ("impair: {stall: {for: 20s}}", ORDER, "wait: 7m"),
    # The line holds the time that is told: what arrives is no longer the time that it is.
    "a held time": (
        "plug: {gun: 1}",
        "impair: {stall: {for: 1m24.7s}}",
        ORDER,
        "wait: 1m",
        START,
        "wait: 1m",
        "unplug: {gun: 1}",
        "wait: 1m",
    ),
    # What is over before the line is back, nobody can be told.
    "a fault that is over before the line is back": (
        "plug: {gun: 1}",
        ORDER,
        START,
        CHARGING,
        "impair: {refuse: {for: 30s}}",
        "wait: 1s",
        "emergency-stop:",
        "emergency-release:",
        "wait: 1m",
    ),
    # Both bills are of one instant: neither is the older one.
    "two guns left together as the line goes down": (
        "plug: {gun: 2}",
        "authorise: {gun: 2, order: N2, balance: 50.00}",
        "start: {gun: 2}",
        "plug: {gun: 1}",
        ORDER,
        START,
        CHARGING,
        "wait: 2m",
        "impair: {refuse: {for: 1s}}",
        "unplug: {gun: 1}",
        "unplug: {gun: 2}",
        "wait: 2m",
    ),
    # The second half of a frame comes after exactly as much silence as a frame may have in it.
    "a frame in two pieces": ("impair: {cut: {gap: 500ms}}", ORDER, "wait: 10s"),
}


@pytest.mark.parametrize("found", FOUND)
def test_the_reference_breaks_no_rule_in(found: str) -> None:
    lines = ["id: found/it", f"title: {found}", "proves: []", 'start: "2020-03-11T14:00:00+08:00"', "steps:"]
    text = "\n".join([*lines, *(f"  - {step}" for step in FOUND[found])])
    scenario = parse_scenario(text, "found.yaml", [row.id for row in RULES])
    result = run_scenario(scenario, Options(target=parse_target("sim:reference"), protocol="lhc", seed=1)).result
    assert [(row.id, row.findings) for row in result.failed(strict=False)] == []
