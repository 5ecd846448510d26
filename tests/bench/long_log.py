"""Long logs to judge: what a platform of one busy pile would have written, as lines of hex or as a capture.

A pile of two guns is played for some days in virtual time, with people who come and go and heartbeats in between; then
the same days come again, with later dates: in the lines, in the times that frames carry, and in the numbers of their
orders. So a log may be as long as a disk is large. The pile says hello each time that the days begin anew.

    python tests/bench/long_log.py day.log --megabytes 50
    python tests/bench/long_log.py day.jsonl --megabytes 50 --capture
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from pilesim.contract.contracts import contract_of
from pilesim.platform.settings import Settings
from pilesim.rig.bench import ReferencePlatform, SimulatedPile, make_bench
from pilesim.rig.clock import VirtualClock
from pilesim.season.attendant import Attendant
from pilesim.season.fixture import Season, load_season
from pilesim.season.plan import plan_of
from pilesim.trace.capture import encode_event, encode_header
from pilesim.trace.events import AnyEvent, Chunk, Header
from pilesim.trace.recorder import Recorder
from pilesim.units import DAY, MS, S, local_datetime
from pilesim.wire.cp56 import write_time
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import Stamp
from pilesim.wire.protocol import protocol_named
from pilesim.wire.tabled import TabledProtocol

PROTOCOL = "lhc"
DAYS = 3
"""The last of them is over before anybody comes in the morning."""
CHARGES_A_DAY = 24
SEASON = f"""
name: long
title: A busy pile, day after day
start: "2020-03-03T04:00:00+08:00"
days: {DAYS}
charges: {DAYS * CHARGES_A_DAY}
sites:
  - {{name: A, piles: 1, firmware: {{reference: 1}}}}
hours: {{7: 4, 8: 6, 9: 4, 12: 5, 13: 4, 17: 4, 18: 6, 19: 6, 20: 5, 21: 4, 22: 3, 23: 1}}
power-kw: {{from: 25, to: 60}}
habits:
  - {{name: waits, weight: 9, charge: {{from: 12m, to: 55m}}, parking: {{from: 15s, to: 6m}}}}
  - {{name: comes back late, weight: 1, charge: {{from: 25m, to: 1h20m}}, parking: {{from: 6m, to: 40m}}}}
endings: {{full: 45, platform: 35, at-pile: 8, unplug: 7, balance: 5}}
"""


@dataclass(frozen=True, slots=True)
class Passed:
    """One frame of the played days, and what of it tells a date: where that lies, and what it is so many ns later."""

    t_ns: int
    direction: Direction
    raw: bytes
    dated: tuple[tuple[int, Callable[[int], bytes]], ...]

    def later(self, ns: int, protocol: TabledProtocol) -> bytes:
        """The frame as it would have been `ns` later, whole days."""
        if not self.dated or not ns:
            return self.raw
        changed = bytearray(self.raw)
        for at, told in self.dated:
            new = told(ns)
            changed[at : at + len(new)] = new
        sealed = protocol.envelope.resealed(bytes(changed), self.raw)
        assert sealed is not None, "a checksum can be worked out"
        return sealed


def played(season: Season, protocol: TabledProtocol, seed: int) -> tuple[Header, list[Passed]]:
    """The days as the platform's end sees them."""
    contract = contract_of(PROTOCOL)
    (plan,) = plan_of(season, seed, season.charges)
    header = Header(
        start=local_datetime(season.start_ns).isoformat(),
        protocol=PROTOCOL,
        pile=plan.number,
        guns=plan.profile.guns,
        ends=(End.PLATFORM,),
        stimuli=False,
        seed=seed,
    )
    recorder = Recorder(header)
    bench = make_bench(
        protocol=protocol,
        world_start_ns=season.start_ns,
        pile=SimulatedPile(profile=plan.profile, number=plan.number, seed=seed),
        platform=ReferencePlatform(settings=Settings(tariff=season.tariff), seed=seed),
        clock=VirtualClock(),
        recorder=recorder,
        seed=seed,
    )
    assert bench.pile is not None and bench.platform is not None and bench.session is not None
    attendant = Attendant(
        plan,
        pile=bench.pile,
        platform=bench.platform,
        session=bench.session,
        line=bench.line,
        drain_ns=contract.quiet_ns,
        charged=lambda: None,
    )
    recorder.observers.append(attendant.see)
    bench.pump.add(attendant)
    bench.pump.run_until(lambda: False, DAYS * DAY - S)
    bench.close()
    assert attendant.done, "nobody is there when the days begin anew"
    chunks = (event for event in recorder.events if isinstance(event, Chunk) and event.end is End.PLATFORM)
    return header, [Passed(c.t_ns, c.direction, c.data, _dated(protocol, c)) for c in chunks]


