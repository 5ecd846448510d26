"""The line with no impairment armed, and what it does with connections."""

from __future__ import annotations

import random

import pytest
from toys import BEAT, BEAT_2, BEAT_REPLY, DIAL, HANG_UP, LHC, START, Bench, Toy, bench, header

from pilesim.link.base import Link
from pilesim.link.pty import PtyLink
from pilesim.link.serial import SerialLink, SerialSettings
from pilesim.link.tcp import TcpDial, TcpListen
from pilesim.link.virtual import virtual_pair
from pilesim.rig.clock import RealClock, VirtualClock
from pilesim.rig.driver import Driver
from pilesim.rig.line import QUEUED_LIMIT_BYTES, Line
from pilesim.rig.pump import Pump
from pilesim.trace.events import AnyEvent, Chunk, LineDown, LineUp, Note
from pilesim.trace.recorder import Recorder
from pilesim.units import MS, S
from pilesim.wire.actions import Action
from pilesim.wire.frame import End


def ends(made: Bench) -> list[tuple[float, str, str, str]]:
    """(seconds, up or down, end, by) of each connection's beginnings and ends."""
    return [
        (e.t_ns / S, "up", str(e.end), "") if isinstance(e, LineUp) else (e.t_ns / S, "down", str(e.end), e.by)
        for e in made.events(LineUp, LineDown)
        if isinstance(e, LineUp | LineDown)
    ]


def test_it_passes_bytes_untouched_and_at_once_both_ways() -> None:
    chance = random.Random("bytes")
    up: dict[float, list[bytes | Action]] = {t / 10: [chance.randbytes(chance.randint(1, 700))] for t in range(1, 40)}
    down: dict[float, list[bytes | Action]] = {t / 7: [chance.randbytes(chance.randint(1, 700))] for t in range(1, 20)}
    made = bench(up=up, down=down)
    made.run(10)
    assert made.platform.got == [(int(t * S), data[0]) for t, data in up.items()]
    assert made.pile.got == [(int(t * S), data[0]) for t, data in down.items()]
    assert made.impaired() == []


def test_it_notes_each_chunk_at_both_ends_sender_first() -> None:
    made = bench(up={1: [BEAT]}, down={2: [START]})
    made.run(3)
    assert [(e.t_ns, str(e.end), str(e.direction), e.data) for e in made.events(Chunk) if isinstance(e, Chunk)] == [
        (S, "pile", "up", BEAT),
        (S, "platform", "up", BEAT),
        (2 * S, "platform", "down", START),
        (2 * S, "pile", "down", START),
    ]


def test_it_makes_one_connection_to_the_platform_of_one_of_the_pile() -> None:
    made = bench(up={0: [], 1: [BEAT], 2: [BEAT, HANG_UP], 3: [DIAL], 4: [BEAT]})
    made.run(5)
    assert ends(made) == [
        (0, "up", "pile", ""),
        (0, "up", "platform", ""),
        (2, "down", "pile", "pile"),
        (2, "down", "platform", "pile"),
        (3, "up", "pile", ""),
        (3, "up", "platform", ""),
    ]
    assert made.platform.heard == BEAT * 3
    assert made.platform.said == [(0, "up"), (2 * S, "down"), (3 * S, "up")]


def test_it_passes_on_the_platforms_hang_up_after_its_bytes() -> None:
    made = bench(down={1: [START, HANG_UP]})
    made.run(5)
    assert made.pile.heard == START
    assert made.pile.said == [(0, "up"), (S, "down"), (2 * S, "up")], "and the pile dials again a second later"
    assert ends(made)[2:4] == [(1, "down", "platform", "platform"), (1, "down", "pile", "platform")]


def test_it_brings_the_delayed_bytes_of_a_connection_before_its_end_and_the_next_after_it() -> None:
    made = bench(
        impair={0.5: "delay by=10s direction=up"},
        up={1: [b"first"], 2: [HANG_UP], 3: [DIAL], 4: [b"second"]},
    )
    made.run(30)
    assert made.platform.got == [(11 * S, b"first"), (14 * S, b"second")]
    assert [(t, what) for t, what in made.platform.said] == [(0, "up"), (11 * S, "down"), (11 * S, "up")]


