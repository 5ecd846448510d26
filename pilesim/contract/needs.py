"""What a rule lives on: a message of the protocol, or what one of its messages tells.

Owns which rules a protocol cannot carry for want of that, and the reason in a sentence. Must not know any protocol, or
how a rule judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pilesim.wire.messages import (
    Alive,
    Authorise,
    AuthoriseReply,
    Bill,
    BillReply,
    BmsDemand,
    BmsHandshake,
    BmsInfo,
    ChargeSummary,
    GunReport,
    Message,
    StartReply,
    Stop,
    StopReply,
    TimeTell,
)
from pilesim.wire.protocol import Protocol


class Need(NamedTuple):
    """A rule, the message that it lives on, and of that the attribute; "": the message itself."""

    rule: str
    kind: type[Message]
    attribute: str = ""

    def met(self, spoken: Protocol) -> bool:
        return spoken.tells(self.kind, self.attribute) if self.attribute else spoken.carries(self.kind)

    def lacking(self, whose: str) -> str:
        """Why the rule cannot be carried, in a sentence."""
        if self.attribute:
            return f"the {self.kind.name} of {whose} carries no {self.attribute}"
        return f"{whose} has no {self.kind.name}"


NEEDS = (
    Need("clock.synced", TimeTell),
    Need("beat.alive", Alive),
    Need("beat.order", GunReport, "order"),
    Need("beat.start-time", GunReport, "start"),
    Need("auth.answered", AuthoriseReply),
    Need("auth.kept", Authorise),
    Need("auth.expires", Authorise),
    Need("auth.second-scan", Authorise),
    Need("auth.second-scan", GunReport, "order"),
    Need("start.answered", StartReply),
    Need("start.outcome", StartReply),
    Need("start.refused", StartReply),
    Need("start.failure-told", StartReply),
    Need("start.delayed", Authorise),
    Need("start.needs-order", Authorise),
    Need("start.once", StartReply),
    Need("start.once", GunReport, "order"),
    Need("link.flap-keeps-order", GunReport, "order"),
    Need("stop.answered", StopReply),
    Need("stop.ends-charge", Stop),
    Need("bill.not-stale", BillReply),
    Need("bill.resent", BillReply),
    Need("bill.oldest-first", BillReply),
    Need("bill.plug-times", Bill, "arrive"),
    Need("bill.occupancy", Bill, "leave"),
    Need("bill.stop-reason", Bill, "stop_reason"),
    Need("battery.output", BmsDemand),
    Need("battery.soc", BmsDemand),
    Need("battery.demand", BmsDemand),
    Need("battery.temperature", BmsInfo),
    Need("battery.summary", ChargeSummary),
    Need("battery.vin", BmsHandshake),
    Need("platform.start-after-auth", Authorise),
    Need("platform.gives-up", Authorise),
    Need("platform.bill-acked", BillReply),
    Need("platform.clock", TimeTell),
    Need("platform.stops-at-balance", Stop),
    Need("platform.stops-at-balance", GunReport, "amount_mfen"),
)


def unmet(spoken: Protocol) -> Mapping[str, str]:
    """The rules that `spoken` cannot carry, each with the reason."""
    return {need.rule: need.lacking(spoken.name) for need in reversed(NEEDS) if not need.met(spoken)}


def changed(spoken: Protocol, origin: Protocol, reasons: Mapping[str, str]) -> dict[str, str]:
    """The `reasons` of `origin`, but for what a dialect of it tells or lacks otherwise."""
    found = dict(reasons)
    for need in NEEDS:
        if need.met(spoken) and not need.met(origin):
            found.pop(need.rule, None)
    for need in NEEDS:
        if need.met(origin) and not need.met(spoken):
            found.setdefault(need.rule, need.lacking("this dialect"))
    return found
