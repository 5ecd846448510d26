"""What the platform answers: every request of a pile, and what bad bytes do to it."""

from __future__ import annotations

import pytest
from bills import empty_bill
from msgspec import structs
from pileside import BALANCE_MFEN, ORDER_A, ORDER_B, PILE, START_NS, PileSide, report

from pilesim.contract.contracts import contract_of
from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.platform.settings import Card, Settings
from pilesim.units import FEN_MFEN, MINUTE, MS, S
from pilesim.wire.messages import (
    NO_TIME,
    AccountAsk,
    AccountTell,
    Authorise,
    BillReply,
    CardAsk,
    Ended,
    EndReason,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    HelloReply,
    LockAsk,
    LockTell,
    Login,
    Message,
    Reserve,
    ReserveReply,
    Stamp,
    StartAsk,
    Stop,
    StopAsk,
    TimeAsk,
    TimeTell,
)

CARD = "55550000000000001"
POOR = "55550000000000002"
LOCKED = "55550000000000003"
STRANGER = "55550000000000009"
CARDS = Settings(
    cards=(Card(CARD, BALANCE_MFEN), Card(POOR, 0), Card(LOCKED, BALANCE_MFEN, credential="A" * 32)),
)
EMPTY_BILL = empty_bill(ORDER_A)
ASKED_AT = Stamp(START_NS - 3 * MINUTE)

REPLIES: list[tuple[Message, Message]] = [
    (Hello(firmware="V5.0303"), HelloReply(accepted=True, update=False)),
    (
        TimeAsk(pile_time=ASKED_AT),
        TimeTell(platform_time=Stamp(START_NS + 50 * MS), pile_time=ASKED_AT),
    ),
    (TimeAsk(pile_time=NO_TIME), TimeTell(platform_time=Stamp(START_NS + 50 * MS), pile_time=NO_TIME)),
    (report(GunState.IDLE), GunReportReply()),
    (GunReport(gun=2, change=True, state=GunState.FAULT, cable=True), GunReportReply(gun=2, change=True)),
    (EMPTY_BILL, BillReply(order=ORDER_A)),
    (structs.replace(EMPTY_BILL, order=""), BillReply(order="")),
    (StopAsk(account=STRANGER), Stop(login=Login.CARD, account=STRANGER, accepted=False)),
    (AccountAsk(account=CARD), AccountTell(account=CARD, known=True, balance_mfen=BALANCE_MFEN)),
    (AccountAsk(account=STRANGER), AccountTell(account=STRANGER, known=False, balance_mfen=0)),
    (
        Reserve(account=STRANGER, minutes=20, start=ASKED_AT),
        ReserveReply(accepted=False, order="", minutes=20, start=ASKED_AT, refusal=4),
    ),
    (
        Reserve(account=POOR, minutes=20, start=ASKED_AT),
        ReserveReply(accepted=False, order="", minutes=20, start=ASKED_AT, refusal=1),
    ),
    (
        LockAsk(account=CARD, order=ORDER_A, lower=True, time=ASKED_AT),
        LockTell(account=CARD, order=ORDER_A, lower=True, accepted=False, refusal=3),
    ),
]


@pytest.mark.parametrize(("request_", "reply"), REPLIES, ids=lambda message: message.name)
def test_it_answers_within_its_delay(request_: Message, reply: Message) -> None:
    pile = PileSide(CARDS)
    pile.says(request_)
    assert pile.passes(49 * MS) == []
    assert pile.passes(MS) == [reply]
    assert pile.passes(MINUTE) == []


def test_it_answers_every_request_that_the_contract_lists_for_the_platform() -> None:
    asked = {type(request) for request, _ in REPLIES} | {CardAsk}
    downs = {HelloReply, TimeTell, GunReportReply, ReserveReply, BillReply, Stop, Authorise, AccountTell, LockTell}
    ours = {request for request, reply in contract_of("lhc").replies.items() if reply in downs}
    assert asked >= ours


def test_it_repeats_the_piles_own_number_in_a_reply() -> None:
    pile = PileSide()
    pile.asks(Hello(firmware="V5"))
    pile.asks(TimeAsk(pile_time=NO_TIME))
    assert [frame.answers for frame in pile.frames] == [1, 2]


