"""A door for callers who speak HTTP, each once: all that one says has a limit in time, and so many are heard at once.

Owns the limits and the sockets. Must not know what is called for.

A door on the loopback address is open to every page that a browser on this computer shows, whoever wrote it: what a
page sends says so (`Origin`), and is refused.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pilesim.errors import RigError

CALL_LIMIT_S = 10.0
"""A caller has so long to say all that it says."""
CALLERS = 256
"""As many are heard at once; whoever comes then is hung up."""
_QUEUED = 512
_LOOK_UP_S = 0.1


class Caller(BaseHTTPRequestHandler):
    """One call; whoever does not come to its end in time is hung up."""

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_Hurried(self.connection))

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        page = self.headers.get("Origin")
        if page is not None:
            self.say(403, f"expected a call of a program, found one of a web page of {page[:200]!r}")
        return page is None

    def say(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        """The answer. Without its kind a browser would look for HTML in it, and may find what a caller put there."""
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's own name)
        """Calls are seen on the line."""


@contextmanager
def heard(address: tuple[str, int], handler: type[Caller], name: str) -> Iterator[str]:
    """Hear callers at `address` while this lasts, on a thread called `name`; yields the URL, with the port it has.

    RigError where the port cannot be had.
    """
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    try:
        server = _Callers(address, handler)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise RigError(f"http://{host}:{address[1]}: the port cannot be taken: {why}") from None
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK_UP_S,), name=name, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Callers(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = _QUEUED

    def __init__(self, address: tuple[str, int], handler: type[Caller]) -> None:
        self._room = threading.Semaphore(CALLERS)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self._room.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()


class _Hurried(io.RawIOBase):
    """What a caller says. All of it has one limit: each byte of one who trickles would begin a limit of its own."""

    def __init__(self, caller: socket.socket) -> None:
        self._caller = caller
        self._until_s = time.monotonic() + CALL_LIMIT_S

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._caller.settimeout(left_s)
        return self._caller.recv_into(buffer)
