"""`pilesim rules`: the expectations, listed and explained."""

from __future__ import annotations

import click

from pilesim.cli.console import console
from pilesim.cli.options import protocol_option
from pilesim.cli.scenarios import all_scenarios
from pilesim.conformance.matrix import FAULTS
from pilesim.contract.contracts import contract_of
from pilesim.errors import UsageError
from pilesim.report.tables import print_rule, print_rule_list
from pilesim.rules.table import RULES
from pilesim.wire.protocol import protocol_named


@click.command()
@click.argument("rule", required=False, metavar="[ID|PREFIX]")
@protocol_option
def command(rule: str | None, protocol: str) -> None:
    """List the rules; with an ID explain one: what it expects, its limit, its case, what catches and what proves it.

    A rule that the protocol cannot carry is listed as n/a; explained, it says why.

    \b
    pilesim rules bill.times --protocol ykc-1.6
    """
    out = console()
    contract = contract_of(protocol_named(protocol).name)
    rows = [row for row in RULES if rule is None or row.id.startswith(rule)]
    if not rows:
        raise UsageError(f"expected a rule's id or the beginning of one, found {rule!r}; `pilesim rules` lists them")
    if rule is None or len(rows) > 1:
        print_rule_list(out, rows, contract)
        return
    (row,) = rows
    faults = [kind for table in FAULTS.values() for kind in table.values() if row.id in kind.catches]
    print_rule(out, row, contract, faults, [s.id for s in all_scenarios().values() if row.id in s.proves])
