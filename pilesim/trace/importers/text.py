"""Logs of hex, line by line: of programs, terminals and serial sniffers.

Owns the grammar of a line: a time, a mark of the direction, bytes as hex, in nearly any order and dress. A time and a
mark may stand on a line of their own, before the lines of bytes that they are of. Must not know any protocol: which way
a mark means is found out elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pilesim.trace.importers.imported import Ledger
from pilesim.trace.importers.pieces import NO_MARK, Mark, Piece
from pilesim.trace.importers.source import LINE_BYTES, Source
from pilesim.trace.importers.stamps import Moment, find_moment
from pilesim.wire.frame import Direction

# Marks ------------------------------------------------------------------------------------------------------

_WORD = r"(?<![A-Za-z0-9_]){}(?![A-Za-z0-9_])"
_PILE = r"(?:pile|charger|evse|client|charge[ _-]?point|充电桩|电桩|桩)"
_PLATFORM = r"(?:platform|server|backend|cloud|host|csms|平台|后台|服务器|云端)"
_RIGHT = r"\s*(?:-+>+|=+>+|>+|→|to|发往|到|至)\s*"
_LEFT = r"\s*(?:<+-+|<+=+|<+|←|from|来自)\s*"

_UP, _DOWN = (Direction.UP, None), (Direction.DOWN, None)
_SENT, _RECEIVED, _SIDE = (None, True), (None, False), (None, None)

_PORTS = re.compile(
    r"(?:/dev/)?(?:tty|cu\.)[A-Za-z]*\d*|\bCOM\d+|\bport\s*[A-Z0-9]+|\bserial\d+|\bchannel\s*\d+|\b[AB]\b",
    re.IGNORECASE,
)

_MARKS: tuple[tuple[re.Pattern[str], tuple[Direction | None, bool | None]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (_PILE + _RIGHT + _PLATFORM + "|" + _PLATFORM + _LEFT + _PILE, _UP),
        (_PLATFORM + _RIGHT + _PILE + "|" + _PILE + _LEFT + _PLATFORM, _DOWN),
        (r"上行|上送|上报|" + _WORD.format(r"(?:up(?:link|stream|load)?)"), _UP),
        (r"下行|下发|" + _WORD.format(r"(?:down(?:link|stream)?)"), _DOWN),
        (
            _WORD.format(r"(?:txd?|transmit(?:ted)?|send(?:ing)?|sent|snd|writ(?:e|ten|ing)|irp_mj_write|out(?:put)?)"),
            _SENT,
        ),
        (
            _WORD.format(r"(?:rxd?|recei?ve[ds]?|receiving|recv(?:ed)?|rcvd?|rec|read|irp_mj_read|in(?:put)?)"),
            _RECEIVED,
        ),
        (r"发送|发出|发→|已发", _SENT),
        (r"接收|收到|收←|已收", _RECEIVED),
        (r"(?:发往|到|->|=>|to)\s*" + _PLATFORM, _UP),
        (r"(?:发往|到|->|=>|to)\s*" + _PILE, _DOWN),
        (r"(?:来自|from)\s*" + _PILE, _UP),
        (r"(?:来自|from)\s*" + _PLATFORM, _DOWN),
        (r"-+>+|=+>+|>{1,3}|→", _SENT),
        (r"<+-+|<+=+|<{1,3}|←", _RECEIVED),
        (r"[发]", _SENT),
        (r"[收]", _RECEIVED),
        (_WORD.format(_PILE) + r"|充电桩|桩", _UP),
        (_WORD.format(_PLATFORM) + r"|平台|后台", _DOWN),
        (r"(?<![A-Za-z0-9])[TSW](?![A-Za-z0-9])", _SENT),
        (r"(?<![A-Za-z0-9])[R](?![A-Za-z0-9])", _RECEIVED),
        (_PORTS.pattern, _SIDE),
    )
)
"""Words for a direction, those that say most first: the pile's and the platform's names, a program's own sending and
receiving, arrows, and ports by their names."""


@lru_cache(4096)
def _mark(text: str) -> Mark | None:
    """The mark in what a line says beside its time and its bytes."""
    for pattern, (direction, sent) in _MARKS:
        match = pattern.search(text)
        if match is not None:
            word = match[0].strip()
            return Mark(word, direction, sent, pattern is _PORTS or word.upper().startswith("IRP_"))
    return None


# Bytes ------------------------------------------------------------------------------------------------------

_HEX = "[0-9A-Fa-f]"
_RUN = re.compile(
    r"(?<![0-9A-Za-z_])(?:"
    rf"(?P<listed>(?:0x|\\x|\$){_HEX}{{1,2}}(?:[\s,;]*(?:0x|\\x|\$){_HEX}{{1,2}})*)"
    rf"|(?P<pairs>{_HEX}{{2}}(?:(?: {{1,2}}|, ?|; ?|[:-]){_HEX}{{2}})*)"
    rf"|0x(?P<long>(?:{_HEX}{{2}}){{3,}})"
    rf"|(?P<solid>(?:{_HEX}{{2}}){{2,}}(?:[ ](?:{_HEX}{{4}})+(?:{_HEX}{{2}})?)*)"
    # A word after the bytes is none of them, but a full stop, a bracket or a tool's sign for a zero byte may follow.
    r")(?![0-9A-Za-z_])"
)
_OFFSET = re.compile(rf"^(?P<indent>\s*)(?P<offset>{_HEX}{{4,8}})(?::\s+|h\s+|\s{{2,}}|\t)(?P<rest>{_HEX}{{2}}.*)$")
_DUMPED = re.compile(rf"(?:{_HEX}{{2}}){{1,8}}(?:  ?(?:{_HEX}{{2}}){{1,8}})*")
_ONLY_HEX = re.compile(rf"^\s*(?:(?:0x|\\x)?{_HEX}{{2}}[\s,;:-]*)+$")
_BARE = re.compile(r"^[\s\[\](){}:;,.#|>*-]*$")
_STRIP = re.compile(r"0x|\\x|[^0-9A-Fa-f]")
_SINGLE = re.compile(rf"(?:0x|\\x|\$)({_HEX})(?!{_HEX})")
_COLUMNS = "|\t;"
"""What parts two columns of bytes, one a side."""
_LONGEST_NUMBER = 32
"""Pile, order and account numbers have up to so many digits, and are no bytes where they stand among words."""
_LEAST_FRAME = 6
"""Bytes: what is shorter is no second frame on a line."""


def _bytes_of(run: str) -> bytes:
    return bytes.fromhex(_STRIP.sub("", _SINGLE.sub(r"\g<0>".replace(r"\g<0>", r"0\1"), run)))


@dataclass(frozen=True, slots=True)
class _Run:
    begin: int
    end: int
    data: bytes


def _runs(text: str) -> list[_Run]:
    """The bytes in a line's text: the longest run of them, and the others that begin as it does."""
    found: list[_Run] = []
    for match in _RUN.finditer(text):
        run = match[0]
        solid = match["solid"]
        if solid is not None and not _is_data(solid, text, match):
            continue
        found.append(_Run(match.start(), match.end(), _bytes_of(run)))
    if not found:
        return []
    longest = max(found, key=lambda run: len(run.data))
    return [
        run for run in found if run is longest or (run.data[0] == longest.data[0] and len(run.data) >= _LEAST_FRAME)
    ]


