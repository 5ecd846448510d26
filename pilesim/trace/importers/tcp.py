"""Segments of one TCP connection to the bytes that each side sent, in their order, each once.

Owns the putting together: overlaps, segments sent again or out of order, numbers that wrap, bytes that the log lacks.
Must not know packets, files, or what the bytes mean. What a hole is, is known once the other side has acknowledged what
lies behind it, once too much has piled up there, or at the connection's end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HELD_BYTES = 1024 * 1024
HELD_SEGMENTS = 4096
"""As much of one side is held behind bytes that have not come."""

_WRAP = 1 << 32
_HALF = 1 << 31


@dataclass(frozen=True, slots=True)
class Segment:
    """What a packet says of its connection. `lacks`: bytes at its end that the packet had, and the log does not."""

    number: int
    """Of the packet in its file, from 1."""
    epoch_ns: int
    sequence: int
    acknowledged: int | None
    data: bytes
    lacks: int = 0
    syn: bool = False
    fin: bool = False
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes in their order. `lost`: so many before them are not in the log."""

    packet: int
    data: bytes
    lost: int = 0


@dataclass(slots=True)
class _Held:
    begin: int
    data: bytes
    packet: int


@dataclass(slots=True)
class Side:
    """The bytes of one side. Positions count from the first byte of the connection (or of the log), and never wrap."""

    base: int | None = None
    """Sequence number of position 0."""
    next: int = 0
    """Position of the next byte to give out."""
    held: list[_Held] = field(default_factory=list)
    held_bytes: int = 0
    fin_at: int | None = None
    repeated: int = 0
    """Segments that brought nothing new."""
    late: int = 0
    """Segments that came before one that they follow."""

    def position(self, sequence: int) -> int:
        """Where a sequence number lies: the place nearest to what is expected."""
        if self.base is None:
            self.base = sequence
        off = (sequence - self.base - self.next) % _WRAP
        return self.next + (off - _WRAP if off >= _HALF else off)

    def expect(self, sequence: int) -> None:
        """The other side acknowledges up to here, before anything of this side was seen."""
        if self.base is None:
            self.base = sequence

    def take(self, segment: Segment) -> list[Run]:
        """What a segment makes whole."""
        if segment.syn:
            self.base = (segment.sequence + 1) % _WRAP
        begin = 0 if segment.syn else self.position(segment.sequence)
        if segment.fin and self.fin_at is None:
            self.fin_at = begin + len(segment.data) + segment.lacks
        if not segment.data:
            return []
        if begin + len(segment.data) <= self.next:
            self.repeated += 1
            return []
        if begin > self.next:
            self.late += 1
        self.held.append(_Held(begin, segment.data, segment.number))
        self.held_bytes += len(segment.data)
        runs = self._whole()
        while self.held and (self.held_bytes > HELD_BYTES or len(self.held) > HELD_SEGMENTS):
            runs += self._skip(min(piece.begin for piece in self.held))
        return runs

    def acknowledged(self, sequence: int) -> list[Run]:
        """The other side has every byte before `sequence`: what of that has not come never will, unless held back."""
        position = self.position(sequence)
        if self.fin_at is not None:
            position = min(position, self.fin_at)
        ready = [piece.begin for piece in self.held if piece.begin < position]
        # Nothing behind the hole: the bytes may still come, in a packet that the log has a little later.
        runs = self._skip(min(ready)) if ready else []
        if self.fin_at is not None and position == self.fin_at and not self.held and self.next < position:
            self._skip(position)
        return runs

    def finish(self) -> list[Run]:
        """The connection is over, or the log."""
        runs: list[Run] = []
        while self.held:
            runs += self._skip(min(piece.begin for piece in self.held))
        return runs

    def _skip(self, begin: int) -> list[Run]:
        lost = begin - self.next
        self.next = begin
        return self._whole(lost)

    def _whole(self, lost: int = 0) -> list[Run]:
        runs: list[Run] = []
        self.held.sort(key=lambda piece: (piece.begin, piece.packet))
        while self.held and self.held[0].begin <= self.next:
            piece = self.held.pop(0)
            self.held_bytes -= len(piece.data)
            new = piece.data[self.next - piece.begin :]
            if new:
                runs.append(Run(piece.packet, new, lost))
                lost = 0
                self.next += len(new)
            else:
                self.repeated += 1
        return runs
