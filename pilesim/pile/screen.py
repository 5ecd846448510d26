"""The pile's screen: the page that a user sees, from what the gun is doing.

Owns the words on it. Must not change anything: whatever a tap does to an order, the firmware decides.
"""

from __future__ import annotations

from enum import StrEnum

from pilesim.wire.messages import GunState


class Page(StrEnum):
    """What the screen says."""

    SCAN = "scan the code"
    READY = "start on the phone"
    STARTING = "starting"
    CHARGING = "charging"
    UNPLUG = "pull the cable"
    OUT_OF_ORDER = "out of order"
    NO_NETWORK = "pile network abnormal"
    DARK = "dark"


def page(state: GunState, *, online: bool, authorised: bool, starting: bool) -> Page:
    """What is shown of a gun with power; a fault comes before all, a lost line before an invitation."""
    if state is GunState.FAULT:
        return Page.OUT_OF_ORDER
    if state is GunState.CHARGING:
        return Page.CHARGING
    if starting:
        return Page.STARTING
    if authorised:
        return Page.READY
    if state.occupied:
        return Page.UNPLUG
    return Page.SCAN if online else Page.NO_NETWORK
