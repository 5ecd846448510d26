"""Logs of hex, line by line: of programs, terminals and serial sniffers.

Owns the grammar of a line: a time, a mark of the direction, bytes as hex, in nearly any order and dress. A time and a
mark may stand on a line of their own, before the lines of bytes that they are of. Must not know any protocol: which way
a mark means is found out elsewhere.
"""

from __future__ import annotations

import re
from ast import literal_eval
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from pilesim.trace.importers.imported import Ledger
from pilesim.trace.importers.pieces import NO_MARK, Mark, Piece
from pilesim.trace.importers.source import LINE_BYTES, Source
from pilesim.trace.importers.stamps import PARTINGS, Form, Hour, Moment, find_moment, form_at
from pilesim.wire.frame import Direction

# Marks ------------------------------------------------------------------------------------------------------

_WORD = r"(?<![A-Za-z0-9_]){}(?![A-Za-z0-9_])"
_PILE = r"(?:pile|charger|evse|client|charge[ _-]?point|充电桩|电桩|桩)"
_PLATFORM = r"(?:platform|server|backend|cloud|host|csms|平台|后台|服务器|云端)"
_RIGHT = r"\s*(?:-+>+|=+>+|>+|→|to|发往|到|至)\s*"
_LEFT = r"\s*(?:<+-+|<+=+|<+|←|from|来自)\s*"

LINK_LOOKED_AT = 300
"""So many characters of a line may tell that the connection has come or gone."""
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
        (r"上行|上送|上报|↑|" + _WORD.format(r"(?:up(?:link|stream|load)?)"), _UP),
        (r"下行|下发|↓|" + _WORD.format(r"(?:down(?:link|stream)?)"), _DOWN),
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
        # Looked for from the first of a row of them: from each, a line of dashes would take the square of its length.
        (r"(?<!-)-+>+|(?<!=)=+>+|>{1,3}|→", _SENT),
        (r"<+-+|<+=+|<{1,3}|←", _RECEIVED),
        (r"[发]", _SENT),
        (r"[收]", _RECEIVED),
        (_WORD.format(_PILE) + r"|充电桩|桩", _UP),
        (_WORD.format(_PLATFORM) + r"|平台|后台", _DOWN),
        (r"(?<![A-Za-z0-9])[TSW](?![A-Za-z0-9])", _SENT),
        (r"(?<![A-Za-z0-9])[R](?![A-Za-z0-9])", _RECEIVED),
        # In the name of a function or a tag.
        (r"(?<=_)tx(?![A-Za-z0-9])|(?<![A-Za-z0-9])tx(?=_)", _SENT),
        (r"(?<=_)rx(?![A-Za-z0-9])|(?<![A-Za-z0-9])rx(?=_)", _RECEIVED),
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


# Connections ------------------------------------------------------------------------------------------------

_OTHER_CONNECTIONS = re.compile(
    r"枪|车|电缆|线缆|电池|数据库|mysql|redis|database|"
    + _WORD.format(r"(?:gun|cable|plug|connector|vehicle|car|bms|battery|db)"),
    re.IGNORECASE,
)
"""What else is connected and disconnected at a pile, or beside a platform."""
_GONE = re.compile(
    r"断开|断连|断线|离线|下线|掉线|连接(?:关闭|中断|丢失)|"
    + _WORD.format(r"(?:disconnected|offline|connection\s+(?:is\s+|was\s+)?(?:closed|lost|reset|aborted|dropped))"),
    re.IGNORECASE,
)
_NOT_YET = re.compile(
    r"失败|超时|正在|尝试|未连接|重试|"
    + _WORD.format(r"(?:not|failed|timed?\s?out|refused|trying|retry(?:ing)?|connecting)"),
    re.IGNORECASE,
)
_COME = re.compile(
    r"上线|已连接|连接成功|建立连接|连接建立|新连接|接入|重连|^\W*连接\W*$|(?<=[\s\]:：])连接\W*$|"
    + _WORD.format(r"(?:(?:re)?connected|online|connection\s+(?:is\s+|was\s+)?(?:established|accepted|opened|from))"),
    re.IGNORECASE,
)


def linked_by(text: str) -> bool | None:
    """Whether a line says that the connection has come (True) or gone (False); None where it says neither."""
    text = text[:LINK_LOOKED_AT]
    if _OTHER_CONNECTIONS.search(text):
        return None
    if _GONE.search(text):
        return False
    return True if _COME.search(text) and not _NOT_YET.search(text) else None


# Bytes ------------------------------------------------------------------------------------------------------

