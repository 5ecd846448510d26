"""The judge beside its rules: blame, limits, far ends, faults of its own, the line, long traces."""

from __future__ import annotations

import msgspec
import pytest
from world import ACCOUNT, TARIFF, A, B, World

from pilesim.contract.contracts import contract_of
from pilesim.errors import UsageError
from pilesim.rules.beat import Period
from pilesim.rules.facts import ORDERS_KEPT, Facts
from pilesim.rules.judge import Judgement, judge
from pilesim.rules.rule import FINDINGS_KEPT
from pilesim.rules.verdict import Blame, Level, RuleResult, Verdict
from pilesim.trace.decoder import Seen
from pilesim.units import S
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import Authorise, AuthoriseReply, BillReply, GunState, Message, Stop


def result(judgement: Judgement, rule: str) -> RuleResult:
    return next(r for r in judgement.rules if r.id == rule)


def test_it_says_where_what_was_expected_and_what_was_found() -> None:
    world = World().wait(10).authorise(answered=False).wait(6).beat()
    (finding,) = result(world.judged(), "auth.answered").findings
    assert (finding.t_ns, finding.gun, finding.order) == (15 * S, 1, A)
    assert (finding.blame, finding.end, finding.frame) == (Blame.PILE, End.PILE, 7)
    assert finding.expected == "0x10 authorise reply 鉴权反馈 to 0x0F authorise 登入验证 (扫码鉴权) within 5s"
    assert finding.actual == "nothing in 6s"
    assert finding.title.startswith("0x0F") and finding.raw[:1] == b"\xfe"


def test_it_gives_the_tightest_margin() -> None:
    world = World().wait(10).authorise().wait(1)
    asked = world.down(Authorise(account=ACCOUNT, order=B, balance_mfen=1, tariff=TARIFF))
    world.wait(3).authorise_reply(asked).wait(1).authorise(A)
    margin = result(world.judged(), "auth.answered").margin
    assert margin is not None and (margin.value, margin.limit, margin.unit) == (3.0, 5.0, "s")


@pytest.mark.parametrize(
    ("limits", "verdict", "site"),
    [({}, Verdict.FAIL, False), ({"auth__answered": 10 * S}, Verdict.PASS, True)],
    ids=["default", "site"],
)
def test_it_judges_by_the_sites_limits_and_says_so(limits: dict[str, int], verdict: Verdict, site: bool) -> None:
    world = World().wait(10)
    asked = world.down(Authorise(account=ACCOUNT, order=A, balance_mfen=1, tariff=TARIFF))
    world.wait(6).authorise_reply(asked)
    judged = result(world.judged(**limits), "auth.answered")
    assert (judged.verdict, judged.site) == (verdict, site)


def test_it_takes_limits_from_the_header_too() -> None:
    world = World().wait(40).beat()
    world.header = msgspec.structs.replace(world.header, limits={"beat.period": 50 * S})
    judged = result(world.judged(), "beat.period")
    assert (judged.verdict, judged.site) == (Verdict.PASS, True)


def test_it_names_rules_that_a_protocol_cannot_carry() -> None:
    judged = result(World(protocol="evlink-2.6", connect=False).judged(), "beat.order")
    assert judged.verdict is Verdict.NOT_APPLICABLE
    assert "heartbeat" in judged.reason


def test_it_judges_a_protocol_without_the_tails() -> None:
    world = World(protocol="evlink-2.6").whole().beats(240)
    judgement = world.judged()
    assert judgement.failed() == ()
    for rule in ("bill.one-per-charge", "bill.duration", "bill.occupancy", "bill.amount", "start.outcome"):
        assert judgement.verdict(rule) is Verdict.PASS, rule


def test_it_refuses_a_protocol_that_nobody_knows() -> None:
    header = msgspec.structs.replace(World(connect=False).header, protocol="semaphore")
    with pytest.raises(UsageError):
        judge(header, [])


def test_it_calls_its_own_fault_an_error_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(self: Period, seen: Seen, message: Message) -> None:
        raise KeyError("made to break")

    monkeypatch.setattr(Period, "on_seen", breaks)
    judgement = World().whole().judged()
    assert result(judgement, "beat.period").verdict is Verdict.ERROR
    assert "made to break" in result(judgement, "beat.period").reason
    assert judgement.verdict("bill.prompt") is Verdict.PASS


def test_it_counts_findings_beyond_those_it_keeps() -> None:
    world = World()
    for _ in range(FINDINGS_KEPT + 5):
        world.wait(40).beat()
    judged = result(world.judged(), "beat.period")
    assert len(judged.findings) == FINDINGS_KEPT
    assert judged.reason.startswith(f"{FINDINGS_KEPT + 5} findings")


def test_it_makes_a_wrong_number_a_should_that_is_told_once() -> None:
    world = World().wait(5)
    for _ in range(2):
        first = world.down(Authorise(account=ACCOUNT, order=A, balance_mfen=1, tariff=TARIFF))
        world.down(Stop(account=ACCOUNT))
        world.wait(1).up(AuthoriseReply(account=ACCOUNT), msgspec.structs.replace(first, sequence=first.sequence + 40))
    judged = result(world.judged(), "frame.echo")
    assert (judged.verdict, judged.level, len(judged.findings)) == (Verdict.FAIL, Level.SHOULD, 1)


