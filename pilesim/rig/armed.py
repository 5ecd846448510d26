"""What each impairment does to the traffic that passes it: one class a kind, joined to its spec by a table.

Owns choosing, chance and what an impairment keeps between two pieces. Must not know connections, nor when a piece
is really sent: it sets when a piece is due, and the lane sends it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from pilesim.chance import Chance
from pilesim.rig.impairments import (
    Corrupt,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Hold,
    Impairment,
    Merge,
    Noise,
    Reorder,
    Selective,
    Slow,
    Stall,
    Traffic,
    impairment_text,
)
from pilesim.units import S, format_duration
from pilesim.wire.frame import Direction, Frame
from pilesim.wire.protocol import Protocol

_BITS_A_BYTE = 10
"""On a serial line: a start bit, eight, a stop bit."""
_LONG_NS = S
"""What is held for so long is told beforehand."""
_SLOW_PIECES_A_SECOND = 100
"""A slow line is told in pieces of a hundredth of a second: fine enough for any deadline, and few enough."""


class Told(msgspec.Struct, frozen=True, gc=False):
    """What is to be recorded once a piece has passed: which impairment held it, and what it held."""

    impairment: str
    effect: str
    data: bytes


class Piece(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Bytes on their way through the line."""

    data: bytes
    direction: Direction
    came_ns: int
    due_ns: int
    """When it leaves the line."""
    frame: Frame | None = None
    """The frame that it is, where the line has looked for frames."""
    message: str | None = None
    """Name of the frame's message."""
    altered: bool = False
    overtaken: bool = False
    """What is behind it need not wait for it."""
    told: tuple[Told, ...] = ()


Tell = Callable[[str, str, Piece], None]
"""Called at once with the impairment's text, its effect and what it did it to."""
Foretell = Callable[[str], None]
"""Called at once with a sentence on what will be told as an effect much later."""

SpecT_co = TypeVar("SpecT_co", bound=Traffic, covariant=True)
SelectiveT_co = TypeVar("SelectiveT_co", bound=Selective, covariant=True)


class Armed(ABC, Generic[SpecT_co]):
    """An impairment in force, for both directions at once, so that `count` counts in both."""

    stage: ClassVar[int] = 0
    """Those that change the shape of frames come after those that look for them, whatever the order of arming."""

    def __init__(
        self, spec: SpecT_co, rng: Chance, now_ns: int, protocol: Protocol, tell: Tell, foretell: Foretell
    ) -> None:
        self.spec = spec
        self.text = impairment_text(spec)
        self.begin_ns = now_ns + spec.after
        self.end_ns = self._end_ns()
        self._rng = rng
        self._protocol = protocol
        self._tell = tell
        self._foretell = foretell

    def _end_ns(self) -> int | None:
        return None

    def active(self, direction: Direction, now_ns: int) -> bool:
        """Whether it has anything to do with what goes in `direction` now."""
        return (
            self.spec.direction in (None, direction)
            and now_ns >= self.begin_ns
            and (self.end_ns is None or now_ns < self.end_ns)
        )

    def wants_frames(self) -> bool:
        """Whether the stream has to be cut into frames for it."""
        return False

    def over(self, now_ns: int) -> bool:
        """It will never do anything again."""
        return self.end_ns is not None and now_ns >= self.end_ns

    @abstractmethod
    def take(self, piece: Piece) -> list[Piece]:
        """What becomes of `piece`, in the order in which it goes on."""

    def release(self, direction: Direction, now_ns: int) -> list[Piece]:
        """What it has kept for longer than it may, or all of it where it is over."""
        return []

    def surrender(self, direction: Direction, now_ns: int) -> list[Piece]:
        """All that it has kept of `direction`; it keeps nothing then."""
        return []

    def next_wakeup_ns(self, direction: Direction) -> int | None:
        """When `release` next has something to give."""
        return None

    def _held(self, piece: Piece, due_ns: int, effect: str = "held") -> Piece:
        told = (*piece.told, Told(self.text, effect, piece.data))
        return replace(piece, due_ns=due_ns, told=told)


class _Stalling(Armed[Stall]):
    def _end_ns(self) -> int:
        return self.begin_ns + self.spec.time

    _foretold = False

    def take(self, piece: Piece) -> list[Piece]:
        assert self.end_ns is not None
        if not self._foretold and self.end_ns - piece.came_ns >= _LONG_NS:
            self._foretell(f"{self.text}: all is held for {format_duration(self.end_ns - piece.came_ns)}")
        self._foretold = True
        return [self._held(piece, max(piece.due_ns, self.end_ns))]