@pytest.mark.parametrize(
    ("account", "credential", "refusal"),
    [
        (CARD, "", 0),
        (CARD, "B" * 32, 0),
        (LOCKED, "A" * 32, 0),
        (LOCKED, "B" * 32, 1),
        (STRANGER, "", 2),
        (POOR, "", 5),
    ],
)
def test_it_authorises_a_card_it_knows(account: str, credential: str, refusal: int) -> None:
    pile = PileSide(CARDS)
    (reply,) = pile.asks(CardAsk(account=account, credential=credential))
    assert isinstance(reply, Authorise)
    assert (reply.account, reply.credential, reply.login) == (account, credential, Login.CARD)
    assert (reply.accepted, reply.refusal) == (not refusal, refusal)
    assert bool(reply.order) is not bool(refusal)
    assert reply.balance_mfen == (0 if account in (STRANGER, POOR) else BALANCE_MFEN)


def test_it_gives_each_card_order_a_number_of_its_own() -> None:
    pile = PileSide(CARDS)
    orders = [
        reply.order for _ in range(3) for reply in pile.asks(CardAsk(account=CARD)) if isinstance(reply, Authorise)
    ]
    assert len(set(orders)) == 3


def test_it_keeps_an_order_that_the_pile_started_by_card() -> None:
    pile = PileSide(CARDS)
    (reply,) = pile.asks(CardAsk(account=CARD))
    assert isinstance(reply, Authorise)
    assert pile.asks(StartAsk(account=CARD, order=reply.order)) == []
    order = pile.session.order(1)
    assert order is not None and order.number == reply.order and order.state == "starting"


def test_it_takes_up_an_order_that_it_first_hears_of_when_the_pile_starts_it() -> None:
    pile = PileSide(CARDS)
    pile.asks(StartAsk(account=CARD, order=ORDER_B))
    order = pile.platform.order(PILE, ORDER_B)
    assert order is not None and order.balance_mfen == BALANCE_MFEN


def test_it_stops_the_running_order_when_its_user_asks_at_the_pile() -> None:
    pile = PileSide()
    pile.hello()
    account = pile.authorised()
    pile.started(account)
    pile.charges(ORDER_A, 1, 1000, FEN_MFEN)
    pile.passes(S)
    assert pile.asks(StopAsk(login=Login.QR, account=account)) == [Stop(account=account, accepted=True)]
    order = pile.session.order(1)
    assert order is not None and order.state == "stopping"


def test_it_moves_the_ground_lock_for_the_orders_own_account() -> None:
    pile = PileSide()
    pile.hello()
    account = pile.authorised()
    (reply,) = pile.asks(LockAsk(account=account, order=ORDER_A, lower=True, time=pile.stamp()))
    assert isinstance(reply, LockTell) and reply.accepted
    pile.started(account)
    pile.charges(ORDER_A, 1, 1000, FEN_MFEN)
    pile.passes(S)
    (reply,) = pile.asks(LockAsk(account=account, order=ORDER_A, lower=False, time=pile.stamp()))
    assert isinstance(reply, LockTell) and (reply.accepted, reply.refusal) == (False, 2)


def test_it_reserves_a_free_gun_and_not_one_with_an_order() -> None:
    pile = PileSide(CARDS)
    reserve = Reserve(account=CARD, minutes=20, start=ASKED_AT)
    (first,) = pile.asks(reserve)
    assert isinstance(first, ReserveReply) and first.accepted and first.order
    pile.authorised()
    (second,) = pile.asks(reserve)
    assert isinstance(second, ReserveReply) and (second.accepted, second.refusal) == (False, 2)


def test_it_tells_the_time_that_it_is_a_day_later_too() -> None:
    pile = PileSide()
    pile.passes(24 * 60 * MINUTE)
    (reply,) = pile.asks(TimeAsk(pile_time=NO_TIME))
    assert isinstance(reply, TimeTell)
    assert reply.platform_time == Stamp(START_NS + 24 * 60 * MINUTE + 50 * MS)


HEARTBEAT = report(GunState.IDLE)


