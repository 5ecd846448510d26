"""What is heard of a pile, and what is made of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest
from toys import LHC, PILE, up_frame

from pilesim.rig.check import facts, missing_commands, suspicions
from pilesim.rig.listening import Ear, Heard, listen
from pilesim.rig.rigfile import RigFile, load_rig
from pilesim.trace.events import AnyEvent, Chunk, LineDown, LineUp
from pilesim.units import DAY, MINUTE, S, parse_world_start_ns
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import (
    NO_TIME,
    GunReport,
    GunReportReply,
    GunState,
    Hello,
    Message,
    Stamp,
    TimeAsk,
    TimeTell,
)
from pilesim.wire.protocol import protocol_named

START_NS = parse_world_start_ns("2020-03-11T14:00:00+08:00")
TCP = "tcp-listen://127.0.0.1:9000"
SERIAL = "serial:///dev/ttyUSB0"


def rig_of(text: str = "", pile: str = TCP) -> RigFile:
    return load_rig(f"pile: {pile}\n{text}\n", "bench.yaml")


def beat(gun: int = 1) -> Message:
    return GunReport(gun=gun, state=GunState.IDLE, cable=False)


def up(t_s: float, data: bytes | Message, protocol: str = "lhc", number: str = PILE) -> Chunk:
    if isinstance(data, Message):
        data = protocol_named(protocol).session(End.PILE, number).build(data)
    return Chunk(t_ns=int(t_s * S), end=End.PILE, direction=Direction.UP, data=data)


def down(t_s: float, message: Message) -> Chunk:
    data = LHC.session(End.PLATFORM, PILE).build(message)
    return Chunk(t_ns=int(t_s * S), end=End.PILE, direction=Direction.DOWN, data=data)


UP: AnyEvent = LineUp(t_ns=0, end=End.PILE, peer="10.0.0.2:51000")
TOLD: tuple[AnyEvent, ...] = (up(1, TimeAsk(pile_time=NO_TIME)), down(1.1, TimeTell(platform_time=Stamp(START_NS + S))))
BEATS: tuple[AnyEvent, ...] = tuple(up(t, beat()) for t in (2, 32, 62))
BEATS_THAT_END: tuple[AnyEvent, ...] = (UP, *BEATS[:2])


def heard_of(events: Iterable[AnyEvent], rig_file: RigFile, for_s: float = 70) -> Heard:
    ear = Ear(protocol_named(rig_file.protocol), START_NS, connectionless=rig_file.target.connectionless)
    for event in events:
        ear.see(event)
    return ear.heard(int(for_s * S))


def made_of(events: Iterable[AnyEvent], rig: str = "", pile: str = TCP) -> list[str]:
    rig_file = rig_of(rig, pile)
    return suspicions(heard_of(events, rig_file), rig_file)


def test_it_finds_nothing_wrong_with_a_pile_that_is_as_its_file_says() -> None:
    rig_file = rig_of(f"number: {PILE}\nguns: 1\nfacts: {{firmware: '2.0.3'}}")
    events: list[AnyEvent] = [
        UP,
        up(0.5, Hello(firmware="2.0.3")),
        *TOLD,
        *BEATS,
        up(63, TimeAsk(pile_time=Stamp(START_NS + 65 * S))),
    ]
    heard = heard_of(events, rig_file)
    assert suspicions(heard, rig_file) == []
    told = {fact.name: (fact.heard, fact.said) for fact in facts(heard, rig_file)}
    assert told == {
        "line": (f"up, 10.0.0.2:51000, {heard.size} bytes", ""),
        "protocol": ("lhc: 6 of 6 frames fit", "lhc"),
        "pile number": (PILE, PILE),
        "guns": ("1", "1"),
        "firmware": ("2.0.3", "2.0.3"),
        "heartbeat of gun 1": ("3, each 30s", "each 35s at least"),
        "clock, not told the time": ("not set", ""),
        "clock, told the time": ("2s ahead", "within 1m"),
        "noise": ("none", "none"),
        "checksums": ("0 wrong of 6", "none wrong"),
    }


BROKEN = bytearray(up_frame(beat()))
BROKEN[40] ^= 0xFF
BEAT_REPLY = down(0, GunReportReply(gun=1)).data
LOST: AnyEvent = LineDown(t_ns=63 * S, end=End.PILE)

SUSPICIOUS: dict[str, tuple[tuple[AnyEvent, ...], str, str, str]] = {
    # what is wrong: (what is heard, the rig file, the pile's URL, how the sentence begins)
    "nobody": ((), "", TCP, "nobody dialled in: look at the pile's power, the address and port that it is told to"),
    "nobody there": ((), "", "tcp://10.0.0.2:9000", "nobody answers there: "),
    "silence": ((UP,), "", TCP, "the pile dialled in and says nothing"),
    "silence of a wire": ((UP,), "", SERIAL, "not one byte: look at the pile's power, the cable, whether TX and RX"),
    "another number": ((UP, *BEATS), f"number: {'2' * 20}", TCP, f"expected the pile {'2' * 20}, found {PILE}"),
    "two piles": ((UP, *BEATS, up(63, beat(), number="2" * 20)), "", TCP, "expected one pile, found 2: say which"),
    "a gun too few": ((UP, *BEATS), "guns: 2", TCP, "expected heartbeats of gun 1, gun 2; found gun 1"),
    "a gun too many": (
        (UP, *BEATS, up(63, beat(2))),
        "guns: 1",
        TCP,
        "expected heartbeats of gun 1; found gun",
    ),
    "no heartbeat": ((UP, up(1, Hello(firmware="2"))), "", TCP, "expected heartbeats; found none"),
    "another firmware": (
        (UP, up(1, Hello(firmware="2.0.4")), *BEATS),
        "facts: {firmware: 2.0.3}",
        TCP,
        "expected the firmware 2.0.3, the pile says 2.0.4",
    ),
    "slow heartbeats": (
        (UP, up(2, beat()), up(62, beat())),
        "",
        TCP,
        "expected a heartbeat each 35s at least, found 1m without one of gun 1",
    ),
    "heartbeats that end": (BEATS_THAT_END, "", TCP, "expected a heartbeat each 35s at least, found 38s without"),
    "heartbeats too slow for the site": (
        (UP, *BEATS),
        "limits: {beat.period: 20s}",
        TCP,
        "expected a heartbeat each 20s at least, found 30s without one of gun 1",
    ),
    "a clock that takes no time": (
        (UP, *TOLD, *BEATS, up(63, TimeAsk(pile_time=Stamp(START_NS + DAY)))),
        "",
        TCP,
        "the pile was told the time, and its clock is 23h58m57s ahead: does it need world-time: false?",
    ),
    "a clock that is not set": (
        (UP, *TOLD, *BEATS, up(63, TimeAsk(pile_time=NO_TIME))),
        "world-time: false",
        TCP,
        "the pile was told the time, and its clock is not set",
    ),
    "a line that is lost": ((UP, *BEATS, LOST), "", TCP, "the line was lost 1 times"),
    "noise": ((UP, *BEATS, up(63, b"\x00\x81" * 3), up(64, beat())), "", TCP, "6 bytes outside frames, such as 00 81 "),
    "a damaged frame": ((UP, *BEATS, up(63, bytes(BROKEN))), "", TCP, "1 frames with a wrong checksum"),
    "an echo": (
        (UP, *BEATS, down(62, GunReportReply(gun=1)), up(62.1, BEAT_REPLY)),
        "",
        SERIAL,
        "1 of the platform's own frames came back: ",
    ),
    "an older version": (
        (UP, *(up(t, beat(), "evlink-2.5") for t in (2, 32, 62))),
        "",
        TCP,
        "3 of 3 frames are evlink-2.5's and 0 are lhc's: try protocol: evlink-2.5",
    ),
    "a version without the tails": (
        (UP, *(up(t, beat(), "evlink-2.6") for t in (2, 32, 62))),
        "",
        TCP,
        "3 of 3 frames are evlink-2.6's and 0 are lhc's: try protocol: evlink-2.6",
    ),
    "a version with them": (
        (UP, *BEATS),
        "protocol: evlink-2.6",
        TCP,
        "3 of 3 frames are lhc's and 0 are evlink-2.6's: try protocol: lhc",
    ),
}


@pytest.mark.parametrize(("events", "rig", "pile", "begin"), SUSPICIOUS.values(), ids=SUSPICIOUS)
def test_it_says_what_is_wrong_and_nothing_else(events: tuple[AnyEvent, ...], rig: str, pile: str, begin: str) -> None:
    (sentence,) = made_of(events, rig, pile)
    assert sentence.startswith(begin)


def on_the_wire(data: bytes, parity: str = "", data_bits: int = 8) -> list[int]:
    """The levels of a serial line, bit by bit, idle between the bytes for as long as a byte takes."""
    levels = []
    for byte in data:
        bits = [byte >> n & 1 for n in range(data_bits)]
        check = {"": [], "even": [sum(bits) % 2], "odd": [1 - sum(bits) % 2]}[parity]
        levels += [0, *bits, *check, *(1,) * 12]
    return levels


def read_at(rate: float, levels: list[int], data_bits: int = 8) -> bytes:
    """What a receiver makes of them that takes a bit as lasting 1 / `rate` of what it lasts."""
    heard, at = bytearray(), 0.0
    while int(at) < len(levels):
        if levels[int(at)]:
            at = int(at) + 1.0
            continue
        samples = [int(at + (n + 1.5) / rate) for n in range(data_bits)]
        heard.append(sum(levels[i] << n for n, i in enumerate(samples) if i < len(levels)))
        at += (data_bits + 1.5) / rate
    return bytes(heard)


SENT = b"".join(up_frame(message) for message in (Hello(firmware="2.0"), beat(), beat(), beat(), beat(2)))
TEXT = b"U-Boot 2016.03 (Mar 11 2020)\r\nDRAM: 128 MiB\r\nlogin: "

UNFRAMED: dict[str, tuple[bytes, str, str]] = {
    # what it is: (what is heard, the pile's URL, what is said of it)
    "a lower baud rate": (read_at(4, on_the_wire(SENT)), SERIAL, "the pile's baud rate is lower"),
    "half the baud rate": (read_at(2, on_the_wire(SENT)), SERIAL, "the pile's baud rate is lower"),
    "a higher baud rate": (read_at(0.25, on_the_wire(SENT)), SERIAL, "another baud rate"),
    "seven bits here": (read_at(1, on_the_wire(SENT), 7), SERIAL, "7 data bits here or there"),
    "seven bits with parity there": (read_at(1, on_the_wire(SENT, "even", 7)), SERIAL, "7 data bits at the pile"),
    "seven bits and odd parity there": (read_at(1, on_the_wire(SENT, "odd", 7)), SERIAL, "7 data bits at the pile"),
    "parity there": (read_at(1, on_the_wire(SENT, "even")), SERIAL, "the pile sends a parity bit"),
    "a console": (TEXT, SERIAL, "it is text, as a console's"),
    "a web socket": (b"GET /ocpp/1 HTTP/1.1\r\nHost: p\r\n\r\n\x00\x01\x02", TCP, "it speaks HTTP, as OCPP"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)), TCP, "it speaks TLS"),
    "another protocol": (bytes(range(37, 250, 5)), TCP, "a protocol that is not known here"),
}


@pytest.mark.parametrize(("data", "pile", "said"), UNFRAMED.values(), ids=UNFRAMED)
def test_it_knows_bytes_that_make_no_frame_by_their_looks(data: bytes, pile: str, said: str) -> None:
    (sentence,) = made_of([UP, up(1, data)], pile=pile)
    assert sentence.startswith(f"{len(data)} bytes and not one good frame of lhc, ")
    assert said in sentence


def test_it_hears_what_was_sent_where_the_wire_is_right() -> None:
    # The check of the checks above: the same wire, read as it was written, is frames.
    assert read_at(1, on_the_wire(SENT)) == SENT
    rig_file = rig_of("guns: 2", SERIAL)
    heard = heard_of([UP, up(1, read_at(1, on_the_wire(SENT)))], rig_file, for_s=2)
    assert suspicions(heard, rig_file) == []


def test_it_begins_in_the_middle_of_a_frame_on_a_serial_line_and_counts_no_noise_for_it() -> None:
    cut: tuple[AnyEvent, ...] = (UP, up(0.1, up_frame(beat())[20:]), *BEATS)
    assert made_of(cut, pile=SERIAL) == []
    assert made_of(cut, pile=TCP) != []


def test_it_measures_no_heartbeat_across_a_lost_connection() -> None:
    rig_file = rig_of()
    again = LineUp(t_ns=50 * S, end=End.PILE)
    heard = heard_of([UP, up(2, beat()), LineDown(t_ns=20 * S, end=End.PILE), again, up(51, beat())], rig_file)
    assert heard.beats[1].periods_ns == []
    assert suspicions(heard, rig_file) == ["the line was lost 1 times"]
    assert next(facts(heard, rig_file)).heard.startswith("up, 2 times, ")


def test_it_names_the_commands_that_this_computer_does_not_have() -> None:
    hands = (
        f"{{plug: {{command: ['{sys.executable}']}}, power: {{command: [no-relay]}}, tap: {{command: [./no-robot]}}}}"
    )
    calls = "{url: 'tcp://h:1', start: {command: [no-api]}, stop: {http: {url: 'http://h'}}}"
    assert missing_commands(rig_of(f"hands: {hands}\nplatform: {calls}")) == [
        "power: expected a command that can be run, found no 'no-relay'",
        "tap: expected a command that can be run, found no './no-robot'",
        "the platform's start: expected a command that can be run, found no 'no-api'",
    ]


@pytest.mark.parametrize("protocol", ["lhc", "evlink-2.5", "evlink-2.6"])
def test_it_is_content_with_the_reference_pile(protocol: str) -> None:
    rig_file = rig_of(f"protocol: {protocol}\nguns: 2\nnumber: {PILE}", pile="sim:reference")
    heard = listen(rig_file.target, protocol_named(protocol), number=PILE, for_ns=70 * S)
    assert suspicions(heard, rig_file) == []
    assert [beats.count for beats in heard.beats.values()] == [3, 3]
    assert heard.firmware


def test_it_hears_a_simulated_pile_that_hangs_up_again_and_again() -> None:
    rig_file = rig_of(pile="sim:reference?fault=drops-the-line&fault.kept=50s")
    heard = listen(rig_file.target, LHC, number=PILE, for_ns=5 * MINUTE)
    assert suspicions(heard, rig_file) == [f"the line was lost {heard.lost} times"]
    assert heard.lost > 2
