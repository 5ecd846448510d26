"""Stories of frames, line, clock, heartbeats, authorisation, start, stop, safety."""

from __future__ import annotations

from stories import fails, leaves_open, passes
from world import ACCOUNT, BEAT_DWH, TARIFF, A, B, World

from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import (
    NO_TIME,
    Authorise,
    AuthoriseReply,
    BillReply,
    EndReason,
    GunFault,
    GunReportReply,
    GunState,
    Start,
    StartReply,
    Stop,
    StopAsk,
    StopReason,
)

CHARGING, IDLE, FAULT = GunState.CHARGING, GunState.IDLE, GunState.FAULT
NOT_FULL = GunState.OCCUPIED_NOT_FULL


def broken(raw: bytes) -> bytes:
    """The frame with a checksum that is wrong."""
    return raw[:-2] + bytes([raw[-2] ^ 0x01]) + raw[-1:]


# One good charge shows most of what is expected ------------------------------------------------------------


@passes(
    "frame.valid", "frame.echo", "beat.period", "beat.legal-path", "beat.occupied-while-cabled", "beat.order",
    "beat.start-time", "beat.shows-unplug", "auth.answered", "auth.kept", "start.answered", "start.outcome",
    "stop.answered", "stop.ends-charge", "bill.one-per-charge", "bill.prompt", "bill.at-once", "bill.after-unplug",
    "bill.order-known", "bill.not-stale", "bill.times", "bill.plug-times", "bill.duration", "bill.energy",
    "bill.amount", "bill.occupancy", "bill.stop-reason", "platform.frames", "platform.replies",
    "platform.bill-acked", "platform.clock", "platform.start-after-auth", "platform.waits-for-outcome",
)  # fmt: skip
def a_good_charge() -> World:
    return World().whole().beats(240)


@leaves_open(
    "frame.valid", "frame.echo", "frame.survives-garbage", "link.reconnects", "link.stable", "link.flap-keeps-order",
    "clock.synced", "beat.period", "beat.legal-path", "beat.occupied-while-cabled", "beat.order", "beat.start-time",
    "beat.shows-unplug", "auth.answered", "auth.kept", "auth.expires", "auth.second-scan", "start.answered",
    "start.outcome", "start.failure-told", "start.delayed", "start.once", "start.needs-order", "stop.answered",
    "stop.ends-charge", "balance.stops", "fault.told", "bill.one-per-charge", "bill.prompt", "bill.at-once",
    "bill.after-unplug", "bill.order-known", "bill.none-unstarted", "bill.not-stale", "bill.resent",
    "bill.survives-outage", "bill.oldest-first", "bill.times", "bill.plug-times", "bill.duration", "bill.energy",
    "bill.amount", "bill.occupancy", "bill.stop-reason", "occupied.parking", "safe.unplug-stops", "safe.insulation",
    "platform.frames", "platform.replies", "platform.bill-acked", "platform.clock", "platform.start-after-auth",
    "platform.waits-for-outcome", "platform.gives-up", "platform.stops-at-balance", "platform.survives-garbage",
)  # fmt: skip
def nothing_at_all() -> World:
    return World(connect=False)


# frame.* ---------------------------------------------------------------------------------------------------


@fails("frame.valid")
def a_checksum_is_wrong() -> World:
    world = World().wait(1)
    world.chunk(broken(world.bytes_of(world.report(), Direction.UP)), Direction.UP)
    return world


@fails("frame.valid", "platform.replies")
def a_gun_that_the_pile_does_not_have() -> World:
    return World().wait(1).beat(gun=7, answered=False).beats(30)


@fails("frame.valid")
def bytes_that_are_no_frame() -> World:
    world = World().wait(1)
    world.chunk(b"AT+CSQ\r\n", Direction.UP)
    return world.wait(1).beat()


@fails("frame.echo")
def a_reply_with_another_account() -> World:
    world = World().wait(10).plug().wait(5)
    asked = world.down(Authorise(account=ACCOUNT, order=A, balance_mfen=1, tariff=TARIFF))
    world.wait(0.2).up(AuthoriseReply(account="13800000000000009"), asked)
    return world


