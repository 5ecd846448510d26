"""What the commands that take any log share: the options that tell of it what it does not, and what is said of it.

Owns the words of those options, and the form in which an import is told. Light, since `judge` imports it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta, timezone
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pilesim.cli.console import tell
from pilesim.cli.files import FILE
from pilesim.conformance.result import LogWorth
from pilesim.errors import UsageError
from pilesim.report.text import printable
from pilesim.trace.events import Header, Vantage
from pilesim.trace.importers.imported import Imported, LineOrder, Opened, UnreadLine, Wishes, vantage_of
from pilesim.trace.importers.load import IMPORTERS
from pilesim.trace.importers.source import written_on
from pilesim.units import LOCAL, YEARS, agreeing, numbered

UNREAD_SHOWN = 10
UNREAD_IN_RESULT = 100
MASK_KEY_BYTES = 32

_ZONE = re.compile(r"(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?")

_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("form", {"type": click.Choice([i.name for i in IMPORTERS]), "help": "Form of the log; else by its content."}),
    ("protocol", {"metavar": "NAME|FILE", "help": "Protocol of the line; else the one that explains the frames best."}),
    (
        "vantage",
        {
            "type": click.Choice([v.value for v in Vantage if v is not Vantage.BOTH]),
            "help": "Where the log was made, so which side TX is; of two the first. Else by the frames.",
        },
    ),
    ("pile", {"metavar": "NUMBER|IP", "help": "The pile that is meant, where the log has several."}),
    ("stream", {"type": click.IntRange(min=1), "metavar": "N", "help": "The TCP connection that is meant."}),
    (
        "year",
        {
            "type": click.IntRange(YEARS[0], YEARS[-1]),
            "metavar": "YYYY",
            "help": "The year of a log whose lines have none.",
        },
    ),
    ("day", {"metavar": "YYYY-MM-DD", "help": "The day on which a log begins whose lines have none."}),
    ("tz", {"metavar": "+HH:MM", "help": "Zone of the log's times; else +08:00."}),
    (
        # An order is one of charging everywhere else, and chosen by --order.
        "lines",
        {
            "type": click.Choice([o.value for o in LineOrder]),
            "default": LineOrder.TIME.value,
            "show_default": True,
            "help": "Lines that are not in order: by their times, or as they stand in the file.",
        },
    ),
    (
        "mask",
        {
            "is_flag": True,
            "help": "Replace the numbers of orders, accounts, cards, cars and piles by others, in all that is told.",
        },
    ),
    ("mask-key", {"metavar": "TEXT", "help": "With --mask: the same text gives the same masks in another run."}),
)


def log_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a log, and a second log from the other end, which `function` gets as one argument, `wishes`."""

    @functools.wraps(function)
    def with_wishes(**given: Any) -> Any:
        said = {name: given.pop(name.replace("-", "_")) for name, _ in (*_OPTIONS, ("other", {}))}
        return function(wishes=_wishes(said), **given)

    decorated: Callable[..., Any] = with_wishes
    decorated = click.argument("other", metavar="[OTHER]", required=False, type=FILE)(decorated)
    for name, settings in reversed(_OPTIONS):
        decorated = click.option(f"--{name}", **settings)(decorated)
    return decorated


def _wishes(said: dict[str, Any]) -> Wishes:
    return Wishes(
        form=said["form"] or "",
        protocol=said["protocol"] or "",
        vantage=Vantage(said["vantage"]) if said["vantage"] else None,
        pile=said["pile"] or "",
        stream=said["stream"] or 0,
        year=said["year"],
        day=_day(said["day"]) if said["day"] else None,
        zone=_zone(said["tz"]) if said["tz"] else LOCAL,
        zone_told=bool(said["tz"]),
        order=LineOrder(said["lines"]),
        other=said["other"],
        mask=_mask_key(said["mask"], said["mask-key"]),
    )


