"""What takes bytes from strangers, each as a function of some bytes, and what such bytes look like.

Owns the table of targets, the seeds of each, and the exceptions that each may end with. Must not know how bytes are
drawn, counted or timed (fuzz.py, test_bytes_from_strangers.py).
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from pilesim.conformance.expected import load_expected
from pilesim.conformance.judged import judged
from pilesim.conformance.result import RunResult, decode_result, encode_result
from pilesim.conformance.runner import Options, run_scenario
from pilesim.contract.contracts import contract_of
from pilesim.errors import UsageError
from pilesim.library import firmware_folder, scenario_folder
from pilesim.pile.pile import Pile
from pilesim.pile.profiles import load_profile
from pilesim.platform.platform import Platform
from pilesim.platform.settings import Settings
from pilesim.rig.firmware import profile_of
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.rigfile import load_rig
from pilesim.rig.targets import SimTarget, parse_target
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import load_scenario, parse_scenario
from pilesim.season.fixture import load_season
from pilesim.site.traffic import load_traffic, parse_mix
from pilesim.trace.events import Chunk
from pilesim.trace.importers.imported import Imported, Wishes
from pilesim.trace.importers.load import IMPORTERS, load_log
from pilesim.units import S
from pilesim.wire.dialect import load_dialect
from pilesim.wire.evlink import envelope as evlink
from pilesim.wire.evlink.versions import VERSIONS
from pilesim.wire.frame import Direction, Frame
from pilesim.wire.guess.frames import guess_frames
from pilesim.wire.protocol import Protocol, protocol_named
from pilesim.wire.ykc import envelope as ykc

DATA = Path(__file__).parents[1] / "data"
REGRESSIONS = DATA / "hostile"
"""Inputs that something once broke on, by target: each a file, whose name says what it did."""
PILES = {"lhc": "44030500040000200026", "ykc-1.6": "32010602113530"}
PROTOCOLS = ("lhc", "evlink-2.5", "evlink-2.6", "ykc-1.6", "ykc-1.6?crc_order=big", "ykc-1.6?crc_order=auto")
DIRECTIONS = tuple(Direction)
_VERSIONS = {version.name: version for version in VERSIONS}
_MANY_FRAMES = 12


@dataclass(frozen=True)
class Target:
    """`take` raises nothing but a UsageError, which is a refusal; `seeds` are such as it was made for. `share` of all
    inputs in %."""

    take: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    share: int

    def run(self, data: bytes) -> None:
        """Any bytes, which are taken or refused."""
        with suppress(UsageError):
            self.take(data)


# ------------------------------------------------------------------------------------------------------- on the line


def _shape(data: bytes) -> tuple[Protocol, Direction, bytes]:
    """Which protocol and direction, by the first byte, and what is left."""
    first = data[0] if data else 0
    return protocol_named(PROTOCOLS[first % len(PROTOCOLS)]), DIRECTIONS[first // 128], data[1:]


def frame_in(data: bytes) -> None:
    """A stream: cut in two by its second byte, at once and after silence, read and shown."""
    protocol, direction, stream = _shape(data)
    at = stream[0] if stream else 0
    stream = stream[1:]
    framer = protocol.framer(direction)
    found = framer.feed(stream[:at], 0) + framer.feed(stream[at:], S * (at % 2)) + framer.gap()
    assert b"".join(item.raw for item in found) == stream, "bytes were lost or made up"
    for item in found:
        if isinstance(item, Frame):
            protocol.interpret(item)
            # Those that are whole are shown by `body`, and to show one takes as long as ten are read.
            if not item.sound:
                protocol.dissect(item)


def _sealed(protocol: Protocol, direction: Direction, number: int, gun: int, body: bytes) -> bytes:
    """A frame whose envelope is right."""
    if protocol.name.startswith("ykc"):
        order = protocol.options["crc_order"].replace("auto", "big")
        return ykc.seal(order, sequence=gun, number=number, body=body[: ykc.LONGEST_LENGTH - ykc.SHORTEST_LENGTH])
    version = _VERSIONS[protocol.name]
    pile = PILES["lhc"]
    return evlink.seal(
        version, direction, sequence=gun, answers=number, pile=pile, gun=gun, number=number, body=body[:2000]
    )


def body_of(data: bytes) -> None:
    """A message with any body: number, gun, then the body; each is whole in its envelope."""
    protocol, direction, rest = _shape(data)
    if len(rest) < 2:
        return
    raw = _sealed(protocol, direction, rest[0], rest[1], rest[2:])
    (frame,) = protocol.framer(direction).feed(raw, 0)
    assert isinstance(frame, Frame) and frame.sound, "a frame that is whole was not taken for one"
    protocol.interpret(frame)
    protocol.dissect(frame)
    protocol.tolerant.interpret(frame)


def _frames(protocol: Protocol, direction: Direction, data: bytes) -> Iterator[bytes]:
    """Frames out of `data`: number, gun, size of the body, body, and so on."""
    for _ in range(_MANY_FRAMES):
        if len(data) < 3:
            return
        size = data[2]
        yield _sealed(protocol, direction, data[0], data[1], data[3 : 3 + size])
        data = data[3 + size :]


def _spoken(data: bytes) -> tuple[str, bytes]:
    return ("lhc", "ykc-1.6")[data[0] % 2 if data else 0], data[1:]


def to_platform(data: bytes) -> None:
    """What a pile may say to the reference platform, frame by frame a second apart."""
    name, rest = _spoken(data)
    protocol = protocol_named(name)
    platform = Platform(
        protocol=protocol,
        contract=contract_of(name),
        world_start_ns=1_583_208_000 * S,
        settings=Settings(auto=True),
        seed=1,
    )
    _hears(platform.session(), _frames(protocol, Direction.UP, rest))


@cache
def _profile() -> Any:
    target = parse_target("sim:reference")
    assert isinstance(target, SimTarget)
    return profile_of(target)


def to_pile(data: bytes) -> None:
    """As `to_platform`, the other way."""
    name, rest = _spoken(data)
    protocol = protocol_named(name)
    pile = Pile(
        protocol=protocol,
        contract=contract_of(name),
        profile=_profile(),
        number=PILES[name],
        world_start_ns=1_583_208_000 * S,
        seed=1,
    )
    _hears(pile, _frames(protocol, Direction.DOWN, rest))


def _hears(peer: Any, frames: Iterable[bytes]) -> None:
    peer.line_up(0)
    now_ns = 0
    for raw in frames:
        now_ns += S
        peer.advance(now_ns)
        peer.receive(raw, now_ns)
        peer.take_actions()
    peer.advance(now_ns + 10 * S)
    peer.take_actions()


def guessed(data: bytes) -> None:
    """Bodies of one message, some bytes each, to be guessed at."""
    protocol, direction, rest = _shape(data)
    size = 1 + rest[0] % 64 if rest else 1
    bodies = [rest[at : at + size] for at in range(1, min(len(rest), 1024), size)]
    framer = protocol.framer(direction)
    found = [item for body in bodies for item in framer.feed(_sealed(protocol, direction, 5, 1, body), 0)]
    guess_frames(protocol, [(item, n * S) for n, item in enumerate(found) if isinstance(item, Frame)])


# -------------------------------------------------------------------------------------------------------- from files


class Held(io.BytesIO):
    """A file that is only in memory: a disk takes longer than what reads it."""

    content = b""

    def __init__(self, path: Path, told: object) -> None:
        super().__init__(Held.content)


def loaded(data: bytes, form: str, suffix: str) -> Imported:
    Held.content = data
    with patch("pilesim.trace.importers.source._Watched", Held):
        return load_log(Path(f"strange{suffix}"), Wishes(form=form))


def _log(form: str, suffix: str) -> Callable[[bytes], object]:
    return lambda data: loaded(data, form, suffix)


def judge(data: bytes) -> None:
    """A recording of our own form, whatever it holds, and the verdict on it."""
    imported = loaded(data, "capture", ".jsonl")
    judged(imported.trace, title="", file="strange.jsonl", strict=False, repeat="")


def _text(load: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: load(data.decode("utf-8", "replace"))


_RULE_IDS = [rule.id for rule in RULES]


def _impaired(text: str) -> object:
    try:
        return parse_impairment(text)
    except ValueError:
        return None


_WORDS: tuple[Callable[[str], object], ...] = (_impaired, parse_target, parse_mix, protocol_named)


def words(data: bytes) -> None:
    """What stands on a command line, and is nobody's file: its first byte says which option."""
    if data:
        scheme, between, rest = data[1:].decode("utf-8", "replace").partition("://")
        _WORDS[data[0] % len(_WORDS)](scheme.replace("/", "|") + between + rest.replace("/", "|"))


