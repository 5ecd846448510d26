"""The contract of the EV-Link family: `lhc` in full, the older versions less what they do not carry.

Sources: "page" is the protocol page's flow or choices (P: chosen here), else the field case. Limits are the
defaults of the expectations; a site may set each.
"""

from __future__ import annotations

from dataclasses import replace

from pilesim.contract.contract import Contract, Limit
from pilesim.units import DAY, FEN_MFEN, MINUTE, MS, S
from pilesim.wire.messages import (
    AccountAsk,
    AccountTell,
    Authorise,
    AuthoriseReply,
    Bill,
    BillReply,
    CardAsk,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    HelloReply,
    LockAsk,
    LockTell,
    Reserve,
    ReserveReply,
    Start,
    StartReply,
    Stop,
    StopAsk,
    StopReply,
    TimeAsk,
    TimeTell,
)

_OCCUPIED = frozenset({GunState.OCCUPIED_FULL, GunState.OCCUPIED_NOT_FULL})

_REPLY = Limit(5 * S, "s", "szds-34: replies came within 1.1 s")

LIMITS: dict[str, Limit] = {
    "link.reconnects": Limit(MINUTE, "s", "zpd-1, szds-32.3"),
    "link.stable": Limit(3, "losses", "zpd-1: losses in any one hour"),
    "link.flap-keeps-order": Limit(2 * MINUTE, "s", "szds-33, zpd-1: the longest outage that must be survived"),
    "clock.synced": Limit(MINUTE, "s", "szds-16"),
    "beat.period": Limit(35 * S, "s", "szds-34: 30 s when idle, and 5 s to spare"),
    "beat.occupied-while-cabled": Limit(1, "beats", "szds-32.9"),
    "beat.shows-unplug": Limit(5 * S, "s", "szds-32"),
    "auth.answered": _REPLY,
    "auth.kept": Limit(5 * MINUTE, "s", "szds-16b"),
    "auth.expires": Limit(6 * MINUTE, "s", "szds-16a: the platform cancels after 5 min 41.6 s"),
    "start.answered": _REPLY,
    "start.outcome": Limit(90 * S, "s", "szds-34: a failure was told after 31.0 s"),
    "start.failure-told": Limit(90 * S, "s", "szds-29, szds-32.6"),
    "start.delayed": Limit(46 * S, "s", "szds-16b: the start came about 46 s late"),
    "stop.answered": Limit(5 * S, "s", "szds-16a"),
    "stop.ends-charge": Limit(10 * S, "s", "szds-32.7"),
    "fault.told": Limit(5 * S, "s", "szds-32.8"),
    "bill.prompt": Limit(MINUTE, "s", "szds-33, szds-32.7"),
    "bill.at-once": Limit(5 * S, "s", "szds-32.7"),
    "bill.not-stale": Limit(5 * S, "s", "szds-25, szds-26: an acknowledgement and a bill may cross"),
    "bill.resent": Limit(MINUTE, "s", "zpd-3, zpd-7"),
    "bill.survives-outage": Limit(MINUTE, "s", "szds-33, zpd-3"),
    "bill.times": Limit(MINUTE, "s", "szds-16a, 15, 19"),
    "bill.plug-times": Limit(MINUTE, "s", "zpd-4, zpd-5"),
    "bill.duration": Limit(90 * S, "s", "zpd-7 (9), zpd-4"),
    "bill.energy": Limit(500, "kWh", "zpd-7 (11), zpd-2, szds-30: this, and 1 % of the meter's difference"),
    "bill.amount": Limit(FEN_MFEN, "yuan", "szds-30: for each stage"),
    "bill.occupancy": Limit(1, "min", "zpd-4"),
    "bill.stop-reason": Limit(MINUTE, "s", "zpd-4: leave after end, when the cable was pulled unasked"),
    "safe.unplug-stops": Limit(1, "beats", "zpd-4"),
    "platform.replies": _REPLY,
    "platform.bill-acked": Limit(5 * S, "s", "zpd-3: a bill without its acknowledgement is sent for ever"),
    "platform.clock": Limit(MINUTE, "s", "szds-16"),
    "platform.waits-for-outcome": Limit(90 * S, "s", "szds-34"),
    "platform.gives-up": Limit(6 * MINUTE, "s", "szds-16a"),
    "platform.stops-at-balance": Limit(2, "beats", "szds-33"),
}