@passes("frame.survives-garbage")
def noise_and_then_a_start() -> World:
    world = World().wait(10).plug().wait(5)
    world.noise(b"\xfe\x10\x00\xfe\xfe", Direction.DOWN)
    return world.wait(2).authorise().wait(5)


@passes("frame.survives-garbage", "platform.survives-garbage")
def frames_cut_in_two_are_answered() -> World:
    world = World().wait(10)
    asked = world.pieces(world.bytes_of(world.report(), Direction.UP), Direction.UP)
    world.down(GunReportReply(), asked)
    request = Authorise(account=ACCOUNT, order=A, balance_mfen=1, tariff=TARIFF)
    asked = world.wait(5).pieces(world.bytes_of(request, Direction.DOWN), Direction.DOWN)
    world.wait(0.2).up(AuthoriseReply(account=ACCOUNT), asked)
    return world


@passes("frame.survives-garbage", "link.reconnects")
def hanging_up_on_noise_and_coming_back() -> World:
    world = World().wait(5)
    world.noise(b"noise", Direction.DOWN)
    return world.wait(1).line_down("pile").wait(3).connect()


@fails("frame.survives-garbage", "auth.answered")
def deaf_after_noise() -> World:
    world = World().wait(10).plug().wait(5)
    world.noise(b"noise", Direction.DOWN)
    return world.wait(2).authorise(answered=False).wait(6).beat()


@fails("frame.survives-garbage")
def a_bad_start_is_answered() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5)
    raw = world.bytes_of(Start(account=ACCOUNT), Direction.DOWN)
    world.chunk(raw, Direction.DOWN, altered=broken(raw))
    world.wait(0.2).up(StartReply(account=ACCOUNT))
    return world


@leaves_open("frame.survives-garbage")
def noise_and_nothing_asked_after_it() -> World:
    world = World().wait(5)
    world.noise(b"noise", Direction.DOWN)
    return world.beats(60)


# link.*, clock.* -------------------------------------------------------------------------------------------


def cut_wire() -> World:
    """A serial line is cut for half a minute, which its pile cannot know."""
    world = World(connectionless=True).wait(10).reachable(False).line_down().wait(20)
    world.up(world.report(), arrives=False)
    return world.wait(10)


@fails("link.reconnects")
def the_pile_stays_away() -> World:
    return World().wait(10).line_down("pile").wait(61)


@passes("link.reconnects")
def the_line_was_refused_for_long() -> World:
    world = World().wait(10).reachable(False).line_down().wait(600).reachable(True).wait(59)
    return world.connect()


@passes("link.reconnects")
def a_pile_talks_on_into_a_cut_wire_and_is_heard_again() -> World:
    world = cut_wire()
    return world.reachable(True).line_up().wait(20).beat()


@fails("link.reconnects", "beat.period")
def a_pile_talks_on_into_a_cut_wire_and_is_silent_then() -> World:
    return cut_wire().reachable(True).line_up().wait(61)


@passes("link.reconnects")
def a_pile_at_a_serial_line_has_its_power_again() -> World:
    world = World(connectionless=True).wait(10).stimulus("power-off", None).wait(60)
    return world.stimulus("power-on", None).wait(20).beat()


@leaves_open("link.reconnects")
def the_line_is_refused_to_the_end() -> World:
    return World().wait(10).reachable(False).line_down().wait(600)


@passes("link.stable")
def two_losses_in_an_hour() -> World:
    world = World()
    for _ in range(2):
        world.beats(1770).line_down("pile").wait(5).connect()
    return world.beats(300)


@fails("link.stable")
def four_losses_in_an_hour() -> World:
    world = World()
    for _ in range(4):
        world.beats(300).line_down("").wait(5).connect()
    return world


@leaves_open("link.stable")
def losses_of_our_own_making() -> World:
    world = World()
    for _ in range(4):
        world.beats(300).line_down("line").wait(5).connect()
    return world


@passes("link.flap-keeps-order")
def a_charge_goes_on_through_a_flap() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    return world.line_down().wait(40).line_up().goes_on(3)


@passes("link.flap-keeps-order")
def an_authorised_order_is_started_after_a_flap() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).line_down().wait(60).connect()
    return world.wait(5).start().wait(5).charges()


