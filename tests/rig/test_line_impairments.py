"""What every impairment does: what arrives when, and what the trace says of it."""

from __future__ import annotations

import pytest
from toys import BEAT, BEAT_2, BEAT_REPLY, HANG_UP, LHC, START, Bench, bench

from pilesim.errors import UsageError
from pilesim.link.pty import PtyLink
from pilesim.link.serial import SerialLink, SerialSettings
from pilesim.rig.clock import RealClock
from pilesim.rig.impairments import IMPAIRMENTS, objection, parse_impairment
from pilesim.trace.events import Impaired, LineDown, LineUp, Note, Reachable
from pilesim.units import S
from pilesim.wire.actions import Action
from pilesim.wire.frame import Direction, End, Frame

Plan = dict[float, list[bytes | Action]]
Got = list[tuple[float, bytes]]
Effects = list[tuple[float, str]]

UP: Plan = {1: [BEAT], 2: [BEAT_2], 3: [BEAT]}
DOWN: Plan = {1: [BEAT_REPLY], 2: [START], 3: [BEAT_REPLY]}
KEPT = "0x14 start 启动充电 is held until the next frame comes, for 30s at most"

CASES: dict[str, tuple[dict[float, str], Plan, Got, Effects]] = {
    "a delay keeps the order": (
        {0.5: "delay by=2500ms within=1s"},
        UP,
        [(3.5, BEAT), (3.5, BEAT_2), (3.5, BEAT)],
        [(3.5, "held")],
    ),
    "a delay of one message holds what is behind it too": (
        {0.5: "delay gun-report by=1500ms count=1"},
        UP,
        [(2.5, BEAT), (2.5, BEAT_2), (3, BEAT)],
        [(2.5, "held")],
    ),
    "a held message is overtaken": (
        {0.5: "hold gun-report for=1500ms count=1"},
        UP,
        [(2, BEAT_2), (2.5, BEAT), (3, BEAT)],
        [(2.5, "held")],
    ),
    "a stall gives everything at its end": (
        {0.5: "stall for=2s"},
        UP,
        [(2.5, BEAT), (2.5, BEAT_2), (3, BEAT)],
        [(2.5, "held"), (2.5, "held")],
    ),
    "a drop loses what it names, as often as it is told": (
        {0.5: "drop gun-report count=2"},
        UP,
        [(3, BEAT)],
        [(1, "lost"), (2, "lost")],
    ),
    "a drop of another message loses nothing": ({0.5: "drop bill"}, UP, [(1, BEAT), (2, BEAT_2), (3, BEAT)], []),
    "a drop of the other direction loses nothing": (
        {0.5: "drop direction=down"},
        UP,
        [(1, BEAT), (2, BEAT_2), (3, BEAT)],
        [],
    ),
    "a drop begins and ends with its window": (
        {0.5: "drop after=1s within=1s"},
        UP,
        [(1, BEAT), (3, BEAT)],
        [(2, "lost")],
    ),
    "a drop that never happens draws but loses nothing": (
        {0.5: "drop probability=0"},
        UP,
        [(1, BEAT), (2, BEAT_2), (3, BEAT)],
        [],
    ),
    "a drop of everything loses what is no frame too": ({0.5: "drop"}, {1: [b"rubbish"]}, [], [(1, "lost")]),
    "a duplicate comes twice": (
        {0.5: "duplicate count=1"},
        UP,
        [(1, BEAT), (1, BEAT), (2, BEAT_2), (3, BEAT)],
        [(1, "doubled")],
    ),
    "a late duplicate is overtaken": (
        {0.5: "duplicate count=1 later=1500ms"},
        UP,
        [(1, BEAT), (2, BEAT_2), (2.5, BEAT), (3, BEAT)],
        [(1, "doubled")],
    ),
    "a reordered frame comes after the next": (
        {0.5: "reorder count=1"},
        UP,
        [(2, BEAT_2), (2, BEAT), (3, BEAT)],
        [(2, "reordered")],
    ),
    "a frame that nothing follows is let go": ({0.5: "reorder limit=5s"}, {1: [BEAT]}, [(6, BEAT)], [(6, "held")]),
    "merged frames come in one piece": (
        {0.5: "merge count=1"},
        UP,
        [(2, BEAT + BEAT_2), (3, BEAT)],
        [(2, "merged")],
    ),
    "a frame that nothing joins is let go": ({0.5: "merge limit=5s"}, {1: [BEAT]}, [(6, BEAT)], [(6, "held")]),
    "a disconnect of no time hangs up": (
        {1.5: "disconnect"},
        UP,
        [(1, BEAT), (3, BEAT)],
        [(1.5, "disconnected")],
    ),
    "what was held when the line went down is lost": (
        {0.5: "delay by=3s", 2.5: "disconnect"},
        {1: [BEAT], 4: [BEAT_2]},
        [(7, BEAT_2)],
        [(2.5, "disconnected"), (2.5, "lost"), (7, "held")],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_makes_of_the_traffic_what_it_says(case: tuple[dict[float, str], Plan, Got, Effects]) -> None:
    impair, up, got, effects = case
    made = bench(up=dict(up), impair=impair)
    made.run(10)
    assert [(t / S, data) for t, data in made.platform.got] == got
    assert made.impaired() == effects
    assert [(t, data) for t, direction, data, _ in made.chunks(End.PLATFORM) if direction == "up"] == got


def test_it_names_the_impairment_the_direction_the_bytes_and_how_long_they_were_held() -> None:
    made = bench(down=dict(DOWN), impair={0: "hold start for=46s"})
    made.run(60)
    assert made.pile.got[-1] == (48 * S, START)
    assert made.events(Impaired) == [
        Impaired(
            t_ns=48 * S,
            impairment="hold start for=46s",
            effect="held",
            direction=Direction.DOWN,
            data=START,
            held_ns=46 * S,
        )
    ]


def test_it_counts_in_both_directions_together() -> None:
    made = bench(up=dict(UP), down=dict(DOWN), impair={0.5: "drop count=3"})
    made.run(10)
    assert len(made.platform.got) + len(made.pile.got) == 3


def test_it_drops_about_as_many_as_its_probability_says() -> None:
    made = bench(up={t: [BEAT] for t in range(1, 1001)}, impair={0: "drop probability=0.11"})
    made.run(1010)
    lost = len(made.impaired())
    assert 80 <= lost <= 140
    assert len(made.platform.got) == 1000 - lost


def test_it_slows_bytes_to_a_baud_rate() -> None:
    made = bench(up={1: [BEAT, BEAT_2]}, impair={0: "slow baud=9600 direction=up"})
    made.run(10)
    took_s = len(BEAT + BEAT_2) * 10 / 9600
    assert made.platform.heard == BEAT + BEAT_2
    assert made.platform.got[-1][0] == pytest.approx((1 + took_s) * S, abs=1000)
    assert made.platform.got[0][0] == pytest.approx((1 + 9 * 10 / 9600) * S, abs=1000)
    assert [effect for _, effect in made.impaired()] == ["slowed", "slowed"]


@pytest.mark.parametrize(
    ("impairment", "told"),
    [
        ("hold start for=46s count=1", [(2, "hold start count=1 for=46s: 0x14 start 启动充电 is held for 46s")]),
        ("delay start by=46s", [(2, "delay start by=46s: 0x14 start 启动充电 is held for 46s")]),
        ("stall for=10s", [(1, "stall for=10s: all is held for 9.5s")]),
        *((f"{kind} start limit=30s", [(2, f"{kind} start limit=30s: {KEPT}")]) for kind in ("reorder", "merge")),
        ("hold start for=900ms count=1", []),
        ("delay by=46s", []),
        ("stall for=1s", []),
    ],
    ids=["hold", "delay", "stall", "reorder", "merge", "hold-not-for-long", "delay-no-frame", "stall-not-for-long"],
)
def test_it_tells_of_what_it_holds_for_long_when_that_begins(impairment: str, told: list[tuple[float, str]]) -> None:
    made = bench(down=dict(DOWN), impair={0.5: impairment})
    made.run(60)
    assert [(e.t_ns / S, e.text) for e in made.recorder.events if isinstance(e, Note)] == told
    assert [effect for _, effect in made.impaired()][:1] in (["held"], ["reordered"], ["merged"])


def test_it_cuts_a_frame_in_two_and_keeps_the_pieces_apart() -> None:
    made = bench(up=dict(UP), impair={0.5: "cut count=1 gap=200ms"})
    made.run(10)
    (first_ns, first), (second_ns, second), *rest = made.platform.got
    assert first + second == BEAT
    assert first
    assert second
    assert (first_ns, second_ns) == (S, S + S // 5)
    assert [data for _, data in rest] == [BEAT_2, BEAT]
    assert made.impaired() == [(1, "cut")]
    assert [altered for *_, altered in made.chunks(End.PLATFORM)] == [True, True, False, False]


def test_it_truncates_a_frame() -> None:
    made = bench(up=dict(UP), impair={0.5: "cut count=1 lose_rest=true"})
    made.run(10)
    piece = made.platform.got[0][1]
    assert BEAT.startswith(piece)
    assert 0 < len(piece) < len(BEAT)
    assert made.platform.heard == piece + BEAT_2 + BEAT
    assert made.chunks(End.PLATFORM)[0][3]


@pytest.mark.parametrize("bits", [1, 3])
def test_it_flips_bits_but_none_of_the_length(bits: int) -> None:
    made = bench(up={t: [BEAT] for t in range(1, 101)}, impair={0: f"corrupt bits={bits}"})
    made.run(110)
    for _, data in made.platform.got:
        flipped = [sent ^ came for sent, came in zip(BEAT, data, strict=True)]
        assert sum(byte.bit_count() for byte in flipped) == bits
        assert flipped[1:3] == [0, 0]
    assert len({data for _, data in made.platform.got}) > 50, "not the same ones each time"
    assert all(altered for *_, altered in made.chunks(End.PLATFORM))
    assert not any(altered for *_, altered in made.chunks(End.PILE))


def test_it_flips_bits_of_the_length_when_told() -> None:
    made = bench(up={t: [BEAT] for t in range(1, 401)}, impair={0: "corrupt bits=20 length=true"})
    made.run(410)
    assert any(data[1:3] != BEAT[1:3] for _, data in made.platform.got)


def test_it_puts_noise_before_a_frame() -> None:
    made = bench(up=dict(UP), impair={0.5: "noise bytes=5 count=1"})
    made.run(10)
    noise = made.platform.got[0][1]
    assert len(noise) == 5
    assert made.platform.heard == noise + BEAT + BEAT_2 + BEAT
    assert [(data, altered) for _, _, data, altered in made.chunks(End.PLATFORM)][:2] == [(noise, True), (BEAT, False)]
    assert made.impaired() == [(1, "noise")]


@pytest.mark.parametrize(("text", "effect"), [("disconnect for=30s", "disconnected"), ("refuse for=30s", "refused")])
def test_it_hangs_up_both_ends_and_cannot_be_had_until_the_end(text: str, effect: str) -> None:
    made = bench(up={}, impair={10: text})
    made.run(60)
    assert made.impaired() == [(10, effect)]
    assert made.events(Reachable) == [Reachable(t_ns=10 * S, can=False), Reachable(t_ns=40 * S, can=True)]
    assert made.events(LineDown) == [
        LineDown(t_ns=10 * S, end=End.PILE, by="line", reason=text),
        LineDown(t_ns=10 * S, end=End.PLATFORM, by="line", reason=text),
    ]
    downs = [t for t, what in made.pile.said if what == "down"]
    assert downs == [t * S for t in range(10, 41)], "refused every second, also in the instant before the end"
    assert made.pile.said[-1] == (41 * S, "up")
    assert made.platform.said == [(0, "up"), (10 * S, "down"), (41 * S, "up")]


def test_it_flaps_as_often_as_told() -> None:
    made = bench(impair={10: "flap times=3 up=10s down=5s"}, redial_s=0.5)
    made.run(100)
    assert [(e.t_ns // S, e.can) for e in made.events(Reachable) if isinstance(e, Reachable)] == [
        (10, False),
        (15, True),
        (25, False),
        (30, True),
        (40, False),
        (45, True),
    ]
    assert len(made.events(LineUp)) == 2 * 4


def test_it_cannot_be_had_before_the_last_of_two_outages_is_over() -> None:
    made = bench(impair={10: "disconnect for=30s", 20: "refuse for=5s"})
    made.run(60)
    assert made.events(Reachable) == [Reachable(t_ns=10 * S, can=False), Reachable(t_ns=40 * S, can=True)]


def test_it_heals_at_once_and_delivers_in_order_what_it_held() -> None:
    made = bench(
        up={1: [BEAT], 2: [BEAT_2], 3: [b"\xfe\x20"], 4: [BEAT]},
        impair={0.5: "delay by=1h", 0.6: "drop bill", 0.7: "reorder gun-report direction=up"},
        heal_s=3.01,
    )
    made.run(10)
    assert [(t / S, data) for t, data in made.platform.got] == [
        (3.01, BEAT_2),
        (3.01, BEAT),
        (3.01, b"\xfe\x20"),
        (4, BEAT),
    ]


def test_it_heals_an_outage() -> None:
    made = bench(impair={10: "disconnect for=1h"}, heal_s=20.5)
    made.run(30)
    assert made.events(Reachable)[-1] == Reachable(t_ns=20_500_000_000, can=True)
    assert made.pile.said[-1] == (21 * S, "up")
    assert made.pump.run_until(lambda: False, 2 * 3600 * S) is False
    assert len(made.events(Reachable)) == 2


@pytest.mark.parametrize(
    ("pieces", "got"),
    [
        ({1: [BEAT[:10]], 1.03: [BEAT[10:]]}, [(1.03, BEAT)]),
        ({1: [BEAT[:10]], 1.06: [BEAT[10:]]}, [(1.05, BEAT[:10]), (1.06, BEAT[10:])]),
        ({1: [BEAT + BEAT_2[:5]]}, [(1, BEAT), (1.05, BEAT_2[:5])]),
        ({1: [b"rubbish" + BEAT]}, [(1, b"rubbish"), (1, BEAT)]),
        ({1: [b"rubbish" + BEAT[:7]]}, [(1, b"rubbish"), (1.05, BEAT[:7])]),
        ({1: [BEAT[:10]], 1.02: [HANG_UP]}, [(1.02, BEAT[:10])]),
    ],
    ids=["whole in time", "too late", "one and a bit", "rubbish first", "rubbish is not held", "hung up"],
)
def test_it_waits_50_ms_for_a_whole_frame_while_a_message_is_named(pieces: Plan, got: Got) -> None:
    made = bench(up=dict(pieces), impair={0.5: "drop bill"})
    made.run(5)
    merged: Got = []
    for t_ns, data in made.platform.got:
        # In how many pieces the bytes of one instant come is the line's own affair, but for whole frames.
        if merged and merged[-1][0] == t_ns / S and data not in (BEAT, BEAT_2):
            merged[-1] = (t_ns / S, merged[-1][1] + data)
        else:
            merged.append((t_ns / S, data))
    assert merged == got


def test_it_passes_every_byte_once_whatever_is_looked_for() -> None:
    stream = (b"\xfe" + BEAT + b"\xfe\x30\x00\x02\x06" + BEAT_2[:20] + BEAT + b"\x16") * 5
    up: Plan = {1 + i * 0.013: [stream[at : at + 17]] for i, at in enumerate(range(0, len(stream), 17))}
    made = bench(up=up, impair={0.5: "drop bill"})
    made.run(20)
    assert made.platform.heard == stream
    assert made.impaired() == []


def test_it_looks_for_frames_only_while_an_impairment_is_armed() -> None:
    made = bench(up={1: [BEAT], 2: [BEAT[:10]]}, impair={0.5: "drop gun-report count=1"})
    made.run(5)
    assert made.platform.got == [(2 * S, BEAT[:10])]


def test_it_finds_a_message_in_a_stream_cut_anywhere() -> None:
    stream = BEAT_REPLY + START + BEAT_REPLY
    for at in range(1, len(stream)):
        made = bench(down={1: [stream[:at]], 1.01: [stream[at:]]}, impair={0: "drop start count=1"})
        made.run(2)
        assert made.pile.heard == BEAT_REPLY * 2
        assert made.impaired() == [(1.01 if at < len(BEAT_REPLY + START) else 1, "lost")]


def test_it_has_a_stream_of_chance_of_its_own_for_each_impairment() -> None:
    def lost(*more: str) -> list[int]:
        armed = {0.1 * n: text for n, text in enumerate(["drop probability=0.3 direction=up", *more])}
        made = bench(up={t: [BEAT] for t in range(1, 101)}, down={t: [BEAT_REPLY] for t in range(1, 101)}, impair=armed)
        made.run(110)
        arrived = {t for t, _ in made.platform.got}
        return [t for t in range(1, 101) if t * S not in arrived]

    assert lost() == lost("drop probability=0.5 direction=down", "corrupt probability=0.5")
    assert 15 <= len(lost()) <= 45


def test_it_frames_altered_bytes_as_its_protocol_would() -> None:
    made = bench(up={1: [BEAT]}, impair={0: "corrupt count=1"})
    made.run(5)
    found = LHC.framer(Direction.UP).feed(made.platform.heard, 0)
    assert not any(isinstance(f, Frame) and f.sound for f in found)


def _serial_bench(impair: dict[float, str], up: Plan) -> Bench:
    offered = PtyLink()
    offered.open()
    port = SerialLink(f"serial://{offered.name}", offered.name, SerialSettings())
    return bench(clock=RealClock(25), own_pair=(port, offered), up=up, impair=impair, redial_s=None)


@pytest.mark.realtime
def test_it_cuts_the_wire_of_a_serial_line() -> None:
    made = _serial_bench({10: "disconnect for=30s"}, {5: [BEAT], 20: [BEAT_2], 60: [BEAT]})
    assert made.run(200, lambda: made.platform.heard == BEAT * 2)
    assert [type(e) for e in made.events(LineUp, LineDown)] == [LineUp] * 2 + [LineDown] * 2 + [LineUp] * 2
    assert {e.by for e in made.events(LineDown) if isinstance(e, LineDown)} == {"line"}
    assert [effect for _, effect in made.impaired()] == ["disconnected", "lost"]
    assert made.platform.said == [(made.platform.said[0][0], "up")], "a cut wire tells nobody"
    made.close()


def test_it_cannot_refuse_on_a_serial_line() -> None:
    made = _serial_bench({}, {})
    refuse = parse_impairment("refuse for=30s")
    assert "serial line" in objection(refuse, connectionless=True)
    with pytest.raises(UsageError, match="serial line"):
        made.line.impair(refuse)
    assert objection(parse_impairment("disconnect for=30s"), connectionless=True) == ""
    made.close()


def test_it_has_a_case_for_every_impairment() -> None:
    texts = " ".join(text for impair, *_ in CASES.values() for text in impair.values())
    own_tests = {"slow", "cut", "corrupt", "noise", "flap", "refuse"}
    assert set(IMPAIRMENTS) == {word for word in IMPAIRMENTS if word in texts} | own_tests