def test_it_suspends_findings_on_an_order_with_an_altered_frame() -> None:
    world = World().wait(10).plug().wait(5).authorise().wait(5).start().wait(5).charges(beats=2)
    other = world.bytes_of(BillReply(order=A), Direction.DOWN)
    world.chunk(world.bytes_of(BillReply(order=B), Direction.DOWN), Direction.DOWN, altered=other)
    world.wait(5).stop().wait(1).over().wait(5).unplug().bill(charge_fee_mfen=1)
    judged = result(world.judged(), "bill.amount")
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.reason.startswith("suspended")


def test_it_blames_nobody_for_losses_that_nobody_saw_happen() -> None:
    world = World()
    for _ in range(4):
        world.beats(300).line_down("").wait(5).connect()
    (finding,) = result(world.judged(), "link.stable").findings
    assert finding.blame is Blame.CANNOT_TELL
    assert "recording" in finding.hint


def test_it_says_when_only_the_far_end_was_recorded() -> None:
    judgement = World(ends=(End.PLATFORM,)).judged()
    assert any("nothing was recorded at the pile" in remark for remark in judgement.remarks)


def test_it_counts_what_the_line_did() -> None:
    world = World().wait(5)
    for effect, held in (("lost", 0.0), ("held", 46.0), ("held", 2.0), ("doubled", 0.0), ("noise", 0.0)):
        world.impaired(effect, held)
    world.line_down().wait(30).connect().wait(5).reachable(False).line_down().wait(150).reachable(True).line_up()
    line = world.judged().line
    assert (line.lost, line.held, line.doubled, line.corrupted) == (1, 2, 1, 1)
    assert (line.held_longest_ns, line.outages, line.flaps) == (46 * S, 2, 1)
    assert line.outage_longest_ns == 150 * S


def test_it_gives_the_same_judgement_twice() -> None:
    world = World().whole().wait(6).bill().beats(300)
    assert msgspec.json.encode(world.judged()) == msgspec.json.encode(world.judged())


def test_it_forgets_old_orders_and_still_judges_new_ones() -> None:
    world = World()
    for serial in range(ORDERS_KEPT + 20):
        world.authorise(f"202003111000{serial:08d}").wait(1).stop().wait(1)
        if serial % 10 == 0:
            world.beat()
    world.plug().whole()
    judgement = world.judged()
    assert judgement.failed() == ()
    assert judgement.verdict("bill.prompt") is Verdict.PASS


def test_it_keeps_no_more_orders_than_its_bound() -> None:
    world = World(connect=False).line_up()
    facts = Facts(world.header, contract_of("lhc"), End.PILE, 35 * S, 35 * S)
    decoded = world.protocol.decode
    for serial in range(ORDERS_KEPT + 50):
        message = Authorise(account=ACCOUNT, order=f"2020{serial:016d}", balance_mfen=1, tariff=TARIFF)
        frame = world.frame(world.bytes_of(message, Direction.DOWN), Direction.DOWN)
        facts.take(Seen(serial, End.PILE, Direction.DOWN, serial + 1, decoded(frame), False), message)
        facts.forget()
    assert len(facts.orders) == ORDERS_KEPT


def test_it_infers_plug_and_unplug_from_heartbeats_where_none_was_recorded() -> None:
    world = World(stimuli=False).whole().beats(240)
    world.events = [e for e in world.events if type(e).__name__ != "Stimulus"]
    judgement = world.judged()
    assert judgement.failed() == ()
    assert judgement.verdict("bill.prompt") is Verdict.PASS
    assert judgement.verdict("beat.shows-unplug") is Verdict.INCONCLUSIVE


def test_it_starts_the_clock_of_a_bill_anew_when_the_line_is_back() -> None:
    world = World().charged().wait(5).unplug().wait(40).line_down().wait(50).line_up().beat().wait(20)
    assert world.bill().judged().verdict("bill.prompt") is Verdict.PASS


def test_it_stops_the_clock_of_a_start_while_old_bills_leave() -> None:
    world = World().charged(A).beats(30, GunState.OCCUPIED_NOT_FULL).authorise(B).wait(1)
    old = world.charge
    asked = world.start_of()
    world.wait(4)
    old.leave = world.now(-4)
    world.bill(world.bill_of(old)).wait(4.5).start_reply(asked).wait(5).ended()
    assert world.judged().verdict("start.answered") is Verdict.PASS


def test_it_does_not_hold_a_far_bill_against_the_pile_on_a_wire_without_connections() -> None:
    world = World(ends=(End.PLATFORM,), connectionless=True).wait(5).authorise(A, answered=False)
    world.wait(6).authorise(B).beat()
    assert world.judged().verdict("auth.answered") is Verdict.PASS