@fails("link.flap-keeps-order", "beat.order")
def the_order_is_forgotten_in_a_flap() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    return world.line_down().wait(40).line_up().goes_on(3, order="")


@fails("link.flap-keeps-order")
def the_charge_ends_in_a_flap() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    return world.line_down().wait(60).line_up().over()


@leaves_open("link.flap-keeps-order")
def the_outage_was_long() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    return world.reachable(False).line_down().wait(121).reachable(True).line_up().over()


@passes("clock.synced")
def the_clock_is_right_at_the_next_connect() -> World:
    return World().wait(10).line_down().wait(5).connect(clock_off_s=59)


@fails("clock.synced")
def the_clock_drifts() -> World:
    return World().wait(10).line_down().wait(5).connect(clock_off_s=61)


@fails("clock.synced")
def the_clock_is_never_set() -> World:
    return World().beats(90).change(IDLE, time=NO_TIME)


@leaves_open("clock.synced")
def a_change_of_the_outage_is_told_afterwards() -> World:
    world = World().wait(10).line_down()
    then = world.now()
    return world.wait(50).line_up().change(IDLE, time=then)


# beat.* ----------------------------------------------------------------------------------------------------


@fails("beat.period")
def a_heartbeat_is_late() -> World:
    return World().wait(35.1).beat()


@passes("beat.period")
def the_gap_counts_from_the_connect() -> World:
    return World().wait(20).reachable(False).line_down().wait(30).reachable(True).line_up().wait(34).beat()


@leaves_open("beat.period")
def the_line_went_before_the_next_heartbeat() -> World:
    world = World(connect=False).line_up()
    return world.wait(20).line_down()


@fails("beat.legal-path")
def charging_becomes_idle_with_the_cable_in() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=1).over(IDLE)


@fails("beat.legal-path")
def fault_becomes_charging() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=1)
    return world.wait(5).beat(FAULT, fault=GunFault.MODULE).wait(10).goes_on(1)


@leaves_open("beat.legal-path")
def states_a_long_gap_apart() -> World:
    world = World(connect=False, stimuli=False).line_up().beat(GunState.MAINTENANCE)
    return world.line_down().wait(30).line_up().beat(NOT_FULL, cable=True)


@fails("beat.occupied-while-cabled")
def idle_while_cabled() -> World:
    return World().charged().beats(60)


@leaves_open("beat.occupied-while-cabled")
def one_idle_heartbeat_in_passing() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=1)
    return world.wait(5).stop().wait(1).change(NOT_FULL).wait(5).unplug()


@fails("beat.order")
def the_energy_falls() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    world.charge.energy_dwh -= 2 * BEAT_DWH
    return world.goes_on(1)


@fails("beat.order")
def the_start_time_is_of_the_day_before() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5)
    world.charges(start=world.now(-86_400))
    return world


@fails("beat.start-time")
def the_start_time_is_empty() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(start=NO_TIME)


@fails("beat.shows-unplug")
def an_unplug_that_shows_late() -> World:
    world = World().wait(10).plug().wait(5).unplug(shown=False).wait(5.1)
    return world.beat()


@leaves_open("beat.shows-unplug")
def an_unplug_without_power() -> World:
    world = World().wait(10).stimulus("power-off", None).line_down("pile").wait(5)
    return world.stimulus("unplug").wait(60)


# auth.* ----------------------------------------------------------------------------------------------------


@fails("auth.answered")
def a_scan_without_an_answer() -> World:
    return World().wait(10).authorise(answered=False).wait(6).beat()


@leaves_open("auth.answered")
def a_scan_on_its_way_when_the_line_went() -> World:
    return World().wait(10).authorise(answered=False).wait(4).line_down()


@leaves_open("auth.answered")
def a_scan_that_the_line_lost() -> World:
    world = World().wait(10)
    world.down(Authorise(account=ACCOUNT, order=A, balance_mfen=1, tariff=TARIFF), arrives=False)
    return world.wait(6).beat()


@leaves_open("auth.answered", "platform.replies")
def a_silence_heard_at_the_far_end_only() -> World:
    return World(ends=(End.PLATFORM,), connect=False).line_up().authorise(answered=False).wait(6)


