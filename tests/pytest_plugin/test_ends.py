"""The fixtures `pile`, `platform` and `scenario`, as somebody's tests use them: real sockets, fast clock."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pilesim.errors import RigError, UsageError
from pilesim.platform.orders import OrderState
from pilesim.pytest_plugin.fixtures import MakePile, PileEnd, PlatformEnd, PlayScenario
from pilesim.rig.stimuli import KINDS
from pilesim.rules.verdict import Verdict
from pilesim.trace.capture import read_capture
from pilesim.wire.protocol import protocol_named

pytest_plugins = ["pytester"]

REALTIME = pytest.mark.realtime
QUIET = ("-p", "no:timeout", "-p", "no:benchmark", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
RATE = ("-o", "pilesim_clock_rate=25")


def charged(charger: PileEnd, platform: PlatformEnd) -> str:
    """One whole order from plug to bill; its number."""
    charger.plug(gun=1, battery_kwh=60.5, soc=50)
    platform.wait_for(gun=1, cable=True)
    order = platform.authorise(gun=1, balance="20.00")
    platform.wait_for(gun=1, message="authorise-reply")
    platform.start(gun=1)
    platform.wait_for(gun=1, state="charging")
    charger.wait("30s")
    platform.stop(gun=1)
    platform.wait_for(gun=1, state="occupied")
    charger.wait("30s")
    charger.unplug(gun=1)
    platform.wait_for(bill=order)
    charger.wait_for(message="bill-reply")
    return order


@REALTIME
def test_a_pile_and_a_platform_take_an_order_to_its_bill(pile: MakePile, platform: PlatformEnd) -> None:
    charger = pile(url=platform.url)
    order = charged(charger, platform)
    assert charger.order() == order
    (row,) = platform.ledger
    assert (row.order, row.charged) == (order, True)
    assert [known.state for known in platform.orders] == [OrderState.BILLED]
    charger.assert_platform_conforms()
    platform.assert_pile_conforms()


@REALTIME
def test_a_pile_fails_in_its_own_way_at_the_platform_that_hears_it(pile: MakePile, platform: PlatformEnd) -> None:
    charger = pile("reference", url=platform.url, faults={"energy-lost": {"rate": 1.0}})
    charged(charger, platform)
    assert {mishap.fault for mishap in charger.mishaps} == {"energy-lost"}
    assert platform.verdict().verdict is Verdict.FAIL
    with pytest.raises(pytest.fail.Exception, match=r"bill\.energy MUST .*platform\.jsonl t=\+"):
        platform.assert_pile_conforms()
    charger.assert_platform_conforms()


@REALTIME
@pytest.mark.reference_platform(cards=[{"account": "00000000000000777", "balance": 30.0}])
def test_a_card_that_the_platform_knows_starts_an_order(pile: MakePile, platform: PlatformEnd) -> None:
    charger = pile(url=platform.url)
    charger.plug(gun=2)
    platform.wait_for(gun=2, cable=True)
    charger.card(gun=2, account="00000000000000777")
    charger.wait_for(gun=2, state="charging")
    assert [order.account for order in platform.orders] == ["00000000000000777"]


@REALTIME
def test_a_pile_whose_power_goes_and_comes_is_seen_to_come_back(pile: MakePile, platform: PlatformEnd) -> None:
    charger = pile(url=platform.url)
    platform.wait_for(gun=1, state="idle")
    charger.power_off()
    platform.wait_for(connected=False)
    charger.power_on()
    platform.wait_for(connected=True, message="hello")


@REALTIME
def test_an_impaired_line_loses_what_it_is_told_to(pile: MakePile, platform: PlatformEnd) -> None:
    charger = pile(url=platform.url)
    platform.wait_for(gun=1, state="idle")
    charger.impair("drop gun-report")
    charger.plug(gun=1)
    with pytest.raises(pytest.fail.Exception, match=r"gun 1, cable True within 1m of .* gun 1 says idle, cable out"):
        platform.wait_for(gun=1, cable=True, within="1m")
    charger.heal()
    platform.wait_for(gun=1, cable=True)


@REALTIME
def test_a_pile_that_nobody_answers_proves_nothing_of_the_platform(pile: MakePile) -> None:
    charger = pile(url="tcp://127.0.0.1:1")
    with pytest.raises(pytest.fail.Exception, match=r"expected message time-tell within 5s"):
        charger.wait_for(message="time-tell", within="5s")
    with pytest.raises(pytest.fail.Exception, match="no rule had anything of the platform to judge"):
        charger.assert_platform_conforms()


@REALTIME
def test_a_recording_is_whole_while_it_lives_and_after(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(pile, platform, capture):
            charger = pile(url=platform.url)
            platform.wait_for(gun=1, state="idle")
            assert charger.trace().events[-1].reason == ""
            assert {path.name for path in capture.iterdir()} == {"pile-1.jsonl", "platform.jsonl"}
            assert charger.capture.parent == capture
            raise AssertionError("shown below")
        """
    )
    result = pytester.runpytest_inprocess(*QUIET, *RATE, "--basetemp", str(pytester.path / "kept"))
    result.assert_outcomes(failed=1)
    (path,) = pytester.path.glob("kept/**/pile-1.jsonl")
    result.stdout.fnmatch_lines(["*shown below*", "*pilesim capture*", str(path)])
    with path.open(encoding="utf-8", newline="\n") as stream:
        trace = read_capture(stream, str(path))
    assert type(trace.events[-1]).__name__ == "Finish"


