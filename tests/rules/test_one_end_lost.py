"""What one end's recording cannot tell from a frame that the line lost is laid to nobody."""

from __future__ import annotations

import pytest
from msgspec import structs
from world import ACCOUNT, BEAT_DWH, TARIFF, A, B, World

from pilesim.rules.verdict import Blame, Verdict
from pilesim.trace.events import LineUp, Missing
from pilesim.wire.frame import End
from pilesim.wire.messages import (
    NO_TIME,
    Alive,
    AliveReply,
    Authorise,
    AuthoriseReply,
    Ended,
    EndReason,
    GunState,
    Hello,
    HelloReply,
    Stop,
    StopReason,
    StopReply,
    TariffTell,
    TimeAsk,
    TimeTell,
)


def at_the_platform() -> World:
    return World(ends=(End.PLATFORM,))


@pytest.mark.parametrize(("lost", "verdict"), [(True, Verdict.INCONCLUSIVE), (False, Verdict.FAIL)])
def test_it_lays_what_is_missing_by_its_number_to_nobody(lost: bool, verdict: Verdict) -> None:
    world = at_the_platform().beats(120).plug().authorise().start()
    if lost:
        world.up(Ended(account=ACCOUNT, reason=EndReason.BY_PILE_OR_USER), arrives=False)
    rule = {row.id: row for row in world.beats(180).judged().rules}["start.outcome"]
    assert rule.verdict is verdict
    assert ("some of its frames are missing" in rule.reason) is lost


@pytest.mark.parametrize(("answered", "verdict"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.FAIL)])
def test_it_holds_a_pile_to_a_stop_once_it_is_known_to_have_arrived(answered: bool, verdict: Verdict) -> None:
    world = at_the_platform().wait(10).plug().authorise().start().charges().stop(answered=answered).goes_on(8)
    rule = {row.id: row for row in world.judged().rules}["stop.ends-charge"]
    assert rule.verdict is verdict
    assert ("pile or line" in rule.reason) is not answered


OTHER = "00000000013900000"

# What was sent, and perhaps held up or lost --------------------------------------------------------------------


@pytest.mark.parametrize(("end", "verdict"), [(End.PLATFORM, Verdict.INCONCLUSIVE), (End.PILE, Verdict.FAIL)])
def test_it_takes_a_stop_that_was_sent_for_one_that_may_have_come_later(end: End, verdict: Verdict) -> None:
    world = World(ends=(end,)).wait(10).plug().authorise().start().charges().stop(answered=False).goes_on(4)
    world.over(reason=StopReason.PLATFORM).wait(20).unplug().wait(0.5).bill()
    rule = {row.id: row for row in world.judged().rules}["bill.stop-reason"]
    assert rule.verdict is verdict
    assert ("held up the stop: a recording at the pile" in rule.reason) is (verdict is Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("answered", "verdict"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.FAIL)], ids=["lost", "arrived"]
)
def test_it_ends_no_occupancy_by_a_start_that_may_be_lost(answered: bool, verdict: Verdict) -> None:
    world = at_the_platform().charged(A).beats(60, GunState.OCCUPIED_NOT_FULL)
    world.authorise(B).start(answered=answered, arrives=answered)
    judgement = world.beats(180, GunState.OCCUPIED_NOT_FULL).judged()
    assert judgement.verdict("bill.prompt") is verdict


def test_it_takes_a_bill_for_a_sign_that_the_next_start_has_arrived() -> None:
    world = at_the_platform().charged(A).beats(60, GunState.OCCUPIED_NOT_FULL)
    world.authorise(B).start(answered=False).wait(1)
    world.charge.leave = world.now()
    judgement = world.bill().beats(60, GunState.OCCUPIED_NOT_FULL).judged()
    assert judgement.verdict("bill.after-unplug") is Verdict.PASS


