"""Guesses: what a known layout has is found again where it is cut away, and in noise there is nothing."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from handmade import VECTORS, YKC_VECTORS, frame, ykc_frame

from pilesim.units import S
from pilesim.wire.cp56 import write_time
from pilesim.wire.describe import frames_in
from pilesim.wire.dialects import remember
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.guess.bodies import guess_fields
from pilesim.wire.guess.frames import guess_frames
from pilesim.wire.guess.guess import Guess, Guessed, Kind, Sample, Sure, Told
from pilesim.wire.guess.proposal import proposal
from pilesim.wire.messages import Authorise, BillReply, GunReport, GunState, Message, Stamp, Tariff
from pilesim.wire.protocol import Protocol, protocol_named
from pilesim.wire.tabled import Entry, Revision, TabledProtocol

PILE = "44030500040000200026"
ORDER = "20200303120000000001"
NOON_NS = 1_583_208_000 * S
STEP_NS = 15 * S


def without(name: str, *numbers: int) -> Protocol:
    """The protocol called `name`, as if nobody knew some of its messages."""
    known = protocol_named(name)
    assert isinstance(known, TabledProtocol)

    def cut(entries: Mapping[int, Entry]) -> dict[int, Entry]:
        return {number: entry for number, entry in entries.items() if number not in numbers}

    return known.revised(Revision(f"{name}-cut", "", "", "", cut))


def places(guesses: Iterable[Guess], *kinds: Kind) -> dict[int, tuple[int, Kind]]:
    return {guess.offset: (guess.size, guess.kind) for guess in guesses if not kinds or guess.kind in kinds}


def charging(at: int) -> GunReport:
    """The heartbeat of a charge of 60 kW, `at` beats after its start."""
    return GunReport(
        gun=1,
        state=GunState.CHARGING,
        cable=True,
        meter_dwh=1_234_500 + 2_500 * at,
        order=ORDER,
        start=Stamp(NOON_NS),
        energy_dwh=2_500 * at,
        amount_mfen=37_250 * at // 1000 * 1000,
    )


def sent(
    name: str, side: End, messages: Iterable[tuple[Message, int]], pile: str = PILE
) -> list[tuple[Frame, int | None]]:
    """The frames of `messages` as `name` has them, each with its time."""
    protocol = protocol_named(name)
    session = protocol.session(side, pile)
    return [
        (found, at_ns)
        for message, at_ns in messages
        for found in frames_in(protocol, session.build(message), side.sends)
    ]


BEATS = [(charging(at), NOON_NS + at * STEP_NS) for at in range(1, 30)]


def test_it_finds_the_tail_of_a_layout_that_was_cut_away() -> None:
    told = sent("lhc", End.PLATFORM, [(BillReply(order=ORDER), NOON_NS)])
    (beats,) = guess_frames(protocol_named("evlink-2.6"), [*told, *sent("lhc", End.PILE, BEATS)])
    assert (beats.name, beats.size, beats.bodies, beats.begin, beats.last) == ("heartbeat", 58, 29, 11, "homed")
    assert beats.why == "body: expected 11 bytes, found 58"
    assert places(beats.guesses) == {
        11: (32, Kind.ORDER),
        43: (7, Kind.TIME),
        50: (4, Kind.AMOUNT),
        54: (4, Kind.AMOUNT),
    }
    order, time, energy, _ = beats.guesses
    assert (order.reading, order.sure) == (ORDER, Sure.SURE)
    assert (time.reading, time.sure) == ("2020-03-03 12:00:00.000", Sure.SURE)
    assert energy.spec == {"name": "amount", "type": "u32", "scale": "0.01"}
    assert "one for 0.01 kWh would be 60 kW" in energy.reason


def test_it_finds_a_whole_layout_of_another_protocol() -> None:
    pile, order = PILE[:14], f"{PILE[:14]}012003031200000001"
    reports = [
        (
            GunReport(
                gun=1,
                state=GunState.CHARGING,
                cable=True,
                order=order,
                energy_dwh=2_500 * at,
                amount_mfen=37_250 * at,
                volts_dv=7_000 + at,
                amps_da=850,
                soc_percent=35 + at // 2,
                charged_minutes=at // 4,
                remaining_minutes=60,
                cable_c=30,
                battery_c=31,
            ),
            NOON_NS + at * STEP_NS,
        )
        for at in range(1, 40)
    ]
    told = sent("ykc-1.6", End.PLATFORM, [(BillReply(order=order), NOON_NS)], pile)
    asked = [
        (found, NOON_NS)
        for found in frames_in(protocol_named("ykc-1.6"), ykc_frame(0x03, bytes.fromhex(pile) + b"\1\0"), None)
    ]
    (found,) = guess_frames(without("ykc-1.6", 0x13), [*told, *asked, *sent("ykc-1.6", End.PILE, reports, pile)])
    assert found.name == ""
    seen = places(found.guesses)
    assert seen[0] == (16, Kind.ORDER)
    assert seen[16] == (7, Kind.PILE)
    assert seen[42] == (2, Kind.ELAPSED)
    assert [seen[at] for at in (46, 54)] == [(4, Kind.AMOUNT), (4, Kind.AMOUNT)]


# A public frame, and where its body holds times and text.
REAL: list[tuple[str, dict[int, tuple[int, Kind]]]] = [
    ("3D", {24: (7, Kind.TIME), 31: (7, Kind.TIME), 185: (7, Kind.TIME)}),
    ("94", {10: (11, Kind.TEXT), 60: (15, Kind.TEXT)}),
    ("40", {0: (16, Kind.ORDER)}),
]


@pytest.mark.parametrize(("type_", "expected"), REAL, ids=[row[0] for row in REAL])
def test_it_finds_times_and_text_in_one_public_body(type_: str, expected: dict[int, tuple[int, Kind]]) -> None:
    vector = next(vector for vector in YKC_VECTORS if vector["type"] == type_)
    guesses = guess_fields([Sample(bytes.fromhex(vector["hex"])[6:-2])], Told())
    assert places(guesses).items() >= expected.items()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['command']:02X}")
def test_it_guesses_at_nothing_that_fits(vector: dict[str, Any]) -> None:
    protocol = protocol_named(vector["protocol"])
    frames = frames_in(protocol, bytes.fromhex(vector["hex"]), None)
    assert frames
    assert guess_frames(protocol, [(found, None) for found in frames]) == []


def columns(*fields: Iterable[bytes]) -> list[Sample]:
    """Bodies whose fields are these, one value of each a body, 15 s apart."""
    bodies = [b"".join(parts) for parts in zip(*fields, strict=True)]
    return [Sample(body, NOON_NS + at * STEP_NS) for at, body in enumerate(bodies)]


def little(values: Iterable[int], size: int) -> list[bytes]:
    return [value.to_bytes(size, "little") for value in values]


def big(values: Iterable[int], size: int) -> list[bytes]:
    return [value.to_bytes(size, "big") for value in values]


def noise(seed: int, size: int, count: int = 8) -> list[bytes]:
    source = random.Random(seed)
    return [source.randbytes(size) for _ in range(count)]


TIMES = [NOON_NS + at * STEP_NS for at in range(8)]
# What lies between bytes of noise, and how it is known.
KNOWN: list[tuple[str, list[bytes], Kind, int]] = [
    ("a counter", little(range(250, 258), 2), Kind.COUNTER, 2),
    ("a counter, high byte first", big(range(250, 258), 2), Kind.COUNTER, 2),
    ("a counter that begins again", little([253, 254, 255, 0, 1, 2, 3, 4], 1), Kind.COUNTER, 1),
    ("an energy", little(range(70_000, 78_000, 1000), 4), Kind.AMOUNT, 4),
    ("an energy, high byte first", big(range(70_000, 78_000, 1000), 4), Kind.AMOUNT, 4),
    ("seconds", little(range(500, 620, 15), 2), Kind.ELAPSED, 2),
    ("times", [write_time(Stamp(at)) for at in TIMES], Kind.TIME, 7),
    ("times of digits", [bytes.fromhex(f"2003031200{at:02d}") for at in range(0, 24, 3)], Kind.TIME, 6),
    ("times since 1970", little([at // S for at in TIMES], 4), Kind.TIME, 4),
    ("text", [b"FW-2.10b"] * 8, Kind.TEXT, 8),
    ("padding", [bytes(5)] * 8, Kind.PADDING, 5),
    ("what never changes", [b"\xa5\x5a"] * 8, Kind.CONSTANT, 2),
]


@pytest.mark.parametrize(("values", "kind", "size"), [row[1:] for row in KNOWN], ids=[row[0] for row in KNOWN])
def test_it_knows_a_field_amid_noise(values: list[bytes], kind: Kind, size: int) -> None:
    guesses = guess_fields(columns(noise(1, 6), values, noise(2, 9)), Told())
    assert places(guesses) == {6: (size, kind)}


def test_it_follows_each_gun_by_itself() -> None:
    bodies = [Sample(bytes([0x40 * gun + at]) + bytes([7]), None, (PILE, gun)) for at in range(6) for gun in (1, 2)]
    assert places(guess_fields(bodies, Told()))[0] == (1, Kind.COUNTER)


@pytest.mark.parametrize("count", [1, 2, 5, 30])
@pytest.mark.parametrize("size", [8, 60, 120])
@pytest.mark.parametrize("seed", range(5))
def test_it_sees_nothing_in_noise(seed: int, size: int, count: int) -> None:
    assert guess_fields(columns(noise(1000 * seed + size, size, count)), Told()) == ()


@pytest.mark.parametrize(("bodies", "begin"), [([], 0), ([Sample(b"")], 0), ([Sample(b"abc")], 3)])
def test_it_guesses_at_nothing_where_there_is_nothing(bodies: list[Sample], begin: int) -> None:
    assert guess_fields(bodies, Told(), begin) == ()


def test_it_leaves_what_is_damaged_alone() -> None:
    damaged = frame(0x60, b"12345678")
    raw = damaged[:-3] + bytes([damaged[-3] ^ 1]) + damaged[-2:]
    frames = frames_in(protocol_named("lhc"), raw, Direction.UP)
    assert [found.sound for found in frames] == [False]
    assert guess_frames(protocol_named("lhc"), [(found, None) for found in frames]) == []


def _proposed(protocol: Protocol, base: str, frames: list[tuple[Frame, int | None]]) -> tuple[Protocol, list[Guessed]]:
    guessed = guess_frames(protocol, frames)
    return remember(proposal(base, guessed), "proposal.yaml"), guessed


def test_its_proposal_is_a_dialect_that_fits_what_it_was_made_of() -> None:
    authorise = Authorise(account="1", order=ORDER, balance_mfen=0, tariff=Tariff((0,) * 48, (0,) * 48))
    told = sent("lhc", End.PLATFORM, [(authorise, NOON_NS)])
    frames = [*told, *sent("lhc", End.PILE, BEATS)]
    frames += [
        (found, NOON_NS)
        for at in range(5)
        for found in frames_in(protocol_named("lhc"), frame(0x60, bytes([at, 9, 9, 9])), Direction.UP)
    ]
    dialect, guessed = _proposed(protocol_named("evlink-2.6"), "evlink-2.6", frames)
    assert [(one.number, bool(one.guesses)) for one in guessed] == [(0x05, True), (0x60, True)]
    assert guess_frames(dialect, frames) == []
    decoded = dialect.decode(frames[-6][0])
    assert decoded.problems == ()
    assert isinstance(decoded.message, GunReport)
    assert decoded.message.order == ORDER
    last = {view.name: view.value for view in dialect.dissect(frames[-1][0])}
    assert last["counter_0"] == "4"