class _Slowing(Armed[Slow]):
    stage = 2

    def __init__(
        self, spec: Slow, rng: Chance, now_ns: int, protocol: Protocol, tell: Tell, foretell: Foretell
    ) -> None:
        super().__init__(spec, rng, now_ns, protocol, tell, foretell)
        self._free_ns = dict.fromkeys(Direction, 0)

    def _end_ns(self) -> int | None:
        return None if self.spec.within is None else self.begin_ns + self.spec.within

    def take(self, piece: Piece) -> list[Piece]:
        begin_ns = max(piece.due_ns, self._free_ns[piece.direction])
        size = max(1, self.spec.baud // (_BITS_A_BYTE * _SLOW_PIECES_A_SECOND))
        parts = []
        for at in range(0, len(piece.data), size):
            data = piece.data[at : at + size]
            due_ns = begin_ns + (at + len(data)) * _BITS_A_BYTE * S // self.spec.baud
            parts.append(replace(piece, data=data, due_ns=due_ns, frame=None, message=None, told=()))
        last = self._held(piece, parts[-1].due_ns, "slowed")
        self._free_ns[piece.direction] = last.due_ns
        return [*parts[:-1], replace(parts[-1], told=last.told)]


class _Choosing(Armed[SelectiveT_co]):
    """One that acts on the pieces it chooses, and lets the others by."""

    frames_only: ClassVar[bool] = True
    """Whether it leaves alone what is no frame, as long as no message is named."""

    def __init__(
        self, spec: SelectiveT_co, rng: Chance, now_ns: int, protocol: Protocol, tell: Tell, foretell: Foretell
    ) -> None:
        super().__init__(spec, rng, now_ns, protocol, tell, foretell)
        self._chosen = 0

    def _end_ns(self) -> int | None:
        return None if self.spec.within is None else self.begin_ns + self.spec.within

    def _used_up(self) -> bool:
        return self.spec.count is not None and self._chosen >= self.spec.count

    def over(self, now_ns: int) -> bool:
        return self._used_up() or super().over(now_ns)

    def active(self, direction: Direction, now_ns: int) -> bool:
        return not self._used_up() and super().active(direction, now_ns)

    def wants_frames(self) -> bool:
        return self.spec.by_frame or self.spec.message is not None

    def take(self, piece: Piece) -> list[Piece]:
        return self.act(piece) if self.chooses(piece) else [piece]

    def chooses(self, piece: Piece) -> bool:
        if self._used_up() or not self._fits(piece):
            return False
        if self.spec.probability < 1 and self._rng.fraction() >= self.spec.probability:
            return False
        self._chosen += 1
        return True

    def _fits(self, piece: Piece) -> bool:
        if self.spec.message is not None:
            return piece.message == self.spec.message
        return piece.frame is not None or not self.frames_only

    def _foretell_hold(self, piece: Piece, for_ns: int, how: str = "is held for {}") -> None:
        """Whoever watches is told of a frame that is held when that begins: its effect is recorded when it is over."""
        if piece.frame is not None and for_ns >= _LONG_NS:
            title = self._protocol.decode(piece.frame).title
            self._foretell(f"{self.text}: {title} {how.format(format_duration(for_ns))}")

    @abstractmethod
    def act(self, piece: Piece) -> list[Piece]:
        """What becomes of a chosen piece."""


class _Delaying(_Choosing[Delay]):
    frames_only = False

    def act(self, piece: Piece) -> list[Piece]:
        jitter_ns = self._rng.between(0, self.spec.jitter) if self.spec.jitter else 0
        self._foretell_hold(piece, self.spec.by + jitter_ns)
        return [self._held(piece, piece.due_ns + self.spec.by + jitter_ns)]


class _Holding(_Choosing[Hold]):
    frames_only = False

    def act(self, piece: Piece) -> list[Piece]:
        self._foretell_hold(piece, self.spec.time)
        return [replace(self._held(piece, piece.due_ns + self.spec.time), overtaken=True)]


class _Dropping(_Choosing[Drop]):
    frames_only = False

    def act(self, piece: Piece) -> list[Piece]:
        self._tell(self.text, "lost", piece)
        return []


class _Duplicating(_Choosing[Duplicate]):
    def act(self, piece: Piece) -> list[Piece]:
        self._tell(self.text, "doubled", piece)
        second = replace(piece, due_ns=piece.due_ns + self.spec.later, overtaken=self.spec.later > 0, told=())
        return [piece, second]


class _Corrupting(_Choosing[Corrupt]):
    def act(self, piece: Piece) -> list[Piece]:
        spared = range(0) if self.spec.length else self._length_bytes(piece)
        bits = [bit for bit in range(8 * len(piece.data)) if bit // 8 not in spared]
        data = bytearray(piece.data)
        for bit in self._rng.some_of(bits, min(self.spec.bits, len(bits))):
            data[bit // 8] ^= 1 << bit % 8
        self._tell(self.text, "corrupted", piece)
        return [replace(piece, data=bytes(data), altered=True)]

    def _length_bytes(self, piece: Piece) -> range:
        """Where the frame's length lies, as its protocol tells it."""
        views = self._protocol.dissect(piece.frame) if piece.frame is not None else ()
        view = next((view for view in views if view.name == "length"), None)
        return range(view.offset, view.offset + len(view.raw)) if view else range(0)


class _Cutting(_Choosing[Cut]):
    stage = 1

    def act(self, piece: Piece) -> list[Piece]:
        if len(piece.data) < 2:
            return [piece]
        at = self._rng.between(1, len(piece.data) - 1)
        self._tell(self.text, "cut", piece)
        first = replace(piece, data=piece.data[:at], frame=None, message=None, altered=True)
        second = replace(first, data=piece.data[at:], due_ns=piece.due_ns + self.spec.gap, told=())
        return [first] if self.spec.lose_rest else [first, second]


class _Disturbing(_Choosing[Noise]):
    stage = 1

    def act(self, piece: Piece) -> list[Piece]:
        noise = self._rng.octets(self.spec.size)
        before = replace(piece, data=noise, frame=None, message=None, altered=True, told=())
        self._tell(self.text, "noise", before)
        return [before, piece]


KeeperT_co = TypeVar("KeeperT_co", bound=Reorder | Merge, covariant=True)


class _Keeping(_Choosing[KeeperT_co]):
    """One that keeps a chosen piece until the next one of its direction comes."""

    def __init__(
        self, spec: KeeperT_co, rng: Chance, now_ns: int, protocol: Protocol, tell: Tell, foretell: Foretell
    ) -> None:
        super().__init__(spec, rng, now_ns, protocol, tell, foretell)
        self._kept: dict[Direction, Piece] = {}

    def over(self, now_ns: int) -> bool:
        return not self._kept and super().over(now_ns)

    def active(self, direction: Direction, now_ns: int) -> bool:
        return direction in self._kept or super().active(direction, now_ns)

    def take(self, piece: Piece) -> list[Piece]:
        kept = self._kept.pop(piece.direction, None)
        return self.join(kept, piece) if kept is not None else super().take(piece)

    def act(self, piece: Piece) -> list[Piece]:
        self._foretell_hold(piece, self.spec.limit, "is held until the next frame comes, for {} at most")
        self._kept[piece.direction] = piece
        return []

    @abstractmethod
    def join(self, kept: Piece, piece: Piece) -> list[Piece]:
        """What becomes of the kept piece and the one it waited for."""

    def release(self, direction: Direction, now_ns: int) -> list[Piece]:
        wakeup_ns = self.next_wakeup_ns(direction)
        return self.surrender(direction, now_ns) if wakeup_ns is not None and wakeup_ns <= now_ns else []

    def surrender(self, direction: Direction, now_ns: int) -> list[Piece]:
        kept = self._kept.pop(direction, None)
        return [self._held(kept, max(kept.due_ns, now_ns))] if kept is not None else []

    def next_wakeup_ns(self, direction: Direction) -> int | None:
        kept = self._kept.get(direction)
        return kept.came_ns + self.spec.limit if kept is not None else None


class _Reordering(_Keeping[Reorder]):
    def join(self, kept: Piece, piece: Piece) -> list[Piece]:
        self._tell(self.text, "reordered", kept)
        return [piece, replace(kept, due_ns=max(kept.due_ns, piece.due_ns))]


class _Merging(_Keeping[Merge]):
    stage = 1

    def join(self, kept: Piece, piece: Piece) -> list[Piece]:
        both = replace(
            piece,
            data=kept.data + piece.data,
            due_ns=max(kept.due_ns, piece.due_ns),
            frame=None,
            message=None,
            altered=True,
            told=kept.told + piece.told,
        )
        self._tell(self.text, "merged", both)
        return [both]


_ARMED: Mapping[type[Impairment], Callable[..., Armed[Traffic]]] = {
    Delay: _Delaying,
    Hold: _Holding,
    Stall: _Stalling,
    Slow: _Slowing,
    Drop: _Dropping,
    Duplicate: _Duplicating,
    Reorder: _Reordering,
    Merge: _Merging,
    Cut: _Cutting,
    Corrupt: _Corrupting,
    Noise: _Disturbing,
}


def arm(spec: Traffic, rng: Chance, now_ns: int, protocol: Protocol, tell: Tell, foretell: Foretell) -> Armed[Traffic]:
    """`spec` in force from `now_ns` on; `rng` is its own stream of chance."""
    return _ARMED[type(spec)](spec, rng, now_ns, protocol, tell, foretell)
