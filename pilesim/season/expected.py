"""What a ledger must say of each order, from what was done to it and from the faults that struck it.

Owns the table of faults that a season can have, and the code that each must leave. Must not know the ledger's own
reckoning: it takes its words (`Anomaly`) and the lengths that its settings and the contract promise, and nothing that
the ledger has seen.

A mishap can be told from frames, or cannot, by how large it is. Energy lost is told by the last charging heartbeat,
which is up to a beat old: so a loss of less than 0.05 kWh is never told, one of 0.05 kWh and a beat's energy more
always is, and one between hangs on where the last beat fell. A wrong duration likewise. Whatever lies between is left
out of the comparison, for that order and that code and nothing else; so is one that lies above where the line was down
during the charge, for then the last beat is older; so is a duration that two faults have spoiled. What is left out is
counted and shown. Faults of which no frame tells at all have no code, and are told elsewhere (`FAULTS_TOLD`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pilesim.contract.contract import Contract
from pilesim.faulty import FaultChoice, Mishap
from pilesim.pile.faults.bill import Share, UnplugLagTime
from pilesim.pile.profiles import Profile
from pilesim.platform.ledger import Anomaly
from pilesim.platform.settings import Settings
from pilesim.season.truth import Deed, Down
from pilesim.units import FEN_MFEN, KWH_DWH, MINUTE, MS, S, minute_of_day, round_half_up

ENERGY_SEEN_DWH = KWH_DWH // 20
"""The ledger's promise: energy is lost when at least 0.05 kWh of it was seen."""
LEAST_BILLED_PERMILLE = 600
"""A loss factor that bills less than this comes near the half below which a ledger takes energy for lost."""
_W_NS_PER_DWH = 360 * S


class Tells(Enum):
    """By what a fault shows in the ledger."""

    NO_BILL = "the bill does not come while it is waited for"
    ENERGY = "a bill of none of the energy that was seen"
    SHORTER = "a bill of a shorter charge than was seen"
    LONGER = "a bill of a longer charge than was seen"
    NO_LEAVE = "a bill without a leave time, or of the next day's"
    NOTHING = "by no code: frames alone do not tell it"


FAULTS_TOLD: dict[str, Tells] = {
    "bill-lost": Tells.NO_BILL,
    "unplug-lag": Tells.NO_BILL,
    "energy-lost": Tells.ENERGY,
    "duration-wrong": Tells.SHORTER,
    "occupancy-from-wrong-end": Tells.LONGER,
    "leave-a-day-late": Tells.NO_LEAVE,
    # Meters tell it, site by site, and the rule bill.energy, charge by charge; a ledger has no code for it.
    "loss-factor": Tells.NOTHING,
    # The rules bill.amount, bill.stop-reason and bill.oldest-first tell them.
    "wrong-price": Tells.NOTHING,
    "wrong-stop-reason": Tells.NOTHING,
    "bills-newest-first": Tells.NOTHING,
}
"""The faults that a season can have: whatever a ledger can tell of them, their mishaps tell order by order."""

_LEAVE_THE_FEE = frozenset({Tells.NOTHING, Tells.ENERGY})
"""Whatever of these strikes a bill, its occupancy fee is as it must be."""


