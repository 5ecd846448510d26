"""What the guns of one pile share.

Owns nothing but the list. Must not know a gun.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilesim.contract.contract import Contract
from pilesim.pile.behaviour import Behaviour
from pilesim.pile.bills import BillBook
from pilesim.pile.clock import Clock
from pilesim.pile.profiles import Profile
from pilesim.pile.store import Store
from pilesim.pile.timeline import Timeline
from pilesim.pile.uplink import Uplink


@dataclass(frozen=True, slots=True)
class Works:
    """The parts that each gun works with, one of each to a pile."""

    timeline: Timeline
    clock: Clock
    contract: Contract
    profile: Profile
    behaviour: Behaviour
    store: Store
    uplink: Uplink
    bills: BillBook

    @property
    def now_ns(self) -> int:
        return self.timeline.now_ns

    @property
    def rated_w(self) -> int:
        """The most that a gun may give now, W."""
        return self.profile.rated_w * self.store.power_percent // 100