# ------------------------------------------------------------------------------------------------------------- seeds


@cache
def chunks() -> tuple[tuple[str, Chunk], ...]:
    """Pieces of the small captures with their protocols."""
    found: dict[bytes, tuple[str, Chunk]] = {}
    for path in sorted((firmware_folder() / "captures").rglob("*.jsonl")):
        imported = load_log(path, Wishes())
        for event in imported.trace.events:
            if isinstance(event, Chunk):
                # One of each message is as good as a hundred.
                found.setdefault(event.data[28:31] + bytes([len(event.data) % 256]), ("lhc", event))
    return tuple(found.values())


@cache
def vectors() -> tuple[tuple[str, Direction, bytes], ...]:
    found = [("lhc", event.direction, event.data) for _, event in chunks()]
    for name in ("evlink", "ykc"):
        for row in json.loads((DATA / f"{name}_vectors.json").read_text(encoding="utf-8"))["frames"]:
            direction = Direction(row.get("direction", "up"))
            found.append((row.get("protocol", "ykc-1.6"), direction, bytes.fromhex(row["hex"])))
    return tuple(found)


def _first(protocol: str, direction: Direction) -> bytes:
    at = PROTOCOLS.index(protocol) if protocol in PROTOCOLS else 3
    # The first number above 127 that means the same protocol.
    return bytes([at if direction is DIRECTIONS[0] else 132 + at])


