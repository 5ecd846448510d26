"""What every link is: non-blocking bytes between here and one peer, one connection at a time.

Owns the interface. Must not know what the bytes mean. A link never blocks and never reads a clock; whoever
pumps it asks for its events, and between two rounds waits on its `waitables()` (pilesim.link.waiting).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import msgspec


class Up(msgspec.Struct, frozen=True, gc=False):
    """A connection stands."""

    peer: str


class Data(msgspec.Struct, frozen=True, gc=False):
    data: bytes


class Down(msgspec.Struct, frozen=True, gc=False):
    """The connection is gone, or could not be had. `vanished`: the port itself is gone for good.

    Of a serial line without `vanished`: its port is gone and is asked for again, which the reason says; Up may follow.
    """

    reason: str
    vanished: bool = False


class TurnedAway(msgspec.Struct, frozen=True, gc=False):
    """Another peer dialled in beside the one that is connected, and was hung up; told once for each host."""

    peer: str


LinkEvent = Up | Data | Down | TurnedAway


class Link(ABC):
    """One end of a line.

    A listening link waits for a peer, a dialling one connects on `dial()`, a serial line is up from `open()`.
    After Down a listening link listens on; a dialling one waits for the next `dial()`.
    """

    name: str
    """Its URL as a person would write it, with the port that was really taken."""
    dials: bool
    """Whether `dial()` is what brings it up."""
    connectionless: bool = False
    """A serial line: there is no hanging up, only bytes that come or do not."""
    has_news: bool = True
    """False: `events` would give nothing. A link that has to be asked before it knows says True."""
    wire_ns_per_byte: int = 0
    """How long a byte is under way beyond this end, by the line's baud rate; 0 where the line keeps no such pace."""

    @abstractmethod
    def open(self) -> None:
        """Take the port; a no-op when it is taken already.

        Raises RigError in one sentence when it does not exist or another program has it.
        """

    @abstractmethod
    def events(self) -> list[LinkEvent]:
        """What has happened since the last call, oldest first. Never blocks, never raises for the peer's acts."""

    @abstractmethod
    def dial(self) -> None:
        """Begin to connect; Up or Down comes as an event. A no-op on a link that does not dial."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Queue bytes for the peer; dropped in silence when there is none."""

    @abstractmethod
    def hang_up(self) -> None:
        """End the connection, if there is one, after what was queued; the caller gets no Down for it."""

    @abstractmethod
    def refuse(self, refusing: bool) -> None:
        """Refuse (or accept again) peers that dial in; a no-op on a link that does not listen."""

    @abstractmethod
    def close(self) -> None:
        """Give the port back. Safe to call twice."""

    @abstractmethod
    def waitables(self) -> list[tuple[int, bool]]:
        """File descriptors to wait on for the next event: (fd, whether to wait for writing too)."""
