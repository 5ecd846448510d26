"""The table of all expectations, in the order in which listings and reports show them.

Owns ids, levels, texts, triggers and field cases. Must not know how a rule does its work.
"""

from __future__ import annotations

from pilesim.rules import (
    answered,
    auth,
    battery,
    beat,
    bill_content,
    bill_flow,
    clock,
    frame,
    link,
    platform,
    safe,
    start,
    stop,
)
from pilesim.rules.needs import (
    ACKNOWLEDGED,
    ACTS,
    BATTERY,
    BETWEEN,
    BILL_TIMES,
    BYTES,
    CHARGE_START,
    CLOCKS,
    CONNECTIONS,
    DOWN,
    ENERGY,
    FAULTS,
    KINDS,
    LET_IN,
    LIFE,
    MONEY,
    ORDERS,
    PARKING,
    REASONS,
    STATES,
    TIMES,
    UP,
    WHOLE_BILL,
    Fact,
)
from pilesim.rules.rule import Rule, RuleRow
from pilesim.rules.verdict import Level
from pilesim.wire.frame import End
from pilesim.wire.messages import Bill, GunReport, Message

Needs = tuple[Fact, ...]

PILES_OWN: Needs = (UP, TIMES, BETWEEN, LIFE)
"""What the pile says needs no word of the platform's to be wrong."""
BOTH_WAYS: Needs = (UP, DOWN, TIMES, BETWEEN, LIFE)
ANSWERS: Needs = (UP, DOWN, TIMES)
"""That an answer came in time an excerpt shows too; that none came it does not."""
BATTERYS: Needs = (*PILES_OWN, BATTERY, ENERGY, WHOLE_BILL)


def _pile(
    id_: str,
    kind: type[Rule],
    text: str,
    trigger: str,
    case: str = "",
    level: Level = Level.MUST,
    *,
    needs: Needs = BOTH_WAYS,
    to_fail: Needs = (),
    alone: tuple[type[Message], ...] = (),
) -> RuleRow:
    return RuleRow(id_, level, End.PILE, text, trigger, case, kind, needs, to_fail, alone)


def _platform(
    id_: str,
    kind: type[Rule],
    text: str,
    trigger: str,
    case: str = "",
    *,
    needs: Needs = BOTH_WAYS,
    to_fail: Needs = (),
) -> RuleRow:
    return RuleRow(id_, Level.MUST, End.PLATFORM, text, trigger, case, kind, needs, to_fail)


