"""What the ledger must say of an order, from its deed, its mishaps and the line: each rule, at its edges."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pilesim.faulty import Mishap
from pilesim.pile.faults import FAULTS
from pilesim.pile.profiles import Profile
from pilesim.platform.ledger import Anomaly
from pilesim.platform.settings import DEFAULT_TARIFF, Settings
from pilesim.season.expected import FAULTS_TOLD, Expected, Truth
from pilesim.season.play import season_contract
from pilesim.season.truth import Deed, Down
from pilesim.units import FEN_MFEN, HOUR, MINUTE, S

ORDER = "20191011080000000001"
BEGAN, ENDED, UNPLUGGED = 10 * MINUTE, 40 * MINUTE, 45 * MINUTE
LOST, OFFLINE = Anomaly.BILL_LOST, Anomaly.BILL_LOST_OFFLINE
ENERGY, DURATION, TIME = Anomaly.ENERGY_LOST, Anomaly.DURATION_DIFFERS, Anomaly.TIME_ABNORMAL


def truth(
    *mishaps: tuple[str, int],
    downs: tuple[tuple[int, int], ...] = (),
    failed: bool = False,
    unplugged_ns: int = UNPLUGGED,
    lag: str = "",
) -> Expected:
    faults: list[tuple[str, Mapping[str, str]]] = [("unplug-lag", {"lag": lag})] if lag else []
    deed = Deed(
        pile="1",
        order=ORDER,
        habit="",
        failed=failed,
        began_ns=BEGAN,
        ended_ns=ENDED,
        unplugged_ns=unplugged_ns,
    )
    (expected,) = Truth(
        profile=Profile(name="p").with_faults(faults),
        deeds=[deed],
        mishaps=[Mishap(UNPLUGGED, fault, "", ORDER, amount) for fault, amount in mishaps],
        downs=[Down(since, until) for since, until in downs],
        settings=Settings(),
        contract=season_contract(),
        world_start_ns=0,
    ).expected()
    return expected


def test_it_knows_only_faults_that_there_are() -> None:
    assert set(FAULTS_TOLD) <= set(FAULTS)


@pytest.mark.parametrize(
    ("mishaps", "downs", "codes"),
    [
        ((), (), ()),
        (("bill-lost", 0), (), (LOST,)),
        # The line is down as the waiting ends, 30 minutes after the unplug; or back by then.
        (("bill-lost", 0), ((74 * MINUTE, 76 * MINUTE),), (OFFLINE,)),
        (("bill-lost", 0), ((70 * MINUTE, 75 * MINUTE),), (LOST,)),
        # Down at the unplug: the platform waits from when it hears that the cable is out.
        (("bill-lost", 0), ((44 * MINUTE, 60 * MINUTE),), (LOST,)),
        ((), ((44 * MINUTE, 60 * MINUTE),), ()),
        # Down for longer than a bill is waited for, whether it is lost or comes late.
        ((), ((44 * MINUTE, 80 * MINUTE),), (OFFLINE,)),
        (("bill-lost", 0), ((44 * MINUTE, 80 * MINUTE),), (OFFLINE,)),
        ((), ((20 * MINUTE, 55 * MINUTE),), (OFFLINE,)),
        # Long, but before the charge or after the bill.
        ((), ((0, 9 * MINUTE + 59 * S), (46 * MINUTE, 90 * MINUTE)), ()),
        (("leave-a-day-late", 0), (), (TIME,)),
        (("loss-factor", 9000), (), ()),
        (("wrong-price", 0), (), ()),
        (("energy-lost", 499), (), ()),
        (("energy-lost", 3001), (), (ENERGY,)),
        (("duration-wrong", 90 * S - 1), (), ()),
        (("duration-wrong", 106 * S), (), (DURATION,)),
        (("occupancy-from-wrong-end", 89 * S), (), ()),
        (("occupancy-from-wrong-end", 121 * S), (), (DURATION,)),
    ],
)
def test_it_asks_for_the_codes_that_follow(
    mishaps: tuple[str, int] | tuple[()], downs: tuple[tuple[int, int], ...], codes: tuple[Anomaly, ...]
) -> None:
    expected = truth(*([mishaps] if mishaps else []), downs=downs)
    assert expected.codes == frozenset(codes)
    assert expected.open == frozenset()


@pytest.mark.parametrize(
    ("mishaps", "downs", "left_out"),
    [
        ([("energy-lost", 500)], (), {ENERGY}),
        ([("energy-lost", 3000)], (), {ENERGY}),
        ([("energy-lost", 90_000)], ((20 * MINUTE, 21 * MINUTE),), {ENERGY}),
        ([("duration-wrong", 90 * S)], (), {DURATION}),
        ([("duration-wrong", 106 * S - 1)], (), {DURATION}),
        ([("duration-wrong", 200 * S)], ((39 * MINUTE, 41 * MINUTE),), {DURATION}),
        ([("occupancy-from-wrong-end", 100 * S)], (), {DURATION}),
    ],
)
def test_it_leaves_out_what_hangs_on_where_a_heartbeat_fell(
    mishaps: list[tuple[str, int]], downs: tuple[tuple[int, int], ...], left_out: set[Anomaly]
) -> None:
    expected = truth(*mishaps, downs=downs)
    assert expected.open == left_out
    assert expected.codes == frozenset()


def test_it_leaves_out_a_duration_that_two_faults_pull_apart() -> None:
    both = truth(("duration-wrong", 336 * S), ("occupancy-from-wrong-end", 300 * S))
    assert both.codes == frozenset()
    assert both.open == {DURATION}
    apart = truth(("duration-wrong", 336 * S), ("energy-lost", 90_000))
    assert apart.codes == {DURATION, ENERGY}
    assert apart.open == frozenset()


@pytest.mark.parametrize(("lag", "codes"), [("29m59s", ()), ("49m41s", (LOST,))])
def test_it_counts_a_late_bill_as_lost_once_the_waiting_is_over(lag: str, codes: tuple[Anomaly, ...]) -> None:
    assert truth(lag=lag).codes == frozenset(codes)


def test_it_asks_for_the_failed_start_and_nothing_else() -> None:
    assert truth(failed=True) == Expected(order=ORDER, codes=frozenset({Anomaly.START_FAILED}), occupancy_fee_mfen=0)


@pytest.mark.parametrize(
    ("parked_ns", "minutes"),
    [(15 * MINUTE, 0), (16 * MINUTE - 1_000_000, 0), (16 * MINUTE, 1), (2 * HOUR, 105)],
)
def test_it_reckons_the_occupancy_fee_by_the_stopwatch(parked_ns: int, minutes: int) -> None:
    assert DEFAULT_TARIFF.free_minutes == 15
    assert truth(unplugged_ns=ENDED + parked_ns).occupancy_fee_mfen == minutes * 80 * FEN_MFEN


def test_it_reckons_no_fee_of_a_bill_that_a_fault_has_struck() -> None:
    assert truth(("bill-lost", 0)).occupancy_fee_mfen is None
    assert truth(("duration-wrong", 0)).occupancy_fee_mfen is None
    assert truth(("energy-lost", 9000), ("loss-factor", 0)).occupancy_fee_mfen == 0
