"""The message sequence chart: which frame is drawn how far, what the line did to it, which heartbeats are routine."""

from __future__ import annotations

import pytest
from recorded import RED, HandMade, Numbered, bytes_of, result_in, trace_in

from pilesim.report.chart import Arrow, Chart, Course, Mark, MarkKind, Quiet
from pilesim.report.sequence import BEATS_SHOWN, chart_of
from pilesim.trace.events import Impaired, LineDown, LineUp, Note, Stimulus
from pilesim.units import S
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunState, Hello, Start

HELLO = bytes_of(Hello(firmware="V1"))
START = bytes_of(Start(account="1"), End.PLATFORM)
UP, DOWN = Direction.UP, Direction.DOWN


def arrows(chart: Chart) -> list[Arrow]:
    return [row.item for row in chart.rows if isinstance(row.item, Arrow)]


def marks(chart: Chart, kind: MarkKind) -> list[Mark]:
    return [row.item for row in chart.rows if isinstance(row.item, Mark) and row.item.kind is kind]


def impaired(effect: str, data: bytes, direction: Direction = DOWN, at_s: int = 1, held_s: int = 0) -> Impaired:
    return Impaired(
        t_ns=at_s * S, impairment=f"{effect} it", effect=effect, direction=direction, data=data, held_ns=held_s * S
    )


# What passed, and the arrows that tell it: (course, lost, what is said of it).
COURSES = {
    "a frame that arrives": (
        HandMade().passes(1, START, DOWN),
        [(Course.WHOLE, False, ())],
    ),
    "a frame that is dropped": (
        HandMade().leaves(1, START, DOWN).happens(impaired("lost", START)),
        [(Course.LEFT, True, ("lost: lost it",))],
    ),
    "a frame that is held": (
        HandMade().leaves(1, START, DOWN).happens(impaired("held", START, at_s=9, held_s=8)).comes(9, START, DOWN),
        [(Course.LEFT, False, ()), (Course.CAME, False, ("held 8s: held it",))],
    ),
    "a frame that is doubled": (
        HandMade()
        .leaves(1, START, DOWN)
        .happens(impaired("doubled", START))
        .comes(1, START, DOWN)
        .comes(3, START, DOWN),
        [(Course.WHOLE, False, ("doubled: doubled it",)), (Course.CAME, False, ("once more, from the line",))],
    ),
    "a frame that is corrupted": (
        HandMade()
        .leaves(1, START, DOWN)
        .happens(impaired("corrupted", START))
        .comes(1, START[:40] + b"\xff" + START[41:], DOWN, altered=True),
        [(Course.LEFT, True, ("corrupted: corrupted it",)), (Course.CAME, False, ("as the line made it",))],
    ),
    "a frame that is never seen again": (
        HandMade().leaves(1, START, DOWN),
        [(Course.LEFT, True, ("did not reach the pile",))],
    ),
    "a frame that nobody sent": (
        HandMade().comes(1, START, DOWN),
        [(Course.CAME, False, ("not seen leaving",))],
    ),
    "a frame of a recording with one end": (
        HandMade(ends=(End.PLATFORM,)).leaves(1, START, DOWN),
        [(Course.WHOLE, False, ())],
    ),
}


@pytest.mark.parametrize("case", COURSES)
def test_it_draws_how_far_a_frame_came_and_what_the_line_did(case: str) -> None:
    line, expected = COURSES[case]
    assert [(a.course, a.lost, a.effects) for a in arrows(chart_of(line.trace()))] == expected


def test_it_numbers_a_frame_as_each_end_counted_it_and_opens_its_fields() -> None:
    (hello, start) = arrows(chart_of(HandMade().passes(0, HELLO).passes(1, START, DOWN).trace()))
    assert (start.at_pile, start.at_platform) == (2, 2)
    assert hello.direction is UP
    assert "firmware V1" in hello.frame.words
    firmware = next(field for field in hello.frame.fields if field.name == "firmware")
    assert (firmware.value, firmware.raw[:4]) == ("V1", b"V1".hex())


def test_it_keeps_the_bytes_where_fields_are_not_wanted() -> None:
    (hello,) = arrows(chart_of(HandMade().passes(0, HELLO).trace()))
    bare = hello.shown(False)
    assert (bare.fields, bare.raw) == ((), HELLO.hex())


def test_it_tells_bytes_that_are_no_frame_and_why() -> None:
    (noise,) = arrows(chart_of(HandMade().passes(1, b"hello").trace()))
    assert noise.frame.title == "5 bytes that are no frame"
    assert "0xFE" in noise.frame.words
    assert noise.course is Course.WHOLE


def beating(numbered: Numbered, beats: int, answered: int) -> HandMade:
    line = HandMade()
    for number in range(beats):
        beat = numbered.beat()
        line.passes(30 * number, beat)
        if number < answered:
            line.passes(30 * number + 0.05, numbered.reply(beat), DOWN)
    return line