_HEX = "[0-9A-Fa-f]"
_LISTED = rf"(?:0x|\\x|\$)(?:{_HEX}{{2}}|{_HEX}(?!{_HEX}))"
"""One byte of a list; of `0x00x05` nobody can say where one ends."""
_RUN = re.compile(
    r"(?<![0-9A-Za-z_])(?:"
    rf"(?P<listed>{_LISTED}(?:[\s,;]*{_LISTED})*)"
    # A tab between all of them parts bytes, between some of them two columns.
    rf"|(?P<pairs>{_HEX}{{2}}(?:\t{_HEX}{{2}}){{2,}}"
    rf"|{_HEX}{{2}}(?:(?: {{1,2}}|, ?|; ?|[:-]){_HEX}{{2}})*)"
    rf"|0x(?P<long>(?:{_HEX}{{2}}){{3,}})"
    rf"|(?P<solid>{_HEX}{{4}}(?: {_HEX}{{4}}){{2,}}(?: {_HEX}{{2}})?|(?:{_HEX}{{2}}){{2,}})"
    # A word after the bytes is none of them, but a full stop, a bracket or a tool's sign for a zero byte may follow.
    r")(?![0-9A-Za-z_])"
)
_OFFSET = re.compile(rf"^(?P<indent>\s*)(?P<offset>{_HEX}{{4,8}})(?::\s+|h\s+|\s{{2,}}|\t)(?P<rest>{_HEX}{{2}}.*)$")
_DUMPED = re.compile(rf"(?:{_HEX}{{2}}){{1,8}}(?:  ?(?:{_HEX}{{2}}){{1,8}})*")
_BOXED = re.compile(rf"^\s*\|(?P<offset>{_HEX}{{8}})\|\s*(?P<rest>{_HEX}{{2}}(?: {_HEX}{{2}})*)\s*\|")
"""A line of the dump in a box that Netty writes, which most platforms in Java are made with."""
_ROW = re.compile(rf"^\s*{_HEX}{{2}}(?: {{1,2}}{_HEX}{{2}})*(?=\s)")
"""Bytes with which a line begins."""
_ROW_LENGTH = 200
"""The longest line that may have its bytes as characters beside them."""
_BOX = re.compile(rf"^\s*(?:\+-[-+]*\+|\|(?:\s+{_HEX}){{16}}\s*\|)\s*$")
"""What is around it."""
_DECIMALS = re.compile(r"[\[{]\s*(-?\d{1,3}(?:(?:\s*,\s*|\s+)-?\d{1,3}){11,})\s*[\]}]")
"""Bytes as numbers, as Java (with a sign), C# and Go (with spaces alone) write an array of them."""
_SUFFIXED = re.compile(rf"(?<![0-9A-Za-z])(?:{_HEX}{{2}}[Hh](?![0-9A-Za-z])[\s,;]*){{{6},}}")
"""Bytes as an assembler writes them: `FEH 26H`."""
_BASE64 = re.compile(
    # Each part ends where its own letters do: what looks on to the line's end, at each sign of it, never comes to one.
    r"(?<![\w+/=-])(?=[A-Z0-9+/]*+[a-z])(?=[a-z0-9+/]*+[A-Z])(?=[A-Za-z+/]*+\d)[A-Za-z0-9+/]{14,}+={0,2}(?![\w+/=-])"
)
"""Bytes as programs put them into JSON; looked for in a log without hex, for names may look like it."""
_LINE_ENDS = b"\r\n"
_ESCAPE, _NUL = 0x1B, 0
_COLOURS = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
"""What makes a terminal write in colours."""
_LITERAL = re.compile(r"""b'(?:[^'\\]|\\.)*'|b"(?:[^"\\]|\\.)*\"""")
"""Bytes as Python writes them."""
_ONLY_HEX = re.compile(rf"^\s*(?:(?:0x|\\x)?{_HEX}{{2}}[\s,;:-]*)+$")
_COUNT = re.compile(
    r"(?:(?:len(?:gth)?|size|长度)\s*[:=]?\s*)?(?<!\d)(?P<count>\d{1,5})(?!\d)\s*(?:bytes?|字节)?", re.IGNORECASE
)
"""How many bytes a line says that it holds."""
_BARE = re.compile(r"^[\s\[\](){}:;,.#|>*-]*$")
_STRIP = re.compile(r"0x|\\x|[^0-9A-Fa-f]")
_SINGLE = re.compile(rf"(?:0x|\\x|\$)({_HEX})(?!{_HEX})")
_COLUMNS = "|\t;"
"""What parts two columns of bytes, one a side."""
_LONGEST_NUMBER = 32
"""Pile, order and account numbers have up to so many digits, and are no bytes where they stand among words."""
_LEAST_FRAME = 6
"""Bytes: what is shorter is no second frame on a line."""
_LEAST_PAIRS = 3 * _LEAST_FRAME - 1
"""Characters: so many bytes as pairs."""
_LONGEST_BESIDE = 200
"""Characters: with more beside them digits do not stand alone."""
LINES_LOOKED_AT = 100
"""So many of the first lines show what bytes stand as, and whether they have their count before them."""
LAYOUTS_KEPT = 4
"""Lines that begin otherwise before their time stand otherwise."""
MIDDLES_KEPT = 16
"""Ways of one layout to stand between time and bytes: `TX:`, `RX:`."""


