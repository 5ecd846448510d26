"""The life of an order at the platform: commands, answers, timers, and what the heartbeats show."""

from __future__ import annotations

import pytest
from pileside import BALANCE_MFEN, ORDER_A, ORDER_B, PILE, PileSide, account_of, report

from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.errors import RigError
from pilesim.platform.settings import Settings
from pilesim.units import FEN_MFEN, MINUTE, MS, YUAN_MFEN, S
from pilesim.wire.messages import (
    Authorise,
    AuthoriseReply,
    Ended,
    EndReason,
    GunState,
    Login,
    Message,
    Start,
    StartReply,
    Stop,
    StopReply,
)

AUTO = Settings(auto=True)
CANCEL_NS = 5 * MINUTE + 41_600 * MS


def state(pile: PileSide, order: str = ORDER_A) -> str:
    found = pile.platform.order(PILE, order)
    assert found is not None
    return found.state


def test_it_sends_a_scan_with_order_balance_and_tariff() -> None:
    pile = PileSide()
    pile.hello()
    pile.session.authorise(pile.now_ns, 1, ORDER_A, BALANCE_MFEN)
    assert pile.told(Authorise) == [
        Authorise(account=account_of(ORDER_A), order=ORDER_A, balance_mfen=BALANCE_MFEN, tariff=DEFAULT_TARIFF)
    ]


def test_it_follows_an_order_from_scan_to_bill() -> None:
    pile = PileSide()
    pile.hello()
    pile.session.authorise(pile.now_ns, 1, ORDER_A, BALANCE_MFEN)
    states = [state(pile)]
    account = account_of(ORDER_A)
    pile.says(AuthoriseReply(account=account))
    states.append(state(pile))
    pile.session.start(pile.now_ns, 1)
    states.append(state(pile))
    pile.says(StartReply(account=account))
    start = pile.charges(ORDER_A, 2, 8000, YUAN_MFEN)
    states.append(state(pile))
    pile.session.stop(pile.now_ns, 1)
    states.append(state(pile))
    pile.says(StopReply(account=account), report(GunState.OCCUPIED_FULL))
    states.append(state(pile))
    pile.unplugs()
    states.append(state(pile))
    order = pile.platform.order(PILE, ORDER_A)
    assert order is not None and order.seen is not None and order.seen.start == start
    assert (order.seen.energy_dwh, order.seen.amount_mfen) == (8000, YUAN_MFEN)
    assert order.start_answered_ns is not None and order.stop_answered_ns is not None
    assert states == ["authorising", "authorised", "starting", "charging", "stopping", "occupied", "left"]


def test_it_is_billed_once_the_bill_has_come() -> None:
    pile = PileSide()
    pile.hello()
    pile.says(pile.charged())
    assert state(pile) == "billed"


def test_it_holds_a_start_until_the_pile_has_answered_the_scan() -> None:
    pile = PileSide()
    pile.hello()
    pile.session.authorise(pile.now_ns, 1, ORDER_A, BALANCE_MFEN)
    pile.session.start(pile.now_ns, 1)
    pile.passes(S)
    assert pile.told(Start) == []
    pile.says(AuthoriseReply(account=account_of(ORDER_A)))
    assert [start.account for start in pile.told(Start)] == [account_of(ORDER_A)]


@pytest.mark.parametrize("ended_by", ["time", "stop", "pile", "line"])
def test_it_forgets_a_held_start(ended_by: str) -> None:
    pile = PileSide()
    pile.hello()
    account = account_of(ORDER_A)
    pile.session.authorise(pile.now_ns, 1, ORDER_A, BALANCE_MFEN)
    pile.session.start(pile.now_ns, 1)
    if ended_by == "time":
        pile.passes(61 * S)
    elif ended_by == "stop":
        pile.session.stop(pile.now_ns, 1)
    elif ended_by == "pile":
        pile.says(Ended(account=account, reason=EndReason.BY_PILE_OR_USER))
    else:
        pile.disconnect()
        pile.connect()
        pile.passes(61 * S)
    pile.says(AuthoriseReply(account=account))
    assert pile.told(Start) == []


def test_it_sends_a_second_start_when_it_is_told_to() -> None:
    pile = PileSide()
    pile.hello()
    pile.authorised()
    pile.session.start(pile.now_ns, 1)
    pile.session.start(pile.now_ns, 1)
    assert len(pile.told(Start)) == 2


def test_it_starts_an_account_without_an_order_only_when_that_is_named() -> None:
    pile = PileSide()
    pile.hello()
    with pytest.raises(ValueError, match="expected an account to start, since gun 1 has had no order"):
        pile.session.start(pile.now_ns, 1)
    with pytest.raises(ValueError, match="expected an account to stop, since gun 1 has had no order"):
        pile.session.stop(pile.now_ns, 1)
    pile.session.start(pile.now_ns, 1, "0" * 16 + "7")
    pile.session.stop(pile.now_ns, 1, "0" * 16 + "7")
    assert [message.account for message in pile.told(Start)] == ["0" * 16 + "7"]
    assert pile.told(Stop) == [Stop(account="0" * 16 + "7")]


