"""A season's result as the field's tables, for a terminal.

Owns the wording and the columns. What a pile sent (its version) is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilesim.report.text import printable
from pilesim.season.fixture import Season
from pilesim.season.result import CodeRow, SeasonResult
from pilesim.units import format_duration, format_kwh, format_yuan

_DIFFERENCES_SHOWN = 20


def print_season(console: Console, result: SeasonResult) -> None:
    """All tables, then how the ledger stands against the truth."""
    console.print(
        f"{result.charges} charges in {result.orders} orders at {result.piles} piles, "
        f"up to {format_duration(result.longest_world_ns // 10**9 * 10**9)} of the world's time"
    )
    _print_firmware(console, result)
    _print_occupancy(console, result)
    _print_sites(console, result)
    _print_truth(console, result)


def print_seasons(console: Console, seasons: Iterable[Season]) -> None:
    """The seasons there are."""
    table = _table("", "season", "charges")
    table.add_column("case")
    table.add_column("title")
    for season in seasons:
        table.add_row(escape(season.name), str(season.charges), escape(season.case), escape(season.title))
    console.print(table)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i else "left")
    return table


def _words(row: CodeRow) -> str:
    """An anomaly as the field writes it, with its number where it has one."""
    return row.anomaly if row.code is None else f"{row.code} {row.anomaly}"


def _print_firmware(console: Console, result: SeasonResult) -> None:
    """The numbered anomalies are the columns of the field's own table; the others are shown where there were any."""
    shown = [
        row
        for row in result.codes
        if row.code is not None or any(firmware.anomalies[row.anomaly] for firmware in result.firmware)
    ]
    table = _table("The ledger, by firmware", "firmware", "successful charges", *(_words(row) for row in shown))
    for firmware in result.firmware:
        version = escape(printable(firmware.firmware)) or "(of no known order)"
        table.add_row(version, str(firmware.charges), *(str(firmware.anomalies[row.anomaly]) for row in shown))
    console.print(table)


def _print_occupancy(console: Console, result: SeasonResult) -> None:
    counted = result.occupancy
    table = _table("Occupancy fees", f"of {counted.charges} successful charges", "count")
    for words, count in (
        ("with an occupancy fee", counted.with_fee),
        ("with one, and charged under 60 s", counted.short),
        ("the same, fee over 10 yuan", counted.short_over_10_yuan),
        ("with one, and charged over 60 s", counted.long),
        ("the same, fee over 5 yuan", counted.long_over_5_yuan),
    ):
        table.add_row(words, str(count))
    console.print(table)


def _print_sites(console: Console, result: SeasonResult) -> None:
    table = _table("Bills against meters", "site", "charges", "unbilled", "billed", "", "metered", "billed / metered")
    for row in result.sites:
        share = "" if row.billed_permille is None else f"{row.billed_permille / 10:.1f} %"
        table.add_row(
            escape(row.site),
            str(row.charges),
            str(row.unbilled),
            format_kwh(row.billed_dwh),
            format_yuan(row.billed_mfen),
            format_kwh(row.metered_dwh),
            share,
        )
    console.print(table)


def _print_truth(console: Console, result: SeasonResult) -> None:
    table = _table("The ledger against what was done", "", "done", "in the ledger", "left out")
    for row in result.codes:
        if row.expected or row.found or row.left_out:
            table.add_row(_words(row), str(row.expected), str(row.found), str(row.left_out))
    table.add_row("occupancy fees by the stopwatch", str(result.fees_compared), "", "")
    console.print(table)
    if result.faults:
        struck = ", ".join(f"{row.fault} {row.mishaps}" for row in result.faults)
        console.print(f"Faults that struck: {struck}", soft_wrap=True)
    if any(row.left_out for row in result.codes):
        console.print(
            "Left out: mishaps so small that it hangs on where a heartbeat fell whether frames show them, or of a "
            "charge during which the line was down.",
            soft_wrap=True,
        )
    if result.equal:
        console.print(
            "[green]EQUAL[/] order by order: each order has the codes and the fee that it must have, and no other"
        )
        return
    for difference in result.differences[:_DIFFERENCES_SHOWN]:
        console.print(
            f"  [red]{difference.what}[/] pile {difference.pile} order {escape(printable(difference.order))}: "
            f"expected {escape(difference.expected)}; found {escape(difference.found)}",
            soft_wrap=True,
        )
    more = len(result.differences) - _DIFFERENCES_SHOWN
    if more > 0:
        console.print(f"  {more} more")
    console.print(f"[bold magenta]NOT EQUAL[/] {len(result.differences)} differences: a fault of this program")
