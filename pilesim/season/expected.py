"""What a ledger must say of each order, from what was done to it and from the faults that struck it.

Owns the code that each kind of fault must leave, and on which order. Must not know the ledger's own reckoning: it
takes its words (`Anomaly`), its stated choices and the lengths that its settings and the contract promise, and nothing
that the ledger has seen.

A mishap can be told from frames, or cannot, by how large it is. Energy lost is told by the last charging heartbeat,
which is up to a beat old: so a loss of less than 0.05 kWh is never told, one of 0.05 kWh and a beat's energy more
always is, and one between hangs on where the last beat fell. A wrong duration likewise. Whatever lies between is left
out of the comparison, for that order and that code and nothing else; so is one that lies above where the line was down
during the charge, for then the last beat is older; so is a duration that two faults have spoiled. What is left out is
counted and shown.

What a fault did to a bill shows on the order whose number the bill carries, and only if it came. A bill that comes
again, or beside another with its number, is a duplicate on that order. The order whose record was overwritten has
lost its bill; the one that got it has a bill of a charge that it never had, which no frame contradicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pilesim.contract.contract import Contract
from pilesim.errors import InternalError
from pilesim.faulty import Mishap
from pilesim.pile.faults.bill import UnplugLagTime
from pilesim.pile.profiles import Profile
from pilesim.platform.ledger import Anomaly
from pilesim.platform.settings import Settings
from pilesim.season.bills import Arrival, Bills
from pilesim.season.faults import FAULTS_TOLD, Tells
from pilesim.season.truth import Deed, Down, LineLoss
from pilesim.units import FEN_MFEN, KWH_DWH, MINUTE, MS, S, minute_of_day, round_half_up

ENERGY_SEEN_DWH = KWH_DWH // 20
"""The ledger's promise: energy is lost when at least 0.05 kWh of it was seen."""
_W_NS_PER_DWH = 360 * S

