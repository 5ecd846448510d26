"""A line in memory: two ends in one process, instantaneous and without loss.

Owns nothing but the pair. Must not know time: whoever pumps the two ends decides when each hears of the other.
"""

from __future__ import annotations

from pilesim.errors import InternalError
from pilesim.link.base import Data, Down, Link, LinkEvent, Up


class VirtualLink(Link):
    """One end of a pair; made by `virtual_pair`."""

    def __init__(self, name: str, dials: bool) -> None:
        self.name = name
        self.dials = dials
        self._peer: VirtualLink = self
        self._opened = False
        self._connected = False
        self._refusing = False
        self._inbox: list[LinkEvent] = []
        self.has_news = False

    def join(self, peer: VirtualLink) -> None:
        """Make `peer` the other end."""
        self._peer = peer

    def open(self) -> None:
        self._opened = True

    def events(self) -> list[LinkEvent]:
        inbox, self._inbox = self._inbox, []
        self.has_news = False
        return inbox

    def _tell(self, event: LinkEvent) -> None:
        self._inbox.append(event)
        self.has_news = True

    def dial(self) -> None:
        if not self.dials or self._connected:
            return
        if not self._opened:
            raise InternalError(f"{self.name} was dialled before it was opened")
        peer = self._peer
        if not peer._opened or peer._refusing:
            self._tell(Down("connection refused"))
            return
        for end in (self, peer):
            end._connected = True
            end._tell(Up(""))

    def send(self, data: bytes) -> None:
        if self._connected and data:
            # As `_tell` does it: most of what is told is this.
            peer = self._peer
            peer._inbox.append(Data(data))
            peer.has_news = True

    def hang_up(self) -> None:
        self._inbox.clear()
        if self._connected:
            self._connected = False
            self._peer._connected = False
            self._peer._tell(Down("the peer hung up"))

    def refuse(self, refusing: bool) -> None:
        self._refusing = refusing and not self.dials

    def close(self) -> None:
        self.hang_up()
        self._opened = False

    def waitables(self) -> list[tuple[int, bool]]:
        return []


def virtual_pair(name: str = "virtual") -> tuple[Link, Link]:
    """Two ends of one line in memory: the dialling side, the listening side. Both are to be opened."""
    dialling, listening = VirtualLink(f"{name}:dialling", True), VirtualLink(f"{name}:listening", False)
    dialling.join(listening)
    listening.join(dialling)
    return dialling, listening
