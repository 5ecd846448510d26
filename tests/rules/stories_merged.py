"""Stories where order, balance and start are one message, and the bill is due at the end of the charge."""

from __future__ import annotations

from dataclasses import replace

from merged import NO_CABLE, ORDER_A, ORDER_B, Merged
from stories import fails, leaves_open, passes
from world import BEAT_DWH, Charge, World

from pilesim.units import KWH_DWH
from pilesim.wire.messages import BalanceTell, BalanceTold, BillPeriod, GunState

CHARGING, IDLE = GunState.CHARGING, GunState.IDLE
TAKEN = 2
BATTERY = (
    "battery.output",
    "battery.soc",
    "battery.demand",
    "battery.temperature",
    "battery.summary",
    "battery.vin",
)


@passes(
    "frame.valid", "frame.echo", "beat.period", "beat.charging", "beat.alive", "beat.legal-path", "beat.order",
    "start.answered", "start.outcome", "stop.answered", "stop.ends-charge", "bill.one-per-charge", "bill.prompt",
    "bill.order-known", "bill.times", "bill.duration", "bill.energy", "bill.amount", "bill.stop-reason", *BATTERY,
    "platform.bill-acked",
)  # fmt: skip
def a_merged_charge() -> World:
    return Merged().whole_merged().wait(200)


@passes("bill.not-stale")
def quiet_is_what_guns_show_by_being_alive() -> World:
    return Merged().whole_merged().wait(200)


@leaves_open("beat.charging", "beat.alive", "start.refused", "bill.begun", *BATTERY)
def nothing_merged() -> World:
    return Merged(connect=False)


# beat.* ----------------------------------------------------------------------------------------------------


@fails("beat.charging")
def a_report_is_left_out_in_charge() -> World:
    world = Merged().begins()
    world.goes_on(3)
    world.wait(15)
    world.charge.energy_dwh += BEAT_DWH
    return world.goes_on(3)


@passes("beat.charging")
def reports_go_on_after_an_outage() -> World:
    world = Merged().begins()
    world.goes_on(3)
    world.line_down()
    world.silent().wait(45)
    world.charge.energy_dwh += 3 * BEAT_DWH
    return world.connect_silent().beat(CHARGING)


@fails("beat.charging")
def a_gun_that_charged_is_not_heard_after_an_outage() -> World:
    world = Merged().begins()
    world.goes_on(3)
    world.line_down()
    world.silent().wait(5)
    world.connect_silent()
    return world.wait(60)


@fails("beat.alive")
def nobody_is_alive_for_twenty_seconds() -> World:
    world = Merged().silent()
    world.wait(20)
    return world.alive()


@fails("beat.alive")
def the_guns_are_alive_in_turn() -> World:
    world = Merged(guns=2).silent()
    for n in range(6):
        world.wait(10)
        world.alive(n % 2 + 1)
    return world


@passes("beat.alive")
def nobody_is_alive_without_a_line() -> World:
    world = Merged()
    world.wait(20)
    world.line_down()
    world.silent().wait(50)
    return world.connect().wait(10)


@leaves_open("beat.alive")
def a_pile_that_is_not_let_in() -> World:
    return Merged(connect=False).line_up().wait(60)


@fails("beat.legal-path")
def a_gun_is_idle_once_in_mid_charge() -> World:
    world = Merged().begins()
    world.goes_on(4)
    world.wait(5).beat(IDLE)
    world.wait(10)
    world.charge.energy_dwh += BEAT_DWH
    return world.beat(CHARGING).goes_on(2)


@fails("beat.order")
def a_report_of_another_order_than_was_started() -> World:
    world = Merged().begins()
    return world.goes_on(2, order=ORDER_B)


@fails("frame.echo")
def an_answer_of_another_order_than_was_started() -> World:
    return Merged().plug().started(tells=ORDER_B, accepted=False, reason=TAKEN)


# start.* ---------------------------------------------------------------------------------------------------


@passes("start.refused", "start.outcome")
def a_refused_start_comes_to_nothing() -> World:
    world = Merged().plug()
    world.wait(5)
    return world.started(accepted=False, reason=TAKEN).wait(100).beat().wait(100).beat()


@passes("start.refused")
def another_order_is_started_after_a_refused_one() -> World:
    world = Merged().plug()
    world.wait(5)
    return world.started(ORDER_B, accepted=False, reason=3).begins()


@leaves_open("start.refused")
def a_refused_start_and_no_more() -> World:
    return Merged().plug().started(accepted=False, reason=3).wait(20)


