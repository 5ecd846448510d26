"""A protocol made of tables: catalogue entries with a layout and a meaning each make decoder, builder and views.

Owns what is decided about a body: which layout it has, what is wrong with it, what it means. Must not know any one
protocol: its package has the tables, the envelope and the sequence numbers. A body is held against its layout by size.
Of another size, it may have one of the entry's other shapes; else, shorter, it has no message, and longer, the known
part is believed.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pilesim.errors import EncodingError
from pilesim.wire.fields import Layout, Reading, Values, rest_view
from pilesim.wire.frame import Decoded, Direction, End, FieldView, Frame, Problem, ProblemKind
from pilesim.wire.framing import Envelope, LengthFramer
from pilesim.wire.meaning import Meaning
from pilesim.wire.messages import Message, Opaque
from pilesim.wire.passage import Reader, Writer, reader, writer
from pilesim.wire.protocol import Framer, Protocol, Row, Session


@dataclass(frozen=True, slots=True)
class Shape:
    """Another layout that a body of one message may have.

    `whose` ends the sentence `expected ..., found ..., which is`; what is not `believed` has no message.
    """

    layout: Layout
    kind: ProblemKind
    whose: str
    believed: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a protocol. `meaning` is None where no message says it, and its bytes are kept.

    `swapped` is the layout with its numbers the other way round, where peers are known to send them so. Of one that
    is `unseen` no frame is known: a body of another size is kept as bytes, and is nobody's mistake.
    """

    row: Row
    layout: Layout
    meaning: Meaning | None
    shapes: tuple[Shape, ...] = ()
    swapped: Layout | None = None
    unseen: bool = False
    title: str = field(init=False)
    """For people, with its number."""

    def __post_init__(self) -> None:
        # Written once, since it is told with every frame.
        object.__setattr__(self, "title", f"0x{self.row.number:02X} {self.row.name} {self.row.chinese}")

    def layout_of(self, body: bytes) -> Layout | None:
        """The layout to hold `body` against, if any."""
        if not self.unseen:
            return self.layout
        for layout in (self.layout, *(shape.layout for shape in self.shapes)):
            reading = layout.read(body)
            if reading is not None and reading.size == len(body):
                return self.layout
        return None


@dataclass(frozen=True, slots=True)
class Revision:
    """What makes another protocol of one: a name of its own, and other tables. `text` is the overlay that says so."""

    name: str
    title: str
    provisional: str
    text: str
    revise: Callable[[Mapping[int, Entry]], Mapping[int, Entry]]