def test_it_tells_the_pile_when_the_platform_cannot_be_had() -> None:
    pile_own, pile_far = virtual_pair()
    desk_far, _ = virtual_pair()
    for link in (pile_own, pile_far, desk_far):
        link.open()
    pile = Toy({S: [b"to nobody"]}, dials=True)
    recorder = Recorder(header())
    line = Line(pile_far, desk_far, recorder, protocol=LHC)
    Pump(VirtualClock(), [Driver(pile, pile_own), line]).run_until(lambda: False, 2 * S)
    assert pile.said == [(0, "up"), (0, "down")]
    down = next(e for e in recorder.events if isinstance(e, LineDown))
    assert (down.end, down.by) == (End.PILE, "platform")
    assert "could not be had" in down.reason


def test_it_dials_a_pile_side_that_listens_and_again_every_second() -> None:
    far, near = virtual_pair("serial-server")
    desk_far, desk_own = virtual_pair()
    for link in (far, desk_far, desk_own):
        link.open()
    pile, platform = Toy({5 * S: [b"hello"], 6 * S: [HANG_UP]}), Toy()
    recorder = Recorder(header())
    line = Line(far, desk_far, recorder, protocol=LHC)
    pump = Pump(VirtualClock(), [Driver(pile, near), line, Driver(platform, desk_own)])
    pump.run_until(lambda: False, 2500 * MS)
    assert [e for e in recorder.events if isinstance(e, LineUp | LineDown)] == []
    near.open()
    pump.run_until(lambda: False, 10 * S)
    assert pile.said == [(3 * S, "up"), (7 * S, "up")]
    assert platform.heard == b"hello"


def test_it_reports_a_port_that_vanished() -> None:
    made = _over_pty()
    made.run(900, lambda: made.pile.said != [])
    made.links[1].close()
    assert made.run(900, lambda: made.line.vanished != "")
    assert made.links[0].name in made.line.vanished
    made.close()


def _over_pty() -> Bench:
    offered = PtyLink()
    offered.open()
    port = SerialLink(f"serial://{offered.name}", offered.name, SerialSettings())
    return bench(clock=RealClock(50), own_pair=(offered, port))


def test_it_carries_a_tap_between_two_real_lines() -> None:
    desk = TcpListen()
    desk.open()
    tap = TcpListen()
    tap.open()
    to_desk, to_tap = TcpDial("127.0.0.1", desk.port), TcpDial("127.0.0.1", tap.port)
    links: list[Link] = [to_desk, to_tap]
    for link in links:
        link.open()
    plan: dict[int, list[bytes | Action]] = {S: [BEAT]}
    pile, platform = Toy(plan, dials=True), Toy(answers=lambda data: BEAT_REPLY)
    line = Line(tap, to_desk, Recorder(header()), protocol=LHC)
    pump = Pump(RealClock(50), [Driver(pile, to_tap), line, Driver(platform, desk)])
    assert pump.run_until(lambda: pile.heard == BEAT_REPLY, 900 * S)
    assert platform.heard == BEAT
    for link in (*links, desk, tap):
        link.close()


