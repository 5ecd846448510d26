"""What a rule has to know to say anything: facts that a log may lack, as a whole or in one of its messages.

Owns the facts and the sentences that name them. Must not know any rule: each row of the table lists the facts that it
needs. A recording of pilesim's own lacks none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from pilesim.trace.decoder import Seen
from pilesim.trace.events import Missing
from pilesim.wire.messages import (
    Alive,
    Authorise,
    AuthoriseReply,
    BalanceTell,
    Bill,
    BillReply,
    BmsDemand,
    BmsError,
    BmsHandshake,
    BmsInfo,
    BmsParameters,
    BmsStop,
    CardAsk,
    CardReply,
    ChargerStop,
    ChargeSummary,
    Ended,
    GunReport,
    HelloReply,
    Message,
    Start,
    StartAsk,
    StartReply,
    Stop,
    StopAsk,
    StopReply,
    TariffTell,
    TimeAsk,
    TimeTell,
    TimeTold,
)


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """Something that a log tells or lacks: as a whole, or by one of the fields that its messages tell it by."""

    name: str
    missing: Missing | None = None
    """What a log has to lack for the fact to be lacking altogether; None: it goes by the fields alone."""
    fields: Mapping[type[Message], frozenset[str]] = field(default_factory=dict)


def _told_by(name: str, told: Mapping[type[Message], str]) -> Fact:
    return Fact(name, None, {kind: frozenset(names.split()) for kind, names in told.items()})


def _every(kind: type[Message]) -> str:
    return " ".join(name for name in kind.__struct_fields__ if name != "gun")


UP = Fact("what the pile sent", Missing.UP)
DOWN = Fact("what the platform sent", Missing.DOWN)
TIMES = Fact("times", Missing.TIMES)
ZONE = Fact("the zone of its times", Missing.ZONE)
ACTS = Fact("acts at the pile", Missing.ACTS)
CONNECTIONS = Fact("connections", Missing.CONNECTIONS)
BYTES = Fact("the bytes of the frames", Missing.FRAMES)
BETWEEN = Fact("what its lines leave out", Missing.LINES)
"""Where that is lacking nothing can be said of what did not happen."""

_ORDERS: dict[type[Message], str] = {
    Authorise: "order accepted",
    CardReply: "order accepted",
    StartAsk: "order",
    Start: "order",
    Bill: "order",
}
_STATES: dict[type[Message], str] = {GunReport: "state cable change order"}
ORDERS = _told_by("the orders that were authorised and billed", _ORDERS)
STATES = _told_by("the states of the guns", {GunReport: "state change"})
KINDS = _told_by("which reports are heartbeats", {GunReport: "change"})
LET_IN = _told_by("whether the pile was let in", {HelloReply: "accepted"})
LIFE = _told_by(
    "the order's whole life",
    {
        **_ORDERS,
        **_STATES,
        Authorise: "order account accepted",
        AuthoriseReply: "account",
        CardAsk: "account",
        CardReply: "order account accepted",
        Start: "order account",
        StartReply: "order account accepted reason",
        Stop: "account accepted",
        StopReply: "account accepted",
        StopAsk: "account",
        Ended: "account reason",
        BillReply: "order",
        Bill: "order start",
    },
)
ACKNOWLEDGED = _told_by("the orders that are acknowledged", {Bill: "order", BillReply: "order"})
CHARGE_START = _told_by("since when a gun charges", {GunReport: "state start"})
BILL_TIMES = _told_by("the times of the bill", {Bill: "arrive start end leave"})
WHOLE_BILL = _told_by("all that the bill says", {Bill: _every(Bill)})
ENERGY = _told_by("the energy", {GunReport: "meter_dwh energy_dwh start", Bill: "stages_dwh periods total_dwh"})
MONEY = _told_by(
    "the money",
    {
        Authorise: "balance_mfen tariff",
        CardReply: "balance_mfen",
        Start: "balance_mfen",
        BalanceTell: "balance_mfen",
        TariffTell: "tariff model same asked",
        GunReport: "amount_mfen",
        Bill: "charge_fee_mfen service_fee_mfen amount_mfen occupancy_minutes occupancy_fee_mfen",
    },
)
FAULTS = _told_by("the faults of the guns", {GunReport: "fault"})
PARKING = _told_by("whether the place is free", {GunReport: "parking"})
REASONS = _told_by("why the charge ended", {Bill: "stop_reason", Ended: "reason"})
CLOCKS = _told_by(
    "the times of the clocks",
    {
        TimeTell: "platform_time pile_time",
        TimeAsk: "pile_time",
        TimeTold: "pile_time",
        GunReport: "time start state",
        Bill: "arrive start end leave traded",
    },
)
BATTERY = _told_by(
    "what the battery and the charger told each other",
    {
        kind: _every(kind)
        for kind in (
            *(BmsHandshake, BmsParameters, BmsDemand, BmsInfo, BmsStop, BmsError, ChargerStop, ChargeSummary),
            *(GunReport, Alive),
        )
    },
)


@lru_cache(4096)
def lacking(needs: tuple[Fact, ...], missing: tuple[Missing, ...]) -> str:
    """Why a log that lacks `missing` cannot tell all of `needs`, in a sentence; "" where it can."""
    for fact in needs:
        if fact.missing in missing:
            return f"the log lacks {fact.missing}"
    return ""


def untold(needs: Iterable[Fact], seen: Seen) -> str:
    """What of `needs` this message of a log does not tell, in a sentence; "" where it tells all."""
    message = seen.decoded.message
    if message is None or not seen.decoded.untold:
        return ""
    for fact in needs:
        names = fact.fields.get(type(message), frozenset()) & seen.decoded.untold
        if names:
            where = f"line {seen.line}" if seen.line else f"frame {seen.index}"
            listed = ", ".join(_in_words(name) for name in sorted(names))
            return f"{where} ({seen.decoded.title}) does not tell {listed}: the log lacks {fact.name}"
    return ""


def _in_words(name: str) -> str:
    return name.removesuffix("_mfen").removesuffix("_dwh").replace("_", " ")
