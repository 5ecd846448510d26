"""Stories of bills: what the field saw go wrong, and what else can."""

from __future__ import annotations

from bills import empty_bill
from stories import fails, leaves_open, passes
from world import METER_DWH, A, B, World

from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import (
    NO_TIME,
    Bill,
    BillReply,
    EndReason,
    GunState,
    Parking,
    StopReason,
)

IDLE, NOT_FULL = GunState.IDLE, GunState.OCCUPIED_NOT_FULL


def empty(order: str) -> Bill:
    """The record buffer after boot: all zero but the order."""
    return empty_bill(order, stop_reason=StopReason.PLATFORM)


def whole_charge(world: World, order: str) -> World:
    """A second charge and its bill, on a cable plugged anew."""
    return world.whole(order)


# Which bills leave, and when -------------------------------------------------------------------------------


@fails("bill.one-per-charge", "bill.prompt", "bill.at-once")
def a_bill_is_lost() -> World:
    return whole_charge(World().charged(A).wait(20).unplug().beats(60), B).wait(30).beat()


@fails("bill.one-per-charge", "platform.bill-acked")
def a_bill_changes_when_sent_again() -> World:
    world = World().charged().wait(5).unplug().bill(acked=False).wait(5)
    return world.wait(20).bill(charge_fee_mfen=world.charge.energy_dwh * 10 + 1_000)


@passes("bill.one-per-charge", "bill.resent", also=("platform.bill-acked",))
def a_bill_is_sent_again_until_acknowledged() -> World:
    return World().charged().wait(5).unplug().bill(acked=False).wait(30).beat().bill()


@leaves_open("bill.one-per-charge", "bill.prompt")
def the_trace_ends_right_after_the_unplug() -> World:
    return World().charged().wait(5).unplug().wait(1)


@fails("bill.prompt", "bill.at-once")
def a_bill_comes_fifty_minutes_late() -> World:
    world = World().charged().wait(5).unplug().beats(2970).wait(11)
    return world.bill()


@fails("bill.at-once")
def a_bill_comes_half_a_minute_late() -> World:
    return World().charged().wait(5).unplug().wait(30).beat().bill()


@leaves_open("bill.at-once")
def the_line_goes_with_the_unplug() -> World:
    return World().charged().wait(5).unplug(shown=False).wait(1).line_down().wait(20).connect().bill()


@fails("bill.after-unplug", "bill.times")
def a_bill_before_the_unplug() -> World:
    world = World().charged().beats(30, NOT_FULL)
    return world.bill(leave=NO_TIME, occupancy_minutes=0, occupancy_fee_mfen=0).beats(60, NOT_FULL)


@fails("bill.after-unplug", "bill.times", "beat.occupied-while-cabled")
def a_bill_one_minute_after_the_end_and_then_idle() -> World:
    world = World().charged().beats(60, NOT_FULL)
    return world.bill(leave=NO_TIME, occupancy_minutes=0, occupancy_fee_mfen=0).beats(90)


@passes("bill.after-unplug", "bill.prompt")
def a_new_start_on_the_same_cable_ends_the_occupancy() -> World:
    world = World().charged(A).beats(30, NOT_FULL).authorise(B).wait(5)
    old = world.charge
    asked = world.start_of()
    old.leave = world.now()
    world.bill(world.bill_of(old)).wait(0.2).start_reply(asked)
    world.charge.arrive = old.leave
    return world.wait(5).charges(B).wait(5).stop().wait(1).over().wait(5).unplug().bill()


@leaves_open("bill.after-unplug")
def the_prompt_for_the_unplug_is_still_open() -> World:
    world = World().charged().wait(5)
    world.charge.leave = world.now()
    world.bill(acked=True)
    world.cable = False
    return world.wait(1).beat()


@passes("bill.after-unplug")
def the_unplug_was_confirmed_after_its_bill() -> World:
    world = World().charged().wait(5)
    world.charge.leave = world.now()
    world.cable = False
    return world.beat().bill().wait(3).stimulus("unplug", began_s=4)