def test_it_refuses_an_order_number_that_the_pile_has_had() -> None:
    pile = PileSide()
    pile.hello()
    pile.authorised()
    with pytest.raises(ValueError, match=f"expected a new order, found {ORDER_A}"):
        pile.session.authorise(pile.now_ns, 1, "0" * 12 + ORDER_A, BALANCE_MFEN)
    assert len(pile.told(Authorise)) == 1


def test_it_cannot_command_a_pile_it_has_never_heard() -> None:
    pile = PileSide()
    with pytest.raises(RigError, match="none has been heard yet"):
        pile.session.authorise(0, 1, ORDER_A, BALANCE_MFEN)


def test_it_can_be_told_the_pile_beforehand() -> None:
    pile = PileSide()
    known = pile.platform.session(PILE)
    known.line_up(0)
    known.authorise(0, 1, ORDER_A, BALANCE_MFEN)
    assert len(known.take_actions()) == 1
    assert pile.platform.is_at(PILE, known)


def test_it_says_nothing_into_a_line_that_is_down() -> None:
    pile = PileSide()
    pile.hello()
    pile.disconnect()
    pile.session.authorise(pile.now_ns, 1, ORDER_A, BALANCE_MFEN)
    pile.session.start(pile.now_ns, 1)
    pile.session.stop(pile.now_ns, 1)
    assert pile.session.take_actions() == []
    assert state(pile) == "unreachable"


def test_it_is_replaced_by_a_second_scan_before_anybody_started_it() -> None:
    pile = PileSide(AUTO)
    pile.hello()
    pile.authorised(ORDER_A)
    pile.authorised(ORDER_B)
    assert (state(pile, ORDER_A), state(pile, ORDER_B)) == ("over", "authorised")
    pile.passes(7 * MINUTE)
    assert [stop.account for stop in pile.told(Stop)] == [account_of(ORDER_B)]


def test_it_takes_back_a_charge_that_a_blip_had_interrupted() -> None:
    pile = PileSide()
    pile.hello()
    account = pile.authorised()
    pile.started(account)
    start = pile.charges(ORDER_A, 1, 1000, FEN_MFEN)
    pile.says(report(GunState.FAULT))
    assert state(pile) == "occupied"
    pile.says(report(GunState.CHARGING, order=ORDER_A, start=start, energy_dwh=2000))
    assert state(pile) == "charging"


def test_it_takes_the_old_order_for_left_when_the_next_charges_on_its_gun() -> None:
    pile = PileSide()
    pile.hello()
    account = pile.authorised(ORDER_A)
    pile.started(account)
    pile.charges(ORDER_A, 1, 1000, FEN_MFEN)
    pile.stops(account)
    pile.started(pile.authorised(ORDER_B))
    pile.charges(ORDER_B, 1, 1000, FEN_MFEN)
    assert (state(pile, ORDER_A), state(pile, ORDER_B)) == ("left", "charging")


def test_it_gives_up_a_start_that_came_to_nothing_when_the_next_order_charges() -> None:
    pile = PileSide()
    pile.hello()
    pile.started(pile.authorised(ORDER_A))
    account = pile.authorised(ORDER_B)
    assert state(pile, ORDER_A) == "starting"
    pile.started(account)
    pile.charges(ORDER_B, 1, 1000, FEN_MFEN)
    assert (state(pile, ORDER_A), state(pile, ORDER_B)) == ("over", "charging")


def test_it_leaves_a_second_scan_alone_while_the_first_order_charges() -> None:
    pile = PileSide()
    pile.hello()
    pile.started(pile.authorised(ORDER_A))
    start = pile.charges(ORDER_A, 1, 1000, FEN_MFEN)
    pile.authorised(ORDER_B)
    pile.says(report(GunState.CHARGING, order=ORDER_A, start=start, energy_dwh=2000))
    assert (state(pile, ORDER_A), state(pile, ORDER_B)) == ("charging", "authorised")


# ------------------------------------------------------------------------------------------------- its own timers


def test_it_cancels_what_nobody_starts() -> None:
    pile = PileSide(AUTO)
    pile.hello()
    scanned_ns = pile.now_ns
    account = pile.authorised()
    assert pile.passes(scanned_ns + CANCEL_NS - pile.now_ns - 1) == []
    assert pile.passes(1) == [Stop(account=account)]
    assert pile.passes(20 * MINUTE) == []
    assert state(pile) == "over"


@pytest.mark.parametrize("settings", [Settings(), Settings(auto=False, cancel_after_ns=S)])
def test_it_cancels_nothing_by_itself_unless_it_is_set_so(settings: Settings) -> None:
    pile = PileSide(settings)
    pile.hello()
    pile.authorised()
    assert pile.passes(20 * MINUTE) == []