def _streams() -> Iterator[bytes]:
    for protocol, direction, raw in vectors():
        for cut in (0, 9, 255):
            yield _first(protocol, direction) + bytes([cut]) + raw
        yield _first(protocol, direction) + b"\x07" + raw[:11] + raw + b"noise" + raw


def _bodies() -> Iterator[bytes]:
    for name, direction, raw in vectors():
        protocol = protocol_named(name if name in PROTOCOLS else "ykc-1.6")
        for item in protocol.tolerant.framer(direction).feed(raw, 0):
            if isinstance(item, Frame):
                yield _first(protocol.name, direction) + bytes([item.number, item.gun or 1]) + item.body


def _talks(way: Direction) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        for which, name in enumerate(("lhc", "ykc-1.6")):
            whole = bytes([which])
            for body in _bodies():
                protocol, direction, rest = _shape(body)
                if protocol.name == name and direction is way and len(rest) < 250:
                    said = rest[:2] + bytes([len(rest) - 2]) + rest[2:]
                    yield bytes([which]) + said
                    whole += said
            yield whole[:3000]

    return seeds


def _files(*patterns: str) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        for pattern in patterns:
            for top in (scenario_folder(), firmware_folder(), DATA):
                for path in sorted(top.glob(pattern)):
                    if path.is_file():
                        yield path.read_bytes()[:20_000]

    return seeds


