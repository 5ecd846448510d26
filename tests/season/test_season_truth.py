"""What the ledger must say of an order, from its deed, its mishaps and the line: each rule, at its edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.errors import InternalError
from pilesim.faulty import Mishap
from pilesim.pile.faults import FAULTS, bill
from pilesim.pile.profiles import Profile
from pilesim.platform.ledger import Anomaly
from pilesim.platform.settings import Settings
from pilesim.season.expected import Expected, Truth, unnumbered
from pilesim.season.faults import FAULTS_TOLD
from pilesim.season.play import season_contract
from pilesim.season.truth import Deed, Down, LineLoss
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
        gun=1,
        order=ORDER,
        habit="",
        failed=failed,
        plugged_ns=BEGAN - 30 * S,
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


def test_it_knows_every_fault_of_bills() -> None:
    assert {fault.name for fault in bill.GROUP} <= set(FAULTS_TOLD)


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


# --- bills of other orders, bills sent again, bills that never come

NEXT = "20191011080000000002"
FAILED = frozenset({Anomaly.START_FAILED})
DUPLICATE, UNKNOWN = Anomaly.DUPLICATE_BILL, Anomaly.ORDER_UNKNOWN
CHARGE = Deed(
    pile="1",
    gun=1,
    order=ORDER,
    habit="",
    plugged_ns=BEGAN - 30 * S,
    began_ns=BEGAN,
    ended_ns=ENDED,
    unplugged_ns=UNPLUGGED,
)
SCANNED = replace(CHARGE, order=NEXT, given_up=True, began_ns=ENDED + MINUTE, ended_ns=ENDED + 2 * MINUTE)
FAILURE = replace(
    CHARGE,
    order=NEXT,
    failed=True,
    plugged_ns=60 * MINUTE,
    began_ns=61 * MINUTE,
    ended_ns=62 * MINUTE,
    unplugged_ns=63 * MINUTE,
)


def overwritten(old: str, new: str) -> Mishap:
    return Mishap(SCANNED.began_ns, "record-buffer", "", old, leaves_as=new)


def sent_again(order: str, at_ns: int = FAILURE.ended_ns) -> Mishap:
    return Mishap(at_ns, "stale-bill", "", order, S)


def lost_bill(at_ns: int, order: str = ORDER) -> LineLoss:
    return LineLoss(at_ns, order, acknowledgement=False)


def lost_reply(at_ns: int, order: str = ORDER) -> LineLoss:
    return LineLoss(at_ns, order, acknowledgement=True)


def struck(fault: str, at_ns: int, order: str = ORDER) -> Mishap:
    return Mishap(at_ns, fault, "", order)


RESENT = UNPLUGGED + 30 * S


@pytest.mark.parametrize(
    ("deeds", "mishaps", "losses", "downs", "codes"),
    [
        ([CHARGE, FAILURE], [], [], [], {ORDER: set(), NEXT: FAILED}),
        # szds-26: the new order has the old one's bill, and the old one none.
        ([SCANNED, CHARGE], [overwritten(ORDER, NEXT)], [], [], {ORDER: {LOST}, NEXT: set()}),
        # With the new order's number the bill can come twice, be early, or be lost too.
        (
            [SCANNED, CHARGE],
            [overwritten(ORDER, NEXT), struck("bill-before-unplug", UNPLUGGED - S, NEXT), sent_again(NEXT)],
            [],
            [],
            {ORDER: {LOST}, NEXT: {TIME, DUPLICATE}},
        ),
        (
            [SCANNED, CHARGE],
            [overwritten(ORDER, NEXT), struck("bill-lost", UNPLUGGED, NEXT)],
            [],
            [],
            {ORDER: {LOST}, NEXT: set()},
        ),
        # szds-25: a duplicate of the old order, none of the new one; szds-16a: an empty bill of the new one.
        ([CHARGE, FAILURE], [sent_again(ORDER)], [], [], {ORDER: {DUPLICATE}, NEXT: FAILED}),
        ([CHARGE, FAILURE], [sent_again(NEXT)], [], [], {ORDER: set(), NEXT: FAILED | {TIME}}),
        # A bill that the pile has lost once and that comes again in time is not lost.
        (
            [CHARGE, FAILURE],
            [sent_again(ORDER), struck("bill-not-resent", RESENT)],
            [lost_bill(UNPLUGGED)],
            [],
            {ORDER: set(), NEXT: FAILED},
        ),
        # szds-32: no leave time, after a charge or after a start that failed.
        ([CHARGE], [struck("bill-before-unplug", UNPLUGGED - MINUTE)], [], [], {ORDER: {TIME}}),
        (
            [FAILURE],
            [struck("bill-before-unplug", FAILURE.unplugged_ns - S, NEXT)],
            [],
            [],
            {NEXT: FAILED | {TIME}},
        ),
        # szds-16b: the order has lost its bill, and another has come that is nobody's.
        ([CHARGE], [struck("bill-empty-order", UNPLUGGED)], [], [], {ORDER: {LOST}, unnumbered(ORDER): {UNKNOWN}}),
        (
            [CHARGE],
            [struck("bill-empty-order", UNPLUGGED)],
            [lost_reply(UNPLUGGED, "")],
            [],
            {ORDER: {LOST}, unnumbered(ORDER): {UNKNOWN, DUPLICATE}},
        ),
        # What the line loses, the pile sends again: the bill comes late, or twice.
        ([CHARGE], [], [lost_bill(UNPLUGGED)], [], {ORDER: set()}),
        ([CHARGE], [], [lost_reply(UNPLUGGED)], [], {ORDER: {DUPLICATE}}),
        ([CHARGE], [], [lost_bill(UNPLUGGED), lost_reply(RESENT)], [], {ORDER: {DUPLICATE}}),
        ([CHARGE], [struck("bill-not-resent", RESENT)], [lost_bill(UNPLUGGED)], [], {ORDER: {LOST}}),
        ([CHARGE], [struck("bill-not-resent", RESENT)], [lost_reply(UNPLUGGED)], [], {ORDER: set()}),
        ([CHARGE], [struck("bill-changes", RESENT)], [lost_reply(UNPLUGGED)], [], {ORDER: {DUPLICATE}}),
        # A line that goes down before the bill is acknowledged has it sent again; one that goes down later has not.
        ([CHARGE], [], [], [(UNPLUGGED, UNPLUGGED + MINUTE)], {ORDER: {DUPLICATE}}),
        ([CHARGE], [], [], [(UNPLUGGED + S, UNPLUGGED + MINUTE)], {ORDER: set()}),
        # The power goes before the bill has left, before it is acknowledged, and after that.
        ([CHARGE], [struck("bill-lost-in-power-cut", ENDED + S)], [], [], {ORDER: {LOST}}),
        (
            [CHARGE],
            [struck("bill-lost-in-power-cut", UNPLUGGED + S)],
            [lost_reply(UNPLUGGED)],
            [(UNPLUGGED + S, UNPLUGGED + MINUTE)],
            {ORDER: set()},
        ),
        (
            [CHARGE],
            [struck("bill-lost-in-power-cut", UNPLUGGED + S)],
            [lost_bill(UNPLUGGED)],
            [(UNPLUGGED + S, UNPLUGGED + MINUTE)],
            {ORDER: {LOST}},
        ),
        # No frame contradicts a wrong size of a bill that never came.
        (
            [CHARGE],
            [Mishap(UNPLUGGED, "energy-lost", "", ORDER, 90_000), struck("bill-not-resent", RESENT)],
            [lost_bill(UNPLUGGED)],
            [],
            {ORDER: {LOST}},
        ),
    ],
)
def test_it_follows_each_bill_to_the_order_that_it_shows_on(
    deeds: Sequence[Deed],
    mishaps: Sequence[Mishap],
    losses: Sequence[LineLoss],
    downs: Sequence[tuple[int, int]],
    codes: dict[str, set[Anomaly]],
) -> None:
    expected = told(deeds, mishaps, losses, downs)
    assert {want.order: want.codes for want in expected} == codes
    assert not any(want.open for want in expected)


def told(
    deeds: Sequence[Deed],
    mishaps: Sequence[Mishap] = (),
    losses: Sequence[LineLoss] = (),
    downs: Sequence[tuple[int, int]] = (),
) -> tuple[Expected, ...]:
    return Truth(
        profile=Profile(name="p"),
        deeds=deeds,
        mishaps=mishaps,
        downs=[Down(since, until) for since, until in downs],
        losses=losses,
        settings=Settings(),
        contract=season_contract(),
        world_start_ns=0,
    ).expected()


def test_it_reckons_no_fee_of_a_charge_that_is_billed_to_another_order() -> None:
    fees = {want.order: want.occupancy_fee_mfen for want in told([SCANNED, CHARGE], [overwritten(ORDER, NEXT)])}
    assert fees == {ORDER: None, NEXT: None}
    assert [want.occupancy_fee_mfen for want in told([SCANNED, CHARGE])] == [0, 0]


def test_it_waits_for_a_bill_from_when_another_car_shows_that_the_cable_was_out() -> None:
    """The next car came while the line was down: once it is back a cable is in."""
    lost, back_ns = struck("bill-lost", UNPLUGGED), 48 * MINUTE
    following = replace(
        CHARGE,
        order=NEXT,
        plugged_ns=47 * MINUTE,
        began_ns=55 * MINUTE,
        ended_ns=70 * MINUTE,
        unplugged_ns=71 * MINUTE,
    )
    # Down as the waiting ends that begins at 48 minutes, and up at that which begins at 55.
    downs = [(44 * MINUTE, back_ns), (77 * MINUTE, 79 * MINUTE)]
    alone, *_ = told([CHARGE], [lost], downs=downs)
    assert alone.codes == {OFFLINE}
    followed, *_ = told([CHARGE, following], [lost], downs=downs)
    assert followed.codes == {LOST}
    after_failure, *_ = told([CHARGE, replace(following, failed=True)], [lost], downs=downs)
    assert after_failure.codes == {LOST}


def test_it_takes_a_fault_that_nobody_brings_out_for_one_of_its_own() -> None:
    with pytest.raises(InternalError, match="expected taps-clear-order never to strike in a season"):
        told([CHARGE], [struck("taps-clear-order", BEGAN)])
