"""The time that the pile goes by: what the platform told it, and when that may not have reached it yet.

Owns the reckoning. Must not know any rule. All times are world ns since the trace's start, unless a name says epoch.
"""

from __future__ import annotations

from pilesim.contract.contract import Contract
from pilesim.rules.ends import LOST_NS
from pilesim.units import MINUTE, S
from pilesim.wire.messages import Stamp, TimeTell

CLOCK_MOVED_NS = 2 * S
"""A clock that was set by less has only drifted, or was told at once."""
ASKED_AGAIN_NS = MINUTE
"""A pile that asks for the time, and is not told it, asks again within so much."""


class ToldTime:
    """What is known of the pile's clock at one end."""

    def __init__(self, contract: Contract, start_epoch_ns: int, *, remote: bool, at_pile: bool) -> None:
        """`remote`: nothing was recorded at the pile; `at_pile`: it was all recorded there."""
        self.told_ns: int | None = None
        """When the pile was last told the time."""
        self.offset_ns = 0
        """What the platform's time was ahead of the world's then."""
        self.behind_ns = 0
        """How far the pile's clock may be behind what it was told, by how late it has said that it was: from afar."""
        self.set_ns = -1
        """When the pile's clock was last moved on or back, by more than it may drift."""
        self.was_offset_ns = 0
        """What it was ahead of the world's before that."""
        self.own_since_ns: int | None = None
        """Since when the pile's clock is its own, as after a power cut that nobody may have recorded."""
        self._start_epoch_ns = start_epoch_ns
        self._remote = remote
        self._at_pile = at_pile
        self._confirmed = TimeTell in contract.replies
        """A pile says that it was told; else it is for the pile to ask."""
        self._synced_ns = contract.limits["clock.synced"].value
        self._late_ns = 0
        """How long the pile had waited for the time."""
        self._own_asked = False
        """The pile has asked for the time since its clock is its own."""
        self._own_told_ns: int | None = None
        """When it was first told the time since then."""
        self._own_until_ns: int | None = None
        """When that is known to have reached it."""

    # What rules ask -----------------------------------------------------------------------------------------

    def epoch_ns(self, t_ns: int) -> int:
        """The time that the platform's clock shows at `t_ns`: what the pile was told, else the world's."""
        return self._start_epoch_ns + t_ns + self.offset_ns

    def perhaps_told_late(self, ahead_ns: int, limit_ns: int) -> bool:
        """Whether a pile that is more than the limit ahead of what it was told may go by when it asked for the time."""
        return limit_ns < ahead_ns <= limit_ns + self._late_ns

    def perhaps_untold(self, since_ns: int, until_ns: int) -> bool:
        """Whether the pile may not have been told the time yet at some time from `since_ns` to `until_ns`."""
        if self.own_since_ns is None or until_ns < self.own_since_ns:
            return False
        if not self._confirmed and not self._own_asked:
            # Where it is for the pile to ask, one that does not is not told by its own doing.
            return False
        known_ns = self._own_until_ns
        if known_ns is None and self._own_told_ns is not None:
            known_ns = self._own_told_ns + (LOST_NS if self._confirmed else ASKED_AGAIN_NS)
        return known_ns is None or since_ns < known_ns

    # What the facts feed ------------------------------------------------------------------------------------

    def lost(self, since_ns: int) -> None:
        """From then on the pile's clock is its own."""
        self.own_since_ns = since_ns
        self._own_asked = False
        self._own_told_ns = self._own_until_ns = None

    def asked(self, t_ns: int, shown: Stamp | None) -> None:
        """The pile asks for the time, and perhaps shows its own: from afar, one with another time than it was told has
        perhaps not heard of that yet."""
        self._own_asked = True
        if shown is None or self._own_told_ns is None or not self._remote:
            return
        off_ns = None if shown.epoch_ns is None else abs(shown.epoch_ns - self.epoch_ns(t_ns))
        if off_ns is not None and off_ns <= self._synced_ns:
            self._reached(t_ns)
        elif t_ns - self._own_told_ns < ASKED_AGAIN_NS:
            self._own_told_ns = self._own_until_ns = None

    def told(self, t_ns: int, epoch_ns: int, asked_ns: int | None) -> None:
        """The platform tells the time, to a pile that has asked at `asked_ns`; None: unasked."""
        self.told_ns = t_ns
        self._own_told_ns = self._own_told_ns or t_ns
        if not self._remote:
            self._reached(t_ns)
        was_ns, self.offset_ns = self.offset_ns, epoch_ns - (self._start_epoch_ns + t_ns)
        if abs(self.offset_ns - was_ns) > CLOCK_MOVED_NS:
            self.set_ns, self.was_offset_ns = t_ns, was_ns
        self._late_ns = t_ns - asked_ns if asked_ns is not None else 0

    def confirmed(self, t_ns: int, told_ns: int | None) -> None:
        """The pile says that it was told the time, which passed at `told_ns`; None: nobody knows when."""
        self._reached(t_ns)
        if told_ns is None or self._at_pile:
            return
        late_ns = t_ns - told_ns
        if max(late_ns, self.behind_ns) > CLOCK_MOVED_NS:
            self.set_ns = t_ns
        self.behind_ns = late_ns

    def _reached(self, t_ns: int) -> None:
        self._own_until_ns = self._own_until_ns or t_ns