def _captures() -> Iterator[bytes]:
    for content in _files("captures/*/*.jsonl")():
        lines = content.splitlines(keepends=True)
        yield b"".join(lines[:6])
        yield b"".join(lines[:40])
    header = b'{"pilesim-capture":1,"start":"2020-03-03T12:00:00+08:00","protocol":"lhc","pile":"","guns":0}\n'
    yield header


def _hex() -> Iterator[bytes]:
    frames = vectors()[:3]
    yield b"\n".join(raw.hex(" ").encode() for _, _, raw in frames)
    stamped = [f"2020-03-03 12:00:0{n}.125 {d} {raw.hex()}" for n, (_, d, raw) in enumerate(frames)]
    yield "\n".join(stamped).encode()
    yield "\n".join(f"[12:00:0{n}] RX: {raw.hex(' ')}" for n, (_, _, raw) in enumerate(frames)).encode()
    yield "\n".join(f"COM3 12:00:0{n},{raw.hex(',')}" for n, (_, _, raw) in enumerate(frames)).encode()
    whole = b"".join(raw for _, _, raw in frames)
    rows = [f"{at:08x}  {whole[at : at + 16].hex(' ')}  |..|" for at in range(0, len(whole), 16)]
    yield "\n".join(rows).encode()


def _packets() -> Iterator[bytes]:
    """Packets of raw IP, in each form of file."""
    packets = []
    for n, (_, direction, raw) in enumerate(vectors()[:6]):
        up = direction is Direction.UP
        tcp = struct.pack(">HHIIBBHHH", *((50001, 9000) if up else (9000, 50001)), 1000 * n, 1, 0x50, 0x18, 512, 0, 0)
        addresses = b"\x0a\0\0\1\x0a\0\0\2" if up else b"\x0a\0\0\2\x0a\0\0\1"
        packets.append(struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(raw), n, 0, 64, 6, 0) + addresses + tcp + raw)
    for order, magic in (("<", 0xA1B2C3D4), (">", 0xA1B23C4D)):
        whole = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 101)
        for n, data in enumerate(packets):
            whole += struct.pack(order + "IIII", 1_583_208_000 + n, 5, len(data), len(data)) + data
        yield whole
        ethernet = b"\0" * 12 + b"\x08\0" + packets[0]
        yield (
            struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 1)
            + struct.pack(order + "IIII", 1_583_208_000, 0, len(ethernet), len(ethernet))
            + ethernet
        )

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    whole = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    whole += block(1, struct.pack("<HHIHHB3xHH", 101, 0, 65535, 9, 1, 9, 0, 0))
    for n, data in enumerate(packets):
        high, low = divmod((1_583_208_000 + n) * S, 1 << 32)
        whole += block(6, struct.pack("<IIIII", 0, high, low, len(data), len(data)) + data)
    yield whole + block(3, struct.pack("<I", len(packets[0])) + packets[0])


RIG = b"""\
pile: tcp-listen://127.0.0.1:9000
protocol: evlink-2.6
number: "44030500040000200026"
guns: 1
claims: [screen]
limits: {bill.prompt: 3m, bill.energy: 0.1}
hands:
  plug: operator
  unplug: {command: [relay, "{gun}", "off"], timeout: 90s}
operator-wait: 1h
world-time: false
platform:
  url: tcp://127.0.0.1:9001
  start: {http: {url: "http://127.0.0.1/start", json: {gun: "{gun}"}}}
  stop: {command: [stop, "{gun}"]}
facts: {line: 9600}
"""


NOTHING_PLAYED = RunResult(
    pilesim="0",
    pile="sim:reference",
    protocol="lhc",
    provisional="",
    seed=1,
    strict=False,
    verdict=Verdict.PASS,
    scenarios=(),
)


