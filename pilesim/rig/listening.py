"""What is heard of a pile while nothing is done at it and the reference platform keeps it content.

Owns the listening and what is counted. Must not know what should have been heard (pilesim.rig.check).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pilesim.errors import RigError
from pilesim.platform.settings import Settings
from pilesim.rig.bench import Bench, ReferencePlatform, SimulatedPile, make_bench
from pilesim.rig.clock import RealClock, VirtualClock, present_ns
from pilesim.rig.firmware import profile_of
from pilesim.rig.targets import LinkTarget, SimLink, Target
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent, Chunk, Header, LineDown, LineUp
from pilesim.trace.recorder import Recorder
from pilesim.units import local_datetime
from pilesim.wire.frame import Direction, End, Frame, ProblemKind
from pilesim.wire.messages import GunReport, Hello, Message, Stamp, TimeAsk, TimeTell
from pilesim.wire.protocol import Protocol, protocols

KEPT_BYTES = 64 * 1024
"""So much of what was heard is kept, to be held against every protocol."""
_UNFIT = frozenset(
    {
        ProblemKind.CHECKSUM,
        ProblemKind.SHORT,
        ProblemKind.LONG,
        ProblemKind.TAIL_ABSENT,
        ProblemKind.VERSION,
        ProblemKind.UNKNOWN,
        ProblemKind.DIRECTION,
    }
)
"""What is wrong with a frame that is another protocol's, or another version's."""
_DEVIATIONS_KEPT = 16


@dataclass(slots=True)
class Beats:
    """The heartbeats of one gun. Times in ns of the world."""

    count: int = 0
    periods_ns: list[int] = field(default_factory=list)
    """From each to the next of the same connection."""
    last_ns: int | None = None
    """When the last one of this connection came."""
    silent_ns: int = 0
    """From then to the end; 0 where the connection is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How far what was heard is one protocol's."""

    frames: int
    good: int
    """Frames of this very version, whole and with nothing strange in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSeen:
    """One look at the pile's clock: ns ahead of the world; None: it is not set."""

    error_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """All that was heard."""

    for_ns: int
    connections: int
    lost: int
    """How often a connection was lost."""
    peer: str
    size: int
    """Bytes in all."""
    data: bytes
    """The first of them, `KEPT_BYTES` at most."""
    fits: Mapping[str, Fit]
    """Of the protocol that was expected, a dialect perhaps, and of every other that is known."""
    numbers: Mapping[str, int]
    """Pile numbers, and how many frames carry each."""
    beats: Mapping[int, Beats]
    """By gun."""
    firmware: str
    guns_told: int | None
    """How many guns the pile said that it has; None where it does not say."""
    clock_before: ClockSeen | None
    """Before the pile was told the time; None: not seen."""
    clock_after: ClockSeen | None
    noise: bytes
    """Bytes outside frames, the first `KEPT_BYTES`; on a serial line not those before the first frame."""
    checksum_errors: int
    echoed: int
    """Frames that were the platform's own."""
    deviations: tuple[str, ...] = ()
    """What sound frames have otherwise than the protocol, a sentence for each message and field."""
    refused: str = ""
    """Why the pile could not be dialled the last time, in a sentence; "" where it could, or is not."""