def test_it_collapses_heartbeats_that_say_nothing_new_with_their_replies() -> None:
    chart = chart_of(beating(Numbered(), 5, 5).trace())
    (first,) = arrows(chart)
    (quiet,) = [row.item for row in chart.rows if isinstance(row.item, Quiet)]
    assert first.answered_ns == S // 20
    assert quiet.text == "4 heartbeats and their replies: gun 1 idle"
    assert [beat.t_ns // S for beat in quiet.beats] == [30, 60, 90, 120]
    assert {beat.answered_ns for beat in quiet.beats} == {S // 20}


@pytest.mark.parametrize(
    ("answered", "said"), [(3, "4 heartbeats, 2 replies"), (2, "4 heartbeats, 1 reply"), (1, "4 heartbeats, no reply")]
)
def test_it_tells_how_many_routine_heartbeats_were_answered(answered: int, said: str) -> None:
    chart = chart_of(beating(Numbered(), 5, answered).trace())
    (quiet,) = [row.item for row in chart.rows if isinstance(row.item, Quiet)]
    assert quiet.text == f"{said}: gun 1 idle"


def test_it_gives_a_late_reply_to_the_heartbeat_that_it_answers() -> None:
    numbered = Numbered()
    first, second = numbered.beat(), numbered.beat()
    line = HandMade().passes(0, first).passes(30, second).passes(31, numbered.reply(second), DOWN)
    chart = chart_of(line.trace())
    assert [arrow.answered_ns for arrow in arrows(chart)] == [None]
    (quiet,) = [row.item for row in chart.rows if isinstance(row.item, Quiet)]
    assert [beat.answered_ns for beat in quiet.beats] == [S]


def test_it_shows_a_heartbeat_with_news_for_itself() -> None:
    numbered = Numbered()
    line = HandMade()
    for number, state in enumerate((GunState.IDLE, GunState.IDLE, GunState.FAULT, GunState.FAULT)):
        line.passes(30 * number, numbered.beat(state))
    chart = chart_of(line.trace())
    assert [arrow.t_ns // S for arrow in arrows(chart)] == [0, 60]


def test_it_lists_so_many_of_a_long_quiet_stretch_and_counts_the_rest() -> None:
    chart = chart_of(beating(Numbered(), BEATS_SHOWN + 8, 0).trace(until_s=3000))
    (quiet,) = [row.item for row in chart.rows if isinstance(row.item, Quiet)]
    assert (len(quiet.beats), quiet.left_out) == (BEATS_SHOWN, 7)


def test_it_shows_where_the_line_was_down_and_for_how_long() -> None:
    line = (
        HandMade()
        .happens(LineDown(t_ns=5 * S, end=End.PILE, by="line", reason="disconnect"))
        .happens(Stimulus(t_ns=6 * S, began_ns=4 * S, kind="unplug", gun=1))
        .happens(LineUp(t_ns=9 * S, end=End.PILE))
    )
    chart = chart_of(line.trace())
    assert [(row.item.text, row.down) for row in chart.rows if isinstance(row.item, Mark)] == [
        ("the line is up", False),
        ("the line is down, by the line: disconnect", True),
        ("unplug gun 1, within 2s", True),
        ("the line is up again after 4s", False),
    ]


@pytest.mark.parametrize(
    ("text", "side"), [("plug: {gun: 1}", End.PILE), ("start: {gun: 1}", End.PLATFORM), ("wait: 3s", None)]
)
def test_it_puts_a_step_at_the_side_that_acts(text: str, side: End | None) -> None:
    (step,) = marks(chart_of(HandMade().happens(Note(t_ns=S, text=text, line=4)).trace()), MarkKind.STEP)
    assert (step.side, step.line, step.text) == (side, 4, text)


def test_it_tells_a_step_that_waited_in_vain_as_a_note() -> None:
    note = Note(t_ns=S, text="until: {bill: A}: not seen in 2m", line=4, timed_out=True)
    assert [m.text for m in marks(chart_of(HandMade().happens(note).trace()), MarkKind.NOTE)] == [note.text]


def test_it_tells_what_the_line_did_to_no_frame_that_was_seen() -> None:
    noise = impaired("noise", b"\x01\x02\x03")
    assert [m.text for m in marks(chart_of(HandMade().happens(noise).trace()), MarkKind.LINE)] == [
        "the line is up",
        "noise: noise it (3 bytes)",
    ]


def test_it_marks_the_frame_that_a_finding_is_about_and_tells_the_finding_after_it() -> None:
    result = result_in(RED)
    findings = [(row.id, finding) for row in result.rules for finding in row.findings]
    chart = chart_of(trace_in(RED), findings)
    (bill,) = [arrow for arrow in arrows(chart) if arrow.blamed]
    assert bill.frame.title.startswith("0x09 bill")
    at = next(number for number, row in enumerate(chart.rows) if row.item is bill)
    told = [row.item for row in chart.rows[at + 1 : at + 1 + len(findings)]]
    assert {item.rule for item in told if isinstance(item, Mark)} == {rule for rule, _ in findings}


def test_it_keeps_to_the_order_of_the_recording_within_an_instant() -> None:
    line = HandMade().passes(1, HELLO)
    line.happens(Stimulus(t_ns=S, began_ns=S, kind="plug", gun=1)).passes(1, START, DOWN)
    kinds = [type(row.item).__name__ for row in chart_of(line.trace()).rows]
    assert kinds == ["Mark", "Arrow", "Mark", "Arrow"]
