"""What a bill should have been: the pile's own record lies within the bounds, and the bounds are narrow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

import pytest
from msgspec import structs
from played import CASES, SCENARIOS, at_the_platform, options, run, suspect, true_bills

from pilesim.conformance.runner import Options, run_scenario
from pilesim.errors import UsageError
from pilesim.library import season_folder
from pilesim.reconstruct.bill import Figure, Reckoning, Standing, Unit, reckonings
from pilesim.reconstruct.story import story_of
from pilesim.reconstruct.tariffs import NOTHING, settings_of, tariff_in
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.targets import parse_target
from pilesim.season import play
from pilesim.season.fixture import load_season
from pilesim.trace.events import AnyEvent, Chunk, Finish, Header, LineUp, Trace
from pilesim.trace.exporters.write import export, exporter_of
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.trace.recorder import Recorder
from pilesim.units import S, epoch_ns, parse_yuan_mfen
from pilesim.wire.frame import Direction, End
from pilesim.wire.messages import (
    NO_TIME,
    Authorise,
    Band,
    Bill,
    GunFault,
    GunReport,
    GunState,
    Message,
    Parking,
    Stamp,
    Start,
    StopReason,
    Tariff,
)
from pilesim.wire.protocol import protocol_named

CLOCK_NS = 2 * S
"""The pile's clock is told to a second, and what passes takes a little."""
HEARTBEAT_DWH = 60 * 10_000 * 15 // 3600
"""What the quickest of these piles charges from one heartbeat to the next: 60 kW for 15 s."""
ROUNDED_DWH = 300
"""Meter and bill round to 0.01 kWh, before and after, and in each half-hour."""

FEW = ("order/whole", "order/short", "order/two-guns", "bill/late", "bill/half-hours", "bill/occupancy-rates")
OVERWRITTEN = frozenset({"auth/scan-before-bill", "bill/scanned-before-unplug"})
"""Here the firmware writes the next order's number into its record: it knows no longer what was true."""
SLOW_LINE = "line/jitter"
"""What is told comes up to four seconds late."""