@leaves_open("auth.answered")
def an_answer_to_a_stop_does_not_tell_the_far_end_whether_the_one_scan_arrived() -> World:
    return World(ends=(End.PLATFORM,)).wait(5).authorise(A, answered=False).wait(6).stop().wait(6).beat()


@fails("auth.answered")
def no_scan_of_three_is_answered_at_the_far_end_but_a_stop_is() -> World:
    world = World(ends=(End.PLATFORM,)).wait(5)
    for order in (A, B, "20200311140000000009"):
        world.authorise(order, answered=False).wait(6)
    return world.stop().wait(6).beat()


@passes("auth.answered")
def one_scan_of_four_is_answered_at_the_far_end() -> World:
    world = World(ends=(End.PLATFORM,)).wait(5)
    for order in (A, B, "20200311140000000009"):
        world.authorise(order, answered=False).wait(6)
    return world.authorise("20200311140000000010").wait(1).stop().wait(6).beat()


@passes("beat.period")
def heartbeats_that_the_far_end_hears_late_and_all_at_once() -> World:
    return World(ends=(End.PLATFORM,), stimuli=False).wait(40).beat().beat()


@leaves_open("link.reconnects")
def a_line_that_is_back_late_by_one_ends_recording() -> World:
    return World(ends=(End.PILE,), stimuli=False).wait(5).beat().line_down("").wait(90).line_up().beat()


@leaves_open("link.stable")
def a_line_that_one_end_loses_again_and_again() -> World:
    world = World(ends=(End.PLATFORM,), stimuli=False).wait(5).beat()
    for _ in range(5):
        world.line_down("").wait(5).line_up().beat()
    return world


@fails("auth.kept")
def a_tap_clears_the_order() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).stimulus("tap").wait(5)
    return world.start().wait(5).ended()


@leaves_open("auth.kept")
def a_start_after_the_life_of_its_authorisation() -> World:
    return World().wait(10).plug().wait(5).authorise().beats(300).wait(1).start().wait(3).ended()


@passes("auth.expires", "bill.none-unstarted", "platform.gives-up")
def nobody_starts() -> World:
    world = World().wait(10).plug().wait(5).authorise().beats(330).wait(19).ended(EndReason.TIMED_OUT)
    return world.wait(5).beat().beats(240)


@passes("platform.gives-up", "bill.none-unstarted")
def nobody_starts_and_the_platform_cancels() -> World:
    return World().wait(10).plug().wait(5).authorise().beats(330).wait(11.6).stop().wait(5).beat().beats(240)


@fails("auth.expires", "platform.gives-up")
@fails("platform.gives-up", "auth.expires")
def an_authorisation_without_an_end() -> World:
    return World().wait(10).plug().wait(5).authorise().beats(390)


@leaves_open("auth.expires", "platform.gives-up")
def the_trace_ends_before_the_authorisation() -> World:
    return World().wait(10).plug().wait(5).authorise().beats(300)


@passes("auth.second-scan", "auth.kept")
def a_second_scan_is_started() -> World:
    world = World().wait(10).plug().wait(5).authorise(A).wait(5).authorise(B).wait(5)
    return world.start().wait(5).charges(B)


@passes("auth.second-scan")
def a_second_scan_while_charging_changes_nothing() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    return world.wait(1).authorise(B, account="13800000000000002").wait(1).goes_on(2)


@fails("auth.second-scan")
def a_second_scan_is_ignored() -> World:
    world = World().wait(10).plug().wait(5).authorise(A).wait(5).authorise(B).wait(5)
    return world.start().wait(5).charges(A)


@fails("auth.second-scan")
def a_second_scan_is_ignored_and_its_start_refused() -> World:
    world = World().wait(10).plug().wait(5).authorise(A).wait(5).authorise(B, account="13800000000000002").wait(5)
    return world.start(account="13800000000000002").ended(account="13800000000000002")


@fails("beat.legal-path")
def a_scan_while_a_charge_is_interrupted_by_one_wrong_report() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=2)
    world.wait(1).beat(FAULT).wait(1).authorise(B, account="13800000000000002").wait(1).goes_on(2)
    return world.goes_on(30)


