"""What of bills the line has lost, from its own log.

Owns the reading of that log. Must not know whether a loss mattered.
"""

from __future__ import annotations

from pilesim.season.truth import LineLoss
from pilesim.trace.events import AnyEvent, Impaired
from pilesim.wire.frame import Frame
from pilesim.wire.messages import Bill, BillReply
from pilesim.wire.protocol import Protocol


class LossLog:
    """Bills and acknowledgements lost on one line, as they were lost."""

    def __init__(self, protocol: Protocol) -> None:
        self.losses: list[LineLoss] = []
        self._protocol = protocol

    def see(self, event: AnyEvent) -> None:
        """An observer of the recorder."""
        if not isinstance(event, Impaired) or event.effect != "lost" or event.direction is None:
            return
        for item in self._protocol.framer(event.direction).feed(event.data, event.t_ns):
            message = self._protocol.decode(item).message if isinstance(item, Frame) else None
            if isinstance(message, Bill | BillReply):
                self.losses.append(LineLoss(event.t_ns, message.order, isinstance(message, BillReply)))