def _mask_key(mask: bool, key: str | None) -> bytes | None:
    if key is not None and not mask:
        raise UsageError("--mask-key: expected --mask with it")
    if not mask:
        return None
    # Without a key nobody has it, and it is gone with this run.
    return key.encode() if key is not None else os.urandom(MASK_KEY_BYTES)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--day: expected a day such as 2020-03-11, found {text!r}") from None


def _zone(text: str) -> timezone:
    if text.upper() in ("Z", "UTC"):
        return UTC
    match = _ZONE.fullmatch(text)
    minutes = int(match["hours"]) * 60 + int(match["minutes"] or 0) if match is not None else 24 * 60
    if match is None or minutes >= 24 * 60:
        raise UsageError(f"--tz: expected an offset such as +08:00, found {text!r}")
    return timezone(timedelta(minutes=-minutes if match["sign"] == "-" else minutes))


def dated(path: Path, wishes: Wishes) -> Wishes:
    """`wishes` with the day on which the file was written, for a log that tells none."""
    return replace(wishes, written=written_on(path, wishes.zone))


def print_head(console: Console, opened: Opened) -> None:
    """What a log is that is still to be read."""
    header = opened.header
    if opened.own and not header.source:
        return
    came = (
        f"{opened.called}, imported from {header.source}" if opened.own else f"{opened.called}: read as {opened.form}"
    )
    say = functools.partial(tell, console)
    say(f"{printable(came)}, from {header.start}")
    say(f"  recorded at: {vantage_of(header)}; times: {opened.ledger.clock}")
    if header.missing:
        say(f"  does not hold: {', '.join(header.missing)}")


def _is_whole(own: bool, header: Header, remarks: Sequence[str]) -> bool:
    """It is a recording of this program's own as it was made: there is nothing to say of it."""
    return own and not header.source and not remarks


def print_tail(console: Console, opened: Opened) -> None:
    """What was assumed of a log, and what of it was not read, now that it has been."""
    ledger = opened.ledger
    say = functools.partial(tell, console)
    for remark in ledger.sentences():
        say(f"  {printable(remark)}")
    _print_unread(say, ledger.unread_lines(), ledger.all_unread())


def print_import(console: Console, imported: Imported) -> None:
    """What a log is, what it is worth, and what of it was not read."""
    if _is_whole(imported.own, imported.trace.header, imported.remarks):
        return
    source = imported.trace.header.source if imported.own else ""
    came = f"{imported.called}, imported from {source}" if source else f"{imported.called}: read as {imported.form}"
    start, events = imported.trace.header.start, imported.count
    say = functools.partial(tell, console)
    say(f"{printable(came)}, {numbered(events, 'event[|s]')} from {start}")
    say(f"  recorded at: {imported.vantage}")
    say(f"  times: {imported.clock}")
    if imported.missing:
        say(f"  does not hold: {', '.join(imported.missing)}")
    for remark in imported.remarks:
        say(f"  {printable(remark)}")
    _print_unread(say, imported.unread, imported.unread_count)


def _print_unread(say: Callable[[str], None], unread: Sequence[UnreadLine], count: int) -> None:
    if count:
        say(agreeing(count, f"  {count} line[|s] could not be read:"))
    for line in unread[:UNREAD_SHOWN]:
        say(f"    {_unread(line)}")
    if count > UNREAD_SHOWN:
        say(f"    ... and {count - UNREAD_SHOWN} more")


def log_worth(imported: Imported) -> LogWorth | None:
    """The same for a result; None for a recording of this program's own, which holds all that there was."""
    if _is_whole(imported.own, imported.trace.header, imported.remarks):
        return None
    return LogWorth(
        form=imported.form,
        vantage=imported.vantage,
        clock=imported.clock,
        missing=tuple(imported.missing),
        remarks=imported.remarks,
        unread=tuple(_unread(line) for line in imported.unread[:UNREAD_IN_RESULT]),
        unread_count=imported.unread_count,
    )


def _unread(line: UnreadLine) -> str:
    parts = [part for part in (line.why, line.text.strip()) if part]
    where = f"{line.file}:{line.line}" if line.file else str(line.line)
    return printable(f"{where}: {': '.join(parts)}")