def _is_data(solid: str, text: str, match: re.Match[str]) -> bool:
    """Whether digits without a space are bytes, and no number or word that happens to look like some."""
    if len(solid) < 8:
        # `face` and `2020` are hex too: so few stand alone, but for what says that they are data.
        return _BARE.match(text[: match.start()]) is not None and _BARE.match(text[match.end() :]) is not None
    if solid.isdecimal() and len(solid) <= _LONGEST_NUMBER:
        around = text[: match.start()] + text[match.end() :]
        return _BARE.match(around) is not None
    return any(char.isdigit() for char in solid)


def _stands_alone(text: str, runs: list[_Run]) -> bool:
    """Whether so few bytes are all that a line ends in: `data: FE`, not `length=45 from=0`."""
    return (
        len(runs) == 1 and _BARE.match(text[runs[0].end :]) is not None and text[: runs[0].begin][-1:] not in ("=", "(")
    )


def _counted(data: bytes) -> bytes:
    """Without a count of the bytes before them, which stood as a number of its own in the same column."""
    count = data[0]
    decimal = int(f"{count:x}") if f"{count:x}".isdecimal() else -1
    return data[1:] if len(data) > _LEAST_FRAME and decimal == len(data) - 1 else data


# Lines ------------------------------------------------------------------------------------------------------


def _ends_dump(text: str, offset: int) -> bool:
    text = text.strip()
    return text.lower() == f"{offset:0{len(text)}x}"


@dataclass(slots=True)
class _Heading:
    """A line with a time or a mark and without bytes: of the lines that follow, or of nothing."""

    line: int
    text: str
    moment: Moment | None
    mark: Mark | None
    used: bool = False


