"""Carries bytes and time between one sans-IO end and its link.

Owns the order of things at one instant: arrivals, then timers, then what the end wants done. Must not know
whether the end is a pile or a platform.
"""

from __future__ import annotations

from pilesim.link.base import Data, Down, Link, LinkEvent, Up
from pilesim.rig.core import Core
from pilesim.wire.actions import Action, Dial, HangUp, Send


class Driver:
    """A participant of the pump: `core` at the end of `link`."""

    def __init__(self, core: Core, link: Link) -> None:
        self._core = core
        self._link = link
        self.next_wakeup_ns = core.next_wakeup_ns
        """As a participant has it: asked after each turn, so without a call between."""
        self._port_stands = False
        """A serial line only: its port is there."""

    def step(self, now_ns: int) -> bool:
        """Bring `core` to `now_ns`; whether it did anything. What it only takes in is nobody else's business."""
        if self._link.has_news:
            for event in self._link.events():
                self._deliver(event, now_ns)
        self._core.advance(now_ns)
        actions = self._core.take_actions()
        for action in actions:
            self._perform(action, now_ns)
        return bool(actions)

    def _deliver(self, event: LinkEvent, now_ns: int) -> None:
        match event:
            case Data(data=data):
                self._core.receive(data, now_ns)
            case Up() if self._link.connectionless:
                # Nobody comes up on a serial line: the core is told when it dials.
                self._port_stands = True
            case Up():
                self._core.line_up(now_ns)
            case Down():
                self._port_stands = False
                self._core.line_down(now_ns)

    def _perform(self, action: Action, now_ns: int) -> None:
        match action:
            case Send(data=data):
                self._link.send(data)
            case HangUp():
                self._link.hang_up()
            case Dial() if not self._link.connectionless:
                self._link.dial()
            case Dial() if self._port_stands:
                self._core.line_up(now_ns)
            case Dial():
                self._core.line_down(now_ns)

    def links(self) -> list[Link]:
        return [self._link]
