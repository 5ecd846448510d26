"""Which request a reply answers, at one end of the line.

Owns the requests that wait, and the choice among them. Must not know what request or reply mean for an order.
"""

from __future__ import annotations

from collections import deque

from pilesim.contract.contract import Contract
from pilesim.rules.order import Request
from pilesim.trace.decoder import Seen
from pilesim.trace.events import Header
from pilesim.units import S
from pilesim.wire.frame import End
from pilesim.wire.messages import (
    Authorise,
    AuthoriseReply,
    Bill,
    BillReply,
    CardAsk,
    Ended,
    GunReport,
    GunReportReply,
    LockAsk,
    LockTell,
    Message,
    Start,
    StartReply,
    Stop,
    StopAsk,
    StopReply,
)

REQUESTS_KEPT = 32
"""Requests of one kind that may wait for their replies at a time."""
ASKED_NS = 30 * S
"""A message that can answer a request is its answer for so long after it; later it was sent unasked."""
BEGINNING_NS = 5 * S
"""In so much of a log that begins in the middle replies may be to what came before it."""

_NAMED_BY: tuple[tuple[str, tuple[type[Message], ...]], ...] = (
    ("order", (Bill, BillReply, LockAsk, LockTell)),
    ("account", (Authorise, AuthoriseReply, Start, StartReply, Stop, StopReply, StopAsk, CardAsk, Ended)),
    ("order", (Start, StartReply)),
)

_NAMED_ALIKE: dict[tuple[type[Message], type[Message]], tuple[str, ...]] = {}
"""By kinds of two messages that were asked for: what both are named by."""


def identities(one: Message, other: Message) -> tuple[str | None, str | None]:
    """Whom or what two messages are about, by what both tell: the order of bills and locks, the account of the rest,
    the order of starts that do not both carry an account. None twice where they tell nothing in common.
    """
    kinds = type(one), type(other)
    names = _NAMED_ALIKE.get(kinds)
    if names is None:
        names = _NAMED_ALIKE[kinds] = tuple(
            name for name, named in _NAMED_BY if isinstance(one, named) and isinstance(other, named)
        )
    for name in names:
        told = getattr(one, name), getattr(other, name)
        if None not in told:
            return told
    return None, None


class Pairs:
    """The requests that passed one end in this connection and wait."""

    def __init__(self, header: Header, contract: Contract, lone: End | None) -> None:
        """`lone`: the only end that was recorded; what comes to it from the other may come twice by the line."""
        self.answered_ns = -1
        """When the latest request passed that is known to have arrived, since it was answered."""
        self.answered: set[type[Message]] = set()
        """Requests of which at least one was answered, whenever that was."""
        self._lone = lone
        self._between = header.between
        self._imported = bool(header.source)
        self._waiting: dict[type[Message], list[Request]] = {request: [] for request in contract.replies}
        self._waiting_for: dict[type[Message], list[list[Request]]] = {}
        """The same, by what they wait for."""
        for request, reply in contract.replies.items():
            self._waiting_for.setdefault(reply, []).append(self._waiting[request])
        self._answered_numbers: deque[int] = deque(maxlen=REQUESTS_KEPT)
        """Numbers of the requests of this connection that have been answered, the last of them."""

    def begin(self) -> None:
        """A new connection: nothing waits, and numbers begin again."""
        self.answered_ns = -1
        self.lost()
        self._answered_numbers.clear()

    def lost(self) -> None:
        """The connection is gone, and no reply will come."""
        for pending in self._waiting.values():
            pending.clear()

    def answered_by(self, seen: Seen, message: Message, began_ns: int) -> Request | None:
        """The request that a message answers, by kind and gun; account, order and number choose among several.

        It waits no longer. None of what is no reply, or where nothing waits for it. The trace began at `began_ns`.
        """
        asked = self._waiting_for.get(type(message))
        if asked is None:
            return None
        direction = seen.direction
        waiting = [request for pending in asked for request in pending if request.seen.direction is not direction]
        if not waiting or (self._lone is not None and self._doubled(waiting, seen)):
            return None
        chosen = _choose(waiting, seen, message)
        begins = self._imported and seen.t_ns - began_ns <= BEGINNING_NS
        if chosen is None or (begins and _of_before(seen, chosen)):
            return None
        chosen.answered_ns = seen.t_ns
        kind = type(chosen.message)
        self.answered.add(kind)
        self._answered_numbers.append(_number(chosen))
        self._waiting[kind].remove(chosen)
        self.answered_ns = max(self.answered_ns, chosen.seen.t_ns)
        return chosen

    def asks(self, seen: Seen, message: Message) -> None:
        """A message that answers nothing waits for its reply, if it wants one."""
        pending = self._waiting.get(type(message))
        if pending is not None:
            pending.append(Request(seen, message))
            if len(pending) > REQUESTS_KEPT:
                del pending[0]

    def _doubled(self, waiting: list[Request], seen: Seen) -> bool:
        """By its number it is once more the reply to a request that has been answered already."""
        answers = seen.decoded.frame.answers
        own = seen.direction.sender is self._lone and not self._between
        if own or not answers or answers not in self._answered_numbers:
            return False
        return all(_number(request) != answers for request in waiting)


def _of_before(seen: Seen, request: Request) -> bool:
    """A log that begins in the middle: by its number the reply is to a request from before the log."""
    answers = seen.decoded.frame.answers
    return answers is not None and answers > 0 and 0 < _number(request) - answers <= REQUESTS_KEPT


def _choose(waiting: list[Request], seen: Seen, message: Message) -> Request | None:
    unasked = isinstance(message, Authorise | Stop)
    if unasked:
        waiting = [r for r in waiting if seen.t_ns - r.seen.t_ns <= ASKED_NS and _alike(r.message, message)]
    elif len(waiting) == 1:
        return waiting[0]
    gunless = seen.decoded.frame.gun is None
    same_gun = [r for r in waiting if gunless or r.message.gun == message.gun]
    answers = seen.decoded.frame.answers

    def likeness(request: Request) -> tuple[bool, bool, bool]:
        asked = request.message
        change = not isinstance(asked, GunReport | GunReportReply) or asked.change == getattr(message, "change", False)
        return (change, _alike(asked, message), bool(answers) and answers == _number(request))

    return max(same_gun, key=likeness, default=None)


def _alike(asked: Message, reply: Message) -> bool:
    was, now = identities(asked, reply)
    return was == now


def _number(request: Request) -> int:
    return request.seen.decoded.frame.sequence