def _dated(protocol: TabledProtocol, chunk: Chunk) -> tuple[tuple[int, Callable[[int], bytes]], ...]:
    (frame,) = protocol.framer(chunk.direction).feed(chunk.data, chunk.t_ns)
    assert isinstance(frame, Frame), "in virtual time each frame is a chunk of its own"
    message = protocol.decode(frame).message
    found: list[tuple[int, Callable[[int], bytes]]] = []
    for name in getattr(message, "__struct_fields__", ()):
        value = getattr(message, name)
        if isinstance(value, Stamp) and value.epoch_ns is not None:
            epoch_ns = value.epoch_ns
            found += ((at, _time_later(epoch_ns)) for at in _places(chunk.data, write_time(value)))
        elif name == "order" and value:
            found += ((at, _order_later(value)) for at in _places(chunk.data, value.encode()))
    return tuple(found)


def _time_later(epoch_ns: int) -> Callable[[int], bytes]:
    return lambda ns: write_time(Stamp(epoch_ns + ns))


def _order_later(order: str) -> Callable[[int], bytes]:
    """An order's number begins with the date and time at which it was given."""

    def later(ns: int) -> bytes:
        return f"{date.fromisoformat(order[:8]) + timedelta(ns // DAY):%Y%m%d}{order[8:]}".encode()

    return later


def _places(raw: bytes, told: bytes) -> Iterator[int]:
    at = raw.find(told)
    while at >= 0:
        yield at
        at = raw.find(told, at + 1)


def write_long_log(file: Path, size: int, *, capture: bool = False, seed: int = 1) -> int:
    """Write at least `size` bytes, and less than a line more; returns how many frames they hold."""
    protocol = protocol_named(PROTOCOL)
    assert isinstance(protocol, TabledProtocol)
    season = load_season(SEASON, "long", contract_of(PROTOCOL))
    header, days = played(season, protocol, seed)
    line = _as_capture if capture else _as_hex(season.start_ns)
    written = frames = 0
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        if capture:
            written += stream.write(encode_header(header) + "\n")
        later_ns = 0
        while True:
            for passed in days:
                if written >= size:
                    return frames
                written += stream.write(
                    line(passed.t_ns + later_ns, passed.direction, passed.later(later_ns, protocol))
                )
                frames += 1
            later_ns += DAYS * DAY


def _as_capture(t_ns: int, direction: Direction, raw: bytes) -> str:
    event: AnyEvent = Chunk(t_ns=t_ns, end=End.PLATFORM, direction=direction, data=raw)
    return encode_event(event) + "\n"


def _as_hex(start_ns: int) -> Callable[[int, Direction, bytes], str]:
    """As a program at the platform writes what it sends and receives."""
    marks = {Direction.UP: "RX", Direction.DOWN: "TX"}

    def line(t_ns: int, direction: Direction, raw: bytes) -> str:
        epoch_ns = start_ns + t_ns
        when = f"{local_datetime(epoch_ns):%Y-%m-%d %H:%M:%S}.{epoch_ns % S // MS:03}"
        return f"[{when}] {marks[direction]}: {raw.hex(' ').upper()}\n"

    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--capture", action="store_true", help="a capture of pilesim's own, and no hex")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    frames = write_long_log(asked.file, asked.megabytes * 1_000_000, capture=asked.capture, seed=asked.seed)
    print(f"{asked.file}: {asked.file.stat().st_size} bytes, {frames} frames")


if __name__ == "__main__":
    main()
