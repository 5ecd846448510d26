"""How long a TCP peer may be silent: what each socket is told before anyone waits for it.

Owns the figures. By name, since not every system has each; seconds and counts.
"""

from __future__ import annotations

import socket

_PROBED: tuple[tuple[str, int], ...] = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
"""A peer that lost its power says nothing: so silence is looked into after 10 s, and given up 15 s later."""
UNREAD_MS = 25_000
"""A peer that takes none of what waits for it is given up after as long; keepalive goes by this figure too."""
_DIALLED: tuple[tuple[str, int], ...] = (("TCP_SYNCNT", 2),)
"""A dial that nobody answers is repeated twice, and given up after some 7 s instead of two minutes."""


def watch_for_silence(sock: socket.socket) -> None:
    """Have the system end a connection whose peer is gone without a word, or does not read what it is sent."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    _set(sock, (*_PROBED, ("TCP_USER_TIMEOUT", UNREAD_MS)))


def limit_dial(sock: socket.socket) -> None:
    """Have the system give up soon when nobody answers; before `connect`."""
    _set(sock, _DIALLED)


def _set(sock: socket.socket, options: tuple[tuple[str, int], ...]) -> None:
    for name, value in options:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