_LEAVE_THE_FEE = frozenset({Tells.NOTHING, Tells.ENERGY, Tells.OTHER_BILL, Tells.GIVEN_UP, Tells.POWERLESS})
"""Whatever of these strikes a bill, its occupancy fee is as it must be, if it comes."""
_TIME_ABNORMAL = frozenset({Tells.EARLY, Tells.WRONG_LEAVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the ledger must say of one order, or of the bill that came without one."""

    order: str
    """A bill without a number is named by `unnumbered`."""
    codes: frozenset[Anomaly]
    open: frozenset[Anomaly] = frozenset()
    """Left out: they may stand there or not."""
    occupancy_fee_mfen: int | None = None
    """None: left out, since a fault struck the times of the bill, or there is none."""


def unnumbered(order: str) -> str:
    """What a bill without a number is called, that tells of this order's charge."""
    return f"no order, in place of {order}" if order else "no order"


@dataclass(frozen=True, slots=True)
class _Zone:
    """Below `never` a mishap is never told, from `always` on it always is."""

    code: Anomaly
    never: int
    always: int


class Truth:
    """One pile's: what was done, which faults struck, when the line was down and what it lost of bills."""

    def __init__(
        self,
        *,
        profile: Profile,
        deeds: Sequence[Deed],
        mishaps: Sequence[Mishap],
        downs: Sequence[Down],
        losses: Sequence[LineLoss] = (),
        settings: Settings,
        contract: Contract,
        world_start_ns: int,
    ) -> None:
        """InternalError when a fault has struck that nobody in a season brings out."""
        self._deeds = deeds
        self._downs = downs
        self._settings = settings
        self._world_start_ns = world_start_ns
        self._wait_ns = settings.wait_for_bill_ns(contract)
        self._mishaps: dict[str, list[Mishap]] = {}
        for mishap in mishaps:
            if FAULTS_TOLD[mishap.fault] is Tells.NEVER:
                raise InternalError(f"expected {mishap.fault} never to strike in a season; found: {mishap.text}")
            self._mishaps.setdefault(mishap.order, []).append(mishap)
        self._bills = Bills(
            deeds=deeds,
            mishaps=mishaps,
            downs=downs,
            losses=losses,
            lag_ns=sum(use.parameters.lag for use in profile.faults if isinstance(use.parameters, UnplugLagTime)),
            resend_ns=contract.bill_resend_ns,
            answered_ns=settings.reply_delay_ns,
        )
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
        """Of every order, as they were done, and of every bill that came without one."""
        return (*map(self._expected, self._deeds), *self._without_number())

    def _expected(self, deed: Deed) -> Expected:
        arrivals = self._bills.of(deed.order)
        codes = self._of_bills(deed.order, arrivals)
        open_codes: set[Anomaly] = set()
        if deed.failed:
            codes.add(Anomaly.START_FAILED)
        if deed.charged:
            codes |= self._lost(deed, arrivals)
            if arrivals:
                told, untold = self._of_sizes(deed)
                codes |= told
                open_codes = untold
        return Expected(
            order=deed.order,
            codes=frozenset(codes - open_codes),
            open=frozenset(open_codes),
            occupancy_fee_mfen=self._fee_mfen(deed, arrivals),
        )

    def _without_number(self) -> Iterator[Expected]:
        for deed in self._deeds:
            arrivals = self._bills.without_number(deed.order)
            if arrivals:
                codes = self._of_bills(deed.order, arrivals) | {Anomaly.ORDER_UNKNOWN}
                yield Expected(order=unnumbered(deed.order), codes=frozenset(codes))

    def _of_bills(self, order: str, arrivals: Sequence[Arrival]) -> set[Anomaly]:
        """What shows in the bills themselves."""
        if not arrivals:
            return set()
        struck = {FAULTS_TOLD[mishap.fault] for mishap in self._mishaps.get(order, ())}
        marks = {
            Anomaly.TIME_ABNORMAL: not arrivals[0].charge or bool(struck & _TIME_ABNORMAL),
            Anomaly.DUPLICATE_BILL: len(arrivals) > 1,
        }
        return {anomaly for anomaly, holds in marks.items() if holds}

    def _of_sizes(self, deed: Deed) -> tuple[set[Anomaly], set[Anomaly]]:
        """What the bill has wrong about the charge that was seen: what is told, and what is left out."""
        codes: set[Anomaly] = set()
        open_codes: set[Anomaly] = set()
        mishaps = self._mishaps.get(deed.order, ())
        for mishap in mishaps:
            zone = self._zones.get(FAULTS_TOLD[mishap.fault])
            if zone is None or mishap.amount < zone.never:
                continue
            if mishap.amount >= zone.always and not self._down_within(deed.began_ns, deed.ended_ns):
                codes.add(zone.code)
            else:
                open_codes.add(zone.code)
        if sum(FAULTS_TOLD[mishap.fault] in (Tells.SHORTER, Tells.LONGER) for mishap in mishaps) > 1:
            # One can take back what the other does.
            open_codes.add(Anomaly.DURATION_DIFFERS)
        return codes, open_codes

    def _lost(self, deed: Deed, arrivals: Sequence[Arrival]) -> set[Anomaly]:
        """Whether the platform stops waiting for the bill before it comes, and whether the pile is off-line then.

        It waits from when it hears that the cable is out. Of a pile that it does not hear it waits from the last
        beat, whatever the gun is doing: a line that is down for longer than that ends the waiting.
        """
        waits_until_ns = self._heard_out_ns(deed) + self._wait_ns
        offline = self._down_within(waits_until_ns, waits_until_ns)
        for down in self._downs:
            if deed.began_ns < down.since_ns <= deed.unplugged_ns and down.until_ns - down.since_ns > self._wait_ns:
                waits_until_ns, offline = down.since_ns, True
                break
        if arrivals and arrivals[0].t_ns <= waits_until_ns:
            return set()
        return {Anomaly.BILL_LOST_OFFLINE if offline else Anomaly.BILL_LOST}

    def _heard_out_ns(self, deed: Deed) -> int:
        """When the platform hears that the cable is out, or what can only be with another car there.

        A car that came while the line was down has its cable in once the line is back.
        """
        heard_ns = self._after_line(deed.unplugged_ns)
        at_gun = (other for other in self._deeds if other.gun == deed.gun and not other.given_up)
        after = (other for other in at_gun if deed.unplugged_ns < other.plugged_ns < heard_ns)
        following = min(after, key=lambda other: other.plugged_ns, default=None)
        if following is None:
            return heard_ns
        return following.began_ns if following.charged else self._heard_out_ns(following)

    def _after_line(self, t_ns: int) -> int:
        """`t_ns`, or when the line is back."""
        return next((down.until_ns for down in self._downs if down.since_ns <= t_ns < down.until_ns), t_ns)

    def _down_within(self, since_ns: int, until_ns: int) -> bool:
        return any(down.since_ns <= until_ns and since_ns < down.until_ns for down in self._downs)

    def _fee_mfen(self, deed: Deed, arrivals: Sequence[Arrival]) -> int | None:
        """The occupancy fee; None where the bill's times are not this charge's, or none came."""
        if any(arrival.charge not in ("", deed.order) for arrival in arrivals):
            return None
        if not deed.charged:
            return 0
        struck = (FAULTS_TOLD[mishap.fault] for mishap in self._mishaps.get(deed.order, ()))
        return self._occupancy_fee_mfen(deed) if arrivals and all(tells in _LEAVE_THE_FEE for tells in struck) else None

    def _occupancy_fee_mfen(self, deed: Deed) -> int:
        """By the stopwatch: whole minutes from the charge's end to the unplug, to the millisecond that frames carry."""
        end_ms, leave_ms = ((self._world_start_ns + ns) // MS for ns in (deed.ended_ns, deed.unplugged_ns))
        tariff = self._settings.tariff
        minutes = max(0, (leave_ms - end_ms) * MS // MINUTE - tariff.free_minutes)
        fee_mfen = minutes * tariff.occupancy_rate_mfen(minute_of_day(end_ms * MS))
        return round_half_up(fee_mfen, FEN_MFEN) * FEN_MFEN
