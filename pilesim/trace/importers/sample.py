"""What the first frames of a log tell: which protocol they speak, which way they went, and of which pile they are.

Owns the looking at a sample. Must not know how a line was read, nor how its times are made up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pilesim.trace.events import Vantage
from pilesim.trace.importers.imported import Ledger, SeveralPilesError, Wishes
from pilesim.trace.importers.pieces import Mark, Piece
from pilesim.trace.importers.source import Source
from pilesim.units import local_datetime
from pilesim.wire.describe import tell_protocol
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import Message, Stamp, TimeTell
from pilesim.wire.protocol import Protocol, protocol_named, protocols

TOLD_BYTES = 16 * 1024
"""As much is enough to tell the protocol by."""
SEVERAL_PERCENT = 5
"""A pile number that stands in so many of the frames is another pile; in fewer it is a wrong number."""
AGREE_PERCENT = 80
"""A mark means a direction when so many of its frames do."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What the first frames tell."""

    protocol: Protocol
    ways: dict[Mark, Counter[Direction]]
    piles: Counter[str]
    told: tuple[tuple[int, int], ...]
    """Times that the platform told: index of the piece in the sample, and ns since 1970."""
    frames: tuple[Frame, ...]
    """Those whose way is known, read as going up."""

    def years(self) -> Counter[int]:
        """The years that the frames name: a look at each field of them all, which few logs need."""
        return Counter(
            local_datetime(value.epoch_ns).year
            for frame in self.frames
            for message in _meant(self.protocol, frame)
            for value in (getattr(message, name) for name in message.__struct_fields__)
            if isinstance(value, Stamp) and value.epoch_ns is not None
        )


# What the frames tell -----------------------------------------------------------------------------------------


def likely_protocol(source: Source, streams: Iterable[bytes], wishes: Wishes, ledger: Ledger) -> Protocol:
    """The protocol that was wished for, else the one that explains most frames; FileError where none has any."""
    if wishes.protocol:
        return protocol_named(wishes.protocol)
    data = b"".join(stream[:TOLD_BYTES] for stream in streams)
    told = tell_protocol(list(protocols().values()), data, None)
    if not told.equals:
        known = ", ".join(protocols())
        raise source.error(None, f"expected frames of a protocol ({known}), found none in {len(data)} bytes")
    if len(told.equals) > 1:
        ledger.remark(f"{' and '.join(told.equals)} explain the frames equally well: read as {told.protocol.name}")
    else:
        ledger.remark(f"protocol {told.protocol.name}, told by its frames")
    return told.protocol


def natural(protocol: Protocol, frame: Frame) -> Direction | None:
    """The direction in which a message of this number goes; None where both or none do."""
    return _way(protocol, frame.number)


@lru_cache(4096)
def _way(protocol: Protocol, number: int) -> Direction | None:
    ways = [way for way in Direction if protocol.row(number, way)]
    return ways[0] if len(ways) == 1 else None


@lru_cache(64)
def numbers_of(protocol: Protocol, kind: type[Message]) -> frozenset[int]:
    """The numbers of the messages that mean `kind`."""
    return frozenset(row.number for row in protocol.catalogue if row.means is kind)


def sampled(source: Source, sample: list[Piece], wishes: Wishes, ledger: Ledger) -> Sampled:
    streams: dict[Mark, list[tuple[int, bytes]]] = {}
    for index, piece in enumerate(sample):
        if piece.linked is not None:
            continue
        streams.setdefault(piece.mark, []).append((index, piece.data))
    joined = [_up_to(TOLD_BYTES, (data for _, data in parts)) for parts in streams.values()]
    protocol = likely_protocol(source, joined, wishes, ledger)
    ways: dict[Mark, Counter[Direction]] = {}
    piles: Counter[str] = Counter()
    told: list[tuple[int, int]] = []
    frames: list[Frame] = []
    times = numbers_of(protocol, TimeTell)
    for mark, parts in streams.items():
        ways[mark] = Counter()
        framer = protocol.framer(Direction.UP)
        for index, data in parts:
            for frame in framer.feed(data, 0):
                if not isinstance(frame, Frame) or not frame.sound:
                    continue
                way = natural(protocol, frame)
                if way is None:
                    continue
                ways[mark][way] += 1
                if frame.pile:
                    piles[frame.pile] += 1
                frames.append(frame)
                if frame.number not in times:
                    continue
                for message in _meant(protocol, frame):
                    if isinstance(message, TimeTell) and message.platform_time.epoch_ns is not None:
                        told.append((index, message.platform_time.epoch_ns))
    return Sampled(protocol, ways, piles, tuple(sorted(told)), tuple(frames))