@pytest.mark.parametrize(("answered", "verdict"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.FAIL)])
def test_it_waits_for_the_end_of_an_authorisation_that_has_arrived(answered: bool, verdict: Verdict) -> None:
    world = at_the_platform().plug().authorise(answered=answered).beats(600)
    assert world.judged().verdict("auth.expires") is verdict


@pytest.mark.parametrize(
    ("silent_s", "told", "verdict"),
    [(55, False, Verdict.PASS), (30, False, Verdict.FAIL), (55, True, Verdict.FAIL)],
)
def test_it_wants_no_answer_on_a_line_that_may_have_been_down(silent_s: int, told: bool, verdict: Verdict) -> None:
    world = at_the_platform().beats(30)
    world.header = structs.replace(world.header, missing=() if told else (Missing.CONNECTIONS,))
    world.events = [event for event in world.events if told or not isinstance(event, LineUp)]
    judgement = world.beat(answered=False).wait(silent_s).beat(answered=False).wait(1).judged()
    assert judgement.verdict("platform.replies") is verdict


@pytest.mark.parametrize(("answered", "verdict"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.FAIL)])
def test_it_starts_nothing_by_a_start_that_may_be_lost(answered: bool, verdict: Verdict) -> None:
    world = at_the_platform().plug().authorise(A).wait(5).start(answered=answered).wait(5)
    assert world.charges(B).judged().verdict("auth.kept") is verdict


@pytest.mark.parametrize(("waits", "verdict"), [(True, Verdict.INCONCLUSIVE), (False, Verdict.FAIL)])
def test_it_takes_a_bill_with_the_cable_in_for_the_next_cards(waits: bool, verdict: Verdict) -> None:
    world = at_the_platform().charged(A)
    world = world.authorise(B) if waits else world
    world.charge.leave = world.wait(1).now()
    judgement = world.bill().beat(GunState.OCCUPIED_NOT_FULL).judged()
    assert judgement.verdict("bill.after-unplug") is verdict


@pytest.mark.parametrize(("stimuli", "verdict"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.FAIL)])
def test_a_charge_may_have_been_stopped_at_the_pile_where_nobody_tells(stimuli: bool, verdict: Verdict) -> None:
    world = World(ends=(End.PLATFORM,), stimuli=stimuli).wait(10).plug().authorise().start().charges().wait(5)
    world.charge.end, world.charge.reason = world.now(), StopReason.AT_PILE
    assert world.wait(0.1).unplug().wait(0.5).bill().judged().verdict("bill.stop-reason") is verdict


@pytest.mark.parametrize(("answered", "verdict"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.FAIL)])
def test_a_start_that_may_be_lost_is_not_told_to_have_failed(answered: bool, verdict: Verdict) -> None:
    world = at_the_platform().plug().authorise(balance=0).start(answered=answered).beats(360)
    assert world.ended(EndReason.TIMED_OUT).judged().verdict("start.failure-told") is verdict


@pytest.mark.parametrize(("overtaken", "verdict"), [(True, Verdict.INCONCLUSIVE), (False, Verdict.FAIL)])
def test_it_waits_for_no_outcome_that_may_have_overtaken_the_answer(overtaken: bool, verdict: Verdict) -> None:
    world = at_the_platform().plug().authorise()
    asked = world.wait(10).start_of()
    world = world.wait(20).ended() if overtaken else world
    assert world.wait(20).start_reply(asked).beats(300).judged().verdict("start.outcome") is verdict


@pytest.mark.parametrize(("lacks", "verdict"), [(["bcp"], Verdict.INCONCLUSIVE), ([], Verdict.FAIL)])
def test_a_start_fails_by_right_at_a_car_that_does_not_tell_all(lacks: list[str], verdict: Verdict) -> None:
    world = World().plug(lacks=lacks).authorise(A).wait(10).authorise(B).wait(5).start().wait(30).ended()
    assert world.judged().verdict("auth.second-scan") is verdict


# A stop that was not answered -----------------------------------------------------------------------------------

