"""The reference at both ends of a bad line: nobody is blamed for what the line did, by whatever recording of it.

Owns what a line may do to one message, or to all for a while. A recording tells its connections, or has them made up of
the pile's hellos as an import does.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from test_one_end import PLAYED, one_end

from pilesim.conformance.runner import REFERENCE_PLATFORM, Options, run_scenario
from pilesim.rig.impairments import parse_impairment
from pilesim.rules.judge import judge
from pilesim.rules.verdict import Blame, Finding, Verdict
from pilesim.trace.events import AnyEvent, Chunk, Finish, LineDown, LineUp, Missing, Trace, Vantage
from pilesim.trace.importers.assemble import _Connections
from pilesim.trace.importers.imported import Ledger
from pilesim.units import MINUTE
from pilesim.wire.frame import End
from pilesim.wire.messages import MESSAGE_TYPES
from pilesim.wire.protocol import DEFAULT_PROTOCOL, protocol_named

TOLD = (
    *("hello", "hello-reply", "time-ask", "time-tell", "gun-report", "gun-report-reply", "alive", "alive-reply"),
    *("authorise", "authorise-reply", "start", "start-reply", "start-ask", "stop", "stop-reply", "stop-ask"),
    *("card-ask", "card-reply", "ended", "bill", "bill-reply", "tariff-ask", "tariff-tell", "balance-tell"),
)
DONE = ("drop {} count=1", "hold {} for=45s count=1", "delay {} by=20s count=1", "duplicate {} later=10s count=1")
OUTAGES = tuple(
    f"{done} after={after}s"
    for after in (1, 9, 20, 35, 60, 90, 130, 200)
    for done in ("disconnect for=10s", "disconnect for=70s", "stall for=45s")
)
BAD = (*(done.format(message) for message in TOLD for done in DONE), *OUTAGES)
LONG_NS = 30 * MINUTE
SHORT = [play for play, scenario in PLAYED.items() if scenario.estimate_ns <= LONG_NS]
TURNS = 2
STEP = 37
"""Of the bad lines each play has a few, and each play others."""
CASES = [
    (protocol, name, BAD[(at * TURNS + turn) * STEP % len(BAD)])
    for at, (protocol, name) in enumerate(SHORT)
    for turn in range(TURNS)
]
BLAMED_ONCE = [
    (DEFAULT_PROTOCOL, "line/jitter", "stall for=45s after=35s"),
    ("ykc-1.6", "line/jitter", "stall for=45s after=35s"),
    ("ykc-1.6", "line/jitter", "stall for=45s after=60s"),
    ("ykc-1.6", "auth/second-scan-charging", "hold time-tell for=45s count=1"),
    ("ykc-1.6", "auth/second-scan-charging", "hold time-tell for=200s count=1"),
    ("ykc-1.6", "order/balance-offline", "hold time-tell for=200s count=1 after=60s"),
    ("ykc-1.6", "bill/unacknowledged", "drop bill count=3"),
    (DEFAULT_PROTOCOL, "clock/never-set", "delay hello-reply by=20s count=1"),
    (DEFAULT_PROTOCOL, "clock/never-set", "drop gun-report count=1"),
    (DEFAULT_PROTOCOL, "auth/expires", "delay ended by=20s count=1"),
    (DEFAULT_PROTOCOL, "order/card", "drop start-ask count=3"),
    (DEFAULT_PROTOCOL, "bill/backlog", "drop authorise-reply count=3"),
    ("ykc-1.6", "start/twice", "drop tariff-ask count=3"),
    ("ykc-1.6", "start/bms-silent", "stall for=45s after=9s"),
    ("ykc-1.6", "bill/unplugged", "stall for=45s after=200s"),
    ("ykc-1.6", "clock/wrong-at-boot", "hold time-tell for=200s count=1"),
    ("ykc-1.6", "clock/never-set", "hold time-tell for=200s count=1 after=60s"),
    (DEFAULT_PROTOCOL, "bill/scanned-before-unplug", "drop bill-reply count=1"),
    ("ykc-1.6", "beat/occupied", "disconnect for=10s after=44s"),
    (DEFAULT_PROTOCOL, "order/stopped-at-pile-offline", "drop bill count=3"),
    ("ykc-1.6", "start/insulation-fails", "hold start-reply for=200s count=1"),
    (DEFAULT_PROTOCOL, "auth/expires", "drop ended count=1"),
    (DEFAULT_PROTOCOL, "auth/expires", "duplicate authorise later=100s count=1"),
    (DEFAULT_PROTOCOL, "auth/expires", "hold authorise for=200s count=1"),
]
"""What was held up comes in no burst; a clock is set back across a change of rate; each bill is lost; the time has not
reached the pile yet, or was lost with a power that nobody recorded; the pile has not been let in yet; an
acknowledgement is lost, and the bill comes again after the next order is over; a battery is full in an outage, which no
state tells; what is missing by its number is so from the first on a connection; the bill of a start that failed
overtakes its answer; the scenario has the platform's own timers off; an authorisation came twice, or late."""