@fails("auth.second-scan")
def a_second_scan_overwrites_the_running_order() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    world.wait(1).authorise(B, account="13800000000000002").wait(1)
    return world.goes_on(2, order=B)


# start.* ---------------------------------------------------------------------------------------------------


@fails("start.answered")
def a_start_without_an_answer() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).start(answered=False).wait(6).beat()


@leaves_open("start.answered")
def a_start_on_its_way_when_the_line_went() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).start(answered=False).wait(4).line_down()


@passes("start.outcome", "start.failure-told", "safe.insulation", "bill.none-unstarted")
def the_insulation_fails() -> World:
    world = World().wait(10).plug(insulation=False).wait(5).authorise().wait(5).start()
    world.wait(15).beat().wait(16).change(IDLE, fault=GunFault.INSULATION_TEST).ended()
    return world.wait(5).beat().beats(240)


@fails("start.outcome")
def a_start_and_then_silence() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).start().beats(120)


@leaves_open("start.outcome")
def a_stop_before_the_outcome() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).note("stop {gun: 1}").stop()


@fails("start.failure-told", "start.outcome")
def a_start_without_a_cable_is_not_told() -> World:
    return World().wait(10).authorise().wait(5).start().beats(120)


@fails("start.failure-told")
def the_insulation_fault_is_not_shown() -> World:
    world = World().wait(10).plug(insulation=False).wait(5).authorise().wait(5).start().wait(5).ended()
    return world.beats(120)


@leaves_open("start.failure-told", "start.needs-order")
def a_start_whose_order_may_be_older_than_the_trace() -> World:
    return World(scenario="", stimuli=False).wait(5).start().wait(5).ended()


@passes("start.delayed")
def a_start_that_was_held() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(20).beat().wait(27).beat().start().wait(5).charges()
    return world.wait(5).stop().wait(1).over()


@fails("start.delayed")
def a_held_start_stops_the_instant_it_starts() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(20).beat().wait(27).beat().start().wait(5)
    return world.charges(beats=0).wait(1).over(reason=StopReason.BALANCE)


@leaves_open("start.delayed")
def a_held_start_without_energy_yet() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(20).beat().wait(27).beat().start().wait(5)
    return world.charges(beats=0)


@passes("start.once")
def the_same_start_twice() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=2)
    return world.wait(5).start().wait(5).goes_on(1)


@fails("start.once", "start.answered")
def the_second_start_is_not_answered() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=2)
    return world.wait(5).start(answered=False).goes_on(1)


@fails("start.once", "beat.order")
def the_second_start_starts_anew() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=6)
    return world.wait(5).start().wait(5).charges(beats=1)


@passes("start.once")
def a_state_change_between_the_two_starts() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).change(CHARGING).charges(beats=2)
    return world.wait(5).start().wait(1).change(CHARGING).wait(5).goes_on(1)


@leaves_open("start.once")
def the_second_start_comes_at_the_end() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=2)
    return world.wait(5).start()


@passes("start.needs-order", "start.failure-told", also=("platform.start-after-auth",))
def a_start_without_an_order() -> World:
    return World().wait(10).plug().wait(5).start().wait(5).ended()


@fails("start.needs-order", "platform.start-after-auth", "beat.order")
def a_charge_without_an_order() -> World:
    return World().wait(10).plug().wait(5).start().wait(5).charges("")


# stop.*, balance.*, fault.* --------------------------------------------------------------------------------


@passes("stop.answered")
def a_stop_of_an_order_that_never_started() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).stop()


@fails("stop.answered")
def a_stop_without_an_answer() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).stop(answered=False).wait(6).beat()


@leaves_open("stop.answered")
def a_stop_that_was_asked_for() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=1)
    asked = world.wait(5).up(StopAsk(account=ACCOUNT))
    world.down(Stop(account=ACCOUNT), asked)
    return world.wait(6).over(reason=StopReason.AT_PILE)


@fails("stop.ends-charge")
def a_stop_is_ignored() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=2).stop().goes_on(2)


@leaves_open("stop.ends-charge")
def a_stop_at_the_end_of_the_trace() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=2).stop().wait(5)


BALANCE_MFEN = 4 * BEAT_DWH * 15