ANSWERED = pytest.mark.parametrize(("answered", "verdict"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.FAIL)])
AT_EITHER = pytest.mark.parametrize("end", End)


@ANSWERED
@AT_EITHER
def test_it_starts_an_order_by_right_whose_stop_perhaps_never_came(end: End, answered: bool, verdict: Verdict) -> None:
    world = World(ends=(end,)).plug().authorise().stop(answered=answered).wait(5).start().charges()
    assert world.judged().verdict("start.needs-order") is verdict


@ANSWERED
def test_it_need_not_refuse_an_order_whose_stop_perhaps_never_came(answered: bool, verdict: Verdict) -> None:
    world = World(ends=(End.PILE,)).plug().authorise().stop(answered=answered).wait(5).start().beats(180)
    assert world.judged().verdict("start.failure-told") is verdict


@ANSWERED
@AT_EITHER
def test_it_may_charge_the_order_whose_stop_perhaps_never_came(end: End, answered: bool, verdict: Verdict) -> None:
    world = World(ends=(end,)).plug().authorise(A).stop(answered=answered).wait(5).authorise(B).start().charges(A)
    assert world.judged().verdict("auth.kept") is verdict


@pytest.mark.parametrize(("answered", "verdict"), [(False, Verdict.PASS), (True, Verdict.FAIL)])
def test_it_takes_the_second_stop_for_the_one_that_ended_the_charge(answered: bool, verdict: Verdict) -> None:
    world = World(ends=(End.PILE,)).wait(10).plug().authorise().start().charges().stop(answered=answered).goes_on(4)
    world.stop().wait(1).over(reason=StopReason.PLATFORM).wait(20).unplug().wait(0.5).bill()
    assert world.judged().verdict("bill.stop-reason") is verdict


@pytest.mark.parametrize(("held", "verdict"), [(True, Verdict.INCONCLUSIVE), (False, Verdict.FAIL)])
def test_a_stop_that_overtook_its_authorisation_has_stopped_nothing(held: bool, verdict: Verdict) -> None:
    world = at_the_platform().plug()
    asked = world.down(Authorise(account=ACCOUNT, order=A, balance_mfen=5_000_000, tariff=TARIFF))
    if not held:
        world.wait(0.2).authorise_reply(asked)
    world.wait(20).stop().wait(20)
    if held:
        world.authorise_reply(asked)
    assert world.start().charges().judged().verdict("start.needs-order") is verdict


def test_an_order_that_was_authorised_twice_is_held_against_nobody() -> None:
    world = at_the_platform().plug().authorise().stop().wait(5).authorise().start().charges()
    assert world.judged().verdict("start.needs-order") is Verdict.INCONCLUSIVE


def test_it_ends_no_occupancy_by_the_start_of_an_order_that_perhaps_changes_nothing() -> None:
    world = at_the_platform().wait(10).plug().authorise(A).start().charges(A)
    asked = world.down(Stop(account=ACCOUNT))
    world.authorise(B, account=OTHER).wait(4).up(StopReply(account=ACCOUNT), asked)
    world.over().start(account=OTHER).wait(1).ended(account=OTHER)
    assert world.beats(180, GunState.OCCUPIED_NOT_FULL).judged().verdict("bill.prompt") is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("end", "blame"), [(End.PILE, Blame.CANNOT_TELL), (End.PLATFORM, Blame.PLATFORM)])
def test_it_blames_nobody_for_a_stop_at_the_balance_that_may_be_lost(end: End, blame: Blame) -> None:
    world = World(ends=(end,)).plug().authorise(balance=50_000).start().charges(beats=12)
    (finding,) = {row.id: row for row in world.judged().rules}["platform.stops-at-balance"].findings
    assert (finding.blame, "at the platform" in finding.hint) == (blame, blame is Blame.CANNOT_TELL)


