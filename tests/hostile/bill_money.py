"""What bills are held against: frames at both ends, the bill store, the meter. No code of pile or platform is asked.

Owns the promises: a pile loses no bill, sends none twice with different content, invents none; a platform charges each
order once. Must not know what was done in the world. It may be asked only when the world has come to rest: line and
power there, cables out, and time for every bill to be sent and acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bill_world import World

from pilesim.pile.car import CWNS_PER_DWH
from pilesim.trace.events import Chunk, LineUp
from pilesim.units import KWH_DWH, S, format_duration
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import Authorise, Bill, BillReply, Message, Start
from pilesim.wire.protocol import GAP_NS, Framer, Protocol

STALE_NS = 5 * S
"""An acknowledgement and a bill may cross for so long."""


@dataclass(slots=True)
class Heard:
    """What passed one end, message by message, with its time."""

    up: list[tuple[int, Message]] = field(default_factory=list)
    down: list[tuple[int, Message]] = field(default_factory=list)


def heard(world: World, end: End) -> Heard:
    """The messages that could be believed at `end`, by the protocol's own framer and decoder."""
    found = Heard()
    framers: dict[Direction, Framer] = {}
    last_ns: dict[Direction, int] = {}

    def take(direction: Direction, items: Iterable[object], t_ns: int) -> None:
        kept = found.up if direction is Direction.UP else found.down
        kept += [(t_ns, message) for item in items for message in _believed(world.protocol, item)]

    for event in world.recorder.events:
        for direction, framer in framers.items():
            # What noise seemed to begin is known for none after a silence, and what came behind it is heard then.
            silent_ns = last_ns[direction] + GAP_NS
            if framer.pending and silent_ns <= event.t_ns:
                take(direction, framer.gap(), silent_ns)
        if isinstance(event, LineUp) and event.end is end:
            framers.clear()
        elif isinstance(event, Chunk) and event.end is end:
            framer = framers.setdefault(event.direction, world.protocol.framer(event.direction))
            take(event.direction, framer.feed(event.data, event.t_ns), event.t_ns)
            last_ns[event.direction] = event.t_ns
    return found


def _believed(protocol: Protocol, item: object) -> Iterator[Message]:
    if isinstance(item, Frame):
        decoded = protocol.decode(item)
        if decoded.message is not None and not decoded.problems:
            yield decoded.message


def broken(world: World, *, at_rest: bool = True) -> list[str]:
    """Every promise about bills that was broken, in a sentence each; none: all were kept.

    What may still come is asked for only in a world `at_rest`.
    """
    at_pile, at_platform = heard(world, End.PILE), heard(world, End.PLATFORM)
    sent: dict[str, list[tuple[int, Bill]]] = {}
    for t_ns, message in at_pile.up:
        if isinstance(message, Bill):
            sent.setdefault(message.order, []).append((t_ns, message))
    found = [*_said(world, at_pile, sent), *_of_the_platform(world, at_platform)]
    return [*found, *_lost(world, at_platform), *_energy(world, sent)] if at_rest else found


def _due(world: World) -> dict[str, int]:
    """Orders that are to have a bill, with their guns: where there is no authorisation a failed start has one too."""
    flash = world.flash
    return flash.charged | (flash.begun if not world.protocol.carries(Authorise) else {})


def _lost(world: World, at_platform: Heard) -> Iterator[str]:
    store = world.flash.store
    arrived = {m.order for _, m in at_platform.up if isinstance(m, Bill)}
    for order in _due(world):
        if order not in arrived:
            yield f"lost: order {order} was due a bill, and none has reached the platform"
    for kept in store.bills:
        yield f"kept: the bill of order {kept.order} is still unacknowledged, {kept.times_left} times sent"
    for gun, record in store.records.items():
        yield f"kept: gun {gun} has a record of order {record.authorisation.order} and no bill"


def _said(world: World, at_pile: Heard, sent: dict[str, list[tuple[int, Bill]]]) -> Iterator[str]:
    due = _due(world)
    told = {(m.gun, m.order) for _, m in at_pile.down if isinstance(m, Authorise | Start) and m.order}
    acknowledged: dict[str, int] = {}
    for t_ns, message in at_pile.down:
        if isinstance(message, BillReply) and message.accepted:
            acknowledged.setdefault(message.order, t_ns)

    for order, bills in sent.items():
        (first_ns, first), *again = bills
        if order not in due:
            yield f"invented: a bill of order {order!r}, which never charged"
        if (first.gun, order) not in told:
            yield f"invented: a bill of gun {first.gun} and order {order!r}, of which the pile was never told"
        for t_ns, other in again:
            if other != first:
                yield f"changed: the bill of order {order} at {_t(first_ns)} and at {_t(t_ns)}: {first} {other}"
        # The power may have gone before the acknowledgement was taken down.
        if order in acknowledged and bills[-1][0] > acknowledged[order] + STALE_NS and not world.flash.cut_after:
            yield f"stale: order {order} billed at {_t(bills[-1][0])}, acknowledged at {_t(acknowledged[order])}"


def _energy(world: World, sent: dict[str, list[tuple[int, Bill]]]) -> Iterator[str]:
    """What the meter counted was billed, once: each bill's stages may be off by half a step."""
    step_dwh = 100 if world.protocol.carries(Authorise) else 1
    for gun, cwns in world.flash.store.meters_cwns.items():
        bills = [bills[0][1] for bills in sent.values() if bills[0][1].gun == gun]
        off_dwh = cwns // CWNS_PER_DWH - sum(bill.energy_dwh for bill in bills)
        most_dwh = sum(1 + len(bill.stages_dwh) * step_dwh for bill in bills)
        if abs(off_dwh) > most_dwh:
            yield f"energy: the meter of gun {gun} has counted {off_dwh / KWH_DWH:+.4f} kWh more than was billed"


def _of_the_platform(world: World, at_platform: Heard) -> Iterator[str]:
    """Each account has what it had, less the first bill of each of its orders."""
    accounts = {
        m.order: m.account for _, m in at_platform.down if isinstance(m, Authorise | Start) and m.order and m.account
    }
    left_mfen: dict[str, int] = {}
    for order, balance_mfen in world.balances_mfen.items():
        if order in accounts:
            left_mfen[accounts[order]] = balance_mfen
    first: dict[str, Bill] = {}
    for _, message in at_platform.up:
        if isinstance(message, Bill) and message.order in accounts:
            first.setdefault(message.order, message)
    for order, bill in first.items():
        if accounts[order] in left_mfen:
            left_mfen[accounts[order]] -= bill.fees_mfen + (bill.occupancy_fee_mfen or 0)
    for account, expected_mfen in left_mfen.items():
        found_mfen = world.platform.ledger.balance_mfen(account)
        if found_mfen != expected_mfen:
            yield f"charged: account {account} was left with {found_mfen} mfen, expected {expected_mfen}"
    rows = [row.order for row in world.platform.ledger.rows()]
    for order in {order for order in rows if rows.count(order) > 1}:
        yield f"charged: order {order} stands {rows.count(order)} times in the ledger"


def _t(ns: int) -> str:
    return f"t={format_duration(ns)}"