@fails("start.refused")
def a_refused_start_charges() -> World:
    world = Merged().plug()
    world.wait(5)
    world.started(accepted=False, reason=3).wait(5)
    world.charge = replace(world.charge, order=ORDER_A, start=world.now())
    return world.beat(CHARGING)


@fails("start.refused", "bill.order-known")
def a_gun_charges_without_a_start() -> World:
    world = Merged()
    world.plug().wait(5)
    world.charge = replace(world.charge, order=ORDER_B, start=world.now())
    world.beat(CHARGING).goes_on(3)
    world.charge.end = world.now()
    return world.beat().bill(stop_code=0x90)


@fails("start.refused")
def a_refused_start_is_billed() -> World:
    world = Merged().plug()
    world.wait(5)
    return world.started(accepted=False, reason=3).wait(5).failed_bill()


@passes("start.outcome", "beat.order")
def a_cable_comes_after_the_refusal_for_want_of_it() -> World:
    world = Merged()
    world.wait(5)
    asked = world.started(accepted=False, reason=NO_CABLE)
    asked.wait(20)
    return world.plugged_late()


@fails("start.outcome", "bill.begun")
def a_start_that_is_accepted_late_and_comes_to_nothing() -> World:
    world = Merged()
    world.wait(5)
    world.started(accepted=False, reason=NO_CABLE).wait(20)
    return world.accepted_late().wait(130)


@fails("start.outcome")
def the_time_runs_from_the_start_and_not_from_its_late_acceptance() -> World:
    world = Merged()
    world.wait(5)
    world.started(accepted=False, reason=NO_CABLE).wait(50)
    world.accepted_late().wait(45)
    return world.failed_bill()


# stop.* ----------------------------------------------------------------------------------------------------


@passes("stop.ends-charge", "bill.begun")
def a_start_is_stopped_while_it_is_under_way() -> World:
    world = Merged().plug()
    world.wait(5)
    world.started().wait(3)
    world.stopped(by_user=True).failed_bill()
    return world.wait(12).beat()


@leaves_open("stop.ends-charge")
def a_start_is_stopped_and_no_more_is_heard() -> World:
    world = Merged().plug()
    world.wait(5)
    world.started().wait(3)
    return world.stopped(by_user=True).failed_bill()


@fails("stop.ends-charge")
def a_stopped_start_charges() -> World:
    world = Merged().plug()
    world.wait(5)
    world.started().wait(3)
    world.stopped(by_user=True).wait(9)
    world.charge = replace(world.charge, order=ORDER_A, start=world.now())
    return world.beat(CHARGING).goes_on(2)


# bill.* ----------------------------------------------------------------------------------------------------


@passes("bill.begun", "start.outcome")
def a_start_that_was_begun_and_failed_is_billed() -> World:
    world = Merged().plug()
    world.wait(5)
    return world.started().wait(30).failed_bill()


@fails("bill.begun", "start.outcome")
def a_start_that_was_begun_leaves_nothing() -> World:
    return Merged().plug().started().wait(130)


@fails("bill.at-once")
def the_bill_of_a_pulled_cable_takes_its_time() -> World:
    world = Merged().begins()
    world.goes_on(4)
    world.wait(5).unplug()
    world.charge.end = world.now()
    return world.wait(10).bill(stop_code=0x6B)


@leaves_open("bill.at-once")
def the_bill_of_a_stopped_charge_takes_its_time() -> World:
    world = Merged().begins()
    world.goes_on(4)
    world.wait(5)
    return world.ends().wait(20).bill()


@fails("bill.prompt")
def the_bill_of_a_stopped_charge_comes_too_late() -> World:
    world = Merged().begins()
    world.goes_on(4)
    world.wait(5)
    return world.ends().wait(40).bill()


@fails("bill.resent", "platform.bill-acked")
def a_bill_is_sent_again_too_soon() -> World:
    world = Merged().begins()
    world.goes_on(4)
    world.ends()
    for _ in range(3):
        world.bill(acked=False).wait(10)
    return world.bill()


@fails("bill.resent", "platform.bill-acked")
def a_bill_is_sent_again_too_often() -> World:
    world = Merged().begins()
    world.goes_on(4)
    world.ends()
    for _ in range(5):
        world.bill(acked=False).wait(30)
    return world.bill()


@fails("bill.amount")
def the_energy_of_one_rate_is_told_at_another() -> World:
    world = Merged(start="2020-03-11T11:58:00+08:00").begins()
    # A minute and a half until noon, and three minutes of the other rate.
    world.goes_on(18)
    world.ends(energy_dwh=world.charge.energy_dwh)
    return world.bill()


