"""What a season comes to: the field's tables out of the ledger, and the ledger held against the truth.

Owns the counting. Must not know how a result is printed. Energy is 0.1 Wh, money 1e-5 yuan, times ns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pilesim import __version__
from pilesim.platform.ledger import Anomaly, BillSource, Row, tabulate
from pilesim.season.expected import unnumbered
from pilesim.season.fixture import Season
from pilesim.season.play import PROTOCOL, Outcome
from pilesim.units import MINUTE, YUAN_MFEN, S, round_half_up

SHORT_CHARGE_NS = MINUTE
FEE_OF_LONG_MFEN = 5 * YUAN_MFEN
FEE_OF_SHORT_MFEN = 10 * YUAN_MFEN
_BY_THE_PILE = frozenset({BillSource.PILE, BillSource.LATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareRow:
    """The ledger of one firmware version's orders, counted as the field counted its own."""

    firmware: str
    orders: int
    charges: int
    """Successful ones."""
    anomalies: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupancyTable:
    """Charges with an occupancy fee, as zpd-5 counts them: short ones charged less than a minute."""

    charges: int
    with_fee: int
    short: int
    short_over_10_yuan: int
    long: int
    long_over_5_yuan: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """A site's bills against its meters, as zpd-2 holds them."""

    site: str
    charges: int
    unbilled: int
    """Charges whose bill never came."""
    billed_dwh: int
    billed_mfen: int
    """Charge and service fee."""
    metered_dwh: int
    billed_permille: int | None
    """Of the metered energy; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """How often a fault struck. A mishap here is an order on whose bill the fault took effect."""

    fault: str
    mishaps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRow:
    """One code in the ledger and in the truth."""

    anomaly: str
    code: int | None
    expected: int
    found: int
    left_out: int
    """Orders for which frames alone cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An order of which the ledger does not say what was done to it."""

    pile: str
    order: str
    what: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonResult:
    """A season played and counted. It is `equal` when the ledger says of every order just what the truth says."""

    pilesim: str
    season: str
    title: str
    case: str
    seed: int
    protocol: str
    piles: int
    longest_world_ns: int
    orders: int
    charges: int
    firmware: tuple[FirmwareRow, ...]
    occupancy: OccupancyTable
    sites: tuple[SiteRow, ...]
    faults: tuple[FaultRow, ...]
    codes: tuple[CodeRow, ...]
    fees_compared: int
    """Orders whose occupancy fee was held against the stopwatch's."""
    equal: bool
    differences: tuple[Difference, ...]


def result_of(season: Season, seed: int, outcomes: Sequence[Outcome]) -> SeasonResult:
    """The tables of `outcomes`, and where ledger and truth differ."""
    rows = [row for outcome in outcomes for row in outcome.rows]
    wants = [want for outcome in outcomes for want in outcome.expected]
    differences = tuple(d for outcome in outcomes for d in differences_of(outcome))
    return SeasonResult(
        pilesim=__version__,
        season=season.name,
        title=season.title,
        case=season.case,
        seed=seed,
        protocol=PROTOCOL,
        piles=len(outcomes),
        longest_world_ns=max((outcome.world_ns for outcome in outcomes), default=0),
        orders=len(rows),
        charges=sum(row.charged for row in rows),
        firmware=tuple(_firmware_row(version, rows) for version in dict.fromkeys(row.firmware for row in rows)),
        occupancy=occupancy_of(rows),
        sites=tuple(
            _site_row(site.name, [outcome for outcome in outcomes if outcome.site == site.name])
            for site in season.sites
        ),
        faults=_fault_rows(outcomes),
        codes=tuple(_code_row(anomaly, outcomes) for anomaly in Anomaly),
        fees_compared=sum(want.occupancy_fee_mfen is not None for want in wants),
        equal=not differences,
        differences=differences,
    )


def differences_of(outcome: Outcome) -> tuple[Difference, ...]:
    """Order by order, where the ledger of one pile does not say what the truth says."""
    rows = {_name(outcome, row): row for row in outcome.rows}
    wants = {want.order: want for want in outcome.expected}
    found: list[Difference] = []
    for order in dict.fromkeys((*wants, *rows)):
        row, want = rows.get(order), wants.get(order)
        if row is None or want is None:
            found.append(_difference(outcome, order, "order", want is not None, row is not None))
            continue
        codes = frozenset(row.codes) - want.open
        if codes != want.codes:
            found.append(_difference(outcome, order, "codes", _words(want.codes), _words(codes)))
        fee_mfen = row.occupancy_fee_mfen
        if want.occupancy_fee_mfen is not None and want.occupancy_fee_mfen != fee_mfen:
            found.append(_difference(outcome, order, "occupancy fee", want.occupancy_fee_mfen, fee_mfen))
    if len(rows) != len(outcome.rows):
        found.append(_difference(outcome, "", "orders", len(rows), len(outcome.rows)))
    return tuple(found)


