"""`pilesim bill`: what each bill of a log should have said, with bounds."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilesim.cli.console import console
from pilesim.cli.files import FILE, writable, write_json
from pilesim.cli.logs import dated, log_options, print_import
from pilesim.reconstruct.bill import Figure, Reckoning, Standing, Unit, reckonings
from pilesim.reconstruct.case import Choice, chosen_orders
from pilesim.reconstruct.story import story_of
from pilesim.reconstruct.tariffs import tariff_in
from pilesim.scenario.scenario import NothingSelectedError
from pilesim.trace.importers.imported import Wishes
from pilesim.trace.importers.load import load_log
from pilesim.units import agreeing, local_datetime

BILLS_SCHEMA = 1
_IN_ORDER = (Standing.RIGHT, Standing.NONE_DUE)


class Bills(msgspec.Struct, frozen=True, kw_only=True):
    """The result as JSON. Times are epoch ns, energies 0.1 Wh, money 1e-5 yuan."""

    schema: int = BILLS_SCHEMA
    log: str
    pile: str
    bills: tuple[Reckoning, ...]


@click.command()
@click.argument("log", type=FILE)
@click.option("--order", "orders", multiple=True, metavar="NUMBER", help="Only this order; its last digits do.")
@click.option("--gun", type=click.IntRange(min=1), metavar="N", help="Only the orders of this gun.")
@click.option("--all", "everything", is_flag=True, help="The orders with nothing wrong about their bills too.")
@click.option(
    "--tariff",
    "tariff_file",
    type=FILE,
    help="Prices, as a scenario's `platform: tariff:` has them; else those that the platform told the pile.",
)
@click.option("--json", "json_file", type=FILE, help="Write the figures here.")
@log_options
def command(
    log: Path,
    orders: tuple[str, ...],
    gun: int | None,
    everything: bool,
    tariff_file: Path | None,
    json_file: Path | None,
    wishes: Wishes,
) -> None:
    """Say what bills should have been: of each order whose bill is lost or wrong, or that is asked for.

    Times lie between the reports in which the state changed, energy goes by meter and reports, fees by the tariff;
    each with the least and the most that the log supports, beside what the bill says.

    \b
    pilesim bill field.log --order 436010
    """
    tariff = tariff_in(tariff_file) if tariff_file is not None else None
    imported = load_log(log, dated(log, wishes))
    writable(json_file, read=(log, wishes.other, tariff_file))
    out = console(lasting=json_file is not None)
    print_import(out, imported)
    story = story_of(imported.trace)
    meant = {order.number for order in chosen_orders(story, Choice(orders=orders, gun=gun))}
    known = [one for one in reckonings(story, tariff) if one.order in meant]
    if not known:
        raise NothingSelectedError(f"{log}: expected an order, found none")
    shown = [one for one in known if everything or orders or one.standing not in _IN_ORDER]
    for one in shown:
        _print(out, one, "line" if imported.trace.header.source else "frame")
    rest = len(known) - len(shown)
    if rest:
        right = f"{rest} of {len(known)} orders [has|have] nothing wrong about [its bill|their bills]: --all shows that"
        out.print(agreeing(rest, right))
    if json_file is not None:
        result = Bills(log=imported.called, pile=imported.trace.header.pile, bills=tuple(shown))
        write_json(json_file, result)


def _print(out: Console, one: Reckoning, place: str) -> None:
    bill = f", {place} {one.bill_frame}" if one.bill_frame else ""
    out.print(f"[bold]{escape(one.order.lstrip('0'))}[/] gun {one.gun}: bill {one.standing}{bill}")
    if one.figures:
        table = Table(box=None, pad_edge=False)
        for heading in ("", "should be", "at least", "at most", "bill", "off by", "platform's own", f"{place}s"):
            table.add_column(heading, justify="left" if heading in ("", f"{place}s") else "right")
        for figure in one.figures:
            table.add_row(*_row(figure, one))
        out.print(table)
    for remark in one.remarks:
        out.print(f"  {escape(remark)}", soft_wrap=True)


def _row(figure: Figure, one: Reckoning) -> tuple[str, ...]:
    off = figure.off
    said = "" if off is None else "-" if off == 0 else figure.unit.show_difference(off)
    values = (figure.likely, figure.least, figure.most, figure.billed)
    shown = [_shown(figure.unit, value) for value in values]
    name = f"[bold red]{figure.name}[/]" if figure.wrong else figure.name
    return (name, *shown, said, _shown(figure.unit, figure.own), " ".join(map(str, figure.frames)))


def _shown(unit: Unit, value: int | None) -> str:
    if value is None:
        return ""
    # The day stands in the order's number; a figure of another day would be seen to be off.
    return local_datetime(value).strftime("%m-%d %H:%M:%S") if unit is Unit.TIME else unit.show(value)