def test_a_balance_may_be_used_up_before_the_cable_is_pulled_in_an_outage() -> None:
    world = World().wait(10).plug().authorise(balance=205_000).start().charges().wait(5).line_down().wait(10)
    world.charge.end, world.charge.reason = world.now(), StopReason.BALANCE
    world.charge.energy_dwh += BEAT_DWH
    world.wait(5).unplug(shown=False).wait(5).connect().bill()
    assert world.judged().verdict("bill.stop-reason") is not Verdict.FAIL


# What happens while nothing is heard ----------------------------------------------------------------------------


@pytest.mark.parametrize(("outage", "verdict"), [(True, Verdict.PASS), (False, Verdict.FAIL)])
def test_a_cable_may_have_been_out_and_in_again(outage: bool, verdict: Verdict) -> None:
    world = World(ends=(End.PILE,), stimuli=False).charged(A).beats(30, GunState.OCCUPIED_NOT_FULL)
    world = world.line_down().wait(60).connect() if outage else world
    assert world.beats(60).judged().verdict("beat.occupied-while-cabled") is verdict


def back_on_a_cable(end: End, outage: bool) -> World:
    """A charge is over, and the cable in, after a while in which nothing was heard; or was in all the time."""
    world = World(ends=(end,), stimuli=False).wait(10).plug().authorise().start().charges().wait(5).over()
    world.charge.leave = world.wait(20).now()
    return world.line_down().wait(150).connect() if outage else world.beats(150, GunState.OCCUPIED_NOT_FULL)


@pytest.mark.parametrize(("outage", "verdict"), [(True, Verdict.INCONCLUSIVE), (False, Verdict.FAIL)])
def test_a_bill_may_be_of_a_cable_that_was_out_unheard(outage: bool, verdict: Verdict) -> None:
    world = back_on_a_cable(End.PILE, outage).bill().beats(30)
    assert world.judged().verdict("bill.after-unplug") is verdict


@pytest.mark.parametrize(("outage", "verdict"), [(True, Verdict.PASS), (False, Verdict.FAIL)])
def test_a_cable_that_was_out_unheard_may_have_left_before_the_next_start(outage: bool, verdict: Verdict) -> None:
    world = back_on_a_cable(End.PLATFORM, outage)
    bill = world.bill_of()
    world.authorise(B).start().charges(B).bill(bill)
    assert world.judged().verdict("bill.plug-times") is verdict


@pytest.mark.parametrize(("outage", "verdict"), [(True, Verdict.INCONCLUSIVE), (False, Verdict.FAIL)])
def test_a_charge_that_ended_unheard_may_have_had_its_cause(outage: bool, verdict: Verdict) -> None:
    world = World(ends=(End.PILE,), stimuli=False).plug().authorise().beats(210).start().charges(beats=0)
    world = world.line_down("").wait(10).connect() if outage else world.wait(10).beat()
    assert world.judged().verdict("start.delayed") is verdict


@pytest.mark.parametrize(("started", "verdict"), [(True, Verdict.PASS), (False, Verdict.FAIL)])
def test_an_order_that_was_started_may_have_charged_unheard(started: bool, verdict: Verdict) -> None:
    world = World().wait(10).authorise(A).start().wait(1).ended().wait(20).plug().authorise(B)
    world = world.start() if started else world
    world.wait(5).line_down()
    world.charge.order, world.charge.start = B, world.wait(10).now()
    world.charge.end = world.wait(30).now()
    world.unplug(shown=False).wait(20).connect().bill()
    assert world.judged().verdict("bill.none-unstarted") is verdict


@pytest.mark.parametrize(("told", "verdict"), [(False, Verdict.PASS), (True, Verdict.FAIL)])
def test_it_wants_no_answer_to_a_hello_of_another_connection(told: bool, verdict: Verdict) -> None:
    world = World(ends=(End.PLATFORM,), connect=False)
    world.header = structs.replace(world.header, missing=() if told else (Missing.CONNECTIONS,))
    world.up(Hello(firmware="1.0"))
    assert world.connect().beats(30).judged().verdict("platform.replies") is verdict


