"""The reference platform: what its connections share, and the connections.

Owns how one is opened and found. Must not know bytes, the pile or the rules.
"""

from __future__ import annotations

from pilesim.platform.office import Office
from pilesim.platform.session import PlatformSession


class Platform(Office):
    """The whole; UsageError where the tariff does not fit the protocol."""

    def session(self, pile: str = "") -> PlatformSession:
        """The platform's end of a new connection; its pile is known by its frames, or beforehand by `pile`."""
        return PlatformSession(self, pile)

    def session_of(self, pile: str) -> PlatformSession | None:
        """The connection on which commands go to `pile`; None where it was never heard."""
        found = self.connection_of(pile)
        return found if isinstance(found, PlatformSession) else None
