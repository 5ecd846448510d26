"""A door for callers who speak HTTP, each once: all that one says has a limit in time, and so many are heard at once.

Owns the limits and the sockets. Must not know what is called for.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CALL_LIMIT_S = 10.0
"""A caller has so long to say all that it says."""
CALLERS = 256
"""As many are heard at once; whoever comes then is hung up."""
_QUEUED = 512


class Caller(BaseHTTPRequestHandler):
    """One call; whoever does not come to its end in time is hung up."""

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_Hurried(self.connection))

    def say(self, status: int, text: str) -> None:
        """The answer."""
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's own name)
        """Calls are seen on the line."""


class Callers(ThreadingHTTPServer):
    """OSError where the port cannot be had."""

    daemon_threads = True
    request_queue_size = _QUEUED

    def __init__(self, address: tuple[str, int], handler: type[Caller]) -> None:
        self._room = threading.Semaphore(CALLERS)
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
