"""Recordings and results for the tests of reports: small captures of the field's firmware, and lines made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pilesim.conformance.judged import judged
from pilesim.conformance.result import RunResult, ScenarioResult, worst
from pilesim.library import firmware_folder
from pilesim.trace.capture import read_capture
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineUp, Trace
from pilesim.units import S
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import GunReport, GunReportReply, GunState, Message
from pilesim.wire.protocol import protocol_named

PROTOCOL = protocol_named("lhc")
NUMBER = "44030500040000200026"
CAPTURES = firmware_folder() / "captures"
GREEN = CAPTURES / "reference" / "order-short.jsonl"
RED = CAPTURES / "robinson-gen5-0303" / "order-start-lost.jsonl"
HOSTILE = "<script>owned=1</script><img src=x onerror='owned=1'>\"'&\x1b[31m\x00\u202e"
"""What a pile might send to whoever looks at a report of it."""


@cache
def trace_in(path: Path) -> Trace:
    with path.open(encoding="utf-8") as stream:
        return read_capture(stream, path.name)


@cache
def result_in(path: Path) -> ScenarioResult:
    """A capture judged, as a run that kept it would have it."""
    return judged(
        trace_in(path), title=path.stem, file=f"{path.stem}.yaml", strict=False, repeat="again", capture=str(path)
    )


def run_of(*results: ScenarioResult, pile: str = "sim:tested", facts: dict[str, str] | None = None) -> RunResult:
    return RunResult(
        pilesim="1.0",
        seed=7,
        pile=pile,
        protocol="lhc",
        provisional="",
        strict=False,
        verdict=worst(result.verdict for result in results),
        scenarios=results,
        facts=facts or {},
    )


@dataclass(slots=True)
class HandMade:
    """A line on which a test says what passes when. Times are seconds."""

    ends: tuple[End, ...] = tuple(End)
    events: list[AnyEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.events += [LineUp(t_ns=0, end=end) for end in self.ends]

    def leaves(self, at_s: float, raw: bytes, direction: Direction = Direction.UP) -> HandMade:
        return self._chunk(at_s, direction.sender, direction, raw)

    def comes(self, at_s: float, raw: bytes, direction: Direction = Direction.UP, altered: bool = False) -> HandMade:
        return self._chunk(at_s, direction.receiver, direction, raw, altered)

    def _chunk(self, at_s: float, end: End, direction: Direction, raw: bytes, altered: bool = False) -> HandMade:
        if end in self.ends:
            self.events.append(Chunk(t_ns=round(at_s * S), end=end, direction=direction, data=raw, altered=altered))
        return self

    def passes(self, at_s: float, raw: bytes, direction: Direction = Direction.UP) -> HandMade:
        return self.leaves(at_s, raw, direction).comes(at_s, raw, direction)

    def happens(self, event: AnyEvent) -> HandMade:
        self.events.append(event)
        return self

    def trace(self, until_s: float = 600) -> Trace:
        header = Header(start="2020-03-11T10:00:00+08:00", protocol="lhc", pile=NUMBER, guns=2, ends=self.ends)
        return Trace(header, (*self.events, Finish(t_ns=round(until_s * S))))


def bytes_of(message: Message, end: End = End.PILE) -> bytes:
    """The frame of a message alone, of a connection just begun."""
    return PROTOCOL.session(end, NUMBER).build(message)


class Numbered:
    """Frames with running numbers, as two ends of one connection build them."""

    def __init__(self) -> None:
        self._sessions = {end: PROTOCOL.session(end, NUMBER) for end in End}

    def beat(self, state: GunState = GunState.IDLE, gun: int = 1, **said: object) -> bytes:
        return self._sessions[End.PILE].build(GunReport(gun=gun, state=state, cable=False, **said))  # type: ignore[arg-type]  # a test says what it needs

    def reply(self, beat: bytes, gun: int = 1) -> bytes:
        (frame,) = PROTOCOL.framer(Direction.UP).feed(beat, 0)
        return self._sessions[End.PLATFORM].build(GunReportReply(gun=gun), frame)  # type: ignore[arg-type]  # it is a frame