_from_hex = bytes.fromhex
"""It takes digits, and pairs with spaces between them."""


def _bytes_of(run: str) -> bytes:
    try:
        # Most are pairs with spaces, which this takes as they are.
        return _from_hex(run)
    except ValueError:
        pass
    return bytes.fromhex(_STRIP.sub("", _SINGLE.sub(r"0\1", run)))


def _as_hex(text: str) -> str:
    """A line whose bytes stand in another form, with hex in its place."""
    boxed = _BOXED.match(text)
    if boxed is not None:
        return f"{boxed['offset']}  {boxed['rest']}  |"
    if len(text) <= _ROW_LENGTH and (row := _ROW.match(text)) is not None:
        text = _without_characters(text, row[0].split())
    if "b'" in text or 'b"' in text:
        text = _LITERAL.sub(_of_literal, text)
    if "H" in text or "h" in text:
        text = _SUFFIXED.sub(lambda match: re.sub("[Hh]", "", match[0]), text)
    return _DECIMALS.sub(_of_decimals, text)


def _without_characters(text: str, pairs: list[str]) -> str:
    """A line of bytes without the same as characters, which a sniffer writes beside them: those look like bytes too."""
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in bytes.fromhex("".join(pairs)))
    for count in range(min(len(pairs), len(text) // 4), 0, -1):
        # One sign parts two bytes, or two; the characters may have a bar before them.
        if text.endswith(shown[:count]) and text[:-count].rstrip(" \t|").split() == pairs[:count]:
            return " ".join(pairs[:count])
    return text


def _of_base64(match: re.Match[str]) -> str:
    try:
        data = b64decode(match[0], validate=True)
    except ValueError:
        return match[0]
    return data.hex(" ") if len(data) >= _LEAST_FRAME else match[0]


def _of_literal(match: re.Match[str]) -> str:
    try:
        data: bytes = literal_eval(match[0])
    except (ValueError, SyntaxError):
        return match[0]
    return data.hex(" ") if len(data) >= _LEAST_FRAME else match[0]


def _of_decimals(match: re.Match[str]) -> str:
    words = re.split(r"[\s,]+", match[1])
    if "," not in match[1] and all(len(word) == 2 for word in words):
        # They are hex that happens to have no letter.
        return match[0]
    numbers = [int(word) for word in words]
    if not all(-128 <= number <= 255 for number in numbers):
        return match[0]
    return bytes(number % 256 for number in numbers).hex(" ")


@dataclass(frozen=True, slots=True)
class _Run:
    begin: int
    end: int
    data: bytes


def _all_runs(text: str) -> list[_Run]:
    """Whatever looks like bytes in a line's text."""
    found: list[_Run] = []
    for match in _RUN.finditer(text):
        run = match[0]
        solid = match["solid"]
        if solid is not None and not _is_data(solid, text, match):
            continue
        found.append(_Run(match.start(), match.end(), _bytes_of(run)))
    return found


def _runs(text: str) -> list[_Run]:
    """The bytes in a line's text: the longest run of them, and the others that begin as it does."""
    found = _all_runs(text)
    if not found:
        return []
    longest = max(found, key=lambda run: len(run.data))
    return [
        run for run in found if run is longest or (run.data[0] == longest.data[0] and len(run.data) >= _LEAST_FRAME)
    ]


def _holds_frames(found: Iterable[_Run | Piece]) -> bool:
    return any(len(one.data) >= _LEAST_FRAME for one in found)


def _is_data(solid: str, text: str, match: re.Match[str]) -> bool:
    """Whether digits without a space are bytes, and no number or word that happens to look like some."""
    if len(solid) < 8:
        # `face` and `2020` are hex too: so few stand alone, but for what says that they are data.
        return _alone(text, match)
    if solid.isdecimal() and len(solid) <= _LONGEST_NUMBER:
        return _alone(text, match)
    return any(char.isdigit() for char in solid)


def _alone(text: str, match: re.Match[str]) -> bool:
    """Whether nothing stands beside the digits but a program's word for sending or receiving, and their count."""
    if len(text) - len(match[0]) > _LONGEST_BESIDE:
        # A line of many words would be looked through for each of them.
        return False
    around = text[: match.start()] + " " + text[match.end() :]
    mark = _mark(around)
    if mark is not None and mark.sent is not None:
        around = around.replace(mark.text, " ", 1)
    count = _COUNT.search(around)
    if count is not None and int(count["count"]) == len(match[0]) // 2:
        around = around[: count.start()] + " " + around[count.end() :]
    return _BARE.match(around) is not None


def _stands_alone(text: str, runs: list[_Run]) -> bool:
    """Whether so few bytes are all that a line ends in: `data: FE`, not `length=45 from=0`."""
    return (
        len(runs) == 1 and _BARE.match(text[runs[0].end :]) is not None and text[: runs[0].begin][-1:] not in ("=", "(")
    )


def _uncounted(data: bytes) -> bytes:
    """Without their count, where lines have one; elsewhere it is a byte like any other."""
    return data[1:] if len(data) > _LEAST_FRAME else data


def _is_counted(data: bytes) -> bool:
    """Whether a count of the bytes stands before them, as a number of its own in the same column."""
    digits = f"{data[0]:x}"
    return digits.isdecimal() and int(digits) == len(data) - 1


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


class Layout:
    """How the last whole line of its kind stood, by which most lines of a log are read at once.

    A line is taken by it only where it is the same but for the digits of its time and its bytes, which go to its end:
    then the grammar would find the same.
    """

    def __init__(self, prefix: str, form: Form, *, counts: bool) -> None:
        """`counts` as of `_Reader`."""
        self.prefix = prefix
        self.form = form
        self._counts = counts
        self._hour: Hour | None = None
        """That of the last line."""
        self._middles: list[tuple[str, int, Mark]] = []
        """What stood between the time and the bytes, how long it is, and the mark of such lines."""
        self._parts = True
        """With whatever stood there the time is over."""

    def read(self, number: int, text: str) -> Piece | None:
        """The piece of a line of this kind; None of any other."""
        hour = self._hour
        moment = hour.read(text) if hour is not None else None
        if hour is not None and moment is not None:
            end = hour.end
        else:
            match = self.form.pattern.match(text, len(self.prefix)) if text.startswith(self.prefix) else None
            moment = self.form.read(match) if match is not None else None
            if match is None or moment is None:
                return None
            self._hour = Hour.of(match, moment) if self._parts else None
            end = match.end()
        for middle, size, mark in self._middles:
            begin = end + size
            if text[end:begin] == middle:
                data = _whole(text[begin:])
                if data is None:
                    return None
                return Piece(number, moment, mark, _uncounted(data) if self._counts else data)
        return None

    def learn(self, middle: str, mark: Mark) -> None:
        """Lines with that between time and bytes are of this kind too."""
        if len(self._middles) < MIDDLES_KEPT and all(middle != known for known, _, _ in self._middles):
            self._middles.append((middle, len(middle), mark))
            self._parts = self._parts and middle[:1] in PARTINGS
            if not self._parts:
                self._hour = None


def _whole(text: str) -> bytes | None:
    """The bytes in `text`, where it is nothing but them, enough for a frame: pairs with one space between them, or
    digits without any, so many that they are no number.
    """
    try:
        data = _from_hex(text)
    except ValueError:
        return None
    size = len(text)
    if size == 3 * len(data) - 1:
        return data if size >= _LEAST_PAIRS and text[2::3] == " " * (len(data) - 1) else None
    solid = size == 2 * len(data) and size > _LONGEST_NUMBER and not text.isalpha()
    return data if solid else None


class _Reader:
    def __init__(self, ledger: Ledger, *, counts: bool = False, based: bool = False) -> None:
        """`counts`: every line of bytes begins with their count; `based`: they are base64."""
        self._ledger = ledger
        self._layouts: list[Layout] = []
        self._counts = counts
        self._based = based
        self._heading: _Heading | None = None
        self._moment: Moment | None = None
        self._mark: Mark = NO_MARK
        self._dump_end = -1
        """The offset after the last line of a hex dump, with which it ends."""

    def read(self, source: Source) -> Iterator[Piece]:
        """The pieces of all lines."""
        with source.open() as stream:
            for number, line, cut in stream.lines():
                if cut:
                    shown = line[:200].decode("utf-8", "replace")
                    self._ledger.left(number, shown, f"longer than {LINE_BYTES} bytes")
                    continue
                text = decoded(line.rstrip(_LINE_ENDS))
                # Most lines stand like some before them, but what has begun goes on first.
                for layout in self._layouts if self._heading is None and self._dump_end < 0 else ():
                    piece = layout.read(number, text)
                    if piece is not None:
                        self._moment, self._mark = piece.moment, piece.mark
                        yield piece
                        break
                else:
                    yield from self.take(number, text)
        self.finish()

    def take(self, number: int, text: str) -> Iterator[Piece]:
        """The pieces of one line, by the grammar."""
        if not text.strip("-=*_# \t") or (self._dump_end >= 0 and _ends_dump(text, self._dump_end)):
            return
        if _BOX.match(text):
            return
        text = _as_hex(text)
        dump = _OFFSET.match(text)
        if dump is not None:
            yield from self._dumped(number, dump)
            return
        found = None if _ONLY_HEX.match(text) and ":" not in text else find_moment(text)
        moment, begin, end = found or (None, 0, 0)
        rest = text[end:]
        runs = _runs(rest)
        if self._based and not _holds_frames(runs):
            read = _BASE64.sub(_of_base64, rest)
            if read != rest:
                rest, runs = read, _runs(read)
        linked = None if runs else linked_by(text)
        if linked is not None:
            self._settle()
            yield Piece(number, moment, NO_MARK, b"", text, linked)
            return
        if not runs:
            self._head(_Heading(number, text, moment, _mark(text[:begin] + " " + rest[:200])))
            return
        said = text[:begin] + " " + rest[: runs[0].begin] + " " + rest[runs[-1].end :][:40]
        by_itself = moment is not None and self._heading is None
        yield from self._line(number, text, moment, said, rest, runs)
        if by_itself and len(runs) == 1 and _whole(rest[runs[0].begin :]) is not None:
            self._learn(text, begin, rest, runs[0].begin)

    def _line(
        self, number: int, text: str, moment: Moment | None, said: str, rest: str, runs: list[_Run]
    ) -> Iterator[Piece]:
        mark = _mark(said)
        if len(runs[0].data) < _LEAST_FRAME and not _stands_alone(rest, runs):
            # Some number of a sentence that looks like a byte.
            self._head(_Heading(number, text, moment, mark))
            return
        heading = self._heading
        if heading is not None and ((moment is None and heading.moment) or (mark is None and heading.mark)):
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
            yield Piece(number, moment, column, _uncounted(run.data) if self._counts else run.data)

    def _learn(self, text: str, begin: int, rest: str, at: int) -> None:
        """The line had a time, and bytes from `at` of the `rest` to its end: where nothing else in it could be bytes,
        others will stand so.
        """
        prefix, middle = text[:begin], rest[:at]
        if self._mark is NO_MARK and any(sign in middle for sign in _COLUMNS):
            return
        form = form_at(text, begin)
        if form is None or _holds_frames(_all_runs(rest)[:-1]):
            return
        alike = [layout for layout in self._layouts if (layout.prefix, layout.form) == (prefix, form)]
        if not alike:
            alike = [Layout(prefix, form, counts=self._counts)]
            self._layouts = [*alike, *self._layouts[: LAYOUTS_KEPT - 1]]
        alike[0].learn(middle, self._mark)

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
    first = _pieces([decoded(line) for line in source.head.splitlines()[:LINES_LOOKED_AT]])
    return _Reader(ledger, counts=_have_counts(first), based=not _holds_frames(first)).read(source)


def _have_counts(first: list[Piece]) -> bool:
    """Whether the first pieces begin with their count, and not all with one byte: that begins frames."""
    found = [piece.data for piece in first if len(piece.data) > _LEAST_FRAME]
    return len({data[0] for data in found}) > 1 and all(map(_is_counted, found))


def decoded(line: bytes) -> str:
    """A line's text: UTF-8, else what Chinese systems write."""
    # For numbers, for a byte that is asked for as bytes is first taken for a number, in vain.
    if _ESCAPE in line:
        line = _COLOURS.sub(b"", line)
    if line.isascii() and _NUL not in line:
        return line.decode()
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("gb18030", "replace")
    return text.lstrip("\ufeff").replace("\0", "")


def pieces_of(lines: Iterable[str]) -> list[Piece]:
    """The pieces in a few lines of text."""
    kept = list(lines)
    found = _pieces(kept)
    based = not _holds_frames(found) and any(map(_BASE64.search, kept))
    return _pieces(kept, based=True) if based else found


def _pieces(lines: list[str], *, based: bool = False) -> list[Piece]:
    reader = _Reader(Ledger(), based=based)
    found = [piece for number, line in enumerate(lines, 1) for piece in reader.take(number, line)]
    reader.finish()
    return found