def unplayable(choice: FaultChoice) -> str:
    """Why a season cannot have this fault, in a sentence; "" when it can."""
    if choice.name not in FAULTS_TOLD:
        return f"expected faults that a ledger can be held against, of {', '.join(FAULTS_TOLD)}; found {choice.name}"
    parameters = choice.parameters
    if isinstance(parameters, Share) and parameters.billed_permille < LEAST_BILLED_PERMILLE:
        return (
            f"expected a loss factor of at least {LEAST_BILLED_PERMILLE} permille, which no ledger takes for energy "
            f"lost; found {parameters.billed_permille}"
        )
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the ledger must say of one order."""

    order: str
    codes: frozenset[Anomaly]
    open: frozenset[Anomaly] = frozenset()
    """Left out: they may stand there or not."""
    occupancy_fee_mfen: int | None = None
    """None: left out, since a fault struck the times of the bill, or there is none."""


@dataclass(frozen=True, slots=True)
class _Zone:
    """Below `never` a mishap is never told, from `always` on it always is."""

    code: Anomaly
    never: int
    always: int


class Truth:
    """One pile's: what was done, which faults struck, when the line was down."""

    def __init__(
        self,
        *,
        profile: Profile,
        deeds: Sequence[Deed],
        mishaps: Sequence[Mishap],
        downs: Sequence[Down],
        settings: Settings,
        contract: Contract,
        world_start_ns: int,
    ) -> None:
        self._deeds = deeds
        self._downs = downs
        self._settings = settings
        self._world_start_ns = world_start_ns
        self._wait_ns = settings.wait_for_bill_ns(contract)
        self._mishaps: dict[str, list[Mishap]] = {}
        for mishap in mishaps:
            self._mishaps.setdefault(mishap.order, []).append(mishap)
        self._lags_ns = [
            choice.parameters.lag for choice in profile.faults if isinstance(choice.parameters, UnplugLagTime)
        ]
        beat_dwh = round_half_up(profile.rated_w * contract.beat_charging_ns, _W_NS_PER_DWH) + 1
        off_ns = settings.duration_tolerance_ns
        self._zones = {
            Tells.ENERGY: _Zone(Anomaly.ENERGY_LOST, ENERGY_SEEN_DWH, ENERGY_SEEN_DWH + beat_dwh),
            # The charge was seen from its first beat, which is at once, to its last, which is up to a beat old.
            Tells.SHORTER: _Zone(Anomaly.DURATION_DIFFERS, off_ns, off_ns + contract.beat_charging_ns + S),
            # The beat before the charge is up to an idle gun's period older than the charge.
            Tells.LONGER: _Zone(Anomaly.DURATION_DIFFERS, off_ns, off_ns + contract.beat_idle_ns + S),
        }

    def expected(self) -> tuple[Expected, ...]:
        """Of every order, as they were done."""
        return tuple(self._expected(deed) for deed in self._deeds)

    def _expected(self, deed: Deed) -> Expected:
        if deed.failed:
            return Expected(order=deed.order, codes=frozenset({Anomaly.START_FAILED}), occupancy_fee_mfen=0)
        mishaps = self._mishaps.get(deed.order, [])
        codes, open_codes = self._lost(deed, mishaps), set()
        for mishap in mishaps:
            tells = FAULTS_TOLD[mishap.fault]
            zone = self._zones.get(tells)
            if tells is Tells.NO_LEAVE:
                codes.add(Anomaly.TIME_ABNORMAL)
            if zone is None or mishap.amount < zone.never:
                continue
            if mishap.amount >= zone.always and not self._down_within(deed.began_ns, deed.ended_ns):
                codes.add(zone.code)
            else:
                open_codes.add(zone.code)
        if sum(FAULTS_TOLD[mishap.fault] in (Tells.SHORTER, Tells.LONGER) for mishap in mishaps) > 1:
            # One can take back what the other does.
            open_codes.add(Anomaly.DURATION_DIFFERS)
        fee_stands = all(FAULTS_TOLD[mishap.fault] in _LEAVE_THE_FEE for mishap in mishaps)
        return Expected(
            order=deed.order,
            codes=frozenset(codes - open_codes),
            open=frozenset(open_codes),
            occupancy_fee_mfen=self._occupancy_fee_mfen(deed) if fee_stands else None,
        )

    def _lost(self, deed: Deed, mishaps: Sequence[Mishap]) -> set[Anomaly]:
        """Whether the platform stops waiting for the bill before it comes, and whether the pile is off-line then.

        It waits from when it hears that the cable is out. Of a pile that it does not hear it waits from the last
        beat, whatever the gun is doing: a line that is down for longer than that ends the waiting.
        """
        lost = any(mishap.fault == "bill-lost" for mishap in mishaps)
        long_downs = [down for down in self._downs if down.until_ns - down.since_ns > self._wait_ns]
        if any(deed.began_ns < down.since_ns <= deed.unplugged_ns for down in long_downs):
            return {Anomaly.BILL_LOST_OFFLINE}
        heard_out_ns = self._after_line(deed.unplugged_ns)
        leaves_ns = self._after_line(deed.unplugged_ns + sum(self._lags_ns))
        waits_until_ns = heard_out_ns + self._wait_ns
        if not lost and leaves_ns <= waits_until_ns:
            return set()
        offline = self._down_within(waits_until_ns, waits_until_ns)
        return {Anomaly.BILL_LOST_OFFLINE if offline else Anomaly.BILL_LOST}

    def _after_line(self, t_ns: int) -> int:
        """`t_ns`, or when the line is back."""
        return next((down.until_ns for down in self._downs if down.since_ns <= t_ns < down.until_ns), t_ns)

    def _down_within(self, since_ns: int, until_ns: int) -> bool:
        return any(down.since_ns <= until_ns and since_ns < down.until_ns for down in self._downs)

    def _occupancy_fee_mfen(self, deed: Deed) -> int:
        """By the stopwatch: whole minutes from the charge's end to the unplug, to the millisecond that frames carry."""
        end_ms, leave_ms = ((self._world_start_ns + ns) // MS for ns in (deed.ended_ns, deed.unplugged_ns))
        tariff = self._settings.tariff
        minutes = max(0, (leave_ms - end_ms) * MS // MINUTE - tariff.free_minutes)
        fee_mfen = minutes * tariff.occupancy_rate_mfen(minute_of_day(end_ms * MS))
        return round_half_up(fee_mfen, FEN_MFEN) * FEN_MFEN
