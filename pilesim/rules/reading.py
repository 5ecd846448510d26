"""Who reads a recording along with the judge: each message as it is taken into the facts, and each event.

Owns the order in which a reader is told. Must not know what is read for, nor any rule.
"""

from __future__ import annotations

from pilesim.rules.facts import Facts
from pilesim.rules.rule import Scene
from pilesim.trace.decoder import Seen
from pilesim.trace.events import AnyEvent
from pilesim.wire.messages import Message


class Reader:
    """Subclasses override what they need. Where one end was recorded, the facts of both are of what passed that one."""

    def begin(self, scene: Scene) -> None:
        """The recording begins; the facts of `scene` are up to date at each call after this."""

    def take(self, facts: Facts, seen: Seen, message: Message) -> None:
        """A message has passed an end and been taken into its facts, whose `at` says what it is about."""

    def passed(self, event: AnyEvent) -> None:
        """All that the event tells has been taken, and all that it completed."""

    def other(self, event: AnyEvent) -> None:
        """As `passed`, of the events only that hold no bytes."""

    def ended(self) -> None:
        """The recording is over, and what its end tells has been taken."""
