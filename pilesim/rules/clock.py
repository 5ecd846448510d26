"""clock.synced and platform.clock: both sides know what time it is.

Owns what is expected of times that are "now". Must not know the times in bills.
"""

from __future__ import annotations

from pilesim.rules.rule import Rule, RuleRow, Scene
from pilesim.trace.decoder import Seen
from pilesim.units import format_duration, format_local
from pilesim.wire.messages import GunReport, Message, Stamp, TimeAsk, TimeTell, TimeTold


def shown(stamp: Stamp) -> str:
    """A stamp for a person: both readings of an empty one."""
    if stamp.epoch_ns is not None:
        return format_local(stamp.epoch_ns)
    return f"bad time {stamp.bad.hex(' ')}" if stamp.bad else "no time (1999-11-30 to a lenient calendar)"


class Synced(Rule):
    """Once told the time the pile's clock stays with the platform's."""

    wants = (TimeAsk, TimeTold, GunReport)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self.matters = None if scene.protocol.tells(GunReport, "time") else ()

    def on_seen(self, seen: Seen, message: Message) -> None:
        stamp = message.pile_time if isinstance(message, TimeAsk | TimeTold) else None
        if isinstance(message, GunReport):
            stamp = message.time
        if stamp is None:
            return
        if self.facts.told_ns is None:
            self.open("the pile has not been told the time before its own was seen")
            return
        if isinstance(message, GunReport) and seen.t_ns - self.facts.up_ns < self.limit_ns:
            # A change that happened during the outage is told afterwards, with the time at which it happened.
            return
        told = self.facts.epoch_ns(seen.t_ns)
        if stamp.epoch_ns is None:
            self.failed(f"the time, {format_local(told)}", shown(stamp), seen=seen, gun=message.gun)
            return
        off_ns = abs(stamp.epoch_ns - told)
        if off_ns <= self.limit_ns:
            self.passed(off_ns)
        else:
            self.failed(
                f"{format_local(told)}, within {format_duration(self.limit_ns)}",
                f"{shown(stamp)}, {format_duration(off_ns)} off",
                seen=seen,
                gun=message.gun,
                measured=off_ns,
            )


class PlatformClock(Rule):
    """The time that the platform gives is the time it is."""

    wants = (TimeTell,)

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, TimeTell)
        now = self.facts.start_epoch_ns + seen.t_ns
        told = message.platform_time
        if told.epoch_ns is None:
            self.failed(f"the time, {format_local(now)}", shown(told), seen=seen)
            return
        off_ns = abs(told.epoch_ns - now)
        if off_ns <= self.limit_ns:
            self.passed(off_ns)
        else:
            self.failed(
                f"{format_local(now)}, within {format_duration(self.limit_ns)}",
                f"{shown(told)}, {format_duration(off_ns)} off",
                seen=seen,
                measured=off_ns,
            )
