"""The pile's side of the connection: dialling, framing, sequence numbers, what is sent and what is heard.

Owns the connection. Must not know what a message does to a gun, nor any layout.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from pilesim.pile.behaviour import Behaviour
from pilesim.pile.timeline import Activity, Timeline
from pilesim.units import S
from pilesim.wire.actions import Action, Dial, HangUp, Send
from pilesim.wire.frame import Direction, End, Frame, Garbage, ProblemKind
from pilesim.wire.messages import Message, Opaque
from pilesim.wire.protocol import GAP_NS, Protocol

REDIAL_NS = 5 * S
LONGEST_REDIAL_NS = 20 * S
_KEPT_WITHOUT_LINE = 64
"""Messages that wait for the line; a pile that ends more orders than this off-line forgets the oldest."""

_DISBELIEVED = frozenset(
    {
        ProblemKind.CHECKSUM,
        ProblemKind.SHORT,
        ProblemKind.PILE,
        ProblemKind.RANGE,
        ProblemKind.ENUM,
        ProblemKind.UNKNOWN,
        ProblemKind.DIRECTION,
        ProblemKind.ENCRYPTED,
    }
)
"""A frame with one of these has no effect; what a later version adds, or lists, is let pass."""


class Uplink:
    """One connection at a time, counted from 1."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        protocol: Protocol,
        number: str,
        guns: int,
        behaviour: Behaviour,
        heard: Callable[[Message, Frame], None],
    ) -> None:
        self._timeline = timeline
        self._protocol = protocol
        self._number = number
        self._guns = guns
        self._behaviour = behaviour
        self._heard = heard
        self._session = protocol.session(End.PILE, number)
        self._framer = protocol.framer(Direction.DOWN)
        self._actions: list[Action] = []
        self._waiting: deque[Message] = deque(maxlen=_KEPT_WITHOUT_LINE)
        self._redial_ns = REDIAL_NS
        self._silence: Activity | None = None
        self._deaf = False
        self.connected = False
        self.up = False
        """Connected, and let in: where the platform accepts each connection first, nothing is told before."""
        self.connection = 0

    def take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def dial(self) -> None:
        self._actions.append(Dial())

    def line_up(self) -> None:
        """A new connection: nothing is left of the old one's bytes and numbers."""
        self.connected = True
        self.connection += 1
        self._deaf = False
        self._framer = self._protocol.framer(Direction.DOWN)
        self._session.reset()

    def let_in(self) -> None:
        """From here on the connection may be used for whatever there is to tell."""
        self.up = True
        self._redial_ns = REDIAL_NS

    def carries(self, kind: type[Message]) -> bool:
        """Whether the protocol has such a message."""
        return self._protocol.carries(kind)

    def account(self, account: str) -> str:
        """An account, as messages carry it."""
        return self._protocol.normal_account(account)

    def line_down(self) -> None:
        """The connection is gone, or could not be had: dial again, less and less often."""
        self._lose()
        wait_ns = self._behaviour.redial_after_ns(self._redial_ns)
        self._redial_ns = min(2 * self._redial_ns, LONGEST_REDIAL_NS)
        if wait_ns is not None:
            self._timeline.start(self._redial(wait_ns))

    def hang_up(self) -> None:
        """Give up a connection that stands; the link tells nobody here that it is down."""
        self._actions.append(HangUp())

    def power_off(self) -> None:
        """Nobody is left to hold the connection, or to remember what was to be told."""
        self._lose()
        self._waiting.clear()
        self._redial_ns = REDIAL_NS
        self._actions.append(HangUp())

    def _lose(self) -> None:
        self.connected = self.up = False
        if self._silence:
            self._silence.call_off()

    def _redial(self, wait_ns: int) -> Iterator[int]:
        yield wait_ns
        self.dial()

    def tell_what_waited(self) -> None:
        """Send what had to be told while there was no line, oldest first."""
        while self._waiting:
            self.send(self._waiting.popleft())

    def tell(self, message: Message) -> None:
        """Send `message` now, or once there is a line."""
        if self.up:
            self.send(message)
        else:
            self._waiting.append(message)

    def send(self, message: Message, answering: Frame | None = None) -> None:
        """Send `message`, or drop it where there is no line, or no such message in the protocol.

        Raises EncodingError where a value does not fit its field.
        """
        if not self.connected or not (isinstance(message, Opaque) or self._protocol.carries(type(message))):
            return
        message = self._behaviour.outgoing(message)
        if answering is not None:
            answering = self._behaviour.answered_frame(answering)
        data = self._session.build(message, answering)
        self._actions.append(Send(self._behaviour.outgoing_bytes(message, data)))

    def reply(self, message: Message, request: Frame, connection: int) -> None:
        """Answer `request`, which came on `connection`: a later connection knows nothing of it."""
        if connection == self.connection and self._behaviour.answers(message):
            self.send(message, request)

    def receive(self, data: bytes) -> None:
        """Bytes from the platform."""
        if not self.connected:
            return
        self._take(self._framer.feed(data, self._timeline.now_ns))
        if self._silence:
            self._silence.call_off()
        if self._framer.pending:
            self._silence = self._timeline.start(self._wait_for_silence())

    def _wait_for_silence(self) -> Iterator[int]:
        # A piece that comes after exactly the gap still belongs to what came before, as the framer has it.
        yield GAP_NS + 1
        self._take(self._framer.gap())

    def _take(self, found: list[Frame | Garbage]) -> None:
        for item in found:
            if self._deaf:
                return
            if isinstance(item, Garbage):
                self._deaf = not self._behaviour.hears_on_after_garbage()
                continue
            decoded = self._protocol.decode(item)
            if item.pile not in (None, self._number) or not 1 <= (item.gun or 1) <= self._guns:
                continue
            if decoded.problems and any(p.kind in _DISBELIEVED for p in decoded.problems):
                continue
            if decoded.message is not None:
                self._heard(decoded.message, item)
