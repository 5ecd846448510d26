"""safe.*: what must never be live.

Owns what is expected of cable and insulation. Must not know bills.
"""

from __future__ import annotations

from pilesim.rules.rule import Rule, RuleRow, Scene
from pilesim.trace.decoder import Seen
from pilesim.trace.events import Stimulus
from pilesim.wire.messages import Bill, Ended, GunReport, GunState, Message, Start, StopReason


class UnplugStops(Rule):
    """Pulling the cable while charging stops the charge."""

    wants = (GunReport,)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._pulled: dict[int, int] = {}
        self.matters = self._pulled

    def on_stimulus(self, event: Stimulus) -> None:
        if event.kind == "plug":
            self._pulled.pop(event.gun or 0, None)
        if event.kind == "unplug" and event.gun is not None:
            gun = self.facts.gun(event.gun)
            if gun.charging:
                self._pulled[gun.number] = 0
            elif gun.report is not None and gun.report.t_ns >= event.began_ns and self._ended_inside(gun.number, event):
                self.passed(0)

    def on_seen(self, seen: Seen, message: Message) -> None:
        assert isinstance(message, GunReport)
        gun = self.facts.gun(message.gun)
        inferred = not self.scene.header.stimuli and gun.cable is False and gun.charging
        if inferred and message.state is GunState.CHARGING:
            self._pulled.setdefault(gun.number, 0)
        if gun.number not in self._pulled:
            over = self.facts.at.over
            if not self.scene.header.stimuli and over is not None and gun.cable is False and over.leave_before_over:
                self.passed(0)
            return
        if message.state is not GunState.CHARGING:
            self.passed(self._pulled.pop(gun.number))
            return
        if message.change:
            return
        self._pulled[gun.number] += 1
        if self._pulled[gun.number] == self.limit.value + 1:
            self.failed(
                "no charging once the cable is pulled",
                f"{self._pulled[gun.number]} charging heartbeats after it",
                seen=seen,
                gun=gun.number,
                order=gun.running,
                measured=self._pulled[gun.number],
            )

    def _ended_inside(self, number: int, event: Stimulus) -> bool:
        """The charge ended while the prompt for the unplug was open."""
        for order in self.facts.orders.values():
            if order.gun == number and order.over is not None and order.over.late_ns >= event.began_ns:
                return True
        return False


class Insulation(Rule):
    """A failed insulation test never energises."""

    wants = (Start, Ended, Bill, GunReport)

    def __init__(self, row: RuleRow, scene: Scene) -> None:
        super().__init__(row, scene)
        self._started: dict[int, int] = {}

    def on_stimulus(self, event: Stimulus) -> None:
        if event.kind in ("insulation", "plug", "unplug"):
            for number in list(self._started):
                if event.gun in (None, number):
                    del self._started[number]
                    self.open(f"{event.kind} came before the outcome")

    def on_seen(self, seen: Seen, message: Message) -> None:
        gun = self.facts.gun(message.gun)
        if isinstance(message, Start):
            if not gun.insulation_ok and self.facts.at.order is not None and not gun.charging:
                self._started.setdefault(gun.number, seen.t_ns)
            return
        began_ns = self._started.get(gun.number)
        if began_ns is None:
            return
        if isinstance(message, Ended) or (isinstance(message, Bill) and message.stop_reason is StopReason.START_FAILED):
            del self._started[gun.number]
            self.passed()
        elif isinstance(message, GunReport):
            if message.state is GunState.CHARGING:
                del self._started[gun.number]
                self.failed(
                    "a gun that stays dead, for its insulation test fails",
                    "it charges",
                    seen=seen,
                    gun=gun.number,
                    order=gun.running,
                )
            elif seen.t_ns - began_ns >= self.contract.quiet_ns:
                del self._started[gun.number]
                self.passed()