@pytest.mark.parametrize(
    "outcome",
    [
        Ended(account=account_of(ORDER_A), reason=EndReason.BY_PILE_OR_USER),
        report(GunState.CHARGING, order=ORDER_A),
    ],
    ids=["ended", "charging"],
)
def test_it_does_not_cancel_a_start_that_came_to_something(outcome: Message) -> None:
    pile = PileSide(AUTO)
    pile.hello()
    pile.started(pile.authorised())
    pile.says(outcome)
    pile.passes(8 * MINUTE)
    assert pile.told(Stop) == []


def test_it_gives_a_late_start_its_time_before_it_cancels() -> None:
    pile = PileSide(AUTO)
    pile.hello()
    account = pile.authorised()
    pile.passes(5 * MINUTE + 30 * S)
    started_ns = pile.now_ns
    pile.session.start(started_ns, 1)
    pile.says(StartReply(account=account))
    pile.passes(5 * MINUTE)
    assert pile.told_at(Stop) == [started_ns + 95 * S]


def test_it_cancels_as_soon_as_a_lost_pile_is_heard_again() -> None:
    pile = PileSide(AUTO)
    pile.hello()
    pile.authorised()
    pile.disconnect()
    pile.passes(10 * MINUTE)
    pile.connect()
    pile.passes(MINUTE)
    assert pile.told(Stop) == []
    heard_ns = pile.now_ns
    pile.asks(report(GunState.IDLE))
    assert pile.told_at(Stop) == [heard_ns]
    order = pile.session.order(1)
    assert order is not None and order.stop_ns == heard_ns


@pytest.mark.parametrize(("amount_mfen", "stops"), [(BALANCE_MFEN - FEN_MFEN, 0), (BALANCE_MFEN, 1)])
def test_it_stops_a_charge_whose_balance_is_used_up_once(amount_mfen: int, stops: int) -> None:
    pile = PileSide()
    pile.hello()
    pile.started(pile.authorised())
    for _ in range(3):
        pile.says(report(GunState.CHARGING, order=ORDER_A, start=pile.stamp(), amount_mfen=amount_mfen))
        pile.passes(15 * S)
    assert len(pile.told(Stop)) == stops


def test_it_may_be_set_to_leave_the_balance_to_the_pile() -> None:
    pile = PileSide(Settings(stops_at_balance=False))
    pile.hello()
    pile.started(pile.authorised())
    pile.charges(ORDER_A, 1, 8000, BALANCE_MFEN)
    assert pile.told(Stop) == []


def test_it_reckons_the_cost_by_the_meter_where_heartbeats_carry_none() -> None:
    pile = PileSide(protocol="evlink-2.5")
    pile.says(report(GunState.IDLE, meter_dwh=1_000_000))
    pile.started(pile.authorised(balance_mfen=90 * FEN_MFEN))
    for meter_dwh in (1_000_000, 1_004_000, 1_008_000):
        assert pile.told(Stop) == []
        pile.says(report(GunState.CHARGING, meter_dwh=meter_dwh))
    order = pile.session.order(1)
    assert order is not None and order.seen is not None
    # 0.8 kWh at 12:37, at 0.68 and 0.45 yuan.
    assert (order.seen.energy_dwh, order.seen.amount_mfen) == (8000, 90_400)
    assert len(pile.told(Stop)) == 1


def test_it_never_repeats_a_command_by_itself() -> None:
    pile = PileSide(AUTO)
    pile.hello()
    pile.session.authorise(pile.now_ns, 1, ORDER_A, BALANCE_MFEN)
    pile.passes(60 * MINUTE)
    assert (len(pile.told(Authorise)), len(pile.told(Stop))) == (1, 1)


def test_it_keeps_two_piles_apart() -> None:
    one = PileSide()
    two = PileSide(platform=one.platform, number="44030500040000200031")
    one.hello()
    two.hello()
    for pile, order in ((one, ORDER_A), (two, ORDER_B)):
        pile.says(pile.charged(order))
    assert [(row.pile, row.order) for row in one.platform.ledger.rows()] == [
        (one.number, ORDER_A),
        (two.number, ORDER_B),
    ]
    assert one.platform.is_at(two.number, two.session)
    assert not one.platform.is_at(two.number, one.session)


def test_it_follows_a_pile_to_its_new_connection() -> None:
    old = PileSide(AUTO)
    old.hello()
    account = old.authorised()
    new = PileSide(platform=old.platform)
    new.now_ns = old.now_ns
    new.connect()
    new.hello()
    assert old.platform.is_at(PILE, new.session)
    assert old.session.next_wakeup_ns() is None
    new.passes(6 * MINUTE)
    assert new.told(Stop) == [Stop(account=account)]


def test_it_says_by_what_means_the_user_is_known() -> None:
    pile = PileSide()
    pile.hello()
    pile.session.authorise(pile.now_ns, 1, ORDER_A, BALANCE_MFEN, login=Login.PHONE)
    pile.says(AuthoriseReply(account=account_of(ORDER_A), login=Login.PHONE))
    pile.session.start(pile.now_ns, 1)
    pile.session.stop(pile.now_ns, 1)
    for told in (pile.told(Authorise), pile.told(Start), pile.told(Stop)):
        assert [message.login for message in told] == [Login.PHONE]