def _name(outcome: Outcome, row: Row) -> str:
    """The row's order; of a bill without one, what it is called by the order whose time at the gun it tells of."""
    if row.order:
        return row.order
    start_ns = 0 if row.start_ns is None else row.start_ns - outcome.start_ns
    at_gun = (deed for deed in outcome.deeds if deed.gun == row.gun and not deed.given_up)
    orders = (deed.order for deed in at_gun if deed.began_ns - S <= start_ns <= deed.ended_ns + S)
    return unnumbered(next(orders, ""))


def _difference(outcome: Outcome, order: str, what: str, expected: object, found: object) -> Difference:
    return Difference(pile=outcome.pile, order=order, what=what, expected=str(expected), found=str(found))


def _words(codes: frozenset[Anomaly]) -> str:
    return ", ".join(anomaly for anomaly in Anomaly if anomaly in codes) or "none"


def _firmware_row(firmware: str, rows: Iterable[Row]) -> FirmwareRow:
    table = tabulate(row for row in rows if row.firmware == firmware)
    return FirmwareRow(
        firmware=firmware,
        orders=table.orders,
        charges=table.charges,
        anomalies={str(anomaly): count for anomaly, count in table.anomalies.items()},
    )


def occupancy_of(rows: Iterable[Row]) -> OccupancyTable:
    """Rows counted as zpd-5 counts them."""
    charged = [row for row in rows if row.charged]
    with_fee = [row for row in charged if row.occupancy_fee_mfen > 0]
    short = [row for row in with_fee if _is_short(row)]
    long = [row for row in with_fee if not _is_short(row)]
    return OccupancyTable(
        charges=len(charged),
        with_fee=len(with_fee),
        short=len(short),
        short_over_10_yuan=sum(row.occupancy_fee_mfen > FEE_OF_SHORT_MFEN for row in short),
        long=len(long),
        long_over_5_yuan=sum(row.occupancy_fee_mfen > FEE_OF_LONG_MFEN for row in long),
    )


def _is_short(row: Row) -> bool:
    return row.start_ns is not None and row.end_ns is not None and row.end_ns - row.start_ns < SHORT_CHARGE_NS


def _site_row(site: str, outcomes: Sequence[Outcome]) -> SiteRow:
    charged = [row for outcome in outcomes for row in outcome.rows if row.charged]
    billed = [row for row in charged if row.bill in _BY_THE_PILE]
    billed_dwh = sum(row.energy_dwh for row in billed)
    metered_dwh = sum(outcome.metered_dwh for outcome in outcomes)
    return SiteRow(
        site=site,
        charges=len(charged),
        unbilled=len(charged) - len(billed),
        billed_dwh=billed_dwh,
        billed_mfen=sum(row.fee_mfen for row in billed),
        metered_dwh=metered_dwh,
        billed_permille=round_half_up(1000 * billed_dwh, metered_dwh) if metered_dwh else None,
    )


def _fault_rows(outcomes: Sequence[Outcome]) -> tuple[FaultRow, ...]:
    counts: dict[str, int] = {}
    for outcome in outcomes:
        for mishap in outcome.mishaps:
            counts[mishap.fault] = counts.get(mishap.fault, 0) + 1
    return tuple(FaultRow(fault=fault, mishaps=count) for fault, count in sorted(counts.items()))


def _code_row(anomaly: Anomaly, outcomes: Sequence[Outcome]) -> CodeRow:
    # Piles number their orders by the time, so that two of them can have the same one.
    wants = {(outcome.pile, want.order): want for outcome in outcomes for want in outcome.expected}
    rows = {(outcome.pile, _name(outcome, row)): row for outcome in outcomes for row in outcome.rows}
    left_out = {key for key, want in wants.items() if anomaly in want.open}
    return CodeRow(
        anomaly=str(anomaly),
        code=anomaly.code,
        expected=sum(anomaly in want.codes for want in wants.values()),
        found=sum(anomaly in row.codes and key not in left_out for key, row in rows.items()),
        left_out=len(left_out),
    )
