"""What one end's recording can tell: it judges no innocent, and faulty firmware is still failed by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

import pytest
from kept import kept
from msgspec.structs import replace
from renderings import ACK, PSH, UP, Talk, Tcp, at_one_end, jpnevulator, marked, passed, pcap

from pilesim.conformance.applicable import unprovable
from pilesim.conformance.matrix import load_proofs
from pilesim.conformance.runner import REFERENCE_PLATFORM, Options
from pilesim.contract.contracts import contract_of
from pilesim.library import scenario_folder
from pilesim.rules.judge import judge
from pilesim.rules.table import RULES
from pilesim.rules.verdict import Verdict
from pilesim.scenario.scenario import load_scenarios
from pilesim.trace.events import AnyEvent, Chunk, LineDown, LineUp, Trace, Vantage
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import HOUR, MINUTE, parse_world_start_ns
from pilesim.wire.frame import End
from pilesim.wire.protocol import DEFAULT_PROTOCOL, protocol_named

PROTOCOLS = (DEFAULT_PROTOCOL, "ykc-1.6")
SHORT_NS = 5 * MINUTE
LONG_NS = 4 * HOUR
LONGEST_S = 1200
"""For a day of the world's time in every dress, and for all faults."""
SCENARIOS = load_scenarios(scenario_folder(), [row.id for row in RULES])
PLAYED = {
    (protocol, name): scenario
    for protocol in PROTOCOLS
    for name, scenario in SCENARIOS.items()
    if not unprovable(scenario, protocol_named(protocol), contract_of(protocol))
}
ALWAYS = ("bill/unacknowledged", "bill/backlog", "auth/start-too-late", "line/doubled-and-reordered", "line/flaps")
"""Longer ones in which the line loses and holds much."""


def one_end(trace: Trace, end: End, vantage: Vantage | None = None) -> Trace:
    """What a recorder at one end has: it does not know what the line did, nor who ended a connection.

    That a scenario had the platform's timers off it is told: without them no platform does what it has to.
    """
    kept = at_one_end(trace, end, lines=True)

    def plain(event: AnyEvent) -> AnyEvent:
        if isinstance(event, Chunk):
            return replace(event, altered=False)
        return replace(event, by="", reason="") if isinstance(event, LineDown) else event

    header = replace(kept.header, vantage=vantage, timers=trace.header.timers)
    return Trace(header, tuple(plain(event) for event in kept.events))


def packets(trace: Trace, end: End) -> list[Tcp]:
    """Each connection with its own port. One that the line lost just stops."""
    start_ns = parse_world_start_ns(trace.header.start)
    segments: list[Tcp] = []
    talk, port = Talk(port=40000), 40000
    for event in trace.events:
        at, now_ns = len(talk.segments), start_ns + event.t_ns
        if isinstance(event, LineUp) and event.end is end:
            port, at = port + 1, 0
            talk = Talk(port=port)
            talk.open(now_ns)
        elif isinstance(event, LineDown) and event.end is end and event.by in ("pile", "platform"):
            talk.close(now_ns, up=event.by == "pile")
        elif isinstance(event, Chunk) and event.end is end:
            talk.add(now_ns, event.direction is UP, event.data, PSH | ACK)
        segments += talk.segments[at:]
    return segments


RENDERED: dict[str, Callable[[Trace, End], bytes]] = {
    "hex": lambda trace, end: lines(marked("TX", "RX")(passed(trace, end), end)),
    "serial": lambda trace, end: lines(jpnevulator(passed(trace, end), end)),
    "packets": lambda trace, end: pcap(packets(trace, end)),
}
"""The dresses that a recording of one end may come in."""


def lines(found: Iterable[str]) -> bytes:
    return ("\n".join(found) + "\n").encode()


def as_log(trace: Trace, end: End, dress: str, wishes: Wishes, folder: Path) -> Trace:
    """The recording as a log of one end, imported."""
    (folder / dress).write_bytes(RENDERED[dress](trace, end))
    return load_log(folder / dress, wishes).trace


def seen_from(trace: Trace, folder: Path) -> dict[str, Callable[[], Trace]]:
    """Every recording that one end may have, in four and four: as it is, and in each dress, at either end."""
    protocol = trace.header.protocol
    ways: dict[str, Callable[[], Trace]] = {f"at the {end}": partial(one_end, trace, end) for end in End}
    ways["between"] = partial(one_end, trace, End.PLATFORM, Vantage.BETWEEN)
    ways["anywhere"] = partial(one_end, trace, End.PILE, Vantage.UNKNOWN)
    for end in End:
        told, untold = Wishes(protocol=protocol, vantage=Vantage(end.value)), Wishes(protocol=protocol)
        for dress, wishes in (("hex", untold), ("serial", told), ("packets", told)):
            ways[f"at the {end}, {dress}"] = partial(as_log, trace, end, dress, wishes, folder)
        ways[f"at the {end}, packets of nobody knows where"] = partial(as_log, trace, end, "packets", untold, folder)
    return ways