FIGURES: dict[str, Callable[[Bill], int | None]] = {
    "arrive": lambda bill: bill.arrive.epoch_ns if bill.arrive is not None else None,
    "start": lambda bill: bill.start.epoch_ns,
    "end": lambda bill: bill.end.epoch_ns if bill.end is not None else None,
    "leave": lambda bill: bill.leave.epoch_ns if bill.leave is not None else None,
    "energy": lambda bill: bill.energy_dwh,
    "charge fee": lambda bill: bill.charge_fee_mfen,
    "service fee": lambda bill: bill.service_fee_mfen,
    "fees": lambda bill: bill.fees_mfen,
    "occupancy": lambda bill: bill.occupancy_minutes,
    "occupancy fee": lambda bill: bill.occupancy_fee_mfen,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "played_scenario" in metafunc.fixturenames:
        metafunc.parametrize("played_scenario", SCENARIOS if metafunc.config.getoption("--whole") else FEW)


def outside(figure: Figure, true: int | None, slack: int) -> str:
    """In a sentence, how far the truth lies outside the bounds; "" where it lies within."""
    if true is None:
        return ""
    low = figure.least is None or figure.least - slack <= true
    high = figure.most is None or true <= figure.most + slack
    return "" if low and high else f"{figure.name}: {true} not from {figure.least} to {figure.most}"


def disagreements(one: Reckoning, true: Bill, slack_ns: int = CLOCK_NS) -> list[str]:
    known = {figure.name: figure for figure in one.figures}
    assert {"start", "end", "energy"} <= set(known)
    # A firmware that closes the order with the cable in has no leave, and nothing that hangs on it.
    names = [name for name in FIGURES if name in known and (true.leave is None or true.leave.epoch_ns is not None)]
    return [
        text
        for name in names or ("start", "end", "energy")
        if (text := outside(known[name], FIGURES[name](true), slack_ns if known[name].unit is Unit.TIME else 0))
    ]


@lru_cache(maxsize=8)
def played_with_truth(scenario: str, pile: str) -> tuple[Trace, dict[str, Bill]]:
    """Of a play, the trace and the bills that would have been true, by order."""
    with true_bills() as bills:
        return run_scenario(SCENARIOS[scenario], options(pile)).trace, bills


@pytest.mark.parametrize("seen_by", ["both ends", "the platform"])
def test_the_truth_lies_within_the_bounds(played_scenario: str, seen_by: str) -> None:
    trace, bills = played_with_truth(played_scenario, "sim:reference")
    story = story_of(trace if seen_by == "both ends" else at_the_platform(trace))
    slack_ns = 5 * S if played_scenario == SLOW_LINE else CLOCK_NS
    known = {one.order: one for one in reckonings(story)}
    assert set(bills) <= set(known)
    assert [text for order in bills for text in disagreements(known[order], bills[order], slack_ns)] == []


@pytest.mark.parametrize("field_case", ["bill/unplugged-offline", "bill/late", "stop/phone-cable-in", "beat/occupied"])
def test_the_truth_lies_within_the_bounds_whatever_the_firmware_bills(field_case: str) -> None:
    assert field_case in CASES
    trace, bills = played_with_truth(field_case, suspect(field_case))
    known = {one.order: one for one in reckonings(story_of(at_the_platform(trace)))}
    assert bills
    assert [text for order in bills for text in disagreements(known[order], bills[order])] == []


@pytest.mark.parametrize("narrow_scenario", FEW)
def test_the_bounds_of_the_energy_are_no_wider_than_a_heartbeat(narrow_scenario: str) -> None:
    trace = run(narrow_scenario, "sim:reference").trace
    widths = []
    for one in reckonings(story_of(at_the_platform(trace))):
        if one.figures and one.standing is not Standing.AWAITED:
            energy = one.figure("energy")
            assert energy.least is not None
            assert energy.most is not None
            widths.append(energy.most - energy.least)
    assert widths
    assert max(widths) <= HEARTBEAT_DWH + ROUNDED_DWH


def test_the_truth_of_a_season_lies_within_the_bounds(time_enough: bool) -> None:
    season = load_season(
        (season_folder() / "zpd-7.yaml").read_text(encoding="utf-8"), "zpd-7.yaml", play.season_contract()
    )
    recorders: list[Recorder] = []

    class Kept(Recorder):
        def __init__(self, header: Header, sink: None = None, *, keep: bool = True) -> None:
            super().__init__(header)
            recorders.append(self)

    with true_bills() as bills, patch.object(play, "Recorder", Kept):
        play.play_season(season, seed=1, charges=24 if time_enough else 8)
    known = {one.order: one for kept in recorders for one in reckonings(story_of(at_the_platform(kept.trace())))}
    charged = [order for order in bills if order in known]
    assert len(charged) > len(bills) * 9 // 10
    assert [text for order in charged for text in disagreements(known[order], bills[order])] == []


# zpd-4 --------------------------------------------------------------------------------------------------------

ORDER = "20191013080051738725"
PILE = "44030900210000200002"
TARIFF = Tariff((94_000,) * 48, (42_000,) * 48, (Band(0, 1440, 80_000),), 15)


def at(clock: str) -> int:
    """Epoch ns of a time of that day."""
    return epoch_ns(datetime.fromisoformat(f"2019-10-13T{clock}+08:00"))


def zpd_4(end: str, leave: str, bill: Bill | None = None) -> Trace:
    """The platform's log of the order, as reports tell its end and its leave."""
    protocol = protocol_named("lhc")
    sessions = {each: protocol.session(each, PILE) for each in End}
    start_ns = at("08:00:00")
    header = Header(
        start="2019-10-13T08:00:00+08:00", protocol="lhc", pile=PILE, guns=1, ends=(End.PLATFORM,), stimuli=False
    )
    events: list[AnyEvent] = [LineUp(t_ns=0, end=End.PLATFORM)]

    def passes(epoch: int, message: Message, direction: Direction = Direction.UP) -> None:
        data = sessions[direction.sender].build(message, None)
        events.append(Chunk(t_ns=epoch - start_ns, end=End.PLATFORM, direction=direction, data=data))

    def beats(since: str, until: str, every_ns: int, state: GunState, energy_dwh: Callable[[int], int]) -> None:
        for epoch in range(at(since), at(until), every_ns):
            energy = energy_dwh(epoch)
            running = state is GunState.CHARGING
            passes(
                epoch,
                GunReport(
                    state=state,
                    cable=True,
                    fault=GunFault.NONE,
                    parking=Parking.TAKEN,
                    meter_dwh=1_000_000 + energy,
                    order=ORDER if running else "",
                    start=Stamp(at("08:00:57")) if running else NO_TIME,
                    energy_dwh=energy if running else 0,
                    amount_mfen=0,
                ),
            )

    begun, over = at("08:00:57"), at(end)

    def flowed(epoch: int) -> int:
        return max(0, min(epoch, over) - begun) * 25_000 // (over - begun) // 100 * 100

    beats("08:00:00", "08:00:50", 25 * S, GunState.IDLE, flowed)
    passes(at("08:00:51"), Authorise(account="1", order=ORDER, balance_mfen=5_000_000, tariff=TARIFF), Direction.DOWN)
    passes(at("08:00:52"), Start(account="1"), Direction.DOWN)
    beats("08:00:57", end, 15 * S, GunState.CHARGING, flowed)
    beats(end, leave, 30 * S, GunState.OCCUPIED_NOT_FULL, flowed)
    idle = GunReport(state=GunState.IDLE, cable=False, fault=GunFault.NONE, parking=Parking.FREE, meter_dwh=1_025_000)
    passes(at(leave), structs.replace(idle, order="", start=NO_TIME, energy_dwh=0, amount_mfen=0))
    if bill is not None:
        passes(at(leave) + S, bill)
    events.append(Finish(t_ns=at("12:30:00") - start_ns))
    return Trace(header, tuple(events))


BILL = Bill(
    order=ORDER,
    arrive=Stamp(at("08:00:00")),
    start=Stamp(at("08:00:57")),
    end=Stamp(at("08:19:33")),
    leave=Stamp(at("11:34:19")),
    charge_minutes=18,
    stages_dwh=(25_000,),
    charge_fee_mfen=235_000,
    service_fee_mfen=105_000,
    occupancy_minutes=194,
    occupancy_fee_mfen=14_800_000,
    stop_reason=StopReason.UNEXPECTED,
)


@pytest.mark.parametrize(
    ("end", "leave", "yuan"), [("08:13:57", "11:34:17", "148.00"), ("08:19:33", "11:34:19", "143.20")]
)
def test_the_occupancy_costs_what_the_field_reckoned(end: str, leave: str, yuan: str) -> None:
    (one,) = reckonings(story_of(zpd_4(end, leave)))
    fee = one.figure("occupancy fee")
    assert (one.standing, fee.likely) == (Standing.LOST, parse_yuan_mfen(yuan))
    assert fee.least is not None
    assert fee.most is not None
    # A heartbeat more or less is a minute more or less.
    assert fee.least <= parse_yuan_mfen(yuan) <= fee.most <= fee.least + 80_000
    assert [one.figure(name).likely for name in ("charge fee", "service fee")] == [235_000, 105_000]


def test_it_tells_which_end_a_bill_s_occupancy_follows_from() -> None:
    (one,) = reckonings(story_of(zpd_4("08:13:57", "11:34:17", BILL)))
    assert one.standing is Standing.WRONG
    assert [figure.name for figure in one.figures if figure.wrong] == ["end", "occupancy"]
    assert one.figure("end").off == at("08:19:33") - at("08:13:57")
    assert any("143.20 yuan, and not the 148.00 yuan" in remark for remark in one.remarks)


def test_it_finds_nothing_wrong_with_a_bill_that_is_right() -> None:
    right = structs.replace(
        BILL, end=Stamp(at("08:13:57")), leave=Stamp(at("11:34:17")), charge_minutes=13, occupancy_minutes=200
    )
    (one,) = reckonings(story_of(zpd_4("08:13:57", "11:34:17", right)))
    assert (one.standing, [figure.name for figure in one.figures if figure.off]) == (Standing.RIGHT, [])
    assert one.remarks == ()


# Standings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "pile", "standings"),
    [
        ("order/whole", "sim:reference", {Standing.RIGHT}),
        ("order/whole", "sim:reference?fault=energy-lost", {Standing.WRONG}),
        ("order/whole", "sim:reference?fault=loss-factor", {Standing.WRONG}),
        ("order/whole", "sim:reference?fault=duration-wrong", {Standing.WRONG}),
        ("order/whole", "sim:reference?fault=wrong-price", {Standing.WRONG}),
        ("bill/leap-day", "sim:reference?fault=leave-a-day-late", {Standing.WRONG}),
        ("order/short", "sim:reference?fault=bill-before-unplug", {Standing.WRONG}),
        ("order/short", "sim:reference?fault=bill-lost", {Standing.LOST}),
        ("order/short", "sim:reference?fault=bill-empty-order", {Standing.LOST}),
        ("order/start-lost", "sim:robinson-gen5-0303", {Standing.UNDUE, Standing.RIGHT}),
        ("order/start-lost", "sim:reference", {Standing.NONE_DUE, Standing.RIGHT}),
    ],
)
def test_it_tells_how_a_bill_stands(scenario: str, pile: str, standings: set[Standing]) -> None:
    trace = run(scenario, pile).trace
    assert {one.standing for one in reckonings(story_of(at_the_platform(trace)))} == standings


