"""A recording read by one end or by both: the facts of each, fed event by event, and each message as it is taken.

Owns the order in which a story feeds facts, which is the judge's. Must not know what is read for, nor any rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pilesim.rules.facts import Facts
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, LineDown, LineUp, Reachable, Stimulus
from pilesim.wire.messages import Message
from pilesim.wire.protocol import Protocol

Taken = tuple[Facts, Seen, Message]
"""A message, and the facts of the end that it passed, whose `at` says what it is about."""


class Reading:
    """Both methods give messages one by one, and have to be read to their end."""

    def __init__(self, protocol: Protocol, facts: Iterable[Facts]) -> None:
        self._decoder = Decoder(protocol)
        self._facts = tuple(facts)

    def feed(self, event: AnyEvent) -> Iterator[Taken]:
        """What `event` completed; what it says of line and pile is taken after that."""
        for facts in self._facts:
            facts.clear(event.t_ns)
        yield from self._taken(self._decoder.feed(event))
        for facts in self._facts:
            if isinstance(event, LineUp | LineDown | Reachable):
                facts.take_line(event)
            elif isinstance(event, Stimulus):
                facts.take_stimulus(event)
            facts.settle(event.t_ns)
            facts.forget()

    def finish(self) -> Iterator[Taken]:
        """What was left when the recording ended."""
        return self._taken(self._decoder.finish())

    def _taken(self, items: Iterable[Seen | Noise]) -> Iterator[Taken]:
        for item in items:
            if isinstance(item, Noise) or item.decoded.message is None:
                continue
            for facts in self._facts:
                if facts.end is item.end and not facts.out_of_place(item):
                    facts.take(item, item.decoded.message)
                    yield facts, item, item.decoded.message