@fails("bill.order-known")
def a_bill_without_an_order() -> World:
    world = World().charged().wait(5).unplug().bill().wait(30)
    return world.bill(order="", start=world.now(-20), arrive=world.now(-25), end=world.now(-20), leave=world.now(),
                      charge_minutes=0)  # fmt: skip


@fails("bill.order-known")
def a_bill_of_an_order_nobody_authorised() -> World:
    world = World().whole().wait(30)
    return world.bill(order=B, start=world.now(-20), arrive=world.now(-25), end=world.now(-20), leave=world.now(),
                      charge_minutes=0)  # fmt: skip


@leaves_open("bill.order-known", "bill.times")
def a_bill_of_before_the_trace() -> World:
    world = World().wait(5)
    charge = world.charge
    charge.order, charge.arrive, charge.start = A, world.now(-900), world.now(-800)
    charge.end, charge.leave, charge.energy_dwh = world.now(-100), world.now(-60), 12_000
    return world.bill()


def cable_in_from_the_beginning() -> World:
    """The pile stands as an earlier run of the same world left it: its clock is ahead, its order unknown here."""
    world = World(connect=False)
    world.cable = True
    world.connect().wait(5)
    charge = world.charge
    charge.order, charge.arrive, charge.start = A, world.now(10), world.now(20)
    charge.end, charge.energy_dwh = world.now(140), 12_000
    return world


@leaves_open("bill.order-known", "bill.times")
def a_bill_of_an_occupancy_that_the_trace_began_with() -> World:
    return cable_in_from_the_beginning().unplug().wait(0.1).bill(occupancy_minutes=0)


@fails("bill.order-known", "bill.times")
def a_bill_of_nobodys_order_on_a_cable_plugged_since() -> World:
    world = cable_in_from_the_beginning().unplug()
    charge = world.charge
    return world.wait(30).plug().wait(30).bill(order=A, arrive=charge.arrive, start=charge.start, end=charge.end)


@fails("bill.none-unstarted", "bill.times")
def an_empty_bill_after_a_remote_stop() -> World:
    """szds-16a: nobody started; the bill comes 82 s after the stop, and one good charge follows."""
    world = World(start="2020-03-03T12:36:40+08:00").wait(6).plug().authorise(A).beats(330).wait(11.6).stop()
    world.beat().beats(60).wait(22).bill(empty(A)).beat().beats(30).unplug()
    return whole_charge(world, B)


@fails("bill.none-unstarted", "bill.not-stale")
def the_last_bill_again_when_an_order_times_out() -> World:
    """szds-25."""
    world = World().whole(A)
    old = world.bill_of()
    world.beats(60).plug().wait(1).authorise(B).beats(330).wait(19).ended(EndReason.TIMED_OUT)
    return world.wait(1).bill(old).beat()


@fails("bill.none-unstarted", "bill.not-stale", "bill.one-per-charge", "bill.prompt", "bill.at-once")
def the_first_orders_bill_goes_out_as_the_seconds() -> World:
    """szds-26: the first order gets none."""
    world = World().charged(A).wait(5).unplug()
    old = world.bill_of(order=B)
    world.beats(60).plug().wait(1).authorise(B).beats(330).wait(19).ended(EndReason.TIMED_OUT)
    return world.wait(1).bill(old).beat()


@passes("bill.none-unstarted", also=("platform.bill-acked",))
def an_unacknowledged_bill_leaves_at_the_end_of_an_order() -> World:
    world = World().charged(A).wait(5).unplug().bill(acked=False)
    old = world.bill_of()
    for _ in range(2):
        world.wait(30).beat().bill(old, acked=False)
    world.plug().wait(5).authorise(B).wait(5).stop().wait(10).beat().bill(old)
    return world.beats(240)


@leaves_open("bill.none-unstarted")
def power_is_lost_between_start_and_charge() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(2)
    return world.stimulus("power-off", None).line_down("pile").wait(60).stimulus("power-on", None).wait(5).connect()


