"""A stream of bytes to frames and garbage, for every protocol whose frames tell their own length.

Owns the search; a protocol's `Envelope` says what a frame looks like. Must not know any one protocol, nor clocks
(the time comes with the bytes). Nothing is escaped in these protocols, so a start byte may stand inside a frame and
a frame must be known by its length, its end (where it has a mark) and its checksum together:

- The first start byte makes a candidate; what lies before it is garbage. A candidate whose head cannot be, or whose
  end is not where its length says, was a false start: the search goes on at the byte after it.
- End and checksum right: a frame.
- End right and checksum wrong: a false start when a good frame lies wholly inside it, or when its head does not look
  like a peer's; else it is a damaged frame, and is given out as one with the problem CHECKSUM.
- A candidate that is not whole waits; after `GAP_NS` of silence it was a false start, and a good frame behind the
  truncated one is still found.

Garbage is gathered, and given out before the next frame, at a gap, or when it has grown to `GARBAGE_LIMIT` bytes:
so the way in which the stream was cut into chunks changes nothing. At a gap what was noise and what was cut off are
told apart. Only one candidate is held, so that memory is bounded by the longest frame, and each byte is a candidate at
most once, so that time grows with the stream.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar

from pilesim.wire.fields import Layout, rest_view
from pilesim.wire.frame import Direction, FieldView, Frame, Garbage
from pilesim.wire.protocol import FRAMES_AT_HAND, GAP_NS, Framer

GARBAGE_LIMIT = 4096

_LOOKED_UP = 1024
"""A longer chunk is searched, and not remembered as a whole; the longest message that is known has 650 bytes."""


class Check(StrEnum):
    """How a checksum is worked out."""

    XOR = "xor"
    CRC16_MODBUS = "crc-16/modbus"


@dataclass(frozen=True, slots=True)
class Outline:
    """A frame from outside, as data: for what finds frames in another language.

    The length, `length_size` bytes at `length_at` and low byte first, is of all but `uncounted` bytes. `check` is of
    the bytes from `checked_from` to where the trailer, in which it comes first, begins; it may stand in each of the
    `check_orders` ("little", "big"). `plain` names a field of the header that is 0 where the body is not encrypted.
    """

    length_at: int
    length_size: int
    uncounted: int
    shortest: int
    longest: int
    end: bytes
    check: Check
    checked_from: int
    check_orders: tuple[str, ...] = ("little",)
    plain: str = ""


class Envelope(ABC):
    """What a protocol's frames look like from outside."""

    start: ClassVar[bytes]
    """The start byte."""
    head_size: ClassVar[int]
    """As many bytes as `total` needs."""
    header: ClassVar[Layout]
    trailer: ClassVar[Layout]
    outline: Outline | None = None
    """None: only its code knows."""

    def __init__(self) -> None:
        self.examine = self._examine
        """What a candidate of the right size is: a frame, or why it is a false start. Both ends and the recorder see
        the same bytes one after the other, so it is remembered."""
        self.whole = self._whole
        """The frame that a chunk is, with nothing beside it, as most chunks are; None of any other. As `examine`."""
        self.remember(FRAMES_AT_HAND)

    def remember(self, frames: int) -> None:
        """From now on it remembers what so many candidates are."""
        self.examine = lru_cache(frames)(self._examine)
        self.whole = lru_cache(frames)(self._whole)

    @abstractmethod
    def total(self, head: bytes) -> int | str:
        """Size of the whole frame by its first `head_size` bytes; a text says why there is none."""

    @abstractmethod
    def misended(self, raw: bytes) -> str:
        """Why bytes of the right size do not end as a frame does, or ""."""

    @abstractmethod
    def miscounted(self, raw: bytes) -> str:
        """Why the checksum is not the bytes', or ""."""

    @abstractmethod
    def plausible(self, raw: bytes) -> bool:
        """Whether the head looks like a peer's, so that bytes with a wrong checksum are a damaged frame."""

    @abstractmethod
    def frame(self, raw: bytes, direction: Direction, miscounted: str) -> Frame:
        """The frame of `raw`; `miscounted` is what is wrong with its checksum, or ""."""

    def sound(self, raw: bytes, direction: Direction) -> Frame | None:
        """The frame that all of `raw` is, in one step where nothing is wrong with it; None leaves it to `examine`."""
        return None

    def checksum(self, raw: bytes) -> bytes | None:
        """The right checksum of `raw`, low byte first, which comes first in the trailer; None where only it knows."""
        return None

    def resealed(self, raw: bytes, was: bytes) -> bytes | None:
        """`raw`, which was made of the frame `was` by changing bytes of it, with as right or wrong a checksum."""
        right, old = self.checksum(raw), self.checksum(was)
        if right is None or old is None:
            return None
        at = len(raw) - self.trailer.least
        if was[at : at + len(old)] == old[::-1] != old:
            right, old = right[::-1], old[::-1]
        wrong = zip(right, old, was[at : at + len(old)], strict=True)
        return raw[:at] + bytes(new ^ was_right ^ found for new, was_right, found in wrong) + raw[at + len(old) :]

    def dissect(self, raw: bytes, body: Callable[[bytes, int], Sequence[FieldView]]) -> list[FieldView]:
        """Every field of `raw`, as far as it goes; `body` explains the data in between."""
        head, size = self.header.views(raw, 0)
        if size < self.header.least:
            return [*head, *rest_view(raw, size)]
        data_end = max(self.header.least, len(raw) - self.trailer.least)
        data = raw[self.header.least : data_end]
        tail, size = self.trailer.views(raw[data_end:], data_end)
        views = body(data, self.header.least) if data else ()
        return [*head, *views, *tail, *rest_view(raw, data_end + size)]

    def _whole(self, data: bytes, direction: Direction) -> Frame | None:
        sound = self.sound(data, direction)
        if sound is not None:
            return sound
        if not data.startswith(self.start) or len(data) < self.head_size:
            return None
        if self.total(data[: self.head_size]) != len(data):
            return None
        found = self._examine(data, direction)
        return found if isinstance(found, Frame) else None

    def _examine(self, raw: bytes, direction: Direction) -> Frame | str:
        misended = self.misended(raw)
        if misended:
            return misended
        miscounted = self.miscounted(raw)
        if miscounted and (not self.plausible(raw) or self._holds_frame(raw)):
            return miscounted
        return self.frame(raw, direction, miscounted)

    def _holds_frame(self, raw: bytes) -> bool:
        """Whether a good frame lies wholly inside `raw`, after its first byte."""
        at = raw.find(self.start, 1)
        while 0 <= at <= len(raw) - self.head_size:
            total = self.total(raw[at : at + self.head_size])
            if isinstance(total, int) and at + total <= len(raw):
                inner = raw[at : at + total]
                if not self.misended(inner) and not self.miscounted(inner):
                    return True
            at = raw.find(self.start, at + 1)
        return False


