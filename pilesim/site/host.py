"""The reference platform for as many piles as dial in, and a small API by which it is told to scan, start and stop.

Owns the connections and the API's door. Must not know what the platform makes of a frame. The door has threads of its
own; what is asked there is done on the loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import AbstractContextManager

import msgspec

from pilesim.contract.contracts import contract_of
from pilesim.errors import PilesimError, RigError
from pilesim.faulty import FaultChoice
from pilesim.link.base import Data, Down, LinkEvent, Up
from pilesim.link.callers import Caller, heard
from pilesim.link.many import AnswerMany, take_room
from pilesim.platform.platform import Platform
from pilesim.platform.session import PlatformSession
from pilesim.platform.settings import Settings
from pilesim.rig.clock import RealClock
from pilesim.rig.door import FIRST_FRAME_NS, Door
from pilesim.site.figures import Figures
from pilesim.site.loop import Loop
from pilesim.units import MS, parse_yuan_mfen
from pilesim.wire.actions import HangUp, Send
from pilesim.wire.protocol import protocol_named

_LOOK_UP_NS = 100 * MS
_LOST_KEPT = 1_000
_TAKING_UP_S = 10.0
"""The platform has so long to take a call up."""
_BODY_LIMIT_BYTES = 65_536
CONNECTIONS = 50_000
"""As many stand at once, where the system allows it."""
STRANGERS = 10_000
"""As many of them have yet to say a frame: all that one process serves, for after an outage all of them dial at once.
Beyond it the one that has stood there longest is hung up."""
_SPARE_PART = 8
"""One in so many connections is kept for those who come in one round, who call the API, and who are being hung up."""
NOTES = 100
"""As many are told of as hung up; the others are counted."""


class _SessionSeat:
    """The seat of one connection to the platform."""

    __slots__ = ("_door", "_host", "due_ns", "gone", "key", "peer", "session")

    def __init__(self, key: int, session: PlatformSession, host: PlatformHost, door: Door) -> None:
        self.key = key
        self.due_ns: int | None = None
        self.session = session
        self.gone = False
        self.peer = ""
        self._host = host
        self._door = door

    def take(self, event: LinkEvent, now_ns: int) -> None:
        if self.gone:
            # What came in one round with that for which it was hung up.
            return
        match event:
            case Up(peer=peer):
                self.peer = peer
                self._host.came_up(self)
                self._door.came_up(now_ns)
                self.session.line_up(now_ns)
            case Data(data=data):
                looking = self._door.looking
                if not self._turned_out(self._door.objection(data, now_ns), now_ns):
                    if looking and not self._door.looking:
                        self._host.let_in(self, self._door.pile, now_ns)
                    self._host.figures.frames_up += 1
                    self.session.receive(data, now_ns)
            case Down():
                self._went(now_ns)

    def advance(self, now_ns: int) -> None:
        if not self._turned_out("" if self.gone else self._door.overdue(now_ns), now_ns):
            self.session.advance(now_ns)

    def turn_out(self, why: str, now_ns: int) -> None:
        """Hang up; `why` is a sentence for people."""
        self._host.links.hang_up(self.key)
        self._host.note(f"{self.peer} was hung up: {why}")
        self._went(now_ns)

    def _turned_out(self, objection: str, now_ns: int) -> bool:
        if objection:
            self.turn_out(objection, now_ns)
        return bool(objection)

    def _went(self, now_ns: int) -> None:
        self.gone = True
        self._host.went(self)
        self.session.line_down(now_ns)

    @property
    def number(self) -> str | None:
        """The pile number that it was let in with."""
        return self._door.pile

    def settle(self, now_ns: int) -> None:
        for action in self.session.take_actions():
            match action:
                case Send(data=data):
                    self._host.figures.frames_down += 1
                    self._host.links.send(self.key, data)
                case HangUp():
                    self._host.links.hang_up(self.key)

    def next_wakeup_ns(self) -> int | None:
        due_ns = (self.session.next_wakeup_ns(), None if self.gone else self._door.next_wakeup_ns())
        return min((ns for ns in due_ns if ns is not None), default=None)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a call: JSON of these names."""

    pile: str
    gun: int
    order: str = ""
    account: str = ""
    balance: str = ""
    """In yuan."""