def test_it_holds_a_bill_without_its_order_against_the_charge() -> None:
    trace = run("order/short", "sim:reference?fault=bill-empty-order").trace
    (one,) = reckonings(story_of(at_the_platform(trace)))
    assert any(f"without its order came in frame {one.bill_frame}" in remark for remark in one.remarks)
    assert one.figure("energy").off == 0


def test_a_bill_without_its_order_is_found_by_the_line_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "field.log"
    trace = run("order/short", "sim:reference?fault=bill-empty-order").trace
    log.write_bytes(b"the service starts\n" + export(trace, exporter_of(log)).content)
    (one,) = reckonings(story_of(load_log(log, Wishes()).trace))
    assert any(f"without its order came in line {one.bill_frame}" in remark for remark in one.remarks)


def test_no_bound_of_a_charge_that_came_to_nothing_lies_below_nothing() -> None:
    trace = at_the_platform(run("order/start-delayed", "sim:robinson-gen5-0303").trace)
    (one,) = reckonings(story_of(trace))
    assert [figure.least for figure in one.figures if figure.unit in (Unit.ENERGY, Unit.MONEY)] == [0] * 6


# Tariffs ------------------------------------------------------------------------------------------------------


def test_a_tariff_that_is_given_goes_before_the_log_s() -> None:
    story = story_of(zpd_4("08:13:57", "11:34:17"))
    dearer = structs.replace(TARIFF, energy_mfen=(188_000,) * 48, free_minutes=0)
    (one,) = reckonings(story, dearer)
    assert one.figure("charge fee").likely == 470_000
    assert one.figure("occupancy fee").likely == 200 * 80_000