def _meant(protocol: Protocol, frame: Frame) -> list[Message]:
    """What a frame that was read as going up means; one that goes down is read anew."""
    goes_down = natural(protocol, frame) is Direction.DOWN
    again = protocol.framer(Direction.DOWN).feed(frame.raw, 0) if goes_down else [frame]
    decoded = [protocol.decode(each).message for each in again if isinstance(each, Frame)]
    return [message for message in decoded if message is not None]


def _up_to(size: int, parts: Iterable[bytes]) -> bytes:
    joined = bytearray()
    for part in parts:
        joined += part
        if len(joined) >= size:
            break
    return bytes(joined)


def pile_of(source: Source, told: Sampled, wishes: Wishes, ledger: Ledger) -> tuple[str, bool]:
    """The pile number, and whether frames of others have to be left out."""
    frames = sum(told.piles.values())
    several = [pile for pile, n in told.piles.most_common() if n > 1 and n * 100 >= frames * SEVERAL_PERCENT]
    if wishes.pile:
        pile = told.protocol.pile_number(wishes.pile)
        return pile, any(other != pile for other in several)
    if len(several) > 1:
        listed = ", ".join(f"{pile} ({told.piles[pile]} frames)" for pile in several)
        problem = f"expected the log of one pile, found {listed}: choose one with --pile"
        raise SeveralPilesError(str(source.path), problem, tuple(several))
    pile = told.piles.most_common(1)[0][0] if told.piles else ""
    if pile:
        ledger.remark(f"pile {pile}, told by its frames")
    return pile, False


# Directions ---------------------------------------------------------------------------------------------------


def directions_of(told: Sampled, wishes: Wishes, ledger: Ledger) -> dict[Mark, Direction | None]:
    """Which way each mark means; None: both, so that each frame goes its own way."""
    found: dict[Mark, Direction | None] = {}
    sent = _sends(wishes.vantage)
    for mark, ways in told.ways.items():
        said = mark.direction
        if said is None and mark.sent is not None and sent is not None:
            said = sent if mark.sent else sent.sender.other.sends
        found[mark] = said if said is not None else _majority(ways)
        contrary = sum(ways.values()) - ways[said] if said is not None else 0
        if said is not None and contrary * 2 > sum(ways.values()):
            ledger.remark(
                f"{contrary} of {sum(ways.values())} frames marked {mark.text!r} are messages that go the other way; "
                f"the mark is believed: if the log was made at the other end, say so with --vantage"
            )
    _by_opposites(found)
    for mark, way in found.items():
        if mark.text and way is not None and mark.direction is None:
            by = "by the vantage" if mark.sent is not None and sent is not None else "told by its frames"
            ledger.remark(f"{mark.text!r} is {way}, {by}")
    if None in found.values():
        words = ", ".join(repr(mark.text) for mark, way in found.items() if way is None and mark.text)
        ledger.remark(
            f"{f'{words} marks no direction' if words else 'no line marks a direction'}: "
            "each frame goes the way its message goes"
        )
    return found


def _majority(ways: Counter[Direction]) -> Direction | None:
    if not ways:
        return None
    way, n = ways.most_common(1)[0]
    return way if n * 100 >= sum(ways.values()) * AGREE_PERCENT else None


def _by_opposites(found: dict[Mark, Direction | None]) -> None:
    """A mark with no frame to tell by means the contrary of the other one, where there are two."""
    for mark, way in found.items():
        if way is None and mark.text:
            same = {w for other, w in found.items() if w and mark.sent is not None and other.sent is mark.sent}
            against = {
                w.sender.other.sends
                for other, w in found.items()
                if w and mark.sent is not None and other.sent is (not mark.sent)
            }
            means = same | against
            if len(means) == 1:
                found[mark] = means.pop()


def _sends(vantage: Vantage | None) -> Direction | None:
    """The way of what was sent where the log was made."""
    if vantage in (Vantage.PILE, Vantage.PLATFORM):
        return End(vantage.value).sends
    return None


def told_vantage(told: Sampled, wishes: Wishes, ledger: Ledger, directions: dict[Mark, Direction | None]) -> Vantage:
    """Where the log was made: he who sends what goes up is the pile."""
    if wishes.vantage is not None:
        return wishes.vantage
    ends = {
        way.sender if mark.sent else way.receiver
        for mark, way in directions.items()
        if way is not None and mark.sent is not None and told.ways[mark]
    }
    if len(ends) == 1:
        end = ends.pop()
        ledger.remark(f"recorded at the {end}: what is marked as sent there is what the {end} sends")
        return Vantage(end.value)
    ledger.remark("nothing tells at which end it was recorded (--vantage would): neither end is taken at its word")
    return Vantage.UNKNOWN