@pytest.mark.parametrize(("answered", "verdict"), [(True, Verdict.PASS), (False, Verdict.FAIL)])
def test_an_authorisation_may_be_answered_on_the_next_connection(answered: bool, verdict: Verdict) -> None:
    world = at_the_platform().plug().authorise(answered=False).wait(5).line_down().wait(5).connect()
    if answered:
        world.up(AuthoriseReply(account=ACCOUNT))
    assert world.start().judged().verdict("platform.start-after-auth") is verdict


def test_it_counts_a_gun_as_heard_from_the_last_time_that_it_was_let_in() -> None:
    world = World(protocol="ykc-1.6", connect=False).line_up()
    for _ in range(2):
        world.down(HelloReply(accepted=True), world.up(Hello(firmware="1.0")))
        for _ in range(6):
            world.wait(10)
            world.down(AliveReply(gun=1), world.up(Alive(gun=1)))
    assert world.judged().verdict("beat.alive") is Verdict.PASS


@pytest.mark.parametrize(("end", "verdict"), [(End.PILE, Verdict.PASS), (End.PLATFORM, Verdict.FAIL)])
def test_a_tariff_may_have_been_asked_for_twice_by_the_line(end: End, verdict: Verdict) -> None:
    world = World(protocol="ykc-1.6", connect=False, ends=(end,)).line_up()
    world.down(TariffTell(model="0001", same=False, asked=True))
    assert world.judged().verdict("platform.frames") is verdict


# Power that goes ------------------------------------------------------------------------------------------------


def dark(world: World) -> World:
    """The power goes for a few seconds."""
    world.stimulus("power-off", gun=None).line_down(by="pile").wait(3).stimulus("power-on", gun=None)
    return world.wait(1).connect()


@pytest.mark.parametrize(("read", "verdict"), [(False, Verdict.INCONCLUSIVE), (True, Verdict.FAIL)])
def test_it_ends_no_occupancy_by_a_start_that_went_with_the_power(read: bool, verdict: Verdict) -> None:
    world = World().charged(A).beats(30, GunState.OCCUPIED_NOT_FULL).authorise(B).start(answered=read)
    judgement = dark(world.wait(0.1)).beats(180, GunState.OCCUPIED_NOT_FULL).judged()
    assert judgement.verdict("bill.survives-outage") is verdict


@pytest.mark.parametrize(("cut", "verdict"), [(True, Verdict.INCONCLUSIVE), (False, Verdict.FAIL)])
def test_an_authorisation_goes_with_the_power(cut: bool, verdict: Verdict) -> None:
    world = World().plug().authorise(A).wait(10).authorise(B, account=ACCOUNT).wait(5)
    world = (dark(world) if cut else world).start().wait(30).ended()
    assert world.judged().verdict("auth.second-scan") is verdict


@pytest.mark.parametrize(("acts", "blame"), [(True, Blame.PILE), (False, Blame.CANNOT_TELL)])
def test_it_blames_nobody_for_a_flap_that_may_have_been_a_cut_of_the_power(acts: bool, blame: Blame) -> None:
    world = World(ends=(End.PILE,), stimuli=acts).plug().authorise().wait(5).line_down().wait(5).connect()
    judgement = world.start().wait(30).ended().judged()
    (finding,) = {row.id: row for row in judgement.rules}["link.flap-keeps-order"].findings
    assert finding.blame is blame
    assert ("with what was done there" in finding.hint) is not acts


# Clocks, seen from afar ----------------------------------------------------------------------------------------

TOO_LATE_S = 70.0
"""More than either clock may be off."""


