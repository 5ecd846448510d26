"""Each fault of the platform takes effect, says so, and leaves everything else as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pileside import BALANCE_MFEN, ORDER_A, START_NS, PileSide, account_of, report

from pilesim.errors import UsageError
from pilesim.faulty import FaultChoice, choose_fault
from pilesim.platform.behaviour import Behaviour
from pilesim.platform.faults import FAULTS, Fault
from pilesim.platform.settings import Settings
from pilesim.units import FEN_MFEN, MINUTE, S
from pilesim.wire.messages import (
    NO_TIME,
    AccountAsk,
    AccountTell,
    Authorise,
    BillReply,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    HelloReply,
    Message,
    Stamp,
    Start,
    StartReply,
    Stop,
    TimeAsk,
    TimeTell,
)

AUTO = Settings(auto=True)


def _heartbeat(pile: PileSide) -> list[Message]:
    return pile.asks(report(GunState.IDLE))


def _account(pile: PileSide) -> list[Message]:
    return pile.asks(AccountAsk(account="13800000000000001"))


def _hello_and_heartbeat(pile: PileSide) -> list[Message]:
    return pile.asks(Hello(firmware="V5")) + _heartbeat(pile)


def _bill(pile: PileSide) -> list[Message]:
    pile.hello()
    pile.asks(pile.charged())
    return [*pile.told(BillReply)]


def _time(pile: PileSide) -> list[Message]:
    return pile.asks(TimeAsk(pile_time=NO_TIME))


def _scan(pile: PileSide) -> list[Message]:
    pile.hello()
    pile.session.authorise(pile.now_ns, 1, ORDER_A, BALANCE_MFEN)
    return [message for message in pile.told(Message) if isinstance(message, Authorise | Start)]


def _start(pile: PileSide) -> list[Message]:
    pile.hello()
    account = pile.authorised()
    pile.session.start(pile.now_ns, 1)
    pile.says(StartReply(account=account))
    return pile.passes(60 * S)


def _nothing_started(pile: PileSide) -> list[Message]:
    pile.hello()
    pile.authorised()
    return pile.passes(10 * MINUTE)


def _used_up(pile: PileSide) -> list[Message]:
    pile.hello()
    pile.started(pile.authorised())
    pile.says(report(GunState.CHARGING, order=ORDER_A, start=pile.stamp(), amount_mfen=BALANCE_MFEN))
    return [*pile.told(Stop)]


def _garbage(pile: PileSide) -> list[Message]:
    pile.noise(b"\x00" * 40)
    pile.passes(S)
    return _heartbeat(pile)


STOP = Stop(account=account_of(ORDER_A))
UNKNOWN = AccountTell(account="13800000000000001", known=False, balance_mfen=0)
ZERO_STAMP = START_NS + 50_000_000

Act = Callable[[PileSide], list[Message]]
EFFECTS: list[tuple[str, dict[str, Any], Act, list[Message], list[Message]]] = [
    # fault, parameters, what the pile does, what the reference says to it, what this platform says to it
    ("wrong-echo", {}, _heartbeat, [GunReportReply()], [GunReportReply(gun=2)]),
    (
        "wrong-echo",
        {"which": "account-tell"},
        _account,
        [UNKNOWN],
        [AccountTell(account="13800000000000002", known=False, balance_mfen=0)],
    ),
    ("no-reply", {}, _hello_and_heartbeat, [HelloReply(), GunReportReply()], []),
    ("no-reply", {"which": "gun-report"}, _hello_and_heartbeat, [HelloReply(), GunReportReply()], [HelloReply()]),
    ("no-bill-reply", {}, _bill, [BillReply(order=ORDER_A)], []),
    ("wrong-bill-reply", {}, _bill, [BillReply(order=ORDER_A)], [BillReply(order=ORDER_A[:-1] + "1")]),
    (
        "wrong-time",
        {"ahead": "2m"},
        _time,
        [TimeTell(platform_time=Stamp(ZERO_STAMP), pile_time=NO_TIME)],
        [TimeTell(platform_time=Stamp(ZERO_STAMP + 2 * MINUTE), pile_time=NO_TIME)],
    ),
    ("cancels-during-start", {}, _start, [], [STOP]),
    ("never-gives-up", {}, _nothing_started, [STOP], []),
    ("ignores-balance", {}, _used_up, [STOP], []),
    ("dies-on-garbage", {}, _garbage, [GunReportReply()], []),
]


@pytest.mark.parametrize(("name", "parameters", "act", "reference", "faulty"), EFFECTS)
def test_it_shows_and_says_so(
    name: str, parameters: dict[str, Any], act: Act, reference: list[Message], faulty: list[Message]
) -> None:
    good = PileSide(AUTO)
    assert act(good) == reference
    assert good.platform.mishaps == ()
    bad = PileSide(AUTO, [choose_fault(FAULTS, name, parameters)])
    assert act(bad) == faulty
    assert {mishap.fault for mishap in bad.platform.mishaps} == {name}
    assert all(0 <= mishap.t_ns <= bad.now_ns and mishap.text for mishap in bad.platform.mishaps)


def test_it_starts_an_order_that_the_pile_has_not_answered() -> None:
    good, bad = PileSide(), PileSide(faults=[choose_fault(FAULTS, "start-without-authorisation")])
    assert [type(message) for message in _scan(good)] == [Authorise]
    assert [type(message) for message in _scan(bad)] == [Authorise, Start]
    assert [mishap.fault for mishap in bad.platform.mishaps] == ["start-without-authorisation"]


def test_it_shows_each_fault_of_the_table() -> None:
    assert {name for name, *_ in EFFECTS} | {"start-without-authorisation"} == set(FAULTS)


def test_it_dies_for_every_pile() -> None:
    one = PileSide(faults=[choose_fault(FAULTS, "dies-on-garbage")])
    two = PileSide(platform=one.platform, number="44030500040000200031")
    assert _heartbeat(two) == [GunReportReply()]
    _garbage(one)
    assert _heartbeat(two) == []
    two.session.authorise(two.now_ns, 1, ORDER_A, BALANCE_MFEN)
    assert two.told(Authorise) == []


def test_it_leaves_a_start_alone_that_came_to_something_in_time() -> None:
    pile = PileSide(AUTO, [choose_fault(FAULTS, "cancels-during-start", {"after": "10s"})])
    pile.hello()
    account = pile.authorised()
    pile.session.start(pile.now_ns, 1)
    pile.says(StartReply(account=account))
    pile.passes(9 * S)
    pile.says(report(GunState.CHARGING, order=ORDER_A, start=pile.stamp(), amount_mfen=FEN_MFEN))
    assert pile.passes(MINUTE) == [GunReportReply()]
    assert pile.platform.mishaps == ()


def test_it_strikes_at_its_rate_and_the_same_for_one_seed() -> None:
    def answered() -> list[bool]:
        pile = PileSide(faults=[choose_fault(FAULTS, "no-reply", {"rate": "0.5"})])
        return [bool(_heartbeat(pile)) for _ in range(200)]

    first = answered()
    assert 70 < sum(first) < 130
    assert answered() == first


def test_it_has_two_faults_at_once() -> None:
    pile = PileSide(faults=[choose_fault(FAULTS, "no-reply", {"which": "hello"}), choose_fault(FAULTS, "wrong-echo")])
    assert _hello_and_heartbeat(pile) == [GunReportReply(gun=2)]
    assert [mishap.fault for mishap in pile.platform.mishaps] == ["no-reply", "wrong-echo"]


def test_it_delegates_every_decision_it_has_no_answer_of_its_own_to() -> None:
    decisions = {name for name in vars(Behaviour) if not name.startswith("_")}
    assert decisions <= set(vars(Fault))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_it_names_the_rules_that_must_catch_it(fault: type[Fault[Any]]) -> None:
    assert fault.title
    assert fault.catches and all(rule.startswith("platform.") for rule in fault.catches)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("no-replies", {}, "expected a fault, one of wrong-echo"),
        ("no-reply", {"witch": "hello"}, "expected one of rate, which; found 'witch'"),
        ("no-reply", {"which": "helo"}, "expected a message, one of hello"),
        ("no-reply", {"rate": "2"}, "expected a fraction from 0 to 1"),
        ("wrong-time", {"ahead": "5"}, "expected a duration with its unit"),
        ("ignores-balance", {"rate": "1"}, "found 'rate'"),
    ],
)
def test_it_refuses_what_it_does_not_know(name: str, parameters: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match="expected") as refused:
        choose_fault(FAULTS, name, parameters)
    assert said in str(refused.value)


def test_it_is_chosen_with_its_defaults() -> None:
    assert choose_fault(FAULTS, "wrong-time") == FaultChoice("wrong-time", FAULTS["wrong-time"].parameters())


def test_it_takes_a_change_report_for_a_report() -> None:
    pile = PileSide(faults=[choose_fault(FAULTS, "no-reply", {"which": "gun-report"})])
    assert pile.asks(GunReport(change=True, state=GunState.IDLE, cable=False)) == []
