"""The bytes of one open descriptor, without blocking: what is queued to go out, what has come in, how it ended.

Owns queue, limits and the reading of errors, for sockets, serial ports and pseudo-terminals alike. Must not
know who is at the other end.
"""

from __future__ import annotations

from collections.abc import Callable

_READ_BYTES = 65_536
_READS_A_ROUND = 16
"""A peer that floods the line must not keep the others from their turn."""
QUEUE_LIMIT_BYTES = 16 * 1024 * 1024
"""A peer that has stopped reading is given up once this much waits for it."""


class Stream:
    """One open descriptor. `read(n)` and `write(data)` are its own non-blocking calls."""

    def __init__(self, fd: int, read: Callable[[int], bytes], write: Callable[[bytes], int]) -> None:
        self.fd = fd
        self.ended = ""
        """Why no more bytes will come; empty while they may."""
        self._read = read
        self._write = write
        self._queue = bytearray()
        self._unwritable = ""

    @property
    def queued(self) -> bool:
        return bool(self._queue)

    def send(self, data: bytes) -> None:
        """Queue `data` and write what the descriptor takes now."""
        if len(self._queue) + len(data) > QUEUE_LIMIT_BYTES:
            self._queue.clear()
            self.ended = f"the peer does not read: more than {QUEUE_LIMIT_BYTES} bytes wait for it"
            return
        self._queue += data
        self.flush()

    def flush(self) -> None:
        """Write what the descriptor takes now."""
        while self._queue:
            try:
                count = self._write(bytes(self._queue[:_READ_BYTES]))
            except BlockingIOError:
                return
            except TimeoutError as error:
                # The system has given it up, and tells so once.
                self._queue.clear()
                self.ended = reason_of(error)
                return
            except OSError as error:
                # What the peer sent before it went may still be read: the end is told after that.
                self._queue.clear()
                self._unwritable = reason_of(error)
                return
            del self._queue[:count]

    def receive(self) -> list[bytes]:
        """What has come, in order; sets `ended` when nothing more will."""
        pieces = []
        for _ in range(_READS_A_ROUND):
            try:
                data = self._read(_READ_BYTES)
            except BlockingIOError:
                self.ended = self.ended or self._unwritable
                break
            except OSError as error:
                self.ended = self.ended or reason_of(error)
                break
            if not data:
                self.ended = self.ended or "the peer hung up"
                break
            pieces.append(data)
            if len(data) < _READ_BYTES and not self._unwritable:
                # There is no more by now, and to be told so would take as long again as reading has.
                break
        return pieces


def reason_of(error: OSError) -> str:
    """The system's words for `error`, to stand in the middle of a sentence."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
