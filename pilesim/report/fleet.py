"""A folder's result as the field's tables, for a terminal.

Owns the wording and the columns. What a pile or a file's name says is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilesim.fleet.result import ANOMALY_WORDS, NUMBERED, Count, DropCount, FleetResult
from pilesim.report.text import printable
from pilesim.units import S, format_duration, format_local, numbered

DROPS_SHOWN = 10
FILES_SHOWN = 20
DAYS_SHOWN = 6
"""Of one pile: those with most of its drops."""


def print_fleet(console: Console, result: FleetResult) -> None:
    """What was read, the field's table by firmware, by pile and by day, and who drops off the line most."""
    _print_logs(console, result)
    if result.piles:
        _print_counts(console, result)
        _print_drops(console, result)


def _say(console: Console, text: str) -> None:
    console.print(escape(printable(text)), soft_wrap=True)


def _print_logs(console: Console, result: FleetResult) -> None:
    logs = [log for pile in result.piles for log in pile.logs]
    files = len({log.file for log in logs})
    span = ""
    if logs:
        first, last = min(log.start_ns for log in logs), max(log.end_ns for log in logs)
        span = f", {format_local(first)[:-4]} to {format_local(last)[:-4]}"
    _say(console, f"{result.folder}: {numbered(files, 'log[|s]')} of {numbered(len(result.piles), 'pile[|s]')}{span}")
    if result.unreadable:
        console.print(f"[yellow]{numbered(len(result.unreadable), 'file[|s]')} could not be read[/]")
        for unreadable in result.unreadable[:FILES_SHOWN]:
            _say(console, f"  {unreadable.file}: {unreadable.reason}")
        _more(console, len(result.unreadable) - FILES_SHOWN)
    notes = [
        *(f"{pile.pile}: {remark}" for pile in result.piles for remark in pile.remarks),
        *(f"{log.file}: {log.used}" for log in logs if log.used),
        *(
            f"{log.file}: {numbered(count, 'line[|s]')} could not be read"
            for log in logs
            if (count := log.unread_count)
        ),
    ]
    for note in notes[:FILES_SHOWN]:
        _say(console, f"  {note}")
    _more(console, len(notes) - FILES_SHOWN)


def _more(console: Console, count: int) -> None:
    if count > 0:
        console.print(f"  ... and {count} more")


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i else "left", no_wrap=not i)
    return table


def _print_counts(console: Console, result: FleetResult) -> None:
    """The numbered anomalies are the columns of the field's own table; the others are shown where there were any."""
    shown = [anomaly for anomaly in ANOMALY_WORDS if anomaly in NUMBERED or result.total.anomalies[anomaly]]
    for title, what, counts, none in (
        ("By firmware", "firmware", result.by_firmware, "(not told)"),
        ("By pile", "pile", result.by_pile, ""),
        ("By day", "day", result.by_day, "(no time known)"),
    ):
        console.print()
        table = _table(title, what, "successful charges", *(ANOMALY_WORDS[anomaly] for anomaly in shown), "undecided")
        for row in counts:
            _add(table, escape(printable(row.key)) or none, row, shown)
        if len(counts) > 1:
            _add(table, "all", result.total, shown)
        console.print(table)
    if result.total.undecided:
        why: dict[str, int] = {}
        for order in (order for pile in result.piles for order in pile.orders if order.undecided):
            why[order.undecided] = why.get(order.undecided, 0) + 1
        _say(console, f"Undecided: {', '.join(f'{count} {reason}' for reason, count in sorted(why.items()))}.")


def _add(table: Table, key: str, row: Count, shown: Sequence[str]) -> None:
    table.add_row(key, str(row.charges), *(str(row.anomalies[anomaly]) for anomaly in shown), str(row.undecided))


def _print_drops(console: Console, result: FleetResult) -> None:
    console.print()
    if not result.drops:
        console.print("No pile was off the line.")
        return
    table = _table("Off the line, the most frequent first", "pile", "gun", "times", "longest", "in all", "as told by")
    table.add_column("days")
    for drop in result.drops[:DROPS_SHOWN]:
        table.add_row(
            escape(printable(drop.pile)),
            "all" if drop.gun is None else str(drop.gun),
            str(drop.count),
            _lasted(drop.longest_ns),
            _lasted(drop.total_ns),
            _told(drop),
            _days(drop),
        )
    console.print(table)
    _more(console, len(result.drops) - DROPS_SHOWN)


def _lasted(ns: int) -> str:
    return format_duration(ns // S * S)


def _told(drop: DropCount) -> str:
    if not drop.told:
        return "silence"
    return "the connection" if drop.told == drop.count else "both"


def _days(drop: DropCount) -> str:
    most = sorted(drop.days.items(), key=lambda day: (-day[1], day[0]))
    said = ", ".join(f"{day} {count}" for day, count in sorted(most[:DAYS_SHOWN]))
    return said + (f", {len(most) - DAYS_SHOWN} days more" if len(most) > DAYS_SHOWN else "")
