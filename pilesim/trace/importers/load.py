"""The front of the importers: any log of bytes becomes one recording.

Owns the table of importers and the choice among them. Must not know any one form of log beyond its row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from pilesim.errors import FileError, UsageError
from pilesim.trace.capture import is_capture, open_capture
from pilesim.trace.events import AnyEvent, Header, Missing, Trace
from pilesim.trace.importers.assemble import assembled
from pilesim.trace.importers.clock import SAMPLE_PIECES
from pilesim.trace.importers.imported import Imported, Ledger, Opened, Wishes, vantage_of
from pilesim.trace.importers.joined.joined import open_joined
from pilesim.trace.importers.mentions import open_mentions, tells_of_messages
from pilesim.trace.importers.packets import is_packets
from pilesim.trace.importers.pieces import Mark, Piece
from pilesim.trace.importers.sample import natural
from pilesim.trace.importers.source import HEAD_BYTES, LINE_BYTES, Source, Told
from pilesim.trace.importers.text import decoded, pieces_of, read_pieces
from pilesim.trace.mask import Masked
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.protocol import Protocol, protocol_named, protocols

EVENTS_KEPT = 4_000_000
"""The longest log that is kept in memory as a whole; any length goes through `open_log`."""
_PACKETS = "pcap"
_CERTAIN = 100
_HEAD_LINES = 400
"""As many lines show what a text is."""


@dataclass(frozen=True, slots=True)
class Importer:
    """One form of log. `sure` says by the beginning of a file how sure it is that the file is its own: 0 is no, 1 that
    only the suffix speaks for it, 100 certain. `open` reads it.
    """

    name: str
    title: str
    suffixes: frozenset[str]
    sure: Callable[[Source, Wishes], int]
    open: Callable[[Source, Wishes, Ledger], Opened]


def _is_own(source: Source, wishes: Wishes) -> int:
    return 100 if is_capture(source.head) else 0


def _own(source: Source, wishes: Wishes, ledger: Ledger) -> Opened:
    lines = _text_lines(source)
    header, events = open_capture(lines, str(source.path))
    ledger.missing.update(dict.fromkeys(header.missing))
    ledger.clock = "no times" if Missing.TIMES in header.missing else "to the ns, the recorder's own"
    if header.source:
        ledger.clock = f"that of {header.source}, from which it was imported"
    return Opened("capture", header, events, ledger, own=True)


def _text_lines(source: Source) -> Iterator[str]:
    with source.open() as stream:
        for number, line, cut in stream.lines():
            if cut:
                raise source.error(number, f"expected a line of at most {LINE_BYTES} bytes, found a longer one")
            # A line that was cut off may end within a character.
            yield line.decode("utf-8", "strict" if line.endswith(b"\n") else "replace")


def _is_packets(source: Source, wishes: Wishes) -> int:
    return 100 if is_packets(source.head) else 0


def _packets(source: Source, wishes: Wishes, ledger: Ledger) -> Opened:
    # Its library is slow to import, and few logs are packets.
    from pilesim.trace.importers.pcap import open_packets  # noqa: PLC0415

    return open_packets(source, wishes, ledger)


def _is_hex(source: Source, wishes: Wishes) -> int:
    pieces = _head_pieces(source)
    if not pieces:
        return 0
    return 70 if _has_frames(source, pieces, wishes) else 2


def _is_serial(source: Source, wishes: Wishes) -> int:
    """As `_is_hex`, and ports stand where a direction would."""
    pieces = _head_pieces(source)
    ports = sum(piece.mark.port for piece in pieces)
    if not ports or ports * 2 < len(pieces):
        return 0
    return 80 if _has_frames(source, pieces, wishes) else 3


@lru_cache(1)
def _head_pieces(source: Source) -> list[Piece]:
    """What the first lines hold; asked for twice, by either form of hex."""
    if b"\0" in source.head:
        return []
    whole = source.head if len(source.head) < HEAD_BYTES else source.head.rpartition(b"\n")[0]
    return pieces_of(decoded(line) for line in islice(whole.splitlines(), _HEAD_LINES))


def _has_frames(source: Source, pieces: list[Piece], wishes: Wishes) -> bool:
    streams: dict[Mark, bytearray] = {}
    for piece in pieces:
        streams.setdefault(piece.mark, bytearray()).extend(piece.data)
    known = [protocol_named(wishes.protocol)] if wishes.protocol else list(protocols().values())
    return any(_frames(protocol.tolerant, bytes(stream)) for protocol in known for stream in streams.values())


def _frames(protocol: Protocol, data: bytes) -> bool:
    framer = protocol.framer(Direction.UP)
    found = framer.feed(data[:HEAD_BYTES], 0)
    return any(isinstance(item, Frame) and item.sound and natural(protocol, item) for item in found)


def _hex(source: Source, wishes: Wishes, ledger: Ledger) -> Opened:
    return assembled(source, "hex", read_pieces(source, ledger), wishes, ledger, serial=False, there=_there(source))


def _there(source: Source) -> int | None:
    """Of a log that grows, how many pieces there are by now, as far as they are looked at."""
    if source.wait is None:
        return None
    return sum(1 for _ in islice(read_pieces(Source(source.path), Ledger()), SAMPLE_PIECES))


def _serial(source: Source, wishes: Wishes, ledger: Ledger) -> Opened:
    return assembled(source, "serial", read_pieces(source, ledger), wishes, ledger, serial=True, there=_there(source))


def _is_text(source: Source, wishes: Wishes) -> int:
    """Less sure than of frames: a line of hex may have words beside it."""
    return 40 if tells_of_messages(source, wishes) else 0


IMPORTERS: tuple[Importer, ...] = (
    Importer("capture", "a capture of pilesim's own", frozenset({".jsonl"}), _is_own, _own),
    Importer(
        _PACKETS,
        "packets of a network, as pcap or pcapng",
        frozenset({".pcap", ".pcapng", ".cap", ".dump", ".dmp"}),
        _is_packets,
        _packets,
    ),
    Importer(
        "serial",
        "hex of a serial line, as a sniffer or a port monitor writes it",
        frozenset({".log", ".txt"}),
        _is_serial,
        _serial,
    ),
    Importer(
        "hex",
        "lines of hex with or without times and directions",
        frozenset({".log", ".txt", ".hex", ".csv", ".dat", ".out"}),
        _is_hex,
        _hex,
    ),
    Importer(
        "text",
        "a platform's lines that tell of messages by number or name",
        frozenset({".log", ".txt", ".csv", ".out"}),
        _is_text,
        open_mentions,
    ),
)
"""Every form of log that is read: of several that are equally sure the first."""


def open_log(path: Path, wishes: Wishes, wait: Callable[[], bool] | None = None, told: Told | None = None) -> Opened:
    """The log at `path`, read as its events are asked for, in bounded memory. With `wait` it is one that grows: at its
    end `wait` is called, and says whether to go on. `told` is told, now and then, how many bytes have been read.

    UsageError where it cannot be read, FileError where it is no log that any importer knows, does not hold what was
    wished for, or holds several piles and none was chosen.
    """
    names = tuple(str(each) for each in (path, wishes.other) if each is not None)
    if wishes.mask is None:
        return replace(_open(path, wishes, wait, told), names=names)
    plain = _open(path, wishes, None, told)
    hidden = Masked(plain.header, plain.events, wishes.mask)
    opened = _open(path, wishes, wait, told)
    ledger = Ledger(clock=hidden.text(opened.ledger.clock), parts=(("", opened.ledger),), hide=hidden.text)

    def events() -> Iterator[AnyEvent]:
        yield from hidden.events(opened.events)
        for sentence in hidden.sentences():
            ledger.remark(sentence)

    return replace(
        opened,
        header=hidden.header,
        events=events(),
        ledger=ledger,
        names=tuple(map(hidden.name, names)),
        files={end: hidden.name(name) for end, name in opened.files.items()},
    )


def _open(path: Path, wishes: Wishes, wait: Callable[[], bool] | None, told: Told | None) -> Opened:
    if wishes.other is None:
        opened = _open_one(path, wishes, wait, told)
        if wishes.stream and opened.form != _PACKETS:
            raise UsageError(f"--stream: expected it with packets of connections, found it with {path}, {opened.form}")
        return opened
    if wait is not None:
        raise UsageError(f"{wishes.other}: expected one log that grows, found a second")
    return open_joined(path, wishes, lambda one, its, told: _open_one(one, its, None, told), told)


def _open_one(path: Path, wishes: Wishes, wait: Callable[[], bool] | None, told: Told | None) -> Opened:
    source = Source(path, wait, told)
    importer = _named(wishes.form) if wishes.form else _surest(source, wishes)
    return importer.open(source, wishes, Ledger())


def load_log(path: Path, wishes: Wishes, told: Told | None = None) -> Imported:
    """The whole log at `path`, in memory. Errors as of `open_log`, and FileError where it is too long for that."""
    log = StreamedLog(path, wishes, told)
    trace = log.kept()
    return replace(log.imported(), trace=trace)


class StreamedLog:
    """A recording that is read anew whenever its events are asked for: bounded memory, whatever its length."""

    def __init__(self, path: Path, wishes: Wishes, told: Told | None = None) -> None:
        """As of `open_log`, its errors too."""
        self._path = path
        self._wishes = wishes
        self._told = told
        self._opened: Opened | None = open_log(path, wishes, told=told)
        self._last = self._opened
        self._count = 0
        self.header: Header = self._opened.header
        self.own: bool = self._opened.own
        self.names: tuple[str, ...] = self._opened.names
        self.files: Mapping[End, str] = self._opened.files

    @property
    def events(self) -> Iterator[AnyEvent]:
        """All of them, from the first on."""
        opened, self._opened = self._opened or open_log(self._path, self._wishes, told=self._told), None
        self._last, self._count = opened, 0
        for self._count, event in enumerate(opened.events, 1):
            yield event

    def kept(self) -> Trace:
        """All of it in memory; FileError where it is too long for that."""
        events: list[AnyEvent] = []
        for event in self.events:
            events.append(event)
            if len(events) > EVENTS_KEPT:
                raise FileError(
                    str(self._path), None, f"expected a log of at most {EVENTS_KEPT} pieces, found more: cut it up"
                )
        return Trace(self.header, tuple(events))

    def imported(self) -> Imported:
        """What the log is worth, by the last time that its events were taken; without the events."""
        return _imported(self._last, Trace(self.header, ()), self._count)


def _imported(opened: Opened, trace: Trace, count: int) -> Imported:
    ledger = opened.ledger
    return Imported(
        form=opened.form,
        trace=trace,
        vantage=vantage_of(opened.header),
        clock=ledger.clock,
        # Of two logs one may tell what the other does not.
        missing=tuple(one for one in ledger.all_missing() if one is not Missing.ACTS or not opened.header.stimuli),
        unread=ledger.unread_lines(),
        unread_count=ledger.all_unread(),
        remarks=ledger.sentences(),
        own=opened.own,
        called=opened.called,
        count=count,
    )


def _named(name: str) -> Importer:
    for importer in IMPORTERS:
        if importer.name == name:
            return importer
    raise UsageError(f"expected a form of log, one of {', '.join(i.name for i in IMPORTERS)}; found {name!r}")


def _surest(source: Source, wishes: Wishes) -> Importer:
    found = []
    for importer in IMPORTERS:
        found.append((importer.sure(source, wishes), source.suffix in importer.suffixes, importer))
        if found[-1][0] >= _CERTAIN:
            break
    sureness, _, importer = max(found, key=lambda one: one[:2])
    if sureness <= 0:
        looked_for = "; ".join(i.title for i in IMPORTERS)
        shown = source.head[:32]
        what = f"{len(source.head)} bytes that begin with {shown!r}" if shown else "an empty file"
        if len(source.head) >= HEAD_BYTES and b"\n" not in source.head:
            what += f", and a first line of more than {HEAD_BYTES} bytes, by which no log is known (--form)"
        raise source.error(None, f"expected a log: {looked_for}; found {what}")
    return importer
