"""Reports that go on as the one before them reach few rules: that changes nothing of what the rules say."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pilesim.library import firmware_folder
from pilesim.rules.judge import judge
from pilesim.trace.capture import read_capture
from pilesim.trace.decoder import Seen
from pilesim.trace.events import AnyEvent, Impaired, Note, Stimulus, Trace
from pilesim.wire.frame import End

CAPTURES = sorted((firmware_folder() / "captures").rglob("*.jsonl"))


def recorded(path: Path, ends: tuple[End, ...]) -> Trace:
    """The recording, or what a logger at one of its ends has of it."""
    with path.open(encoding="utf-8") as stream:
        trace = read_capture(stream, path.name)
    if len(ends) > 1:
        return trace
    events: list[AnyEvent] = [
        event
        for event in trace.events
        if not isinstance(event, Stimulus | Impaired | Note) and getattr(event, "end", ends[0]) in ends
    ]
    return Trace(replace(trace.header, ends=ends, stimuli=False, scenario=""), tuple(events))


@pytest.mark.parametrize("ends", [tuple(End), (End.PLATFORM,)], ids="-".join)
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_says_the_same_whether_or_not_they_are_passed_over(
    path: Path, ends: tuple[End, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = recorded(path, ends)
    found = judge(trace.header, trace.events)
    passed_over = []

    def never(seen: Seen) -> bool:
        passed_over.append(seen)
        return False

    monkeypatch.setattr("pilesim.rules.facts._in_order", never)
    assert judge(trace.header, trace.events) == found
    assert passed_over