class TabledProtocol(Protocol):
    """The decoder of a protocol's tables."""

    number_field: str
    """What its header calls the message number."""
    entries: Mapping[int, Entry]
    """By number: no number goes both ways in these protocols."""
    envelope: Envelope
    placed: tuple[str, ...] = ()
    """The fields that a session fills in wherever a layout has them."""
    revisions: tuple[Revision, ...] = ()
    """What made it of another protocol, if anything, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._meaning: dict[type[Message], tuple[Entry, ...]] = {}
        self._readers: dict[int, Reader | None] = {}
        self._writers: dict[int, Writer | None] = {}

    def meaning(self, kind: type[Message]) -> tuple[Entry, ...]:
        """The entries that are built for messages of `kind`, of which there may be several."""
        if kind not in self._meaning:
            self._meaning[kind] = tuple(
                entry
                for entry in self.entries.values()
                if entry.meaning is not None and entry.meaning.built and entry.meaning.kind is kind
            )
        return self._meaning[kind]

    def revised(self, revision: Revision) -> TabledProtocol:
        """This protocol with other tables, and the options that it has; the same one each time it is asked for."""
        return _revised(self, revision)

    def revised_as(self, other: TabledProtocol) -> TabledProtocol:
        """This protocol with all that has made `other` of its own base."""
        found = self
        for revision in other.revisions:
            found = found.revised(revision)
        return found

    def tells(self, kind: type[Message], attribute: str) -> bool:
        return any(
            entry.meaning.pairs.get(attribute) in entry.layout.by_name
            for entry in self.entries.values()
            if entry.meaning is not None and entry.meaning.kind is kind
        )

    def envelope_of(self, entries: Mapping[int, Entry]) -> Envelope:
        """The envelope of frames whose bodies are those of `entries`."""
        return self.envelope

    def remember(self, frames: int) -> None:
        super().remember(frames)
        self.envelope.remember(frames)

    def framer(self, direction: Direction) -> Framer:
        return LengthFramer(self.envelope, direction)

    def interpret(self, frame: Frame) -> Decoded:
        entry = self.entries.get(frame.number)
        if entry is not None and frame.direction is entry.row.direction and (not frame.problems or _plain(frame)):
            read = self._readers[frame.number] if frame.number in self._readers else self._reader(entry)
            message = read(frame.body, 1 if frame.gun is None else frame.gun) if read is not None else None
            if message is not None:
                return Decoded(frame, entry.title, message, frame.problems)
        return self.interpret_carefully(frame)

    def _reader(self, entry: Entry) -> Reader | None:
        """Made when it is first needed: most runs need few."""
        meaning = entry.meaning
        read = None if meaning is None else reader(entry.layout, meaning, bounded=entry.swapped is not None)
        self._readers[entry.row.number] = read
        return read

    def writer(self, entry: Entry) -> Writer | None:
        """What writes the body of `entry` in one step, where that can be made."""
        number = entry.row.number
        if number not in self._writers:
            meaning = entry.meaning
            self._writers[number] = None if meaning is None else writer(entry.layout, meaning, self.placed)
        return self._writers[number]

    def interpret_carefully(self, frame: Frame) -> Decoded:
        """As `interpret`, field by field: it finds what is wrong."""
        entry = self.entries.get(frame.number)
        if entry is None:
            text = f"{self.number_field}: expected a message of {self.name}, found 0x{frame.number:02X}"
            unknown = Problem(ProblemKind.UNKNOWN, text, self.number_field)
            opaque = _opaque(frame) if frame.sound else None
            return Decoded(frame, f"0x{frame.number:02X} unknown", opaque, (*frame.problems, unknown))
        problems = list(frame.problems)
        message = self._message(frame, entry, problems) if frame.sound else None
        return Decoded(frame, entry.title, message, tuple(problems))

    def _message(self, frame: Frame, entry: Entry, problems: list[Problem]) -> Message | None:
        """What the body of a sound frame means; what is wrong is added to `problems`."""
        row = entry.row
        if frame.direction is not row.direction:
            text = (
                f"{self.number_field}: expected 0x{row.number:02X} to go {row.direction} only, "
                f"found it going {frame.direction}"
            )
            problems.append(Problem(ProblemKind.DIRECTION, text, self.number_field))
            return None
        known = None if frame.encrypted else entry.layout_of(frame.body)
        if known is None:
            return _opaque(frame)
        layout, reading = _fit(entry, known, frame.body, problems)
        if reading is None:
            return None
        problems += layout.problems(reading.values)
        if entry.meaning is None:
            return _opaque(frame)
        return entry.meaning.message(_gun(frame), layout, reading.values)

    def dissect(self, frame: Frame) -> Sequence[FieldView]:
        return self.envelope.dissect(frame.raw, lambda data, offset: self._body_views(frame, data, offset))

    def explaining(self, frame: Frame, data: bytes) -> Layout | None:
        """The layout by which `dissect` explains `data`, the body of the frame; None where it explains nothing."""
        entry = self.entries.get(frame.number)
        known = None if entry is None or frame.encrypted else entry.layout_of(data)
        return None if entry is None or known is None else _fit(entry, known, data, [])[0]

    def _body_views(self, frame: Frame, data: bytes, offset: int) -> list[FieldView]:
        layout = self.explaining(frame, data)
        if layout is None:
            note = "encrypted" if frame.encrypted else "no layout"
            return [FieldView("data", offset, data, data.hex(" "), note=note)]
        views, size = layout.views(data, offset)
        return [*views, *rest_view(data, size, offset)]


@lru_cache
def _revised(protocol: TabledProtocol, revision: Revision) -> TabledProtocol:
    """One protocol a revision, since a protocol remembers what it has decoded."""
    other = copy.copy(protocol)
    # What it remembers is the other's own, so that it begins anew.
    TabledProtocol.__init__(other)
    other.options = protocol.options
    options = protocol.name.partition("?")[2]
    other.name = revision.name + (f"?{options}" if options else "")
    other.title = revision.title
    other.provisional = revision.provisional
    other.overlay = revision.text
    other.origin = protocol.name
    other.revisions = (*protocol.revisions, revision)
    other.entries = revision.revise(protocol.entries)
    other.catalogue = tuple(entry.row for entry in other.entries.values())
    other.envelope = protocol.envelope_of(other.entries)
    return other


def _plain(frame: Frame) -> bool:
    """Whether the body may be believed, and read."""
    return frame.sound and not frame.encrypted


def _gun(frame: Frame) -> int:
    """A message about the whole pile leaves its gun at 1."""
    return 1 if frame.gun is None else frame.gun


def _opaque(frame: Frame) -> Opaque:
    return Opaque(gun=_gun(frame), number=frame.number, data=frame.body)


def _fit(entry: Entry, layout: Layout, body: bytes, problems: list[Problem]) -> tuple[Layout, Reading | None]:
    """The layout that `body` has and what it reads there, None where it is too short for any."""
    reading = layout.read(body)
    if reading is not None and reading.size == len(body):
        return _in_order(entry, layout, body, reading, problems)
    found = f"body: expected {layout.size_text} bytes, found {len(body)}"
    for shape in entry.shapes:
        other = shape.layout.read(body)
        if other is None or other.size != len(body):
            continue
        problems.append(Problem(shape.kind, f"{found}, which is {shape.whose}"))
        return (shape.layout, other) if shape.believed else (layout, None)
    if reading is None:
        problems.append(Problem(ProblemKind.SHORT, found))
        return layout, None
    formula = f" ({layout.size_text})" if layout.counted else ""
    problems.append(Problem(ProblemKind.LONG, f"body: expected {reading.size} bytes{formula}, found {len(body)}"))
    return _in_order(entry, layout, body, reading, problems)


def _in_order(
    entry: Entry, layout: Layout, body: bytes, reading: Reading, problems: list[Problem]
) -> tuple[Layout, Reading]:
    """What was read, or what the other byte order reads where only that is sensible."""
    if entry.swapped is None:
        return layout, reading
    excess = layout.excess(reading.values)
    if not excess:
        return layout, reading
    swapped = entry.swapped.read(body)
    if swapped is None or entry.swapped.excess(swapped.values):
        return layout, reading
    text = f"body: expected numbers with the low byte first, found {excess}, which is sensible with the high byte first"
    problems.append(Problem(ProblemKind.BYTE_ORDER, text))
    return entry.swapped, swapped


class TabledSession(Session):
    """The builder of one side's bodies; the protocol's own session seals them."""

    def __init__(self, protocol: TabledProtocol, side: End, pile: str) -> None:
        self._protocol = protocol
        self._direction = side.sends
        self._pile = protocol.pile_number(pile)

    @abstractmethod
    def placed(self, message: Message) -> Values:
        """Values of the protocol's `placed` fields, such as the pile number; none where a header has it."""

    def body_of(self, message: Message) -> tuple[int, bytes]:
        """Number and body of `message`; EncodingError where the protocol has none, or a value does not fit."""
        if isinstance(message, Opaque):
            return message.number, message.data
        for entry in self._protocol.meaning(type(message)):
            if entry.meaning is not None and entry.meaning.means(message):
                break
        else:
            raise EncodingError(f"{message.name}: {self._protocol.name} has no such message")
        row = entry.row
        if row.direction is not self._direction:
            raise EncodingError(
                f"{message.name}: 0x{row.number:02X} goes {row.direction}, and the {self._direction.sender} sends "
                f"{self._direction}"
            )
        placed = self.placed(message)
        write = self._protocol.writer(entry)
        body = write(message, placed) if write is not None else None
        if body is None:
            body = entry.layout.write(message.name, entry.meaning.values(message, entry.layout, placed))
        return row.number, body
