"""clock.synced and platform.clock: both sides know what time it is.

Owns what is expected of times that are "now". Must not know the times in bills.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilesim.rules.ends import LOST_NS
from pilesim.rules.rule import Rule, RuleRow, Scene
from pilesim.trace.decoder import Seen
from pilesim.units import MINUTE, format_duration, format_local
from pilesim.wire.messages import GunReport, Message, Stamp, TimeAsk, TimeTell, TimeTold

HELD_APART_NS = MINUTE
"""What the line has held up arrives within so much: times that are as late once more after it are their sender's."""
HELD_BACK = "the line may have held up the time that the pile was told, and so set its clock back"
TOLD_LATE = "the line held up the time that the pile was told: it may go by when it asked for it"
NOT_TOLD = "perhaps the pile had not been told the time yet"


def shown(stamp: Stamp) -> str:
    """A stamp for a person: both readings of an empty one."""
    if stamp.epoch_ns is not None:
        return format_local(stamp.epoch_ns)
    return f"bad time {stamp.bad.hex(' ')}" if stamp.bad else "no time (1999-11-30 to a lenient calendar)"


@dataclass(frozen=True, slots=True)
class _Told:
    """A time that is said to be now, and what the time was."""

    seen: Seen
    stamp: Stamp
    right_epoch_ns: int
    gun: int | None = None

    @property
    def ahead_ns(self) -> int:
        """Of the right one; 0 of an empty stamp."""
        return 0 if self.stamp.epoch_ns is None else self.stamp.epoch_ns - self.right_epoch_ns


class _Clock(Rule):
    """What is said of times that are not now."""

    def _off(self, told: _Told) -> None:
        right, off_ns, empty = format_local(told.right_epoch_ns), abs(told.ahead_ns), told.stamp.epoch_ns is None
        self.failed(
            f"the time, {right}" if empty else f"{right}, within {format_duration(self.limit_ns)}",
            shown(told.stamp) if empty else f"{shown(told.stamp)}, {format_duration(off_ns)} off",
            seen=told.seen,
            gun=told.gun,
            measured=None if empty else off_ns,
        )

    def _held_up(self) -> None:
        self.open(f"the line may have held up a time that is behind: {self.would_tell}")


class Synced(_Clock):
    """Once told the time the pile's clock stays with the platform's."""

    wants = (TimeAsk, TimeTold, GunReport)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self.matters = ()
        self._late: _Told | None = None
        """From afar: a time that is behind by its sender's clock, or by the line."""

    def on_seen(self, seen: Seen, message: Message) -> None:
        stamp = message.pile_time if isinstance(message, TimeAsk | TimeTold) else None
        if isinstance(message, GunReport):
            stamp = message.time
        if stamp is None:
            return
        if self.facts.time.told_ns is None:
            self.open("the pile has not been told the time before its own was seen")
            return
        if isinstance(message, GunReport) and seen.t_ns - self.facts.up_ns < self.limit_ns:
            # A change that happened during the outage is told afterwards, with the time at which it happened.
            return
        told = _Told(seen, stamp, self.facts.time.epoch_ns(seen.t_ns), message.gun)
        ahead_ns = told.ahead_ns
        if stamp.epoch_ns is not None and abs(ahead_ns) <= self.limit_ns:
            self._open_late()
            self.passed(abs(ahead_ns))
        elif self.facts.time.perhaps_told_late(ahead_ns, self.limit_ns):
            self.open(TOLD_LATE)
        elif self.facts.time.perhaps_untold(seen.t_ns, seen.t_ns):
            self.open(f"{NOT_TOLD}{self.where_told}")
        elif self.remote and 0 < -ahead_ns <= LOST_NS:
            self._behind(told)
        else:
            self._off(told)

    def on_finish(self) -> None:
        self._open_late()

    def _behind(self, told: _Told) -> None:
        """From afar the line may have held it up; a time as late long after that, none in time between them, is off."""
        first = self._late
        if first is None:
            self._late = told
        elif told.seen.t_ns - first.seen.t_ns > HELD_APART_NS:
            self._late = None
            self._off(first)
            self._off(told)

    def _open_late(self) -> None:
        if self._late is not None:
            self._late = None
            self._held_up()


class PlatformClock(_Clock):
    """The time that the platform gives is the time it is."""

    wants = (TimeTell,)

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, TimeTell)
        told = _Told(seen, message.platform_time, self.facts.start_epoch_ns + seen.t_ns)
        ahead_ns = told.ahead_ns
        asked = self.facts.at.request
        late_ns = (seen.t_ns - asked.seen.t_ns if asked is not None else LOST_NS) if self.remote else 0
        if told.stamp.epoch_ns is None:
            self._off(told)
        elif abs(ahead_ns) <= self.limit_ns:
            self.passed(abs(ahead_ns))
        elif 0 < -ahead_ns <= self.limit_ns + late_ns:
            self._held_up()
        else:
            self._off(told)
