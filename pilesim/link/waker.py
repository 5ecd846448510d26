"""A descriptor by which a thread ends the wait of whoever pumps the links.

Owns a pair of sockets, since on Windows nothing else can be waited on. Must not know what there is to tell.
"""

from __future__ import annotations

import socket


class Waker:
    """`wake()` from any thread makes `fd` readable until `clear()`."""

    def __init__(self) -> None:
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)

    @property
    def fd(self) -> int:
        return self._woken.fileno()

    def wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except OSError:
            # It is full, so whoever waits is woken anyway; or it is closed and nobody waits.
            return

    def clear(self) -> None:
        try:
            while self._woken.recv(4096):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        self._woken.close()
        self._waker.close()
