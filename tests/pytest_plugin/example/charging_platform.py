"""A charging platform as small as one can be: one pile dials in over TCP, its users come over HTTP."""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer

from pilesim.contract.tariff import DEFAULT_TARIFF
from pilesim.units import parse_yuan_mfen
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import (
    Authorise,
    Bill,
    BillReply,
    GunReport,
    GunReportReply,
    Hello,
    HelloReply,
    Message,
    Stamp,
    Start,
    Stop,
    TimeAsk,
    TimeTell,
)
from pilesim.wire.protocol import Session, protocol_named

LHC = protocol_named("lhc")


class ChargingPlatform(ThreadingTCPServer):
    """Listens for a pile at `port`, and for users at `http_port`; 0 takes a free one."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, port: int = 0, http_port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), PileLine)
        self.users = ThreadingHTTPServer(("127.0.0.1", http_port), type("Users", (Users,), {"platform": self}))
        self.url = f"tcp://127.0.0.1:{self.server_address[1]}"
        self.bills: dict[str, Bill] = {}
        self.accounts: dict[int, str] = {}
        self.line: PileLine | None = None
        for server in (self, self.users):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        for server in (self, self.users):
            server.shutdown()
            server.server_close()

    def authorise(self, gun: int, order: str, account: str, balance: str) -> None:
        self.accounts[gun] = account or order[-17:].rjust(17, "0")
        mfen = parse_yuan_mfen(balance)
        self.tell(Authorise(gun=gun, account=self.accounts[gun], order=order, balance_mfen=mfen, tariff=DEFAULT_TARIFF))

    def start(self, gun: int, account: str) -> None:
        self.tell(Start(gun=gun, account=account or self.accounts[gun]))

    def stop(self, gun: int, account: str) -> None:
        self.tell(Stop(gun=gun, account=account or self.accounts[gun]))

    def tell(self, message: Message) -> None:
        assert self.line is not None, "no pile has dialled in"
        self.line.send(message)

    def answer(self, message: Message | None) -> Message | None:
        """The reply that the pile is owed."""
        match message:
            case Hello():
                return HelloReply()
            case TimeAsk(pile_time=asked):
                return TimeTell(platform_time=Stamp(time.time_ns()), pile_time=asked)
            case GunReport(gun=gun, change=change):
                return GunReportReply(gun=gun, change=change)
            case Bill(gun=gun, order=order):
                self.bills[order] = message
                return BillReply(gun=gun, order=order)
        return None


class PileLine(BaseRequestHandler):
    """One pile's connection."""

    session: Session | None = None

    def handle(self) -> None:
        assert isinstance(self.server, ChargingPlatform)
        framer = LHC.framer(Direction.UP)
        while data := self.request.recv(4096):
            for frame in framer.feed(data, time.monotonic_ns()):
                if isinstance(frame, Frame) and frame.pile:
                    self.session = self.session or LHC.session(End.PLATFORM, frame.pile)
                    self.server.line = self
                    reply = self.server.answer(LHC.decode(frame).message)
                    if reply is not None:
                        self.send(reply, frame)

    def send(self, message: Message, answering: Frame | None = None) -> None:
        assert self.session is not None
        self.request.sendall(self.session.build(message, answering))


class Users(BaseHTTPRequestHandler):
    """POST /authorise, /start and /stop with a JSON object."""

    platform: ChargingPlatform

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        getattr(self.platform, self.path.strip("/"))(**asked)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (named so by http.server)
        """Nobody wants to read it."""


if __name__ == "__main__":
    ChargingPlatform(9000, 8080)
    sys.stdin.read()
