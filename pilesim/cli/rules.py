"""`pilesim rules`: the expectations, listed and explained."""

from __future__ import annotations

import click

from pilesim.cli.options import console
from pilesim.cli.scenarios import all_scenarios
from pilesim.conformance.matrix import FAULTS
from pilesim.errors import UsageError
from pilesim.report.tables import print_rule, print_rule_list
from pilesim.rules.table import RULES


@click.command()
@click.argument("rule", required=False, metavar="[ID|PREFIX]")
def command(rule: str | None) -> None:
    """List the rules; with an ID explain one: what it expects, its limit, its case, what catches and what proves it."""
    out = console()
    rows = [row for row in RULES if rule is None or row.id.startswith(rule)]
    if not rows:
        raise UsageError(f"expected a rule's id or the beginning of one, found {rule!r}; `pilesim rules` lists them")
    if rule is None or len(rows) > 1:
        print_rule_list(out, rows)
        return
    (row,) = rows
    faults = [kind for table in FAULTS.values() for kind in table.values() if row.id in kind.catches]
    print_rule(out, row, faults, [s.id for s in all_scenarios().values() if row.id in s.proves])
