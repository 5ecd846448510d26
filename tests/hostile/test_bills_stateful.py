"""Bills are money, looked for by hypothesis: at a pile, act by act, and at a platform, whatever a pile may tell it.

Owns two machines: one lives in a world of pile, line and platform, the other plays the pile itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import hypothesis.strategies as st
import pytest
from bill_lives import REST, authorise, plug, schedule_of, wait
from bill_money import broken
from bill_shrunk import Broken
from bill_world import FIRST_SERIAL, World
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import structs

from pilesim.contract.contracts import contract_of
from pilesim.explore.schedule import ChosenFault, possible
from pilesim.platform.ledger import Ledger
from pilesim.platform.platform import Platform
from pilesim.platform.session import PlatformSession
from pilesim.rules.table import RULES
from pilesim.scenario import steps
from pilesim.scenario.scenario import parse_scenario
from pilesim.trace.events import Chunk
from pilesim.units import MINUTE, YUAN_MFEN, S
from pilesim.wire.frame import Direction, End, Frame
from pilesim.wire.messages import Bill, Hello, Message, Stamp
from pilesim.wire.protocol import Session

PROTOCOLS = ("lhc", "ykc-1.6")
FEW = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
FEW_AS_THEY_ARE = settings(FEW, phases=[Phase.generate])
"""What fails is not made small."""
MANY = 10_000
"""With more schedules than this there is time for much."""
GUNS = st.sampled_from((1, 2))
IMPAIRMENTS = st.sampled_from(
    (
        {"drop": {"message": "bill-reply", "count": 2}},
        {"drop": {"message": "bill", "count": 2}},
        {"drop": {"direction": "down", "within": "40s"}},
        {"duplicate": {"message": "start", "later": "30s", "count": 1}},
        {"duplicate": {"message": "authorise", "later": "30s", "count": 1}},
        {"duplicate": {"message": "bill", "later": "20s", "count": 1}},
        {"hold": {"message": "bill-reply", "for": "40s", "count": 1}},
        {"cut": {"lose_rest": True, "message": "bill", "count": 1}},
        {"noise": {"bytes": 9, "message": "bill", "count": 2}},
        {"disconnect": {"for": "10s"}},
        {"refuse": {"for": "30s"}},
        {"stall": {"for": "30s"}},
    )
)


# --------------------------------------------------------------------------------------------------- at the pile


class PileMachine(RuleBasedStateMachine):
    """A world in which anything may be done next; `protocol` is given by a subclass."""

    protocol = ""
    faults: tuple[ChosenFault, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self._schedule = schedule_of(self.protocol, [], 1, faults=self.faults)
        self._world = World(self._schedule)
        self._steps: list[steps.Step] = []
        self._cut = 0

    def _do(self, step: steps.Step) -> None:
        """Take a step where it can be done; what cannot is none."""
        if possible([*self._steps, step]) == (*self._steps, step):
            self._steps.append(step)
            self._world.take(step)

    @rule(gun=GUNS, sound=st.booleans())
    def plugs(self, gun: int, sound: bool) -> None:
        self._do(plug(gun, insulation=sound))

    @rule(gun=GUNS)
    def unplugs(self, gun: int) -> None:
        self._do(steps.Unplug(gun=gun))

    @rule(gun=GUNS, yuan=st.sampled_from((1, 50)))
    def scans(self, gun: int, yuan: int) -> None:
        self._do(authorise(f"N{len(self._steps)}", gun, yuan))

    @rule(gun=GUNS)
    def starts(self, gun: int) -> None:
        self._do(steps.Start(gun=gun))

    @rule(gun=GUNS)
    def charges(self, gun: int) -> None:
        """The way to a charge in one, so that many an example has one."""
        self._do(plug(gun))
        self._do(authorise(f"N{len(self._steps)}", gun))
        self._do(wait(S))
        self._do(steps.Start(gun=gun))
        self._do(wait(20 * S))

    @rule(gun=GUNS)
    def stops(self, gun: int) -> None:
        self._do(steps.Stop(gun=gun))

    @rule(gun=GUNS)
    def is_stopped_by_its_user(self, gun: int) -> None:
        self._do(steps.StopButton(gun=gun))

    @rule(gun=GUNS)
    def is_tapped(self, gun: int) -> None:
        self._do(steps.Tap(gun=gun))

    @rule(spec=IMPAIRMENTS)
    def has_a_bad_line(self, spec: dict[str, dict[str, Any]]) -> None:
        self._do(steps.Impair(spec=spec))

    @rule()
    def loses_power(self) -> None:
        self._do(steps.PowerOff())

    @rule()
    def has_power_again(self) -> None:
        self._do(steps.PowerOn())

    @precondition(lambda self: not self._cut)
    @rule(writes=st.integers(1, 12))
    def is_to_lose_power_between_two_writes(self, writes: int) -> None:
        flash = self._world.flash
        self._cut = flash.cut_after = flash.writes + writes

    @rule(seconds=st.sampled_from((1, 5, 20, 40)))
    def waits(self, seconds: int) -> None:
        self._do(wait(seconds * S))

    @invariant()
    def breaks_no_promise(self) -> None:
        self._check(at_rest=False)

    def teardown(self) -> None:
        for step in REST:
            self._do(step)
        self._check(at_rest=True)

    def _check(self, *, at_rest: bool) -> None:
        found = broken(self._world, at_rest=at_rest)
        schedule = replace(self._schedule, steps=tuple(self._steps))
        assert not found, Broken(schedule, self._cut, tuple(found)).text()


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> settings:
    """How much is tried: the same at each run of a few, and always something new where there is time for many."""
    many = request.config.getoption("--schedules") > MANY
    return settings(FEW, max_examples=1000, derandomize=False) if many else FEW


def machine(kind: type[RuleBasedStateMachine], **given: object) -> type[RuleBasedStateMachine]:
    return type("Machine", (kind,), given)


@pytest.mark.timeout(600)  # what is found is made small, which takes its time
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pile_breaks_no_promise_whatever_is_done_next(protocol: str, tried: settings) -> None:
    run_state_machine_as_test(machine(PileMachine, protocol=protocol), settings=tried)


def test_a_pile_that_loses_bills_is_found_and_told_as_a_scenario() -> None:
    faults = (ChosenFault(End.PILE, "bill-lost"),)
    with pytest.raises(AssertionError, match=r"(?s)lost: order .* - start: ") as failure:
        run_state_machine_as_test(machine(PileMachine, protocol="lhc", faults=faults), settings=FEW_AS_THEY_ARE)
    text = str(failure.value).partition("\nassert ")[0]
    assert "bill.one-per-charge" in parse_scenario(text, "bills.yaml", [row.id for row in RULES]).proves


# ----------------------------------------------------------------------------------------------- at the platform


@cache
def true_bill(protocol: str) -> Bill:
    """A bill as a pile of that protocol sends it, to be told of other orders."""
    chosen = [plug(), authorise("A"), wait(S), steps.Start(gun=1), wait(40 * S), steps.Unplug(gun=1), wait(2 * S)]
    world = World(schedule_of(protocol, chosen, 1))
    world.takes(chosen)
    (kept,) = bills_in(world)
    return kept


def bills_in(world: World) -> Iterator[Bill]:
    framer = world.protocol.framer(Direction.UP)
    for event in world.recorder.events:
        if isinstance(event, Chunk) and event.end is End.PLATFORM and event.direction is Direction.UP:
            for frame in framer.feed(event.data, event.t_ns):
                message = world.protocol.decode(frame).message if isinstance(frame, Frame) else None
                if isinstance(message, Bill):
                    yield message


class PlatformMachine(RuleBasedStateMachine):
    """The machine is the pile: it tells bills of its orders, old ones again and late, on one connection after another.

    Each order has an account of its own, which is to be left with what it had less that order's first bill.
    """

    protocol = ""

    def __init__(self) -> None:
        super().__init__()
        world = World(schedule_of(self.protocol, [], 1))
        self._wire = world.protocol
        self._number = world.number
        self._platform = Platform(
            protocol=self._wire, contract=contract_of(self.protocol), world_start_ns=world.schedule.start_ns, seed=1
        )
        self._start_ns = world.schedule.start_ns
        self._now_ns = 0
        self._orders: list[str] = []
        self._bills: dict[str, Bill] = {}
        self._given_mfen: dict[str, int] = {}
        self._connect()

    def _connect(self) -> None:
        self._desk: PlatformSession = self._platform.session()
        self._session: Session = self._wire.session(End.PILE, self._number)
        self._desk.line_up(self._now_ns)
        self._say(Hello(firmware="PILESIM", guns=2))

    def _say(self, message: Message) -> None:
        self._hear(self._session.build(message))

    def _hear(self, data: bytes) -> None:
        self._desk.receive(data, self._now_ns)
        self._desk.take_actions()

    def _pass(self, ns: int) -> None:
        until_ns = self._now_ns + ns
        while (due_ns := self._desk.next_wakeup_ns()) is not None and due_ns <= until_ns:
            self._now_ns = max(self._now_ns, due_ns)
            self._desk.advance(self._now_ns)
            self._desk.take_actions()
        self._now_ns = until_ns
        self._desk.advance(until_ns)

    @rule(yuan=st.integers(0, 90))
    def scans(self, yuan: int) -> None:
        serial = len(self._orders) + 1
        # Far from the numbers that the platform makes where it is told to start with no order there.
        made = self._wire.new_order(self._number, 1, self._start_ns + self._now_ns, FIRST_SERIAL + serial)
        order = self._wire.normal_order(made)
        self._desk.authorise(self._now_ns, 1, order, yuan * YUAN_MFEN, account=f"138{serial:08d}")
        self._orders.append(order)
        self._given_mfen[order] = yuan * YUAN_MFEN

    @precondition(lambda self: self._orders)
    @rule()
    def starts(self) -> None:
        self._desk.start(self._now_ns, 1)

    def _chosen(self, which: int) -> list[str]:
        """One of the orders, if there is any."""
        return [self._orders[which % len(self._orders)]] if self._orders else []

    @rule(which=st.integers(0, 9))
    def tells_a_bill(self, which: int) -> None:
        """For the first time or once more: of one order it is always the same."""
        for order in self._chosen(which):
            begun = Stamp(self._start_ns + (self._orders.index(order) + 1) * MINUTE)
            bill = self._bills.setdefault(order, structs.replace(true_bill(self.protocol), order=order, start=begun))
            self._say(bill)

    @rule(which=st.integers(0, 9), more=st.integers(1, 9))
    def tells_another_bill_of_the_same_order(self, which: int, more: int) -> None:
        """As only a faulty pile does; the first one counts."""
        for order in self._chosen(which):
            if order in self._bills:
                begun = Stamp(self._start_ns + more * S)
                self._say(structs.replace(self._bills[order], start=begun))

    @rule(which=st.integers(0, 9), kept=st.integers(1, 60))
    def tells_the_beginning_of_a_bill(self, which: int, kept: int) -> None:
        for order in self._chosen(which):
            self._hear(self._session.build(structs.replace(true_bill(self.protocol), order=order))[:kept])
            self._pass(S)

    @rule(data=st.binary(max_size=40))
    def tells_noise(self, data: bytes) -> None:
        self._hear(data)
        self._pass(S)

    @rule()
    def dials_anew(self) -> None:
        self._desk.line_down(self._now_ns)
        self._connect()

    @rule()
    def dials_anew_and_the_old_connection_is_not_told(self) -> None:
        self._connect()

    @rule(minutes=st.sampled_from((0, 1, 31)))
    def waits(self, minutes: int) -> None:
        self._pass(minutes * MINUTE + S)

    @invariant()
    def each_order_is_charged_once(self) -> None:
        for serial, order in enumerate(self._orders, start=1):
            row = next(row for row in self._platform.ledger.rows() if row.order == order)
            bill = self._bills.get(order)
            fees_mfen = 0 if bill is None else bill.fees_mfen + (bill.occupancy_fee_mfen or 0)
            found_mfen = self._platform.ledger.balance_mfen(self._wire.normal_account(f"138{serial:08d}"))
            assert found_mfen == self._given_mfen[order] - fees_mfen
            assert row.balance_mfen in (None, found_mfen)

    @invariant()
    def no_order_stands_twice_in_the_ledger(self) -> None:
        rows = [row.order for row in self._platform.ledger.rows()]
        assert len(rows) == len(set(rows))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_platform_charges_each_order_once_whatever_a_pile_tells(protocol: str, tried: settings) -> None:
    run_state_machine_as_test(machine(PlatformMachine, protocol=protocol), settings=tried)


def test_a_platform_that_charges_a_repeated_bill_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_bill(ledger: Ledger, now_ns: int, pile: str, bill: Bill) -> None:
        order = ledger._book.find(pile, bill.order)
        if order is not None:
            left_mfen = ledger.balance_mfen(order.account) or 0
            ledger.set_balance(order.account, left_mfen - bill.fees_mfen)

    monkeypatch.setattr(Ledger, "take_bill", take_bill)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine(PlatformMachine, protocol="lhc"), settings=FEW_AS_THEY_ARE)