def _results() -> Iterator[bytes]:
    scenario = load_scenario(scenario_folder() / "auth" / "expires.yaml", _RULE_IDS)
    result = run_scenario(scenario, Options(target=parse_target("sim:reference"), protocol="lhc", seed=1)).result
    run = msgspec.structs.replace(NOTHING_PLAYED, verdict=result.verdict)
    yield encode_result(run)
    # Three rules are as good as all, and few enough for a hunt.
    few = sorted(result.rules, key=lambda rule: rule.margin is None)[:3]
    yield encode_result(msgspec.structs.replace(run, scenarios=(msgspec.structs.replace(result, rules=tuple(few)),)))


def _options() -> Iterator[bytes]:
    for text in ("drop start count=1", "delay by=20ms jitter=300ms", "disconnect for=10s", "corrupt bits=3"):
        yield b"\0" + text.encode()
    yield b"\1sim:reference?seed=7&fault=unplug-lag&fault.lag=2h"
    yield b"\1serial://|dev|ttyUSB0?baud=115200"
    yield b"\1tcp-listen://127.0.0.1:9000?second=replace"
    yield b"\2reference=0.9,robinson-gen5-0303=0.1"
    yield b"\3ykc-1.6?crc_order=big&bill_retry=1x5m"


_LHC = contract_of("lhc")
_EXPECTED = b"- {scenario: order/short, rule: bill.times, reason: known}\n"
TARGETS: dict[str, Target] = {
    "framer": Target(frame_in, _streams, 25),
    "body": Target(body_of, _bodies, 25),
    "platform": Target(to_platform, _talks(Direction.UP), 3),
    "pile": Target(to_pile, _talks(Direction.DOWN), 3),
    "guess": Target(guessed, _bodies, 1),
    **{
        f"import-{importer.name}": Target(_log(importer.name, sorted(importer.suffixes)[0]), seeds, 4)
        for importer, seeds in zip(
            IMPORTERS, (_captures, _packets, _hex, _hex, _files("field-logs/*.log")), strict=True
        )
    },
    "import": Target(_log("", ".log"), lambda: [*_hex(), *_packets(), *_captures(), *_files("field-logs/*")()], 4),
    "judge": Target(judge, _captures, 1),
    "scenario": Target(_text(lambda text: parse_scenario(text, "s.yaml", _RULE_IDS)), _files("*/*.yaml"), 5),
    "rig": Target(_text(lambda text: load_rig(text, "r.yaml")), lambda: [RIG], 4),
    "dialect": Target(_text(lambda text: load_dialect(text, "d.yaml", protocol_named)), _files("dialects/*.yaml"), 2),
    "season": Target(_text(lambda text: load_season(text, "s.yaml", _LHC)), _files("seasons/*.yaml"), 2),
    "traffic": Target(_text(lambda text: load_traffic(text, "t.yaml", _LHC, 0)), _files("seasons/*.yaml"), 1),
    "profile": Target(_text(lambda text: load_profile(text, "p.yaml")), _files("*.yaml"), 2),
    "expected": Target(_text(lambda text: load_expected(text, "e.yaml", None, _RULE_IDS)), lambda: [_EXPECTED], 1),
    "result": Target(_text(lambda text: decode_result(text.encode(), "r.json")), _results, 3),
    "words": Target(words, _options, 2),
}


ANY = "any"
"""All targets as one, by the first byte."""


def target_named(name: str) -> Target:
    return Target(_any, list, 100) if name == ANY else TARGETS[name]


def _any(data: bytes) -> None:
    if data:
        [*TARGETS.values()][data[0] % len(TARGETS)].run(data[1:])


@cache
def seeds_of(name: str) -> list[bytes]:
    """Every input that a target begins with, those included that once broke it."""
    if name == ANY:
        return [bytes([number]) + data for number, each in enumerate(TARGETS) for data in seeds_of(each)]
    kept = [path.read_bytes() for path in sorted((REGRESSIONS / name).glob("*"))]
    return [*dict.fromkeys([*TARGETS[name].seeds(), *kept])]