@REALTIME
@pytest.mark.parametrize(
    ("goes_on", "outcomes"), [(True, {"failed": 1, "errors": 0}), (False, {"passed": 1, "errors": 1})]
)
def test_what_the_thread_fails_of_fails_the_test(
    pytester: pytest.Pytester, goes_on: bool, outcomes: dict[str, int]
) -> None:
    pytester.makepyfile(
        f"""
        from pilesim.pile.pile import Pile

        def test_it(pile, platform, monkeypatch):
            charger = pile(url=platform.url)
            platform.wait_for(gun=1, state="idle")

            def broken(*arguments):
                raise ZeroDivisionError("a fault of ours")

            monkeypatch.setattr(Pile, "receive", broken)
            platform.authorise(gun=1)
            charger._hosted._thread.join(10)
            if {goes_on}:
                charger.plug(gun=1)
        """
    )
    result = pytester.runpytest_inprocess(*QUIET, *RATE)
    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines(["*ZeroDivisionError: a fault of ours"])


@REALTIME
def test_nothing_is_left_of_a_test_that_is_over(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(pile, platform):
            for number in ("44030500040000200001", "44030500040000200002"):
                pile(url=platform.url, number=number)
            platform.wait_for(connected=True)
            raise AssertionError
        """
    )
    before = threading.active_count()
    pytester.runpytest_inprocess(*QUIET, *RATE).assert_outcomes(failed=1)
    assert threading.active_count() == before


def test_a_pile_can_do_all_that_a_scenario_can() -> None:
    assert all(callable(getattr(PileEnd, kind.replace("-", "_"), None)) for kind in KINDS)


@REALTIME
@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        ({"firmware": "no-such"}, UsageError, "expected a firmware profile, one of reference"),
        ({"firmware": "tcp://127.0.0.1:1"}, UsageError, "expected a simulated one such as sim:reference"),
        ({"faults": ["no-such"]}, UsageError, "expected a fault, one of "),
        ({"faults": {"unplug-lag": {"lag": "2"}}}, UsageError, "fault unplug-lag: "),
        ({"number": "7"}, UsageError, "expected a pile number of 20 digits"),
        ({"impair": ["eat start"]}, UsageError, "--impair 'eat start': expected an impairment"),
        ({"url": "tcp-listen://192.0.2.1:1"}, RigError, "the port cannot be taken"),
    ],
)
def test_a_pile_that_cannot_be_is_refused_in_a_sentence(
    pile: MakePile, words: dict[str, object], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        pile(**{"url": "tcp://127.0.0.1:1", **words})  # type: ignore[arg-type]


@REALTIME
def test_an_act_that_cannot_be_done_is_refused_and_the_pile_lives_on(pile: MakePile, platform: PlatformEnd) -> None:
    charger = pile(url=platform.url)
    acts: list[tuple[Callable[[], None], str]] = [
        (lambda: charger.plug(gun=9), "expected a gun from 1 to 2, found 9"),
        (lambda: charger.plug(gun=1, colour="red"), "colour"),
        (lambda: charger.fault(gun=1, fault="gremlins"), "gremlins"),
        (lambda: charger.wait_for(gun=1), "expected a condition, one of state, cable, "),
        (lambda: charger.wait_for(state="asleep"), "expected a state, one of idle, "),
        (lambda: charger.wait_for(message="telegram"), "expected a message, one of hello, "),
        (lambda: charger.wait_for(connected=True, within="5"), "expected a duration"),
    ]
    for act, sentence in acts:
        with pytest.raises(ValueError, match=sentence):
            act()
    platform.wait_for(gun=1, state="idle")


def test_a_scenario_passes_by_its_id(scenario: PlayScenario, capture: Path) -> None:
    played = scenario("order/short")
    played.assert_passed()
    assert played.capture == capture / "scenario-1" / "order-short.jsonl"
    assert played.capture.is_file()


def test_a_scenario_fails_with_its_findings(scenario: PlayScenario) -> None:
    played = scenario("order/start-lost", pile="sim:robinson-gen5-0303")
    assert played.failed == ("bill.none-unstarted", "bill.times")
    with pytest.raises(pytest.fail.Exception, match=r"failed: bill\.none-unstarted, bill\.times"):
        played.assert_passed()


def test_a_scenario_that_is_not_applicable_is_skipped(scenario: PlayScenario, tmp_path: Path) -> None:
    rig = tmp_path / "rig.yaml"
    rig.write_text("pile: sim:reference\nclaims: [stop-button]\n", encoding="utf-8")
    played = scenario("order/card", rig=rig)
    with pytest.raises(pytest.skip.Exception, match="card-reader, which the pile does not claim"):
        played.assert_passed()


@pytest.mark.parametrize(
    ("words", "failed"),
    [
        ({"platform": "sim:reference?fault=wrong-echo"}, ("platform.frames",)),
        ({"impair": ["drop bill-reply"]}, ()),
        ({"protocol": "evlink-2.6", "seed": 9}, ()),
    ],
)
def test_a_scenario_is_played_as_it_is_asked_for(
    scenario: PlayScenario, words: dict[str, object], failed: tuple[str, ...]
) -> None:
    played = scenario("order/short", **words)  # type: ignore[arg-type]
    assert set(failed) <= set(played.failed)
    assert (played.verdict is Verdict.FAIL) == bool(failed)


def test_a_pile_is_not_connected_for_the_moment_before_it_is_refused(pile: MakePile) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        charger = pile(url=f"tcp://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(pytest.fail.Exception, match="nobody is connected"):
            charger.wait_for(connected=True, within="20s")
        charger.wait_for(connected=False, within="20s")


@REALTIME
def test_a_pile_has_a_number_of_its_protocols_length_where_none_is_given(pile: MakePile) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        charger = pile(url=f"tcp://127.0.0.1:{listening.getsockname()[1]}", protocol="ykc-1.6")
        assert len(charger.trace().header.pile) == protocol_named("ykc-1.6").pile_digits
