"""Who is at the other end of a connection, as far as its frames have told.

Owns which pile is believed to be there. Must not know what it says.
"""

from __future__ import annotations

from pilesim.platform.office import Office
from pilesim.wire.frame import End
from pilesim.wire.protocol import Session as WireSession


class Peer:
    """The pile of one connection at a time; known by its frames, or beforehand by `pile`."""

    def __init__(self, office: Office, connection: object, pile: str = "") -> None:
        self._office = office
        self._connection = connection
        self.pile = ""
        """Its number; "" until it is known."""
        self.firmware = ""
        """As it has told it itself."""
        self.wire: WireSession | None = None
        """Builds the frames to it; None until it is known."""
        self.identified = False
        """A frame on this connection has told the pile."""
        self._confirmed = False
        """A second one has told the same."""
        if pile:
            self._know(pile)

    def forget_connection(self) -> None:
        """The next frame comes on another connection, and may come from anybody."""
        self.identified = False
        self._confirmed = False
        self._office.changes += 1

    def is_from(self, pile: str) -> bool:
        """Whether `pile` is who is at the other end: whom the first frame names, once a second one agrees.

        A number that one frame alone has named may be the line's doing; the next frame then says who it is.
        """
        if self.identified and pile == self.pile:
            self._confirmed = True
        elif not self._confirmed:
            self.identified = True
            self._office.changes += 1
            if pile != self.pile:
                self._know(pile)
            self._office.take_over(pile, self._connection)
        return pile == self.pile

    def _know(self, pile: str) -> None:
        self.pile = pile
        self.wire = self._office.protocol.session(End.PLATFORM, pile)
        self.firmware = ""
        self._office.take_over(pile, self._connection)

    @property
    def in_charge(self) -> bool:
        """Commands to the pile go here: it was last heard on this connection."""
        return self._office.is_at(self.pile, self._connection)