class LengthFramer(Framer):
    """The framer of the module's docstring."""

    def __init__(self, envelope: Envelope, direction: Direction) -> None:
        self._envelope = envelope
        self._whole = envelope.whole
        self._direction = direction
        self._held = b""
        self._wanted = 0
        """So many bytes those that are held must have become before more can be said of them."""
        self._garbage = bytearray()
        self._reason = ""
        self._last_ns: int | None = None

    def feed(self, data: bytes, now_ns: int) -> list[Frame | Garbage]:
        whole = self.at_once(data, now_ns)
        if whole is not None:
            return [whole]
        found: list[Frame | Garbage] = []
        if self._last_ns is not None and now_ns - self._last_ns > GAP_NS and (self._held or self._garbage):
            found += self.gap()
        if data:
            self._last_ns = now_ns
            held = self._held + data
            if len(held) < self._wanted:
                self._held = held
            else:
                self._search(held, found, more=True)
        return found

    def at_once(self, data: bytes, now_ns: int) -> Frame | None:
        if self._held or self._garbage or len(data) > _LOOKED_UP:
            return None
        whole = self._whole(data, self._direction)
        if whole is not None:
            self._last_ns = now_ns
        return whole

    def gap(self) -> list[Frame | Garbage]:
        found: list[Frame | Garbage] = []
        self._flush(found)
        self._search(self._held, found, more=False)
        self._flush(found)
        self._last_ns = None
        return found

    @property
    def pending(self) -> bytes:
        return self._held

    def _search(self, data: bytes, found: list[Frame | Garbage], more: bool) -> None:
        """Judge candidate after candidate; `more` bytes may come, so one that is not whole is held."""
        at = self._wanted = 0
        while at < len(data):
            begin = data.find(self._envelope.start, at)
            if begin < 0:
                begin = len(data)
            self._discard(data[at:begin], "", found)
            at = begin
            if at == len(data):
                break
            verdict = self._judge(data, at)
            if isinstance(verdict, Frame):
                self._flush(found)
                found.append(verdict)
                at += len(verdict.raw)
            elif isinstance(verdict, int) and more:
                self._wanted = verdict
                break
            else:
                found_of_it = f"expected a whole frame, found {len(data) - at} bytes of it and then nothing"
                reason = verdict if isinstance(verdict, str) else found_of_it
                self._discard(data[at : at + 1], reason, found)
                at += 1
        self._held = data[at:]

    def _judge(self, data: bytes, at: int) -> Frame | str | int:
        """What the candidate at `at` is: a frame, a false start (why), or not whole: it must have so many bytes."""
        head = data[at : at + self._envelope.head_size]
        if len(head) < self._envelope.head_size:
            return self._envelope.head_size
        total = self._envelope.total(head)
        if isinstance(total, str):
            return total
        raw = data[at : at + total]
        if len(raw) < total:
            return total
        return self._envelope.examine(raw, self._direction)

    def _discard(self, data: bytes, reason: str, found: list[Frame | Garbage]) -> None:
        """Add bytes to the garbage; `reason` is why their first byte started no frame, if it seemed to."""
        while data:
            if reason and not self._reason:
                self._reason = f"byte {len(self._garbage) + 1} seemed to start a frame: {reason}"
            room = GARBAGE_LIMIT - len(self._garbage)
            self._garbage += data[:room]
            data = data[room:]
            if len(self._garbage) == GARBAGE_LIMIT:
                self._flush(found)

    def _flush(self, found: list[Frame | Garbage]) -> None:
        if self._garbage:
            start = self._envelope.start.hex().upper()
            reason = self._reason or f"expected the start byte 0x{start}, found none in {len(self._garbage)} bytes"
            found.append(Garbage(bytes(self._garbage), reason))
            self._garbage.clear()
            self._reason = ""
