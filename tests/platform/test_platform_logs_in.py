"""The reference platform under YKC: it lets piles in, tells time and tariff, and keeps an order for its start."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from msgspec import structs
from pileside import BALANCE_MFEN, PILE, START_NS, PileSide, report

from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.errors import UsageError
from pilesim.platform.ledger import BillSource
from pilesim.platform.orders import Order, OrderState
from pilesim.platform.settings import Card, Settings, check_tariff
from pilesim.units import DAY, HOUR, KWH_DWH, MINUTE, YUAN_MFEN, S
from pilesim.wire.messages import (
    Alive,
    AliveReply,
    BalanceTell,
    Band,
    Bill,
    BillPeriod,
    BillReply,
    CardAsk,
    CardReply,
    GunState,
    Hello,
    HelloReply,
    Login,
    Message,
    PileKind,
    Start,
    StartReply,
    Stop,
    StopReason,
    Tariff,
    TariffAsk,
    TariffTell,
    TimeTell,
)
from pilesim.wire.protocol import protocol_named

NUMBER = PILE[:14]
ORDER = NUMBER + "01" + "2003031236400001"
ACCOUNT = ORDER[-16:]
CARD = "4400000000000123"
HELLO = Hello(firmware="V5.0303", guns=2, kind=PileKind.DC)
BILL_CAME = (OrderState.BILLED, BillSource.PILE)


def side(settings: Settings | None = None) -> PileSide:
    pile = PileSide(settings, protocol="ykc-1.6", number=NUMBER)
    pile.asks(HELLO)
    pile.asks(report(GunState.IDLE))
    return pile


def order_of(pile: PileSide) -> Order:
    order = pile.platform.order(NUMBER, ORDER)
    assert order is not None
    return order


def started(pile: PileSide) -> None:
    pile.session.authorise(pile.now_ns, 1, ORDER, BALANCE_MFEN)
    pile.session.start(pile.now_ns, 1)


def bill(reason: StopReason, energy_dwh: int = 0, amount_mfen: int = 0) -> Bill:
    period = BillPeriod(price_mfen=100_000, energy_dwh=energy_dwh, lossy_dwh=energy_dwh, amount_mfen=amount_mfen)
    nothing = structs.replace(period, energy_dwh=0, lossy_dwh=0, amount_mfen=0)
    return Bill(
        order=ORDER,
        start=HELLO_STAMP,
        end=HELLO_STAMP,
        stop_reason=reason,
        periods=(period, nothing, nothing, nothing),
        meter_start_dwh=0,
        meter_end_dwh=energy_dwh,
        account=ACCOUNT,
    )


HELLO_STAMP = PileSide().stamp()


def test_it_lets_a_pile_in_and_tells_it_the_time_then_and_each_day() -> None:
    pile = side()
    assert pile.told(HelloReply) == [HelloReply()]
    (told,) = pile.told(TimeTell)
    (at_ns,) = pile.told_at(TimeTell)
    assert told.platform_time.epoch_ns == START_NS + at_ns
    assert at_ns > pile.told_at(HelloReply)[0]
    pile.passes(DAY)
    assert len(pile.told(TimeTell)) == 2


def test_it_tells_no_time_once_the_line_is_down() -> None:
    pile = side()
    pile.disconnect()
    pile.passes(2 * DAY)
    assert len(pile.told(TimeTell)) == 1


@pytest.mark.parametrize(("model", "same"), [("0000", False), ("0001", True)])
def test_it_says_whether_a_piles_tariff_is_in_force(model: str, same: bool) -> None:
    pile = side()
    pile.asks(TariffAsk(model=model))
    assert pile.told(TariffTell) == [TariffTell(model="0001", same=same)]


def test_it_tells_the_whole_tariff() -> None:
    pile = side()
    pile.asks(TariffAsk())
    (told,) = pile.told(TariffTell)
    assert told.tariff is not None
    assert told.tariff.energy_mfen == DEFAULT_TARIFF.energy_mfen
    assert told.tariff.service_mfen == DEFAULT_TARIFF.service_mfen


def test_it_answers_each_gun_that_says_it_is_there() -> None:
    pile = side()
    pile.asks(Alive(gun=2))
    assert pile.told(AliveReply) == [AliveReply(gun=2)]


def test_it_keeps_an_order_and_sends_it_with_the_start() -> None:
    pile = side()
    pile.session.authorise(pile.now_ns, 1, ORDER, BALANCE_MFEN)
    assert order_of(pile).state is OrderState.AUTHORISED
    assert [m for _, m in pile.heard if isinstance(m, Start)] == []
    pile.session.start(pile.now_ns, 1)
    assert pile.told(Start) == [Start(order=ORDER, account=ACCOUNT, balance_mfen=BALANCE_MFEN)]


def test_it_sends_a_new_order_for_one_that_is_over() -> None:
    pile = side()
    started(pile)
    pile.asks(StartReply(order=ORDER, accepted=False, reason=2))
    assert order_of(pile).state is OrderState.OVER
    pile.session.start(pile.now_ns, 1)
    first, second = pile.told(Start)
    assert (second.account, second.balance_mfen) == (first.account, first.balance_mfen)
    assert second.order not in (None, first.order)


def stopped(pile: PileSide) -> None:
    pile.session.stop(pile.now_ns, 1)


def left_idle(pile: PileSide) -> None:
    pile.asks(report(GunState.IDLE))


@pytest.mark.parametrize("closed", [stopped, left_idle])
@pytest.mark.parametrize("named", [None, ACCOUNT])
def test_it_never_starts_an_order_that_it_has_closed(closed: Callable[[PileSide], None], named: str | None) -> None:
    pile = side()
    started(pile)
    pile.asks(StartReply(order=ORDER, accepted=True))
    pile.asks(report(GunState.CHARGING, order=ORDER))
    closed(pile)
    pile.session.start(pile.now_ns, 1, named)
    first, second = pile.told(Start)
    assert (second.account, second.balance_mfen) == (first.account, first.balance_mfen)
    assert second.order not in (None, ORDER)


def test_it_sends_the_start_of_an_order_that_charges_once_more() -> None:
    pile = side()
    started(pile)
    pile.asks(report(GunState.CHARGING, order=ORDER))
    pile.session.start(pile.now_ns, 1)
    assert [start.order for start in pile.told(Start)] == [ORDER, ORDER]


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (StartReply(order=ORDER, accepted=True), OrderState.STARTING),
        (StartReply(order=ORDER, accepted=False, reason=3), OrderState.OVER),
        (StartReply(order=ORDER, accepted=False, reason=5), OrderState.STARTING),
        (StartReply(order=ORDER[:-1] + "7", accepted=False, reason=3), OrderState.STARTING),
    ],
    ids=["accepted", "refused", "cable-awaited", "another-order"],
)
def test_it_takes_a_refused_start_for_the_end_of_its_order(reply: Message, state: OrderState) -> None:
    pile = side()
    started(pile)
    pile.asks(reply)
    assert order_of(pile).state is state


def test_it_crosses_out_an_order_that_nobody_starts_and_tells_the_pile_nothing() -> None:
    pile = side(Settings(auto=True))
    pile.session.authorise(pile.now_ns, 1, ORDER, BALANCE_MFEN)
    for _ in range(20):
        pile.passes(30 * S)
        pile.asks(Alive())
    assert order_of(pile).state is OrderState.OVER
    assert pile.told(Stop) == []


def test_it_books_a_charge_by_reports_and_bill() -> None:
    pile = side()
    started(pile)
    pile.asks(StartReply(order=ORDER, accepted=True))
    pile.charges(ORDER, 8, 5 * KWH_DWH, 5 * YUAN_MFEN)
    assert order_of(pile).state is OrderState.CHARGING
    pile.session.stop(pile.now_ns, 1)
    assert pile.told(Stop) == [Stop()]
    pile.says(report(GunState.IDLE))
    pile.asks(bill(StopReason.PLATFORM, 5 * KWH_DWH, 5 * YUAN_MFEN))
    assert pile.told(BillReply) == [BillReply(order=ORDER)]
    (row,) = pile.platform.ledger.rows()
    assert (order_of(pile).state, row.bill) == BILL_CAME
    assert (row.energy_dwh, row.fee_mfen) == (5 * KWH_DWH, 5 * YUAN_MFEN)
    assert row.balance_mfen == BALANCE_MFEN - 5 * YUAN_MFEN


def test_it_knows_by_its_bill_that_a_start_failed() -> None:
    pile = side()
    started(pile)
    pile.asks(StartReply(order=ORDER, accepted=True))
    pile.asks(bill(StopReason.START_FAILED))
    (row,) = pile.platform.ledger.rows()
    assert [code.value for code in row.codes] == ["start service failed"]
    assert (row.charged, row.fee_mfen) == (False, 0)


def test_it_answers_a_card_with_an_order_or_a_reason() -> None:
    pile = side(Settings(cards=(Card("0000000000004400", 50 * YUAN_MFEN),)))
    pile.asks(CardAsk(account="4400"))
    pile.asks(CardAsk(account="9999"))
    known, unknown = pile.told(CardReply)
    assert (known.accepted, known.balance_mfen) == (True, 50 * YUAN_MFEN)
    assert pile.platform.order(NUMBER, known.order) is not None
    assert (unknown.accepted, unknown.order) == (False, "")
    assert unknown.refusal


def test_it_waits_for_a_bill_no_longer_than_its_time() -> None:
    pile = side(Settings(bill_wait_ns=10 * MINUTE))
    started(pile)
    pile.asks(StartReply(order=ORDER, accepted=True))
    pile.charges(ORDER, 2, KWH_DWH, YUAN_MFEN)
    pile.says(report(GunState.IDLE, cable=False))
    pile.passes(HOUR)
    assert order_of(pile).state is OrderState.BILL_LOST


# --- what is told beside orders


@pytest.mark.parametrize(("login", "account"), [(Login.QR, ""), (Login.CARD, CARD)])
def test_it_tells_the_pile_a_new_balance_and_holds_to_it_itself(login: Login, account: str) -> None:
    pile = side(Settings(cards=(Card(CARD, BALANCE_MFEN),)))
    if login is Login.CARD:
        (reply,) = pile.asks(CardAsk(account=CARD))
        assert isinstance(reply, CardReply)
        number = reply.order
    else:
        started(pile)
        number = ORDER
    spent = report(GunState.CHARGING, order=number, energy_dwh=2 * KWH_DWH, amount_mfen=2 * YUAN_MFEN)
    pile.asks(spent)
    pile.session.set_balance(pile.now_ns, 1, YUAN_MFEN)
    pile.passes(S)
    assert pile.told(BalanceTell) == [BalanceTell(account=account, balance_mfen=YUAN_MFEN)]
    pile.asks(spent)
    assert len(pile.told(Stop)) == 1


@pytest.mark.parametrize(
    ("account", "balance_mfen", "told"),
    [(ACCOUNT, 2 * BALANCE_MFEN, [2 * BALANCE_MFEN]), (ACCOUNT, BALANCE_MFEN, []), ("7", 2 * BALANCE_MFEN, [])],
    ids=["paid in", "as it was", "another's"],
)
def test_it_tells_of_what_was_paid_in_before_the_next_order(account: str, balance_mfen: int, told: list[int]) -> None:
    pile = side()
    started(pile)
    pile.asks(report(GunState.CHARGING, order=ORDER))
    pile.session.authorise(pile.now_ns, 2, ORDER[:-1] + "9", balance_mfen, account)
    assert [(tell.gun, tell.balance_mfen) for tell in pile.told(BalanceTell)] == [(1, each) for each in told]
    assert order_of(pile).balance_mfen == (told or [BALANCE_MFEN])[0]


def test_it_tells_a_new_balance_to_every_gun_on_which_it_is_spent() -> None:
    pile = side()
    started(pile)
    pile.session.authorise(pile.now_ns, 2, ORDER[:-1] + "9", BALANCE_MFEN, ACCOUNT)
    pile.session.start(pile.now_ns, 2)
    pile.session.set_balance(pile.now_ns, 2, 2 * BALANCE_MFEN)
    assert [(tell.gun, tell.balance_mfen) for tell in pile.told(BalanceTell)] == [
        (1, 2 * BALANCE_MFEN),
        (2, 2 * BALANCE_MFEN),
    ]


def test_it_tells_no_balance_where_nobody_has_charged() -> None:
    with pytest.raises(ValueError, match="expected somebody who pays, since gun 1 has had no order"):
        side().session.set_balance(S, 1, YUAN_MFEN)


def test_it_tells_no_balance_to_a_pile_that_has_ended_the_charge() -> None:
    pile = side()
    started(pile)
    pile.asks(bill(StopReason.FULL))
    pile.session.set_balance(pile.now_ns, 1, 2 * BALANCE_MFEN)
    assert pile.told(BalanceTell) == []


# --- the tariff

MANY_PRICES = structs.replace(DEFAULT_TARIFF, energy_mfen=tuple(10_000 + 100 * half for half in range(48)))


def test_it_says_before_any_traffic_that_its_tariff_does_not_fit_the_protocol() -> None:
    sentence = (
        "the platform's tariff: expected a tariff that ykc-1.6 can carry; "
        "tariff-tell: tariff: expected at most 4 different prices, found 48"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        side(Settings(tariff=MANY_PRICES))


@pytest.mark.parametrize(
    ("protocol", "tariff"),
    [
        ("lhc", MANY_PRICES),
        ("evlink-2.5", MANY_PRICES),
        ("ykc-1.6", DEFAULT_TARIFF),
        ("ykc-1.6", structs.replace(DEFAULT_TARIFF, energy_mfen=(10_000, 20_000, 30_000, 40_000) * 12)),
    ],
)
def test_it_takes_a_tariff_that_fits(protocol: str, tariff: Tariff) -> None:
    check_tariff(tariff, protocol_named(protocol), "here")


def test_it_says_where_a_tariff_stands_that_does_not_fit() -> None:
    bands = structs.replace(DEFAULT_TARIFF, occupancy=tuple(Band(n, n + 1, n) for n in range(13)))
    with pytest.raises(UsageError, match=r"^x\.yaml: .* lhc can carry; .* expected at most 12 bands, found 13$"):
        check_tariff(bands, protocol_named("lhc"), "x.yaml")