@passes("bill.amount")
def each_rate_has_its_own_energy() -> World:
    world = Merged(start="2020-03-11T11:58:00+08:00").begins()
    world.goes_on(18)
    world.ends()
    before, after = 7 * BEAT_DWH, 11 * BEAT_DWH
    periods = (
        BillPeriod(150_000, before, before, before * 15),
        BillPeriod(100_000, after, after, after * 10),
        *(BillPeriod(100_000, 0, 0, 0),) * 2,
    )
    return world.bill(periods=periods)


# battery.* -------------------------------------------------------------------------------------------------


def in_charge() -> Merged:
    world = Merged().begins()
    world.goes_on(3)
    return world


@fails("battery.output")
def the_battery_is_told_of_another_output() -> World:
    return in_charge().wants(out_cv=48_000).goes_on(1)


@passes("battery.output", "battery.soc")
def a_report_that_has_moved_on_meanwhile() -> World:
    world = in_charge().wants(out_ca=4_500, measured_ca=4_500, soc_percent=53)
    world.wait(15)
    world.charge.energy_dwh += BEAT_DWH
    return world.beat(CHARGING, amps_da=100, soc_percent=56)


@leaves_open("battery.output", "battery.temperature")
def no_report_comes_after_what_the_battery_was_told() -> World:
    return Merged().begins().wants().is_warm().wait(5)


@fails("battery.soc")
def the_battery_has_another_soc_than_the_reports() -> World:
    return in_charge().wants(soc_percent=70).wants(soc_percent=70).beat(CHARGING)


@fails("battery.soc")
def the_soc_falls() -> World:
    world = in_charge()
    world.wants(soc_percent=51).beat(CHARGING, soc_percent=51)
    return world.wants(soc_percent=50).beat(CHARGING, soc_percent=50)


@fails("battery.demand")
def more_flows_than_is_wanted() -> World:
    return in_charge().wants(need_ca=7_000).beat(CHARGING)


@fails("battery.temperature")
def the_battery_is_hotter_than_the_reports() -> World:
    return in_charge().is_warm(50).beat(CHARGING)


@fails("battery.summary")
def more_is_summed_up_than_billed() -> World:
    world = in_charge()
    return world.ends(energy_dwh=world.charge.energy_dwh + KWH_DWH).bill()


@fails("battery.summary")
def other_minutes_are_summed_up_than_billed() -> World:
    return in_charge().ends(charged_minutes=9).bill()


@fails("battery.vin")
def another_car_is_billed_than_was_met() -> World:
    world = Merged().begins(vin="LTEST000000000002")
    world.goes_on(3)
    return world.ends().bill()


@leaves_open("battery.vin")
def a_car_that_tells_no_vin() -> World:
    world = Merged().begins(vin="")
    world.goes_on(3)
    return world.ends().bill()


@passes("bill.amount", "bill.energy")
def energy_and_amounts_of_two_decimals_and_no_loss() -> World:
    world = Merged().begins()
    world.goes_on(8)
    world.ends()
    periods = (BillPeriod(150_000, 12_300, 0, 185_000), *(BillPeriod(100_000, 0, 0, 0),) * 3)
    return world.bill(periods=periods)


# platform.* ------------------------------------------------------------------------------------------------


def the_account_is_paid_into_after_an_older_bill(beats: int) -> Merged:
    """Eight beats' worth were charged under A; what B may cost after A's bill is said anew: ten beats' worth."""
    world = Merged().begins().goes_on(8)
    world.wait(5)
    world.ends().wait(0.5)
    older = world.bill_of()
    world.started(ORDER_B).wait(2)
    world.charge = Charge(ORDER_B, start=world.now())
    world.met()
    world.beat(CHARGING)
    world.bill(older)
    asked = world.down(BalanceTell(balance_mfen=10 * BEAT_DWH * 15))
    world.up(BalanceTold(), asked)
    return world.goes_on(beats)


@leaves_open("platform.stops-at-balance")
def a_balance_that_is_told_has_older_bills_taken_off() -> World:
    return the_account_is_paid_into_after_an_older_bill(6)


@passes("platform.stops-at-balance")
def the_platform_stops_at_the_balance_that_it_told() -> World:
    return the_account_is_paid_into_after_an_older_bill(10).wait(1).ends()


@fails("platform.stops-at-balance", "balance.stops")
def the_platform_ignores_the_balance_that_it_told() -> World:
    return the_account_is_paid_into_after_an_older_bill(14)
