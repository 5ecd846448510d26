"""Pieces of a log to events: chunks, and connections where lines or the pile's hellos tell of them.

Owns the putting together. Must not know how a line was read, how times are made up, nor by what direction and pile are
told. Works on a stream: a first part of it, of bounded size, is looked at before anything is given out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineDown, LineUp, Missing, Vantage
from pilesim.trace.importers.clock import SAMPLE_PIECES, Clock, Timed
from pilesim.trace.importers.imported import Ledger, Opened, Wishes
from pilesim.trace.importers.pieces import Mark, Piece
from pilesim.trace.importers.sample import Sampled, directions_of, natural, numbers_of, pile_of, sampled, told_vantage
from pilesim.trace.importers.source import Source
from pilesim.units import S, local_datetime
from pilesim.wire.frame import UP, Direction, End, Frame, Garbage
from pilesim.wire.messages import Hello
from pilesim.wire.protocol import GAP_NS, Framer, Protocol

SAMPLE_BYTES = 4 * 1024 * 1024
SILENCE_NS = 1 * S
"""A hello after so much silence begins a connection; piles with several guns say several at once."""
HELD_EVENTS = 256


def assembled(
    source: Source,
    form: str,
    pieces: Iterator[Piece],
    wishes: Wishes,
    ledger: Ledger,
    serial: bool,
    there: int | None = None,
) -> Opened:
    """The recording that `pieces` are; of a log that grows `there` says how many there are by now.

    FileError where they hold no frame, or several piles and none was chosen.
    """
    sample = _first(pieces, SAMPLE_PIECES if there is None else max(1, there))
    if not sample:
        raise source.error(*ledger.nothing("expected a log with bytes, found none"))
    told = sampled(source, sample, wishes, ledger)
    pile, selecting = pile_of(source, told, wishes, ledger)
    directions = directions_of(told, wishes, ledger)
    vantage = told_vantage(told, wishes, ledger, directions)
    clocked = Clock(source, sample, told, wishes, ledger)
    timed = clocked.timed(chain(sample, pieces))
    first = next(timed)
    start_ns = first[0] // S * S
    missing = _missing(sample, told, directions, clocked)
    ledger.missing.update(dict.fromkeys(missing))
    near = End(vantage.value) if vantage in (Vantage.PILE, Vantage.PLATFORM) else End.PLATFORM
    header = Header(
        start=_start_text(start_ns),
        protocol=told.protocol.name,
        dialect=told.protocol.overlay,
        pile=pile,
        guns=0,
        ends=(near,),
        vantage=vantage,
        source=source.name,
        missing=missing,
        resolution_ns=clocked.resolution_ns,
        stimuli=False,
        connectionless=serial,
    )
    # Between two lines of one frame such times may show a silence that there was not.
    coarse = clocked.resolution_ns >= GAP_NS
    framed = selecting or coarse or None in directions.values()
    gap_ns = GAP_NS + clocked.resolution_ns
    maker = (
        _Framed(told.protocol, near, directions, pile if selecting else "", gap_ns, ledger)
        if framed
        else _Plain(near, directions)
    )
    links = _Links(near, pile if selecting else "", ledger)
    events = maker.events(chain([first], timed), start_ns, links)
    return Opened(form, header, _Connections(told.protocol, near, ledger).between(events), ledger)


def _start_text(epoch_ns: int) -> str:
    return local_datetime(epoch_ns).isoformat()


def _first(pieces: Iterator[Piece], most: int) -> list[Piece]:
    """The sample, which is taken off `pieces`."""
    sample: list[Piece] = []
    size = 0
    for piece in pieces:
        sample.append(piece)
        size += len(piece.data)
        if len(sample) >= most or size >= SAMPLE_BYTES:
            break
    return sample


def _missing(
    sample: list[Piece], told: Sampled, directions: dict[Mark, Direction | None], clocked: Clock
) -> tuple[Missing, ...]:
    there: set[Direction] = set()
    for mark, ways in told.ways.items():
        way = directions[mark]
        if way is not None:
            there.add(way)
        else:
            there.update(ways)
    missing = [Missing.ACTS]
    told_links = {piece.linked for piece in sample if piece.linked is not None}
    if told_links != {True, False}:
        # Such lines of the one kind only do not show when the other happened.
        missing.append(Missing.CONNECTIONS)
    if clocked.timeless:
        missing.append(Missing.TIMES)
    if clocked.zone_open:
        missing.append(Missing.ZONE)
    if Direction.UP not in there:
        missing.append(Missing.UP)
    if Direction.DOWN not in there:
        missing.append(Missing.DOWN)
    return tuple(missing)


# Events -------------------------------------------------------------------------------------------------------


class _Plain:
    """Each piece is a chunk, by its mark."""

    def __init__(self, near: End, directions: dict[Mark, Direction | None]) -> None:
        self._near = near
        self._directions = directions

    def events(self, timed: Iterator[Timed], start_ns: int, links: _Links) -> Iterator[AnyEvent]:
        """The recording, to its end."""
        near, directions = self._near, self._directions
        t_ns = 0
        for epoch_ns, piece in timed:
            t_ns = epoch_ns - start_ns
            if piece.linked is not None:
                yield from links.take(t_ns, piece)
                continue
            way = directions.get(piece.mark)
            if way is None:
                way = self._unseen(piece.mark)
            yield Chunk(t_ns=t_ns, end=near, direction=way, data=piece.data, line=piece.line)
        yield Finish(t_ns=t_ns)

    def _unseen(self, mark: Mark) -> Direction:
        """A mark that comes first after the sample: as its word says, or as others of its kind."""
        likely = [way for other, way in self._directions.items() if way is not None and other.sent is mark.sent]
        way = mark.direction or (likely[0] if likely else Direction.UP)
        self._directions[mark] = way
        return way


class _Framed:
    """Each frame is a chunk: by its own direction where its mark tells none, and only if it is of the pile chosen."""

    def __init__(
        self,
        protocol: Protocol,
        near: End,
        directions: dict[Mark, Direction | None],
        pile: str,
        gap_ns: int,
        ledger: Ledger,
    ) -> None:
        """After a silence of `gap_ns` a frame that has begun goes on no more."""
        self._protocol = protocol
        self._near = near
        self._directions = directions
        self._pile = pile
        self._gap_ns = gap_ns
        self._ledger = ledger
        self._lanes: dict[Mark, tuple[Framer, list[tuple[int, int]]]] = {}
        self._last_ns: dict[Mark, int] = {}

    def events(self, timed: Iterator[Timed], start_ns: int, links: _Links) -> Iterator[AnyEvent]:
        """The recording, to its end."""
        t_ns = 0
        for epoch_ns, piece in timed:
            t_ns = epoch_ns - start_ns
            yield from (self._taken(t_ns, piece) if piece.linked is None else links.take(t_ns, piece))
        for mark, (framer, lines) in self._lanes.items():
            yield from self._given(t_ns, mark, framer.gap(), lines, now_ns=t_ns)
        yield Finish(t_ns=t_ns)

    def _taken(self, t_ns: int, piece: Piece) -> list[AnyEvent]:
        mark = piece.mark
        events: list[AnyEvent] = []
        if mark not in self._lanes:
            self._lanes[mark] = (self._protocol.framer(self._directions.get(mark) or Direction.UP), [])
        framer, lines = self._lanes[mark]
        if t_ns - self._last_ns.get(mark, t_ns) > self._gap_ns:
            events += self._given(self._last_ns[mark], mark, framer.gap(), lines, now_ns=t_ns)
        self._last_ns[mark] = t_ns
        lines.append((len(piece.data), piece.line))
        # The silence that ends a frame is looked at above: to the framer all of it is one instant.
        events += self._given(t_ns, mark, framer.feed(piece.data, 0), lines, now_ns=t_ns)
        return events

    def _given(
        self, t_ns: int, mark: Mark, items: list[Frame | Garbage], lines: list[tuple[int, int]], now_ns: int
    ) -> list[AnyEvent]:
        events: list[AnyEvent] = []
        for item in items:
            line = _first_line(lines, len(item.raw))
            way = self._directions.get(mark)
            if isinstance(item, Garbage):
                if way is None or self._pile:
                    self._ledger.left(line, item.raw.hex(" "), f"bytes that are no frame: {item.reason}")
                    continue
            else:
                if self._pile and item.pile is not None and item.pile != self._pile:
                    self._ledger.count("{n} frame[|s] of other piles [is|are] left out, first line {line}", line)
                    continue
                way = way or natural(self._protocol, item)
                if way is None:
                    self._ledger.left(
                        line, item.raw.hex(" "), f"message 0x{item.number:02X}, whose direction is not known"
                    )
                    continue
            assert way is not None, "garbage without a direction was left out"
            events.append(Chunk(t_ns=now_ns, end=self._near, direction=way, data=item.raw, line=line))
        return events


def _first_line(lines: list[tuple[int, int]], size: int) -> int:
    """The line of the first of the next `size` bytes, which are then done with."""
    first = lines[0][1] if lines else 0
    while size and lines:
        has, line = lines[0]
        if has > size:
            lines[0] = (has - size, line)
            break
        size -= has
        del lines[0]
    return first


class _Connections:
    """A log of bytes tells no connections, but the pile does: it says hello when it has come back.

    Where a hello comes after other messages, and after a silence or for a gun that has said hello already, the line was
    lost after what came last before it.
    """

    def __init__(self, protocol: Protocol, near: End, ledger: Ledger) -> None:
        self._protocol = protocol
        self._hellos = numbers_of(protocol, Hello)
        self._framer = protocol.framer(Direction.UP)
        self._near = near
        self._ledger = ledger
        self._pending = False
        """What the framer holds may yet become a hello."""
        self._spoken = False
        """Since the last hello something else has been sent."""
        self._silent = True
        self._greeted: set[int | None] = set()
        """The guns for which a hello has been said on this connection."""
        self._up_ns: int | None = None
        self._up: bool | None = None
        """Whether the line is up, as the log tells it."""

    def between(self, events: Iterator[AnyEvent]) -> Iterator[AnyEvent]:
        """The events, with the connections among them."""
        last_ns = 0
        begins = False
        held: list[AnyEvent] = []
        """From a frame that is not whole on: what begins with it is only known at its end."""
        for event in events:
            if isinstance(event, Chunk):
                if self._up is False:
                    # What the log has after the end of a connection is of another that it does not tell of.
                    self._up = True
                    yield LineUp(t_ns=event.t_ns, end=self._near)
                hello = event.direction is UP and self._is_hello(event)
                if not (hello or held or self._pending):
                    last_ns = event.t_ns
                    yield event
                    continue
                begins = begins or hello
            elif isinstance(event, LineUp | LineDown):
                yield from held
                held = []
                if self._up is not isinstance(event, LineUp):
                    self._told(event)
                    yield event
                    last_ns = event.t_ns
                continue
            held.append(event)
            if self._pending and len(held) < HELD_EVENTS and not isinstance(event, Finish):
                continue
            if begins:
                yield LineDown(t_ns=last_ns, end=self._near)
                yield LineUp(t_ns=held[0].t_ns, end=self._near)
                begins = False
            last_ns = event.t_ns
            yield from held
            held = []

    def _told(self, event: LineUp | LineDown) -> None:
        """The log itself tells of the connection: the next hello begins none."""
        self._up = isinstance(event, LineUp)
        self._spoken = False
        self._greeted.clear()
        self._framer, self._pending = self._protocol.framer(Direction.UP), False

    def _is_hello(self, chunk: Chunk) -> bool:
        """Whether a new connection begins with the frame that this chunk makes whole."""
        if not self._pending:
            self._silent = self._up_ns is None or chunk.t_ns - self._up_ns >= SILENCE_NS
        self._up_ns = chunk.t_ns
        whole = self._framer.at_once(chunk.data, chunk.t_ns)
        if whole is not None and whole.number not in self._hellos:
            # What most chunks are.
            self._spoken = True
            return False
        begins, other = False, False
        for item in self._framer.feed(chunk.data, chunk.t_ns) if whole is None else (whole,):
            if not isinstance(item, Frame):
                continue
            if item.number not in self._hellos or not isinstance(self._protocol.decode(item).message, Hello):
                other = True
            elif not other:
                # As the first of several frames: behind another one it is no sign of a silence.
                begins = self._spoken and (self._silent or item.gun in self._greeted)
                self._greeted = {item.gun} if begins else self._greeted | {item.gun}
        self._pending = bool(self._framer.pending)
        self._spoken = (self._spoken and not begins) or other
        if begins:
            self._ledger.count(
                "{n} time[|s] the pile says hello after a silence or again: the line was lost before, first at line "
                "{line}",
                chunk.line,
            )
        return begins


class _Links:
    """Lines that tell of the connection; of a log with several piles only those that name the one chosen."""

    def __init__(self, near: End, pile: str, ledger: Ledger) -> None:
        self._near = near
        self._pile = pile
        self._ledger = ledger

    def take(self, t_ns: int, piece: Piece) -> list[AnyEvent]:
        if self._pile and self._pile not in piece.text:
            self._ledger.left(piece.line, piece.text, "a connection that may be another pile's")
            return []
        if piece.linked:
            self._ledger.count("{n} line[|s] tell[s|] that the connection has come, first line {line}", piece.line)
            return [LineUp(t_ns=t_ns, end=self._near)]
        self._ledger.count("{n} line[|s] tell[s|] that the connection has gone, first line {line}", piece.line)
        return [LineDown(t_ns=t_ns, end=self._near)]
