"""What the platform decides, one small method each, with the reference's answer.

Owns the decisions. Must not know how they are carried out, nor any fault: a fault wraps a Behaviour and gives
another answer to one or two of them.
"""

from __future__ import annotations

from pilesim.contract.contract import Contract
from pilesim.platform.orders import Order
from pilesim.platform.settings import Settings
from pilesim.wire.messages import Bill, Message


class Behaviour:
    """The reference platform's decisions. `now_ns` is the world's time since the scenario's start."""

    def __init__(self, settings: Settings, contract: Contract) -> None:
        self.settings = settings
        self.contract = contract

    def answers(self, now_ns: int, request: Message) -> bool:
        """Whether a request is answered. Every one is."""
        return True

    def echoed(self, now_ns: int, reply: Message) -> Message:
        """The reply as it goes out: with the gun and the account of its request."""
        return reply

    def acknowledged_order(self, now_ns: int, bill: Bill) -> str:
        """The order that a bill reply names: the bill's own, a repeated one's too."""
        return bill.order

    def told_epoch_ns(self, now_ns: int, epoch_ns: int) -> int:
        """The time that is told when `epoch_ns` is the time that it is."""
        return epoch_ns

    def starts_at_once(self, now_ns: int, order: Order) -> bool:
        """Whether the start goes out with the authorisation, before the pile has answered that. It never does."""
        return False

    def cancel_at_ns(self, order: Order) -> int | None:
        """When an order that does not charge is to be cancelled; None: never.

        A start gets its time to come to something: a caller that took "start answered" for "charging" cut
        starts short (szds-34).
        """
        if not self.settings.auto:
            return None
        cancel_ns = order.authorised_ns + self.settings.cancel_ns(self.contract)
        if order.start_ns is None:
            return cancel_ns
        return max(cancel_ns, order.start_ns + self.settings.outcome_wait_ns)

    def cancels(self, now_ns: int, order: Order) -> bool:
        """Whether the order is cancelled, now that its time has come."""
        return True

    def stops_at_balance(self, now_ns: int, order: Order) -> bool:
        """Whether a charge is stopped, now that its balance is used up (szds-33)."""
        return self.settings.stops_at_balance

    def survives(self, now_ns: int, bad: str) -> bool:
        """Whether the platform lives on after bytes that are no message; `bad` says what was wrong with them."""
        return True
