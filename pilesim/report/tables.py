"""Rules, faults and the matrix of both, as tables for a terminal. Owns their layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilesim.conformance.matrix import Cell
from pilesim.contract.contract import Contract, Limit
from pilesim.faulty import FaultKind
from pilesim.quantities import Duration
from pilesim.rules.rule import RuleRow
from pilesim.rules.table import RULES
from pilesim.units import format_duration, format_kwh, format_yuan
from pilesim.wire.frame import End

_NAMES = frozenset({"of the", "fault", "rule", "level", "in"})
"""Columns of one name each, which is typed elsewhere."""
_OF_RULES = frozenset({"must be caught by", "caught by", "also failed there"})
"""Columns of several names of rules."""
_LONGEST_RULE = max(len(row.id) for row in RULES)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        # A name that is broken in two can be neither copied nor found.
        width = _LONGEST_RULE + len(",") if heading in _OF_RULES else None
        table.add_column(heading, overflow="fold", no_wrap=heading in _NAMES, min_width=width)
    return table


def print_rule_list(console: Console, rows: Iterable[RuleRow], contract: Contract) -> None:
    """One line a rule: id, level, whom it judges, its limit in this protocol, field case, what it expects."""
    table = _table("rule", "level", "judges", "limit", "case", "expects")
    for row in rows:
        limit = "n/a" if row.id in contract.not_applicable else limit_text(contract.limits.get(row.id))
        table.add_row(row.id, row.level, row.judges, limit, escape(row.case), escape(row.text))
    console.print(table)


def print_rule(
    console: Console, row: RuleRow, contract: Contract, faults: Sequence[FaultKind], scenarios: Sequence[str]
) -> None:
    """One rule in full, as this protocol has it."""
    console.print(f"[bold]{row.id}[/] {row.level}, judges the {row.judges}")
    console.print(escape(row.text))
    table = _table("", "")
    table.show_header = False
    table.add_row("trigger", escape(row.trigger))
    if row.id in contract.not_applicable:
        table.add_row("not applicable", escape(contract.not_applicable[row.id]))
    elif (limit := contract.limits.get(row.id)) is not None:
        table.add_row("limit", f"{limit_text(limit)} [dim]({escape(limit.source)})[/]")
    table.add_row("field case", escape(row.case) or "none")
    table.add_row("caught faults", ", ".join(kind.name for kind in faults) or "none names it")
    table.add_row("proved by", ", ".join(scenarios) or "no scenario names it")
    console.print(table)


def print_faults(
    console: Console, faults: Mapping[End, Mapping[str, FaultKind]], not_applicable: Mapping[str, str]
) -> None:
    """Every fault by its end: name, parameters with their defaults, what it does, which rules must catch it.

    `not_applicable` says of a fault, by its name in the matrix, why the protocol leaves no room for it; else "".
    """
    table = _table("of the", "fault", "parameters", "what it does", "must be caught by", "case")
    for end, kinds in faults.items():
        for kind in kinds.values():
            parameters = " ".join(
                f"{field.encode_name}={_default(field.default)}" for field in msgspec.structs.fields(kind.parameters)
            )
            why_not = not_applicable.get(kind.name if end is End.PILE else f"{end} {kind.name}", "")
            caught_by = f"n/a: {why_not}" if why_not else ", ".join(kind.catches)
            table.add_row(end, kind.name, escape(parameters), escape(kind.title), escape(caught_by), kind.case)
    console.print(table)


def limit_text(limit: Limit | None) -> str:
    """`5s`, `0.05 kWh`, `1 beat`, `3 losses`; "" where a rule has no limit."""
    if limit is None:
        return ""
    shown = {"s": format_duration, "kWh": format_kwh, "yuan": format_yuan}.get(limit.unit)
    if shown:
        return shown(limit.value)
    return f"{limit.value} {limit.unit.removesuffix('s') if limit.value == 1 else limit.unit}"


def _default(value: object) -> str:
    return format_duration(value) if isinstance(value, Duration) else str(value)


def print_matrix(console: Console, cells: Sequence[Cell], wrong: Sequence[str]) -> None:
    """Each fault, the rules that it names and that caught it, and where; then what is not proven."""
    table = _table("fault", "caught by", "in", "took effect", "also failed there")
    faulty = [cell for cell in cells if cell.fault and not cell.not_applicable]
    for name in dict.fromkeys(cell.name for cell in faulty):
        mine = [cell for cell in faulty if cell.name == name]
        caught = [cell for cell in mine if cell.caught_by]
        named = dict.fromkeys(rule for cell in caught for rule in cell.caught_by)
        other = dict.fromkeys(rule for cell in caught for rule in cell.failed if rule not in cell.names)
        table.add_row(
            name,
            ", ".join(named) or "[bold red]nothing[/]",
            ", ".join(dict.fromkeys(cell.scenario for cell in caught)),
            f"{sum(cell.took_effect for cell in mine)} of {len(mine)}",
            ", ".join(other),
        )
    console.print(table)
    reference = [cell for cell in cells if not cell.fault]
    console.print(
        f"reference: {len(reference)} runs, {sum(bool(cell.failed) for cell in reference)} with a failed rule"
    )
    for sentence in wrong:
        console.print(f"[red]not proven[/] {escape(sentence)}", soft_wrap=True)
    console.print("[bold red]FAIL[/]" if wrong else "[green]PASS[/]")
