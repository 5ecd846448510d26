"""The events of a trace: what is recorded, and what a capture file holds, line by line.

Raw bytes are kept, not what they meant, so that a replay decodes anew. `t_ns` counts from the world's start,
which the header keeps. Every chunk is noted at both ends of the impairments of the line: the pile is judged
by what reached it and the platform by what reached it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunState

CAPTURE_SCHEMA = 1


class Vantage(StrEnum):
    """Where a recording was made."""

    PILE = "pile"
    PLATFORM = "platform"
    BOTH = "both ends"
    BETWEEN = "between"
    """Somewhere on the line: what passed there may have come from either end, and may never have reached the other."""
    UNKNOWN = "unknown"


class Missing(StrEnum):
    """What a log of another's cannot hold, or does not."""

    ACTS = "what was done at the pile"
    CONNECTIONS = "when the line came up and went down"
    TIMES = "times"
    ZONE = "the zone of its times"
    """Its own clock may be whole hours beside the one that it is taken for."""
    UP = "what the pile sent"
    DOWN = "what the platform sent"
    BYTES = "some bytes of the stream"
    FRAMES = "the bytes of the messages"
    LINES = "whatever its lines leave out"
    """It is an excerpt: what it does not mention may have happened."""


class Gap(msgspec.Struct, frozen=True):
    """From when to when the log of one end has nothing, though that end was there: what the other end saw of then
    stands for both."""

    end: End
    since_ns: int
    until_ns: int


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First line of a capture: the world, and who recorded what."""

    pilesim_capture: int = msgspec.field(name="pilesim-capture", default=CAPTURE_SCHEMA)
    start: str
    """The world's time at t_ns = 0, ISO 8601 with its offset."""
    protocol: str
    dialect: str = ""
    """The text of the overlay, where the protocol is a dialect: its file may be gone when the recording is read."""
    pile: str
    """The pile number that belongs to this line; "" when it is not known beforehand."""
    guns: int
    """How many guns the pile has, `MOST_GUNS` at most; 0 when not known."""
    ends: tuple[End, ...] = (End.PILE, End.PLATFORM)
    """The ends of the line at which chunks were recorded."""
    vantage: Vantage | None = None
    """Where the recording was made; None: at the ends that `ends` names. Between the ends, or where that is not known,
    `ends` names the one by which the events go, and nothing is known of what had left or reached an end for certain."""
    source: str = ""
    """The log that it was imported from, by its name; the chunks' lines are that log's."""
    missing: tuple[Missing, ...] = ()
    """What that log does not hold."""
    resolution_ns: int = 0
    """What the log's times are cut to, where that is coarse: something may have been so much later than its time says,
    and a while so much shorter or longer."""
    apart_ns: int = 0
    """How much the times at one end may differ from those at the other besides, where each end had a clock of its
    own: what was under way for less may have been so for no time at all."""
    gaps: tuple[Gap, ...] = ()
    """Where the log of an end has a hole, in the order of the ends and of time."""
    target: str = ""
    """The pile under test, as its URL."""
    scenario: str = ""
    case: str = ""
    proves: tuple[str, ...] = ()
    """Rules that must not stay open in this scenario."""
    seed: int = 0
    stimuli: bool = True
    """Whether what was done at the pile (plug, tap ...) is in the trace whenever it was done."""
    connectionless: bool = False
    """A serial line: bytes lost in the middle are not told by a hang-up."""
    wire_ns_per_byte: dict[End, int] = msgspec.field(default_factory=dict)
    """How long a byte is under way between the recorder and an end, by its baud rate; an end without a pace is not in
    it. What was noted here was that much earlier, or is that much later, at the end itself."""
    timers: bool = True
    """Whether the platform's own timers ran; a scenario may leave it to the steps to cancel an order."""
    not_applicable: dict[str, str] = msgspec.field(default_factory=dict)
    """Rules that this pile cannot be judged by, since it does not claim what they need, with the reason."""
    limits: dict[str, int] = msgspec.field(default_factory=dict)
    """Deadlines of the rules set by the site, rule id to ns (or the rule's own unit)."""

    @property
    def between(self) -> bool:
        """What was seen may not have reached the end that it went to, nor be all that the other sent."""
        return self.vantage in (Vantage.BETWEEN, Vantage.UNKNOWN)


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """Base of all events."""

    t_ns: int