@pytest.mark.parametrize("there", [False, True])
def test_it_knows_whether_pile_and_platform_have_met(there: bool) -> None:
    desk, tap = TcpListen(), TcpListen()
    desk.open()
    tap.open()
    to_desk, to_tap = TcpDial("127.0.0.1", desk.port), TcpDial("127.0.0.1", tap.port)
    to_desk.open()
    to_tap.open()
    if not there:
        desk.close()
    pile = Toy({S: [BEAT]}, dials=True)
    line = Line(tap, to_desk, Recorder(header()), protocol=LHC)
    assert not line.met
    pump = Pump(RealClock(50), [Driver(pile, to_tap), line, *([Driver(Toy(), desk)] if there else [])])
    # A pile that dials in is heard before it is known that there is no platform for it.
    assert pump.run_until(lambda: len(pile.said) > 1 or line.met, 900 * S)
    assert line.met is there
    for link in (to_desk, to_tap, tap, *([desk] if there else [])):
        link.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_it_records_the_same_bytes_every_time(seed: int) -> None:
    def recorded() -> list[str]:
        lines: list[str] = []
        made = bench(
            up={t / 2: [BEAT] for t in range(1, 60)},
            down={t / 3: [BEAT_REPLY, START] for t in range(1, 60)},
            impair={1: "delay by=200ms jitter=1s", 2: "corrupt probability=0.3", 3: "drop probability=0.2", 5: "noise"},
            seed=seed,
            recorder=Recorder(header(), lines.append),
        )
        made.run(60)
        return lines

    assert recorded() == recorded()
    assert any("corrupted" in line for line in recorded())


def test_it_has_sent_the_bytes_before_anyone_is_told_of_them() -> None:
    made = bench(up={1: [BEAT]})
    desk_far = made.links[2]
    sent: list[bytes] = []
    sent_when_told: list[list[bytes]] = []
    send = desk_far.send

    def sending(data: bytes) -> None:
        sent.append(data)
        send(data)

    desk_far.send = sending  # type: ignore[method-assign]
    made.recorder.observers.append(lambda e: sent_when_told.append(list(sent)) if isinstance(e, Chunk) else None)
    made.run(2)
    assert sent_when_told == [[BEAT], [BEAT]]


def test_it_hangs_up_an_end_whose_bytes_wait_beyond_the_limit() -> None:
    piece = bytes(QUEUED_LIMIT_BYTES // 4)
    made = bench(impair={0.5: "delay by=1h"}, up={t: [piece] for t in range(1, 7)}, redial_s=None)
    made.run(7200)
    (down,) = [e for e in made.events(LineDown) if isinstance(e, LineDown) and e.end is End.PILE]
    assert (down.t_ns, down.by) == (5 * S, "line")
    assert f"more than {QUEUED_LIMIT_BYTES} bytes wait to go up" in down.reason
    assert made.platform.heard == piece * 4, "what waited is delivered in its time"


def test_it_notes_a_second_pile_that_dials_in() -> None:
    tap, (desk_far, desk_own) = TcpListen(), virtual_pair()
    for link in (tap, desk_far, desk_own):
        link.open()
    recorder = Recorder(header())
    pump = Pump(RealClock(), [Line(tap, desk_far, recorder, protocol=LHC)])
    dials = [TcpDial("127.0.0.1", tap.port) for _ in range(2)]
    for dial in dials:
        dial.open()
        dial.dial()
    assert pump.run_until(lambda: any(isinstance(e, Note) for e in recorder.events), 20 * S)
    assert [type(e) for e in recorder.events] == [LineUp, Note, LineUp]
    (note,) = [e for e in recorder.events if isinstance(e, Note)]
    assert "one pile at a time" in note.text
    for dial in dials:
        dial.close()
    tap.close()


def test_it_records_the_same_whether_it_hands_bytes_on_or_looks_at_them_first() -> None:
    """An impairment that never finds its message has every byte framed and queued, and changes none."""
    up: dict[float, list[bytes | Action]] = {1: [BEAT], 2: [BEAT, BEAT_2], 3: [HANG_UP], 3.5: [DIAL], 5: [BEAT_2]}
    down: dict[float, list[bytes | Action]] = {2: [START], 4: [START], 5: [START]}

    def recorded(impair: dict[float, str]) -> list[AnyEvent]:
        made = bench(up=up, down=down, impair=impair, answers=lambda data: BEAT_REPLY)
        made.run(10)
        return made.recorder.events

    handed_on = recorded({})
    assert len([event for event in handed_on if isinstance(event, Chunk)]) > 10
    assert handed_on == recorded({0: "drop message=bill"})
