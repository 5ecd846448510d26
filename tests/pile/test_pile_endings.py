"""How a charge ended, or a start failed: its number in the bill where there is one, and what the BMS did not say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pilebench import ACCOUNT, Bench

from pilesim.pile.profiles import Profile, load_profile
from pilesim.units import MINUTE, YUAN_MFEN, S
from pilesim.wire.messages import (
    BmsDemand,
    BmsError,
    BmsHandshake,
    BmsInfo,
    BmsParameters,
    BmsStop,
    BmsWord,
    ChargerStop,
    ChargeSummary,
    GunFault,
    GunState,
    Hello,
    Login,
    PileKind,
    Start,
    Stop,
    StopReason,
)
from pilesim.wire.ykc.codes import STOP_REASON, stop_code

ORDER = "44030500040000012003031010000001"
CARD = "1380000000000001"
Story = Callable[[Bench], None]


def ykc(**car: Any) -> Bench:
    """A pile whose start has just been accepted."""
    bench = Bench(protocol_name="ykc-1.6")
    bench.run(2 * S)
    bench.do("plug", car=car)
    bench.tell(Start(order=ORDER, account=CARD, balance_mfen=50 * YUAN_MFEN))
    return bench


def is_charging(bench: Bench) -> bool:
    return bench.state() is GunState.CHARGING


def act(kind: str, gun: int | None = 1, **detail: Any) -> Story:
    return lambda bench: bench.do(kind, gun, **detail)


def power_cut(bench: Bench) -> None:
    bench.do("power-off", None)
    bench.run(10 * S)
    bench.do("power-on", None)


STARTS: list[tuple[str, Mapping[str, Any], Story | None, int]] = [
    ("stopped from the app", {}, lambda bench: bench.tell(Stop()), 0x40),
    ("emergency stop", {}, act("emergency-stop", None), 0x50),
    ("lock", {}, act("fault", fault="electronic-lock"), 0x55),
    ("meter", {}, act("fault", fault="meter"), 0x4D),
    ("module", {}, act("fault", fault="module"), 0x4F),
    ("a fault without a number", {}, act("fault", fault="fan"), 0x4A),
    ("unplugged", {}, act("unplug"), 0x4B),
    ("insulation", {"insulation": False}, None, 0x57),
    ("a full battery", {"soc_permille": 1000}, None, 0x52),
    ("a car that never answers", {"handshake": False}, None, 0x59),
    *(
        (word.upper(), {"lacks": [word]}, None, code)
        for word, code in (
            ("brm", 0x5A),
            ("bcp", 0x5B),
            ("bro", 0x5C),
            ("bcs", 0x5D),
            ("bcl", 0x5E),
            ("bsm", 0x5F),
        )
    ),
]

CHARGES: list[tuple[str, Mapping[str, Any], Story | None, int]] = [
    ("stopped from the app", {}, lambda bench: bench.tell(Stop()), 0x40),
    ("full", {"soc_permille": 950, "full_permille": 960}, None, 0x41),
    ("by hand", {}, act("stop-button"), 0x45),
    ("unplugged", {}, act("unplug"), 0x6B),
    ("balance", {"capacity_dwh": 2_000_000, "soc_permille": 0}, None, 0x6E),
    ("emergency stop", {}, act("emergency-stop", None), 0x72),
    ("meter", {}, act("fault", fault="meter"), 0x6D),
    ("module", {}, act("fault", fault="module"), 0x71),
    ("lock", {}, act("fault", fault="electronic-lock"), 0x77),
    ("charger hot", {}, act("fault", fault="charger-hot"), 0x74),
    ("AC", {}, act("fault", fault="ac-over-voltage"), 0x6F),
    ("DC", {}, act("fault", fault="dc-over-current"), 0x70),
    ("a fault without a number", {}, act("fault", fault="fan"), 0x6A),
    ("insulation, which has none either", {}, act("insulation", ok=False), 0x6A),
    ("power lost", {}, power_cut, 0x83),
    ("BCS", {}, act("bms", lacks=["bcs"]), 0x84),
    ("BCL", {}, act("bms", lacks=["bcl"]), 0x85),
    ("BSM", {}, act("bms", lacks=["bsm"]), 0x86),
]


@pytest.mark.parametrize(("car", "story", "code"), [row[1:] for row in STARTS], ids=[row[0] for row in STARTS])
def test_it_bills_a_failed_start_with_the_number_of_its_cause(
    car: Mapping[str, Any], story: Story | None, code: int
) -> None:
    bench = ykc(**car)
    if story is not None:
        story(bench)
    bench.run(MINUTE)
    (bill,) = bench.bills()
    assert (bill.stop_code, bill.energy_dwh) == (code, 0)
    assert not any(report.state is GunState.CHARGING for _, report in bench.beats())


@pytest.mark.parametrize(("car", "story", "code"), [row[1:] for row in CHARGES], ids=[row[0] for row in CHARGES])
def test_it_bills_a_charge_with_the_number_of_its_end(car: Mapping[str, Any], story: Story | None, code: int) -> None:
    bench = ykc(**car)
    bench.until(lambda: is_charging(bench), MINUTE)
    bench.run(MINUTE)
    if story is not None:
        story(bench)
    bench.until(lambda: bool(bench.bills()))
    assert [bill.stop_code for bill in bench.bills()] == [code]


def test_it_never_says_by_number_what_contradicts_the_reason() -> None:
    for reason in StopReason:
        for cause in (None, *GunFault, *BmsWord):
            code = stop_code(reason, cause)
            assert code is not None and STOP_REASON.meaning(code) is reason, (reason, cause)


# --- what the BMS does not say


@pytest.mark.parametrize(
    ("lacks", "told", "flag"),
    [
        ("brm", [], "BRM"),
        ("bcp", [BmsHandshake], "BCP"),
        ("bro", [BmsHandshake, BmsParameters], "BRO"),
        ("bsm", [BmsHandshake, BmsParameters], "charger other 1"),
    ],
)
def test_it_tells_of_a_start_as_far_as_the_battery_spoke(lacks: str, told: list[type], flag: str) -> None:
    bench = ykc(lacks=[lacks])
    bench.run(MINUTE)
    kinds = (BmsHandshake, BmsParameters, BmsError)
    assert [type(heard.message) for heard in bench.heard if isinstance(heard.message, kinds)] == [*told, BmsError]
    (error,) = bench.all(BmsError)
    assert (error.order, error.time_outs) == (ORDER, (flag,))


def test_it_ends_a_charge_five_seconds_after_the_battery_fell_silent_and_shows_a_fault() -> None:
    bench = ykc()
    bench.until(lambda: is_charging(bench), MINUTE)
    bench.do("bms", lacks=["bcl"])
    silent_ns = bench.now_ns
    bench.run(MINUTE)
    assert [t - silent_ns for t in bench.times(BmsError)] == [5 * S]
    assert bench.state() is GunState.FAULT
    bench.do("unplug")
    bench.run(S)
    assert bench.state() is GunState.IDLE


def test_it_goes_on_where_the_battery_speaks_again_in_time() -> None:
    bench = ykc()
    bench.until(lambda: is_charging(bench), MINUTE)
    bench.do("bms", lacks=["bcl"])
    bench.run(4 * S)
    bench.do("bms", lacks=[])
    bench.run(MINUTE)
    assert bench.all(BmsError) == [] and is_charging(bench)


def test_it_sums_up_no_charge_of_which_the_battery_says_nothing_at_the_end() -> None:
    bench = ykc(lacks=["bst", "bsd"])
    bench.until(lambda: is_charging(bench), MINUTE)
    bench.tell(Stop())
    (error,) = bench.all(BmsError)
    assert error.time_outs == ("BST", "BSD")
    assert len(bench.all(ChargerStop)) == 1 and bench.all(ChargeSummary) == []
    assert [bill.stop_code for bill in bench.bills()] == [0x40]


def test_it_says_what_is_wrong_with_a_word_of_the_battery() -> None:
    bench = Bench(protocol_name="ykc-1.6")
    with pytest.raises(ValueError, match="gun 1: bms: no car is there"):
        bench.do("bms", lacks=[])
    with pytest.raises(ValueError, match="bms: lacks: invalid enum value 'xyz'"):
        bench.do("bms", lacks=["xyz"])


# --- where the protocol has fewer messages for it


@pytest.mark.parametrize("protocol", ["evlink-2.5", "evlink-2.6"])
def test_it_passes_on_what_the_battery_tells_in_the_published_versions(protocol: str) -> None:
    bench = Bench(protocol_name=protocol)
    bench.charge(ORDER[-20:])
    bench.run(MINUTE)
    halves = bench.all(BmsDemand)
    assert [half.need_cv is None for half in halves] == [False, True] * 4
    battery, charger = halves[-2:]
    assert battery.battery is not None and battery.soc_percent is not None
    assert (charger.out_cv, charger.out_ca) == (battery.measured_cv, battery.measured_ca)
    assert len(bench.all(BmsHandshake)) == len(bench.all(BmsParameters)) == 1
    assert bench.all(BmsInfo) == []
    bench.command_stop()
    (stop,) = bench.all(ChargerStop)
    assert stop.time is not None and stop.time.epoch_ns is not None
    assert abs(bench.start_ns + bench.now_ns - stop.time.epoch_ns) < 3 * S
    assert bench.all(ChargeSummary) == []


def test_it_tells_that_the_battery_ended_the_charge() -> None:
    bench = Bench(protocol_name="evlink-2.5")
    bench.charge(ORDER[-20:], soc_permille=950, full_permille=960)
    bench.until(lambda: not is_charging(bench))
    assert len(bench.all(BmsStop)) == 1 and bench.all(ChargerStop) == []


@pytest.mark.parametrize("story", [act("bms", lacks=["bcs"]), act("unplug")])
def test_it_sends_nothing_of_the_battery_where_the_field_has_shown_none(story: Story) -> None:
    bench = Bench()
    bench.charge(ORDER[-20:])
    bench.run(MINUTE)
    story(bench)
    bench.run(MINUTE)
    assert not any(name.startswith(("bms", "charge")) for name in bench.names())


def test_it_tells_a_silent_battery_by_fault_and_reason() -> None:
    bench = Bench()
    bench.charge(ORDER[-20:])
    bench.run(MINUTE)
    bench.do("bms", lacks=["bcs"])
    bench.run(MINUTE)
    assert bench.beats()[-1][1].fault is GunFault.BMS_COMMUNICATION
    bench.do("unplug")
    bench.run(10 * S)
    assert [bill.stop_reason for bill in bench.bills()] == [StopReason.FAULT]


@pytest.mark.parametrize("protocol", ["evlink-2.5", "ykc-1.6"])
def test_it_has_no_word_of_a_battery_where_it_gives_alternating_current(protocol: str) -> None:
    profile = load_profile("name: ac\ntitle: AC\nfirmware: AC 1.0\nkind: ac\nrated_kw: 7\n", "ac.yaml")
    bench = Bench(profile=profile, protocol_name=protocol)
    bench.run(2 * S)
    bench.do("plug")
    if protocol == "evlink-2.5":
        bench.authorise(ORDER[-20:], account=ACCOUNT)
        bench.command_start()
    else:
        assert [hello.kind for hello in bench.all(Hello)] == [PileKind.AC]
        bench.tell(Start(order=ORDER, account=CARD, login=Login.QR, balance_mfen=50 * YUAN_MFEN))
    bench.until(lambda: is_charging(bench), MINUTE)
    bench.run(MINUTE)
    assert not any(name.startswith("bms") for name in bench.names())


def test_it_gives_direct_current_unless_it_is_told() -> None:
    assert Profile(name="reference").kind is PileKind.DC
