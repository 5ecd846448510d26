"""The contract of the EV-Link family: `lhc` in full, the older versions less what they do not carry.

Sources: "page" is the protocol page's flow or choices (P: chosen here), else the field case. Limits are the
defaults of the expectations; a site may set each.
"""

from __future__ import annotations

from dataclasses import replace

from pilesim.contract.contract import Contract, Limit
from pilesim.units import DAY, MINUTE, MS, S
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

LIMITS: dict[str, Limit] = {}

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
    time_ask_ns=DAY,
    legal_moves={
        GunState.IDLE: frozenset({GunState.CHARGING, GunState.FAULT, GunState.MAINTENANCE}),
        GunState.CHARGING: _OCCUPIED | {GunState.FAULT},
        GunState.OCCUPIED_FULL: _OCCUPIED | {GunState.IDLE, GunState.FAULT, GunState.CHARGING},
        GunState.OCCUPIED_NOT_FULL: _OCCUPIED | {GunState.IDLE, GunState.FAULT, GunState.CHARGING},
        GunState.FAULT: _OCCUPIED | {GunState.IDLE},
        GunState.MAINTENANCE: frozenset({GunState.IDLE, GunState.FAULT}),
    },
)

_NO_TAIL = "the heartbeat of this version carries no order, start time, energy or amount"

EVLINK = replace(
    LHC,
    protocol="evlink-2.6",
    not_applicable={
        "beat.order": _NO_TAIL,
        "beat.start-time": _NO_TAIL,
        "bill.stop-reason": "the bill of this version carries no stop reason",
    },
)

CONTRACTS = (LHC, EVLINK, replace(EVLINK, protocol="evlink-2.5"))
