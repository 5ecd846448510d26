"""The EV-Link protocols as the rest of the program knows them: framer, decoder, session, catalogue.

Owns what is decided about a frame as a whole, and the sequence numbers. Must not know sockets, clocks, or a
message's layout. A body is held against its layout by size: shorter, it has no message, unless it ends where the
layout of an older version does (its tail is absent then, and the message lacks what the tail says); longer, the
known part is believed.

Sequence numbers (the page's choice, and inferred where no frame was seen): each side counts its own from 1, as u16
that skips 0. A message that answers nothing carries 0 for the other side; a reply carries its own number and the
number it answers, but 06, 0A and 17 carry only the latter.
"""

from __future__ import annotations

from collections.abc import Sequence

from pilesim.errors import EncodingError, UsageError
from pilesim.units import local_datetime
from pilesim.wire.evlink.catalogue import Entry, entries_of
from pilesim.wire.evlink.envelope import EvlinkEnvelope, is_pile_number, rest_view, seal
from pilesim.wire.evlink.meaning import number_of
from pilesim.wire.evlink.payloads import normal_order
from pilesim.wire.evlink.versions import VERSIONS, Version
from pilesim.wire.fields import Layout, Reading
from pilesim.wire.frame import Decoded, Direction, End, FieldView, Frame, Problem, ProblemKind
from pilesim.wire.framing import LengthFramer
from pilesim.wire.messages import Message, Opaque
from pilesim.wire.protocol import Framer, Protocol, Session

UNNUMBERED_REPLIES = (0x06, 0x0A, 0x17)
"""The platform's replies that carry no number of its own."""
SEQUENCES = 0xFFFF
"""Numbers that a side counts through: 1 to 65535."""


class EvlinkProtocol(Protocol):
    """One version of the family."""

    def __init__(self, version: Version) -> None:
        super().__init__()
        self.name = version.name
        self.title = version.title
        self.provisional = version.provisional
        self.version = version
        self.entries = entries_of(version.name)
        self.catalogue = tuple(entry.row for entry in self.entries.values())
        self._envelope = EvlinkEnvelope(version)

    def framer(self, direction: Direction) -> Framer:
        return LengthFramer(self._envelope, direction)

    def interpret(self, frame: Frame) -> Decoded:
        entry = self.entries.get(frame.number)
        if entry is None:
            text = f"command: expected a message of {self.name}, found 0x{frame.number:02X}"
            unknown = Problem(ProblemKind.UNKNOWN, text, "command")
            opaque = Opaque(gun=frame.gun or 0, number=frame.number, data=frame.body) if frame.sound else None
            return Decoded(frame, f"0x{frame.number:02X} unknown", opaque, (*frame.problems, unknown))
        problems = list(frame.problems)
        message = self._message(frame, entry, problems) if frame.sound else None
        return Decoded(frame, entry.title, message, tuple(problems))

    def _message(self, frame: Frame, entry: Entry, problems: list[Problem]) -> Message | None:
        """What the body of a sound frame means; what is wrong is added to `problems`."""
        row = entry.row
        if frame.direction is not row.direction:
            text = f"command: expected 0x{row.number:02X} to go {row.direction} only, found it going {frame.direction}"
            problems.append(Problem(ProblemKind.DIRECTION, text, "command"))
            return None
        gun = frame.gun or 0
        if entry.layout is None or entry.meaning is None:
            return Opaque(gun=gun, number=row.number, data=frame.body)
        layout, reading = _fit(entry, entry.layout, frame.body, problems)
        if reading is None:
            return None
        problems += layout.problems(reading.values)
        return entry.meaning.message(gun, layout, reading.values)

    def dissect(self, frame: Frame) -> Sequence[FieldView]:
        return self._envelope.dissect(frame.raw, lambda data, offset: self._body_views(frame, data, offset))

    def _body_views(self, frame: Frame, data: bytes, offset: int) -> list[FieldView]:
        entry = self.entries.get(frame.number)
        if entry is None or entry.layout is None:
            return [FieldView("data", offset, data, data.hex(" "), note="no layout")]
        layout, _ = _fit(entry, entry.layout, data, [])
        views, size = layout.views(data, offset)
        return [*views, *rest_view(data, size, offset)]

    def session(self, side: End, pile: str) -> Session:
        if not is_pile_number(pile.encode(errors="replace")):
            raise UsageError(f"expected a pile number of 20 digits, found {pile!r}")
        return EvlinkSession(self, side, pile)

    def new_order(self, pile: str, gun: int, epoch_ns: int, serial: int) -> str:
        return f"{local_datetime(epoch_ns):%Y%m%d%H%M%S}{serial % 1_000_000:06d}"

    def normal_order(self, order: str) -> str:
        return normal_order(order)


def _fit(entry: Entry, layout: Layout, body: bytes, problems: list[Problem]) -> tuple[Layout, Reading | None]:
    """The layout that `body` has and what it reads there, None where it is too short for any."""
    reading = layout.read(body)
    if reading is not None:
        if reading.size < len(body):
            formula = f" ({layout.size_text})" if layout.counted else ""
            text = f"body: expected {reading.size} bytes{formula}, found {len(body)}"
            problems.append(Problem(ProblemKind.LONG, text))
        return layout, reading
    found = f"body: expected {layout.size_text} bytes, found {len(body)}"
    for name, older in entry.older:
        reading = older.read(body)
        if reading is None or reading.size != len(body):
            continue
        if layout.fields[: len(older.fields)] == older.fields:
            tail = ", ".join(field.name for field in layout.fields[len(older.fields) :])
            text = f"{found}, which is {name}'s: without {tail}"
            problems.append(Problem(ProblemKind.TAIL_ABSENT, text))
            return older, reading
        problems.append(Problem(ProblemKind.SHORT, f"{found}, which is {name}'s"))
        return layout, None
    problems.append(Problem(ProblemKind.SHORT, found))
    return layout, None


class EvlinkSession(Session):
    """The builder of one side, with its own sequence numbers."""

    def __init__(self, protocol: EvlinkProtocol, side: End, pile: str) -> None:
        self._protocol = protocol
        self._direction = side.sends
        self._pile = pile
        self._last = 0

    def build(self, message: Message, answering: Frame | None = None) -> bytes:
        number, body = self._body(message)
        unnumbered = self._direction is Direction.DOWN and number in UNNUMBERED_REPLIES
        data = seal(
            self._protocol.version,
            self._direction,
            sequence=0 if unnumbered else self._last % SEQUENCES + 1,
            answers=answering.sequence if answering else 0,
            pile=self._pile,
            gun=message.gun,
            number=number,
            body=body,
        )
        if not unnumbered:
            self._last = self._last % SEQUENCES + 1
        return data

    def reset(self) -> None:
        self._last = 0

    def _body(self, message: Message) -> tuple[int, bytes]:
        if isinstance(message, Opaque):
            return message.number, message.data
        number = number_of(message)
        entry = None if number is None else self._protocol.entries[number]
        if entry is None or entry.layout is None or entry.meaning is None:
            raise EncodingError(f"{message.name}: {self._protocol.name} has no such message")
        row = entry.row
        if row.direction is not self._direction:
            raise EncodingError(
                f"{message.name}: 0x{row.number:02X} goes {row.direction}, and the {self._direction.sender} sends "
                f"{self._direction}"
            )
        return row.number, entry.layout.write(message.name, entry.meaning.values(message, entry.layout))


EVLINK_PROTOCOLS = tuple(EvlinkProtocol(version) for version in VERSIONS)