@passes("balance.stops")
def the_charge_ends_at_its_balance() -> World:
    world = World().wait(10).plug().wait(5).authorise(balance=BALANCE_MFEN).wait(5).start().wait(5).charges(beats=4)
    return world.wait(1).over(reason=StopReason.BALANCE).wait(5).unplug().bill()


@fails("balance.stops", "platform.stops-at-balance")
def the_charge_goes_past_its_balance() -> World:
    world = World().wait(10).plug().wait(5).authorise(balance=BALANCE_MFEN).wait(5).start().wait(5).charges(beats=8)
    return world.wait(1).over(reason=StopReason.BALANCE).wait(5).unplug().bill()


@leaves_open("balance.stops")
def the_user_stops_at_the_balance() -> World:
    world = World().wait(10).plug().wait(5).authorise(balance=BALANCE_MFEN).wait(5).start().wait(5).charges(beats=4)
    return world.wait(1).stop().over().wait(5).unplug().bill()


@passes("fault.told", "bill.stop-reason")
def a_fault_ends_the_charge() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    world.wait(5).stimulus("fault", fault="module").wait(1)
    return world.over(FAULT, StopReason.FAULT, fault=GunFault.MODULE).wait(5).unplug().bill()


@passes("fault.told", "bill.stop-reason")
def the_insulation_fails_in_the_charge() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    world.wait(5).stimulus("insulation", ok=False).wait(1)
    return world.over(FAULT, StopReason.FAULT, fault=GunFault.INSULATION).wait(5).unplug().bill()


@fails("fault.told")
def it_charges_on_without_insulation() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    return world.wait(5).stimulus("insulation", ok=False).goes_on(2)


@fails("fault.told")
def a_fault_without_its_code() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    world.wait(5).stimulus("fault", fault="module").wait(1)
    return world.over(FAULT, StopReason.FAULT, fault=GunFault.FAN).wait(5).unplug().bill()


@fails("fault.told", "bill.stop-reason")
def a_fault_that_the_bill_does_not_tell() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    world.wait(5).stimulus("fault", fault="module").wait(1)
    return world.over(FAULT, StopReason.UNEXPECTED, fault=GunFault.MODULE).wait(5).unplug().bill()


@leaves_open("fault.told")
def the_insulation_fails_when_the_cable_is_out_and_no_report_has_said_so_yet() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges().wait(5)
    world.charge.end, world.charge.reason = world.now(), StopReason.UNEXPECTED
    return world.unplug(shown=False).stimulus("insulation", ok=False).beat(GunState.IDLE).bill().wait(10)


@leaves_open("fault.told")
def a_fault_at_the_end_of_the_trace() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges()
    return world.wait(5).stimulus("fault", fault="module").wait(1)


# safe.* ----------------------------------------------------------------------------------------------------


@passes("safe.unplug-stops", "bill.stop-reason")
def pulling_the_cable_stops_the_charge() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges().wait(5)
    world.charge.end, world.charge.reason = world.now(), StopReason.UNEXPECTED
    return world.unplug().wait(0.5).bill()


@fails("safe.unplug-stops", "beat.shows-unplug")
def it_charges_on_without_noticing() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges().wait(5)
    return world.unplug(shown=False).goes_on(2, cable=True)


@leaves_open("safe.unplug-stops")
def the_cable_is_pulled_at_the_end_of_the_trace() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges().wait(5)
    return world.unplug(shown=False)


@fails("safe.insulation")
def it_energises_in_spite_of_its_test() -> World:
    world = World().wait(10).plug(insulation=False).wait(5).authorise().wait(5).start().wait(5)
    return world.charges()


@leaves_open("safe.insulation")
def another_car_comes_before_the_outcome() -> World:
    world = World().wait(10).plug(insulation=False).wait(5).authorise().wait(5).start().wait(1)
    return world.unplug().wait(5).plug()


# platform.* ------------------------------------------------------------------------------------------------


@fails("platform.frames")
def the_platform_sends_a_wrong_checksum() -> World:
    world = World().wait(5)
    world.chunk(broken(world.bytes_of(Stop(account=ACCOUNT), Direction.DOWN)), Direction.DOWN)
    return world


