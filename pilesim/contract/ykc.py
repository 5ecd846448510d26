"""The contract of YKC V1.6 (云快充).

Sources: a number in brackets is a clause of what the published document expects of a pile, "P" a choice made here where
it is silent. What a clause says of messages is in the wire layer; here stands what each side owes the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pilesim.contract.contract import BillDue, Contract, Limit, Refusal
from pilesim.units import DAY, FEN_MFEN, MINUTE, MS, S
from pilesim.wire.messages import (
    Alive,
    AliveReply,
    BalanceTell,
    BalanceTold,
    Bill,
    BillReply,
    CardAsk,
    CardReply,
    GunReport,
    GunState,
    Hello,
    HelloReply,
    Reboot,
    RebootReply,
    ReportAsk,
    Start,
    StartReply,
    Stop,
    StopReply,
    TariffAsk,
    TariffTell,
    TariffTold,
    TimeTell,
    TimeTold,
    WorkTell,
    WorkTold,
)
from pilesim.wire.ykc.codes import FAULTS

NAME = "ykc-1.6"
_REPLY = Limit(5 * S, "s", "P: as of a pile on the same mobile networks (szds-34)")
_OUTCOME = Limit(90 * S, "s", "(1) the platform closes an order that does not charge by then")
_CHANGE = Limit(5 * S, "s", "0x13 is sent on each change; P: the seconds")
_RESEND_SPARE_NS = 30 * S
"""What a bill may be late when it is sent again: P."""

# What answers 0x12, 0x42, 0x52, 0x56, 0x58 and 0x92 has no limit: the document gives none, no clause of what a pile is
# expected to do is about them, and no order depends on when they come. How they are built frame.* judges.
LIMITS: Mapping[str, Limit] = {
    "link.reconnects": Limit(MINUTE, "s", "P: (zpd-1)"),
    "link.stable": Limit(3, "losses", "P: losses in any one hour (zpd-1)"),
    "link.flap-keeps-order": Limit(2 * MINUTE, "s", "P: (szds-33)"),
    "clock.synced": Limit(MINUTE, "s", "P: (szds-16)"),
    "beat.period": Limit(5 * MINUTE + 5 * S, "s", "0x13 every 5 min when idle, and 5 s to spare"),
    "beat.charging": Limit(20 * S, "s", "(11) 0x13 every 15 s while charging, and 5 s to spare"),
    "beat.alive": Limit(15 * S, "s", "(11) some 0x03 every 10 s, and 5 s to spare"),
    "beat.shows-unplug": _CHANGE,
    "start.answered": _REPLY,
    "start.outcome": _OUTCOME,
    "start.failure-told": _OUTCOME,
    "stop.answered": _REPLY,
    "stop.ends-charge": Limit(10 * S, "s", "(3); P: the seconds"),
    "fault.told": _CHANGE,
    "bill.prompt": Limit(30 * S, "s", "(7)"),
    "bill.at-once": Limit(5 * S, "s", "(5) when the gun is pulled; P: the seconds"),
    "bill.begun": Limit(2 * MINUTE, "s", "(9) 90 s for the start (1) and 30 s for its bill (7)"),
    "bill.not-stale": Limit(5 * S, "s", "P: an acknowledgement and a bill may cross"),
    "bill.survives-outage": Limit(MINUTE, "s", "stored bills leave after the log-in; P: the seconds"),
    "bill.times": Limit(MINUTE, "s", "P"),
    "bill.duration": Limit(90 * S, "s", "P: (zpd-7)"),
    "bill.energy": Limit(500, "kWh", "P: this, and 1 % of the meter's difference"),
    "bill.amount": Limit(FEN_MFEN, "yuan", "(8) for each rate; piles in use send two decimals of the four"),
    "battery.summary": Limit(1_000, "kWh", "as 0x19 carries it: 0.1 kWh"),
    "safe.unplug-stops": Limit(1, "beats", "(5)"),
    "platform.replies": _REPLY,
    "platform.bill-acked": _REPLY,
    "platform.clock": Limit(MINUTE, "s", "P: (szds-16)"),
    "platform.waits-for-outcome": _OUTCOME,
    "platform.stops-at-balance": Limit(2, "beats", "P: (szds-33)"),
}

_NO_AUTHORISE = "this protocol has no authorisation apart from the start, which carries the order"
_NO_OCCUPANCY = "this protocol knows no occupancy: a gun is idle once it does not charge, and the bill tells no leave"

NOT_APPLICABLE: Mapping[str, str] = {
    "auth.answered": _NO_AUTHORISE,
    "auth.kept": _NO_AUTHORISE,
    "auth.expires": _NO_AUTHORISE,
    "auth.second-scan": _NO_AUTHORISE,
    "start.delayed": _NO_AUTHORISE,
    "start.needs-order": _NO_AUTHORISE,
    "platform.start-after-auth": _NO_AUTHORISE,
    "platform.gives-up": _NO_AUTHORISE,
    "beat.occupied-while-cabled": _NO_OCCUPANCY,
    "bill.after-unplug": _NO_OCCUPANCY,
    "bill.plug-times": _NO_OCCUPANCY,
    "bill.occupancy": _NO_OCCUPANCY,
    "occupied.parking": _NO_OCCUPANCY,
    "bill.none-unstarted": "here a start that was begun has a bill, whether anything charged or not",
    "beat.start-time": "the report of this protocol carries no start time",
}

YKC = Contract(
    protocol=NAME,
    limits=LIMITS,
    replies={
        Hello: HelloReply,
        Alive: AliveReply,
        TariffAsk: TariffTell,
        TariffTell: TariffTold,
        TimeTell: TimeTold,
        ReportAsk: GunReport,
        CardAsk: CardReply,
        Start: StartReply,
        Stop: StopReply,
        Bill: BillReply,
        BalanceTell: BalanceTold,
        WorkTell: WorkTold,
        Reboot: RebootReply,
    },
    # 0x13: every 5 min when idle, every 15 s while charging; 0x03: every 10 s, three missed are off-line.
    beat_idle_ns=5 * MINUTE,
    beat_charging_ns=15 * S,
    alive_ns=10 * S,
    alives_lost=3,
    changes_apart=False,
    reply_delay_ns=200 * MS,
    # The order lies at the platform until the start: so long it may. P, as of EV-Link.
    authorisation_life_ns=5 * MINUTE + 50 * S,
    platform_cancel_ns=5 * MINUTE + 41_600 * MS,
    # (1): the 60 s run from the receipt of 0x34.
    plug_wait_ns=MINUTE,
    # Log-in: a refused one ends the connection, and nothing comes before an accepted one.
    hello_first=True,
    # 0x56 after the log-in and daily; the pile has no message to ask with.
    time_ask_ns=DAY,
    time_tell_ns=DAY,
    # 0x15, 0x17, 0x19, 0x1B, 0x1D, 0x21, 0x23 and 0x25 of a DC pile.
    tells_battery=True,
    # Log-in: stored 0x13s go before the stored 0x3Bs.
    keeps_reports=True,
    # Energies and amounts of 0x3B have four decimals.
    bill_energy_dwh=1,
    bill_money_mfen=10,
    # (7), (5): within 30 s of the end, with the cable in or out.
    bill_due=BillDue.END,
    # (9): failed or not; a start that was refused has none.
    bill_of_failed_start=True,
    bill_resend_ns=30 * S,
    bill_resends=3,
    bill_wait_ns=30 * MINUTE,
    bill_next_ns=10 * S,
    quiet_ns=3 * MINUTE,
    # 0x33: 1 wrong pile, 2 already charging, 3 fault, 4 offline, 5 not plugged. What has no number of its own is 3.
    start_refusals={
        Refusal.NO_ORDER: 3,
        Refusal.TAKEN: 2,
        Refusal.NO_CABLE: 5,
        Refusal.NO_BALANCE: 3,
        Refusal.FAULT: 3,
        Refusal.OUT_OF_SERVICE: 3,
        Refusal.NO_ROOM: 3,
    },
    nothing_to_stop=2,
    # 0x41: 2 wrong card.
    nobody_charges=2,
    # The bits of 0x13.
    faults_told=frozenset(fault for fault, _ in FAULTS),
    # (4): never idle while charging. A gun is idle with its cable in too.
    legal_moves={
        GunState.IDLE: frozenset({GunState.CHARGING, GunState.FAULT, GunState.OFFLINE}),
        GunState.CHARGING: frozenset({GunState.IDLE, GunState.FAULT}),
        GunState.FAULT: frozenset({GunState.IDLE, GunState.OFFLINE}),
        GunState.OFFLINE: frozenset({GunState.IDLE, GunState.FAULT}),
    },
    not_applicable=NOT_APPLICABLE,
)

RETRIES: Mapping[str, tuple[int, int]] = {"3x30s": (3, 30 * S), "1x5m": (1, 5 * MINUTE)}
"""(10) The choices of `bill_retry`: how often an unacknowledged bill is sent again, and after how long."""


def contract(options: Mapping[str, str]) -> Contract:
    """The contract under the options of the protocol's name."""
    times, after_ns = RETRIES[options["bill_retry"]]
    resent = Limit(after_ns + _RESEND_SPARE_NS, "s", f"(10) bill_retry={options['bill_retry']}, and 30 s to spare")
    return replace(YKC, bill_resends=times, bill_resend_ns=after_ns, limits={**LIMITS, "bill.resent": resent})