def test_a_tariff_is_spelt_as_a_scenario_has_it() -> None:
    changing = structs.replace(
        TARIFF, energy_mfen=(35_000,) * 14 + (104_000,) * 34, occupancy=(Band(0, 600, 0), Band(600, 1440, 80_000))
    )
    assert settings_of(changing).applied(NOTHING) == changing


def test_a_tariff_s_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tariff.yaml"
    prices = (
        "energy: [{until: '07:00', yuan: 0.35}, {until: '24:00', yuan: 1.04}]\nservice: [{until: '24:00', yuan: 0.45}]"
    )
    file.write_text(f"{prices}\noccupancy: [{{until: '24:00', yuan: 0.80}}]\nfree-minutes: 15\n", encoding="utf-8")
    read = tariff_in(file)
    assert read.energy_mfen == (35_000,) * 14 + (104_000,) * 34
    assert (read.service_mfen, read.occupancy_rate_mfen(700), read.free_minutes) == ((45_000,) * 48, 80_000, 15)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("energy: [{until: '24:00', yuan: 1.00}]", "expected prices of service for the whole day, found none"),
        ("energy: [{until: '12:00', yuan: 1.00}]", "expected energy until 24:00 at last, found 12:00"),
        ("prices: []", "prices"),
    ],
)
def test_a_tariff_that_is_none_is_told(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "tariff.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        tariff_in(file)


def test_a_tariff_s_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a tariff's file"):
        tariff_in(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("name", "standings"), [("szds-25", {Standing.UNTOLD, Standing.NONE_DUE}), ("szds-16a", {Standing.UNTOLD})]
)
def test_it_makes_up_no_figure_of_a_bill_that_is_told_in_words(name: str, standings: set[Standing]) -> None:
    found = reckonings(
        story_of(load_log(Path(__file__).parent.parent / "data" / "field-logs" / f"{name}.log", Wishes()).trace)
    )
    assert {one.standing for one in found} == standings
    assert [figure for one in found for figure in one.figures if figure.billed is not None] == []
    assert all("a log of frames would" in one.remarks[-1] for one in found if one.standing is Standing.UNTOLD)


@pytest.mark.parametrize("protocol", ["lhc", "ykc-1.6"])
def test_it_holds_no_bill_against_reports_that_were_held_up(protocol: str) -> None:
    """The platform has them late: by its own times the charge would have been over when they came."""
    asked = Options(
        target=parse_target("sim:reference"),
        protocol=protocol,
        seed=1,
        impairments=(parse_impairment("stall for=20s after=40s"),),
    )
    trace = at_the_platform(run_scenario(SCENARIOS["order/short"], asked).trace)
    header = structs.replace(trace.header, protocol=protocol)
    (one,) = reckonings(story_of(Trace(header, trace.events)))
    assert one.standing is Standing.RIGHT
    assert one.figure("energy").wrong is False