@fails("platform.frames")
def the_platform_answers_another_gun() -> World:
    world = World(guns=2).wait(5)
    asked = world.up(world.report())
    world.down(GunReportReply(gun=2), asked)
    return world


@fails("platform.replies")
def a_heartbeat_without_an_answer() -> World:
    return World().wait(10).beat(answered=False).wait(6)


@leaves_open("platform.replies")
def the_line_goes_with_the_heartbeat() -> World:
    return World(connect=False).line_up().beat(answered=False).wait(1).line_down()


@fails("platform.bill-acked", "platform.frames")
def a_bill_is_acknowledged_as_another() -> World:
    world = World().charged().wait(5).unplug()
    asked = world.up(world.bill_of())
    world.wait(0.1).down(BillReply(order=B), asked)
    return world


@fails("platform.bill-acked")
def a_bill_is_not_acknowledged() -> World:
    return World().charged().wait(5).unplug().bill(acked=False).wait(6)


@leaves_open("platform.bill-acked")
def the_line_goes_with_the_bill() -> World:
    return World().charged().wait(5).unplug().bill(acked=False).wait(1).line_down()


@fails("platform.clock")
def the_platform_is_an_hour_ahead() -> World:
    return World(connect=False).connect(platform_off_s=3600)


@fails("platform.start-after-auth")
def a_start_before_the_scan_is_answered() -> World:
    return World().wait(10).plug().wait(5).authorise(answered=False).start()


@leaves_open("platform.start-after-auth")
def a_start_at_the_beginning_of_the_trace() -> World:
    return World(scenario="", stimuli=False).wait(5).start()


@fails("platform.waits-for-outcome")
def the_platform_cancels_during_the_start() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5).start().wait(20).stop()


@leaves_open("platform.waits-for-outcome")
def the_user_cancels_during_the_start() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(20)
    return world.note("stop {gun: 1}").stop()


@passes("platform.gives-up")
def the_platform_cancels_an_order_that_nobody_starts() -> World:
    return World().wait(10).plug().wait(5).authorise().beats(330).wait(11.6).stop()


@passes("platform.stops-at-balance")
def the_platform_stops_at_the_balance() -> World:
    world = World().wait(10).plug().wait(5).authorise(balance=BALANCE_MFEN).wait(5).start().wait(5).charges(beats=4)
    return world.wait(1).stop()


@fails("platform.stops-at-balance", "balance.stops")
def the_platform_ignores_the_balance() -> World:
    world = World().wait(10).plug().wait(5).authorise(balance=BALANCE_MFEN).wait(5).start().wait(5)
    return world.charges(beats=8)


def an_older_bill_takes_from_the_balance() -> World:
    """Order A cost twice what four heartbeats do, and its bill comes while B charges on three times as much."""
    world = World().charged(A).wait(5).unplug().wait(1)
    late = world.bill_of()
    world.plug().wait(1).authorise(B, balance=3 * BALANCE_MFEN).wait(1).start().wait(1).charges(B, beats=1)
    return world.wait(1).bill(late)


@passes("platform.stops-at-balance", also=("bill.at-once",))
def the_platform_stops_when_another_bill_has_used_up_the_balance() -> World:
    return an_older_bill_takes_from_the_balance().goes_on(4).wait(1).stop().wait(1).over()


@fails("platform.stops-at-balance", "bill.at-once")
def the_platform_ignores_what_another_bill_took_from_the_balance() -> World:
    return an_older_bill_takes_from_the_balance().goes_on(7)


@leaves_open("platform.stops-at-balance")
def the_pile_stops_before_the_platform_does() -> World:
    world = World().wait(10).plug().wait(5).authorise(balance=BALANCE_MFEN).wait(5).start().wait(5).charges(beats=4)
    return world.wait(1).over(reason=StopReason.BALANCE)


@fails("platform.survives-garbage", "platform.replies")
def the_platform_is_deaf_after_noise() -> World:
    world = World().wait(5)
    world.noise(b"noise", Direction.UP)
    return world.wait(2).beat(answered=False).wait(6)


@leaves_open("platform.survives-garbage")
def noise_at_the_end_of_the_trace() -> World:
    world = World().wait(5)
    world.noise(b"noise", Direction.UP)
    return world