class Ear:
    """An observer of the recorder that takes down what comes from the pile."""

    def __init__(self, protocol: Protocol, world_start_ns: int, *, connectionless: bool) -> None:
        self._start_ns = world_start_ns
        self._connectionless = connectionless
        self._protocol = protocol
        self._decoder = Decoder(protocol)
        self._chunks: list[tuple[int, bytes]] = []
        """When, and what; empty bytes where a connection began."""
        self._size = self._connections = self._lost = self._checksum_errors = self._echoed = self._frames = 0
        self._peer = self._firmware = ""
        self._numbers: Counter[str] = Counter()
        self._beats: dict[int, Beats] = {}
        self._guns_told: int | None = None
        self._told_time = False
        self._before: ClockSeen | None = None
        self._after: ClockSeen | None = None
        self._noise = bytearray()
        self._sent: set[bytes] = set()
        self._deviations: dict[tuple[object, ...], str] = {}

    def see(self, event: AnyEvent) -> None:
        match event:
            case LineUp(end=End.PILE, peer=peer):
                self._connections, self._peer = self._connections + 1, peer
                self._chunks.append((event.t_ns, b""))
            case LineDown(end=End.PILE):
                self._lost += 1
                for beats in self._beats.values():
                    beats.last_ns = None
            case Chunk(end=End.PILE, direction=Direction.UP, data=data):
                if self._size < KEPT_BYTES:
                    self._chunks.append((event.t_ns, data))
                self._size += len(data)
            case Chunk(end=End.PILE):
                pass
            case _:
                return
        for item in self._decoder.feed(event):
            self._item(item)

    def _item(self, item: Seen | Noise) -> None:
        if isinstance(item, Noise):
            joined_late = self._connectionless and not self._frames
            if item.direction is Direction.UP and not joined_late and len(self._noise) < KEPT_BYTES:
                self._noise += item.garbage.raw
            return
        if item.direction is Direction.DOWN:
            self._sent.add(item.decoded.frame.raw)
            self._told_time |= isinstance(item.decoded.message, TimeTell)
            return
        self._frames += 1
        if item.decoded.frame.raw in self._sent:
            self._echoed += 1
            return
        if not item.decoded.frame.sound:
            self._checksum_errors += 1
            return
        for problem in item.decoded.problems:
            if len(self._deviations) < _DEVIATIONS_KEPT:
                key = (item.decoded.frame.number, problem.kind, problem.field)
                self._deviations.setdefault(key, f"{item.decoded.title}: {problem.text}")
        if item.decoded.frame.pile is not None:
            self._numbers[item.decoded.frame.pile] += 1
        if item.decoded.message is not None:
            self._message(item.decoded.message, item.t_ns)

    def _message(self, message: Message, t_ns: int) -> None:
        match message:
            case Hello():
                self._firmware, self._guns_told = message.firmware, message.guns
            case TimeAsk():
                self._clock(message.pile_time, t_ns)
            case GunReport(change=False):
                beats = self._beats.setdefault(message.gun, Beats())
                if beats.last_ns is not None:
                    beats.periods_ns.append(t_ns - beats.last_ns)
                beats.count += 1
                beats.last_ns = t_ns
        if isinstance(message, GunReport) and message.time is not None:
            self._clock(message.time, t_ns)

    def _clock(self, stamp: Stamp, t_ns: int) -> None:
        seen = ClockSeen(error_ns=None if stamp.epoch_ns is None else stamp.epoch_ns - self._start_ns - t_ns)
        if self._told_time:
            self._after = seen
        elif self._before is None:
            self._before = seen

    def heard(self, until_ns: int, refused: str = "") -> Heard:
        """All of it, at the end; what is still held is neither a frame nor noise."""
        for beats in self._beats.values():
            beats.silent_ns = 0 if beats.last_ns is None else until_ns - beats.last_ns
        return Heard(
            for_ns=until_ns,
            connections=self._connections,
            lost=self._lost,
            peer=self._peer,
            size=self._size,
            data=b"".join(data for _, data in self._chunks),
            fits={each.name: _fit(each, self._chunks) for each in (self._protocol, *protocols().values())},
            numbers=dict(self._numbers),
            beats=dict(sorted(self._beats.items())),
            firmware=self._firmware,
            guns_told=self._guns_told,
            clock_before=self._before,
            clock_after=self._after,
            noise=bytes(self._noise),
            checksum_errors=self._checksum_errors,
            echoed=self._echoed,
            deviations=tuple(self._deviations.values()),
            refused=refused,
        )


def _fit(protocol: Protocol, chunks: list[tuple[int, bytes]]) -> Fit:
    framer = protocol.framer(Direction.UP)
    found = []
    for t_ns, data in chunks:
        found += framer.feed(data, t_ns) if data else framer.gap()
    found += framer.gap()
    decoded = [protocol.decode(item) for item in found if isinstance(item, Frame)]
    good = [each for each in decoded if not any(problem.kind in _UNFIT for problem in each.problems)]
    return Fit(frames=len(decoded), good=len(good))


def listen(
    target: Target,
    protocol: Protocol,
    *,
    number: str,
    for_ns: int,
    clock_rate: float = 1,
    seed: int = 1,
    opened: Callable[[Bench], None] = lambda bench: None,
) -> Heard:
    """Play the reference platform for the pile at `target`, and tell what it says within `for_ns` of the world's time.

    `number` is that of a simulated pile. RigError where the port cannot be had, or is gone for good.
    """
    start_ns = present_ns(clock_rate)
    ear = Ear(protocol, start_ns, connectionless=target.connectionless)
    start = local_datetime(start_ns).isoformat()
    header = Header(start=start, protocol=protocol.name, dialect=protocol.overlay, pile="", guns=0)
    recorder = Recorder(header, keep=False)
    recorder.observers.append(ear.see)
    in_memory = not isinstance(target, LinkTarget) and target.link is SimLink.VIRTUAL
    bench = make_bench(
        protocol=protocol,
        world_start_ns=start_ns,
        pile=target.url
        if isinstance(target, LinkTarget)
        else SimulatedPile(profile=profile_of(target), number=number, seed=target.seed or seed, link=target.link),
        platform=ReferencePlatform(settings=Settings(auto=True), seed=seed),
        clock=VirtualClock() if in_memory else RealClock(clock_rate),
        recorder=recorder,
        seed=seed,
    )
    try:
        opened(bench)
        bench.pump.run_until(lambda: bool(bench.line.vanished), for_ns)
        if bench.line.vanished:
            raise RigError(f"{target.url}: the port vanished: {bench.line.vanished}")
        return ear.heard(bench.clock.now_ns(), bench.line.refused)
    finally:
        bench.close()
