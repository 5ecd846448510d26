"""The reference platform for as many piles as dial in, and a small API by which it is told to scan, start and stop.

Owns the connections and the API's door. Must not know what the platform makes of a frame. The door has threads of its
own; what is asked there is done on the loop.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from pilesim.contract.contracts import contract_of
from pilesim.errors import PilesimError, RigError
from pilesim.faulty import FaultChoice
from pilesim.link.base import Data, Down, LinkEvent, Up
from pilesim.link.many import AnswerMany
from pilesim.platform.platform import Platform
from pilesim.platform.session import PlatformSession
from pilesim.platform.settings import Settings
from pilesim.rig.clock import RealClock
from pilesim.site.figures import Figures
from pilesim.site.loop import Loop
from pilesim.units import MS, parse_yuan_mfen
from pilesim.wire.actions import HangUp, Send
from pilesim.wire.protocol import protocol_named

_LOOK_UP_NS = 100 * MS
_LOST_KEPT = 1_000
_CALL_LIMIT_S = 10.0
_BODY_LIMIT_BYTES = 65_536


class _SessionSeat:
    """The seat of one connection to the platform."""

    __slots__ = ("_figures", "_links", "due_ns", "gone", "key", "session")

    def __init__(self, key: int, session: PlatformSession, links: AnswerMany, figures: Figures) -> None:
        self.key = key
        self.due_ns: int | None = None
        self.session = session
        self.gone = False
        self._links = links
        self._figures = figures

    def take(self, event: LinkEvent, now_ns: int) -> None:
        match event:
            case Up():
                self._figures.up += 1
                self._figures.connects += 1
                self.session.line_up(now_ns)
            case Data(data=data):
                self._figures.frames_up += 1
                self.session.receive(data, now_ns)
            case Down():
                self._figures.up -= 1
                self._figures.lost += 1
                self.gone = True
                self.session.line_down(now_ns)

    def advance(self, now_ns: int) -> None:
        self.session.advance(now_ns)

    def settle(self, now_ns: int) -> None:
        for action in self.session.take_actions():
            match action:
                case Send(data=data):
                    self._figures.frames_down += 1
                    self._links.send(self.key, data)
                case HangUp():
                    self._links.hang_up(self.key)

    def next_wakeup_ns(self) -> int | None:
        return self.session.next_wakeup_ns()


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
    ) -> None:
        """RigError where the port cannot be had."""
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
        self._links = AnswerMany(host, port)
        self.name = self._links.name
        self._rate = clock_rate
        self._clock = RealClock(clock_rate)
        self._seats: dict[int, _SessionSeat] = {}
        self._by_session: dict[int, _SessionSeat] = {}
        self._loop = Loop(self._clock, clock_rate, self._links, self._seat)
        self.figures.lateness = self._loop.lateness
        self._calls: deque[tuple[Callable[[int], None], Future[None]]] = deque()

    def _seat(self, key: int) -> _SessionSeat:
        seat = self._seats.get(key)
        if seat is None:
            seat = self._seats[key] = _SessionSeat(key, self.platform.session(), self._links, self.figures)
            self._by_session[id(seat.session)] = seat
        return seat

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
        self._links.close()

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
        self._links.wake()
        done.result(_CALL_LIMIT_S)

    @contextmanager
    def api(self, host: str, port: int) -> Iterator[str]:
        """The API's door: POST /authorise, /start, /stop with the JSON of `Asked`. Yields its URL.

        RigError where the port cannot be had.
        """
        try:
            server = _Door((host, port), _handler(self))
        except OSError as error:
            raise RigError(f"http://{host}:{port}: the port cannot be taken: {error.strerror}") from None
        thread = threading.Thread(target=server.serve_forever, name="platform-api", daemon=True)
        thread.start()
        try:
            yield f"http://{host}:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()


class _Door(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


def _handler(platform: PlatformHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _CALL_LIMIT_S

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), _BODY_LIMIT_BYTES)
            try:
                platform.call(self.path.strip("/"), msgspec.json.decode(self.rfile.read(length), type=Asked))
                self._say(200, "told")
            except RigError as error:
                self._say(409, str(error))
            except (ValueError, RecursionError, PilesimError) as error:
                self._say(400, str(error))
            except TimeoutError:
                self._say(503, "the platform is too busy")

        def _say(self, status: int, text: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's own name)
            """Calls are seen on the line."""

    return Handler