class PlatformHost:
    """The platform and its loop. `figures` count connections, frames and lateness; no answers."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        protocol: str,
        seed: int,
        clock_rate: float,
        world_start_ns: int,
        settings: Settings,
        faults: tuple[FaultChoice, ...] = (),
        expected: Collection[str] = (),
        replace: bool = True,
        noted: Callable[[str], None] = lambda text: None,
    ) -> None:
        """RigError where the port cannot be had.

        Piles that are not `expected` are hung up, none expects any. A second connection with a number in use takes the
        first one's place, or without `replace` is hung up. `noted` is told, in a sentence, who was hung up and why.
        """
        spoken = protocol_named(protocol)
        self.platform = Platform(
            protocol=spoken,
            contract=contract_of(spoken.name),
            world_start_ns=world_start_ns,
            settings=settings,
            seed=seed,
            faults=faults,
        )
        self.figures = Figures(piles=0)
        self.links = AnswerMany(host, port)
        self.name = self.links.name
        room = take_room(CONNECTIONS)
        self._limit = room - room // _SPARE_PART
        """So many connections may stand."""
        self._protocol = spoken
        self._expected = expected
        self._replace = replace
        self._noted = noted
        self._notes = 0
        self._strangers: dict[int, _SessionSeat] = {}
        """Who has yet to say a frame, by key, the first one first."""
        self._inside: dict[str, _SessionSeat] = {}
        """The connection of each pile that has said its number at the door."""
        self._rate = clock_rate
        self._clock = RealClock(clock_rate)
        self._seats: dict[int, _SessionSeat] = {}
        self._by_session: dict[int, _SessionSeat] = {}
        self._loop = Loop(self._clock, clock_rate, self.links, self._seat)
        self.figures.lateness = self._loop.lateness
        self._calls: deque[tuple[Callable[[int], None], Future[None]]] = deque()

    def _seat(self, key: int) -> _SessionSeat:
        seat = self._seats.get(key)
        if seat is None:
            limit_ns = int(FIRST_FRAME_NS * self._rate)
            door = Door(self._protocol, self._expected, limit_ns, self._is_there)
            seat = self._seats[key] = _SessionSeat(key, self.platform.session(), self, door)
            self._by_session[id(seat.session)] = seat
        return seat

    def _is_there(self, number: str) -> bool:
        return not self._replace and number in self._inside

    def came_up(self, seat: _SessionSeat) -> None:
        """Somebody has connected, and is a stranger."""
        self.figures.up += 1
        self.figures.connects += 1
        self._strangers[seat.key] = seat
        limit = min(STRANGERS, self._limit - (self.figures.up - len(self._strangers)))
        if len(self._strangers) > limit:
            oldest = next(iter(self._strangers.values()))
            oldest.turn_out(
                f"expected at most {limit} connections without a frame, found one more", self._clock.now_ns()
            )

    def let_in(self, seat: _SessionSeat, number: str | None, now_ns: int) -> None:
        """A stranger has said a whole frame, as the pile `number`."""
        self._strangers.pop(seat.key, None)
        if number is None:
            return
        first = self._inside.pop(number, None)
        if first is not None:
            first.turn_out(f"pile {number} dialled in again, from {seat.peer}, and took its place", now_ns)
        self._inside[number] = seat

    def went(self, seat: _SessionSeat) -> None:
        """A connection is gone."""
        self.figures.up -= 1
        self.figures.lost += 1
        self._strangers.pop(seat.key, None)
        if seat.number is not None and self._inside.get(seat.number) is seat:
            del self._inside[seat.number]

    def note(self, text: str) -> None:
        """Tell somebody, as long as there is not too much to tell."""
        self._notes += 1
        if self._notes <= NOTES:
            self._noted(text)
        elif self._notes == NOTES + 1:
            self._noted("more are hung up, and are not told of")

    def _sweep(self) -> None:
        """Forget lost connections whose piles have come back on others; until then the orders' timers run on them."""
        if len(self._seats) <= 2 * self.figures.up + _LOST_KEPT:
            return
        for seat in [*self._seats.values()]:
            pile = seat.session.pile
            if seat.gone and not (pile and self.platform.is_at(pile, seat.session)):
                del self._seats[seat.key]
                del self._by_session[id(seat.session)]

    def live(self, stop: Callable[[], bool]) -> None:
        """Serve until `stop` says so."""
        look_ns = int(_LOOK_UP_NS * self._rate)
        while not stop():
            while self._calls:
                act, done = self._calls.popleft()
                try:
                    act(self._clock.now_ns())
                    done.set_result(None)
                except Exception as error:  # it belongs to whoever called
                    done.set_exception(error)
            self._sweep()
            self._loop.turn(self._clock.now_ns() + look_ns)

    def close(self) -> None:
        """Hang up on everybody and give the port back."""
        self.links.close()

    def call(self, name: str, asked: Asked) -> None:
        """Tell the platform to `authorise`, `start` or `stop`, from any thread; returns when it is told.

        RigError where the pile is not connected, ValueError where it cannot be told so.
        """

        def act(now_ns: int) -> None:
            session = self.platform.session_of(asked.pile)
            seat = self._by_session.get(id(session))
            if session is None or seat is None or seat.gone:
                raise RigError(f"the pile {asked.pile} is not connected")
            account = asked.account or None
            if name == "authorise":
                order = asked.order or self.platform.new_order(asked.pile, asked.gun, now_ns)
                balance_mfen = parse_yuan_mfen(asked.balance) if asked.balance else None
                session.authorise(now_ns, asked.gun, order, balance_mfen, account)
            elif name == "start":
                session.start(now_ns, asked.gun, account)
            elif name == "stop":
                session.stop(now_ns, asked.gun, account)
            else:
                raise ValueError(f"expected authorise, start or stop, found {name!r}")
            self._loop.settle(seat, now_ns)

        done: Future[None] = Future()
        self._calls.append((act, done))
        self.links.wake()
        done.result(_TAKING_UP_S)

    def api(self, host: str, port: int) -> AbstractContextManager[str]:
        """The API's door: POST /authorise, /start, /stop with the JSON of `Asked`. Gives its URL.

        RigError where the port cannot be had.
        """
        return heard((host, port), _handler(self), "platform-api")


def _handler(platform: PlatformHost) -> type[Caller]:
    class Handler(Caller):
        def do_POST(self) -> None:  # noqa: N802 (the library's own name)
            said = self.headers.get("Content-Length") or "0"
            if not (said.isascii() and said.isdigit()) or int(said[:9]) > _BODY_LIMIT_BYTES:
                # What is not read would be taken for the next call.
                self.close_connection = True
                self.say(400, f"expected a Content-Length of at most {_BODY_LIMIT_BYTES} bytes, found {said[:40]!r}")
                return
            # Where it does not come in time, the server hangs up.
            body = self.rfile.read(int(said))
            try:
                platform.call(self.path.strip("/"), msgspec.json.decode(body, type=Asked))
                self.say(200, "told")
            except RigError as error:
                self.say(409, str(error))
            except (ValueError, RecursionError, PilesimError) as error:
                self.say(400, str(error))
            except TimeoutError:
                self.say(503, "the platform is too busy")

    return Handler