@fails("bill.not-stale")
def an_acknowledged_bill_is_sent_again() -> World:
    world = World().whole()
    old = world.bill_of()
    return world.wait(6).bill(old)


@passes("bill.not-stale")
def a_bill_and_its_acknowledgement_cross() -> World:
    world = World().charged().wait(5).unplug().bill()
    old = world.bill_of()
    return world.wait(4).bill(old).beats(240)


@leaves_open("bill.not-stale")
def nothing_comes_after_the_acknowledgement() -> World:
    return World().whole()


@fails("bill.resent", "platform.bill-acked")
def a_bill_is_not_sent_again() -> World:
    return World().charged().wait(5).unplug().bill(acked=False).beats(90)


@passes("bill.survives-outage", "bill.oldest-first", "bill.resent", "start.answered")
def a_bill_waits_for_the_line() -> World:
    world = World().charged(A).wait(5).unplug().bill(acked=False).wait(1).line_down().wait(60).line_up()
    old = world.bill_of()
    world.beat().plug().wait(1).authorise(B).wait(1)
    asked = world.start_of()
    return world.wait(4).bill(old).wait(4).start_reply(asked).wait(5).ended()


@passes("bill.survives-outage")
def a_bill_falls_due_in_the_dark() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges().wait(5)
    world.charge.end, world.charge.reason = world.now(), StopReason.UNEXPECTED
    world.stimulus("power-off", None).line_down("pile").wait(60).stimulus("unplug").wait(60)
    world.cable = False
    world.stimulus("power-on", None).wait(5).connect()
    world.charge.leave = world.now()
    return world.wait(1).bill()


@passes("bill.survives-outage")
def a_bill_is_sent_into_a_cut_wire_and_again() -> World:
    return billed_into_a_cut_wire().bill()


@fails("bill.survives-outage", "bill.resent")
def a_bill_is_sent_into_a_cut_wire_only() -> World:
    return billed_into_a_cut_wire().beats(90)


def billed_into_a_cut_wire() -> World:
    """A serial line is cut before the unplug, and whole again half a minute after it."""
    world = World(connectionless=True).charged().wait(5).reachable(False).line_down().wait(5).unplug(shown=False)
    world.up(world.report(), arrives=False)
    world.up(world.bill_of(), arrives=False)
    return world.wait(25).reachable(True).line_up().wait(1).beat()


@fails("bill.survives-outage", "bill.prompt", "bill.one-per-charge")
def a_bill_is_lost_with_the_line() -> World:
    world = World().charged().wait(5).line_down().wait(5).unplug(shown=False).wait(30)
    return world.line_up().beat().beats(270)


@leaves_open("bill.survives-outage")
def the_trace_ends_without_the_line() -> World:
    return World().charged().wait(5).unplug().bill(acked=False).wait(1).line_down()


@fails("bill.oldest-first")
def a_start_is_answered_before_the_old_bill() -> World:
    world = World().charged(A).wait(5).unplug().bill(acked=False).wait(1).line_down().wait(60).line_up()
    old = world.bill_of()
    world.beat().plug().wait(1).authorise(B).wait(1).start()
    return world.wait(4).bill(old).wait(4).ended()


@fails("bill.oldest-first", "platform.bill-acked")
def the_newer_bill_leaves_first() -> World:
    world = World().charged(A).wait(5).unplug().bill(acked=False).wait(4)
    first = world.bill_of()
    world.plug().wait(1).authorise(B).wait(1).start().wait(1).charges(B, beats=1).wait(1).stop().over().wait(1)
    world.line_down().wait(2).unplug(shown=False).wait(5)
    return world.line_up().beat().bill().wait(1).bill(first)


@fails("bill.oldest-first", "platform.bill-acked")
def the_newer_bill_leaves_before_a_heartbeat_shows_that_its_charge_is_over() -> World:
    world = World().charged(A).wait(5).unplug().bill(acked=False).wait(4)
    first = world.bill_of()
    world.plug().wait(1).authorise(B).wait(1).start().wait(1).charges(B, beats=1).wait(1)
    world.line_down().wait(2)
    world.charge.end, world.charge.reason = world.now(), StopReason.UNEXPECTED
    world.unplug(shown=False).wait(5)
    return world.line_up().bill().wait(1).bill(first).wait(1).beat()