def test_the_messages_are_those_that_there_are() -> None:
    assert set(TOLD) <= set(MESSAGE_TYPES)
    assert len(BAD) % STEP, "all come up"


def without_connections(trace: Trace, end: End) -> Trace:
    """The recording as a log of bytes has it: what came up and went down is made up of hellos."""
    kept = one_end(trace, end)
    bytes_alone = (event for event in kept.events if not isinstance(event, LineUp | LineDown))
    found = _Connections(protocol_named(trace.header.protocol), end, Ledger()).between(bytes_alone)
    header = replace(kept.header, source="a.log", missing=(Missing.ACTS, Missing.CONNECTIONS))
    return Trace(header, tuple(found))


def two_logs(trace: Trace) -> Trace:
    """Both ends' own, joined."""
    header = replace(trace.header, scenario="", stimuli=False, source="a.log", missing=(Missing.ACTS,))

    def plain(event: AnyEvent) -> AnyEvent:
        return replace(event, by="", reason="") if isinstance(event, LineDown) else event

    kept = (event for event in trace.events if isinstance(event, Chunk | LineUp | LineDown | Finish))
    return Trace(header, tuple(plain(event) for event in kept))


def recordings(trace: Trace) -> Iterator[tuple[str, Trace]]:
    yield "whole", trace
    yield "two logs", two_logs(trace)
    for end in End:
        yield f"at the {end}", one_end(trace, end)
        yield f"at the {end}, bytes alone", without_connections(trace, end)
    yield "between", one_end(trace, End.PLATFORM, Vantage.BETWEEN)


def blaming(trace: Trace) -> list[Finding]:
    """The findings that are laid to an end, or to nobody without a word on which recording would tell."""
    judgement = judge(trace.header, trace.events)
    found = [finding for row in judgement.rules for finding in row.findings if finding.blame is not Blame.LINE]
    return [finding for finding in found if finding.blame is not Blame.CANNOT_TELL or not finding.hint]


def at_all_ends(protocol: str, name: str, bad: str) -> None:
    """Play it on the bad line: by none of its recordings an end is blamed."""
    impairments = (parse_impairment(bad),)
    options = Options(target=REFERENCE_PLATFORM, protocol=protocol, seed=1, impairments=impairments)
    trace = run_scenario(PLAYED[protocol, name], options).trace
    for where, recording in recordings(trace):
        assert blaming(recording) == [], where


@pytest.mark.one_in(50)
@pytest.mark.parametrize(("protocol", "name", "bad"), CASES)
def test_it_blames_neither_end_for_what_the_line_did(protocol: str, name: str, bad: str) -> None:
    at_all_ends(protocol, name, bad)


@pytest.mark.parametrize(("protocol", "name", "bad"), BLAMED_ONCE)
def test_it_blames_neither_end_for_what_one_was_once_blamed_for(protocol: str, name: str, bad: str) -> None:
    at_all_ends(protocol, name, bad)


@pytest.mark.parametrize(
    ("protocol", "name", "bad", "rule"),
    [
        ("ykc-1.6", "bill/short-then-parked", "stall for=45s after=35s", "stop.answered"),
        ("ykc-1.6", "order/stopped-at-pile-offline", "", "bill.stop-reason"),
        (DEFAULT_PROTOCOL, "bill/backlog", "", "beat.occupied-while-cabled"),
        (DEFAULT_PROTOCOL, "line/outage-in-charge", "disconnect for=70s after=60s", "bill.at-once"),
        ("ykc-1.6", "bill/backlog", "", "link.flap-keeps-order"),
        (DEFAULT_PROTOCOL, "auth/expires", "disconnect for=70s after=60s", "link.flap-keeps-order"),
        (DEFAULT_PROTOCOL, "start/insulation-fails", "", "auth.kept"),
        (DEFAULT_PROTOCOL, "start/no-cable", "", "occupied.parking"),
    ],
)
def test_what_stays_open_says_what_would_tell(protocol: str, name: str, bad: str, rule: str) -> None:
    impairments = (parse_impairment(bad),) if bad else ()
    options = Options(target=REFERENCE_PLATFORM, protocol=protocol, seed=1, impairments=impairments)
    trace = dict(recordings(run_scenario(PLAYED[protocol, name], options).trace))["between"]
    (row,) = [row for row in judge(trace.header, trace.events).rules if row.id == rule]
    assert (row.verdict, "would tell" in row.reason) == (Verdict.INCONCLUSIVE, True), row.reason
