"""What a platform can do wrong: each fault wraps a Behaviour and gives another answer to one or two decisions.

Owns the faults, their parameters and the log of when they took effect. Must not know how the platform carries
decisions out, nor how a rule finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import structs

from pilesim.chance import Chance
from pilesim.faulty import FaultChoice, Mishap, NoParameters
from pilesim.platform.behaviour import Behaviour
from pilesim.platform.orders import Order
from pilesim.quantities import Duration, Fraction, Word
from pilesim.units import MINUTE, S, format_duration
from pilesim.wire.messages import MESSAGE_TYPES, Bill, Message

ALWAYS = Fraction(1)


class Rate(NoParameters, frozen=True):
    rate: Fraction = ALWAYS
    """How often, of the times it could."""


class Which(Rate, frozen=True):
    which: Word = Word()
    """Only this message, by name; none: every one."""

    def __post_init__(self) -> None:
        if self.which and self.which not in MESSAGE_TYPES:
            raise ValueError(f"expected a message, one of {', '.join(MESSAGE_TYPES)}; found {str(self.which)!r}")


class After(NoParameters, frozen=True):
    after: Duration = Duration(5 * S)


class Offset(NoParameters, frozen=True):
    ahead: Duration = Duration(5 * MINUTE)


P = TypeVar("P", bound=NoParameters)


class Fault(Behaviour, Generic[P]):
    """Wraps a Behaviour, whose answers it gives wherever it has none of its own."""

    name: ClassVar[str]
    title: ClassVar[str]
    catches: ClassVar[tuple[str, ...]]
    """Rules that must catch it."""
    case: ClassVar[str] = ""
    parameters: ClassVar[type[NoParameters]] = NoParameters

    def __init__(self, inner: Behaviour, parameters: P, chance: Chance, mishaps: list[Mishap]) -> None:
        super().__init__(inner.settings, inner.contract)
        self._inner = inner
        self._parameters = parameters
        self._chance = chance
        self._mishaps = mishaps

    def answers(self, now_ns: int, request: Message) -> bool:
        return self._inner.answers(now_ns, request)

    def echoed(self, now_ns: int, reply: Message) -> Message:
        return self._inner.echoed(now_ns, reply)

    def acknowledged_order(self, now_ns: int, bill: Bill) -> str:
        return self._inner.acknowledged_order(now_ns, bill)

    def told_epoch_ns(self, now_ns: int, epoch_ns: int) -> int:
        return self._inner.told_epoch_ns(now_ns, epoch_ns)

    def starts_at_once(self, now_ns: int, order: Order) -> bool:
        return self._inner.starts_at_once(now_ns, order)

    def cancel_at_ns(self, order: Order) -> int | None:
        return self._inner.cancel_at_ns(order)

    def cancels(self, now_ns: int, order: Order) -> bool:
        return self._inner.cancels(now_ns, order)

    def stops_at_balance(self, now_ns: int, order: Order) -> bool:
        return self._inner.stops_at_balance(now_ns, order)

    def survives(self, now_ns: int, bad: str) -> bool:
        return self._inner.survives(now_ns, bad)

    def _strikes(self, now_ns: int, rate: Fraction, text: str) -> bool:
        """Whether it takes effect this time; noted if so."""
        if self._chance.fraction() >= rate:
            return False
        self._noted(now_ns, text)
        return True

    def _noted(self, now_ns: int, text: str) -> None:
        self._mishaps.append(Mishap(now_ns, self.name, text))


class WrongEcho(Fault[Which]):
    name = "wrong-echo"
    title = "a reply carries another account, or another gun where it has none, than its request"
    catches = ("platform.frames",)
    parameters = Which

    def echoed(self, now_ns: int, reply: Message) -> Message:
        reply = super().echoed(now_ns, reply)
        which = self._parameters.which
        if which and which != reply.name:
            return reply
        account: str = getattr(reply, "account", "")
        field = "account" if account else "gun"
        if not self._strikes(now_ns, self._parameters.rate, f"{reply.name} with a wrong {field}"):
            return reply
        wrong: dict[str, Any] = {"account": _other(account)} if account else {"gun": reply.gun + 1}
        return structs.replace(reply, **wrong)


class NoReply(Fault[Which]):
    name = "no-reply"
    title = "requests are not answered, all or those of one name"
    catches = ("platform.replies",)
    parameters = Which

    def answers(self, now_ns: int, request: Message) -> bool:
        which = self._parameters.which
        if (not which or which == request.name) and self._strikes(
            now_ns, self._parameters.rate, f"{request.name} not answered"
        ):
            return False
        return super().answers(now_ns, request)


class NoBillReply(Fault[Rate]):
    name = "no-bill-reply"
    title = "a bill is taken and not acknowledged"
    catches = ("platform.bill-acked",)
    parameters = Rate

    def answers(self, now_ns: int, request: Message) -> bool:
        if isinstance(request, Bill) and self._strikes(
            now_ns, self._parameters.rate, f"bill of {request.order or 'no order'} not acknowledged"
        ):
            return False
        return super().answers(now_ns, request)


class WrongBillReply(Fault[Rate]):
    name = "wrong-bill-reply"
    title = "a bill is acknowledged with another order than its own"
    catches = ("platform.bill-acked",)
    parameters = Rate

    def acknowledged_order(self, now_ns: int, bill: Bill) -> str:
        order = super().acknowledged_order(now_ns, bill)
        other = _other(order or "1")
        if self._strikes(now_ns, self._parameters.rate, f"bill of {bill.order or 'no order'} acknowledged as {other}"):
            return other
        return order


class WrongTime(Fault[Offset]):
    name = "wrong-time"
    title = "the time it tells is ahead of the time that it is"
    catches = ("platform.clock",)
    parameters = Offset

    def told_epoch_ns(self, now_ns: int, epoch_ns: int) -> int:
        ahead_ns = int(self._parameters.ahead)
        self._noted(now_ns, f"time told {format_duration(ahead_ns)} ahead")
        return super().told_epoch_ns(now_ns, epoch_ns) + ahead_ns


class StartWithoutAuthorisation(Fault[NoParameters]):
    name = "start-without-authorisation"
    title = "the start goes out with the authorisation, before the pile has answered that"
    catches = ("platform.start-after-auth",)

    def starts_at_once(self, now_ns: int, order: Order) -> bool:
        self._noted(now_ns, f"{order.number} started unanswered")
        return True


class CancelsDuringStart(Fault[After]):
    name = "cancels-during-start"
    title = "a start is cancelled before it can have come to anything"
    catches = ("platform.waits-for-outcome",)
    parameters = After

    def cancel_at_ns(self, order: Order) -> int | None:
        if order.start_ns is None:
            return super().cancel_at_ns(order)
        return order.start_ns + int(self._parameters.after)

    def cancels(self, now_ns: int, order: Order) -> bool:
        if order.start_ns is not None:
            self._noted(now_ns, f"{order.number} cancelled {format_duration(now_ns - order.start_ns)} after its start")
        return super().cancels(now_ns, order)


class NeverGivesUp(Fault[NoParameters]):
    name = "never-gives-up"
    title = "an authorised order that nobody starts is never cancelled"
    catches = ("platform.gives-up",)

    def cancels(self, now_ns: int, order: Order) -> bool:
        self._noted(now_ns, f"{order.number} not cancelled")
        return False


class IgnoresBalance(Fault[NoParameters]):
    name = "ignores-balance"
    title = "a charge goes on although the heartbeats show its balance used up"
    catches = ("platform.stops-at-balance",)

    def stops_at_balance(self, now_ns: int, order: Order) -> bool:
        self._noted(now_ns, f"{order.number} not stopped at its balance")
        return False


class DiesOnGarbage(Fault[NoParameters]):
    name = "dies-on-garbage"
    title = "after bytes that are no message the platform never answers anybody again"
    catches = ("platform.survives-garbage",)

    def survives(self, now_ns: int, bad: str) -> bool:
        self._noted(now_ns, f"died: {bad}")
        return False


FAULTS: dict[str, type[Fault[Any]]] = {
    fault.name: fault
    for fault in (
        WrongEcho,
        NoReply,
        NoBillReply,
        WrongBillReply,
        WrongTime,
        StartWithoutAuthorisation,
        CancelsDuringStart,
        NeverGivesUp,
        IgnoresBalance,
        DiesOnGarbage,
    )
}
"""Every fault of the platform by its name."""


def with_faults(reference: Behaviour, choices: Sequence[FaultChoice], seed: int, mishaps: list[Mishap]) -> Behaviour:
    """`reference` with every chosen fault around it, each with a random stream of its own."""
    behaviour = reference
    for choice in choices:
        chance = Chance(f"{seed}/platform/{choice.name}")
        behaviour = FAULTS[choice.name](behaviour, choice.parameters, chance, mishaps)
    return behaviour


def _other(digits: str) -> str:
    """The same text with another last character."""
    return digits[:-1] + ("1" if digits[-1] != "1" else "2")
