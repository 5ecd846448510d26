"""The operator: told what to do, believed by what the pile sends or by a key."""

from __future__ import annotations

from typing import Any

import pytest
from bills import empty_bill
from operated import Desk, hears, report, stimuli
from toys import LHC, header

from pilesim.rig.operator import Operator, Silence, Terminal
from pilesim.rig.signs import SIGNS, Signs
from pilesim.rig.stimuli import KINDS
from pilesim.trace.events import LineDown, LineUp, Stimulus
from pilesim.trace.recorder import Recorder
from pilesim.units import S
from pilesim.wire.frame import End
from pilesim.wire.messages import Bill, CardAsk, GunFault, GunReport, GunState, Message, StopAsk, StopReason

ACCOUNT = "13800000000000000"
ORDER = "20200303123645436010"


def bill(gun: int) -> Bill:
    return empty_bill(ORDER, gun=gun, stop_reason=StopReason.PLATFORM)


def at_work(terminal: Terminal, checks: str = "") -> tuple[Recorder, Operator]:
    recorder = Recorder(header())
    operator = Operator(recorder, Signs(recorder, LHC), terminal, checks)
    recorder.record(LineUp(t_ns=0, end=End.PILE))
    return recorder, operator


def test_it_asks_a_person_and_records_what_the_reports_confirm() -> None:
    desk = Desk()
    recorder, operator = at_work(desk, "Then checked: bill.prompt.")
    operator.do(10 * S, "plug", 1, {"car": {"soc": 35}})
    operator.do(10 * S, "unplug", 1, {})
    operator.do(10 * S, "plug", 2, {})
    assert desk.told[0] == (
        "Plug the cable of gun 1 into the car. Enter says that it is done. Then checked: bill.prompt."
    )
    asked = (
        "Plug the cable of gun 1 into the car.",
        "Pull the cable of gun 1 out of the car.",
        "Plug the cable of gun 2 into the car.",
    )
    assert operator.pending() == asked
    hears(recorder, 15, report(1, cable=False))
    assert stimuli(recorder) == [], "the cable of gun 1 is not in yet"
    hears(recorder, 20, report(1, cable=True))
    hears(recorder, 20, report(1, cable=True), end=End.PLATFORM)
    assert operator.pending() == asked[1:]
    hears(recorder, 30, report(1, cable=False))
    hears(recorder, 40, report(2, cable=True))
    assert operator.pending() == ()
    assert stimuli(recorder) == [
        Stimulus(t_ns=20 * S, began_ns=10 * S, kind="plug", gun=1, detail={"car": {"soc": 35}}),
        Stimulus(t_ns=30 * S, began_ns=10 * S, kind="unplug", gun=1),
        Stimulus(t_ns=40 * S, began_ns=10 * S, kind="plug", gun=2),
    ]


def test_it_asks_nobody_for_what_the_reports_show_already() -> None:
    desk = Desk()
    recorder, operator = at_work(desk)
    for t_s, cable in ((5, False), (15, False), (20, True)):
        hears(recorder, t_s, report(1, cable=cable))
    operator.do(25 * S, "plug", 1, {})
    assert desk.told == []
    assert operator.pending() == ()
    # Begun at the earliest with the last report of the cable out, done by now at the latest.
    assert stimuli(recorder) == [Stimulus(t_ns=25 * S, began_ns=15 * S, kind="plug", gun=1)]


@pytest.mark.parametrize("by_key", [False, True])
def test_it_says_that_the_cable_may_have_been_pulled_before_it_asked_where_the_bill_came_first(by_key: bool) -> None:
    desk = Desk(keys=0)
    recorder, operator = at_work(desk)
    hears(recorder, 15, report(1, cable=True))
    hears(recorder, 20, bill(2))
    hears(recorder, 24.999, bill(1))
    operator.do(25 * S, "unplug", 1, {})
    assert len(operator.pending()) == 1, "a bill alone shows no cable: a faulty pile sends one too early"
    if by_key:
        desk.keys = 1
        operator.look(26 * S)
    else:
        hears(recorder, 26, report(1, cable=False))
    assert stimuli(recorder) == [Stimulus(t_ns=26 * S, began_ns=15 * S, kind="unplug", gun=1)]


def test_a_bill_with_the_cable_in_afterwards_is_of_no_cable_that_was_pulled_before_it_asked() -> None:
    recorder, operator = at_work(Silence())
    for message in (report(1, cable=True), bill(1), report(1, cable=True)):
        hears(recorder, 15, message)
    operator.do(25 * S, "unplug", 1, {})
    hears(recorder, 26, report(1, cable=False))
    assert stimuli(recorder) == [Stimulus(t_ns=26 * S, began_ns=25 * S, kind="unplug", gun=1)]


def test_it_takes_a_key_for_the_oldest_act_and_none_that_was_pressed_before_the_prompt() -> None:
    desk = Desk(keys=1)
    recorder, operator = at_work(desk)
    operator.do(10 * S, "tap", 1, {})
    assert not operator.look(11 * S)
    assert stimuli(recorder) == [], "the key was pressed before anything was asked"
    operator.do(11 * S, "plug", 2, {})
    desk.keys = 1
    assert operator.look(12 * S)
    assert stimuli(recorder) == [Stimulus(t_ns=12 * S, began_ns=10 * S, kind="tap", gun=1)]
    assert operator.pending() == ("Plug the cable of gun 2 into the car.",)