# What a bill says ------------------------------------------------------------------------------------------


@fails("bill.times", "bill.plug-times")
def a_time_is_in_the_future() -> World:
    world = World().charged().wait(5).unplug()
    return world.bill(leave=world.now(61))


@fails("bill.times")
def the_minutes_do_not_agree() -> World:
    return World().whole(charge_minutes=4)


@passes("bill.times", "bill.plug-times", "bill.occupancy", "bill.duration")
def a_charge_across_new_year() -> World:
    return World(start="2019-12-31T23:58:30+08:00").whole().beats(30)


@fails("bill.plug-times", "bill.times", "bill.occupancy")
def the_leave_time_is_a_day_late() -> World:
    world = World().charged().wait(5).unplug()
    return world.bill(leave=world.now(86_400))


@fails("bill.plug-times")
def the_arrival_is_of_an_earlier_car() -> World:
    world = World().charged().wait(5).unplug()
    return world.bill(arrive=world.now(-600))


@leaves_open("bill.plug-times")
def nobody_saw_the_plug_or_the_unplug() -> World:
    world = World(connect=False, stimuli=False).line_up()
    world.cable = True
    world.charge.arrive = world.now()
    world.beat().wait(5).authorise().wait(5).start().wait(5).charges().wait(5).stop().wait(1).over()
    world.beats(30, NOT_FULL).reachable(False).line_down().wait(190).reachable(True).line_up()
    world.charge.leave = world.now(-60)
    world.cable = False
    return world.beat().bill()


@fails("bill.duration", "bill.occupancy")
def the_end_is_five_minutes_off() -> World:
    world = World().charged(A).beats(330, NOT_FULL)
    start = world.charge.start
    assert start.epoch_ns is not None
    world.unplug()
    minutes = (world.now().epoch_ns or 0) - start.epoch_ns
    return world.bill(end=world.now(), charge_minutes=minutes // 60_000_000_000)


@leaves_open("bill.duration", "bill.energy", "bill.stop-reason")
def the_bill_of_an_order_that_never_charged() -> World:
    return World().wait(10).plug().wait(5).authorise().wait(5)


@fails("bill.energy")
def the_energy_is_lost() -> World:
    return World().whole(stages_dwh=(0,), charge_fee_mfen=0, service_fee_mfen=0)


@fails("bill.energy")
def the_loss_factor_is_wrong() -> World:
    """zpd-2: heartbeats and bill agree with each other, the meter does not."""
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=40)
    world.meter_dwh = METER_DWH + world.charge.energy_dwh * 80 // 100
    return world.wait(5).stop().wait(1).over().wait(20).unplug().bill()


@fails("bill.amount")
def the_price_is_of_another_half_hour() -> World:
    world = World().charged().wait(5).unplug()
    return world.bill(charge_fee_mfen=world.charge.energy_dwh * 12)


@leaves_open("bill.amount", "bill.occupancy")
def the_tariff_is_from_before_the_trace() -> World:
    world = World(stimuli=False, connect=False).line_up()
    world.cable = True
    world.charge.arrive = world.now(-10)
    world.charges().wait(5).stop().wait(1).over().wait(5)
    world.cable = False
    world.charge.leave = world.now()
    return world.beat().bill()


@passes("bill.occupancy", "occupied.parking")
def half_an_hour_of_occupancy() -> World:
    return World().charged().beats(1800, NOT_FULL).unplug().bill()


@fails("bill.occupancy")
def the_occupancy_begins_too_early() -> World:
    world = World().charged().beats(1800, NOT_FULL).unplug()
    return world.bill(occupancy_minutes=36, occupancy_fee_mfen=21 * 80_000)


@fails("bill.occupancy")
def the_free_minutes_are_charged() -> World:
    world = World().charged().beats(1800, NOT_FULL).unplug()
    return world.bill(occupancy_fee_mfen=30 * 80_000)