@pytest.mark.parametrize(
    "noise",
    ["noise", "truncated", "wrong-checksum", "false-start", "unknown-number", "down-message"],
)
def test_it_survives_bad_bytes_and_lets_them_have_no_effect(noise: str) -> None:
    pile = PileSide()
    good = pile.built(Ended(account="0" * 17, reason=EndReason.TIMED_OUT))
    flipped = bytearray(pile.built(HEARTBEAT))
    flipped[-2] ^= 0x01
    unknown = bytearray(good)
    unknown[31] ^= 0x70
    unknown[-2] ^= 0x70
    down = bytearray(good)
    down[31] ^= 0x13 ^ 0x0A
    down[-2] ^= 0x13 ^ 0x0A
    bad = {
        "noise": bytes(range(0x20, 0x60)),
        "truncated": pile.built(HEARTBEAT)[:-9],
        "wrong-checksum": bytes(flipped),
        "false-start": b"\xfe",
        "unknown-number": bytes(unknown),
        "down-message": bytes(down),
    }[noise]
    pile.noise(bad)
    assert pile.passes(S) == []
    assert pile.asks(HEARTBEAT) == [GunReportReply()]


def test_it_finds_the_good_frame_that_a_false_start_had_swallowed() -> None:
    pile = PileSide()
    pile.noise(b"\xfe\xff\x07" + pile.built(HEARTBEAT))
    assert pile.passes(S) == [GunReportReply()]


@pytest.mark.parametrize("cut", [1, 3, 20, 33])
def test_it_answers_frames_cut_in_two_and_joined(cut: int) -> None:
    pile = PileSide()
    joined = pile.built(HEARTBEAT) + pile.built(Hello(firmware="V5"))
    pile.noise(joined[:cut])
    pile.passes(100 * MS)
    pile.noise(joined[cut:])
    assert pile.passes(S) == [GunReportReply(), HelloReply()]


def test_it_does_not_listen_to_another_pile_on_the_same_connection() -> None:
    pile, other = PileSide(), PileSide(number="44030500040000200031")
    pile.hello()
    pile.noise(other.built(HEARTBEAT))
    assert pile.passes(S) == []
    assert pile.asks(HEARTBEAT) == [GunReportReply()]


def test_it_forgets_what_it_had_to_say_when_the_line_goes_down() -> None:
    pile = PileSide()
    pile.says(HEARTBEAT)
    pile.disconnect()
    assert pile.passes(S) == []
    pile.connect()
    assert pile.passes(S) == []
    assert pile.asks(HEARTBEAT) == [GunReportReply()]


def test_it_takes_what_arrives_before_its_timers_of_the_same_instant() -> None:
    pile = PileSide()
    pile.says(HEARTBEAT)
    pile.now_ns += 50 * MS
    pile.noise(pile.built(Hello(firmware="V5")))
    assert pile.heard == []
    assert pile.passes(0) == [GunReportReply()]


def test_it_gives_48_prices_and_an_occupancy_rate() -> None:
    assert len(DEFAULT_TARIFF.energy_mfen) == len(DEFAULT_TARIFF.service_mfen) == 48
    assert {DEFAULT_TARIFF.occupancy_rate_mfen(minute) for minute in range(24 * 60)} == {80 * FEN_MFEN}
    assert DEFAULT_TARIFF.free_minutes == 15


def another(number: str) -> str:
    """A number that two flipped bits make of `number`, and no checksum tells."""
    return number[:-2] + "06"


def test_it_answers_the_pile_although_the_line_has_altered_the_number_in_its_first_frame() -> None:
    pile = PileSide()
    pile.noise(PileSide(number=another(PILE)).built(Hello(gun=1, firmware="X", guns=2)))
    assert pile.asks(TimeAsk(gun=1, pile_time=NO_TIME))
    assert pile.frames and {frame.pile for frame in pile.frames} == {PILE}


def test_it_takes_one_frame_of_another_number_in_mid_connection_for_nobodys() -> None:
    pile = PileSide()
    pile.asks(Hello(gun=1, firmware="X", guns=2))
    pile.asks(report(state=GunState.IDLE))
    stray = PileSide(number=another(PILE)).built(report(state=GunState.IDLE))
    before = len(pile.heard)
    pile.noise(stray)
    assert pile.passes(S) == []
    assert len(pile.heard) == before
    assert pile.asks(report(state=GunState.IDLE))
