"""A slow wire is nobody's delay: deadlines are the end's own, and do not count what its bytes need on the way.

The recorder is at the platform's side of the wire, as on a serial port: it notes what goes down when it is written, and
what comes up when it has come.
"""

from __future__ import annotations

import msgspec
import pytest
from world import ACCOUNT, TARIFF, A, World

from pilesim.rules.judge import Judgement
from pilesim.rules.transit import ANSWER_BYTES
from pilesim.rules.verdict import RuleResult, Verdict
from pilesim.trace.capture import decode_header, encode_header
from pilesim.units import S
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import Authorise, AuthoriseReply, GunReport, GunState, Hello, HelloReply, Parking

BAUD_2400_NS = 4_166_667
"""A byte with its start and stop bit at 2400 baud."""


HEARTBEAT = GunReport(state=GunState.IDLE, cable=False, meter_dwh=1, parking=Parking.FREE)


def result(judgement: Judgement, rule: str) -> RuleResult:
    return next(r for r in judgement.rules if r.id == rule)


class SlowWorld(World):
    """Times are the recorder's; `wire` says when, by the length of a frame, it is whole at the pile or here."""

    def __init__(self, ns_per_byte: int = BAUD_2400_NS, *, at: End = End.PILE, told: bool = True) -> None:
        super().__init__()
        self.ns_per_byte = ns_per_byte
        if told:
            self.header = msgspec.structs.replace(self.header, wire_ns_per_byte={at: ns_per_byte})
        self.wait(10)

    def wait(self, seconds: float) -> SlowWorld:
        super().wait(seconds)
        return self

    def wire(self, frame: Frame) -> SlowWorld:
        """So much time passes as the frame needs."""
        self.t_ns += len(frame.raw) * self.ns_per_byte
        return self

    def scan(self) -> Frame:
        return self.down(Authorise(account=ACCOUNT, order=A, balance_mfen=5_000_000, tariff=TARIFF))

    def reply(self, asked: Frame) -> None:
        """The pile begins to write its reply now."""
        length = len(self.bytes_of(AuthoriseReply(account=ACCOUNT), Direction.UP, asked))
        self.t_ns += length * self.ns_per_byte
        self.authorise_reply(asked)


def answered(delay_s: float, *, told: bool = True, ns_per_byte: int = BAUD_2400_NS) -> RuleResult:
    """A scan that the pile answers so long after it has it whole."""
    world = SlowWorld(ns_per_byte, told=told)
    asked = world.scan()
    assert len(asked.raw) * BAUD_2400_NS > 1.2 * S, "a long request"
    world.wire(asked).wait(delay_s)
    world.reply(asked)
    world.wait(60)
    return result(world.beat().judged(), "auth.answered")


@pytest.mark.parametrize(
    ("delay_s", "verdict"),
    [(0.2, Verdict.PASS), (4.9, Verdict.PASS), (5.1, Verdict.FAIL), (9.5, Verdict.FAIL), (30.0, Verdict.FAIL)],
    ids=str,
)
def test_it_holds_against_the_pile_only_what_the_wire_did_not_need(delay_s: float, verdict: Verdict) -> None:
    assert answered(delay_s).verdict is verdict


def test_it_would_blame_the_pile_for_the_wire_if_the_header_did_not_tell_of_it() -> None:
    assert answered(4.9, told=False).verdict is Verdict.FAIL
    assert answered(4.9, told=False, ns_per_byte=0).verdict is Verdict.PASS


def test_it_shows_the_piles_own_delay_beside_the_limit_it_was_judged_by() -> None:
    judged = answered(3.0)
    assert judged.margin is not None
    assert (judged.margin.value, judged.margin.limit, judged.site) == (3.0, 5.0, False)
    (finding,) = answered(6.0).findings
    assert (finding.expected[-9:], finding.actual) == ("within 5s", "nothing in 6s")


def test_it_misses_a_reply_that_never_comes() -> None:
    world = SlowWorld()
    world.wire(world.scan()).wait(5 + ANSWER_BYTES * BAUD_2400_NS / S)
    assert result(world.beat().judged(), "auth.answered").verdict is Verdict.INCONCLUSIVE
    world.wait(1)
    judged = result(world.beat().judged(), "auth.answered")
    assert judged.verdict is Verdict.FAIL


def test_it_leaves_open_what_may_still_be_on_the_wire_when_the_trace_ends() -> None:
    world = SlowWorld()
    world.wire(world.scan()).wait(6)
    judged = result(world.judged(), "auth.answered")
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.reason == "the trace ended while the answer may still have been on the wire"


@pytest.mark.parametrize(("pause_s", "verdict"), [(0.0, Verdict.PASS), (0.2, Verdict.FAIL)], ids=str)
def test_it_allows_for_the_bytes_that_the_reply_had_to_wait_for(pause_s: float, verdict: Verdict) -> None:
    """The pile was sending many heartbeats when the scan came, and its reply left at once after them, or did not."""
    world = SlowWorld()
    asked = world.scan()
    world.wire(asked)
    whole_ns = world.t_ns
    for _ in range(40):
        world.t_ns += len(world.bytes_of(HEARTBEAT, Direction.UP)) * BAUD_2400_NS
        world.up(HEARTBEAT)
    assert world.t_ns - whole_ns > 5 * S + ANSWER_BYTES * BAUD_2400_NS, "longer than any one answer takes"
    world.wait(pause_s).reply(asked)
    assert result(world.wait(60).beat().judged(), "auth.answered").verdict is verdict


def test_it_counts_from_when_requests_that_queued_are_whole_at_the_pile() -> None:
    """Two requests are written at once; the pile has the second after both, and answers it 4 s later."""
    world = SlowWorld()
    world.down(Authorise(account="1", order="1", balance_mfen=1, tariff=TARIFF))
    asked = world.scan()
    world.wire(asked).wire(asked).wait(4)
    world.reply(asked)
    judged = result(world.wait(60).beat().judged(), "auth.answered")
    assert judged.margin is not None
    assert [f.order for f in judged.findings] == ["1"], "the first was never answered"


@pytest.mark.parametrize(("at", "verdict"), [(End.PILE, Verdict.FAIL), (End.PLATFORM, Verdict.PASS)])
def test_it_gives_the_time_to_the_end_that_the_wire_leads_to(at: End, verdict: Verdict) -> None:
    """The platform's reply comes 5.2 s after the request was written: late, unless the wire is at its own end."""
    world = SlowWorld(at=at)
    asked = world.up(Hello(firmware="1.0"))
    world.wait(5.2)
    world.down(HelloReply(), asked)
    assert result(world.wait(60).beat().judged(), "platform.replies").verdict is verdict


def test_it_says_that_its_deadlines_do_not_count_the_wire() -> None:
    assert SlowWorld().judged().remarks == (
        "a byte takes 4.167 ms on the wire to the pile: its deadlines do not count that",
    )
    assert World().judged().remarks == ()


def test_it_keeps_the_pace_of_the_wire_in_the_capture() -> None:
    header = SlowWorld().header
    assert decode_header(encode_header(header)) == header
    assert '"wire_ns_per_byte":{"pile":4166667}' in encode_header(header)
    assert "wire" not in encode_header(World().header)


def test_it_judges_a_whole_charge_on_a_slow_wire_as_on_a_fast_one() -> None:
    fast, slow = World(), SlowWorld()
    verdicts = [[(r.id, r.verdict) for r in world.whole().beats(240).judged().rules] for world in (fast.wait(10), slow)]
    assert verdicts[0] == verdicts[1]
