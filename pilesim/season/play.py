"""Plays a season: one world a pile, in virtual time, with whole frames over a line and a platform of its own.

Owns the joining of plan, bench and attendant, and the order of the outcomes. A pile's world hangs on the season, the
seed and the pile's number alone, so that piles may be played in any order and in processes of their own, and the
outcome is the same.

Piles are powered and connected from the season's beginning until the last bill has been waited for. Between charges
they beat: a season takes its charges close together (its days) to cost little, not its piles off the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from pilesim.contract.contract import Contract
from pilesim.contract.contracts import contract_of
from pilesim.errors import InternalError
from pilesim.faulty import Mishap
from pilesim.pile.faults.bill import Delay, UnplugLagTime
from pilesim.pile.profiles import Profile
from pilesim.platform.ledger import Row
from pilesim.platform.settings import Settings
from pilesim.rig.bench import Bench, ReferencePlatform, SimulatedPile, make_bench
from pilesim.rig.clock import VirtualClock
from pilesim.season.attendant import Attendant
from pilesim.season.expected import Expected, Truth
from pilesim.season.fixture import Season
from pilesim.season.losses import LossLog
from pilesim.season.plan import PilePlan, plan_of
from pilesim.season.truth import Deed, Down
from pilesim.spread import hired
from pilesim.trace.events import Header
from pilesim.trace.recorder import Recorder
from pilesim.units import DAY, MINUTE, local_datetime
from pilesim.wire.protocol import DEFAULT_PROTOCOL, protocol_named

PROTOCOL = DEFAULT_PROTOCOL
"""The one whose bills carry an end, by which the ledger tells durations."""
_DRAIN_NS = 5 * MINUTE
"""Beyond the waiting for the last bill."""
_LIMIT_NS = 30 * DAY
"""Beyond a season's own days: its waits have deadlines, so only a fault of ours takes longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a season has come to at one pile. `rows` are the ledger's, from frames alone; all else is the truth."""

    start_ns: int
    """Epoch ns of the world's beginning."""

    site: str
    pile: str
    profile: str
    firmware: str
    """Version text, as the pile says it in its first frame."""
    rows: tuple[Row, ...]
    metered_dwh: int
    """What the meters of its guns counted, by the last heartbeats; all begin at zero."""
    expected: tuple[Expected, ...]
    deeds: tuple[Deed, ...]
    mishaps: tuple[Mishap, ...]
    downs: tuple[Down, ...]
    world_ns: int


def season_contract() -> Contract:
    return contract_of(PROTOCOL)


def play_season(
    season: Season,
    *,
    seed: int,
    charges: int | None = None,
    jobs: int = 1,
    scheduler: str = "",
    charged: Callable[[int], None] = lambda count: None,
) -> tuple[Outcome, ...]:
    """Play `season`, or the part of it that holds `charges`; one outcome a pile that anybody came to, in their order.

    `jobs` processes play piles side by side, or the workers of the cluster at `scheduler`; RigError when a pile loses
    two of them. `charged` is told how many charges more are done, now and then.
    """
    plans = [plan for plan in plan_of(season, seed, season.charges if charges is None else charges) if plan.visits]
    outcomes: dict[int, Outcome] = {}
    with hired(jobs, scheduler) as crew:
        play = partial(_play, season, seed)
        if crew.here:
            play = partial(play, charged=partial(charged, 1))
        for number, outcome in crew.done(play, plans, lambda plan: f"pile {plan.number}"):
            outcomes[number] = outcome
            if not crew.here:
                charged(sum(deed.charged for deed in outcome.deeds))
    return tuple(outcomes[number] for number in range(len(plans)))


def _play(season: Season, seed: int, plan: PilePlan, charged: Callable[[], None] = lambda: None) -> Outcome:
    """One pile's world, from its first connection to the last bill's waiting."""
    contract = season_contract()
    settings = Settings(tariff=season.tariff)
    with _bench(season, seed, plan, settings) as (bench, recorder):
        pile, platform, session = bench.pile, bench.platform, bench.session
        assert pile is not None and platform is not None and session is not None
        attendant = Attendant(
            plan,
            pile=pile,
            platform=platform,
            session=session,
            line=bench.line,
            drain_ns=settings.wait_for_bill_ns(contract) + _longest_delay_ns(plan.profile) + _DRAIN_NS,
            charged=charged,
        )
        losses = LossLog(protocol_named(PROTOCOL))
        recorder.observers += [attendant.see, losses.see]
        bench.pump.add(attendant)
        if not bench.pump.run_until(lambda: attendant.done, season.days * DAY + _LIMIT_NS):
            raise InternalError(f"pile {plan.number}: the season never ends")
        truth = Truth(
            profile=plan.profile,
            deeds=attendant.deeds,
            mishaps=pile.mishaps,
            downs=attendant.downs,
            losses=losses.losses,
            settings=settings,
            contract=contract,
            world_start_ns=season.start_ns,
        )
        heard = [platform.book.heard(plan.number, gun) for gun in range(1, plan.profile.guns + 1)]
        return Outcome(
            start_ns=season.start_ns,
            site=plan.site,
            pile=plan.number,
            profile=plan.profile.name,
            firmware=plan.profile.firmware,
            rows=platform.ledger.rows(),
            metered_dwh=sum(report.meter_dwh or 0 for report in heard if report is not None),
            expected=truth.expected(),
            deeds=tuple(attendant.deeds),
            mishaps=pile.mishaps,
            downs=tuple(attendant.downs),
            world_ns=bench.clock.now_ns(),
        )


@contextmanager
def _bench(season: Season, seed: int, plan: PilePlan, settings: Settings) -> Iterator[tuple[Bench, Recorder]]:
    header = Header(
        start=local_datetime(season.start_ns).isoformat(),
        protocol=PROTOCOL,
        pile=plan.number,
        guns=plan.profile.guns,
        seed=seed,
    )
    recorder = Recorder(header, keep=False)
    bench = make_bench(
        protocol=protocol_named(PROTOCOL),
        world_start_ns=season.start_ns,
        pile=SimulatedPile(profile=plan.profile, number=plan.number, seed=seed),
        platform=ReferencePlatform(settings=settings, seed=seed),
        clock=VirtualClock(),
        recorder=recorder,
        seed=seed,
    )
    try:
        yield bench, recorder
    finally:
        bench.close()


def _longest_delay_ns(profile: Profile) -> int:
    """How late bills leave by the firmware's own doing, after the unplug or after an order that did not charge."""
    all_parameters = [choice.parameters for choice in profile.faults]
    lags_ns = sum(parameters.lag for parameters in all_parameters if isinstance(parameters, UnplugLagTime))
    return lags_ns + sum(parameters.delay for parameters in all_parameters if isinstance(parameters, Delay))