@pytest.mark.parametrize(
    ("end", "times", "off_s", "verdict"),
    [
        (End.PLATFORM, 1, -TOO_LATE_S, Verdict.INCONCLUSIVE),
        (End.PLATFORM, 2, -TOO_LATE_S, Verdict.FAIL),
        (End.PLATFORM, 1, TOO_LATE_S, Verdict.FAIL),
        (End.PLATFORM, 1, -3600, Verdict.FAIL),
        (End.PILE, 1, -TOO_LATE_S, Verdict.FAIL),
    ],
)
def test_it_takes_one_time_of_the_piles_that_is_behind_for_one_held_up(
    end: End, times: int, off_s: float, verdict: Verdict
) -> None:
    world = World(ends=(end,))
    for _ in range(times):
        world.beats(90).ask_time(off_s)
    assert world.judged().verdict("clock.synced") is verdict


@pytest.mark.parametrize(("asks", "verdict"), [(False, Verdict.FAIL), (True, Verdict.INCONCLUSIVE)])
@pytest.mark.parametrize("end", End)
def test_it_takes_an_empty_time_for_that_of_a_pile_that_was_not_told_it_if_it_has_asked(
    asks: bool, verdict: Verdict, end: End
) -> None:
    world = World(ends=(end,), connect=False).line_up()
    world.down(HelloReply(), world.up(Hello(firmware="1.0")))
    if asks:
        world.up(TimeAsk(pile_time=NO_TIME))
    world.whole(start=NO_TIME)
    assert world.judged().verdict("bill.times") is verdict


@pytest.mark.parametrize(("silent_s", "verdict"), [(390, Verdict.INCONCLUSIVE), (450, Verdict.FAIL)])
def test_it_holds_a_platform_to_giving_up_once_the_line_cannot_have_held_up_the_piles_end(
    silent_s: float, verdict: Verdict
) -> None:
    world = at_the_platform().wait(10).plug().wait(5).authorise().beats(silent_s).ended(EndReason.TIMED_OUT).beats(60)
    assert world.judged().verdict("platform.gives-up") is verdict


def test_it_holds_a_platform_to_giving_up_in_time_by_itself() -> None:
    world = at_the_platform().wait(10).plug().wait(5).authorise().beats(390).stop().beats(60)
    assert world.judged().verdict("platform.gives-up") is Verdict.FAIL


def test_it_takes_several_times_that_come_at_once_for_held_up_together() -> None:
    world = at_the_platform().beats(90)
    for ago_s in (TOO_LATE_S, TOO_LATE_S - 5):
        world.ask_time(-ago_s)
    assert world.judged().verdict("clock.synced") is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("end", "waited_s", "verdict"),
    [
        (End.PILE, TOO_LATE_S, Verdict.INCONCLUSIVE),
        (End.PILE, 1, Verdict.FAIL),
        (End.PLATFORM, TOO_LATE_S, Verdict.FAIL),
    ],
)
def test_it_takes_a_time_that_was_long_waited_for_for_one_held_up(end: End, waited_s: float, verdict: Verdict) -> None:
    world = World(ends=(end,), connect=False).line_up().beats(30)
    asked = world.up(TimeAsk(pile_time=world.now()))
    world.wait(waited_s).down(TimeTell(platform_time=world.now(-TOO_LATE_S), pile_time=world.now()), asked)
    assert world.judged().verdict("platform.clock") is verdict


@pytest.mark.parametrize(("waited_s", "verdict"), [(TOO_LATE_S, Verdict.INCONCLUSIVE), (1, Verdict.FAIL)])
def test_a_pile_may_go_by_when_it_asked_for_the_time(waited_s: float, verdict: Verdict) -> None:
    world = World(ends=(End.PILE,), connect=False).line_up().beats(30)
    asked, told = world.up(TimeAsk(pile_time=world.now())), world.now()
    world.wait(waited_s).down(TimeTell(platform_time=told, pile_time=told), asked)
    off_s = 0 if waited_s == TOO_LATE_S else TOO_LATE_S
    judgement = world.whole().wait(5).ask_time(off_s).judged()
    assert judgement.verdict("clock.synced") is verdict
    assert [rule for rule in judgement.failed() if rule.startswith("bill.")] == []