_NOT_REFUSED = "the answer to a start accepts or refuses nothing here; an ended that follows it does"
_NOTHING_TO_HOLD_IT_AGAINST = "neither heartbeat nor bill of this protocol tells the like of it"
_NOTHING_OF_BATTERIES = "piles of this protocol pass nothing on of the car's battery"

NOT_APPLICABLE: dict[str, str] = {
    "beat.charging": "one limit holds here whether a gun charges or not: that of beat.period",
    "beat.alive": "a gun's heartbeat is its report here, which beat.period has",
    "start.refused": _NOT_REFUSED,
    "bill.begun": "here a start that came to nothing has no bill",
    "battery.output": _NOTHING_TO_HOLD_IT_AGAINST,
    "battery.temperature": _NOTHING_TO_HOLD_IT_AGAINST,
    "battery.summary": _NOTHING_TO_HOLD_IT_AGAINST,
    "battery.vin": _NOTHING_TO_HOLD_IT_AGAINST,
}

LHC = Contract(
    protocol="lhc",
    limits=LIMITS,
    replies={
        Hello: HelloReply,
        TimeAsk: TimeTell,
        GunReport: GunReportReply,
        Reserve: ReserveReply,
        Bill: BillReply,
        StopAsk: Stop,
        CardAsk: Authorise,
        AccountAsk: AccountTell,
        LockAsk: LockTell,
        Authorise: AuthoriseReply,
        Start: StartReply,
        Stop: StopReply,
    },
    beat_idle_ns=30 * S,
    beat_charging_ns=15 * S,
    reply_delay_ns=200 * MS,
    authorisation_life_ns=5 * MINUTE + 50 * S,
    platform_cancel_ns=5 * MINUTE + 41_600 * MS,
    bill_resend_ns=30 * S,
    bill_wait_ns=30 * MINUTE,
    bill_next_ns=10 * S,
    quiet_ns=3 * MINUTE,
    time_ask_ns=DAY,
    legal_moves={
        GunState.IDLE: frozenset({GunState.CHARGING, GunState.FAULT, GunState.MAINTENANCE}),
        GunState.CHARGING: _OCCUPIED | {GunState.FAULT},
        GunState.OCCUPIED_FULL: _OCCUPIED | {GunState.IDLE, GunState.FAULT, GunState.CHARGING},
        GunState.OCCUPIED_NOT_FULL: _OCCUPIED | {GunState.IDLE, GunState.FAULT, GunState.CHARGING},
        GunState.FAULT: _OCCUPIED | {GunState.IDLE},
        GunState.MAINTENANCE: frozenset({GunState.IDLE, GunState.FAULT}),
    },
    not_applicable={
        **NOT_APPLICABLE,
        "battery.soc": _NOTHING_OF_BATTERIES,
        "battery.demand": _NOTHING_OF_BATTERIES,
    },
)

_NO_TAIL = "the heartbeat of this version carries no order, start time, energy or amount"

EVLINK = replace(
    LHC,
    protocol="evlink-2.6",
    # 0x19, 0x1A, 0x1B, 0x1E, 0x23 and 0x24 are published; the field, whose piles speak lhc, has shown none.
    tells_battery=True,
    not_applicable={
        **NOT_APPLICABLE,
        "beat.order": _NO_TAIL,
        "beat.start-time": _NO_TAIL,
        "auth.second-scan": _NO_TAIL,
        "start.once": _NO_TAIL,
        "link.flap-keeps-order": _NO_TAIL,
        "platform.stops-at-balance": _NO_TAIL,
        "bill.stop-reason": "the bill of this version carries no stop reason",
    },
)

CONTRACTS = (LHC, EVLINK, replace(EVLINK, protocol="evlink-2.5"))
