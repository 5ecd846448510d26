"""The recorder and the capture file: out, and in again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pilesim.errors import FileError, InternalError
from pilesim.trace.capture import (
    BROKEN_OFF,
    decode_event,
    decode_header,
    encode_event,
    encode_header,
    open_capture,
    read_capture,
)
from pilesim.trace.events import (
    AnyEvent,
    Chunk,
    Finish,
    Header,
    Impaired,
    LineDown,
    LineUp,
    Note,
    Reachable,
    Stimulus,
)
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.trace.recorder import Recorder
from pilesim.wire.frame import Direction, End

HEADER = Header(
    start="2020-03-03T12:36:40+08:00",
    protocol="lhc",
    pile="44030500040000200026",
    guns=2,
    scenario="order/start-lost",
    seed=7,
    limits={"beat.period": 35},
)

LINES: list[tuple[AnyEvent, str]] = [
    (
        LineUp(t_ns=0, end=End.PILE, peer="127.0.0.1:40000"),
        '{"event":"line-up","t_ns":0,"end":"pile","peer":"127.0.0.1:40000"}',
    ),
    (
        Chunk(t_ns=1, end=End.PILE, direction=Direction.UP, data=b"\xfe\x00\x16"),
        '{"event":"chunk","t_ns":1,"end":"pile","direction":"up","data":"fe0016"}',
    ),
    (
        Chunk(t_ns=1, end=End.PLATFORM, direction=Direction.UP, data=b"", altered=True),
        '{"event":"chunk","t_ns":1,"end":"platform","direction":"up","data":"","altered":true}',
    ),
    (
        Impaired(
            t_ns=2, impairment="hold start for=46s", effect="held", direction=Direction.DOWN, data=b"\x01", held_ns=5
        ),
        '{"event":"impaired","t_ns":2,"impairment":"hold start for=46s","effect":"held","direction":"down",'
        '"data":"01","held_ns":5}',
    ),
    (
        Stimulus(t_ns=9, kind="plug", gun=1, began_ns=3, detail={"car": {"soc": 35, "insulation": True}}),
        '{"event":"stimulus","t_ns":9,"kind":"plug","gun":1,"began_ns":3,"detail":{"car":{"insulation":true,"soc":35}}}',
    ),
    (Reachable(t_ns=9, can=False), '{"event":"reachable","t_ns":9,"can":false}'),
    (Note(t_ns=9, text="启动充电", line=12), '{"event":"note","t_ns":9,"text":"启动充电","line":12}'),
    (LineDown(t_ns=9, end=End.PLATFORM, by="pile"), '{"event":"line-down","t_ns":9,"end":"platform","by":"pile"}'),
    (Finish(t_ns=10), '{"event":"finish","t_ns":10}'),
]
EVENTS = tuple(event for event, _ in LINES)


def capture() -> str:
    sink = io.StringIO()
    recorder = Recorder(HEADER, sink)
    for event in EVENTS:
        recorder.record(event)
    return sink.getvalue()


@pytest.mark.parametrize(("event", "line"), LINES, ids=[f"{type(e).__name__}-{n}" for n, (e, _) in enumerate(LINES)])
def test_it_writes_an_event_as_one_line_and_reads_it_back(event: AnyEvent, line: str) -> None:
    assert encode_event(event) == line
    assert decode_event(line) == event


def test_it_says_first_what_file_it_is() -> None:
    line = encode_header(HEADER)
    assert line.startswith('{"pilesim-capture":1,')
    assert decode_header(line) == HEADER


def test_it_reads_back_a_whole_recording() -> None:
    trace = read_capture(io.StringIO(capture()), "a.jsonl")
    assert trace.header == HEADER
    assert trace.events == EVENTS


def test_it_reads_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(capture(), encoding="utf-8")
    with path.open(encoding="utf-8") as stream:
        assert read_capture(stream, str(path)).events == EVENTS


def test_it_gives_events_before_it_has_read_them_all() -> None:
    lines = iter([*capture().splitlines(keepends=True)[:3], "nonsense\n"])
    header, events = open_capture(lines, "a.jsonl")
    assert header == HEADER
    assert [next(events), next(events)] == list(EVENTS[:2])


def test_it_reads_all_before_the_place_where_a_recording_was_broken_off() -> None:
    text = capture()
    ends = [at + 1 for at, char in enumerate(text) if char == "\n"]
    for at in range(ends[0], len(text)):
        trace = read_capture(io.StringIO(text[:at]), "a.jsonl")
        whole = sum(end <= at for end in ends) - 1
        tail = trace.events[whole:]
        assert trace.events[:whole] == EVENTS[:whole]
        if at in ends:
            assert tail == ()
        elif at + 1 in ends:
            assert tail == (EVENTS[whole],), "only the end of the line is missing"
        else:
            assert tail == (Note(t_ns=EVENTS[whole - 1].t_ns if whole else 0, text=BROKEN_OFF),)


GOOD = capture().splitlines(keepends=True)

BAD_FILES: dict[str, tuple[list[str], str]] = {
    "empty": ([], "a.jsonl:1: expected a capture, found an empty file"),
    "another file": (
        ['{"a": 1}\n'],
        "a.jsonl:1: expected a capture, whose first line has 'pilesim-capture': 1; found none",
    ),
    "another version": (['{"pilesim-capture":2}\n'], "found 2"),
    "no JSON": (["hello\n"], "a.jsonl:1: "),
    "a header cut off": ([GOOD[0][:20]], "a.jsonl:1: "),
    "a list": ([GOOD[0], "[1]\n"], "a.jsonl:2: expected a JSON object, found '[1]"),
    "a broken line in the middle": ([GOOD[0], GOOD[1][:20] + "\n", GOOD[2]], "a.jsonl:2: "),
    "an unknown event": ([GOOD[0], '{"event":"magic","t_ns":0}\n'], "a.jsonl:2: invalid value 'magic'"),
    "a missing field": ([GOOD[0], '{"event":"chunk","t_ns":0}\n'], "a.jsonl:2: object missing required field"),
    "no hex": ([GOOD[0], GOOD[2].replace("fe0016", "fe001")], "a.jsonl:2: expected 'data' as hex, found 'fe001'"),
    "bytes as a number": ([GOOD[0], GOOD[2].replace('"fe0016"', "7")], "a.jsonl:2: expected 'data' as hex, found 7"),
    "time that goes back": ([GOOD[0], GOOD[2], GOOD[1]], "a.jsonl:3: expected t_ns of 1 or later, found 0"),
}


@pytest.mark.parametrize(("lines", "told"), BAD_FILES.values(), ids=BAD_FILES)
def test_it_names_the_line_that_is_no_event(lines: list[str], told: str) -> None:
    with pytest.raises(FileError) as error:
        read_capture(lines, "a.jsonl")
    assert told in str(error.value)


def test_it_tells_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD[0].encode() + b"\xff\xff\n")
    with path.open(encoding="utf-8") as stream, pytest.raises(FileError, match="expected UTF-8 text"):
        read_capture(stream, "a.jsonl")


def test_it_has_each_event_in_the_file_when_it_is_recorded() -> None:
    lines: list[str] = []
    recorder = Recorder(HEADER, lines.append)
    for count, event in enumerate(EVENTS, 1):
        recorder.record(event)
        assert len(lines) == count + 1
        assert json.loads(lines[-1])["t_ns"] == event.t_ns


def test_it_takes_down_what_is_deferred_in_its_order_when_it_settles_and_then_at_once_again() -> None:
    lines: list[str] = []
    seen: list[AnyEvent] = []
    recorder = Recorder(HEADER, lines.append)
    recorder.observers.append(seen.append)
    recorder.defer()
    for event in EVENTS[:2]:
        recorder.record(event)
    assert (len(lines), seen) == (1, [])
    recorder.settle()
    recorder.record(EVENTS[2])
    assert seen == list(EVENTS[:3])
    assert len(lines) == 4


def test_it_shows_each_event_to_every_observer_in_one_order() -> None:
    recorder = Recorder(HEADER)
    seen: list[tuple[str, AnyEvent]] = []

    def answering(event: AnyEvent) -> None:
        seen.append(("first", event))
        if event == EVENTS[0]:
            recorder.record(EVENTS[1])

    recorder.observers += [answering, lambda event: seen.append(("second", event))]
    recorder.record(EVENTS[0])
    assert seen == [("first", EVENTS[0]), ("second", EVENTS[0]), ("first", EVENTS[1]), ("second", EVENTS[1])]
    assert recorder.trace().events == EVENTS[:2]


def test_it_keeps_nothing_in_memory_when_told() -> None:
    lines: list[str] = []
    recorder = Recorder(HEADER, lines.append, keep=False)
    recorder.record(EVENTS[0])
    assert recorder.trace().events == ()
    assert len(lines) == 2


def test_it_does_not_let_time_go_back() -> None:
    recorder = Recorder(HEADER)
    recorder.record(EVENTS[-1])
    with pytest.raises(InternalError, match="after one at 10 ns"):
        recorder.record(EVENTS[0])


def test_it_reads_a_file_up_to_where_it_broke_off_in_the_middle_of_a_character(tmp_path: Path) -> None:
    told = encode_event(Note(t_ns=9, text="\u9a7f\u7ad9")).encode()
    for at in range(told.index(b"\xe9"), len(told)):
        path = tmp_path / "a.jsonl"
        path.write_bytes("".join(GOOD).encode() + told[:at])
        events = load_log(path, Wishes(form="capture")).trace.events
        assert events[-1] == Note(t_ns=EVENTS[-1].t_ns, text=BROKEN_OFF)