RULES: tuple[RuleRow, ...] = (
    _pile(
        "frame.valid",
        frame.Valid,
        "Every frame the pile sends has the right length, checksum and version, its own pile number, a gun the pile"
        " has and fields inside their ranges. A longer body, or a value nobody lists, is a SHOULD, told once.",
        "frame from the pile",
        needs=(UP, BYTES),
    ),
    _pile(
        "frame.echo",
        frame.Echo,
        "A reply names the gun and the account (or order) of its request. A wrong number of the request is a SHOULD,"
        " told once.",
        "reply of the pile to a request in the trace",
        needs=(UP, DOWN, BYTES, LIFE, ACKNOWLEDGED),
    ),
    _pile(
        "frame.survives-garbage",
        frame.SurvivesGarbage,
        "After noise, a broken frame or a wrong checksum, and a second of silence, the next good frame is answered,"
        " or the pile hangs up and comes back. Frames cut in two or joined are answered; a bad one has no effect.",
        "bad, cut or joined bytes that reached the pile, with a request after them",
        needs=(UP, DOWN, TIMES, BYTES),
    ),
    _pile(
        "link.reconnects",
        link.Reconnects,
        "Once a lost line can be had again, the pile is connected and heard again in time.",
        "lost line that could be had again",
        "zpd-1, szds-32.3",
        needs=(UP, DOWN, TIMES, CONNECTIONS),
    ),
    _pile(
        "link.stable",
        link.Stable,
        "In no hour is the line lost more often than the limit, losses made by this program not counted.",
        "connection",
        "zpd-1",
        Level.SHOULD,
        needs=(UP, TIMES, BETWEEN),
    ),
    _pile(
        "link.flap-keeps-order",
        link.FlapKeepsOrder,
        "A short loss of the line costs neither an order nor a charge: a charge goes on under the same order, start"
        " time and growing energy, and an authorised order is started by a later start.",
        "loss of the line with an order authorised or charging",
        "szds-33, zpd-1",
        needs=(*BOTH_WAYS, CHARGE_START, ENERGY, REASONS),
    ),
    _pile(
        "clock.synced",
        clock.Synced,
        "Once told the time, the pile's own times stay with the platform's, a day later too.",
        "time of the pile's own after it was told the time",
        "szds-16",
        needs=(UP, DOWN, TIMES, CLOCKS),
    ),
    _pile(
        "beat.period",
        beat.Period,
        "While the line is up, the heartbeats of a gun follow one another without a longer gap than the limit.",
        "heartbeat or connection",
        "szds-34",
        needs=(UP, TIMES, BETWEEN, KINDS),
    ),
    _pile(
        "beat.charging",
        beat.Charging,
        "While a gun charges, its reports follow one another without a longer gap than the limit. Where the guns of a"
        " pile report in turn, and some gun in time, that each does is a SHOULD, told once.",
        "charging report",
        needs=(UP, TIMES, BETWEEN, STATES, LET_IN),
    ),
    _pile(
        "beat.alive",
        beat.AliveBeat,
        "While the line is up some gun says in time that it is there. That each gun does is a SHOULD, told once.",
        "connection that was accepted",
        needs=(UP, TIMES, BETWEEN, LET_IN),
    ),
    _pile(
        "beat.legal-path",
        beat.LegalPath,
        "States follow the contract's table: no charging with the cable out, and never from fault to charging. A gun is"
        " not idle while its charge goes on.",
        "change of state between two reports without a gap",
        "szds-34, szds-32.9",
        needs=PILES_OWN,
    ),
    _pile(
        "beat.occupied-while-cabled",
        beat.OccupiedWhileCabled,
        "After a charge the gun is occupied, or at fault, not idle, until the cable is out or a new start comes.",
        "heartbeat after a charge with the cable still in",
        "szds-32.9",
    ),
    _pile(
        "beat.order",
        beat.OrderInBeat,
        "Charging heartbeats carry the order that was started, one start time that is not before the start, and an"
        " energy that never falls.",
        "charging heartbeat with its order or a start time",
        "szds-16b",
        needs=(*BOTH_WAYS, CHARGE_START, ENERGY, CLOCKS),
    ),
    _pile(
        "beat.start-time",
        beat.StartTime,
        "A charging heartbeat never has an empty (1999) start time.",
        "charging heartbeat",
        "szds-16b",
        needs=(UP, CHARGE_START),
        alone=(GunReport,),
    ),
    _pile(
        "beat.shows-unplug",
        beat.ShowsUnplug,
        "Plug and unplug show in a heartbeat or state change in time.",
        "plug or unplug recorded",
        "szds-32",
        needs=(UP, DOWN, TIMES, BETWEEN, ACTS, STATES, LIFE),
    ),
    _pile(
        "auth.answered",
        answered.AuthAnswered,
        "An authorise sent unasked (a scan) is answered in time.",
        "authorise reached the pile unasked",
        "szds-34",
        needs=ANSWERS,
        to_fail=(BETWEEN, ORDERS),
    ),
    _pile(
        "auth.kept",
        auth.Kept,
        "An authorised order lives at least so long, until it is started, stopped or replaced, whatever is tapped on"
        " the screen: a start inside that time starts this order.",
        "start of an order inside its authorisation's life, with an outcome",
        "szds-16b",
    ),
    _pile(
        "auth.expires",
        auth.Expires,
        "An authorised order that nobody starts, stops or replaces is ended by the pile itself, as timed out.",
        "authorised order that nobody started or stopped",
        "szds-16a",
    ),
    _pile(
        "auth.second-scan",
        auth.SecondScan,
        "A second authorise becomes the order of a gun that is idle or occupied, and changes nothing on one that"
        " charges.",
        "second authorise on a gun that charged afterwards",
        "szds-26",
    ),
    _pile(
        "start.answered",
        answered.StartAnswered,
        "A start is answered in time; unacknowledged bills that leave first stop this clock.",
        "start reached the pile",
        "szds-34",
        needs=ANSWERS,
        to_fail=(BETWEEN, LIFE),
    ),
    _pile(
        "start.outcome",
        start.Outcome,
        "An answered start becomes a charging heartbeat or is told to have failed, unless a stop, an unplug, or a"
        " lost line or power came first. Silence is a failure.",
        "answered start",
        "szds-34, 31, 32.6",
        needs=(*ANSWERS, STATES),
        to_fail=(BETWEEN, LIFE),
    ),
    _pile(
        "start.failure-told",
        start.FailureTold,
        "A start that cannot be (insulation, no cable, no balance, no authorisation) is told to have failed, by pile"
        " or user; for insulation the fault shows in a heartbeat or state change.",
        "start that could not be",
        "szds-29, szds-32.6",
        needs=(*BOTH_WAYS, MONEY, FAULTS, REASONS),
    ),
    _pile(
        "start.delayed",
        start.Delayed,
        "A start that comes late, but inside the authorisation's life, makes energy flow under that order, and the"
        " charge does not end for want of a balance that is not used up.",
        "start this long after its authorisation",
        "szds-16b",
        needs=(*BOTH_WAYS, MONEY, ENERGY, REASONS),
    ),
    _pile(
        "start.once",
        start.Once,
        "The same start twice is answered twice, and neither start time nor energy jumps back.",
        "start that came twice",
        needs=(*BOTH_WAYS, CHARGE_START, ENERGY),
    ),
    _pile(
        "start.refused",
        start.Refused,
        "A start that was refused, or never reached the pile, does not charge, and one that was refused has no bill.",
        "refused start, with three minutes of heartbeats or another charge after it",
    ),
    _pile(
        "start.needs-order",
        start.NeedsOrder,
        "A start for an account without an authorised order does not energise.",
        "start without an authorised order",
        "szds-16b",
    ),
    _pile(
        "stop.answered",
        answered.StopAnswered,
        "A stop sent unasked is answered in time, whether the gun charges or not.",
        "stop reached the pile unasked",
        "szds-16a",
        needs=ANSWERS,
        to_fail=(BETWEEN,),
    ),
    _pile(
        "stop.ends-charge",
        stop.EndsCharge,
        "After a stop for its own account a charging gun leaves charging, and one whose start was accepted and still"
        " under way does not begin.",
        "stop reached a charging gun",
        "szds-32.7",
        needs=(*ANSWERS, STATES),
        to_fail=(BETWEEN, LIFE),
    ),
    _pile(
        "balance.stops",
        stop.BalanceStops,
        "At a balance used up the pile ends the charge by itself, off-line too: the fees exceed the balance by no more"
        " than one heartbeat's worth, and the bill gives the balance as the reason.",
        "charge that used up its balance",
        "szds-33, szds-18",
        Level.SHOULD,
        needs=(*BOTH_WAYS, MONEY, ENERGY, REASONS),
    ),
    _pile(
        "fault.told",
        stop.FaultTold,
        "A fault in charge ends it, shows with its code in a heartbeat or state change, and is the bill's reason.",
        "fault while charging",
        "szds-32.8",
        needs=(*BOTH_WAYS, FAULTS, REASONS),
    ),
    _pile(
        "bill.one-per-charge",
        bill_flow.OnePerCharge,
        "Each order that charged gets one bill; sent again, its content is the same.",
        "order that charged and was left",
        "szds-25, zpd-3",
        needs=(*PILES_OWN, WHOLE_BILL),
    ),
    _pile(
        "bill.prompt",
        bill_flow.Prompt,
        "The first bill leaves in time after the unplug, and each further unacknowledged one soon after the last.",
        "unplug (or new start) after a charge",
        "szds-33, szds-32.7",
    ),
    _pile(
        "bill.at-once",
        bill_flow.AtOnce,
        "The bill leaves at once after the unplug that ended the charge or its occupancy.",
        "unplug (or new start) after a charge with the line up",
        "szds-32.7",
        Level.SHOULD,
    ),
    _pile(
        "bill.after-unplug",
        bill_flow.AfterUnplug,
        "No bill leaves before the cable is out, or a new start on the same cable has ended the occupancy.",
        "bill of an order that charged",
        "szds-32.9",
    ),
    _pile(
        "bill.order-known",
        bill_flow.OrderKnown,
        "The order of a bill was authorised on that gun, and is never empty.",
        "bill",
        "szds-16b",
        needs=(UP, DOWN, ORDERS),
        alone=(Bill,),
    ),
    _pile(
        "bill.none-unstarted",
        bill_flow.NoneUnstarted,
        "An order that never started has no bill, and at its end no other bill leaves but one still unacknowledged.",
        "order that ended without ever starting, with three minutes of heartbeats after it",
        "szds-16a, 17, 19",
        needs=(*BOTH_WAYS, BILL_TIMES, WHOLE_BILL),
    ),
    _pile(
        "bill.begun",
        bill_flow.Begun,
        "A start that the pile began to carry out, and that came to nothing, has a bill.",
        "accepted start that came to nothing",
    ),
    _pile(
        "bill.not-stale",
        bill_flow.NotStale,
        "Once acknowledged a bill is not sent again, and no bill has start, end and energy of another order's.",
        "acknowledged bill, with another bill or three minutes of heartbeats after it",
        "szds-25, szds-26",
        needs=(*BOTH_WAYS, WHOLE_BILL),
    ),
    _pile(
        "bill.resent",
        bill_flow.Resent,
        "Without its acknowledgement a bill is sent again, until it comes. Sooner or oftener than the protocol has it"
        " is a SHOULD, told once.",
        "bill that was not acknowledged at once",
        "zpd-3, zpd-7",
        needs=(*BOTH_WAYS, WHOLE_BILL),
    ),
    _pile(
        "bill.survives-outage",
        bill_flow.SurvivesOutage,
        "A bill that could not be sent, or was under way when line or power went, is sent once they are back.",
        "bill due or under way while line or power was gone",
        "szds-33, zpd-3",
    ),
    _pile(
        "bill.oldest-first",
        bill_flow.OldestFirst,
        "After an outage every unacknowledged bill leaves, oldest first, before a new start is answered.",
        "bill of a charge that an outage hit",
        "szds-33",
    ),
    _pile(
        "bill.times",
        bill_content.Times,
        "A bill has no empty (1999) time, none in the future, arrive, start, end and leave in this order, and start"
        " to end agrees with its minutes.",
        "bill",
        "szds-16a, 15, 19",
        needs=(UP, TIMES, BILL_TIMES),
        alone=(Bill,),
    ),
    _pile(
        "bill.plug-times",
        bill_content.PlugTimes,
        "Arrive and leave of a bill agree with plug and unplug.",
        "bill of an order that charged",
        "zpd-4, zpd-5",
        needs=(*BOTH_WAYS, BILL_TIMES, CLOCKS),
    ),
    _pile(
        "bill.duration",
        bill_content.Duration,
        "Start and end of a bill agree with the charging that heartbeats show.",
        "bill of an order that charged",
        "zpd-7 (9), zpd-4",
        needs=(*PILES_OWN, BILL_TIMES, CLOCKS),
    ),
    _pile(
        "bill.energy",
        bill_content.Energy,
        "The sum of the stages agrees with the meter and with the energy of the last charging heartbeat, and is not"
        " zero where energy flowed.",
        "bill of an order that charged",
        "zpd-7 (11), zpd-2, szds-30",
        needs=(*PILES_OWN, ENERGY),
    ),
    _pile(
        "bill.amount",
        bill_content.Amount,
        "Charge and service fee are each stage's energy times the price of its half-hour; where the bill goes by rates,"
        " each has the energy that reports show in its half-hours.",
        "bill of an order that charged",
        "szds-30",
        needs=(*BOTH_WAYS, BILL_TIMES, ENERGY, MONEY),
    ),
    _pile(
        "bill.occupancy",
        bill_content.Occupancy,
        "Occupancy minutes and fee follow from end, leave, free minutes and rate.",
        "bill of an order that charged",
        "zpd-4",
        needs=(*PILES_OWN, BILL_TIMES, MONEY),
    ),
    _pile(
        "bill.stop-reason",
        bill_content.BilledReason,
        "The stop reason agrees with what was done; unexpected (99) only where the cable was pulled unasked, and then"
        " leave follows the end and no occupancy is charged.",
        "bill of an order that charged, with a reason",
        "zpd-4",
        needs=(*BOTH_WAYS, BILL_TIMES, MONEY, REASONS, FAULTS),
    ),
    _pile(
        "occupied.parking",
        bill_content.FreeParking,
        "No occupancy is charged while the parking sensor says that the place is free.",
        "bill of an order that charged",
        "zpd-4",
        Level.SHOULD,
        needs=(*BOTH_WAYS, MONEY, PARKING),
    ),
    _pile(
        "safe.unplug-stops",
        safe.UnplugStops,
        "Pulling the cable while charging stops the charge.",
        "unplug while charging",
        "zpd-4",
        needs=PILES_OWN,
    ),
    _pile(
        "safe.insulation",
        safe.Insulation,
        "A gun whose insulation test fails is never energised.",
        "start with failing insulation",
        "szds-29",
        needs=(*BOTH_WAYS, ACTS, ENERGY),
    ),
    _pile(
        "battery.output",
        battery.Output,
        "Voltage and current of the charger, as told beside the battery's wants, are those of the gun's reports.",
        "word of the charger's output between two charging reports",
        level=Level.SHOULD,
        needs=BATTERYS,
    ),
    _pile(
        "battery.soc",
        battery.Soc,
        "The battery's state of charge is that of the gun's reports, and never falls while it is charged.",
        "word of the battery's state of charge",
        level=Level.SHOULD,
        needs=BATTERYS,
    ),
    _pile(
        "battery.demand",
        battery.Demand,
        "No more current is measured than the battery wants.",
        "word of what the battery wants",
        level=Level.SHOULD,
        needs=BATTERYS,
    ),
    _pile(
        "battery.temperature",
        battery.Temperature,
        "The battery's hottest place is as hot as the gun's reports say.",
        "word of the battery's temperature between two charging reports",
        level=Level.SHOULD,
        needs=BATTERYS,
    ),
    _pile(
        "battery.summary",
        battery.Summary,
        "Energy and minutes that are summed up at the end of a charge are those of its bill.",
        "sum of a charge with its bill",
        level=Level.SHOULD,
        needs=BATTERYS,
    ),
    _pile(
        "battery.vin",
        battery.Vin,
        "The bill carries the VIN that the car told.",
        "handshake with the car, and the bill after it",
        level=Level.SHOULD,
        needs=BATTERYS,
    ),
    _platform(
        "platform.frames",
        frame.PlatformFrames,
        "Every frame of the platform is well formed, and its replies name gun, account or order of their requests. A"
        " wrong number of the request is a SHOULD, told once.",
        "frame from the platform",
        needs=(DOWN, BYTES, LIFE, ACKNOWLEDGED),
    ),
    _platform(
        "platform.replies",
        answered.PlatformReplies,
        "Each message of the pile that has a reply gets it in time.",
        "message up that has a reply",
        needs=ANSWERS,
        to_fail=(BETWEEN,),
    ),
    _platform(
        "platform.bill-acked",
        answered.BillAcked,
        "Each bill, a repeated one too, is acknowledged in time with its own order.",
        "bill reached the platform",
        "zpd-3",
        needs=(*ANSWERS, ACKNOWLEDGED),
        to_fail=(BETWEEN,),
    ),
    _platform(
        "platform.clock",
        clock.PlatformClock,
        "The time that the platform gives is the time it is.",
        "time given by the platform",
        "szds-16",
        needs=(DOWN, TIMES, CLOCKS),
    ),
    _platform(
        "platform.start-after-auth",
        platform.StartAfterAuth,
        "No start is sent for an account without an answered authorise, or one that the pile asked for.",
        "start from the platform",
    ),
    _platform(
        "platform.waits-for-outcome",
        platform.WaitsForOutcome,
        "After a start the platform waits for its outcome before it cancels or authorises anew, unless the user"
        " stopped.",
        "start from the platform with anything after it",
        "szds-34",
    ),
    _platform(
        "platform.gives-up",
        platform.GivesUp,
        "An authorised order that nobody starts is ended in time, by the platform's stop or the pile's word.",
        "authorised order that nobody started",
        "szds-16a",
    ),
    _platform(
        "platform.stops-at-balance",
        platform.StopsAtBalance,
        "When heartbeats show the balance used up the platform stops the charge.",
        "heartbeat with the balance used up",
        "szds-33",
        needs=(*BOTH_WAYS, MONEY),
    ),
    _platform(
        "platform.survives-garbage",
        frame.SurvivesGarbage,
        "Bad bytes do the platform no harm: the next good frame is answered, or at most that connection is closed.",
        "bad, cut or joined bytes that reached the platform, with a request after them",
        needs=(UP, DOWN, TIMES, BYTES),
    ),
)