def test_it_asks_for_the_unplug_even_where_no_report_has_shown_the_plug_that_a_key_confirmed() -> None:
    desk = Desk()
    recorder, operator = at_work(desk)
    hears(recorder, 5, report(1, cable=False))
    operator.do(10 * S, "plug", 1, {})
    desk.keys = 1
    assert operator.look(12 * S)
    operator.do(13 * S, "unplug", 1, {})
    assert operator.pending() == ("Pull the cable of gun 1 out of the car.",)
    assert [stimulus.kind for stimulus in stimuli(recorder)] == ["plug"]


@pytest.mark.parametrize(
    ("kind", "gun", "says"),
    [("unplug", 1, "until it is back, only Enter says"), ("power-on", None, "on. Enter says that it is done.")],
)
def test_it_says_where_no_line_can_show_the_act(kind: str, gun: int | None, says: str) -> None:
    desk = Desk()
    recorder, operator = at_work(desk)
    hears(recorder, 5, report(1, cable=True))
    recorder.record(LineDown(t_ns=10 * S, end=End.PILE))
    operator.do(11 * S, kind, gun, {})
    assert says in desk.told[0]
    recorder.record(LineUp(t_ns=20 * S, end=End.PILE))
    hears(recorder, 21, report(1, cable=False))
    assert [(done.kind, done.began_ns) for done in stimuli(recorder)] == [(kind, 11 * S)]


def test_it_refuses_what_nobody_could_confirm() -> None:
    recorder, operator = at_work(Silence())
    with pytest.raises(ValueError, match="Nothing on the line shows it, and there is no terminal"):
        operator.do(0, "tap", 1, {})
    assert (operator.pending(), stimuli(recorder)) == ((), [])


CHARGING, FAULTY = GunState.CHARGING, GunState.FAULT
SHOWS: list[tuple[str, int | None, dict[str, Any], Message, Message]] = [
    # (what is asked, of which gun, what does not show it, what does)
    ("plug", 1, {}, report(1, False), report(1, True)),
    ("plug", 1, {}, report(2, True), report(1, True)),
    ("unplug", 1, {}, report(1, True), report(1, False)),
    ("card", 1, {"account": ACCOUNT}, report(1, False), CardAsk(gun=1, account=ACCOUNT)),
    ("card", 2, {"account": ACCOUNT}, StopAsk(gun=1, account=ACCOUNT), StopAsk(gun=2, account=ACCOUNT)),
    ("stop-button", 1, {}, report(1, True, CHARGING), report(1, True, GunState.OCCUPIED_NOT_FULL)),
    ("emergency-stop", None, {}, report(1, True), GunReport(state=FAULTY, cable=True, fault=GunFault.EMERGENCY_STOP)),
    (
        "emergency-release",
        None,
        {},
        GunReport(state=FAULTY, cable=True, fault=GunFault.EMERGENCY_STOP),
        GunReport(state=GunState.IDLE, cable=True, fault=GunFault.NONE),
    ),
    (
        "fault",
        1,
        {"fault": "meter"},
        GunReport(state=FAULTY, cable=True, fault=GunFault.FAN),
        GunReport(state=FAULTY, cable=True, fault=GunFault.METER),
    ),
    (
        "fault-cleared",
        1,
        {"fault": "meter"},
        GunReport(state=FAULTY, cable=True, fault=GunFault.METER),
        GunReport(state=GunState.IDLE, cable=True, fault=GunFault.NONE),
    ),
    ("maintenance", 1, {"on": True}, report(1, False), report(1, False, GunState.MAINTENANCE)),
    ("maintenance", 1, {"on": False}, report(1, False, GunState.MAINTENANCE), report(1, False)),
]


@pytest.mark.parametrize(("kind", "gun", "detail", "other", "shown"), SHOWS)
def test_it_knows_what_shows_each_act(
    kind: str, gun: int | None, detail: dict[str, Any], other: Message, shown: Message
) -> None:
    recorder, operator = at_work(Silence())
    operator.do(1 * S, kind, gun, detail)
    hears(recorder, 2, other)
    assert stimuli(recorder) == []
    hears(recorder, 3, shown)
    assert stimuli(recorder) == [Stimulus(t_ns=3 * S, began_ns=1 * S, kind=kind, gun=gun, detail=detail)]


def test_it_sees_the_power_go_and_come_by_the_line() -> None:
    recorder, operator = at_work(Silence())
    operator.do(1 * S, "power-off", None, {})
    recorder.record(LineDown(t_ns=1 * S, end=End.PLATFORM))
    assert stimuli(recorder) == [], "that was the other end"
    recorder.record(LineDown(t_ns=2 * S, end=End.PILE))
    operator.do(3 * S, "power-on", None, {})
    recorder.record(LineUp(t_ns=9 * S, end=End.PILE))
    assert [(stimulus.kind, stimulus.t_ns // S) for stimulus in stimuli(recorder)] == [
        ("power-off", 2),
        ("power-on", 9),
    ]


def test_it_has_words_for_every_kind_of_act() -> None:
    detail = {"account": ACCOUNT, "fault": "meter", "ok": False, "taken": True, "on": True, "lacks": ["bcl"]}
    for kind in KINDS:
        desk = Desk()
        _, operator = at_work(desk)
        operator.do(0, kind, 1, detail)
        assert "{" not in desk.told[0]
        assert "False" not in desk.told[0], "a person reads true and false"
    assert {kind for kind in KINDS if kind not in SIGNS} == {"tap", "insulation", "bms", "parking"}
