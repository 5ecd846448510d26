"""The ledger: each anomaly code and its absence, the platform's own bill, and the balance order by order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs
from pileside import BALANCE_MFEN, ORDER_A, ORDER_B, PILE, START_NS, PileSide, account_of, report

from pilesim.platform.ledger import Anomaly, BillSource, Row
from pilesim.platform.settings import Settings
from pilesim.units import DAY, HOUR, MINUTE, MS, YUAN_MFEN, S
from pilesim.wire.messages import (
    NO_TIME,
    AuthoriseReply,
    Bill,
    BillReply,
    Ended,
    EndReason,
    GunState,
    Stamp,
    Stop,
)

USER = "13800000000000001"
WAIT_NS = 30 * MINUTE


def row(pile: PileSide, order: str = ORDER_A) -> Row:
    return next(row for row in pile.platform.ledger.rows() if row.order == order)


def shifted(stamp: Stamp | None, ns: int) -> Stamp:
    assert stamp is not None and stamp.epoch_ns is not None
    return Stamp(stamp.epoch_ns + ns)


def test_it_keeps_a_good_order_without_a_mark() -> None:
    pile = PileSide()
    pile.hello("V5.0303")
    authorised_ns = START_NS + pile.now_ns
    bill = pile.charged()
    pile.says(bill)
    assert bill.end is not None
    assert row(pile) == Row(
        order=ORDER_A,
        pile=PILE,
        gun=1,
        firmware="V5.0303",
        account=account_of(ORDER_A),
        authorised_ns=authorised_ns,
        start_ns=bill.start.epoch_ns,
        end_ns=bill.end.epoch_ns,
        energy_dwh=52_400,
        fee_mfen=5 * YUAN_MFEN,
        occupancy_fee_mfen=0,
        charged=True,
        bill=BillSource.PILE,
        codes=(),
        balance_mfen=45 * YUAN_MFEN,
    )


def _shorter(bill: Bill, by_ns: int) -> Bill:
    return structs.replace(bill, end=shifted(bill.end, -by_ns))


def _longer(bill: Bill, by_ns: int) -> Bill:
    return structs.replace(bill, end=shifted(bill.end, by_ns), leave=shifted(bill.leave, by_ns))


CHANGES: list[tuple[str, Callable[[Bill], Bill], tuple[Anomaly, ...]]] = [
    ("as it was", lambda bill: bill, ()),
    ("90 s shorter", lambda bill: _shorter(bill, 90 * S), ()),
    ("91 s shorter", lambda bill: _shorter(bill, 91 * S), (Anomaly.DURATION_DIFFERS,)),
    # The last report before the charge came 15 s to 35 s before it, which it may have begun earlier by.
    ("50 s longer", lambda bill: _longer(bill, 50 * S), ()),
    ("3 min longer", lambda bill: _longer(bill, 3 * MINUTE), (Anomaly.DURATION_DIFFERS, Anomaly.TIME_ABNORMAL)),
    ("all energy", lambda bill: structs.replace(bill, stages_dwh=(0,)), (Anomaly.ENERGY_LOST,)),
    ("most energy", lambda bill: structs.replace(bill, stages_dwh=(26_100,)), (Anomaly.ENERGY_LOST,)),
    ("less than half", lambda bill: structs.replace(bill, stages_dwh=(26_300,)), ()),
    ("no start", lambda bill: structs.replace(bill, start=NO_TIME), (Anomaly.TIME_ABNORMAL,)),
    ("no leave", lambda bill: structs.replace(bill, leave=NO_TIME), (Anomaly.TIME_ABNORMAL,)),
    (
        "bad arrive",
        lambda bill: structs.replace(bill, arrive=Stamp(None, b"\x00\x00\x3c\x00\x01\x0d\x14")),
        (Anomaly.TIME_ABNORMAL,),
    ),
    ("left first", lambda bill: structs.replace(bill, leave=shifted(bill.start, -S)), (Anomaly.TIME_ABNORMAL,)),
    ("left tomorrow", lambda bill: structs.replace(bill, leave=shifted(bill.leave, DAY)), (Anomaly.TIME_ABNORMAL,)),
    ("clock 59 s ahead", lambda bill: structs.replace(bill, leave=shifted(bill.leave, 59 * S)), ()),
]


@pytest.mark.parametrize(("change", "codes"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_it_marks_a_bill_for_what_it_lacks(change: Callable[[Bill], Bill], codes: tuple[Anomaly, ...]) -> None:
    pile = PileSide()
    pile.hello()
    pile.says(change(pile.charged()))
    assert row(pile).codes == codes


def test_it_does_not_judge_a_duration_across_a_gap_in_the_heartbeats() -> None:
    pile = PileSide()
    pile.hello()
    account = pile.authorised()
    pile.started(account)
    start = pile.charges(ORDER_A, 2, 8000, YUAN_MFEN)
    pile.disconnect()
    pile.passes(10 * MINUTE)
    pile.connect()
    pile.unplugs()
    ended = shifted(start, 7 * MINUTE)
    pile.says(structs.replace(_bill_of(ORDER_A, start), end=ended, leave=ended))
    assert row(pile).codes == ()


def _bill_of(order: str, start: Stamp) -> Bill:
    return Bill(
        order=order,
        arrive=start,
        start=start,
        end=start,
        leave=start,
        charge_minutes=0,
        stages_dwh=(8000,),
        charge_fee_mfen=0,
        service_fee_mfen=0,
        occupancy_minutes=0,
        occupancy_fee_mfen=0,
    )


def test_it_reckons_the_end_from_the_minutes_where_the_bill_carries_none() -> None:
    pile = PileSide(protocol="evlink-2.5")
    pile.hello()
    bill = structs.replace(pile.charged(), charge_minutes=13)
    pile.says(bill)
    assert Anomaly.DURATION_DIFFERS in row(pile).codes
    assert row(pile).end_ns == shifted(bill.start, 13 * MINUTE).epoch_ns


def test_it_makes_its_own_bill_when_none_has_come_in_half_an_hour() -> None:
    pile = PileSide()
    pile.hello()
    lost = pile.charged()
    for _ in range(59):
        pile.passes(30 * S)
        pile.says(report(GunState.IDLE, cable=False))
    pile.passes(30 * S - MS)
    assert row(pile).bill is BillSource.NONE
    pile.passes(MS)
    own = row(pile)
    assert (own.bill, own.codes) == (BillSource.OWN, (Anomaly.BILL_LOST,))
    assert lost.end is not None
    assert (own.start_ns, own.end_ns) == (lost.start.epoch_ns, lost.end.epoch_ns)
    assert (own.energy_dwh, own.fee_mfen, own.balance_mfen) == (52_400, 5 * YUAN_MFEN, None)
    order = pile.session.order(1)
    assert order is not None and order.state == "bill-lost"


@pytest.mark.parametrize("silent", [False, True])
def test_it_tells_when_the_pile_was_off_line_as_the_waiting_ended(silent: bool) -> None:
    pile = PileSide()
    pile.hello()
    pile.charged()
    if not silent:
        pile.disconnect()
    pile.passes(WAIT_NS)
    assert row(pile).codes == (Anomaly.BILL_LOST_OFFLINE,)


def test_it_waits_for_the_bill_of_a_charge_that_it_lost_sight_of() -> None:
    pile = PileSide()
    pile.hello()
    pile.started(pile.authorised())
    pile.charges(ORDER_A, 2, 8000, YUAN_MFEN)
    pile.disconnect()
    pile.passes(WAIT_NS - 1)
    assert row(pile).bill is BillSource.NONE
    pile.passes(1)
    assert (row(pile).bill, row(pile).end_ns) == (BillSource.OWN, None)


def test_it_does_not_wait_while_the_gun_is_occupied() -> None:
    pile = PileSide()
    pile.hello()
    account = pile.authorised()
    pile.started(account)
    pile.charges(ORDER_A, 2, 8000, YUAN_MFEN)
    pile.stops(account)
    for _ in range(3 * 120):
        pile.passes(30 * S)
        pile.says(report(GunState.OCCUPIED_FULL))
    assert row(pile).codes == ()


def test_it_may_be_set_to_wait_for_another_time() -> None:
    pile = PileSide(Settings(bill_wait_ns=HOUR))
    pile.hello()
    pile.charged()
    pile.passes(HOUR - 1)
    assert row(pile).bill is BillSource.NONE
    pile.passes(1)
    assert row(pile).bill is BillSource.OWN


def test_it_keeps_and_settles_a_bill_that_comes_after_its_own() -> None:
    pile = PileSide()
    pile.hello()
    bill = pile.charged()
    pile.passes(WAIT_NS)
    pile.passes(19 * MINUTE + 41 * S)
    pile.asks(bill)
    late = row(pile)
    assert late.bill is BillSource.LATE
    assert late.codes == (Anomaly.BILL_LOST_OFFLINE,)
    assert late.balance_mfen == 45 * YUAN_MFEN
    assert pile.told(BillReply) == [BillReply(order=ORDER_A)]


def test_it_acknowledges_a_repeated_bill_and_charges_it_once() -> None:
    pile = PileSide()
    pile.hello()
    bill = pile.charged()
    for _ in range(3):
        pile.asks(bill)
    assert pile.told(BillReply) == [BillReply(order=ORDER_A)] * 3
    assert row(pile).codes == (Anomaly.DUPLICATE_BILL,)
    assert pile.platform.ledger.balance_mfen(account_of(ORDER_A)) == 45 * YUAN_MFEN


def test_it_charges_once_what_two_orders_are_billed_for() -> None:
    pile = PileSide()
    pile.hello()
    bill = pile.charged(account=USER)
    pile.authorised(ORDER_B, None, USER)
    pile.asks(structs.replace(bill, order=ORDER_B))
    pile.asks(bill)
    assert pile.told(BillReply) == [BillReply(order=ORDER_B), BillReply(order=ORDER_A)]
    assert row(pile, ORDER_A).codes == (Anomaly.DUPLICATE_BILL,)
    assert pile.platform.ledger.balance_mfen(USER) == 45 * YUAN_MFEN


def test_it_does_not_take_two_empty_bills_for_one_charge() -> None:
    pile = PileSide()
    pile.hello()
    for order in (ORDER_A, ORDER_B):
        pile.authorised(order)
        pile.asks(_bill_of(order, NO_TIME))
    assert [r.codes for r in pile.platform.ledger.rows()] == [(Anomaly.TIME_ABNORMAL,)] * 2


@pytest.mark.parametrize("order", ["", "20200303000000000009"])
def test_it_notes_a_bill_of_an_order_that_it_does_not_know(order: str) -> None:
    pile = PileSide()
    pile.hello()
    bill = structs.replace(pile.charged(), order=order)
    pile.asks(bill)
    assert row(pile, order).codes == (Anomaly.ORDER_UNKNOWN,)
    assert row(pile).bill is BillSource.NONE
    assert pile.told(BillReply) == [BillReply(order=order)]
    pile.asks(bill)
    assert row(pile, order).codes == (Anomaly.DUPLICATE_BILL, Anomaly.ORDER_UNKNOWN)


@pytest.mark.parametrize(
    ("started", "codes"), [(True, (Anomaly.START_FAILED,)), (False, ())], ids=["started", "never started"]
)
@pytest.mark.parametrize("by", ["pile", "platform"])
def test_it_marks_a_start_that_came_to_nothing(started: bool, codes: tuple[Anomaly, ...], by: str) -> None:
    pile = PileSide()
    pile.hello()
    account = pile.authorised()
    if started:
        pile.started(account)
    if by == "pile":
        pile.says(Ended(account=account, reason=EndReason.BY_PILE_OR_USER))
    else:
        pile.session.stop(pile.now_ns, 1)
    pile.passes(2 * WAIT_NS)
    over = row(pile)
    assert (over.codes, over.charged, over.bill) == (codes, False, BillSource.NONE)


def test_it_lets_a_late_bill_drive_the_balance_below_zero() -> None:
    """As in szds-33: 5.24 yuan come 49 minutes late, while the user's next charge runs."""
    pile = PileSide()
    pile.hello()
    late = pile.charged(account=USER, balance_mfen=800_000, amount_mfen=524_000)
    pile.passes(45 * MINUTE)
    account = pile.authorised(ORDER_B, None, USER)
    pile.started(account)
    pile.charges(ORDER_B, 8, 45_000, 300_000)
    assert pile.told(Stop)[1:] == []
    pile.asks(late)
    assert row(pile).balance_mfen == 276_000
    # Three yuan are used, and of the eight there are less left: the next heartbeat shows it.
    pile.says(report(GunState.CHARGING, order=ORDER_B, start=pile.stamp(), amount_mfen=443_000))
    assert [stop.account for stop in pile.told(Stop)[1:]] == [USER]
    end = pile.unplugs()
    start = shifted(end, -9 * MINUTE)
    bill = structs.replace(_bill_of(ORDER_B, start), end=end, leave=end, stages_dwh=(45_000,), charge_fee_mfen=443_000)
    pile.asks(bill)
    assert row(pile, ORDER_B).balance_mfen == -167_000
    assert pile.platform.ledger.balance_mfen(USER) == -167_000


