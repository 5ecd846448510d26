"""A small world in virtual time: a pile on a flash that can be cut, the line, the reference platform; no judge.

Owns how the steps of a schedule are done in it. Must not know what may come of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from bill_flash import CutPile, Flash

from pilesim.conformance.runner import simulated_number
from pilesim.contract.contracts import contract_of
from pilesim.explore.schedule import Schedule
from pilesim.link.virtual import virtual_pair
from pilesim.pile.pile import Pile
from pilesim.platform.platform import Platform
from pilesim.platform.settings import Settings
from pilesim.rig.clock import VirtualClock
from pilesim.rig.driver import Driver
from pilesim.rig.firmware import platform_faults, profile_of
from pilesim.rig.impairments import parse_impairment
from pilesim.rig.line import Line
from pilesim.rig.pump import Pump
from pilesim.rig.targets import SimTarget, parse_target
from pilesim.scenario import steps
from pilesim.trace.events import Header
from pilesim.trace.recorder import Recorder
from pilesim.units import MS, S, local_datetime
from pilesim.wire.frame import End
from pilesim.wire.protocol import protocol_named

SETTLING_NS = 5 * S
"""After this a pile in good order has logged in and told the state of its guns."""
DARK_NS = 4 * S
FIRST_SERIAL = 5_001
"""Of the orders that are given by hand."""
"""How long the power is gone after it went between two writes."""


class World:
    """`schedule` without its steps: those are taken one by one. `cut_after` as of `Flash`."""

    def __init__(self, schedule: Schedule, cut_after: int = 0) -> None:
        self.schedule = schedule
        self.protocol = protocol = protocol_named(schedule.protocol)
        contract = contract_of(schedule.protocol)
        target, office = parse_target(schedule.url(End.PILE)), parse_target(schedule.url(End.PLATFORM))
        assert isinstance(target, SimTarget) and isinstance(office, SimTarget)
        profile = profile_of(target)
        self.number = simulated_number(protocol)
        self.flash = Flash(cut_after=cut_after)
        pile = Pile(
            protocol=protocol,
            contract=contract,
            profile=profile,
            number=self.number,
            world_start_ns=schedule.start_ns,
            seed=schedule.seed,
            store=self.flash.store,
        )
        self.pile = CutPile(pile, self.flash, DARK_NS)
        self.platform = Platform(
            protocol=protocol,
            contract=contract,
            world_start_ns=schedule.start_ns,
            settings=Settings(auto=schedule.auto),
            seed=schedule.seed,
            faults=platform_faults(office),
        )
        self.desk = self.platform.session()
        start = local_datetime(schedule.start_ns).isoformat()
        self.recorder = Recorder(Header(start=start, protocol=protocol.name, pile=self.number, guns=profile.guns))
        pile_ends, platform_ends = virtual_pair(), virtual_pair()
        for link in (*pile_ends, *platform_ends):
            link.open()
        self.line = Line(pile_ends[1], platform_ends[0], self.recorder, protocol=protocol, seed=schedule.seed)
        drivers = (Driver(self.pile, pile_ends[0]), self.line, Driver(self.desk, platform_ends[1]))
        self._clock = VirtualClock()
        self._pump = Pump(self._clock, drivers)
        self.numbers: dict[str, str] = {}
        """Order numbers by the schedule's labels."""
        self.balances_mfen: dict[str, int] = {}
        """What each order's account had when the order was made, by the order's number."""
        self.passes(SETTLING_NS)

    @property
    def now_ns(self) -> int:
        return self._clock.now_ns()

    def passes(self, ns: int) -> None:
        self._pump.run_until(lambda: False, self.now_ns + ns)

    def takes(self, chosen: Iterable[steps.Step]) -> None:
        for step in chosen:
            self.take(step)

    def take(self, step: steps.Step) -> None:
        match step:
            case steps.Wait(ns=ns):
                self.passes(ns)
            case steps.Impair(spec=spec):
                self.line.impair(parse_impairment(spec))
            case steps.Heal():
                self.line.heal()
            case steps.PowerOff() | steps.PowerOn() if self.pile.fallen:
                # The cut has been quicker; it is a whole one, with its own end.
                self.passes(DARK_NS)
            case steps.PowerOff() | steps.PowerOn() if self.pile.pile._powered == (step.kind == "power-on"):
                pass
            case steps.Tap(gun=gun, times=times, every=every):
                for _ in range(times):
                    self.pile.stimulate(self.now_ns, step.kind, gun, {})
                    self.passes(every)
            case steps.Stimulus():
                self.pile.stimulate(self.now_ns, step.kind, getattr(step, "gun", None), step.detail())
            case steps.Authorise(gun=gun, order=label, balance=balance):
                epoch_ns = self.schedule.start_ns + self.now_ns
                # Far from the numbers that the platform makes where it is told to start with no order there.
                made = self.protocol.new_order(self.number, gun, epoch_ns, FIRST_SERIAL + len(self.numbers))
                number = self.numbers[label] = self.protocol.normal_order(made)
                self.desk.authorise(self.now_ns, gun, number, balance)
                self.balances_mfen[number] = balance
            case steps.Start(gun=gun, account=account):
                self.desk.start(self.now_ns, gun, account)
            case steps.Stop(gun=gun, account=account):
                self.desk.stop(self.now_ns, gun, account)
            case _:
                raise NotImplementedError(f"expected a step of a short life, found {step}")
        # What is done is heard of at its own instant, as in a scenario.
        self.passes(MS)