WAYS_AT_ONCE = 4
"""For a change it is enough to look at each play in every fourth way, each play beginning with another."""


@pytest.mark.one_in(3)
@pytest.mark.timeout(LONGEST_S)
@pytest.mark.parametrize(("protocol", "name"), PLAYED)
def test_it_fails_the_reference_in_nothing_by_what_one_end_has_recorded(
    protocol: str, name: str, time_enough: bool, whole: bool, tmp_path: Path
) -> None:
    if PLAYED[protocol, name].estimate_ns > (HOUR if time_enough else SHORT_NS) and name not in ALWAYS and not whole:
        pytest.skip("it is long: up to an hour is played where there is time for many seeds, the rest with --whole")
    trace = kept(PLAYED[protocol, name], Options(target=REFERENCE_PLATFORM, protocol=protocol, seed=1)).trace
    ways = list(seen_from(trace, tmp_path).items())
    if not time_enough:
        ways = ways[list(PLAYED).index((protocol, name)) % WAYS_AT_ONCE :: WAYS_AT_ONCE]
    assert len(ways) >= len(End) + 1
    for where, seen in ways:
        recording = seen()
        judgement = judge(recording.header, recording.events)
        assert judgement.failed() == (), (where, [f for row in judgement.rules for f in row.findings])
        assert not [row.id for row in judgement.rules if row.verdict is Verdict.ERROR], where


# What is still failed -----------------------------------------------------------------------------------------

NOT_FROM: dict[End, set[str]] = {
    End.PILE: {
        *("beat.shows-unplug", "fault.told", "safe.insulation", "start.failure-told", "start.needs-order"),
        *("link.reconnects", "link.stable", "platform.survives-garbage", "platform.waits-for-outcome"),
        "platform.gives-up",
    },
    End.PLATFORM: {
        *("beat.shows-unplug", "fault.told", "safe.insulation", "start.failure-told", "start.needs-order"),
        *("link.reconnects", "link.stable", "platform.waits-for-outcome"),
        *("auth.answered", "start.answered", "stop.answered", "frame.survives-garbage"),
        *("bill.resent", "bill.survives-outage", "bill.oldest-first", "start.once"),
    },
}
"""Rules that no fault of the proofs fails by that end alone.

From either: what hangs on acts at the pile, on whether the line could be had, on what a user asked for. From the
pile's besides: an order that it ends itself, in time. From the platform's besides: one lost answer (three tell),
acknowledgements that the line may have lost, frames that only the pile saw.
"""
PROOFS = [proof for proof in load_proofs() if not proof.not_applicable]
FEW = {"unplug-lag", "record-buffer", "bill-lost", "energy-lost", "wrong-echo", "start-fails-silently"}


SHOWN = [(proof, name) for proof in PROOFS for name in proof.shown if SCENARIOS[name].estimate_ns <= LONG_NS]


@cache
def failed_by(at: int, end: End) -> set[str]:
    """Of the rules that the proof `SHOWN[at]` fails, those that it fails by what was recorded at `end`."""
    proof, name = SHOWN[at]
    recording = one_end(kept(SCENARIOS[name], proof.options(1, DEFAULT_PROTOCOL)).trace, end)
    return set(proof.shown[name]) & set(judge(recording.header, recording.events).failed())


@pytest.mark.parametrize("at", [at for at, (proof, _) in enumerate(SHOWN) if proof.fault in FEW])
def test_it_still_fails_a_fault_by_what_the_faulty_end_has_recorded(at: int) -> None:
    proof, name = SHOWN[at]
    assert failed_by(at, proof.end) == set(proof.shown[name]) - NOT_FROM[proof.end]


@pytest.mark.timeout(LONGEST_S)
@pytest.mark.parametrize("end", End)
def test_it_can_fail_every_rule_by_one_end_but_those_that_need_the_other(end: End, time_enough: bool) -> None:
    if not time_enough:
        pytest.skip("all faults are played: where there is time for many seeds")
    shown = {rule for proof, name in SHOWN for rule in proof.shown[name]}
    failed = {rule for at in range(len(SHOWN)) for rule in failed_by(at, end)}
    assert shown - failed == NOT_FROM[end]