def test_it_tells_the_pile_no_balance_below_zero() -> None:
    pile = PileSide()
    pile.hello()
    pile.asks(pile.charged(account=USER, balance_mfen=YUAN_MFEN, amount_mfen=2 * YUAN_MFEN))
    assert pile.platform.ledger.balance_mfen(USER) == -YUAN_MFEN
    pile.session.authorise(pile.now_ns, 1, ORDER_B, None, USER)
    order = pile.session.order(1)
    assert order is not None and order.balance_mfen == 0


def test_it_counts_as_the_fields_tables_do() -> None:
    pile = PileSide()
    pile.hello("2090104")
    fee = structs.replace(
        pile.charged("20191011000000000001"), occupancy_minutes=100, occupancy_fee_mfen=68 * YUAN_MFEN
    )
    pile.asks(fee)
    pile.charged("20191011000000000002")
    pile.passes(WAIT_NS)
    pile.hello("2090404")
    pile.asks(pile.charged("20191011000000000003"))
    pile.session.authorise(pile.now_ns, 1, "20191011000000000004", BALANCE_MFEN)
    pile.says(AuthoriseReply(account=account_of("20191011000000000004")))
    ledger = pile.platform.ledger
    old, new, both = ledger.table("2090104"), ledger.table("2090404"), ledger.table()
    assert (old.orders, old.charges, old.occupancy_fees, old.occupancy_fees_short) == (2, 2, 1, 0)
    assert (new.orders, new.charges, new.occupancy_fees) == (2, 1, 0)
    assert old.anomalies == {**dict.fromkeys(Anomaly, 0), Anomaly.BILL_LOST_OFFLINE: 1}
    assert new.anomalies == dict.fromkeys(Anomaly, 0)
    assert (both.orders, both.charges) == (4, 3)


def test_it_numbers_the_anomalies_as_the_field_does() -> None:
    numbered = {anomaly.value: anomaly.code for anomaly in Anomaly if anomaly.code is not None}
    assert numbered == {
        "bill lost": 1,
        "bill lost, device off-line": 2,
        "duration differs": 9,
        "energy lost": 11,
    }