class Chunk(Event, frozen=True, kw_only=True, tag="chunk", gc=False):
    """Bytes that passed one end of the line in one piece."""

    end: End
    direction: Direction
    data: bytes
    altered: bool = False
    """The line changed these bytes (corrupted, cut or joined, or put noise among them), or the log lacks some."""
    line: int = 0
    """Line of the log (or number of the packet) that its first byte came from; 0 where it came from none."""


class Mention(Event, frozen=True, kw_only=True, tag="mention"):
    """A message that a log tells of without its bytes. What the line does not tell of it is None, and not known."""

    end: End
    direction: Direction
    message: str
    """By meaning, as `MESSAGE_TYPES` has it."""
    number: int | None = None
    """Its number in the protocol, where the line says it or its name belongs to one alone."""
    gun: int | None = None
    order: str | None = None
    """"" where the line says that it is empty."""
    account: str | None = None
    state: GunState | None = None
    cable: bool | None = None
    change: bool | None = None
    """Of a gun's report: it tells a change, and is no heartbeat."""
    empty_times: tuple[str, ...] = ()
    """The times that it carries, by their names in the message, of which the line says that they are empty (1999)."""
    line: int = 0
    """As a chunk's."""
    text: str = ""
    """The line itself."""


class LineUp(Event, frozen=True, kw_only=True, tag="line-up"):
    """A connection stands, as seen at `end`. On a serial line: the port is open."""

    end: End
    peer: str = ""


class LineDown(Event, frozen=True, kw_only=True, tag="line-down"):
    """The connection is gone, as seen at `end`.

    `by` says who ended it where that is known: "pile", "platform", "line" (an impairment of ours), "end"
    (the recording was ended), or "" when it cannot be told.
    """

    end: End
    by: str = ""
    reason: str = ""


class Reachable(Event, frozen=True, kw_only=True, tag="reachable"):
    """Whether the line can be had: False while an impairment of ours refuses it, True once it can be again."""

    can: bool


class Stimulus(Event, frozen=True, kw_only=True, tag="stimulus"):
    """Something done at the pile, recorded when it was confirmed: at some instant of [began_ns, t_ns].

    kind: plug, unplug, tap, card, stop-button, emergency-stop, emergency-release, power-off, power-on,
    insulation, fault, fault-cleared, parking, maintenance. `detail` holds the step's own arguments
    (insulation: {"ok": bool}; fault: {"fault": GunFault value}; plug: {"car": {...}}).
    """

    kind: str
    gun: int | None = None
    began_ns: int
    detail: dict[str, Any] = msgspec.field(default_factory=dict)


class Impaired(Event, frozen=True, kw_only=True, tag="impaired"):
    """What an impairment of the line did to one piece of the traffic.

    effect: held, lost, doubled, reordered, corrupted, cut, merged, noise, slowed, disconnected, refused.
    """

    impairment: str
    effect: str
    direction: Direction | None = None
    data: bytes = b""
    held_ns: int = 0


class Note(Event, frozen=True, kw_only=True, tag="note"):
    """A scenario's step, or a word of the harness: where it stands and what it did."""

    text: str
    line: int = 0
    """Line of the scenario file; 0 when it is no step."""
    timed_out: bool = False
    """A step's condition was not met by the harness's deadline."""


class Finish(Event, frozen=True, kw_only=True, tag="finish"):
    """The recording ended in order; without it the file was broken off."""

    reason: str = ""


AnyEvent = Chunk | Mention | LineUp | LineDown | Reachable | Stimulus | Impaired | Note | Finish


class Trace(msgspec.Struct, frozen=True):
    """A whole recording."""

    header: Header
    events: tuple[AnyEvent, ...]