class _Reader:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._heading: _Heading | None = None
        self._moment: Moment | None = None
        self._mark: Mark = NO_MARK
        self._dump_end = -1
        """The offset after the last line of a hex dump, with which it ends."""

    def take(self, number: int, text: str) -> Iterator[Piece]:
        if not text.strip("-=*_# \t") or (self._dump_end >= 0 and _ends_dump(text, self._dump_end)):
            return
        dump = _OFFSET.match(text)
        if dump is not None:
            yield from self._dumped(number, dump)
            return
        found = None if _ONLY_HEX.match(text) and ":" not in text else find_moment(text)
        moment, begin, end = found or (None, 0, 0)
        rest = text[end:]
        runs = _runs(rest)
        if not runs:
            self._head(_Heading(number, text, moment, _mark(text[:begin] + " " + rest[:200])))
            return
        said = text[:begin] + " " + rest[: runs[0].begin] + " " + rest[runs[-1].end :][:40]
        yield from self._line(number, text, moment, said, rest, runs)

    def _line(
        self, number: int, text: str, moment: Moment | None, said: str, rest: str, runs: list[_Run]
    ) -> Iterator[Piece]:
        mark = _mark(said)
        if len(runs[0].data) < _LEAST_FRAME and not _stands_alone(rest, runs):
            # Some number of a sentence that looks like a byte.
            self._head(_Heading(number, text, moment, mark))
            return
        heading = self._heading
        if heading is not None and (moment is None or mark is None):
            heading.used = True
            moment = moment or heading.moment
            mark = mark or heading.mark
        elif moment is None and mark is None:
            # Nothing but bytes: the rest of what came before.
            moment, mark = self._moment, self._mark
        self._settle(keep=moment is not None and heading is not None and heading.used)
        self._moment, self._mark = moment, mark or NO_MARK
        parted = next((sign for sign in _COLUMNS if sign in rest), "") if self._mark is NO_MARK else ""
        for run in runs:
            column = Mark(f"column {rest[: run.begin].count(parted) + 1}") if parted else self._mark
            yield Piece(number, moment, column, _counted(run.data))

    def _dumped(self, number: int, dump: re.Match[str]) -> Iterator[Piece]:
        """A line of a hex dump: its offset goes, and so do the characters beside the bytes."""
        # After a colon two spaces end the bytes; else they only part them in the middle.
        rest = dump["rest"].partition("  " if ":" in dump[0][: dump.start("rest")] else "|")[0]
        match = _DUMPED.match(rest)
        assert match is not None, "the pattern of the line begins with a byte"
        data = _bytes_of(match[0])
        offset = int(dump["offset"], 16)
        begins = offset == 0
        self._dump_end = offset + len(data)
        heading = self._heading
        if heading is not None:
            heading.used = True
            self._moment, self._mark = heading.moment, heading.mark or NO_MARK
        elif begins and self._mark.sent is None and self._mark.direction is None:
            # A stream's dump parts its two sides by an indent.
            self._mark = Mark("indented" if len(dump["indent"].expandtabs(4)) >= 4 else "not indented")
        self._settle(keep=True)
        yield Piece(number, self._moment, self._mark, data)

    def _head(self, heading: _Heading) -> None:
        self._settle()
        if heading.moment is None and heading.mark is None:
            self._ledger.left(heading.line, heading.text)
        else:
            self._heading = heading

    def _settle(self, keep: bool = False) -> None:
        """The heading before this line is done with; one that was of nothing was a line that nobody could read."""
        heading = self._heading
        if heading is not None and not heading.used:
            self._ledger.left(heading.line, heading.text)
        if not keep:
            self._heading = None

    def finish(self) -> None:
        self._settle()


def read_pieces(source: Source, ledger: Ledger) -> Iterator[Piece]:
    """The pieces of a log, as it is read; what cannot be read goes to `ledger`."""
    reader = _Reader(ledger)
    with source.open() as stream:
        for number, line, cut in stream.lines():
            if cut:
                shown = line[:200].decode("utf-8", "replace")
                ledger.left(number, shown, f"longer than {LINE_BYTES} bytes")
                continue
            yield from reader.take(number, decoded(line.rstrip(b"\r\n")))
    reader.finish()


def decoded(line: bytes) -> str:
    """A line's text: UTF-8, else what Chinese systems write."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("gb18030", "replace")
    return text.lstrip("\ufeff").replace("\0", "")


def pieces_of(lines: Iterable[str], ledger: Ledger) -> list[Piece]:
    """The pieces in a few lines of text."""
    reader = _Reader(ledger)
    found = [piece for number, line in enumerate(lines, 1) for piece in reader.take(number, line)]
    reader.finish()
    return found