@fails("bill.stop-reason")
def unexpected_though_the_platform_stopped_it() -> World:
    return World().whole(stop_reason=StopReason.UNEXPECTED)


@fails("bill.stop-reason")
def unplugged_and_three_hours_of_occupancy() -> World:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges().wait(5)
    world.charge.end = world.now(-80)
    world.unplug().charge.reason = StopReason.UNEXPECTED
    return world.bill()


@fails("stop.ends-charge")
def unexpected_after_a_stop_that_was_ignored() -> World:
    """The stop did not end the charge, the unplug did: the reason is right."""
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges().stop().goes_on(2).wait(5)
    world.charge.end, world.charge.reason = world.now(), StopReason.UNEXPECTED
    return world.unplug().wait(0.5).bill()


@fails("occupied.parking")
def occupancy_of_a_free_place() -> World:
    return World().charged().beats(1800, NOT_FULL, parking=Parking.FREE).unplug().bill()


@leaves_open("occupied.parking")
def a_place_that_was_free_for_a_part_of_the_time() -> World:
    world = World().charged().beats(900, NOT_FULL)
    return world.beats(900, NOT_FULL, parking=Parking.FREE).unplug().bill()


# The cases of the field that concern more than one rule ----------------------------------------------------


@fails("auth.kept", "start.delayed", "bill.order-known", "beat.start-time")
def taps_clear_the_order_and_a_late_start_runs_without_it() -> World:
    """szds-16b: start time and order empty, over at once, and a bill with proper times and no order."""
    world = World(start="2020-03-03T11:40:10+08:00").wait(6).plug().authorise(A)
    for _ in range(5):
        world.wait(20).stimulus("tap").beat()
    world.wait(27).start().wait(5)
    began = world.now()
    world.beat(GunState.CHARGING, order="", start=NO_TIME, energy_dwh=0, amount_mfen=0)
    world.wait(16).beat(NOT_FULL, order="")
    world.wait(20).unplug()
    bill = world.bill_of(
        order="",
        start=began,
        end=world.now(-20),
        leave=world.now(),
        charge_minutes=0,
        occupancy_minutes=0,
        stages_dwh=(),
        charge_fee_mfen=0,
        service_fee_mfen=0,
    )
    return world.wait(1).bill(bill)


@passes("start.outcome", "start.failure-told", "bill.none-unstarted")
def a_start_fails_and_the_pile_says_so() -> World:
    """szds-34, with a cable that is out: told after 31 s."""
    world = World().wait(10).beat().authorise().wait(3).start().wait(28).beat().wait(3).ended()
    return world.beats(240)


@leaves_open("bill.prompt")
def a_bill_that_a_far_end_waits_for() -> World:
    world = World(ends=(End.PLATFORM,), stimuli=False).wait(10)
    world.cable = True
    world.beat().wait(5).authorise().wait(5).start().wait(5).charges().wait(5).stop().wait(1).over().wait(5)
    world.cable = False
    return world.beat().wait(61)


@fails("bill.prompt", "bill.at-once")
def later_heartbeats_at_a_far_end_show_that_no_bill_was_sent() -> World:
    world = World(ends=(End.PLATFORM,), stimuli=False).wait(10)
    world.cable = True
    world.beat().wait(5).authorise().wait(5).start().wait(5).charges().wait(5).stop().wait(1).over().wait(5)
    world.cable = False
    return world.beat().beats(120)


@leaves_open("bill.amount")
def the_line_altered_a_frame_that_still_checked() -> World:
    world = World().wait(10).plug().wait(5)
    world.authorise().wait(5).start().wait(5).charges(beats=2)
    altered = world.bytes_of(BillReply(order=A), Direction.DOWN)
    world.chunk(world.bytes_of(BillReply(order=B), Direction.DOWN), Direction.DOWN, altered=altered)
    return world.wait(5).stop().wait(1).over().wait(5).unplug().bill(charge_fee_mfen=1)
